"""Alarms about late tickets: a RED one past its moment, and any whose lateness has been escalated; seen to by a supervisor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from hotline.acuity import Acuity
from hotline.clocks import TicketClock
from hotline.tickets import Ticket, TicketEntry

HANDLED = "alarm_handled"
"""The entry that names an alarm (body: key) which sounds nowhere any more."""
ESCALATED_AT = 2
"""Of what has sounded in a stage: 1 is the warning, 2 the first level of the ladder."""
MOST = 100


@dataclass(frozen=True)
class ClockAlarm:
    ticket_id: str
    hotline: str
    ticket_number: int | None
    acuity: Acuity
    stage: str
    due_at: datetime
    told_to: str
    """Whom the last escalation was told to: "agency:KEY", "role:ROLE", "operator:USERNAME"; empty before the first."""
    key: str
    """Names this alarm: another stage, or another level of the ladder, is another alarm."""


def active(session: Session, at: datetime, hotlines: Collection[str] | None = None) -> list[ClockAlarm]:
    """What alarms now and nobody has seen to, the most urgent first, then the latest; of all hotlines, or of these."""
    late = and_(TicketClock.due_at <= at, TicketClock.paused_until.is_(None))
    rows = session.execute(
        select(Ticket, TicketClock)
        .join(TicketClock, TicketClock.ticket_id == Ticket.id)
        .where(
            late,
            or_(Ticket.acuity == Acuity.RED.value, TicketClock.sounded >= ESCALATED_AT),
            *([] if hotlines is None else [Ticket.hotline.in_(hotlines)]),
        )
        .order_by((Ticket.acuity != Acuity.RED.value), TicketClock.due_at.desc())
        .limit(MOST)
    ).all()
    found = [_alarm(ticket, clock) for ticket, clock in rows]
    seen_to = handled(session, {one.ticket_id for one in found})
    return sorted(
        (one for one in found if one.key not in seen_to), key=lambda one: (-one.acuity.urgency, one.due_at)
    )


def _alarm(ticket: Ticket, clock: TicketClock) -> ClockAlarm:
    assert clock.due_at is not None  # noqa: S101 - the query takes only those that have one
    return ClockAlarm(
        ticket.id, ticket.hotline, ticket.number, Acuity(ticket.acuity), clock.stage, clock.due_at, clock.told_to,
        f"{ticket.id}/late/{clock.round}.{clock.stage}.{max(clock.sounded, 1)}",
    )  # fmt: skip


def handled(session: Session, tickets: Collection[str]) -> frozenset[str]:
    """The keys of these tickets' alarms that somebody has seen to."""
    if not tickets:
        return frozenset()
    asked = select(TicketEntry.body).where(TicketEntry.ticket_id.in_(tickets), TicketEntry.kind == HANDLED)
    return frozenset(str(body.get("key")) for body in session.scalars(asked))
