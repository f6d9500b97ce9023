"""The clocks that run: for each ticket one row that pages and lists read, and one deadline that warns or escalates when it comes.

Both follow the ticket's entries, a second behind: `Follower.look` (worker) reads which tickets have new ones and has `hotline.sla` work out
their clock anew. So whatever happens to a ticket, by whomever, starts and stops its clock by the entry it leaves, and a call never waits
for it. What sounds is an entry too, in one transaction with its deadline: nothing sounds twice and nothing is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, Index, String, exists, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import agencies, deadlines, merging, sla, ticket_days, webhooks
from hotline.bus import LIVE, announce
from hotline.calls import Call, EndReason
from hotline.clock_happenings import (
    ASSIGNED,
    DONE,
    ESCALATED,
    HAPPENINGS,
    PAUSED,
    REOPENED,
    RESUMED,
    STATION_REPORTED,
    TOLD,
    WARNED,
    category_of,
    clock_of,
    histories,
    history,
    of,
    rules_of,
)
from hotline.database import Base, Moment, leave_room, reading, transaction
from hotline.deadlines import Due
from hotline.events import now
from hotline.installation import Installation
from hotline.recalls import OWED, Recall
from hotline.sla import Alarm, Clock, Rules, Stage
from hotline.tickets import Ticket, TicketEntry, TicketState
from hotline.webhooks import Told

log = structlog.get_logger(__name__)

__all__ = [
    "ASSIGNED", "DONE", "ESCALATED", "HAPPENINGS", "PAUSED", "REOPENED", "RESUMED", "STATION_REPORTED", "TOLD", "WARNED",
    "ClockFollower", "Clocks", "TicketClock", "category_of", "history", "of", "rules_of",
]  # fmt: skip
DUE = "clock"
"""The kind of a ticket's one deadline; it is about the ticket's id."""
ACTOR = "clock"
CHANGED = "clock_alarms_changed"
"""The live message of a warning, an escalation, or the end of one."""
NEEDLESS_ENDS = {
    EndReason.SELF_CARE.value: ("information_given", "machine"),
    EndReason.TOO_SHORT.value: ("wrong_number", "needless"),
}
"""How a call ended that leaves nothing to do → its ticket's disposition, and how its caller was told."""
AT_ONCE = 200
"""Tickets in one look."""
TOGETHER = 10
"""Tickets in one transaction: nobody else can write on SQLite meanwhile, about 10 ms."""
SWEPT_EVERY = timedelta(minutes=1)
IN_FLIGHT = timedelta(seconds=60)
"""On PostgreSQL an entry's number is given before it is committed: a gap is waited for so long."""


class TicketClock(Base):
    """A ticket's clock as it stands; `hotline.sla` makes it from the ticket's entries at any time anew."""

    __tablename__ = "ticket_clock"
    __table_args__ = (
        # The board reads whose clock runs, and how late it is, in it alone.
        Index("ix_ticket_clock_running", "ticket_id", "stage", "due_at", "paused_until", "owner"),
    )
    ticket_id: Mapped[str] = mapped_column(String(72), primary_key=True)
    hotline: Mapped[str] = mapped_column(String(32), index=True)
    owner: Mapped[str] = mapped_column(String(80))
    round: Mapped[int] = mapped_column(default=1)
    stage: Mapped[str] = mapped_column(String(16), default="")
    """What is to be reached next; empty: closed."""
    due_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    """By when; None: closed."""
    next_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it warns or escalates next, or a pause ends."""
    paused_until: Mapped[datetime | None] = mapped_column(Moment)
    pause_reason: Mapped[str] = mapped_column(String(200), default="")
    sounded: Mapped[int] = mapped_column(default=0, index=True)
    """Alarms of this stage that have sounded: 1 is the warning, then each level of the ladder."""
    told_to: Mapped[str] = mapped_column(String(80), default="")
    """Whom the last escalation of this stage was told to."""
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    told_at: Mapped[datetime | None] = mapped_column(Moment)
    told_due_at: Mapped[datetime | None] = mapped_column(Moment)
    """By when the citizen was to be told: what "on time" is measured by."""


class ClockFollower(Base):
    """How far the entries have been read."""

    __tablename__ = "clock_follower"
    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column()


@dataclass
class Clocks:
    """Keeps the rows and the deadlines of all tickets; lives in the worker."""

    engine: Engine
    installation: Callable[[], Installation]
    clock: Callable[[], datetime] = now
    _seen: set[int] = field(default_factory=set, init=False)
    """Entries after the follower's mark that were read already."""
    _gap_since: datetime | None = field(default=None, init=False)
    _swept_at: datetime | None = field(default=None, init=False)

    def look(self) -> int:
        """Bring the clocks of changed tickets up to date; how many tickets."""
        try:
            return self._look(self.clock())
        except BaseException:
            self._seen.clear()  # what was read and not followed is read again
            raise

    def _look(self, at: datetime) -> int:
        changed, mark = self._changed(at)
        if self._swept_at is None or at - self._swept_at >= SWEPT_EVERY or at < self._swept_at:
            missing = self._missing()
            changed |= missing
            self._swept_at = at if len(missing) < AT_ONCE else None
        self._follow_all(sorted(changed), at)
        if mark is not None:
            with transaction(self.engine) as session:
                row = session.get(ClockFollower, 1) or ClockFollower(id=1)
                row.entry_id = mark
                session.add(row)
        return len(changed)

    def _follow_all(self, ticket_ids: Sequence[str], at: datetime) -> None:
        for start in range(0, len(ticket_ids), TOGETHER):
            began_s = time.monotonic()
            with transaction(self.engine) as session:
                self.follow(session, ticket_ids[start : start + TOGETHER], at)
            leave_room(self.engine, time.monotonic() - began_s)

    def follow(self, session: Session, ticket_ids: Sequence[str], at: datetime) -> None:
        """These tickets' rows and deadlines, made anew from their entries."""
        tickets = session.scalars(select(Ticket).where(Ticket.id.in_(ticket_ids)).order_by(Ticket.id)).all()
        happened = histories(session, ticket_ids)
        ends = _end_reasons(session, [ticket.id for ticket in tickets if ticket.state == TicketState.OPEN])
        rows = session.scalars(select(TicketClock).where(TicketClock.ticket_id.in_(ticket_ids)))
        row_of = {row.ticket_id: row for row in rows}
        taken_in = merging.taken_in(session, ticket_ids)
        for ticket in tickets:
            known = happened[ticket.id]
            if closed := _close_needless(session, ticket, ends.get(ticket.id, ()), at):
                known += HAPPENINGS[closed.kind](closed)
            clock = clock_of(ticket, self._rules(ticket), known, at)
            row = row_of.get(ticket.id) or _new_row(session, ticket)
            next_at = row.next_at
            self._keep(session, ticket, row, clock, taken_in.get(ticket.id, ()), at)
            if row.next_at != next_at:  # else its deadline stands
                _set_deadline(session, row)

    def sound(self, session: Session, due: Due, at: datetime) -> None:
        """The handler of DUE: enters every alarm whose moment has come, in order, and sets the next."""
        ticket = session.get(Ticket, due.about)
        if ticket is None:
            return
        rules = self._rules(ticket)
        known = history(session, ticket.id)
        clock = clock_of(ticket, rules, known, at)
        to = ""
        while clock.next is not None and clock.next.at <= at and not _is_closed(ticket):
            entry = self._entry(session, ticket, clock, clock.next, at)
            session.add(entry)
            to = str(entry.body.get("to", ""))
            known += HAPPENINGS[entry.kind](entry)
            clock = clock_of(ticket, rules, known, at)
        session.flush()
        row = session.get(TicketClock, ticket.id) or _new_row(session, ticket)
        self._keep(
            session, ticket, row, clock, merging.taken_in(session, [ticket.id]).get(ticket.id, ()), at, to
        )
        _set_deadline(session, row)

    def _entry(
        self, session: Session, ticket: Ticket, clock: Clock, alarm: Alarm, at: datetime
    ) -> TicketEntry:
        if alarm.stage is None:
            return TicketEntry(ticket_id=ticket.id, at=at, kind=RESUMED, actor=ACTOR, text="", body={})
        body: dict[str, Any] = {
            "stage": alarm.stage.value, "number": alarm.number, "round": clock.round,
            "due_at": clock.due[alarm.stage].isoformat(),
        }  # fmt: skip
        if alarm.number:
            body["to"] = self._told_to(session, ticket, clock, alarm, at)
        kind = ESCALATED if alarm.number else WARNED
        log.warning(
            "a clock sounds", kind=kind, stage=alarm.stage.value, number=alarm.number, ticket=ticket.id
        )
        return TicketEntry(ticket_id=ticket.id, at=at, kind=kind, actor=ACTOR, text="", body=body)

    def _told_to(self, session: Session, ticket: Ticket, clock: Clock, alarm: Alarm, at: datetime) -> str:
        """Whom this escalation is told to: "agency:KEY", "role:ROLE" or "operator:USERNAME"."""
        if alarm.to in ("supervisor", "administrator"):
            return f"role:{alarm.to}"
        if alarm.to != sla.ABOVE:
            return f"operator:{alarm.to}"
        day = self.installation().day(at)
        house = agencies.organisation(session)
        kind, _, key = clock.owner.partition(":")
        if kind != "agency":
            nearest = house.responsible(ticket.hotline, category_of(ticket), ticket.unit_code, day)
            ladder = [*nearest[:1], *(house.ladder(nearest[0].key, day) if nearest else ())]
        else:
            ladder = list(house.ladder(key, day))
        if alarm.climbs <= len(ladder):
            return f"agency:{ladder[alarm.climbs - 1].key}"
        return "role:administrator"  # nobody is higher: those who lead the hotline

    def _keep(
        self,
        session: Session,
        ticket: Ticket,
        row: TicketClock,
        clock: Clock,
        taken_in: Sequence[Ticket],
        at: datetime,
        told_to: str | None = None,
    ) -> None:
        """Write the row; what was added up of the ticket's day does not stand any more."""
        closed = _is_closed(ticket) or clock.closed
        stage = "" if closed or clock.stage is None else clock.stage.value
        before, was = (row.stage, row.sounded, row.round), (row.owner, row.stage)
        row.hotline, row.owner, row.round, row.stage = ticket.hotline, clock.owner[:80], clock.round, stage
        row.due_at = None if closed else clock.due_at
        row.next_at = None if closed or clock.next is None else clock.next.at
        row.paused_until = clock.paused.until if clock.paused is not None and not closed else None
        row.pause_reason = clock.paused.value[:200] if clock.paused is not None and not closed else ""
        row.sounded = 0 if closed else clock.sounded
        if told_to:
            row.told_to = told_to[:80]
        elif row.sounded < 2:
            row.told_to = ""
        row.done_at, row.told_at = clock.reached.get(Stage.DONE), clock.reached.get(Stage.TOLD)
        row.told_due_at = clock.due.get(Stage.TOLD)
        _tell_agency(session, row, was, at)
        ticket_days.forget(session, [one.opened_at for one in (ticket, *taken_in)], at)
        if before != (row.stage, row.sounded, row.round) and (before[1] or row.sounded):
            announce(session, LIVE, {"event": CHANGED, "call_id": "", "operator_id": None})
            announce(
                session,
                LIVE,
                {
                    "event": "ticket_changed",
                    "ticket_id": ticket.id,
                    "call_id": ticket.call_id,
                    "operator_id": None,
                },
            )

    def _rules(self, ticket: Ticket) -> Rules:
        return rules_of(self.installation(), ticket.hotline)

    def _changed(self, at: datetime) -> tuple[set[str], int | None]:
        """Tickets with new entries, and the new mark when it moved."""
        with reading(self.engine) as session:
            follower = session.get(ClockFollower, 1)
            if follower is None:
                # The sweep finds what was open before clocks ran.
                return set(), session.scalar(select(func.max(TicketEntry.id))) or 0
            rows = session.execute(
                select(TicketEntry.id, TicketEntry.ticket_id, TicketEntry.actor)
                .where(TicketEntry.id > follower.entry_id)
                .order_by(TicketEntry.id)
                .limit(AT_ONCE * 10)
            ).all()
        fresh = {ticket_id for id_, ticket_id, _ in rows if id_ not in self._seen}
        ids = [id_ for id_, _, _ in rows]
        whole = follower.entry_id
        for id_ in ids:
            if id_ != whole + 1 and not self._gap_is_old(at):
                break
            whole = id_
        else:
            self._gap_since = None
        self._seen = {id_ for id_ in ids if id_ > whole}
        return fresh, whole if whole != follower.entry_id else None

    def _gap_is_old(self, at: datetime) -> bool:
        """Whether a missing number has been waited for long enough: its transaction was rolled back."""
        self._gap_since = self._gap_since or at
        return at - self._gap_since > IN_FLIGHT

    def _missing(self) -> set[str]:
        """Open tickets without a running clock: those of before, and whatever slipped through."""
        runs = exists().where(TicketClock.ticket_id == Ticket.id, TicketClock.stage != "")
        with reading(self.engine) as session:
            rows = session.scalars(
                select(Ticket.id).where(Ticket.state != TicketState.CLOSED, ~runs).limit(AT_ONCE)
            )
            return {*rows}

    def all_anew(self) -> None:
        """After other promises were published: every open ticket's clock is made anew."""
        with reading(self.engine) as session:
            open_ = list(session.scalars(select(TicketClock.ticket_id).where(TicketClock.stage != "")))
        self._follow_all(open_, self.clock())


def _new_row(session: Session, ticket: Ticket) -> TicketClock:
    row = TicketClock(ticket_id=ticket.id, hotline=ticket.hotline, owner="", sounded=0)
    session.add(row)
    return row


def _set_deadline(session: Session, row: TicketClock) -> None:
    """In the transaction that wrote the row: the two always say the same."""
    if row.next_at is None:
        deadlines.clear(session, DUE, row.ticket_id)
    else:
        deadlines.set(session, DUE, row.ticket_id, row.next_at)


def _tell_agency(session: Session, row: TicketClock, was: tuple[str, str], at: datetime) -> None:
    """An agency's own system hears that a ticket waits for it, and how the ticket goes on."""
    kind, _, agency = row.owner.partition(":")
    if kind == "agency" and was != (row.owner, row.stage):
        event = Told.TICKET_CHANGED if was[0] == row.owner else Told.TICKET_ASSIGNED
        webhooks.tell(session, agency, event, {"ticket": row.ticket_id, "stage": row.stage or "closed"}, at)


def _end_reasons(session: Session, ticket_ids: Sequence[str]) -> dict[str, list[str | None]]:
    """How the calls of each ticket ended; None: it has not."""
    asked = select(Call.ticket_id, Call.end_reason).where(Call.ticket_id.in_(ticket_ids))
    found: dict[str, list[str | None]] = {}
    for ticket_id, reason in session.execute(asked).tuples() if ticket_ids else ():
        found.setdefault(ticket_id, []).append(reason)
    return found


def _close_needless(
    session: Session, ticket: Ticket, reasons: Sequence[str | None], at: datetime
) -> TicketEntry | None:
    """A ticket that asks nothing of anybody is closed: its caller heard the advice to its end, or hung up within seconds."""
    ends = [NEEDLESS_ENDS.get(reason or "") for reason in reasons]
    if not ends or None in ends:
        return None
    if session.scalar(
        select(Recall.id).where(Recall.ticket_id == ticket.id, Recall.state.in_(OWED)).limit(1)
    ):
        return None
    session.refresh(ticket, with_for_update=True)
    if ticket.state != TicketState.OPEN:
        return None
    disposition, told = next(end for end in ends if end is not None)
    ticket.state, ticket.closed_at, ticket.disposition = TicketState.CLOSED.value, at, disposition
    ticket.version += 1
    proof = {"done": disposition, "told": told}
    body = {"disposition": disposition, "proof": proof}
    entry = TicketEntry(ticket_id=ticket.id, at=at, kind="disposition", actor=ACTOR, text="", body=body)
    session.add(entry)
    return entry


def _is_closed(ticket: Ticket) -> bool:
    return ticket.state == TicketState.CLOSED
