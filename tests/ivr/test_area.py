"""The caller's area: which ones there are on a day, what keys name them, and that no key of it is ever an emergency's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline import unit_files
from hotline.installation import Hotline, InstallationFaults, ServiceArea, read
from hotline.settings import PROJECT
from hotline.unit_files import UnitBook
from ivr.area import KEYS, PART, Area, Asking, area_of, areas_of, next_words, press, unknown_units

IN_2021, TODAY = date(2021, 8, 20), date(2026, 11, 22)


@cache
def book() -> UnitBook:
    folder = PROJECT / "installation" / "units"
    return unit_files.read([folder / "admin_units.csv", folder / "admin_units_2025_mapping.csv"])


def hotline(key: str = "binhphuoc") -> Hotline:
    return read(PROJECT / "installation" / "demo.toml").hotline(key)


@pytest.mark.parametrize(("key", "count"), [("binhphuoc", 11), ("binhduong", 9)])
def test_the_districts_are_the_areas_also_after_the_level_was_abolished(key: str, count: int) -> None:
    areas = areas_of(hotline(key), book(), IN_2021)
    assert len(areas) == count
    assert areas_of(hotline(key), book(), TODAY) == areas
    assert len({area.keys for area in areas}) == count
    assert set("".join(area.keys for area in areas)) <= set(KEYS)


def test_listed_areas_are_taken_instead_whatever_their_level() -> None:
    listed = (ServiceArea("77", "25217"), ServiceArea("88", "689"))
    then, now = (areas_of(replace(hotline(), areas=listed), book(), day) for day in (IN_2021, TODAY))
    assert [area.name for area in then] == ["Phường Long Thủy", "Thành phố Đồng Xoài"]
    assert [area.name for area in now] == ["Phường Phước Long", "Thành phố Đồng Xoài"]


def test_more_areas_than_codes_leave_the_question_to_the_operator() -> None:
    communes = replace(hotline(), units_parent="70")
    many = UnitBook({u.id: replace(u, level="district", parent_code="70") for u in book().units.values()})
    assert areas_of(communes, many, IN_2021) == ()


def test_a_listed_area_without_a_unit_is_named() -> None:
    (fault,) = unknown_units(replace(hotline(), areas=(ServiceArea("33", "999999"),)), book())
    assert "33" in fault
    assert "999999" in fault


def test_all_faults_of_listed_areas_come_at_once(tmp_path: object) -> None:
    text = (PROJECT / "installation" / "demo.toml").read_text(encoding="utf-8")
    bad = 'units_parent = "70"\nareas = [{ keys = "01", unit = "689" }, { keys = "33", unit = "689" }, { keys = "33" }]'
    path = PROJECT.__class__(str(tmp_path)) / "bad.toml"
    path.write_text(text.replace('units_parent = "70"', bad), encoding="utf-8")
    with pytest.raises(InstallationFaults) as caught:
        read(path)
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(
    ("unit", "area"),
    [
        ("689", "689"),
        ("25216", "688"),
        ("25217", "688"),
        ("25220", None),
        ("74", None),
        ("", None),
        ("999999", None),
    ],
    ids=[
        "itself",
        "a commune of 2021",
        "a ward of 2025",
        "a ward made of two",
        "another province",
        "none",
        "unknown",
    ],
)
def test_a_unit_lies_in_the_area_it_was_made_of(unit: str, area: str | None) -> None:
    found = area_of(unit, areas_of(hotline(), book(), TODAY), book())
    assert (found.unit_code if found else None) == area


# Asking


def areas() -> tuple[Area, ...]:
    return areas_of(hotline(), book(), TODAY)


def test_the_areas_are_read_out_in_parts_once() -> None:
    asking, parts = Asking(areas()), []
    while not asking.done:
        asking, words = next_words(asking)
        parts.append(words)
    said = [word for part in parts for word in part]
    assert [w for w in said if w.startswith("unit-")] == [f"unit-{a.unit_code}" for a in areas()]
    assert said.count("ask-area") == 1
    assert all(sum(w.startswith("unit-") for w in part) <= PART for part in parts)
    assert parts[-1] == ()


def test_two_keys_name_an_area_and_another_pair_corrects_it() -> None:
    asking = Asking(areas())
    for area in (areas()[3], areas()[8]):
        first = press(asking, area.keys[0], 1.0)
        second = press(first.asking, area.keys[1], 2.0)
        assert (first.chosen, second.chosen, second.how) == (None, area, "keys")
        asking = second.asking
    assert next_words(asking)[1] == ()


def test_keys_that_come_too_far_apart_are_two_beginnings() -> None:
    first = press(Asking(areas()), "3", 1.0)
    assert press(first.asking, "3", 8.0).chosen is None


def test_two_keys_of_no_area_are_wrong_and_the_next_two_count() -> None:
    wrong = press(press(Asking(areas()), "9", 1.0).asking, "9", 1.5)
    assert (wrong.wrong, wrong.chosen) == (True, None)
    right = press(press(wrong.asking, "3", 2.0).asking, "3", 2.5)
    assert right.chosen == areas()[0]


def test_a_supposed_area_is_confirmed_by_5_and_denied_by_6() -> None:
    asked, words = next_words(Asking(areas(), supposed=areas()[1]))
    assert words == ("confirm-area", f"unit-{areas()[1].unit_code}", "confirm-area-keys")
    yes, no = press(asked, "5", 1.0), press(asked, "6", 1.0)
    assert (yes.chosen, yes.how, next_words(yes.asking)[1]) == (areas()[1], "ticket", ())
    assert (no.chosen, no.how) == (None, "denied")
    assert next_words(no.asking)[1][0] == "ask-area"


def test_a_supposed_area_that_nobody_answers_for_is_asked_once() -> None:
    asked, _ = next_words(Asking(areas(), supposed=areas()[1]))
    over, words = next_words(asked)
    assert (over.done, words) == (True, ())


@given(
    keys=st.lists(st.tuples(st.sampled_from("0123456789*#ABCD"), st.floats(0, 9)), max_size=12),
    supposed=st.booleans(),
    said=st.integers(0, 4),
)
def test_no_key_that_means_something_while_waiting_is_ever_taken(
    keys: list[tuple[str, float]], supposed: bool, said: int
) -> None:
    asking = Asking(areas(), supposed=areas()[0] if supposed else None)
    for _ in range(said):
        asking, _ = next_words(asking)
    now_s = 0.0
    for key, later_s in keys:
        now_s += later_s
        pressed = press(asking, key, now_s)
        assert pressed.taken == (key in KEYS)
        assert pressed.chosen is None or pressed.chosen in areas()
        asking = pressed.asking
