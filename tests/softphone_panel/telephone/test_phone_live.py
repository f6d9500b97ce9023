"""The telephone in the browser, in a real Chromium against the real Asterisk: who hears whom is measured at both ends."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest
from playwright.async_api import Response, Route, expect

from front_door import demo_data
from hotline import commands
from hotline.database import transaction
from hotline.operators import Operator, OperatorPresence
from hotline.recordings import relative_path
from ivr import browser_phone
from tests.product import Product, eventually
from tests.recorded import OURS, tones_in_turn
from tests.softphone_panel.telephone.browser_desk import BrowserDesk, chromium
from tests.softphone_panel.telephone.scene import (
    CITIZEN_HZ,
    NEXT_HZ,
    OPERATOR_HZ,
    comfort_after,
    desk_hears,
    hears_no_more,
    played,
    talking,
    true_soon,
)
from tests.world import Answering, Carrier, Citizen, Phone

log = logging.getLogger(__name__)
"""Measured numbers: pytest -o log_cli=true --log-cli-level=INFO."""
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine"),
]


NOTICES = """() => {
  window.notices = [];
  window.tones = 0;
  window.Notification = class {
    static permission = "granted";
    constructor(title, { body }) { notices.push([title, body]); }
    close() { notices.push("closed"); }
  };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) { tones += 1; return start.apply(this, at); };
  Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
}"""
"""Counts the tones of the ring and keeps the notifications that the page shows."""


MICROPHONES = """() => {
  window.microphones = [];
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (asked) => {
    const stream = await open(asked);
    microphones.push(stream);
    return stream;
  };
}"""
"""Keeps every microphone that the page opens."""
CLOSED = """() => microphones.length > 0
  && microphones.every((one) => one.getTracks().every((track) => track.readyState === "ended"))"""
REGISTERS = """async ({ name, password }) => {
  const { default: JsSIP } = await import("/static/vendor/jssip.min.js");
  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(`ws://${location.host}/ws`)],
    uri: `sip:${name}@desk.invalid`, authorization_user: name, password, register: false,
  });
  const said = new Promise((resolve) => {
    ua.on("registered", () => resolve("registered"));
    ua.on("registrationFailed", ({ response }) => resolve(response ? "refused" : "no answer"));
  });
  ua.on("connected", () => ua.register());
  ua.start();
  const found = await said;
  ua.stop();
  return found;
}"""
"""Whether these words make somebody the operator's telephone: "registered" or "refused"."""


def test_the_front_speaks_tls_and_http_2_and_leads_to_nothing_else_of_asterisk(product: Product) -> None:
    given = product.given
    trusting = ssl.create_default_context(cafile=str(given.tls / "ca.pem"))
    trusting.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((given.front_host, given.front_port), 5) as plain,
        trusting.wrap_socket(plain, server_hostname=given.front_host) as made,
    ):
        assert made.selected_alpn_protocol() == "h2"
        assert made.version() in ("TLSv1.2", "TLSv1.3")
    said = {
        path: _status(given.plain_port, path)
        for path in ("/sign-in", "/trust", "/trust/1022.crt", "/prompts", "/ws", "/ari/channels")
    }
    assert said == {
        "/sign-in": 200,
        "/trust": 200,
        "/trust/1022.crt": 200,
        "/prompts": 303,
        "/ws": 401,
        "/ari/channels": 404,
    }
    with pytest.raises(OSError, match="refused"):
        _status(given.plain_port, "/", given.front_host)


def _status(port: int, path: str, host: str = "127.0.0.1") -> int:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_call_in_the_browser_is_answered_muted_held_keyed_and_hung_up(
    product: Product, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with talking(product, tmp_path, "0912000001") as s:
            await s.leg.until_hears(OPERATOR_HZ, within_s=15, for_s=1.5)
            await desk_hears(s.desk, CITIZEN_HZ)
            await s.desk.page.keyboard.press("F6")
            await hears_no_more(s.leg, OPERATOR_HZ)
            await asyncio.sleep(2.5)  # a muted desk is no lost one
            assert (await s.leg.listen(0.5)) == {}
            await s.desk.page.keyboard.press("F6")
            await s.leg.until_hears(OPERATOR_HZ, within_s=15)
            await s.desk.page.keyboard.press("F8")
            await s.desk.is_in("held")
            await comfort_after(s.leg, time.monotonic())
            held = await s.leg.listen(3.0)
            assert held.get(OPERATOR_HZ, 0) < 0.05
            assert s.leg.rms(1.0) > 100  # music
            await s.desk.page.keyboard.press("F8")
            await s.leg.until_hears(OPERATOR_HZ, within_s=15)
            await s.desk.act("pad")
            await s.desk.page.click("[data-digit='5']")
            await true_soon(lambda: s.leg.keys_heard == "5", "the key is heard")
            await s.desk.act("hangup")
            await s.leg.until_ended(15)
            await s.desk.is_in("ready")

    played(scene)


def test_an_operator_calls_out_and_not_abroad(product: Product, tmp_path: Path) -> None:
    async def scene() -> None:
        plan = product.plan()
        trunk = plan.trunks[0]
        async with (
            Carrier(plan.product, trunk.host, trunk.port) as carrier,
            chromium(tmp_path, OPERATOR_HZ) as browser,
        ):
            station = carrier.route("0913555777", Answering.answers(0.5), tone_hz=NEXT_HZ)
            desk = await BrowserDesk.open(browser, product.given, "lan", demo_data.password(product.given))
            await desk.page.evaluate(MICROPHONES)
            logins: list[dict[str, str]] = []

            async def keep(answer: Response) -> None:
                if answer.ok and answer.url.endswith("/desk/phone/login"):
                    logins.append(await answer.json())

            desk.page.on("response", keep)
            away = [503]

            async def away_once(asked: Route) -> None:
                await (asked.fulfill(status=away.pop()) if away else asked.continue_())

            await desk.page.route("**/desk/phone/login", away_once)
            await desk.go_on_duty()  # asked for once, although the exchange answers only the second time
            assert not away
            await desk.dial("+1 202 555 0123")
            await expect(desk.page.locator("#bar .refused")).to_contain_text("đầu số này")
            await desk.dial("0913 555 777")
            leg = await station.until_talking(15)
            await leg.until_hears(OPERATOR_HZ, within_s=15)
            await desk_hears(desk, NEXT_HZ)
            lan, chief = (
                product.rows(Operator, Operator.username == who)[0].id for who in ("lan", "truongca")
            )
            with transaction() as session:
                body = {"operator_id": str(lan)}
                commands.ask(session, chief, "force_sign_out", f"out{time.time_ns()}", body)
            await expect(desk.page.locator("#bar .told")).to_contain_text("khi xong cuộc này")
            assert browser_phone.page_of(product.given, lan), "the talk still needs it"
            await desk.act("hangup")
            await leg.until_ended(15)
            await desk.is_in("left")
            await expect(desk.page.locator("#phone-state")).to_contain_text("micrô của trang đã tắt")
            assert await desk.page.evaluate("microphones.map(s => s.getTracks()[0].readyState)") == ["ended"]
            await asyncio.to_thread(
                eventually, lambda: not browser_phone.page_of(product.given, lan), 15, "the phone is no more"
            )
            assert await desk.page.evaluate(REGISTERS, logins[-1]) == "refused"
            await desk.go_on_duty()  # and is given again
            await desk.is_in("ready")
            await asyncio.to_thread(eventually, lambda: len(logins) == 2, 15, "a new password")
            assert await desk.page.evaluate(REGISTERS, logins[-1]) == "registered"
            await desk.leave_duty()
            await desk.is_in("left")

    played(scene)


def test_a_second_phone_rings_too_and_who_answers_there_talks_there(product: Product, tmp_path: Path) -> None:
    async def scene() -> None:
        plan = product.plan()
        trunk, seat = plan.trunks[0], plan.desks[0]
        async with (
            Carrier(plan.product, trunk.host, trunk.port) as carrier,
            chromium(tmp_path, OPERATOR_HZ) as browser,
            Phone(
                seat.user, seat.password, plan.product, tone_hz=NEXT_HZ, answering=Answering.rings_on()
            ) as phone,
        ):
            desk = await BrowserDesk.open(browser, product.given, "lan", demo_data.password(product.given))
            await desk.go_on_duty(seat.user)
            leg = await Citizen(carrier, "0912000007", tone_hz=CITIZEN_HZ).call("02711022")
            await leg.until_sound()
            await leg.press("0")
            await desk.is_in("ringing", 15)
            await phone.until_rung(within_s=15)
            assert phone.leg is not None
            phone.leg.answer()
            await leg.until_hears(NEXT_HZ, within_s=15)
            await desk.is_in("ready")
            await desk.page.reload()  # the page is not what they talk with
            await asyncio.sleep(3)
            await leg.until_hears(NEXT_HZ, within_s=15, for_s=1.0)
            leg.hang_up()
            await desk.leave_duty()

    played(scene)


@pytest.mark.parametrize("why", ["refused", "missing"])
def test_nobody_goes_on_duty_without_a_microphone(product: Product, tmp_path: Path, why: str) -> None:
    async def scene() -> None:
        async with chromium(tmp_path, OPERATOR_HZ) as browser:
            desk = await BrowserDesk.open(browser, product.given, "lan", demo_data.password(product.given))
            await desk.lose_the_microphone({"refused": "NotAllowedError", "missing": "NotFoundError"}[why])
            await desk.page.select_option("#phone", "web")
            await desk.page.click("#act-sign_in")
            await desk.is_in(why)
            await expect(desk.page.locator("#bar .presence.offline")).to_be_visible()
            await expect(desk.page.locator("[data-act=start]")).to_be_focused()

    played(scene)


def test_a_page_whose_telephone_did_not_load_says_so_and_shows_no_dead_button(
    product: Product, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with chromium(tmp_path, OPERATOR_HZ) as browser:
            desk = await BrowserDesk.open(browser, product.given, "lan", demo_data.password(product.given))
            await desk.is_in("off")
            await desk.page.route("**/phone/line.js*", lambda route: route.abort())
            await desk.page.reload()
            await expect(desk.page.locator("#phone-state")).to_contain_text("không chạy được")
            await expect(desk.page.locator("#phone-state")).to_be_visible(timeout=20_000)
            await expect(desk.page.locator("#telephone button:visible")).to_have_count(0)
            assert await desk.violations() == []

    played(scene)


async def _taken_while_it_rings(carrier: Carrier, first: BrowserDesk, second: BrowserDesk) -> None:
    """It rings where the telephone is now and no longer where it was, and nobody hears that room any more."""
    leg = await Citizen(carrier, "0912000031", tone_hz=CITIZEN_HZ).call("02711022")
    await leg.until_sound()
    await leg.press("0")
    await first.is_in("ringing")
    await second.act("start")
    await second.is_in("ringing")
    await first.is_in("moved")
    assert await first.page.evaluate(CLOSED)
    await second.page.keyboard.press("F2")
    await leg.until_hears(NEXT_HZ, within_s=15)
    await second.is_in("talking")
    leg.hang_up()
    await second.is_in("ready")
    await expect(second.page.locator("#bar .presence.available")).to_be_visible(timeout=30_000)


async def _taken_in_talks(carrier: Carrier, on: Product, first: BrowserDesk, second: BrowserDesk) -> None:
    """There and back in one talk: the citizen hears each page, so does the recording; the page that was left is silent."""
    leg = await Citizen(carrier, "0912000032", tone_hz=CITIZEN_HZ).call("02711022")
    await leg.until_sound()
    await leg.press("0")
    await second.is_in("ringing")
    await second.page.keyboard.press("F2")
    await leg.until_hears(NEXT_HZ, within_s=15)
    talks, left = second, first
    for hz in (OPERATOR_HZ, NEXT_HZ, OPERATOR_HZ):
        await leg.listen(2.0)
        talks, left = left, talks
        await talks.act("start")
        await talks.is_in("talking", 40)
        await left.is_in("moved")
        # The mixer of a machine with too much to do leaves holes; nothing bounds how long it has too much to do.
        await leg.until_hears(hz, within_s=40, for_s=2.0)
        await desk_hears(talks, CITIZEN_HZ)
        assert await left.hears_hz() == 0
        assert await left.page.evaluate(CLOSED)
    await talks.act("hangup")
    await leg.until_ended(15)
    await expect(talks.page.locator("#bar .presence.available")).to_be_visible(timeout=30_000)
    call = on.call_of("0912000032")
    assert call is not None
    heard = tones_in_turn(on.given.recordings / relative_path(call.id), OURS, (OPERATOR_HZ, NEXT_HZ))
    assert heard == [NEXT_HZ, OPERATOR_HZ, NEXT_HZ, OPERATOR_HZ]


def test_a_second_sign_in_takes_the_telephone_over_only_when_it_is_told_to(
    product: Product, tmp_path: Path
) -> None:
    async def scene() -> None:
        plan = product.plan()
        trunk = plan.trunks[0]
        async with (
            Carrier(plan.product, trunk.host, trunk.port) as carrier,
            chromium(tmp_path, OPERATOR_HZ) as browser,
            chromium(tmp_path, NEXT_HZ) as another,
        ):
            password = demo_data.password(product.given)
            first = await BrowserDesk.open(browser, product.given, "lan", password)
            await first.page.evaluate(MICROPHONES)
            await first.go_on_duty()
            second = await BrowserDesk.open(another, product.given, "lan", password)
            await second.is_in("elsewhere")
            await first.is_in("ready")
            await second.page.evaluate(MICROPHONES)
            await _taken_while_it_rings(carrier, first, second)
            await _taken_in_talks(carrier, product, first, second)
            tab = BrowserDesk(await first.page.context.new_page())  # beside it, in the same browser
            await tab.page.goto(first.page.url)
            await _taken_by_a_tab(carrier, first, tab)
            assert first.faults == second.faults == tab.faults == []
            number = product.rows(Operator, Operator.username == "lan")[0].id
            assert browser_phone.is_online(product.given, number)
            await tab.page.click("text=Đăng xuất")
            await tab.page.wait_for_url("**/sign-in")
            assert browser_phone.page_of(product.given, number) == ""
            await asyncio.to_thread(
                eventually,
                lambda: (
                    product.rows(OperatorPresence, OperatorPresence.operator_id == number)[0].state
                    == "offline"
                ),
                15,
                "off duty",
            )

    played(scene)


async def _taken_by_a_tab(carrier: Carrier, first: BrowserDesk, tab: BrowserDesk) -> None:
    """The tab that was left hangs nobody up."""
    leg = await Citizen(carrier, "0912000033", tone_hz=CITIZEN_HZ).call("02711022")
    await leg.until_sound()
    await leg.press("0")
    await first.is_in("ringing")
    await first.page.keyboard.press("F2")
    await leg.until_hears(OPERATOR_HZ, within_s=15)
    await tab.is_in("elsewhere")
    await tab.act("start")
    await tab.is_in("talking")
    await first.is_in("moved")
    await leg.until_hears(OPERATOR_HZ, within_s=15, for_s=2.0)
    assert await first.page.evaluate(CLOSED)
    await tab.act("hangup")
    await leg.until_ended(15)
    await expect(tab.page.locator("#bar .presence.available")).to_be_visible(timeout=30_000)


def test_the_telephone_is_without_a_fault_of_access_in_every_state(product: Product, tmp_path: Path) -> None:
    async def scene() -> None:
        found: dict[str, list[str]] = {}

        async def see(desk: BrowserDesk, state: str) -> None:
            for scheme in ("light", "dark"):
                await desk.page.emulate_media(color_scheme=scheme)
                if broken := await desk.violations():
                    found[f"{state} {scheme}"] = broken
                if folder := os.environ.get("HOTLINE_PICTURES"):
                    await desk.page.screenshot(path=f"{folder}/phone-{state}-{scheme}.png")

        plan = product.plan()
        trunk = plan.trunks[0]
        async with (
            Carrier(plan.product, trunk.host, trunk.port) as carrier,
            chromium(tmp_path, OPERATOR_HZ) as browser,
        ):
            desk = await BrowserDesk.open(browser, product.given, "lan", demo_data.password(product.given))
            await see(desk, "off")
            await desk.go_on_duty()
            await desk.page.evaluate(NOTICES)  # the page is behind another window
            leg = await Citizen(carrier, "0912000006", tone_hz=CITIZEN_HZ).call("02711022")
            await leg.until_sound()
            await leg.press("1")
            await desk.is_in("ringing", 15)
            await see(desk, "ringing")
            assert await desk.page.evaluate("tones") >= 4
            assert await desk.page.evaluate("notices") == [["Cuộc gọi đến", "0912000006"]]
            await desk.page.keyboard.press("F2")
            await leg.until_hears(OPERATOR_HZ, within_s=15)
            for act in ("pad", "devices"):
                await desk.act(act)
            await see(desk, "talking")
            assert await desk.page.evaluate("notices") == [["Cuộc gọi đến", "0912000006"], "closed"]
            tones = await desk.page.evaluate("tones")
            await asyncio.sleep(2.2)
            assert await desk.page.evaluate("tones") == tones, "it rings no more"
            await desk.page.fill("#my-note", "a?")
            await desk.page.locator("#my-note").press("?")
            await expect(desk.page.locator("#phone-keys")).to_be_hidden()
            assert await desk.page.input_value("#my-note") == "a??"
            await desk.page.locator("#main").focus()
            await desk.page.keyboard.press("?")
            await see(desk, "keys")
            await desk.page.keyboard.press("Escape")
            await desk.act("hangup")
            await leg.until_ended(15)
            await desk.leave_duty()
        assert found == {}, found

    played(scene)
