"""Who works a ticket: one of all who press at once, told to the others; a silent page's claim is taken over; on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from hotline import due_work, ticket_claims
from hotline.bus import Outbox
from hotline.database import reading, transaction
from hotline.deadlines import Worker
from hotline.operators import Operator, Role
from hotline.record import apply
from hotline.ticket_claims import STALE_AFTER, Lost, TicketClaim, Won
from hotline.tickets import Ticket, TicketEntry
from tests.hotline.facts import arrived, triaged

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
NAMES = tuple(f"lan{n}" for n in range(8))


class Desk:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.at = engine, START
        with transaction(engine) as session:
            people = [Operator(username=n, full_name=n, role=Role.OPERATOR, password_hash="x") for n in NAMES]
            session.add_all(people)
            apply(session, arrived(1, at=self.at))
            apply(session, triaged(1, at=self.at))
            session.flush()
            self.ids = [one.id for one in people]
            self.ticket = session.scalars(select(Ticket.id)).one()

    def claim(self, who: int) -> Won | Lost:
        with transaction(self.engine) as session:
            ticket = session.get_one(Ticket, self.ticket)
            return ticket_claims.claim(session, ticket, self.ids[who], NAMES[who], self.at)

    def beat(self, who: int) -> bool:
        with transaction(self.engine) as session:
            return ticket_claims.beat(session, self.ticket, self.ids[who], self.at)

    def take_over(self, who: int, reason: str = "máy Lan hỏng", *, supervises: bool = False) -> Won | Lost:
        with transaction(self.engine) as session:
            ticket = session.get_one(Ticket, self.ticket)
            return ticket_claims.take_over(
                session, ticket, self.ids[who], NAMES[who], reason, self.at, supervises=supervises
            )

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        Worker(self.engine, due_work.HANDLERS, "n1", clock=lambda: self.at).look()

    @property
    def row(self) -> TicketClaim | None:
        with reading(self.engine) as session:
            return ticket_claims.of(session, self.ticket)

    def entries(self) -> list[str]:
        with reading(self.engine) as session:
            kinds = session.scalars(select(TicketEntry.kind).order_by(TicketEntry.id))
            return [kind for kind in kinds if "claim" in kind]

    def told(self) -> list[int | None]:
        with reading(self.engine) as session:
            bodies = session.scalars(select(Outbox.body).order_by(Outbox.id))
            return [body["operator_id"] for body in bodies if body["event"] == ticket_claims.CHANGED]


@pytest.fixture
def desk(database: Engine) -> Desk:
    return Desk(database)


def test_the_first_has_it_and_the_second_within_twenty_seconds_is_told_by_how_much(desk: Desk) -> None:
    assert desk.claim(0) == Won()
    desk.at += timedelta(seconds=3)
    assert desk.claim(1) == Lost(desk.ids[0], START, 3.0, True, False)
    assert desk.claim(0) == Won()  # a second click of one's own
    desk.beat(0)
    desk.at += timedelta(seconds=18)
    late = desk.claim(1)
    assert isinstance(late, Lost) and not late.raced
    assert desk.entries() == ["ticket_claimed", "claim_race_lost"]


def test_of_eight_who_press_at_once_exactly_one_has_it_and_seven_are_told_who(desk: Desk) -> None:
    begin, told = threading.Barrier(len(NAMES)), {}

    def presses(who: int) -> None:
        begin.wait(10)
        for _ in range(200):
            try:
                told[who] = desk.claim(who)
                return
            except Exception as error:
                if "locked" not in str(error):
                    raise

    threads = [threading.Thread(target=presses, args=(n,)) for n in range(len(NAMES))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (winner,) = [who for who, outcome in told.items() if outcome == Won()]
    losers = [outcome for who, outcome in told.items() if who != winner]
    assert len(losers) == 7
    assert all(isinstance(one, Lost) and one.raced and one.operator_id == desk.ids[winner] for one in losers)
    assert sorted(desk.entries()) == ["claim_race_lost"] * 7 + ["ticket_claimed"]


def test_a_page_that_is_there_keeps_it_and_one_that_is_silent_for_45_s_turns_amber(desk: Desk) -> None:
    desk.claim(0)
    for _ in range(6):
        desk.later(15)
        assert desk.beat(0)
    assert desk.row and not desk.row.is_stale and not desk.row.stale(desk.at)
    before = len(desk.told())
    desk.later(44)
    assert desk.row and not desk.row.stale(desk.at) and len(desk.told()) == before
    desk.later(1)
    assert desk.row and desk.row.is_stale and len(desk.told()) == before + 1
    desk.later(300)
    assert len(desk.told()) == before + 1  # told once
    assert desk.beat(0)
    assert desk.row and not desk.row.is_stale and len(desk.told()) == before + 2
    desk.later(45)
    assert desk.row and desk.row.is_stale


def test_a_fresh_claim_is_taken_over_by_nobody_but_a_supervisor(desk: Desk) -> None:
    desk.claim(0)
    assert isinstance(desk.take_over(1), Lost)
    assert desk.take_over(2, supervises=True) == Won()
    assert desk.row and desk.row.operator_id == desk.ids[2]


def test_a_stale_claim_is_taken_over_with_its_reason_and_who_had_it_is_told(desk: Desk) -> None:
    desk.claim(0)
    desk.later(STALE_AFTER.total_seconds())
    assert desk.take_over(1) == Won()
    row = desk.row
    assert row and (row.operator_id, row.taken_from, row.reason) == (desk.ids[1], desk.ids[0], "máy Lan hỏng")
    assert desk.told()[-1] == desk.ids[0]
    assert not desk.beat(0) and desk.beat(1)
    assert desk.entries()[-1] == "claim_taken"


def test_of_those_who_take_over_at_once_one_does(desk: Desk) -> None:
    desk.claim(0)
    desk.later(STALE_AFTER.total_seconds())
    begin, told = threading.Barrier(4), {}

    def takes(who: int) -> None:
        begin.wait(10)
        for _ in range(200):
            try:
                told[who] = desk.take_over(who)
                return
            except Exception as error:
                if "locked" not in str(error):
                    raise

    threads = [threading.Thread(target=takes, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(told) == 4 and list(told.values()).count(Won()) == 1
    assert desk.entries().count("claim_taken") == 1


def test_what_is_let_go_is_free_again_and_a_closed_tickets_claim_ends(desk: Desk) -> None:
    desk.claim(0)
    with transaction(desk.engine) as session:
        ticket = session.get_one(Ticket, desk.ticket)
        assert not ticket_claims.let_go(session, ticket, desk.ids[1], NAMES[1], desk.at)
        assert ticket_claims.let_go(session, ticket, desk.ids[0], NAMES[0], desk.at)
    assert desk.row is None and desk.claim(1) == Won()
    with transaction(desk.engine) as session:
        session.get_one(Ticket, desk.ticket).state = "closed"
    desk.later(45)
    assert desk.row is None
