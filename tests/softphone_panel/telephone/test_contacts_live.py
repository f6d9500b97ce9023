"""Several contacts at one desk, with sound: one is heard, the others have music, and no word goes to the wrong ticket."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
from playwright.async_api import expect

from front_door import demo_data
from hotline.calls import Call
from hotline.ticket_fields import TicketField
from hotline.tickets import TicketEntry
from tests.product import Product, eventually
from tests.softphone_panel.telephone.browser_desk import BrowserDesk, chromium
from tests.softphone_panel.telephone.scene import (
    CITIZEN_HZ,
    NEXT_HZ,
    OPERATOR_HZ,
    Scene,
    desk_hears,
    played,
    talking,
)
from tests.world import Answering, Carrier, Citizen, Phone
from tests.world.leg import Leg

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine"),
]
FIRST, SECOND = "0912000021", "0912000022"


async def has_music(leg: Leg) -> None:
    """The party hears music, and the operator no more."""
    for _ in range(10):
        heard = await leg.listen(0.6)
        if heard.get(OPERATOR_HZ, 0) < 0.05 and leg.rms(0.6) > 100:
            return
    raise AssertionError(f"no music: {heard}")


async def states(s: Scene, *wanted: str) -> None:
    rows = s.desk.page.locator("#contacts [data-call]")
    await expect(rows).to_have_count(len(wanted))
    for n, state in enumerate(wanted):
        await expect(rows.nth(n)).to_have_attribute("data-state", state)


def typed(product: Product, number: str) -> list[str]:
    """What was written into the address of that number's ticket."""
    call = product.call_of(number)
    assert call is not None
    return [
        row.value
        for row in product.rows(
            TicketField, TicketField.ticket_id == call.ticket_id, TicketField.name == "address"
        )
    ]


def ticket_of(product: Product, number: str) -> str:
    call = product.call_of(number)
    assert call is not None
    return call.ticket_id


def test_two_citizens_at_one_desk_are_never_mixed_up(product: Product, tmp_path: Path) -> None:
    async def scene() -> None:
        async with talking(product, tmp_path, FIRST, home="/my-desk") as s:
            page, first = s.desk.page, s.leg
            press, address = page.keyboard.press, page.locator("#f-address")
            await states(s, "talking")
            await press("F8")
            await s.desk.is_in("held")
            await states(s, "held")
            await has_music(first)
            assert await s.desk.hears_hz() == 0, "nothing of the citizen reaches a desk that holds them"
            second = await Citizen(s.carrier, SECOND, tone_hz=NEXT_HZ).call("02711022")
            await second.until_sound()
            await second.press("0")
            await asyncio.sleep(1.0)
            assert await s.desk.hears_hz() == 0, "nobody comes who was not asked for"
            # Pushed: the page reads its contacts by itself only every 15 s.
            await expect(page.locator("#contact-take-next")).to_be_visible(timeout=8_000)
            await press("Alt+KeyM")
            await second.until_hears(OPERATOR_HZ, within_s=15)
            await desk_hears(s.desk, NEXT_HZ)
            await has_music(first)
            await states(s, "held", "talking")
            await expect(page.locator(f"#caller[data-live-from] .number:text-is('{SECOND}')")).to_be_visible()
            assert await s.desk.violations() == []
            if folder := os.environ.get("HOTLINE_PICTURES"):
                await page.screenshot(path=f"{folder}/contacts.png", caret="initial")
            # Words to one, then to the other, and again: each saved where it belongs.
            for n in range(2):
                await expect(address).to_be_visible()
                await address.fill(f"hai {n}")
                await press("F7")
                await first.until_hears(OPERATOR_HZ, within_s=15)
                await expect(page.locator("#work > [data-ticket]")).to_have_attribute(
                    "data-ticket", ticket_of(product, FIRST), timeout=8000
                )
                await address.fill(f"một {n}")
                await press("F7")
                await second.until_hears(OPERATOR_HZ, within_s=15)
                await expect(page.locator("#work > [data-ticket]")).to_have_attribute(
                    "data-ticket", ticket_of(product, SECOND), timeout=8000
                )
            await has_music(first)
            await asyncio.to_thread(eventually, lambda: typed(product, FIRST) == ["một 1"], 15, "the first's")
            assert typed(product, SECOND) == ["hai 1"]
            # Whoever dies and comes back finds everybody where they were.
            # Who starts for longer than 8 s leaves callers to the rescue: tests/ivr/test_rescue.py.
            product.tell("rescue", signal.SIGSTOP)
            killed = product.pid("calls")
            product.tell("calls", signal.SIGKILL)
            await asyncio.sleep(0.5)
            await second.until_hears(OPERATOR_HZ, within_s=5, for_s=1.0)
            beat = product.given.var / "run" / "calls.beat"
            await asyncio.to_thread(
                eventually, lambda: beat.read_text() not in ("", str(killed)), 40, "the next calls process"
            )
            product.tell("rescue", signal.SIGCONT)
            await asyncio.sleep(3.0)
            await has_music(first)
            await states(s, "held", "talking")
            await press("F7")
            await first.until_hears(OPERATOR_HZ, within_s=15)
            await has_music(second)
            await desk_hears(s.desk, CITIZEN_HZ)
            await states(s, "talking", "held")
            first.hang_up()
            await second.until_hears(OPERATOR_HZ, within_s=15)
            await desk_hears(s.desk, NEXT_HZ)
            await states(s, "talking")
            await expect(page.locator("#tasks .unfinished li")).to_have_count(1, timeout=25_000)
            await s.desk.act("hangup")
            await second.until_ended(15)
            await s.desk.is_in("ready")
            calls = [product.call_of(number) for number in (FIRST, SECOND)]
            for call in calls:
                assert call is not None
                assert call.answered_by == "lan"
                kinds = {
                    row.kind for row in product.rows(TicketEntry, TicketEntry.ticket_id == call.ticket_id)
                }
                assert "call_held" in kinds
            assert len({call.ticket_id for call in calls if call}) == 2
            await asyncio.to_thread(
                eventually,
                lambda: all(
                    row.ended_at
                    for row in product.rows(Call, Call.id.in_([call.id for call in calls if call]))
                ),
                15,
                "both over",
            )

    played(scene)


def test_the_page_holds_turns_and_hangs_up_at_a_desk_phone(product: Product, tmp_path: Path) -> None:
    async def scene() -> None:
        plan = product.plan()
        trunk, seat = plan.trunks[0], plan.desks[0]
        async with (
            Carrier(plan.product, trunk.host, trunk.port) as carrier,
            chromium(tmp_path, 440) as browser,
            Phone(
                seat.user, seat.password, plan.product, tone_hz=OPERATOR_HZ, answering=Answering.answers(0.5)
            ) as phone,
        ):
            carrier.route("0913555888", Answering.answers(0.5), tone_hz=NEXT_HZ)
            password = demo_data.password(product.given)
            desk = await BrowserDesk.open(browser, product.given, "minh", password, home="/my-desk")
            await asyncio.to_thread(product.sign_in_at, "minh", seat.user)
            leg = await Citizen(carrier, "0912000023", tone_hz=CITIZEN_HZ).call("02711022")
            await leg.until_sound()
            await leg.press("0")
            await leg.until_hears(OPERATOR_HZ, within_s=15)
            assert phone.leg is not None
            row = desk.page.locator("#contacts [data-call]")
            await expect(row).to_have_attribute("data-state", "talking")
            await desk.page.keyboard.press("F8")
            await expect(row).to_have_attribute("data-state", "held")
            await has_music(leg)
            assert (await phone.leg.listen(1.0)).get(CITIZEN_HZ, 0) < 0.05
            await desk.page.keyboard.press("F8")
            await leg.until_hears(OPERATOR_HZ, within_s=15)
            assert (await phone.leg.listen(1.0)).get(CITIZEN_HZ, 0) > 0.9
            await desk.page.keyboard.press("F9")
            await leg.until_ended(15)
            await expect(row).to_have_count(0)
            await desk.leave_duty()
            assert desk.faults == []

    played(scene)
