"""Tickets about one matter: suggested with reasons, merged and parted, linked, and their callers told."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from hotline import clocks, ledger, merging, references, ticket_claims
from hotline.clocks import Clocks, TicketClock
from hotline.database import engine, reading, transaction
from hotline.events import ResultTold, now
from hotline.operators import Operator
from hotline.recalls import RESULT, Recall
from hotline.record import apply
from hotline.results import last_result
from hotline.settings import settings
from hotline.tickets import Ticket
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import Client, SignedIn
from tests.softphone_panel.test_ticket_clock import act
from tests.softphone_panel.test_tickets import entries, form, ticket

CLICKS = iter(f"{n:032x}" for n in range(1, 10**6))


def tie(client: Client, ticket_id: str, other: str, what: str, status: int = 303) -> str:
    sent = {"click_id": next(CLICKS), "other": other, "what": what, "why": "cùng nhà"}
    answer = client.post(f"/tickets/{ticket_id}/tie", data=sent)
    assert answer.status_code == status, answer.text
    return answer.text


def untie(client: Client, ticket_id: str, status: int = 303, **which: str) -> None:
    answer = client.post(f"/tickets/{ticket_id}/untie", data={"click_id": next(CLICKS), **which})
    assert answer.status_code == status, answer.text


def second_call(number: str, minutes: float, of: Ticket) -> Ticket:
    """Another call, so long after that ticket's, ended."""
    at = of.opened_at + timedelta(minutes=minutes)
    with transaction() as session:
        call_id = rows.call_id(at, 900)
        rows.Caller(session, call_id, at, of.hotline, number).arrives().is_triaged("YELLOW", "Sốt").ends()
        return session.scalars(select(Ticket).where(Ticket.call_id == call_id)).one()


def test_what_may_be_one_matter_is_suggested_with_its_reasons_at_page_and_desk(signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket(1)
    again = second_call(one.caller_number, 12, one)
    with transaction() as session:
        for row in (one, again):
            held = session.get(Ticket, row.id)
            assert held is not None
            held.unit_code, held.category = "25432", "relief"
    page = client.get(f"/tickets/{again.id}").text
    assert "cùng số, cùng xã, cùng lĩnh vực, 12 phút trước" in page
    assert "12 phút sau" in client.get(f"/tickets/{one.id}/alike").text
    # Once they are linked as one incident it is not suggested any more.
    tie(client, again.id, "BP-1", "same_incident")
    assert "12 phút trước" not in client.get(f"/tickets/{again.id}/alike").text
    shown = client.get(f"/tickets/{one.id}").text
    assert "cùng vụ với" in shown and f"BP-{again.number}" in shown


def test_a_merged_ticket_follows_its_main_one_and_parted_is_as_before(
    app: Flask, signed_in: SignedIn
) -> None:
    client, one, main = signed_in("lan"), ticket(1), ticket(4)
    follow = Clocks(engine(), lambda: app.config["INSTALLATION"])
    follow.look()
    with reading() as session:
        before, clock = session.get_one(Ticket, one.id), session.get_one(TicketClock, one.id)
        kept = (before.state, before.disposition, before.closed_at, clock.stage, clock.due_at, clock.owner)
    tie(client, one.id, "BP-4", "into")
    follow.look()
    with reading() as session:
        gone, clock = session.get_one(Ticket, one.id), session.get_one(TicketClock, one.id)
        assert (gone.state, gone.disposition, clock.stage, clock.next_at) == ("closed", "duplicate", "", None)
    page = client.get(f"/tickets/{one.id}").text
    assert "Phiếu này đã gộp vào" in page and "dừng vì đã gộp" in page
    assert "Đã nhận gộp BP-1." in client.get(f"/tickets/{main.id}").text
    refused = client.post(f"/tickets/{one.id}/change", data=form(client, one.id, state="open"))
    assert refused.status_code == 409 and "đã gộp vào phiếu khác" in refused.text
    assert "đang giữ phiếu khác" in tie(client, main.id, "BP-2", "into", 409)
    assert "đã gộp vào phiếu khác" in tie(client, one.id, "BP-2", "into", 409)
    assert "gộp thẳng vào phiếu đó" in tie(client, ticket(2).id, "BP-1", "into", 409)
    untie(client, main.id, ticket=one.id)
    follow.look()
    with reading() as session:
        back, clock = session.get_one(Ticket, one.id), session.get_one(TicketClock, one.id)
        assert (back.state, back.disposition, back.closed_at, clock.stage, clock.due_at, clock.owner) == kept
    untie(client, one.id, 409)
    assert [e.kind for e in entries(one.id, "merged", "unmerged")] == ["merged", "unmerged"]


def test_whoever_talks_is_linked_and_not_merged(signed_in: SignedIn) -> None:
    with reading() as session:
        talking = session.scalars(select(Ticket).where(Ticket.caller_number == "+84865432109")).one()
    client = signed_in("lan")
    assert "đang có cuộc gọi" in tie(client, talking.id, "BP-1", "into", 409)
    tie(client, talking.id, "BP-1", "same_incident")
    assert "không có phiếu này" in tie(client, talking.id, "BP-999", "related", 422)
    assert "hãy chọn trong danh sách" in tie(client, talking.id, "BP-1", "anything", 422)


def test_callers_of_merged_tickets_are_told_too_and_their_no_opens_the_main_one(signed_in: SignedIn) -> None:
    client, main, one = signed_in("truongca"), ticket(4), ticket(1)
    tie(client, main.id, "BP-1", "here")
    done = {"act": "done", "result": "supplied", "text": "Đã giao gạo", "how": "call"}
    assert act(client, main.id, **done) == 303
    with reading() as session:
        owed = session.scalars(select(Recall).where(Recall.why == RESULT)).all()
        assert {(r.ticket_id, r.number) for r in owed} == {
            (main.id, main.caller_number),
            (one.id, one.caller_number),
        }
        assert last_result(session, one.id) == "supplied"
    for answer, state in (("solved", "in_progress"), ("not_solved", "open")):
        with transaction() as session:
            session.get_one(Ticket, main.id).state = "in_progress"
            told = ResultTold(
                call_id=one.call_id, ticket_id=one.id, recall_id="", answer=answer, result="supplied"
            )
            apply(session, told, "calls")
        with reading() as session:
            assert session.get_one(Ticket, main.id).state == state
            assert session.get_one(Ticket, one.id).state == "closed"
    assert len(entries(main.id, clocks.REOPENED)) == 1


def test_the_ledger_holds_whatever_was_merged(signed_in: SignedIn) -> None:
    tie(signed_in("lan"), ticket(1).id, "BP-4", "into")
    with reading() as session:
        faults = list(ledger.verify(session, settings().recordings, now()))
    assert not [fault for fault in faults if "Ticket" in fault]


def test_a_merged_ticket_stands_for_its_citizen_as_its_main_one_does(app: Flask, signed_in: SignedIn) -> None:
    one, main = ticket(1), ticket(4)
    tie(signed_in("lan"), one.id, "BP-4", "into")
    typed = references.written("BP-1", references.code_of(one.id, settings().var))

    def standing() -> str:
        return app.test_client().post("/status", data={"reference": typed}).text

    page = standing()
    assert "BP-1" in page and "Đã đóng." not in page and "BP-4" not in page
    with transaction() as session:
        held = session.get_one(Ticket, main.id)
        held.state, held.closed_at = "closed", now()
    assert "Đã đóng." in standing()
    for state, goes_on in (("open", True), ("closed", False)):
        with transaction() as session:
            session.get_one(Ticket, main.id).state = state
        with reading() as session:
            found = session.scalars(select(Ticket.id).where(merging.goes_on())).all()
        assert (one.id in found) is goes_on


def test_who_works_a_ticket_keeps_it_from_being_merged_away_and_closed_with_many(signed_in: SignedIn) -> None:
    one = ticket(1)
    with transaction() as session:
        lan = session.scalars(select(Operator).where(Operator.username == "lan")).one()
        ticket_claims.claim(session, session.get_one(Ticket, one.id), lan.id, "lan", now())
    chief = signed_in("truongca")
    assert "Lê Thị Lan đang làm phiếu này" in tie(chief, one.id, "BP-4", "into", 409)
    sent = {"act": "close", "ticket": [one.id], "disposition": "advised", "click_id": next(CLICKS)}
    page = chief.post("/tickets/many/do", data=sent).text
    assert "Đã làm với 0 phiếu" in page and "Lê Thị Lan đang làm phiếu này" in page
    tie(signed_in("lan"), one.id, "BP-4", "into")
