"""An operator in the browser talks with a citizen: the scene that most tests of the telephone begin with."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from front_door import demo_data
from tests.product import Product
from tests.softphone_panel.telephone.browser_desk import BrowserDesk, Elsewhere, chromium, processes_of
from tests.world import Carrier, Citizen
from tests.world.leg import Leg

OPERATOR_HZ, CITIZEN_HZ, NEXT_HZ = 1000, 620, 1300


@dataclass
class Scene:
    on: Product
    folder: Path
    carrier: Carrier
    browser: Browser
    desk: BrowserDesk
    leg: Leg

    def strike(self, number: signal.Signals) -> None:
        """The whole browser gets that signal."""
        for pid in processes_of(self.folder, OPERATOR_HZ):
            os.kill(pid, number)


@asynccontextmanager
async def talking(
    on: Product, folder: Path, number: str, elsewhere: Elsewhere | None = None, home: str = "/desk"
) -> AsyncIterator[Scene]:
    """An operator in the browser talks with a citizen."""
    plan = on.plan()
    trunk = plan.trunks[0]
    async with (
        Carrier(plan.product, trunk.host, trunk.port) as carrier,
        chromium(folder, OPERATOR_HZ, elsewhere) as browser,
    ):
        origin = f"https://{elsewhere.ours}:{on.given.front_port}" if elsewhere else ""
        desk = await BrowserDesk.open(browser, on.given, "lan", demo_data.password(on.given), origin, home)
        await desk.go_on_duty()
        leg = await Citizen(carrier, number, tone_hz=CITIZEN_HZ).call("02711022")
        await leg.until_sound()
        await leg.press("0")
        await desk.is_in("ringing", 15)
        await desk.act("answer")
        await leg.until_hears(OPERATOR_HZ, within_s=15)
        try:
            yield Scene(on, folder, carrier, browser, desk, leg)
        finally:
            if leg.ended_s is None:
                leg.hang_up()
            if browser.is_connected():
                await desk.leave_duty()
        assert desk.faults == [], desk.faults


def played(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 240))


async def comfort_after(leg: Leg, since_s: float) -> float:
    """Seconds from `since_s` until something else than the operator's tone was heard."""
    while True:
        now = time.monotonic()
        received = leg.stream.received
        last = received.sounding[-1] if received.sounding else 0.0
        if last > since_s + 0.3 and received.heard(now - 0.3, now).get(OPERATOR_HZ, 0.0) < 0.2:
            return now - since_s
        assert now - since_s < 10, "no comfort"
        await asyncio.sleep(0.04)


async def desk_hears(desk: BrowserDesk, hz: int) -> None:
    """The page's loudspeaker has that party, and nobody louder."""
    heard = [0]
    while abs(heard[-1] - hz) >= 12:
        assert len(heard) < 12, f"the desk does not hear {hz} Hz but {heard}"
        heard.append(await desk.hears_hz())


async def hears_no_more(leg: Leg, hz: int, within_s: float = 15.0) -> None:
    """The party has not heard that tone for a second."""
    until = time.monotonic() + within_s
    while (heard := await leg.listen(1.0)).get(hz, 0.0) >= 0.05:
        assert time.monotonic() < until, f"{hz} Hz is still there: {heard}"


async def true_soon(asked: Callable[[], bool], what: str, within_s: float = 15.0) -> None:
    """Returns when it is so."""
    until = time.monotonic() + within_s
    while not asked():
        assert time.monotonic() < until, f"not within {within_s:.0f} s: {what}"
        await asyncio.sleep(0.05)
