"""Alarms about urgent calls that are owed: nobody makes one although half its time has gone, it is late, or three tries failed.

An alarm begins before the promise is broken, and ends when somebody dials, takes the call, or has seen to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hotline.acuity import Acuity
from hotline.bus import LIVE, announce
from hotline.database import reading, transaction
from hotline.events import now
from hotline.recalls import LATER, Recall, RecallState, ranked
from hotline.redials import ACTOR
from hotline.tickets import Ticket, TicketEntry

log = structlog.get_logger(__name__)

CHANGED = "recall_alarms_changed"
"""The live message that every page hears."""
WAITS, LATE, FAILED = "waits", "late", "failed"
URGENT = tuple(acuity.value for acuity in Acuity if acuity.urgent)


@dataclass(frozen=True)
class Alarm:
    recall_id: str
    ticket_id: str
    hotline: str
    ticket_number: int | None
    acuity: Acuity
    kind: str
    """waits (half the time has gone and nobody dials), late, failed (three tries: a person must decide)."""
    due_at: datetime
    """By when it should have been tried."""
    tries: int

    @property
    def key(self) -> str:
        """Names this alarm: another kind, or another try, is another alarm."""
        return f"{self.recall_id}/{self.kind}/{self.tries}"


def active(session: Session, at: datetime) -> list[Alarm]:
    """What alarms now: what failed first, then the most urgent."""
    rows = session.execute(
        select(Recall, Ticket.number)
        .outerjoin(Ticket, Ticket.id == Recall.ticket_id)
        .where(
            Recall.state.in_((RecallState.DUE, RecallState.FAILED)),
            Recall.acuity.in_(URGENT),
            Recall.why.not_in(LATER),
        )
        .order_by(*ranked())
        .limit(200)
    )
    found = [alarm for recall, number in rows if (alarm := _alarm(recall, number, at)) is not None]
    return sorted(found, key=lambda alarm: alarm.kind != FAILED)


def _alarm(recall: Recall, number: int | None, at: datetime) -> Alarm | None:
    acuity = Acuity(recall.acuity)
    limit = timedelta(seconds=acuity.callback_within_s)
    # The promise is about the first try; each later one has the same time from when it may be made.
    due_at = recall.due_at if recall.tries == 0 else recall.next_try_at + limit
    taken = recall.claimed_until is not None and recall.claimed_until > at
    if recall.state == RecallState.FAILED:
        kind = "" if taken else FAILED
    elif at >= due_at:
        kind = LATE
    else:
        kind = WAITS if at >= due_at - limit / 2 and not taken else ""
    if not kind:
        return None
    return Alarm(
        recall.id, recall.ticket_id, recall.hotline, number, acuity, kind, due_at, recall.tries
    )  # fmt: skip


class RecallAlarms:
    """Looks each second; tells every page when what alarms has changed, and enters each alarm on its ticket once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: frozenset[str] = frozenset()

    def look(self) -> int:
        """How many alarms are new."""
        at = now()
        with reading(self._engine) as session:
            alarms = {alarm.key: alarm for alarm in active(session, at)}
        if alarms.keys() == self._last:
            return 0
        fresh = [alarm for key, alarm in alarms.items() if key not in self._last]
        with transaction(self._engine) as session:
            for alarm in fresh:
                recall = session.get(Recall, alarm.recall_id)
                if recall is not None and recall.alarmed_as != alarm.key:  # else an earlier worker did
                    recall.alarmed_as = alarm.key
                    session.add(
                        TicketEntry(
                            ticket_id=alarm.ticket_id, at=at, kind="recall_alarm", actor=ACTOR, text="",
                            body={"kind": alarm.kind, "acuity": alarm.acuity},
                        )
                    )  # fmt: skip
                    log.warning("an owed call alarms", kind=alarm.kind, acuity=alarm.acuity, recall=recall.id)
            announce(session, LIVE, {"event": CHANGED, "call_id": "", "operator_id": None})
        self._last = frozenset(alarms)
        return len(fresh)
