"""One caller, their operator and a station of two numbers, on real ARI wire without sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from hotline import events as e
from hotline.directory import Directory, Station
from hotline.facts import apply_all
from hotline.tables import Base
from hotline.transfers import TransferState, TryState
from hotline.transfers import TransferState as S
from ivr import adoption
from ivr.adoption import running
from ivr.caller import Caller
from ivr.desk import Desk
from tests.ivr.stage import Stage, played

CALL = "n1-1.1"
STATION = Station("st", "binhphuoc", "Trạm", "district", ("689",), ("0271001", "0271002"))


@dataclass
class Scene:
    """One caller, their operator, and a directory with one station of two numbers."""

    s: Stage
    desk: Desk
    visit: Caller
    operator: str

    @classmethod
    async def set_up(cls, s: Stage, acuity: str = "YELLOW", phone: str = "101") -> Scene:
        s.floor.directory = Directory((STATION,), {})
        desk = s.seat(1, phone)
        await s.asterisk.caller(CALL, acuity)
        (operator,) = await s.rings(CALL)
        await s.asterisk.answer(operator)
        await s.until(lambda: s.told.of(e.CallAnswered), "answered")
        visit = s.floor.visits[CALL]
        assert isinstance(visit, Caller)
        return cls(s, desk, visit, operator)

    @property
    def state(self) -> TransferState | None:
        visit = self.s.floor.visits.get(CALL)
        assert visit is None or isinstance(visit, Caller)
        return visit.transfer.state if visit is not None and visit.transfer is not None else None

    def stations(self) -> list[str]:
        return [i for i in self.s.asterisk.channels if i.startswith("chain-")]

    async def ask(self) -> str:
        """The operator asks for the station; the leg that rings."""
        await self.visit.hand_over(self.desk, "st", {})
        return await self.rung()

    async def rung(self) -> str:
        def ringing() -> str:
            legs = [i for i in self.stations() if self.s.asterisk.channels[i].state == "Ringing"]
            return legs[-1] if legs else ""

        return str(await self.s.until(ringing, "a station rings"))

    async def press(self, leg: str, key: str = "1") -> None:
        if self.s.asterisk.channels[leg].state != "Up":
            await self.s.asterisk.answer(leg)
            await self.s.until(lambda: self._briefed(leg), "briefed")
        await self.s.asterisk.key(leg, key)

    def _briefed(self, leg: str) -> bool:
        tried = self.s.told.of(e.StationTried)
        return any(t.leg_id == leg and t.state == TryState.BRIEFING for t in tried)

    async def wish(self, *wishes: str) -> None:
        from hotline.transfers import Happening

        transfer = self.visit.transfer
        assert transfer is not None
        for wish in wishes:
            transfer.wish(Happening(wish))
            await asyncio.sleep(0.05)

    async def reach(self, state: TransferState) -> str:
        """Go there as people would; the station's leg, if one rings or talks."""
        leg = await self.ask()
        if state in (S.PRIVATE, S.BACK, S.TOGETHER, S.HANDED_OVER):
            await self.press(leg)
            await self.until_state(S.PRIVATE)
        steps: dict[TransferState, Callable[[], Any]] = {
            S.RINGING: lambda: self.wish(),
            S.RINGING_BACK: lambda: self.wish("toggle"),
            S.PRIVATE: lambda: self.wish(),
            S.BACK: lambda: self.wish("toggle"),
            S.TOGETHER: lambda: self.wish("merge"),
            S.HANDED_OVER: lambda: self.wish("leave"),
            S.BLIND: lambda: self.wish("leave"),
            S.DIRECT: lambda: self.s.asterisk.gone(self.operator, 44),
        }
        await steps[state]()
        await self.until_state(state)
        return leg

    async def until_state(self, state: TransferState) -> None:
        await self.s.until(lambda: self.state is state, f"{state}, not {self.state}")

    def heard_by_caller(self) -> set[str]:
        """operator, station and music: what the caller hears, as Asterisk's bridges and music have it."""
        asterisk = self.s.asterisk
        if CALL in asterisk.music:
            return {"music"}
        with_caller = asterisk.bridges.get(f"call-{CALL}", set()) - {CALL} - asterisk.music
        return {"operator" if i.startswith("op-") else "station" for i in with_caller}

    async def until_caller_hears(self, *whom: str) -> None:
        await self.s.until(
            lambda: self.heard_by_caller() == set(whom), f"{whom}, not {self.heard_by_caller()}"
        )

    async def killed(self, monkeypatch: pytest.MonkeyPatch, *, with_database: bool) -> None:
        """Another process takes over from what the facts and Asterisk say."""
        rows = _rows(self.s.told.facts) if with_database else {}
        monkeypatch.setattr(adoption, "running", lambda node: rows)
        await self.s.next_process()
        await self.s.until(lambda: self.s.floor.ari.connected, "connected again")
        visit = self.s.floor.visits.get(CALL)
        assert isinstance(visit, Caller)
        self.visit = visit


def _rows(facts: list[e.Event]) -> dict[str, adoption.Running]:
    """What the database would hold of these facts, read as a new process reads it."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        apply_all(session, facts)
        session.commit()
    found = running("n1", engine)
    engine.dispose()
    return found


def played_scene(
    folder: Path, acts: Callable[[Scene], Any], acuity: str = "YELLOW", phone: str = "101"
) -> None:
    async def scene(s: Stage) -> None:
        await acts(await Scene.set_up(s, acuity, phone))

    played(folder, scene)


# -- every state and every fault --
