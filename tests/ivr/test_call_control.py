"""The call control on real ARI wire without sound: who is rung, who wins, what is told, what is taken over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hotline import events as e
from hotline.hours import Holiday
from hotline.operators import Operator, Presence
from ivr.ari import Ari, AriError, Superseded
from ivr.caller import Caller
from ivr.desk import Desks, NotPossible
from tests.ivr.fake_ari import FakeAri, FakeChannel
from tests.ivr.stage import Stage, Told, _no_database, played, stage  # noqa: F401 - the fixture is used by its name


def test_the_dead_man_timer_is_cleared_before_anything_else_is_done(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        before = len(s.asterisk.said)
        await s.asterisk.caller("n1-1.1", "YELLOW")
        await s.until(lambda: "n1-1.1" in s.asterisk.bridges.get("call-n1-1.1", ()), "in the bridge")
        mine = [x for x in s.asterisk.said[before:] if "n1-1.1" in x]
        assert mine[0] == "POST channels/n1-1.1/variable TIMEOUT(absolute)"

    played(tmp_path, scene)


def test_two_answers_in_the_same_moment_the_first_wins_and_the_other_desk_is_free(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        one, two = s.seat(1, "101"), s.seat(2, "102")
        await s.asterisk.caller("n1-1.1", "RED")
        first, second = await s.rings("n1-1.1", 2)
        await asyncio.gather(s.asterisk.answer(first), s.asterisk.answer(second))
        await s.until(lambda: s.told.of(e.CallAnswered), "answered")
        await s.until(lambda: second not in s.asterisk.channels, "the second is let go")
        assert s.asterisk.bridges["call-n1-1.1"] == {"n1-1.1", first}
        assert {one.state, two.state} == {Presence.TALKING, Presence.AVAILABLE}

    played(tmp_path, scene)


def test_a_second_red_caller_gets_one_of_the_two_desks_that_ring_for_the_first(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        s.seat(2, "102")
        await s.asterisk.caller("n1-1.1", "RED")
        await s.rings("n1-1.1", 2)
        await s.asterisk.caller("n1-1.2", "RED")
        await s.rings("n1-1.1", 1)
        await s.rings("n1-1.2", 1)

    played(tmp_path, scene)


def test_an_orange_caller_takes_the_desk_that_rings_for_a_green_one(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "GREEN")
        await s.rings("n1-1.1")
        await s.asterisk.caller("n1-1.2", "ORANGE")
        await s.rings("n1-1.2")
        await s.until(lambda: s.asterisk.legs("n1-1.1") == [], "the green one's phone is let go")

    played(tmp_path, scene)


def test_a_red_caller_may_interrupt_wrap_up_and_nobody_else_may(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        s.floor.desks.change(desk, Presence.RINGING, call_id="x")
        s.floor.desks.change(desk, Presence.TALKING, call_id="x")
        s.floor.desks.freed(desk, "x")
        await s.asterisk.caller("n1-1.1", "ORANGE")
        await asyncio.sleep(0.15)
        assert s.asterisk.legs("n1-1.1") == []
        await s.asterisk.caller("n1-1.2", "RED")
        await s.rings("n1-1.2")

    played(tmp_path, scene)


def test_who_declines_is_paused_and_reads_that_they_declined(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "GREEN")
        (leg,) = await s.rings("n1-1.1")
        await s.asterisk.gone(leg, 21, 603)
        await s.until(lambda: desk.state is Presence.PAUSED, "paused")
        assert desk.reason == "declined"

    played(tmp_path, scene)


def test_a_phone_that_is_away_pauses_its_desk_and_the_next_rings(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.asterisk.away.add("101")
        one = s.seat(1, "101")
        s.seat(2, "102")
        await s.asterisk.caller("n1-1.1", "GREEN")
        (leg,) = await s.rings("n1-1.1")
        assert s.asterisk.channels[leg].name.startswith("PJSIP/102")
        assert (one.state, one.reason) == (Presence.PAUSED, "phone")

    played(tmp_path, scene)


def test_the_operators_line_dies_and_the_caller_waits_again_first_of_their_tier(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "YELLOW")
        (leg,) = await s.rings("n1-1.1")
        await s.asterisk.answer(leg)
        await s.until(lambda: s.told.of(e.CallAnswered), "answered")
        await s.asterisk.gone(leg, cause=44)
        await s.until(lambda: s.told.of(e.CallWaitsAgain), "waits again")
        place = s.floor.visits["n1-1.1"].in_line()
        assert place is not None
        assert place.front
        assert not s.told.of(e.CallEnded)

    played(tmp_path, scene)


def test_the_operator_hangs_up_and_the_call_is_over_for_the_caller_too(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "YELLOW")
        (leg,) = await s.rings("n1-1.1")
        await s.asterisk.answer(leg)
        await s.until(lambda: s.told.of(e.CallAnswered), "answered")
        await s.asterisk.gone(leg)
        await s.until(lambda: "n1-1.1" not in s.asterisk.channels, "the caller is let go")
        assert s.told.of(e.CallEnded)[0].reason == "served"
        assert desk.state is Presence.WRAP_UP
        await s.until(lambda: "call-n1-1.1" not in s.asterisk.bridges, "the bridge goes with them")

    played(tmp_path, scene)


@pytest.mark.parametrize(("acuity", "silent_s", "rings_s"), [("RED", 6, 5), ("ORANGE", 50, 12)])
def test_the_chain_begins_after_its_time_and_the_next_number_rings_beside_the_first(
    tmp_path: Path, acuity: str, silent_s: float, rings_s: float
) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        rings_on = int(acuity == "RED")  # nobody presses 1 there
        if not rings_on:
            s.floor.desks.change(desk, Presence.RINGING, call_id="x")
            s.floor.desks.change(desk, Presence.TALKING, call_id="x")
        await s.asterisk.caller("n1-1.1", acuity)
        own = await s.rings("n1-1.1") if rings_on else []
        await asyncio.sleep(0.1)
        await s.later(silent_s)
        assert s.asterisk.legs("n1-1.1") == own
        await s.later(rings_s)
        rung = await s.rings("n1-1.1", 1 + len(own))
        (first,) = [leg for leg in rung if leg.startswith("chain-")]
        await s.later(20.5)
        legs = await s.rings("n1-1.1", 2 + len(own))
        await s.asterisk.answer(first)
        await s.until(lambda: any("play/why-" in x for x in s.asterisk.said), "announced")
        await s.asterisk.key(first, "1")
        await s.until(lambda: first in s.asterisk.bridges["call-n1-1.1"], "joined")
        await s.until(lambda: s.asterisk.legs("n1-1.1") == [first], f"the others of {legs} are let go")
        (answered,) = await s.until(lambda: s.told.of(e.CallAnswered), "answered")
        assert answered.answered_by.startswith("chain:")

    played(tmp_path, scene)


def test_key_2_promises_a_callback_below_orange_and_means_nothing_to_an_emergency(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "GREEN")
        await s.asterisk.caller("n1-1.2", "RED")
        await s.until(lambda: len(s.asterisk.bridges) == 2, "both in")
        await s.asterisk.key("n1-1.1", "2")
        await s.asterisk.key("n1-1.2", "2")
        await s.until(lambda: s.told.of(e.CallEnded), "the green one is over")
        (due,) = s.told.of(e.RecallDue)
        assert (due.call_id, due.why, due.acuity) == ("n1-1.1", "asked", "GREEN")
        assert "n1-1.2" in s.floor.visits

    played(tmp_path, scene)


def test_nobody_on_duty_ends_in_a_message_below_orange_and_in_the_chain_for_red(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await s.asterisk.caller("n1-1.1", "GREEN")
        await s.asterisk.caller("n1-1.2", "RED")
        await s.until(lambda: len(s.asterisk.bridges) == 2, "both in")
        green = s.floor.visits["n1-1.1"]
        assert isinstance(green, Caller)
        for seconds in (0.1, 9):  # the offer, and then the silence after it
            await s.until(lambda: s.asterisk.played and not green.announcer.speaks, "nothing plays")
            await s.later(seconds)
        await s.rings("n1-1.2")
        await s.until(lambda: "POST channels/n1-1.1/continue" in s.asterisk.said, "to the message")
        assert s.told.of(e.MessageStarted)[0].call_id == "n1-1.1"

    played(tmp_path, scene)


def _words(s: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every prompt that anybody is told from now on."""
    said: list[str] = []
    sounds = s.floor.sounds

    def noted(names: Any, language: str, hotline: str) -> list[str]:
        said.extend(names)
        return sounds([*names], language, hotline)

    monkeypatch.setattr(s.floor, "sounds", noted)
    return said


CLOSED_ALWAYS = (Holiday(date(2026, 1, 1), date(2099, 1, 1), "nghỉ"),)


def test_a_closed_hotline_says_so_to_green_and_rings_the_chain_for_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        s.floor.installation = replace(s.floor.installation, holidays=CLOSED_ALWAYS)
        said = _words(s, monkeypatch)
        await s.asterisk.caller("n1-1.1", "GREEN")
        await s.asterisk.caller("n1-1.2", "RED")
        await s.until(lambda: len(s.asterisk.bridges) == 2, "both in")
        await asyncio.sleep(0.1)
        await s.later(0.1)
        await s.rings("n1-1.2")
        await s.until(lambda: "closed" in said, "told so")
        assert said.count("closed") == 1 and "no-operator" not in said
        await asyncio.sleep(0.1)
        await s.later(9)
        await s.until(lambda: "POST channels/n1-1.1/continue" in s.asterisk.said, "to the message")

    played(tmp_path, scene)


def test_a_closed_hotline_with_somebody_on_duty_is_served_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        s.floor.installation = replace(s.floor.installation, holidays=CLOSED_ALWAYS)
        said = _words(s, monkeypatch)
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "NONMED")
        await s.rings("n1-1.1")
        assert "closed" not in said

    played(tmp_path, scene)


def test_events_that_come_while_reconciling_are_taken_in_after_it(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.asterisk.slow_channels_s = 0.3
        await s.asterisk.cut()
        await s.until(lambda: not s.floor.ari.connected, "cut")
        await s.until(lambda: bool(s.asterisk._sockets), "connected again")
        await s.asterisk.caller("n1-1.1", "YELLOW")
        await s.until(lambda: "n1-1.1" in s.floor.visits, "taken in")
        assert len(s.told.of(e.CallQueued)) == 1

    played(tmp_path, scene)


def test_a_talk_and_a_wait_of_a_dead_process_are_taken_over_as_their_bridges_show(tmp_path: Path) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk:
            for call in ("n1-1.1", "n1-1.2"):
                asterisk.channels[call] = FakeChannel(
                    call, f"PJSIP/trunk-vnpt-{call}", app_data="hotline,caller,binhphuoc",
                    channelvars={"ACUITY": "YELLOW", "TRIAGE_DONE": "1"},
                )  # fmt: skip
                asterisk.bridges[f"call-{call}"] = {call}
            leg = FakeChannel("op-n1-1.1-1", "PJSIP/101-0001", "Up", "hotline,operator,n1-1.1")
            asterisk.channels[leg.id] = leg
            asterisk.bridges["call-n1-1.1"].add(leg.id)
            stray = FakeChannel("op-n1-9.9-1", "PJSIP/102-0001", "Ringing", "hotline,operator,n1-9.9")
            asterisk.channels[stray.id] = stray
            async with stage(tmp_path, asterisk) as s:
                talking, waiting = s.floor.visits["n1-1.1"], s.floor.visits["n1-1.2"]
                assert talking.in_line() is None
                assert waiting.in_line() is not None
                assert stray.id not in asterisk.channels
                await asterisk.gone(leg.id)
                await s.until(lambda: "n1-1.1" not in asterisk.channels, "the talk ends properly")

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_an_unfinished_triage_counts_with_the_higher_of_failsafe_and_level_reached(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await s.asterisk.caller("n1-1.1", "ORANGE", TRIAGE_DONE="", ACUITY_REACHED="RED")
        await s.asterisk.caller("n1-1.2", "ORANGE", TRIAGE_DONE="", ACUITY_REACHED="GREEN")
        await s.until(lambda: len(s.told.of(e.CallQueued)) == 2, "both queued")
        assert [q.acuity for q in s.told.of(e.CallQueued)] == ["RED", "ORANGE"]

    played(tmp_path, scene)


def test_a_process_that_is_superseded_stops(tmp_path: Path) -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk, Ari(asterisk.port, "hotline", "x", "hotline") as ari:

            async def nothing() -> None:
                return None

            listening = asyncio.create_task(ari.run(nothing, lambda event: None))
            for _ in range(100):
                await asyncio.sleep(0.02)
                if ari.connected:
                    break
            await asterisk.tell("ApplicationReplaced")
            with pytest.raises(Superseded):
                await asyncio.wait_for(listening, 5)

    asyncio.run(whole())


def test_asterisks_refusal_keeps_its_code_and_words() -> None:
    async def whole() -> None:
        async with FakeAri() as asterisk, Ari(asterisk.port, "hotline", "x", "hotline") as ari:
            with pytest.raises(AriError, match="Bridge not found") as caught:
                await ari.join("call-x", "nobody")
            assert caught.value.code == 404
            assert caught.value.is_gone
            asterisk.away.add("101")
            with pytest.raises(AriError) as caught:
                await ari.create("op-1", "PJSIP/101", "operator,1", "", {})
            assert (caught.value.code, caught.value.is_gone) == (500, False)

    asyncio.run(whole())


def test_a_taken_an_unknown_and_an_absent_phone_are_refused_in_a_sentence() -> None:
    told = Told()
    desks = Desks(told.note)
    one = desks.learn(Operator(id=1, username="lan", hotlines=[], skills=[]))
    two = desks.learn(Operator(id=2, username="minh", hotlines=[], skills=[]))
    desks.sign_in(one, "101", online=True)
    for phone, online, words in (
        ("101", True, "lan"),
        ("102", False, "chưa đăng ký"),
        ("", False, "Chưa chọn"),
    ):
        with pytest.raises(NotPossible, match=words) as refused:
            desks.sign_in(two, phone, online)
        assert refused.value.said("en").isascii()
        assert refused.value.said("vi") == str(refused.value)
    with pytest.raises(NotPossible, match="Chưa vào ca"):
        desks.pause(two, "lunch")
    assert two.state is Presence.OFFLINE


def test_signing_out_during_a_talk_takes_effect_at_its_end() -> None:
    told, left = Told(), list[tuple[int, str]]()
    desks = Desks(told.note, left=lambda *who: left.append(who))
    desk = desks.learn(Operator(id=1, username="lan", hotlines=[], skills=[]))
    desks.sign_in(desk, "101", online=True)
    for state in (Presence.RINGING, Presence.TALKING):
        desks.change(desk, state, call_id="c")
    desks.sign_out(desk)
    assert (desk.state, left) == (Presence.TALKING, [])
    desks.freed(desk, "c")
    assert (desk.state, desk.phone, left) == (Presence.OFFLINE, "", [(1, "101")])


def test_signing_in_again_ends_the_pause_of_a_missed_ring() -> None:
    told = Told()
    desks = Desks(told.note)
    desk = desks.learn(Operator(id=1, username="lan", hotlines=[], skills=[]))
    desks.sign_in(desk, "101", online=True)
    desks.change(desk, Presence.RINGING, call_id="c")
    desks.change(desk, Presence.PAUSED, "missed")
    desks.sign_in(desk, "101", online=True)
    assert (desk.state, desk.reason) == (Presence.AVAILABLE, "")
