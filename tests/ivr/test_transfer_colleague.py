"""Another operator is asked to join a talk, and keeps the caller."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hotline import events as e
from hotline.operators import Presence
from hotline.transfers import TransferState
from hotline.transfers import TransferState as S
from ivr.desk import NotPossible
from tests.ivr.stage import _no_database  # noqa: F401 - the fixture is used by its name
from tests.ivr.transfer_scene import CALL, Scene, played_scene


def test_a_colleague_answers_joins_in_and_keeps_the_caller(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        await scene.visit.hand_over(scene.desk, "", {}, colleague=2)
        leg = await scene.rung()
        assert scene.s.asterisk.channels[leg].name.startswith("PJSIP/102")
        assert colleague.call_id == CALL
        await scene.s.asterisk.answer(leg)  # no key, no briefing
        await scene.until_state(S.PRIVATE)
        assert not any("why-" in x for x in scene.s.asterisk.said)
        assert colleague.state is Presence.TALKING
        await scene.wish("merge")
        await scene.until_caller_hears("operator", "station")
        await scene.wish("leave")
        await scene.until_caller_hears("station")
        await scene.s.until(lambda: scene.desk.state is Presence.WRAP_UP, "the first operator wraps up")
        answered = scene.s.told.of(e.CallAnswered)[-1]
        assert (answered.answered_by, answered.operator_id) == ("op2", 2)
        await scene.s.later(6.0)
        await scene.s.asterisk.gone(leg)
        await scene.s.until(lambda: colleague.state is Presence.WRAP_UP, "the colleague wraps up")

    played_scene(tmp_path, acts)


def test_a_colleague_who_does_not_answer_is_free_again_and_nobody_else_is_rung(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        await scene.visit.hand_over(scene.desk, "", {}, colleague=2)
        await scene.rung()
        await scene.s.later(20.5)
        await scene.s.later(1.1)
        await scene.until_state(S.EXHAUSTED)
        await scene.until_caller_hears("operator")
        assert colleague.state is not Presence.RINGING
        assert scene.stations() == []

    played_scene(tmp_path, acts)


def test_a_colleague_who_is_not_free_is_not_rung(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        scene.s.floor.desks.pause(colleague, "meal")
        for who in (2, 1, 99):  # paused, oneself, nobody
            with pytest.raises(NotPossible, match="không rảnh"):
                await scene.visit.hand_over(scene.desk, "", {}, colleague=who)

    played_scene(tmp_path, acts)


@pytest.mark.parametrize("state", [S.PRIVATE, S.TOGETHER], ids=str)
def test_a_talk_with_a_colleague_outlives_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: TransferState
) -> None:
    async def acts(scene: Scene) -> None:
        colleague = scene.s.seat(2, "102")
        await scene.visit.hand_over(scene.desk, "", {}, colleague=2)
        await scene.s.asterisk.answer(await scene.rung())
        await scene.until_state(S.PRIVATE)
        if state is S.TOGETHER:
            await scene.wish("merge")
            await scene.until_caller_hears("operator", "station")
        await asyncio.sleep(0.1)
        await scene.killed(monkeypatch, with_database=True)
        await scene.until_state(state)
        assert colleague.state is Presence.TALKING
        await scene.wish("leave")
        await scene.until_caller_hears("station")

    played_scene(tmp_path, acts)


# -- one number, several callers --
