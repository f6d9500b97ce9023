"""The live desk in a real browser, pushed by a real Redis through the real stream."""

from __future__ import annotations

import logging
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, Response, expect
from sqlalchemy import select

from hotline import merging, ticket_links
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import OperatorChanged, RecallDue, now
from hotline.record import apply
from hotline.saved_filters import SavedFilter
from hotline.tickets import Ticket
from tests.product import eventually
from tests.softphone_panel import answer_rows, judged, order_rows, rows, telling_rows
from tests.softphone_panel.browsers import AXE, Opens, browser, desk_of, look, running, seconds_until, sign_in
from tests.softphone_panel.rows import arrives
from tests.softphone_panel.running import PANEL, Running

log = logging.getLogger(__name__)
"""Measured numbers: pytest -o log_cli=true --log-cli-level=INFO."""
__all__ = ["browser", "desk_of", "running"]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine"),
]


def until_true(page: Page, script: str) -> None:
    """Asks from outside: the page's own policy lets nothing be evaluated in it again and again."""
    eventually(lambda: page.evaluate(script), 20, script)


def test_a_call_is_on_the_page_within_a_second_without_reload(desk_of: Opens) -> None:
    page = desk_of("truongca")
    page.evaluate("window.sameDocument = true")
    took = []
    for n in range(5):
        number = f"+8490000100{n}"
        arrives(number)
        row = page.get_by_text(f"090000100{n}")
        took.append(seconds_until(row.wait_for))  # looks at every frame
        time.sleep(0.3)
    log.info("push_s %s", [round(t, 3) for t in took])
    assert max(took) < 1.0
    assert page.evaluate("window.sameDocument") is True


def test_with_redis_stopped_a_click_is_a_row_and_the_page_changes_within_two_seconds(
    desk_of: Opens, running: Running, who: dict[str, int]
) -> None:
    page = desk_of("tuan")
    running.kill("redis")
    expect(page.locator("#stream-state")).to_contain_text("Mất nối trực tiếp")
    page.click("#act-resume")
    expect(page.locator(".bar-result")).to_contain_text("Đang chờ tổng đài")
    with transaction() as session:
        command = session.scalars(select(DeskCommand)).one()
        assert (command.kind, command.operator_id) == ("resume", who["tuan"])
        command.done_at = now()
        apply(session, OperatorChanged(operator_id=who["tuan"], state="available", phone="104"), "calls")
    state = page.locator(".bar .presence.available")
    took = [seconds_until(expect(state).to_be_visible)]
    arrives("+84900002001")
    row = page.locator("#board").get_by_text("09•••••001")
    took.append(seconds_until(expect(row).to_be_visible))
    log.info("without_redis_s %s", [round(t, 3) for t in took])
    assert max(took) < 2.5  # 2 s of polling and the reading itself
    running.start("redis")
    expect(page.locator("#stream-state")).to_contain_text("Đang nối trực tiếp")


def test_a_page_resumes_when_the_stream_was_killed(desk_of: Opens, running: Running) -> None:
    page = desk_of("truongca")
    running.kill("live")
    expect(page.locator("#stream-state")).to_contain_text("Mất nối trực tiếp")
    arrives("+84900003001")
    running.start("live")
    expect(page.locator("#stream-state")).to_contain_text("Đang nối trực tiếp")
    expect(page.get_by_text("0900003001")).to_be_visible()


def test_what_is_typed_stays_while_the_page_changes_around_it(desk_of: Opens) -> None:
    page = desk_of("lan")
    page.fill("#my-note", "Bệnh nhân ở số 5 đường Hùng Vương")
    for n in range(4):
        arrives(f"+8490000400{n}")
        time.sleep(0.3)
    expect(page.locator("#board").get_by_text("09•••••003")).to_be_visible()
    expect(page.locator("#my-note")).to_have_value("Bệnh nhân ở số 5 đường Hùng Vương")
    page.click("text=Lưu ghi chú")
    expect(page.locator(".timeline")).to_contain_text("Bệnh nhân ở số 5 đường Hùng Vương")


def test_a_recording_plays_by_ranges_with_its_waveform(desk_of: Opens) -> None:
    page = desk_of("truongca")
    answers: list[Response] = []
    page.on("response", lambda r: answers.append(r) if "sound.wav" in r.url else None)
    page.goto(f"{PANEL}/tickets?text=BP-1")
    page.locator("tbody a").first.click()
    page.click("text=Nghe ghi âm")
    page.wait_for_selector(".player .wave > div")
    page.evaluate("document.querySelector('audio').play()")
    until_true(
        page, "(document.querySelector('audio').error || document.querySelector('audio').currentTime > 0.5)"
    )
    at: dict[str, Any] = page.evaluate(
        "(() => { const a = document.querySelector('audio'); return {length: a.duration, error: a.error}; })()"
    )
    assert at["error"] is None
    assert at["length"] == pytest.approx(12.0, abs=0.1)
    page.evaluate("document.querySelector('audio').currentTime = 9")
    until_true(page, "document.querySelector('audio').currentTime > 9.1")
    assert {a.status for a in answers} == {206}
    page.click("text=Ai đã nghe")
    expect(page.locator(".listeners")).to_contain_text("Trần Văn Trưởng Ca")


def test_a_recording_appears_without_reload_and_plays_on_while_the_page_changes(
    desk_of: Opens, house: Path
) -> None:
    ended = now() - timedelta(seconds=1)
    with transaction() as session:
        caller = rows.Caller(session, rows.call_id(ended, 901), ended - timedelta(seconds=90))
        caller.arrives().is_triaged("YELLOW", "Sốt").ends(after_s=20)
    page = desk_of("truongca")
    page.goto(f"{PANEL}/tickets/t-{caller.call_id}")
    expect(page.locator("#calls")).to_contain_text("Ghi âm đang được lưu")
    with transaction() as session:
        caller.session = session
        caller.is_recorded(house / "recordings")
    button = page.get_by_text("Nghe ghi âm 0:12")
    log.info("recording_on_page_s %.2f", seconds_until(expect(button).to_be_visible))
    button.click()
    page.wait_for_selector(".player .wave > div")
    until_true(page, "document.querySelector('audio').currentTime > 0.2")
    with transaction() as session:
        caller.session = session
        caller.tell(
            RecallDue, hotline="binhphuoc", number="+84912345678", acuity="YELLOW", why="lost", due_at=now()
        )
    expect(page.locator("#timeline")).to_contain_text("Cần gọi lại")
    before = page.evaluate("document.querySelector('audio').currentTime")
    until_true(page, f"document.querySelector('audio').currentTime > {before} + 0.5")
    assert page.evaluate("document.querySelector('audio').paused") is False


def test_two_supervisors_at_one_ticket_the_second_sees_both_versions(desk_of: Opens) -> None:
    with reading() as session:
        one = session.scalars(
            select(Ticket.id).where(Ticket.number == 2, Ticket.hotline == "binhphuoc")
        ).one()
    first, second = desk_of("truongca"), desk_of("truongca2")
    for page in (first, second):
        page.goto(f"{PANEL}/tickets/{one}")
    first.select_option("#new-state", "closed")
    first.select_option("#disposition", "unreachable")
    first.click("text=Lưu phiếu")
    expect(first.get_by_text("cần 3 lần vào các giờ khác nhau")).to_be_in_viewport()
    first.goto(f"{PANEL}/tickets/{one}")
    first.select_option("#new-state", "in_progress")
    first.click("text=Lưu phiếu")
    expect(first.locator(".flash")).to_contain_text("Đã lưu phiếu")
    second.select_option("#new-state", "closed")
    second.select_option("#disposition", "information_given")
    second.fill("#change-note", "Đã hướng dẫn làm thủ tục trên mạng")
    second.click("text=Lưu phiếu")
    expect(second.locator("h1")).to_contain_text("vừa được người khác sửa")
    expect(second.locator("#note")).to_have_value("Đã hướng dẫn làm thủ tục trên mạng")
    second.click("text=Lưu bản của tôi")
    expect(second.locator(".ticket-head")).to_contain_text("Đã đóng: Đã cung cấp thông tin")


def test_a_recording_is_scored_by_number_keys_while_it_plays_and_the_console_stays_silent(
    desk_of: Opens,
) -> None:
    with reading() as session:
        call_id = judged.recorded(session)
    page, said = desk_of("truongca"), []
    page.on("console", lambda m: said.append(m.text))
    page.goto(f"{PANEL}/recordings/{call_id}")
    page.click("text=Nghe ghi âm")
    page.wait_for_selector(".player .wave > div")
    until_true(page, "document.querySelector('audio').readyState > 0")
    page.evaluate("document.activeElement.blur()")
    for key in "12":
        page.keyboard.press(key)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("3")  # no such answer here: yes or no
    page.keyboard.press("0")
    expect(page.locator("#scoring-total-0")).to_contain_text("còn 5 tiêu chí")
    page.keyboard.press("ArrowRight")
    until_true(page, "document.querySelector('audio').currentTime > 4.5")
    page.reload()
    marked = page.evaluate("[...document.querySelectorAll('.criterion input:checked')].map((i) => i.id)")
    assert marked == ["a-0-greeting-1", "a-0-danger_signs-2", "a-0-address-0"]
    expect(page.locator("#scoring-total-0")).to_contain_text("Không đạt vì tiêu chí bắt buộc")
    page.focus("#note-text")
    page.keyboard.type("Cuộc 1022")
    assert page.evaluate("document.querySelectorAll('.criterion input:checked').length") == 3
    assert said == []


def test_an_administrator_changes_a_setting_by_keyboard_alone(desk_of: Opens) -> None:
    page = desk_of("quantri")
    page.goto(f"{PANEL}/settings/rules")
    page.locator("#field-ring_s").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("25")
    page.keyboard.press("Enter")
    expect(page.locator(".draft ins")).to_have_text("25")
    page.locator(".skip").focus()
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == "note":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("Theo đề nghị của ca trực")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".history li").first).to_contain_text("Theo đề nghị của ca trực")
    expect(page.locator(".draft")).to_have_count(0)


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci")
@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (390, "dark")])
def test_every_page_is_without_a_fault_of_access_and_fits_its_width(
    desk_of: Opens, browser: Browser, house: Path, who: dict[str, int], width: int,
    scheme: Literal["light", "dark"],
) -> None:  # fmt: skip
    found: dict[str, list[str]] = {}
    with transaction() as session:
        call_id = judged.recorded(session)
        calibration = judged.judged(session, who, call_id)
        leg = judged.hand_over(session, house / "recordings", call_id)
        ticket = order_rows.teams(session)
        one, merged, main = (
            session.scalars(select(Ticket).where(Ticket.hotline == "binhphuoc", Ticket.number == n)).one()
            for n in (1, 2, 4)
        )
        merging.merge(session, merged, one, "lan", "cùng nhà", now())
        ticket_links.link(session, one, main, ticket_links.SAME_INCIDENT, "lan", now())
        query = {"state": "open"}
        session.add(SavedFilter(owner_id=who["truongca"], name="Đang mở", query=query, shared=True, at=now()))
        telling_rows.messages(session)
        telling_rows.telling(session, who["lan"])
        telling_rows.station(session)
    order = order_rows.order(ticket)
    order_rows.order(ticket, order_rows.CENTRE, reason="xã không có xe")
    referral = answer_rows.disputed(ticket)
    for username, paths in {
        "quantri": [
            "/desk",
            "/tickets",
            "/recalls",
            "/people",
            "/people/new",
            "/people/4",
            "/stations",
            "/stations/chain?place=dong+xoai",
            "/stations/new",
            "/password",
            "/settings",
            "/settings/hotline/binhphuoc",
            "/settings/hours/binhphuoc",
            "/settings/sla/binhphuoc",
            "/late",
            "/settings/holidays",
            "/settings/rules",
            "/settings/station/ttyt-phuoc-long",
            "/organisation/binhphuoc",
            "/organisation/binhphuoc/agency/bp-chi-huy-688",
            "/organisation/binhphuoc/import",
            "/campaign/disaster",
            "/no-such-page",
        ],
        "lan": ["/desk", "/my-desk", "/recordings", f"/recordings/{call_id}", "/quality"],
        "truongca": [
            *(
                "/wallboard",
                "/wallboard/tv",
                "/floor",
                "/reports",
                "/reports?by=hour",
                "/messages",
                "/recordings",
                "/quality",
            ),
            *(f"/recordings/{call_id}", f"/recordings/legs/{leg}", f"/quality/calibrations/{calibration}"),
            *("/orders", f"/orders/{order}", f"/orders/new/{ticket}"),
            *(
                "/knowledge",
                "/knowledge/new",
                "/knowledge/gio-lam-viec",
                f"/knowledge?ticket={ticket}&words=sot",
            ),
            *("/referrals", f"/referrals/{referral}", f"/referrals/new/{ticket}", f"/tickets/{ticket}"),
        ],
    }.items():
        page = desk_of(username)
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        with reading() as session:
            tickets = session.scalars(select(Ticket.id).where(Ticket.number.in_((1, 7, 8)))).all()
        for path in [*paths, *(f"/tickets/{t}" for t in tickets)]:
            page.goto(f"{PANEL}{path}")
            look(page, path, width, found)
    page = desk_of("truongca")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{PANEL}/tickets")
    with page.expect_navigation():
        page.keyboard.press("Alt+Shift+1")
    assert page.url.endswith("state=open")
    page.check("#many-all")
    page.select_option("#many-act", "category")
    with page.expect_navigation():
        page.press("#many-go", "Enter")
    look(page, "/tickets/many/look", width, found)
    page.select_option("#bulk-category", "relief")
    with page.expect_navigation():
        page.press("text=Xem lại", "Enter")
    with page.expect_navigation():
        page.press("text=/Làm với/", "Enter")
    look(page, "/tickets/many/do", width, found)
    for username, paths in {"tram": ["/team", "/station"], "doi": ["/team", "/agency"]}.items():
        with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
            page = context.new_page()
            sign_in(page, username, "/team")
            for path in paths:
                page.goto(f"{PANEL}{path}")
                look(page, f"{path} of {username}", width, found)
    page = desk_of("hoa")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.click("text=Đăng xuất") if width > 1000 else page.context.clear_cookies()
    for path in ("/sign-in", "/status"):
        page.goto(f"{PANEL}{path}")
        look(page, path, width, found)
    assert found == {}
