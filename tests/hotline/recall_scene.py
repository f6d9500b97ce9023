"""Citizens who are lost, ring again, ask and are served; operators who claim; two workers that dial and are killed; and what came of it."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import signal
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from hotline import claims
from hotline import events as e
from hotline.acuity import Acuity
from hotline.database import reading, transaction
from hotline.facts import apply_all
from hotline.recalls import AGAIN_AFTER, OWED, TRIES, Recall, RecallState
from tests.hotline.recall_worker import Clock, acts, work

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
PEOPLE = 150
OPERATORS = 5
KILL_EVERY = 250
"""Events from one kill of a worker to the next, beside those that strike them in the middle of a try."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.hotline.recall_worker"])
NETWORK = {"busy", "no_answer", "declined", "failed", "unavailable"}


@dataclass
class Scene:
    """Citizens who are lost, ring again, ask and are served; operators who claim; and two workers that dial."""

    url: str
    folder: Path
    engine: Engine
    rng: random.Random = field(default_factory=lambda: random.Random(1022))
    workers: dict[str, ForkServerProcess] = field(default_factory=dict)
    waiting: list[e.Event] = field(default_factory=list)
    at: datetime = START
    calls: int = 0
    closed_ns: dict[str, int] = field(default_factory=dict)
    """When the test itself had seen that nothing was owed any more for a recall."""
    by_a_person: set[str] = field(default_factory=set)
    """Recalls whose time was set by somebody's word."""
    served_at: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """By number: when its owner spoke with a human."""
    finished: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    lost_nodes: set[str] = field(default_factory=set)
    """Machines that never came back: who talked there was cut off."""
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.clock = Clock(self.folder)
        self.clock.set(self.at)

    # -- the workers --

    def start(self, node: str) -> None:
        child = FORKS.Process(target=work, args=(self.url, str(self.folder), node, self.rng.randrange(10**6)))
        child.start()
        self.workers[node] = child

    def until_up(self) -> None:
        end = time.monotonic() + 30
        while not self.are_up():
            assert time.monotonic() < end, self.log()
            time.sleep(0.005)

    def are_up(self) -> bool:
        """A dead worker is started again at once; it looks at what it left behind before time goes on."""
        up = True
        for node, child in list(self.workers.items()):
            if child.exitcode is not None:
                assert child.exitcode == -signal.SIGKILL, self.log()
                self.counted["died"] += 1
                self.start(node)
                up = False
            up = up and (self.folder / f"up-{node}-{child.pid}").exists()
        return up

    def log(self) -> str:
        path = self.folder / "workers.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def kill(self) -> None:
        self.write()
        node = self.rng.choice(sorted(self.workers))
        if self.workers[node].exitcode is not None:
            return
        self.workers[node].kill()
        self.workers[node].join(5)
        self.counted["killed"] += 1
        if self.rng.random() < 0.1:  # the whole machine, for good: another takes its place
            self.lost_nodes.add(node)
            del self.workers[node]
            node = f"m{len(self.lost_nodes)}"
        self.start(node)

    def stop(self) -> None:
        for child in self.workers.values():
            child.kill()
            child.join(5)

    # -- what happens --

    def tell(self, *facts: e.Event) -> None:
        """As the record does: several in one transaction."""
        self.waiting += facts
        if len(self.waiting) >= 12:
            self.write()

    def write(self) -> None:
        """In one transaction, once more when another writer was in the way."""
        facts, self.waiting = self.waiting, []
        for left in reversed(range(20)):
            try:
                with transaction(self.engine) as session:
                    apply_all(session, facts, "calls")
                self.clock.happened()
                return
            except SQLAlchemyError:
                if not left:
                    raise

    def number(self) -> str:
        return f"+8491{self.rng.randrange(PEOPLE):07}"

    def call(self, number: str, at: datetime | None = None) -> e.CallArrived:
        self.calls += 1
        call_id = f"n1-{int(START.timestamp())}.{self.calls}"
        return e.CallArrived(
            at=at or self.at, call_id=call_id, hotline="binhphuoc", node="n1", caller_number=number
        )

    def due(self, call: e.CallArrived, why: str, at: datetime) -> e.RecallDue:
        acuity = self.rng.choice(list(Acuity))
        return e.RecallDue(
            at=at, call_id=call.call_id, hotline="binhphuoc", number=call.caller_number, acuity=acuity, why=why,
            due_at=at + timedelta(seconds=acuity.callback_within_s),
        )  # fmt: skip

    def lost(self) -> None:
        call = self.call(self.number())
        owed = self.due(call, "lost", self.at)
        self.tell(call, owed, e.CallEnded(at=self.at, call_id=call.call_id, reason="abandoned"))
        if self.rng.random() < 0.05:  # told by somebody else as well
            self.tell(replace(owed, id=uuid.uuid4().hex))

    def lost_and_told_late(self) -> None:
        at = self.at - timedelta(seconds=self.rng.randrange(600))
        call = self.call(self.number(), at)
        self.tell(call, self.due(call, "switch_lost", at))

    def asks(self) -> None:
        call = self.call(self.number())
        self.tell(call, self.due(call, "asked", self.at))

    def rings_again(self) -> None:
        """Straight to the line with an open contact: what was owed is cancelled, and the call itself may be lost."""
        row = self.any_owed(RecallState.DUE, RecallState.DIALLING)
        if row is None:
            return
        call = self.call(row.number)
        triaged = e.CallTriaged(
            at=self.at, call_id=call.call_id, hotline="binhphuoc", acuity="RED", branch="medical", reason="", language="vi",
            path=(), protocol_id="", protocol_version="", protocol_digest="", continues=row.ticket_id,
        )  # fmt: skip
        self.tell(call, triaged)
        self.cancelled.add(row.id)
        self.closed(row.person)
        if self.rng.random() < 0.5:
            self.tell(self.due(call, "lost", self.at))
        else:
            self.answered(call)

    def is_served(self) -> None:
        call = self.call(self.number())
        self.tell(call)
        self.answered(call)

    def answered(self, call: e.CallArrived) -> None:
        number = call.caller_number
        self.tell(
            e.CallAnswered(
                at=self.at,
                call_id=call.call_id,
                leg_id=f"op-{call.call_id}",
                answered_by="lan",
                settles=number,
            ),
            e.CallEnded(at=self.at, call_id=call.call_id, reason="served"),
        )
        self.served_at[number].append(self.at)
        self.closed(f"binhphuoc {number}")

    def any_owed(self, *states: RecallState) -> Recall | None:
        self.write()
        chosen = select(Recall).where(Recall.state.in_(states)).order_by(func.random()).limit(1)
        with reading(self.engine) as session:
            return session.scalars(chosen).first()

    def claims(self) -> None:
        row = self.any_owed(RecallState.DUE, RecallState.FAILED)
        if row is None:
            return
        operator = self.rng.randrange(1, OPERATORS + 1)
        with transaction(self.engine) as session:
            got = claims.claim(session, row, operator, self.at)
        then = self.rng.random()
        if not got:
            return
        self.by_a_person.add(row.id)
        self.clock.happened()
        if then < 0.3:
            self.now(row)
        elif then < 0.5:
            with transaction(self.engine) as session:
                if claims.finish(session, row.id, operator):
                    self.finished.add(row.id)
            self.closed(row.person)
        elif then < 0.7:
            with transaction(self.engine) as session:
                claims.let_go(session, row.id, operator, self.at)

    def now(self, row: Recall | None = None) -> None:
        row = row or self.any_owed(RecallState.DUE, RecallState.DIALLING, RecallState.FAILED)
        if row is not None:
            self.by_a_person.add(row.id)
            self.tell(
                e.RecallChanged(
                    at=self.at, recall_id=row.id, call_id=row.call_id, state="due", next_try_at=self.at
                )
            )

    def withdrawn(self) -> None:
        row = self.any_owed(RecallState.DUE)
        if row is not None:
            self.tell(e.RecallChanged(at=self.at, recall_id=row.id, call_id=row.call_id, state="cancelled"))
            self.cancelled.add(row.id)
            self.closed(row.person)

    def time_goes_on(self) -> None:
        self.write()
        if not self.are_up():
            return
        self.at += timedelta(seconds=self.rng.choice((1, 5, 20, 60, 150)))
        self.clock.set(self.at)

    def closed(self, person: str) -> None:
        """Remember what is owed no more, as this process sees it now."""
        self.write()
        with reading(self.engine) as session:
            over = select(Recall.id).where(Recall.person == person, Recall.state.not_in((*OWED, "failed")))
            for recall_id in session.scalars(over):
                self.closed_ns.setdefault(recall_id, time.monotonic_ns())

    def play(self, events: int) -> None:
        kinds: dict[Callable[[], None], int] = {
            self.lost: 30, self.lost_and_told_late: 8, self.asks: 8, self.rings_again: 6, self.is_served: 6,
            self.claims: 12, self.now: 4, self.withdrawn: 2, self.time_goes_on: 24,
        }  # fmt: skip
        told = 0
        while told + 2 * self.dialled() < events:
            for _ in range(50):
                happens = self.rng.choices(list(kinds), list(kinds.values()))[0]
                happens()
                self.counted[happens.__name__] += 1
                told += 1
                if told % KILL_EVERY == 0:
                    self.kill()
        self.counted["told"], self.counted["dialled"] = told, self.dialled()

    def dialled(self) -> int:
        path = self.folder / "acts"
        return path.read_bytes().count(b'"what": "dialled"') if path.exists() else 0

    def until_all_is_settled(self) -> None:
        """Nothing more happens but time: from one next try to the next, until nothing is owed."""
        end = time.monotonic() + 150
        self.write()
        while True:
            self.until_up()
            with reading(
                self.engine
            ) as session:  # in one statement: what is due now may be dialled in the next moment
                owed = session.execute(
                    select(Recall.state, Recall.next_try_at).where(Recall.state.in_(OWED))
                ).all()
            if not owed:
                return
            rung = [row for row in owed if row.state == "dialling"]
            soonest = min((row.next_try_at for row in owed if row.state == "due"), default=None)
            assert time.monotonic() < end, f"{soonest} is still to come\n{self.log()}"
            if rung:  # by a machine that never comes back
                self.at += timedelta(seconds=60)
                self.clock.set(self.at)
            elif soonest is not None and soonest > self.at and self.clock.set(soonest, self._nobody_rung):
                self.at = soonest
            time.sleep(0.01)

    def _nobody_rung(self) -> bool:
        with reading(self.engine) as session:
            return not session.scalar(select(func.count()).where(Recall.state == "dialling"))

    # -- what came of it --

    def faults(self) -> list[str]:
        done = [act for act in acts(self.folder) if act["what"] == "dialled"]
        told = {act["dial_id"] for act in acts(self.folder) if act["what"] == "told"}
        telling = {a["dial_id"]: a["telling_ns"] for a in acts(self.folder) if a["what"] == "telling"}
        with reading(self.engine) as session:
            rows = {row.id: row for row in session.scalars(select(Recall))}
        return [
            *self._doubles(done, told, telling, rows),
            *self._too_soon(done, told, rows),
            *self._missed(done, rows),
        ]

    def _doubles(
        self, done: list[dict[str, Any]], told: set[str], telling: dict[str, int], rows: dict[str, Recall]
    ) -> list[str]:
        found = []
        of_recall, of_person = defaultdict(list), defaultdict(list)
        for act in done:
            of_recall[act["recall"]].append(act)
            of_person[act["person"]].append(act)
            closed_ns = self.closed_ns.get(act["recall"])
            if closed_ns is not None and act["begun_ns"] > closed_ns:
                found.append(f"dialled although nothing was owed: {act}")
        for recall_id, mine in of_recall.items():
            for n, act in enumerate(mine[:-1]):
                cut = act["dial_id"].partition("-")[0] in self.lost_nodes and act["dial_id"] not in told
                if act["outcome"] == "reached" and not cut:
                    found.append(f"dialled again after being reached: {recall_id} {mine[n : n + 2]}")
            rang = [act for act in mine if act["outcome"] != "not_dialled" and act["dial_id"] in told]
            if len(rang) > TRIES and recall_id not in self.by_a_person:
                found.append(f"dialled {len(rang)} times: {recall_id} {rows[recall_id].state}")
        for person, mine in of_person.items():
            spans = sorted((a["taken_ns"], telling.get(a["dial_id"], a["taken_ns"])) for a in mine)
            for (_, ends), (begins, _) in itertools.pairwise(spans):
                if begins < ends:
                    found.append(f"rung twice at once: {person}")
        return found

    def _too_soon(self, done: list[dict[str, Any]], told: set[str], rows: dict[str, Recall]) -> list[str]:
        found, last = [], dict[str, dict[str, Any]]()
        for act in done:
            recall_id = act["recall"]
            before = last.get(recall_id)
            if before is not None and before["outcome"] in NETWORK and recall_id not in self.by_a_person:
                least = min(AGAIN_AFTER[Acuity(rows[recall_id].acuity)]).total_seconds()
                if act["at"] - before["at"] < least and before["told"]:
                    found.append(f"again after {act['at'] - before['at']:.0f} s: {recall_id}")
            last[recall_id] = act | {
                "told": act["dial_id"] in told
            }  # else it was interrupted, and is made up for soon
        return found

    def _missed(self, done: list[dict[str, Any]], rows: dict[str, Recall]) -> list[str]:
        found = []
        network: Counter[str] = Counter()
        reached = set()
        for act in done:
            network[act["recall"]] += act["outcome"] in NETWORK | {"operator_left"}
            if act["outcome"] == "reached":
                reached.add((act["person"], act["at"]))
        for row in rows.values():
            goes_on = (
                r.state != "merged" and r.made_at >= row.made_at
                for r in rows.values()
                if r.person == row.person
            )
            if row.state == "merged" and not any(goes_on):
                found.append(f"went on in nothing: {row.id}")
            if row.state in OWED:
                found.append(f"still owed: {row.id}")
            if row.state == "failed" and network[row.id] < TRIES:
                found.append(f"given up after {network[row.id]} tries: {row.id}")
            if row.state == "done" and row.id not in self.finished:
                spoke = any(at >= row.made_at for at in self.served_at[row.number])
                spoke = spoke or any(
                    p == row.person and datetime.fromtimestamp(at, UTC) >= row.made_at for p, at in reached
                )
                if not spoke:
                    found.append(f"taken for served, and nobody spoke with them: {row.id}")
            if row.state == "cancelled" and row.id not in self.cancelled:
                by_redial = any(self.rows_of(rows, row, lambda r: r.id in self.cancelled))
                if not by_redial:
                    found.append(f"cancelled by nobody: {row.id}")
        return found

    @staticmethod
    def rows_of(rows: dict[str, Recall], row: Recall, true: Callable[[Recall], bool]) -> list[bool]:
        return [true(other) for other in rows.values() if other.person == row.person]
