"""Whoever is owed a call is rung by exactly one process at a time, until served, settled or given up: ten thousand random events."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hotline.acuity import Acuity
from hotline.database import make_engine
from hotline.recalls import RecallState, Tried, after_try
from tests.hotline.recall_scene import START, Scene

EVENTS = {"sqlite": 10_000, "postgresql": 3_000}
"""HOTLINE_TEST_RECALL_EVENTS=10000 sets both; on PostgreSQL each event costs twice as much."""


@pytest.mark.parametrize(
    ("acuity", "minutes"),
    [("RED", (1, 3)), ("ORANGE", (3, 10)), ("YELLOW", (10, 30)), ("GREEN", (30, 120)), ("NONMED", (30, 120))],
)
def test_three_tries_are_spread_the_soonest_for_red(acuity: str, minutes: tuple[int, int]) -> None:
    level = Acuity(acuity)
    for tries, after in enumerate(minutes, 1):
        state, next_try_at, count = after_try(level, tries, Tried.NO_ANSWER, START)
        assert (state, next_try_at - START, count) == (RecallState.DUE, timedelta(minutes=after), tries)
    assert after_try(level, 3, Tried.BUSY, START)[0] is RecallState.FAILED
    assert after_try(level, 3, Tried.REACHED, START)[0] is RecallState.DONE


def test_a_try_in_which_the_citizens_phone_did_not_ring_is_none() -> None:
    for outcome in (Tried.NOT_DIALLED, Tried.INTERRUPTED):
        assert after_try(Acuity.RED, 3, outcome, START)[::2] == (RecallState.DUE, 2)


@pytest.mark.timeout(300)
def test_ten_thousand_events_two_workers_and_kills_ring_nobody_twice_and_miss_nobody(
    database_url: str, place: Path, record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    kind = database_url.partition(":")[0].partition("+")[0]
    events = int(os.environ.get("HOTLINE_TEST_RECALL_EVENTS", EVENTS[kind]))
    scene = Scene(database_url, place, make_engine(database_url, busy_s=5.0))
    try:
        for node in ("n1", "n2"):
            scene.start(node)
        scene.until_up()
        scene.play(events)
        played_s = time.monotonic() - began
        scene.until_all_is_settled()
    finally:
        scene.stop()
    faults = scene.faults()
    seconds = {"played_s": round(played_s, 1), "whole_s": round(time.monotonic() - began, 1)}
    for name, value in {**scene.counted, **seconds}.items():
        record_property(name, value)
    scene.engine.dispose()
    assert faults == [], f"{len(faults)} faults, {scene.counted}, {seconds}"
    assert scene.counted["told"] + 2 * scene.counted["dialled"] >= events
    assert scene.counted["killed"] + scene.counted["died"] > events / 500
