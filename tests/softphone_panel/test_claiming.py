"""Claims on the panel: who is first works it, the others are told, a silent page's ticket is taken over, whoever had it reads so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hotline import ticket_claims
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.ticket_claims import STALE_AFTER
from hotline.tickets import Ticket
from tests.softphone_panel.conftest import Client, SignedIn, hidden


@pytest.fixture
def ticket(who: dict[str, int]) -> str:
    """An open ticket whose calls are over."""
    with reading() as session:
        busy = select(Call.ticket_id).where(Call.state != "ended")
        asked = select(Ticket.id).where(Ticket.state != "closed", Ticket.id.not_in(busy))
        return session.scalars(asked.order_by(Ticket.number).limit(1)).one()


def act(client: Client, ticket: str, act: str, **more: str) -> Any:
    return client.post(f"/tickets/{ticket}/claim", data={"act": act, **more})


def age(ticket: str, by: timedelta) -> None:
    """As if the claim's page had been silent for so long."""
    with transaction() as session:
        row = ticket_claims.of(session, ticket)
        assert row is not None
        row.claimed_at, row.beat_at = row.claimed_at - by, row.beat_at - by


def test_the_first_works_it_and_the_second_is_told_at_once_who_and_by_how_much(
    ticket: str, signed_in: SignedIn
) -> None:
    lan, minh = signed_in("lan"), signed_in("minh")
    assert "Chưa ai nhận phiếu này" in lan.get(f"/tickets/{ticket}").text
    assert act(lan, ticket, "claim").status_code == 303
    told = act(minh, ticket, "claim")
    assert told.status_code == 409 and "Lê Thị Lan đã nhận phiếu này trước bạn" in told.text
    assert "Bạn đang làm phiếu này từ" in lan.get(f"/tickets/{ticket}").text
    page = minh.get(f"/tickets/{ticket}").text
    assert "Lê Thị Lan đang làm phiếu này từ" in page and "Nhận thay" not in page
    assert "Bấm nhận sau Lê Thị Lan" in page  # the race is on the ticket
    assert "✎ Lê Thị Lan" in minh.get("/tickets").text and "bạn đang làm" in lan.get("/tickets").text


def test_somebody_elses_ticket_is_not_changed_but_notes_are_free(ticket: str, signed_in: SignedIn) -> None:
    lan, minh = signed_in("lan"), signed_in("minh")
    act(lan, ticket, "claim")
    page = minh.get(f"/tickets/{ticket}").text
    form = {
        "click_id": hidden(page, "click_id", "/change"), "version": hidden(page, "version", "/change"), "state": "in_progress",
        "seen_state": "open", "seen_disposition": "", "seen_unit_code": "", "unit_code": "",
    }  # fmt: skip
    told = minh.post(f"/tickets/{ticket}/change", data=form)
    assert told.status_code == 409 and "Lê Thị Lan đang làm phiếu này: hãy để lại ghi chú" in told.text
    note = {"click_id": hidden(page, "click_id", "/note"), "note": "người nhà gọi lại"}
    assert minh.post(f"/tickets/{ticket}/note", data=note).status_code == 303
    with reading() as session:
        assert session.get_one(Ticket, ticket).state == "open"


def test_a_silent_claim_is_amber_and_taken_over_with_a_reason_and_who_had_it_reads_so(
    ticket: str, signed_in: SignedIn
) -> None:
    lan, minh = signed_in("lan"), signed_in("minh")
    act(lan, ticket, "claim")
    assert act(minh, ticket, "take_over", reason="máy Lan hỏng").status_code == 409  # she is there
    age(ticket, STALE_AFTER)
    page = minh.get(f"/tickets/{ticket}").text
    assert 'class="claim stale"' in page and "không còn ở trang từ" in page
    assert "‼ Lê Thị Lan, không còn ở trang" in minh.get("/tickets").text
    short = act(minh, ticket, "take_over", reason="?")
    assert short.status_code == 422
    assert act(minh, ticket, "take_over", reason="máy Lan hỏng").status_code == 303
    assert "Phạm Quang Minh đã nhận thay bạn: máy Lan hỏng" in lan.get(f"/tickets/{ticket}").text
    assert "Phạm Quang Minh đã nhận thay phiếu" in lan.get("/desk/bar").text
    lost = lan.post(f"/tickets/{ticket}/claim/beat")
    assert lost.status_code == 200 and "đã nhận thay bạn" in lost.text
    assert minh.post(f"/tickets/{ticket}/claim/beat").status_code == 204
    assert "Nhận thay phiếu của Lê Thị Lan: máy Lan hỏng" in minh.get(f"/tickets/{ticket}").text


def test_a_supervisor_takes_a_fresh_one_over_and_it_can_be_let_go(ticket: str, signed_in: SignedIn) -> None:
    lan, chief = signed_in("lan"), signed_in("truongca")
    act(lan, ticket, "claim")
    assert act(chief, ticket, "take_over", reason="chuyển cho ca sau").status_code == 303
    assert act(lan, ticket, "let_go").status_code == 409
    assert act(chief, ticket, "let_go").status_code == 303
    assert act(lan, ticket, "claim").status_code == 303


def test_a_ticket_whose_citizen_somebody_talks_with_is_theirs_and_a_closed_one_nobodys(
    who: dict[str, int], ticket: str, signed_in: SignedIn
) -> None:
    with transaction() as session:
        call = session.scalars(select(Call).where(Call.ticket_id == ticket)).first()
        assert call is not None
        call.state, call.operator_id = "talking", who["hoa"]
    told = act(signed_in("lan"), ticket, "claim")
    assert told.status_code == 409 and "Võ Thị Hoa đang nói chuyện" in told.text
    with transaction() as session:
        session.get_one(Ticket, ticket).state = "closed"
    assert act(signed_in("hoa"), ticket, "claim").status_code == 409
    assert "Nhận xử lý</button>" not in signed_in("hoa").get(f"/tickets/{ticket}").text


def test_the_lists_claims_come_as_parts_that_find_their_places(ticket: str, signed_in: SignedIn) -> None:
    lan = signed_in("lan")
    act(lan, ticket, "claim")
    text = lan.get(f"/tickets/claims/{ticket},t-none").text
    assert f'id="claim-of-{ticket}"' in text and 'hx-swap-oob="true"' in text and "bạn đang làm" in text
