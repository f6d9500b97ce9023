"""How soon a ringing phone's caller is on its operator's page, with many desks open at once.

The panel, its live stream and Redis run as in production, over a database of their own. This process writes the facts that
`calls` writes when a phone is to ring; another (`tests.bench.desk_pages`) is the operators' browsers: each follows the stream,
and on an event about its own operator asks for the card as the page does. The time runs from the fact being handed to the
record until the card, with that caller in it, has arrived.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask import Flask

from front_door import places, processes, web
from hotline import database
from hotline import events as e
from hotline.events import now
from hotline.installation import read
from hotline.journal import Journal
from hotline.operators import Operator, Role
from hotline.record import Record, apply_all
from hotline.settings import PROJECT, Settings, settings
from softphone_panel import people_signed_in
from tests.bench import processor
from tests.bench.report import percentile

PANEL_PORT, LIVE_PORT = 5423, 5424
UP_WITHIN_S = 60.0
SETTLE_S = 3.0
MUST_P99_MS = 300.0
EVENTS_A_RING = 2
"""The phone's dialling and the operator's new state: two messages to every browser."""


@dataclass(frozen=True)
class Pushed:
    """Calls that rang at desks, and how soon they were on their pages."""

    desks: int
    events_a_second: float
    """On the bus, each to every desk; infinite where one call rings at all desks at once."""
    rings: int
    shown: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    processors_busy: float
    """How many processors the machine used meanwhile, the browsers included."""
    cpu_percent: dict[str, float]
    """Of one processor, for the product's processes."""

    def as_text(self) -> str:
        how = (
            "one RED call at all desks at once"
            if self.events_a_second == float("inf")
            else f"{self.events_a_second:g} events/s"
        )
        used = ", ".join(f"{name} {share:.0f} %" for name, share in self.cpu_percent.items())
        return (
            f"ring → caller on the page, {self.desks} desks, {how}: p50 {self.p50_ms:.0f}, p99 {self.p99_ms:.0f}, "
            f"longest {self.longest_ms:.0f} ms; {self.shown} of {self.rings} shown; "
            f"{self.processors_busy:.2f} processors busy; of one processor: {used}"
        )


def measure(desks: int, rates: tuple[float, ...], for_s: float, *, red: bool = True) -> list[Pushed]:
    """Start the panel with its stream, open the desks, ring them at each rate; then one RED call at all of them."""
    with tempfile.TemporaryDirectory(prefix="bench-1022-") as name, _running(Path(name)) as pids:
        people = _people(desks)
        cookies = {operator: _cookie(operator) for operator in people}
        found = []
        with _pages(cookies) as pages:
            for rate in rates:
                found.append(_ring(pages, people, rate, for_s, pids))
            if red:
                found.append(_ring_all(pages, people, pids))
        return found


# --- the product ------------------------------------------------------------------------------------------


@contextmanager
def _running(folder: Path) -> Iterator[dict[str, int]]:
    before = dict(os.environ)
    os.environ.update(
        HOTLINE_VAR=str(folder / "var"), HOTLINE_RECORDINGS=str(folder / "recordings"),
        HOTLINE_INSTALLATION=str(places.HOUSE / "installation/demo.toml"), HOTLINE_PANEL_PORT=str(PANEL_PORT),
        HOTLINE_LIVE_PORT=str(LIVE_PORT),
    )  # fmt: skip
    _forget()
    given = settings()
    (given.var / "run").mkdir(parents=True)
    database.migrate()
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        words = {"redis": list(processes.redis(given).command)}
        words |= {name: web.words(name, given) for name in ("panel", "live")}
        with (folder / "log").open("wb") as log:
            for name, command in words.items():
                children[name] = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)
        _wait_for(given, folder / "log")
        yield {name: child.pid for name, child in children.items()}
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait(10)
        os.environ.clear()
        os.environ.update(before)
        _forget()


def _forget() -> None:
    settings.cache_clear()
    database.engine.cache_clear()


def _wait_for(given: Settings, log: Path) -> None:
    import socket

    until = time.monotonic() + UP_WITHIN_S
    for port in (given.panel_port, given.live_port):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((given.panel_host, port)) == 0:
                    break
            if time.monotonic() > until:
                raise TimeoutError(f"The panel did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)


def _people(desks: int) -> list[int]:
    """The operators, by id."""
    with database.transaction() as session:
        rows = [
            Operator(username=f"desk{n}", full_name=f"Bàn {n}", role=Role.OPERATOR, password_hash="-")
            for n in range(desks)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def _cookie(operator_id: int) -> str:
    """A session of that operator, as signing in makes it."""
    app = Flask("bench")
    people_signed_in.wire(app)
    interface = app.session_interface
    signer = interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # Flask's own, of cookies
    return str(signer.dumps({"_user_id": f"{operator_id}:0", "_fresh": True, "_permanent": True}))


# --- the load -----------------------------------------------------------------------------------------------


@contextmanager
def _pages(cookies: dict[int, str]) -> Iterator[subprocess.Popen[str]]:
    """The browsers, when all of them follow the stream."""
    told = json.dumps({"panel": PANEL_PORT, "live": LIVE_PORT, "cookies": cookies})
    pages = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.desk_pages"],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert pages.stdin is not None
    assert pages.stdout is not None
    try:
        pages.stdin.write(told + "\n")
        pages.stdin.flush()
        if pages.stdout.readline().strip() != "open":
            raise TimeoutError("The desks' pages could not follow the stream.")
        yield pages
    finally:
        pages.kill()
        pages.wait()


def _calls(count: int, acuity: str) -> list[str]:
    """Callers in the line, each with an earlier ticket; their call ids."""
    number = read(settings().installation).hotlines[0].key
    made, facts = [], []
    began = now() - timedelta(seconds=30)
    tag = int(time.time() * 1000) % 10_000_000
    path = tuple(
        {"question": q, "key": "2", "said": "không", "at": began.isoformat()} for q in ("ROOT", "A1")
    )
    for n in range(count):
        caller = f"+849{(tag + n) % 100_000_000:08}"
        for days in (1, 0):
            at = began - timedelta(days=days)
            call_id = f"n1-{int(at.timestamp())}.{tag}{n}"
            facts += [
                e.CallArrived(at=at, call_id=call_id, hotline=number, node="n1", caller_number=caller),
                e.CallTriaged(
                    at=at, call_id=call_id, hotline=number, acuity=acuity, branch="medical", reason="Sốt", language="vi",
                    path=path, protocol_id="", protocol_version="", protocol_digest="",
                ),
                e.CallQueued(at=at, call_id=call_id, hotline=number, acuity=acuity),
            ]  # fmt: skip
            if days:
                facts.append(e.CallEnded(at=at, call_id=call_id, reason="served"))
            else:
                made.append(call_id)
    for start in range(0, len(facts), 200):
        with database.transaction() as session:
            apply_all(session, facts[start : start + 200], "calls")
    time.sleep(SETTLE_S)  # the stream is quiet before the clock runs
    return made


def _facts(call_id: str, operator_id: int) -> tuple[e.Event, e.Event]:
    """What `calls` tells when it rings a desk, in its order."""
    changed = e.OperatorChanged(operator_id=operator_id, state="ringing", phone="101", call_id=call_id)
    dialled = e.LegDialled(
        call_id=call_id, leg_id=f"op-{call_id}-{operator_id}", node="n1", role="operator", endpoint="PJSIP/101",
        operator_id=operator_id,
    )  # fmt: skip
    return changed, dialled


def _record() -> Record:
    given = settings()
    return Record(database.make_engine(given.database), Journal(given.journal, "bench"), "calls", 0.5)


def _ring(
    pages: subprocess.Popen[str], people: list[int], rate: float, for_s: float, pids: dict[str, int]
) -> Pushed:
    rings = max(round(rate * for_s / EVENTS_A_RING), 20)
    calls = _calls(rings, "YELLOW")
    record = _record()
    began_at: dict[tuple[str, int], float] = {}
    with _counted(pids) as counted:
        begin = time.monotonic()
        for n, call_id in enumerate(calls):
            time.sleep(max(begin + n * EVENTS_A_RING / rate - time.monotonic(), 0))
            operator_id = people[n * 37 % len(people)]
            began_at[call_id, operator_id] = time.monotonic()
            for fact in _facts(call_id, operator_id):
                record.tell(fact, at_once=isinstance(fact, e.LegDialled))
        shown = _shown(pages, len(began_at))
    record.close()
    return _pushed(len(people), rate, began_at, shown, counted)


def _ring_all(pages: subprocess.Popen[str], people: list[int], pids: dict[str, int]) -> Pushed:
    call_id = _calls(1, "RED")[0]
    record = _record()
    began_at: dict[tuple[str, int], float] = {}
    with _counted(pids) as counted:
        for operator_id in people:
            began_at[call_id, operator_id] = time.monotonic()
            for fact in _facts(call_id, operator_id):
                record.tell(fact, at_once=isinstance(fact, e.LegDialled))
        shown = _shown(pages, len(began_at))
    record.close()
    return _pushed(len(people), float("inf"), began_at, shown, counted)


def _shown(pages: subprocess.Popen[str], wanted: int) -> dict[tuple[str, int], float]:
    """When each card had arrived; what has not within 5 s of the last is missing."""
    assert pages.stdin is not None
    assert pages.stdout is not None
    time.sleep(SETTLE_S)
    pages.stdin.write(f"{wanted}\n")
    pages.stdin.flush()
    told = json.loads(pages.stdout.readline())
    return {(call_id, operator_id): at for call_id, operator_id, at in told}


@contextmanager
def _counted(pids: dict[str, int]) -> Iterator[dict[str, float]]:
    """Processor seconds a second, by process, and of the machine under ""."""
    found: dict[str, float] = {}
    families = {name: _family(pid) for name, pid in pids.items()}
    before = {name: processor.used_s(family) for name, family in families.items()}
    machine, begin = processor.machine_used_s(), time.monotonic()
    yield found
    took = time.monotonic() - begin
    for name, family in families.items():
        found[name] = (processor.used_s(family) - before[name]) / took
    found[""] = (processor.machine_used_s() - machine) / took


def _family(pid: int) -> list[int]:
    """A process and its children: gunicorn's workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def _pushed(
    desks: int,
    rate: float,
    began_at: dict[tuple[str, int], float],
    shown: dict[tuple[str, int], float],
    counted: dict[str, float],
) -> Pushed:
    took = [1000 * (shown[ring] - began) for ring, began in began_at.items() if ring in shown]
    return Pushed(
        desks=desks, events_a_second=rate, rings=len(began_at), shown=len(took), p50_ms=percentile(took, 0.5),
        p99_ms=percentile(took, 0.99), longest_ms=max(took, default=float("nan")), processors_busy=counted.pop(""),
        cpu_percent={name: 100 * share for name, share in counted.items()},
    )  # fmt: skip
