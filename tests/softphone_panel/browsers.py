"""Chromium at the running panel, for the browser's tests: people's pages, and what is wrong with a page for whoever reads it otherwise."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from hotline.settings import PROJECT
from tests.softphone_panel import rows
from tests.softphone_panel.running import PANEL, Running

expect.set_options(timeout=20_000)  # what a requirement bounds is measured on its own
AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def running(house: Path, who: dict[str, int]) -> Iterator[Running]:
    made = Running(house)
    try:
        for name in ("redis", "panel", "live"):
            made.start(name)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        opened = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield opened
        opened.close()


Opens = Callable[[str], Page]


@pytest.fixture
def desk_of(running: Running, browser: Browser) -> Iterator[Opens]:
    """A signed-in person's page; a fault in its console fails the test."""
    faults: list[str] = []
    contexts = []

    def open_desk(username: str) -> Page:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="vi-VN")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
        sign_in(page, username, "/desk")
        expect(page.locator("#stream-state")).to_contain_text("Đang nối trực tiếp")
        return page

    yield open_desk
    for context in contexts:
        context.close()
    assert faults == []


def sign_in(page: Page, username: str, path: str) -> None:
    page.goto(f"{PANEL}/sign-in?next={path}")
    page.fill("#username", username)
    page.fill("#password", rows.PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{PANEL}{path}")


def seconds_until(shown: Callable[[], None]) -> float:
    began = time.monotonic()
    shown()
    return time.monotonic() - began


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes[0].html)")
    return list(found)


def look(page: Page, name: str, width: int, found: dict[str, list[str]]) -> None:
    """Adds to `found` what is wrong with this page at that width."""
    broken = violations(page)
    if page.evaluate("document.documentElement.scrollWidth") > width:
        broken.append("wider than the screen")
    if broken:
        found[name] = broken
