"""Spoken messages: who owes a call hears what the caller said, and where it begins in the recording of the call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from hotline.calls import Call, EndReason
from hotline.recalls import MESSAGE, Recall, RecallState
from hotline.recordings import Recording
from hotline.tickets import TicketEntry


@dataclass(frozen=True)
class Message:
    call_id: str
    asked_s: float
    """When the machine began to ask for it, from the recording's beginning; 0 where the dialplan did alone."""
    length_s: float
    """The whole recording's."""


def of(session: Session, recalls: Iterable[Recall]) -> dict[str, list[Message]]:
    """Owed call → the messages that its person left since they wait, the latest first; those that have no sound yet are left out."""
    rows = {recall.id: recall for recall in recalls}
    if not rows:
        return {}
    merged = and_(
        Recall.person.in_({row.person for row in rows.values() if row.person}),
        Recall.state == RecallState.MERGED,
    )
    asked = (
        select(Recall, Recording, Call.arrived_at)
        .join(Recording, Recording.call_id == Recall.call_id)
        .join(Call, Call.id == Recall.call_id)
        .where(
            Call.end_reason == EndReason.LEFT_MESSAGE, Recall.why == MESSAGE, or_(Recall.id.in_(rows), merged)
        )
        .order_by(Recall.made_at.desc())
    )
    left = session.execute(asked).all()
    begun = _begun(session, {recording.ticket_id for _, recording, _ in left})
    found: dict[str, list[Message]] = {}
    for recall, recording, arrived_at in left:
        one = _message(recording, arrived_at, begun.get(recording.ticket_id))
        for owed in rows.values():
            if owed.id == recall.id or (owed.person == recall.person and recall.made_at >= owed.waits_since):
                found.setdefault(owed.id, []).append(one)
    return found


def in_call(session: Session, call: Call, recording: Recording) -> Message:
    """The message of a call that ended with one."""
    return _message(
        recording, call.arrived_at, _begun(session, {recording.ticket_id}).get(recording.ticket_id)
    )


def _message(recording: Recording, arrived_at: datetime, begun_at: datetime | None) -> Message:
    asked_s = max(0.0, (begun_at - arrived_at).total_seconds()) if begun_at is not None else 0.0
    return Message(recording.call_id, min(asked_s, recording.length_s), recording.length_s)


def _begun(session: Session, tickets: set[str]) -> dict[str, datetime]:
    """When each ticket's caller was last asked for a message."""
    asked = (
        select(TicketEntry.ticket_id, func.max(TicketEntry.at))
        .where(TicketEntry.ticket_id.in_(tickets), TicketEntry.kind == "message_started")
        .group_by(TicketEntry.ticket_id)
    )
    return dict(session.execute(asked).tuples().all())
