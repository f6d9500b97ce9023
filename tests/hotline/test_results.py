"""What the citizen answered stands on the ticket: solved closes it with its proof, not solved opens it one level higher."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from hotline import agencies, clocks
from hotline import events as e
from hotline.acuity import Acuity
from hotline.clocks import Clocks, TicketClock
from hotline.database import reading, transaction
from hotline.facts import apply, apply_all
from hotline.organisation import Agency
from hotline.recalls import RESULT, Recall, RecallState, Tried, after_try, awake
from hotline.results import Answer
from hotline.tickets import Ticket, TicketEntry
from tests.hotline.facts import START, arrived, call_id, triaged
from tests.hotline.test_clocks import PROVINCE

TICKET, NUMBER = f"t-{call_id(0)}", "+84910000000"
MORNING = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
"""9:30 in Vietnam."""


@pytest.fixture
def forwarded(database: Engine) -> Engine:
    """A ticket that a commune team has seen to, and its citizen is owed the result."""
    with transaction(database) as session:
        since = date(2020, 1, 1)
        agencies.write(
            session, "binhphuoc",
            [
                Agency("doi-xa", "binhphuoc", "Đội xã", "team", "commune", "1", above="tt-huyen", valid_from=since),
                Agency("tt-huyen", "binhphuoc", "Trung tâm huyện", "centre", "district", "2", valid_from=since),
            ], [],
        )  # fmt: skip
        apply_all(
            session, [arrived(0, at=START, caller_number=NUMBER), triaged(0, "YELLOW", at=START)], "ivr"
        )
        for kind, body in ((clocks.ASSIGNED, {"agency": "doi-xa"}), (clocks.DONE, {"result": "supplied"})):
            session.add(TicketEntry(ticket_id=TICKET, at=START, kind=kind, actor="lan", text="", body=body))
        due = e.RecallDue(
            call_id=call_id(0), hotline="binhphuoc", number=NUMBER, acuity="YELLOW", why=RESULT, due_at=START,
            recall_id="r-result",
        )  # fmt: skip
        apply(session, due, "lan")
    Clocks(database, lambda: PROVINCE, lambda: START).look()
    return database


def told(engine: Engine, answer: str) -> tuple[Ticket, list[dict[str, Any]], TicketClock]:
    call = "n1-1700009999.5000001"
    with transaction(engine) as session:
        opened = e.CallArrived(
            call_id=call,
            hotline="binhphuoc",
            node="n1",
            caller_number=NUMBER,
            direction="out",
            ticket_id=TICKET,
        )
        fact = e.ResultTold(
            call_id=call, ticket_id=TICKET, recall_id="r-result", answer=answer, result="supplied"
        )
        apply_all(session, [opened, fact], "calls")
    Clocks(engine, lambda: PROVINCE, lambda: START + timedelta(minutes=1)).look()
    with reading(engine) as session:
        ticket, clock = session.get(Ticket, TICKET), session.get(TicketClock, TICKET)
        assert ticket is not None and clock is not None
        rows = session.scalars(
            select(TicketEntry).where(TicketEntry.ticket_id == TICKET).order_by(TicketEntry.id)
        )
        return ticket, [{"kind": row.kind, **row.body} for row in rows], clock


def test_a_result_that_is_owed_neither_merges_with_a_loss_nor_alarms(forwarded: Engine) -> None:
    with transaction(forwarded) as session:
        lost = e.RecallDue(
            call_id=call_id(0), hotline="binhphuoc", number=NUMBER, acuity="YELLOW", why="lost", due_at=START
        )
        apply(session, lost, "calls")
        states = {row.why: row.state for row in session.scalars(select(Recall))}
    assert states == {RESULT: RecallState.DUE, "lost": RecallState.DUE}


def test_solved_closes_the_ticket_with_the_proof_of_it(forwarded: Engine) -> None:
    ticket, entries, clock = told(forwarded, Answer.SOLVED)
    assert (ticket.state, ticket.disposition, clock.stage) == ("closed", "resolved", "")
    (closing,) = [one for one in entries if one["kind"] == "disposition"]
    assert closing["proof"] == {"done": "supplied", "told": "result_call", "answer": "solved"}


def test_not_solved_is_open_again_with_the_level_above(forwarded: Engine) -> None:
    ticket, entries, clock = told(forwarded, Answer.NOT_SOLVED)
    assert (ticket.state, clock.round, clock.owner, clock.stage) == ("open", 2, "agency:tt-huyen", "accept")
    assert [one["owner"] for one in entries if one["kind"] == clocks.REOPENED] == ["agency:tt-huyen"]


def test_above_the_highest_are_the_supervisors(forwarded: Engine) -> None:
    told(forwarded, Answer.NOT_SOLVED)
    with transaction(forwarded) as session:
        again = e.ResultTold(
            call_id="n1-1700009999.5000001",
            ticket_id=TICKET,
            recall_id="r-result",
            answer=Answer.NOT_SOLVED,
            result="",
        )
        apply(session, again, "calls")
    Clocks(forwarded, lambda: PROVINCE, lambda: START + timedelta(minutes=2)).look()
    with reading(forwarded) as session:
        clock = session.get(TicketClock, TICKET)
        assert clock is not None and (clock.round, clock.owner) == (3, "role:supervisor")


def test_who_heard_it_and_pressed_nothing_is_told_and_the_ticket_waits_for_its_closing(
    forwarded: Engine,
) -> None:
    ticket, _, clock = told(forwarded, Answer.NONE)
    assert (ticket.state, clock.stage) == ("open", "close")


def test_who_wants_to_talk_is_not_told_yet(forwarded: Engine) -> None:
    assert told(forwarded, Answer.OPERATOR)[2].stage == "told"


def test_three_tries_are_at_three_hours_of_the_day_and_never_at_night() -> None:
    tries = [MORNING]
    for number in (1, 2):
        state, at, _ = after_try(Acuity.RED, number, Tried.NO_ANSWER, tries[-1], RESULT)
        assert state is RecallState.DUE
        tries.append(at)
    assert [(at + timedelta(hours=7)).hour for at in tries] == [9, 12, 8]
    assert after_try(Acuity.RED, 3, Tried.NO_ANSWER, tries[-1], RESULT)[0] is RecallState.FAILED
    assert awake(datetime(2026, 11, 20, 15, 0, tzinfo=UTC)) == datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
    assert awake(datetime(2026, 11, 20, 18, 0, tzinfo=UTC)) == datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
