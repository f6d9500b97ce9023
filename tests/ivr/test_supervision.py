"""Supervision on real ARI wire without sound: who hears whom is told by bridges and snoops; what is said is on record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from hotline import events as e
from hotline.operators import Operator, Presence
from ivr.ari import Bridge, Channel
from ivr.caller import Caller
from ivr.desk import Desk, NotPossible
from ivr.supervision import strangers
from ivr.transfer import Transfer
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name
from tests.ivr.test_talk import CALL, talking


def supervisor(s: Stage, phone: str = "104") -> Desk:
    """Somebody who sits at a phone and takes no calls."""
    desk = s.floor.desks.learn(Operator(id=9, username="truongca", hotlines=[], skills=[]))
    s.floor.desks.sign_in(desk, phone, online=True)
    s.floor.desks.pause(desk, "meeting")
    return desk


async def do(s: Stage, desk: Desk, kind: str, role: str = "supervisor", **body: str) -> None:
    await s.control.supervision.carry_out(kind, body, desk, role)


async def listening(s: Stage, mode: str = "listen") -> tuple[Caller, str, str, Desk]:
    """A talk and a supervisor who listens: the caller, the operator's leg, the supervisor's, their desk."""
    caller, leg = await talking(s, "101")
    desk = supervisor(s)
    await do(s, desk, mode, call_id=CALL)
    mine = await s.until(lambda: next((i for i in s.asterisk.legs(CALL) if i != leg), ""), "it rings")
    await s.until(lambda: s.asterisk.channels[mine].state == "Ringing", "it rings")
    await s.asterisk.answer(mine)
    await s.until(lambda: s.told.of(e.CallWatched), "on record")
    return caller, leg, mine, desk


def hears(s: Stage, mine: str) -> list[tuple[str, str]]:
    """Whom the supervisor's bridge hears, and how it whispers."""
    members = s.asterisk.bridges.get(f"watch-{mine}", set())
    return [s.asterisk.snoops[i] for i in members if i in s.asterisk.snoops] if mine in members else []


def modes(s: Stage) -> list[str]:
    return [fact.mode for fact in s.told.of(e.CallWatched)]


def test_who_listens_hears_the_operators_leg_and_the_callers_bridge_stays_as_it_was(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        _, leg, mine, _ = await listening(s)
        await s.until(lambda: hears(s, mine) == [(leg, "none")], "listens")
        assert s.asterisk.bridges[f"call-{CALL}"] == {CALL, leg}
        (fact,) = s.told.of(e.CallWatched)
        assert (fact.by, fact.supervisor_id, fact.operator_id, fact.mode) == ("truongca", 9, 1, "listen")

    played(tmp_path, scene)


def test_from_listening_to_whispering_to_joining_and_back_one_snoop_at_a_time(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, leg, mine, desk = await listening(s)
        await do(s, desk, "whisper", call_id=CALL)
        await s.until(lambda: hears(s, mine) == [(leg, "out")], "whispers")
        await do(s, desk, "barge", call_id=CALL)
        await s.until(lambda: s.asterisk.bridges[caller.bridge] == {CALL, leg, mine}, "all together")
        assert not [i for i in s.asterisk.channels if i.startswith("snoop-")]
        await do(s, desk, "listen", call_id=CALL)
        await s.until(lambda: hears(s, mine) == [(leg, "none")], "listens again")
        assert s.asterisk.bridges[caller.bridge] == {CALL, leg}
        assert modes(s) == ["listen", "whisper", "barge", "listen"]

    played(tmp_path, scene)


def test_taking_over_makes_the_supervisor_the_callers_human_and_the_operator_writes_up(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        caller, leg, mine, desk = await listening(s)
        await do(s, desk, "take_over", call_id=CALL)
        await s.until(lambda: s.asterisk.bridges[caller.bridge] == {CALL, mine}, "taken over")
        assert caller.humans.talking is not None
        assert caller.humans.talking.id == mine
        operator = s.floor.desks.of(1)
        assert operator is not None
        assert (operator.state, desk.state) == (Presence.WRAP_UP, Presence.TALKING)
        await s.until(lambda: len(s.told.of(e.CallAnswered)) == 2, "on record")
        answered = s.told.of(e.CallAnswered)[-1]
        assert (answered.answered_by, answered.operator_id) == ("truongca", 9)
        await s.until(lambda: leg not in s.asterisk.channels, "the operator's phone is free")
        await s.asterisk.gone(CALL)
        await s.until(lambda: desk.state is Presence.WRAP_UP, "the talk is over")
        await s.later(6)
        s.floor.desks.end_wrap_ups()
        assert (desk.state, desk.reason) == (Presence.PAUSED, "meeting")

    played(tmp_path, scene)


@pytest.mark.parametrize("who", ["caller", "supervisor", "command"])
def test_listening_ends_with_the_call_the_phone_or_the_click(tmp_path: Path, who: str) -> None:
    async def scene(s: Stage) -> None:
        _, leg, mine, desk = await listening(s)
        await s.until(lambda: hears(s, mine), "listens")
        assert (desk.state, desk.reason) == (Presence.PAUSED, "supervising")
        if who == "command":
            await do(s, desk, "stop_watching")
        else:
            await s.asterisk.gone({"caller": CALL, "supervisor": mine}[who])
        await s.until(lambda: not [*s.floor.visits] or who != "caller", "the caller is gone")
        s.control.supervision.tick()
        await s.until(lambda: mine not in s.asterisk.channels, "the phone is free")
        await s.until(lambda: not [i for i in s.asterisk.channels if i.startswith("snoop-")], "no snoop")
        assert f"watch-{mine}" not in s.asterisk.bridges
        assert modes(s) == ["listen", "end"]
        assert (desk.state, desk.reason) == (Presence.PAUSED, "meeting")
        assert (leg in s.asterisk.channels) is (who != "caller")

    played(tmp_path, scene)


def test_no_caller_rings_a_supervisor_who_listens_and_one_does_afterwards(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await talking(s, "101")
        desk = supervisor(s)
        s.floor.desks.resume(desk)
        await do(s, desk, "listen", call_id=CALL)
        assert (desk.state, desk.reason) == (Presence.PAUSED, "supervising")
        await s.asterisk.caller("n1-1.2", "ORANGE")
        await s.later(1)
        assert s.asterisk.legs("n1-1.2") == []
        await do(s, desk, "stop_watching")
        assert await s.rings("n1-1.2")

    played(tmp_path, scene)


def test_a_desk_whose_listening_a_crash_cut_off_does_not_seem_to_listen_for_ever(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = supervisor(s)
        s.floor.desks.change(desk, Presence.PAUSED, "supervising")
        s.control.supervision.tick()
        assert (desk.state, desk.reason) == (Presence.PAUSED, "phone")

    played(tmp_path, scene)


def test_what_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await talking(s, "101")
        desk = supervisor(s)
        operator = s.floor.desks.of(1)
        assert operator is not None
        await s.asterisk.caller("n1-1.2", "ORANGE")
        await s.until(lambda: "n1-1.2" in s.floor.visits, "waits")
        for kind, who, role, call_id, said in (
            ("listen", desk, "operator", CALL, "Chỉ trưởng ca"),
            ("listen", operator, "supervisor", CALL, "của chính bạn"),
            ("listen", desk, "supervisor", "n1-9.9", "đã kết thúc"),
            ("listen", desk, "supervisor", "n1-1.2", "Chưa có ai nói"),
            ("take_over", desk, "supervisor", CALL, "Hãy nghe cuộc này trước"),
            ("to_front", desk, "supervisor", CALL, "không còn chờ"),
            ("force_pause", desk, "supervisor", CALL, "chưa vào ca"),
        ):
            with pytest.raises(NotPossible, match=said):
                await do(s, who, kind, role, call_id=call_id)
        assert modes(s) == []

    played(tmp_path, scene)


def test_a_waiting_caller_is_moved_to_the_front_of_their_level(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = supervisor(s)
        for n in (1, 2):
            await s.asterisk.caller(f"n1-1.{n}", "ORANGE")
            await s.until(lambda n=n: f"n1-1.{n}" in s.floor.visits, "waits")  # type: ignore[misc] # mypy on defaults of lambdas
        await do(s, desk, "to_front", call_id="n1-1.2")
        s.seat(1, "101")
        s.control.serve()
        assert await s.rings("n1-1.2")
        (fact,) = s.told.of(e.CallMovedToFront)
        assert (fact.call_id, fact.by) == ("n1-1.2", "truongca")

    played(tmp_path, scene)


def test_who_talks_is_paused_or_leaves_when_the_talk_is_over(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        await talking(s, "101")
        desk, operator = supervisor(s), s.floor.desks.of(1)
        assert operator is not None
        await do(s, desk, "force_pause", operator_id="1")
        assert operator.state is Presence.TALKING
        await s.asterisk.gone(CALL)
        await s.until(lambda: operator.state is Presence.WRAP_UP, "writes up")
        await do(s, desk, "force_wrap_up", operator_id="1")
        assert (operator.state, operator.reason) == (Presence.PAUSED, "supervisor")
        await do(s, desk, "force_sign_out", operator_id="1")
        assert operator.state.value == "offline"

    played(tmp_path, scene)


def test_a_private_word_with_a_station_is_not_heard_unless_the_installation_allows_it(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        caller, leg, mine, _ = await listening(s)
        await s.until(lambda: hears(s, mine) == [(leg, "none")], "listens")
        caller.transfer = cast(Transfer, SimpleNamespace(holds_caller=True, live=False))
        s.control.supervision.tick()
        await s.until(lambda: not [i for i in s.asterisk.channels if i.startswith("snoop-")], "hears nothing")
        assert mine in s.asterisk.channels
        s.floor.installation = replace(s.floor.installation, supervisors_hear_consults=True)
        s.control.supervision.tick()
        await s.until(lambda: hears(s, mine) == [(leg, "none")], "may hear it")
        s.floor.installation = replace(s.floor.installation, supervisors_hear_consults=False)
        s.control.supervision.tick()
        await s.until(lambda: not hears(s, mine), "hears nothing again")
        caller.transfer = None
        s.control.supervision.tick()
        await s.until(lambda: hears(s, mine) == [(leg, "none")], "listens again")

    played(tmp_path, scene)


def test_after_a_crash_supervisors_are_let_go_unless_one_alone_talks_with_the_caller() -> None:
    op, sup = f"op-{CALL}-1", f"op-{CALL}-2s"
    both = {
        CALL: Channel(CALL, app_data="hotline,caller,x"),
        op: Channel(op, app_data=f"hotline,operator,{CALL}"),
        sup: Channel(sup, app_data=f"hotline,supervisor,{CALL}"),
        "snoop-1": Channel("snoop-1", app_data="hotline,snoop"),
    }
    bridge = f"call-{CALL}"
    listens = {
        bridge: Bridge(bridge, frozenset({CALL, op})),
        "watch": Bridge("watch", frozenset({sup, "snoop-1"})),
    }
    joined = {bridge: Bridge(bridge, frozenset({CALL, op, sup}))}
    assert strangers(both, listens) == {sup, "snoop-1"}
    assert strangers(both, joined) == {sup, "snoop-1"}
    alone = {i: c for i, c in both.items() if i in (CALL, sup)}
    assert strangers(alone, {bridge: Bridge(bridge, frozenset({CALL, sup}))}) == set()
