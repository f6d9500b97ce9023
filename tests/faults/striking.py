"""The faults themselves: how each part is killed, hung, locked or taken away, and mended where the product cannot."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from tests.faults.table import Fault
from tests.postgres import Server
from tests.product import Product

ON_POSTGRESQL = frozenset({Fault.DATABASE_GONE, Fault.DATABASE_HUNG})


@contextmanager
def _killed(name: str, on: Product, _server: Server | None) -> Iterator[None]:
    on.tell(name, signal.SIGKILL)
    yield


@contextmanager
def _hung(name: str, on: Product, _server: Server | None) -> Iterator[None]:
    pid = on.pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if on.pid(name) == pid:  # nobody ended it: let the next scene have it awake
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _locked(on: Product, _server: Server | None) -> Iterator[None]:
    other = sqlite3.connect(on.given.var / "hotline.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def _gone(_on: Product, server: Server | None) -> Iterator[None]:
    assert server is not None
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextmanager
def _stopped(_on: Product, server: Server | None) -> Iterator[None]:
    assert server is not None
    server.signal_all(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal_all(signal.SIGCONT)


STRIKES: dict[Fault, Callable[[Product, Server | None], AbstractContextManager[None]]] = {
    Fault.AGI_KILLED: partial(_killed, "agi"),
    Fault.AGI_HUNG: partial(_hung, "agi"),
    Fault.CALLS_KILLED: partial(_killed, "calls"),
    Fault.CALLS_HUNG: partial(_hung, "calls"),
    Fault.DATABASE_LOCKED: _locked,
    Fault.DATABASE_GONE: _gone,
    Fault.DATABASE_HUNG: _stopped,
    Fault.REDIS_GONE: partial(_killed, "redis"),
    Fault.ASTERISK_KILLED: partial(_killed, "asterisk"),
}
"""From the beginning of the block to its end; the product mends by itself what was killed or hung of its own."""
