"""How long search, list, board and reports take with a million tickets, 15,000 a day, on SQLite and on PostgreSQL."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hotline import open_work, ticket_figures, unit_files
from hotline.database import make_engine, migrate, reading
from hotline.events import now
from hotline.installation import Installation, read
from hotline.settings import PROJECT
from hotline.ticket_day_keeper import TicketDayKeeper
from hotline.ticket_figures import Of
from hotline.tickets import Ticket
from hotline.units import VIETNAM
from softphone_panel import alike, ticket_search
from softphone_panel.ticket_search import Wanted
from tests.bench import million_rows
from tests.postgres import Server

MUST_SEARCH_P95_MS = 50.0
ASKED = (
    "kho tho", "sua tre em", "Đồng Xoài", "het gao", "khóa", "gieng", "xe cap cuu oxy", "nganh vang", "BP-77777", "0912000345", "4400",
    "quenp khong co", "phuong", "sap sin", "chua ai den tho tre em dau nguc het gao xe cap cuu", "phuo dong nguo", "duyet", "ngu",
    "thuyeng phuong",
)  # fmt: skip
"""Words that many tickets have and few, alone and together, beginnings, a ticket's number, a whole telephone number and a part, nothing."""
ROUNDS = 20
REPORT_ROUNDS = 5
ALIKE_OF, ALIKE_ASKED = 100_000, 100
READER: Any = SimpleNamespace(supervises=True, hotlines=(), id=1)
"""A supervisor, who sees all."""


@dataclass(frozen=True)
class Timed:
    """One kind of question: every time it was asked, in milliseconds."""

    database: str
    what: str
    ms: tuple[float, ...]

    def part(self, share: float) -> float:
        return sorted(self.ms)[min(len(self.ms) - 1, int(len(self.ms) * share))]

    def as_dict(self, unit_ms: float) -> dict[str, Any]:
        p50, p95 = self.part(0.5), self.part(0.95)
        return {
            "database": self.database, "what": self.what, "asked": len(self.ms), "p50_ms": round(p50, 1), "p95_ms": round(p95, 1),
            "times_a_ticket_by_its_key": round(p50 / unit_ms, 1),
        }  # fmt: skip


def measure(tickets: int) -> list[dict[str, Any]]:
    """Both databases are filled alike and asked alike."""
    found: list[dict[str, Any]] = []
    for name, place in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        with place() as engine:
            began_s = time.perf_counter()
            ends, province = now(), read(PROJECT / "installation" / "demo.toml")
            million_rows.fill(engine, tickets, ends, _communes())
            click.echo(f"{name}: {tickets} tickets in {time.perf_counter() - began_s:.0f} s", err=True)
            began_s = time.perf_counter()
            days = _added_up(
                TicketDayKeeper(engine, clock=partial(datetime.fromtimestamp, ends.timestamp(), UTC))
            )
            click.echo(f"{name}: {days} days added up in {time.perf_counter() - began_s:.0f} s", err=True)
            with reading(engine) as session:
                timed = list(_asked(name, session, province, ends))
            unit_ms = timed[0].part(0.5)
            found += [one.as_dict(unit_ms) for one in timed]
    return found


def _added_up(keeper: TicketDayKeeper) -> int:
    """Every past day, as the worker does it look by look; how many."""
    return sum(iter(keeper.look, 0))


def as_text(found: list[dict[str, Any]]) -> str:
    lines = ["| | database | p50 ms | p95 ms | × a page of 25 by their keys |", "|---|---|---|---|---|"]
    for one in found:
        times = f"{one['times_a_ticket_by_its_key']:.1f}"
        lines.append(f"| {one['what']} | {one['database']} | {one['p50_ms']} | {one['p95_ms']} | {times} |")
    return "\n".join(lines)


def is_late(found: list[dict[str, Any]]) -> bool:
    return any(one["what"].startswith("search") and one["p95_ms"] > MUST_SEARCH_P95_MS for one in found)


def _asked(name: str, session: Session, province: Installation, ends: datetime) -> Iterator[Timed]:
    keys = [one.id for one in ticket_search.search(session, Wanted(page=40), province, READER).rows]

    def by_keys() -> None:
        session.expunge_all()
        session.query(Ticket).filter(Ticket.id.in_(keys)).all()

    yield _timed(name, "a page of 25 tickets by their keys", by_keys)
    searches = [partial(ticket_search.search, session, Wanted(text=text), province, READER) for text in ASKED]
    yield _timed(name, f"search, {len(ASKED)} different ones", *searches)
    lists: Mapping[str, Wanted] = {
        "the newest": Wanted(), "page 1000": Wanted(page=1000), "the open ones": Wanted(state="open"),
        "RED and closed of one hotline": Wanted(state="closed", acuity="RED", hotline=million_rows.HOTLINES[0]),
        "of one day": Wanted(since=(ends - timedelta(days=9)).date(), until=(ends - timedelta(days=9)).date()),
    }  # fmt: skip
    for what, wanted in lists.items():
        yield _timed(name, f"list: {what}", partial(ticket_search.search, session, wanted, province, READER))
    newest = select(Ticket.id).order_by(Ticket.opened_at.desc()).limit(ALIKE_OF)
    some = session.scalars(newest).all()[:: ALIKE_OF // ALIKE_ASKED]
    panel = Flask(__name__)
    panel.config["INSTALLATION"] = province
    with panel.test_request_context():
        alike_to = [partial(_alike, session, ticket_id) for ticket_id in some]
        yield _timed(name, "tickets like one of the last days'", *alike_to, rounds=1)
    hotline = million_rows.HOTLINES[:1]
    yield _timed(
        name, "board: places and holders of one hotline",
        lambda: (open_work.by_place(session, ends, hotline), open_work.by_holder(session, ends, hotline)),
    )  # fmt: skip
    yield _timed(
        name,
        "board: the late ones",
        partial(open_work.files, session, ends, hotline, late_only=True, limit=200),
    )
    today = ends.astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    for days, what in ((0, "today"), (1, "yesterday"), (7, "a week"), (30, "a month")):
        since, until = today - timedelta(days=days), today + timedelta(days=0 if days else 1)
        reports = [
            partial(ticket_figures.tickets, session, since, until, ends, of, million_rows.HOTLINES)
            for of in Of
        ]
        yield _timed(name, f"report: {what}, by each of {len(Of)}", *reports, rounds=REPORT_ROUNDS)
    anew = [
        partial(_anew, session, today - timedelta(days=30), today, ends, of) for of in (Of.CATEGORY, Of.UNIT)
    ]
    yield _timed(name, "a month counted ticket by ticket", *anew, rounds=2)


def _alike(session: Session, ticket_id: str) -> None:
    session.expunge_all()
    alike.suggestions(session, session.get_one(Ticket, ticket_id))


def _anew(session: Session, since: datetime, until: datetime, at: datetime, of: Of) -> None:
    """What a report costs of days that are not added up."""
    list(ticket_figures.counted(session, since, until, at, (of,), million_rows.HOTLINES))


def _timed(name: str, what: str, *work: Callable[[], Any], rounds: int = ROUNDS) -> Timed:
    took = []
    for one in work:
        one()  # what is asked often lies in memory
        for _ in range(rounds):
            began_s = time.perf_counter()
            one()
            took.append((time.perf_counter() - began_s) * 1000)
    return Timed(name, what, tuple(took))


def _communes() -> list[str]:
    """The codes of the demo's communes."""
    book = unit_files.read([PROJECT / "installation" / "units" / "admin_units.csv"])
    return sorted({unit.code for unit in book.units.values() if unit.level == "commune"})


@contextmanager
def _sqlite() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="million-") as folder:
        url = f"sqlite:///{Path(folder) / 'tickets.db'}"
        migrate(url)
        engine = make_engine(url, busy_s=30)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def _postgres() -> Iterator[Engine]:
    """A server with the settings it comes with, but for fsync."""
    with tempfile.TemporaryDirectory(prefix="million-") as folder:
        Path(folder).chmod(0o755)  # the server's user is another one
        server = Server(Path(folder))
        engine = make_engine(server.database(), busy_s=30)
        try:
            yield engine
        finally:
            engine.dispose()
            server.stop()
