"""What a hotline's retirement means for its callers, tickets, stations and people, told before it is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.calls import Call
from hotline.installation import Installation, digits
from hotline.operators import Operator
from hotline.recalls import OWED, Recall
from hotline.stations import StationRow
from hotline.tickets import Ticket, TicketState


@dataclass(frozen=True)
class Retiring:
    """What stays, what ends, and where callers come to."""

    numbers: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    """Each called number that leads elsewhere, with (trunk, hotline's name) by which it comes."""
    trunks: int
    callers: int
    tickets: int
    owed: int
    stations: int
    only_here: Sequence[str]
    """Names of the people who serve this hotline alone."""


def retiring(session: Session, before: Installation, after: Installation, key: str) -> Retiring | None:
    """None when this publication retires nothing."""
    was = {h.key: h for h in before.hotlines}.get(key)
    will = after.hotline(key)
    if was is None or was.retired or not will.retired:
        return None
    names = {h.key: h.name for h in after.hotlines}

    def ways(number: str) -> list[tuple[str, str]]:
        return [(t.key, names[after.aliases.get(number, t.hotline)]) for t in after.trunks]

    def count(kind: type[Call | Ticket | Recall | StationRow], *where: object) -> int:
        found = select(func.count()).select_from(kind).where(kind.hotline == key, *where)  # type: ignore[arg-type]  # any condition
        return session.scalar(found) or 0

    people = session.scalars(select(Operator).where(Operator.active).order_by(Operator.full_name))
    return Retiring(
        [(n, ways(n)) for n in dict.fromkeys(digits(number) for number in was.numbers)],
        len(after.trunks),
        count(Call, Call.ended_at.is_(None)),
        count(Ticket, Ticket.state != TicketState.CLOSED),
        count(Recall, Recall.state.in_(OWED)),
        count(StationRow, StationRow.active),
        [row.full_name for row in people if row.hotlines == [key]],
    )
