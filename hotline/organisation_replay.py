"""What would have happened to earlier tickets: each lands with those who were responsible and with those who would be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.categories import OTHER
from hotline.geography import Landing
from hotline.organisation import Agency, Organisation
from hotline.tickets import Ticket

URGENT = frozenset({"RED", "ORANGE"})
MATTERS = {"fever": "suspected_case", "vaccine": "post_vaccination"}
"""Branch of the protocol → category."""


@dataclass(frozen=True)
class Tickets:
    """Tickets of one place, matter and day, which all land alike."""

    hotline: str
    unit: str
    category: str
    written_on: date
    count: int
    example: int
    """Number of the first of them."""


@dataclass(frozen=True)
class Landed:
    """Where they went, and where they would go."""

    tickets: Tickets
    before: tuple[Agency, ...]
    after: tuple[Agency, ...]
    """Nearest first; empty: nobody answers for it."""
    landing: Landing
    """The place on the later day; where it asks, somebody has to choose."""

    @property
    def moves(self) -> bool:
        """Whether somebody else would get it first, or nobody, or the place would be asked for."""
        first = [agency.key for agency in self.before[:1]] != [agency.key for agency in self.after[:1]]
        return first or (self.landing.asks and bool(self.tickets.unit))


def compare(
    tickets: Iterable[Tickets], before: Organisation, after: Organisation, on: date | None = None
) -> list[Landed]:
    """Each through both organisations; the later one on day `on`, or on the tickets' own day."""
    found = []
    for one in tickets:
        day = on or one.written_on
        found.append(
            Landed(
                one,
                before.responsible(one.hotline, one.category, one.unit, one.written_on),
                after.responsible(one.hotline, one.category, one.unit, day, one.written_on),
                after.geography.landing(one.unit, day, one.written_on),
            )
        )
    return found


def tickets_between(
    session: Session, hotline: str, begins: datetime, ends: datetime, written_on: date
) -> Sequence[Tickets]:
    """The hotline's tickets opened in that time, by place and matter; the most frequent first."""
    kinds = (Ticket.unit_code, Ticket.category, Ticket.branch, Ticket.acuity)
    rows = session.execute(
        select(*kinds, func.count(), func.min(Ticket.number))
        .where(Ticket.hotline == hotline, Ticket.opened_at >= begins, Ticket.opened_at < ends)
        .group_by(*kinds)
        .order_by(func.count().desc(), *kinds)
    )
    gathered: dict[tuple[str, str], tuple[int, int]] = {}
    for unit, category, branch, acuity, count, example in rows:
        place = (unit, category or matter_of(branch, acuity))
        known, first = gathered.get(place, (0, example))
        gathered[place] = (known + count, min(first, example))
    return [
        Tickets(hotline, unit, category, written_on, count, example)
        for (unit, category), (count, example) in gathered.items()
    ]


def matter_of(branch: str, acuity: str) -> str:
    """The category that a ticket has before anybody has named one."""
    return "emergency_transport" if acuity in URGENT else MATTERS.get(branch, OTHER)
