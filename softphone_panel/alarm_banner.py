"""The banner of alarms on every page on which people work: orders that nobody has, late tickets, owed calls; and who has seen to one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import clock_alarms, order_alarms, recall_alarms
from hotline.bus import LIVE, announce
from hotline.database import transaction
from hotline.events import now
from hotline.operators import Role
from softphone_panel import (
    desk,
    order_words,
    recalls,
    shown,
    ticket_changes,
    ticket_clock,
    ticket_view,
)
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket
from softphone_panel.words import clock, say

room = Blueprint("alarm_banner", __name__)

SHOWN = 3
"""Late tickets in the banner; the list of late ones has all."""
KEY_CHARACTERS = 200


@room.get("/recalls/alarms")
def index() -> Response:
    """What alarms now."""
    return desk.fragment("recall_alarms.html", values)


@room.post("/recalls/alarms")
def handle() -> Response:
    """A supervisor has seen to an order's or a late ticket's alarm: it sounds nowhere any more, and the ticket says who did."""
    key, ticket_id = request.form.get("key", ""), request.form.get("ticket_id", "")
    if not 0 < len(key) <= KEY_CHARACTERS:
        raise InputFault("key", say("Trang đã cũ: hãy tải lại trang rồi bấm lại."), 400)
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        if key not in clock_alarms.handled(session, [ticket.id]):
            ticket_changes.add_entry(
                session, ticket, clock_alarms.HANDLED, current_user.username, "", {"key": key}
            )
            announce(session, LIVE, {"event": recall_alarms.CHANGED, "call_id": "", "operator_id": None})
    if request.headers.get("HX-Request"):
        return desk.fragment("recall_alarms.html", values)
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


def values(session: Session) -> dict[str, Any]:
    at = now()
    orders = [one for one in order_alarms.active(session, at) if current_user.serves(one.hotline)]
    seen_to = clock_alarms.handled(session, {one.ticket_id for one in orders})
    supervises = current_user.role in (Role.SUPERVISOR, Role.ADMINISTRATOR)
    mine = desk.province().seen_by(current_user.serves)
    late = clock_alarms.active(session, at, mine) if supervises else []
    return {
        "order_alarms": [one for one in orders if one.key not in seen_to],
        "order_alarm_text": order_words.alarm_text,
        "order_label": lambda alarm: order_words.label(alarm.hotline, alarm.ticket_number, alarm.number),
        "recall_alarms": [a for a in recall_alarms.active(session, at) if current_user.serves(a.hotline)],
        "alarm_label": lambda alarm: ticket_view.label(alarm.hotline, alarm.ticket_number),
        "alarm_text": recalls.alarm_text,
        "clock_alarms": late[:SHOWN],
        "clock_alarms_more": len(late) - SHOWN,
        "clock_alarms_more_keys": " ".join(one.key for one in late[SHOWN:]),
        "clock_alarm_text": _text(session, late[:SHOWN]),
    }


def _text(session: Session, late: list[clock_alarms.ClockAlarm]) -> Any:
    """Alarm → what is late, since when, and who was told."""
    names = ticket_clock.whose(session, {one.told_to for one in late if one.told_to})

    def text(alarm: clock_alarms.ClockAlarm) -> str:
        told = {
            "acuity": shown.acuity_short(alarm.acuity),
            "stage": shown.word(shown.STAGES, alarm.stage).lower(),
            "time": clock(alarm.due_at),
        }
        if alarm.told_to:
            return say(
                "Phiếu mức {acuity} trễ hạn {time} ở bước “{stage}”, đã báo lên {whom}.",
                whom=names[alarm.told_to],
                **told,
            )
        return say("Phiếu mức {acuity} trễ hạn {time} ở bước “{stage}”.", **told)

    return text
