"""Clocks of a ticket: by when it is accepted, assigned, on site, done, told and closed, who is warned, and to whom it escalates. Pure.

A ticket's history goes in, its one running clock comes out: the stage that is still to be reached, its owner, and what is due
next. Nothing is kept between two looks: what was told already is part of the history too, so an alarm sounds once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType

from hotline import hours
from hotline.acuity import Acuity
from hotline.hours import Holiday, Span
from hotline.units import VIETNAM

ANY = "*"
"""In a row of budgets: every category, or every level."""
CALENDAR_DAYS = 400
"""So far ahead a calendar is searched: who never works has no due moment earlier than that."""


AT_ONCE_DAYS = 7


class Stage(StrEnum):
    """What a ticket goes through, in this order; a later one reached is all before it reached."""

    ACCEPT = "accept"
    """A human has it."""
    ASSIGN = "assign"
    """Whoever is to do it knows."""
    ON_SITE = "on_site"
    DONE = "done"
    TOLD = "told"
    """The citizen knows the result."""
    CLOSE = "close"


STAGES = tuple(Stage)


class Kind(StrEnum):
    """What can happen to a ticket, as far as its clock cares."""

    REACHED = "reached"
    OWNED = "owned"
    PAUSED = "paused"
    RESUMED = "resumed"
    CLOSED = "closed"
    REOPENED = "reopened"
    SOUNDED = "sounded"
    """A warning (0) or an escalation (1, 2, …) of a stage has been told."""
    MERGED = "merged"
    """Another ticket goes on for it: nothing is due here."""
    UNMERGED = "unmerged"
    """It goes on as if it had never been merged."""


@dataclass(frozen=True)
class Happening:
    at: datetime
    kind: Kind
    value: str = ""
    """A stage, an owner, or a pause's reason, by kind."""
    until: datetime | None = None
    """The end of a pause."""
    number: int = 0
    """Which alarm of the stage sounded."""


@dataclass(frozen=True)
class Budget:
    """Minutes after the opening by which each stage is reached, for one category and level; a stage without minutes is skipped."""

    minutes: Mapping[Stage, int]
    category: str = ANY
    acuity: str = ANY
    in_hours: bool = False
    """Counted in working hours, where the law says so; never for who is ill or urgent."""


@dataclass(frozen=True)
class Level:
    """One step of the ladder: to whom, so many minutes after the stage was due."""

    after_min: int
    to: str
    """ABOVE, a role, or a username."""


ABOVE = "above"
"""The next agency above the owner: each such level is one higher."""


def minutes(
    accept: int, assign: int, on_site: int | None, done: int, told: int, close: int
) -> Mapping[Stage, int]:
    """Budgets in the order of the stages."""
    given = zip(STAGES, (accept, assign, on_site, done, told, close), strict=True)
    return MappingProxyType({stage: value for stage, value in given if value is not None})


USUAL = (
    Budget(minutes(15, 30, 120, 270, 300, 1440)),
    Budget(minutes(1, 5, 30, 120, 180, 1440), acuity="RED"),
    Budget(minutes(5, 15, 60, 180, 240, 1440), acuity="ORANGE"),
    Budget(minutes(15, 30, None, 270, 300, 1440), acuity="NONMED"),
)
"""5 h from the opening to the citizen's being told, as the first province promised; less where life is at stake."""
USUAL_LEVELS = (Level(0, "supervisor"), Level(15, ABOVE), Level(45, ABOVE), Level(120, "administrator"))
OFFICE = (
    Span(frozenset({1, 2, 3, 4, 5}), time(7, 30), time(11, 30)),
    Span(frozenset({1, 2, 3, 4, 5}), time(13), time(17)),
)


@dataclass(frozen=True)
class Rules:
    """What one hotline promises."""

    hotline: str
    budgets: tuple[Budget, ...] = USUAL
    levels: tuple[Level, ...] = USUAL_LEVELS
    warn_percent: int = 80
    repeat_min: int = 1440
    """After the last level its people are told again every so many minutes."""
    working: tuple[Span, ...] = OFFICE
    holidays: tuple[Holiday, ...] = ()
    medical: frozenset[str] = frozenset()
    """Categories that run day and night whatever their budget says."""

    def budget(self, category: str, acuity: str) -> Budget:
        """The most particular row: both named, then the category, then the level, then the general one."""
        fits = [
            row for row in self.budgets if row.category in (ANY, category) and row.acuity in (ANY, acuity)
        ]
        usual = Budget(USUAL[0].minutes)
        return max(fits, key=lambda row: (row.category != ANY) * 2 + (row.acuity != ANY), default=usual)

    def calendar(self, category: str, acuity: str) -> Calendar:
        """When the clock of such a ticket runs."""
        urgent = acuity in Acuity.__members__ and Acuity(acuity).urgent
        if urgent or category in self.medical or not self.budget(category, acuity).in_hours:
            return Calendar()
        return Calendar(self.working, self.holidays, self.hotline)


@dataclass(frozen=True)
class Calendar:
    """When time counts; without spans always."""

    spans: tuple[Span, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    hotline: str = ""

    def open_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """From when to when time counts, from `start` on, in order."""
        if not self.spans:
            yield start, start + timedelta(days=36_500)
            return
        first = start.astimezone(VIETNAM).date() - timedelta(days=1)
        for days in range(0, CALENDAR_DAYS, AT_ONCE_DAYS):
            week = first + timedelta(days=days)
            for plan in hours.plan_of(self.spans, self.holidays, self.hotline, week, AT_ONCE_DAYS):
                for begins, ends in plan.opens:
                    opened, closed = _span_of(plan.day, begins, ends)
                    if closed > start:
                        yield max(opened, start), closed


def _span_of(day: date, begins: time, ends: time) -> tuple[datetime, datetime]:
    opened = datetime.combine(day, begins, VIETNAM).astimezone(UTC)
    closed = datetime.combine(day, ends, VIETNAM).astimezone(UTC)
    return opened, closed if closed > opened else closed + timedelta(days=1)


Pause = tuple[datetime, datetime]


def after(calendar: Calendar, start: datetime, lasts: timedelta, pauses: Sequence[Pause] = ()) -> datetime:
    """The moment at which so much counted time has passed since `start`: neither closed hours nor pauses count."""
    left = lasts
    last = start
    for opened, closed in calendar.open_from(start):
        for begins, ends in _without((opened, closed), pauses):
            if ends - begins >= left:
                return begins + left
            left -= ends - begins
            last = ends
    return last  # a calendar that never opens: at once


def _without(span: tuple[datetime, datetime], pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime]]:
    begins, ends = span
    for paused, resumed in pauses:
        if resumed <= begins or paused >= ends:
            continue
        if paused > begins:
            yield begins, paused
        begins = max(begins, resumed)
    if begins < ends:
        yield begins, ends


@dataclass(frozen=True)
class Alarm:
    """What the clock does next: a warning (0) or an escalation (1, 2, …) of a stage, or a pause that ends."""

    at: datetime
    stage: Stage | None
    """None: a pause ends."""
    number: int = 0
    to: str = ""
    """Of an escalation: whom its level names."""
    climbs: int = 0
    """Of ABOVE: how many levels above the owner."""


@dataclass(frozen=True)
class Clock:
    """One ticket's clock at the end of its history."""

    owner: str
    """"hotline:KEY" until somebody has it, then "operator:USERNAME" or "agency:KEY"."""
    round: int = 1
    """Raised by each reopening."""
    started_at: datetime = datetime.min
    closed: bool = False
    reached: Mapping[Stage, datetime] = field(default_factory=dict)
    """Of this round."""
    due: Mapping[Stage, datetime] = field(default_factory=dict)
    """By when each stage of this ticket's budget is, or was, to be reached."""
    stage: Stage | None = None
    """What is to be reached next; None when it is closed."""
    paused: Happening | None = None
    """The pause that goes on now."""
    sounded: int = 0
    """How many alarms of the stage have been told: the warning, then each level."""
    next: Alarm | None = None
    """None only when it is closed."""

    @property
    def due_at(self) -> datetime | None:
        return self.due.get(self.stage) if self.stage is not None else None


@dataclass
class _Story:
    """The history as it is read."""

    owner: str
    started_at: datetime
    round: int = 1
    closed: bool = False
    reached: dict[Stage, datetime] = field(default_factory=dict)
    pauses: list[Pause] = field(default_factory=list)
    paused: Happening | None = None
    sounded: dict[Stage, set[int]] = field(default_factory=dict)
    merged: bool = False

    def takes(self, one: Happening) -> None:
        getattr(self, f"_{one.kind.value}")(one)

    def _reached(self, one: Happening) -> None:
        if not self.closed:
            self.reached.setdefault(Stage(one.value), one.at)

    def _owned(self, one: Happening) -> None:
        self.owner = one.value

    def _paused(self, one: Happening) -> None:
        if not self.closed:
            self._resumed(one)
            self.paused = one

    def _resumed(self, one: Happening) -> None:
        if self.paused is not None:
            ends = min(one.at, self.paused.until or one.at)
            self.pauses.append((self.paused.at, max(ends, self.paused.at)))
            self.paused = None

    def _closed(self, one: Happening) -> None:
        self._resumed(one)
        self.closed = True

    def _reopened(self, one: Happening) -> None:
        self.closed = False
        self.round += 1
        self.started_at = one.at
        self.reached, self.sounded, self.pauses = {}, {}, []
        if one.value:
            self.owner = one.value

    def _merged(self, one: Happening) -> None:
        self.merged = True

    def _unmerged(self, one: Happening) -> None:
        self.merged = False

    def _sounded(self, one: Happening) -> None:
        self.sounded.setdefault(Stage(one.value), set()).add(one.number)


def clock(
    rules: Rules, opened_at: datetime, acuity: str, category: str, history: Iterable[Happening], at: datetime
) -> Clock:
    """The ticket's clock at that moment, by the level and category that it has now."""
    story = _Story(f"hotline:{rules.hotline}", opened_at)
    for one in history:
        story.takes(one)
    if story.paused is not None and story.paused.until is not None and story.paused.until <= at:
        story.takes(Happening(story.paused.until, Kind.RESUMED))
    told = Clock(
        owner=story.owner,
        round=story.round,
        started_at=story.started_at,
        closed=story.closed or story.merged,
        reached=dict(story.reached),
        paused=story.paused,
    )
    calendar = rules.calendar(category, acuity)
    budget = rules.budget(category, acuity)
    pauses = sorted(story.pauses)

    def moment(lasts: timedelta) -> datetime:
        return after(calendar, story.started_at, lasts, pauses)

    due = {stage: moment(timedelta(minutes=lasts)) for stage, lasts in budget.minutes.items()}
    if told.closed:
        return replace(told, due=due)
    stage = _open_stage(budget, story.reached)
    sounded = story.sounded.get(stage, set())
    number = next(n for n in range(len(sounded) + 1) if n not in sounded)
    lasts = timedelta(minutes=budget.minutes[stage])
    if story.paused is not None:
        until = story.paused.until or at
        return replace(told, due=due, stage=stage, sounded=number, next=Alarm(until, None))
    upcoming = _alarm(rules, stage, number, lasts, moment)
    return replace(told, due=due, stage=stage, sounded=number, next=upcoming)


def _open_stage(budget: Budget, reached: Mapping[Stage, datetime]) -> Stage:
    """The first stage of the budget after the furthest that was reached; the last one stays until the closing."""
    furthest = max((STAGES.index(stage) for stage in reached), default=-1)
    left = [stage for stage in STAGES[furthest + 1 :] if stage in budget.minutes]
    return left[0] if left else max(budget.minutes, key=STAGES.index)


def _alarm(
    rules: Rules, stage: Stage, number: int, lasts: timedelta, moment: Callable[[timedelta], datetime]
) -> Alarm:
    if number == 0:
        return Alarm(moment(lasts * rules.warn_percent / 100), stage)
    levels = rules.levels or USUAL_LEVELS
    place = min(number, len(levels)) - 1
    level = levels[place]
    again = timedelta(minutes=rules.repeat_min) * max(0, number - len(levels))
    climbs = sum(one.to == ABOVE for one in levels[: place + 1]) if level.to == ABOVE else 0
    at = moment(lasts + timedelta(minutes=level.after_min) + again)
    return Alarm(at, stage, number, level.to, climbs)
