"""A talk on real ARI wire without sound: held, lost, found, taken up again by the same operator or by the next."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hotline import events as e
from hotline.operators import Presence
from ivr.caller import Caller
from ivr.desk import NotPossible
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name

CALL = "n1-1.1"
MUSIC = f"POST channels/{CALL}/moh"
NO_MUSIC = f"DELETE channels/{CALL}/moh"


async def talking(s: Stage, phone: str = "web-1", acuity: str = "ORANGE") -> tuple[Caller, str]:
    """Operator 1 talks with a caller at that phone; the caller and the operator's leg."""
    s.seat(1, phone)
    await s.asterisk.caller(CALL, acuity)
    (leg,) = await s.rings(CALL)
    await s.asterisk.answer(leg)
    await s.until(lambda: s.told.of(e.CallAnswered), "answered")
    visit = s.floor.visits[CALL]
    assert isinstance(visit, Caller)
    s.asterisk.said.clear()
    return visit, leg


async def sound(s: Stage, leg: str, seconds: float) -> None:
    """The desk sends for so long."""
    for _ in range(round(seconds / 0.5)):
        s.asterisk.packets[leg] = s.asterisk.packets.get(leg, 0) + 25
        await s.later(0.5)


async def silence(s: Stage, seconds: float) -> None:
    for _ in range(round(seconds / 0.5)):
        await s.later(0.5)


def test_a_caller_on_hold_hears_music_until_they_are_retrieved(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, leg = await talking(s)
        caller.talk.hold(1)
        caller.talk.hold(1)
        await s.until(lambda: MUSIC in s.asterisk.said, "music")
        await sound(s, leg, 3)
        assert not caller.talk.is_lost
        assert caller.humans.legs[leg].quality["loss_percent"] == 0
        caller.talk.retrieve(1)
        await s.until(lambda: NO_MUSIC in s.asterisk.said, "no music")
        assert s.asterisk.said.count(MUSIC) == 1

    played(tmp_path, scene)


def test_a_desk_phone_s_own_hold_key_gives_the_caller_music(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, leg = await talking(s, "101")
        channel = s.asterisk.channels[leg].plain()
        await s.asterisk.tell("ChannelHold", channel=channel)
        await s.until(lambda: MUSIC in s.asterisk.said, "music")
        assert caller.talk.held
        await s.asterisk.tell("ChannelUnhold", channel=channel)
        await s.until(lambda: NO_MUSIC in s.asterisk.said, "no music")

    played(tmp_path, scene)


def test_nobody_but_the_operator_who_talks_may_hold_a_caller(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, _ = await talking(s)
        with pytest.raises(NotPossible):
            caller.talk.hold(2)
        assert not caller.talk.held

    played(tmp_path, scene)


def test_a_browser_that_sends_nothing_is_lost_within_three_seconds_and_found_when_it_sends_again(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        caller, leg = await talking(s)
        await sound(s, leg, 2)
        await silence(s, 2.5)
        assert caller.talk.is_lost
        await s.until(lambda: MUSIC in s.asterisk.said, "music")
        await s.until(lambda: any("/play/" in x for x in s.asterisk.said), "a word of comfort")
        assert not s.told.of(e.CallWaitsAgain)
        await sound(s, leg, 1.5)
        assert not caller.talk.is_lost
        await s.until(lambda: NO_MUSIC in s.asterisk.said, "no music")

    played(tmp_path, scene)


def test_a_desk_phone_that_dies_keeps_its_place_until_the_next_operator_has_the_caller(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        caller, leg = await talking(s, "101")
        other, desk = s.seat(2, "102"), s.floor.desks.of(1)
        await sound(s, leg, 4)
        await silence(s, 2.5)
        await s.until(lambda: MUSIC in s.asterisk.said, "music")
        ringing = await s.until(lambda: [i for i in s.asterisk.legs(CALL) if i != leg], "the next is rung")
        assert leg in s.asterisk.channels, "not hung up"
        await sound(s, leg, 1)
        await s.until(lambda: caller.humans.talking is not None, "has the caller again")
        await s.until(lambda: NO_MUSIC in s.asterisk.said and ringing[0] not in s.asterisk.channels, "talks")
        assert other.state is Presence.AVAILABLE
        caller.humans.legs[leg].pulse.pauses = False  # as when the network was to blame
        await sound(s, leg, 4)
        await silence(s, 2.5)
        (ringing,) = await s.until(lambda: [i for i in s.asterisk.legs(CALL) if i != leg], "again")
        await s.asterisk.answer(ringing)
        await s.until(lambda: leg not in s.asterisk.channels, "the silent phone is let go")
        assert desk is not None
        assert (desk.state, desk.reason, other.state) == (Presence.PAUSED, "phone", Presence.TALKING)

    played(tmp_path, scene)


@pytest.mark.parametrize("why", ["never steady", "pauses", "hold key", "answers"])
def test_a_desk_phone_that_may_be_silent_is_never_lost(tmp_path: Path, why: str) -> None:
    async def scene(s: Stage) -> None:
        async def answers(phone: str) -> bool:
            return True

        caller, leg = await talking(s, "101")
        if why == "answers":
            s.floor.phone_answers = answers
        await sound(s, leg, 1.5 if why == "never steady" else 4)
        if why == "pauses":
            await silence(s, 1)
            await sound(s, leg, 5)
        elif why == "hold key":
            await s.asterisk.tell("ChannelHold", channel=s.asterisk.channels[leg].plain())
            await asyncio.sleep(0.1)
        await silence(s, 8)
        assert not caller.talk.is_lost
        assert caller.humans.talking is not None
        assert (why in ("pauses", "answers")) == ("PJSIP/101" in s.floor.pausing), "also in its next call"

    played(tmp_path, scene)


def test_the_last_packets_of_a_page_that_was_left_find_nobody(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, leg = await talking(s)
        await sound(s, leg, 1)
        caller.talk.lose("the page was left")
        await s.later(0.5)
        s.asterisk.packets[leg] += 3
        await silence(s, 1)
        assert caller.talk.is_lost

    played(tmp_path, scene)


def test_an_operator_whose_page_is_back_takes_their_own_place(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, old = await talking(s)
        other = s.seat(2, "102")
        desk = s.floor.desks.of(1)
        assert desk is not None
        caller.talk.lose("the page was left")
        assert caller.talk.returned(desk)
        new = await s.until(lambda: next((i for i in s.asterisk.legs(CALL) if i != old), ""), "a new leg")
        await s.until(lambda: s.asterisk.channels[new].state == "Ringing", "dialled")
        await s.asterisk.answer(new)
        await s.until(lambda: new in s.asterisk.bridges[f"call-{CALL}"], "joined")
        await s.until(lambda: old not in s.asterisk.channels, "the old leg is over")
        await s.until(lambda: len(s.told.of(e.CallAnswered)) == 2, "told")
        await asyncio.sleep(0.1)
        assert (desk.state, other.state) == (Presence.TALKING, Presence.AVAILABLE)
        assert [(x.leg_id, x.outcome) for x in s.told.of(e.LegEnded)] == [(old, "lost")]
        assert not s.told.of(e.CallWaitsAgain)
        assert not s.told.of(e.CallEnded)

    played(tmp_path, scene)


def test_a_page_that_stays_away_gives_the_caller_to_the_next_operator_first(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, _ = await talking(s)
        desk, other = s.floor.desks.of(1), s.seat(2, "102")
        assert desk is not None
        caller.talk.lose("the page was left")
        await silence(s, 5.5)
        (leg,) = await s.rings(CALL)
        assert s.asterisk.channels[leg].name.startswith("PJSIP/102")
        assert (desk.state, desk.reason) == (Presence.PAUSED, "phone")
        assert other.state is Presence.RINGING
        assert s.told.of(e.CallWaitsAgain)
        assert not caller.talk.is_lost

    played(tmp_path, scene)


def test_a_new_page_that_cannot_be_rung_costs_the_desk_nothing_but_the_time(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, old = await talking(s)
        desk = s.floor.desks.of(1)
        assert desk is not None
        s.asterisk.away.add("web-1")
        caller.talk.lose("the page was left")
        caller.talk.returned(desk)
        await s.until(lambda: caller.talk.back is None, "refused")
        assert desk.state is Presence.TALKING
        assert caller.humans.talking is not None
        assert caller.humans.talking.id == old

    played(tmp_path, scene)


def test_a_goodbye_of_a_lost_page_does_not_end_the_call(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, leg = await talking(s)
        caller.talk.lose("the page was left")
        await s.asterisk.gone(leg)
        await s.until(lambda: s.told.of(e.CallWaitsAgain), "waits again")
        assert not s.told.of(e.CallEnded)

    played(tmp_path, scene)


def test_a_caller_who_gives_up_while_their_operator_is_lost_is_owed_a_call(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, _ = await talking(s)
        caller.talk.lose("the page was left")
        await s.asterisk.gone(CALL)
        await s.until(lambda: s.told.of(e.RecallDue), "owed")
        await s.until(lambda: s.told.of(e.CallEnded), "over")

    played(tmp_path, scene)


def test_how_good_the_desk_s_network_was_is_told_at_the_end(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        _, leg = await talking(s)
        s.asterisk.sound = {
            "rxploss": 5,
            "txjitter": 0.0042,
            "rxjitter": 0.01,
            "txcount": 100,
            "txploss": 1,
            "rtt": 0.031,
        }
        s.asterisk.packets[leg] = 95
        await s.later(0.5)
        await s.asterisk.gone(leg)
        (told,) = await s.until(lambda: s.told.of(e.LegEnded), "told")
        assert told.quality == {
            "jitter_ms": 4.2, "heard_jitter_ms": 10.0, "loss_percent": 5.0, "heard_loss_percent": 1.0, "round_trip_ms": 31.0,
        }  # fmt: skip

    played(tmp_path, scene)


def test_a_second_phone_rings_too_and_the_first_that_answers_talks(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "web-1", second_phone="101")
        await s.asterisk.caller(CALL, "ORANGE")
        legs = await s.rings(CALL, 2)
        at_desk = next(i for i in legs if s.asterisk.channels[i].name.startswith("PJSIP/101"))
        await s.asterisk.answer(at_desk)
        await s.until(lambda: s.asterisk.legs(CALL) == [at_desk], "the page is let go")
        await s.until(lambda: s.told.of(e.CallAnswered), "answered")
        assert desk.state is Presence.TALKING
        caller = s.floor.visits[CALL]
        assert isinstance(caller, Caller)
        caller.talk.left(desk)  # the page may be closed: they talk at their desk
        assert not caller.talk.is_lost
        assert not caller.talk.returned(desk)
        await s.asterisk.gone(at_desk)
        await s.until(lambda: desk.state is Presence.WRAP_UP, "wrap-up")

    played(tmp_path, scene)


def test_a_second_phone_that_is_away_costs_the_operator_nothing(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.asterisk.away.add("101")
        desk = s.seat(1, "web-1", second_phone="101")
        await s.asterisk.caller(CALL, "ORANGE")
        (leg,) = await s.rings(CALL)
        await s.until(lambda: s.told.of(e.LegEnded), "the other is away")
        assert desk.state is Presence.RINGING
        await s.asterisk.answer(leg)
        await s.until(lambda: desk.state is Presence.TALKING, "talking")

    played(tmp_path, scene)


def test_two_phones_that_nobody_answers_are_one_missed_call(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "web-1", second_phone="101")
        await s.asterisk.caller(CALL, "ORANGE")
        await s.rings(CALL, 2)
        await s.later(13)
        assert (desk.state, desk.reason) == (Presence.PAUSED, "missed")
        assert len(s.told.of(e.LegEnded)) == 2

    played(tmp_path, scene)


def test_a_phone_that_has_just_registered_is_waited_for(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.asterisk.offline_for["web-1"] = 3
        assert not await s.floor.ari.endpoint_online("web-1")
        assert await s.floor.ari.endpoint_online("web-1", within_s=1.0)

    played(tmp_path, scene)
