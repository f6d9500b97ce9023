"""The record: one process's writer of facts, and the journal that keeps them on bad days.

The call outranks the record: a fact that is told is at once in the process's spool, which outlives it, and gathers with
others for one transaction; what the database does not take in time goes to the process's journal and is replayed when the
database is back. Facts may therefore come twice or late: every fact has an id that is remembered (`hotline.facts`).
"""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from hotline import events as e
from hotline.book import ticket_id_of
from hotline.database import reading, transaction
from hotline.facts import Told, apply, apply_all, readable
from hotline.journal import Journal
from hotline.spool import line_of

__all__ = ["Record", "Told", "apply", "apply_all", "ticket_id_of"]

log = structlog.get_logger(__name__)

BATCH = 50
"""Facts in one transaction, at most."""
COMPANY_S = 0.1
"""A fact that nobody waits for waits so long for others: most of a transaction's cost is the transaction."""
TICK_S = 0.02
"""How long after its time an overdue fact is journalled."""
REST_S = 0.2
"""After a failure the database is left alone for so long."""
TRIES = 3
"""Two processes may open the same call at once; the loser of the race tries again."""


COLLISIONS = {"40P01": "deadlock", "40001": "serialization"}
"""PostgreSQL's names for two writers in each other's way: the one that was stopped tries again."""


class Away(Exception):  # noqa: N818 - exceptions are named by the fact
    """The database does not answer, is locked, or has no tables yet."""


@dataclass(eq=False)
class _Asked:
    event: e.Event
    at: float
    due: float
    """When it is journalled if the database does not have it."""
    line: bytes
    done: "Future[bool]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.done.set_running_or_notify_cancel()  # who stops waiting must not stop the fact


class Record:
    """One process's writer of facts: a thread that applies them in order, in batches, and a journal for bad days.

    It belongs to the process that made it: a forked child must make its own.
    """

    def __init__(
        self, engine: Engine, journal: Journal, actor: str, within_s: float, apart_s: float = COMPANY_S
    ) -> None:
        self._apart_s = apart_s
        self._began_s = 0.0
        """When the last transaction began."""
        self._engine, self._journal, self._actor, self._within_s = engine, journal, actor, within_s
        self._made_by = os.getpid()
        self._pending: deque[_Asked] = deque()
        """In the order told; kept neither by the database nor by the journal."""
        self._lock = threading.Lock()
        self._told = threading.Condition(self._lock)
        self._order = threading.Lock()
        """Held while facts go to the journal, so that later ones cannot overtake them."""
        self._some = threading.Event()
        self._busy_since: float | None = None
        self._rests_until = 0.0
        self._unwatched = True
        """The keeper sleeps until it is woken."""
        self._hurry = False
        """Somebody waits for a pending fact."""
        self._closing = self._closed = False
        self._spool = journal.spool()
        try:
            journal.adopt()
        except OSError:
            log.exception("what a killed process had spooled cannot be journalled now; it stays where it is")
        self._writer = threading.Thread(target=self._write, name="record", daemon=True)
        self._keeper = threading.Thread(target=self._keep, name="record-keeper", daemon=True)
        self._writer.start()
        self._keeper.start()
        atexit.register(self.close)

    @property
    def waits(self) -> bool:
        """Whether facts of this process wait for the database in its journal."""
        return bool(self._journal)

    def tell(self, event: e.Event, at_once: bool = False) -> "Future[bool]":
        """Hand a fact over without waiting; the future says True when the database has it, False when the journal has.

        It outlives this process from now on. The future is settled within `within_s` (and `apart_s`, and a few
        milliseconds), whatever the database does. `at_once` is for who waits for it: it takes all facts told before along.
        """
        if os.getpid() != self._made_by:
            # Its threads stayed in the process that made it: what is told here would be kept by nobody.
            raise RuntimeError("this Record was made before a fork; make one in each process")
        now_s = time.monotonic()
        due_s = now_s + self._within_s + (0.0 if at_once else max(COMPANY_S, self._apart_s))
        asked = _Asked(event, now_s, due_s, line_of(event))
        with self._told:
            self._pending.append(asked)
            self._spool.put(asked.line)
            self._hurry = self._hurry or at_once
            if at_once or len(self._pending) == 1:
                self._told.notify()
            if at_once or self._unwatched:
                self._some.set()
        return asked.done

    @property
    def spools(self) -> bool:
        """Whether what is told outlives this process."""
        return self._spool.works

    def write(self, *events: e.Event) -> bool:
        """Hand facts over and wait until they are kept, about `within_s` at most; True when the database has the last.

        When the time is up the journal has them (and the database may as well: each counts once).
        """
        for event in events[:-1]:
            self.tell(event)
        try:
            return self.tell(events[-1], at_once=True).result(self._within_s + 1.0)
        except NotInTime:
            log.error("the disk did not take a fact in time", call_id=getattr(events[-1], "call_id", ""))
            return False

    def close(self, within_s: float = 5.0) -> None:
        """Write what was handed over, then stop; what the database does not take in time stays in the journal."""
        if os.getpid() != self._made_by:
            return  # the process that made it closes it
        with self._told:
            self._closing = True
            self._told.notify()
        self._some.set()
        self._writer.join(within_s)
        self._closed = True
        self._some.set()
        self._journal_all()
        self._keeper.join(within_s)
        with self._lock:
            if not self._pending:
                self._spool.close()
        atexit.unregister(self.close)

    # The writer's thread

    def _write(self) -> None:
        self._warm_up()
        while True:
            with self._told:
                self._busy_since = None
                if not self._pending and not self._closing:
                    rests_s = self._rests_until - time.monotonic() if self._journal else 1.0
                    if rests_s > 0:
                        self._told.wait(rests_s)
                if self._closing and not self._pending:
                    return
                self._wait_for_company()
                self._busy_since = self._began_s = time.monotonic()
            try:
                self._turn()
            except Exception:
                # The writer must outlive any fault; the keeper journals what is overdue meanwhile.
                log.exception("the record's writer stumbled")
                time.sleep(REST_S)

    def _wait_for_company(self) -> None:
        """Let told facts gather until somebody waits for one, or the oldest has waited long enough.

        That is COMPANY_S, and under load until the last transaction is `apart_s` ago.
        """
        while self._pending and not self._hurry and not self._closing:
            oldest_s = self._pending[0].at
            ready_s = max(oldest_s + COMPANY_S, min(self._began_s, oldest_s) + self._apart_s)
            left_s = ready_s - time.monotonic()
            if left_s <= 0:
                break
            self._told.wait(left_s)
        self._hurry = len(self._pending) > BATCH

    def _warm_up(self) -> None:
        """Connect and map before the first fact comes, so that it is as fast as the others."""
        try:
            with reading(self._engine) as session:
                session.get(Told, "")
        except SQLAlchemyError as error:
            log.warning("the database is away", error=type(error).__name__)

    def _turn(self) -> None:
        if self._journal:  # keep the order: what waits in the journal goes first
            try:
                if time.monotonic() < self._rests_until:
                    raise Away
                self._replay()
            except Away:
                self._rest()
                self._journal_all()
                return
        with self._order, self._lock:
            batch = [self._pending[n] for n in range(min(BATCH, len(self._pending)))]
        if not batch:
            return
        try:
            self._put([asked.event for asked in batch])
        except Away as error:
            log.warning("the database did not take a fact; it is journalled", error=str(error))
            self._rest()
            self._journal_all()
            return
        self._settle(batch, True)

    def _rest(self) -> None:
        self._rests_until = max(self._rests_until, time.monotonic() + REST_S)

    def _put(self, events: Sequence[e.Event]) -> None:
        """Put facts in the database in one transaction, or each alone when one of them is refused; Away."""
        why = ""
        for tries_left in reversed(range(TRIES if len(events) == 1 else 1)):
            try:
                with transaction(self._engine) as session:
                    apply_all(session, events, self._actor)
                return
            except (IntegrityError, DataError) as error:
                why = str(error.orig)
            except SQLAlchemyError as error:
                why = _collided(error)
                if not why:
                    raise Away(type(error).__name__) from error
            except Exception as error:
                # A fault of ours, or text that no database takes, must stop neither the writer nor the other facts.
                log.warning("a fact could not be applied", error=type(error).__name__, tries_left=tries_left)
                why = f"{type(error).__name__}: {error}"
        if len(events) > 1:
            for event in events:
                self._put([event])
            return
        plainer = readable(events[0])
        if plainer != events[0]:
            self._put([plainer])
            return
        log.error("the database refuses a fact; it is set aside", why=why, file=str(self._journal.refused))
        self._journal.refuse(events[0], why)

    def _replay(self) -> None:
        """Put journalled facts in the database until none is left; Away."""
        while self._journal:
            count = 0
            with self._journal.take() as taken:
                batch: list[e.Event] = []
                for event in taken:
                    batch.append(event)
                    count += 1
                    if len(batch) == BATCH:
                        self._put(batch)
                        batch = []
                if batch:
                    self._put(batch)
                taken.done()
            log.info("the journal was replayed", facts=count)

    # The keeper's thread

    def _keep(self) -> None:
        """Journal what the writer did not manage in time; while it is stuck, at once."""
        left_s: float | None = None
        while not self._closed:
            self._some.wait(left_s)
            with self._lock:
                self._some.clear()
                now_s = time.monotonic()
                stuck = self._busy_since is not None and self._busy_since <= now_s - self._within_s
                due_s = min((asked.due for asked in self._pending), default=None)
                self._unwatched = due_s is None
            left_s = None
            if due_s is not None and (stuck or due_s <= now_s):
                self._journal_all()
                self._some.set()
            elif due_s is not None:
                left_s = due_s - now_s + TICK_S

    def _journal_all(self) -> None:
        with self._order:
            with self._lock:
                batch = list(self._pending)
            if not batch:
                return
            try:
                self._journal.append(*(asked.event for asked in batch))
            except OSError:
                # Neither database nor disk: the log is the last place, and the call goes on.
                log.exception(
                    "facts are lost: the journal cannot be written",
                    facts=[e.to_plain(a.event) for a in batch],
                )
            self._settle(batch, False)

    def _settle(self, batch: Sequence[_Asked], in_database: bool) -> None:
        with self._lock:
            fresh = [asked for asked in batch if asked in self._pending]
            for asked in fresh:
                self._pending.remove(asked)
            self._spool.settle(asked.line for asked in self._pending)
        for asked in fresh:
            asked.done.set_result(in_database)


def _collided(error: SQLAlchemyError) -> str:
    return COLLISIONS.get(getattr(getattr(error, "orig", None), "sqlstate", None) or "", "")
