"""Links between tickets: kept once, read from both ends, and ended rather than removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import merging
from hotline.bus import LIVE, announce
from hotline.database import Base, Moment
from hotline.tickets import Ticket, TicketEntry

SAME_INCIDENT = "same_incident"
KINDS: Mapping[str, bool] = {SAME_INCIDENT: True, "follow_up": False, "caused_by": False, "related": True}
"""Kind → whether it says the same from both ends."""
LINKED, UNLINKED = "linked", "unlinked"


class TicketLink(Base):
    """One link: `from_id` follows up, is caused by, or is about the same as `to_id`."""

    __tablename__ = "ticket_link"
    __table_args__ = (
        Index(
            "uq_ticket_link_standing", "from_id", "to_id", "kind", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(primary_key=True)
    from_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"))
    to_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by: Mapped[str] = mapped_column(String(64), default="")


@dataclass(frozen=True)
class End:
    """A link as one of its tickets sees it."""

    link_id: int
    kind: str
    outward: bool
    """This ticket is the one that follows up or is caused."""
    other_id: str


def ends(kind: str, from_id: str, to_id: str) -> tuple[str, str]:
    """The ends in the order in which they are kept: a kind that says the same both ways has one order only."""
    return (min(from_id, to_id), max(from_id, to_id)) if KINDS[kind] else (from_id, to_id)


def of(session: Session, ticket_id: str) -> list[End]:
    """The ticket's links, the oldest first."""
    rows = session.scalars(
        select(TicketLink)
        .where(
            or_(TicketLink.from_id == ticket_id, TicketLink.to_id == ticket_id), TicketLink.ended_at.is_(None)
        )
        .order_by(TicketLink.id)
    )
    return [
        End(row.id, row.kind, row.from_id == ticket_id, row.to_id if row.from_id == ticket_id else row.from_id)
        for row in rows
    ]  # fmt: skip


def link(session: Session, ticket: Ticket, other: Ticket, kind: str, by: str, at: datetime) -> bool:
    """Link two tickets that are held, with an entry on each; False when they are linked so already, or are one ticket."""
    if ticket.id == other.id:
        return False
    from_id, to_id = ends(kind, ticket.id, other.id)
    standing = select(TicketLink.id).where(
        TicketLink.from_id == from_id, TicketLink.to_id == to_id, TicketLink.kind == kind,
        TicketLink.ended_at.is_(None),
    )  # fmt: skip
    if session.scalar(standing) is not None:
        return False
    session.add(TicketLink(from_id=from_id, to_id=to_id, kind=kind, at=at, by=by))
    ends_of = (ticket, other) if from_id == ticket.id else (other, ticket)
    _enter(session, LINKED, *ends_of, kind, by, at)
    session.flush()
    return True


def unlink(session: Session, link_id: int, by: str, at: datetime) -> TicketLink | None:
    """End a link, with an entry on each ticket; None when it has ended already or never was."""
    row = session.get(TicketLink, link_id)
    if row is None or row.ended_at is not None:
        return None
    row.ended_at, row.ended_by = at, by
    first, second = session.get(Ticket, row.from_id), session.get(Ticket, row.to_id)
    assert first is not None and second is not None  # noqa: S101 - tickets are never removed
    _enter(session, UNLINKED, first, second, row.kind, by, at)
    session.flush()
    return row


def _enter(
    session: Session, what: str, first: Ticket, second: Ticket, kind: str, by: str, at: datetime
) -> None:
    for one, other, outward in ((first, second, True), (second, first, False)):
        body = {**merging.ends(other), "kind": kind, "outward": outward}
        session.add(TicketEntry(ticket_id=one.id, at=at, kind=what, actor=by, text="", body=body))
        told = {"event": "ticket_changed", "ticket_id": one.id, "call_id": one.call_id, "operator_id": None}
        announce(session, LIVE, told)
