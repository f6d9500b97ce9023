"""Past days are added up once, give the figures of a count by hand, and are forgotten by the change of any of their tickets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, select

from hotline import ticket_days, ticket_figures
from hotline.clocks import Clocks, TicketClock
from hotline.database import reading, transaction
from hotline.installation import read
from hotline.settings import PROJECT
from hotline.ticket_day_keeper import TicketDayKeeper
from hotline.ticket_days import TicketDay, TicketDayKept
from hotline.ticket_figures import Of, tickets
from hotline.tickets import Ticket, TicketEntry
from tests.hotline.test_ticket_figures import DAY, END, plan, write

LATER = END + timedelta(days=20)
"""When nothing waits any more."""


WHOLE, CUT = (DAY, END), (DAY - timedelta(hours=30), END + timedelta(hours=5))
"""Days from midnight to midnight, and others of which a part is asked."""


def both(engine: Engine, *spans: tuple[datetime, datetime], by: Sequence[Of | None] = (None, *Of)) -> None:
    """With what stands and without it: the same figures, of all hotlines and of one."""
    for hotlines in (None, ("binhduong",)):
        for since, until in spans:
            for of in by:
                with reading(engine) as session:
                    found = tickets(session, since, until, LATER, of, hotlines)
                    session.execute(delete(TicketDayKept))
                    assert found == tickets(session, since, until, LATER, of, hotlines), of
                    session.rollback()


def all_kept(keeper: TicketDayKeeper) -> None:
    while keeper.look():
        pass


def kept(engine: Engine) -> int:
    with reading(engine) as session:
        return len(session.scalars(select(TicketDayKept).where(TicketDayKept.made_at.is_not(None))).all())


def test_days_that_stand_give_the_figures_of_a_count_and_spans_take_of_them_what_is_whole(
    database: Engine,
) -> None:
    write(database, plan(1))
    keeper = TicketDayKeeper(database, clock=lambda: LATER)
    all_kept(keeper)
    assert kept(database) > 2
    both(database, WHOLE, CUT)
    with transaction(database) as session:  # what stands is used: a wrong line would be seen
        session.scalars(select(TicketDay).where(TicketDay.division == "hotline")).first().received += 100  # type: ignore[union-attr] # it is there
    with reading(database) as session:
        assert tickets(session, DAY - timedelta(days=2), LATER, LATER)[None].received == 320


def test_whatever_changes_a_ticket_its_day_is_added_up_anew(database: Engine) -> None:
    planned = plan(2)
    write(database, planned)
    dice, keeper = random.Random(3), TicketDayKeeper(database, clock=lambda: LATER)
    clocks = Clocks(database, lambda: read(PROJECT / "installation" / "demo.toml"), clock=lambda: LATER)
    while clocks.look():
        pass
    for _ in range(3):
        all_kept(keeper)
        before = kept(database)
        with transaction(database) as session:
            for ticket in dice.sample(session.scalars(select(Ticket)).all(), 4):
                ticket.unit_code, ticket.acuity = dice.choice(("25195", "697")), dice.choice(("RED", "GREEN"))
                ticket.closed_at = dice.choice((None, ticket.opened_at + timedelta(hours=2)))
                ticket.state = "closed" if ticket.closed_at else "open"
                session.add(
                    TicketEntry(ticket_id=ticket.id, at=LATER, kind="note", actor="lan", text="x", body={})
                )
        clocks.look()
        assert kept(database) < before
        both(database, CUT, by=(Of.UNIT, Of.ACUITY))


def test_a_day_that_changes_while_it_is_added_up_does_not_stand(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(database, plan(1))
    keeper = TicketDayKeeper(database, clock=lambda: LATER)
    day = (DAY + timedelta(hours=12)).date()
    counted = ticket_figures.counted

    def meanwhile(*words: object) -> object:
        with transaction(database) as session:
            ticket_days.forget(session, [DAY + timedelta(hours=3)], LATER)
        return counted(*words)  # type: ignore[arg-type] # handed on

    with monkeypatch.context() as patched:
        patched.setattr("hotline.ticket_day_keeper.counted", meanwhile)
        assert not keeper.keep(day)
    assert kept(database) == 0
    assert keeper.keep(day) and kept(database) == 1


def test_a_day_with_a_ticket_whose_moment_is_still_to_come_does_not_stand(database: Engine) -> None:
    write(database, plan(1))
    with transaction(database) as session:
        first = session.scalars(
            select(Ticket).where(Ticket.opened_at >= DAY, Ticket.opened_at < DAY + timedelta(days=1))
        ).first()
        assert first is not None
        first.closed_at, first.state = None, "open"
        clock = session.get(TicketClock, first.id) or TicketClock(
            ticket_id=first.id, hotline=first.hotline, owner=""
        )
        clock.told_at, clock.told_due_at = None, LATER + timedelta(hours=1)
        session.add(clock)
    day = (DAY + timedelta(hours=12)).date()
    assert not TicketDayKeeper(database, clock=lambda: LATER).keep(day)
    assert TicketDayKeeper(database, clock=lambda: LATER + timedelta(hours=2)).keep(day)


def test_today_never_stands(database: Engine) -> None:
    write(database, plan(1))
    TicketDayKeeper(database, clock=lambda: DAY + timedelta(hours=9)).look()
    with reading(database) as session:
        days = session.scalars(select(TicketDayKept.day)).all()
    assert all(day < (DAY + timedelta(hours=12)).date() for day in days)
