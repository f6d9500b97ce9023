"""What one installation says, as one set: every prompt of it is there before the first call."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.installation import read as read_installation
from hotline.settings import PROJECT, Settings
from ivr import approved
from ivr.speech import prompt_set
from ivr.speech.engines import Program
from ivr.speech.prompts import Prompt
from tests.ivr.protocols import FOLDER, covid


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    return Settings(var=tmp_path, installation=PROJECT / "installation" / "demo.toml", gtts=False)


def keys(prompts: list[Prompt]) -> set[str]:
    return {prompt.key for prompt in prompts}


def test_the_set_holds_the_system_the_protocols_the_units_and_the_plain_emergency_messages(
    given: Settings,
) -> None:
    wanted = keys(prompt_set.wanted(given))
    root = prompt_set.prompt_id(covid(), "question-ROOT")
    assert {
        f"vi/binhphuoc/{root}",
        f"en/binhduong/{root}",
        "vi/all/comfort",
        "vi/all/message-RED",
        "en/all/num-7",
    } <= wanted
    assert "en/all/language-en-8" in wanted
    districts = {key for key in wanted if key.startswith("vi/all/unit-")}
    assert len(districts) == 11 + 9  # Bình Phước's and Bình Dương's


def test_an_edited_sentence_has_a_sound_of_its_own_and_the_others_keep_theirs(
    given: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(prompt_set.wanted(given))
    files = tmp_path / "protocols"
    files.mkdir()
    for path in FOLDER.glob("*.toml"):
        text = path.read_text().replace("Gặp tổng đài viên, bấm 0.", "Gặp người trực, bấm 0.", 1)
        (files / path.name).write_text(text)
    monkeypatch.setattr(approved, "FOLDER", files)
    changed = keys(prompt_set.wanted(given)) - before
    assert len({key.rpartition("/")[2] for key in changed}) == 1


def test_a_rendered_set_has_no_faults_and_every_sound_is_found(
    given: Settings, sox: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [prompt for prompt in prompt_set.wanted(given) if "question-ROOT" in prompt.id]
    monkeypatch.setattr(prompt_set, "wanted", lambda given: few)
    assert prompt_set.check(given)
    report = prompt_set.render(given)
    assert (report.faults, len(report.rendered)) == ((), len(few))
    assert prompt_set.check(given) == []


def test_a_protocol_without_its_sounds_is_not_ready(given: Settings) -> None:
    hotline = read_installation(given.installation).hotlines[0]
    with pytest.raises(LookupError):
        prompt_set.sounds_of(covid(), given.prompts, hotline.key)
