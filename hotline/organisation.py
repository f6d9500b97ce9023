"""The organisation: agencies, command centres and rapid-response teams, who is responsible for what where, and who stands above whom.

Pure: the rows come from `hotline.agencies`, the day and the moment are handed in. Every row has dates of validity, and units
are those of the day (`hotline.geography`), so that the three levels of 2021 and the two of 2025 are rows, not programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from hotline.directory import Line, Shift
from hotline.geography import Geography
from hotline.installation import digits
from hotline.unit_files import UNITS_FROM
from hotline.units import VIETNAM

KINDS = ("agency", "centre", "team")
"""An agency answers for a matter; a centre commands; a team goes there."""
STATION = "station"
"""The kind of a health station: it gets orders, and is kept with the stations (`hotline.stations`)."""
LEVELS = ("commune", "district", "province")
ALL = "*"
"""In place of a category: every one."""


@dataclass(frozen=True)
class Contact:
    """Somebody to write to or ring outside the duty roster: an office, a function; shown, never rung by the machine."""

    role: str
    name: str = ""
    number: str = ""
    email: str = ""


@dataclass(frozen=True)
class Agency:
    """Whoever gets tickets or orders."""

    key: str
    hotline: str
    name: str
    kind: str
    level: str
    unit: str
    """Code of the unit it belongs to."""
    numbers: tuple[str, ...] = ()
    """In the order of ringing, day and night."""
    above: str = ""
    """Key of whom it escalates to; empty: nobody is above."""
    languages: tuple[str, ...] = ("vi",)
    capacity: int = 0
    """Orders it can work on at once; 0: not limited."""
    valid_from: date = UNITS_FROM
    valid_to: date | None = None
    """Its last day."""
    shifts: tuple[Shift, ...] = ()
    """Who is on duty at which hours."""
    contacts: tuple[Contact, ...] = ()
    active: bool = True
    """Gets tickets and orders; one that is switched off is passed over, upwards."""

    def stands(self, day: date) -> bool:
        """Whether it may get anything on that day."""
        return self.active and begun(self.valid_from, self.valid_to, day)

    def lines(self, at: datetime) -> tuple[Line, ...]:
        """Whom to ring: who is on duty, then its numbers; a number of the roster only in its hours."""
        found = [Line(f"{self.name}, {s.who}", s.number) for s in self.shifts if s.covers(at)]
        rostered = {digits(s.number) for s in self.shifts}
        found += [Line(self.name, n) for n in self.numbers if digits(n) not in rostered]
        return tuple({line.dialled: line for line in reversed(found)}.values())[::-1]


@dataclass(frozen=True)
class Responsibility:
    """An agency answers for these categories in one unit and everything in it."""

    categories: tuple[str, ...]
    """Keys of `hotline.categories`, or ALL alone."""
    unit: str
    agency: str
    valid_from: date = UNITS_FROM
    valid_to: date | None = None

    def covers(self, category: str, day: date) -> bool:
        here = category in self.categories or ALL in self.categories
        return here and begun(self.valid_from, self.valid_to, day)


@dataclass(frozen=True)
class Organisation:
    """All agencies of the installation by key, in the order of their files, and who is responsible for what."""

    agencies: Mapping[str, Agency] = field(default_factory=dict)
    responsibilities: tuple[Responsibility, ...] = ()
    geography: Geography = field(default_factory=lambda: Geography({}, {}))
    structure_on: date | None = None
    """The day whose structure is worked by, where it is not the present one (`Installation.structure_on`)."""
    served: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Code of a unit → keys of the health stations that serve it."""
    medical: frozenset[str] = frozenset()
    """Categories for which stations answer."""

    def day(self, at: datetime) -> date:
        """The day whose units and agencies count at that moment, on Vietnam's calendar."""
        return self.structure_on or at.astimezone(VIETNAM).date()

    @cached_property
    def _by_unit(self) -> Mapping[str, tuple[Responsibility, ...]]:
        found: dict[str, list[Responsibility]] = {}
        for one in self.responsibilities:
            found.setdefault(one.unit, []).append(one)
        return {unit: tuple(those) for unit, those in found.items()}

    def agency(self, key: str) -> Agency | None:
        return self.agencies.get(key)

    def responsible(
        self, hotline: str, category: str, unit: str, on_date: date, written_on: date | None = None
    ) -> tuple[Agency, ...]:
        """Who answers for that category at that place on that day, nearest first, each once.

        `written_on` is the day on which the unit's code was written down, when that is another day: codes are given to
        successors. Where the place is not certain (it was split), only those who answer for all of it. For medical
        categories the health stations of a unit answer too, after its agencies, where no agency is nearer.
        """
        found: dict[str, Agency] = {}
        for place in self.geography.places(unit, on_date, written_on):
            is_nearer = any(one.kind != STATION for one in found.values())
            for one in self._by_unit.get(place, ()):
                agency = self.agencies.get(one.agency)
                if agency is None or agency.hotline != hotline or not one.covers(category, on_date):
                    continue
                if agency.stands(on_date):
                    found.setdefault(agency.key, agency)
            for key in self.served.get(place, ()) if category in self.medical and not is_nearer else ():
                station = self.agencies.get(key)
                if station is not None and station.hotline == hotline and station.stands(on_date):
                    found.setdefault(key, station)
        return tuple(found.values())

    def ladder(self, key: str, on_date: date) -> tuple[Agency, ...]:
        """Those above it, the next one first; who is switched off or not there on that day is climbed over."""
        found: list[Agency] = []
        passed = {key}
        at = self.agencies.get(key)
        while at is not None and at.above and at.above not in passed:
            passed.add(at.above)
            at = self.agencies.get(at.above)
            if at is not None and at.stands(on_date):
                found.append(at)
        return tuple(found)

    def last_day(self, key: str, day: date) -> date:
        """That day, or the last one on which the agency stood, when it is gone by then."""
        agency = self.agencies.get(key)
        gone = agency.valid_to if agency is not None else None
        return min(day, gone) if gone is not None else day

    def below(self, key: str, on_date: date) -> tuple[Agency, ...]:
        """Those who escalate to it directly."""
        return tuple(a for a in self.agencies.values() if a.above == key and a.stands(on_date))

    def at(self, hotline: str, unit: str, on_date: date, kind: str = "") -> tuple[Agency, ...]:
        """Those that belong to that unit itself, of that kind or of any."""
        return tuple(
            a
            for a in self.agencies.values()
            if a.hotline == hotline and a.unit == unit and kind in ("", a.kind) and a.stands(on_date)
        )

    def numbers(self, key: str, at: datetime) -> tuple[Line, ...]:
        """Whom to ring there at that moment, in order: the duty roster first; empty for an unknown one."""
        agency = self.agencies.get(key)
        return agency.lines(at) if agency is not None else ()


def begun(valid_from: date, valid_to: date | None, day: date) -> bool:
    return valid_from <= day and (valid_to is None or day <= valid_to)


def of(
    agencies: Iterable[Agency],
    responsibilities: Iterable[Responsibility],
    geography: Geography,
    structure_on: date | None = None,
    served: Mapping[str, tuple[str, ...]] | None = None,
    medical: frozenset[str] = frozenset(),
) -> Organisation:
    keyed = {agency.key: agency for agency in agencies}
    return Organisation(keyed, tuple(responsibilities), geography, structure_on, served or {}, medical)
