"""Results: what became of a citizen's request, as they are told it, and what they answer; a result not solved goes one level higher."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import agencies, merging
from hotline import events as e
from hotline.book import Book, call_of
from hotline.clocks import DONE, REOPENED, TicketClock
from hotline.redials import ACTOR, enter
from hotline.rows import Row
from hotline.tickets import Ticket, TicketEntry, TicketState
from hotline.units import VIETNAM


class Answer(StrEnum):
    """What the citizen pressed after the result."""

    SOLVED = "solved"
    NOT_SOLVED = "not_solved"
    OPERATOR = "operator"
    """They want to talk; nothing is known to be told."""
    NONE = ""
    """They heard it and pressed nothing."""


RESULTS: Mapping[str, tuple[str, ...]] = {
    "solved": ("result-intro", "result-solved"),
    "answered": ("result-intro", "result-answered"),
    "supplied": ("result-intro", "result-supplied"),
    "checked": ("result-intro", "result-checked"),
    "not_possible": ("result-intro", "result-not-possible"),
    "other": ("result-intro", "result-other-done"),
}
"""A result's key → the recorded pieces that tell it."""
RESOLVED = "resolved"
"""The disposition of a ticket that the citizen has said is solved."""


def result_told(book: Book, event: e.ResultTold) -> Row:
    """The answer on the ticket: solved closes it with its proof, not solved opens it again one level higher."""
    call = call_of(book, event)
    ticket = book.rows.get(Ticket, event.ticket_id)
    if ticket is None or event.answer in (Answer.OPERATOR, Answer.NONE):
        return call
    merged = merging.of(book.session, event.ticket_id)
    if merged is not None:
        # Its main ticket is others' too: one "solved" does not close it, one "not solved" opens it again.
        ticket = book.rows.get(Ticket, merged.into_id)
        if ticket is None or event.answer != Answer.NOT_SOLVED:
            return call
    if event.answer == Answer.NOT_SOLVED:
        owner = one_higher(book.session, ticket.id, event.at)
        ticket.state, ticket.closed_at, ticket.disposition = TicketState.OPEN.value, None, ""
        ticket.version += 1
        enter(book.rows, ticket.id, REOPENED, event.at, owner=owner, why=event.answer)
    elif ticket.state != TicketState.CLOSED:
        ticket.state, ticket.closed_at = TicketState.CLOSED.value, event.at
        ticket.disposition = RESOLVED
        ticket.version += 1
        proof = {
            # Without an entry of what was done the citizen's own word shows that it is.
            "done": last_result(book.session, event.ticket_id) or event.result or str(event.answer),
            "told": told_by(event.by),
            "answer": event.answer,
        }
        book.rows.add(
            TicketEntry, ticket_id=event.ticket_id, at=event.at, kind="disposition", actor=ACTOR,
            body={"disposition": RESOLVED, "proof": proof},
        )  # fmt: skip
    return call


def told_by(username: str) -> str:
    """How a proof names who told the result."""
    return "operator" if username else "result_call"


def last_result(session: Session, ticket_id: str) -> str:
    """The key of what was entered last as done, on the ticket in which this one goes on; empty when nothing was."""
    body = session.scalar(
        select(TicketEntry.body)
        .where(TicketEntry.ticket_id == merging.main_id(session, ticket_id), TicketEntry.kind == DONE)
        .order_by(TicketEntry.id.desc())
        .limit(1)
    )
    return str((body or {}).get("result", ""))


def one_higher(session: Session, ticket_id: str, at: datetime) -> str:
    """Who has the ticket when its present owner's work did not solve it: the agency above, else the supervisors."""
    row = session.get(TicketClock, ticket_id)
    kind, _, key = (row.owner if row is not None else "").partition(":")
    if kind == "agency":
        house = agencies.organisation(session)
        above = house.ladder(key, house.last_day(key, at.astimezone(VIETNAM).date()))
        if above:
            return f"agency:{above[0].key}"
    return "role:supervisor"
