"""A desk in a real Chromium whose microphone sends a tone, as a party of the outside world."""

from __future__ import annotations

import math
import shutil
import struct
import subprocess
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from playwright.async_api import TimeoutError as NotInTime

from hotline.settings import PROJECT, Settings

expect.set_options(timeout=20_000)  # what a requirement bounds is measured on its own
RATE_HZ = 48_000
LASTS_S = 60
AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-quic"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--autoplay-policy=no-user-gesture-required",
)


def tone_file(folder: Path, hz: int) -> Path:
    """A tone for Chromium's false microphone, which begins it anew with a click: long enough for a test."""
    path = folder / f"tone-{hz}.wav"
    second = b"".join(
        struct.pack("<h", round(9000 * math.sin(2 * math.pi * hz * n / RATE_HZ))) for n in range(RATE_HZ)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(second * LASTS_S)
    return path


@dataclass(frozen=True)
class Elsewhere:
    """A network namespace joined to this one by a cable: a desk on another machine."""

    name: str
    ours: str
    """The product's address on the cable."""

    def cut(self, *, off: bool = True) -> None:
        """Pull the cable out, or put it in."""
        _ip("netns", "exec", self.name, "ip", "link", "set", f"{self.name}b", "down" if off else "up")

    def run(self, *words: str) -> str:
        """A program on that machine; what it printed."""
        return _ip("netns", "exec", self.name, *words)


@contextmanager
def another_machine(number: int) -> Iterator[Elsewhere]:
    """The namespace; the test is skipped where this user may not make one."""
    name, ours, theirs = f"desk{number}", f"10.122.{number}.1", f"10.122.{number}.2"
    with suppress(OSError, subprocess.CalledProcessError):
        _ip("netns", "delete", name)  # left by a run that was killed; the number is this run's own
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    try:
        _ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        _ip("addr", "add", f"{ours}/24", "dev", f"{name}a")
        _ip("link", "set", f"{name}a", "up")
        for words in (f"addr add {theirs}/24 dev {name}b", f"link set {name}b up", "link set lo up"):
            _ip("netns", "exec", name, "ip", *words.split())
        yield Elsewhere(name, ours)
    finally:
        _ip("netns", "delete", name)


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=30)
    return done.stdout


@asynccontextmanager
async def chromium(folder: Path, hz: int, on: Elsewhere | None = None) -> AsyncIterator[Browser]:
    """A Chromium that speaks that tone, here or on another machine."""
    program = Path(str(shutil.which("chromium")))
    if on is not None:
        there = folder / f"chromium-{on.name}"
        there.write_text(f'#!/bin/sh\nexec ip netns exec {on.name} {program} "$@"\n')
        there.chmod(0o700)
        program = there
    async with async_playwright() as play:
        opened = await play.chromium.launch(
            executable_path=program,
            args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={tone_file(folder, hz)}"],
        )
        yield opened
        await opened.close()


def processes_of(folder: Path, hz: int) -> list[int]:
    """The process ids of the Chromium that speaks that tone."""
    word = f"--use-file-for-fake-audio-capture={folder / f'tone-{hz}.wav'}".encode()
    return [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if word in _read(entry).split(b"\0") or word in _read(entry)
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has ended meanwhile


class BrowserDesk:
    """One operator's page; every fault of its console is kept."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console", lambda line: self.faults.append(line.text) if "Content Security" in line.text else None
        )
        page.on("dialog", lambda dialog: dialog.accept())

    @classmethod
    async def open(
        cls,
        browser: Browser,
        given: Settings,
        username: str,
        password: str,
        origin: str = "",
        home: str = "/desk",
    ) -> BrowserDesk:
        """Signed in to the panel, the phone still off."""
        origin = origin or f"http://127.0.0.1:{given.plain_port}"
        context = await browser.new_context(
            viewport={"width": 1366, "height": 768},
            locale="vi-VN",
            ignore_https_errors=True,
            reduced_motion="reduce",
        )
        page = await context.new_page()
        desk = cls(page)
        there = f"{quote(home, safe='')}%3Fplain-sound%3D1"  # noise suppression takes a steady tone for noise
        await page.goto(f"{origin}/sign-in?next={there}")
        await page.fill("#username", username)
        await page.fill("#password", password)
        await page.press("#password", "Enter")
        await page.wait_for_url(lambda address: "/sign-in" not in address)
        return desk

    async def go_on_duty(self, second_phone: str = "", *, into_a_ring: bool = False) -> None:
        """Into a ring: somebody waits, and the phone rings before the page has shown the operator as free."""
        await self.page.select_option("#phone", "web")
        await self.page.select_option("#second_phone", second_phone)
        await self.page.click("#act-sign_in")
        shown = "ringing" if into_a_ring else "available"
        await expect(self.page.locator(f"#bar .presence.{shown}")).to_be_visible(timeout=20_000)

    async def leave_duty(self) -> None:
        """Out of duty; clicked again, as people do, where the bar was drawn anew under the click."""
        off_duty = self.page.locator("#bar .presence.offline")
        for _ in range(3):
            with suppress(NotInTime):
                await self.page.click("#act-sign_out", timeout=8_000)
            with suppress(AssertionError):
                await expect(off_duty).to_be_visible(timeout=8_000)
                return
        await expect(off_duty).to_be_visible(timeout=20_000)

    async def is_in(self, state: str, within_s: float = 20.0) -> None:
        await expect(self.page.locator("#telephone")).to_have_attribute(
            "data-state", state, timeout=within_s * 1000
        )

    async def dial(self, number: str) -> None:
        await self.page.fill("#phone-number", number)
        await self.page.press("#phone-number", "Enter")

    async def act(self, name: str) -> None:
        await self.page.click(f"#telephone [data-act={name}]")

    async def lose_the_microphone(self, name: str) -> None:
        """From now on the browser refuses with that error."""
        await self.page.evaluate(
            "name => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }",
            name,
        )

    async def violations(self) -> list[str]:
        """What axe finds wrong with the page as it is."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate(
            "async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes[0].html)"
        )
        return list(found)

    async def hears_hz(self, for_ms: int = 600) -> int:
        """The strongest frequency in the page's loudspeaker, Hz; 0 when it is silent."""
        return int(await self.page.evaluate(HEARS, for_ms))


HEARS = """async (for_ms) => {
  const stream = document.getElementById("phone-voice").srcObject;
  if (!stream) return 0;
  const context = new AudioContext(), analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(stream).connect(analyser);
  await new Promise((over) => setTimeout(over, for_ms));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const top = bins.indexOf(Math.max(...bins)), level = bins[top], hz = top * context.sampleRate / analyser.fftSize;
  await context.close();
  return level < -70 ? 0 : Math.round(hz);
}"""
