"""The page of prompts: a recording is sent, judged, heard, published and taken back, and is never played with other words."""

from __future__ import annotations

import io
import re
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from hotline import database
from hotline.database import reading
from hotline.documents import Version
from hotline.ledger import LedgerEntry
from hotline.settings import PROJECT, Settings, settings
from ivr.speech import prompt_set, voice
from ivr.speech.prompts import Prompt, sound_path
from ivr.speech.published_voices import PublishedVoices
from ivr.speech.sound import RATE_HZ
from tests.ivr.speech.conftest import program
from tests.softphone_panel.conftest import Client, SignedIn, hidden

COMFORT = "vi/all/comfort"
OWN = "vi/binhphuoc/comfort"
NOTICE = "vi/binhphuoc/recording-notice"
FEW = ("comfort", "recording-notice", "num-7")


@pytest.fixture(scope="module")
def machine_voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A var/ with four sentences in the machine's voice, rendered once: each test gets a copy."""
    folder = tmp_path_factory.mktemp("voices")
    program("espeak-ng")
    given = Settings(var=folder, installation=PROJECT / "installation" / "demo.toml", gtts=False)
    few = [prompt for prompt in prompt_set.wanted(given) if prompt.id in FEW]
    assert voice.render(few, prompt_set.voices(given), given.prompts).faults == ()
    return folder


@pytest.fixture(autouse=True)
def spoken(house: Path, machine_voices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_GTTS", "false")
    settings.cache_clear()
    for folder in ("prompts", "cache"):
        shutil.copytree(machine_voices / folder, house / "var" / folder, dirs_exist_ok=True)
    whole = prompt_set.wanted
    monkeypatch.setattr(
        prompt_set, "wanted", lambda given: [prompt for prompt in whole(given) if prompt.id in FEW]
    )


def recording(seconds: float = 6.0, level: float = 0.4, frequency_hz: float = 620.0) -> bytes:
    """A WAV with tone and pauses, as loud as a voice near the microphone."""
    at = np.arange(int(seconds * 44100)) / 44100
    samples = np.sin(2 * np.pi * frequency_hz * at) * level
    samples[(at % 0.8) > 0.6] = 0.0
    made = io.BytesIO()
    with wave.open(made, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(44100)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return made.getvalue()


def two_minutes() -> bytes:
    """An MP3, small to send."""
    return program("sox").run(
        "-n", "-r", "8000", "-c", "1", "-t", "mp3", "-C", "8", "-", "synth", "120", "sine", "500"
    )


def send(client: Client, key: str, content: bytes, name: str = "thu.wav") -> tuple[int, str]:
    """Sends a recording as the page's form does; status and the page that follows."""
    page = client.get(f"/prompts/{key}").text
    form = {"seen": hidden(page, "seen"), "recording": (io.BytesIO(content), name)}
    answer = client.post(f"/prompts/{key}/send", data=form, follow_redirects=True)
    return answer.status_code, answer.text


def act(client: Client, key: str, what: str, **more: str) -> tuple[int, str]:
    page = client.get(f"/prompts/{key}").text
    answer = client.post(
        f"/prompts/{key}/{what}", data={"seen": hidden(page, "seen"), **more}, follow_redirects=True
    )
    return answer.status_code, answer.text


def heard(name: str, hotline: str = "binhphuoc") -> bytes:
    """What Asterisk would play for the next caller."""
    path = sound_path(settings().prompts, name, "vi", hotline)
    return path.with_name(f"{path.name}.alaw").read_bytes()


def test_the_list_tells_of_each_sentence_who_says_it_and_how_long(signed_in: SignedIn) -> None:
    page = signed_in("truongca").get("/prompts?hotline=binhphuoc&language=vi").text
    row = page[page.index("recording-notice") - 400 : page.index("recording-notice") + 600]
    assert "1022 Bình Phước xin nghe. Cuộc gọi được ghi âm." in row
    assert "Giọng máy (espeak-ng)" in row
    assert re.search(r"\d\.\d s</td>", row)


def test_the_list_can_be_searched_and_filtered(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    assert "recording-notice" not in client.get("/prompts?text=giữ máy").text
    assert "comfort" in client.get("/prompts?text=GIỮ MÁY").text
    assert "Không có câu nào khớp" in client.get("/prompts?made=recorded").text
    assert "xin nghe" not in client.get("/prompts?language=en").text


def test_a_published_recording_is_what_the_next_call_hears_and_undo_brings_the_machine_back(
    signed_in: SignedIn,
) -> None:
    client = signed_in("truongca")
    machine = heard("recording-notice")
    status, page = send(client, NOTICE, recording(3.0), "câu chào.wav")
    assert status == 200
    assert "câu chào.wav" in page
    assert heard("recording-notice") == machine  # a draft is heard by nobody else
    status, page = act(client, NOTICE, "publish", note="chị Hoa thu")
    assert "lần phát tới" in page
    assert len(heard("recording-notice")) / RATE_HZ == pytest.approx(3.0, abs=0.3)
    assert voice.length_s(
        sound_path(settings().prompts, "recording-notice", "vi", "binhphuoc")
    ) == pytest.approx(3.0, abs=0.3)  # the dead-man timer's length
    assert "chị Hoa thu" in page
    assert heard("recording-notice", "binhduong") != heard("recording-notice")
    status, page = act(client, NOTICE, "back", number="0")
    assert heard("recording-notice") == machine
    status, page = act(client, NOTICE, "back", number="1")
    assert heard("recording-notice") != machine
    with reading() as session:
        lines = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "settings_published")).all()
    assert [line.subject for line in lines] == [f"prompt/{NOTICE}"] * 3


def test_a_recording_of_one_hotline_is_heard_there_alone_and_one_of_all_everywhere_else(
    signed_in: SignedIn,
) -> None:
    client = signed_in("quantri")
    machine = heard("comfort")
    send(client, OWN, recording(5.0))
    act(client, OWN, "publish")
    assert (heard("comfort") != machine, heard("comfort", "binhduong") == machine) == (True, True)
    own = heard("comfort")
    send(client, COMFORT, recording(7.0, frequency_hz=900.0))
    act(client, COMFORT, "publish")
    assert (heard("comfort") == own, heard("comfort", "binhduong") != machine) == (True, True)
    act(client, OWN, "back", number="0")  # the hotline's own gone, the one of all speaks
    assert heard("comfort") == heard("comfort", "binhduong") != machine


def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    for content, name, sentence in (
        (b"", "a.wav", "Tệp trống"),
        (b"MZ this is no sound", "a.wav", "không đọc được loại tệp này"),
        (b"\x00\x00\x00\x20ftypM4A " + bytes(99), "Ghi âm mới.m4a", "không đọc được loại tệp này (m4a)"),
        (b"RIFF\x00\x00\x00\x00WAVE", "a.wav", "Tệp hỏng"),
        (recording(3.0, level=0.0), "a.wav", "Không nghe thấy gì"),
        (two_minutes(), "a.mp3", "quá 60.0 giây"),
    ):
        status, page = send(client, COMFORT, content, name)
        assert (status, sentence in page) == (422, True), sentence
    with reading() as session:
        assert session.scalars(select(Version)).all() == []


def test_a_clipped_recording_is_a_draft_that_nobody_can_publish(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    machine = heard("comfort")
    status, page = send(client, COMFORT, recording(level=3.0))
    assert status == 200
    assert "Vỡ tiếng" in page
    status, _ = act(client, COMFORT, "publish")
    assert status == 422
    assert heard("comfort") == machine
    _, page = act(client, COMFORT, "discard")
    assert "Bản nháp" not in page


def test_changed_words_are_never_said_by_the_recording_of_the_earlier_ones(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in("truongca")
    send(client, COMFORT, recording())
    act(client, COMFORT, "publish")
    recorded = heard("comfort")
    before = prompt_set.wanted

    def changed(given: object) -> list[Prompt]:
        return [
            Prompt(p.id, p.language, "Xin chờ.", p.hotline) if (p.id, p.language) == ("comfort", "vi") else p
            for p in before(settings())
        ]

    monkeypatch.setattr(prompt_set, "wanted", changed)
    prompt_set.render(settings())
    assert heard("comfort") != recorded
    page = client.get("/prompts?hotline=binhphuoc").text
    assert "1 bản thu nói lời cũ" in page
    assert "Bản thu nói lời cũ: “Xin quý khách tiếp tục giữ máy" in page
    page = client.get(f"/prompts/{COMFORT}").text
    assert "nói lời khác, nên máy đọc lời mới" in page


def test_a_draft_of_earlier_words_cannot_be_published(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in("truongca")
    send(client, COMFORT, recording())
    monkeypatch.setattr(prompt_set, "wanted", lambda given: [Prompt("comfort", "vi", "Xin chờ.")])
    status, page = act(client, COMFORT, "publish")
    assert (status, "Lời của câu đã đổi" in page) == (409, True)


def test_of_two_who_publish_at_once_the_second_is_told(signed_in: SignedIn) -> None:
    first, second = signed_in("truongca"), signed_in("quantri")
    send(first, COMFORT, recording())
    seen = hidden(second.get(f"/prompts/{COMFORT}").text, "seen")
    act(first, COMFORT, "publish")
    answer = second.post(f"/prompts/{COMFORT}/publish", data={"seen": seen})
    assert (answer.status_code, "đã công bố bản mới" in answer.text) == (409, True)


def test_every_sound_of_the_page_plays_and_can_be_sought_in(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    _, page = send(client, COMFORT, recording())
    sources = re.findall(r'<audio[^>]* src="([^"]+)"', page)
    assert len(sources) == 3  # now, the draft as callers would hear it, the file as it was sent
    for source in [*sources, f"/prompts/{COMFORT}/machine.wav"]:
        with client.get(source) as answer:
            status, whole = answer.status_code, answer.data
        assert (status, whole[:4]) == (200, b"RIFF"), source
        with client.get(source, headers={"Range": "bytes=100-199"}) as answer:
            assert (answer.status_code, answer.data) == (206, whole[100:200]), source


def test_what_is_not_ours_is_not_found(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    for path in (
        *("vi/all/nothing", "vi/nowhere/comfort", "xx/all/comfort", "vi/all/..%2f..%2fsecrets"),
        *("vi/all/comfort/kept/x.wav", "vi/all/comfort/sent/..%2fpublished.json"),
        f"vi/all/comfort/sent/{'0' * 64}.wav",
    ):
        assert client.get(f"/prompts/{path}").status_code == 404, path


def test_operators_have_no_part_in_it(signed_in: SignedIn) -> None:
    client = signed_in("lan")
    assert client.get("/prompts").status_code == 403
    assert client.post(f"/prompts/{COMFORT}/publish", data={}).status_code == 403


def test_a_large_recording_is_taken_and_a_form_of_another_page_is_not(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    status, _ = send(client, COMFORT, recording(5.0))
    assert status == 200
    answer = client.post("/people", data={"full_name": "x" * 300_000})
    assert answer.status_code in (403, 413)


def test_what_is_published_speaks_again_after_a_restart_without_its_folder(
    signed_in: SignedIn, house: Path
) -> None:
    client = signed_in("truongca")
    send(client, COMFORT, recording())
    act(client, COMFORT, "publish")
    recorded = heard("comfort")
    for path in (settings().prompts, settings().recorded / "published.json"):
        _remove(path)
    prompt_set.render(settings())
    assert heard("comfort") == recorded


def test_the_worker_lays_the_sound_whose_publisher_died(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in("truongca")
    machine = heard("comfort")
    send(client, COMFORT, recording())
    with monkeypatch.context() as dying:
        dying.setattr(prompt_set, "follow", lambda *_: voice.RenderReport())
        act(client, COMFORT, "publish")
    assert heard("comfort") == machine
    worker = PublishedVoices(database.engine(), settings())
    assert (worker.look(), worker.look()) == (1, 0)
    assert heard("comfort") != machine


def _remove(path: Path) -> None:
    if path.is_dir():
        for one in path.iterdir():
            _remove(one)
        path.rmdir()
    else:
        path.unlink()
