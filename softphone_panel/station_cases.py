"""A health station's cases on its light page: whom it took by telephone, and what became of them, on any phone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.clocks import STATION_REPORTED
from hotline.database import transaction
from hotline.events import now
from hotline.tickets import TicketEntry, TicketState
from hotline.transfers import TransferTry, TryState
from softphone_panel import desk, shown, station_desk, ticket_changes
from softphone_panel.faults import InputFault
from softphone_panel.words import say

room = Blueprint("station_cases", __name__)

OPEN_FOR = timedelta(hours=24)
"""How long a case that nobody reported on stays, with whom it is about."""
SHOWN_AFTER = timedelta(hours=1)
"""How long whom they helped stands there after the last report."""
FOLLOWS = {"": ("arrived", "absent"), "arrived": ("done", "referred"), "absent": ("arrived",)}
"""What a station said last → what it may say next; the others end it."""
NOTED = frozenset({"done", "referred", "absent"})
NOTE_CHARACTERS, LONGEST = 5, 500


@dataclass(frozen=True)
class Case:
    offer: station_desk.Offer
    state: str
    """Last report: empty, arrived, done, referred or absent."""
    buttons: tuple[str, ...]
    click_id: str


def values(session: Session) -> dict[str, Any]:
    """The cases of the reader's station; empty for a team."""
    if not current_user.station:
        return {"cases": [], "is_station": False}
    found = []
    for row in _rows(session):
        tried, _, ticket, _ = row
        last = _last(session, ticket.id, tried.leg_id)
        state = str(last.body["state"]) if last is not None else ""
        over = state not in FOLLOWS or ticket.state == TicketState.CLOSED
        if over and (last is None or now() - last.at > SHOWN_AFTER):
            continue
        seed = f"{tried.leg_id}:{state}:{last.id if last is not None else 0}"
        found.append(
            Case(
                station_desk.taken(session, row), state, () if over else FOLLOWS[state],
                hashlib.sha256(seed.encode()).hexdigest()[:32],
            )
        )  # fmt: skip
    return {
        "cases": found,
        "is_station": True,
        "case_word": lambda key: shown.word(shown.STATION_REPORTS, key),
        "card_word": lambda key: shown.word(shown.CARD_FIELDS, key),
        "age_word": lambda key: shown.word(shown.AGE_BANDS, key),
    }


def _rows(session: Session, leg_id: str = "") -> list[Any]:
    one = (TransferTry.leg_id == leg_id,) if leg_id else ()
    return list(
        session.execute(
            station_desk.own_tries()
            .where(TransferTry.state == TryState.ACCEPTED, TransferTry.answered_at > now() - OPEN_FOR, *one)
            .order_by(TransferTry.answered_at.desc())
        )
    )


def _last(session: Session, ticket_id: str, leg_id: str) -> TicketEntry | None:
    return session.scalar(
        select(TicketEntry)
        .where(
            TicketEntry.ticket_id == ticket_id,
            TicketEntry.kind == STATION_REPORTED,
            TicketEntry.body["leg_id"].as_string() == leg_id,
        )
        .order_by(TicketEntry.id.desc())
        .limit(1)
    )


@room.post("/team/cases/<leg_id>")
def report(leg_id: str) -> AnyResponse:
    """What became of somebody the station took: an entry on the ticket, which its clock follows."""
    what = request.form.get("report", "")
    note = request.form.get("note", "").replace("\x00", "").strip()[:LONGEST]
    with transaction() as session:
        rows = _rows(session, leg_id) if current_user.station else []
        if not rows:
            raise InputFault("report", say("Trạm của bạn không có ca này."), 404)
        ticket = ticket_changes.locked(session, rows[0][2].id)
        if ticket is None or ticket.state == TicketState.CLOSED:
            raise InputFault("report", say("Phiếu của ca này đã đóng: hãy gọi tổng đài nếu cần."), 409)
        if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
            last = _last(session, ticket.id, leg_id)
            if what not in FOLLOWS.get(str(last.body["state"]) if last is not None else "", ()):
                raise InputFault("report", say("Ca này đã được báo rồi: hãy tải lại trang."), 409)
            if what in NOTED and len(note) < NOTE_CHARACTERS:
                raise InputFault("note", say("Ô “Ghi chú”: hãy ghi ít nhất 5 ký tự."))
            body = {"state": what, "leg_id": leg_id, "station": current_user.station}
            ticket_changes.add_entry(session, ticket, STATION_REPORTED, current_user.username, note, body)
    flash(say("Đã báo về trung tâm."))
    return redirect(url_for("team_desk.page"), 303)


@room.errorhandler(InputFault)
def fault(told: InputFault) -> tuple[str, int]:
    """As small as the page."""
    from softphone_panel import team_desk  # whose page this is part of

    return team_desk.fault(told)
