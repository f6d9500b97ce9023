"""What reports and the wallboard count: each call as a few facts, and the figures of any set of them (GLOSSARY.md defines each)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.acuity import FAILSAFE, Acuity
from hotline.calls import Call, Direction, EndReason
from hotline.operators import OperatorEntry, Presence
from hotline.recalls import OWED, Recall, RecallState

SHORT_S = 5.0
"""Who leaves within this of asking for a human is counted apart: neither lost nor against the service level."""
LATE_S = 30.0
"""Leaving after this is what the abandonment target is about."""
LOSSES = frozenset({EndReason.ABANDONED, EndReason.SWITCH_LOST})
WRAP_UPS_WITHIN = timedelta(days=1)
"""A wrap-up may end after the reported time; this long after it is looked for."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Visit:
    """One call as reports see it."""

    hotline: str
    branch: str
    acuity: Acuity
    """The level at which it was served; ORANGE for a word that is none."""
    arrived_at: datetime
    answered: bool
    lost: bool
    """Left, or was cut off, before a human answered, and not at once."""
    short: bool
    waited_s: float
    """From the end of triage (or the arrival, when it never came to the line) to the human, or to the end."""
    is_in: bool = True
    operator_id: int | None = None
    """Who answered; of several, the last."""
    talk_s: float | None = None
    """From the human's answer to the end of the call; None while it goes on, or when nobody answered."""
    wrap_up_s: float | None = None

    @property
    def in_target(self) -> bool:
        return self.answered and self.waited_s <= self.acuity.human_answers_within_s


@dataclass(frozen=True)
class Level:
    """One acuity's promise kept or not."""

    in_target: int = 0
    wanted: int = 0
    """Answered and lost; the short ones are in neither."""

    @property
    def percent(self) -> float | None:
        """The service level; None without a call."""
        return 100 * self.in_target / self.wanted if self.wanted else None


@dataclass(frozen=True)
class Owed:
    """Recalls by what became of them."""

    made: int = 0
    done: int = 0
    open: int = 0
    failed: int = 0
    """Tried in vain, or cancelled."""


@dataclass(frozen=True)
class Figures:
    arrived: int = 0
    answered: int = 0
    lost: int = 0
    lost_late: int = 0
    """Of the lost, those who had waited more than LATE_S."""
    short: int = 0
    called_out: int = 0
    """Calls that the hotline made and in which an operator talked."""
    levels: Mapping[Acuity, Level] = field(default_factory=dict)
    wait_s: float | None = None
    """Mean of the answered."""
    longest_wait_s: float | None = None
    """Of the answered and the lost."""
    talk_s: float | None = None
    """Mean of the answered calls that are over, made and received."""
    wrap_up_s: float | None = None
    """Mean of the wrap-ups that are over."""

    @property
    def service(self) -> Level:
        """All acuities together, each by its own seconds."""
        return Level(
            sum(one.in_target for one in self.levels.values()),
            sum(one.wanted for one in self.levels.values()),
        )

    @property
    def elsewhere(self) -> int:
        """Served without a human: heard the advice, left a message, asked for a callback, or is still on the line."""
        return self.arrived - self.answered - self.lost - self.short

    @property
    def abandoned_percent(self) -> float | None:
        """Lost after more than LATE_S, of those who wanted a human."""
        wanted = self.answered + self.lost
        return 100 * self.lost_late / wanted if wanted else None


def figures(visits: Iterable[Visit]) -> Figures:
    """The figures of these calls."""
    all_ = list(visits)
    here = [v for v in all_ if v.is_in]
    answered = [v for v in here if v.answered]
    lost = [v for v in here if v.lost]
    levels = {}
    for acuity in Acuity:
        wanted = [v for v in (*answered, *lost) if v.acuity is acuity]
        if wanted:
            levels[acuity] = Level(sum(v.in_target for v in wanted), len(wanted))
    return Figures(
        arrived=len(here),
        answered=len(answered),
        lost=len(lost),
        lost_late=sum(v.waited_s > LATE_S for v in lost),
        short=sum(v.short for v in here),
        called_out=sum(v.answered for v in all_ if not v.is_in),
        levels=levels,
        wait_s=_mean([v.waited_s for v in answered]),
        longest_wait_s=max((v.waited_s for v in (*answered, *lost)), default=None),
        talk_s=_mean([v.talk_s for v in all_ if v.talk_s is not None]),
        wrap_up_s=_mean([v.wrap_up_s for v in all_ if v.wrap_up_s is not None]),
    )


def grouped(visits: Iterable[Visit], key: Callable[[Visit], Key | None]) -> dict[Key, Figures]:
    """The figures of each group; calls whose key is None are in none."""
    groups: defaultdict[Key, list[Visit]] = defaultdict(list)
    for visit in visits:
        of = key(visit)
        if of is not None:
            groups[of].append(visit)
    return {of: figures(members) for of, members in groups.items()}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


# --- read ------------------------------------------------------------------------------------------------


def visits(
    session: Session, since: datetime, until: datetime, serves: Callable[[str], bool] = lambda hotline: True
) -> list[Visit]:
    """The calls that arrived, or were made, from `since` until before `until`."""
    rows = session.execute(
        select(
            Call.id, Call.hotline, Call.branch, Call.acuity, Call.direction, Call.operator_id, Call.arrived_at,
            Call.queued_at, Call.human_at, Call.ended_at, Call.end_reason,
        ).where(Call.arrived_at >= since, Call.arrived_at < until)
    )  # fmt: skip
    wrapped_s = wrap_ups(session, since, until)
    mine = lru_cache(serves)  # a few hotlines, many calls
    return [_visit(row, wrapped_s.get(row.id)) for row in rows if mine(row.hotline)]


def _visit(row: object, wrap_up_s: float | None) -> Visit:
    call: Call = row  # type: ignore[assignment] # a row of the columns above, read as the call's own attributes
    wanted_at = call.queued_at or call.arrived_at
    answered = call.human_at is not None
    met_at = call.human_at or call.ended_at
    waited_s = max(0.0, (met_at - wanted_at).total_seconds()) if met_at else 0.0
    gone = not answered and call.end_reason in LOSSES
    short = not answered and (call.end_reason == EndReason.TOO_SHORT or (gone and waited_s <= SHORT_S))
    talk_s = None
    if call.human_at is not None and call.ended_at is not None:
        talk_s = max(0.0, (call.ended_at - call.human_at).total_seconds())
    return Visit(
        hotline=call.hotline, branch=call.branch, arrived_at=call.arrived_at, answered=answered,
        acuity=Acuity(call.acuity) if call.acuity in Acuity.__members__ else FAILSAFE,
        lost=gone and not short, short=short, waited_s=waited_s, is_in=call.direction == Direction.IN,
        operator_id=call.operator_id, talk_s=talk_s, wrap_up_s=wrap_up_s,
    )  # fmt: skip


def wrap_ups(session: Session, since: datetime, until: datetime) -> dict[str, float]:
    """Call → seconds from its operator's first moment of wrap-up to their next state."""
    rows = session.execute(
        select(OperatorEntry.operator_id, OperatorEntry.at, OperatorEntry.state, OperatorEntry.call_id)
        .where(OperatorEntry.at >= since, OperatorEntry.at < until + WRAP_UPS_WITHIN)
        .order_by(OperatorEntry.operator_id, OperatorEntry.at, OperatorEntry.id)
    )
    lasted_s: defaultdict[str, float] = defaultdict(float)
    who, began, call_id = None, None, ""
    for operator_id, at, state, of_call in rows:
        same = operator_id == who and state == Presence.WRAP_UP and of_call == call_id
        if began is not None and not same:
            if operator_id == who:
                lasted_s[call_id] += (at - began).total_seconds()
            began = None
        if state == Presence.WRAP_UP and of_call and not same:
            began, call_id = at, of_call
        who = operator_id
    return dict(lasted_s)


def recalls(
    session: Session,
    since: datetime,
    until: datetime,
    key: Callable[[Recall], Key | None],
    serves: Callable[[str], bool] = lambda hotline: True,
) -> dict[Key, Owed]:
    """The recalls that were promised in that time, in groups."""
    rows = session.scalars(select(Recall).where(Recall.made_at >= since, Recall.made_at < until))
    groups: defaultdict[Key, list[str]] = defaultdict(list)
    for recall in rows:
        of = key(recall)
        if of is not None and serves(recall.hotline):
            groups[of].append(recall.state)
    return {of: _owed(states) for of, states in groups.items()}


def _owed(states: list[str]) -> Owed:
    done = sum(state == RecallState.DONE for state in states)
    open_ = sum(state in OWED for state in states)
    return Owed(len(states), done, open_, len(states) - done - open_)
