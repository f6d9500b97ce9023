"""What the operator's page asks of the call control: a wrap-up that waits for its disposition, a recall to one's own desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline import events as e
from hotline.acuity import Acuity
from hotline.operators import Operator, Presence
from ivr import recall_dialler
from ivr.desk import HELD, HELD_AT_MOST_S, Desk, Desks
from ivr.recall_call import Owed, RecallCall
from tests.ivr import stage as bench
from tests.ivr.stage import Stage, Told, played

_no_database = bench._no_database


def finished_talk() -> tuple[Desks, Desk, list[float]]:
    clock = [1000.0]
    desks = Desks(Told().note, clock=lambda: clock[0], wrap_up_s=30)
    desk = desks.learn(Operator(id=1, username="lan", hotlines=[], skills=[]))
    desks.sign_in(desk, "101", online=True)
    for state in (Presence.RINGING, Presence.TALKING):
        desks.change(desk, state, call_id="c")
    desks.freed(desk, "c")
    assert desk.state is Presence.WRAP_UP
    return desks, desk, clock


def test_a_wrap_up_that_no_page_holds_ends_by_time() -> None:
    desks, desk, clock = finished_talk()
    clock[0] += 30
    assert desks.end_wrap_ups()
    assert desk.state is Presence.AVAILABLE


def test_a_wrap_up_held_by_the_page_waits_for_the_disposition() -> None:
    desks, desk, clock = finished_talk()
    desks.hold_wrap_up(desk, "c")
    clock[0] += 300
    assert not desks.end_wrap_ups()
    desks.finish_wrap_up(desk)
    assert desk.state is Presence.AVAILABLE


def test_who_left_a_held_wrap_up_is_paused_and_gets_no_calls() -> None:
    desks, desk, clock = finished_talk()
    desks.hold_wrap_up(desk, "c")
    clock[0] += HELD_AT_MOST_S
    assert desks.end_wrap_ups()
    assert (desk.state, desk.reason) == (Presence.PAUSED, "wrap_up")


def test_a_page_that_is_late_holds_nothing() -> None:
    desks, desk, clock = finished_talk()
    desks.hold_wrap_up(desk, "another call")
    clock[0] += 30
    assert desks.end_wrap_ups()
    desks.hold_wrap_up(desk, "c")
    assert desk.state is Presence.AVAILABLE


def test_a_red_call_rings_into_a_held_wrap_up() -> None:
    desks, desk, _ = finished_talk()
    desks.hold_wrap_up(desk, "c")
    assert desks.change(desk, Presence.RINGING, call_id="red")


def test_a_held_wrap_up_goes_on_when_somebody_else_answers_the_red_call() -> None:
    desks, desk, _ = finished_talk()
    desks.hold_wrap_up(desk, "c")
    desks.change(desk, Presence.RINGING, call_id="red")
    desks.freed(desk, "red")
    assert (desk.state, desk.call_id, desk.reason) == (Presence.WRAP_UP, "c", HELD)
    desks.finish_wrap_up(desk)
    desks.change(desk, Presence.RINGING, call_id="d")
    desks.freed(desk, "d")
    assert desk.state is Presence.AVAILABLE, "of the wrap-up that is over nothing is left"


def test_a_recall_rings_the_desk_that_asked_for_it_whoever_is_idle_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = Owed("r-1", "n1-1.9", "t-n1-1.9", "binhphuoc", "+84912345678", Acuity.YELLOW, 0, 5.0)
    monkeypatch.setattr(recall_dialler, "due", lambda wanted: [owed])
    monkeypatch.setattr(recall_dialler, "no_more_owed", lambda ids: frozenset())
    monkeypatch.setattr(recall_dialler, "left_behind", lambda node, alive: [])

    async def scene(s: Stage) -> None:
        idle, asking = s.seat(1, "101"), s.seat(2, "102")
        s.ahead_s += 60
        asking.idle_since_s = s.floor.clock()
        s.recalls.wanted_by("r-1", 2)
        await s.recalls.look()
        call = next(v for v in s.floor.visits.values() if isinstance(v, RecallCall))
        assert [d.operator_id for d in call.rung()] == [2]
        assert (idle.state, asking.state) == (Presence.AVAILABLE, Presence.RINGING)

    played(tmp_path, scene)


def test_a_level_that_the_desk_has_told_is_not_told_again(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await s.asterisk.caller("n1-1.1", "YELLOW")
        visit = await s.until(lambda: s.floor.visits.get("n1-1.1"), "in the line")
        assert visit.raise_to(Acuity.RED, "O7: SpO2 dưới 94", "lan", told=True)
        assert visit.acuity is Acuity.RED
        assert s.told.of(e.AcuityRaised) == []
        assert not visit.raise_to(Acuity.RED, "again", "lan", told=True)

    played(tmp_path, scene)
