"""Hand-overs on real ARI wire without sound: each state is reached, and met by each fault; a missing cell fails."""

from __future__ import annotations

import asyncio
from itertools import product
from pathlib import Path

import pytest

from hotline import events as e
from hotline.operators import Presence
from hotline.transfers import HAS_OPERATOR, HAS_STATION, LIVE, STATION_SILENT, Party, TransferState
from hotline.transfers import TransferState as S
from ivr.desk import NotPossible
from tests.faults.transfer_table import EXPECTED, STATES, Fault
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name
from tests.ivr.transfer_scene import CALL, Scene, played_scene

F = Fault


def test_every_state_meets_every_fault_in_the_table() -> None:
    assert set(EXPECTED) == set(product(Fault, STATES))


@pytest.mark.parametrize(
    ("fault", "state"),
    sorted(
        cell for cell in EXPECTED if cell[0] is not F.CALLS_FROZEN
    ),  # to those who are left it is the same as killed
    ids=lambda v: v.replace(" ", "-"),
)
def test_the_caller_talks_again_or_is_offered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, state: TransferState
) -> None:
    async def acts(scene: Scene) -> None:
        asterisk = scene.s.asterisk
        leg = await scene.reach(state)
        await asyncio.sleep(0.1)
        if fault in (F.LOST_WHILE_DEAD, F.STATION_LOST_WHILE_DEAD):
            lost = scene.operator if fault is F.LOST_WHILE_DEAD else leg
            await asterisk.cut()
            await asterisk.gone(lost, 44)
        elif fault in (F.OPERATOR_SILENT, F.STATION_SILENT):
            silent = scene.operator if fault is F.OPERATOR_SILENT else leg
            for half_second in range(13):
                for one in (scene.operator, leg):
                    if half_second < 8 or one != silent:
                        asterisk.packets[one] = asterisk.packets.get(one, 0) + 25
                await scene.s.later(0.5)
            if fault is F.STATION_SILENT and state in HAS_STATION:  # the operator's page says so
                assert STATION_SILENT in [one.why for one in scene.s.told.of(e.TransferMoved)]
        elif fault is F.OPERATOR_LOST:
            await asterisk.gone(scene.operator, 44)
        elif fault is F.STATION_LOST:
            await asterisk.gone(leg, 44)
        elif fault is F.CALLER_GONE:
            await asterisk.gone(CALL)
            await scene.s.until(lambda: CALL not in scene.s.floor.visits, "the visit is over")
            await scene.s.until(lambda: not asterisk.legs(CALL), "nobody is left on the line")
            await scene.s.until(lambda: not asterisk.bridges, f"no bridge is left: {asterisk.bridges}")
            return
        if fault not in (F.OPERATOR_LOST, F.STATION_LOST, F.OPERATOR_SILENT, F.STATION_SILENT):
            await scene.killed(monkeypatch, with_database=fault is not F.CALLS_KILLED_WITHOUT_DATABASE)
        expected = EXPECTED[fault, state]
        heard = [one for one in expected if one != "line"]
        await scene.until_caller_hears(*heard)
        await asyncio.sleep(0.15)
        assert scene.heard_by_caller() == set(heard)
        visit = scene.s.floor.visits[CALL]
        assert (visit.in_line() is not None) == ("line" in expected)
        if scene.operator not in asterisk.channels:
            assert scene.desk.state is not Presence.TALKING

    played_scene(tmp_path, acts)


@pytest.mark.parametrize("state", sorted(HAS_OPERATOR), ids=str)
def test_an_operators_browser_that_is_killed_is_as_a_lost_line_in_every_state(
    tmp_path: Path, state: TransferState
) -> None:
    async def acts(scene: Scene) -> None:
        await scene.reach(state)
        asterisk = scene.s.asterisk

        async def half_seconds(count: int, *, sends: bool) -> None:
            for _ in range(count):
                if sends:
                    asterisk.packets[scene.operator] = asterisk.packets.get(scene.operator, 0) + 25
                await scene.s.later(0.5)

        await half_seconds(3, sends=True)
        assert scene.state is state
        await half_seconds(6, sends=False)
        # Whom only the operator kept company hears music by now; a station that is on the line speaks with them.
        if state is S.RINGING_BACK:
            await scene.until_caller_hears("music")
        if state in (S.PRIVATE, S.BACK, S.TOGETHER):
            await scene.until_caller_hears("station", "operator")  # whose place is kept
        await half_seconds(12, sends=False)  # and their place is not kept any longer
        await scene.until_caller_hears(*(one for one in EXPECTED[F.OPERATOR_LOST, state] if one != "line"))
        assert (scene.visit.in_line() is not None) == ("line" in EXPECTED[F.OPERATOR_LOST, state])
        assert (scene.desk.state, scene.desk.reason) == (Presence.PAUSED, "phone")

    played_scene(tmp_path, acts, phone="web-1")


# -- the chain --


def test_cancelling_at_every_state_gives_the_caller_back_to_the_operator(tmp_path: Path) -> None:
    for n, state in enumerate((S.RINGING, S.RINGING_BACK, S.PRIVATE, S.BACK, S.TOGETHER)):

        async def acts(scene: Scene, state: TransferState = state) -> None:
            await scene.reach(state)
            await scene.wish("cancel")
            await scene.until_caller_hears("operator")
            await scene.s.until(lambda: scene.stations() == [], f"no station is left after {state}")
            await scene.s.until(
                lambda: f"consult-{CALL}" not in scene.s.asterisk.bridges, "no consult bridge"
            )
            assert scene.desk.state is Presence.TALKING

        (tmp_path / str(n)).mkdir()
        played_scene(tmp_path / str(n), acts)


def test_leaving_frees_the_desk_and_the_call_ends_with_the_station(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.reach(S.HANDED_OVER)
        await scene.until_caller_hears("station")
        await scene.s.until(lambda: scene.desk.state is Presence.WRAP_UP, "wrap-up")
        await scene.s.later(6.0)
        await scene.s.asterisk.gone(leg)
        await scene.s.until(lambda: CALL not in scene.s.asterisk.channels, "the caller is let go")
        assert scene.s.told.of(e.CallEnded)[0].reason == "served"

    played_scene(tmp_path, acts)


def test_a_wish_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        stranger = scene.s.seat(2, "102")
        with pytest.raises(NotPossible, match="không đang nói chuyện"):
            await scene.visit.hand_over(stranger, "st", {})
        with pytest.raises(NotPossible, match="danh bạ"):
            await scene.visit.hand_over(scene.desk, "nowhere", {})
        with pytest.raises(NotPossible, match="không có trong danh bạ trực"):
            await scene.visit.hand_over(scene.desk, "", {}, "0987654321")
        assert scene.stations() == []
        await scene.ask()
        with pytest.raises(NotPossible, match="đang được chuyển"):
            await scene.visit.hand_over(scene.desk, "st", {})
        with pytest.raises(NotPossible, match="chưa nhận máy"):
            await scene.wish("merge")

    played_scene(tmp_path, acts)


def test_a_blind_hand_over_that_nobody_takes_brings_the_caller_to_the_front_of_the_line(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.reach(S.BLIND)
        for _ in range(5):
            await scene.s.asterisk.gone(leg, 17, 486)
            await asyncio.sleep(0.05)
            await scene.s.later(1.1)
            if scene.state is S.EXHAUSTED:
                break
            leg = await scene.rung()
        place = scene.visit.in_line()
        assert place is not None
        assert place.front
        assert scene.heard_by_caller() == {"music"}

    played_scene(tmp_path, acts)


def test_music_and_ringing_are_where_the_places_say_in_every_state(tmp_path: Path) -> None:
    from hotline.transfers import PLACES

    for n, state in enumerate(sorted(LIVE - {S.DIRECT})):

        async def acts(scene: Scene, state: TransferState = state) -> None:
            leg = await scene.reach(state)
            ids = {Party.CALLER: CALL, Party.OPERATOR: scene.operator, Party.STATION: leg}
            asterisk, places = scene.s.asterisk, PLACES[state]

            def as_wanted() -> bool:
                here = set(asterisk.channels)
                return (
                    asterisk.music & here == {ids[p] for p in places.music}
                    and asterisk.ringing_tone & here == {ids[p] for p in places.ringing}
                    and asterisk.bridges[f"call-{CALL}"] == {ids[p] for p in places.with_caller}
                )

            await scene.s.until(as_wanted, f"the places of {state}")

        (tmp_path / str(n)).mkdir()
        played_scene(tmp_path / str(n), acts)


@pytest.mark.parametrize(
    ("who", "hears"),
    [("operator", "station"), ("station", "operator"), ("caller", "")],
    ids=lambda v: v or "-",
)
@pytest.mark.parametrize("wish", ["merge", "toggle", "leave", "cancel"])
def test_a_hang_up_at_the_very_moment_of_a_click_leaves_nobody_alone(
    tmp_path: Path, wish: str, who: str, hears: str
) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.reach(S.PRIVATE)
        channel = {"operator": scene.operator, "station": leg, "caller": CALL}[who]
        await asyncio.gather(scene.wish(wish), scene.s.asterisk.gone(channel))
        if who == "caller":
            await scene.s.until(lambda: CALL not in scene.s.floor.visits, "the visit is over")
            await scene.s.until(lambda: not scene.s.asterisk.legs(CALL), "nobody is left")
        elif wish == "leave" and who == "station":
            await scene.until_caller_hears("music")  # handed over to nobody: first in line
            assert scene.visit.in_line() is not None
        elif wish == "cancel" and who == "operator":
            await scene.s.until(
                lambda: CALL not in scene.s.floor.visits or scene.heard_by_caller() == {"music"},
                "in the line",
            )
        else:
            await scene.until_caller_hears(hears)

    played_scene(tmp_path, acts)


# -- a colleague --
