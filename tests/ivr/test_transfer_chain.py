"""Which numbers of a hand-over ring, when, and for whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from hotline import events as e
from hotline.directory import Directory
from hotline.operators import Presence
from hotline.transfers import TransferState as S
from hotline.transfers import TryState
from ivr.caller import Caller
from ivr.desk import Desk
from tests.ivr.stage import _no_database  # noqa: F401 - the fixture is used by its name
from tests.ivr.transfer_scene import CALL, STATION, Scene, played_scene


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


def test_a_station_is_told_in_its_own_language_and_in_vietnamese_what_that_has_not(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        english = scene.s.floor.prompts / "en" / "all"
        english.mkdir(parents=True)
        for piece in ("briefing-keys", "chain-declined"):
            (english / f"{piece}.alaw").touch()
        (scene.s.floor.prompts / "vi" / "all" / "briefing-from.alaw").touch()
        scene.s.floor.directory = Directory((replace(STATION, language="en"),), {})
        leg = await scene.ask()
        await scene.press(leg, "2")
        played = scene.s.asterisk.played
        said = await scene.s.until(
            lambda: [x for x in played if x.startswith(f"part-{leg}")], "the refusal is taken"
        )
        (briefing,) = (x for x in played if x.startswith(f"why-{leg}"))
        assert "/en/all/briefing-keys" in briefing
        assert "/vi/all/briefing-from" in briefing
        assert "/en/all/chain-declined" in said[0]

    played_scene(tmp_path, acts)


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


def test_who_hears_the_briefing_of_a_withdrawn_hand_over_is_told_at_once(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        await scene.s.asterisk.answer(leg)
        await scene.s.until(lambda: scene._briefed(leg), "the briefing plays")
        await scene.wish("cancel")
        await scene.s.until(lambda: scene.stations() == [], "let go")
        assert f"DELETE playbacks/why-{leg}-1" in scene.s.asterisk.said, "else the word comes after its end"

    played_scene(tmp_path, acts)


# -- the desk --


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


def tried(scene: Scene) -> list[tuple[str, str]]:
    """(number, what became of it) in the order of trying."""
    last = {t.leg_id: (t.number, str(t.state)) for t in scene.s.told.of(e.StationTried)}
    return list(last.values())


def test_a_full_trunk_sends_a_hand_over_on_to_our_own_phones_at_once_and_says_so(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        trunk = scene.s.floor.installation.outbound_trunk
        scene.s.floor.in_use[trunk.key] = trunk.channels - 1  # within the emergencies' reserve
        await scene.visit.hand_over(scene.desk, "st", {})
        await scene.s.later(0.3)
        assert scene.stations() == []
        assert {state for _, state in tried(scene)} == {"no_channel"}
        assert len(tried(scene)) == len(scene.visit.transfer.chain.lines if scene.visit.transfer else ())
        await scene.s.later(1.1)
        await scene.until_state(S.EXHAUSTED)
        await scene.until_caller_hears("operator")

    played_scene(tmp_path, acts)


def test_a_red_hand_over_takes_a_channel_of_the_reserve_but_not_more_than_the_trunk_has(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        trunk = scene.s.floor.installation.outbound_trunk
        scene.s.floor.in_use[trunk.key] = trunk.channels - 1
        await scene.ask()
        assert scene.s.floor.in_use[trunk.key] == trunk.channels, "counted at once"
        await scene.s.later(20.5)  # the next would ring beside it
        assert len(scene.stations()) == 1
        assert "no_channel" in {state for _, state in tried(scene)}

    played_scene(tmp_path, acts, "RED")


def test_a_carrier_s_own_503_is_told_as_a_full_trunk_and_the_next_is_rung(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        first = await scene.ask()
        await scene.s.asterisk.gone(first, 34, 503)
        await scene.s.until(lambda: tried(scene)[0] == ("0271001", "no_channel"), "told")
        await scene.s.later(1.1)
        assert await scene.rung() != first

    played_scene(tmp_path, acts)
