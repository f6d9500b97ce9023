"""An alarm about an owed call in a real browser: read and heard within a second, and gone when somebody acts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import update

from hotline.acuity import Acuity
from hotline.database import engine, transaction
from hotline.recall_alarms import RecallAlarms
from hotline.recalls import TRIES, Recall
from tests.softphone_panel.browsers import Opens, browser, desk_of, running, violations
from tests.softphone_panel.running import PANEL
from tests.softphone_panel.test_recall_alarms import lost, tried

__all__ = ["browser", "desk_of", "running"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine"),
]


@contextmanager
def drawn_anew_meanwhile(page: Page) -> Iterator[None]:
    """What is done within it is done while the list's next reading, with somebody more in it, is on its way."""
    asked: list[Route] = []
    page.route("**/recalls/list*", lambda route: asked.append(route))
    with page.expect_request("**/recalls/list*"):
        lost(Acuity.YELLOW, 20, 702)
    yield
    with page.expect_response("**/recalls/list*"):
        for one in asked:
            one.continue_()
    page.unroute("**/recalls/list*")
    expect(page.locator("#recalls")).not_to_contain_text("0912777702")


def test_an_alarm_is_read_and_heard_on_every_open_desk_until_somebody_acts(desk_of: Opens) -> None:
    with transaction() as session:
        session.execute(update(Recall).values(state="cancelled"))
    watching = RecallAlarms(engine())
    lan, chief = desk_of("lan"), desk_of("truongca")
    lan.goto(f"{PANEL}/my-desk")
    chief.goto(f"{PANEL}/recalls")
    for page in (lan, chief):
        expect(page.locator("#stream-state")).to_contain_text("Đang nối trực tiếp")
        expect(page.locator("#recall-alarms")).to_be_empty()
    recall_id = lost(Acuity.RED, 31)
    assert watching.look() == 1
    for page in (lan, chief):
        began_s = time.monotonic()
        expect(page.locator("#recall-alarms")).to_contain_text("mà chưa ai gọi")
        shown_s = time.monotonic() - began_s
        assert shown_s < 1.5
        expect(page.locator("html")).to_have_attribute("data-alarms-sounded", "1")
    for _ in range(TRIES):
        tried(recall_id)
    watching.look()
    for page in (lan, chief):
        expect(page.locator("#recall-alarms")).to_contain_text("trưởng ca phải xử lý")
        expect(page.locator("html")).to_have_attribute("data-alarms-sounded", "2")
        assert violations(page) == []
    chief.reload()
    expect(chief.locator("#stream-state")).to_contain_text("Đang nối trực tiếp")
    note = chief.locator("input[name=note]")
    with drawn_anew_meanwhile(chief):
        note.fill("Trạm y tế đã đến nhà")
    lost(Acuity.YELLOW, 10, 701)
    note.press("Tab")
    expect(chief.locator("#recalls")).to_contain_text("0912777701")
    expect(note).to_have_value("Trạm y tế đã đến nhà")
    with chief.expect_response(lambda answer: answer.request.method == "POST"):
        chief.get_by_role("button", name="Đã xử lý").click()
    watching.look()
    expect(lan.locator("#recall-alarms")).to_be_empty(timeout=20_000)
    expect(lan.locator("html")).to_have_attribute("data-alarms-sounded", "2")
