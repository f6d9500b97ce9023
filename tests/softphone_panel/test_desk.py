"""The operator's own bar: clicks become rows for the calls process."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select

from front_door import demo_data
from hotline.approvals import Approval
from hotline.calls import Call
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator, OperatorPresence
from hotline.recalls import Recall
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import SignedIn, hidden


def commands() -> list[DeskCommand]:
    with reading() as session:
        return list(session.scalars(select(DeskCommand).order_by(DeskCommand.id)))


def test_a_double_click_is_one_command(signed_in: SignedIn, who: dict[str, int]) -> None:
    client = signed_in("tuan")
    click = hidden(client.get("/desk/bar").text, "click_id")
    for _ in range(2):
        assert client.post("/desk/command", data={"kind": "resume", "click_id": click}).status_code == 303
    assert [(c.operator_id, c.kind) for c in commands()] == [(who["tuan"], "resume")]
    assert hidden(client.get("/desk/bar").text, "click_id") != click


def test_the_bar_shows_why_a_command_was_refused(signed_in: SignedIn) -> None:
    client = signed_in("tuan")
    click = hidden(client.get("/desk/bar").text, "click_id")
    client.post("/desk/command", data={"kind": "resume", "click_id": click})
    assert "Đang chờ tổng đài" in client.get("/desk/bar").text
    with transaction() as session:
        row = session.scalars(select(DeskCommand)).one()
        row.done_at, row.refused = now(), "Máy 104 không kết nối: hãy cắm lại dây."
    assert "Máy 104 không kết nối: hãy cắm lại dây." in client.get("/desk/bar").text


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"kind": "sign_in", "phone": "999"}, "hãy chọn máy điện thoại"),
        ({"kind": "sign_in", "phone": "101"}, "máy 101 đang có người trực"),
        ({"kind": "pause", "reason": "because"}, "Ô “Lý do nghỉ”"),
        ({"kind": "recall_now"}, "không có lệnh này"),
        ({"kind": "resume", "click_id": "<script>"}, "Trang đã cũ"),
    ],
)
def test_a_wrong_command_is_refused_in_a_sentence(
    signed_in: SignedIn, data: dict[str, str], sentence: str
) -> None:
    answer = signed_in("truongca").post("/desk/command", data={"click_id": "0123456789abcdef", **data})
    assert 400 <= answer.status_code < 500
    assert sentence in answer.text
    assert commands() == []


def test_the_ringing_calls_ticket_opens_at_the_desk_with_its_whole_number(signed_in: SignedIn) -> None:
    page = signed_in("hoa").get("/desk/my-call").text
    assert "BP-8" in page
    assert "0812345098" in page
    assert "Đang đổ chuông" in page


def test_a_hotline_without_an_approved_protocol_raises_the_red_banner(app: Flask, house: object) -> None:
    with transaction() as session:
        rows.people(session)
    client = app.test_client()
    client.post("/sign-in", data={"username": "lan", "password": rows.PASSWORD})
    assert "đang chạy KHÔNG có kịch bản được duyệt" in client.get("/desk").text


def test_the_live_page_warns_in_red_until_a_protocol_is_approved(signed_in: SignedIn) -> None:
    client = signed_in("lan")
    assert "KHÔNG có kịch bản được duyệt" not in client.get("/desk/board").text
    with transaction() as session:
        session.execute(delete(Approval))
    page = client.get("/desk/board").text
    assert page.count('class="alert unapproved" role="alert"') == 2
    assert "Tổng đài 1022 Bình Phước đang chạy KHÔNG có kịch bản được duyệt." in page


def test_the_recalls_are_read_again_only_when_something_changed(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    first = client.get("/recalls/list")
    again = client.get("/recalls/list", query_string={"seen": first.headers["X-Seen"]})
    assert again.status_code == 204
    with transaction() as session:
        row = session.scalars(select(Recall)).first()
        assert row is not None
        row.state = "done"
    assert client.get("/recalls/list", query_string={"seen": first.headers["X-Seen"]}).status_code == 200


def test_a_supervisor_recalls_now_and_an_operator_may_not(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    page = client.get("/recalls").text
    path = page[page.index('action="/recalls/') + 8 :].split('"')[0]
    data = {"kind": "recall_now", "click_id": hidden(page, "click_id", path)}
    assert signed_in("lan").post(path, data=data).status_code == 403
    assert client.post(path, data=data).status_code == 303
    assert [c.kind for c in commands()] == ["recall_now"]


def test_a_form_without_the_token_is_refused_and_comes_back(app: Flask, signed_in: SignedIn) -> None:
    client = signed_in("lan")
    app.config["WTF_CSRF_ENABLED"] = True
    answer = client.post("/tickets/t-1/note", data={"click_id": "0123456789", "note": "một ghi chú dài dòng"})
    assert answer.status_code == 400
    assert "một ghi chú dài dòng" in answer.text


def test_passwords_cannot_be_tried_without_end(app: Flask, who: dict[str, int]) -> None:
    client = app.test_client()
    tried = [
        client.post("/sign-in", data={"username": "lan", "password": f"guess {n}"}).status_code
        for n in range(12)
    ]
    assert tried == [401] * 10 + [429] * 2


def test_a_strangers_guesses_keep_nobody_from_signing_in_elsewhere_nor_does_a_whole_shift_at_one_address(
    app: Flask, who: dict[str, int]
) -> None:
    stranger = {"REMOTE_ADDR": "198.51.100.7"}
    for n in range(12):
        guess = {"username": "lan", "password": f"guess {n}"}
        app.test_client().post("/sign-in", data=guess, environ_base=stranger)
    right = {"username": "lan", "password": rows.PASSWORD}
    answers = [app.test_client().post("/sign-in", data=right).status_code for _ in range(25)]
    assert answers == [303] * 25


def test_somebody_without_a_password_is_told_so_like_anybody_else(app: Flask, who: dict[str, int]) -> None:
    with transaction() as session:
        session.scalars(select(Operator).where(Operator.username == "lan")).one().password_hash = ""
    assert (
        app.test_client().post("/sign-in", data={"username": "lan", "password": "guess"}).status_code == 401
    )


def test_somebody_switched_off_cannot_sign_in(app: Flask, who: dict[str, int]) -> None:
    with transaction() as session:
        session.scalars(select(Operator).where(Operator.username == "lan")).one().active = False
    answer = app.test_client().post("/sign-in", data={"username": "lan", "password": rows.PASSWORD})
    assert answer.status_code == 401


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_never_leads_away(app: Flask, who: dict[str, int], there: str) -> None:
    data = {"username": "lan", "password": rows.PASSWORD, "next": there}
    assert app.test_client().post("/sign-in", data=data).headers["Location"] == "/"


def test_a_call_that_never_ended_leaves_the_page(signed_in: SignedIn) -> None:
    old = now() - timedelta(hours=7)
    with transaction() as session:
        rows.Caller(session, rows.call_id(old, 999), old, number="+84999999999").arrives()
        session.get(OperatorPresence, 1)
    assert "0999999999" not in signed_in("truongca").get("/desk/board").text


def test_who_was_paused_by_a_call_is_told_that_the_phone_rings_no_more(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    with transaction() as session:
        presence = session.get(OperatorPresence, who["tuan"])
        assert presence is not None
        presence.state, presence.reason = "paused", "declined"
    page = signed_in("tuan").get("/desk/bar").text
    assert "Đã từ chối cuộc gọi" in page
    assert "Máy bạn không đổ chuông nữa." in page
    assert "Tiếp tục nhận cuộc gọi" in page


def test_the_demo_knows_which_callers_somebody_at_a_page_has(who: dict[str, int]) -> None:
    assert demo_data.at_browser_desks() == []
    with transaction() as session:
        talking = session.scalars(select(OperatorPresence).where(OperatorPresence.state == "talking")).first()
        assert talking is not None
        talking.phone = "web-7"
        call = session.get(Call, talking.call_id)
        assert call is not None
        number = call.caller_number
    assert set(demo_data.at_browser_desks()) == {number}


def test_who_talks_sees_who_waits_the_most_urgent_first(signed_in: SignedIn, who: dict[str, int]) -> None:
    with transaction() as session:
        talking = session.scalars(select(OperatorPresence).where(OperatorPresence.state == "talking")).first()
        assert talking is not None
        username = next(name for name, number in who.items() if number == talking.operator_id)
        held = session.get(Call, talking.call_id)
        assert held is not None
        waiting = session.scalars(select(Call).where(Call.direction == "in", Call.id != held.id)).all()
        for call, acuity in zip(waiting, ("NONMED", "RED", "ORANGE"), strict=False):
            call.state, call.acuity, call.hotline, call.ended_at = "waiting", acuity, held.hotline, None
    page = signed_in(username).get("/desk/contacts").text
    shown = re.findall(r'data-waiting="(\w+)"( hidden)?', page)
    assert [level for level, _ in shown] == ["RED", "ORANGE", "YELLOW", "GREEN", "NONMED"]
    assert ("RED", "") in shown
