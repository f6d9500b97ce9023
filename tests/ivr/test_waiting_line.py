"""The order of service, by examples and over any line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.acuity import Acuity
from hotline.skills import SKILLS
from ivr.waiting_line import Free, Waiting, in_order, position, reserve, to_cut_short, to_release, who_rings

LINES = st.lists(
    st.builds(
        Waiting,
        id=st.uuids().map(str),
        hotline=st.sampled_from(["binhphuoc", "binhduong"]),
        acuity=st.sampled_from(list(Acuity)),
        waited_s=st.integers(0, 10**7).map(float),
        branch=st.sampled_from(["medical", "nonmedical", ""]),
        language=st.sampled_from(["vi", "en", "km", "fr"]),
        front=st.booleans(),
    ),
    max_size=30,
)
OPERATORS = st.lists(
    st.builds(
        Free,
        operator_id=st.integers(1, 1000),
        idle_s=st.floats(0, 1e5),
        hotlines=st.frozensets(st.sampled_from(["binhphuoc", "binhduong"])),
        skills=st.frozensets(st.sampled_from([*SKILLS, "gone"])),
    ),
    max_size=8,
    unique_by=lambda free: free.operator_id,
)


def waiting(name: str, acuity: Acuity, waited_s: float, **more: object) -> Waiting:
    return Waiting(name, "binhphuoc", acuity, waited_s, **more)  # type: ignore[arg-type]  # test rows are short


@given(LINES)
def test_ageing_never_passes_red_or_orange(line: list[Waiting]) -> None:
    tiers = [min(4 - w.acuity.urgency, 2) for w in in_order(line)]
    assert tiers == sorted(tiers)


@given(LINES)
def test_nobody_is_lost_from_the_line_or_in_it_twice(line: list[Waiting]) -> None:
    assert sorted(w.id for w in in_order(line)) == sorted(w.id for w in line)


@given(LINES)
def test_within_a_level_who_waited_longer_is_first(line: list[Waiting]) -> None:
    for acuity in Acuity:
        for front in (True, False):
            waits = [w.waited_s for w in in_order(line) if w.acuity is acuity and w.front is front]
            assert waits == sorted(waits, reverse=True)


@given(LINES, st.integers(0, 10**6))
def test_time_that_goes_on_for_all_never_swaps_two_of_a_level(line: list[Waiting], more_s: int) -> None:
    later = [
        Waiting(w.id, w.hotline, w.acuity, w.waited_s + more_s) for w in line if w.acuity is Acuity.GREEN
    ]
    before = [w for w in line if w.acuity is Acuity.GREEN]
    first = {w.id: w.waited_s for w in before}
    assert [first[w.id] for w in in_order(later)] == sorted(first.values(), reverse=True)


@given(LINES, OPERATORS)
def test_whoever_rings_serves_the_hotline_and_one_rings_below_red(
    line: list[Waiting], free: list[Free]
) -> None:
    for place in line:
        chosen = who_rings(place, free)
        assert all(not f.hotlines or place.hotline in f.hotlines for f in chosen)
        able = [f for f in free if not f.hotlines or place.hotline in f.hotlines]
        assert len(chosen) == (len(able) if place.acuity is Acuity.RED else min(len(able), 1))


@given(LINES, st.integers(1, 60), st.integers(0, 60), st.floats(0, 0.9))
def test_only_green_and_nonmedical_are_ever_released_nonmedical_first(
    line: list[Waiting], channels: int, in_use: int, share: float
) -> None:
    by_id = {w.id: w for w in line}
    gone = [by_id[i] for i in to_release(line, channels, in_use, share)]
    assert {w.acuity for w in gone} <= {Acuity.NONMED, Acuity.GREEN}
    assert [w.acuity for w in gone] == sorted((w.acuity for w in gone), key=lambda a: a.urgency)
    assert len(gone) <= max(reserve(channels, share) - (channels - in_use), 0)


def test_below_orange_whoever_has_used_most_of_their_target_is_next() -> None:
    line = [
        waiting("green", Acuity.GREEN, 290),
        waiting("yellow", Acuity.YELLOW, 150),
        waiting("nonmed", Acuity.NONMED, 179),
        waiting("red", Acuity.RED, 1),
        waiting("orange", Acuity.ORANGE, 2),
    ]
    assert [w.id for w in in_order(line)] == ["red", "orange", "nonmed", "green", "yellow"]
    assert position(line, "green") == 4
    assert position(line, "nobody") == 0


def test_who_lost_their_operator_is_first_of_their_tier_and_never_before_a_more_urgent_one() -> None:
    line = [
        waiting("long", Acuity.YELLOW, 900),
        waiting("cut off", Acuity.NONMED, 3, front=True),
        waiting("orange", Acuity.ORANGE, 0),
    ]
    assert [w.id for w in in_order(line)] == ["orange", "cut off", "long"]


OPERATORS_BY_SKILL = [
    Free(1, 300, skills=frozenset({"nonmedical"})),
    Free(2, 200, skills=frozenset({"medical"})),
    Free(3, 100, skills=frozenset({"medical", "en"})),
    Free(4, 400, skills=frozenset({"km"})),
    Free(5, 50),
]


@pytest.mark.parametrize(
    ("acuity", "branch", "language", "expected"),
    [
        (Acuity.YELLOW, "medical", "vi", 2),
        (Acuity.NONMED, "nonmedical", "vi", 1),
        (Acuity.GREEN, "medical", "en", 3),
        (Acuity.NONMED, "nonmedical", "en", 3),
        (Acuity.GREEN, "medical", "km", 4),
        (Acuity.NONMED, "", "vi", 1),
        (Acuity.ORANGE, "", "vi", 2),
        (Acuity.ORANGE, "nonmedical", "vi", 2),
        (Acuity.GREEN, "medical", "a language of no table", 2),
    ],
)
def test_of_those_who_are_free_the_one_with_the_callers_skills_rings(
    acuity: Acuity, branch: str, language: str, expected: int
) -> None:
    place = waiting("a", acuity, 5, branch=branch, language=language)
    assert [f.operator_id for f in who_rings(place, OPERATORS_BY_SKILL)] == [expected]


@pytest.mark.parametrize(
    ("left", "expected"),
    [({1, 2, 4, 5}, 2), ({1, 4, 5}, 5), ({1, 4}, 1), ({1}, 1), (set(), None)],
)
def test_nobody_waits_for_a_skill_while_anybody_is_free(left: set[int], expected: int | None) -> None:
    english = waiting("a", Acuity.YELLOW, 5, branch="medical", language="en")
    free = [f for f in OPERATORS_BY_SKILL if f.operator_id in left]
    assert [f.operator_id for f in who_rings(english, free)] == ([expected] if expected else [])


def test_among_those_with_the_skill_the_longest_idle_rings() -> None:
    free = [Free(n, idle_s, skills=frozenset({"en"})) for n, idle_s in ((1, 5), (2, 90), (3, 40))]
    place = waiting("a", Acuity.GREEN, 5, branch="medical", language="en")
    assert [f.operator_id for f in who_rings(place, free)] == [2]


def test_for_red_all_ring_whatever_they_can() -> None:
    place = waiting("a", Acuity.RED, 5, branch="medical", language="en")
    assert [f.operator_id for f in who_rings(place, OPERATORS_BY_SKILL)] == [4, 1, 2, 3, 5]


def test_the_reserve_of_thirty_channels_at_fifteen_percent_is_five() -> None:
    assert reserve(30, 0.15) == 5
    line = [waiting(f"n{i}", Acuity.NONMED, i) for i in range(3)] + [waiting("g", Acuity.GREEN, 9)]
    assert to_release(line, 30, 25, 0.15) == []
    assert to_release(line, 30, 27, 0.15) == ["n0", "n1"]
    assert to_release(line, 30, 30, 0.15) == ["n0", "n1", "n2", "g"]
    assert to_release(line, 30, 30, 0.15, leaving=3) == ["n0", "n1"]


@pytest.mark.parametrize("acuity", [Acuity.RED, Acuity.ORANGE, Acuity.YELLOW])
def test_who_rings_again_within_minutes_gets_the_same_operator_if_free(acuity: Acuity) -> None:
    same = Free(1, 2, skills=frozenset({"nonmedical"}))
    other = Free(2, 300, skills=frozenset({"medical"}))
    place = replace(waiting("a", acuity, 5, branch="medical"), operator_id=1)
    assert who_rings(place, [other, same])[0] == same
    assert who_rings(place, [other])[0] == other


def test_a_goodbye_is_cut_short_only_to_have_half_the_reserve_really_free() -> None:
    assert to_cut_short(["a", "b", "c", "d"], 30, 27, 0.15) == []
    assert to_cut_short(["a", "b", "c", "d"], 30, 29, 0.15) == ["a", "b"]
    assert to_cut_short(["a"], 30, 30, 0.15) == ["a"]
