"""Redials, repeat callers and lost calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hotline.acuity import Acuity
from ivr.protocol import Kind
from ivr.recall import (
    Contact,
    Ended,
    is_lost,
    matches_nobody,
    recall_acuity,
    rejoin,
    repeat_caller,
    straight_to_line,
)
from ivr.triage import Decision, walk
from tests.ivr.protocols import covid

RED, ORANGE, YELLOW, GREEN, NONMED = Acuity
NOW = datetime(2021, 8, 20, 3, 0, tzinfo=UTC)
CALLER = "+84912345678"


def contact(
    minutes_ago: float, acuity: Acuity = YELLOW, *, medical: bool = True, is_open: bool = False
) -> Contact:
    return Contact(
        NOW - timedelta(minutes=minutes_ago), acuity, medical, is_open, ticket="T-1", operator="lan"
    )


def decision(keys: str) -> Decision:
    end = walk(covid(), keys.split())
    assert isinstance(end, Decision)
    return end


# Repeat callers


@pytest.mark.parametrize(
    ("keys", "before", "after"),
    [("2 2 2 3 3 3", GREEN, YELLOW), ("0", YELLOW, ORANGE), ("2 3", ORANGE, RED), ("1", RED, RED)],
)
def test_a_medical_contact_within_48_hours_raises_one_level(keys: str, before: Acuity, after: Acuity) -> None:
    first = decision(keys)
    second = repeat_caller(first, CALLER, [contact(47 * 60)], NOW)
    assert (first.acuity, second.acuity, second.repeat) == (before, after, True)
    assert second.message == after.value
    assert second.reason["vi"].endswith("; gọi lại trong 48 giờ: tăng một mức")


def test_a_raised_green_caller_gets_a_human_without_asking() -> None:
    assert not repeat_caller(decision("2 2 2 3 3 3"), CALLER, [contact(60)], NOW).human_only_if_asked


@pytest.mark.parametrize(
    "history",
    [[], [contact(48 * 60 + 1)], [contact(60, NONMED, medical=False)], [contact(5, RED, is_open=True)]],
    ids=["never rang", "too long ago", "not medical", "redial of a running contact"],
)
def test_what_is_no_repeat_raises_nothing(history: list[Contact]) -> None:
    first = decision("0")
    assert repeat_caller(first, CALLER, history, NOW) == first


def test_what_is_no_illness_is_never_raised() -> None:
    first = decision("4 1")
    assert repeat_caller(first, CALLER, [contact(60)], NOW) == first


@pytest.mark.parametrize(
    "number", [None, "", "anonymous", "19009095", "115", "+8419009095", "+84271382222", "+8411"]
)
def test_withheld_service_and_shared_numbers_match_nobody(number: str | None) -> None:
    shared = {"+84271382222"}
    first = decision("0")
    assert matches_nobody(number, shared)
    assert repeat_caller(first, number, [contact(60)], NOW, shared) == first
    assert straight_to_line(number, [contact(1, RED, is_open=True)], NOW, shared) is None


@pytest.mark.parametrize("number", [CALLER, "+842713888888", "+12025550123"])
def test_mobiles_landlines_and_foreign_numbers_match(number: str) -> None:
    assert not matches_nobody(number, ["+842743822222"])


# Redials


def test_a_running_red_or_orange_contact_goes_straight_to_the_line() -> None:
    running = contact(14, ORANGE, is_open=True)
    assert straight_to_line(CALLER, [contact(600), running], NOW) == running
    straight = rejoin(covid(), running)
    assert (straight.acuity, straight.message, straight.path, straight.repeat) == (
        ORANGE,
        "ORANGE",
        (),
        False,
    )
    assert straight.reason["vi"] == "gọi lại trong 15 phút", "people know no ids of tickets"


@pytest.mark.parametrize(
    "earlier",
    [contact(15, RED, is_open=True), contact(5, RED), contact(5, YELLOW, is_open=True)],
    ids=["15 minutes old", "closed", "not urgent"],
)
def test_other_contacts_are_asked_again(earlier: Contact) -> None:
    assert straight_to_line(CALLER, [earlier], NOW) is None


def test_the_most_urgent_then_the_newest_running_contact_is_gone_on_with() -> None:
    old_red, new_red = contact(9, RED, is_open=True), contact(3, RED, is_open=True)
    assert straight_to_line(CALLER, [old_red, contact(1, ORANGE, is_open=True), new_red], NOW) == new_red


# Lost calls

WAITED = Ended(human_answered=False, connected_s=90, kind=Kind.MEDICAL, reached=YELLOW, decided=True)
ASKED = Ended(human_answered=False, connected_s=20, kind=Kind.MEDICAL, reached=ORANGE, decided=False)


@pytest.mark.parametrize(
    ("ended", "level"),
    [
        (WAITED, YELLOW),
        (replace(WAITED, reached=RED), RED),
        (replace(WAITED, reached=NONMED, kind=Kind.SERVICES), NONMED),
        (replace(WAITED, reached=YELLOW, kind=Kind.ROOT), YELLOW),
        (replace(WAITED, human_answered=True), None),
        (replace(WAITED, reached=GREEN, message_heard=True), None),
        (replace(WAITED, reached=GREEN, message_heard=False), ORANGE),
        (ASKED, ORANGE),
        (replace(ASKED, reached=RED), RED),
        (replace(ASKED, reached=NONMED, kind=Kind.SERVICES), NONMED),
        (replace(ASKED, reached=None, kind=Kind.ROOT), YELLOW),
        (replace(ASKED, reached=ORANGE, kind=Kind.ROOT), YELLOW),
        (replace(ASKED, reached=None, kind=Kind.ROOT, connected_s=5), None),
        (replace(ASKED, reached=None, kind=Kind.ROOT, connected_s=5.1), YELLOW),
        (replace(ASKED, reached=RED, kind=Kind.ROOT, connected_s=2), RED),
    ],
)
def test_a_lost_call_is_rung_back_at(ended: Ended, level: Acuity | None) -> None:
    assert recall_acuity(ended) is level
    assert is_lost(ended) is (level is not None)
