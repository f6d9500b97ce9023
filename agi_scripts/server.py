"""The FastAGI server: kept threads, each with one call at a time, running the script its dialplan asked for.

It fails safe: whatever goes wrong closes the connection without TRIAGE_DONE, and the dialplan takes the caller to a human.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from agi_scripts.leave_message import leave_message
from agi_scripts.session import AsteriskSilent, CallerHungUp, Session, TakenOver
from agi_scripts.triage_call import House, triage_call
from hotline.database import make_engine
from hotline.in_force import InForce
from hotline.journal import Journal
from hotline.record import Record
from hotline.settings import settings

BACKLOG = 1024
BEAT_S = 1.0
APART_S = 0.5
"""Nobody looks at a call in the machine as closely as at one in the line: under load its facts gather for longer."""
REST_S = 0.1
WAITING_AT_LEAST, WAITING_AT_MOST = 4, 64
"""Threads that wait for a call."""
Script = Callable[[Session, House], None]
SCRIPTS: Mapping[str, Script] = {
    "triage": triage_call,
    "triage_call": triage_call,
    "leave_message": leave_message,
}
"""The name in agi://127.0.0.1:4573/NAME."""

_log = structlog.get_logger(__name__)


class Server:
    """Accepts Asterisk's connections; `house` is what every script works with.

    Its threads wait for a connection each and keep to it until its script is through: between a call and its script no
    thread is made and none is woken. When few are left waiting another is started.
    """

    def __init__(
        self, address: tuple[str, int], house: House, scripts: Mapping[str, Script] = SCRIPTS
    ) -> None:
        self.house, self.scripts = house, scripts
        self._listening = socket.create_server(address, backlog=BACKLOG)
        self.server_address: tuple[str, int] = self._listening.getsockname()
        self._waiting = 0
        """Threads that wait for a call."""
        self.calls = 0
        """In progress."""
        self._count = threading.Lock()
        self._ended = threading.Event()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def serve_forever(self) -> None:
        """Serve calls until `shutdown`."""
        for _ in range(WAITING_AT_LEAST):
            self._start_thread()
        self._ended.wait()

    def shutdown(self) -> None:
        """No more calls are accepted; those in progress go on."""
        self._ended.set()
        self._listening.shutdown(socket.SHUT_RDWR)  # wakes who waits

    def _start_thread(self) -> None:
        with self._count:
            self._waiting += 1
        try:
            threading.Thread(target=self._serve, name="call", daemon=True).start()
        except RuntimeError:  # as many as the system allows: the next calls wait for one of them
            _log.exception("no thread can be started for calls")
            with self._count:
                self._waiting -= 1

    def _serve(self) -> None:
        """One thread's life: call after call."""
        while not self._ended.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError as error:
                if not self._ended.is_set():
                    _log.warning("a connection could not be taken", error=type(error).__name__)
                    self._ended.wait(REST_S)  # as when all descriptors are in use
                continue
            with self._count:
                self._waiting -= 1
                self.calls += 1
                few = self._waiting < WAITING_AT_LEAST
            try:
                if few:
                    self._start_thread()
                self._handle(connection)
            except Exception:
                _log.exception("an AGI connection broke")
            finally:
                connection.close()
            with self._count:
                self.calls -= 1
                if self._waiting >= WAITING_AT_MOST:
                    return
                self._waiting += 1

    def _handle(self, connection: socket.socket) -> None:
        try:
            session = Session(connection)
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
                session.close()  # the caller first
                _log.exception("a call's script failed; the dialplan goes on", script=session.script)
            finally:
                session.close()

    def _run(self, session: Session) -> None:
        script = self.scripts.get(session.script)
        if script is None:
            _log.error("there is no such script", script=session.script)
            return
        script(session, self.house)


def main() -> None:
    """Serve calls until the process is told to end; calls in progress then go on in the dialplan."""
    given = settings()
    engine = make_engine(given.database, busy_s=given.book_within_s)
    record = Record(engine, Journal(given.journal, "agi"), "ivr", given.book_within_s, APART_S)
    # An engine of its own: a look at what is published may wait for the database, a call may not.
    in_force = InForce(given, make_engine(given.database, busy_s=2.0))
    house = House.of(given, in_force.installation, engine, record)
    in_force.on_change(house.follow)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Server(("127.0.0.1", given.agi_port), house) as server:
        house.protocols.start()
        in_force.start()
        thread = threading.Thread(target=server.serve_forever, name="agi", daemon=True)
        thread.start()
        gc.collect()
        gc.freeze()  # what a server is made of stays: looking through it again and again costs calls time
        gc.set_threshold(20_000, 20, 20)
        _log.info("callers are served", port=given.agi_port)
        _beat_until(ended, given.var / "run" / "agi.beat", thread)
        server.shutdown()
    house.protocols.stop()
    in_force.stop()
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
