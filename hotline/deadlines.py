"""Deadlines: rows that wait for their time, and the worker that does what is due exactly once and in order.

A row's handler runs in the transaction that ends the row, so work and row are done together or not at all: whoever is killed
between them leaves both undone. A row whose time passed while everything was down is done afterwards, in the order of `due_at`.
Times are wall-clock UTC. A clock put forward makes due what lies before it; a clock put back repeats nothing, for what was done
has no row any more, and holds up what is still to come until the clock is there again: the jump is told (`Lag.jumped_s`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import JSON, Engine, Index, String, UniqueConstraint, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base, Moment, Prepared, leave_room, transaction
from hotline.events import now

log = structlog.get_logger(__name__)

AT_ONCE = 1000
"""So many in one look, so that a worker that was down for a day still beats."""
AGAIN_AFTER_S = (5, 15, 60, 300)
"""A handler that fails is tried again after these; the last one holds for all further tries."""
BEAT_EVERY_S = 5.0
BEAT_STALE_S = 30.0
"""A worker that has not beaten for so long does nothing."""
LATE_S = 10.0
"""What is due waits a second; after ten something is wrong."""
JUMP_S = 5.0
"""Clocks are slewed by less; more is a jump."""
JUMP_TOLD_FOR = timedelta(hours=1)
TURN = 0x1022_DEAD
"""PostgreSQL's advisory lock of whoever does what is due; on SQLite the write lock is that."""


class Deadline(Base):
    """One thing that waits for its time; there is at most one of a kind about one thing."""

    __tablename__ = "deadline"
    __table_args__ = (
        UniqueConstraint("kind", "about"),
        Index("ix_deadline_in_turn", "due_at", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    about: Mapped[str] = mapped_column(String(120), index=True)
    """What it is about, in its kind's words: a ticket's id, an order's."""
    due_at: Mapped[datetime] = mapped_column(Moment)
    body: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    set_at: Mapped[datetime] = mapped_column(Moment)
    version: Mapped[int] = mapped_column(default=1)
    """Raised when it is set anew; the worker ends only the version that it did."""
    tries: Mapped[int] = mapped_column(default=0)
    """Failed ones."""
    try_at: Mapped[datetime | None] = mapped_column(Moment)
    """After a failure: when it is tried again. Meanwhile the others go on."""
    fault: Mapped[str] = mapped_column(String(200), default="")
    """Why the last try failed: the error's name, nothing of what it was about."""


class DeadlineBeat(Base):
    """That a node's worker looks, and whether its clock jumped."""

    __tablename__ = "deadline_beat"
    node: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    jumped_at: Mapped[datetime | None] = mapped_column(Moment)
    jumped_s: Mapped[float] = mapped_column(default=0.0)
    """Seconds forward, or back when negative."""


@dataclass(frozen=True)
class Due:
    """What a handler is given."""

    kind: str
    about: str
    due_at: datetime
    body: Mapping[str, Any]


Handler = Callable[[Session, Due, datetime], None]
"""Does what is due, in the given transaction; `datetime` is now. What it raises undoes all of it, and it is tried again.

It reads anew what it decides on: the thing may have moved on since the deadline was set.
"""

_INSERT: Mapping[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _set_on(dialect: str) -> Prepared:
    put = _INSERT[dialect](Deadline)
    moved = {name: put.excluded[name] for name in ("due_at", "body", "set_at", "tries", "try_at", "fault")}
    return Prepared(
        put.on_conflict_do_update(
            index_elements=["kind", "about"], set_={**moved, "version": Deadline.version + 1}
        ),
        "kind", "about", *moved, "version",
    )  # fmt: skip


_SET = {dialect: _set_on(dialect) for dialect in _INSERT}
_RUNNING, _AGAIN = "deadline_running", "deadline_again"


def set(  # read as deadlines.set
    session: Session, kind: str, about: str, due_at: datetime, body: Mapping[str, Any] | None = None
) -> None:
    """Let `kind` be done about this at `due_at`, in the caller's transaction; one that is set already is moved.

    A handler that sets the deadline it is being run for has it come again.
    """
    if session.info.get(_RUNNING) == (kind, about):
        session.info[_AGAIN] = (due_at, dict(body or {}))
        return
    session.flush()  # whose deadline it is changes first, here as in `Worker._do`: two who lock both would wait for each other
    _SET[session.get_bind().dialect.name].run(
        session.connection(),
        {
            "kind": kind, "about": about, "due_at": due_at, "body": dict(body or {}), "set_at": now(),
            "version": 1, "tries": 0, "try_at": None, "fault": "",
        },
    )  # fmt: skip


def clear(session: Session, kind: str, about: str) -> bool:
    """Let it not be done; False when nothing waits (or it was done already)."""
    if session.info.get(_RUNNING) == (kind, about):
        return session.info.pop(_AGAIN, None) is not None
    gone = session.execute(delete(Deadline).where(Deadline.kind == kind, Deadline.about == about))
    return bool(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE's result is a CursorResult


def waiting(session: Session, about: str) -> dict[str, datetime]:
    """What waits about one thing: kind → when it is due, the soonest first."""
    rows = session.execute(
        select(Deadline.kind, Deadline.due_at)
        .where(Deadline.about == about)
        .order_by(Deadline.due_at, Deadline.id)
    )
    return dict(rows.tuples().all())


@dataclass(frozen=True)
class Lag:
    """How far the worker is behind."""

    waiting: int
    next_due_at: datetime | None
    overdue: int
    late_s: float
    """How long the oldest of those that are due has waited; those that failed and wait for their next try are not among them."""
    failing: int
    fault: str
    """One of the failing ones' fault."""
    beat_age_s: float | None
    """Since the worker last looked; None when none ever did."""
    jumped_s: float
    """How far a clock jumped in the last hour; 0: it did not."""

    @property
    def is_late(self) -> bool:
        return self.late_s > LATE_S or (self.beat_age_s is not None and abs(self.beat_age_s) > BEAT_STALE_S)


def lag(session: Session, at: datetime) -> Lag:
    """How far the worker is behind at that moment."""
    is_due = Deadline.due_at <= at
    fresh = Deadline.tries == 0
    count, soonest = session.execute(select(func.count(), func.min(Deadline.due_at))).one()
    overdue, oldest = session.execute(
        select(func.count(), func.min(Deadline.due_at)).where(is_due, fresh)
    ).one()
    failing, fault = session.execute(
        select(func.count(), func.max(Deadline.fault)).where(Deadline.tries > 0)
    ).one()
    beats = session.execute(select(DeadlineBeat)).scalars().all()
    last = max((beat.at for beat in beats), default=None)
    jumps = [
        beat.jumped_s
        for beat in beats
        if beat.jumped_at is not None and abs(at - beat.jumped_at) < JUMP_TOLD_FOR
    ]
    return Lag(
        waiting=count, next_due_at=soonest, overdue=overdue,
        late_s=(at - oldest).total_seconds() if oldest is not None else 0.0,
        failing=failing, fault=fault or "",
        beat_age_s=(at - last).total_seconds() if last is not None else None,
        jumped_s=max(jumps, key=abs, default=0.0),
    )  # fmt: skip


def said(lag: Lag) -> str:
    """What is wrong with the clocks, in one sentence for who runs the machine; empty when nothing is."""
    if lag.late_s > LATE_S:
        return f"overdue deadlines: {lag.overdue}, the oldest for {lag.late_s:.0f} s; see var/log/worker.log"
    if lag.is_late:
        return f"the worker has not looked at the clocks for {abs(lag.beat_age_s or 0):.0f} s; see var/log/worker.log"
    if lag.failing:
        return f"deadlines whose work fails and is tried again: {lag.failing} ({lag.fault}); see var/log/worker.log"
    if lag.jumped_s:
        way = "forward" if lag.jumped_s > 0 else "back"
        return f"this machine's clock jumped {way} by {abs(lag.jumped_s):.0f} s in the last hour; look at its time server"
    return ""


@dataclass
class Worker:
    """Does what is due, for one node; any number of nodes have one, and one of them at a time has the turn."""

    engine: Engine
    handlers: Mapping[str, Handler]
    node: str
    clock: Callable[[], datetime] = now
    steady: Callable[[], float] = time.monotonic
    _apart: float | None = field(default=None, init=False)
    """Wall clock less steady clock, when last looked."""
    _beaten_s: float = field(default=float("-inf"), init=False)

    def look(self) -> int:
        """Do all that is due, each in a transaction of its own; how many were done."""
        self._beat()
        done, began_s = 0, time.monotonic()
        while done < AT_ONCE and self._one():
            done += 1
            leave_room(self.engine, time.monotonic() - began_s)
            began_s = time.monotonic()
        return done

    def _one(self) -> bool:
        """Do the first of what is due; False when nothing is, or another worker has the turn."""
        at = self.clock()
        chosen: Deadline | None = None
        try:
            with transaction(self.engine) as session:
                if not _has_turn(session):
                    return False
                chosen = session.scalars(_next(at)).first()
                if chosen is None:
                    return False
                session.expunge(chosen)
                self._do(session, chosen, at)
        except _Moved:
            return True  # set anew or cleared while it was being done: all was undone
        except Exception as error:
            if chosen is None:
                if not isinstance(error, OperationalError):
                    raise
                log.warning("the database is away or locked", error=type(error).__name__)
                return False
            log.exception("what is due could not be done", kind=chosen.kind, tries=chosen.tries + 1)
            self._put_off(chosen, at, type(error).__name__)
        return True

    def _do(self, session: Session, chosen: Deadline, at: datetime) -> None:
        handler = self.handlers.get(chosen.kind)
        if handler is None:
            raise LookupError(f"nobody does {chosen.kind}")
        session.info[_RUNNING] = (chosen.kind, chosen.about)
        handler(session, Due(chosen.kind, chosen.about, chosen.due_at, chosen.body), at)
        session.flush()
        # The row is ended last: other writers change their thing first and clear its deadlines then, and so do we.
        this = (Deadline.id == chosen.id, Deadline.version == chosen.version)
        again = session.info.get(_AGAIN)
        if again is None:
            ended: Any = session.execute(delete(Deadline).where(*this))
        else:
            values = {
                "due_at": again[0],
                "body": again[1],
                "set_at": at,
                "tries": 0,
                "try_at": None,
                "fault": "",
            }
            ended = session.execute(
                update(Deadline).where(*this).values(version=chosen.version + 1, **values)
            )
        if not ended.rowcount:
            raise _Moved

    def _put_off(self, chosen: Deadline, at: datetime, fault: str) -> None:
        """Try it again later; the others do not wait for it."""
        after_s = AGAIN_AFTER_S[min(chosen.tries, len(AGAIN_AFTER_S) - 1)]
        with transaction(self.engine) as session:
            session.execute(
                update(Deadline)
                .where(Deadline.id == chosen.id, Deadline.version == chosen.version)
                .values(tries=chosen.tries + 1, try_at=at + timedelta(seconds=after_s), fault=fault[:200])
            )

    def _beat(self) -> None:
        """Tell that this worker looks, and watch the wall clock beside the steady one."""
        at, steady_s = self.clock(), self.steady()
        apart = at.timestamp() - steady_s
        jumped_s = apart - self._apart if self._apart is not None else 0.0
        self._apart = apart
        jumped = abs(jumped_s) > JUMP_S
        if not jumped and steady_s - self._beaten_s < BEAT_EVERY_S:
            return
        told: dict[str, Any] = {"at": at}
        if jumped:
            log.error("the clock jumped", seconds=round(jumped_s))
            told |= {"jumped_at": at, "jumped_s": jumped_s}
        try:
            with transaction(self.engine) as session:
                put = _INSERT[self.engine.dialect.name](DeadlineBeat).values(
                    node=self.node, **{"jumped_s": 0.0, **told}
                )
                session.execute(put.on_conflict_do_update(index_elements=["node"], set_=told))
        except SQLAlchemyError as error:
            log.warning("the database is away", error=type(error).__name__)
            return
        self._beaten_s = steady_s


class _Moved(Exception):  # noqa: N818 - exceptions are named by the fact
    """The deadline was set anew or cleared by somebody else meanwhile."""


def _next(at: datetime) -> Any:
    """The first that is due and does not wait for another try."""
    ready = (Deadline.try_at.is_(None)) | (Deadline.try_at <= at)
    return (
        select(Deadline).where(Deadline.due_at <= at, ready).order_by(Deadline.due_at, Deadline.id).limit(1)
    )


def _has_turn(session: Session) -> bool:
    """Whether this transaction is the only one that does what is due; ends with it, also when its process is killed."""
    if session.get_bind().dialect.name != "postgresql":
        return True  # BEGIN IMMEDIATE let only one in
    # A worker that hangs in its turn loses it.
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '20s'"))
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(TURN))))
