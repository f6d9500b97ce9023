import math
import random
import struct
from array import array
from itertools import pairwise
from pathlib import Path

import pytest

from ivr.speech.engines import Program, SpeechFailed, telephone_samples
from ivr.speech.music import (
    BEEP_HZ,
    MUSIC_S,
    MUSIC_TONE_HZ,
    music_on_hold,
    silence,
    tone,
    write_music,
    write_tones,
)
from ivr.speech.sound import (
    FULL_SCALE,
    LEVEL_DBFS,
    PEAK_DBFS,
    RATE_HZ,
    NoSound,
    mastered,
    peak_dbfs,
    read_wav,
    speech_dbfs,
    to_alaw,
    trimmed,
    write_pair,
)


def strength_db(samples: "array[int]", frequency_hz: float) -> float:
    """How loud one frequency is, in dB below full scale (RMS)."""
    turns = [2 * math.pi * frequency_hz * n / RATE_HZ for n in range(len(samples))]
    real = sum(sample * math.cos(turn) for sample, turn in zip(samples, turns, strict=True))
    imaginary = sum(sample * math.sin(turn) for sample, turn in zip(samples, turns, strict=True))
    amplitude = 2 * math.hypot(real, imaginary) / len(samples) / FULL_SCALE
    return 20 * math.log10(amplitude / math.sqrt(2) + 1e-9)


def syllables(level: float, seconds: float = 2.0) -> "array[int]":
    """Noise that comes and goes like speech, at any level, with half a second of silence around it."""
    chance = random.Random(1022)
    body = [
        int(level * chance.gauss(0, 1) * (0.05 + abs(math.sin(2 * math.pi * 2 * n / RATE_HZ))))
        for n in range(int(seconds * RATE_HZ))
    ]
    return silence(0.5) + array("h", [max(-FULL_SCALE, min(FULL_SCALE - 1, v)) for v in body]) + silence(0.5)


@pytest.mark.parametrize("level", [40, 400, 4000, 12000])
def test_quiet_and_loud_recordings_become_equally_loud(level: float) -> None:
    out = mastered(syllables(level))
    assert speech_dbfs(out) == pytest.approx(LEVEL_DBFS, abs=0.5)
    assert peak_dbfs(out) <= PEAK_DBFS + 0.01


def test_silence_around_the_speech_is_cut_so_that_pieces_join() -> None:
    out = trimmed(syllables(4000, seconds=1.0))
    assert 1.0 <= len(out) / RATE_HZ <= 1.2


@pytest.mark.parametrize("samples", [array("h"), silence(2.0), array("h", [3, -3] * 8000), tone(500, 0.02)])
def test_a_recording_without_speech_is_refused(samples: "array[int]") -> None:
    with pytest.raises(NoSound):
        mastered(samples)


def test_alaw_is_what_sox_makes_of_the_same_samples(tmp_path: Path, sox: Program) -> None:
    write_pair(tmp_path / "ramp", array("h", range(-32768, 32768, 16)))
    sox.run("-D", str(tmp_path / "ramp.wav"), "-t", "al", str(tmp_path / "sox.al"))
    ours, theirs = (tmp_path / "ramp.alaw").read_bytes(), (tmp_path / "sox.al").read_bytes()
    assert len(ours) == len(theirs)
    # sox rounds to the nearest step where G.711's reference cuts off: never more than one step apart.
    assert max(abs((a ^ 0x55) - (b ^ 0x55)) for a, b in zip(ours, theirs, strict=True)) <= 1


@pytest.mark.parametrize(
    ("sample", "byte"), [(0, 0xD5), (8, 0xD5), (-8, 0x55), (16, 0xD4), (32767, 0xAA), (-32768, 0x2A)]
)
def test_alaw_bytes_are_those_of_the_standard(sample: int, byte: int) -> None:
    assert to_alaw(array("h", [sample])) == bytes([byte])


def test_the_wav_is_8_khz_mono_16_bit_and_the_alaw_as_long(tmp_path: Path) -> None:
    assert write_pair(tmp_path / "a" / "b", tone(500, 1.5)) == 1.5
    header = (tmp_path / "a/b.wav").read_bytes()[:44]
    assert struct.unpack("<HHI", header[20:28]) == (1, 1, RATE_HZ)
    assert (tmp_path / "a/b.alaw").stat().st_size == 12000
    assert read_wav(tmp_path / "a/b.wav") == tone(500, 1.5)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["b.alaw", "b.wav"]


def test_a_file_that_is_no_sound_is_refused_with_a_reason(tmp_path: Path, sox: Program) -> None:
    (tmp_path / "x.wav").write_bytes(b"this is a letter, not a sound")
    with pytest.raises(SpeechFailed, match="failed"):
        telephone_samples(sox, tmp_path / "x.wav")


def test_music_on_hold_is_known_by_its_drone_at_every_moment() -> None:
    music, window = music_on_hold(), RATE_HZ // 2
    assert len(music) == MUSIC_S * RATE_HZ
    for start in range(0, len(music), window * 4):
        part = music[start : start + window]
        assert -39 < strength_db(part, MUSIC_TONE_HZ) < -33
        assert strength_db(part, 425) < strength_db(part, MUSIC_TONE_HZ) - 6


def test_music_on_hold_is_quieter_than_speech_and_never_loud() -> None:
    music = music_on_hold()
    assert speech_dbfs(music) < LEVEL_DBFS - 8
    assert peak_dbfs(music) < -15


def test_music_on_hold_joins_its_own_beginning_without_a_click() -> None:
    music = music_on_hold()
    steps = [abs(after - before) for before, after in pairwise(music)]
    assert abs(music[0] - music[-1]) <= max(steps)


def test_the_tones_are_what_their_names_say(tmp_path: Path) -> None:
    write_tones(tmp_path)
    beep = read_wav(tmp_path / "beep.wav")
    assert strength_db(beep, BEEP_HZ) == pytest.approx(-20, abs=1)
    assert set(read_wav(tmp_path / "pause.wav")) == {0}
    assert len(read_wav(tmp_path / "ringback.wav")) == 5 * RATE_HZ


def test_music_is_composed_once(tmp_path: Path) -> None:
    write_music(tmp_path)
    before = (tmp_path / "moh/default.alaw").stat().st_mtime_ns
    write_music(tmp_path)
    assert (tmp_path / "moh/default.alaw").stat().st_mtime_ns == before
