"""Acuity is ordered by urgency, and each level has its times."""

from __future__ import annotations

import json
import random

import pytest

from hotline.acuity import FAILSAFE, Acuity, higher

RED, ORANGE, YELLOW, GREEN, NONMED = Acuity


def test_the_most_urgent_is_the_highest() -> None:
    shuffled = random.sample(list(Acuity), 5)
    assert sorted(shuffled, reverse=True) == list(Acuity)
    assert max(shuffled) is RED
    assert higher(YELLOW, ORANGE) is higher(ORANGE, YELLOW) is ORANGE
    assert FAILSAFE is ORANGE


def test_an_acuity_is_its_word_in_text_and_json() -> None:
    assert Acuity("RED") is RED
    assert f"{RED}" == json.loads(json.dumps(RED)) == "RED"
    assert {RED: 1}["RED"] == 1  # type: ignore[index]  # a row from the database has the plain word


def test_a_word_compares_by_urgency_and_not_by_alphabet() -> None:
    assert RED > "GREEN"
    assert max("GREEN", RED) is RED
    assert YELLOW < "RED"
    with pytest.raises(ValueError, match="PURPLE"):
        assert RED > "PURPLE"


def test_raising_goes_one_level_up_and_never_makes_an_illness_of_none() -> None:
    assert [level.raised() for level in Acuity] == [RED, RED, ORANGE, YELLOW, NONMED]


def test_only_red_and_orange_are_urgent() -> None:
    assert [level for level in Acuity if level.urgent] == [RED, ORANGE]
    assert [level for level in Acuity if level.medical] == [RED, ORANGE, YELLOW, GREEN]


def test_a_human_answers_and_a_lost_call_is_rung_back_in_these_seconds() -> None:
    assert [level.human_answers_within_s for level in Acuity] == [10, 60, 180, 300, 180]
    assert [level.callback_within_s for level in (RED, ORANGE, YELLOW)] == [60, 300, 1800]
