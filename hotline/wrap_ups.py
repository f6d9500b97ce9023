"""Wrap-ups: how an operator finished a call, and what is still to be done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.calls import Call
from hotline.database import Base, Moment
from hotline.operators import Operator
from hotline.tickets import TicketEntry

WRITTEN = "wrapped_up"
"""The ticket's entry of each operator's own disposition."""


class WrapUp(Base):
    """One call's disposition by the operator who talked last; of whoever passed the talk on, theirs is an entry of the ticket."""

    __tablename__ = "wrap_up"
    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(72), index=True)
    operator_id: Mapped[int] = mapped_column(index=True)
    disposition: Mapped[str] = mapped_column(String(32))
    follow_up_at: Mapped[datetime | None] = mapped_column(Moment)
    at: Mapped[datetime] = mapped_column(Moment)


def is_passed_on(call: Call, operator_id: int) -> bool:
    """Whether a colleague has this operator's talk now: theirs is the call's disposition."""
    return call.operator_id is not None and call.operator_id != operator_id


def is_written(session: Session, call: Call, operator: Operator) -> bool:
    """Whether the operator has recorded how their part of the call ended."""
    if not is_passed_on(call, operator.id):
        return session.get(WrapUp, call.id) is not None
    entries = session.scalars(
        select(TicketEntry).where(
            TicketEntry.ticket_id == call.ticket_id,
            TicketEntry.kind == WRITTEN,
            TicketEntry.actor == operator.username,
        )
    )
    return any(entry.body.get("call_id") == call.id for entry in entries)
