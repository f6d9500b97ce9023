"""Orders on the panel: who issues, approves, recalls and sees them, and the sentence when it cannot be."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from hotline import agencies, ordering
from hotline.agencies import AgencyRow
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Role
from hotline.ordering import By
from hotline.orders import (
    Assignment,
    Order,
    OrderApproval,
)
from softphone_panel import desk
from tests.softphone_panel.conftest import SignedIn, hidden
from tests.softphone_panel.order_rows import CENTRE, NAME, OTHER, TEAM, order, part, sender, teams


@pytest.fixture
def ticket(who: dict[str, int]) -> str:
    """A ticket of the morning, teams that answer for its place, and their accounts and leaders."""
    with transaction() as session:
        return teams(session)


def test_an_order_is_issued_from_a_ticket_to_the_nearest_team_that_answers_for_it(
    ticket: str, signed_in: SignedIn
) -> None:
    client = signed_in("lan")
    assert f"/orders/new/{ticket}" in client.get(f"/tickets/{ticket}").text
    page = client.get(f"/orders/new/{ticket}").text
    suggested = page[page.index("<fieldset") : page.index("</fieldset")]
    assert suggested.index(f'value="{TEAM}" checked') < suggested.index(f'value="{CENTRE}"')
    form = {
        "click_id": hidden(page, "click_id", f"/orders/new/{ticket}"), "category": "emergency_transport",
        "what": "Đưa người bệnh đi", "due_at": re.findall(r'type="datetime-local" value="([^"]+)"', page)[0],
        "team": [TEAM, ""], "acuity": "ORANGE", "unit_code": "25195",
    }  # fmt: skip
    answer = client.post(f"/orders/new/{ticket}", data=form)
    assert answer.status_code == 303, answer.text
    assert client.post(f"/orders/new/{ticket}", data=form).status_code == 303
    with reading() as session:
        (made,) = session.scalars(select(Order))
    shown = client.get(answer.headers["Location"]).text
    assert "Đội doi-tan-phu" in shown
    assert "Đã gửi, chờ nhận" in shown
    listed = client.get("/orders").text
    assert made.id in listed
    assert "Ra lệnh cho Đội doi-tan-phu" in client.get(f"/tickets/{ticket}").text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"due_at": "2020-01-01T08:00"}, "08:00 01/01/2020 đã qua"),
        ({"due_at": "mai"}, "hãy viết giờ và ngày"),
        ({"team": ["doi-ma"]}, "Không có đơn vị “doi-ma”"),
        ({"team": [CENTRE]}, "Lý do xin duyệt"),
        ({"what": " "}, "từ 5 đến 500"),
        ({"unit_code": "99999"}, "không có mã này"),
    ],
)
def test_a_wrong_order_comes_back_with_its_sentence_and_what_was_typed(
    ticket: str, signed_in: SignedIn, change: dict[str, Any], sentence: str
) -> None:
    client = signed_in("lan")
    form: dict[str, Any] = {
        "click_id": "abcdef0123456789", "category": "emergency_transport", "what": "Đưa người bệnh đi xa",
        "due_at": "2036-01-01T08:00", "team": [TEAM], "acuity": "ORANGE", "unit_code": "25195",
    } | {"due_at": (now() + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M")} | change  # fmt: skip
    answer = client.post(f"/orders/new/{ticket}", data=form)
    assert answer.status_code == 422
    assert sentence in answer.text
    if "what" not in change:
        assert "Đưa người bệnh đi xa" in answer.text
    with reading() as session:
        assert session.scalars(select(Order)).all() == []
        assert session.scalars(select(Assignment)).all() == []


def test_the_committee_s_second_person_approves_and_then_the_team_is_told(
    ticket: str, signed_in: SignedIn
) -> None:
    order_id = order(ticket, CENTRE, reason="xã không có xe")
    assert part(order_id).state == "waiting"
    with reading() as session:
        (asked,) = session.scalars(select(OrderApproval))
    lan = signed_in("lan").get("/orders").text
    assert "xã không có xe" in lan
    assert 'value="approve"' not in lan, "an operator decides nothing"
    client = signed_in("chutich")
    page = client.get("/orders").text
    assert "(Lê Thị Lan → " in page
    action = f"/orders/{order_id}/approval/{asked.id}"
    form = {"click_id": hidden(page, "click_id", action), "decision": "approve"}
    assert client.post(action, data=form).status_code == 303
    assert part(order_id).state == "sent"
    again = client.post(action, data={**form, "click_id": "f" * 32})
    assert again.status_code == 409
    assert "chutich quyết định" in again.text


def test_a_committee_that_is_asked_is_told_at_once_by_message_and_on_its_pages_until_it_has_answered(
    ticket: str, signed_in: SignedIn, house: Path, app: Flask
) -> None:
    order_id = order(ticket, CENTRE, reason="xã không có xe")
    assert sender(house, app).look() == 1
    text = next(iter((house / "sms").glob("*.txt"))).read_text()
    assert "xin Ban Chi dao duyet truoc" in text and f"/orders/{order_id}" in text and "xe" not in text
    leader = signed_in("chutich")
    page = leader.get("/orders").text
    assert "/asked" in page and "1 lệnh chờ bạn duyệt" in leader.get("/command").text
    assert "chờ bạn duyệt" not in signed_in("truongca").get("/command").text
    (asked,) = approvals()
    form = {"click_id": "b" * 32, "decision": "approve"}
    assert leader.post(f"/orders/{order_id}/approval/{asked.id}", data=form).status_code == 303
    assert "/asked" not in leader.get("/orders").text and "chờ bạn duyệt" not in leader.get("/command").text


def test_no_message_goes_to_a_committee_that_has_answered(ticket: str, house: Path, app: Flask) -> None:
    order_id = order(ticket, CENTRE, reason="xã không có xe")
    with transaction() as session:
        ordering.recall(session, order_id, By("lan", "operator"), "đã có xe khác", now())
    assert sender(house, app).look() == 0


def approvals() -> list[OrderApproval]:
    with reading() as session:
        return list(session.scalars(select(OrderApproval)))


def test_leaders_see_orders_and_no_ticket(ticket: str, signed_in: SignedIn) -> None:
    order_id = order(ticket)
    client = signed_in("chutich")
    assert client.get("/").headers["Location"] == "/orders"
    page = client.get(f"/orders/{order_id}").text
    assert NAME not in page
    assert "0865" not in page
    assert client.get(f"/tickets/{ticket}").status_code == 403


def test_a_recalled_order_is_off_everywhere_and_an_approval_of_it_reads_why(
    ticket: str, signed_in: SignedIn
) -> None:
    order_id = order(ticket, CENTRE, reason="xã không có xe")
    client = signed_in("truongca")
    page = client.get(f"/orders/{order_id}").text
    form = {"click_id": hidden(page, "click_id", f"/orders/{order_id}/recall"), "reason": "đã có xe khác"}
    assert client.post(f"/orders/{order_id}/recall", data=form).status_code == 303
    with reading() as session:
        (asked,) = session.scalars(select(OrderApproval))
    late = signed_in("chutich").post(
        f"/orders/{order_id}/approval/{asked.id}", data={"click_id": "e" * 32, "decision": "approve"}
    )
    assert late.status_code == 409
    assert "đã được thu hồi" in late.text


def test_an_order_that_nobody_took_alarms_on_every_page_until_it_is_given_to_another(
    ticket: str, signed_in: SignedIn
) -> None:
    order_id = order(ticket)
    with transaction() as session:
        at = now() + timedelta(hours=1)
        organisation = agencies.organisation(session)
        for _ in range(3):
            last = session.scalars(select(Assignment.id).order_by(Assignment.id.desc()).limit(1)).one()
            at += timedelta(hours=1)
            ordering.answer_is_due(session, last, at, organisation)
            session.expire_all()
    client = signed_in("truongca")
    assert "không đơn vị nào nhận" in client.get("/recalls/alarms").text
    page = client.get(f"/orders/{order_id}").text
    form = {
        "click_id": hidden(page, "click_id", f"/orders/{order_id}/give"),
        "team": OTHER,
        "reason": "đội kia gần hơn",
    }
    assert client.post(f"/orders/{order_id}/give", data=form).status_code == 303
    assert part(order_id).team == OTHER
    assert "không đơn vị nào nhận" not in client.get("/recalls/alarms").text


def test_homes_are_named_for_every_role() -> None:
    assert {Role.TEAM, Role.LEADER} <= set(desk.HOMES)


# -- how much a team can do at once --


@pytest.fixture
def full(ticket: str) -> str:
    """The team nearest to the ticket can see to one order, and has it; the ticket's id."""
    order(ticket)
    with transaction() as session:
        session.execute(update(AgencyRow).where(AgencyRow.key == TEAM).values(capacity=1))
    return ticket


def _form(**change: Any) -> dict[str, Any]:
    return {
        "click_id": "abcdef0123456789", "category": "emergency_transport", "what": "Đưa thêm một người bệnh",
        "due_at": (now() + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M"), "team": [TEAM], "acuity": "RED",
        "unit_code": "25195",
    } | change  # fmt: skip


def test_a_full_team_is_named_and_the_next_one_chosen_instead(full: str, signed_in: SignedIn) -> None:
    page = signed_in("truongca").get(f"/orders/new/{full}").text
    assert "1/1 lệnh" in page and "đang kín việc" in page
    assert f'value="{TEAM}" checked' not in page and f'value="{CENTRE}" checked' in page
    assert "Vẫn giao" not in page


def test_an_order_over_a_team_s_capacity_is_given_only_when_somebody_says_so_again(
    full: str, signed_in: SignedIn
) -> None:
    client = signed_in("truongca")
    refused = client.post(f"/orders/new/{full}", data=_form())
    assert refused.status_code == 422
    assert f"đang có 1 lệnh, làm được 1 lệnh cùng lúc: hãy chọn Đội {CENTRE}" in refused.text
    assert "Đưa thêm một người bệnh" in refused.text and "Vẫn giao" in refused.text
    with reading() as session:
        assert len(session.scalars(select(Order)).all()) == 1
    again = client.post(f"/orders/new/{full}", data=_form(click_id="1" * 16, over="1"))
    assert again.status_code == 303
    with reading() as session:
        assert len(session.scalars(select(Assignment).where(Assignment.team == TEAM)).all()) == 2


def test_a_team_that_is_done_has_room_again(full: str, signed_in: SignedIn) -> None:
    with transaction() as session:
        session.execute(update(Assignment).values(state="done"))
    assert signed_in("truongca").post(f"/orders/new/{full}", data=_form()).status_code == 303
