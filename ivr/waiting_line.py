"""The waiting line: who is served next, by whom, and who is let go when a trunk's channels run short. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from hotline.acuity import Acuity

BRANCHES = frozenset({"medical", "nonmedical"})
HOME_LANGUAGE = "vi"
RELEASED = (Acuity.NONMED, Acuity.GREEN)
"""Who may be let go for the sake of an emergency, in this order; nobody else ever."""


@dataclass(frozen=True)
class Waiting:
    """Somebody a human owes a word: a caller in the line, or a recall that is due."""

    id: str
    hotline: str
    acuity: Acuity
    waited_s: float
    branch: str = ""
    language: str = HOME_LANGUAGE
    front: bool = False
    """Had a human already and lost them through no fault of their own."""
    operator_id: int | None = None
    """Whom they spoke with minutes ago: to have the same one again if free."""


@dataclass(frozen=True)
class Free:
    """An operator who could be rung."""

    operator_id: int
    idle_s: float
    hotlines: frozenset[str] = frozenset()
    """Empty: all."""
    skills: frozenset[str] = frozenset()
    """Branches and languages; empty: all."""


def in_order(line: Iterable[Waiting]) -> list[Waiting]:
    """Next first: RED, then ORANGE, strictly; below them whoever has used most of their target; equal ones by wait.

    No wait, however long, passes a more urgent caller of the first two levels.
    """
    return sorted(line, key=_place)


def _place(waiting: Waiting) -> tuple[int, bool, float, float, str]:
    tier = {Acuity.RED: 0, Acuity.ORANGE: 1}.get(waiting.acuity, 2)
    used = waiting.waited_s / waiting.acuity.human_answers_within_s
    return tier, not waiting.front, -used, -waiting.waited_s, waiting.id


def position(line: Iterable[Waiting], call_id: str) -> int:
    """1 for the next to be served; 0 when the call is not in the line."""
    return next((n for n, waiting in enumerate(in_order(line), 1) if waiting.id == call_id), 0)


def serves(operator: Free, hotline: str) -> bool:
    return not operator.hotlines or hotline in operator.hotlines


def has_skill(operator: Free, waiting: Waiting) -> bool:
    """Whether the operator takes this branch and language; an operator without listed skills takes all."""
    branches = operator.skills & BRANCHES
    languages = operator.skills - BRANCHES
    knows_branch = not branches or waiting.branch not in BRANCHES or waiting.branch in branches
    return knows_branch and (
        waiting.language == HOME_LANGUAGE or not operator.skills or waiting.language in languages
    )


def who_rings(waiting: Waiting, free: Sequence[Free], on_duty: Collection[Free] | None = None) -> list[Free]:
    """Whose phones to ring for this caller: for RED all who serve the hotline, else the longest idle with the skill.

    Whom the caller spoke with minutes ago comes first. When nobody on duty (`on_duty`; by default the free ones) has
    the skill, anybody of the hotline does.
    """
    able = [operator for operator in free if serves(operator, waiting.hotline)]
    if waiting.acuity is Acuity.RED:
        return sorted(
            able, key=lambda operator: (operator.operator_id != waiting.operator_id, -operator.idle_s)
        )
    duty = [
        operator for operator in (free if on_duty is None else on_duty) if serves(operator, waiting.hotline)
    ]
    same = [operator for operator in able if operator.operator_id == waiting.operator_id]
    if same:
        return same
    if any(has_skill(operator, waiting) for operator in duty):
        able = [operator for operator in able if has_skill(operator, waiting)]
    return sorted(able, key=lambda operator: (-operator.idle_s, operator.operator_id))[:1]


def reserve(channels: int, share: float) -> int:
    """How many of a trunk's channels are kept for emergencies: the share, rounded up."""
    return math.ceil(round(channels * share, 6))


def to_release(
    line: Iterable[Waiting], channels: int, in_use: int, share: float, leaving: int = 0
) -> list[str]:
    """Which waiters of one trunk must go so that the reserve is free again: NONMED, then GREEN, last come first.

    `in_use` counts every channel of the trunk, `leaving` those already on their way out. RED, ORANGE and YELLOW never go.
    """
    missing = reserve(channels, share) - (channels - in_use + leaving)
    if missing <= 0:
        return []
    order = [w for acuity in RELEASED for w in reversed(in_order(x for x in line if x.acuity is acuity))]
    return [waiting.id for waiting in order[:missing]]


def to_cut_short(leaving: Sequence[str], channels: int, in_use: int, share: float) -> list[str]:
    """Who of the released, first come first, must go before their goodbye has ended, so that half the reserve is really free."""
    missing = math.ceil(reserve(channels, share) / 2) - (channels - in_use)
    return list(leaving[: max(missing, 0)])
