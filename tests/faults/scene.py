"""Four callers at once, one in each phase of a call, and the people who serve them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.faults.table import Fault, Phase
from tests.product import Product, eventually
from tests.world import Answering, Carrier, Citizen, Phone
from tests.world.leg import Leg
from tests.world.party import Station

OPERATOR_HZ, RINGER_HZ = 620, 760
TONES = {Phase.TALKING: 1600, Phase.RINGING: 1700, Phase.WAITING: 1800, Phase.IVR: 1900}


def number_of(fault: Fault, phase: Phase) -> str:
    """A number of its own for each cell: a number known from an earlier one would be a repeat caller."""
    return f"0912{list(Fault).index(fault):03d}00{list(Phase).index(phase)}"


@dataclass
class Scene:
    carrier: Carrier
    legs: dict[Phase, Leg]
    answerer: Phone
    """Talks with the first caller."""
    ringer: Phone
    """Rings for the second."""

    def put_down(self) -> None:
        """The operators hear nothing any more and put their handsets down; the next call they answer."""
        for phone in (self.answerer, self.ringer):
            phone.answering = Answering.answers(0.5)
            if phone.leg is not None:
                phone.leg.vanish()

    async def over(self) -> None:
        """Everybody hangs up."""
        for leg in (*self.legs.values(), self.answerer.leg, self.ringer.leg):
            if leg is not None and leg.ended_s is None:
                leg.hang_up()
        await asyncio.sleep(0.5)


@asynccontextmanager
async def four_callers(on: Product, fault: Fault) -> AsyncIterator[Scene]:
    """One caller talks, one's operator rings, one waits, one is asked by the machine."""
    plan = on.plan()
    trunk = plan.trunks[0]
    # Asterisk's death is struck at emergencies: they must be rung back soonest.
    key = "1" if fault is Fault.ASTERISK_KILLED else "0"
    citizen = Station("citizen", Answering.answers(1.0, talk_s=2.0), 1580)
    citizen.one_call_only = False
    first, second = plan.desks[:2]
    async with (
        Carrier(plan.product, trunk.host, trunk.port) as carrier,
        Phone(
            first.user, first.password, plan.product, tone_hz=OPERATOR_HZ, answering=Answering.answers(0.5)
        ) as answerer,
        Phone(
            second.user, second.password, plan.product, tone_hz=RINGER_HZ, answering=Answering.rings_on()
        ) as ringer,
    ):
        carrier.anybody = citizen
        people = {p: Citizen(carrier, number_of(fault, p), tone_hz=TONES[p]) for p in Phase}
        legs = {Phase.TALKING: await people[Phase.TALKING].call("02711022")}
        await legs[Phase.TALKING].until_sound()  # a phone is believed in once it has answered an OPTIONS
        await asyncio.to_thread(on.sign_in, 1)
        await legs[Phase.TALKING].press(key)
        await legs[Phase.TALKING].until_hears(OPERATOR_HZ)
        await asyncio.to_thread(on.sign_in, 2)
        legs[Phase.RINGING] = await _asks_for_a_human(people[Phase.RINGING], key)
        await ringer.until_rung(within_s=15)
        legs[Phase.WAITING] = await _asks_for_a_human(people[Phase.WAITING], key)
        await asyncio.to_thread(
            eventually,
            lambda: (call := on.call_of(number_of(fault, Phase.WAITING))) and call.queued_at,
            10.0,
            "the third caller waits in the line",
        )
        legs[Phase.IVR] = await people[Phase.IVR].call("02711022")
        await legs[Phase.IVR].until_sound()
        scene = Scene(carrier, legs, answerer, ringer)
        try:
            yield scene
        finally:
            await scene.over()


async def _asks_for_a_human(citizen: Citizen, key: str) -> Leg:
    leg = await citizen.call("02711022")
    await leg.until_sound()
    await leg.press(key)
    return leg
