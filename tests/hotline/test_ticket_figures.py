"""Every figure of the ticket report against a count by hand over generated tickets, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from hotline.calls import Call
from hotline.clocks import TicketClock
from hotline.database import reading, transaction
from hotline.merging import TicketMerge
from hotline.open_work import Load, by_holder, by_place, files
from hotline.orders import Order
from hotline.ticket_figures import Of, TicketFigures, tickets
from hotline.tickets import Ticket
from hotline.transfers import Transfer

DAY = datetime(2026, 11, 20, 17, tzinfo=UTC)
END = DAY + timedelta(days=2)
AT = DAY + timedelta(days=1, hours=5)
LEVELS = ("NONMED", "GREEN", "YELLOW", "ORANGE", "RED")
ENDS = {
    "served": "talk", "left_message": "message", "callback_asked": "callback", "released": "callback", "abandoned": "lost",
    "self_care": "machine", "switch_lost": "lost",
}  # fmt: skip


@dataclass(frozen=True)
class Planned:
    n: int
    hotline: str
    unit: str
    served: str
    now: str
    at: datetime
    direction: str
    end: str
    told: datetime | None
    closed: datetime | None
    due: datetime | None
    category: str
    accepted_s: float | None
    into: Planned | None = None
    """The ticket in which it goes on."""

    @property
    def solved(self) -> datetime | None:
        main = self.into or self
        return main.told or main.closed

    def key(self, of: Of) -> Any:
        channel = "out" if self.direction == "out" else ENDS[self.end]
        day = (self.at + timedelta(hours=7)).date()
        return {
            Of.HOTLINE: self.hotline, Of.UNIT: self.unit, Of.ACUITY: self.now, Of.DAY: day, Of.CHANNEL: channel,
            Of.CATEGORY: self.category or "other",
        }[of]  # fmt: skip


def plan(seed: int) -> list[Planned]:
    dice = random.Random(seed)
    found = []
    for n in range(220):
        at = DAY + timedelta(
            seconds=dice.choice(
                (-0.001, 0, 86_399.999, 86_400, 172_799.999, 172_800, dice.uniform(0, 172_000))
            )
        )
        due = at + timedelta(hours=dice.choice((1, 5, 30)))
        moments = (None, due, due + timedelta(microseconds=1), due - timedelta(hours=1))
        found.append(
            Planned(
                n, dice.choice(("binhphuoc", "binhduong")), dice.choice(("", "25195", "697")), dice.choice(LEVELS),
                dice.choice(LEVELS), at, dice.choice(("in", "in", "in", "out")), dice.choice(list(ENDS)),
                dice.choice(moments), dice.choice(moments), dice.choice((due, due, None)), dice.choice(("", "relief", "policy")),
                dice.choice((None, None, dice.uniform(0, 90))),
            )
        )  # fmt: skip
    for n in range(0, 220, 11):
        found[n] = replace(found[n], into=found[n + 1])
    return found


def write(engine: Engine, planned: list[Planned]) -> None:
    with transaction(engine) as session:
        for p in planned:
            call = Call(
                id=f"n1-{p.n}", node="n1", hotline=p.hotline, direction=p.direction, acuity=p.served, arrived_at=p.at,
                queued_at=p.at, human_at=p.at + timedelta(seconds=9) if p.end == "served" else None, end_reason=p.end,
                ended_at=p.at + timedelta(seconds=99),
            )  # fmt: skip
            ticket = Ticket(
                id=f"t-n1-{p.n}", call_id=call.id, hotline=p.hotline, number=p.n, unit_code=p.unit, acuity=p.now,
                opened_at=p.at, state="closed" if p.closed else "open", closed_at=p.closed,
            )  # fmt: skip
            session.add_all((call, ticket))
            session.flush()
            if p.due is not None or p.told is not None:
                session.add(
                    TicketClock(
                        ticket_id=ticket.id, hotline=p.hotline, owner="", told_at=p.told, told_due_at=p.due
                    )
                )
            for number in (1, 2) if p.category else ():
                session.add(
                    Order(
                        id=f"o-n1-{p.n}-{number}", ticket_id=ticket.id, hotline=p.hotline, number=number, state="issued",
                        category=p.category if number == 1 else "violation", acuity=p.now, what="x", due_at=p.at,
                        issued_by="truongca", issued_at=p.at,
                    )
                )  # fmt: skip
            if p.accepted_s is not None:
                session.add(
                    Transfer(
                        id=f"x-n1-{p.n}", call_id=call.id, ticket_id=ticket.id, kind="warm", state="private", asked_at=p.at,
                        rung_at=p.at, accepted_at=p.at + timedelta(seconds=p.accepted_s), changed_at=p.at,
                    )
                )  # fmt: skip
        session.flush()
        for p in planned:
            if p.into is not None:
                session.add(merged(p.n, p.into.n, p.at))
                session.add(merged(p.n, p.n + 2, p.at, undone_at=p.at))


def merged(n: int, into: int, at: datetime, undone_at: datetime | None = None) -> TicketMerge:
    return TicketMerge(
        ticket_id=f"t-n1-{n}", into_id=f"t-n1-{into}", at=at, by="lan", before={}, undone_at=undone_at
    )


def by_hand(those: list[Planned]) -> TicketFigures:
    solved = [p for p in those if p.solved]
    due = [p for p in solved if p.due]
    judged = [p for p in those if p.end == "served"]
    handed = [p.accepted_s for p in those if p.accepted_s is not None]
    return TicketFigures(
        received=len(those),
        solved=len(solved),
        on_time=sum(p.solved <= p.due for p in due),  # type: ignore[operator] # both are there
        late_solved=sum(p.solved > p.due for p in due),  # type: ignore[operator] # both are there
        overdue=sum(p.solved is None and p.due is not None and p.due < AT for p in those),
        judged=len(judged),
        under=sum(LEVELS.index(p.now) > LEVELS.index(p.served) for p in judged),
        over=sum(LEVELS.index(p.now) < LEVELS.index(p.served) for p in judged),
        handed=len(handed),
        handed_s=pytest.approx(sum(handed) / len(handed), abs=1e-5) if handed else None,  # type: ignore[arg-type] # compares
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_every_figure_is_that_of_a_count_by_hand(database: Engine, seed: int) -> None:
    planned = plan(seed)
    write(database, planned)
    for hotlines in (None, ("binhduong",)):
        here = [p for p in planned if DAY <= p.at < END and (hotlines is None or p.hotline in hotlines)]
        with reading(database) as session:
            for of in (None, *Of):
                found = tickets(session, DAY, END, AT, of, hotlines)
                groups: defaultdict[Any, list[Planned]] = defaultdict(list)
                for p in here:
                    groups[None].append(p)
                    if of is not None:
                        groups[p.key(of)].append(p)
                assert found == {key: by_hand(those) for key, those in groups.items()}, of


def test_nobody_asked_is_no_percent_and_no_day_of_nothing(database: Engine) -> None:
    with reading(database) as session:
        assert tickets(session, DAY, END, AT, Of.UNIT) == {}
    nothing = TicketFigures()
    assert nothing.on_time_percent is nothing.under_percent is nothing.solved_percent is None


def test_open_work_by_place_and_by_holder_is_all_that_is_open(database: Engine) -> None:
    planned = plan(3)
    write(database, planned)
    with reading(database) as session:
        places, holders = by_place(session, AT), by_holder(session, AT)
        drilled = files(session, AT, ("binhduong",), codes=("25195",), limit=1000)
    open_ = [p for p in planned if not p.closed]
    orders = 2 * sum(bool(p.category) for p in planned)
    total = sum(places.values(), Load())
    assert (total.tickets, total.orders) == (len(open_), orders)
    assert sum(load.tickets for load in holders.values()) == len(open_)
    wanted = {f"t-n1-{p.n}" for p in open_ if (p.hotline, p.unit) == ("binhduong", "25195")}
    assert {one.ticket_id for one in drilled} == wanted
