"""A team's own page, signed in or by a message's link: only its own orders, on any phone, without a script."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import structlog
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import agencies, order_links, ordering, pictures, privacy, ticket_fields, tokens
from hotline.database import reading, transaction
from hotline.events import now
from hotline.ordering import Said
from hotline.orders import (
    FOLLOWS,
    LIVE,
    WORKING,
    Actor,
    Assignment,
    AssignmentState,
    Happening,
    Means,
    Order,
    OrderLink,
    OrderPhoto,
)
from hotline.refusals import RequestRefused
from hotline.settings import settings
from hotline.stations import StationRow
from hotline.tickets import Ticket, TicketEntry
from softphone_panel import desk, order_words, scripts, station_cases, ticket_changes, unit_search, viewing
from softphone_panel.faults import InputFault
from softphone_panel.limits import limiter, refused
from softphone_panel.words import either, say

log = structlog.get_logger(__name__)
room = Blueprint("team_desk", __name__)

SHOWN_AFTER = timedelta(hours=12)
"""How long an ended one stays on the page."""
OPEN_AFTER = timedelta(hours=1)
"""How long after it is over a team still reads whom it helped."""
BUTTONS = (
    Happening.ACCEPT, Happening.DECLINE, Happening.SET_OUT, Happening.ARRIVE, Happening.FINISH, Happening.FAIL,
)  # fmt: skip
SPOKEN = ("caller_name", "patient_name", "address", "callback_number")
"""Fields of the ticket that a team needs to find whom it is to help."""
NOTE = 500
LARGER_FORMS = ("team_desk.report", "team_desk.link_report")
"""Endpoints whose forms may carry a picture."""


@dataclass(frozen=True)
class Card:
    """One order as its team sees it."""

    row: Assignment
    order: Order
    label: str
    unit: str
    buttons: tuple[str, ...]
    accepted: bool
    number: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    """From the yes on: whom to help."""
    photos: int = 0


@room.errorhandler(InputFault)
def fault(told: InputFault) -> tuple[str, int]:
    """As small as the page: the panel's own page of faults is too much for a slow line."""
    back = request.path if request.endpoint == "team_desk.link_report" else url_for("team_desk.page")
    return render_template(
        "team_fault.html", sentence=str(told), back=back if told.status != 404 else ""
    ), told.status


# -- signed in --


@room.get("/team")
def page() -> str:
    with reading() as session:
        cards = _cards(session)
        text = render_template(
            "team.html", cards=cards, by_link=False, token="", questions=_questions(session),
            **(_words() | (cases := station_cases.values(session))),
        )  # fmt: skip
    for card in cards:
        if card.number or card.fields:
            viewing.note(card.order.ticket_id)
    for case in cases["cases"]:
        viewing.note(case.offer.ticket_id)
    return text


def _questions(session: Session) -> int:
    from softphone_panel import agency_desk  # whose links are limited as these are

    return agency_desk.waiting(session)


@room.post("/team/<assignment_id>")
def report(assignment_id: str) -> AnyResponse:
    """What the team says about one of its orders."""
    with transaction() as session:
        one = session.get(Assignment, assignment_id)
        if not own() or one is None or one.team != own():
            raise InputFault("order", say("Đội của bạn không có lệnh này."), 404)
        if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
            _report(session, one, current_user.full_name, Means.PANEL)
    flash(say("Đã báo về trung tâm."))
    return redirect(url_for("team_desk.page"), 303)


def own() -> str:
    """Key of the team, the centre or the health station whose account this is; empty for everybody else."""
    return current_user.agency or current_user.station or ""


def _cards(session: Session) -> list[Card]:
    since = now() - SHOWN_AFTER
    rows = session.execute(
        select(Assignment, Order)
        .join(Order, Order.id == Assignment.order_id)
        .where(
            Assignment.team == own(),
            Assignment.team != "",
            Assignment.sent_at.is_not(None),
            or_(Assignment.state.in_(LIVE), Assignment.ended_at > since, Assignment.changed_at > since),
        )
        .order_by(Assignment.changed_at.desc())
        .limit(40)
    ).all()
    cards = [_card(session, one, order) for one, order in rows]
    return sorted(cards, key=lambda card: (card.row.state not in LIVE, card.order.due_at))


# -- by a link --


def unknown(response: Response) -> bool:
    """Only tokens that open nothing count: a team may look as often as it likes."""
    return response.status_code == HTTPStatus.NOT_FOUND or refused(response)


@room.get("/l/<token>")
@limiter.limit("20 per minute", deduct_when=unknown)
@limiter.limit("120 per minute")
def link(token: str) -> str | AnyResponse:
    with reading() as session:
        found, one, order = _opened(session, token)
        card = _card(session, one, order, whole=found.kind == order_links.WORK)
        spent = found.kind == order_links.ANSWER and found.used_at is not None
        text = render_template(
            "team.html", cards=[card], by_link=True, token=token, **(_words() | {"spent": spent})
        )
        seen = bool(card.number or card.fields)
    if seen:
        _viewed(one)
    return text


@room.post("/l/<token>")
@limiter.limit("20 per minute", deduct_when=unknown)
@limiter.limit("60 per minute")
def link_report(token: str) -> AnyResponse:
    """A yes or no by the message's link; after a yes the answer is another link, for what comes next."""
    with transaction() as session:
        at = now()
        found, one, _ = _opened(session, token)
        by = say("{team} (liên kết)", team=one.team_name)
        if found.kind == order_links.ANSWER:
            if request.form.get("happening") not in (Happening.ACCEPT, Happening.DECLINE):
                raise InputFault("happening", say("Liên kết này chỉ để nhận hoặc từ chối lệnh."), 409)
            if not tokens.spend(session, found, at):
                raise InputFault(
                    "order", say("Liên kết này đã dùng rồi: mỗi liên kết chỉ trả lời một lần."), 409
                )
        _report(session, one, by, Means.LINK)
        token = (
            order_links.make(session, one.id, order_links.WORK, at)
            if found.kind == order_links.ANSWER and request.form["happening"] == Happening.ACCEPT
            else token
        )
    return redirect(url_for("team_desk.link", token=token), 303)


def _opened(session: Session, token: str) -> tuple[OrderLink, Assignment, Order]:
    found = tokens.find(session, OrderLink, token, now())
    if found is None:
        raise InputFault(
            "order",
            say("Liên kết không đúng hoặc đã hết hạn: hãy dùng tin nhắn mới nhất, hoặc gọi 1022."),
            404,
        )
    one = session.get_one(Assignment, found.assignment_id)
    return found, one, session.get_one(Order, one.order_id)


def _viewed(one: Assignment) -> None:
    """Who opened the ticket's personal fields without an account: the team."""
    with transaction() as session:
        session.add(
            TicketEntry(
                ticket_id=one.ticket_id, at=now(), kind=viewing.VIEWED, actor=one.team_name[:64], text="", body={}
            )
        )  # fmt: skip


# -- both --


def _card(session: Session, one: Assignment, order: Order, *, whole: bool = True) -> Card:
    ticket = session.get_one(Ticket, order.ticket_id)
    state = AssignmentState(one.state)
    accepted = state in WORKING or (
        state is AssignmentState.DONE and one.ended_at is not None and now() - one.ended_at < OPEN_AFTER
    )
    buttons = tuple(h.value for h in BUTTONS if isinstance(FOLLOWS[state][h], AssignmentState))
    if state is AssignmentState.UNANSWERED:
        buttons = (Happening.ACCEPT.value,)
    photos = session.scalars(select(OrderPhoto.id).where(OrderPhoto.assignment_id == one.id)).all()
    return Card(
        one, order, order_words.label(order.hotline, ticket.number, order.number),
        unit_search.name_of(session, order.unit_code), buttons, accepted,
        privacy.shown(ticket.callback_number or ticket.caller_number, whole=True) if accepted and whole else "",
        _fields(session, ticket.id) if accepted and whole else (), len(photos),
    )  # fmt: skip


def _fields(session: Session, ticket_id: str) -> tuple[tuple[str, str], ...]:
    rows = ticket_fields.of(session, ticket_id)
    script = scripts.script()
    labels = {
        name: scripts.said(field.label)
        for name, field in (script.fields.items() if script is not None else ())
    }
    return tuple(
        (labels.get(name, name), rows[name].value) for name in SPOKEN if name in rows and rows[name].value
    )


def _words() -> dict[str, Any]:
    def click(card: Card) -> str:
        seed = f"{card.row.id}:{card.row.state}:{card.row.changed_at.isoformat()}:{card.photos}"
        return hashlib.sha256(seed.encode()).hexdigest()[:32]

    return {
        **order_words.words(),
        "report_word": lambda key: say(order_words.REPORTS[key]),
        "click_of": click,
        "largest_mb": pictures.LARGEST_BYTES // (1024 * 1024),
        "team_name": _team_name(),
        "is_station": False,
        "spent": False,
    }


def _team_name() -> str:
    if not current_user.is_authenticated or not own():
        return ""
    with reading() as session:
        if current_user.station:
            station = session.get(StationRow, current_user.station)
            return station.name if station is not None else own()
        row = session.get(agencies.AgencyRow, own())
        return row.name if row is not None else own()


def _report(session: Session, one: Assignment, by: str, means: Means) -> None:
    """Write the report, with its position and picture if there are any; InputFault in a sentence, and then nothing is written."""
    form = request.form
    try:
        happening = Happening(form.get("happening", ""))
    except ValueError:
        raise InputFault("happening", say("Trang này không có lệnh đó: hãy tải lại trang.")) from None
    if happening not in BUTTONS:
        raise InputFault("happening", say("Trang này không có lệnh đó: hãy tải lại trang."))
    latitude, longitude = _position(form.get("latitude", ""), form.get("longitude", ""))
    said = Said(form.get("note", "")[:NOTE], latitude, longitude)
    picture = _picture()
    try:
        organisation = desk.organisation(session)
        ordering.act(session, one.id, happening, Actor.TEAM, by, means, now(), organisation, said)
    except RequestRefused as told:
        raise InputFault(told.name or "order", either(told), 409) from told
    if picture is not None:
        _keep(session, one, by, *picture)


def _position(latitude: str, longitude: str) -> tuple[float | None, float | None]:
    """What the browser found, if its person let it; nothing for anything else."""
    with suppress(ValueError):
        north, east = float(latitude), float(longitude)
        if -90 <= north <= 90 and -180 <= east <= 180:
            return north, east
    return None, None


def _picture() -> tuple[str, bytes] | None:
    sent = request.files.get("photo")
    if sent is None or not sent.filename:
        return None
    with sent.stream as stream:
        content: bytes = stream.read(pictures.LARGEST_BYTES + 1)
    if len(content) > pictures.LARGEST_BYTES:
        raise InputFault(
            "photo",
            say("Ảnh quá lớn: hãy chọn ảnh dưới {most} MB.", most=pictures.LARGEST_BYTES // (1024 * 1024)),
            413,
        )
    try:
        return pictures.cleaned(content)
    except pictures.NoPicture:
        raise InputFault(
            "photo", say("Tệp này không phải ảnh JPEG hay PNG: hãy chọn ảnh khác."), 422
        ) from None


def _keep(session: Session, one: Assignment, by: str, kind: str, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    path = f"orders/{digest[:2]}/{digest}.{kind}"
    whole = settings().recordings.absolute() / path
    whole.parent.mkdir(parents=True, exist_ok=True)
    if not whole.exists():
        part = whole.with_suffix(".part")
        part.write_bytes(content)
        part.replace(whole)
    session.add(
        OrderPhoto(
            assignment_id=one.id,
            at=now(),
            by=by[:160],
            path=path,
            kind=kind,
            size_bytes=len(content),
            sha256=digest,
        )
    )
