"""Several contacts at one desk, on real ARI wire without sound: one is talked with, the others have music, and nobody is mixed up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from hotline import events as e
from hotline.acuity import Acuity
from hotline.operators import MUTED, Operator, OperatorPresence, Presence
from ivr import contacts, reconcile
from ivr.caller import Caller
from ivr.desk import Desk, NotPossible
from tests.ivr.fake_ari import FakeAri
from tests.ivr.stage import Stage, _no_database, played, stage  # noqa: F401 - the fixture is used by its name

A, B = "n1-1.1", "n1-1.2"


async def talks(s: Stage, phone: str = "101", acuity: str = "ORANGE") -> tuple[Desk, str]:
    """Operator 1 talks with A at that phone; the desk and its leg."""
    desk = s.seat(1, phone)
    await s.asterisk.caller(A, acuity)
    (leg,) = await s.rings(A)
    await s.asterisk.answer(leg)
    await s.until(lambda: together(s, A, leg), "they hear each other")
    return desk, leg


def together(s: Stage, call: str, *legs: str) -> bool:
    """Only they hear the caller, who has no music."""
    there = s.asterisk.bridges.get(f"call-{call}") == {call, *legs}
    return there and call not in s.asterisk.music


def alone(s: Stage, call: str) -> bool:
    """With music, and nobody else."""
    return s.asterisk.bridges.get(f"call-{call}") == {call} and call in s.asterisk.music


def told(s: Stage) -> list[tuple[str, bool]]:
    return [(x.call_id, x.held) for x in s.told.of(e.CallHeld)]


def caller_of(s: Stage, call: str) -> Caller:
    visit = s.floor.visits[call]
    assert isinstance(visit, Caller)
    return visit


async def second(s: Stage, desk: Desk, leg: str, acuity: str = "RED") -> None:
    """B comes and is taken beside A."""
    await s.asterisk.caller(B, acuity)
    await s.until(lambda: B in s.floor.visits, "B waits")
    contacts.take_next(s.floor, desk)
    await s.until(lambda: together(s, B, leg) and alone(s, A), "B is talked with, A has music")


def test_a_desk_phone_is_muted_at_the_page_and_never_for_another_contact(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        contacts.mute(s.floor, desk, A, on=True)
        await s.until(lambda: f"POST channels/{leg}/mute" in s.asterisk.said, "muted")
        assert (desk.state, desk.reason, desk.call_id) == (Presence.TALKING, MUTED, A)
        contacts.mute(s.floor, desk, A, on=False)
        await s.until(lambda: f"DELETE channels/{leg}/mute" in s.asterisk.said, "heard again")
        assert desk.reason == ""
        contacts.mute(s.floor, desk, A, on=True)
        s.asterisk.said.clear()
        await second(s, desk, leg)
        await s.until(lambda: f"DELETE channels/{leg}/mute" in s.asterisk.said, "B hears the operator")
        assert (desk.reason, desk.call_id) == ("", B)
        with pytest.raises(NotPossible, match="không có cuộc gọi này"):
            contacts.mute(s.floor, desk, A, on=True)

    played(tmp_path, scene)


def test_on_hold_neither_hears_the_other(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        contacts.hold(s.floor, desk, A)
        await s.until(lambda: alone(s, A), "music")
        await s.until(lambda: s.asterisk.bridges.get(f"held-{A}") == {leg}, "the phone waits alone")
        assert s.asterisk.channels[A].channelvars["KEPT_BY"] == "1"
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg), "they hear each other again")
        await s.until(lambda: s.asterisk.channels[A].channelvars["KEPT_BY"] == "", "on nobody's hold")
        assert told(s) == [(A, True), (A, False)]
        assert desk.state is Presence.TALKING

    played(tmp_path, scene)


def test_who_waits_on_hold_is_comforted_now_and_then(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, _ = await talks(s)
        (tmp_path / "prompts" / "vi" / "all" / "on-hold.alaw").touch()
        contacts.hold(s.floor, desk, A)
        await s.until(lambda: alone(s, A), "music")
        s.asterisk.said.clear()
        await s.later(21)
        await s.until(lambda: any(f"channels/{A}/play" in x for x in s.asterisk.said), "a word")

    played(tmp_path, scene)


def test_a_second_caller_rings_no_desk_that_talks_and_comes_when_its_operator_asks(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        with pytest.raises(NotPossible, match="Không có ai chờ"):
            contacts.take_next(s.floor, desk)
        assert together(s, A, leg)
        await s.asterisk.caller(B, "RED")
        await s.until(lambda: B in s.floor.visits, "B waits")
        await s.later(1)
        assert not [i for i in s.asterisk.legs(B) if i.startswith("op-")]
        contacts.take_next(s.floor, desk)
        await s.until(lambda: together(s, B, leg) and alone(s, A), "B is talked with, A has music")
        assert [(x.call_id, x.leg_id) for x in s.told.of(e.CallAnswered)] == [(A, leg), (B, leg)]
        assert (desk.state, desk.call_id) == (Presence.TALKING, B)
        assert told(s) == [(A, True)]

    played(tmp_path, scene)


def test_an_operator_goes_from_one_to_the_other_and_back(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        await second(s, desk, leg)
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg) and alone(s, B), "A again, B has music")
        assert desk.call_id == A
        contacts.turn_to(s.floor, desk, B)
        await s.until(lambda: together(s, B, leg) and alone(s, A), "B again, A has music")
        contacts.hold(s.floor, desk, B)
        await s.until(lambda: alone(s, A) and alone(s, B), "both have music")
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg) and alone(s, B), "A again")
        assert told(s) == [(A, True), (B, True), (A, False), (A, True), (B, False), (B, True), (A, False)]

    played(tmp_path, scene)


def test_when_one_leaves_the_operator_is_with_the_other_at_once(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        await second(s, desk, leg)
        await s.asterisk.gone(B)
        await s.until(lambda: together(s, A, leg), "A is talked with")
        assert (desk.state, desk.call_id) == (Presence.TALKING, A)
        assert [x.call_id for x in s.told.of(e.CallEnded)] == [B]
        await s.asterisk.gone(A)
        await s.until(lambda: desk.state is Presence.WRAP_UP, "wrap-up")
        await s.until(lambda: leg not in s.asterisk.channels, "the phone is free")
        assert (desk.call_id, s.floor.lent) == (A, {})
        assert not s.floor.visits

    played(tmp_path, scene)


def test_the_operator_hangs_up_one_of_two_and_keeps_the_other(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        await second(s, desk, leg)
        contacts.hang_up(s.floor, desk, A)
        await s.until(lambda: A not in s.asterisk.channels, "A is gone")
        await asyncio.sleep(0.1)
        assert together(s, B, leg)
        assert (desk.state, desk.call_id) == (Presence.TALKING, B)
        with pytest.raises(NotPossible):
            contacts.hang_up(s.floor, desk, A)

    played(tmp_path, scene)


def test_a_caller_who_hangs_up_on_hold_disturbs_nobody_and_is_owed_a_call_when_urgent(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        await second(s, desk, leg)
        await s.asterisk.gone(A)
        await s.until(lambda: A not in s.floor.visits, "over")
        assert together(s, B, leg)
        assert [(x.call_id, x.why) for x in s.told.of(e.RecallDue)] == [(A, "lost")]
        assert desk.call_id == B

    played(tmp_path, scene)


def test_a_phone_that_is_hung_up_rings_again_for_who_is_kept(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        await second(s, desk, leg)
        await s.asterisk.gone(leg)
        (again,) = await s.rings(A)
        assert B not in s.floor.visits
        assert alone(s, A)
        await s.asterisk.answer(again)
        await s.until(lambda: together(s, A, again), "A is talked with")
        assert (desk.state, desk.call_id) == (Presence.TALKING, A)
        assert told(s)[-1] == (A, False)

    played(tmp_path, scene)


def test_who_is_kept_by_somebody_that_does_not_come_back_is_first_in_line(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        await second(s, desk, leg)
        await s.asterisk.gone(leg)
        (again,) = await s.rings(A)
        s.seat(2, "102")
        await s.asterisk.gone(again, 19, 480)
        await s.until(lambda: desk.state is Presence.PAUSED, "missed")
        await s.later(0.3)
        (other,) = await s.rings(A)
        assert (desk.state, desk.reason) == (Presence.PAUSED, "missed")
        await s.asterisk.answer(other)
        await s.until(lambda: together(s, A, other), "the next operator")
        assert s.told.of(e.CallWaitsAgain)

    played(tmp_path, scene)


def test_a_page_that_stays_away_gives_both_callers_to_the_next_operators(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s, "web-1")
        await second(s, desk, leg)
        caller_of(s, B).talk.lose("the page was left")
        for _ in range(12):
            await s.later(0.5)
        assert (desk.state, desk.reason) == (Presence.PAUSED, "phone")
        assert {x.call_id for x in s.told.of(e.CallWaitsAgain)} == {A, B}
        assert caller_of(s, A).waits

    played(tmp_path, scene)


def test_a_page_that_comes_back_finds_the_one_talked_with_and_the_one_kept(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s, "web-1")
        await second(s, desk, leg)
        caller_of(s, B).talk.lose("the page was left")
        assert caller_of(s, B).talk.returned(desk)
        new = await s.until(lambda: next((i for i in s.asterisk.legs(B) if i.startswith("op-")), ""), "new")
        await s.until(lambda: s.asterisk.channels[new].state == "Ringing", "dialled")
        await s.asterisk.answer(new)
        await s.until(lambda: together(s, B, new) and alone(s, A), "as before")
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, new) and alone(s, B), "A")

    played(tmp_path, scene)


def test_a_reload_on_hold_leaves_the_caller_on_hold(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, _ = await talks(s, "web-1")
        contacts.hold(s.floor, desk, A)
        await s.until(lambda: alone(s, A), "music")
        caller_of(s, A).talk.lose("the page was left")
        assert caller_of(s, A).talk.returned(desk)
        (new,) = await s.rings(A, 1)
        await s.asterisk.answer(new)
        await s.until(lambda: s.asterisk.bridges.get(f"held-{A}") == {new}, "the new page waits")
        await asyncio.sleep(0.1)
        assert alone(s, A)
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, new), "talked with")

    played(tmp_path, scene)


def test_a_station_is_rung_beside_a_caller_on_hold_and_both_stay_apart(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        s.recalls.dial("+84912345678", desk, contacts.free_phone(s.floor, desk))
        dialled = await s.until(lambda: _rung(s, "0912345678@trunk"), "the station rings")
        assert alone(s, A)
        with pytest.raises(NotPossible, match="chưa nghe máy"):
            contacts.free_phone(s.floor, desk)
        await s.asterisk.answer(dialled)
        await s.until(lambda: isinstance(s.floor.visits.get(dialled), Caller), "the station is there")
        assert together(s, dialled, leg)
        assert alone(s, A)
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg) and alone(s, dialled), "A, the station has music")
        contacts.turn_to(s.floor, desk, dialled)
        await s.until(lambda: together(s, dialled, leg) and alone(s, A), "the station")
        contacts.hang_up(s.floor, desk, dialled)
        await s.until(lambda: together(s, A, leg), "A again")
        assert desk.call_id == A

    played(tmp_path, scene)


def test_a_number_that_does_not_answer_or_is_given_up_brings_the_operator_back_to_who_was_kept(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        s.recalls.dial("+84912345678", desk, contacts.free_phone(s.floor, desk))
        dialled = await s.until(lambda: _rung(s, "0912345678@trunk"), "it rings")
        await s.asterisk.gone(dialled, 17, 486)
        await s.until(lambda: together(s, A, leg), "A again")
        s.recalls.dial("+84912345679", desk, contacts.free_phone(s.floor, desk))
        await s.until(lambda: _rung(s, "0912345679@trunk"), "it rings")
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg), "A again")
        await s.until(lambda: not _rung(s, "0912345679@trunk"), "given up")
        assert (desk.state, desk.call_id) == (Presence.TALKING, A)

    played(tmp_path, scene)


def _rung(s: Stage, name: str) -> str:
    return next((c.id for c in s.asterisk.channels.values() if name in c.name and c.state == "Ringing"), "")


def test_more_than_four_contacts_are_refused(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, _ = await talks(s)
        for n in range(2, 6):
            await s.asterisk.caller(f"n1-1.{n}", "ORANGE")
        await s.until(lambda: len(s.floor.visits) == 5, "all wait")
        for n in range(2, 5):
            contacts.take_next(s.floor, desk)
            assert desk.call_id == f"n1-1.{n}"
        with pytest.raises(NotPossible, match="3 người"):
            contacts.take_next(s.floor, desk)
        assert sum(v.keeper == 1 for v in s.floor.visits.values()) == 3

    played(tmp_path, scene)


def test_nobody_turns_to_or_hangs_up_another_operator_s_contact(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg = await talks(s)
        await second(s, desk, leg)
        other = s.seat(2, "102")
        for call in (A, B):
            for act in (contacts.turn_to, contacts.hang_up, contacts.hold):
                with pytest.raises(NotPossible):
                    act(s.floor, other, call)
        assert together(s, B, leg)

    played(tmp_path, scene)


def restarted(tmp_path: Path, before: Callable[[Stage, Desk, str], Coroutine[Any, Any, None]],
              after: Callable[[Stage, Desk, str], Coroutine[Any, Any, None]]) -> None:  # fmt: skip
    """One scene, then a `calls` process that knows nothing but what Asterisk and the desk's row tell, then another scene."""

    async def whole() -> None:
        async with FakeAri() as asterisk, stage(tmp_path, asterisk) as s:
            desk, leg = await talks(s)
            await before(s, desk, leg)
            await asyncio.sleep(0.1)
            s.floor.lent.clear()
            await s.next_process()
            await s.until(lambda: A in s.floor.visits, "taken over")
            await s.until(lambda: s.floor.ari.connected, "connected")
            await s.later(0.5)
            await after(s, desk, leg)

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_after_a_restart_of_calls_one_is_talked_with_and_the_other_kept_as_before(tmp_path: Path) -> None:
    async def before(s: Stage, desk: Desk, leg: str) -> None:
        await second(s, desk, leg)

    async def after(s: Stage, desk: Desk, leg: str) -> None:
        assert together(s, B, leg)
        assert alone(s, A)
        assert caller_of(s, A).keeper == 1
        assert (desk.state, desk.call_id) == (Presence.TALKING, B)
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg) and alone(s, B), "A")
        await s.asterisk.gone(A)
        await s.until(lambda: together(s, B, leg), "B")
        assert not s.told.of(e.CallWaitsAgain)

    restarted(tmp_path, before, after)


def test_after_a_restart_of_calls_a_database_that_thinks_takes_no_contact_from_who_talks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sits at the phones is learned only after the calls were taken over."""
    monkeypatch.setattr(reconcile, "LEARN_AGAIN_S", 0.1)
    sits = OperatorPresence(
        operator_id=1, state=Presence.TALKING, reason="", phone="101", call_id=B, second_phone=""
    )
    asked: list[float] = []

    def late() -> list[Any]:
        asked.append(0)
        if len(asked) < 3:
            raise OperationalError("", {}, OSError())
        return [(Operator(id=1, username="op1", hotlines=[], skills=[]), sits)]

    async def before(s: Stage, desk: Desk, leg: str) -> None:
        await second(s, desk, leg)
        s.floor.desks._by_id.clear()
        monkeypatch.setattr(reconcile, "operators", late)

    async def after(s: Stage, desk: Desk, leg: str) -> None:
        known = await s.until(lambda: s.floor.desks.of(1), "known")
        await s.later(0.1)
        assert (known.state, known.call_id) == (Presence.TALKING, B)
        assert together(s, B, leg)
        assert caller_of(s, B).humans.legs[leg].name == "op1"
        contacts.turn_to(s.floor, known, A)
        await s.until(lambda: together(s, A, leg) and alone(s, B), "A")

    restarted(tmp_path, before, after)


def test_after_a_restart_of_calls_who_was_on_hold_is_on_hold(tmp_path: Path) -> None:
    async def before(s: Stage, desk: Desk, leg: str) -> None:
        contacts.hold(s.floor, desk, A)
        await s.until(lambda: s.asterisk.bridges.get(f"held-{A}") == {leg}, "held")

    async def after(s: Stage, desk: Desk, leg: str) -> None:
        assert alone(s, A)
        assert caller_of(s, A).talk.held
        assert told(s)[-1] == (A, True)
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg), "they hear each other")

    restarted(tmp_path, before, after)


def test_after_a_restart_of_calls_with_everybody_on_hold_nobody_is_mixed_up(tmp_path: Path) -> None:
    async def before(s: Stage, desk: Desk, leg: str) -> None:
        await second(s, desk, leg, "YELLOW")
        contacts.hold(s.floor, desk, B)
        await s.until(lambda: s.asterisk.bridges.get(f"held-{B}") == {leg}, "held")

    async def after(s: Stage, desk: Desk, leg: str) -> None:
        assert alone(s, A)
        assert alone(s, B)
        assert (caller_of(s, A).keeper, caller_of(s, B).talk.held) == (1, True)
        assert caller_of(s, B).acuity is Acuity.YELLOW
        contacts.turn_to(s.floor, desk, A)
        await s.until(lambda: together(s, A, leg) and alone(s, B), "A")

    restarted(tmp_path, before, after)
