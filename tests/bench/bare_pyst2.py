"""Bare threaded pyst2: its AGI over FastAGI, hardened only as far as it needs to run in a thread at all.

Run as `python -m tests.bench.bare_pyst2 PORT`.
"""

import os
import socketserver
import sys
from io import BufferedIOBase
from typing import Any

from asterisk.agi import AGI

from tests.bench.dialogue import ANSWER_WITHIN_MS


class ThreadAgi(AGI):  # type: ignore[misc]  # pyst2 has no types
    """pyst2's AGI without its signal handler, which only the main thread may set, and without its chatter."""

    def __init__(self, given: BufferedIOBase, taken: BufferedIOBase) -> None:
        self.stdin, self.stdout, self.stderr = given, _Text(taken), _NOWHERE
        self._got_sighup = False
        self.env: dict[str, str] = {}
        self._get_agi_env()


class _Text:
    def __init__(self, taken: BufferedIOBase) -> None:
        self._taken = taken

    def write(self, text: str) -> None:
        self._taken.write(text.encode())

    def flush(self) -> None:
        self._taken.flush()


_NOWHERE = open(os.devnull, "w")  # noqa: SIM115, PTH123 - kept open while the process runs


def ask(agi: Any) -> None:
    """Three questions, the keys in one variable."""
    prompts = [agi.env[f"agi_arg_{n}"] for n in (1, 2, 3)]
    agi.set_variable("KEYS", "".join(agi.get_data(prompt, ANSWER_WITHIN_MS, 1) for prompt in prompts))


class Call(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        ask(ThreadAgi(self.rfile, self.wfile))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Call).serve_forever()
