"""The recordings of stations' legs and of calls to teams; found with their calls, heard on a page of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.orders import OrderTry
from hotline.recordings import LegRecording
from hotline.tickets import Ticket
from hotline.transfers import Transfer, TransferTry
from softphone_panel import exports, listening, order_words, recording_marks, shown, ticket_view
from softphone_panel.words import is_htmx, length

room = Blueprint("leg_recordings", __name__, url_prefix="/recordings/legs")

MOST_NAMES = 300
HAPPENS = ("transfer_moved", "station_tried", "order_tried", "call_ended")
"""Entries that are marks of a station's leg."""


@dataclass(frozen=True)
class StationLeg:
    """A recorded leg with the try that it was: of a hand-over to a station, or of an order to a team."""

    id: str
    call_id: str
    name: str
    state: str
    length_s: float
    answered_at: datetime | None


def of_calls(session: Session, call_ids: Iterable[str]) -> dict[str, list[StationLeg]]:
    """The recorded legs of each of these calls, in the order in which they answered."""
    found: defaultdict[str, list[StationLeg]] = defaultdict(list)
    wanted = list(call_ids)
    stations = select(LegRecording, TransferTry).join(TransferTry, TransferTry.leg_id == LegRecording.leg_id)
    teams = select(LegRecording, OrderTry).join(OrderTry, OrderTry.dial_id == LegRecording.leg_id)
    rows: list[tuple[LegRecording, TransferTry | OrderTry]] = [
        *session.execute(stations.where(LegRecording.call_id.in_(wanted))).tuples(),
        *session.execute(teams.where(LegRecording.call_id.in_(wanted))).tuples(),
    ]
    for kept, tried in sorted(rows, key=lambda row: row[1].answered_at or row[1].rung_at):
        found[kept.call_id].append(_leg(kept, tried))
    return found


def of_orders(session: Session, dial_ids: Iterable[str]) -> set[str]:
    """Which of these calls to teams can be listened to."""
    return set(session.scalars(select(LegRecording.leg_id).where(LegRecording.leg_id.in_(list(dial_ids)))))


def _leg(kept: LegRecording, tried: TransferTry | OrderTry) -> StationLeg:
    return StationLeg(kept.leg_id, kept.call_id, tried.name, tried.state, kept.length_s, tried.answered_at)


def names(session: Session) -> list[str]:
    """The names that answered some hand-over, for the search."""
    asked = select(TransferTry.name).where(TransferTry.answered_at.is_not(None)).distinct()
    return list(session.scalars(asked.order_by(TransferTry.name).limit(MOST_NAMES)))


def calls_with(name: str) -> Any:
    """The calls in which this station, or colleague, answered."""
    return (
        select(Transfer.call_id)
        .join(TransferTry, TransferTry.transfer_id == Transfer.id)
        .where(TransferTry.name == name, TransferTry.answered_at.is_not(None))
    )


@room.get("/<leg_id>")
def one(leg_id: str) -> str:
    """A leg's recording with what happened at which second; the sound is asked for by a click, and that is written down."""
    with reading() as session:
        kept = listening.kept_leg(session, leg_id)
        tried, ticket = _try(session, leg_id), session.get(Ticket, kept.ticket_id)
        call = session.get(Call, kept.call_id)
        if tried is None or ticket is None or call is None:
            abort(404)
        began_at = tried.answered_at or tried.rung_at
        return render_template(
            "leg_recording.html", recording=kept, leg=_leg(kept, tried), ticket=ticket, call=call, began_at=began_at,
            events=_events(session, kept, tried), comments=recording_marks.comments_of(session, kept),
            label=ticket_view.label(ticket.hotline, ticket.number), length=length,
            state=shown.word(
                shown.TRY_STATES if isinstance(tried, TransferTry) else order_words.TRY_STATES, tried.state
            ),
        )  # fmt: skip


def _try(session: Session, leg_id: str) -> TransferTry | OrderTry | None:
    return session.get(TransferTry, leg_id) or session.get(OrderTry, leg_id)


def _events(
    session: Session, kept: LegRecording, tried: TransferTry | OrderTry
) -> list[recording_marks.Mark]:
    began_at = tried.answered_at or tried.rung_at
    return recording_marks.events_of(session, kept, began_at, HAPPENS)


@room.post("/<leg_id>/comments")
def comment(leg_id: str) -> AnyResponse:
    """A sentence at a second of the station's leg; the page that plays gets the comments alone and plays on."""
    with transaction() as session:
        recording_marks.add_comment(session, listening.kept_leg(session, leg_id))
    if not is_htmx():
        return redirect(url_for("leg_recordings.one", leg_id=leg_id), 303)
    with reading() as session:
        kept, tried = listening.kept_leg(session, leg_id), _try(session, leg_id)
        events = _events(session, kept, tried) if tried is not None else []
        comments = recording_marks.comments_of(session, kept)
    return recording_marks.fragment(kept, events, comments)


@room.post("/<leg_id>/export")
def export(leg_id: str) -> Response:
    reason = exports.reason()
    with transaction() as session:
        return exports.begin(session, listening.kept_leg(session, leg_id), reason)
