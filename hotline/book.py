"""One transaction of facts: its rows, and the call and ticket that a fact is about, opened by whichever fact comes first."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline import ledger
from hotline.calls import FOLLOWS, Call, CallState
from hotline.database import Base, Prepared
from hotline.installation import UNKNOWN
from hotline.rows import Row, Rows
from hotline.tickets import Ticket


def ticket_id_of(call_id: str) -> str:
    return f"t-{call_id}"


@dataclass
class Book:
    """One transaction of facts: its session and its rows."""

    session: Session
    rows: Rows
    numbers: dict[str, int] = field(default_factory=dict)
    """The last ticket number of each hotline."""

    def enter(self, hotline: str, kind: str, subject: str, body: dict[str, Any], at: datetime) -> None:
        """A line of the hotline's ledger."""
        ledger.append(self.session, hotline, kind, subject, body, at)


def move(call: Row, to: CallState) -> None:
    """Change a call's state if the table allows it; a late fact never reopens or rewinds a call."""
    if to in FOLLOWS[CallState(call.state)]:
        call.state = to.value


def ticket_of(book: Book, call: Row) -> Row | None:
    return book.rows.get(Ticket, call.ticket_id)


def call_of(book: Book, event: Any) -> Row:
    """The event's call; a shell of it when the fact that opens it has not come yet."""
    call = book.rows.get(Call, event.call_id)
    if call is None:
        opening = e.CallArrived(
            at=event.at,
            call_id=event.call_id,
            hotline=getattr(event, "hotline", "") or UNKNOWN,
            node=event.call_id.partition("-")[0],
        )
        call = call_arrived(book, opening)
    return call


def call_arrived(book: Book, event: e.CallArrived) -> Row:
    call = book.rows.get(Call, event.call_id)
    if call is not None:
        return _arrival_came_late(book, call, event)
    ticket_id = event.ticket_id or ticket_id_of(event.call_id)
    caller_number = event.caller_number[:40]
    body = {"ticket_id": ticket_id, "caller_number": caller_number, "direction": event.direction}
    # The ledger's head is locked first: it orders the writers, so that no two tickets get one number.
    book.enter(event.hotline, "call_opened", event.call_id, body, event.at)
    if not event.ticket_id or book.rows.get(Ticket, ticket_id) is None:
        book.rows.add(
            Ticket, id=ticket_id, hotline=event.hotline, number=_next_number(book, event.hotline),
            call_id=event.call_id, caller_number=caller_number, opened_at=event.at,
        )  # fmt: skip
    return book.rows.add(
        Call, id=event.call_id, node=event.node, direction=event.direction, hotline=event.hotline,
        trunk=event.trunk[:32], called_number=event.called_number[:40], caller_number=caller_number,
        caller_kind=event.caller_kind, state=event.state, ticket_id=ticket_id, arrived_at=event.at,
    )  # fmt: skip


_TICKETS = Base.metadata.tables["ticket"]
_LAST_NUMBER = Prepared(select(func.max(_TICKETS.c.number)).where(_TICKETS.c.hotline == bindparam("hotline")))


def _next_number(book: Book, hotline: str) -> int:
    last = book.numbers.get(hotline)
    if last is None:
        last = _LAST_NUMBER.run(book.session.connection(), {"hotline": hotline}).fetchone()[0] or 0
    book.numbers[hotline] = last + 1
    return book.numbers[hotline]


def _arrival_came_late(book: Book, call: Row, event: e.CallArrived) -> Row:
    """A shell was made first: fill in what it lacked, and say so in the ledger."""
    before = (call.hotline, call.caller_number)
    for name, most in (("trunk", 32), ("called_number", 40), ("caller_number", 40), ("caller_kind", 16)):
        setattr(call, name, getattr(call, name) or getattr(event, name)[:most])
    call.arrived_at = min(call.arrived_at, event.at)
    ticket = ticket_of(book, call)
    moved = call.hotline == UNKNOWN != event.hotline
    if moved:
        call.hotline = event.hotline
    if before != (call.hotline, call.caller_number):
        body = {"ticket_id": call.ticket_id, "caller_number": call.caller_number, "direction": call.direction}
        book.enter(call.hotline, "call_known", call.id, body, event.at)
        if ticket is not None and ticket.call_id == call.id:
            ticket.caller_number = ticket.caller_number or call.caller_number
            if moved:
                ticket.number, ticket.hotline = _next_number(book, call.hotline), call.hotline
            ticket.version += 1
    return call
