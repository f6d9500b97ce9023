"""What an administrator changed about a person reaches their desk at once, and cuts no talk."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.acuity import Acuity
from hotline.commands import DeskCommand
from hotline.operators import Operator, Presence
from ivr import desk_commands
from ivr.desk import Desk, Desks
from ivr.desk_commands import DeskCommands
from tests.ivr import stage as bench
from tests.ivr.stage import Stage, Told, played
from tests.ivr.test_supervision import listening
from tests.ivr.test_talk import CALL, talking

_no_database = bench._no_database


async def changed(s: Stage, monkeypatch: pytest.MonkeyPatch, desk: Desk, **values: object) -> DeskCommands:
    """The row says so now, and the panel has asked to look at it."""
    row = Operator(
        id=desk.operator_id, username=desk.username, role="operator", hotlines=[], skills=[], active=True
    )
    for name, value in values.items():
        setattr(row, name, value)
    monkeypatch.setattr(desk_commands, "_operator", lambda number: row)
    commands = DeskCommands(s.floor, "redis://none", s.recalls, s.control.supervision)
    command = DeskCommand(id=1, operator_id=desk.operator_id, kind="person_changed", body={})
    assert await commands._carry_out(command) == ""
    return commands


def test_a_skill_given_in_the_shift_brings_the_next_caller_who_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        idle, english = s.seat(1, "101"), s.seat(2, "102")
        s.ahead_s += 60
        english.idle_since_s = s.floor.clock()
        await changed(s, monkeypatch, english, skills=["en"])
        await s.asterisk.caller("n1-1.1", "YELLOW", LANGUAGE_CODE="en")
        await s.rings("n1-1.1")
        assert (idle.state, english.state) == (Presence.AVAILABLE, Presence.RINGING)

    played(tmp_path, scene)


def test_hotlines_taken_away_bring_no_caller_of_them_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        first, second = s.seat(1, "101"), s.seat(2, "102")
        second.idle_since_s = s.floor.clock() + 1
        await changed(s, monkeypatch, first, hotlines=["binhduong"])
        await s.asterisk.caller("n1-1.1", "YELLOW")
        await s.rings("n1-1.1")
        assert (first.state, second.state) == (Presence.AVAILABLE, Presence.RINGING)

    played(tmp_path, scene)


def test_who_is_switched_off_in_a_talk_talks_to_its_end_and_is_off_duty_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        caller, leg = await talking(s, "101")
        desk = s.floor.desks.at("101")
        assert desk is not None
        commands = await changed(s, monkeypatch, desk, active=False)
        assert desk.state is Presence.TALKING
        hold = DeskCommand(id=2, operator_id=desk.operator_id, kind="hold", body={"call_id": CALL})
        assert await commands._carry_out(hold) == ""
        assert {CALL, leg} <= s.asterisk.bridges[f"call-{CALL}"]
        await s.asterisk.gone(CALL)
        await s.until(lambda: caller.over, "the caller has gone")
        await s.until(lambda: desk.state is Presence.OFFLINE, "off duty")
        back = DeskCommand(id=3, operator_id=desk.operator_id, kind="sign_in", body={"phone": "101"})
        assert "không còn hoạt động" in await commands._carry_out(back)

    played(tmp_path, scene)


def test_who_is_switched_off_while_their_phone_rings_is_rung_no_more_and_somebody_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "101")
        await s.asterisk.caller("n1-1.1", "YELLOW")
        await s.rings("n1-1.1")
        other = s.seat(2, "102")
        await changed(s, monkeypatch, desk, active=False)
        await s.until(lambda: other.state is Presence.RINGING, "a colleague rings")
        assert desk.state is Presence.OFFLINE

    played(tmp_path, scene)


@pytest.mark.parametrize("values", [{"active": False}, {"role": "operator"}])
def test_a_supervisor_who_is_one_no_more_hears_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object]
) -> None:
    async def scene(s: Stage) -> None:
        _, leg, mine, desk = await listening(s)
        await changed(s, monkeypatch, desk, **values)
        await s.until(lambda: mine not in s.asterisk.channels, "their leg is gone")
        assert {CALL, leg} <= s.asterisk.bridges[f"call-{CALL}"]

    played(tmp_path, scene)


def test_the_dialplans_queues_follow_the_hotlines_of_who_is_on_duty_and_forget_who_leaves() -> None:
    mirrored: list[tuple[str, Presence, bool]] = []
    desks = Desks(Told().note, lambda d: mirrored.append((d.phone, d.state, d.serves("binhphuoc"))))
    row = Operator(id=1, username="lan", hotlines=[], skills=[])
    desk = desks.learn(row)
    desks.sign_in(desk, "101", online=True)
    row.hotlines = ["binhduong"]
    desks.learn(row)
    desks.sign_out(desk)
    assert mirrored == [
        ("101", Presence.AVAILABLE, True),
        ("101", Presence.AVAILABLE, False),
        ("101", Presence.OFFLINE, False),
    ]


def test_an_english_caller_and_an_emergency_are_served_as_before_when_nobody_has_the_skill(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        s.seat(1, "101", skills=["nonmedical"])
        s.seat(2, "102", skills=["km"])
        await s.asterisk.caller("n1-1.1", Acuity.RED, LANGUAGE_CODE="en")
        await s.rings("n1-1.1", 2)

    played(tmp_path, scene)
