"""A call to a team, step by step: what is said before and after its key, who is rung no more, and every wait with an end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotline import order_tries
from hotline.acuity import Acuity
from hotline.events import OrderTried
from hotline.order_times import TIMES
from hotline.order_tries import Due
from hotline.orders import AssignmentState
from hotline.recordings import relative_path
from ivr import order_call
from ivr.order_briefing import deadline, pieces
from ivr.order_call import LONGEST_S, PLAYED_WITHIN_S, OrderCall
from ivr.reconcile import reconcile
from tests.ivr.fake_ari import FakeChannel
from tests.ivr.stage import Stage, _no_database, played

__all__ = ["_no_database"]

ID = "n1-1.7000000"
SAID = ("order-who", "order-from", "order-keys", "order-within", "order-accepted", "order-already", "order-recalled",
        "order-stranger", "chain-declined", "briefing-RED", "briefing-ticket", "minutes", "num-1", "num-20",
        "category-relief")  # fmt: skip


@pytest.fixture(autouse=True)
def _first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is this call's, and its yes the first."""
    monkeypatch.setattr(order_tries, "begin", lambda *a: True)
    monkeypatch.setattr(order_call, "accept", lambda *a: None)


def due(**more: Any) -> Due:
    values: dict[str, Any] = {
        "assignment_id": "o-1-1.1", "order_id": "o-1-1", "hotline": "binhphuoc", "acuity": Acuity.RED,
        "category": "relief", "unit_code": "", "due_at": datetime.now(UTC) + timedelta(minutes=29), "ticket_number": 1,
        "team": "Đội xã", "place": 0, "name": "Đội xã", "number": "02711000001",
    } | more  # fmt: skip
    return Due(**values)


async def begun(stage: Stage, **more: Any) -> OrderCall:
    """A team's phone rings."""
    for language in ("vi", "en"):
        (stage.floor.prompts / language / "all").mkdir(parents=True, exist_ok=True)
        for name in SAID:
            (stage.floor.prompts / language / "all" / f"{name}.alaw").touch()
    stage.asterisk.playback_s = 30.0
    call = OrderCall(stage.floor, ID, due(**more), stage.floor.clock())
    stage.floor.visits[ID] = call
    stage.floor.spawn(call.start())
    await stage.until(
        lambda: stage.asterisk.channels.get(ID, FakeChannel("", "")).state == "Ringing", "it rings"
    )
    return call


async def answered(stage: Stage, **more: Any) -> OrderCall:
    call = await begun(stage, **more)
    await stage.asterisk.answer(ID)
    await stage.until(lambda: stage.asterisk.played, "something is said")
    return call


def states(stage: Stage) -> list[str]:
    return [told.state for told in stage.told.of(OrderTried)]


def said(stage: Stage) -> list[str]:
    """The pieces of each playback."""
    return [
        " ".join(part.rsplit("/", 1)[-1] for part in one.partition(" ")[2].split(","))
        for one in stage.asterisk.played
    ]


def test_nothing_of_the_order_is_said_before_the_key_that_it_is_the_team(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await answered(stage)
        for key in "1234":
            await stage.asterisk.key(ID, key)
        await asyncio.sleep(0.1)
        assert said(stage) == ["order-who"]
        await stage.asterisk.key(ID, "5")
        await stage.until(lambda: len(stage.asterisk.played) == 2, "the order")
        assert said(stage)[1] == (
            "order-from briefing-RED category-relief order-within num-20 minutes briefing-ticket num-1 order-keys"
        )
        await stage.asterisk.key(ID, "1")
        await stage.until(lambda: len(stage.asterisk.played) == 3, "thanks")
        assert said(stage)[2] == "order-accepted"
        await stage.later(order_call.PARTS_WITHIN_S)
        await stage.until(lambda: ID not in stage.asterisk.channels, "hung up")
        assert ID not in stage.floor.visits

    played(tmp_path, scene)


def test_a_team_whose_language_is_english_hears_all_of_it_in_english(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await answered(stage, language="en")
        await stage.asterisk.key(ID, "5")
        await stage.until(lambda: len(stage.asterisk.played) == 2, "the order")
        await stage.asterisk.key(ID, "1")
        await stage.until(lambda: len(stage.asterisk.played) == 3, "thanks")
        assert all("/en/" in one and "/vi/" not in one for one in stage.asterisk.played)

    played(tmp_path, scene)


@pytest.mark.parametrize(
    ("languages", "heard"),
    [
        ((), "vi"),
        (("vi",), "vi"),
        (("en",), "en"),
        (("vi", "en"), "vi"),
        (("km", "en"), "en"),
        (("km",), "vi"),
    ],
)
def test_an_agency_is_spoken_to_in_the_first_of_its_languages_that_the_machine_has(
    languages: tuple[str, ...], heard: str
) -> None:
    assert order_tries.spoken(languages) == heard


def test_the_call_is_recorded_from_the_answer_on(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        kept: list[tuple[str, Path]] = []

        async def monitor(channel: str, path: Path) -> None:
            kept.append((channel, path))

        stage.floor.mix_monitor, stage.floor.recordings = monitor, tmp_path / "recordings"
        await begun(stage)
        assert kept == []
        await stage.asterisk.answer(ID)
        await stage.until(lambda: bool(kept), "it is recorded")
        ((channel, path),) = kept
        assert channel == stage.asterisk.channels[ID].name
        assert path == tmp_path / "recordings" / relative_path(ID)

    played(tmp_path, scene)


def test_who_is_not_the_team_is_left_in_peace(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await answered(stage)
        await stage.asterisk.key(ID, "6")
        await stage.until(lambda: said(stage)[-1] == "order-stranger", "sorry")
        assert states(stage) == ["asked", "stranger"]

    played(tmp_path, scene)


def test_who_presses_nothing_is_asked_once_more_and_then_the_next_number_s_turn_comes(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await answered(stage)
        await stage.later(PLAYED_WITHIN_S)
        await stage.until(lambda: said(stage) == ["order-who", "order-who"], "asked again")
        await stage.later(PLAYED_WITHIN_S)
        await stage.until(lambda: ID not in stage.asterisk.channels, "hung up")
        assert states(stage)[-1] == "no_key"

    played(tmp_path, scene)


def test_a_phone_that_nobody_lifts_is_given_up(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await begun(stage)
        await stage.later(TIMES.ring_s + 5)
        await stage.until(lambda: ID not in stage.asterisk.channels, "hung up")
        assert states(stage) == ["no_answer"]

    played(tmp_path, scene)


def test_whoever_hears_it_again_and_again_ends_some_time(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await answered(stage)
        await stage.asterisk.key(ID, "5")
        for _ in range(6):
            await stage.asterisk.key(ID, "3")
            await asyncio.sleep(0.05)
        assert len(said(stage)) <= 1 + order_call.BRIEFED_TIMES
        await stage.later(LONGEST_S)
        await stage.until(lambda: ID not in stage.floor.visits, "over")
        assert states(stage)[-1] == "no_key"

    played(tmp_path, scene)


@pytest.mark.parametrize(
    ("stands", "word"),
    [(AssignmentState.ACCEPTED, "order-already"), (AssignmentState.RECALLED, "order-recalled")],
)
def test_who_presses_1_after_somebody_else_s_answer_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: AssignmentState, word: str
) -> None:
    monkeypatch.setattr(order_call, "accept", lambda *a: stands)

    async def scene(stage: Stage) -> None:
        await answered(stage)
        await stage.asterisk.key(ID, "5")
        await stage.until(lambda: len(stage.asterisk.played) == 2, "the order")
        await stage.asterisk.key(ID, "1")
        await stage.until(lambda: said(stage)[-1] == word, word)
        assert states(stage)[-1] == "cancelled"

    played(tmp_path, scene)


def test_a_phone_that_only_rings_stops_when_the_order_is_answered_by_link(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        call = await begun(stage)
        call.withdraw(AssignmentState.ACCEPTED)
        await stage.until(lambda: ID not in stage.asterisk.channels, "it stops")
        assert states(stage) == ["cancelled"]

    played(tmp_path, scene)


def test_the_next_process_hangs_up_a_team_s_line_that_nobody_speaks_on(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.asterisk.channels[ID] = FakeChannel(
            ID, "PJSIP/trunk-vnpt-00000001", app_data="hotline,order,binhphuoc,o-1-1.1"
        )
        await reconcile(stage.floor, asterisk_restarted=False)
        assert ID not in stage.asterisk.channels

    played(tmp_path, scene)


def test_nobody_is_promised_more_time_than_there_is() -> None:
    assert deadline(29 * 60) == ["order-within", "num-20", "minutes"]
    assert deadline(61 * 60) == ["order-over-hour"]
    assert deadline(20) == ["order-at-once"]


def test_the_smallest_place_with_a_recorded_name_is_said() -> None:
    known = {"unit-689"}
    told = pieces(Acuity.RED, "relief", ("25195", "689", "70"), 600, 0, known.__contains__)
    assert told == ("order-from", "briefing-RED", "unit-689", "order-within", "num-10", "minutes")
