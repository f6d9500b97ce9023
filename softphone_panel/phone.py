"""The telephone in the browser: its password, who may reach Asterisk's WebSocket, and what it asks of a talk."""

from __future__ import annotations

import re
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from flask_login import current_user

from hotline.bus import LIVE, announce
from hotline.commands import ask
from hotline.database import reading, transaction
from hotline.operators import OperatorPresence, Presence
from hotline.settings import settings
from ivr import browser_phone
from softphone_panel import desk
from softphone_panel.faults import InputFault
from softphone_panel.words import say

log = structlog.get_logger(__name__)
room = Blueprint("phone", __name__)

KINDS = frozenset({"dial", "hold", "retrieve", "hang_up", "phone_gone", "phone_ready"})
PAGE = re.compile(r"[0-9a-f]{32}")


@room.get("/desk/phone/door")
def door() -> tuple[str, int]:
    """The front asks this before it lets a browser speak SIP."""
    return ("", 204) if current_user.is_authenticated else ("", 401)


@room.post("/desk/phone/login")
def login() -> tuple[Response, int]:
    """What this page registers with; 409 when another page is the operator's phone and `take` does not say to take over.

    A page that was refused comes `again` by itself: only while its operator is on duty with it.
    """
    page = _page()
    if request.form.get("again") == "1" and not _is_on_duty():
        return jsonify(why="left"), 409
    try:
        before = browser_phone.page_of(settings(), current_user.id)
        another = before not in ("", page)
        if (
            another
            and request.form.get("take") != "1"
            and browser_phone.is_online(settings(), current_user.id)
        ):
            return jsonify(why="elsewhere"), 409
        made = browser_phone.issue(settings(), current_user.id, page)
    except browser_phone.Away as error:
        log.warning("a browser phone could not be made", operator_id=current_user.id, error=str(error))
        raise InputFault(
            "phone", say("Tổng đài không trả lời: máy sẽ tự thử lại sau vài giây."), 503
        ) from None
    if another:
        with transaction() as session:
            announce(session, LIVE, {"event": "PhoneMoved", "operator_id": current_user.id})
    return jsonify(name=made.name, password=made.password), 200


def _is_on_duty() -> bool:
    with reading() as session:
        presence = session.get(OperatorPresence, current_user.id)
        return bool(
            presence and browser_phone.is_browser(presence.phone) and presence.state != Presence.OFFLINE
        )


@room.get("/desk/phone/state")
def state() -> Response:
    """Whether the asking page still is the operator's phone."""
    try:
        return jsonify(mine=browser_phone.page_of(settings(), current_user.id) in ("", _page()))
    except browser_phone.Away:
        return jsonify(mine=True)  # nobody took it over while Asterisk is away


@room.post("/desk/phone/command")
def command() -> tuple[str, int]:
    """One click of the telephone, or its page's last word, becomes one row for the calls process."""
    kind = request.form.get("kind", "")
    if kind not in KINDS:
        raise InputFault("kind", say("Điện thoại không có lệnh này: hãy tải lại trang."))
    body: dict[str, Any] = {"call_id": request.form.get("call_id", "")[:64]}
    if kind == "dial":
        body = {"number": request.form.get("number", "")[:40]}
    with transaction() as session:
        ask(
            session,
            current_user.id,
            kind,
            desk.click(request.form.get("click_id", "")),
            desk.with_language(body),
        )
    return "", 204


def _page() -> str:
    page = request.values.get("page", "")
    if not PAGE.fullmatch(page):
        raise InputFault("page", say("Trang đã cũ: hãy tải lại trang rồi bấm lại."), 400)
    return page


def signed_out(operator_id: int, *, talks_on: bool = False) -> None:
    """Whoever leaves the panel leaves the telephone: its desk is not on duty, and its password is no more.

    `talks_on`: not in the middle of a talk, to whose end the telephone stays as it is; the calls process revokes it then.
    """
    with transaction() as session:
        presence = session.get(OperatorPresence, operator_id)
        if presence and browser_phone.is_browser(presence.phone) and presence.state != Presence.OFFLINE:
            ask(session, operator_id, "sign_out", f"left{operator_id}x{int(presence.since.timestamp())}")
        if talks_on and presence and presence.state == Presence.TALKING:
            return
    try:
        browser_phone.revoke(settings(), operator_id)
    except browser_phone.Away as error:
        log.warning("a browser phone could not be revoked", operator_id=operator_id, error=str(error))
