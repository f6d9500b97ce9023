"""Wrapping up: how a call ended and what is still to be done, asked for before the next call comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import events as e
from hotline.acuity import Acuity
from hotline.calls import Call, CallState
from hotline.commands import ask
from hotline.database import transaction
from hotline.events import now
from hotline.operators import Presence
from hotline.recalls import FOLLOW_UP, OWED, Recall
from hotline.record import apply
from hotline.tickets import FOLLOWS, Ticket, TicketState
from hotline.transfers import Transfer, TransferState
from hotline.wrap_ups import WRITTEN, WrapUp, is_passed_on, is_written
from ivr.desk import HELD
from softphone_panel import (
    call_card,
    desk,
    filling,
    scripts,
    shown,
    ticket_changes,
    ticket_view,
    unit_search,
    watching,
)
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket
from softphone_panel.words import is_htmx, local, midnight, say

room = Blueprint("wrapping_up", __name__, url_prefix="/my-desk/wrap-up")

UNFINISHED_WITHIN = timedelta(hours=12)
UNFINISHED_SHOWN = 5
OWN_FOR = timedelta(minutes=15)
"""A follow-up is its maker's until so long after its time; then it is anybody's, and dialled by the machine."""
CLOSES = frozenset(
    {
        "advised",
        "information_given",
        "answered_on_spot",
        "called_back",
        "wrong_number",
        "nuisance",
        "duplicate",
    }
)
"""Dispositions that usually close the ticket."""


@room.get("")
def fragment() -> Response:
    return desk.fragment("my_desk_wrap_up.html", values)


def values(session: Session) -> dict[str, Any]:
    """The wrap-up at this desk, and the reader's calls that were never finished."""
    presence = desk.presence_of(session, current_user.id)
    call = None
    if presence is not None and presence.state == Presence.WRAP_UP:
        call = session.get(Call, presence.call_id)
    ticket = session.get(Ticket, call.ticket_id) if call is not None else None
    dropped = None
    if call is not None and ticket is not None and (ticket.callback_number or call.caller_number):
        dropped = None if _talks_on(session, call) else call
    return {
        "taken_over_by": watching.taken_over_by(session, call, current_user.id) if call is not None else "",
        "wrap_call": call,
        "wrap_ticket": ticket,
        "wrap_label": ticket_view.label(ticket.hotline, ticket.number) if ticket is not None else "",
        "wrap_since": presence.since if presence is not None else None,
        "wrap_held": presence is not None and presence.reason == HELD,
        "wrap_up_s": desk.province().wrap_up_s,
        "wrap_done": call is not None and is_written(session, call, current_user),
        "wrap_passed_on": call is not None and is_passed_on(call, current_user.id),
        "dropped": dropped,
        "dispositions": shown.DISPOSITIONS,
        "closes": CLOSES,
        "follow_ups": shown.FOLLOW_UPS,
        "usual_follow_up": _usual(ticket),
        "fresh_click": ticket_changes.fresh_click,
    }


def _usual(ticket: Ticket | None) -> str:
    """The follow-up that the level asks for, as a choice's key."""
    closed = ticket is not None and ticket.state == TicketState.CLOSED  # answered on the spot, in the talk
    if ticket is None or closed or ticket.acuity not in Acuity.__members__:
        return ""
    after_s = Acuity(ticket.acuity).target.follow_up_after_s
    return {None: "", 1800: "30", 7200: "120"}.get(after_s, "morning")


def _talks_on(session: Session, call: Call) -> bool:
    """Whether the caller was handed over and is on the line still: nobody's line was lost."""
    handed = select(Transfer.id).where(
        Transfer.call_id == call.id,
        Transfer.state.in_((TransferState.HANDED_OVER, TransferState.BLIND, TransferState.DIRECT)),
    )
    return call.state != CallState.ENDED and session.scalar(handed) is not None


def unfinished(session: Session) -> list[tuple[Call, Ticket]]:
    """The reader's own talks without a disposition, the latest first; not the one that is being wrapped up."""
    but = call_card.at_desk(session, current_user.id)[0]
    rows = session.execute(
        select(Call, Ticket)
        .join(Ticket, Ticket.id == Call.ticket_id)
        .outerjoin(WrapUp, WrapUp.call_id == Call.id)
        .where(
            Call.operator_id == current_user.id,
            Call.state == CallState.ENDED,
            Call.ended_at > now() - UNFINISHED_WITHIN,
            Call.id != but,
            WrapUp.call_id.is_(None),
            Ticket.state != TicketState.CLOSED,
        )
        .order_by(Call.ended_at.desc())
        .limit(UNFINISHED_SHOWN)
    ).all()
    return [(call, ticket) for call, ticket in rows]


def own_ended_call(session: Session, call_id: str) -> Call:
    """A call that this reader talked in, or has at their desk in wrap-up; InputFault when it is none of theirs or goes on."""
    call = session.get(Call, call_id)
    at_desk = call_card.at_desk(session, current_user.id)
    mine = call is not None and (call.operator_id == current_user.id or at_desk[0] == call_id)
    if call is None or not mine:
        raise InputFault("call_id", say("Cuộc gọi này không phải của bạn: hãy tải lại trang."), 403)
    if call.state != CallState.ENDED and at_desk[2] != Presence.WRAP_UP:
        raise InputFault("call_id", say("Cuộc gọi chưa kết thúc: hãy gác máy trước."), 409)
    return call


@room.post("")
def finish() -> AnyResponse:
    """The disposition and what follows from it; then the desk takes the next call."""
    finish_call()
    if is_htmx():
        return fragment()
    flash(say("Đã lưu kết quả cuộc gọi."))
    return redirect(url_for("my_desk.page"), 303)


def finish_call() -> None:
    form = request.form
    disposition, follow_up = form.get("disposition", ""), form.get("follow_up", "")
    if disposition not in shown.DISPOSITIONS:
        raise InputFault("disposition", say("Ô “Kết quả”: hãy chọn cuộc gọi kết thúc thế nào."))
    if follow_up not in shown.FOLLOW_UPS:
        raise InputFault("follow_up", say("Ô “Hẹn gọi lại”: hãy chọn trong danh sách."))
    note = ticket_changes.checked_note(form.get("note", ""), needed=False)
    closes = form.get("closes") == "1"
    with transaction() as session:
        call = own_ended_call(session, form.get("call_id", ""))
        ticket = held_ticket(session, call.ticket_id)
        if closes and follow_up:
            raise InputFault(
                "closes", say("Phiếu còn hẹn gọi lại thì chưa đóng: bỏ một trong hai rồi lưu lại.")
            )
        if not is_written(session, call, current_user):
            _write(session, call, ticket, disposition, follow_up, note, closes)
        presence = desk.presence_of(session, current_user.id)
        if presence is not None and presence.state == Presence.WRAP_UP and presence.call_id == call.id:
            click = desk.click(form.get("click_id", ""))
            ask(session, current_user.id, "finish_wrap_up", click)


def _write(
    session: Session, call: Call, ticket: Ticket, disposition: str, follow_up: str, note: str, closes: bool
) -> None:
    at = now()
    script = scripts.script()
    if script is not None:
        filling.enter(session, script, ticket, current_user.username)
    due_at = _due(follow_up, at)
    if not is_passed_on(call, current_user.id):
        session.add(
            WrapUp(
                call_id=call.id, ticket_id=ticket.id, operator_id=current_user.id, disposition=disposition,
                follow_up_at=due_at, at=at,
            )
        )  # fmt: skip
    told = {
        "disposition": disposition,
        "call_id": call.id,
        "follow_up_at": due_at.isoformat() if due_at else "",
        "folded": unit_search.folded(note),
    }
    ticket_changes.add_entry(session, ticket, WRITTEN, current_user.username, note, told)
    to = TicketState.CLOSED if closes and not is_passed_on(call, current_user.id) else TicketState.IN_PROGRESS
    if to in FOLLOWS[TicketState(ticket.state)]:
        seen = {name: getattr(ticket, name) for name in ticket_changes.EDITED}
        asked = ticket_changes.Asked(
            ticket.version, seen, to, disposition if to is TicketState.CLOSED else "", ticket.unit_code, "",
            bool(current_user.supervises),
        )  # fmt: skip
        ticket_changes.change(session, ticket, current_user.username, asked)
    if due_at is not None:
        make_recall(session, call, ticket, FOLLOW_UP, due_at, held_until=due_at + OWN_FOR)


def _due(follow_up: str, at: datetime) -> datetime | None:
    if not follow_up:
        return None
    if follow_up == "morning":
        return midnight(local(at) + timedelta(days=1)) + timedelta(hours=8)
    return at + timedelta(minutes=int(follow_up))


def make_recall(
    session: Session, call: Call, ticket: Ticket, why: str, due_at: datetime, *, held_until: datetime
) -> Recall:
    """Owe the ticket's person a call, and keep it for this operator until `held_until`."""
    number = ticket.callback_number or call.caller_number
    if not number:
        raise InputFault(
            "follow_up", say("Chưa có số gọi lại: hãy ghi số vào ô “Số gọi lại” của phiếu, rồi hẹn.")
        )
    made = len(session.scalars(select(Recall.id).where(Recall.call_id == call.id)).all())
    recall_id = f"r-{call.id}-{made + 1}"
    told = e.RecallDue(
        call_id=call.id, hotline=ticket.hotline, number=number, acuity=ticket.acuity, why=why, due_at=due_at,
        recall_id=recall_id, next_try_at=held_until,
    )  # fmt: skip
    apply(session, told, current_user.username)
    recall = session.get(Recall, recall_id)
    assert recall is not None  # noqa: S101 - the fact above has made it
    recall.claimed_by, recall.claimed_until = current_user.id, held_until
    return recall


@room.post("/hold")
def hold() -> Response:
    """The page is there and asks for the disposition: the time alone must not end this wrap-up."""
    with transaction() as session:
        call_id = request.form.get("call_id", "")[:64]
        ask(
            session,
            current_user.id,
            "hold_wrap_up",
            desk.click_id(f"hold {call_id}", 0),
            {"call_id": call_id},
        )
    return Response(status=204)


@room.post("/recall")
def recall_dropped() -> AnyResponse:
    """One click: ring this desk, then the caller whose line was lost."""
    at = now()
    with transaction() as session:
        call = own_ended_call(session, request.form.get("call_id", ""))
        ticket = held_ticket(session, call.ticket_id)
        owed = session.scalar(
            select(Recall).where(Recall.call_id == call.id, Recall.state.in_(OWED), Recall.why != FOLLOW_UP)
        )
        if owed is None:
            owed = make_recall(session, call, ticket, "dropped", at, held_until=at + OWN_FOR)
        desk.ask_and_tell(session, "recall_now", {"recall_id": owed.id, "mine": True})
    return redirect(url_for("my_desk.page"), 303)
