"""Calling out from a desk: which numbers, by whom, and that nobody dials such a call again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hotline import events as e
from hotline.installation import read
from hotline.operators import Presence
from hotline.settings import PROJECT
from ivr.caller import Caller
from ivr.desk import Desk, NotPossible
from ivr.dialled_call import number_to_dial
from ivr.recall_call import RecallCall
from tests.ivr.stage import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name

INSTALLATION = read(PROJECT / "installation" / "demo.toml")


@pytest.mark.parametrize(
    ("text", "number"),
    [("0912 345 678", "+84912345678"), ("84912345678", "+84912345678"), ("02713.888.001", "+842713888001")],
)
def test_a_number_may_be_written_as_people_write_it(text: str, number: str) -> None:
    assert number_to_dial(INSTALLATION, "operator", text) == number


@pytest.mark.parametrize(
    "text", ["", "abc", "0", "19001234", "0012025550123", "+12025550123", "115", "0912345678;x=1"]
)
def test_what_is_no_number_or_costs_money_abroad_is_refused_before_anything_is_dialled(text: str) -> None:
    with pytest.raises(NotPossible):
        number_to_dial(INSTALLATION, "operator", text)


def test_an_installation_may_allow_the_emergency_number_and_forbid_a_role() -> None:
    more = replace(INSTALLATION, dial_prefixes=("115",), dial_roles=("supervisor",))
    assert number_to_dial(more, "supervisor", "115") == "115"
    for role, text in (("operator", "115"), ("supervisor", "0912345678")):
        with pytest.raises(NotPossible):
            number_to_dial(more, role, text)


def test_the_operator_s_phone_rings_then_the_number_and_nothing_is_owed_when_it_is_busy(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "web-1")
        s.recalls.dial("+84912345678", desk)
        leg = await s.until(
            lambda: next((i for i in s.asterisk.channels if i.startswith("op-")), ""), "rings"
        )
        await s.until(lambda: s.asterisk.channels[leg].state == "Ringing", "dialled")
        await s.asterisk.answer(leg)
        citizen = await s.until(
            lambda: next(
                (c for c in s.asterisk.channels.values() if "0912345678@trunk-vnpt" in c.name), None
            ),
            "citizen",
        )
        assert desk.state is Presence.TALKING
        await s.asterisk.gone(citizen.id, 17, 486)
        await s.until(lambda: s.told.of(e.CallEnded), "over")
        await s.until(lambda: desk.state is Presence.WRAP_UP, "wrap-up")
        assert not s.told.of(e.RecallChanged)
        assert not s.told.of(e.RecallDue)
        assert not s.floor.visits

    played(tmp_path, scene)


def test_a_phone_that_is_away_ends_the_call_before_the_number_is_dialled(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "web-1")
        s.asterisk.away.add("web-1")
        s.recalls.dial("+84912345678", desk)
        await s.until(lambda: s.told.of(e.CallEnded), "over")
        assert (desk.state, desk.reason) == (Presence.PAUSED, "phone")
        assert not any("trunk" in x for x in s.asterisk.said)

    played(tmp_path, scene)


def test_who_has_a_call_dials_no_second_one(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk = s.seat(1, "web-1")
        s.recalls.dial("+84912345678", desk)
        with pytest.raises(NotPossible):
            s.recalls.dial("+84912345679", desk)

    played(tmp_path, scene)


async def dialled(s: Stage) -> tuple[Desk, str, str]:
    """The operator's page is on the phone, and the citizen's phone rings: desk, leg, citizen."""
    desk = s.seat(1, "web-1")
    s.recalls.dial("+84912345678", desk)
    leg = await s.until(lambda: next((i for i in s.asterisk.channels if i.startswith("op-")), ""), "rings")
    await s.until(lambda: s.asterisk.channels[leg].state == "Ringing", "dialled")
    await s.asterisk.answer(leg)
    citizen = await s.until(
        lambda: next((c.id for c in s.asterisk.channels.values() if "@trunk" in c.name and c.state == "Ringing"), ""),
        "the citizen's phone rings",
    )  # fmt: skip
    return desk, leg, citizen


async def citizen_answers(s: Stage, citizen: str) -> Caller:
    await s.asterisk.answer(citizen)
    visit = await s.until(
        lambda: v if isinstance(v := s.floor.visits.get(citizen), Caller) else None, "a talk like any other"
    )
    assert isinstance(visit, Caller)
    return visit


def test_a_page_that_falls_silent_in_an_outgoing_call_is_noticed_and_the_other_is_comforted(
    tmp_path: Path,
) -> None:
    async def scene(s: Stage) -> None:
        desk, leg, citizen = await dialled(s)
        caller = await citizen_answers(s, citizen)
        for _ in range(5):
            await s.later(0.5)
        assert caller.talk.is_lost
        await s.until(lambda: citizen in s.asterisk.music, "music")
        assert caller.talk.returned(desk)
        new = await s.until(lambda: next((i for i in s.asterisk.legs(citizen) if i != leg), ""), "a new leg")
        await s.until(lambda: s.asterisk.channels[new].state == "Ringing", "dialled")
        await s.asterisk.answer(new)
        await s.until(lambda: s.asterisk.bridges[f"call-{citizen}"] == {citizen, new}, "joined")
        await s.until(lambda: citizen not in s.asterisk.music, "no music")
        assert desk.state is Presence.TALKING
        assert not s.told.of(e.CallEnded)

    played(tmp_path, scene)


def test_a_page_loaded_again_while_the_number_rings_hears_it_ring_on(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg, citizen = await dialled(s)
        call = s.floor.visits[citizen]
        assert isinstance(call, RecallCall)
        call.page_left = True
        call.returned(desk)
        new = await s.until(lambda: next((i for i in s.asterisk.legs(citizen) if i != leg), ""), "a new leg")
        await s.until(lambda: s.asterisk.channels[new].state == "Ringing", "dialled")
        await s.asterisk.answer(new)
        await s.until(lambda: s.asterisk.bridges[f"call-{citizen}"] == {citizen, new}, "in its place")
        await s.until(lambda: leg not in s.asterisk.channels, "the old page is let go")
        caller = await citizen_answers(s, citizen)
        assert not caller.talk.is_lost
        caller.talk.lose("the page was left")
        await s.asterisk.gone(citizen)
        await s.until(lambda: desk.state is Presence.WRAP_UP, "wrap-up")
        assert not s.told.of(e.RecallDue), "nothing is owed to whom an operator called"

    played(tmp_path, scene)


def test_a_citizen_who_answers_while_the_page_is_away_is_comforted_at_once(tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        desk, leg, citizen = await dialled(s)
        call = s.floor.visits[citizen]
        assert isinstance(call, RecallCall)
        call.page_left = True
        caller = await citizen_answers(s, citizen)
        assert caller.talk.is_lost
        await s.until(lambda: citizen in s.asterisk.music, "music")
        assert caller.talk.returned(desk)
        new = await s.until(lambda: next((i for i in s.asterisk.legs(citizen) if i != leg), ""), "a new leg")
        await s.until(lambda: s.asterisk.channels[new].state == "Ringing", "dialled")
        await s.asterisk.answer(new)
        await s.until(lambda: s.asterisk.bridges[f"call-{citizen}"] == {citizen, new}, "joined")

    played(tmp_path, scene)
