"""What became of a past day's tickets, added up once and kept until one of them changes; reports take from here what stands.

`forget` belongs to the transaction that follows a ticket's change (`hotline.clocks`), `ticket_day_keeper` adds up in the worker.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base, Moment
from hotline.units import VIETNAM

COUNTS = (
    "received", "solved", "on_time", "late_solved", "overdue", "judged", "under", "over", "handed", "handed_us",
)  # fmt: skip
DAY = timedelta(days=1)


class TicketDay(Base):
    """One line of one day's report: a division's key in one hotline."""

    __tablename__ = "ticket_day"
    day: Mapped[date] = mapped_column(primary_key=True)
    division: Mapped[str] = mapped_column(String(12), primary_key=True)
    """A word of ticket_figures.Of, but for the day itself."""
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    hotline: Mapped[str] = mapped_column(String(32), primary_key=True)
    received: Mapped[int] = mapped_column()
    solved: Mapped[int] = mapped_column()
    on_time: Mapped[int] = mapped_column()
    late_solved: Mapped[int] = mapped_column()
    overdue: Mapped[int] = mapped_column()
    judged: Mapped[int] = mapped_column()
    under: Mapped[int] = mapped_column()
    over: Mapped[int] = mapped_column()
    handed: Mapped[int] = mapped_column()
    handed_us: Mapped[int] = mapped_column(BigInteger)


class TicketDayKept(Base):
    """That a day is added up, or is being so; whoever changes one of its tickets takes the row away."""

    __tablename__ = "ticket_day_kept"
    day: Mapped[date] = mapped_column(primary_key=True)
    made_at: Mapped[datetime | None] = mapped_column(Moment)
    """None: being added up."""


def begins(day: date) -> datetime:
    """Midnight in Vietnam."""
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)


def forget(session: Session, opened: Iterable[datetime], at: datetime) -> None:
    """The days of these tickets do not stand any more. Today never does, so most changes cost nothing here."""
    today = at.astimezone(VIETNAM).date()
    days = {moment.astimezone(VIETNAM).date() for moment in opened} - {today}
    if days:
        session.execute(delete(TicketDayKept).where(TicketDayKept.day.in_(days)))


def standing(session: Session, since: datetime, until: datetime, at: datetime) -> list[date]:
    """The days wholly within that stand, as they were at `at` or before, in order."""
    first, last = since.astimezone(VIETNAM).date(), until.astimezone(VIETNAM).date()
    asked = select(TicketDayKept.day).where(
        TicketDayKept.day >= first, TicketDayKept.day <= last, TicketDayKept.made_at <= at
    )
    return [
        day
        for day in session.scalars(asked.order_by(TicketDayKept.day))
        if begins(day) >= since and begins(day + DAY) <= until
    ]


def sums(
    session: Session, days: Sequence[date], division: str, hotlines: Collection[str] | None
) -> Iterator[tuple[date, str, dict[str, int]]]:
    """Day, key and figures of each line of these days."""
    columns = [func.sum(getattr(TicketDay, name)).label(name) for name in COUNTS]
    asked = select(TicketDay.day, TicketDay.key, *columns).where(
        TicketDay.day.in_(days), TicketDay.division == division
    )
    if hotlines is not None:
        asked = asked.where(TicketDay.hotline.in_(hotlines))
    rows: Iterable[Any] = session.execute(asked.group_by(TicketDay.day, TicketDay.key))
    for row in rows:
        yield row.day, row.key, {name: int(getattr(row, name)) for name in COUNTS}


def between(since: datetime, until: datetime, days: Sequence[date]) -> Iterator[tuple[datetime, datetime]]:
    """What is left of the span without these days."""
    for day in days:
        if since < begins(day):
            yield since, begins(day)
        since = begins(day + DAY)
    if since < until:
        yield since, until
