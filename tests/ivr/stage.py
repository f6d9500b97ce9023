"""The stage of the call control's tests: the real objects on a real ARI wire, a fake Asterisk behind it, and a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from hotline import events as e
from hotline.installation import read
from hotline.operators import Operator
from hotline.record import Record
from hotline.settings import PROJECT
from ivr import adoption, area_question, planning, reconcile
from ivr.area_question import Earlier
from ivr.ari import Ari
from ivr.call_control import CallControl
from ivr.desk import Desk, Desks
from ivr.floor import Floor
from ivr.recall_dialler import RecallDialler
from tests.ivr.fake_ari import FakeAri

SOUNDS = ("please-hold", "message-RED", "chain-announcement", "chain-already-taken", "callback-confirmed",
          "channels-full", "raised-to-red", "operator-lost", "no-operator", "callback-offer", "ask-area", "confirm-area",
          "comfort", "position", "num-1", "num-2", "closed")  # fmt: skip


@dataclass
class Told:
    """In place of the record: keeps the facts."""

    facts: list[e.Event] = field(default_factory=list)
    spools: bool = True
    waits: bool = False
    """Whether some of them wait in the journal."""

    def tell(self, event: e.Event, at_once: bool = False) -> Future[bool]:
        self.facts.append(event)
        done: Future[bool] = Future()
        done.set_result(True)
        return done

    def note(self, event: e.Event) -> None:
        self.tell(event)

    def of(self, kind: type[e.Event]) -> list[Any]:
        return [fact for fact in self.facts if type(fact) is kind]


@dataclass
class Stage:
    """The call control and its fake Asterisk, with a clock that a test moves."""

    asterisk: FakeAri
    floor: Floor
    told: Told
    control: CallControl
    recalls: RecallDialler
    ahead_s: float = 0.0

    def seat(self, operator_id: int, phone: str, **more: Any) -> Desk:
        operator = Operator(
            id=operator_id, username=f"op{operator_id}", hotlines=more.get("hotlines", []),
            skills=more.get("skills", []),
        )  # fmt: skip
        desk = self.floor.desks.learn(operator)
        self.floor.desks.sign_in(desk, phone, online=True, second_phone=more.get("second_phone", ""))
        return desk

    async def until(self, true: Callable[[], Any], what: str) -> Any:
        for _ in range(2000):
            if found := true():
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"never: {what}; {self.asterisk.said[-20:]}; {self.told.facts[-5:]}")

    async def next_process(self) -> None:
        """The process dies and the next one begins: it connects only after all that was known here is gone."""
        self.asterisk.shut = True
        await self.asterisk.cut()
        await self.until(lambda: not self.floor.ari.connected, "cut")
        self.floor.visits.clear()
        self.asterisk.shut = False

    async def rings(self, call_id: str, count: int = 1) -> list[str]:
        """The legs of a call once so many ring."""

        def ringing() -> list[str]:
            states = {i: self.asterisk.channels[i].state for i in self.asterisk.legs(call_id)}
            legs = [i for i, state in states.items() if state == "Ringing"]
            return legs if len(legs) == count else []

        return list(await self.until(ringing, f"{count} phones ring for {call_id}"))

    async def later(self, seconds: float) -> None:
        """Time goes on."""
        self.ahead_s += seconds
        for visit in list(self.floor.visits.values()):
            visit.tick()
        await asyncio.sleep(0.1)
        await self.settled()

    async def settled(self) -> None:
        """Returns once nothing more is asked of Asterisk and told, on a slow machine too."""
        before: tuple[int, int] | None = None
        while (now := (len(self.asterisk.said), len(self.told.facts))) != before:
            before = now
            await asyncio.sleep(0.02)


@asynccontextmanager
async def stage(folder: Path, asterisk: FakeAri, desks: Desks | None = None) -> AsyncIterator[Stage]:
    told = Told()
    prompts = folder / "prompts"
    for name in SOUNDS:
        (prompts / "vi" / "all").mkdir(parents=True, exist_ok=True)
        (prompts / "vi" / "all" / f"{name}.alaw").touch()
    (folder / "run").mkdir(exist_ok=True)
    installation = replace(read(PROJECT / "installation" / "demo.toml"), ring_s=12, wrap_up_s=5)
    async with Ari(asterisk.port, "hotline", "x", "hotline") as ari:
        made = Stage.__new__(Stage)
        made.ahead_s = 0.0
        floor = Floor(
            ari=ari, record=cast(Record, told), installation=installation, prompts=prompts, node="n1",
            desks=desks or Desks(told.note, clock=lambda: 1000.0 + made.ahead_s, wrap_up_s=5),
            clock=lambda: 1000.0 + made.ahead_s,
        )  # fmt: skip
        made.recalls = RecallDialler(floor, folder)
        control = CallControl(floor, folder, made.recalls)
        made.asterisk, made.floor, made.told, made.control = asterisk, floor, told, control
        listening = asyncio.create_task(ari.run(control.reconcile, control.heard))
        try:
            await made.until(lambda: ari.connected, "connected")
            yield made
        finally:
            # Nothing goes on behind the next test's back: what was asked of Asterisk is given up before the session closes.
            if floor._tasks:
                await asyncio.wait(floor._tasks, timeout=0.2)
            begun: set[asyncio.Task[Any]] = {listening, *floor._tasks}
            while begun:
                for task in begun:
                    task.cancel()
                # Again, when wait_for met the end of what it waited for and its cancellation in one moment.
                _, begun = await asyncio.wait(begun, timeout=0.5)


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "operators", list)
    monkeypatch.setattr(reconcile, "open_calls", lambda node: {})
    monkeypatch.setattr(area_question, "earlier", lambda *who: Earlier())
    monkeypatch.setattr(adoption, "running", lambda node: {})
    monkeypatch.setattr(planning, "known", lambda call_id: planning.Known())


def played(folder: Path, scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk, stage(folder, asterisk) as set_up:
            await scene(set_up)
        await asyncio.sleep(0.05)  # transports say their goodbyes

    asyncio.run(asyncio.wait_for(whole(), 60))
