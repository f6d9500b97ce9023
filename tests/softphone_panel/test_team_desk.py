"""A team's page and the links of messages: its orders, its answers and reports, its pictures."""

from __future__ import annotations

import io
import re
import struct
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from hotline import agencies, order_links, ordering, pictures, tokens
from hotline.database import reading, transaction
from hotline.events import now
from hotline.numbers import caller
from hotline.ordering import By
from hotline.orders import (
    Actor,
    Happening,
    Means,
    Order,
    OrderLink,
    OrderPhoto,
    OrderStep,
)
from hotline.settings import settings
from hotline.text_messages import TextMessage
from hotline.tickets import TicketEntry
from tests.softphone_panel.conftest import Client, SignedIn, hidden
from tests.softphone_panel.order_rows import NAME, order, part, sender, teams


@pytest.fixture
def ticket(who: dict[str, int]) -> str:
    """A ticket of the morning, teams that answer for its place, and their accounts and leaders."""
    with transaction() as session:
        return teams(session)


def token_of(house: Path, app: Flask) -> str:
    """The token in the message that went out last."""
    assert sender(house, app).look() >= 1
    text = sorted((house / "sms").glob("*.txt"))[-1].read_text()
    found = re.search(r"https://1022\.example/l/(\S+)", text)
    assert found, text
    return found.group(1)


# -- a team, signed in --


def test_a_team_sees_its_own_orders_only_and_whom_to_help_only_after_its_yes(
    ticket: str, signed_in: SignedIn
) -> None:
    order_id = order(ticket)
    client = signed_in("doi")
    assert client.get("/").headers["Location"] == "/team"
    page = client.get("/team").text
    assert "Đưa người bệnh đến" in page
    for told in (NAME, "865432109"):
        assert told not in page, told
    assert "Đội chưa có lệnh nào" in signed_in("doi2").get("/team").text
    assert signed_in("doi2").post(f"/team/{order_id}.1", data={"happening": "accept"}).status_code == 404
    for path in ("/tickets", "/orders", f"/tickets/{ticket}", "/desk", "/my-desk"):
        assert client.get(path).status_code == 403, path
    _say(client, page, order_id, "accept")
    page = client.get("/team").text
    assert NAME in page
    assert "0865432109" in page
    with reading() as session:
        seen = session.scalars(select(TicketEntry.actor).where(TicketEntry.kind == "ticket_viewed")).all()
    assert "doi" in seen
    _say(client, page, order_id, "arrive", latitude="11.53", longitude="106.88")
    page = client.get("/team").text
    _say(client, page, order_id, "finish", note="đã đưa đến trung tâm y tế")
    with reading() as session:
        steps = session.scalars(select(OrderStep).order_by(OrderStep.id)).all()
    assert [(s.state, s.means) for s in steps][1:] == [
        ("accepted", "panel"),
        ("on_site", "panel"),
        ("done", "panel"),
    ]
    assert (steps[2].latitude, steps[2].longitude) == (11.53, 106.88)
    with transaction() as session:
        session.execute(update(Order).values(due_at=now() - timedelta(minutes=1)))
    page = client.get("/team").text
    assert "Đã làm xong" in page and "quá hạn" not in page, "what was done in time is not late afterwards"


def test_a_team_that_cannot_do_it_says_why(ticket: str, signed_in: SignedIn) -> None:
    order_id = order(ticket)
    client = signed_in("doi")
    _say(client, client.get("/team").text, order_id, "accept")
    page = client.get("/team").text
    form = {"click_id": hidden(page, "click_id", f"/team/{order_id}.1"), "happening": "fail"}
    answer = client.post(f"/team/{order_id}.1", data=form)
    assert answer.status_code == 409
    assert "Ghi chú" in answer.text
    assert part(order_id).state == "accepted"


def test_a_team_s_page_is_small_needs_no_script_and_has_no_foreign_thing(
    ticket: str, signed_in: SignedIn
) -> None:
    for n in range(5):
        order(ticket, what=f"Việc số {n} của đội")
    client = signed_in("doi")
    page = client.get("/team")
    parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    whole = len(page.data)
    for path in parts:
        with client.get(path) as answer:
            whole += len(answer.data)
    assert whole < 40_000, whole
    assert not re.search(r"<script>|onclick=|style=", page.text)
    assert not re.search(r'(?:href|src|action)="https?:', page.text)
    assert "geolocation=(self)" in page.headers["Permissions-Policy"]
    assert "geolocation=()" in client.get("/sign-in").headers["Permissions-Policy"]


def _say(client: Client, page: str, order_id: str, happening: str, **more: str) -> None:
    form = {"click_id": hidden(page, "click_id", f"/team/{order_id}.1"), "happening": happening, **more}
    answer = client.post(f"/team/{order_id}.1", data=form)
    assert answer.status_code == 303, answer.text


# -- by a link --


def test_a_message_s_link_takes_one_answer_and_leads_on_to_the_reports(
    ticket: str, house: Path, app: Flask
) -> None:
    order_id = order(ticket)
    token = token_of(house, app)
    client = app.test_client()
    page = client.get(f"/l/{token}").text
    assert "Đưa người bệnh đến" in page
    for told in (NAME, "865432109", "hẻm 5"):
        assert told not in page, told
    with reading() as session:
        assert not session.scalars(select(OrderLink.token_hash).where(OrderLink.token_hash == token)).all()
    answer = client.post(f"/l/{token}", data={"happening": "accept"})
    assert answer.status_code == 303, answer.text
    work = answer.headers["Location"]
    assert work != f"/l/{token}"
    assert part(order_id).accepted_means == "link"
    spent = client.post(f"/l/{token}", data={"happening": "decline"})
    assert spent.status_code == 409
    assert "đã dùng rồi" in spent.text
    first = client.get(f"/l/{token}").text
    assert "đã dùng rồi" in first
    assert NAME not in first, "whoever finds the message later reads nothing about the person"
    page = client.get(work).text
    assert NAME in page
    assert client.post(work, data={"happening": "set_out"}).status_code == 303
    assert part(order_id).state == "en_route"


def test_a_link_that_is_wrong_or_too_old_opens_nothing(ticket: str, house: Path, app: Flask) -> None:
    order(ticket)
    token = token_of(house, app)
    assert len(token) * 6 >= 128
    client = app.test_client()
    for wrong in ("x" * 32, token[:-1], "a"):
        answer = client.get(f"/l/{wrong}")
        assert answer.status_code == 404
        assert "Liên kết không đúng hoặc đã hết hạn" in answer.text
    with transaction() as session:
        session.scalars(select(OrderLink)).one().expires_at = now() - timedelta(seconds=1)
    assert client.get(f"/l/{token}").status_code == 404


def test_who_tries_links_is_soon_refused(ticket: str, app: Flask) -> None:
    client = app.test_client()
    codes = [client.get(f"/l/{'y' * 30}{n:02}").status_code for n in range(30)]
    assert codes[0] == 404
    assert codes[-1] == 429


def test_a_yes_by_link_after_the_telephone_s_reads_that_it_was_given(
    ticket: str, house: Path, app: Flask
) -> None:
    order_id = order(ticket)
    token = token_of(house, app)
    with transaction() as session:
        ordering.act(
            session, f"{order_id}.1", Happening.ACCEPT, Actor.TEAM, "máy", Means.TELEPHONE, now(),
            agencies.organisation(session),
        )  # fmt: skip
    answer = app.test_client().post(f"/l/{token}", data={"happening": "accept"})
    assert answer.status_code == 409
    assert "đã được đội nhận trước đó" in answer.text
    assert part(order_id).accepted_means == "telephone"


def test_a_message_says_what_matters_in_every_phone_s_letters_and_nobody_s_name(
    ticket: str, house: Path, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    order(ticket)
    token = token_of(house, app)
    (file,) = (house / "sms").glob("*.txt")
    number, text = file.read_text().splitlines()
    assert caller(number).e164
    assert text.isascii()
    assert len(text) <= 459
    assert text.startswith("1022 Binh Phuoc: lenh RAT KHAN BP-")
    assert "Bi Mat" not in text
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert token not in caplog.text
    with reading() as session:
        (row,) = session.scalars(select(TextMessage))
    assert row.state == "sent"


def test_no_message_goes_to_a_team_that_has_answered(ticket: str, house: Path, app: Flask) -> None:
    order_id = order(ticket)
    with transaction() as session:
        ordering.recall(session, order_id, By("lan", "operator"), "đã có xe khác", now())
    assert sender(house, app).look() == 0
    with reading() as session:
        assert session.scalars(select(TextMessage.state)).all() == ["dropped"]
        assert session.scalars(select(OrderLink)).all() == []


# -- pictures --

PLACE_NOTED = b"GPS 11.53 106.88"


def jpeg() -> bytes:
    def segment(kind: int, content: bytes) -> bytes:
        return bytes((0xFF, kind)) + struct.pack(">H", len(content) + 2) + content

    frame = b"\x08" + struct.pack(">HH", 4, 4) + b"\x01\x01\x11\x00"
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE1, b"Exif\0\0" + PLACE_NOTED),
            segment(0xC0, frame),
            segment(0xDA, b"\0" * 6),
            b"\1\2\3",
            b"\xff\xd9",
        )
    )


def png() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", PLACE_NOTED)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("content", "kind"), [(jpeg(), "jpeg"), (png(), "png")], ids=["jpeg", "png"])
def test_a_picture_is_kept_without_what_the_camera_noted_and_shown_to_staff(
    ticket: str, signed_in: SignedIn, content: bytes, kind: str
) -> None:
    order_id = order(ticket)
    client = signed_in("doi")
    _say(client, client.get("/team").text, order_id, "accept")
    answer = _send(client, order_id, content)
    assert answer.status_code == 303, answer.text
    with reading() as session:
        (photo,) = session.scalars(select(OrderPhoto))
    kept = (settings().recordings / photo.path).read_bytes()
    assert photo.kind == kind
    assert PLACE_NOTED not in kept
    assert client.get(f"/orders/photo/{photo.id}").status_code == 403
    with signed_in("lan").get(f"/orders/photo/{photo.id}") as shown:
        assert shown.data == kept
    assert (shown.status_code, shown.mimetype) == (200, f"image/{kind}")


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"<svg onload=alert(1)>", 422, "không phải ảnh"),
        (jpeg()[:-8], 422, "không phải ảnh"),
        (png()[:-6] + b"abcdef", 422, "không phải ảnh"),
        (jpeg() + b"\0" * 300_000, 413, "Ảnh quá lớn"),
    ],
    ids=["svg", "cut off", "changed", "too large"],
)
def test_what_is_no_picture_is_refused_and_the_report_with_it(
    ticket: str,
    signed_in: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    status: int,
    sentence: str,
) -> None:
    monkeypatch.setattr(
        pictures, "LARGEST_BYTES", 200_000
    )  # as large as the test's own client keeps in memory
    order_id = order(ticket)
    client = signed_in("doi")
    _say(client, client.get("/team").text, order_id, "accept")
    answer = _send(client, order_id, content)
    assert answer.status_code == status
    assert sentence in answer.text
    assert part(order_id).state == "accepted"


def _send(client: Client, order_id: str, content: bytes) -> Any:
    page = client.get("/team").text
    form = {
        "click_id": hidden(page, "click_id", f"/team/{order_id}.1"), "happening": "arrive",
        "photo": (io.BytesIO(content), "a.jpg"),
    }  # fmt: skip
    return client.post(f"/team/{order_id}.1", data=form, content_type="multipart/form-data")


def test_links_expire_after_the_order_s_deadline(ticket: str) -> None:
    order_id = order(ticket)
    with transaction() as session:
        at = now()
        token = order_links.make(session, f"{order_id}.1", order_links.WORK, at)
        link = tokens.find(session, OrderLink, token, at)
        assert link is not None
        assert link.expires_at - at < timedelta(hours=13)
        assert tokens.find(session, OrderLink, token, at + timedelta(hours=13)) is None
