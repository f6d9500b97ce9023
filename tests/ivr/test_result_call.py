"""A result told by telephone on the real wire without sound: nothing before 1, then the pieces, and what each key does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from hotline import events as e
from hotline.acuity import Acuity
from ivr.caller import Caller
from ivr.result_call import ResultCall
from tests.ivr.fake_ari import FakeChannel
from tests.ivr.stage import Stage, played, stage  # noqa: F401 - the fixture is used by its name
from tests.ivr.test_recalls import Debts, _citizen, debts, owed  # noqa: F401 - the fixture is used by its name

PIECES = (
    *("result-who", "result-intro", "result-supplied", "result-other-done", "result-keys"),
    *("result-thanks", "result-reopened", "result-other", "goodbye", "please-hold"),
)
TOLD = ["result-intro", "result-supplied", "result-keys"]
Scene = Callable[[Stage, FakeChannel], Awaitable[None]]


def tells(tmp_path: Path, debts: Debts, scene: Scene) -> None:  # noqa: F811 - the fixture's value
    """The machine rings the citizen, who picks up."""

    async def whole(s: Stage) -> None:
        for piece in PIECES:
            (tmp_path / "prompts" / "vi" / "all" / f"{piece}.alaw").touch()
        debts.owed = [replace(owed(Acuity.YELLOW), why="result", result="supplied")]
        await s.recalls.look()
        citizen = await _citizen(s)
        await s.until(lambda: citizen.state == "Ringing", "rings")
        await s.asterisk.answer(citizen.id)
        await s.until(lambda: said(s) == ["result-who"], "asked who they are")
        await scene(s, citizen)

    played(tmp_path, whole)


def said(s: Stage) -> list[str]:
    """The pieces that the citizen heard, in order."""
    return [
        Path(sound).name for line in s.asterisk.played for sound in line.partition(" ")[2].split(",") if sound
    ]


def answers(s: Stage) -> list[str]:
    return [fact.answer for fact in s.told.of(e.ResultTold)]


def outcomes(s: Stage) -> list[str]:
    return [fact.outcome for fact in s.told.of(e.RecallTried)]


def _has_said(s: Stage, words: list[str]) -> bool:
    return said(s) == words


async def _hears_it(s: Stage, citizen: FakeChannel) -> None:
    await s.asterisk.key(citizen.id, "1")
    await s.until(lambda: said(s)[1:4] == TOLD, "the result")


def test_1_and_1_again_is_solved(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        await _hears_it(s, citizen)
        await s.asterisk.key(citizen.id, "1")
        await s.until(lambda: said(s)[4:] == ["result-thanks"], "thanks")
        await s.until(lambda: citizen.id not in s.asterisk.channels, "hung up")
        assert (answers(s), outcomes(s)) == (["solved"], ["reached"])
        assert [fact.reason for fact in s.told.of(e.CallEnded)] == ["served"]

    tells(tmp_path, debts, scene)


def test_the_recall_that_the_answer_settled_does_not_cut_the_last_word(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        await _hears_it(s, citizen)
        await s.asterisk.key(citizen.id, "1")
        await s.until(lambda: outcomes(s) == ["reached"], "told")
        debts.settled = {debts.owed[0].id}
        await s.recalls.look()
        await s.until(lambda: said(s)[4:] == ["result-thanks"], "thanks")
        await s.until(lambda: citizen.id not in s.asterisk.channels, "hung up")
        assert [fact.reason for fact in s.told.of(e.CallEnded)] == ["served"]

    tells(tmp_path, debts, scene)


def test_2_is_not_solved_and_hears_that_it_goes_higher(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        await _hears_it(s, citizen)
        await s.asterisk.key(citizen.id, "2")
        await s.until(lambda: said(s)[4:] == ["result-reopened"], "told")
        assert (answers(s), outcomes(s)) == (["not_solved"], ["reached"])

    tells(tmp_path, debts, scene)


def test_0_brings_them_into_the_line_to_an_operator(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        s.seat(1, "101")
        await _hears_it(s, citizen)
        await s.asterisk.key(citizen.id, "0")
        [leg] = await s.rings(citizen.id)
        await s.asterisk.answer(leg)
        await s.until(lambda: s.told.of(e.CallAnswered), "they talk")
        assert isinstance(s.floor.visits[citizen.id], Caller)
        assert (answers(s), outcomes(s)) == (["operator"], ["reached"])

    tells(tmp_path, debts, scene)


def test_somebody_else_who_presses_2_hears_nothing_of_it_and_it_is_tried_again(
    tmp_path: Path,
    debts: Debts,  # noqa: F811
) -> None:
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        await s.asterisk.key(citizen.id, "2")
        await s.until(lambda: said(s) == ["result-who", "result-other"], "excused")
        assert (answers(s), outcomes(s)) == ([], ["no_answer"])

    tells(tmp_path, debts, scene)


def test_an_answering_machine_is_asked_three_times_and_told_nothing(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        visit = s.floor.visits[citizen.id]
        assert isinstance(visit, ResultCall)
        for asked in (1, 2, 3):
            words = ["result-who"] * asked
            await s.until(partial(_has_said, s, words), "asked")
            await s.until(lambda: visit._key_until_s is not None, "to the end of the words")
            await s.later(9)
        await s.until(lambda: citizen.id not in s.asterisk.channels, "hung up")
        assert (answers(s), outcomes(s)) == ([], ["no_answer"])

    tells(tmp_path, debts, scene)


def test_who_hears_it_to_the_end_and_hangs_up_has_been_told(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        await _hears_it(s, citizen)
        visit = s.floor.visits[citizen.id]
        assert isinstance(visit, ResultCall)
        await s.until(lambda: visit._heard, "to its end")
        await s.asterisk.gone(citizen.id)
        await s.until(lambda: outcomes(s) == ["reached"], "told")
        assert answers(s) == [""]

    tells(tmp_path, debts, scene)


def test_who_hangs_up_before_pressing_1_is_rung_again(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage, citizen: FakeChannel) -> None:
        await s.asterisk.gone(citizen.id)
        await s.until(lambda: outcomes(s) == ["no_answer"], "a try")
        assert (answers(s), said(s)) == ([], ["result-who"])

    tells(tmp_path, debts, scene)


def test_what_cannot_be_said_whole_is_not_dialled(tmp_path: Path, debts: Debts) -> None:  # noqa: F811
    async def scene(s: Stage) -> None:
        debts.owed = [replace(owed(Acuity.YELLOW), why="result", result="supplied")]
        await s.recalls.look()
        assert (s.floor.visits, s.asterisk.channels, debts.taken) == ({}, {}, [])

    played(tmp_path, scene)
