"""What the live tests of the dialplan share: the outside world round one Switch, and a FastAGI server that misbehaves."""

from __future__ import annotations

import asyncio
import csv
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from asterisk_conf import CDR_COLUMNS
from tests import ports
from tests.asterisk_conf.switch import Switch
from tests.world import Answering, Carrier, Phone, Ports

PORTS = Ports(*ports.RTP_WORLD)
T = TypeVar("T")


def run(work: Coroutine[object, object, T], within_s: float = 150.0) -> T:
    return asyncio.run(asyncio.wait_for(work, within_s))


def carrier(switch: Switch, key: str = "vnpt") -> Carrier:
    trunk = next(t for t in switch.installation.trunks if t.key == key)
    accounts = {trunk.username: trunk.password} if trunk.register else {}
    return Carrier(switch.address, trunk.host, trunk.port, ports=PORTS, accounts=accounts)


@asynccontextmanager
async def desk(
    switch: Switch, name: str, tone_hz: int, answering: Answering | None = None
) -> AsyncIterator[Phone]:
    """A desk phone whose operator is signed in for both hotlines; it answers after half a second."""
    plan = answering or Answering.answers(0.5)
    phone = Phone(name, switch.password(name), switch.address, tone_hz=tone_hz, answering=plan, ports=PORTS)
    async with phone:
        await asyncio.to_thread(switch.sign_in, name)
        try:
            yield phone
        finally:
            await asyncio.to_thread(switch.sign_out, name)


def cdrs_of(switch: Switch, caller: str) -> list[dict[str, str]]:
    """A caller's lines, waited for: Asterisk writes them at the hang-up."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        rows = [dict(zip(CDR_COLUMNS, row, strict=True)) for row in csv.reader(switch.cdr_lines())]
        found = [row for row in rows if row["caller"] == caller and row["hotline"]]
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no CDR of {caller!r}: {switch.cdr_lines()}")


@contextmanager
def agi(switch: Switch, answer: Callable[[socket.socket], None]) -> Iterator[list[str]]:
    """A FastAGI server that does `answer` with each connection; what that leaves open stays open to the end."""
    kept: list[socket.socket] = []
    met: list[str] = []
    server = socket.create_server(("127.0.0.1", switch.settings.agi_port))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                kept.append(connection)
                answer(connection)
                met.append("called")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield met
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(2)
        for connection in kept:
            connection.close()


def says(variables: dict[str, str]) -> Callable[[socket.socket], None]:
    """A script that sets these variables and is gone."""

    def answer(connection: socket.socket) -> None:
        with connection, connection.makefile("rw", encoding="utf-8", newline="\n") as lines:
            while lines.readline().strip():
                pass
            for name, value in variables.items():
                lines.write(f'SET VARIABLE {name} "{value}"\n')
                lines.flush()
                lines.readline()

    return answer


def hangs(_: socket.socket) -> None:
    """A server that accepts and never says anything."""
