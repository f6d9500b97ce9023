"""Callers in the line: who rings again, their area, what they hear while they wait, and when the duty numbers are rung."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from hotline import events as e
from hotline import unit_files
from hotline.operators import Presence
from hotline.settings import PROJECT
from ivr import area_question
from ivr.area_question import Earlier
from ivr.caller import Caller
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name


def test_a_redial_rings_the_same_operator_and_settles_the_recall_of_its_number(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        s.seat(2, "102")
        await s.asterisk.caller("n1-1.1", "ORANGE", SAME_OPERATOR="2")
        (leg,) = await s.rings("n1-1.1")
        assert s.asterisk.channels[leg].name.startswith("PJSIP/102")
        await s.asterisk.answer(leg)
        (answered,) = await s.until(lambda: s.told.of(e.CallAnswered), "answered")
        assert answered.settles == "+84912000000"

    played(tmp_path, scene)


def test_a_withheld_caller_who_leaves_the_line_is_owed_a_call_at_the_number_they_gave(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "YELLOW", CALLER="anonymous", CALLBACK="+84912999888")
        await s.rings("n1-1.1")
        await s.asterisk.gone("n1-1.1")
        (due,) = await s.until(lambda: s.told.of(e.RecallDue), "owed")
        assert due.number == "+84912999888"

    played(tmp_path, scene)


def _areas(s: Stage, monkeypatch: pytest.MonkeyPatch, known: Earlier) -> None:
    s.floor.units = unit_files.read(s.floor.installation.units)
    monkeypatch.setattr(area_question, "earlier", lambda *who: known)


def _units_told(s: Stage) -> list[tuple[str, str]]:
    return [(fact.unit_code, fact.how) for fact in s.told.of(e.UnitChosen)]


async def _waited(s: Stage, seconds: float) -> None:
    """The clock goes on in small steps, so that what is said has its end between them."""
    for _ in range(round(seconds / 2)):
        await s.later(2.0)


def test_a_waiting_caller_names_their_area_by_two_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        _areas(s, monkeypatch, Earlier())
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "YELLOW")
        await s.rings("n1-1.1")
        await _waited(s, 6)
        spoken = [x for x in s.asterisk.said if "play/say-n1-1.1-2" in x]
        assert spoken, s.asterisk.said
        await s.asterisk.key("n1-1.1", "3")
        await s.asterisk.key("n1-1.1", "4")
        await s.until(lambda: _units_told(s) == [("689", "keys")], "the area is told")
        await s.asterisk.key("n1-1.1", "3")
        await s.asterisk.key("n1-1.1", "1")
        await s.until(lambda: s.told.of(e.AcuityRaised), "key 1 is an emergency, in a code too")

    played(tmp_path, scene)


def test_the_area_of_an_earlier_ticket_is_supposed_at_once_and_confirmed_by_5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        _areas(s, monkeypatch, Earlier("25216"))
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "ORANGE")
        await s.rings("n1-1.1")
        await s.later(0.3)
        await s.until(lambda: _units_told(s) == [("25216", "earlier")], "supposed")
        await _waited(s, 6)
        await s.asterisk.key("n1-1.1", "5")
        await s.until(lambda: _units_told(s)[-1] == ("688", "ticket"), "confirmed")

    played(tmp_path, scene)


def test_a_red_caller_is_asked_nothing_and_the_unit_of_their_earlier_ticket_is_supposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        _areas(s, monkeypatch, Earlier("689"))
        s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "RED")
        await s.rings("n1-1.1")
        await _waited(s, 12)
        assert _units_told(s) == [("689", "earlier")]
        assert not [x for x in s.asterisk.said if "play/say-n1-1.1-2" in x]

    played(tmp_path, scene)


def test_a_red_caller_with_every_operator_in_a_talk_has_duty_numbers_rung_at_once(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        s.floor.desks.change(desk, Presence.RINGING, call_id="x")
        s.floor.desks.change(desk, Presence.TALKING, call_id="x")
        await s.asterisk.caller("n1-1.1", "RED")
        await s.until(lambda: "n1-1.1" in s.floor.visits, "in the line")
        await s.later(0.3)
        (first,) = await s.rings("n1-1.1")
        assert first.startswith("chain-")
        s.floor.desks.freed(desk, "x")
        s.floor.desks.finish_wrap_up(desk)
        s.floor.serve()
        rung = await s.rings("n1-1.1", 2)
        assert {leg.partition("-")[0] for leg in rung} == {"chain", "op"}, (
            "who becomes free rings beside them"
        )

    played(tmp_path, scene)


@pytest.mark.parametrize(("acuity", "offered"), [("ORANGE", False), ("YELLOW", True), ("NONMED", True)])
def test_every_20_seconds_the_place_and_the_emergencys_key_are_said_and_a_callback_only_below_orange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, acuity: str, offered: bool
) -> None:
    async def scene(s: Stage) -> None:
        said: list[list[str]] = []
        sounds = s.floor.sounds

        def noted(names: Sequence[str], language: str, hotline: str) -> list[str]:
            said.append([*names])
            return sounds([*names], language, hotline)

        monkeypatch.setattr(s.floor, "sounds", noted)
        for number, call in ((1, "n1-1.1"), (2, "n1-1.2")):
            desk = s.seat(number, f"10{number}")
            s.floor.desks.change(desk, Presence.RINGING, call_id="x")
            s.floor.desks.change(desk, Presence.TALKING, call_id="x")
            await s.asterisk.caller(call, acuity)
            if call == "n1-1.1":
                await s.until(lambda: "n1-1.1" in s.floor.visits, "in the line")
                first = s.floor.visits["n1-1.1"]
                assert isinstance(first, Caller)
                first.front = True
        await s.until(lambda: len(s.asterisk.bridges) == 2, "both in")
        await asyncio.sleep(0.2)
        for _ in range(2):
            await s.later(20.5)
            await asyncio.sleep(0.2)
        words = [names for names in said if "comfort" in names]
        assert words[:2] == [["position", "num-1", "comfort"], ["position", "num-2", "comfort"]]
        assert len(words) == 4
        assert all((names[-1] == "callback-offer") is offered for names in words[2:])

    played(tmp_path, scene)


def test_a_wait_over_the_limit_is_offered_a_callback_and_then_a_message(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        s.floor.desks.change(desk, Presence.RINGING, call_id="x")
        s.floor.desks.change(desk, Presence.TALKING, call_id="x")
        await s.asterisk.caller("n1-1.1", "YELLOW")
        await s.until(lambda: "call-n1-1.1" in s.asterisk.bridges, "in")
        await asyncio.sleep(0.2)
        await s.later(599)
        await asyncio.sleep(0.2)
        assert not s.told.of(e.MessageStarted)
        for _ in range(3):
            await s.later(9)
            await asyncio.sleep(0.2)
        await s.until(lambda: s.told.of(e.MessageStarted), "the message")

    played(tmp_path, scene)


def test_every_refusal_of_a_desk_command_has_its_english() -> None:
    bare = [
        f"{path.name}:{call.lineno}"
        for path in sorted((PROJECT / "ivr").glob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "NotPossible" and len(call.args) < 2
    ]
    assert bare == []
