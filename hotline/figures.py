"""What reports and the wallboard count: the figures of any span of days, added up by the database (GLOSSARY.md defines each)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, ColumnElement, Integer, and_, case, cast, func, literal_column, or_, select
from sqlalchemy.orm import Session, aliased

from hotline.acuity import FAILSAFE, Acuity
from hotline.calls import Call, Direction, EndReason
from hotline.operators import OperatorEntry, Presence
from hotline.recalls import OWED, Recall, RecallState
from hotline.sql_time import US, VIETNAM_AHEAD_S, epoch_us

SHORT_S = 5.0
"""Who leaves within this of asking for a human is counted apart: neither lost nor against the service level."""
LATE_S = 30.0
"""Leaving after this is what the abandonment target is about."""
LOSSES = (EndReason.ABANDONED, EndReason.SWITCH_LOST)
WRAP_UPS_WITHIN = timedelta(days=1)
"""A wrap-up may end after the reported time; this long after it is looked for."""
SLOT_S = 1800
HOUR_S = 3600
DAY_S = 86_400


class By(StrEnum):
    """What a report's lines are."""

    HOTLINE = "hotline"
    """Keys are (hotline, branch)."""
    OPERATOR = "operator"
    """Ids; who was never answered is in no line."""
    HOUR = "hour"
    """0 to 23, as all clocks here Vietnam's."""
    DAY = "day"
    """Dates."""
    ACUITY = "acuity"
    """The level's word."""
    SLOT = "slot"
    """The day's half hours, 0 to 47."""


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


@dataclass(frozen=True)
class Counted:
    """The figures of some time."""

    total: Figures
    lines: Mapping[Any, Figures]
    """By the keys of the `By` that was asked; empty for none."""


def counted(
    session: Session,
    since: datetime,
    until: datetime,
    by: By | None = None,
    hotlines: Collection[str] | None = None,
) -> Counted:
    """The figures of the calls that arrived, or were made, from `since` until before `until`.

    `hotlines`: only of these; None for all.
    """
    told = _told(since, until, by, hotlines)
    wraps = wrap_ups(since, until)
    keys = [told.c[name] for name in _names(told)]
    rows = session.execute(
        select(
            *keys,
            told.c.acuity,
            told.c.is_in,
            *(sum_.label(name) for name, sum_ in _sums(told, wraps).items()),
        )
        .select_from(told)
        .outerjoin(wraps, wraps.c.call_id == told.c.id)
        .group_by(*keys, told.c.acuity, told.c.is_in)
    )
    everything: list[Any] = []
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        everything.append(row)
        key = key_of(by, [getattr(row, column.name) for column in keys])
        if key is not None:
            groups[key].append(row)
    return Counted(_figures(everything), {key: _figures(members) for key, members in groups.items()})


def _names(told: CTE) -> list[str]:
    return [column.name for column in told.c if column.name.startswith("key")]


def key_columns(
    by: By | None, at: Any, hotline: Any, branch: Any, operator_id: Any, acuity: Any
) -> list[Any]:
    """The columns, called key0 and so on, by which rows with these are grouped."""
    # Numbers written out: PostgreSQL takes two parameters of one value for two groups.
    second, ahead, day, hour, slot = (
        literal_column(str(n), Integer) for n in (US, VIETNAM_AHEAD_S, DAY_S, HOUR_S, SLOT_S)
    )
    local_s = epoch_us(at) // second + ahead
    columns: Mapping[By | None, tuple[Any, ...]] = {
        None: (),
        By.HOTLINE: (hotline, branch),
        By.OPERATOR: (operator_id,),
        By.HOUR: (local_s % day // hour,),
        By.DAY: (local_s // day,),
        By.ACUITY: (acuity,),
        By.SLOT: (local_s % day // slot,),
    }
    return [column.label(f"key{n}") for n, column in enumerate(columns[by])]


def key_of(by: By | None, values: list[Any]) -> Any:
    """A group's key as people read it; None for rows that belong to no line."""
    if by is None or (by is By.OPERATOR and values[0] is None):
        return None
    if by is By.HOTLINE:
        return tuple(values)
    if by is By.DAY:
        return date(1970, 1, 1) + timedelta(days=values[0])
    if by is By.ACUITY:
        return level_of(values[0]).value
    return values[0]


def level_of(word: str) -> Acuity:
    return Acuity(word) if word in Acuity.__members__ else FAILSAFE


def _told(since: datetime, until: datetime, by: By | None, hotlines: Collection[str] | None) -> CTE:
    """Each call's facts, computed once: times in microseconds, and by which keys it is grouped."""
    wanted_at = epoch_us(func.coalesce(Call.queued_at, Call.arrived_at))
    met_at = epoch_us(func.coalesce(Call.human_at, Call.ended_at))
    asked = select(
        Call.id, Call.acuity, (Call.direction == Direction.IN).label("is_in"), Call.human_at.is_not(None).label("answered"),
        Call.end_reason, (met_at - wanted_at).label("waited_us"),
        case((Call.human_at.is_not(None), epoch_us(Call.ended_at) - epoch_us(Call.human_at))).label("talk_us"),
        *key_columns(by, Call.arrived_at, Call.hotline, Call.branch, Call.operator_id, Call.acuity),
    ).where(Call.arrived_at >= since, Call.arrived_at < until)  # fmt: skip
    if hotlines is not None:
        asked = asked.where(Call.hotline.in_(hotlines))
    return asked.cte("told").prefix_with("MATERIALIZED")


def _sums(told: CTE, wraps: Any) -> dict[str, ColumnElement[Any]]:
    """What the database adds up in each group."""
    c = told.c
    waited_us = func.coalesce(case((c.waited_us < 0, 0), else_=c.waited_us), 0)
    talk_us = case((c.talk_us < 0, 0), else_=c.talk_us)
    gone = and_(~c.answered, c.end_reason.in_(LOSSES))
    short = or_(and_(~c.answered, c.end_reason == EndReason.TOO_SHORT), and_(gone, waited_us <= SHORT_S * US))
    refused = and_(~c.answered, c.end_reason == EndReason.NO_CHANNEL)
    lost = or_(refused, and_(gone, waited_us > SHORT_S * US))
    target_us = case(
        *((c.acuity == level.value, level.human_answers_within_s * US) for level in Acuity),
        else_=FAILSAFE.human_answers_within_s * US,
    )

    def count(condition: Any) -> ColumnElement[Any]:
        return func.sum(case((condition, 1), else_=0))

    return {
        "calls": func.count(),
        "answered": count(c.answered),
        "lost": count(lost),
        "lost_late": count(and_(lost, waited_us > LATE_S * US)),
        "short": count(short),
        "in_target": count(and_(c.answered, waited_us <= target_us)),
        "wait_us": func.sum(case((c.answered, waited_us), else_=0)),
        "longest_us": func.max(case((or_(c.answered, lost), waited_us))),
        "talks": func.count(talk_us),
        "talk_us": func.sum(talk_us),
        "wraps": func.count(wraps.c.lasted_us),
        "wrap_us": func.sum(wraps.c.lasted_us),
    }


def _figures(rows: Iterable[Any]) -> Figures:
    """Groups of the database, one for each level and direction, put together."""
    n: defaultdict[str, int] = defaultdict(int)
    levels: dict[Acuity, Level] = {}
    longest: list[int] = []
    for row in rows:
        for name in ("talks", "talk_us", "wraps", "wrap_us"):
            n[name] += int(getattr(row, name) or 0)
        if not row.is_in:
            n["called_out"] += row.answered
            continue
        for name in ("calls", "answered", "lost", "lost_late", "short", "wait_us"):
            n[name] += int(getattr(row, name))
        longest += [row.longest_us] if row.longest_us is not None else []
        if wanted := row.answered + row.lost:
            acuity = level_of(row.acuity)
            before = levels.get(acuity, Level())
            levels[acuity] = Level(before.in_target + row.in_target, before.wanted + wanted)
    return Figures(
        arrived=n["calls"], answered=n["answered"], lost=n["lost"], lost_late=n["lost_late"], short=n["short"],
        called_out=n["called_out"], levels=dict(sorted(levels.items(), key=lambda of: -of[0].urgency)),
        wait_s=mean_s(n["wait_us"], n["answered"]), longest_wait_s=max(longest) / US if longest else None,
        talk_s=mean_s(n["talk_us"], n["talks"]), wrap_up_s=mean_s(n["wrap_us"], n["wraps"]),
    )  # fmt: skip


def mean_s(total_us: int, count: int) -> float | None:
    return total_us / US / count if count else None


def wrap_ups(since: datetime, until: datetime) -> Any:
    """Of each call (call_id): from an operator's first moment of wrap-up to their next state (lasted_us), if that is over."""
    until += WRAP_UPS_WITHIN
    one, other = aliased(OperatorEntry), aliased(OperatorEntry)
    first = (
        select(
            one.operator_id,
            one.call_id,
            func.min(one.at).label("began_at"),
            func.min(one.id).label("first_id"),
        )
        .where(one.at >= since, one.at < until, one.state == Presence.WRAP_UP, one.call_id != "")
        .group_by(one.operator_id, one.call_id)
        .cte("first")
    )
    ended_at = (
        select(other.at)
        .where(
            other.operator_id == first.c.operator_id, other.at >= first.c.began_at, other.at < until,
            or_(other.at > first.c.began_at, other.id > first.c.first_id),
            or_(other.state != Presence.WRAP_UP, other.call_id != first.c.call_id),
        )
        .order_by(other.at, other.id)
        .limit(1)
        .scalar_subquery()
    )  # fmt: skip
    # Once a call: a time is read several times on the way to microseconds.
    spans = (
        select(first.c.call_id, first.c.began_at, ended_at.label("ended_at"))
        .cte("spans")
        .prefix_with("MATERIALIZED")
    )
    lasted_us = func.sum(epoch_us(spans.c.ended_at) - epoch_us(spans.c.began_at))
    return select(spans.c.call_id, lasted_us.label("lasted_us")).group_by(spans.c.call_id).cte("wraps")


def recalls(
    session: Session,
    since: datetime,
    until: datetime,
    by: By | None = None,
    hotlines: Collection[str] | None = None,
) -> dict[Any, Owed]:
    """The recalls that were promised in that time, by the keys of `by`; under None all together."""
    nothing = cast(None, Integer)
    keys = key_columns(by, Recall.made_at, Recall.hotline, nothing, nothing, Recall.acuity)
    asked = select(*keys, Recall.state).where(
        Recall.made_at >= since, Recall.made_at < until, Recall.state != RecallState.MERGED
    )
    if hotlines is not None:
        asked = asked.where(Recall.hotline.in_(hotlines))
    told = asked.subquery()
    of = [told.c[key.name] for key in keys] + [told.c.state]
    groups: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for *values, state, number in session.execute(select(*of, func.count()).group_by(*of)):
        for key in {None, key_of(by, values)}:
            groups[key][state] += number
    return {key: _owed(states) for key, states in groups.items()}


def _owed(states: Counter[str]) -> Owed:
    done = states[RecallState.DONE]
    open_ = sum(states[state] for state in OWED)
    return Owed(states.total(), done, open_, states.total() - done - open_)
