"""Stations and their duty roster as rows; `directory` reads them all into what calls and desks decide with."""

from datetime import time

from sqlalchemy import JSON, ForeignKey, String, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base
from hotline.directory import Directory, Shift, Station
from hotline.operators import Operator, OperatorPresence, Presence
from hotline.units import Unit


class StationRow(Base):
    """A health facility that takes hand-overs."""

    __tablename__ = "station"
    key: Mapped[str] = mapped_column(String(48), primary_key=True)
    hotline: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(120))
    level: Mapped[str] = mapped_column(String(16))
    """commune, district or province."""
    units: Mapped[list[str]] = mapped_column(JSON, default=list)
    numbers: Mapped[list[str]] = mapped_column(JSON, default=list)
    neighbours: Mapped[list[str]] = mapped_column(JSON, default=list)
    phone: Mapped[str] = mapped_column(String(32), default="")
    """A desk phone of ours that stands there; empty for an ordinary telephone."""
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Takes hand-overs; otherwise it is in no chain."""
    language: Mapped[str] = mapped_column(String(8), default="vi", server_default="vi")
    """What the briefing is spoken in."""
    place: Mapped[int] = mapped_column(default=0)
    """Its place in the file: the order in which equals are rung."""


class ShiftRow(Base):
    """Who is on duty at a station, on which weekdays, from when to when."""

    __tablename__ = "duty_shift"
    id: Mapped[int] = mapped_column(primary_key=True)
    station_key: Mapped[str] = mapped_column(ForeignKey("station.key"), index=True)
    who: Mapped[str] = mapped_column(String(80))
    number: Mapped[str] = mapped_column(String(40))
    days: Mapped[list[int]] = mapped_column(JSON, default=list)
    """1 is Monday."""
    begins: Mapped[str] = mapped_column(String(5))
    """Local time, "07:00"."""
    ends: Mapped[str] = mapped_column(String(5))


def directory(session: Session) -> Directory:
    """Every station that takes hand-overs with its roster, and which unit lies in which."""
    shifts: dict[str, list[Shift]] = {}
    for row in session.scalars(select(ShiftRow).order_by(ShiftRow.id)):
        shifts.setdefault(row.station_key, []).append(
            Shift(row.who, row.number, frozenset(row.days), _time(row.begins), _time(row.ends))
        )
    stations = tuple(
        Station(
            s.key, s.hotline, s.name, s.level, tuple(s.units), tuple(s.numbers), tuple(shifts.get(s.key, ())),
            tuple(s.neighbours), s.phone, language=s.language,
        )
        for s in session.scalars(select(StationRow).where(StationRow.active).order_by(StationRow.place))
    )  # fmt: skip
    attended: dict[str, tuple[tuple[int, str], ...]] = {}
    here = (
        select(Operator.station, Operator.id, OperatorPresence.phone)
        .join(OperatorPresence, OperatorPresence.operator_id == Operator.id)
        .where(
            Operator.station != "", OperatorPresence.state == Presence.AVAILABLE, OperatorPresence.phone != ""
        )
        .order_by(Operator.id)
    )
    for key, who, phone in session.execute(here):
        attended[key] = (*attended.get(key, ()), (who, phone))
    return Directory(stations, parents(session), attended)


def parents(session: Session) -> dict[str, str]:
    """Code of a unit → code of the one above it."""
    # Successors reuse codes; the unit of before comes first, and the later one does not overwrite it.
    found: dict[str, str] = {}
    for code, parent in session.execute(select(Unit.code, Unit.parent_code).order_by(Unit.valid_from)):
        found.setdefault(code, parent)
    return found


def _time(text: str) -> time:
    return time.fromisoformat(text)
