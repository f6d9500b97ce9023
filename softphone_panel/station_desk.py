"""A health station's own page: the hand-overs that are offered to it, with the briefing card, and those it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import privacy, ticket_fields
from hotline.calls import Call, CallState
from hotline.commands import DeskCommand, ask
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.stations import StationRow
from hotline.tickets import Ticket
from hotline.transfers import RINGS, Transfer, TransferTry, TryState
from ivr.briefing import TEXTS
from softphone_panel import desk, scripts, shown, ticket_view, unit_search, viewing
from softphone_panel.faults import InputFault
from softphone_panel.words import is_htmx, say

room = Blueprint("station_desk", __name__, url_prefix="/station")

OPEN = (TryState.RINGING.value, TryState.BRIEFING.value)
SEEN_FOR = timedelta(hours=1)
"""How long after its yes a station still reads whom it took; afterwards the hotline tells it on request."""
PAST_FOR = timedelta(hours=12)
PAST = 8
ANSWERS = {"accept": "station_accept", "decline": "station_decline", "repeat": "station_repeat"}
NAMED = ("caller_name", "patient_name", "address", "callback_number")
"""Fields that say who or where somebody is: nothing of them is shown before the yes."""


@dataclass(frozen=True)
class Offer:
    """One hand-over as the station's page shows it."""

    leg_id: str
    call_id: str
    ticket_id: str
    label: str
    state: str
    """A value of TryState."""
    transfer_state: str
    name: str
    """Which of the station's numbers rings."""
    since: datetime
    acuity: str
    branch: str
    age_band: str
    place: str
    texts: tuple[tuple[str, str], ...]
    """(field of the card, its text)."""
    number: str = ""
    """From here on: of an accepted one only."""
    fields: tuple[tuple[str, str], ...] = ()
    said: tuple[str, ...] = ()
    operator: str = ""

    @property
    def accepted(self) -> bool:
        return self.state == TryState.ACCEPTED


@room.get("")
def page() -> str:
    with reading() as session:
        shown_now = _offers(session)
        text = render_template("station_desk.html", **desk.bar_values(session), **shown_now)
    _note(shown_now)
    return text


@room.get("/offers")
def offers() -> Response:
    """What is offered now, and what was taken; asked for whenever something changes."""
    with reading() as session:
        shown_now = _offers(session)
        answer = desk.unless_seen(render_template("station_offers.html", **shown_now))
    _note(shown_now)
    return answer


@room.post("/answer/<what>")
def answer(what: str) -> Response | AnyResponse:
    """Accept, decline or repeat, as the keys 1, 2 and 3 of the telephone do."""
    if what not in ANSWERS:
        raise InputFault("what", say("Trang này không có lệnh đó: hãy tải lại trang."))
    body = {name: request.form.get(name, "")[:96] for name in ("call_id", "leg_id")}
    with transaction() as session:
        click = desk.click(request.form.get("click_id", ""))
        ask(session, current_user.id, ANSWERS[what], click, desk.with_language(body))
    if is_htmx():
        return offers()
    return redirect(url_for("station_desk.page"), 303)


def _note(shown_now: dict[str, Any]) -> None:
    for one in shown_now["taken"]:
        viewing.note(one.ticket_id)


def own_tries() -> Select[tuple[TransferTry, Transfer, Ticket, Call]]:
    """What the reader's station was rung for; an account without a station has none."""
    return (
        select(TransferTry, Transfer, Ticket, Call)
        .join(Transfer, Transfer.id == TransferTry.transfer_id)
        .join(Call, Call.id == Transfer.call_id)
        .join(Ticket, Ticket.id == Transfer.ticket_id)
        .where(TransferTry.station == current_user.station, TransferTry.station != "")
    )


def _offers(session: Session) -> dict[str, Any]:
    at = now()
    rows = session.execute(
        own_tries()
        .where(
            TransferTry.rung_at > at - PAST_FOR,
            or_(TransferTry.state.not_in(OPEN), Transfer.state.in_([one.value for one in RINGS])),
        )
        .order_by(TransferTry.rung_at.desc())
    ).all()
    took = [r for r in rows if r[0].state == TryState.ACCEPTED and r[0].answered_at > at - SEEN_FOR]
    past = [r for r in rows if r[0].state not in OPEN and r not in took]
    last = session.scalar(
        select(DeskCommand)
        .where(DeskCommand.operator_id == current_user.id)
        .order_by(DeskCommand.id.desc())
        .limit(1)
    )
    station = session.get(StationRow, current_user.station)
    return {
        "station_name": station.name if station is not None else "",
        "offered": [_offer(session, row) for row in rows if row[0].state in OPEN],
        "taken": [taken(session, row) for row in took],
        "past": [
            (tried.rung_at, ticket_view.label(ticket.hotline, ticket.number), ticket.acuity, tried.state)
            for tried, _, ticket, _ in past[:PAST]
        ],
        "refusal": last.refused if last is not None and last.kind in ANSWERS.values() else "",
        "waits": last is not None and last.kind in ANSWERS.values() and last.done_at is None,
        "seen_for_min": int(SEEN_FOR.total_seconds() // 60),
        "card_word": lambda key: shown.word(shown.CARD_FIELDS, key),
        "branch_word": lambda key: shown.word(shown.BRANCHES, key),
        "age_word": lambda key: shown.word(shown.AGE_BANDS, key),
        "try_word": lambda key: shown.word(shown.TRY_STATES, key),
        "talk_word": lambda key: shown.word(shown.STATION_TALKS, key),
        "key_click": lambda what, leg: desk.click_id(f"{what}-{leg}", last.id if last is not None else 0),
    }


def _offer(session: Session, row: Row[tuple[TransferTry, Transfer, Ticket, Call]]) -> Offer:
    """Before the yes: how urgent, about whom, where; numbers and names hidden."""
    tried, transfer, ticket, call = row
    fields = ticket_fields.of(session, ticket.id)
    hidden = [fields[name].value for name in NAMED if name in fields]
    card = transfer.card
    return Offer(
        tried.leg_id, call.id, ticket.id, ticket_view.label(ticket.hotline, ticket.number), tried.state, transfer.state,
        tried.name, tried.rung_at, str(card.get("acuity") or ticket.acuity), str(card.get("branch") or ticket.branch),
        str(card.get("age_band", "")), unit_search.name_of(session, ticket.unit_code),
        tuple((name, privacy.without_names(str(card.get(name, "")), hidden)) for name in TEXTS if card.get(name)),
    )  # fmt: skip


def taken(session: Session, row: Row[tuple[TransferTry, Transfer, Ticket, Call]]) -> Offer:
    """After the yes: whom to help, where, and all that was asked and answered."""
    tried, transfer, ticket, call = row
    plain = _offer(session, row)
    script = scripts.script()
    rows = ticket_fields.of(session, ticket.id)
    filled = tuple(
        (scripts.said(field.label), scripts.value_said(field, rows[name].value))
        for name, field in (script.fields.items() if script is not None else ())
        if name in rows and rows[name].value and name != "unit_code"
    )
    operator = session.get(Operator, transfer.operator_id) if transfer.operator_id else None
    return Offer(
        **{
            **vars(plain),
            "since": tried.answered_at or tried.rung_at,
            "transfer_state": "ended" if call.state == CallState.ENDED else transfer.state,
            "texts": tuple(
                (name, str(transfer.card.get(name, ""))) for name in TEXTS if transfer.card.get(name)
            ),
            "number": privacy.shown(
                ticket.callback_number or ticket.caller_number or call.caller_number, whole=True
            ),
            "fields": filled,
            "said": tuple(str(step.get("said", "")) for step in ticket.path or () if step.get("said")),
            "operator": operator.full_name if operator is not None else "",
        }
    )
