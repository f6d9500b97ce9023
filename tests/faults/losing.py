"""Every way in which a caller can be lost before a human answered, each as something that is done to one caller."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping

from tests.faults.conftest import CHANNELS
from tests.product import Product
from tests.world import Carrier, Citizen
from tests.world.leg import Leg

CALLED = "02711022"
PRESSES = 3
Way = Callable[[Product, Carrier, str], Awaitable[float]]
"""Loses the caller with this number; when they were lost, on the monotonic clock."""


async def _asked(carrier: Carrier, number: str) -> Leg:
    leg = await Citizen(carrier, number).call(CALLED)
    await leg.until_sound()
    return leg


async def _waiting(on: Product, carrier: Carrier, number: str) -> Leg:
    """Asks for a human; nobody is on duty."""
    leg = await _asked(carrier, number)
    for _ in range(PRESSES):  # a key that falls between two commands is lost, and people press again
        await leg.press("0")
        if await asyncio.to_thread(_queued, on, number):
            return leg
    raise AssertionError(f"{number} did not come into the line")


def _queued(on: Product, number: str) -> bool:
    until_s = time.monotonic() + 6.0
    while time.monotonic() < until_s:
        call = on.call_of(number)
        if call is not None and call.queued_at is not None:
            return True
        time.sleep(0.1)
    return False


async def _hung_up(leg: Leg) -> float:
    leg.hang_up()
    lost_s = time.monotonic()
    await leg.until_ended()
    return lost_s


async def in_the_questions(on: Product, carrier: Carrier, number: str) -> float:
    leg = await _asked(carrier, number)
    await leg.press("2")
    await asyncio.sleep(1.0)
    return await _hung_up(leg)


async def in_the_line(on: Product, carrier: Carrier, number: str) -> float:
    return await _hung_up(await _waiting(on, carrier, number))


async def with_the_questions_program(on: Product, carrier: Carrier, number: str) -> float:
    """It is killed, and its caller hangs up in the dialplan's own fallback."""
    leg = await _asked(carrier, number)
    await leg.press("2")
    await asyncio.sleep(1.0)
    on.tell("agi", signal.SIGKILL)
    await asyncio.sleep(1.0)
    return await _hung_up(leg)


async def while_call_control_is_dead(on: Product, carrier: Carrier, number: str) -> float:
    leg = await _waiting(on, carrier, number)
    on.tell("calls", signal.SIGKILL)
    return await _hung_up(leg)


async def at_a_full_trunk(on: Product, carrier: Carrier, number: str) -> float:
    """All channels are taken by people who are asked; one more is refused."""
    others = [await _asked(carrier, f"{number[:-2]}{n:02}") for n in range(1, CHANNELS + 1)]
    leg = Citizen(carrier, number).dial(CALLED)
    await leg.until_ended()
    lost_s = time.monotonic()
    assert leg.final_status == 503
    for other in others:
        other.hang_up()
    return lost_s


async def with_asterisk(on: Product, carrier: Carrier, number: str) -> float:
    leg = await _waiting(on, carrier, number)
    on.tell("asterisk", signal.SIGKILL)
    lost_s = time.monotonic()
    leg.vanish()
    return lost_s


WAYS: Mapping[str, Way] = {
    "in the questions": in_the_questions,
    "in the line": in_the_line,
    "with the questions' program killed": with_the_questions_program,
    "while call control is dead": while_call_control_is_dead,
    "at a full trunk": at_a_full_trunk,
    "with Asterisk killed": with_asterisk,
}
