"""What reports count beside the calls themselves: hand-overs by outcome with their times, and scores of quality."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from hotline.calls import Call
from hotline.figures import By, key_columns, key_of, mean_s
from hotline.quality import ALONE, Score
from hotline.sql_time import US, epoch_us
from hotline.transfers import ACCEPT_WITHIN_S, Transfer, TransferState, TransferTry, TryState

EMERGENCY_NUMBERS = ("115",)


class Outcome(StrEnum):
    """How a hand-over to a station went."""

    FIRST = "first"
    """Accepted by the number that was rung first."""
    LATER = "later"
    """Accepted by a later one that is not the emergency number."""
    EMERGENCY = "emergency"
    """Accepted by the emergency number."""
    DECLINED = "declined"
    """Nobody accepted, and one at least answered: declined, or pressed no key."""
    NO_ANSWER = "no_answer"
    """Nobody accepted and nobody answered."""
    WITHDRAWN = "withdrawn"
    """Ended from our side before anybody accepted: cancelled, an operator was first, the caller hung up."""
    OPEN = "open"
    """Still rings."""


ACCEPTED = (Outcome.FIRST, Outcome.LATER, Outcome.EMERGENCY)
_WITHDRAWN = (TransferState.CANCELLED, TransferState.TAKEN, TransferState.CALLER_GONE)
_REFUSED = (TryState.DECLINED, TryState.NO_KEY)


@dataclass(frozen=True)
class HandOvers:
    """Hand-overs to stations; conferences with colleagues are none."""

    first: int = 0
    later: int = 0
    emergency: int = 0
    declined: int = 0
    no_answer: int = 0
    withdrawn: int = 0
    open: int = 0
    in_time: int = 0
    """Accepted within ACCEPT_WITHIN_S of the first ring."""
    accept_s: float | None = None
    """Mean of the accepted, from the first ring to the yes."""

    @property
    def accepted(self) -> int:
        return self.first + self.later + self.emergency

    @property
    def tried(self) -> int:
        """All that were neither withdrawn nor still ring."""
        return self.accepted + self.declined + self.no_answer

    @property
    def made(self) -> int:
        return self.tried + self.withdrawn + self.open

    @property
    def in_time_percent(self) -> float | None:
        """Of all that were tried; None without one."""
        return 100 * self.in_time / self.tried if self.tried else None


@dataclass(frozen=True)
class Scored:
    """Finished scores outside calibrations."""

    count: int = 0
    passed: int = 0
    percent: float | None = None
    """Mean."""

    @property
    def passed_percent(self) -> float | None:
        return 100 * self.passed / self.count if self.count else None


def hand_overs(
    session: Session,
    since: datetime,
    until: datetime,
    by: By | None = None,
    hotlines: Collection[str] | None = None,
    emergency: Collection[str] = EMERGENCY_NUMBERS,
) -> dict[Any, HandOvers]:
    """The hand-overs asked for in that time, by the keys of `by`; under None all together."""
    accepted_try = TransferTry.state == TryState.ACCEPTED
    tries = (
        select(
            TransferTry.transfer_id,
            func.min(case((accepted_try, TransferTry.place))).label("place"),
            func.max(case((and_(accepted_try, TransferTry.number.in_(emergency)), 1), else_=0)).label(
                "emergency"
            ),
            func.max(case((TransferTry.state.in_(_REFUSED), 1), else_=0)).label("refused"),
        )
        .join(Transfer, Transfer.id == TransferTry.transfer_id)
        .where(Transfer.asked_at >= since, Transfer.asked_at < until)
        .group_by(TransferTry.transfer_id)
        .subquery()
    )
    accepted = Transfer.accepted_at.is_not(None)
    outcome = case(
        (and_(accepted, tries.c.emergency == 1), Outcome.EMERGENCY.value),
        (and_(accepted, func.coalesce(tries.c.place, 0) == 0), Outcome.FIRST.value),
        (accepted, Outcome.LATER.value),
        (Transfer.state.in_(_WITHDRAWN), Outcome.WITHDRAWN.value),
        (Transfer.state != TransferState.EXHAUSTED, Outcome.OPEN.value),
        (tries.c.refused == 1, Outcome.DECLINED.value),
        else_=Outcome.NO_ANSWER.value,
    ).label("outcome")
    took_us = epoch_us(Transfer.accepted_at) - epoch_us(func.coalesce(Transfer.rung_at, Transfer.accepted_at))
    keys = key_columns(by, Transfer.asked_at, Call.hotline, Call.branch, Transfer.operator_id, Call.acuity)
    asked = (
        select(*keys, outcome, case((accepted, took_us)).label("took_us"))
        .join(Call, Call.id == Transfer.call_id)
        .outerjoin(tries, tries.c.transfer_id == Transfer.id)
        .where(Transfer.asked_at >= since, Transfer.asked_at < until, Transfer.kind != "conference")
    )
    if hotlines is not None:
        asked = asked.where(Call.hotline.in_(hotlines))
    told = asked.subquery()
    of = [told.c[key.name] for key in keys] + [told.c.outcome]
    in_time = func.sum(case((told.c.took_us <= ACCEPT_WITHIN_S * US, 1), else_=0))
    rows = session.execute(select(*of, func.count(), func.sum(told.c.took_us), in_time).group_by(*of))
    groups: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for *values, what, number, took, quick in rows:
        for key in {None, key_of(by, values)}:
            groups[key] += Counter({what: number, "took_us": int(took or 0), "in_time": quick})
    return {key: _hand_overs(n) for key, n in groups.items()}


def _hand_overs(n: Counter[str]) -> HandOvers:
    outcomes = {outcome.value: n[outcome] for outcome in Outcome}
    accept_s = mean_s(n["took_us"], sum(n[outcome] for outcome in ACCEPTED))
    return HandOvers(**outcomes, in_time=n["in_time"], accept_s=accept_s)


def scored(
    session: Session,
    since: datetime,
    until: datetime,
    by: By | None = None,
    hotlines: Collection[str] | None = None,
) -> dict[Any, Scored]:
    """The finished scores of the calls of that time, by the keys of `by`; under None all together."""
    keys = key_columns(by, Call.arrived_at, Call.hotline, Call.branch, Score.operator_id, Call.acuity)
    asked = (
        select(
            *keys, func.count().label("number"), func.sum(case((Score.passed, 1), else_=0)).label("passed"),
            func.sum(Score.percent).label("percent"),
        )
        .join(Call, Call.id == Score.call_id)
        .where(
            Call.arrived_at >= since, Call.arrived_at < until, Score.finished_at.is_not(None),
            Score.calibration_id == ALONE,
        )
    )  # fmt: skip
    if hotlines is not None:
        asked = asked.where(Call.hotline.in_(hotlines))
    sums: defaultdict[Any, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for *values, number, passed, percent in session.execute(asked.group_by(*keys) if keys else asked):
        for key in {None, key_of(by, values)} if number else ():
            sums[key] = [sums[key][0] + number, sums[key][1] + (passed or 0), sums[key][2] + (percent or 0.0)]
    return {
        key: Scored(int(number), int(passed), percent / number)
        for key, (number, passed, percent) in sums.items()
    }
