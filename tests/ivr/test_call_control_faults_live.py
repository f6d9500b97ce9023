"""What the caller meets when something breaks or is short, on a real Asterisk with the real calls process."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from hotline.calls import Call
from tests.ivr.calls_house import CallsHouse, Decided, calls_house, seat
from tests.world import Answering, Carrier, CarrierCall, Citizen, Sound

pytestmark = [pytest.mark.live]
CHANNELS = 30
SERIES = itertools.count(40)
"""Callers of their own for each try: known ones would be repeat callers, and are owed calls."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallsHouse]:
    folder = tmp_path_factory.mktemp("house")
    with calls_house(folder, ring_s="3", wrap_up_s="1", channels=str(CHANNELS)) as house:
        yield house


@pytest.fixture
def house(running: CallsHouse) -> Iterator[CallsHouse]:
    """The running house with nobody signed in."""
    yield running
    running.all_leave()


def test_key_1_counts_at_every_tenth_of_the_first_second_after_the_ivr(house: CallsHouse) -> None:
    numbers = [f"09120002{n:02d}" for n in range(6)]
    for number in numbers:
        house.decided[number] = Decided("YELLOW")

    def acuity_of(number: str) -> str:
        call = house.call_of(number)
        return call.acuity if call is not None else ""

    async def one(trunk: Carrier, number: str, after_s: float) -> None:
        leg = await Citizen(trunk, number).call("1022")
        await asyncio.to_thread(house.until, lambda: house.queued(number), 30, "queued")
        leg.press_at(
            (leg.ended_s or asyncio.get_running_loop().time()) - (leg.answered_s or 0) + after_s, "1"
        )
        await asyncio.to_thread(house.until, lambda: acuity_of(number) == "RED", 30, f"{number} is RED")
        leg.hang_up()

    async def scene() -> None:
        async with house.carrier() as trunk:
            for first in (0.0, 0.5):
                steps = [first + 0.1 * n for n in range(5)]
                await asyncio.gather(*(one(trunk, n, s) for n, s in zip(numbers, steps, strict=False)))

    asyncio.run(scene())


def test_when_the_operators_phone_dies_the_caller_waits_again_at_the_front(house: CallsHouse) -> None:
    house.decided["0912000301"] = Decided("YELLOW")

    async def scene() -> None:
        async with (
            house.carrier() as trunk,
            house.phone("101", 620, Answering.answers(0.5)) as one,
            house.phone("102", 710, Answering.answers(0.5)),
        ):
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000301").call("1022")
            await leg.until_hears(620)
            one.unplug()
            await seat(house, minh="102")
            await leg.until_hears(710)
            leg.hang_up()

    asyncio.run(scene())
    assert house.until_ended("0912000301", "served").answered_by == "minh"


def test_a_locked_database_delays_no_ring_and_no_answer(house: CallsHouse) -> None:
    house.decided["0912000302"] = Decided("RED")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(0.5)) as desk:
            await seat(house, lan="101")
            lock = sqlite3.connect(Path(house.settings.var) / "hotline.db", isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            try:
                leg = await Citizen(trunk, "0912000302").call("1022")
                # The test's own triage waits twice a second for the record before it lets the caller go on.
                rung = await desk.until_rung()
                assert rung.started_s - (leg.answered_s or 0) < 4.5
                await leg.until_hears(620)
                leg.hang_up()
                await rung.until_ended()
            finally:
                lock.execute("ROLLBACK")
                lock.close()

    asyncio.run(scene())
    house.until(lambda: house.call_of("0912000302"), 30, "the journal replayed")
    house.until(lambda: (c := house.call_of("0912000302")) and c.state == "ended", 30, "ended")
    call = house.call_of("0912000302")
    assert call is not None
    assert (call.end_reason, call.answered_by) == ("served", "lan")


def test_every_red_caller_gets_in_past_sixty_nonmedical_ones_on_thirty_channels(house: CallsHouse) -> None:
    series = f"0912{next(SERIES)}"
    services = [f"{series}0{n:03d}" for n in range(60)]
    green = [f"{series}1{n:03d}" for n in range(6)]
    orange = [f"{series}2{n:03d}" for n in range(2)]
    reds = [f"{series}3{n:03d}" for n in range(18)]
    talker = f"{series}4000"
    house.decided.update({n: Decided("NONMED", branch="services") for n in services})
    house.decided.update({n: Decided("GREEN") for n in green})
    house.decided.update({n: Decided("ORANGE") for n in orange})
    house.decided.update({n: Decided("RED") for n in reds})
    house.decided[talker] = Decided("YELLOW")

    async def scene() -> list[CarrierCall]:
        async with (
            house.carrier(CHANNELS) as trunk,
            house.phone("101", 620, Answering.answers(0.5)),
        ):
            await seat(house, lan="101")
            # The only operator talks all the time: on duty, and everybody else waits.
            talking = await Citizen(trunk, talker).call("1022")
            await talking.until_hears(620)

            async def come(numbers: list[str], every_s: float) -> None:
                for number in numbers:
                    Citizen(trunk, number, sound=Sound.NONE).dial("1022")
                    await asyncio.sleep(every_s)

            await come(green + orange, 0.1)
            # Two a second crowd the trunk; emergencies come all the while, and go on when nobody else does.
            crowd = asyncio.create_task(come(services, 0.5))
            await asyncio.sleep(8.0)
            await come(reds, 1.5)
            await crowd
            await asyncio.sleep(1.5)
            for leg in reversed(trunk.legs):
                if leg.ended_s is None:
                    leg.hang_up()
            await asyncio.sleep(0.5)
            return list(trunk.calls)

    calls = asyncio.run(scene())
    refused = {c.from_number for c in calls if c.answered_at is None}
    assert refused.isdisjoint(reds + orange + green), refused
    assert len(refused) <= len(services) // 4, refused
    house.until(lambda: all(house.ended(c.from_number) for c in calls if c.answered_at), 30, "all have ended")
    ends = {c.caller_number: c.end_reason for c in house.rows(Call, Call.direction == "in")}
    got_in = [n for n in services if n not in refused]
    assert {ends["+84" + n[1:]] for n in reds + orange} == {"abandoned"}, "they hung up themselves"
    assert {ends["+84" + n[1:]] for n in got_in} == {"released"}, "every one made room"
    released = [n for n in green if ends["+84" + n[1:]] == "released"]
    # With the talk they are two more than 30 channels less the reserve of 5, and the chain's own legs need channels too:
    # the last GREEN to come made room first.
    assert len(released) >= 2
    assert released == green[-len(released) :]
    for number in got_in + released:
        assert {r.why for r in house.recalls_of(number)} == {"released"}, number


def test_a_red_call_lost_with_asterisk_is_rung_back_within_a_minute(house: CallsHouse) -> None:
    house.decided["0912000303"] = Decided("RED")

    async def scene() -> None:
        async with house.carrier() as trunk, house.phone("101", 620, Answering.answers(1.0)) as desk:
            await asyncio.to_thread(house.ask, "lan", "sign_out")
            leg = await Citizen(trunk, "0912000303").call("1022")
            await asyncio.to_thread(house.until, lambda: house.queued("0912000303"), 30, "queued")
            began_s = asyncio.get_running_loop().time()
            await asyncio.to_thread(house.kill_asterisk)
            leg.vanish()
            home = trunk.route("0912000303", Answering.answers(0.5), tone_hz=440)
            await asyncio.to_thread(house.switch.start)
            await desk.register(60)
            # Asterisk believes in the phone again once it has answered an OPTIONS, every 5 s.
            sign_in = partial(house.ask, "lan", "sign_in", phone="101")
            await asyncio.to_thread(house.until, lambda: sign_in() == "", 30, "signed in")
            citizen = await home.until_talking(40)
            await citizen.until_hears(620)
            took_s = asyncio.get_running_loop().time() - began_s
            assert took_s < 60, took_s
            citizen.hang_up()

    asyncio.run(scene())
    calls = [c for c in house.rows(Call) if c.caller_number == "+84912000303" and c.direction == "in"]
    assert [c.end_reason for c in calls] == ["switch_lost"]
