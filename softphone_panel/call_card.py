"""The caller's card: what an operator must know of the call that rings or talks at their desk, read with few statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from flask_login import current_user
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hotline import nuisance, privacy
from hotline.acuity import Acuity
from hotline.calls import Call, Direction
from hotline.events import now
from hotline.nuisance import Nuisance
from hotline.operators import OperatorPresence, Presence
from hotline.recalls import Recall, RecallState
from hotline.ticket_fields import TicketField
from hotline.tickets import Ticket
from ivr.recall import matches_nobody
from softphone_panel import ticket_view, unit_search
from softphone_panel.ticket_view import Step
from softphone_panel.words import say

AT_DESK = frozenset({Presence.RINGING, Presence.TALKING, Presence.WRAP_UP})
EARLIER_SHOWN = 5
CALLS_READ = 60
EARLIER_WITHIN = timedelta(days=30)
LIKELY_FROM = nuisance.LIKELY_FROM
NAMES = ("caller_name", "patient_name")


@dataclass(frozen=True)
class Earlier:
    """An earlier ticket of the same number."""

    id: str
    label: str
    at: datetime
    acuity: str
    reason: str
    state: str
    disposition: str
    recent: bool
    """Within the 48 hours that make a medical caller a repeat caller."""


@dataclass(frozen=True)
class Card:
    """Everything the card shows."""

    ticket: Ticket
    call: Call
    label: str
    hotline_name: str
    number: str
    name: str
    """As written on this or an earlier ticket of the number; empty when nobody asked."""
    steps: tuple[Step, ...]
    unit_name: str
    presence: str
    """ringing, talking or wrap_up."""
    waits_since: datetime
    answered_at: datetime | None
    target_s: int
    earlier: tuple[Earlier, ...]
    calls_before: int
    """In the last 30 days."""
    calls_today: int
    owed: Recall | None
    """A call the hotline owes this number."""
    nuisance: Nuisance

    @property
    def acuity(self) -> str:
        return self.ticket.acuity


def at_desk(session: Session, operator_id: int) -> tuple[str, str, str]:
    """(call id, ticket id, presence) of what is at this operator's desk now; empty words when nothing is."""
    row = session.execute(
        select(OperatorPresence.call_id, OperatorPresence.state, Call.ticket_id)
        .join(Call, Call.id == OperatorPresence.call_id)
        .where(OperatorPresence.operator_id == operator_id)
    ).first()
    if row is None or row.state not in AT_DESK:
        return "", "", ""
    return row.call_id, row.ticket_id, row.state


def ringing(session: Session, operator_id: int) -> tuple[object, ...] | None:
    """What tells one showing of a card at a ringing desk from another; None when the desk does not ring.

    It is the same for every desk that rings for the call: a RED call rings at all free ones in the same moment.
    """
    row = session.execute(
        select(
            OperatorPresence.call_id, OperatorPresence.state, Call.state, Call.acuity, Call.human_at, Ticket.id, Ticket.version,
        )
        .join(Call, Call.id == OperatorPresence.call_id)
        .join(Ticket, Ticket.id == Call.ticket_id)
        .where(OperatorPresence.operator_id == operator_id)
    ).first()  # fmt: skip
    return tuple(row) if row is not None and row[1] == Presence.RINGING else None


def read(session: Session, operator_id: int) -> Card | None:
    """The card of the call at this operator's desk; None when there is none."""
    call_id, ticket_id, presence = at_desk(session, operator_id)
    if not call_id:
        return None
    row = session.execute(
        select(Call, Ticket).join(Ticket, Ticket.id == ticket_id).where(Call.id == call_id)
    ).first()
    return None if row is None else of(session, row[0], row[1], presence)


def of(session: Session, call: Call, ticket: Ticket, presence: str) -> Card:
    """The card of a call that is at the reader's own desk."""
    hotlines = {h.key: h for h in current_app.config["INSTALLATION"].hotlines}
    hotline = hotlines.get(ticket.hotline)
    shared = hotline.shared_numbers if hotline is not None else ()
    number = ticket.caller_number or call.caller_number
    told = "" if matches_nobody(number, shared) else number
    before = _tickets_before(session, ticket, told)
    past = _calls_before(session, call, told)
    whole = privacy.sees_numbers(current_user.role, own_call=True, unmasked=False)
    acuity = Acuity(ticket.acuity) if ticket.acuity in Acuity.__members__ else Acuity.ORANGE
    at = now()
    return Card(
        ticket=ticket,
        call=call,
        label=ticket_view.label(ticket.hotline, ticket.number),
        hotline_name=hotline.name if hotline is not None else ticket.hotline,
        number=privacy.shown(number, whole) or say("Giấu số"),
        name=_name(session, [ticket.id, *(t.id for t in before)]),
        steps=ticket_view.steps(session, ticket),
        unit_name=unit_search.name_of(session, ticket.unit_code),
        presence=presence,
        waits_since=call.queued_at or call.arrived_at,
        answered_at=call.human_at,
        target_s=acuity.human_answers_within_s,
        earlier=tuple(_earlier(t, at) for t in before[:EARLIER_SHOWN]),
        calls_before=len(past),
        calls_today=sum(at - one.at <= timedelta(hours=24) for one in past),
        owed=_owed(session, told),
        nuisance=nuisance.score(past, at),
    )


def _tickets_before(session: Session, ticket: Ticket, number: str) -> Sequence[Ticket]:
    if not number:
        return ()
    return session.scalars(
        select(Ticket)
        .where(
            or_(Ticket.caller_number == number, Ticket.callback_number == number),
            Ticket.id != ticket.id,
            Ticket.opened_at > now() - EARLIER_WITHIN,
        )
        .order_by(Ticket.opened_at.desc())
        .limit(EARLIER_SHOWN + 5)
    ).all()


def _calls_before(session: Session, call: Call, number: str) -> list[nuisance.Past]:
    if not number:
        return []
    rows = session.execute(
        select(Call.arrived_at, Call.ended_at, Call.human_at, Ticket.path, Ticket.disposition)
        .outerjoin(Ticket, Ticket.id == Call.ticket_id)
        .where(
            Call.caller_number == number,
            Call.id != call.id,
            Call.direction == Direction.IN,
            Call.arrived_at > now() - EARLIER_WITHIN,
        )
        .order_by(Call.arrived_at.desc())
        .limit(CALLS_READ)
    ).all()
    return [
        nuisance.Past(
            at=row.arrived_at,
            lasted_s=((row.ended_at or now()) - row.arrived_at).total_seconds(),
            pressed=any(step.get("key") is not None for step in row.path or ()),
            talked=row.human_at is not None,
            marked=row.disposition == "nuisance",
        )
        for row in rows
    ]


def _name(session: Session, tickets: list[str]) -> str:
    rows: dict[tuple[str, str], str] = {
        (row.ticket_id, row.name): row.value
        for row in session.execute(
            select(TicketField.ticket_id, TicketField.name, TicketField.value).where(
                TicketField.ticket_id.in_(tickets), TicketField.name.in_(NAMES), TicketField.value != ""
            )
        )
    }
    found: list[Any] = [rows[t, n] for t in tickets for n in NAMES if (t, n) in rows]
    return str(found[0]) if found else ""


def _owed(session: Session, number: str) -> Recall | None:
    if not number:
        return None
    return session.scalar(
        select(Recall)
        .where(Recall.number == number, Recall.state.in_((RecallState.DUE, RecallState.DIALLING)))
        .order_by(Recall.due_at)
        .limit(1)
    )


def _earlier(ticket: Ticket, at: datetime) -> Earlier:
    return Earlier(
        id=ticket.id,
        label=ticket_view.label(ticket.hotline, ticket.number),
        at=ticket.opened_at,
        acuity=ticket.acuity,
        reason=ticket.reason,
        state=ticket.state,
        disposition=ticket.disposition,
        recent=at - ticket.opened_at <= timedelta(hours=48),
    )
