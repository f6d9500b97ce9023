"""Opening hours and holidays: whether a hotline is open at a moment, and what a caller meets when it is not. Pure.

An emergency never meets a closed door: hours speak only of callers below ORANGE.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from hotline.acuity import Acuity
from hotline.toml_table import Table
from hotline.units import VIETNAM

EVERY_DAY = frozenset(range(1, 8))
MIDNIGHT = time()
CLOCK = re.compile(r"\d\d:\d\d")
LONGEST = timedelta(days=31)
"""One row of holidays covers at most so many days: a longer one is a slip of the year."""
LOOKS_AHEAD_DAYS = 60
MONDAY = date(2026, 1, 5)
"""Any Monday."""


@dataclass(frozen=True)
class Span:
    """Open on these weekdays from `begins` to `ends`; an end at or before the beginning lies on the next day."""

    days: frozenset[int]
    """1 is Monday."""
    begins: time
    ends: time
    """00:00 is the end of the day; the same as `begins` is a whole day."""


@dataclass(frozen=True)
class Holiday:
    """Days that are not as their weekday: closed, or open only from `begins` to `ends`."""

    first: date
    last: date
    name: str
    hotline: str = ""
    """Key; empty: all."""
    begins: time | None = None
    ends: time | None = None
    """None: closed all day."""

    def covers(self, day: date, hotline: str) -> bool:
        return self.first <= day <= self.last and self.hotline in ("", hotline)


class Meets(StrEnum):
    """What a caller meets, apart from their place in the line."""

    HUMANS = "humans"
    """Operators, and for who is urgent the duty chain."""
    CLOSED = "closed"
    """The announcement of the hours, then a callback or a message."""
    NOBODY = "nobody"
    """Nobody is on duty although it is open: a callback or a message."""


def meets(acuity: Acuity, *, is_open: bool, on_duty: bool) -> Meets:
    """What a caller of this acuity meets; urgent ones always humans, others whoever is on duty, at any hour."""
    if acuity.urgent or on_duty:
        return Meets.HUMANS
    return Meets.NOBODY if is_open else Meets.CLOSED


def is_open(spans: Sequence[Span], holidays: Iterable[Holiday], hotline: str, at: datetime) -> bool:
    """Whether the hotline is open at that moment, on Vietnam's clocks.

    Without spans it always is, but for holidays. A holiday outranks the weekday; a span that began the evening before
    goes on past midnight into a holiday, for it belongs to the day on which it began.
    """
    own = [holiday for holiday in holidays if holiday.hotline in ("", hotline)]
    local = at.astimezone(VIETNAM)
    today, yesterday = local.date(), local.date() - timedelta(days=1)
    now = local.time()
    if any(
        begins <= now < ends or (_overnight(begins, ends) and begins <= now)
        for begins, ends in _on(spans, own, hotline, today)
    ):
        return True
    return any(
        _overnight(begins, ends) and now < ends for begins, ends in _on(spans, own, hotline, yesterday)
    )


@dataclass(frozen=True)
class DayPlan:
    """One day as callers find it."""

    day: date
    opens: tuple[tuple[time, time], ...]
    """From when to when; an end at or before the beginning lies on the next day. Empty: closed."""
    holiday: str = ""


def plan_of(
    spans: Sequence[Span], holidays: Iterable[Holiday], hotline: str, first: date, days: int
) -> list[DayPlan]:
    """So many days from the first, for a preview."""
    own = list(holidays)
    found = []
    for ahead in range(days):
        day = first + timedelta(days=ahead)
        names = [h.name for h in own if h.covers(day, hotline)]
        found.append(DayPlan(day, tuple(sorted(_on(spans, own, hotline, day))), ", ".join(names)))
    return found


def calendar(spans: Sequence[Span], holidays: Iterable[Holiday], hotline: str) -> dict[str, str]:
    """Hours for who has no Python: "1" (Monday) to "7", and "20260902" for a day apart → "0730-1130 1300-1700", "" when closed."""
    own = [holiday for holiday in holidays if holiday.hotline in ("", hotline)]
    apart = {h.first + timedelta(days=n) for h in own for n in range((h.last - h.first).days + 1)}
    week = {str(n): _on(spans, (), hotline, MONDAY + timedelta(days=n - 1)) for n in range(1, 8)}
    days = {f"{day:%Y%m%d}": _on(spans, own, hotline, day) for day in sorted(apart)}
    return {
        day: " ".join(f"{b:%H%M}-{e:%H%M}" for b, e in sorted(opens)) for day, opens in (week | days).items()
    }


def next_opening(
    spans: Sequence[Span], holidays: Iterable[Holiday], hotline: str, at: datetime
) -> datetime | None:
    """When it opens next, for one that is closed at `at`; None when it does not within two months."""
    own = [holiday for holiday in holidays if holiday.hotline in ("", hotline)]
    local = at.astimezone(VIETNAM)
    for ahead in range(LOOKS_AHEAD_DAYS):
        day = local.date() + timedelta(days=ahead)
        begins = [datetime.combine(day, b, VIETNAM) for b, _ in _on(spans, own, hotline, day)]
        later = [moment for moment in begins if moment > local]
        if later:
            return min(later)
    return None


def _on(
    spans: Sequence[Span], holidays: Sequence[Holiday], hotline: str, day: date
) -> list[tuple[time, time]]:
    """From when to when it is open on that day; an end at or before the beginning lies on the next."""
    here = [holiday for holiday in holidays if holiday.covers(day, hotline)]
    # What is said of one hotline outranks what is said of all.
    here = [holiday for holiday in here if holiday.hotline] or here
    if here:
        return [(h.begins, h.ends) for h in here if h.begins is not None and h.ends is not None]
    if not spans:
        return [(MIDNIGHT, MIDNIGHT)]
    return [(span.begins, span.ends) for span in spans if day.isoweekday() in span.days]


def _overnight(begins: time, ends: time) -> bool:
    return ends <= begins


# -- reading --


def read_spans(table: Table) -> tuple[Span, ...]:
    """The field `hours`: [{days = [1, 2], from = "07:00", to = "11:30"}]."""
    spans = []
    for place, raw in enumerate(table.tables("hours"), 1):
        row = Table(f"{table.where}: hours {place}", raw, table.faults)
        days = raw.pop("days", sorted(EVERY_DAY))
        if not isinstance(days, list) or not days or not all(d in EVERY_DAY for d in days):
            row.wrong(
                "days", f"khung {place} cần ít nhất một thứ.", ": days are numbers from 1 (Monday) to 7."
            )
            days = []
        begins, ends = _time(row, "from", place), _time(row, "to", place)
        row.rest()
        spans.append(Span(frozenset(days), begins, ends))
    _check_overlaps(table, spans)
    return tuple(spans)


def _check_overlaps(table: Table, spans: Sequence[Span]) -> None:
    for n, one in enumerate(spans, 1):
        for m, other in enumerate(spans[n:], n + 1):
            both = one.days & other.days
            if both and one.begins < (_end(other)) and other.begins < (_end(one)):
                table.wrong(
                    "hours",
                    f"khung {n} và khung {m} trùng giờ trong cùng một thứ: hãy gộp lại.",
                    f": hours {n} and {m} overlap on the same weekday: make them one.",
                )


def _end(span: Span) -> time:
    return time.max if _overnight(span.begins, span.ends) else span.ends


def read_holidays(table: Table, hotlines: Iterable[str]) -> tuple[Holiday, ...]:
    """The field `holidays`: [{date = "2026-09-02", name = "Quốc khánh"}], maybe with until, from, to, hotline."""
    known, holidays = set(hotlines), []
    for place, raw in enumerate(table.tables("holidays"), 1):
        row = Table(f"{table.where}: holidays {place}", raw, table.faults)
        name = row.take("name", str, "")
        if not name.strip():
            row.wrong("name", f"dòng {place} cần tên ngày nghỉ.", " has no name: add it.")
        first = _day(row, "date", place)
        last = _day(row, "until", place) if raw.get("until") else first
        raw.pop("until", None)
        if last < first or last - first > LONGEST:
            row.wrong(
                "until",
                f"dòng {place}: ngày cuối phải từ ngày đầu trở đi và không quá 31 ngày sau.",
                ": until must be the date or up to 31 days later.",
            )
        hotline = row.take("hotline", str, "")
        if hotline and hotline not in known:
            row.wrong(
                "hotline",
                f"dòng {place}: không có tổng đài {hotline}.",
                f": there is no hotline {hotline!r}.",
            )
        begins = ends = None
        if raw.get("from") or raw.get("to"):
            begins, ends = _time(row, "from", place), _time(row, "to", place)
        raw.pop("from", None)
        raw.pop("to", None)
        row.rest()
        holidays.append(Holiday(first, last, name, hotline, begins, ends))
    return tuple(holidays)


def _time(row: Table, field: str, place: int) -> time:
    text = str(row.values.pop(field, ""))
    try:
        if not CLOCK.fullmatch(text):
            raise ValueError(text)
        return time.fromisoformat(text)
    except ValueError:
        row.wrong(field, f"dòng {place} cần giờ dạng 07:30.", f': {field} must be a time like "07:30".')
        return MIDNIGHT


def _day(row: Table, field: str, place: int) -> date:
    value = row.values.pop(field, "")
    try:
        return value if type(value) is date else date.fromisoformat(str(value))
    except ValueError:
        row.wrong(field, f"dòng {place} cần ngày hợp lệ.", f': {field} must be a day like "2026-09-02".')
        return date.min


# -- what the country keeps --

FIXED = (
    (1, 1, "Tết Dương lịch"),
    (4, 30, "Ngày Giải phóng miền Nam"),
    (5, 1, "Quốc tế Lao động"),
    (9, 2, "Quốc khánh"),
)
"""Public holidays on fixed days of the solar year (Labour Code 2019, article 112)."""
MOVING = {
    2026: (
        ("2026-02-16", "2026-02-20", "Tết Nguyên đán Bính Ngọ"),
        ("2026-04-26", "2026-04-27", "Giỗ Tổ Hùng Vương và ngày nghỉ bù"),
        ("2026-09-01", "2026-09-01", "Nghỉ liền kề Quốc khánh"),
    ),
    2027: (
        ("2027-02-05", "2027-02-11", "Tết Nguyên đán Đinh Mùi và ngày nghỉ bù"),
        ("2027-04-16", "2027-04-16", "Giỗ Tổ Hùng Vương"),
        ("2027-05-03", "2027-05-03", "Nghỉ bù Quốc tế Lao động"),
        ("2027-09-03", "2027-09-03", "Nghỉ liền kề Quốc khánh"),
    ),
}
"""Those of the moon and of the yearly decision: first values, which a province corrects to its own notice."""


def of_the_country(year: int) -> list[dict[str, Any]]:
    """Rows for the field `holidays`: Vietnam's public holidays of that year, the moving ones where they are known."""
    fixed = [{"date": date(year, month, day).isoformat(), "name": name} for month, day, name in FIXED]
    moving = [
        {"date": first, "until": last if last != first else "", "name": name}
        for first, last, name in MOVING.get(year, ())
    ]
    return sorted(
        ({key: value for key, value in row.items() if value} for row in [*fixed, *moving]),
        key=lambda row: row["date"],
    )
