"""Administrative units with dates of validity and successors: the 2021 and the 2025 structures are data, not programs."""

from datetime import date, timedelta, timezone

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base

VIETNAM = timezone(timedelta(hours=7), "ICT")
"""On whose calendar units begin and end; no summer time."""


class Unit(Base):
    """One province, district or commune, keyed by its GSO code and the day from which it exists."""

    __tablename__ = "unit"
    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    """Code and year of validity, e.g. 25216@2021: codes are reused by successors."""
    code: Mapped[str] = mapped_column(String(8), index=True)
    name: Mapped[str] = mapped_column(String(80))
    full_name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(24))
    level: Mapped[str] = mapped_column(String(16))
    """province, district or commune."""
    parent_code: Mapped[str] = mapped_column(String(8), index=True, default="")
    province_code: Mapped[str] = mapped_column(String(8), default="")
    valid_from: Mapped[date] = mapped_column()
    valid_to: Mapped[date | None] = mapped_column()


class UnitSuccessor(Base):
    """What an old unit became; a partial one needs the street address or the operator's choice."""

    __tablename__ = "unit_successor"
    old_id: Mapped[str] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    new_id: Mapped[str] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    is_partial: Mapped[bool] = mapped_column(default=False)
