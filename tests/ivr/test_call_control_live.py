"""Real callers, real phones, a real Asterisk and the real calls process; what is claimed of sound is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from front_door import parts
from tests.ivr.calls_house import TRUNK_PORTS, CallsHouse, Decided, calls_house
from tests.world import Answering, Carrier, Citizen, Phone

pytestmark = [pytest.mark.live]


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallsHouse]:
    with calls_house(tmp_path_factory.mktemp("house"), ring_s="3", wrap_up_s="2") as running:
        yield running


def carrier(house: CallsHouse) -> Carrier:
    return Carrier(house.address, "127.0.0.2", TRUNK_PORTS["vnpt"])


def phone(house: CallsHouse, number: str, hz: int, answering: Answering) -> Phone:
    return Phone(number, house.switch.password(number), house.address, tone_hz=hz, answering=answering)


async def seat(house: CallsHouse, **desks: str) -> None:
    """Operators sit down at phones: `await seat(house, lan="101")`."""
    for username, number in desks.items():
        assert await asyncio.to_thread(house.ask, username, "sign_in", phone=number) == ""


def test_caller_and_operator_hear_each_other_and_the_call_ends_in_wrap_up(house: CallsHouse) -> None:
    house.decided["0912000001"] = Decided("YELLOW", message="message-YELLOW")

    async def scene() -> None:
        async with carrier(house) as trunk, phone(house, "101", 620, Answering.answers(1.0)) as desk:
            await seat(house, lan="101")
            leg = await Citizen(trunk, "0912000001", tone_hz=440).call("1022")
            await desk.until_talking(8)
            await leg.until_hears(620, within_s=3)
            heard = await leg.listen(2.0)
            assert desk.leg is not None
            desk_heard = await desk.leg.listen(2.0)
            assert heard[620] > 0.9, heard
            assert desk_heard[440] > 0.9, desk_heard
            assert house.presence("lan") == "talking"
            desk.leg.hang_up()
            await leg.until_ended(3)
            await asyncio.sleep(0.5)
            assert house.presence("lan") == "wrap_up"
            await asyncio.sleep(2.5)
            assert house.presence("lan") == "available"

    asyncio.run(scene())
    call = house.call_of("0912000001")
    assert call is not None
    assert (call.state, call.end_reason, call.answered_by) == ("ended", "served", "lan")
