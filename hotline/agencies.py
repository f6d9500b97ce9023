"""Agencies and their responsibilities as rows; `organisation` reads them all into what orders, clocks and pages decide with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, time
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, delete, false, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import categories
from hotline.categories import CategoryFaults
from hotline.database import Base
from hotline.directory import Shift
from hotline.events import now
from hotline.geography import Geography
from hotline.geography import of as geography_of
from hotline.organisation import STATION, Agency, Contact, Organisation, Responsibility
from hotline.organisation import of as organisation_of
from hotline.settings import settings
from hotline.stations import StationRow, directory
from hotline.unit_files import UnitRow
from hotline.units import VIETNAM, Unit, UnitSuccessor


class AgencyRow(Base):
    """An agency, a command centre or a team. Never deleted: orders and tickets of before name it."""

    __tablename__ = "agency"
    key: Mapped[str] = mapped_column(String(48), primary_key=True)
    hotline: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(16))
    """agency, centre or team."""
    level: Mapped[str] = mapped_column(String(16))
    """commune, district or province."""
    unit_code: Mapped[str] = mapped_column(String(8), index=True)
    numbers: Mapped[list[str]] = mapped_column(JSON, default=list)
    above: Mapped[str] = mapped_column(String(48), default="")
    """Key of whom it escalates to."""
    languages: Mapped[list[str]] = mapped_column(JSON, default=list)
    capacity: Mapped[int] = mapped_column(default=0)
    """Orders at once; 0: not limited."""
    valid_from: Mapped[date] = mapped_column()
    valid_to: Mapped[date | None] = mapped_column()
    duty: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """{"who", "number", "days", "from", "to"}, as in the files."""
    contacts: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    removed: Mapped[bool] = mapped_column(default=False, server_default=false())
    """In no file and no published document any more; its name stays for what it did."""
    place: Mapped[int] = mapped_column(default=0)
    """The order among equals."""


class ResponsibilityRow(Base):
    """An agency answers for these categories in one unit and all that lies in it."""

    __tablename__ = "responsibility"
    id: Mapped[int] = mapped_column(primary_key=True)
    agency_key: Mapped[str] = mapped_column(ForeignKey("agency.key"), index=True)
    unit_code: Mapped[str] = mapped_column(String(8), index=True)
    categories: Mapped[list[str]] = mapped_column(JSON, default=list)
    valid_from: Mapped[date] = mapped_column()
    valid_to: Mapped[date | None] = mapped_column()


def organisation(session: Session, structure_on: date | None = None) -> Organisation:
    """All that stands, with the units of all days. Some milliseconds; who decides often keeps it for a second.

    `structure_on` is `Installation.structure_on`: who decides by the organisation's day gives it.
    """
    agencies = (
        agency_of(row)
        for row in session.scalars(
            select(AgencyRow).where(~AgencyRow.removed).order_by(AgencyRow.hotline, AgencyRow.place)
        )
    )
    known = {one.key: one for one in agencies}
    places = geography(session)
    day = structure_on or now().astimezone(VIETNAM).date()
    known = {**_stations(session, known, places, day), **known}
    responsibilities = (
        Responsibility(tuple(row.categories), row.unit_code, row.agency_key, row.valid_from, row.valid_to)
        for row in session.scalars(select(ResponsibilityRow).order_by(ResponsibilityRow.id))
    )
    return organisation_of(
        known.values(), responsibilities, places, structure_on, _served(session), medical()
    )


def _served(session: Session) -> dict[str, tuple[str, ...]]:
    """Unit → the stations that serve it, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for row in session.scalars(select(StationRow).where(StationRow.active).order_by(StationRow.place)):
        for unit in row.units:
            found[unit] = (*found.get(unit, ()), row.key)
    return found


def medical() -> frozenset[str]:
    """Categories of the medical branch; a broken file of categories is told by `doctor`, and then there is none."""
    try:
        known = categories.beside(settings().installation)
    except (CategoryFaults, OSError):
        return frozenset()
    return frozenset(key for key, one in known.items() if one.branch == "medical")


def names(session: Session, keys: Collection[str]) -> dict[str, str]:
    """What agencies and stations of these keys are called, also those that are no more."""
    wanted = list(keys)
    stations = session.execute(select(StationRow.key, StationRow.name).where(StationRow.key.in_(wanted)))
    rows = session.execute(select(AgencyRow.key, AgencyRow.name).where(AgencyRow.key.in_(wanted)))
    return {**dict(stations.tuples().all()), **dict(rows.tuples().all())}


def _stations(
    session: Session, known: Mapping[str, Agency], places: Geography, day: date
) -> dict[str, Agency]:
    """Health stations as those who get orders and questions: above each is the command centre of its place."""
    centres = {(a.hotline, a.unit): a.key for a in known.values() if a.kind == "centre" and a.stands(day)}
    found = {}
    for station in directory(session):
        unit = next(iter(station.units), "")
        around = places.places(unit, day) if unit else ()
        above = next((centres[station.hotline, u] for u in around if (station.hotline, u) in centres), "")
        found[station.key] = Agency(
            station.key, station.hotline, station.name, STATION, station.level, unit, station.numbers, above,
            (station.language,), shifts=station.shifts, active=station.active,
        )  # fmt: skip
    return found


def geography(session: Session) -> Geography:
    """All units of the database, and what became of them."""
    columns = tuple(UnitRow.__dataclass_fields__)
    units = (
        UnitRow(**{name: getattr(unit, name) for name in columns}) for unit in session.scalars(select(Unit))
    )
    links = session.scalars(select(UnitSuccessor))
    return geography_of(units, {(link.old_id, link.new_id): link.is_partial for link in links})


def agency_of(row: AgencyRow) -> Agency:
    return Agency(
        row.key, row.hotline, row.name, row.kind, row.level, row.unit_code, tuple(row.numbers), row.above,
        tuple(row.languages), row.capacity, row.valid_from, row.valid_to,
        tuple(
            Shift(d["who"], d["number"], frozenset(d["days"]), time.fromisoformat(d["from"]), time.fromisoformat(d["to"]))
            for d in row.duty
        ),
        tuple(Contact(**contact) for contact in row.contacts), row.active,
    )  # fmt: skip


def write(
    session: Session, hotline: str, agencies: Iterable[Agency], responsibilities: Iterable[Responsibility]
) -> None:
    """One hotline's organisation is this now; what is not in it is removed, and only its name stays."""
    known = {row.key: row for row in session.scalars(select(AgencyRow).where(AgencyRow.hotline == hotline))}
    session.execute(delete(ResponsibilityRow).where(ResponsibilityRow.agency_key.in_(list(known))))
    for place, agency in enumerate(agencies):
        row = known.pop(agency.key, None)
        if row is None:
            row = AgencyRow(key=agency.key)
            session.add(row)
        _fill(row, agency, place)
    for row in known.values():
        row.removed = True
    session.flush()  # the responsibilities refer to the agencies
    session.add_all(
        ResponsibilityRow(
            agency_key=one.agency, unit_code=one.unit, categories=list(one.categories),
            valid_from=one.valid_from, valid_to=one.valid_to,
        )
        for one in responsibilities
    )  # fmt: skip
    session.flush()


def _fill(row: AgencyRow, agency: Agency, place: int) -> None:
    values = {
        "hotline": agency.hotline, "name": agency.name, "kind": agency.kind, "level": agency.level,
        "unit_code": agency.unit, "numbers": list(agency.numbers), "above": agency.above,
        "languages": list(agency.languages), "capacity": agency.capacity, "valid_from": agency.valid_from,
        "valid_to": agency.valid_to, "duty": [duty_of(shift) for shift in agency.shifts],
        "contacts": [dict(vars(contact)) for contact in agency.contacts], "active": agency.active,
        "removed": False, "place": place,
    }  # fmt: skip
    for name, value in values.items():
        if getattr(row, name, None) != value:
            setattr(row, name, value)


def duty_of(shift: Shift) -> dict[str, Any]:
    """As files, forms and rows have it."""
    return {
        "who": shift.who, "number": shift.number, "days": sorted(shift.days),
        "from": f"{shift.begins:%H:%M}", "to": f"{shift.ends:%H:%M}",
    }  # fmt: skip
