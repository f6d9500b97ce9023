"""A process that makes owed calls as `calls` does, without a telephone: what it dials it writes down, and it may be killed anywhere.

Started by a fork server that has imported all of it, so that a killed one is there again in milliseconds.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from hotline import events as e
from hotline.database import make_engine, reading, transaction
from hotline.facts import apply
from hotline.recall_tries import begin, due, left_behind
from hotline.recalls import Recall, Tried

OUTCOMES = ("busy", "no_answer", "no_answer", "unavailable", "reached", "operator_left", "not_dialled")
DIES = 0.005
"""The chance to be killed at each of the moments in which that could do harm."""


class Clock:
    """The scene's own time, moved on by the test while nobody is in the middle of a try."""

    def __init__(self, folder: Path) -> None:
        self._file, self._lock = folder / "clock", folder / "clock.lock"

    def told(self) -> str:
        """Another text whenever time has gone on or something has happened."""
        return f"{self._file.read_text()} {self._file.stat().st_mtime_ns}"

    def happened(self) -> None:
        os.utime(self._file)

    def now(self) -> datetime:
        return datetime.fromtimestamp(float(self._file.read_text()), UTC)

    def set(self, at: datetime, only_if: Callable[[], bool] = lambda: True) -> bool:
        """Move it on while no try is going on; False when `only_if` says no to that."""
        with self._held(fcntl.LOCK_EX):
            if not only_if():
                return False
            fresh = self._file.with_suffix(".fresh")
            fresh.write_text(repr(at.timestamp()))
            fresh.replace(self._file)
            return True

    @contextmanager
    def standing(self) -> Iterator[None]:
        """No time goes by: a try takes milliseconds here and a minute in the world. A killed holder lets go."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        with self._lock.open("w") as file:
            fcntl.flock(file, how)
            yield


class Worker:
    def __init__(self, url: str, folder: Path, node: str, seed: int) -> None:
        self.engine: Engine = make_engine(url, busy_s=5.0)
        self.clock, self.node, self.rng = Clock(folder), node, random.Random(seed)
        self.acts = os.open(folder / "acts", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.folder = folder
        self.count = itertools.count(time.time_ns())

    def run(self) -> None:
        with self.clock.standing():
            self.resume()
        (self.folder / f"up-{self.node}-{os.getpid()}").touch()
        seen = ""
        while True:
            told = self.clock.told()
            if told == seen:  # nothing has happened since nobody was to be rung
                time.sleep(0.01)
                continue
            try:
                if not self.turn():
                    seen = told
            except SQLAlchemyError as error:
                with (self.folder / "workers.log").open("a") as log:
                    log.write(f"{type(error).__name__} {error}\n")

    def turn(self) -> bool:
        """A try for each of some, if there is anybody to ring."""
        at = self.clock.now()
        with reading(self.engine) as session:
            claimed = list(session.scalars(select(Recall.id).where(Recall.claimed_until > at)))
            someone = due(session, at, 4, claimed)
            late = left_behind(session, "another", [], at) if not someone else []
        for row in late:
            self.tell(row, row.dial_id, Tried.INTERRUPTED, row.tries)
        self.rng.shuffle(someone)
        for row in someone:
            self.make(row)
        return bool(someone or late)

    def make(self, row: Recall) -> None:
        self.maybe_die()
        dial_id = f"{self.node}-{next(self.count)}"
        begun_ns = time.monotonic_ns()
        with self.clock.standing():
            at = self.clock.now()
            operator = row.claimed_by if row.claimed_until is not None and row.claimed_until > at else None
            number_of_try = begin(row.id, dial_id, at, operator, on=self.engine)
            if not number_of_try:
                return
            taken_ns = time.monotonic_ns()
            self.maybe_die()
            outcome = Tried(self.rng.choice(OUTCOMES))
            self.write("dialled", row, dial_id, outcome, at, begun_ns=begun_ns, taken_ns=taken_ns)
            self.maybe_die()
            self.write("telling", row, dial_id, outcome, at, telling_ns=time.monotonic_ns())
            self.tell(row, dial_id, outcome, number_of_try)
            self.write("told", row, dial_id, outcome, at)
            if self.rng.random() < 0.02:  # from a journal, once more
                self.tell(row, dial_id, outcome, number_of_try)

    def resume(self) -> None:
        """As the next process does: Asterisk outlives it, so who was reached still talks."""
        reached = {act["dial_id"] for act in acts(self.folder, '"outcome": "reached"')}
        with reading(self.engine) as session:
            rows = left_behind(session, self.node, [], self.clock.now())
        for row in rows:
            outcome = Tried.REACHED if row.dial_id in reached else Tried.INTERRUPTED
            self.tell(row, row.dial_id, outcome, row.tries)

    def tell(self, row: Recall, dial_id: str, outcome: Tried, number_of_try: int) -> None:
        fact = e.RecallTried(
            at=self.clock.now(), recall_id=row.id, call_id=row.call_id, dial_id=dial_id, outcome=outcome,
            number_of_try=number_of_try,
        )  # fmt: skip
        for left in reversed(range(20)):
            try:
                with transaction(self.engine) as session:
                    apply(session, fact, "calls")
                return
            except SQLAlchemyError:
                if not left:
                    raise

    def write(self, what: str, row: Recall, dial_id: str, outcome: Tried, at: datetime, **more: int) -> None:
        act = {
            "what": what, "recall": row.id, "person": row.person, "dial_id": dial_id, "outcome": outcome,
            "at": at.timestamp(), **more,
        }  # fmt: skip
        os.write(self.acts, json.dumps(act).encode() + b"\n")

    def maybe_die(self) -> None:
        if self.rng.random() < DIES:
            os.kill(os.getpid(), signal.SIGKILL)


def acts(folder: Path, having: str = "") -> list[dict[str, Any]]:
    """What was written down, in its order; only lines with these words in them."""
    path = folder / "acts"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if having in line]


def work(url: str, folder: str, node: str, seed: int) -> None:
    try:
        Worker(url, Path(folder), node, seed).run()
    except BaseException:
        with (Path(folder) / "workers.log").open("a") as log:
            traceback.print_exc(file=log)
        raise
