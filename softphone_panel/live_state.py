"""What the live page shows: calls in the line and in talk, operators, the day's counts, read in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from hotline import figures
from hotline.acuity import Acuity
from hotline.approvals import Approval
from hotline.calls import Call, CallState
from hotline.events import now
from hotline.installation import Installation
from hotline.operators import Operator, OperatorPresence, Presence, Role
from hotline.recalls import LATER, Recall, RecallState
from hotline.tickets import Ticket
from hotline.units import Unit
from softphone_panel.words import midnight

IN_LINE = (CallState.WAITING, CallState.RINGING)
ELSEWHERE = (CallState.TRIAGE, CallState.MESSAGE, CallState.FALLBACK)
STALE_AFTER = timedelta(hours=6)
"""A call that never ended in the record (a machine died) leaves the page after this."""
PRESENCE_ORDER = {
    p: i for i, p in enumerate(("talking", "ringing", "wrap_up", "available", "paused", "offline"))
}


@dataclass(frozen=True)
class CallLine:
    """One call as a line of the page."""

    id: str
    ticket_id: str
    ticket_label: str
    hotline: str
    state: str
    acuity: str
    number: str
    branch: str
    reason: str
    since: datetime
    """Waiting: since the line was joined; talking: since the human answered; else since the arrival."""
    target_s: int
    answered_by: str
    operator_id: int | None
    unit: str = ""
    """Where the caller is, as far as it is known."""


@dataclass(frozen=True)
class Desk:
    """One operator and where they are now."""

    id: int
    full_name: str
    username: str
    state: str
    reason: str
    phone: str
    call_id: str
    since: datetime | None


@dataclass(frozen=True)
class Counts:
    """Since midnight, as hotline.figures counts."""

    arrived: int
    in_target_percent: float | None
    """The service level."""
    lost: int
    recalls_due: int
    recalls_late: int
    """Past their time, and nobody dials."""


@dataclass(frozen=True)
class LiveState:
    waiting: tuple[CallLine, ...]
    talking: tuple[CallLine, ...]
    elsewhere: tuple[CallLine, ...]
    desks: tuple[Desk, ...]
    counts: Counts
    by_acuity: dict[str, int]
    """How many wait, for each acuity."""
    unapproved: tuple[str, ...]
    """Names of hotlines that answer without an approved protocol."""
    read_at: datetime


def read(session: Session, province: Installation, serves: Callable[[str], bool]) -> LiveState:
    """The page's state for somebody who may see the hotlines that `serves` says."""
    at = now()
    prefixes = {h.key: h.prefix for h in province.hotlines}
    rows = session.execute(
        select(Call, Ticket.number, Ticket.unit_code)
        .outerjoin(Ticket, Ticket.id == Call.ticket_id)
        .where(Call.state != CallState.ENDED, Call.arrived_at > at - STALE_AFTER)
        .order_by(Call.arrived_at)
        .limit(500)
    ).all()
    names = _unit_names(session, {code for _, _, code in rows if code})
    lines = [
        _line(call, number, prefixes, names.get(code or "", ""))
        for call, number, code in rows
        if serves(call.hotline)
    ]
    waiting = sorted(
        (c for c in lines if c.state in IN_LINE), key=lambda c: (-Acuity(c.acuity).urgency, c.since)
    )
    talking = [c for c in lines if c.state == CallState.TALKING]
    return LiveState(
        waiting=tuple(waiting),
        talking=tuple(sorted(talking, key=lambda c: c.since)),
        elsewhere=tuple(c for c in lines if c.state in ELSEWHERE),
        desks=_desks(session),
        counts=_counts(session, province, at, serves),
        by_acuity=dict(Counter(c.acuity for c in waiting)),
        unapproved=unapproved(session, province),
        read_at=at,
    )


def unapproved(session: Session, province: Installation) -> tuple[str, ...]:
    """Hotlines whose protocol nobody has approved: they play only "emergency, press 1"."""
    approved = set(session.scalars(select(Approval.name).distinct()))
    return tuple(h.name for h in province.in_service if h.protocol not in approved)


def _unit_names(session: Session, codes: set[str]) -> dict[str, str]:
    """The units' own names by code; of two that had one code, the later."""
    rows = (
        session.scalars(select(Unit).where(Unit.code.in_(codes)).order_by(Unit.valid_from)) if codes else ()
    )
    return {unit.code: unit.full_name for unit in rows}


def _line(call: Call, number: int | None, prefixes: dict[str, str], unit: str) -> CallLine:
    acuity = call.acuity if call.acuity in Acuity.__members__ else Acuity.ORANGE
    since = call.human_at if call.state == CallState.TALKING else call.queued_at
    return CallLine(
        id=call.id, ticket_id=call.ticket_id, ticket_label=f"{prefixes.get(call.hotline, call.hotline)}-{number or '?'}",
        hotline=call.hotline, state=call.state, acuity=acuity, number=call.caller_number, branch=call.branch,
        reason=call.reason, since=since or call.arrived_at, target_s=Acuity(acuity).human_answers_within_s,
        answered_by=call.answered_by, operator_id=call.operator_id,
        unit=unit,
    )  # fmt: skip


def _desks(session: Session) -> tuple[Desk, ...]:
    rows = session.execute(
        select(Operator, OperatorPresence)
        .outerjoin(OperatorPresence, OperatorPresence.operator_id == Operator.id)
        .where(Operator.active)
        .order_by(Operator.full_name)
    ).all()
    desks = [
        _desk(o, p)
        for o, p in rows
        if o.role == Role.OPERATOR or (o.role != Role.STATION and p and p.state != Presence.OFFLINE)
    ]
    return tuple(sorted(desks, key=lambda d: (PRESENCE_ORDER.get(d.state, 9), d.full_name)))


def _desk(operator: Operator, presence: OperatorPresence | None) -> Desk:
    if presence is None:
        return Desk(operator.id, operator.full_name, operator.username, "offline", "", "", "", None)
    return Desk(
        operator.id, operator.full_name, operator.username, presence.state, presence.reason, presence.phone,
        presence.call_id, presence.since,
    )  # fmt: skip


def _counts(session: Session, province: Installation, at: datetime, serves: Callable[[str], bool]) -> Counts:
    day = figures.counted(session, midnight(at), at, hotlines=province.seen_by(serves)).total
    dues = session.execute(
        select(Recall.hotline, Recall.due_at, Recall.state).where(
            Recall.state.in_((RecallState.DUE, RecallState.DIALLING)),
            or_(Recall.why.not_in(LATER), Recall.due_at < at),
        )
    ).all()
    due = [d for d in dues if serves(d.hotline)]
    return Counts(
        arrived=day.arrived,
        in_target_percent=day.service.percent,
        lost=day.lost,
        recalls_due=len(due),
        recalls_late=sum(d.due_at < at and d.state == RecallState.DUE for d in due),
    )


def waiting_oldest_s(session: Session, at: datetime) -> dict[tuple[str, str], float]:
    """(hotline, acuity) → how long its longest waiter has waited."""
    rows = session.execute(
        select(Call.hotline, Call.acuity, func.min(Call.queued_at))
        .where(Call.state.in_(IN_LINE), Call.queued_at.is_not(None), Call.arrived_at > at - STALE_AFTER)
        .group_by(Call.hotline, Call.acuity)
    ).all()
    return {(hotline, acuity): (at - since).total_seconds() for hotline, acuity, since in rows if since}
