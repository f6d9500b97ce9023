"""The operator's own page in a real browser: pushed the moment the phone rings, worked by keyboard alone, nothing typed is lost."""

from __future__ import annotations

import json
import logging
import shutil
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import select

from hotline import events as e
from hotline.calls import Call
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import OperatorPresence
from hotline.record import apply
from hotline.ticket_fields import TicketField
from hotline.tickets import Ticket
from hotline.wrap_ups import WrapUp
from softphone_panel import shown
from tests.product import eventually
from tests.softphone_panel import rows
from tests.softphone_panel.browsers import AXE, Opens, browser, desk_of, look, running, seconds_until
from tests.softphone_panel.running import PANEL, Running

log = logging.getLogger(__name__)
__all__ = ["browser", "desk_of", "running"]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine"),
]


def own_page(desk_of: Opens, username: str) -> Page:
    page = desk_of(username)
    page.goto(f"{PANEL}/my-desk")
    expect(page.locator("#stream-state")).to_contain_text("Đang nối trực tiếp")
    return page


def rings(operator_id: int, phone: str, number: str, acuity: str = "YELLOW") -> str:
    """A caller's call rings at that desk now; its id."""
    began = now() - timedelta(seconds=30)
    with transaction() as session:
        caller = rows.Caller(session, rows.call_id(began, int(number[-4:])), began, number=number)
        caller.arrives().is_triaged(acuity, "Sốt dưới 38,5 độ")
    with transaction() as session:
        caller.session = session
        caller.at = now()
        caller.rings(operator_id, phone, 0)
    return caller.call_id


def frees(operator_id: int, phone: str) -> None:
    with transaction() as session:
        apply(session, e.OperatorChanged(operator_id=operator_id, state="available", phone=phone), "calls")


def presence(operator_id: int, state: str, phone: str, call_id: str) -> None:
    with transaction() as session:
        if state == "talking":
            told = e.CallAnswered(
                call_id=call_id, leg_id=f"op-{call_id}-1", answered_by="tuan", operator_id=operator_id
            )
            apply(session, told, "calls")
        if state == "wrap_up":
            apply(session, e.CallEnded(call_id=call_id, reason="served", heard_s=60), "calls")
        changed = e.OperatorChanged(operator_id=operator_id, state=state, phone=phone, call_id=call_id)
        apply(session, changed, "calls")


def values(ticket_id: str) -> dict[str, str]:
    with reading() as session:
        found = session.scalars(select(TicketField).where(TicketField.ticket_id == ticket_id))
        return {row.name: row.value for row in found}


def test_the_caller_is_on_the_page_before_the_second_ring(desk_of: Opens, who: dict[str, int]) -> None:
    page = own_page(desk_of, "tuan")
    frees(who["tuan"], "104")
    took = []
    for n in range(6):
        number = f"+8490001100{n}"
        rings(who["tuan"], "104", number)
        shown = page.locator("#caller").get_by_text(f"090001100{n}")
        took.append(seconds_until(shown.wait_for))
        frees(who["tuan"], "104")
        expect(page.locator("#caller .card-call")).to_have_count(0)
    log.info("ring_to_dom_s %s", [round(t, 3) for t in took])
    assert sorted(took)[-2] < 0.6  # a busy machine may be slow once; the benchmark has the distribution


def test_a_call_is_worked_from_ring_to_disposition_by_keyboard_alone(
    desk_of: Opens, who: dict[str, int]
) -> None:
    page = own_page(desk_of, "tuan")
    frees(who["tuan"], "104")
    call_id = rings(who["tuan"], "104", "+84900012001")
    press = page.keyboard.press
    expect(page.locator("#caller")).to_contain_text("0900012001")
    presence(who["tuan"], "talking", "104", call_id)
    expect(page.locator("#caller")).to_contain_text("đang nói")
    expect(page.locator("#work .script")).to_be_visible()
    press("Alt+KeyN")
    press("1")  # O1: yes, awake
    expect(page.locator("#script-state .next")).to_contain_text("Người bệnh đang ở đâu")
    press("Alt+KeyN")
    page.keyboard.type("chon thanh")
    page.locator("#unit-found input").first.wait_for()
    press("Enter")
    expect(page.locator(".unit .chosen")).to_contain_text("Chơn Thành")
    expect(page.locator("#script-state .next")).to_contain_text("Ai đang gọi")
    press("Alt+KeyN")
    page.keyboard.type("0912 345 678")
    press("Enter")
    page.keyboard.type("Bé Nguyễn Văn Ánh")
    press("Enter")
    page.locator("[data-field=speech] input").first.focus()
    press("2")  # a few words
    expect(page.locator("#script-state")).to_contain_text("Đỏ – cấp cứu")
    expect(page.locator("#script-state")).to_contain_text("chỉ nói được vài từ")
    expect(page.locator("#caller .acuity")).to_contain_text("Đỏ – cấp cứu")
    with reading() as session:
        call = session.get(Call, call_id)
        assert call is not None
        assert call.acuity == "RED"
    answered = {
        "awake_and_breathing": "yes", "unit_code": "697", "callback_number": "0912 345 678",
        "patient_name": "Bé Nguyễn Văn Ánh", "speech": "few_words",
    }  # fmt: skip
    eventually(lambda: values(f"t-{call_id}") == answered, 15, "all answers are saved")
    presence(who["tuan"], "wrap_up", "104", call_id)
    expect(page.locator("#wrap-disposition")).to_be_visible()
    press("Alt+KeyK")
    expect(page.locator("#wrap-disposition")).to_be_focused()
    for _ in range(1 + list(shown.DISPOSITIONS).index("emergency_sent")):
        press("ArrowDown")
    expect(page.locator("#wrap-disposition")).to_have_value("emergency_sent")
    press("Tab")
    press("Tab")
    page.keyboard.type("115 nhận lúc 14 giờ")
    sent: list[Route] = []

    def late(asked: Route) -> None:
        if asked.request.method == "POST":
            sent.append(asked)
        else:
            asked.continue_()

    page.route("**/my-desk/wrap-up", late)
    press("Enter")
    expect(page.locator(".wrap-up button[aria-busy=true]")).to_be_visible()  # the answer is slow
    sent[0].continue_()
    expect(page.locator("#wrap-disposition")).to_have_count(0)
    with reading() as session:
        done = session.get(WrapUp, call_id)
        assert done is not None
        assert (done.disposition, done.operator_id) == ("emergency_sent", who["tuan"])
        kinds = list(session.scalars(select(DeskCommand.kind).order_by(DeskCommand.id)))
    # The page held the wrap-up by itself; the desk is free only with the disposition.
    assert kinds == ["raise_acuity", "hold_wrap_up", "finish_wrap_up"]


def test_a_reload_in_the_middle_of_a_word_loses_nothing(desk_of: Opens, who: dict[str, int]) -> None:
    page = own_page(desk_of, "lan")
    page.locator("#f-address").press_sequentially("Ấp 5, sau chợ")
    page.reload()
    expect(page.locator("#f-address")).to_have_value("Ấp 5, sau chợ")
    with reading() as session:
        at_desk = session.get(OperatorPresence, who["lan"])
        assert at_desk is not None
        ticket_id = f"t-{at_desk.call_id}"
    eventually(lambda: values(ticket_id).get("address") == "Ấp 5, sau chợ", 15, "the address is saved")


def test_what_is_typed_while_the_server_is_away_is_saved_when_it_is_back(
    desk_of: Opens, running: Running
) -> None:
    page = own_page(desk_of, "lan")
    running.kill("panel")
    page.locator("#f-patient_name").fill("Lê Văn Tám")
    page.locator("#f-patient_name").blur()
    expect(page.locator(".all-saved")).to_contain_text("chưa lưu được")
    running.start("panel")
    expect(page.locator(".all-saved")).to_contain_text("đã lưu")
    page.reload()
    expect(page.locator("#f-patient_name")).to_have_value("Lê Văn Tám")


def test_two_tabs_of_one_desk_keep_up_and_neither_overwrites_the_other(desk_of: Opens) -> None:
    first, second = own_page(desk_of, "lan"), own_page(desk_of, "lan")
    first.locator("[data-field=blue] .pill").nth(1).click()
    expect(second.locator("[data-field=blue] input").nth(1)).to_be_checked()

    # Both type into the same field before either hears of the other.
    def late(route: Route) -> None:
        time.sleep(0.8)
        route.continue_()

    second.route("**/fields", late)
    second.locator("#f-address").fill("Ấp 7")
    first.locator("#f-address").fill("Ấp 3")
    first.locator("#f-address").blur()
    second.locator("#f-address").press("Enter")
    clash = second.locator("[data-field=address] .clash")
    other = first.locator("[data-field=address] .clash")
    told = next(one for one in (clash, other, clash) if _says(one))
    expect(told).to_contain_text("ở thẻ khác, vừa ghi")
    losing = second if told is clash else first
    losing.locator("#f-address").press("Escape")
    expect(losing.locator("#f-address")).to_have_value("Ấp 3" if losing is second else "Ấp 7")
    expect(told).to_be_empty()


def held(call_id: str, operator_id: int) -> None:
    with transaction() as session:
        apply(session, e.CallHeld(call_id=call_id, held=True, operator_id=operator_id), "calls")


def test_words_typed_for_two_contacts_go_each_to_its_own_ticket_and_nothing_is_taken_from_under_the_fingers(
    desk_of: Opens, who: dict[str, int]
) -> None:
    page = own_page(desk_of, "tuan")
    me, address = who["tuan"], page.locator("#f-address")
    shown = page.locator("#work > [data-ticket]")
    frees(me, "104")
    first = rings(me, "104", "+84900014001")
    presence(me, "talking", "104", first)
    expect(shown).to_have_attribute("data-ticket", f"t-{first}")
    second = rings(me, "104", "+84900014002")
    # The first save reaches nobody for a while; meanwhile the operator turns to the other contact.
    failures = iter([True, True])

    def away(route: Route) -> None:
        if next(failures, False):
            route.abort()
        else:
            route.continue_()

    page.route(f"**/work/t-{first}/field", away)
    address.fill("Ấp 1")
    held(first, me)
    page.evaluate("document.dispatchEvent(new Event('1022-turning'))")
    presence(me, "talking", "104", second)
    expect(shown).to_have_attribute("data-ticket", f"t-{second}")
    expect(address).to_have_value("")
    address.fill("Ấp 2")
    rows_ = page.locator("#contacts [data-call]")
    expect(rows_).to_have_count(2)
    expect(rows_.nth(0)).to_contain_text("Đang giữ máy")
    expect(rows_.nth(1)).to_contain_text("Đang nói")
    # The second hangs up in the middle of a word: what is being typed stays under the fingers until they rest.
    address.focus()
    for n in range(12):
        page.keyboard.type("abcdefghijkl"[n], delay=120)
        if n == 3:
            presence(me, "talking", "104", first)
    expect(address).to_be_focused()
    expect(address).to_have_value("Ấp 2abcdefghijkl")
    expect(shown).to_have_attribute("data-ticket", f"t-{first}")
    expect(address).to_have_value("Ấp 1")
    saved = (first, {"address": "Ấp 1"}), (second, {"address": "Ấp 2abcdefghijkl"})
    eventually(
        lambda: all(values(f"t-{one}") == words for one, words in saved), 15, "both addresses are saved"
    )


def _says(line: Locator) -> bool:
    try:
        expect(line).not_to_be_empty(timeout=7000)
    except AssertionError:
        return False
    return True


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_without_a_fault_of_access_in_every_state(
    desk_of: Opens, who: dict[str, int], scheme: str
) -> None:
    found: dict[str, list[str]] = {}
    for username in ("lan", "hoa", "tuan"):  # talking, ringing, nothing
        page = own_page(desk_of, username)
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
        page.reload()
        for width, height in ((1366, 768), (1920, 1080), (390, 800)):
            page.set_viewport_size({"width": width, "height": height})
            look(page, f"{username} {width}", width, found)
    page = own_page(desk_of, "lan")
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
    with reading() as session:
        at_desk = session.get(OperatorPresence, who["lan"])
        assert at_desk is not None
        call_id = at_desk.call_id
    page.locator("[data-field=speech] .pill").nth(1).click()
    expect(page.locator("#script-state")).to_contain_text("Đỏ")
    page.locator("#f-spo2").fill("999")
    page.locator("#f-spo2").blur()
    expect(page.locator("[data-field=spo2] .clash")).to_contain_text("từ 50 đến 100")
    presence(who["lan"], "wrap_up", "101", call_id)
    expect(page.locator("#wrap-disposition")).to_be_visible()
    look(page, "wrap-up", 1366, found)
    assert found == {}


def test_the_ticket_tells_by_which_script_it_was_asked(desk_of: Opens, who: dict[str, int]) -> None:
    page = own_page(desk_of, "lan")
    page.locator("[data-field=blue] .pill").nth(0).click()
    expect(page.locator("#script-state")).to_contain_text("Đỏ")
    with reading() as session:
        at_desk = session.get(OperatorPresence, who["lan"])
        assert at_desk is not None
        ticket = session.get(Ticket, f"t-{at_desk.call_id}")
        assert ticket is not None
    page.goto(f"{PANEL}/tickets/{ticket.id}")
    expect(page.locator(".timeline")).to_contain_text("Môi, đầu ngón tay tím: Có")
    expect(page.locator(".timeline")).to_contain_text("O3: môi hoặc đầu ngón tay tím")
    assert json.dumps(values(ticket.id)) == '{"blue": "yes"}'
