"""Handing a caller over to a health station: choosing it, the briefing card, and what can be done at each state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.commands import DeskCommand, ask
from hotline.database import reading, transaction
from hotline.directory import Directory, Station
from hotline.events import now
from hotline.operators import Operator, OperatorPresence, Presence, Role
from hotline.stations import directory
from hotline.tickets import Ticket
from hotline.transfers import (
    LIVE,
    RINGS,
    STATION_SILENT,
    WISHES,
    Happening,
    NoteState,
    Refusal,
    Transfer,
    TransferState,
    TransferTry,
    TryState,
    follows,
)
from ivr import browser_phone
from ivr.briefing import LONGEST_TEXT, TEXTS
from ivr.planning import filled_card
from ivr.spoken_note import LONGEST_S
from softphone_panel import call_card, desk, shown, ticket_changes, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.words import either, is_htmx, say

room = Blueprint("handing_over", __name__, url_prefix="/my-desk/transfer")

NOTES = ("note", "note_end")
SHOWN = 6
"""Stations in the list; the others are found by their name."""
NUMBER_CHARACTERS = 20
CONFERENCE = "conference"


@room.get("")
def fragment() -> Response:
    return desk.fragment("my_desk_transfer.html", values)


def values(session: Session) -> dict[str, Any]:
    """The hand-over of the call at this desk, or the form for one; nothing when nobody is talked with."""
    call_id, ticket_id, presence = call_card.at_desk(session, current_user.id)
    ticket = session.get(Ticket, ticket_id) if ticket_id else None
    transfer = _last(session, call_id) if call_id else None
    goes_on = transfer is not None and transfer.state in LIVE
    nothing = {"transfer_call": "", "transfer": None, "transfer_ticket": None, "invited": None}
    if presence in ("ringing", "talking") and (invited := _invited(session, call_id)):
        return nothing | {"transfer_call": call_id, "invited": invited}
    if ticket is None or presence != "talking":
        return nothing
    found = _found(session, ticket, "")
    last = _last_wish(session)
    with_colleague = goes_on and transfer is not None and transfer.kind == CONFERENCE
    states = dict(shown.TRANSFER_STATES)
    if transfer is not None and transfer.kind == CONFERENCE:
        states |= shown.CONFERENCE_STATES
    return {
        "transfer_call": call_id,
        "invited": None,
        "transfer_ticket": ticket,
        "transfer": transfer,
        "transfer_goes_on": goes_on,
        "station_silent": goes_on and transfer is not None and transfer.why == STATION_SILENT,
        "transfer_rings": transfer is not None and transfer.state in RINGS,
        "tries": _tries(session, transfer) if transfer is not None else [],
        "wishes": _wishes(transfer) if transfer is not None and goes_on else [],
        "stations": found,
        "colleagues": _colleagues(session, ticket.hotline),
        "handing_card": filled_card(session, ticket, ticket.caller_number),
        "card_texts": [(name, shown.word(shown.CARD_FIELDS, name)) for name in TEXTS],
        "note_now": _note(transfer) if transfer is not None and goes_on else "",
        "note_longest_s": LONGEST_S,
        "age_bands": shown.AGE_BANDS,
        "longest": LONGEST_TEXT,
        "with_colleague": with_colleague,
        "state_word": lambda key: shown.word(states, key),
        "line_word": _line_word,
        "try_word": lambda key: shown.word(shown.TRY_STATES, key),
        "level_word": lambda key: shown.word(shown.STATION_LEVELS, key),
        "refusal": last.refused if last is not None else "",
        "asked_number": last.body.get("number", "") if last is not None and last.refused else "",
        "wish_waits": last is not None and last.done_at is None,
        "wish_word": shown.word(shown.COMMANDS, last.kind) if last is not None else "",
        "fresh_click": ticket_changes.fresh_click,
    }


def _last(session: Session, call_id: str) -> Transfer | None:
    return session.scalar(
        select(Transfer)
        .where(Transfer.call_id == call_id, Transfer.operator_id == current_user.id)
        .order_by(Transfer.asked_at.desc())
        .limit(1)
    )


def _invited(session: Session, call_id: str) -> tuple[str, str] | None:
    """Who asks the reader to join this call, and how far that is; None when nobody does."""
    found = session.execute(
        select(Operator.full_name, Transfer.state)
        .join(Transfer, Transfer.operator_id == Operator.id)
        .where(
            Transfer.call_id == call_id,
            Transfer.kind == CONFERENCE,
            Transfer.operator_id != current_user.id,
            Transfer.state.in_(shown.INVITED_STATES),
        )
    ).first()
    return (found[0], shown.word(shown.INVITED_STATES, found[1])) if found is not None else None


def _tries(session: Session, transfer: Transfer) -> list[TransferTry]:
    rows = select(TransferTry).where(TransferTry.transfer_id == transfer.id).order_by(TransferTry.rung_at)
    return list(session.scalars(rows))


def _wishes(transfer: Transfer) -> list[tuple[str, str, str]]:
    """(wish, what the button says, why it cannot be pressed now or "")."""
    state = TransferState(transfer.state)
    found = []
    for wish in WISHES:
        to = follows(state, wish)
        why = either(to) if isinstance(to, Refusal) else ""
        found.append((wish.value, _button(state, wish, transfer.kind), why))
    return found


def _note(transfer: Transfer) -> str:
    """What the note's button is now: "begin", "end", "no" (the operator is with the caller), or "" when no station is rung."""
    if transfer.kind == CONFERENCE or transfer.state not in RINGS:
        return ""
    if transfer.note == NoteState.BEGUN:
        return "end"
    return "begin" if transfer.state == TransferState.RINGING else "no"


def _button(state: TransferState, wish: Happening, kind: str) -> str:
    if kind == CONFERENCE and wish is Happening.LEAVE:
        return say("Giao cho đồng nghiệp, tôi rời máy")
    if wish is Happening.TOGGLE:
        with_caller = state in (TransferState.RINGING_BACK, TransferState.BACK)
        other = say("Sang đồng nghiệp") if kind == CONFERENCE else say("Sang trạm")
        return other if with_caller else say("Về với người dân")
    return {
        Happening.MERGE: say("Nói ba bên"),
        Happening.LEAVE: say("Giao cho trạm, tôi rời máy"),
        Happening.CANCEL: say("Hủy chuyển"),
    }[wish]


def _last_wish(session: Session) -> DeskCommand | None:
    """What was last asked of a hand-over, when nothing else was asked since."""
    last = session.scalar(
        select(DeskCommand)
        .where(DeskCommand.operator_id == current_user.id)
        .order_by(DeskCommand.id.desc())
        .limit(1)
    )
    return last if last is not None and last.kind.startswith("transfer_") else None


def _line_word(number: str) -> str:
    """Which of a station's lines was rung: its page, a desk phone of ours, or a number."""
    ours = {phone.name for phone in desk.province().phones}
    return desk.phone_word(number) if number in ours or browser_phone.is_browser(number) else number


@dataclass(frozen=True)
class Choice:
    """One station of the list, and how it is there now."""

    station: Station
    on_duty: str
    """Who is on duty; empty when nobody can be rung."""
    near: bool
    """It serves the caller's place."""
    at_page: bool
    """Somebody sits at the station's own page."""
    busy: bool
    """It is rung, or speaks, for another caller."""


def _found(session: Session, ticket: Ticket, wanted: str) -> list[Choice]:
    """The suggested stations, or those whose name is wanted."""
    known: Directory = directory(session)
    serving = set(known.serving(ticket.hotline, ticket.unit_code))
    words = unit_search.folded(wanted).split()
    stations = [
        station
        for station in known.suggested(ticket.hotline, ticket.unit_code)
        if all(word in unit_search.folded(station.name) for word in words)
    ]
    at = now()
    busy = set(
        session.scalars(
            select(TransferTry.station)
            .join(Transfer, Transfer.id == TransferTry.transfer_id)
            .where(
                TransferTry.state.in_((TryState.RINGING, TryState.BRIEFING, TryState.ACCEPTED)),
                Transfer.state.in_([one.value for one in LIVE]),
            )
        )
    )
    found = []
    for station in stations[:SHOWN]:
        lines = known.lines(station, at)
        found.append(
            Choice(
                station, lines[0].name.removeprefix(f"{station.name}, ") if lines else "", station in serving,
                station.key in known.attended, station.key in busy,
            )
        )  # fmt: skip
    return found


def _colleagues(session: Session, hotline: str) -> list[tuple[int, str]]:
    """Operators who are free now and serve the hotline: (id, name)."""
    rows = session.execute(
        select(Operator)
        .join(OperatorPresence, OperatorPresence.operator_id == Operator.id)
        .where(
            OperatorPresence.state == Presence.AVAILABLE,
            Operator.id != current_user.id,
            Operator.active,
            Operator.role != Role.STATION,
        )
        .order_by(Operator.full_name)
    ).scalars()
    return [(one.id, one.full_name) for one in rows if not one.hotlines or hotline in one.hotlines]


@room.get("/stations")
def stations() -> str:
    """The stations that a name finds, as choices of the form."""
    with reading() as session:
        _, ticket_id, _ = call_card.at_desk(session, current_user.id)
        ticket = session.get(Ticket, ticket_id) if ticket_id else None
        wanted = request.args.get("wanted", "")[:80]
        found = _found(session, ticket, wanted) if ticket is not None else []
        return render_template(
            "station_choices.html",
            stations=found,
            wanted=wanted,
            level_word=lambda key: shown.word(shown.STATION_LEVELS, key),
        )


@room.post("")
def begin() -> Response | AnyResponse:
    """Ask for a station beside the caller at this desk."""
    form = request.form
    station, number = form.get("station", "")[:48], form.get("number", "").strip()[:NUMBER_CHARACTERS]
    colleague = form.get("colleague", "")
    if colleague.isdecimal():
        return _asked("transfer_ask", {"colleague": int(colleague)})
    if not station and not number:
        raise InputFault("station", say("Ô “Trạm”: hãy chọn một trạm trong danh sách."))
    card = {name: form.get(name, "").replace("\x00", "").strip()[:LONGEST_TEXT] for name in TEXTS}
    age = form.get("age_band", "")
    if age in shown.AGE_BANDS:
        card["age_band"] = age
    return _asked("transfer_ask", {"station": "" if number else station, "number": number, "card": card})


@room.post("/<wish>")
def wish(wish: str) -> Response | AnyResponse:
    """Toggle, merge, leave or cancel; or begin and end a spoken note."""
    if wish not in {*(one.value for one in WISHES), *NOTES}:
        raise InputFault("wish", say("Thanh trực máy không có lệnh này: hãy tải lại trang."))
    return _asked(f"transfer_{wish}", {"seen": request.form.get("seen", "")[:16]})


def _asked(kind: str, body: dict[str, Any]) -> Response | AnyResponse:
    call_id = request.form.get("call_id", "")[:64]
    with transaction() as session:
        mine, _, _ = call_card.at_desk(session, current_user.id)
        if not call_id or call_id != mine:
            raise InputFault("call_id", say("Cuộc gọi này không còn ở bàn của bạn."), 409)
        click = desk.click(request.form.get("click_id", ""))
        ask(session, current_user.id, kind, click, desk.with_language({"call_id": call_id, **body}))
    if is_htmx():
        return fragment()
    return redirect(url_for("my_desk.page"), 303)
