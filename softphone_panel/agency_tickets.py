"""Tickets in the agencies' interface: those that wait for the agency or last did, to be read, written on and reported.

Who is on a ticket, and what others wrote, is told to tokens with that scope only; each such showing is entered.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, jsonify
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import clocks, persons, ticket_fields
from hotline.agency_tokens import TICKETS, TICKETS_PERSONS, TICKETS_WRITE, AgencyToken
from hotline.calls import Call
from hotline.clocks import TicketClock
from hotline.database import reading, transaction
from hotline.events import RecallDue, now
from hotline.facts import apply
from hotline.recalls import OWED, RESULT, Recall, awake
from hotline.recalls import RESULTS as TELLS_RESULT
from hotline.results import RESULTS
from hotline.tickets import Ticket, TicketEntry, TicketState
from softphone_panel import desk, ticket_changes, ticket_view
from softphone_panel.agency_api import (
    MOST,
    NotAllowed,
    authorised,
    flag,
    given_choice,
    given_json,
    given_text,
    guessed,
    is_id,
    limited,
    moment,
    room,
)

REPORTS = ("accept", "done")
LONGEST_TEXT = 4000
SHOWN_KINDS = ("note", "state", "assigned", "work_done", "citizen_told", "disposition", "reopened")
"""What an agency is told of a ticket's history; of others' words only with the scope."""
SHOWN_TO_SYSTEM = "shown_to_system"


@room.get("/tickets")
@limited
@guessed
def tickets() -> Response:
    """The agency's own tickets, the latest first; with open=1 those that are not closed."""
    with reading() as session:
        token = authorised(session, TICKETS)
        open_only, at = flag("open"), now()
        rows = session.execute(
            select(Ticket, TicketClock)
            .join(TicketClock, TicketClock.ticket_id == Ticket.id)
            .where(
                TicketClock.owner == f"agency:{token.agency_key}",
                *([Ticket.state != TicketState.CLOSED] if open_only else []),
            )
            .order_by(Ticket.opened_at.desc(), Ticket.id)
            .limit(MOST)
        )
        return jsonify(tickets=[_plain(ticket, clock, at) for ticket, clock in rows])


@room.get("/tickets/<ticket_id>")
@limited
@guessed
def ticket(ticket_id: str) -> Response:
    """One ticket with its history; who is on it is told to whom may know, and that is entered."""
    with transaction() as session:
        token = authorised(session, TICKETS)
        found, clock = _own(session, token, ticket_id)
        knows = TICKETS_PERSONS in token.scopes
        told: dict[str, Any] = {
            **_plain(found, clock, now()),
            "entries": _entries(session, found, token, knows),
        }
        if knows:
            told["persons"] = _persons(session, found)
            body = {"reason": "API", "agency": token.agency_key}
            ticket_changes.add_entry(session, found, SHOWN_TO_SYSTEM, token.name, "", body)
        return jsonify(told)


@room.post("/tickets/<ticket_id>/entries")
@limited
@guessed
def entry(ticket_id: str) -> tuple[Response, int]:
    """What the agency writes down on its ticket: a note that everybody who sees the ticket reads."""
    with transaction() as session:
        token = authorised(session, TICKETS_WRITE)
        found, _ = _own(session, token, ticket_id)
        text = given_text(given_json(), "text", LONGEST_TEXT, needed=True)
        _check_open(found)
        ticket_changes.add_note(session, found, token.name, text)
        session.flush()
        made = session.scalars(
            select(TicketEntry)
            .where(TicketEntry.ticket_id == found.id)
            .order_by(TicketEntry.id.desc())
            .limit(1)
        ).one()
        return jsonify(_entry(made, words=True)), 201


@room.post("/tickets/<ticket_id>/reports")
@limited
@guessed
def ticket_report(ticket_id: str) -> Response:
    """accept: the agency works on it. done: what was done, by a result that the citizen is then told by telephone."""
    with transaction() as session:
        token = authorised(session, TICKETS_WRITE)
        found, clock = _own(session, token, ticket_id)
        given = given_json()
        what = given_choice(given, "report", REPORTS)
        text = given_text(given, "text", LONGEST_TEXT, needed=what == "done")
        locked = ticket_changes.locked(session, found.id) or found
        _check_open(locked)
        if what == "accept":
            _accept(session, locked, token, text)
        else:
            _done(session, locked, token, text, given_choice(given, "result", RESULTS))
        session.flush()
        return jsonify(_plain(locked, clock, now()))


def _accept(session: Session, ticket: Ticket, token: AgencyToken, text: str) -> None:
    if ticket.state != TicketState.OPEN:
        raise NotAllowed(409, "This ticket is in progress already.")
    body = {"from": ticket.state, "to": TicketState.IN_PROGRESS.value, "agency": token.agency_key}
    ticket.state = TicketState.IN_PROGRESS.value
    ticket.version += 1
    ticket_changes.add_entry(session, ticket, "state", token.name, text, body)


def _done(session: Session, ticket: Ticket, token: AgencyToken, text: str, result: str) -> None:
    owed = (Recall.ticket_id == ticket.id, Recall.why.in_(TELLS_RESULT), Recall.state.in_(OWED))
    if session.scalar(select(Recall.id).where(*owed).limit(1)) is not None:
        raise NotAllowed(409, "A result of this ticket is being told to the citizen already.")
    body = {"result": result, "agency": token.agency_key}
    ticket_changes.add_entry(session, ticket, clocks.DONE, token.name, text, body)
    number = persons.told_of(session, ticket).number
    if not number or session.get(Call, ticket.call_id) is None:
        return  # nobody to ring: the ticket's clock has the hotline tell them
    due_at = awake(now(), desk.province().told_hours)
    made = len(session.scalars(select(Recall.id).where(Recall.call_id == ticket.call_id)).all())
    told = RecallDue(
        call_id=ticket.call_id, hotline=ticket.hotline, number=number, acuity=ticket.acuity, why=RESULT, due_at=due_at,
        recall_id=f"r-{ticket.call_id}-{made + 1}", next_try_at=due_at,
    )  # fmt: skip
    apply(session, told, token.name)


def _check_open(ticket: Ticket) -> None:
    if ticket.state == TicketState.CLOSED:
        raise NotAllowed(409, "This ticket is closed.")


def _own(session: Session, token: AgencyToken, ticket_id: str) -> tuple[Ticket, TicketClock]:
    """Another agency's ticket is as unknown as one that never was."""
    clock = session.get(TicketClock, ticket_id) if is_id(ticket_id) else None
    if clock is None or clock.owner != f"agency:{token.agency_key}":
        raise NotAllowed(404, "Your agency has no such ticket.")
    return session.get_one(Ticket, clock.ticket_id), clock


def _plain(ticket: Ticket, clock: TicketClock, at: datetime) -> dict[str, Any]:
    late = clock.due_at is not None and clock.due_at < at and clock.paused_until is None
    return {
        "id": ticket.id, "label": ticket_view.label(ticket.hotline, ticket.number), "state": ticket.state, "stage": clock.stage,
        "due_at": moment(clock.due_at), "paused_until": moment(clock.paused_until), "late": late, "category": ticket.category,
        "acuity": ticket.acuity, "unit_code": ticket.unit_code, "reason": ticket.reason, "opened_at": ticket.opened_at.isoformat(),
        "closed_at": moment(ticket.closed_at),
    }  # fmt: skip


def _entries(session: Session, ticket: Ticket, token: AgencyToken, knows: bool) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(TicketEntry)
        .where(TicketEntry.ticket_id == ticket.id, TicketEntry.kind.in_(SHOWN_KINDS))
        .order_by(TicketEntry.id.desc())
        .limit(MOST)
    )
    return [_entry(row, words=knows or row.actor == token.name) for row in rows]


def _entry(row: TicketEntry, *, words: bool) -> dict[str, Any]:
    """Without its words where they may name somebody."""
    return {"at": row.at.isoformat(), "kind": row.kind, "text": row.text if words else None}


def _persons(session: Session, ticket: Ticket) -> dict[str, Any]:
    fields = {
        name: field.value for name, field in ticket_fields.of(session, ticket.id).items() if field.value
    }
    return {
        "caller_number": ticket.caller_number,
        "callback_number": ticket.callback_number,
        "fields": fields,
    }
