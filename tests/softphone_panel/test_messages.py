"""The page of messages: dead letters and why, sent again by one click, counted for who runs the machine."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from hotline.database import reading, transaction
from hotline.events import now
from hotline.text_messages import TextMessage
from softphone_panel import fault_words
from tests.softphone_panel.conftest import SignedIn
from tests.softphone_panel.test_tickets import entries, ticket

NUMBER = "+84912345678"


@pytest.fixture
def dead(who: dict[str, int]) -> int:
    """A result that the provider refused; its id."""
    one, at = ticket(), now()
    with transaction() as session:
        row = TextMessage(
            at=at, next_try_at=at, hotline=one.hotline, kind="result", about=one.id, ticket_id=one.id, number=NUMBER,
            body={"result": "solved"}, state="failed", tries=1, fault="HTTP 400",
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def message(number: int) -> TextMessage:
    with reading() as session:
        return session.scalars(select(TextMessage).where(TextMessage.id == number)).one()


def test_a_dead_letter_is_listed_with_its_reason_and_sent_again_once(dead: int, signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    page = client.get("/messages").text
    assert "cổng nhận không hiểu nội dung gửi tới (HTTP 400)" in page and "messages.toml" in page
    assert "Báo kết quả cho người dân" in page and "không gửi được" in page
    click = {"click_id": "0123456789abcdef"}
    assert client.post(f"/messages/{dead}", data=click).status_code == 303
    assert client.post(f"/messages/{dead}", data=click).status_code == 303, "a double click sends once"
    row = message(dead)
    assert (row.state, row.round, row.tries) == ("due", 1, 0)
    assert len(entries(row.ticket_id, "message_again")) == 1
    stale = client.post(f"/messages/{dead}", data={"click_id": "fedcba9876543210"})
    assert stale.status_code == 409 and "đã được gửi lại rồi" in stale.text
    assert client.post("/messages/9999", data=click).status_code == 404


def test_operators_do_not_see_the_page(dead: int, signed_in: SignedIn) -> None:
    assert signed_in("lan").get("/messages").status_code == 403


def test_dead_letters_are_counted_and_named(dead: int, app: Flask) -> None:
    client = app.test_client()
    told = client.get("/metrics").text
    assert 'hotline_messages{state="failed"} 1.0' in told and "hotline_messages_lag_seconds 0.0" in told
    ready = client.get("/ready").json
    assert ready is not None
    assert ready["parts"]["messages"] == "messages that were given up: 1; see the page /messages"


@pytest.mark.parametrize(
    ("fault", "given_up", "said", "to_do"),
    [
        ("HTTP 401", False, "không nhận khóa", "khóa và tài khoản"),
        ("HTTP 418", True, "cổng nhận từ chối (HTTP 418)", "hỏi nhà cung cấp"),
        ("HTTP 503", False, "cổng nhận đang lỗi (HTTP 503)", "tự gửi lại"),
        ("CodeResult 101", True, "nhà cung cấp trả lời: CodeResult 101", "hỏi nhà cung cấp"),
        ("", False, "", ""),
    ],
)
def test_why_a_message_did_not_go_is_said_with_what_to_do(
    app: Flask, fault: str, given_up: bool, said: str, to_do: str
) -> None:
    with app.test_request_context():
        assert said in fault_words.word(fault)
        assert to_do in fault_words.advice(fault, given_up=given_up)
