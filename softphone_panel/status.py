"""How a citizen's ticket stands, for anybody with its reference: the step it is at and when it is due, nothing about the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from hotline import clocks, merging, references
from hotline.clocks import TicketClock
from hotline.database import reading
from hotline.events import now
from hotline.settings import settings
from hotline.sla import Stage
from hotline.tickets import Ticket, TicketState
from softphone_panel import desk, shown, ticket_view
from softphone_panel.limits import limiter
from softphone_panel.words import say

room = Blueprint("status", __name__)


@dataclass(frozen=True)
class Standing:
    """All that is shown of a ticket."""

    label: str
    said: str
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None


@room.route("/status", methods=["GET", "POST"])
@limiter.limit("10 per minute; 60 per hour", methods=["POST"])
def page() -> tuple[str, int]:
    """The form, and after it what is known; the reference travels in the body, so that it stands in no log."""
    if request.method == "GET":
        return render_template("status.html", standing=None, typed="", fault=""), 200
    typed = request.form.get("reference", "")[:80]
    with reading() as session:
        ticket = references.found(session, desk.province(), typed, settings().var)
        if ticket is not None:
            return render_template(
                "status.html", standing=_standing(session, ticket), typed=typed, fault=""
            ), 200
    fault = say("Không có phiếu với mã này: hãy xem lại mã tổng đài đã đọc, ví dụ BP-17 / 1234 5678 90123.")
    return render_template("status.html", standing=None, typed=typed, fault=fault), 404


def _standing(session: Session, ticket: Ticket) -> Standing:
    label, opened_at = ticket_view.label(ticket.hotline, ticket.number), ticket.opened_at
    # A ticket that goes on in another stands as that one does; the other's number is its caller's and is not told.
    ticket = session.get_one(Ticket, merging.main_id(session, ticket.id))
    if ticket.state == TicketState.CLOSED:
        return Standing(label, say("Đã đóng."), opened_at, None, ticket.closed_at)
    running = clocks.of(session, ticket, clocks.rules_of(desk.province(), ticket.hotline), now())
    row = session.get(TicketClock, ticket.id)
    paused = row is not None and row.paused_until is not None
    stage = running.stage.value if running.stage is not None else "accept"
    said = say("Đang tạm chờ thêm thông tin.") if paused else say(shown.STANDINGS[stage])
    return Standing(label, said, opened_at, running.due.get(Stage.TOLD), None)
