"""The channels kept for emergencies, on the real wire without sound: who makes room, in which order, and who never does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hotline import events as e
from hotline.calls import EndReason
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name

CHANNELS = 30


class Trunk:
    """A carrier with thirty channels: whoever finds none free is refused and does not reach the product."""

    def __init__(self, s: Stage) -> None:
        self.s, self.refused = s, list[str]()

    @property
    def used(self) -> int:
        return sum(1 for c in self.s.asterisk.channels.values() if c.name.startswith("PJSIP/trunk-"))

    async def call(self, call_id: str, acuity: str) -> bool:
        if self.used >= CHANNELS:
            self.refused.append(call_id)
            return False
        await self.s.asterisk.caller(call_id, acuity, TRUNK="vnpt")
        self.s.ahead_s += 0.03
        await self.s.until(lambda: call_id in self.s.floor.visits, "taken in")
        await asyncio.sleep(0.05)
        return True

    def ended(self, reason: EndReason) -> list[str]:
        return [fact.call_id for fact in self.s.told.of(e.CallEnded) if fact.reason == reason]


def test_every_emergency_gets_in_past_sixty_nonmedical_callers_on_thirty_channels(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.asterisk.playback_s = 1.0  # a goodbye outlasts many arrivals
        trunk = Trunk(s)
        s.seat(1, "101")
        for n in range(6):
            assert await trunk.call(f"n1-1.{n}", "GREEN")
        for n in range(6, 8):
            assert await trunk.call(f"n1-1.{n}", "ORANGE")
        reds = []
        for n in range(100, 160):
            await trunk.call(f"n1-1.{n}", "NONMED")
            if n % 4 == 3 and n > 110:
                reds.append(f"n1-1.{n + 200}")
                assert await trunk.call(reds[-1], "RED"), f"{len(reds)}. RED at {trunk.used} channels"
        for n in range(400, 400 + 18 - len(reds)):
            reds.append(f"n1-1.{n}")
            assert await trunk.call(reds[-1], "RED")
        # 18 RED, 2 ORANGE and 6 GREEN are one more than 30 channels less the reserve of 5.
        await s.until(lambda: "n1-1.5" in trunk.ended(EndReason.RELEASED), "the last GREEN makes room too")
        await s.control._count_channels()
        released = trunk.ended(EndReason.RELEASED)
        nonmedical = [f"n1-1.{n}" for n in range(100, 160) if f"n1-1.{n}" not in trunk.refused]
        assert sorted(released) == sorted([*nonmedical, "n1-1.5"])
        assert released[-1] == "n1-1.5", "every NONMED before any GREEN"
        assert {f"n1-1.{n}" for n in (0, 1, 2, 3, 4, 6, 7)} | set(reds) <= set(s.floor.visits)
        owed = {due.call_id for due in s.told.of(e.RecallDue) if due.why == "released"}
        assert owed == set(released), "each is promised a call"
        assert len(trunk.refused) <= 6, trunk.refused

    played(tmp_path, scene)


def test_the_reserve_is_free_again_at_once_and_the_last_come_goes_first(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        trunk = Trunk(s)
        s.seat(1, "101")
        for n in range(CHANNELS - 2):
            await trunk.call(f"n1-1.{n}", "NONMED")
        await s.until(
            lambda: len(trunk.ended(EndReason.RELEASED)) == 3, "three make room, without waiting for a beat"
        )
        await asyncio.sleep(0.3)
        assert trunk.used == CHANNELS - 5
        assert sorted(trunk.ended(EndReason.RELEASED)) == [f"n1-1.{n}" for n in (25, 26, 27)]

    played(tmp_path, scene)


def test_who_presses_1_during_the_goodbye_is_an_emergency_and_stays(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.asterisk.playback_s = 5.0
        trunk = Trunk(s)
        s.seat(1, "101")
        for n in range(CHANNELS - 4):
            await trunk.call(f"n1-1.{n}", "NONMED")
        await s.until(lambda: s.told.of(e.RecallDue), "the last is let go")
        (due,) = s.told.of(e.RecallDue)
        await s.asterisk.key(due.call_id, "1")
        await s.until(lambda: s.told.of(e.RecallChanged), "the promise is withdrawn")
        assert s.floor.visits[due.call_id].in_line() is not None

    played(tmp_path, scene)
