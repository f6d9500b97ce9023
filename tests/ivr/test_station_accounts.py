"""Stations that sit at a page: rung first, accepted by a click or a key, never in the hotline's own line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hotline import events as e
from hotline.commands import DeskCommand
from hotline.operators import Operator, Presence, Role
from hotline.transfers import TransferState as S
from ivr import adoption
from ivr.desk import Desk, NotPossible
from ivr.desk_commands import DeskCommands
from tests.ivr.stage import Stage, _no_database  # noqa: F401 - the fixture is used by its name
from tests.ivr.transfer_scene import CALL, Scene, played_scene

BROWSER = "web-9"


def at_station(s: Stage, phone: str = BROWSER, station: str = "st", number: int = 9) -> Desk:
    operator = Operator(
        id=number, username=f"tram{number}", role=Role.STATION, station=station, hotlines=[], skills=[]
    )
    desk = s.floor.desks.learn(operator)
    s.floor.desks.sign_in(desk, phone, online=True)
    return desk


async def click(scene: Scene, desk: Desk, kind: str, leg: str) -> str:
    """What the station reads, or "" when it was done."""
    commands = DeskCommands(scene.s.floor, "", scene.s.recalls)

    async def its_desk(operator_id: int) -> Desk:
        return desk

    commands._desk = its_desk  # type: ignore[method-assign] # there is no database here
    command = DeskCommand(
        id=1, operator_id=desk.operator_id, kind=kind, body={"call_id": CALL, "leg_id": leg}, click_id="c"
    )
    return await commands._carry_out(command)


def test_the_account_at_its_page_is_rung_first_and_its_click_is_the_key_1(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        leg = await scene.ask()
        assert scene.s.asterisk.channels[leg].name.startswith(f"PJSIP/{BROWSER}")
        assert (desk.state, desk.call_id) == (Presence.RINGING, CALL)
        await scene.s.asterisk.answer(leg)
        await scene.s.until(lambda: scene._briefed(leg), "briefed")
        assert await click(scene, desk, "station_repeat", leg) == ""
        assert await click(scene, desk, "station_accept", leg) == ""
        await scene.until_state(S.PRIVATE)
        assert desk.state is Presence.TALKING
        told = scene.s.told.of(e.StationTried)[-1]
        assert (told.state, told.station) == ("accepted", "st")
        await scene.wish("leave")
        await scene.until_caller_hears("station")
        assert [a.operator_id for a in scene.s.told.of(e.CallAnswered)] == [1], (
            "the call stays its operator's"
        )
        await scene.s.later(6.0)
        await scene.s.asterisk.gone(leg)
        await scene.s.until(lambda: desk.state is Presence.AVAILABLE, "ready for the next")

    played_scene(tmp_path, acts)


def test_a_yes_on_the_page_before_the_phone_is_lifted_needs_no_briefing(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s, "104")
        leg = await scene.ask()
        assert "nhấc máy" in await click(scene, desk, "station_repeat", leg)
        assert await click(scene, desk, "station_accept", leg) == ""
        await scene.s.asterisk.answer(leg)
        await scene.until_state(S.PRIVATE)
        assert not any("why-" in x for x in scene.s.asterisk.said)

    played_scene(tmp_path, acts)


def test_a_refusal_or_a_missed_ring_leads_on_and_puts_no_station_into_a_pause(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        leg = await scene.ask()
        assert await click(scene, desk, "station_decline", leg) == ""
        await scene.s.until(lambda: desk.state is Presence.AVAILABLE, "free at once")
        await scene.s.later(1.1)
        second = await scene.rung()
        assert "trunk" in scene.s.asterisk.channels[second].name, "its ordinary telephone is next"
        assert "không còn chờ trạm" in await click(scene, desk, "station_accept", leg)
        await scene.wish("cancel")
        await scene.until_state(S.CANCELLED)
        await scene.ask()
        await scene.s.later(20.5)
        await scene.s.until(lambda: desk.state is Presence.AVAILABLE, "missed, and still on duty")

    played_scene(tmp_path, acts)


def test_another_station_cannot_answer_and_no_account_answers_for_an_operator(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        at_station(scene.s)
        other = at_station(scene.s, "103", "st-2", 10)
        leg = await scene.ask()
        assert "không còn chờ trạm" in await click(scene, other, "station_accept", leg)
        for kind in ("dial", "raise_acuity", "transfer_cancel", "recall_now"):
            assert "không có lệnh này" in await click(scene, other, kind, leg), kind
        assert scene.state is S.RINGING

    played_scene(tmp_path, acts)


def test_a_station_is_never_rung_by_the_line_nor_asked_as_a_colleague(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        await scene.s.asterisk.caller("n1-1.2", "RED")
        await asyncio.sleep(0.3)
        assert desk.state is Presence.AVAILABLE
        assert not any(i.startswith("op-") for i in scene.s.asterisk.legs("n1-1.2"))
        assert scene.s.floor.desks.on_duty("binhphuoc") == [scene.desk]
        with pytest.raises(NotPossible, match="không rảnh"):
            await scene.visit.hand_over(scene.desk, "", {}, colleague=9)

    played_scene(tmp_path, acts)


@pytest.mark.parametrize("state", [S.RINGING, S.PRIVATE, S.HANDED_OVER], ids=str)
def test_a_hand_over_to_a_page_outlives_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: S
) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        leg = await scene.reach(state)
        await asyncio.sleep(0.1)
        await scene.killed(monkeypatch, with_database=True)
        assert adoption.running("n1") is not None
        if state is S.RINGING:
            await scene.press(leg)
            await scene.until_state(S.PRIVATE)
        else:
            await scene.until_caller_hears("music" if state is S.PRIVATE else "station")
        assert desk.state is Presence.TALKING
        if state is S.PRIVATE:
            await scene.wish("merge")
            await scene.until_caller_hears("operator", "station")

    played_scene(tmp_path, acts)


async def sends(scene: Scene, leg: str, half_seconds: int) -> None:
    for _ in range(half_seconds):
        scene.s.asterisk.packets[leg] = scene.s.asterisk.packets.get(leg, 0) + 25
        await scene.s.later(0.5)


async def sends_nothing(scene: Scene, half_seconds: int) -> None:
    for _ in range(half_seconds):
        await scene.s.later(0.5)


def test_a_stations_page_that_sends_nothing_gives_the_operator_the_caller_and_then_the_next_number_rings(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        leg = await scene.reach(S.PRIVATE)
        await sends(scene, leg, 4)
        assert scene.state is S.PRIVATE
        await sends_nothing(scene, 5)
        await scene.until_caller_hears("operator")
        assert scene.state is S.PRIVATE, "its place is kept"
        await sends_nothing(scene, 10)
        await scene.until_state(S.RINGING_BACK)
        await sends_nothing(scene, 1)
        second = await scene.rung()
        await scene.until_caller_hears("operator")
        assert (desk.state, desk.reason) == (Presence.PAUSED, "phone"), "until a page is its telephone again"
        await scene.press(second)
        await scene.until_state(S.BACK)

    played_scene(tmp_path, acts)


@pytest.mark.parametrize("state", [S.PRIVATE, S.BACK, S.TOGETHER], ids=str)
def test_a_stations_page_that_is_loaded_anew_has_its_part_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: S
) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        old = await scene.reach(state)
        await click_itself(scene, desk, "phone_gone")
        await scene.until_caller_hears("operator")
        await click_itself(scene, desk, "phone_ready")
        new = await scene.s.until(lambda: [i for i in scene.stations() if i != old], "connected")
        await scene.s.until(lambda: scene.s.asterisk.channels[new[0]].state == "Ringing", "dialled")
        await scene.s.asterisk.answer(new[0])
        await scene.s.until(lambda: old not in scene.s.asterisk.channels, "the old page's part is over")
        heard = {S.PRIVATE: ("music",), S.BACK: ("operator",), S.TOGETHER: ("operator", "station")}[state]
        await scene.until_caller_hears(*heard)
        assert (scene.state, desk.state) == (state, Presence.TALKING)
        await asyncio.sleep(0.1)
        await scene.killed(monkeypatch, with_database=True)
        await scene.until_caller_hears(*heard)
        assert scene.state is state, "the next process finds the new page's leg"

    played_scene(tmp_path, acts)


async def click_itself(scene: Scene, desk: Desk, kind: str) -> None:
    """What a page says by itself."""
    commands = DeskCommands(scene.s.floor, "", scene.s.recalls)
    {"phone_gone": commands._phone_gone, "phone_ready": commands._phone_ready}[kind](desk)


def test_an_ordinary_telephone_that_goes_silent_is_joined_again_when_it_is_heard(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.reach(S.PRIVATE)
        await sends(scene, leg, 8)
        await sends_nothing(scene, 5)
        await scene.until_caller_hears("operator")
        assert leg in scene.s.asterisk.channels
        await sends(scene, leg, 3)
        await scene.until_caller_hears("music")
        assert scene.state is S.PRIVATE
        await sends_nothing(scene, 16)
        assert scene.state is S.PRIVATE, "it has shown that it may be silent"

    played_scene(tmp_path, acts)


def test_an_ordinary_telephone_that_goes_silent_alone_with_the_caller_is_not_hung_up(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.reach(S.HANDED_OVER)
        await scene.until_caller_hears("station")
        await scene.s.later(6.0)  # the operator's wrap-up
        await sends(scene, leg, 8)
        await sends_nothing(scene, 5)
        await scene.until_caller_hears("music")
        assert scene.visit.in_line() is not None, "the operators are rung"
        assert leg in scene.s.asterisk.channels
        await sends(scene, leg, 2)
        await scene.until_caller_hears("station")
        assert scene.visit.in_line() is None

    played_scene(tmp_path, acts)


def test_a_stations_page_taken_over_while_it_rings_is_rung_where_it_is_now(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        old = await scene.ask()
        await scene.s.later(5.0)
        await click_itself(scene, desk, "phone_ready")
        new = await scene.s.until(lambda: [i for i in scene.stations() if i != old], "rung again")
        await scene.s.until(
            lambda: old not in scene.s.asterisk.channels, "the page that was left rings no more"
        )
        assert (desk.state, desk.call_id) == (Presence.RINGING, CALL)
        tries = [(told.leg_id, told.place, told.state) for told in scene.s.told.of(e.StationTried)]
        assert tries == [(old, 0, "ringing"), (old, 0, "cancelled"), (new[0], 0, "ringing")]
        await scene.s.asterisk.answer(new[0])
        await scene.s.until(lambda: scene._briefed(new[0]), "briefed")
        assert await click(scene, desk, "station_accept", new[0]) == ""
        await scene.until_state(S.PRIVATE)
        assert desk.state is Presence.TALKING

    played_scene(tmp_path, acts)


def test_a_stations_page_taken_over_while_it_rings_rings_no_longer_for_it(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        desk = at_station(scene.s)
        old = await scene.ask()
        await scene.s.later(15.0)
        await click_itself(scene, desk, "phone_ready")
        new = await scene.s.until(lambda: [i for i in scene.stations() if i != old], "rung again")
        await scene.s.later(6.0)
        await scene.s.until(lambda: new[0] not in scene.stations(), "the next number is rung")
        assert desk.state is Presence.AVAILABLE

    played_scene(tmp_path, acts)
