"""Telephone sound: 8 kHz mono samples brought to one loudness and written as .wav with .alaw beside it."""

import math
import os
import struct
import threading
import wave
from array import array
from collections.abc import Sequence
from operator import mul
from pathlib import Path
from typing import Final

RATE_HZ: Final = 8000
FULL_SCALE: Final = 32768
LEVEL_DBFS: Final = -20.0
"""Loudness of every prompt: RMS over the frames in which somebody speaks."""
PEAK_DBFS: Final = -3.0
"""No sample is louder than this."""
FRAME: Final = RATE_HZ // 50
"""Samples in 20 ms."""
LEAD_S: Final = 0.04
TAIL_S: Final = 0.12
"""Silence left before and after the speech, so that pieces join without a gap and without a click."""


class NoSound(ValueError):  # noqa: N818 - an exception is named after the fact
    """There is no speech in these samples: empty, silent or shorter than a tenth of a second."""


def mastered(samples: "array[int]") -> "array[int]":
    """`samples` trimmed to the speech, at LEVEL_DBFS, none above PEAK_DBFS; NoSound when nothing is said."""
    speech = trimmed(samples)
    if len(speech) < RATE_HZ // 10:
        raise NoSound("no sound in it")
    out = speech
    gain = 1.0
    for _ in range(4):  # the limiter takes a little loudness away, so the gain is found in steps
        missing_db = LEVEL_DBFS - speech_dbfs(out)
        if abs(missing_db) < 0.2:
            break
        gain *= 10 ** (missing_db / 20)
        out = _amplified(speech, gain)
    return out


def trimmed(samples: "array[int]") -> "array[int]":
    """`samples` without the silence around the speech; empty when all of it is silence."""
    powers = frame_powers(samples)
    loudest = max(powers, default=0.0)
    if loudest < 30.0**2:  # below -60 dBFS there is only hiss
        return array("h")
    speaking = [index for index, power in enumerate(powers) if power > loudest * 1e-4]
    start = max(0, speaking[0] * FRAME - int(LEAD_S * RATE_HZ))
    return samples[start : (speaking[-1] + 1) * FRAME + int(TAIL_S * RATE_HZ)]


def speech_dbfs(samples: "array[int]") -> float:
    """RMS of the frames within 30 dB of the loudest one (pauses do not count), in dB below full scale."""
    powers = frame_powers(samples)
    loudest = max(powers, default=0.0)
    if loudest == 0.0:
        return -math.inf
    speaking = [power for power in powers if power >= loudest * 1e-3]
    return 10 * math.log10(sum(speaking) / len(speaking) / FULL_SCALE**2)


def peak_dbfs(samples: Sequence[int]) -> float:
    """The loudest sample in dB below full scale."""
    peak = max(map(abs, samples), default=0)
    return 20 * math.log10(peak / FULL_SCALE) if peak else -math.inf


def write_pair(path: Path, samples: "array[int]") -> float:
    """Write `path`.wav and `path`.alaw, each whole or not at all; gives the length in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = f".{path.name}.{os.getpid()}-{threading.get_ident()}"  # two writers of one sound do not meet
    wav, alaw = path.with_name(f"{mine}.wav.part"), path.with_name(f"{mine}.alaw.part")
    try:
        with wave.open(str(wav), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(RATE_HZ)
            sound.writeframes(samples.tobytes())
        alaw.write_bytes(to_alaw(samples))
        wav.replace(path.with_name(f"{path.name}.wav"))
        alaw.replace(path.with_name(f"{path.name}.alaw"))
    finally:
        wav.unlink(missing_ok=True)
        alaw.unlink(missing_ok=True)
    return len(samples) / RATE_HZ


def read_wav(path: Path) -> "array[int]":
    """The samples of an 8 kHz mono 16-bit .wav; ValueError when it is another format."""
    with wave.open(str(path), "rb") as sound:
        if (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) != (1, 2, RATE_HZ):
            raise ValueError(f"{path} is not 8 kHz mono 16-bit")
        return array("h", sound.readframes(sound.getnframes()))


def to_alaw(samples: "array[int]") -> bytes:
    """ITU-T G.711 A-law, a byte a sample."""
    return bytes(map(_ALAW.__getitem__, array("H", samples.tobytes())))


def _alaw_byte(sample: int) -> int:
    """One signed 16-bit sample as A-law (G.711 table 1, 13-bit input, even bits inverted)."""
    linear = sample >> 3
    mask = 0xD5
    if linear < 0:
        mask, linear = 0x55, -linear - 1
    segment = max(0, linear.bit_length() - 5)
    mantissa = (linear >> max(1, segment)) & 0x0F
    return ((segment << 4) | mantissa) ^ mask


def _amplified(samples: "array[int]", gain: float) -> "array[int]":
    top = len(_LIMITED) - 1
    return array(
        "h",
        [
            _LIMITED[min(top, int(sample * gain))]
            if sample >= 0
            else -_LIMITED[min(top, int(-sample * gain))]
            for sample in samples
        ],
    )


def frame_powers(samples: "array[int]") -> list[float]:
    frames = (samples[start : start + FRAME] for start in range(0, len(samples), FRAME))
    return [sum(map(mul, frame, frame)) / len(frame) for frame in frames]


def _limited(level: int) -> int:
    """Linear up to 3 dB under the peak, then rounded off towards it."""
    ceiling = FULL_SCALE * 10 ** (PEAK_DBFS / 20)
    knee = ceiling * 10 ** (-3 / 20)
    if level <= knee:
        return level
    return int(knee + (ceiling - knee) * math.tanh((level - knee) / (ceiling - knee)))


_LIMITED: Final = [_limited(level) for level in range(4 * FULL_SCALE)]
_ALAW: Final = bytes(_alaw_byte(struct.unpack("<h", struct.pack("<H", word))[0]) for word in range(65536))
