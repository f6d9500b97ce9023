"""To one person one call is owed: what a later loss takes over, who is rung first, and what settles it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from hotline import claims, recall_tries
from hotline import events as e
from hotline.database import reading, transaction
from hotline.facts import apply_all
from hotline.recalls import Recall
from hotline.tickets import TicketEntry
from tests.hotline.facts import arrived, call_id, triaged

NUMBER = "+84912345678"
Tell = Callable[..., None]


@pytest.fixture
def tell(database: Engine) -> Tell:
    def told(*facts: e.Event) -> None:
        with transaction(database) as session:
            apply_all(session, facts)

    return told


def ago(seconds: float) -> datetime:
    return e.now() - timedelta(seconds=seconds)


def lost(n: int, acuity: str, at: datetime, **more: Any) -> tuple[e.Event, ...]:
    values: dict[str, Any] = {
        "hotline": "binhphuoc",
        "number": NUMBER,
        "acuity": acuity,
        "why": "lost",
        "due_at": at,
    } | more
    return arrived(n, at=at, caller_number=values["number"]), e.RecallDue(call_id=call_id(n), at=at, **values)


def recalls(database: Engine) -> dict[int, Recall]:
    with reading(database) as session:
        return {int(row.call_id.rpartition(".")[2]): row for row in session.scalars(select(Recall))}


def test_a_later_loss_goes_on_for_the_earlier_at_the_higher_level_and_with_its_place_in_the_line(
    database: Engine, tell: Tell
) -> None:
    first, second = ago(300), ago(60)
    queued = e.CallQueued(call_id=call_id(1), hotline="binhphuoc", acuity="ORANGE", at=first)
    tell(*lost(1, "ORANGE", first)[:1], queued, lost(1, "ORANGE", ago(200))[1], *lost(2, "YELLOW", second))
    found = recalls(database)
    assert (found[1].state, found[2].state) == ("merged", "due")
    now = found[2]
    assert (now.acuity, now.redials, now.waits_since) == ("ORANGE", 1, first)
    assert now.due_at == found[1].due_at
    with reading(database) as session:
        entries = session.scalars(
            select(TicketEntry).where(TicketEntry.ticket_id == f"t-{call_id(1)}", TicketEntry.kind == "recall_changed")
        ).all()  # fmt: skip
    assert [x.body for x in entries] == [{"state": "merged", "by_ticket": f"t-{call_id(2)}"}]


def test_a_callback_keeps_the_place_that_its_caller_had_in_the_line(database: Engine, tell: Tell) -> None:
    queued_at = ago(240)
    queued = e.CallQueued(call_id=call_id(1), hotline="binhphuoc", acuity="YELLOW", at=queued_at)
    tell(arrived(1, at=ago(260)), queued, lost(1, "YELLOW", ago(10), why="asked")[1])
    assert recalls(database)[1].waits_since == queued_at


def test_a_claim_goes_on_with_the_debt(database: Engine, tell: Tell) -> None:
    tell(*lost(1, "YELLOW", ago(100)))
    with transaction(database) as session:
        assert claims.claim(session, session.get_one(Recall, f"r-{call_id(1)}"), 7, ago(50))
    tell(*lost(2, "YELLOW", ago(20)))
    now = recalls(database)[2]
    assert now.claimed_by == 7
    assert now.next_try_at == now.claimed_until


def test_callers_of_a_number_that_many_share_are_owed_a_call_each(database: Engine, tell: Tell) -> None:
    for n in (1, 2):
        tell(*lost(n, "YELLOW", ago(100 - n), names_person=False))
    assert {row.state for row in recalls(database).values()} == {"due"}


def test_nobody_is_rung_twice_at_once_and_a_failed_try_goes_on_in_the_later_loss(
    database: Engine, tell: Tell
) -> None:
    tell(*lost(1, "RED", ago(30)))
    first = f"r-{call_id(1)}"
    assert recall_tries.begin(first, "n1-1.1", e.now(), on=database) == 1
    assert recall_tries.begin(first, "n2-1.1", e.now(), on=database) == 0
    tell(*lost(2, "YELLOW", e.now()))
    second = f"r-{call_id(2)}"
    assert recall_tries.begin(second, "n2-1.2", e.now(), on=database) == 0, "they are being rung"
    with reading(database) as session:
        assert recall_tries.due(session, e.now(), 10) == []
    tell(e.RecallTried(recall_id=first, call_id=call_id(1), dial_id="n2-1.1", outcome="busy"))
    assert recalls(database)[1].state == "dialling", "only its own call's result counts"
    tell(e.RecallTried(recall_id=first, call_id=call_id(1), dial_id="n1-1.1", outcome="busy"))
    assert {n: row.state for n, row in recalls(database).items()} == {1: "merged", 2: "due"}
    assert recalls(database)[2].acuity == "RED"


def test_a_loss_that_is_told_late_owes_nothing_to_who_has_spoken_with_a_human_since(
    database: Engine, tell: Tell
) -> None:
    tell(arrived(2, caller_number=NUMBER), e.CallAnswered(call_id=call_id(2), leg_id="x", answered_by="lan"))
    tell(*lost(1, "RED", ago(60)))
    assert recalls(database)[1].state == "done"


def test_what_a_dead_process_dialled_is_found_by_its_node_at_once_and_by_all_after_its_time(
    database: Engine, tell: Tell
) -> None:
    tell(*lost(1, "RED", ago(30)))
    at = e.now()
    assert recall_tries.begin(f"r-{call_id(1)}", "n1-7.7", at, on=database) == 1
    with reading(database) as session:
        found = [
            [row.dial_id for row in recall_tries.left_behind(session, node, alive, at + timedelta(seconds=s))]
            for node, alive, s in (("n1", [], 1), ("n1", ["n1-7.7"], 1), ("n2", [], 1), ("n2", [], 181))
        ]
    assert found == [["n1-7.7"], [], [], ["n1-7.7"]]


def test_the_list_is_ranked_by_level_then_redials_then_repeat_callers_then_time(
    database: Engine, tell: Tell
) -> None:
    for n, acuity in enumerate(("YELLOW", "YELLOW", "YELLOW", "RED"), 1):
        tell(*lost(n, acuity, ago(100 - n), number=f"+8491234567{n}"))
    tell(triaged(2, "YELLOW", is_repeat=True))
    tell(*lost(9, "YELLOW", ago(1), number="+84912345673"))  # the third rings once more
    with reading(database) as session:
        order = [row.number[-1] for row in recall_tries.due(session, e.now(), 10)]
    assert order == ["4", "3", "2", "1"]
