import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.speech import recorded_voice
from ivr.speech.engines import Gtts, Program
from ivr.speech.music import tone
from ivr.speech.prompts import Prompt, prompts_of, sound_path, system_texts
from ivr.speech.recorded_voice import Published
from ivr.speech.sound import PEAK_DBFS, peak_dbfs, read_wav, speech_dbfs, write_pair
from ivr.speech.voice import VoiceSettings, check, length_s, read_manifest, render

HOLD = Prompt("hold", "vi", "Xin giữ máy.")
HOLD_EN = Prompt("hold", "en", "Please hold.")
HELLO = Prompt("hello", "vi", "1022 Bình Phước xin nghe.", "binh-phuoc")
MISSING = Program(("/nonexistent/program",))


def test_all_system_prompts_sound_equally_loud_and_check_clean(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    hotlines = {"binh-phuoc": {"tinh": "Bình Phước", "province": "Bình Phước"}}
    prompts = prompts_of(system_texts(), hotlines)
    folder = tmp_path / "prompts"
    report = render(prompts, voice_settings, folder)
    sounds = [read_wav(folder / f"{prompt.key}.wav") for prompt in prompts]
    loudness = [speech_dbfs(sound) for sound in sounds]
    assert max(loudness) - min(loudness) < 1.0
    assert max(map(peak_dbfs, sounds)) <= PEAK_DBFS + 0.01
    assert len(report.rendered) == len(prompts)
    assert report.faults == ()
    assert check(prompts, folder) == []


def test_rendering_again_touches_only_what_changed(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    render([HOLD, HOLD_EN, HELLO], voice_settings, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.alaw")}
    report = render([HOLD, HOLD_EN, replace(HELLO, text="1022 Bình Phước.")], voice_settings, tmp_path)
    touched = {path for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert report.rendered == ("vi/binh-phuoc/hello",)
    assert touched == {tmp_path / "vi/binh-phuoc/hello.alaw"}


def test_another_spelling_of_the_same_words_is_no_change(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    render([Prompt("a", "vi", "Gọi 115.")], voice_settings, tmp_path)
    again = [Prompt("a", "vi", "Gọi  một một năm.")]
    assert check(again, tmp_path) == []


def test_the_length_of_a_prompt_is_known_without_opening_it(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    render([HELLO], voice_settings, tmp_path)
    path = sound_path(tmp_path, "hello", "vi", "binh-phuoc")
    assert length_s(path) == read_manifest(tmp_path)[HELLO.key].seconds
    assert 1.0 < length_s(path) < 4.0


def test_missing_stale_and_damaged_prompts_are_named_with_what_mends_them(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    render([HOLD, HOLD_EN, HELLO], voice_settings, tmp_path)
    (tmp_path / "en/all/hold.alaw").write_bytes(b"\xd5" * 10)
    (tmp_path / "vi/all/beep.alaw").unlink()
    faults = check([replace(HOLD, text="Khác."), HOLD_EN, HELLO, Prompt("new", "vi", "Mới.")], tmp_path)
    assert [str(fault) for fault in faults] == [
        "Prompt vi/all/hold: still says an earlier text. Run `./app.py prompts render`.",
        "Prompt en/all/hold: has a damaged sound. Run `./app.py prompts render`.",
        "Prompt vi/all/new: has no sound. Run `./app.py prompts render`.",
        "Prompt vi/all/beep: has no sound. Run `./app.py prompts render`.",
    ]


def test_a_damaged_prompt_is_mended_by_rendering(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    render([HOLD], voice_settings, tmp_path)
    (tmp_path / "vi/all/hold.alaw").write_bytes(b"\xd5" * 10)
    render([HOLD], voice_settings, tmp_path)
    assert check([HOLD], tmp_path) == []


def test_a_damaged_manifest_only_costs_a_new_rendering(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    render([HOLD], voice_settings, tmp_path)
    (tmp_path / "manifest.json").write_text('{"vi/all/hold": {"text"')
    assert [fault.message for fault in check([HOLD], tmp_path)] == ["has no sound."]
    assert render([HOLD], voice_settings, tmp_path).rendered == (HOLD.key,)


def record(
    settings: VoiceSettings,
    prompt: Prompt,
    *,
    scope: str = "",
    frequency_hz: int = 500,
    seconds: float = 2.0,
    suffix: str = "wav",
) -> None:
    """Publish a tone as somebody's recording of the prompt's text."""
    made = settings.recorded / "made"
    write_pair(made, tone(frequency_hz, seconds))
    sent = made.with_suffix(f".{suffix}")
    if suffix != "wav":
        settings.sox.run(str(made.with_suffix(".wav")), "-r", "16000", str(sent))
    key = f"{prompt.language}/{scope or prompt.scope}/{prompt.id}"
    name = recorded_voice.keep(settings.recorded, sent.read_bytes())
    rows = {**recorded_voice.published(settings.recorded), key: Published(name, prompt.text)}
    recorded_voice.publish(settings.recorded, rows)


def test_a_recorded_voice_replaces_the_machine(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    render([HOLD, HELLO], voice_settings, tmp_path)
    record(voice_settings, HOLD)
    record(voice_settings, HELLO, seconds=3.0)
    report = render([HOLD, HELLO], voice_settings, tmp_path)
    assert report.by_provider == {"recorded": 2}
    assert length_s(tmp_path / "vi/all/hold") == pytest.approx(2.0, abs=0.2)
    assert length_s(tmp_path / HELLO.key) == pytest.approx(3.0, abs=0.2)


def test_a_recording_for_all_hotlines_never_speaks_for_one_with_other_words(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    record(voice_settings, replace(HELLO, text="1022 Bình Dương xin nghe."), scope="all")
    record(voice_settings, HELLO, scope="binh-duong")
    report = render([HELLO], voice_settings, tmp_path)
    assert "recorded" not in report.by_provider


def test_a_hotlines_own_recording_is_played_before_the_one_of_all(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    own = replace(HOLD, hotline="binh-phuoc")
    record(voice_settings, HOLD, seconds=2.0)
    record(voice_settings, own, seconds=3.0)
    render([HOLD, own], voice_settings, tmp_path)
    lengths = [
        length_s(sound_path(tmp_path, "hold", "vi", hotline)) for hotline in ("binh-phuoc", "binh-duong")
    ]
    assert lengths == pytest.approx([3.0, 2.0], abs=0.2)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "aiff"])
def test_a_recording_may_be_compressed(voice_settings: VoiceSettings, tmp_path: Path, suffix: str) -> None:
    record(voice_settings, HOLD, suffix=suffix)
    report = render([HOLD], voice_settings, tmp_path)
    assert report.by_provider == {"recorded": 1}


def test_a_recording_that_is_gone_is_named_and_the_machine_speaks(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    recorded_voice.publish(voice_settings.recorded, {HOLD.key: Published("00.wav", HOLD.text)})
    report = render([HOLD], voice_settings, tmp_path)
    assert [fault.key for fault in report.faults] == ["vi/all/hold"]
    assert "00.wav cannot be used" in report.faults[0].message
    assert check([HOLD], tmp_path) == []


def test_a_recording_of_an_earlier_text_is_not_played(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    record(voice_settings, HOLD)
    render([HOLD], voice_settings, tmp_path)
    changed = replace(HOLD, text="Xin giữ máy, gọi ngay 115.")
    for _ in range(2):
        report = render([changed], voice_settings, tmp_path)
        assert "says an earlier text" in report.faults[0].message
        assert "recorded" not in report.by_provider
        assert ["says an earlier text" in fault.message for fault in check([changed], tmp_path)] == [True]
    assert render([HOLD], voice_settings, tmp_path).by_provider == {"recorded": 1}
    record(voice_settings, changed, frequency_hz=700)
    assert render([changed], voice_settings, tmp_path).by_provider == {"recorded": 1}


def test_a_withdrawn_recording_gives_way_to_the_machine(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    record(voice_settings, HOLD)
    render([HOLD], voice_settings, tmp_path)
    recorded_voice.publish(voice_settings.recorded, {HOLD.key: Published()})
    report = render([HOLD], voice_settings, tmp_path)
    assert "recorded" not in report.by_provider


def test_a_recording_is_taken_back_without_asking_the_network(
    voice_settings: VoiceSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render([HOLD], voice_settings, tmp_path)
    record(voice_settings, HOLD)
    render([HOLD], voice_settings, tmp_path)
    recorded_voice.publish(voice_settings.recorded, {HOLD.key: Published()})
    asked: list[str] = []
    monkeypatch.setattr(Gtts, "_fetched", lambda *_: asked.append("gtts"))
    report = render([HOLD], replace(voice_settings, use_gtts=True), tmp_path)
    assert (asked, [name.startswith("espeak") for name in report.by_provider]) == ([], [True])


def test_without_any_engine_the_old_sound_stays_and_the_prompt_is_named(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "prompts"
    render([HOLD], voice_settings, folder)
    before = (folder / "vi/all/hold.alaw").read_bytes()
    mute = replace(voice_settings, espeak=MISSING)
    changed = [replace(HOLD, text="Khác."), HELLO]
    report = render(changed, mute, folder)
    assert [fault.key for fault in report.faults] == ["vi/all/hold", "vi/binh-phuoc/hello"]
    assert (folder / "vi/all/hold.alaw").read_bytes() == before
    assert [fault.message for fault in check(changed, folder)] == [
        "still says an earlier text.",
        "has no sound.",
    ]


def test_words_said_before_come_from_the_cache(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    render([HOLD], voice_settings, tmp_path / "first")
    report = render([HOLD], replace(voice_settings, espeak=MISSING, sox=MISSING), tmp_path / "second")
    assert report.faults == ()
    assert check([HOLD], tmp_path / "second") == []


def test_a_text_that_is_only_punctuation_is_a_fault(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    report = render([Prompt("dots", "vi", "...")], voice_settings, tmp_path)
    assert [fault.key for fault in report.faults] == ["vi/all/dots"]


def test_a_long_text_in_several_lines_is_said_whole(voice_settings: VoiceSettings, tmp_path: Path) -> None:
    text = "\n".join(["Nếu khó thở, đau ngực, tím môi, lơ mơ, gọi ngay 115."] * 20)
    render([Prompt("long", "vi", text)], voice_settings, tmp_path)
    assert length_s(tmp_path / "vi/all/long") > 60


def test_many_prompts_with_the_same_words_are_rendered_side_by_side(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    same = [Prompt(f"same-{number}", "vi", "Xin giữ máy.") for number in range(12)]
    render(same, replace(voice_settings, parallel=6), tmp_path)
    assert check(same, tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named_and_the_others_are_rendered(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    (tmp_path / "vi/all/hold.alaw").mkdir(parents=True)  # stands for a full disk: the rename fails
    report = render([HOLD, HELLO], voice_settings, tmp_path)
    assert [(fault.key, fault.message) for fault in report.faults] == [
        ("vi/all/hold", "could not be written: Is a directory.")
    ]
    assert report.rendered == (HELLO.key,)
    assert not list(tmp_path.rglob("*.part"))


def test_two_renderings_at_once_do_not_disturb_each_other(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    sets = [[HOLD, HOLD_EN], [HELLO]]
    folder = tmp_path / "prompts"
    threads = [threading.Thread(target=render, args=(prompts, voice_settings, folder)) for prompts in sets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert check([HOLD, HOLD_EN, HELLO], folder) == []


def test_the_manifest_tells_what_each_sound_says_and_who_made_it(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    render([HOLD], voice_settings, tmp_path)
    row = json.loads((tmp_path / "manifest.json").read_text())["vi/all/hold"]
    assert row["text"] == "Xin giữ máy."
    assert row["provider"].startswith("espeak")
    assert not list(tmp_path.rglob("*.part"))
