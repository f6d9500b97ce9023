"""The FastAGI server: one thread a call, each running the script its dialplan asked for.

It fails safe: whatever goes wrong closes the connection without TRIAGE_DONE, and the dialplan takes the caller to a human.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from agi_scripts.leave_message import leave_message
from agi_scripts.session import AsteriskSilent, CallerHungUp, Session, TakenOver
from agi_scripts.triage_call import House, triage_call
from hotline import installation
from hotline.database import make_engine
from hotline.journal import Journal
from hotline.record import Record
from hotline.settings import settings

BACKLOG = 1024
BEAT_S = 1.0
COMPANY_S = 0.2
"""Nobody looks at a call in the machine as closely as at one in the line: its facts gather for longer."""
Script = Callable[[Session, House], None]
SCRIPTS: Mapping[str, Script] = {
    "triage": triage_call,
    "triage_call": triage_call,
    "leave_message": leave_message,
}
"""The name in agi://127.0.0.1:4573/NAME."""

_log = structlog.get_logger(__name__)


class Server(socketserver.ThreadingTCPServer):
    """Accepts Asterisk's connections; `house` is what every script works with."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(
        self, address: tuple[str, int], house: House, scripts: Mapping[str, Script] = SCRIPTS
    ) -> None:
        super().__init__(address, _Call)
        self.house, self.scripts = house, scripts

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Only what `_Call` itself did not expect."""
        _log.exception("an AGI connection broke")


class _Call(socketserver.BaseRequestHandler):
    server: Server
    request: socket.socket

    def handle(self) -> None:
        try:
            session = Session(self.request)
        except CallerHungUp:
            return  # a port that was only looked at, or a caller gone before the first word
        except AsteriskSilent:
            _log.warning("an AGI connection said nothing")
            return
        with structlog.contextvars.bound_contextvars(call_id=session.call_id):
            try:
                self._run(session)
            except CallerHungUp:
                return
            except TakenOver:
                _log.warning("this process was too slow; the dialplan took the call", script=session.script)
            except Exception:
                _log.exception("a call's script failed; the dialplan goes on", script=session.script)
            finally:
                session.close()

    def _run(self, session: Session) -> None:
        script = self.server.scripts.get(session.script)
        if script is None:
            _log.error("there is no such script", script=session.script)
            return
        script(session, self.server.house)


def main() -> None:
    """Serve calls until the process is told to end; calls in progress then go on in the dialplan."""
    given = settings()
    level = logging.getLevelNamesMapping().get(given.log_level.upper(), logging.INFO)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    province = installation.read(given.installation)
    engine = make_engine(given.database, busy_s=given.book_within_s)
    record = Record(engine, Journal(given.journal, "agi"), "ivr", given.book_within_s, COMPANY_S)
    house = House.of(given, province, engine, record)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Server(("127.0.0.1", given.agi_port), house) as server:
        house.protocols.start()
        thread = threading.Thread(target=server.serve_forever, name="agi", daemon=True)
        thread.start()
        _log.info("callers are served", port=given.agi_port)
        _beat_until(ended, given.var / "run" / "agi.beat", thread)
        server.shutdown()
    house.protocols.stop()
    record.close(2.0)
    _log.info("no more callers are served")


def _beat_until(ended: threading.Event, file: Path, accepting: threading.Thread) -> None:
    """A sign of life every second, which `ivr.rescue` watches: when it stops, this process is killed and restarted."""
    with suppress(OSError):  # without it nobody watches, and calls are served all the same
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(os.getpid()))
    while accepting.is_alive():
        with suppress(OSError):
            os.utime(file)  # also works on a full disk
        if ended.wait(BEAT_S):
            return
    _log.error("no more calls are accepted; the process ends to be started again")
