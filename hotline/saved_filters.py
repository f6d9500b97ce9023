"""Saved filters of the list of tickets: a person's own, or a supervisor's that everybody sees."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base, Moment

NAME_CHARACTERS = 60
MOST = 30
"""Of one person's own."""


class SavedFilter(Base):
    __tablename__ = "saved_filter"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    query: Mapped[dict[str, str]] = mapped_column(JSON)
    """The list's address as words: {"state": "open", …}, without the page."""
    shared: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(Moment)


def of(session: Session, operator_id: int) -> list[SavedFilter]:
    """What this person may choose: their own first, then those that supervisors share, each by name."""
    mine = SavedFilter.owner_id == operator_id
    rows = session.scalars(
        select(SavedFilter).where(or_(mine, SavedFilter.shared)).order_by(mine.desc(), SavedFilter.name)
    )
    return list(rows)
