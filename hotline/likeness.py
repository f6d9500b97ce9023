"""How alike two tickets are: points and their reasons, from number, place, matter, time and what was written down. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

COMMUNE_DIGITS, DISTRICT_DIGITS = 5, 3
"""How long the codes of communes and districts are."""
LEAST = 45
"""From so many points on two tickets are suggested as one matter."""
NUMBER_WITHIN = timedelta(hours=48)
PLACE_WITHIN = timedelta(hours=6)
WORDS_CHARACTERS = 12
"""Less text says nothing."""
WORDS_LEAST = 30
"""Percent of common trigrams from which two texts count as alike."""


@dataclass(frozen=True)
class Incident:
    """What is compared of one ticket."""

    ticket_id: str
    opened_at: datetime
    numbers: frozenset[str] = frozenset()
    """Of its people, without those that many share."""
    unit_code: str = ""
    category: str = ""
    words: str = ""
    """What people wrote down, folded; not what every caller of a branch is said to want."""


@dataclass(frozen=True)
class Likeness:
    """Why two tickets may be about one matter."""

    other_id: str
    points: int
    same_number: bool
    same_commune: bool
    same_district: bool
    same_category: bool
    words_percent: int
    """0 where the texts are not alike."""
    apart: timedelta
    """How much earlier the other one is; negative: later."""

    @property
    def is_likely(self) -> bool:
        return self.points >= LEAST


@lru_cache(maxsize=2048)
def trigrams(folded: str) -> frozenset[str]:
    """The three-letter pieces of its words, each word with its beginning and end."""
    return frozenset(
        padded[at : at + 3]
        for word in folded.split()
        for padded in (f"  {word} ",)
        for at in range(len(padded) - 2)
    )


def common_percent(one: str, other: str) -> int:
    """How much of two folded texts is the same, by Dice's measure over trigrams; 0 where one is too short."""
    if min(len(one), len(other)) < WORDS_CHARACTERS:
        return 0
    first, second = trigrams(one), trigrams(other)
    return round(200 * len(first & second) / (len(first) + len(second)))


def compare(one: Incident, other: Incident) -> Likeness:
    """The likeness of `other` to `one`; the points are the same the other way round."""
    apart = one.opened_at - other.opened_at
    length = abs(apart)
    number = bool(one.numbers & other.numbers) and length <= NUMBER_WITHIN
    same_unit = bool(one.unit_code) and one.unit_code == other.unit_code and length <= PLACE_WITHIN
    commune = same_unit and len(one.unit_code) == COMMUNE_DIGITS
    district = same_unit and len(one.unit_code) == DISTRICT_DIGITS
    category = bool(one.category) and one.category == other.category and length <= NUMBER_WITHIN
    differ = bool(one.category and other.category) and not category
    percent = common_percent(one.words, other.words)
    percent = percent if percent >= WORDS_LEAST and length <= PLACE_WITHIN else 0
    points = (
        45 * number + 25 * commune + 8 * district + 20 * category - 15 * differ + min(40, percent // 2)
    )  # fmt: skip
    if points > 0:
        points += 10 if length <= timedelta(minutes=30) else 5 if length <= timedelta(hours=2) else 0
    return Likeness(
        other.ticket_id, max(0, points), number, commune, district, category, percent, apart
    )  # fmt: skip
