"""What happened, was asked and was noted at which second of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Response, render_template, request
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.calls import Call
from hotline.operators import Operator
from hotline.recordings import LegRecording, Recording
from hotline.tickets import Ticket, TicketEntry
from softphone_panel import exports, listening, sentences, ticket_changes, ticket_view, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket
from softphone_panel.words import length, say

COMMENT = "recording_comment"
COMMENT_CHARACTERS = 500
MARKED: Mapping[str, str] = {
    "call_queued": "▸",
    "acuity_raised": "▲",
    "call_answered": "☎",
    "call_held": "‖",
    "call_waits_again": "↺",
    "call_watched": "☊",
    "transfer_moved": "⇄",
    "station_tried": "☏",
    "message_started": "✉",
    "call_ended": "■",
}
"""Entries that are marks on the waveform, and their signs."""


@dataclass(frozen=True)
class Mark:
    """Something that happened at a second of the recording."""

    at_s: float
    sign: str
    text: str
    kind: str
    actor: str = ""


def add_comment(session: Session, recording: Recording | LegRecording) -> None:
    """Enter what the form says at its second; InputFault for no text, no second, or one after the end."""
    text = request.form.get("text", "").replace("\x00", "").strip()
    if not 0 < len(text) <= COMMENT_CHARACTERS:
        raise InputFault("text", say("Ô “Ghi chú”: hãy viết từ 1 đến {most} ký tự.", most=COMMENT_CHARACTERS))
    at_s = listening.seconds(request.form.get("at", ""))
    if at_s > recording.length_s:
        raise InputFault("at", say("Ô “Tại”: ghi âm chỉ dài {length}.", length=length(recording.length_s)))
    ticket = held_ticket(session, recording.ticket_id)
    body = {**exports.about(recording), "at_s": at_s, "folded": unit_search.folded(text)}
    ticket_changes.add_entry(session, ticket, COMMENT, current_user.username, text, body)


def fragment(recording: Recording | LegRecording, events: list[Mark], comments: list[Mark]) -> Response:
    """The comments, and the marks under the waveform, for a page that goes on playing."""
    text = render_template(
        "recording_comments.html",
        recording=recording,
        events=events,
        comments=comments,
        length=length,
        fresh=True,
    )
    return Response(text)


def comments_of(session: Session, recording: Recording | LegRecording) -> list[Mark]:
    """What people noted on this recording, by its seconds."""
    people = ticket_view.people_names(session)
    leg_id = recording.leg_id if isinstance(recording, LegRecording) else None
    entries = session.scalars(
        select(TicketEntry)
        .where(TicketEntry.ticket_id == recording.ticket_id, TicketEntry.kind == COMMENT)
        .order_by(TicketEntry.at, TicketEntry.id)
    )
    found = [
        Mark(
            float(entry.body.get("at_s") or 0),
            "✎",
            entry.text,
            entry.kind,
            sentences.actor(entry.actor, people),
        )
        for entry in entries
        if entry.body.get("call_id") == recording.call_id and entry.body.get("leg_id") == leg_id
    ]
    return sorted(found, key=lambda m: m.at_s)


def marks(session: Session, recording: Recording, call: Call) -> tuple[list[Mark], list[Mark]]:
    """(events, comments) of the recording, by their seconds; its sound begins when the call arrived."""
    events = _questions(session, recording, call) + events_of(
        session, recording, call.arrived_at, tuple(MARKED)
    )
    return sorted(events, key=lambda m: m.at_s), comments_of(session, recording)


def events_of(
    session: Session, recording: Recording | LegRecording, began_at: datetime, kinds: tuple[str, ...]
) -> list[Mark]:
    """The ticket's entries of these kinds that fall into the recording, which begins at `began_at`."""
    names = {row.id: row.full_name for row in session.execute(select(Operator.id, Operator.full_name))}
    found = []
    for entry in session.scalars(
        select(TicketEntry)
        .where(TicketEntry.ticket_id == recording.ticket_id, TicketEntry.kind.in_(kinds))
        .order_by(TicketEntry.at, TicketEntry.id)
    ):
        at_s = (entry.at - began_at).total_seconds()
        if -1 <= at_s <= recording.length_s + 1:
            text = sentences.of(entry, names)
            found.append(Mark(_inside(at_s, recording), MARKED[entry.kind], text, entry.kind))
    return found


def _questions(session: Session, recording: Recording, call: Call) -> list[Mark]:
    """What the machine asked and the caller answered, when this call opened the ticket."""
    ticket = session.get(Ticket, recording.ticket_id)
    if ticket is None or ticket.call_id != call.id:
        return []
    found = []
    for step, asked in zip(ticket_view.steps(session, ticket), ticket.path or (), strict=True):
        try:
            at = datetime.fromisoformat(str(asked.get("at")))
        except ValueError:
            continue
        at_s = _inside((at - call.arrived_at).total_seconds(), recording)
        found.append(Mark(at_s, step.key, f"{step.question}: {step.said}", "question"))
    return found


def _inside(at_s: float, recording: Recording | LegRecording) -> float:
    return round(min(max(0.0, at_s), recording.length_s), 1)
