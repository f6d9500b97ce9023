"""A running AGI server with its own database, short silent prompts and an approved protocol."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from agi_scripts.server import Server
from agi_scripts.triage_call import House
from hotline import installation
from hotline.approvals import Approval
from hotline.calls import Call as CallRow
from hotline.database import make_engine, reading, transaction
from hotline.events import Event, now
from hotline.journal import Journal
from hotline.operators import Operator
from hotline.recalls import Recall
from hotline.record import Record
from hotline.settings import PROJECT, Settings
from hotline.tickets import Ticket, TicketEntry
from ivr.protocol import read
from ivr.speech import prompt_set
from tests import migrated
from tests.agi_scripts.fake_asterisk import Call

CALLER = "0912345678"
E164 = "+84912345678"


def own_settings(folder: Path, **more: Any) -> Settings:
    return Settings(
        var=folder / "var",
        recordings=folder / "recordings",
        installation=PROJECT / "installation" / "demo.toml",
        gtts=False,
        **more,
    )


def silent_prompts(given: Settings) -> None:
    """Every prompt of the installation as a tenth of a second of silence."""
    for prompt in prompt_set.wanted(given):
        path = given.prompts / f"{prompt.key}.alaw"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xd5" * 800)
    for language in ("vi", "en"):
        (given.prompts / language / "all" / "beep.alaw").write_bytes(b"\xd5" * 800)


def approve(engine: Engine, name: str = "covid-2021", text: str | None = None) -> None:
    """The shipped file, or `text`, as an officer's approval."""
    text = text or (PROJECT / "ivr" / "protocols" / f"{name}.toml").read_text(encoding="utf-8")
    protocol = read(text, name)
    with transaction(engine) as session:
        officer = session.scalar(select(Operator).where(Operator.username == "officer"))
        if officer is None:
            officer = Operator(username="officer", full_name="O", role="supervisor", password_hash="-")
            session.add(officer)
            session.flush()
        session.add(
            Approval(
                name=name, version=protocol.version, digest=protocol.digest, text=text, edited_by="editor",
                approved_by=officer.id, approved_at=now(),
            )
        )  # fmt: skip


class Remembered(Record):
    """A record that knows what it was told."""

    futures: tuple[Future[bool], ...] = ()

    def tell(self, event: Event, at_once: bool = False) -> Future[bool]:
        future = super().tell(event, at_once)
        self.futures = (*self.futures, future)
        return future


@dataclass
class Running:
    """The server, and what its database says afterwards."""

    given: Settings
    engine: Engine
    house: House
    server: Server
    told: Remembered

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def meet(
        self, *keys: str | None, caller: str = CALLER, call_id: str = "n1-1700000000.1", **more: Any
    ) -> Call:
        """One caller's visit, until the server lets go."""
        variables = {
            "HOTLINE": "binhphuoc",
            "TRUNK": "vnpt",
            "CALLED": "02711022",
            "CALLER": caller,
            "ACUITY": "ORANGE",
        }
        call = Call(keys=keys, call_id=call_id, variables=variables | more.pop("variables", {}), **more)
        call.run(self.port)
        until_idle(self.server)
        self.settle()
        return call

    def settle(self) -> None:
        """Every fact told so far is in the database or the journal."""
        for future in self.told.futures:
            future.result(10)

    def one(self, kind: type[Any], key: str) -> Any:
        with reading(self.engine) as session:
            return session.get(kind, key)

    def call(self, call_id: str = "n1-1700000000.1") -> CallRow:
        return self.one(CallRow, call_id)  # type: ignore[no-any-return]  # by its kind

    def ticket(self, call_id: str = "n1-1700000000.1") -> Ticket:
        return self.one(Ticket, f"t-{call_id}")  # type: ignore[no-any-return]

    def recall(self, call_id: str = "n1-1700000000.1") -> Recall | None:
        return self.one(Recall, f"r-{call_id}")  # type: ignore[no-any-return]

    def kinds(self, call_id: str = "n1-1700000000.1") -> list[str]:
        with reading(self.engine) as session:
            query = (
                select(TicketEntry.kind)
                .where(TicketEntry.ticket_id == f"t-{call_id}")
                .order_by(TicketEntry.id)
            )
            return list(session.scalars(query))


def until_idle(server: Server) -> None:
    """Waits until the scripts of all calls have ended."""
    deadline = time.monotonic() + 10
    while server.calls and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with the approval, and the prompts: copied by each test."""
    folder = tmp_path_factory.mktemp("laid")
    given = own_settings(folder)
    migrated.at(given.var / "hotline.db")
    engine = make_engine(given.database, busy_s=2.0)
    approve(engine)
    engine.dispose()
    silent_prompts(given)
    return given.var


@pytest.fixture
def house(tmp_path: Path, laid: Path) -> Iterator[House]:
    given = own_settings(tmp_path, book_within_s=2.0)  # the machine is shared: slowness has its own tests
    given.var.mkdir()
    given.prompts.symlink_to(laid / "prompts")
    shutil.copy(laid / "hotline.db", given.var)
    engine = make_engine(given.database, busy_s=2.0)
    record = Remembered(engine, Journal(given.journal, "agi"), "ivr", given.book_within_s)
    made = House.of(given, installation.read(given.installation), engine, record)
    made.protocols.reread()
    yield made
    record.close()
    made.readers.shutdown()
    engine.dispose()


@pytest.fixture
def running(house: House) -> Iterator[Running]:
    with Server(("127.0.0.1", 0), house) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert isinstance(house.record, Remembered)
        yield Running(house.given, house.engine, house, server, house.record)
        server.shutdown()
        thread.join(5)
