"""Recalls: whom the hotline owes a call, and a supervisor's word to call now or not at all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import recall_alarms
from hotline.closing import UNREACHABLE
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import RecallChanged, now
from hotline.facts import apply
from hotline.recalls import RESULTS, Recall, RecallState, ranked
from hotline.tickets import Ticket, TicketState
from softphone_panel import desk, shown, spoken_messages, ticket_changes, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.words import clock, say

room = Blueprint("recalls", __name__, url_prefix="/recalls")
OPEN = (RecallState.DUE, RecallState.DIALLING)
CLOSED_SHOWN = 30
COMMANDS = {
    "recall_now": (*OPEN, RecallState.FAILED),
    "recall_cancel": OPEN,
    "seen_to": (RecallState.DUE, RecallState.FAILED),
    "unreachable": (RecallState.FAILED,),
}
"""What a supervisor may say of an owed call, and in which states of it."""
NOTE_CHARACTERS = 5


@room.get("")
def index() -> str:
    with reading() as session:
        return render_template("recalls.html", **_values(session))


@room.get("/list")
def listed() -> Response:
    """The lists alone, read again when the live stream says that something changed."""
    return desk.fragment("recalls_list.html", _values)


def _values(session: Session) -> dict[str, Any]:
    asked = select(Recall, Ticket.number, Ticket.is_repeat).outerjoin(Ticket, Ticket.id == Recall.ticket_id)
    # A result that nobody could be told, while its ticket is open: a supervisor decides.
    untold = and_(Recall.why.in_(RESULTS), Ticket.state != TicketState.CLOSED)
    due = session.execute(asked.where(Recall.state.in_(OPEN)).order_by(*ranked()).limit(200)).all()
    given_up = session.execute(
        asked.where(Recall.state == RecallState.FAILED, or_(Recall.acuity.in_(recall_alarms.URGENT), untold))
        .order_by(*ranked())
        .limit(50)
    ).all()
    shown_above = [recall.id for recall, *_ in given_up]
    over = asked.where(Recall.state.not_in(OPEN), Recall.id.not_in(shown_above))
    past = session.execute(over.order_by(Recall.made_at.desc()).limit(CLOSED_SHOWN)).all()
    own = select(func.max(DeskCommand.id)).where(DeskCommand.operator_id == current_user.id)
    last = session.scalar(own) or 0
    return {
        "results": RESULTS,
        "due": [r for r in due if current_user.serves(r[0].hotline)],
        "given_up": [r for r in given_up if current_user.serves(r[0].hotline)],
        "past": [r for r in past if current_user.serves(r[0].hotline)],
        "messages": spoken_messages.of(session, [r[0] for r in (*due, *given_up)]),
        "now": now(),
        "label": ticket_view.label,
        "number_of": lambda r: (
            ticket_view.number_shown(r.number, own=False) if r.number else say("không có số")
        ),
        "state_word": lambda key: shown.word(shown.RECALL_STATES, key),
        "why_word": lambda key: shown.word(shown.RECALL_REASONS, key),
        "click_of": lambda recall: desk.click_id(f"recall {recall.id}", last),
    }


def alarm_text(alarm: recall_alarms.Alarm) -> str:
    """What is wrong, and what to do."""
    told = {"acuity": shown.acuity_short(alarm.acuity), "time": clock(alarm.due_at)}
    if alarm.kind == recall_alarms.FAILED:
        return say(
            "Gọi lại mức {acuity}: gọi {count} lần không gặp, trưởng ca phải xử lý.",
            acuity=told["acuity"],
            count=alarm.tries,
        )
    if alarm.kind == recall_alarms.LATE:
        return say("Gọi lại mức {acuity}: quá hạn {time} mà chưa ai gọi.", **told)
    return say("Gọi lại mức {acuity}: hạn {time} mà chưa ai gọi.", **told)


@room.post("/<recall_id>")
def command(recall_id: str) -> Response:
    kind = request.form.get("kind", "")
    if kind not in COMMANDS:
        raise InputFault("kind", say("Không có lệnh gọi lại này: hãy tải lại trang."))
    with transaction() as session:
        recall = session.get(Recall, recall_id)
        states = COMMANDS[kind]
        if recall is None or recall.state not in states or not current_user.serves(recall.hotline):
            raise InputFault(
                "recall_id", say("Lượt gọi lại này đã xong hoặc đã hủy: hãy tải lại trang."), 409
            )
        if kind == "recall_now" and not recall.number:
            raise nobody_to_ring()
        if kind == "unreachable":
            _unreachable(session, recall, request.form.get("note", "").strip())
        elif kind == "seen_to":
            _seen_to(session, recall, request.form.get("note", "").strip())
        else:
            desk.ask_and_tell(session, kind, {"recall_id": recall_id})
    return redirect(url_for("recalls.index"), 303)


def nobody_to_ring() -> InputFault:
    return InputFault(
        "recall_id",
        say("Người này giấu số và không cho số gọi lại: hãy nghe lời nhắn rồi ghi việc đã làm."),
        409,
    )


def _unreachable(session: Session, recall: Recall, note: str) -> None:
    """A supervisor closes the ticket of whom nobody could tell the result; refused before three tries at different hours."""
    ticket = ticket_changes.locked(session, recall.ticket_id)
    if ticket is None or recall.why not in RESULTS:
        raise InputFault("kind", say("Không có lệnh gọi lại này: hãy tải lại trang."))
    asked = ticket_changes.Asked(
        ticket.version,
        {},
        TicketState.CLOSED.value,
        UNREACHABLE,
        ticket.unit_code,
        note[:500],
        supervises=True,
    )
    ticket_changes.change(session, ticket, current_user.username, asked)
    done = RecallChanged(recall_id=recall.id, call_id=recall.call_id, state=RecallState.CANCELLED)
    apply(session, done, current_user.username)
    flash(say("Đã đóng phiếu vì không liên lạc được sau 3 lần gọi vào các giờ khác nhau."))


def _seen_to(session: Session, recall: Recall, note: str) -> None:
    """A person has acted on somebody who could not be reached: what they did stands on the ticket."""
    if len(note) < NOTE_CHARACTERS:
        raise InputFault("note", say("Ô “Đã làm gì”: hãy ghi việc đã làm, ít nhất 5 ký tự."), 422)
    ticket = session.get(Ticket, recall.ticket_id)
    done = RecallChanged(recall_id=recall.id, call_id=recall.call_id, state=RecallState.DONE)
    apply(session, done, current_user.username)
    if ticket is not None:
        body = {"what": "seen_to", "recall_id": recall.id}
        ticket_changes.add_entry(session, ticket, "task_taken", current_user.username, note[:500], body)
    flash(say("Đã ghi việc đã làm; người này không còn nợ cuộc gọi."))
