"""A desk in a real Chromium whose microphone sends a tone, as a party of the outside world."""

from __future__ import annotations

import math
import shutil
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from hotline.settings import Settings

RATE_HZ = 48_000
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-quic"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--autoplay-policy=no-user-gesture-required",
)


def tone_file(folder: Path, hz: int) -> Path:
    """A second of a tone, which Chromium's false microphone repeats."""
    path = folder / f"tone-{hz}.wav"
    samples = (round(9000 * math.sin(2 * math.pi * hz * n / RATE_HZ)) for n in range(RATE_HZ))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(b"".join(struct.pack("<h", one) for one in samples))
    return path


@asynccontextmanager
async def chromium(folder: Path, hz: int) -> AsyncIterator[Browser]:
    """A Chromium that speaks that tone."""
    async with async_playwright() as play:
        opened = await play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={tone_file(folder, hz)}"],
        )
        yield opened
        await opened.close()


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
    async def open(cls, browser: Browser, given: Settings, username: str, password: str) -> BrowserDesk:
        """Signed in to the panel by the front's plain door, the phone still off."""
        context = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="vi-VN")
        page = await context.new_page()
        desk = cls(page)
        there = "%2Fdesk%3Fplain-sound%3D1"  # noise suppression takes a steady tone for noise
        await page.goto(f"http://127.0.0.1:{given.plain_port}/sign-in?next={there}")
        await page.fill("#username", username)
        await page.fill("#password", password)
        await page.click("form .btn-primary")
        await page.wait_for_url("**/desk*")
        return desk

    async def go_on_duty(self) -> None:
        await self.page.select_option("#phone", "web")
        await self.page.click("#act-sign_in")
        await expect(self.page.locator("#bar .presence.available")).to_be_visible(timeout=15_000)

    async def is_in(self, state: str, within_s: float = 10.0) -> None:
        await expect(self.page.locator("#telephone")).to_have_attribute(
            "data-state", state, timeout=within_s * 1000
        )

    async def act(self, name: str) -> None:
        await self.page.click(f"#telephone [data-act={name}]")

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
