"""One call's conversation with Asterisk over FastAGI: pyst2's commands, made safe for a thread, a hostile caller id and a hang-up.

What differs from `asterisk.agi.AGI`: no signal handler; values are quoted, and a line break in one is refused; the `HANGUP` line
that Asterisk sends between replies, a dead channel (511), end of file and a socket silent for too long are the facts below; a
usage text (520) is read to its end; bytes that are no UTF-8 do not stop a call; nothing is printed.
"""

from __future__ import annotations

import io
import re
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

from asterisk.agi import AGI, AGIAppError, AGIError, AGIInvalidCommand, AGIUsageError

from ivr.speech.voice import length_s

MARGIN_S = 5.0
"""The dead-man timer rings this long after the last legal moment of an answer."""
COMMAND_WITHIN_S = 5.0
"""Asterisk answers a command that plays nothing in a millisecond; longer means that it hangs."""
BETWEEN_SOUNDS_S = 0.05
LINE_AT_MOST = 65_536
ENVIRONMENT_AT_MOST = 200

_REPLY = re.compile(r"result=(?P<result>\S*)(?:\s+\((?P<data>.*)\))?(?:\s+endpos=(?P<endpos>\d+))?\s*$")
_UNSENDABLE = re.compile(r"[\r\n\0]")
_PLAIN = re.compile(r"[\w.:/+@ -]*", re.ASCII)
"""A value that SET() takes as it is; others are set one by one, quoted."""


class CallerHungUp(Exception):  # noqa: N818 - an exception is named after the fact
    """The caller is gone: the conversation ends quietly."""


class TakenOver(Exception):  # noqa: N818 - an exception is named after the fact
    """We were too late: the dead-man timer took the caller from this script, and the dialplan looks after them."""


class AsteriskSilent(TimeoutError):  # noqa: N818 - an exception is named after the fact
    """Asterisk did not answer a command in time."""


class NotPlayed(AGIAppError):  # type: ignore[misc]  # noqa: N818 - pyst2 is untyped; named after the fact
    """The sound could not be played although the caller is there."""


class Unsendable(ValueError):  # noqa: N818 - an exception is named after the fact
    """A value with a line break or a zero byte would start a command of its own."""


class _Silence(io.TextIOBase):
    """Where pyst2's account of every line goes."""

    def write(self, text: str) -> int:
        return len(text)


class Session(AGI):  # type: ignore[misc]  # pyst2 is untyped
    """The caller's channel; every method raises CallerHungUp once the caller is gone."""

    def __init__(self, connection: socket.socket, *, command_within_s: float = COMMAND_WITHIN_S) -> None:
        # AGI.__init__ sets a signal handler, which only a main thread may.
        self.began = time.monotonic()
        self._connection, self._within_s = connection, command_within_s
        connection.settimeout(None)  # the kernel keeps the time: Python would ask it twice for each line
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(command_within_s))
        self._patience_s = 0.0
        self._be_patient(command_within_s)
        self._unread = b""
        self.stdin = self.stdout = None
        self.stderr = _Silence()
        self._got_sighup = False
        self.hung_up = False
        self.switch_lost = False
        """Asterisk went away without a word: nobody knows whether the caller wanted to leave."""
        self._dead_man_at = float("inf")
        self._owed: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self._get_agi_env()

    @property
    def heard_s(self) -> float:
        """Since the script began, which is when the call was answered."""
        return time.monotonic() - self.began

    @property
    def script(self) -> str:
        """What the dialplan asked for: "triage" of agi://127.0.0.1:4573/triage."""
        return self.env.get("agi_network_script", "").partition("?")[0].strip("/")

    @property
    def call_id(self) -> str:
        return self.env.get("agi_uniqueid", "")

    def close(self) -> None:
        """What is owed is still set: a script that broke must not take the level reached with it."""
        if self._owed and not self.hung_up:
            with suppress(CallerHungUp, TakenOver, OSError, AGIError):
                self.set_all({})
        self._connection.close()

    # What scripts use

    def ask(
        self,
        sounds: Path | Sequence[Path],
        answer_within_s: float,
        *,
        keys_at_most: int = 1,
        keys_within_s: float = 0.0,
    ) -> str | None:
        """Play the sounds one after another and wait for keys; they are cut by the first one. None is silence.

        A lone "#" is returned as "#". With several keys "#" ends them, and what came until the time-out is returned;
        `answer_within_s` then counts from key to key, and `keys_within_s` is what all of them may take.
        """
        *first, last = [sounds] if isinstance(sounds, Path) else sounds
        for sound in first:
            if keys := self._get_data(sound, BETWEEN_SOUNDS_S, keys_at_most, keys_within_s):
                return keys
        return self._get_data(last, answer_within_s, keys_at_most, keys_within_s)

    def _get_data(
        self, sound: Path, answer_within_s: float, keys_at_most: int, keys_within_s: float
    ) -> str | None:
        limit_s = length_s(sound) + answer_within_s + keys_within_s
        reply = self._two(
            self._line("GET DATA", str(sound), str(int(answer_within_s * 1000)), str(keys_at_most)),
            limit_s + MARGIN_S,
        )
        keys, data = reply["result"]
        if keys == "-1":
            self._why_not(sound)
        if not keys:
            return None if data == "timeout" else "#"
        return str(keys)

    def play(self, sound: Path, keys: str = "", *, within_s: float | None = None) -> str | None:
        """Play `sound` to its end, or until one of `keys`, which is returned; None when it was heard to the end."""
        limit_s = length_s(sound) if within_s is None else within_s
        reply = self._two(self._line("STREAM FILE", str(sound), keys), limit_s + MARGIN_S)
        return self._key(reply["result"][0], sound)

    def listen(self, within_s: float) -> str | None:
        """Wait for one key without a prompt."""
        reply = self._two(self._line("WAIT FOR DIGIT", str(int(within_s * 1000))), within_s + MARGIN_S)
        return self._key(reply["result"][0], None)

    def set(self, name: str, value: str) -> None:
        """Set a channel variable; it also works when the caller is gone already."""
        self._send([self._line("SET VARIABLE", name, value)])
        self.get_result()

    def owe(self, name: str, value: str) -> None:
        """Set a channel variable together with the next command, before it: one answer of Asterisk fewer to wait for."""
        self._owed[name] = value

    def set_all(self, values: Mapping[str, str]) -> None:
        """Set what is owed, then these, in their order; also when the caller is gone already."""
        wanted = {**self._owed, **values}
        self._owed.clear()
        if len(wanted) > 1 and all(map(_PLAIN.fullmatch, wanted.values())):
            # As functions of a text: an application (MSet) would cost Asterisk a snapshot of the channel for all who listen.
            pairs = "".join(f"${{SET({name}={value})}}" for name, value in wanted.items())
            self._send([self._line("GET FULL VARIABLE", pairs)])
            self.get_result()
            return
        for name, value in wanted.items():
            self.set(name, value)

    def given(self, *names: str) -> tuple[str, ...]:
        """What the dialplan handed over with the script's name; it is asked for these variables when it handed over nothing."""
        found = tuple(self.env.get(f"agi_arg_{n}") for n, _ in enumerate(names, start=1))
        return tuple(value or "" for value in found) if any(found) else self.values(*names)

    def values(self, *names: str) -> tuple[str, ...]:
        """Channel variables, "" for one that is not set, whatever bytes they hold."""
        asked = "|".join(f"${{URIENCODE(${{{name}}})}}" for name in names)
        self._send([self._line("GET FULL VARIABLE", asked)])
        _, data = self.get_result()["result"]
        found = str(data).split("|") if data else [""] * len(names)
        return tuple(unquote(value, errors="replace") for value in found)

    # pyst2's inner parts, made safe

    def _get_agi_env(self) -> None:
        while b"\n\n" not in self._unread:
            if self._unread.count(b"\n") > ENVIRONMENT_AT_MOST or len(self._unread) > LINE_AT_MOST:
                raise AGIError("The greeting of this AGI connection does not end.")
            self._unread += self._more()
        greeting, _, self._unread = self._unread.partition(b"\n\n")
        for line in greeting.decode(errors="replace").split("\n"):
            name, _, value = line.partition(":")
            self.env[name.strip()] = value.strip()

    def _quote(self, string: object) -> str:
        """In double quotes, as Asterisk reads it back. Raises Unsendable."""
        text = str(string)
        if _UNSENDABLE.search(text):
            raise Unsendable("A value for Asterisk holds a line break or a zero byte.")
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def send_command(self, command: str, *args: object) -> None:
        line = " ".join([command.strip(), *map(str, args)]).strip()
        if _UNSENDABLE.search(line):
            raise Unsendable("A command for Asterisk holds a line break or a zero byte.")
        self._send([line])

    def execute(self, command: str, *args: object) -> dict[str, tuple[str, str]]:
        self.send_command(command, *args)
        return self.get_result()

    def stream_file(self, filename: str, escape_digits: str = "", sample_offset: int = 0) -> str:
        """pyst2 sends the name unquoted."""
        reply = self.execute("STREAM FILE", self._quote(filename), self._quote(escape_digits), sample_offset)
        return self._key(reply["result"][0], Path(filename)) or ""

    def get_result(self, stdin: object = None) -> dict[str, tuple[str, str]]:
        """One command's reply as {"result": (value, text in brackets), "endpos": (samples, "")}."""
        while True:
            line = self._read()
            if line == "HANGUP":
                self.hung_up = True  # sent between replies: the reply itself comes next
                continue
            code, _, rest = line.partition(" ")
            if code in ("100", ""):
                continue
            break
        if code == "200":
            found = _REPLY.match(rest)
            if found is None:
                raise AGIError(f"Asterisk answered {rest[:80]!r}.")
            return {"result": (found["result"], found["data"] or ""), "endpos": (found["endpos"] or "", "")}
        if code == "511":
            self._gone()
        if code == "510":
            raise AGIInvalidCommand(rest)
        if code.startswith("520"):
            raise AGIUsageError(self._usage(line))
        raise AGIError(f"Asterisk answered {line[:80]!r}.")

    # The small parts

    def _usage(self, first: str) -> str:
        lines = [first]
        while first.startswith("520-") and not lines[-1].startswith("520 "):
            lines.append(self._read())
        return "\n".join(lines)

    def _line(self, command: str, *values: str) -> str:
        return " ".join([command, *map(self._quote, values)])

    def _two(self, command: str, within_s: float) -> dict[str, tuple[str, str]]:
        """Arm the dead-man timer, then give the command at once: a key pressed between them is lost.

        Not in one write: Asterisk takes a second line that came with the first only when more arrives.
        """
        if self.hung_up:
            raise CallerHungUp
        self._dead_man_at = time.monotonic() + within_s
        self.set_all({"TIMEOUT(absolute)": f"{within_s:.1f}"})
        self._send([command])
        self._be_patient(within_s + self._within_s)
        try:
            return self.get_result()
        finally:
            self._be_patient(self._within_s)

    def _be_patient(self, for_s: float) -> None:
        """So long an answer may take."""
        if for_s != self._patience_s:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(for_s))
            self._patience_s = for_s

    def _key(self, result: str, sound: Path | None) -> str | None:
        if result == "-1":
            self._why_not(sound)
        return chr(int(result)) if result.isdecimal() and result != "0" else None

    def _why_not(self, sound: Path | None) -> None:
        """-1 means a missing sound and a hang-up alike. Raises CallerHungUp or NotPlayed."""
        if not self.hung_up:
            self._send(["CHANNEL STATUS"])
            self.get_result()
        if self.hung_up:
            self._gone()
        raise NotPlayed(f"Asterisk could not play {sound}.")

    def _gone(self) -> NoReturn:
        """Raises CallerHungUp, or TakenOver when it was the dead-man timer that ended the script."""
        self.hung_up = True
        if time.monotonic() > self._dead_man_at:
            raise TakenOver from None
        raise CallerHungUp from None

    def _send(self, lines: Sequence[str]) -> None:
        try:
            self._connection.sendall("".join(f"{line}\n" for line in lines).encode())
        except (BlockingIOError, TimeoutError):
            raise AsteriskSilent("Asterisk takes no commands.") from None
        except OSError:
            self._gone()

    def _read(self) -> str:
        while True:
            line, ended, rest = self._unread.partition(b"\n")
            if ended:
                self._unread = rest
                return line.decode(errors="replace").strip()
            if len(line) > LINE_AT_MOST:
                self._gone()
            self._unread += self._more()

    def _more(self) -> bytes:
        """What Asterisk has said since, at least a byte."""
        try:
            more = self._connection.recv(LINE_AT_MOST)
        except (BlockingIOError, TimeoutError):
            raise AsteriskSilent("Asterisk gave no answer in time.") from None
        except OSError:
            more = b""
        if not more:
            # A hang-up is announced by a line of its own before the end.
            self.switch_lost = not self.hung_up
            self._gone()
        return more


@lru_cache(maxsize=512)
def _timeval(seconds: float) -> bytes:
    """As the kernel takes it; never zero, which would mean for ever."""
    whole, part = divmod(max(int(seconds * 1_000_000), 1), 1_000_000)
    return struct.pack("ll", whole, part)
