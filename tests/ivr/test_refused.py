"""What Asterisk refuses, or does not answer in time: the caller is never left in silence for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hotline import events as e
from ivr import caller as caller_module
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name

CALL = "n1-1.1"
CONTINUE = f"POST channels/{CALL}/continue"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_module, "AGAIN_S", 0.3)


@pytest.mark.parametrize("what", [f"POST bridges/call-{CALL}", "/addChannel", "/variable"])
def test_a_caller_who_could_not_be_brought_in_at_first_is_brought_in_all_the_same(
    tmp_path: Path, what: str
) -> None:
    async def scene(s: Stage) -> None:
        s.asterisk.refusals[what] = 2
        await s.asterisk.caller(CALL, "YELLOW")
        await s.until(lambda: f"POST channels/{CALL}/moh" in s.asterisk.said, "music")
        assert s.asterisk.bridges == {f"call-{CALL}": {CALL}}

    played(tmp_path, scene)


def test_a_caller_who_cannot_be_brought_in_goes_to_the_fallback_and_no_desk_rings_for_them(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        s.asterisk.refusals["/addChannel"] = 99
        await s.asterisk.caller(CALL, "RED")
        await s.until(lambda: CONTINUE in s.asterisk.said, "the dialplan is asked")
        await s.until(lambda: CALL not in s.floor.visits, "the dialplan has them")
        assert [fact.call_id for fact in s.told.of(e.CallLeftToDialplan)] == [CALL]
        await s.until(lambda: s.asterisk.legs(CALL) == [], "no desk rings")

    played(tmp_path, scene)


async def _to_the_message(s: Stage, refusals: int) -> None:
    """Nobody is on duty: the caller is sent to the message, which Asterisk refuses so often."""
    s.asterisk.refusals[CONTINUE] = refusals
    await s.asterisk.caller(CALL, "YELLOW")
    await s.until(lambda: CALL in s.asterisk.bridges.get(f"call-{CALL}", ()), "in the line")
    while CONTINUE not in s.asterisk.said:
        await s.later(5)


def test_a_caller_whom_the_dialplan_did_not_take_keeps_their_music_and_is_sent_again(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await _to_the_message(s, refusals=3)
        assert f"call-{CALL}" in s.asterisk.bridges
        await s.until(lambda: CALL not in s.floor.visits, "the dialplan has them")
        assert s.asterisk.said.count(CONTINUE) == 4
        assert s.told.of(e.CallEnded) == []
        await s.until(lambda: s.asterisk.bridges == {}, "the bridge is gone")

    played(tmp_path, scene)


def test_who_hangs_up_before_the_dialplan_took_them_is_owed_a_call(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await _to_the_message(s, refusals=99)
        await s.asterisk.gone(CALL)
        await s.until(lambda: CALL not in s.floor.visits, "gone")
        assert [fact.why for fact in s.told.of(e.RecallDue)] == ["lost"]
        assert [fact.reason for fact in s.told.of(e.CallEnded)] == ["abandoned"]
        await s.until(lambda: s.asterisk.bridges == {}, "the bridge is gone")

    played(tmp_path, scene)


def test_key_1_before_the_dialplan_took_them_is_an_emergency_in_the_line(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await _to_the_message(s, refusals=99)
        s.seat(1, "101")
        await s.asterisk.key(CALL, "1")
        await s.rings(CALL)
        asked = s.asterisk.said.count(CONTINUE)
        await asyncio.sleep(0.3)
        assert s.asterisk.said.count(CONTINUE) <= asked + 1

    played(tmp_path, scene)


def test_a_bridge_that_asterisk_lost_is_made_anew_for_the_human_who_answers(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        await s.asterisk.caller(CALL, "YELLOW")
        [leg] = await s.rings(CALL)
        s.asterisk.bridges.clear()
        await s.asterisk.answer(leg)
        await s.until(lambda: s.asterisk.bridges.get(f"call-{CALL}") == {CALL, leg}, "they hear each other")

    played(tmp_path, scene)
