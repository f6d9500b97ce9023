"""Tickets: the record of a need, and their dated entries, which are never edited."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment


class TicketState(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"


FOLLOWS: dict[TicketState, frozenset[TicketState]] = {
    TicketState.OPEN: frozenset({TicketState.IN_PROGRESS, TicketState.CLOSED}),
    TicketState.IN_PROGRESS: frozenset({TicketState.OPEN, TicketState.CLOSED}),
    TicketState.CLOSED: frozenset({TicketState.OPEN}),
}


class Ticket(Base):
    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("hotline", "number"),
        # Lists and boards of a hotline are counted in it alone.
        Index("ix_ticket_listed", "hotline", "state", "acuity", "opened_at", "unit_code", "id"),
    )
    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    """"t-" and the id of the call that opened it."""
    hotline: Mapped[str] = mapped_column(String(32), index=True)
    number: Mapped[int] = mapped_column()
    """Counts from 1 within a hotline; people say "BP-17"."""
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True, default=TicketState.OPEN)
    acuity: Mapped[str] = mapped_column(String(8), index=True, default="ORANGE")
    branch: Mapped[str] = mapped_column(String(16), default="")
    category: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """A key of `hotline.categories`; empty until somebody has named it."""
    reason: Mapped[str] = mapped_column(String(200), default="")
    caller_number: Mapped[str] = mapped_column(String(40), index=True, default="")
    callback_number: Mapped[str] = mapped_column(String(40), index=True, default="")
    unit_code: Mapped[str] = mapped_column(String(8), default="")
    """Where the caller is: a unit's GSO code."""
    protocol_id: Mapped[str] = mapped_column(String(64), default="")
    protocol_version: Mapped[str] = mapped_column(String(32), default="")
    protocol_digest: Mapped[str] = mapped_column(String(64), default="")
    path: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """The answers of the IVR in order: {"question", "key", "said", "at"}; key null is silence."""
    is_repeat: Mapped[bool] = mapped_column(default=False)
    continues_id: Mapped[str] = mapped_column(String(72), index=True, default="", server_default="")
    """The ticket that this one goes on with, when the caller rang again within minutes; empty for most."""
    disposition: Mapped[str] = mapped_column(String(32), default="")
    opened_at: Mapped[datetime] = mapped_column(Moment, index=True)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int] = mapped_column(default=1)
    """Raised at every change; a form carries the one it saw, so two supervisors cannot overwrite each other."""


class TicketEntry(Base):
    __tablename__ = "ticket_entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    at: Mapped[datetime] = mapped_column(Moment)
    kind: Mapped[str] = mapped_column(String(32))
    """An event's name in snake case (call_queued, …), or note, disposition, state."""
    actor: Mapped[str] = mapped_column(String(64), default="")
    """Operator's username, or "ivr", "calls", "dialplan", "worker"."""
    text: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
