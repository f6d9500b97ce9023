"""An Asterisk that speaks FastAGI's wire over a real socket: it dials a server and plays one caller, key by key."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_SET = re.compile(r"\$\{SET\(((?:\w|\(\w+\))+)=([^{}]*?)\)\}")
HANG_UP = "hang up"
DIES = "dies"
"""In place of a key: Asterisk is killed, so the stream ends without a word."""
SILENCE = None


def words_of(line: str) -> list[str]:
    """A command line as Asterisk splits it: quotes, and backslashes before quotes and backslashes."""
    return [
        re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
        for found in _WORD.finditer(line)
    ]


@dataclass
class Call:
    """One caller: what they press, in order, and what the dialplan has set; `given` is what the server then did."""

    keys: Sequence[str | None] = ()
    """Each answers one GET DATA, STREAM FILE with keys, or WAIT FOR DIGIT; None is silence, HANG_UP goes away."""
    script: str = "triage_call"
    variables: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    call_id: str = "n1-1700000000.1"
    set: list[tuple[str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """Sounds in the order they were asked for."""
    commands: list[str] = field(default_factory=list)
    gone: bool = False
    gone_at: str = ""
    """The beginning of the command at which the caller hangs up, as "GET FULL"."""

    def __post_init__(self) -> None:
        self._keys = iter(self.keys)

    def run(self, port: int, within_s: float = 20.0) -> None:
        """Ring the server and speak with it until it closes the connection."""
        with socket.create_connection(("127.0.0.1", port), timeout=within_s) as connection:
            connection.sendall(greeting(self.script, self.call_id, self.environment))
            for line in _lines(connection):
                self.commands.append(line)
                for reply in self.reply(words_of(line)):
                    connection.sendall(reply.encode())
                if self.gone and self.hangs_at_once:
                    return

    hangs_at_once: bool = True
    """As with AGIEXITONHANGUP: two HANGUP lines, then the end of file."""

    def reply(self, words: list[str]) -> Iterator[str]:
        if self.gone_at and " ".join(words).upper().startswith(self.gone_at):
            self.gone = True
            yield "HANGUP\nHANGUP\n"
            return
        match [word.upper() if at < 3 else word for at, word in enumerate(words)]:
            case ["SET", "VARIABLE", *_]:
                self.set.append((words[2], words[3]))
                self.variables[words[2]] = words[3]
                yield "200 result=1\n"
            case ["GET", "FULL", *_]:
                yield f"200 result=1 ({self._expanded(words[3])})\n"
            case ["GET", "DATA", *_]:
                self.heard.append(words[2])
                if int(words[3]) < 1000:  # another sound follows: this caller hears both before they press
                    yield "200 result= (timeout)\n"
                    return
                yield from self._key(lambda key: key.rstrip("#") or "", "", " (timeout)")
            case ["STREAM", "FILE", *_]:
                self.heard.append(words[2])
                if len(words) > 3 and words[3]:
                    yield from self._key(lambda key: f"{ord(key)} endpos=800", "0 endpos=9000", "")
                else:
                    yield "200 result=0 endpos=9000\n"
            case ["WAIT", "FOR", *_]:
                yield from self._key(lambda key: str(ord(key)), "0", "")
            case ["CHANNEL", "STATUS"]:
                yield "200 result=6\n"
            case _:
                yield "510 Invalid or unknown command\n"

    def _key(self, pressed: Callable[[str], str], silent: str, mark: str) -> Iterator[str]:
        key = next(self._keys, HANG_UP)
        if key == DIES:
            self.gone = True
        elif key == HANG_UP:
            self.gone = True
            yield "200 result=-1\n"
            yield "HANGUP\nHANGUP\n"
        elif key is None:
            yield f"200 result={silent}{mark}\n"
        else:
            yield f"200 result={pressed(key)}\n"

    def _expanded(self, text: str) -> str:
        text = _SET.sub(self._assigned, text)
        return re.sub(
            r"\$\{URIENCODE\(\$\{(\w+)\}\)\}",
            lambda found: quote(self.variables.get(found[1], ""), safe=""),
            text,
        )

    def _assigned(self, found: re.Match[str]) -> str:
        self.set.append((found[1], found[2]))
        self.variables[found[1]] = found[2]
        return found[2]


def greeting(
    script: str = "triage_call", call_id: str = "n1-1700000000.1", more: dict[str, str] | None = None
) -> bytes:
    values = {
        "network": "yes",
        "network_script": script,
        "request": f"agi://127.0.0.1/{script}",
        "uniqueid": call_id,
        **(more or {}),
    }
    return (
        "".join(f"agi_{name}: {value}\n" for name, value in values.items()).encode("utf-8", "surrogateescape")
        + b"\n"
    )


class Wire:
    """A TCP connection: the session at one end, an Asterisk that answers a fixed row of lines at the other."""

    def __init__(self, replies: Sequence[bytes], head: bytes = greeting()) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self._theirs = socket.create_connection(listening.getsockname())
            self.ours, _ = listening.accept()
        self.asked: list[str] = []
        self._replies = list(replies)
        self._theirs.sendall(head)
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        lines = _lines(self._theirs)
        for reply in self._replies:
            line = next(lines, None)
            if line is None:
                return
            self.asked.append(line)
            self._theirs.sendall(reply)
        for line in lines:
            self.asked.append(line)

    def hang_up(self) -> None:
        """The end of file, as Asterisk leaves a script."""
        self._theirs.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.ours.close()
        self._thread.join(2)
        self._theirs.close()


def _lines(connection: socket.socket) -> Iterator[str]:
    waiting = b""
    while True:
        try:
            more = connection.recv(65536)
        except OSError:
            return
        if not more:
            return
        waiting += more
        while b"\n" in waiting:
            line, _, waiting = waiting.partition(b"\n")
            yield line.decode("utf-8", "replace")
