"""How many orders a team has now, against how many it can see to at once; who is warned chooses another, or says so again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.orders import LIVE, Assignment
from hotline.organisation import Agency


@dataclass(frozen=True)
class Load:
    """One team's orders now."""

    orders: int = 0
    capacity: int = 0
    """0: any number."""

    @property
    def is_full(self) -> bool:
        return 0 < self.capacity <= self.orders


def of(session: Session, agencies: Iterable[Agency]) -> dict[str, Load]:
    """Team's key → its load, of every one of these."""
    wanted = {one.key: one.capacity for one in agencies}
    counted = session.execute(
        select(Assignment.team, func.count())
        .where(Assignment.team.in_(wanted), Assignment.state.in_(LIVE))
        .group_by(Assignment.team)
    )
    orders = dict(counted.tuples().all())
    return {key: Load(orders.get(key, 0), capacity) for key, capacity in wanted.items()}


def next_free(near: Sequence[Agency], loads: Mapping[str, Load], chosen: Iterable[str]) -> Agency | None:
    """The nearest that answers for the matter, is not chosen, and has room; None when there is none."""
    taken = set(chosen)
    return next((one for one in near if one.key not in taken and not loads[one.key].is_full), None)
