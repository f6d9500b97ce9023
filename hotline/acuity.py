"""Acuity: how soon a human must answer, the one word for urgency in code, database, desk and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Target:
    """What one acuity promises."""

    vi: str
    """What operators read."""
    en: str
    human_answers_within_s: int
    """From the end of triage until an operator speaks."""
    callback_within_s: int
    """From a lost call until the caller is rung back."""
    follow_up_after_s: int | None
    """From the end of the call until somebody asks how the patient is; None where nobody does."""


class Acuity(StrEnum):
    """Ordered by urgency: `Acuity.RED > Acuity.ORANGE > … > Acuity.NONMED`, so `max()` is the most urgent."""

    RED = "RED"
    ORANGE = "ORANGE"
    YELLOW = "YELLOW"
    GREEN = "GREEN"
    NONMED = "NONMED"

    @property
    def urgency(self) -> int:
        """0 for NONMED up to 4 for RED: to sort by, in Python and in SQL."""
        return _URGENCY[self.value]

    @property
    def target(self) -> Target:
        return _TARGETS[self.value]

    @property
    def human_answers_within_s(self) -> int:
        return self.target.human_answers_within_s

    @property
    def callback_within_s(self) -> int:
        return self.target.callback_within_s

    @property
    def medical(self) -> bool:
        return self is not Acuity.NONMED

    @property
    def urgent(self) -> bool:
        """RED and ORANGE: served strictly first, never offered a callback or a message instead of a human."""
        return self in (Acuity.RED, Acuity.ORANGE)

    def raised(self) -> Acuity:
        """One level up; RED stays RED, and NONMED is no illness that could get worse."""
        return _ONE_UP[self.value]

    # str compares by alphabet; acuity compares by urgency. An unknown word raises ValueError.
    def __lt__(self, other: str) -> bool:
        return _URGENCY[self] < _urgency(other)

    def __le__(self, other: str) -> bool:
        return _URGENCY[self] <= _urgency(other)

    def __gt__(self, other: str) -> bool:
        return _URGENCY[self] > _urgency(other)

    def __ge__(self, other: str) -> bool:
        return _URGENCY[self] >= _urgency(other)


FAILSAFE = Acuity.ORANGE
"""Where a call starts, and where it goes when triage breaks before it has reached more."""

_URGENCY: Mapping[str, int] = {"NONMED": 0, "GREEN": 1, "YELLOW": 2, "ORANGE": 3, "RED": 4}


def _urgency(word: str) -> int:
    found = _URGENCY.get(word)
    return Acuity(word).urgency if found is None else found


_ONE_UP: Mapping[str, Acuity] = {
    "RED": Acuity.RED,
    "ORANGE": Acuity.RED,
    "YELLOW": Acuity.ORANGE,
    "GREEN": Acuity.YELLOW,
    "NONMED": Acuity.NONMED,
}

_DAY_S = 86_400

# GREEN and NONMED have no callback time of their own in the medical table: a lost one is rung within
# the health station's 4 hours, or the 5 hours every request has.
_TARGETS: Mapping[str, Target] = {
    "RED": Target("Đỏ – cấp cứu", "Red: emergency", 10, 60, 1_800),
    "ORANGE": Target("Cam – rất khẩn", "Orange: very urgent", 60, 300, 7_200),
    "YELLOW": Target("Vàng – khẩn", "Yellow: urgent", 180, 1_800, _DAY_S),
    "GREEN": Target("Xanh – theo dõi tại nhà", "Green: watched at home", 300, 14_400, _DAY_S),
    "NONMED": Target("Không y tế", "Not medical", 180, 18_000, None),
}


def higher(a: Acuity, b: Acuity) -> Acuity:
    """The more urgent of two."""
    return a if a >= b else b
