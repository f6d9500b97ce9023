"""The telephone in the browser, in a real Chromium against the real Asterisk: who hears whom is measured at both ends."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from front_door import demo_data
from tests.product import Product, running_product
from tests.softphone_panel.browser_desk import BrowserDesk, chromium
from tests.world import Carrier, Citizen

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine"),
]
OPERATOR_HZ, CITIZEN_HZ = 1000, 620


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with (
        tempfile.TemporaryDirectory(prefix="phone-1022-") as name,
        running_product(Path(name), desks=2, wrap_up_s="2") as made,
    ):
        yield made


def test_an_operator_takes_a_call_in_the_browser(product: Product, tmp_path: Path) -> None:
    asyncio.run(_a_call(product, tmp_path))


async def _a_call(on: Product, folder: Path) -> None:
    plan = on.plan()
    trunk = plan.trunks[0]
    async with (
        Carrier(plan.product, trunk.host, trunk.port) as carrier,
        chromium(folder, OPERATOR_HZ) as browser,
    ):
        desk = await BrowserDesk.open(browser, on.given, "lan", demo_data.password(on.given))
        await desk.go_on_duty()
        leg = await Citizen(carrier, "0912000001", tone_hz=CITIZEN_HZ).call("02711022")
        await leg.until_sound()
        await leg.press("0")
        await desk.is_in("ringing", 15)
        await desk.act("answer")
        await leg.until_hears(OPERATOR_HZ, within_s=5)
        assert (await leg.listen(1.5)).get(OPERATOR_HZ, 0) > 0.9
        assert abs(await desk.hears_hz() - CITIZEN_HZ) < 12
        await desk.act("hangup")
        await leg.until_ended(5)
        assert desk.faults == []
