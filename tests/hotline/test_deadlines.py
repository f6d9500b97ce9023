"""What waits for its time is done exactly once and in order, whoever is killed and whatever the clock does."""

from __future__ import annotations

import multiprocessing
import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from hotline import deadlines
from hotline.database import make_engine, reading, transaction
from hotline.deadlines import Deadline, DeadlineBeat, Due
from tests.hotline import deadline_worker
from tests.postgres import Server

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Hand:
    """A worker with a clock of the test's own, whose handler writes down what it did."""

    def __init__(self, engine: Engine, node: str = "n1") -> None:
        self.at = START
        self.steady_s = 0.0
        self.done: list[str] = []
        self.fails: set[str] = set()
        self.also: Callable[[Session, Due], None] = lambda session, due: None
        self.engine = engine
        self.worker = deadlines.Worker(
            engine, {"test": self._do}, node, clock=lambda: self.at, steady=lambda: self.steady_s
        )

    def _do(self, session: Session, due: Due, at: datetime) -> None:
        self.also(session, due)
        if due.about in self.fails:
            raise ValueError("not today")
        self.done.append(due.about)

    def set(self, about: str, after_s: float, kind: str = "test") -> None:
        with transaction(self.engine) as session:
            deadlines.set(session, kind, about, START + timedelta(seconds=after_s), {"word": about})

    def passes(self, seconds: float) -> int:
        """So much later by both clocks, the worker looks."""
        self.at += timedelta(seconds=seconds)
        self.steady_s += seconds
        return self.worker.look()

    def lag(self) -> deadlines.Lag:
        with reading(self.engine) as session:
            return deadlines.lag(session, self.at)


@pytest.fixture
def hand(database: Engine) -> Hand:
    return Hand(database)


def test_what_is_due_is_done_once_and_in_order_also_after_an_hour_down(hand: Hand) -> None:
    for about, after_s in (("c", 30), ("a", 10), ("b", 20), ("later", 4000)):
        hand.set(about, after_s)
    assert hand.passes(5) == 0
    assert hand.passes(3600) == 3
    assert hand.passes(1) == 0
    assert hand.done == ["a", "b", "c"]
    assert (hand.lag().waiting, hand.lag().next_due_at) == (1, START + timedelta(seconds=4000))


def test_who_writes_beside_a_worker_that_catches_up_gets_a_turn(hand: Hand) -> None:
    with transaction(hand.engine) as session:
        for number in range(60):
            deadlines.set(session, "test", f"{number:02d}", START + timedelta(seconds=1))
    hand.also = lambda _session, _due: time.sleep(0.05)
    worker = threading.Thread(target=hand.passes, args=(3600,))
    worker.start()
    person, waited_s = make_engine(hand.engine.url.render_as_string(hide_password=False), busy_s=2.0), []
    while worker.is_alive():
        began_s = time.monotonic()
        with transaction(person) as session:
            deadlines.set(session, "later", "person", START + timedelta(days=1))
        waited_s.append(time.monotonic() - began_s)
    person.dispose()
    assert len(hand.done) == 60
    assert len(waited_s) > 5, waited_s


def test_a_deadline_set_anew_is_moved_and_a_cleared_one_is_not_done(hand: Hand) -> None:
    hand.set("moved", 10)
    hand.set("cleared", 10)
    hand.set("moved", 100)
    with transaction(hand.engine) as session:
        assert deadlines.waiting(session, "moved") == {"test": START + timedelta(seconds=100)}
        assert deadlines.clear(session, "test", "cleared")
        assert not deadlines.clear(session, "test", "cleared")
    hand.passes(50)
    assert hand.done == []
    hand.passes(51)
    assert hand.done == ["moved"]


def test_a_handler_that_sets_its_own_deadline_has_it_come_again(hand: Hand) -> None:
    def again(session: Session, due: Due) -> None:
        if len(hand.done) < 2:
            deadlines.set(session, "test", due.about, due.due_at + timedelta(seconds=60), {"n": 2})

    hand.also = again
    hand.set("ladder", 0)
    for _ in range(5):
        hand.passes(60)
    assert hand.done == ["ladder"] * 3
    assert hand.lag().waiting == 0


def test_what_fails_leaves_nothing_behind_is_tried_again_and_holds_nobody_up(hand: Hand) -> None:
    hand.fails = {"broken"}
    hand.also = lambda session, due: session.add(DeadlineBeat(node=f"x-{due.about}", at=START, jumped_s=0.0))
    hand.set("broken", 1)
    hand.set("well", 2)
    hand.passes(3)
    assert hand.done == ["well"]
    with reading(hand.engine) as session:
        assert session.get(DeadlineBeat, "x-broken") is None
    assert (hand.lag().failing, hand.lag().fault, hand.lag().late_s) == (1, "ValueError", 0.0)
    hand.passes(4)
    assert hand.lag().failing == 1, "it is not tried before its time"
    hand.fails = set()
    hand.passes(2)
    assert hand.done == ["well", "broken"]
    assert hand.lag().failing == 0


def test_a_kind_that_nobody_does_waits_and_is_named(hand: Hand) -> None:
    hand.set("orphan", 0, kind="of_a_newer_version")
    hand.passes(1)
    assert (hand.lag().waiting, hand.lag().fault) == (1, "LookupError")


@pytest.mark.live
def test_what_is_cleared_while_it_is_being_done_is_undone(postgres: Server) -> None:
    """On SQLite nobody writes meanwhile."""
    hand = Hand(make_engine(postgres.database()))
    hand.set("raced", 0)

    def somebody_clears(session: Session, due: Due) -> None:
        session.add(DeadlineBeat(node="effect", at=START, jumped_s=0.0))
        with transaction(hand.engine) as other:
            deadlines.clear(other, "test", "raced")

    hand.also = somebody_clears
    hand.passes(1)
    with reading(hand.engine) as session:
        assert session.get(DeadlineBeat, "effect") is None
        assert session.scalars(select(Deadline)).all() == []
    hand.engine.dispose()


def test_a_clock_that_is_put_back_repeats_nothing_and_is_told(hand: Hand) -> None:
    hand.set("done", 10)
    hand.set("to come", 100)
    hand.passes(20)
    hand.at -= timedelta(hours=1)
    hand.passes(30)
    assert hand.done == ["done"]
    assert hand.lag().jumped_s == pytest.approx(-3600)
    hand.passes(3600)
    assert hand.done == ["done"], "what is to come comes at its moment by the clock"
    hand.passes(100)
    assert hand.done == ["done", "to come"]


def test_a_clock_that_is_put_forward_makes_due_what_lies_before_it(hand: Hand) -> None:
    hand.set("soon", 100)
    hand.set("tomorrow", 86_400)
    hand.passes(0)
    hand.at += timedelta(hours=2)
    hand.passes(1)
    assert hand.done == ["soon"]
    assert hand.lag().jumped_s == pytest.approx(7200)


def test_the_lag_tells_what_waits_beyond_its_time_and_a_worker_that_does_not_look(hand: Hand) -> None:
    hand.set("due", 10)
    hand.passes(0)
    assert not hand.lag().is_late
    hand.at += timedelta(seconds=25)
    assert (hand.lag().overdue, hand.lag().late_s, hand.lag().is_late) == (1, 15.0, True)
    hand.steady_s += 25
    hand.worker.look()
    assert not hand.lag().is_late
    hand.at += timedelta(seconds=40)
    assert hand.lag().is_late, "nothing is overdue, and nobody looks"


@pytest.mark.timeout(120)
def test_two_workers_that_are_killed_at_their_commits_do_each_exactly_once_and_in_order(
    database_url: str, database: Engine, tmp_path: Path
) -> None:
    """kill -9 strikes between the handler's work and the commit, again and again."""
    count, dies, chance = 120, 0.08, random.Random(7)
    key = "id INTEGER PRIMARY KEY" if database_url.startswith("sqlite") else "id SERIAL PRIMARY KEY"
    with transaction(database) as session:
        session.execute(text(f"CREATE TABLE done ({key}, about TEXT, node TEXT)"))
    past = [START - timedelta(seconds=chance.uniform(0, 3600)) for _ in range(count)]
    with transaction(database) as session:
        for n, due_at in enumerate(past):
            deadlines.set(session, "test", str(n), due_at)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.hotline.deadline_worker"])
    alive: dict[str, multiprocessing.process.BaseProcess] = {}
    kills, seed, until = 0, 0, time.monotonic() + 100
    try:
        while True:
            with reading(database) as session:
                left = deadlines.lag(session, datetime.now(UTC)).waiting
            if not left:
                break
            assert time.monotonic() < until, f"{left} of {count} were not done"
            for node in ("n1", "n2"):
                if node in alive and alive[node].exitcode == -signal.SIGKILL:
                    kills += 1
                    del alive[node]
                if node not in alive:
                    seed += 1
                    words = (database_url, node, str(tmp_path), seed, dies)
                    alive[node] = context.Process(target=deadline_worker.run, args=words)
                    alive[node].start()
            time.sleep(0.02)
    finally:
        (tmp_path / "stop").touch()
        for process in alive.values():
            process.join(20)
    with reading(database) as session:
        done = [int(about) for (about,) in session.execute(text("SELECT about FROM done ORDER BY id"))]
        nodes = {node for (node,) in session.execute(text("SELECT DISTINCT node FROM done"))}
    tries = sum(len(file.read_text().splitlines()) for file in tmp_path.glob("tries-*"))
    assert [past[n] for n in done] == sorted(past)
    assert sorted(done) == list(range(count))
    assert kills >= 3
    assert tries >= count + kills - 2
    assert nodes == {"n1", "n2"} or database_url.startswith("sqlite")
