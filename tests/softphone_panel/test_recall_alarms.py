"""Alarms about urgent calls that are owed: before their limit, on every page on which people work, until somebody acts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from hotline import events as e
from hotline.acuity import Acuity
from hotline.bus import Outbox
from hotline.database import engine, reading, transaction
from hotline.events import now
from hotline.facts import apply
from hotline.recall_alarms import CHANGED, RecallAlarms, active
from hotline.recall_tries import begin
from hotline.recalls import TRIES, Recall
from hotline.tickets import TicketEntry
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import SignedIn
from tests.softphone_panel.test_hub import received, told


@pytest.fixture
def nobody_owed(who: dict[str, int]) -> Iterator[dict[str, int]]:
    with transaction() as session:
        session.execute(update(Recall).values(state="cancelled"))
    yield who


def lost(acuity: Acuity, seconds_ago: float, n: int = 700) -> str:
    """Somebody was lost so long ago; the recall's id."""
    at = now() - timedelta(seconds=seconds_ago)
    with transaction() as session:
        caller = rows.Caller(session, rows.call_id(at, n), at, number=f"+84912777{n}").arrives()
        caller.at = at
        caller.tell(
            e.RecallDue, hotline="binhphuoc", number=caller.number, acuity=acuity, why="lost",
            due_at=at + timedelta(seconds=acuity.callback_within_s),
        ).tell(e.CallEnded, reason="abandoned")  # fmt: skip
    return f"r-{caller.call_id}"


def alarms(at: datetime | None = None) -> list[tuple[str, str]]:
    with reading() as session:
        return [(alarm.recall_id, alarm.kind) for alarm in active(session, at or now())]


def tried(recall_id: str, outcome: str = "no_answer") -> None:
    with transaction() as session:
        session.execute(update(Recall).where(Recall.id == recall_id).values(next_try_at=now()))
    dial_id = f"n1-{recall_id}"
    count = begin(recall_id, dial_id, now())
    assert count
    with transaction() as session:
        apply(
            session,
            e.RecallTried(
                recall_id=recall_id, call_id=recall_id[2:], dial_id=dial_id, outcome=outcome, number_of_try=count
            ),
            "calls",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("acuity", "quiet_s", "waits_s", "late_s"), [(Acuity.RED, 25, 32, 62), (Acuity.ORANGE, 140, 160, 305)]
)
def test_an_alarm_begins_when_half_the_time_has_gone_and_nobody_dials(
    nobody_owed: dict[str, int], acuity: Acuity, quiet_s: float, waits_s: float, late_s: float
) -> None:
    recall_id = lost(acuity, 0)
    for after_s, kinds in ((quiet_s, []), (waits_s, ["waits"]), (late_s, ["late"])):
        assert alarms(now() + timedelta(seconds=after_s)) == [(recall_id, kind) for kind in kinds]


def test_who_is_less_urgent_alarms_nobody(nobody_owed: dict[str, int]) -> None:
    lost(Acuity.YELLOW, 3600)
    assert alarms() == []


def test_who_is_dialled_or_taken_alarms_no_more_and_again_after_a_try_that_nobody_follows_up(
    nobody_owed: dict[str, int],
) -> None:
    recall_id = lost(Acuity.RED, 40)
    assert alarms() == [(recall_id, "waits")]
    with transaction() as session:
        recall = session.get_one(Recall, recall_id)
        from hotline import claims

        assert claims.claim(session, recall, nobody_owed["lan"], now())
    assert alarms() == []
    with transaction() as session:
        session.execute(update(Recall).values(claimed_by=None, claimed_until=None))
    tried(recall_id)
    assert alarms() == []
    after = timedelta(seconds=60)  # when the next try may be made
    assert alarms(now() + after + timedelta(seconds=25)) == []
    assert alarms(now() + after + timedelta(seconds=35)) == [(recall_id, "waits")]


def test_after_three_tries_a_red_recall_is_a_supervisors_task_until_they_say_what_was_done(
    nobody_owed: dict[str, int], signed_in: SignedIn
) -> None:
    recall_id = lost(Acuity.RED, 10)
    for _ in range(TRIES):
        tried(recall_id)
    assert alarms() == [(recall_id, "failed")]
    lan, chief = signed_in("lan"), signed_in("truongca")
    assert recall_id not in lan.get("/my-desk/tasks").text
    assert recall_id in chief.get("/my-desk/tasks").text
    assert "gọi 3 lần không gặp, trưởng ca phải xử lý" in lan.get("/recalls/alarms").text
    assert "1 người gọi 3 lần không gặp" in chief.get("/wallboard/board").text
    assert "Gọi 3 lần không gặp: phải xử lý" in chief.get("/recalls").text
    said = {"kind": "seen_to", "note": "  "}
    assert chief.post(f"/recalls/{recall_id}", data=said).status_code == 422
    assert lan.post(f"/recalls/{recall_id}", data=said).status_code == 403
    said["note"] = "Trạm y tế Hưng Long đã đến nhà"
    assert chief.post(f"/recalls/{recall_id}", data=said).status_code == 303
    assert alarms() == []
    with reading() as session:
        entries = session.scalars(
            select(TicketEntry).where(TicketEntry.ticket_id == f"t-{recall_id[2:]}").order_by(TicketEntry.id)
        ).all()
    kinds = [
        (x.kind, x.body.get("outcome") or x.body.get("state") or x.body.get("what"))
        for x in entries
        if x.body
    ]
    assert [k for k in kinds if k[0] in ("recall_tried", "recall_changed", "task_taken")] == [
        *[("recall_changed", "dialling"), ("recall_tried", "no_answer")] * 2,
        ("recall_changed", "dialling"), ("recall_changed", "failed"), ("recall_tried", "no_answer"),
        ("recall_changed", "done"), ("task_taken", "seen_to"),
    ]  # fmt: skip
    assert entries[-1].text == "Trạm y tế Hưng Long đã đến nhà"


def test_a_failed_recall_is_solved_by_itself_when_the_citizen_gets_through(
    nobody_owed: dict[str, int],
) -> None:
    recall_id = lost(Acuity.RED, 10)
    for _ in range(TRIES):
        tried(recall_id)
    with transaction() as session:
        caller = rows.Caller(session, rows.call_id(now(), 800), now(), number="+84912777700").arrives()
        caller.tell(e.CallAnswered, leg_id="x", answered_by="lan", settles=caller.number)
    assert alarms() == []


def test_every_page_is_told_once_when_an_alarm_begins_and_when_it_ends(nobody_owed: dict[str, int]) -> None:
    def told_pages() -> int:
        with reading() as session:
            return sum(row.body.get("event") == CHANGED for row in session.scalars(select(Outbox)))

    watching = RecallAlarms(engine())
    assert (watching.look(), told_pages()) == (0, 0)
    recall_id = lost(Acuity.RED, 40)
    assert [watching.look() for _ in range(3)] == [1, 0, 0]
    assert RecallAlarms(engine()).look() == 1, "the next worker tells the pages, and enters nothing twice"
    with reading() as session:
        found = session.scalars(select(TicketEntry).where(TicketEntry.kind == "recall_alarm")).all()
        assert [entry.ticket_id for entry in found] == [f"t-{recall_id[2:]}"]
    before = told_pages()
    tried(recall_id, "reached")
    assert (watching.look(), told_pages()) == (0, before + 1)


def test_a_desk_that_hears_only_of_itself_hears_of_alarms() -> None:
    from softphone_panel.hub import Browser

    assert received(Browser("7"), told(event=CHANGED)) == [CHANGED]


@pytest.mark.parametrize("page", ["/my-desk", "/desk", "/recalls", "/floor"])
def test_every_page_on_which_people_work_has_a_place_for_alarms(signed_in: SignedIn, page: str) -> None:
    text = signed_in("truongca").get(page, follow_redirects=True).text
    assert 'id="recall-alarms" role="alert"' in text
    assert "alarms.js" in text
