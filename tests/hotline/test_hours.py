"""Opening hours and holidays: weekdays, midnight, time zones, and that an emergency never meets a closed door."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import product
from typing import Any

import pytest

from hotline.acuity import Acuity
from hotline.hours import (
    EVERY_DAY,
    Holiday,
    Meets,
    Span,
    is_open,
    meets,
    next_opening,
    of_the_country,
    plan_of,
    read_holidays,
    read_spans,
)
from hotline.toml_table import Fault, Table
from hotline.units import VIETNAM

KEY = "binhphuoc"
WORKDAYS = frozenset({1, 2, 3, 4, 5})
OFFICE = (Span(WORKDAYS, time(7), time(11, 30)), Span(WORKDAYS, time(13, 30), time(17)))
NIGHT = (Span(frozenset({5}), time(22), time(6)),)
"""From Friday evening to Saturday morning."""
DAY_AND_NIGHT = (Span(EVERY_DAY, time(), time()),)
TET = Holiday(date(2026, 2, 16), date(2026, 2, 20), "Tết")
HALF_DAY = Holiday(date(2026, 9, 2), date(2026, 9, 2), "Trực nửa ngày", "", time(7), time(11))


def at(text: str) -> datetime:
    """A moment on Vietnam's clocks: "2026-11-23 07:00" is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("spans", "moment", "opened"),
    [
        ((), "2026-11-22 03:00", True),
        (OFFICE, "2026-11-23 06:59:59", False),
        (OFFICE, "2026-11-23 07:00", True),
        (OFFICE, "2026-11-23 11:29:59", True),
        (OFFICE, "2026-11-23 11:30", False),
        (OFFICE, "2026-11-23 13:30", True),
        (OFFICE, "2026-11-23 17:00", False),
        (OFFICE, "2026-11-22 09:00", False),
        (NIGHT, "2026-11-27 21:59", False),
        (NIGHT, "2026-11-27 22:00", True),
        (NIGHT, "2026-11-28 00:00", True),
        (NIGHT, "2026-11-28 05:59:59", True),
        (NIGHT, "2026-11-28 06:00", False),
        (NIGHT, "2026-11-27 05:00", False),
        (NIGHT, "2026-11-28 22:30", False),
        ((Span(EVERY_DAY, time(18), time()),), "2026-11-23 23:59:59", True),
        ((Span(EVERY_DAY, time(18), time()),), "2026-11-24 00:00", False),
        (DAY_AND_NIGHT, "2026-11-24 00:00", True),
        (DAY_AND_NIGHT, "2026-11-24 23:59:59.9", True),
    ],
)
def test_it_is_open_within_its_spans_and_not_a_second_longer(
    spans: tuple[Span, ...], moment: str, opened: bool
) -> None:
    assert is_open(spans, (), KEY, at(moment)) is opened


def test_the_hours_are_vietnams_whatever_zone_the_moment_is_told_in() -> None:
    # 23:30 UTC on Sunday is 06:30 on Monday in Vietnam; half an hour later it opens.
    assert not is_open(OFFICE, (), KEY, datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
    assert is_open(OFFICE, (), KEY, datetime(2026, 11, 23, 0, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("holidays", "moment", "opened"),
    [
        ((TET,), "2026-02-16 09:00", False),
        ((TET,), "2026-02-20 23:59", False),
        ((TET,), "2026-02-23 09:00", True),
        ((HALF_DAY,), "2026-09-02 08:00", True),
        ((HALF_DAY,), "2026-09-02 14:00", False),
        ((Holiday(date(2026, 9, 2), date(2026, 9, 2), "x", "binhduong"),), "2026-09-02 09:00", True),
        # What is said of one hotline outranks what is said of all.
        ((Holiday(date(2026, 9, 2), date(2026, 9, 2), "x"), Holiday(date(2026, 9, 2), date(2026, 9, 2), "y", KEY, time(8), time(9))),
         "2026-09-02 08:30", True),
    ],
)  # fmt: skip
def test_a_holiday_outranks_the_weekday(holidays: tuple[Holiday, ...], moment: str, opened: bool) -> None:
    assert is_open(OFFICE, holidays, KEY, at(moment)) is opened


def test_a_night_that_began_before_a_holiday_goes_on_into_it_and_one_on_the_holiday_does_not_begin() -> None:
    saturday = Holiday(date(2026, 11, 28), date(2026, 11, 28), "x")
    friday = Holiday(date(2026, 11, 27), date(2026, 11, 27), "x")
    assert is_open(NIGHT, (saturday,), KEY, at("2026-11-28 03:00"))
    assert not is_open(NIGHT, (friday,), KEY, at("2026-11-27 23:00"))
    assert not is_open(NIGHT, (friday,), KEY, at("2026-11-28 03:00"))


def test_a_hotline_without_hours_closes_on_its_holidays_only() -> None:
    assert not is_open((), (TET,), KEY, at("2026-02-17 09:00"))
    assert is_open((), (TET,), KEY, at("2026-02-21 00:00"))


@pytest.mark.parametrize(
    ("spans", "holidays", "moment", "opens"),
    [
        (OFFICE, (), "2026-11-23 12:00", "2026-11-23 13:30"),
        (OFFICE, (), "2026-11-27 18:00", "2026-11-30 07:00"),
        (OFFICE, (TET,), "2026-02-13 18:00", "2026-02-23 07:00"),
        (OFFICE, (HALF_DAY,), "2026-09-02 12:00", "2026-09-03 07:00"),
    ],
)
def test_it_tells_when_it_opens_next(
    spans: tuple[Span, ...], holidays: tuple[Holiday, ...], moment: str, opens: str
) -> None:
    assert next_opening(spans, holidays, KEY, at(moment)) == at(opens)


def test_what_never_opens_tells_no_time() -> None:
    never = (Span(frozenset({1}), time(7), time(8)),)
    closed = [Holiday(date(2026, 1, 1), date(2027, 12, 31), "x")]
    assert next_opening(never, closed, KEY, at("2026-11-23 12:00")) is None


def test_an_emergency_meets_humans_at_any_hour_and_nobody_meets_a_closed_door_while_somebody_is_on_duty() -> (
    None
):
    for acuity, opened, on_duty in product(Acuity, (True, False), (True, False)):
        met = meets(acuity, is_open=opened, on_duty=on_duty)
        if acuity in (Acuity.RED, Acuity.ORANGE) or on_duty:
            assert met is Meets.HUMANS
        else:
            assert met is (Meets.NOBODY if opened else Meets.CLOSED)


def test_the_countrys_fixed_days_are_exact_and_every_row_can_be_read() -> None:
    rows = of_the_country(2026)
    fixed = {row["date"]: row["name"] for row in of_the_country(2031)}
    assert list(fixed) == ["2031-01-01", "2031-04-30", "2031-05-01", "2031-09-02"]
    faults: list[Fault] = []
    found = read_holidays(Table("file", {"holidays": rows}, faults), [KEY])
    assert faults == []
    tet = next(one for one in found if "Tết Nguyên đán" in one.name)
    assert tet.first <= date(2026, 2, 17) <= tet.last  # the first of the first month
    assert any(one.covers(date(2026, 4, 26), KEY) for one in found)


@pytest.mark.parametrize(
    ("field", "rows", "said"),
    [
        ("hours", [{"days": [], "from": "07:00", "to": "08:00"}], "ít nhất một thứ"),
        ("hours", [{"days": [8], "from": "07:00", "to": "08:00"}], "ít nhất một thứ"),
        ("hours", [{"days": [1], "from": "", "to": "08:00"}], "giờ dạng 07:30"),
        ("hours", [{"days": [1], "from": "25:00", "to": "08:00"}], "giờ dạng 07:30"),
        ("hours", [{"days": [1], "from": "07:00+07:00", "to": "08:00"}], "giờ dạng 07:30"),
        ("hours", [{"days": [1], "from": "07:00", "to": "08:00", "x": 1}], "không có ô này"),
        ("hours", [{"days": [1], "from": "07:00", "to": "12:00"}, {"days": [1, 2], "from": "11:00", "to": "13:00"}], "trùng giờ"),
        ("hours", "always", "danh sách"),
        ("holidays", [{"date": "2026-09-02"}], "cần tên"),
        ("holidays", [{"date": "2.9.2026", "name": "x"}], "ngày hợp lệ"),
        ("holidays", [{"date": "2026-09-02", "until": "2026-09-01", "name": "x"}], "ngày cuối"),
        ("holidays", [{"date": "2026-09-02", "until": "2027-09-02", "name": "x"}], "ngày cuối"),
        ("holidays", [{"date": "2026-09-02", "name": "x", "hotline": "nowhere"}], "không có tổng đài"),
        ("holidays", [{"date": "2026-09-02", "name": "x", "from": "07:00"}], "giờ dạng 07:30"),
    ],
)  # fmt: skip
def test_wrong_rows_are_told_in_a_sentence(field: str, rows: Any, said: str) -> None:
    faults: list[Fault] = []
    table = Table("file", {field: rows}, faults)
    if field == "hours":
        read_spans(table)
    else:
        read_holidays(table, [KEY])
    assert any(said in fault.vi for fault in faults), faults
    assert all(fault.en.endswith(".") for fault in faults)


def test_the_days_ahead_are_as_callers_will_find_them() -> None:
    plans = plan_of(OFFICE, (HALF_DAY,), KEY, date(2026, 9, 1), 5)
    assert [len(plan.opens) for plan in plans] == [2, 1, 2, 2, 0]
    assert plans[1].holiday == "Trực nửa ngày"
