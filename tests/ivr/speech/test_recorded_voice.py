"""A person's recording is judged before it is used: what was measured, and a finding for each thing that is wrong."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.speech import recorded_voice
from ivr.speech.engines import Program
from ivr.speech.recorded_voice import NotASound

RATE_HZ = 44100


def spoken(seconds: float, level: float = 0.3, noise: float = 0.0002) -> NDArray[np.float64]:
    """Something with the ups and downs of speech: half a second of sound, a fifth of silence, and so on, with hiss."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = np.sin(2 * np.pi * 300 * at) + 0.5 * np.sin(2 * np.pi * 900 * at)
    sound[(at % 0.7) > 0.5] = 0.0
    hiss = np.random.default_rng(7).normal(0.0, noise, at.size)
    return sound * level / 1.5 + hiss


def silence(seconds: float) -> NDArray[np.float64]:
    return np.zeros(int(seconds * RATE_HZ))


def written(path: Path, sound: NDArray[np.float64], rate_hz: int = RATE_HZ) -> Path:
    """A WAV as a PC would record it."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def codes(sox: Program, path: Path, machine_s: float | None = None) -> dict[str, bool]:
    """Finding → whether it refuses; also of a file that is refused altogether."""
    try:
        return {one.code: one.refuses for one in recorded_voice.judge(sox, path, machine_s).findings}
    except NotASound as refused:
        return {refused.finding.code: True}


def test_a_clean_recording_has_no_findings_and_its_silence_does_not_count(
    sox: Program, tmp_path: Path
) -> None:
    sound = np.concatenate([silence(1.0), spoken(3.0), silence(1.0)])
    judged = recorded_voice.judge(sox, written(tmp_path / "a.wav", sound), 3.2)
    assert judged.findings == ()
    assert judged.is_usable
    assert judged.seconds == pytest.approx(3.0, abs=0.3)
    assert judged.clipped == 0.0


@pytest.mark.parametrize(
    ("sound", "found"),
    [
        (silence(2.0), {"silent": True}),
        (spoken(70.0), {"too_long": True}),
        (spoken(63.0), {"too_long": True}),
        (spoken(3.0, level=0.004, noise=0.0), {"quiet": True}),
        (spoken(3.0, level=0.012, noise=0.0), {"quiet": False}),
        (spoken(3.0, level=2.5), {"clipped": True}),
        (spoken(3.0, noise=0.08), {"noisy": False}),
        (np.concatenate([spoken(2.0), silence(2.5), spoken(2.0)]), {"long_pause": False}),
    ],
    ids=["silent", "long", "a little long", "whispered", "quiet", "clipped", "noisy", "a long pause"],
)
def test_what_is_wrong_is_named(
    sox: Program, tmp_path: Path, sound: NDArray[np.float64], found: dict[str, bool]
) -> None:
    assert codes(sox, written(tmp_path / "a.wav", sound)) == found


def test_a_recording_much_shorter_or_longer_than_the_machine_needs_is_worth_a_second_hearing(
    sox: Program, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.wav", spoken(3.0))
    assert codes(sox, path, 12.0) == {"much_shorter": False}
    assert codes(sox, path, 1.0) == {"much_longer": False}
    assert codes(sox, path, 3.0) == {}


def test_a_rate_that_no_telephone_has_is_refused(sox: Program, tmp_path: Path) -> None:
    assert codes(sox, written(tmp_path / "a.wav", spoken(2.0), rate_hz=5000)) == {"rate": True}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"not a sound at all", "other_kind"),
        (b"\x00\x00\x00\x20ftypM4A ", "other_kind"),
        (b"#EXTM3U\n/etc/passwd\n", "other_kind"),
        (b"RIFF" + bytes(recorded_voice.LARGEST_BYTES), "too_large"),
    ],
)
def test_a_file_that_is_no_sound_we_read_is_not_kept(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(NotASound) as refused:
        recorded_voice.keep(tmp_path, content)
    assert refused.value.finding.code == code
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"RIFF\x00\x00\x00\x00WAVE", b"ID3\x04" + bytes(200), b"OggS" + bytes(99)]
)
def test_a_damaged_sound_is_refused_with_a_reason(sox: Program, tmp_path: Path, content: bytes) -> None:
    path = recorded_voice.original(tmp_path, recorded_voice.keep(tmp_path, content))
    assert codes(sox, path) == {"unreadable": True}


def test_the_same_bytes_are_kept_once_whatever_they_were_called(sox: Program, tmp_path: Path) -> None:
    content = written(tmp_path / "câu chào (1).WAV", spoken(1.0)).read_bytes()
    names = {recorded_voice.keep(tmp_path / "kept", content) for _ in range(3)}
    (name,) = names
    assert recorded_voice.original(tmp_path / "kept", name).read_bytes() == content
    assert len(list((tmp_path / "kept").rglob("*.wav"))) == 1
