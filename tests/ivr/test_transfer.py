"""Hand-overs on real ARI wire without sound: each state is reached, and met by each fault; a missing cell fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from hotline import events as e
from hotline.directory import Directory, Station
from hotline.facts import apply_all
from hotline.operators import Presence
from hotline.tables import Base
from hotline.transfers import HAS_OPERATOR, LIVE, Party, TransferState, TryState
from hotline.transfers import TransferState as S
from ivr import adoption
from ivr.adoption import running
from ivr.caller import Caller
from ivr.desk import Desk, NotPossible
from tests.faults.transfer_table import EXPECTED, STATES, Fault
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name

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
        if fault not in (F.OPERATOR_LOST, F.STATION_LOST):
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
        # Whom only the operator kept company hears music by now; who has the station hears it on.
        alone = state in (S.RINGING_BACK, S.BACK)
        if alone:
            await scene.until_caller_hears("music")
        await half_seconds(12, sends=False)  # and their place is not kept any longer
        await scene.until_caller_hears(*(one for one in EXPECTED[F.OPERATOR_LOST, state] if one != "line"))
        assert (scene.visit.in_line() is not None) == ("line" in EXPECTED[F.OPERATOR_LOST, state])
        assert (scene.desk.state, scene.desk.reason) == (Presence.PAUSED, "phone")

    played_scene(tmp_path, acts, phone="web-1")


# -- the chain --


def test_a_refusal_a_silence_and_no_key_each_lead_to_the_next_number_without_the_operator(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        first = await scene.ask()
        await scene.press(first, "2")
        await scene.s.until(lambda: scene.stations() == [], "the refusal is taken")
        await scene.s.later(1.1)
        second = await scene.rung()
        assert second != first
        await scene.s.later(20.5)  # nobody picks up
        await scene.s.later(1.1)
        third = await scene.rung()
        assert third not in (first, second)
        await scene.s.asterisk.answer(third)
        await asyncio.sleep(0.1)  # the briefing ends
        await scene.s.later(8.5)  # no key
        await scene.s.later(1.1)
        fourth = await scene.rung()
        assert scene.state is S.RINGING
        await scene.press(fourth)
        await scene.until_state(S.PRIVATE)
        ends = {t.leg_id: t.state for t in scene.s.told.of(e.StationTried)}
        assert [ends[leg] for leg in (first, second, third, fourth)] == [
            "declined",
            "no_answer",
            "no_key",
            "accepted",
        ]

    played_scene(tmp_path, acts)


def test_after_the_last_number_operator_and_caller_talk_again(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        for _ in range(5):  # two of the station, two of the hotline's chain, the emergency number
            await scene.s.asterisk.gone(leg, 17, 486)
            await asyncio.sleep(0.05)
            await scene.s.later(1.1)
            if scene.state is S.EXHAUSTED:
                break
            leg = await scene.rung()
        await scene.until_caller_hears("operator")
        assert scene.state is S.EXHAUSTED
        assert not any(scene.s.asterisk.ringing_tone)
        await scene.ask()  # and the operator may try again
        await scene.until_state(S.RINGING)

    played_scene(tmp_path, acts)


def test_for_red_the_next_rings_beside_and_the_first_accept_wins(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        first = await scene.ask()
        await scene.s.later(20.5)
        second = await scene.rung()
        assert set(scene.stations()) == {first, second}
        await scene.press(second)
        await scene.until_state(S.PRIVATE)
        await scene.s.until(lambda: scene.stations() == [second], "the other stops ringing")
        assert scene.visit.transfer is not None
        assert scene.visit.transfer.station is not None
        assert scene.visit.transfer.station.id == second

    played_scene(tmp_path, acts, "RED")


def test_key_3_says_the_briefing_again_and_the_time_for_a_key_begins_anew(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        await scene.press(leg, "3")
        await asyncio.sleep(0.1)
        await scene.s.later(7.0)
        assert scene.stations() == [leg]
        said = [x for x in scene.s.asterisk.said if f"play/why-{leg}" in x]
        assert len(said) == 2
        await scene.press(leg)
        await scene.until_state(S.PRIVATE)

    played_scene(tmp_path, acts)


def test_two_accepts_in_one_moment_the_first_wins_and_the_other_hears_so(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        first = await scene.ask()
        await scene.s.later(20.5)
        second = await scene.rung()
        for leg in (first, second):
            await scene.s.asterisk.answer(leg)
        await scene.s.until(lambda: all(scene._briefed(leg) for leg in (first, second)), "both are briefed")
        await scene.s.asterisk.key(first, "1")
        await scene.s.asterisk.key(second, "1")
        await scene.until_state(S.PRIVATE)
        await scene.s.until(lambda: scene.stations() == [first], "the second is let go")
        assert any(f"play/part-{second}" in x for x in scene.s.asterisk.said)

    played_scene(tmp_path, acts, "RED")


# -- the desk --


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


def test_a_colleague_answers_joins_in_and_keeps_the_caller(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        await scene.visit.hand_over(scene.desk, "", {}, colleague=2)
        leg = await scene.rung()
        assert scene.s.asterisk.channels[leg].name.startswith("PJSIP/102")
        assert colleague.call_id == CALL
        await scene.s.asterisk.answer(leg)  # no key, no briefing
        await scene.until_state(S.PRIVATE)
        assert not any("why-" in x for x in scene.s.asterisk.said)
        assert colleague.state is Presence.TALKING
        await scene.wish("merge")
        await scene.until_caller_hears("operator", "station")
        await scene.wish("leave")
        await scene.until_caller_hears("station")
        await scene.s.until(lambda: scene.desk.state is Presence.WRAP_UP, "the first operator wraps up")
        answered = scene.s.told.of(e.CallAnswered)[-1]
        assert (answered.answered_by, answered.operator_id) == ("op2", 2)
        await scene.s.later(6.0)
        await scene.s.asterisk.gone(leg)
        await scene.s.until(lambda: colleague.state is Presence.WRAP_UP, "the colleague wraps up")

    played_scene(tmp_path, acts)


def test_a_colleague_who_does_not_answer_is_free_again_and_nobody_else_is_rung(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        await scene.visit.hand_over(scene.desk, "", {}, colleague=2)
        await scene.rung()
        await scene.s.later(20.5)
        await scene.s.later(1.1)
        await scene.until_state(S.EXHAUSTED)
        await scene.until_caller_hears("operator")
        assert colleague.state is not Presence.RINGING
        assert scene.stations() == []

    played_scene(tmp_path, acts)


def test_a_colleague_who_is_not_free_is_not_rung(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        scene.s.floor.desks.pause(colleague, "meal")
        for who in (2, 1, 99):  # paused, oneself, nobody
            with pytest.raises(NotPossible, match="không rảnh"):
                await scene.visit.hand_over(scene.desk, "", {}, colleague=who)

    played_scene(tmp_path, acts)


@pytest.mark.parametrize("state", [S.PRIVATE, S.TOGETHER], ids=str)
def test_a_talk_with_a_colleague_outlives_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: TransferState
) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        await scene.visit.hand_over(scene.desk, "", {}, colleague=2)
        await scene.s.asterisk.answer(await scene.rung())
        await scene.until_state(S.PRIVATE)
        if state is S.TOGETHER:
            await scene.wish("merge")
            await scene.until_caller_hears("operator", "station")
        await asyncio.sleep(0.1)
        await scene.killed(monkeypatch, with_database=True)
        await scene.until_state(state)
        assert colleague.state is Presence.TALKING
        await scene.wish("leave")
        await scene.until_caller_hears("station")

    played_scene(tmp_path, acts)


# -- one number, several callers --


async def another(scene: Scene, number: int, acuity: str) -> tuple[Caller, Desk]:
    """A second caller with an operator of their own."""
    desk = scene.s.seat(number, f"10{number}")
    call = f"n1-1.{number}"
    await scene.s.asterisk.caller(call, acuity)
    (operator,) = await scene.s.rings(call)
    await scene.s.asterisk.answer(operator)
    await scene.s.until(lambda: desk.state is Presence.TALKING, "answered")
    visit = scene.s.floor.visits[call]
    assert isinstance(visit, Caller)
    return visit, desk


def dialled(scene: Scene, call: str) -> list[str]:
    tried = [t for t in scene.s.told.of(e.StationTried) if t.call_id == call and t.state == TryState.RINGING]
    return [t.number for t in tried]


def test_a_number_that_rings_for_another_caller_comes_after_the_free_ones(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        await scene.ask()
        second, desk = await another(scene, 2, "YELLOW")
        await second.hand_over(desk, "st", {})
        await scene.s.until(lambda: dialled(scene, second.id), "somebody rings")
        assert dialled(scene, CALL) == ["0271001"]
        assert dialled(scene, second.id) == ["0271002"]
        await scene.wish("cancel")  # the first number is free again: it comes before the hotline's own chain
        leg = next(i for i in scene.stations() if second.id in i)
        await scene.s.asterisk.gone(leg, 17, 486)
        await asyncio.sleep(0.05)
        await scene.s.later(1.1)
        await scene.s.until(
            lambda: dialled(scene, second.id) == ["0271002", "0271001"], "the one passed over"
        )

    played_scene(tmp_path, acts)


def test_an_emergency_takes_a_ringing_number_from_somebody_less_urgent_who_gets_the_next(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        red, desk = await another(scene, 2, "RED")
        await red.hand_over(desk, "st", {})
        await scene.s.until(
            lambda: dialled(scene, red.id) == ["0271001"], "the emergency has the first number"
        )
        await scene.s.until(lambda: leg not in scene.s.asterisk.channels, "it rings for one only")
        await scene.s.later(1.1)
        await scene.s.until(lambda: dialled(scene, CALL) == ["0271001", "0271002"], "the other goes on")

    played_scene(tmp_path, acts)


def test_an_emergency_never_waits_for_a_number_that_speaks_with_another(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        await scene.reach(S.PRIVATE)
        red, desk = await another(scene, 2, "RED")
        await red.hand_over(desk, "st", {})
        await scene.s.until(lambda: dialled(scene, red.id) == ["0271002"], "the next number, at once")
        assert scene.state is S.PRIVATE
        await scene.s.later(20.5)
        await scene.s.later(20.5)
        await scene.s.until(lambda: len(dialled(scene, red.id)) >= 3, "and the others beside it")

    played_scene(tmp_path, acts)


def test_a_busy_number_leads_to_the_next_after_a_breath_and_is_told(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        await scene.s.asterisk.gone(leg, 17, 486)
        await scene.s.until(lambda: scene.stations() == [], "busy")
        await asyncio.sleep(0.05)
        await scene.s.later(1.1)
        assert await scene.rung() != leg
        assert [t.state for t in scene.s.told.of(e.StationTried) if t.leg_id == leg] == ["ringing", "busy"]
        assert scene.heard_by_caller() == {"music"}

    played_scene(tmp_path, acts)


# -- the operator's own words --


def noted(scene: Scene) -> list[str]:
    return [str(fact.state) for fact in scene.s.told.of(e.TransferNoteSpoken)]


def said_to(scene: Scene, leg: str) -> list[str]:
    """The last thing a station's phone was told, piece by piece."""
    lines = [x for x in scene.s.asterisk.played if x.startswith(f"why-{leg}")]
    return lines[-1].partition(" ")[2].split(",") if lines else []


def test_what_the_operator_speaks_while_it_rings_is_played_between_the_pieces_and_the_keys(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        assert scene.visit.transfer is not None
        note = scene.visit.transfer.note
        note.begin()
        await scene.s.until(lambda: scene.s.asterisk.recorded, "recorded")
        assert scene.operator not in scene.s.asterisk.ringing_tone, "nobody speaks over the ringing tone"
        await scene.s.later(4.0)
        await scene.press(
            leg, "3"
        )  # picked up while the operator speaks: what was said so far is played, twice
        await scene.s.until(lambda: noted(scene) == ["begun", "kept"], "kept")
        await scene.s.until(lambda: len(said_to(scene, leg)) >= 2, "played")
        assert said_to(scene, leg)[-2] == f"recording:note-x-{CALL}-1"
        await scene.press(leg)
        await scene.until_state(S.PRIVATE)
        await scene.wish("leave")
        await scene.s.until(lambda: not scene.s.asterisk.recorded, "forgotten with the hand-over")

    played_scene(tmp_path, acts)


def test_a_note_ends_by_itself_after_ten_seconds_and_one_of_a_moment_is_none(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        assert scene.visit.transfer is not None
        note = scene.visit.transfer.note
        note.begin()
        note.end()
        assert noted(scene) == ["begun", ""]
        note.begin()
        await scene.s.later(10.1)
        assert noted(scene)[-1] == "kept"
        await scene.s.until(
            lambda: scene.operator in scene.s.asterisk.ringing_tone, "the ringing is heard again"
        )
        await scene.press(leg, "2")

    played_scene(tmp_path, acts)


def test_no_note_is_spoken_into_the_callers_ear(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        await scene.ask()
        assert scene.visit.transfer is not None
        note = scene.visit.transfer.note
        await scene.wish("toggle")
        with pytest.raises(NotPossible, match="không nói với người dân"):
            note.begin()
        await scene.wish("toggle")
        note.begin()
        await scene.s.later(3.0)
        await scene.wish("toggle")  # back to the caller in the middle of it
        assert noted(scene) == ["begun", "kept"]

    played_scene(tmp_path, acts)


def test_a_note_outlives_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        assert scene.visit.transfer is not None
        scene.visit.transfer.note.begin()
        await scene.s.until(lambda: scene.s.asterisk.recorded, "recorded")
        await asyncio.sleep(0.1)
        await scene.killed(monkeypatch, with_database=True)
        await scene.s.asterisk.answer(leg)
        await scene.s.until(
            lambda: [x for x in scene.s.asterisk.played if x.startswith(f"why-{leg}")], "briefed"
        )
        assert any(part.startswith("recording:") for part in said_to(scene, leg))

    played_scene(tmp_path, acts)
