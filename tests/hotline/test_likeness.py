"""How alike two tickets are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.likeness import LEAST, Incident, common_percent, compare

AT = datetime(2021, 8, 31, 17, 3, tzinfo=UTC)
ONE = Incident("a", AT, frozenset({"+84900000001"}), "25432", "relief", "het gao sua cho tre em o xom chai")


def other(minutes: float, **values: object) -> Incident:
    blank = Incident("b", AT - timedelta(minutes=minutes))
    return replace(blank, **values)  # type: ignore[arg-type]  # each test names fields of its own


@pytest.mark.parametrize(
    ("minutes", "values", "likely"),
    [
        (12, {"numbers": frozenset({"+84900000001"})}, True),
        (47 * 60, {"numbers": frozenset({"+84900000001"})}, True),
        (49 * 60, {"numbers": frozenset({"+84900000001"})}, False),
        (12, {"numbers": frozenset({"+84900000002"})}, False),
        (200, {"unit_code": "25432", "category": "relief"}, True),
        (7 * 60, {"unit_code": "25432", "category": "relief"}, False),
        (12, {"unit_code": "25432"}, False),
        (12, {"unit_code": "697", "category": "relief"}, False),
        (12, {"category": "relief"}, False),
        (12, {"unit_code": "25432", "words": "het gao va sua tre em xom chai ven song"}, True),
        (12, {"unit_code": "25432", "words": "mat dien ca khu tu toi qua den gio"}, False),
        (12, {"unit_code": "25432", "category": "violation", "words": "danh bac don nguoi"}, False),
        (-12, {"numbers": frozenset({"+84900000001"})}, True),
    ],
)
def test_number_place_matter_time_and_words_say_whether_two_are_one(
    minutes: float, values: dict[str, object], likely: bool
) -> None:
    found = compare(ONE, other(minutes, **values))
    assert found.is_likely is likely, found
    assert found.is_likely == (found.points >= LEAST)


def test_empty_things_are_never_the_same() -> None:
    blank = Incident("a", AT, frozenset({""}) - {""})
    assert compare(blank, other(1)).points == 0


def test_texts_are_alike_by_their_pieces_and_short_ones_never() -> None:
    assert common_percent("het gao sua cho tre em", "het gao sua cho tre em") == 100
    assert common_percent("het gao sua cho tre em", "het gao, sua cho cac tre em") > 70
    assert common_percent("het gao sua cho tre em", "danh bac tu tap dong nguoi") < 15
    assert common_percent("het gao", "het gao") == 0


INCIDENTS = st.builds(
    Incident,
    ticket_id=st.sampled_from(["x", "y"]),
    opened_at=st.integers(-4000, 4000).map(lambda minutes: AT + timedelta(minutes=minutes)),
    numbers=st.frozensets(st.sampled_from(["+841", "+842", "+843"]), max_size=2),
    unit_code=st.sampled_from(["", "697", "25432", "25195"]),
    category=st.sampled_from(["", "relief", "policy"]),
    words=st.text(alphabet="aghot ", max_size=60),
)


@given(one=INCIDENTS, two=INCIDENTS)
def test_likeness_is_the_same_both_ways_and_never_below_nothing(one: Incident, two: Incident) -> None:
    there, back = compare(one, two), compare(two, one)
    assert there.points == back.points >= 0
    assert there.apart == -back.apart
    if there.is_likely:
        assert there.same_number or there.same_commune or there.words_percent or there.same_category
