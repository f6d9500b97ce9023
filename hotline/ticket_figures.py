"""What became of the tickets of some days, by channel, category, unit, acuity, hotline or day: added up by the database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from hotline import ticket_days
from hotline.acuity import FAILSAFE, Acuity
from hotline.calls import Call, Direction, EndReason
from hotline.clocks import TicketClock
from hotline.figures import mean_s
from hotline.merging import TicketMerge
from hotline.orders import Order
from hotline.sql_time import US, VIETNAM_AHEAD_S, epoch_us
from hotline.tickets import Ticket
from hotline.transfers import Transfer

DAY_S = 86_400


class Of(StrEnum):
    """What a report's lines are."""

    HOTLINE = "hotline"
    CHANNEL = "channel"
    """A word of Channel."""
    CATEGORY = "category"
    """The ticket's; of one without, its first order's; else other."""
    UNIT = "unit"
    """Codes as written on the ticket."""
    ACUITY = "acuity"
    """The ticket's level now."""
    DAY = "day"


class Channel(StrEnum):
    """How the request came; all of them by telephone."""

    TALK = "talk"
    """Somebody spoke with the caller, or still may."""
    MESSAGE = "message"
    CALLBACK = "callback"
    LOST = "lost"
    """The caller left before anybody answered: the ticket is of a call that is owed."""
    MACHINE = "machine"
    """The machine's advice was heard to its end."""
    OUT = "out"
    """We called."""


_CHANNELS: tuple[tuple[Any, Channel], ...] = (
    (Call.direction == Direction.OUT, Channel.OUT),
    (Call.human_at.is_not(None), Channel.TALK),
    (Call.end_reason == EndReason.LEFT_MESSAGE, Channel.MESSAGE),
    (Call.end_reason.in_((EndReason.CALLBACK_ASKED, EndReason.RELEASED)), Channel.CALLBACK),
    (Call.end_reason == EndReason.SELF_CARE, Channel.MACHINE),
    (Call.end_reason.in_((EndReason.ABANDONED, EndReason.TOO_SHORT, EndReason.NO_CHANNEL, EndReason.SWITCH_LOST)), Channel.LOST),
)  # fmt: skip


@dataclass(frozen=True)
class TicketFigures:
    """One line of the report."""

    received: int = 0
    solved: int = 0
    """The citizen was told the result, or the ticket was closed."""
    on_time: int = 0
    """Solved by the moment that was promised."""
    overdue: int = 0
    """Not solved, and the promised moment is past."""
    judged: int = 0
    """Spoken with by an operator, who may correct the level."""
    under: int = 0
    """Under-triage: of these, people found it more urgent than it was served."""
    over: int = 0
    """Over-triage: less urgent."""
    handed: int = 0
    """Hand-overs that a station accepted."""
    handed_s: float | None = None
    """Mean from the first ring to the yes."""
    late_solved: int = 0
    """Solved after the promised moment."""

    @property
    def on_time_percent(self) -> float | None:
        """Of all whose promised moment has decided: solved on time, solved late, overdue."""
        return _percent(self.on_time, self.on_time + self.late_solved + self.overdue)

    @property
    def solved_percent(self) -> float | None:
        return _percent(self.solved, self.received)

    @property
    def under_percent(self) -> float | None:
        return _percent(self.under, self.judged)

    @property
    def over_percent(self) -> float | None:
        return _percent(self.over, self.judged)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def tickets(
    session: Session, since: datetime, until: datetime, at: datetime, of: Of | None = None,
    hotlines: Collection[str] | None = None,
) -> dict[Any, TicketFigures]:  # fmt: skip
    """The tickets opened from `since` until before `until`, as they stand at `at`, by the keys of `of`; under None all together.

    Past days that are added up already (`hotline.ticket_days`) are taken as they stand.
    """
    groups: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    days = ticket_days.standing(session, since, until, at)
    whole = (None, Of.DAY)
    division = Of.HOTLINE if of in whole else of
    for day, kept, numbers in ticket_days.sums(session, days, str(division), hotlines) if days else ():
        for key in {None, day if of is Of.DAY else None if of is None else kept}:
            groups[key].update(numbers)
    for begins, ends in ticket_days.between(since, until, days):
        for (value,), numbers in counted(session, begins, ends, at, (of,), hotlines):
            for key in {None, _key(of, value)}:
                groups[key].update(numbers)
    return {key: _figures(n) for key, n in groups.items()}


def counted(
    session: Session, since: datetime, until: datetime, at: datetime, by: Sequence[Of | None],
    hotlines: Collection[str] | None,
) -> Iterator[tuple[tuple[Any, ...], dict[str, int]]]:  # fmt: skip
    """The tickets of that span added up now by the database: the values of `by`, and the figures named in ticket_days.COUNTS."""
    told = _told(since, until, by)
    c = told.c

    def count(condition: Any) -> ColumnElement[Any]:
        return func.sum(case((condition, 1), else_=0))

    sums = {
        "received": func.count(),
        "solved": count(c.solved_us.is_not(None)),
        "on_time": count(c.solved_us <= c.due_us),
        "late_solved": count(c.solved_us > c.due_us),
        "overdue": count(and_(c.solved_us.is_(None), c.due_us < int(at.timestamp() * US))),
        "judged": count(c.judged == 1),
        "under": count(and_(c.judged == 1, c.now > c.served)),
        "over": count(and_(c.judged == 1, c.now < c.served)),
        "handed": func.sum(func.coalesce(c.handed, 0)),
        "handed_us": func.sum(func.coalesce(c.handed_us, 0)),
    }
    keys = [c[f"key{n}"] for n in range(len(by))]
    asked = select(*keys, *(s.label(name) for name, s in sums.items())).group_by(*keys)
    if hotlines is not None:
        asked = asked.where(c.hotline.in_(hotlines))
    for row in session.execute(asked):
        yield tuple(row[: len(by)]), {name: int(getattr(row, name) or 0) for name in sums}


def _figures(n: Counter[str]) -> TicketFigures:
    return TicketFigures(
        n["received"], n["solved"], n["on_time"], n["overdue"], n["judged"], n["under"], n["over"], n["handed"],
        mean_s(n["handed_us"], n["handed"]), n["late_solved"],
    )  # fmt: skip


def _key(of: Of | None, value: Any) -> Any:
    if of is None:
        return None
    if of is Of.DAY:
        return date(1970, 1, 1) + timedelta(days=int(value))
    return value or ""


def _told(since: datetime, until: datetime, by: Sequence[Of | None]) -> Any:
    """Each ticket's facts once: its line, its moments in microseconds, its levels as ranks, its hand-overs.

    Of all hotlines: asked for some here, SQLite would read every ticket they ever had.
    """
    took_us = epoch_us(Transfer.accepted_at) - epoch_us(func.coalesce(Transfer.rung_at, Transfer.accepted_at))
    handed = (
        select(Transfer.call_id, func.count().label("handed"), func.sum(took_us).label("handed_us"))
        .join(Ticket, Ticket.call_id == Transfer.call_id)
        .where(
            Ticket.opened_at >= since, Ticket.opened_at < until, Transfer.accepted_at.is_not(None),
            Transfer.kind != "conference",
        )
        .group_by(Transfer.call_id)
        .subquery()
    )  # fmt: skip
    solved = epoch_us(func.coalesce(TicketClock.told_at, Ticket.closed_at))
    main, clock = aliased(Ticket), aliased(TicketClock)
    # Being merged solves nothing: who goes on in another ticket is helped when that one's citizen is.
    elsewhere = (
        select(
            TicketMerge.ticket_id,
            epoch_us(func.coalesce(clock.told_at, main.closed_at)).label("solved_us"),
        )
        .join(main, main.id == TicketMerge.into_id)
        .outerjoin(clock, clock.ticket_id == main.id)
        .where(TicketMerge.undone_at.is_(None))
        .subquery()
    )
    asked = (
        select(
            *(_column(of).label(f"key{n}") for n, of in enumerate(by)), Ticket.hotline,
            case((elsewhere.c.ticket_id.is_not(None), elsewhere.c.solved_us), else_=solved).label("solved_us"),
            epoch_us(TicketClock.told_due_at).label("due_us"),
            case((Call.human_at.is_not(None), 1), else_=0).label("judged"),
            _rank(Ticket.acuity).label("now"), _rank(Call.acuity).label("served"), handed.c.handed, handed.c.handed_us,
        )
        .select_from(Ticket)
        .outerjoin(Call, Call.id == Ticket.call_id)
        .outerjoin(TicketClock, TicketClock.ticket_id == Ticket.id)
        .outerjoin(elsewhere, elsewhere.c.ticket_id == Ticket.id)
        .outerjoin(handed, handed.c.call_id == Ticket.call_id)
        .where(Ticket.opened_at >= since, Ticket.opened_at < until)
    )  # fmt: skip
    return asked.cte("told").prefix_with("MATERIALIZED")


def _column(of: Of | None) -> ColumnElement[Any]:
    # Numbers written out: PostgreSQL takes two parameters of one value for two groups.
    if of is None:
        return literal_column("0", Integer)
    if of is Of.DAY:
        second, ahead, day = (literal_column(str(n), Integer) for n in (US, VIETNAM_AHEAD_S, DAY_S))
        return (epoch_us(Ticket.opened_at) // second + ahead) // day
    if of is Of.CHANNEL:
        return case(*((when, word.value) for when, word in _CHANNELS), else_=Channel.TALK.value)
    if of is Of.CATEGORY:
        ordered = (
            select(Order.category)
            .where(Order.ticket_id == Ticket.id)
            .order_by(Order.number)
            .limit(1)
            .scalar_subquery()
        )
        own = getattr(Ticket, "category", None)
        return func.coalesce(*([func.nullif(own, "")] if own is not None else []), ordered, "other")
    columns: dict[Of, Any] = {Of.HOTLINE: Ticket.hotline, Of.UNIT: Ticket.unit_code, Of.ACUITY: Ticket.acuity}
    found: ColumnElement[Any] = columns[of]
    return found


def _rank(column: Any) -> ColumnElement[int]:
    return case(*((column == level.value, level.urgency) for level in Acuity), else_=FAILSAFE.urgency)
