"""A ticket's deadlines on its page: time left in words, pausing with a reason, the result, and closing with proof."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from hotline import clocks, closing
from hotline.clocks import Clocks
from hotline.closing import Known, Missing, Proof
from hotline.database import engine, reading
from hotline.deadlines import Worker
from hotline.events import now
from hotline.recalls import RESULT, Recall
from softphone_panel.ticket_clock import left
from tests.softphone_panel.conftest import SignedIn
from tests.softphone_panel.test_tickets import entries, form, ticket

CLICK = "0123456789abcdef"


def test_the_time_left_is_said_in_words(app: Flask) -> None:
    at = now()
    with app.test_request_context("/"):
        assert left(at + timedelta(minutes=125), at) == "còn 2 giờ 5 phút"
        assert left(at - timedelta(minutes=12), at) == "trễ 12 phút"
        assert left(at + timedelta(days=3), at) == "còn 3 ngày"


def act(client: FlaskClient, ticket_id: str, **values: str) -> int:
    return client.post(
        f"/tickets/{ticket_id}/clock", data={"click_id": CLICK + values["act"], **values}
    ).status_code


def follow(app: Flask) -> None:
    """What the worker does a second later."""
    Clocks(engine(), lambda: app.config["INSTALLATION"]).look()


def test_a_clock_is_paused_with_a_reason_only_and_runs_on(app: Flask, signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket()
    assert act(client, one.id, act="pause", text="", hours="4") == 422
    assert act(client, one.id, act="pause", text="chờ gia đình", hours="5") == 422
    assert act(client, one.id, act="pause", text="chờ gia đình", hours="4") == 303
    assert act(client, one.id, act="pause", text="chờ gia đình", hours="4") == 303, (
        "a double click pauses once"
    )
    follow(app)
    page = client.get(f"/tickets/{one.id}").text
    assert "Đồng hồ tạm dừng đến" in page and "chờ gia đình" in page
    assert len(entries(one.id, clocks.PAUSED)) == 1
    assert "tạm dừng đến" in client.get("/tickets").text
    assert act(client, one.id, act="resume") == 303
    assert "Cho đồng hồ chạy tiếp" not in client.get(f"/tickets/{one.id}/clock").text


def test_what_was_done_owes_the_citizen_a_call_that_tells_it(app: Flask, signed_in: SignedIn) -> None:
    client, one = signed_in("truongca"), ticket()
    assert act(client, one.id, act="done", result="supplied", text="", how="call") == 422
    assert act(client, one.id, act="done", result="supplied", text="Đã giao 10 kg gạo", how="call") == 303
    with reading() as session:
        owed = session.scalars(select(Recall).where(Recall.ticket_id == one.id, Recall.why == RESULT)).one()
        assert (owed.state, owed.tries, owed.number) == ("due", 0, one.callback_number or one.caller_number)
    page = client.get(f"/tickets/{one.id}").text
    assert (
        "Gọi báo kết quả" in page
        and "Đã xử lý: đã giao hàng, vật phẩm. Đã giao 10 kg gạo".lower() in page.lower()
    )
    sent = form(client, one.id, state="closed", disposition="forwarded")
    refused = client.post(f"/tickets/{one.id}/change", data=sent)
    assert refused.status_code == 422 and "Chưa có bằng chứng" in refused.text
    assert act(client, one.id, act="told", how="message") == 303
    sent = form(client, one.id, state="closed", disposition="forwarded")
    assert client.post(f"/tickets/{one.id}/change", data=sent).status_code == 303
    (entry,) = entries(one.id, "disposition")
    assert entry.body["proof"] == {"done": "Đã giao 10 kg gạo", "told": "message"}


def test_late_tickets_stand_in_one_list_with_whom_they_are(app: Flask, signed_in: SignedIn) -> None:
    later = Clocks(engine(), lambda: app.config["INSTALLATION"])
    later.look()
    Worker(engine(), {clocks.DUE: later.sound}, "n1", clock=lambda: now() + timedelta(hours=9)).look()
    page = signed_in("truongca").get("/late").text
    assert "BP-3" in page and "Quản trị" in page


TALK, TOLD = Known(talked=True), Known(done="đã giao gạo", told="result_call")


@pytest.mark.parametrize(
    ("disposition", "known", "note", "supervises", "found"),
    [
        ("wrong_number", Known(), "", False, Proof("wrong_number", "needless")),
        ("advised", TALK, "", False, Proof("advised", "talk")),
        ("advised", Known(), "", False, None),
        ("emergency_sent", Known(), "115 đã đến nhà", False, Proof("115 đã đến nhà", "note")),
        ("forwarded", TALK, "đã chuyển", True, None),
        ("forwarded", TOLD, "", False, Proof("đã giao gạo", "result_call")),
        ("unreachable", Known(tries=3), "", False, None),
        ("unreachable", Known(tries=2), "", True, None),
        ("unreachable", Known(tries=3, done="đã giao gạo"), "", True, Proof("đã giao gạo", "unreachable")),
    ],
)
def test_a_closing_has_its_proof(
    disposition: str, known: Known, note: str, supervises: bool, found: Proof | None
) -> None:
    judged = closing.proof(disposition, known, note, supervises=supervises)
    assert isinstance(judged, Missing) if found is None else judged == found
