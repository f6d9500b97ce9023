"""The worker's adding up of past days (`hotline.ticket_days`): those whose tickets are all told or past their moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from hotline.clocks import TicketClock
from hotline.database import reading, transaction
from hotline.events import now
from hotline.ticket_days import DAY, TicketDay, TicketDayKept, begins
from hotline.ticket_figures import Of, counted
from hotline.tickets import Ticket
from hotline.units import VIETNAM

DIVISIONS = tuple(of for of in Of if of is not Of.DAY)
DAYS_BACK = 400
AT_ONCE = 7
"""Days in one look: half a second each where 15,000 tickets came."""


@dataclass
class TicketDayKeeper:
    engine: Engine
    clock: Callable[[], datetime] = now

    def look(self) -> int:
        """How many days were added up."""
        return sum(self.keep(day) for day in self._wanted())

    def keep(self, day: date) -> bool:
        """Add the day up; False when one of its tickets changed meanwhile, or its figures still depend on the hour."""
        with transaction(self.engine) as session:
            if session.get(TicketDayKept, day) is None:
                session.add(TicketDayKept(day=day, made_at=None))
        at = self.clock()
        with reading(self.engine) as session:
            if _is_open(session, day, at):
                return False
            rows = _rows(session, day, at)
        with transaction(self.engine) as session:
            held = update(TicketDayKept).where(TicketDayKept.day == day, TicketDayKept.made_at.is_(None))
            if session.execute(held.values(made_at=at)).rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult
                return False
            session.execute(delete(TicketDay).where(TicketDay.day == day))
            if rows:
                session.execute(insert(TicketDay), rows)
        return True

    def _wanted(self) -> list[date]:
        """Past days that do not stand, the latest first."""
        today = self.clock().astimezone(VIETNAM).date()
        with reading(self.engine) as session:
            first = session.scalar(select(func.min(Ticket.opened_at)))
            stand = set(session.scalars(select(TicketDayKept.day).where(TicketDayKept.made_at.is_not(None))))
            if first is None:
                return []
            oldest = max(first.astimezone(VIETNAM).date(), today - DAYS_BACK * DAY)
            past = (today - n * DAY for n in range(1, (today - oldest).days + 1))
            missing = [day for day in past if day not in stand]
            return [day for day in missing[: 4 * AT_ONCE] if not _is_open(session, day, self.clock())][
                :AT_ONCE
            ]


def _is_open(session: Session, day: date, at: datetime) -> bool:
    """Whether a ticket of that day becomes overdue by nothing but the time that passes."""
    waits = (
        exists()
        .where(
            Ticket.id == TicketClock.ticket_id,
            Ticket.opened_at >= begins(day),
            Ticket.opened_at < begins(day + DAY),
        )
        .where(TicketClock.told_due_at >= at, TicketClock.told_at.is_(None), Ticket.closed_at.is_(None))
    )
    return bool(session.scalar(select(waits)))


def _rows(session: Session, day: date, at: datetime) -> list[dict[str, object]]:
    """The day's lines of every division."""
    lines: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for keys, numbers in counted(session, begins(day), begins(day + DAY), at, DIVISIONS, None):
        hotline = str(keys[DIVISIONS.index(Of.HOTLINE)])
        for of, key in zip(DIVISIONS, keys, strict=True):
            lines[of.value, str(key or ""), hotline].update(numbers)
    return [
        {"day": day, "division": division, "key": key, "hotline": hotline, **numbers}
        for (division, key, hotline), numbers in lines.items()
    ]
