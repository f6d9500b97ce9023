"""Recalls: whom the hotline owes a call, and a supervisor's word to call now or not at all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline.acuity import Acuity
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import now
from hotline.recalls import Recall, RecallState
from hotline.tickets import Ticket
from softphone_panel import desk, shown, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.words import say

room = Blueprint("recalls", __name__, url_prefix="/recalls")
OPEN = (RecallState.DUE, RecallState.DIALLING)
CLOSED_SHOWN = 30
COMMANDS = frozenset({"recall_now", "recall_cancel"})


@room.get("")
def index() -> str:
    with reading() as session:
        return render_template("recalls.html", **_values(session))


@room.get("/list")
def listed() -> Response:
    """The lists alone, read again when the live stream says that something changed."""
    return desk.fragment("recalls_list.html", _values)


def _values(session: Session) -> dict[str, Any]:
    urgency = case({a.value: a.urgency for a in Acuity}, value=Recall.acuity, else_=3)
    asked = select(Recall, Ticket.number).outerjoin(Ticket, Ticket.id == Recall.ticket_id)
    due = session.execute(
        asked.where(Recall.state.in_(OPEN)).order_by(urgency.desc(), Recall.due_at).limit(200)
    ).all()
    past = session.execute(
        asked.where(Recall.state.not_in(OPEN)).order_by(Recall.made_at.desc()).limit(CLOSED_SHOWN)
    ).all()
    own = select(func.max(DeskCommand.id)).where(DeskCommand.operator_id == current_user.id)
    last = session.scalar(own) or 0
    return {
        "due": [r for r in due if current_user.serves(r[0].hotline)],
        "past": [r for r in past if current_user.serves(r[0].hotline)],
        "now": now(),
        "label": ticket_view.label,
        "number_of": lambda r: ticket_view.number_shown(r.number, own=False),
        "state_word": lambda key: shown.word(shown.RECALL_STATES, key),
        "why_word": lambda key: shown.word(shown.RECALL_REASONS, key),
        "click_of": lambda recall: desk.click_id(f"recall {recall.id}", last),
    }


@room.post("/<recall_id>")
def command(recall_id: str) -> Response:
    kind = request.form.get("kind", "")
    if kind not in COMMANDS:
        raise InputFault("kind", say("Không có lệnh gọi lại này: hãy tải lại trang."))
    with transaction() as session:
        recall = session.get(Recall, recall_id)
        if recall is None or recall.state not in OPEN:
            raise InputFault(
                "recall_id", say("Lượt gọi lại này đã xong hoặc đã hủy: hãy tải lại trang."), 409
            )
        desk.ask_and_tell(session, kind, {"recall_id": recall_id})
    return redirect(url_for("recalls.index"), 303)
