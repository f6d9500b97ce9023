"""Messages that go out, as those who watch over the hotline see them: dead letters first, to be sent again; what waits for its next try."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import case, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import gateway_file, text_messages
from hotline.database import reading, transaction
from hotline.events import now
from hotline.settings import settings
from hotline.text_messages import OPEN, MessageState, TextMessage
from hotline.tickets import Ticket
from softphone_panel import desk, fault_words, shown, ticket_changes, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.words import say

room = Blueprint("messages", __name__, url_prefix="/messages")

SHOWN = 200


@room.get("")
def index() -> str:
    with reading() as session:
        return render_template("messages.html", **_values(session))


def _values(session: Session) -> dict[str, Any]:
    mine = desk.province().seen_by(current_user.serves)
    rows = session.execute(
        select(TextMessage, Ticket.number)
        .outerjoin(Ticket, Ticket.id == TextMessage.ticket_id)
        .where(
            TextMessage.state.in_((*OPEN, MessageState.FAILED)),
            *([TextMessage.hotline.in_(mine)] if mine is not None else []),
        )
        .order_by(case((TextMessage.state == MessageState.FAILED, 0), else_=1), TextMessage.id.desc())
        .limit(SHOWN)
    ).all()
    return {
        "rows": rows,
        "dead": sum(row.state == MessageState.FAILED for row, _ in rows),
        "label": ticket_view.label,
        "number": lambda number: ticket_view.number_shown(number, own=False),
        "kind_word": lambda key: shown.word(shown.MESSAGE_KINDS, key),
        "state_word": lambda key: shown.word(shown.MESSAGE_STATES, key),
        "fault_word": fault_words.word,
        "advice": fault_words.advice,
        "click": ticket_changes.fresh_click,
        "file_fault": gateway_file.fault(settings().installation, settings().var),
    }


@room.post("/<int:number>")
def send_again(number: int) -> AnyResponse:
    """A dead letter goes once more."""
    click = desk.click(request.form.get("click_id", ""))
    with transaction() as session:
        row = session.get(TextMessage, number, with_for_update=True)
        if row is None or not current_user.serves(row.hotline):
            raise InputFault("act", say("Không có tin nhắn này: hãy tải lại trang."), 404)
        if ticket_changes.once(session, click):
            if row.state != MessageState.FAILED:
                raise InputFault("act", say("Tin nhắn này đã được gửi lại rồi: hãy tải lại trang."), 409)
            text_messages.send_again(session, row, now(), current_user.username)
    flash(say("Tin nhắn sẽ được gửi lại ngay."))
    return redirect(url_for("messages.index"), 303)
