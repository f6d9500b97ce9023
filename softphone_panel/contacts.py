"""The contacts at an operator's desk: who is talked with, who is on hold, and what can be done with each, whatever phone they sit at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.acuity import Acuity
from hotline.calls import Call, CallState, Direction
from hotline.commands import DeskCommand, ask
from hotline.database import transaction
from hotline.operators import MUTED, Presence
from hotline.tickets import Ticket
from ivr.browser_phone import is_browser
from softphone_panel import desk, ticket_view, waiting
from softphone_panel.faults import InputFault
from softphone_panel.words import is_htmx, say

room = Blueprint("contacts", __name__, url_prefix="/desk/contacts")

ACTS = frozenset({"hold", "retrieve", "mute", "unmute", "hang_up", "take_next"})
HOLD_AT_MOST_S = 60
"""After this the time on hold stands out."""


@dataclass(frozen=True)
class Contact:
    """One party the operator has."""

    call: Call
    ticket: Ticket | None
    label: str
    number: str
    state: str
    """talking, held or calling."""
    is_active: bool
    """The desk's phone is for them, also while they are on hold."""
    since: datetime
    mutes: str = ""
    """What its button for the microphone does: mute, unmute, or none; a page's own telephone has one itself."""


@room.get("")
def fragment() -> Response:
    return desk.fragment("contacts.html", values)


def values(session: Session) -> dict[str, Any]:
    """The reader's contacts in the order in which they came, and who waits beside them."""
    found = of(session, current_user.id)
    last = session.scalar(
        select(func.max(DeskCommand.id)).where(
            DeskCommand.operator_id == current_user.id, DeskCommand.kind.in_(ACTS)
        )
    )
    return {
        "contacts": found,
        "hold_at_most_s": HOLD_AT_MOST_S,
        "contacts_waiting": _waiting(session) if found else {},
        "contacts_hotlines": "" if current_user.supervises else " ".join(current_user.hotlines),
        "contacts_refusal": _refusal(session, last or 0),
        "contacts_click": lambda act, call_id="": desk.click_id(f"{act} {call_id}", last or 0),
    }


def of(session: Session, operator_id: int) -> list[Contact]:
    """Whom their phone is for, and whom they keep on hold; whoever a station or a colleague has taken over is nobody's here."""
    presence = desk.presence_of(session, operator_id)
    if presence is None or presence.state != Presence.TALKING:
        return []
    rows = session.execute(
        select(Call, Ticket)
        .outerjoin(Ticket, Ticket.id == Call.ticket_id)
        .where(
            Call.state != CallState.ENDED,
            or_(
                Call.id == presence.call_id,
                (Call.operator_id == operator_id)
                & (Call.state == CallState.TALKING)
                & Call.held_at.is_not(None),
            ),
        )
        .order_by(Call.human_at.is_(None), Call.human_at, Call.id)
    ).all()
    mutes = "" if is_browser(presence.phone) else "unmute" if presence.reason == MUTED else "mute"
    return [_contact(call, ticket, presence.call_id, mutes) for call, ticket in rows]


def _contact(call: Call, ticket: Ticket | None, active: str, mutes: str) -> Contact:
    state = "held" if call.held_at else "talking"
    if call.direction == Direction.OUT and call.human_at is None:
        state = "calling"
    return Contact(
        call=call,
        ticket=ticket,
        label=ticket_view.label(ticket.hotline, ticket.number) if ticket is not None else "",
        number=ticket_view.number_shown(call.caller_number, own=True),
        state=state,
        is_active=call.id == active,
        since=call.held_at or call.human_at or call.arrived_at,
        mutes=mutes if call.id == active and state == "talking" else "",
    )


def live_call(session: Session, operator_id: int, ticket_id: str) -> Call | None:
    """The call that this operator has with the ticket's person now, talked with or on hold."""
    mine = (one for one in of(session, operator_id) if one.call.ticket_id == ticket_id)
    return next((one.call for one in mine), None)


def _waiting(session: Session) -> dict[str, int]:
    """How many wait in the reader's hotlines without a phone ringing for them: every level, the most urgent first."""
    found = waiting.by_hotline(session)
    served = [counts for hotline, counts in found.items() if current_user.serves(hotline)]
    return {a.value: sum(counts.get(a.value, 0) for counts in served) for a in Acuity}


def _refusal(session: Session, last: int) -> str:
    """Why the last of these commands could not be done, while nothing else was asked since."""
    newest = session.scalar(
        select(func.max(DeskCommand.id)).where(
            DeskCommand.operator_id == current_user.id, DeskCommand.kind.not_in(desk.BY_ITSELF)
        )
    )
    command = session.get(DeskCommand, last) if last and newest == last else None
    return command.refused if command is not None else ""


@room.post("/<act>")
def act(act: str) -> AnyResponse:
    """Hold, speak on, be heard or not, hang up, or take the next who waits."""
    if act not in ACTS:
        raise InputFault("act", say("Không có lệnh này: hãy tải lại trang."), 404)
    call_id = request.form.get("call_id", "")[:64]
    with transaction() as session:
        if act != "take_next" and call_id not in {one.call.id for one in of(session, current_user.id)}:
            raise InputFault("call_id", say("Cuộc gọi này không còn ở bàn của bạn."), 409)
        click = desk.click(request.form.get("click_id", ""))
        ask(session, current_user.id, act, click, desk.with_language({"call_id": call_id}))
    if is_htmx():
        return fragment()
    return redirect(url_for("my_desk.page"), 303)
