"""The waiting line: who is served next, by whom, and who is let go when a trunk's channels run short. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hotline.acuity import Acuity
from hotline.skills import HOME_LANGUAGE, LANGUAGE, MEDICAL, SERVICES, SKILLS

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
    """Words of `hotline.skills`; nothing of a kind: nobody knows, so they come between those who have it and those who have another."""


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


def needed(waiting: Waiting) -> tuple[str, ...]:
    """The skills that this caller needs, the most needed first: their language, then their branch."""
    branch = waiting.branch
    if waiting.acuity.urgent or not branch:
        branch = SERVICES if waiting.acuity is Acuity.NONMED else MEDICAL
    return (branch,) if waiting.language == HOME_LANGUAGE else (waiting.language, branch)


def lacks(operator: Free, skill: str) -> int:
    """0: has the skill; 1: nothing of its kind is said of them; 2: only others of its kind."""
    kind = SKILLS[skill].kind if skill in SKILLS else LANGUAGE
    of_kind = {one for one in operator.skills if one in SKILLS and SKILLS[one].kind == kind}
    return 0 if skill in operator.skills else 2 if of_kind else 1


def who_rings(waiting: Waiting, free: Sequence[Free]) -> list[Free]:
    """Whose phones to ring for this caller: for RED all who serve the hotline, else one.

    Whom the caller spoke with minutes ago comes first, then who has the skills they need, then the longest idle. Nobody
    waits for a skill: when somebody is free, somebody rings.
    """
    able = [operator for operator in free if serves(operator, waiting.hotline)]
    if waiting.acuity is Acuity.RED:
        return sorted(
            able, key=lambda operator: (operator.operator_id != waiting.operator_id, -operator.idle_s)
        )
    skills = needed(waiting)
    return sorted(
        able,
        key=lambda operator: (
            operator.operator_id != waiting.operator_id,
            *(lacks(operator, skill) for skill in skills),
            -operator.idle_s,
            operator.operator_id,
        ),
    )[:1]


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
