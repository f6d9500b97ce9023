"""An agency's own page, signed in or by a message's link: the questions it was asked, on any phone, without a script."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import agencies, referring, tokens
from hotline.database import reading, transaction
from hotline.events import now
from hotline.referrals import FOLLOWS, WAITED_FOR, Happening, PartState, Referral, ReferralLink, ReferralPart
from hotline.refusals import RequestRefused
from hotline.tickets import Ticket
from softphone_panel import desk, matter_words, referral_words, team_desk, ticket_changes, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.limits import limiter
from softphone_panel.words import either, say

room = Blueprint("agency_desk", __name__)

SHOWN_AFTER = timedelta(hours=24)
"""How long what is over stays on the page."""
BUTTONS = (Happening.ANSWER, Happening.NOT_OURS, Happening.REFUSE)


@dataclass(frozen=True)
class Card:
    """One question as its agency sees it: no name and no number of whoever asks."""

    row: ReferralPart
    referral: Referral
    label: str
    unit: str
    buttons: tuple[str, ...]
    before: tuple[ReferralPart, ...]
    """What those said whose answers contradict each other, when this one decides."""


@room.errorhandler(InputFault)
def fault(told: InputFault) -> tuple[str, int]:
    """As small as the page; what was typed is given back."""
    back = request.path if request.endpoint == "agency_desk.link_say" else url_for("agency_desk.page")
    text = render_template(
        "team_fault.html",
        sentence=str(told),
        back=back if told.status != 404 else "",
        typed=request.form.get("said", ""),
    )
    return text, told.status


@room.get("/agency")
def page() -> str:
    with reading() as session:
        return render_template("agency.html", cards=_cards(session), by_link=False, token="", **_words())


@room.post("/agency/<part_id>")
def answer(part_id: str) -> AnyResponse:
    """What the agency says to one of its questions."""
    with transaction() as session:
        one = session.get(ReferralPart, part_id)
        if not team_desk.own() or one is None or one.agency != team_desk.own():
            raise InputFault("part", say("Đơn vị của bạn không có câu hỏi này."), 404)
        if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
            _say(session, one, current_user.full_name, "panel")
    flash(say("Đã gửi về tổng đài 1022."))
    return redirect(url_for("agency_desk.page"), 303)


@room.get("/r/<token>")
@limiter.limit("20 per minute", deduct_when=team_desk.unknown)
@limiter.limit("120 per minute")
def link(token: str) -> str:
    with reading() as session:
        found, one = _opened(session, token)
        spent = found.used_at is not None
        return render_template(
            "agency.html",
            cards=[_card(session, one)],
            by_link=True,
            token=token,
            **(_words() | {"spent": spent}),
        )


@room.post("/r/<token>")
@limiter.limit("20 per minute", deduct_when=team_desk.unknown)
@limiter.limit("60 per minute")
def link_say(token: str) -> AnyResponse:
    """The answer by the message's link, which then is spent."""
    with transaction() as session:
        found, one = _opened(session, token)
        if not tokens.spend(session, found, now()):
            raise InputFault("part", say("Liên kết này đã dùng rồi: mỗi liên kết chỉ trả lời một lần."), 409)
        _say(session, one, say("{team} (liên kết)", team=one.agency_name), "link")
    return redirect(url_for("agency_desk.link", token=token), 303)


def _opened(session: Session, token: str) -> tuple[ReferralLink, ReferralPart]:
    found = tokens.find(session, ReferralLink, token, now())
    if found is None:
        raise InputFault(
            "part",
            say("Liên kết không đúng hoặc đã hết hạn: hãy dùng tin nhắn mới nhất, hoặc gọi 1022."),
            404,
        )
    return found, session.get_one(ReferralPart, found.part_id)


def _say(session: Session, one: ReferralPart, by: str, means: str) -> None:
    """Write what it says. InputFault in a sentence, and then nothing is written and the link is not spent."""
    wanted = request.form.get("happening", "")
    if wanted not in BUTTONS:
        raise InputFault("happening", say("Trang này không có lệnh đó: hãy tải lại trang."))
    try:
        referring.act(
            session,
            one.id,
            Happening(wanted),
            by,
            means,
            now(),
            desk.organisation(session),
            request.form.get("said", ""),
        )
    except RequestRefused as told:
        raise InputFault(told.name or "part", either(told), 409) from told


def waiting(session: Session) -> int:
    """How many questions wait for the reader's agency."""
    key = team_desk.own() if current_user.is_authenticated else ""
    asked = select(ReferralPart.id).where(ReferralPart.agency == key, ReferralPart.state.in_(WAITED_FOR))
    return len(session.scalars(asked).all()) if key else 0


def _cards(session: Session) -> list[Card]:
    rows = session.scalars(
        select(ReferralPart)
        .where(
            ReferralPart.agency == team_desk.own(),
            ReferralPart.agency != "",
            or_(ReferralPart.state.in_(WAITED_FOR), ReferralPart.changed_at > now() - SHOWN_AFTER),
        )
        .order_by(ReferralPart.due_at)
        .limit(40)
    )
    return sorted((_card(session, one) for one in rows), key=lambda card: card.row.state not in WAITED_FOR)


def _card(session: Session, one: ReferralPart) -> Card:
    referral = session.get_one(Referral, one.referral_id)
    ticket = session.get_one(Ticket, one.ticket_id)
    follows = FOLLOWS[PartState(one.state)]
    decides = one.why == "disputed"
    return Card(
        one, referral, referral_words.label(referral.hotline, ticket.number, referral.number),
        unit_search.name_of(session, referral.unit_code, referral.unit_on) if referral.unit_code else "",
        tuple(h.value for h in BUTTONS if isinstance(follows[h], PartState)),
        tuple(p for p in referring.parts_of(session, referral.id) if p.said and p.id != one.id) if decides else (),
    )  # fmt: skip


def _words() -> dict[str, Any]:
    def click(card: Card) -> str:
        return hashlib.sha256(f"{card.row.id}:{card.row.state}".encode()).hexdigest()[:32]

    return {
        **referral_words.words(), "category_word": matter_words.category_said, "click_of": click, "now": now(),
        "agency_name": _name(), "spent": False,
    }  # fmt: skip


def _name() -> str:
    key = team_desk.own() if current_user.is_authenticated else ""
    if not key:
        return ""
    with reading() as session:
        return agencies.names(session, [key]).get(key, key)
