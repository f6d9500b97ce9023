"""A ticket's fields: what an operator writes down while talking, each with a version, so that two tabs lose nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base, Moment


class TicketField(Base):
    """One field's present value; what it was before stands in the ticket's entries."""

    __tablename__ = "ticket_field"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    """A field of the second-stage script."""
    value: Mapped[str] = mapped_column(Text, default="")
    """Empty: taken back."""
    version: Mapped[int] = mapped_column(default=1)
    entered: Mapped[int] = mapped_column(default=0)
    """The version that stands in the ticket's entries: what is typed is kept at once, and entered when it is finished."""
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Moment)


class SecondStage(Base):
    """That an operator has begun the script on a ticket: by which script, and at which level the ticket stood."""

    __tablename__ = "second_stage"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    began_at: Mapped[datetime] = mapped_column(Moment)
    acuity: Mapped[str] = mapped_column(String(8))
    """Before the first answer."""
    script_id: Mapped[str] = mapped_column(String(64))
    script_version: Mapped[str] = mapped_column(String(32))
    script_digest: Mapped[str] = mapped_column(String(64))


class Stale(ValueError):  # noqa: N818 - exceptions are named by the fact
    """Somebody, or another tab, has written the field since; carries what stands there now."""

    def __init__(self, present: TicketField) -> None:
        super().__init__(f"{present.name} of {present.ticket_id} is at version {present.version}")
        # Values, not the row: it is gone with the transaction that this ends.
        self.name, self.value, self.version = present.name, present.value, present.version
        self.by, self.at = present.by, present.at


def of(session: Session, ticket_id: str) -> dict[str, TicketField]:
    """The ticket's fields by name."""
    rows = session.scalars(select(TicketField).where(TicketField.ticket_id == ticket_id))
    return {row.name: row for row in rows}


def save(
    session: Session, ticket_id: str, name: str, value: str, *, seen: int, by: str, at: datetime
) -> TicketField:
    """Put a value in a field that its writer saw at version `seen` (0: empty so far). Raises Stale, and then changes nothing.

    The same value a second time (an answer that got lost, another tab's) is the field as it is.
    """
    if seen > 0:
        change = (
            update(TicketField)
            .where(
                TicketField.ticket_id == ticket_id,
                TicketField.name == name,
                TicketField.version == seen,
                TicketField.value != value,
            )
            .values(value=value, version=seen + 1, by=by, at=at)
            .returning(TicketField.version)
            .execution_options(synchronize_session=False)
        )
        changed = session.execute(change).first() is not None
    else:
        dialect = session.get_bind().dialect.name
        insert = sqlite.insert(TicketField) if dialect == "sqlite" else postgresql.insert(TicketField)
        row = {"ticket_id": ticket_id, "name": name, "value": value, "version": 1, "entered": 0}
        added = insert.values(**row, by=by, at=at).on_conflict_do_nothing().returning(TicketField.version)
        changed = session.execute(added).first() is not None
    present = session.get(TicketField, (ticket_id, name), populate_existing=True)
    if present is None:
        raise ValueError(f"field {name} of {ticket_id} was seen at version {seen}, and never written")
    if not changed and present.value != value:
        raise Stale(present)
    return present
