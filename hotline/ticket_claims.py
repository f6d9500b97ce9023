"""Who works a ticket: the first to claim it, as the database saw it; whose page is silent can be taken over, with a reason.

The row is the only judge, and there is one a ticket: of all who press at once, one INSERT goes in. A page that shows the ticket
says every BEAT_EVERY_S that it is there; STALE_AFTER its last word the claim is stale, which pages show amber.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, String, delete, false, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import deadlines
from hotline.bus import LIVE, announce
from hotline.database import Base, Moment
from hotline.deadlines import Due, Handler
from hotline.tickets import Ticket, TicketEntry, TicketState

RACE = timedelta(seconds=20)
"""Who comes so soon after the first was in a race with them: both are entered, and told by how much."""
STALE_AFTER = timedelta(seconds=45)
BEAT_EVERY_S = 15
TOLD_FOR = timedelta(minutes=10)
"""How long somebody reads on their page that their ticket was taken over."""
REASON_LEAST, REASON_MOST = 5, 200
CLAIMED, RACE_LOST, TAKEN, LET_GO = "ticket_claimed", "claim_race_lost", "claim_taken", "claim_let_go"
CHANGED = "ticket_claim"
"""The live message of every change of a claim."""
STALE = "claim_stale"
"""The deadline's kind; it is about the ticket."""
_INSERT: Mapping[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class TicketClaim(Base):
    """One ticket's claim, or whose it was last."""

    __tablename__ = "ticket_claim"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    claimed_at: Mapped[datetime] = mapped_column(Moment)
    beat_at: Mapped[datetime] = mapped_column(Moment)
    is_stale: Mapped[bool] = mapped_column(default=False, server_default=false())
    """That it has been told to the pages that it is; `stale` says whether it is."""
    taken_from: Mapped[int | None] = mapped_column(index=True)
    """From whom it was taken over, for them to read."""
    reason: Mapped[str] = mapped_column(String(REASON_MOST), default="", server_default="")

    def stale(self, at: datetime) -> bool:
        return self.beat_at + STALE_AFTER <= at


@dataclass(frozen=True)
class Won:
    """The ticket is theirs, now or already."""


@dataclass(frozen=True)
class Lost:
    """Somebody was first."""

    operator_id: int
    """Who has it."""
    since: datetime
    after_s: float
    """By how much they were first."""
    raced: bool
    stale: bool
    """It can be taken over."""


def claim(session: Session, ticket: Ticket, operator_id: int, username: str, at: datetime) -> Won | Lost:
    """Take a ticket that nobody works. The first in the database has it, whoever asked first in their browser."""
    values = {
        "ticket_id": ticket.id,
        "operator_id": operator_id,
        "claimed_at": at,
        "beat_at": at,
        "is_stale": False,
        "reason": "",
    }
    put = _INSERT[session.get_bind().dialect.name](TicketClaim).values(**values)
    won = session.execute(put.on_conflict_do_nothing().returning(TicketClaim.ticket_id)).first()
    if won is not None:
        deadlines.set(session, STALE, ticket.id, at + STALE_AFTER)
        _enter(session, ticket, CLAIMED, username, at)
        return Won()
    row = session.get_one(TicketClaim, ticket.id, populate_existing=True)
    if row.operator_id == operator_id:
        beat(session, ticket.id, operator_id, at)
        return Won()
    after_s = max((at - row.claimed_at).total_seconds(), 0.0)
    raced = after_s <= RACE.total_seconds()
    if raced:
        _enter(
            session,
            ticket,
            RACE_LOST,
            username,
            at,
            {"operator_id": row.operator_id, "after_s": max(round(after_s, 1), 0.1)},
        )
    return Lost(row.operator_id, row.claimed_at, after_s, raced, row.stale(at))


def beat(session: Session, ticket_id: str, operator_id: int, at: datetime) -> bool:
    """The page is there; False when the ticket is not (or no longer) theirs."""
    row = session.get(TicketClaim, ticket_id, populate_existing=True, with_for_update=True)
    if row is None or row.operator_id != operator_id:
        return False
    row.beat_at = max(row.beat_at, at)
    if row.is_stale:
        row.is_stale = False
        deadlines.set(session, STALE, ticket_id, at + STALE_AFTER)
        _tell(session, ticket_id)
    return True


def take_over(
    session: Session,
    ticket: Ticket,
    operator_id: int,
    username: str,
    reason: str,
    at: datetime,
    *,
    supervises: bool = False,
) -> Won | Lost:
    """Take a stale claim, or as a supervisor any, with a reason of REASON_LEAST characters at least.

    One UPDATE: of two who take it over at once one does. Whoever had it is told.
    """
    row = session.get(TicketClaim, ticket.id, populate_existing=True, with_for_update=True)
    if row is None or row.operator_id == operator_id:
        return claim(session, ticket, operator_id, username, at)
    before = row.operator_id
    if not row.stale(at) and not supervises:
        return Lost(before, row.claimed_at, (at - row.claimed_at).total_seconds(), False, False)
    values = {
        "operator_id": operator_id,
        "claimed_at": at,
        "beat_at": at,
        "is_stale": False,
        "taken_from": before,
        "reason": reason,
    }
    taken = session.execute(
        update(TicketClaim)
        .where(
            TicketClaim.ticket_id == ticket.id,
            TicketClaim.operator_id == before,
            TicketClaim.beat_at == row.beat_at,
        )
        .values(**values)
        .returning(TicketClaim.ticket_id)
        .execution_options(synchronize_session=False)
    )
    if taken.first() is None:
        row = session.get_one(TicketClaim, ticket.id, populate_existing=True)
        return Lost(
            row.operator_id, row.claimed_at, (at - row.claimed_at).total_seconds(), True, row.stale(at)
        )
    session.expire(row)
    deadlines.set(session, STALE, ticket.id, at + STALE_AFTER)
    _enter(session, ticket, TAKEN, username, at, {"operator_id": before, "reason": reason}, told=before)
    return Won()


def let_go(session: Session, ticket: Ticket, operator_id: int, username: str, at: datetime) -> bool:
    """Give one's own claim back; False when it is not one's own."""
    own = delete(TicketClaim).where(
        TicketClaim.ticket_id == ticket.id, TicketClaim.operator_id == operator_id
    )
    if session.execute(own.returning(TicketClaim.ticket_id)).first() is None:
        return False
    deadlines.clear(session, STALE, ticket.id)
    _enter(session, ticket, LET_GO, username, at)
    return True


def of(session: Session, ticket_id: str) -> TicketClaim | None:
    """The claim of a ticket, also when it is stale."""
    return session.get(TicketClaim, ticket_id, populate_existing=True)


def _turn_stale(session: Session, due: Due, at: datetime) -> None:
    """The handler of STALE: pages that show the ticket turn amber; a closed one is nobody's any more."""
    row = session.get(TicketClaim, due.about, populate_existing=True)
    if row is None:
        return
    ticket = session.get(Ticket, due.about)
    if ticket is None or ticket.state == TicketState.CLOSED:
        session.delete(row)
    elif not row.stale(at):
        deadlines.set(session, STALE, due.about, row.beat_at + STALE_AFTER)
        return
    else:
        row.is_stale = True
    _tell(session, due.about)


HANDLERS: Mapping[str, Handler] = {STALE: _turn_stale}


def _enter(
    session: Session, ticket: Ticket, kind: str, username: str, at: datetime, body: dict[str, Any] | None = None,
    told: int | None = None,
) -> None:  # fmt: skip
    session.add(TicketEntry(ticket_id=ticket.id, at=at, kind=kind, actor=username, text="", body=body or {}))
    _tell(session, ticket.id, told)


def _tell(session: Session, ticket_id: str, told: int | None = None) -> None:
    announce(session, LIVE, {"event": CHANGED, "call_id": "", "ticket_id": ticket_id, "operator_id": told})
