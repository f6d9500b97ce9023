"""The nuisance score: what raises it, what lowers it, and that it never touches a red flag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.nuisance import Past, score

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def past(minutes_ago: float = 90, **values: object) -> Past:
    given = {"lasted_s": 30.0, "pressed": True, "talked": False, "marked": False, **values}
    return Past(at=NOW - timedelta(minutes=minutes_ago), **given)  # type: ignore[arg-type]  # the row's own words


@pytest.mark.parametrize(
    ("calls", "points"),
    [
        ([], 0),
        ([past()], 0),
        ([past(talked=True)], 0),
        ([past(pressed=False)], 12),
        ([past(pressed=False, lasted_s=3)], 8),
        ([past(marked=True, talked=True)], 40),
        ([past(minutes_ago=n) for n in range(6)], 30),
        ([past(minutes_ago=n) for n in range(5)], 0),
        ([past(pressed=False)] * 3 + [past(talked=True)], 21),
        ([past(marked=True)] * 9, 100),
        ([past(minutes_ago=24 * 60 + 1, marked=True)], 0),
    ],
)
def test_the_points_are_the_sum_of_what_the_last_day_says(calls: list[Past], points: int) -> None:
    assert score(calls, NOW).points == points


CALLS = st.lists(
    st.builds(
        lambda minutes, lasted, pressed, talked, marked: past(
            minutes, lasted_s=lasted, pressed=pressed, talked=talked, marked=marked
        ),
        st.integers(0, 3000), st.floats(0, 500), st.booleans(), st.booleans(), st.booleans(),
    ),
    max_size=60,
)  # fmt: skip


@given(CALLS)
def test_any_calls_score_between_nothing_and_a_hundred(calls: list[Past]) -> None:
    assert 0 <= score(calls, NOW).points <= 100
