"""Whom a live message goes to: a board hears all, a desk's page its own operator and calls only."""

from __future__ import annotations

import json

from softphone_panel.hub import AWAY, Browser, Hub, Message, message


def told(**about: object) -> Message:
    made = message("1-1", {"id": "1", "body": json.dumps(about)})
    assert made is not None
    return made


def received(browser: Browser, *messages: Message) -> list[str]:
    for one in messages:
        browser.put(one)
    got = [browser.messages.get_nowait() for _ in range(browser.messages.qsize())]
    return [json.loads(one.data).get("event", "") for one in got if one is not None]


RINGS = told(event="operator_changed", operator_id=7, call_id="n1-1.1")
OTHERS_RING = told(event="operator_changed", operator_id=8, call_id="n1-1.1")
RAISED = told(event="acuity_raised", call_id="n1-1.1", operator_id=None)
FILLED = told(event="ticket_changed", ticket_id="t-n1-1.1", call_id="n1-1.1", operator_id=None)
ELSEWHERE = told(event="call_queued", call_id="n1-1.2", operator_id=None)


def test_a_board_hears_everything() -> None:
    assert len(received(Browser(), RINGS, OTHERS_RING, RAISED, FILLED, ELSEWHERE, AWAY)) == 6


def test_a_desk_hears_of_its_own_operator_and_then_of_their_call() -> None:
    before = received(Browser("7"), RAISED, FILLED, ELSEWHERE, OTHERS_RING)
    assert before == []
    assert received(Browser("7"), RINGS, RAISED, FILLED, ELSEWHERE) == [
        "operator_changed", "acuity_raised", "ticket_changed",
    ]  # fmt: skip


def test_a_red_call_that_rings_at_all_desks_is_told_each_desk_once() -> None:
    assert received(Browser("7"), RINGS, OTHERS_RING, OTHERS_RING) == ["operator_changed"]


def test_a_page_that_was_loaded_in_a_call_hears_of_it() -> None:
    assert received(Browser("7", ["n1-1.1", "t-n1-1.1"]), RAISED, ELSEWHERE) == ["acuity_raised"]


def test_who_waits_is_told_to_the_desks_that_talk_and_only_when_it_has_changed() -> None:
    waits: dict[str, dict[str, int]] = {"binhphuoc": {"RED": 1}}
    hub = Hub("redis://nowhere", lambda: (waits, frozenset({"7"})))
    talks, idle, board = Browser("7"), Browser("8"), Browser()
    hub._browsers |= {talks, idle, board}
    for _ in range(3):
        hub._tell_line()
    assert [one.messages.qsize() for one in (talks, idle, board)] == [1, 0, 0]
    told_them = talks.messages.get_nowait()
    assert told_them is not None
    assert (told_them.event, told_them.id, json.loads(told_them.data)) == ("line", "", waits)


def test_every_page_hears_that_redis_is_away() -> None:
    browser = Browser("7")
    browser.put(AWAY)
    assert browser.messages.get_nowait() is AWAY
