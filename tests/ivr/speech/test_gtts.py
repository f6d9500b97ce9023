import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.speech.engines import Breaker, EngineRests, Gtts, Program, SpeechFailed
from ivr.speech.music import tone
from ivr.speech.prompts import Prompt
from ivr.speech.sound import write_pair
from ivr.speech.voice import VoiceSettings, length_s, render
from tests.ivr.speech.fake_gtts import FakeGtts

HOLD = Prompt("hold", "vi", "Xin giữ máy.")
OTHERS = [Prompt(f"other-{number}", "vi", f"Câu số {number}.") for number in range(5)]


@pytest.fixture
def gtts_server(tmp_path: Path, sox: Program, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGtts]:
    """gTTS's requests reach this server instead of the internet; it says 2 s of 600 Hz as MP3."""
    write_pair(tmp_path / "tone", tone(600, 2.0))
    sox.run(str(tmp_path / "tone.wav"), "-r", "24000", str(tmp_path / "tone.mp3"))
    with FakeGtts(tmp_path, (tmp_path / "tone.mp3").read_bytes()) as server:
        monkeypatch.setenv("https_proxy", server.url)
        server.thread.start()
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def online(voice_settings: VoiceSettings) -> VoiceSettings:
    return replace(voice_settings, use_gtts=True, gtts_timeout_s=0.5, gtts_deadline_s=1.5, parallel=1)


def test_a_prompt_is_fetched_once_and_then_cached(
    online: VoiceSettings, gtts_server: FakeGtts, tmp_path: Path
) -> None:
    first = render([HOLD], online, tmp_path / "first")
    second = render([HOLD], online, tmp_path / "second")
    assert first.by_provider == second.by_provider == {"gtts-com": 1}
    assert length_s(tmp_path / "second/vi/all/hold") == pytest.approx(2.15, abs=0.2)
    assert len(gtts_server.requests) == 1


def test_only_words_are_sent_and_no_abbreviation_that_gtts_would_cut(
    online: VoiceSettings, gtts_server: FakeGtts, tmp_path: Path
) -> None:
    render([Prompt("city", "vi", "TP. Hồ Chí Minh")], online, tmp_path / "out")
    assert len(gtts_server.requests) == 1
    assert "TP." not in gtts_server.requests[0]


@pytest.mark.parametrize("mode", ["429", "empty", "no sound", "cut", "hang", "drip"])
def test_when_gtts_fails_espeak_speaks_and_gtts_rests(
    online: VoiceSettings, gtts_server: FakeGtts, tmp_path: Path, mode: str
) -> None:
    gtts_server.mode = mode
    began = time.monotonic()
    report = render([HOLD, *OTHERS], online, tmp_path / "out")
    assert time.monotonic() - began < 6.0
    assert report.by_provider == {"espeak-vi-140-en-150": 6}
    assert report.faults == ()
    assert len(gtts_server.requests) == 1


def test_without_a_network_espeak_speaks_at_once(
    online: VoiceSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")
        report = render([HOLD, *OTHERS], online, tmp_path / "out")
    assert report.by_provider == {"espeak-vi-140-en-150": 6}


def test_once_the_network_is_back_improving_replaces_the_robot(
    online: VoiceSettings, gtts_server: FakeGtts, tmp_path: Path
) -> None:
    gtts_server.mode = "429"
    render([HOLD], online, tmp_path / "out")
    gtts_server.mode = "ok"
    assert render([HOLD], online, tmp_path / "out").rendered == ()
    assert render([HOLD], online, tmp_path / "out", improve=True).by_provider == {"gtts-com": 1}


def test_improving_while_the_network_is_gone_keeps_what_there_is(
    online: VoiceSettings, gtts_server: FakeGtts, tmp_path: Path
) -> None:
    gtts_server.mode = "429"
    render([HOLD], online, tmp_path / "out")
    report = render([HOLD], online, tmp_path / "out", improve=True)
    assert (report.rendered, report.faults) == ((), ())


def test_a_failed_engine_rests_for_its_time_and_is_asked_again(gtts_server: FakeGtts, tmp_path: Path) -> None:
    clock = [0.0]
    gtts = Gtts(0.5, 1.5, Breaker(60.0, now=lambda: clock[0]))
    gtts_server.mode = "429"
    with pytest.raises(SpeechFailed, match="429"):
        gtts.say("Xin chào", "vi", tmp_path)
    gtts_server.mode = "ok"
    clock[0] = 59.0
    with pytest.raises(EngineRests):
        gtts.say("Xin chào", "vi", tmp_path)
    clock[0] = 61.0
    assert gtts.say("Xin chào", "vi", tmp_path).read_bytes() == gtts_server.sound


def test_a_failure_leaves_no_file_behind(gtts_server: FakeGtts, tmp_path: Path) -> None:
    gtts_server.mode = "empty"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(SpeechFailed, match="empty"):
        Gtts(0.5, 1.5).say("Xin chào", "vi", scratch)
    assert list(scratch.iterdir()) == []
