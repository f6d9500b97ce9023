"""Pictures of every page of a running demo, for docs/pictures and for whoever looks at the pages.

`.venv/bin/python -m tests.softphone_panel.pictures FOLDER [--dark] [--size desk|wide|phone …]` beside a `./run demo` with the same
HOTLINE_… settings. With --dark both the light and the dark ones; without --size all three. Each size takes about a minute.
With --story only the pages on which the demo's story is seen, once its second order is there.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime
from sqlalchemy import select

from front_door import demo_data, whose
from hotline.calls import Call
from hotline.database import reading
from hotline.operators import Operator, OperatorPresence, Role
from hotline.orders import Order
from hotline.recordings import Recording
from hotline.settings import Settings, settings
from hotline.tickets import Ticket

SIZES = {"desk": (1366, 768), "wide": (1920, 1080), "phone": (390, 844)}
MICROPHONE = (
    *("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--autoplay-policy=no-user-gesture-required",
)
OPEN = {"sign-in": "/sign-in", "status": "/status"}
"""What anybody sees."""
SETTINGS = ("rules", "hotline/binhphuoc", "hours/binhphuoc", "holidays")


def _of_a_talk() -> str:
    """The longest kept talk's ticket: it has the most to show."""
    with reading() as session:
        found = session.scalar(
            select(Recording.ticket_id)
            .join(Call, Call.id == Recording.call_id)
            .join(Ticket, Ticket.id == Recording.ticket_id)
            .where(Call.human_at.is_not(None), Ticket.branch == "medical")
            .order_by(Recording.length_s.desc())
        )
    assert found, "no talk was recorded yet: let the demo run for a minute"
    return str(found)


@contextmanager
def _signed_in(
    browser: Browser, given: Settings, who: str, size: tuple[int, int], dark: bool
) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="vi-VN",
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{given.plain_port}/sign-in?next=/desk")
    page.fill("#username", who)
    page.fill("#password", demo_data.password(given))
    page.press("#password", "Enter")
    page.wait_for_url(lambda address: "sign-in" not in address)
    yield page
    context.close()


def _take(page: Page, given: Settings, path: str, file: Path, whole: bool = True) -> None:
    page.goto(f"http://127.0.0.1:{given.plain_port}{path}")
    page.wait_for_timeout(900)
    if path.startswith("/tickets/"):
        play = page.locator("text=Nghe ghi âm")
        if play.count():
            play.first.click()
            page.wait_for_selector(".player .wave > div")
            page.wait_for_timeout(1500)
            page.evaluate("document.querySelector('audio').pause()")
    page.screenshot(path=str(file), full_page=whole)


def _pages() -> dict[str, str]:
    """Name → path of every page an administrator sees."""
    with reading() as session:
        somebody = session.scalar(select(Operator.id).where(Operator.role == Role.OPERATOR))
        heard = session.scalar(
            select(Recording.call_id)
            .join(Call, Call.id == Recording.call_id)
            .where(Call.human_at.is_not(None))
            .order_by(Recording.length_s.desc())
        )
    return {
        "tickets": "/tickets",
        "ticket": f"/tickets/{_of_a_talk()}",
        "recalls": "/recalls",
        "floor": "/floor",
        "wallboard": "/wallboard",
        "wallboard-tv": "/wallboard/tv",
        "recordings": "/recordings",
        "recording": f"/recordings/{heard}",
        "quality": "/quality",
        "reports": "/reports",
        "people": "/people",
        "person": f"/people/{somebody}",
        "person-new": "/people/new",
        "prompts": "/prompts",
        "stations": "/stations",
        "organisation": "/organisation/binhphuoc",
        "agency": "/organisation/binhphuoc/agency/bp-chi-huy-688",
        "organisation-files": "/organisation/binhphuoc/import",
        "campaigns": "/campaign",
        "campaign": "/campaign/disaster",
        "connections": "/connections",
        "command": "/command",
        "orders": "/orders",
        "late": "/late",
        "referrals": "/referrals",
        "messages": "/messages",
        "knowledge": "/knowledge",
        "ticket-reports": "/reports/tickets?by=category",
        "settings": "/settings",
        **{f"settings-{path.replace('/', '-')}": f"/settings/{path}" for path in SETTINGS},
    }


def take(folder: Path, dark: bool, sizes: Iterable[str] = tuple(SIZES)) -> None:
    """Every page at a desk's widths and at a phone's."""
    given, shade = settings(), "-dark" if dark else ""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=MICROPHONE)
        for word in sizes:
            size, name = SIZES[word], "" if word == "desk" else f"-{word}"
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                locale="vi-VN",
                color_scheme="dark" if dark else "light",
            )
            for key, path in OPEN.items():
                _take(context.new_page(), given, path, folder / f"{key}{name}{shade}.png")
            context.close()
            with _signed_in(browser, given, demo_data.ADMINISTRATOR, size, dark) as page:
                for key, path in _pages().items():
                    _take(page, given, path, folder / f"{key}{name}{shade}.png")
                page.goto(f"http://127.0.0.1:{given.plain_port}/desk")
                _until_busy(page)
                page.screenshot(path=str(folder / f"live{name}{shade}.png"))
                _take(page, given, "/no-such-page", folder / f"fault{name}{shade}.png")
            _desk_in_a_call(browser, given, size, dark, folder / f"desk{name}{shade}.png")
            _at_the_page(browser, given, size, dark, (folder, f"{name}{shade}.png"))
        browser.close()


def _story_pages() -> dict[str, tuple[str, str]]:
    """Name → who looks, and the path of each page on which the demo's story is seen."""
    with reading() as session:
        order = session.scalars(
            select(Order).where(Order.number == 2).order_by(Order.issued_at.desc())
        ).first()
        assert order is not None, "the story's second order is not there yet"
    return {
        "orders": (demo_data.SUPERVISOR, "/orders"),
        "order": (demo_data.SUPERVISOR, f"/orders/{order.id}"),
        "story-ticket": (demo_data.SUPERVISOR, f"/tickets/{order.ticket_id}"),
        "late": (demo_data.SUPERVISOR, "/late"),
        "order-new": (demo_data.SUPERVISOR, f"/orders/new/{order.ticket_id}"),
        "command": (demo_data.LEADER, "/command"),
        "ticket-reports": (demo_data.LEADER, "/reports/tickets?by=category"),
        "leader-orders": (demo_data.LEADER, "/orders"),
        "team": (demo_data.TEAM, "/team"),
        "campaign": (demo_data.ADMINISTRATOR, "/campaign/epidemic"),
    }


def take_story(folder: Path, dark: bool, sizes: Iterable[str]) -> None:
    given, shade = settings(), "-dark" if dark else ""
    folder.mkdir(parents=True, exist_ok=True)
    pages = _story_pages()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=MICROPHONE)
        for word in sizes:
            name = "" if word == "desk" else f"-{word}"
            for who in dict.fromkeys(who for who, _ in pages.values()):
                with _signed_in(browser, given, who, SIZES[word], dark) as page:
                    for key, (whose_page, path) in pages.items():
                        if whose_page == who:
                            _take(page, given, path, folder / f"{key}{name}{shade}.png")
        browser.close()


def _until_busy(page: Page) -> None:
    """Somebody waits and somebody talks, or a minute is over."""
    for _ in range(240):
        if page.locator(".waiting tbody tr").count() and page.locator(".talking tbody tr").count():
            return
        page.wait_for_timeout(250)


def _desk_in_a_call(browser: Browser, given: Settings, size: tuple[int, int], dark: bool, file: Path) -> None:
    """An operator's own page while a call is at the desk; as it is when none comes in time."""
    with _signed_in(browser, given, "lan", size, dark) as page:
        for _ in range(60):
            with reading() as session:
                if session.scalar(select(OperatorPresence).where(OperatorPresence.state == "talking")):
                    busy = page.locator(".my-call")
                    if busy.count():
                        break
            page.wait_for_timeout(500)
        page.wait_for_timeout(800)
        page.screenshot(path=str(file), full_page=True)
        _take(page, given, "/my-desk", file.with_name(file.name.replace("desk", "my-desk", 1)))


def _at_the_page(
    browser: Browser, given: Settings, size: tuple[int, int], dark: bool, to: tuple[Path, str]
) -> None:
    """An operator's page in a talk, with two contacts, in a hand-over and after it; as far as callers come in time."""

    def file(of: str) -> Path:
        return to[0] / f"{of}{to[1]}"

    with _signed_in(browser, given, "mai", size, dark) as page, suppress(NotInTime):
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"http://127.0.0.1:{given.plain_port}/my-desk")
        if page.locator("#act-sign_in").count():
            page.select_option("#phone", "web")
            page.click("#act-sign_in")
        _until_talking(page)
        page.wait_for_timeout(1500)
        page.screenshot(path=str(file("my-desk-talk")))
        page.keyboard.press("?")
        page.wait_for_timeout(300)
        page.screenshot(path=str(file("my-desk-keys")))
        page.keyboard.press("Escape")
        page.locator("#main").focus()
        page.keyboard.press("Alt+t")
        page.wait_for_timeout(800)
        page.screenshot(path=str(file("my-desk-stations")))
        page.locator("#station-choices input").first.check()
        page.click("#transfer-ask")
        page.wait_for_selector("#transfer-merge:not([disabled])", timeout=60_000)
        page.wait_for_timeout(800)
        page.screenshot(path=str(file("my-desk-hand-over")))
        page.click("#transfer-cancel")
        page.wait_for_timeout(1000)
        with suppress(NotInTime):
            page.wait_for_selector("#contact-take-next", timeout=60_000)
            page.locator("#main").focus()
            page.keyboard.press("Alt+m")
            page.wait_for_selector("#contacts .contact >> nth=1", timeout=10_000)
            page.wait_for_timeout(1500)
            page.screenshot(path=str(file("my-desk-contacts")))
        while page.locator("#contacts [data-contact-act=hang_up]").count():
            page.locator("#contacts [data-contact-act=hang_up]").first.click()
            page.wait_for_timeout(1500)
        page.wait_for_selector("#wrap-disposition", timeout=10_000)
        page.screenshot(path=str(file("my-desk-wrap-up")))
        page.click("#act-sign_out")
        page.wait_for_timeout(1000)


def _until_talking(page: Page) -> None:
    for _ in range(240):
        state = page.get_attribute("#telephone", "data-state")
        if state == "talking":
            return
        if state == "ringing":
            page.keyboard.press("F2")
        if page.locator("#act-resume").count():
            page.click("#act-resume")
        page.wait_for_timeout(500)
    raise NotInTime("nobody called")


if __name__ == "__main__":
    whose.choose()
    wanted = [word for word in sys.argv[2:] if word in SIZES] or list(SIZES)
    for shade in (False, True) if "--dark" in sys.argv else (False,):
        (take_story if "--story" in sys.argv else take)(Path(sys.argv[1]), shade, wanted)
