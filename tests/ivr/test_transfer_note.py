"""What an operator speaks for the station while it rings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hotline import events as e
from hotline.transfers import TransferState as S
from ivr.desk import NotPossible
from tests.ivr.stage import _no_database  # noqa: F401 - the fixture is used by its name
from tests.ivr.transfer_scene import CALL, Scene, played_scene


def noted(scene: Scene) -> list[str]:
    return [str(fact.state) for fact in scene.s.told.of(e.TransferNoteSpoken)]


def said_to(scene: Scene, leg: str) -> list[str]:
    """The last thing a station's phone was told, piece by piece."""
    lines = [x for x in scene.s.asterisk.played if x.startswith(f"why-{leg}")]
    return lines[-1].partition(" ")[2].split(",") if lines else []


def test_what_the_operator_speaks_while_it_rings_is_played_between_the_pieces_and_the_keys(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        assert scene.visit.transfer is not None
        note = scene.visit.transfer.note
        note.begin()
        await scene.s.until(lambda: scene.s.asterisk.recorded, "recorded")
        assert scene.operator not in scene.s.asterisk.ringing_tone, "nobody speaks over the ringing tone"
        await scene.s.later(4.0)
        await scene.press(
            leg, "3"
        )  # picked up while the operator speaks: what was said so far is played, twice
        await scene.s.until(lambda: noted(scene) == ["begun", "kept"], "kept")
        await scene.s.until(lambda: len(said_to(scene, leg)) >= 2, "played")
        assert said_to(scene, leg)[-2] == f"recording:note-x-{CALL}-1"
        await scene.press(leg)
        await scene.until_state(S.PRIVATE)
        await scene.wish("leave")
        await scene.s.until(lambda: not scene.s.asterisk.recorded, "forgotten with the hand-over")

    played_scene(tmp_path, acts)


def test_a_note_ends_by_itself_after_ten_seconds_and_one_of_a_moment_is_none(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        assert scene.visit.transfer is not None
        note = scene.visit.transfer.note
        note.begin()
        note.end()
        assert noted(scene) == ["begun", ""]
        note.begin()
        await scene.s.later(10.1)
        assert noted(scene)[-1] == "kept"
        await scene.s.until(
            lambda: scene.operator in scene.s.asterisk.ringing_tone, "the ringing is heard again"
        )
        await scene.press(leg, "2")

    played_scene(tmp_path, acts)


def test_no_note_is_spoken_into_the_callers_ear(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        await scene.ask()
        assert scene.visit.transfer is not None
        note = scene.visit.transfer.note
        await scene.wish("toggle")
        with pytest.raises(NotPossible, match="không nói với người dân"):
            note.begin()
        await scene.wish("toggle")
        note.begin()
        await scene.s.later(3.0)
        await scene.wish("toggle")  # back to the caller in the middle of it
        assert noted(scene) == ["begun", "kept"]

    played_scene(tmp_path, acts)


def test_a_note_outlives_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def acts(scene: Scene) -> None:
        leg = await scene.ask()
        assert scene.visit.transfer is not None
        scene.visit.transfer.note.begin()
        await scene.s.until(lambda: scene.s.asterisk.recorded, "recorded")
        await asyncio.sleep(0.1)
        await scene.killed(monkeypatch, with_database=True)
        await scene.s.asterisk.answer(leg)
        await scene.s.until(
            lambda: [x for x in scene.s.asterisk.played if x.startswith(f"why-{leg}")], "briefed"
        )
        assert any(part.startswith("recording:") for part in said_to(scene, leg))

    played_scene(tmp_path, acts)
