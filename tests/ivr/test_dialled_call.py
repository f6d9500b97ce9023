"""Calling out from a desk: which numbers, by whom, and that nobody dials such a call again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hotline import events as e
from hotline.installation import read
from hotline.operators import Presence
from hotline.settings import PROJECT
from ivr.desk import NotPossible
from ivr.dialled_call import number_to_dial
from tests.ivr.test_call_control import Stage, _no_database, played  # noqa: F401 - the fixture is used by its name

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
