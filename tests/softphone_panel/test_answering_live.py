"""Answering in a real browser: the search never takes the keyboard from who types; a claim is pushed to the other's page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from hotline.calls import Call
from hotline.database import reading
from hotline.tickets import Ticket, TicketEntry
from tests.softphone_panel import answer_rows
from tests.softphone_panel.browsers import Opens, browser, desk_of, running
from tests.softphone_panel.running import PANEL, Running

pytestmark = pytest.mark.live

__all__ = ["Running", "browser", "desk_of", "running"]


@pytest.fixture
def ticket(who: dict[str, int]) -> str:
    answer_rows.loaded()
    with reading() as session:
        busy = select(Call.ticket_id).where(Call.state != "ended")
        spoken = select(Call.ticket_id).where(Call.human_at.is_not(None))
        asked = select(Ticket.id).where(
            Ticket.state != "closed", Ticket.id.not_in(busy), Ticket.id.in_(spoken)
        )
        return session.scalars(asked.limit(1)).one()


def test_the_search_waits_for_who_types_and_a_claim_is_seen_by_the_other_at_once(
    ticket: str, desk_of: Opens, tmp_path: Path
) -> None:
    lan, minh = desk_of("lan"), desk_of("minh")
    lan.goto(f"{PANEL}/my-desk?ticket={ticket}")
    field = lan.locator("#f-caller_name")
    field.click()
    lan.keyboard.type("Nguyen")
    lan.keyboard.press("Alt+KeyB")
    expect(lan.locator("#knowledge-words")).to_be_visible()  # it is open,
    expect(field).to_be_focused()  # and the keyboard stays where somebody types
    lan.keyboard.type(" Van A")
    expect(field).to_have_value("Nguyen Van A")
    lan.keyboard.press("Alt+KeyB")
    lan.keyboard.press("Alt+KeyB")
    expect(lan.locator("#knowledge-words")).to_be_focused()
    lan.keyboard.type("sot nhe sau tiem")
    expect(lan.locator("#knowledge-found summary").first).to_contain_text("Sau tiêm bị sốt nhẹ")
    expect(lan.locator("#knowledge-words")).to_be_focused()
    lan.keyboard.press("Enter")
    expect(lan.locator("#knowledge-found details[open] .answer")).to_contain_text("phản ứng thông thường")
    if pictures := os.environ.get("PICTURES"):
        lan.screenshot(path=f"{pictures}/desk-knowledge.png")
    lan.locator("#knowledge-found details[open] button", has_text="chưa đóng").focus()
    lan.keyboard.press("Enter")
    # The sentence stands where the buttons were, with the keyboard.
    expect(lan.locator("#knowledge-found details[open] .told")).to_be_focused()
    expect(lan.locator("#knowledge-found details[open] form")).to_have_count(0)
    with reading() as session:
        at_desk = lan.locator("#work > [data-ticket]").get_attribute("data-ticket")
        mine = TicketEntry.ticket_id == at_desk, TicketEntry.kind == "answered_with_article"
        assert session.scalars(select(TicketEntry.actor).where(*mine)).all() == ["lan"]
    lan.keyboard.press("Escape")
    expect(field).to_be_focused()

    for page in (lan, minh):
        page.goto(f"{PANEL}/tickets/{ticket}")
    lan.keyboard.press("Alt+KeyC")
    expect(lan.locator("#claim")).to_contain_text("Bạn đang làm phiếu này")
    expect(minh.locator("#claim")).to_contain_text("Lê Thị Lan đang làm phiếu này")
    minh.goto(f"{PANEL}/tickets")
    expect(minh.locator(f"[id='claim-of-{ticket}']")).to_contain_text("Lê Thị Lan")
    lan.click("#claim button:has-text('Thôi làm')")
    expect(minh.locator(f"[id='claim-of-{ticket}']")).to_have_text("")
    expect(lan.locator("#claim")).to_contain_text("Chưa ai nhận phiếu này")
