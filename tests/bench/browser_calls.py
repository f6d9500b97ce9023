"""What a call to a browser costs Asterisk: A-law, which carriers speak too, beside Opus, which must be transcoded.

The whole product runs. A carrier's party who speaks a tone is called and joined with a telephone in a real Chromium, as a recall is: two
legs, bridge, DTLS-SRTP, stereo recording. One page holds all telephones, by the panel's own `line.js`. Nothing, A-law and Opus take turns.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from front_door import demo_data
from hotline.secrets import secret
from hotline.settings import Settings
from ivr import browser_phone
from ivr.ari import Ari, AriError, AriEvent
from ivr.queue_members import Manager
from tests.bench import processor, ringing
from tests.softphone_panel.telephone.browser_desk import BrowserDesk, chromium
from tests.world import Answering, Carrier

CODECS = ("alaw", "opus")
FIRST_OPERATOR = {"alaw": 9000, "opus": 9100}
OPUS_MODULES = ("res_format_attr_opus", "codec_opus_open_source")
"""Not among the product's modules: loaded for this measurement only."""
MICROPHONE_HZ, CITIZEN_HZ = 1000, 1500
SETTLE_S = 2.0
SHARE = 0.7
"""Of the machine's processors that Asterisk may use for talks; the rest is for everything else."""
PAGE = """async (logins) => {
  const { Line } = await import("/static/phone/line.js");
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
  window.lines = await Promise.all(logins.map((login) => new Promise((resolve) => {
    const line = new Line((what, detail) => {
      if (what === "registered") resolve(line);
      if (what === "incoming") line.answer();
      if (what === "track") { const audio = new Audio(); audio.srcObject = detail; audio.play().catch(() => {}); }
    }, () => stream);
    line.start(login);
  })));
}"""


@dataclass(frozen=True)
class Priced:
    """Asterisk's processor time for calls to a browser, percent of one processor for one call, by round."""

    processor: str
    processors: int
    calls: int
    seconds: float
    idle_percent: list[float]
    """Without a call, all telephones registered."""
    percent: dict[str, list[float]]

    def of(self, codec: str) -> float:
        return median(self.percent[codec])

    @property
    def ratio(self) -> float:
        """Opus to A-law, taken within each round."""
        return median(o / a for a, o in zip(self.percent["alaw"], self.percent["opus"], strict=True))

    def talks(self, codec: str) -> int:
        """Calls at once that SHARE of the machine carries, by this price."""
        return int(SHARE * self.processors * 100 / self.of(codec))

    def as_text(self) -> str:
        rows = [
            f"{codec}: {self.of(codec):.2f} % of one processor a call (rounds: {', '.join(f'{p:.2f}' for p in self.percent[codec])}); "
            f"{SHARE:.0%} of {self.processors} processors carry {self.talks(codec)} talks at once"
            for codec in CODECS
        ]
        return "\n".join(
            [
                f"{self.processor}; {self.calls} recorded calls between a trunk (A-law) and a browser, {self.seconds:g} s a window; "
                f"idle {median(self.idle_percent):.2f} %",
                *rows,
                f"Opus costs {self.ratio:.2f} x A-law",
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        talks = {codec: self.talks(codec) for codec in CODECS}
        return asdict(self) | {"ratio": self.ratio, "talks_at_once": talks}


def measure(calls: int, seconds: float, rounds: int) -> Priced:
    """Start the product and a Chromium, measure in turn, end them."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-1022-") as name,
        ringing.product(Path(name)) as (given, pids),
    ):
        return asyncio.run(_measure(given, pids["asterisk"], calls, seconds, rounds, Path(name)))


async def _measure(
    given: Settings, asterisk: int, calls: int, seconds: float, rounds: int, folder: Path
) -> Priced:
    async with AsyncExitStack() as stack:
        trunk = demo_data.plan(given, 1).trunks[0]
        product = (given.sip_host, given.sip_port)
        carrier = await stack.enter_async_context(Carrier(product, trunk.host, trunk.port))
        for n in range(calls):
            carrier.route(_number(n), Answering.answers(0.1), tone_hz=CITIZEN_HZ)
        chrome = await stack.enter_async_context(chromium(folder, MICROPHONE_HZ))
        exchange = await _Exchange.open(stack, given)
        await exchange.load_opus()
        logins = [
            await asyncio.to_thread(browser_phone.issue, given, FIRST_OPERATOR[codec] + n, "0" * 32, codec)
            for codec in CODECS
            for n in range(calls)
        ]
        page = (await BrowserDesk.open(chrome, given, "lan", demo_data.password(given))).page
        await page.evaluate(PAGE, [{"name": one.name, "password": one.password} for one in logins])
        idle: list[float] = []
        percent: dict[str, list[float]] = {codec: [] for codec in CODECS}
        for _ in range(rounds):
            idle.append(await _window(asterisk, seconds))
            for codec in CODECS:
                channels = [
                    await exchange.call(_number(n), FIRST_OPERATOR[codec] + n, codec) for n in range(calls)
                ]
                await asyncio.sleep(SETTLE_S)
                used = await _window(asterisk, seconds)
                for leg in carrier.legs[-calls:]:
                    await leg.until_hears(MICROPHONE_HZ, within_s=5)
                percent[codec].append((used - idle[-1]) / calls)
                await exchange.end(channels)
        name, _, count = processor.model().rpartition(", ")
        return Priced(name, int(count.split()[0]), calls, seconds, idle, percent)


def _number(n: int) -> str:
    return f"09135600{n:02d}"


async def _window(pid: int, seconds: float) -> float:
    """Percent of one processor that Asterisk uses."""
    before, began = processor.used_s([pid]), time.monotonic()
    await asyncio.sleep(seconds)
    return (processor.used_s([pid]) - before) / (time.monotonic() - began) * 100


class _Exchange:
    """The product's Asterisk, by an application of our own beside the product's."""

    def __init__(self, ari: Ari, manager: Manager, folder: Path) -> None:
        self._ari, self._manager, self._folder = ari, manager, folder
        self._heard: list[AriEvent] = []
        self._count = 0

    @classmethod
    async def open(cls, stack: AsyncExitStack, given: Settings) -> _Exchange:
        ari = await stack.enter_async_context(
            Ari(given.ari_port, "hotline", secret(given.var, "ari"), "bench")
        )
        manager = Manager(given.ami_port, "hotline", secret(given.var, "ami"))
        made = cls(ari, manager, given.recordings.absolute() / "bench")
        made._folder.mkdir(parents=True)

        async def nothing() -> None:
            """There is nothing to take over."""

        for work in (ari.run(nothing, made._heard.append), manager.run()):
            task = asyncio.create_task(work)
            stack.callback(task.cancel)
        await _until(lambda: ari.connected and manager.on_connected.is_set(), "Asterisk")
        return made

    async def load_opus(self) -> None:
        for module in OPUS_MODULES:
            with suppress(AriError):  # loaded already; without the codec the first call's check fails
                await self._ari.request("POST", f"asterisk/modules/{module}.so")

    async def call(self, number: str, operator_id: int, codec: str) -> list[str]:
        """A trunk's party and a browser's telephone, joined and recorded; their channels."""
        self._count += 1
        trunk, phone, bridge = (f"bench-{what}-{self._count}" for what in ("trunk", "phone", "bridge"))
        await self._ari.make_bridge(bridge)
        for channel, endpoint in (
            (phone, f"PJSIP/{browser_phone.name_of(operator_id)}"),
            (trunk, f"PJSIP/{number}@trunk-{_TRUNK}"),
        ):
            await self._ari.create(channel, endpoint, "bench", "", {})
            await _until(partial(self._has_heard, "StasisStart", channel), "Asterisk has the leg")
            await self._ari.dial(channel, 20)
            await _until(partial(self._has_heard, "ChannelStateChange", channel, "Up"), f"{endpoint} answers")
            await self._ari.join(bridge, channel)
        used = await self._ari.request(
            "GET", f"channels/{phone}/variable", variable="CHANNEL(audionativeformat)"
        )
        if codec not in str(used["value"]):
            raise RuntimeError(f"{endpoint} speaks {used['value']}, not {codec}")
        name = next(e.channel.name for e in self._heard if e.channel is not None and e.channel.id == trunk)
        await self._manager.mix_monitor(name, self._folder / f"{trunk}.raw")
        return [trunk, phone, bridge]

    def _has_heard(self, kind: str, channel: str, state: str = "") -> bool:
        told = ((e.kind, e.channel) for e in self._heard if e.channel is not None and e.channel.id == channel)
        return any(what == kind and state in ("", about.state) for what, about in told)

    async def end(self, calls: list[list[str]]) -> None:
        for trunk, phone, bridge in calls:
            for step in (self._ari.hang_up(trunk), self._ari.hang_up(phone), self._ari.end_bridge(bridge)):
                with suppress(AriError):
                    await step
        await asyncio.sleep(0.5)


_TRUNK = "vnpt"


async def _until(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 20.0
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)
