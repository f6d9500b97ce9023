"""A health station at its own page: it reads the card, accepts by a key, and has the citizen; measured with sound."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from front_door import demo_data
from tests.product import Product
from tests.softphone_panel.telephone.browser_desk import BrowserDesk, chromium
from tests.softphone_panel.telephone.scene import CITIZEN_HZ, OPERATOR_HZ, Scene, played, talking

log = logging.getLogger(__name__)
"""Measured numbers: pytest -o log_cli=true --log-cli-level=INFO."""
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine"),
]
STATION_HZ = 1700
NOTICED_S = 3.0
BACK_S = 4.0
LATE_S = 1.5


def test_a_station_at_its_page_reads_the_card_accepts_by_the_key_1_and_has_the_citizen(
    product: Product, tmp_path: Path
) -> None:
    number = "0912000391"

    async def scene() -> None:
        async with (
            talking(product, tmp_path, number, home="/my-desk") as on,
            chromium(tmp_path, STATION_HZ) as other,
        ):
            page, password = on.desk.page, demo_data.password(product.given)
            station = await BrowserDesk.open(
                other, product.given, demo_data.STATION, password, home="/station"
            )
            await station.go_on_duty()
            await page.click("#transfer details.begin summary")
            await page.fill("#station-wanted", "thanh pho dong xoai")
            await expect(page.locator("#station-choices input")).to_have_count(1)
            await page.click("#transfer-ask")
            asked_s = time.monotonic()
            offer = station.page.locator(".offer")
            await expect(offer).to_be_visible(timeout=20_000)
            log.info("offer_on_page_s %.2f", time.monotonic() - asked_s)
            await station.is_in("ringing")
            assert number[3:] not in await station.page.locator("main").inner_text()
            assert await station.violations() == []
            await station.page.keyboard.press("1")
            await station.is_in("talking")
            await expect(page.locator("#transfer-merge")).to_be_enabled(timeout=20_000)
            log.info("ask_to_accept_s %.2f", time.monotonic() - asked_s)
            for in_sight in (".transfer.goes-on", "#script-state"):
                await expect(page.locator(in_sight)).to_be_in_viewport()
            await expect(station.page.locator(".taken .number")).to_have_text(number)
            assert await station.violations() == []
            assert abs(await station.hears_hz() - OPERATOR_HZ) < 20
            assert abs(await on.desk.hears_hz() - STATION_HZ) < 20
            assert on.leg.rms(1.0) > 50, "the caller has music"
            await _loaded_anew(station, on)
            await page.click("#transfer-leave")
            await on.leg.until_hears(STATION_HZ, within_s=15)
            assert abs(await station.hears_hz() - CITIZEN_HZ) < 20
            await expect(station.page.locator(".taken h2")).to_contain_text("Bạn nói với người dân")
            on.leg.hang_up()
            await station.is_in("ready")
            await station.leave_duty()
            assert station.faults == []

    played(scene)


async def _loaded_anew(station: BrowserDesk, on: Scene) -> None:
    """F5 at the station in the private talk: the operator has the citizen meanwhile, and the station is back by itself."""

    async def late(route: Route) -> None:
        await asyncio.sleep(LATE_S)
        await route.continue_()

    await station.page.route(
        "**/phone/login", late
    )  # a page at once back leaves the operator too little time to be heard
    began_s = time.monotonic()
    reloading = asyncio.create_task(station.page.reload())
    with_citizen_s = await on.leg.until_hears(OPERATOR_HZ, within_s=NOTICED_S) - began_s
    while abs(await on.desk.hears_hz() - STATION_HZ) > 20:
        assert time.monotonic() - began_s < 2 * BACK_S + LATE_S, "the station is not back"
    back_s = time.monotonic() - began_s - LATE_S
    await reloading
    await station.page.unroute("**/phone/login")
    log.info("station reload: operator with the citizen %.2f s, station back %.2f s", with_citizen_s, back_s)
    assert back_s <= BACK_S
    await station.is_in("talking")
    assert abs(await station.hears_hz() - OPERATOR_HZ) < 20
