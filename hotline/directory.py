"""The directory: health stations, who is on duty there at which hours, and the numbers to ring for a place, in order.

Pure: the rows come from `hotline.stations`, the clock is handed in. What is not in the directory is not dialled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from hotline.installation import Hotline, digits
from hotline.units import VIETNAM

EVERY_DAY = frozenset(range(1, 8))
LEVELS = ("commune", "district", "province")
LANGUAGES = ("vi", "en")
"""What a briefing can be spoken in; the first is everybody's."""


class NotInDirectory(ValueError):  # noqa: N818 - exceptions are named by the fact
    """A number or station that may not be dialled; the texts are what the operator reads."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(vi)
        self.vi, self.en = vi, en


@dataclass(frozen=True)
class Shift:
    """One person's hours at a station, local time. Ends before it begins: over midnight, named by the day on which it begins."""

    who: str
    number: str
    days: frozenset[int] = EVERY_DAY
    """1 is Monday, 7 Sunday."""
    begins: time = time(0, 0)
    ends: time = time(0, 0)
    """Equal to `begins`: the whole day."""

    def covers(self, at: datetime) -> bool:
        here = at.astimezone(VIETNAM)
        today, yesterday = here.isoweekday(), (here - timedelta(days=1)).isoweekday()
        now = here.time()
        if self.begins < self.ends:
            return today in self.days and self.begins <= now < self.ends
        return (today in self.days and now >= self.begins) or (yesterday in self.days and now < self.ends)

    @property
    def hours(self) -> str:
        return f"{self.begins:%H:%M}–{self.ends:%H:%M}"


@dataclass(frozen=True)
class Line:
    """One number as it is rung for a hand-over."""

    name: str
    """Whose it is, as people read it: "Trung tâm Y tế huyện Lộc Ninh"."""
    number: str
    station: str = ""
    """Key of its station; empty for the hotline's own chain."""
    phone: str = ""
    """A SIP endpoint of ours in place of a number to dial."""
    needs_key: bool = True
    """False for a colleague's desk phone: answering is accepting."""
    operator_id: int = 0
    """Whose desk phone it is: a colleague's, or the account of a station."""
    language: str = LANGUAGES[0]
    """What whoever answers is told in."""

    @property
    def dialled(self) -> str:
        return self.phone or digits(self.number)


@dataclass(frozen=True)
class Station:
    """A health facility that takes hand-overs."""

    key: str
    hotline: str
    name: str
    level: str
    units: tuple[str, ...] = ()
    """Codes of the units it serves."""
    numbers: tuple[str, ...] = ()
    """In the order of ringing, day and night."""
    shifts: tuple[Shift, ...] = ()
    neighbours: tuple[str, ...] = ()
    """Keys of the stations that are asked when this one cannot."""
    phone: str = ""
    active: bool = True
    """Takes hand-overs; one that does not is not in the directory."""
    language: str = LANGUAGES[0]
    """What its briefing is spoken in; a card is always Vietnamese."""

    def lines(self, at: datetime) -> tuple[Line, ...]:
        """Its own phone, who is on duty, then its numbers; a number of the roster only in its hours."""
        found = [Line(self.name, self.phone, self.key, self.phone)] if self.phone else []
        found += [Line(f"{self.name}, {s.who}", s.number, self.key) for s in self.shifts if s.covers(at)]
        rostered = {digits(s.number) for s in self.shifts}
        found += [Line(self.name, n, self.key) for n in self.numbers if digits(n) not in rostered]
        return tuple(replace(line, language=self.language) for line in found)


@dataclass(frozen=True)
class Directory:
    stations: tuple[Station, ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    """Code of a unit → code of the one above it."""
    attended: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """Key of a station → its accounts that are at a phone of ours now: (operator id, phone)."""

    def __iter__(self) -> Iterator[Station]:
        return iter(self.stations)

    def station(self, key: str) -> Station | None:
        return next((s for s in self.stations if s.key == key), None)

    def lines(self, station: Station, at: datetime) -> tuple[Line, ...]:
        """Whom to ring at the station: the person at its page first, then as `Station.lines` has it."""
        here = (
            Line(station.name, phone, station.key, phone, operator_id=who, language=station.language)
            for who, phone in self.attended.get(station.key, ())
        )
        return (*here, *station.lines(at))

    def places(self, unit: str) -> tuple[str, ...]:
        """The unit and those above it, smallest first."""
        found: list[str] = []
        while unit and unit not in found:
            found.append(unit)
            unit = self.parents.get(unit, "")
        return tuple(found)

    def serving(self, hotline: str, unit: str) -> tuple[Station, ...]:
        """The hotline's stations that serve the place, nearest first: its commune's, its district's, its province's."""
        places = self.places(unit)
        near = [
            (min(places.index(u) for u in s.units if u in places), n, s)
            for n, s in enumerate(self.stations)
            if s.hotline == hotline and set(s.units) & set(places)
        ]
        return tuple(s for _, _, s in sorted(near, key=lambda one: one[:2]))

    def suggested(self, hotline: str, unit: str) -> tuple[Station, ...]:
        """All the hotline's stations: those that serve the place first, then by level and name."""
        serving = self.serving(hotline, unit)
        rest = [s for s in self.stations if s.hotline == hotline and s not in serving]
        return serving + tuple(sorted(rest, key=lambda s: (-LEVELS.index(s.level), s.name)))

    def chain(self, hotline: Hotline, unit: str, at: datetime, first: str = "") -> tuple[Line, ...]:
        """Whom to ring in turn: the chosen station, those of the place, their neighbours, the hotline's chain, 115."""
        chosen = self.station(first)
        stations = [*([chosen] if chosen else []), *self.serving(hotline.key, unit)]
        beside = [n for s in stations for key in s.neighbours if (n := self.station(key)) is not None]
        lines = [line for s in dict.fromkeys((*stations, *beside)) for line in self.lines(s, at)]
        lines += [Line(duty.name, duty.number) for duty in hotline.chain]
        lines.append(Line(hotline.emergency_number, hotline.emergency_number))
        once: dict[str, Line] = {}
        for line in lines:
            once.setdefault(line.dialled, line)
        return tuple(once.values())

    def chosen(self, hotline: Hotline, key: str, at: datetime) -> Station:
        """The station a person chose; NotInDirectory when it does not exist, is another hotline's, or has nobody to ring now."""
        station = self.station(key)
        if station is None or station.hotline != hotline.key:
            raise NotInDirectory(
                "Không có trạm này trong danh bạ: hãy chọn trạm trong danh sách.",
                "This station is not in the directory: choose one from the list.",
            )
        if not self.lines(station, at):
            hours = ", ".join(s.hours for s in station.shifts)
            raise NotInDirectory(
                f"{station.name} không trực lúc này (trực {hours}): hãy chọn trạm khác.",
                f"{station.name} is not on duty now (hours {hours}): choose another station.",
            )
        return station

    def with_number(self, hotline: Hotline, number: str, at: datetime) -> Line:
        """The directory's line that has this number; NotInDirectory for a wrong one, a stranger's, and somebody off duty."""
        wanted = digits(number)
        wanted = "0" + wanted.removeprefix("84") if number.strip().startswith("+84") else wanted
        if not 3 <= len(wanted) <= 12:
            raise NotInDirectory(
                f"Số “{number.strip()[:20]}” không phải số điện thoại: hãy kiểm tra lại.",
                f"“{number.strip()[:20]}” is no telephone number: check it.",
            )
        own = [Line(duty.name, duty.number) for duty in hotline.chain]
        own.append(Line(hotline.emergency_number, hotline.emergency_number))
        mine = [s for s in self.stations if s.hotline == hotline.key]
        for line in (*own, *(line for s in mine for line in self.lines(s, at))):
            if digits(line.number) == wanted:
                return line
        for station in mine:
            for shift in station.shifts:
                if digits(shift.number) == wanted:
                    raise NotInDirectory(
                        f"{shift.who} ({station.name}) không trực lúc này (trực {shift.hours}): hãy chọn người khác.",
                        f"{shift.who} ({station.name}) is not on duty now (hours {shift.hours}): choose somebody else.",
                    )
        raise NotInDirectory(
            f"Số {wanted} không có trong danh bạ trực: hãy chọn trạm trong danh sách.",
            f"{wanted} is not in the duty directory: choose a station from the list.",
        )


def plain(lines: Sequence[Line]) -> list[dict[str, object]]:
    """As a fact carries them."""
    return [dict(vars(line)) for line in lines]


def lines_of(told: Sequence[Mapping[str, object]]) -> tuple[Line, ...]:
    """What `plain` wrote."""
    return tuple(
        Line(
            str(one.get("name", "")), str(one.get("number", "")), str(one.get("station", "")),
            str(one.get("phone", "")), bool(one.get("needs_key", True)), _number(one.get("operator_id")),
            str(one.get("language", LANGUAGES[0])),
        )
        for one in told
    )  # fmt: skip


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
