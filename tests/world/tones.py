"""Sound as numbers: A-law, tones that name a party, and which of them are in what was heard."""

from array import array
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import pi, sin

import numpy as np

RATE_HZ = 8000
FRAME_MS = 20
FRAME_BYTES = 160
TONE_STEP_HZ = 10
"""Tones are multiples of this: 100 ms hold whole periods, so a tone is one line of the spectrum."""
CYCLE_FRAMES = 5
TONE_PEAK = 7000
SILENCE = bytes([0xD5]) * FRAME_BYTES
LOUD_SUM = 480
"""A frame is sound above a mean level of about 190 of 32,767 (-45 dB): line noise is below, speech above."""
PRESENT_SHARE = 0.08
"""A tone is present in 100 ms when it carries this share of their energy."""
SHARPNESS = 20.0
"""How much stronger than its neighbours 10 Hz away a line must be: tones are sharp, voices glide."""


def alaw_of(sample: int) -> int:
    """One signed 16-bit sample as an A-law byte (G.711)."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(abs(sample), 32767)
    segment = max(magnitude.bit_length() - 8, 0)
    mantissa = magnitude >> (segment + 3 if segment else 4) & 0x0F
    return (sign | segment << 4 | mantissa) ^ 0x55


def sample_of(byte: int) -> int:
    """One A-law byte as a signed 16-bit sample."""
    value = byte ^ 0x55
    segment, mantissa = value >> 4 & 7, value & 0x0F
    magnitude = (mantissa << 4) + 8 if segment == 0 else ((mantissa << 4) + 0x108) << (segment - 1)
    return magnitude if value & 0x80 else -magnitude


SAMPLES = np.array([sample_of(byte) for byte in range(256)], dtype=np.float32)
LEVELS = bytes(min(abs(sample_of(byte)) >> 6, 255) for byte in range(256))


def is_sound(frame: bytes) -> bool:
    """Whether 20 ms of A-law are louder than line noise."""
    return sum(frame.translate(LEVELS)) > LOUD_SUM


@cache
def tone_frames(frequency_hz: int) -> tuple[bytes, ...]:
    """100 ms of a tone as five A-law frames that repeat without a click."""
    if frequency_hz % TONE_STEP_HZ:
        raise ValueError(f"A party's tone must be a multiple of {TONE_STEP_HZ} Hz, not {frequency_hz} Hz.")
    wave = bytes(
        alaw_of(round(TONE_PEAK * sin(2 * pi * frequency_hz * n / RATE_HZ)))
        for n in range(FRAME_BYTES * CYCLE_FRAMES)
    )
    return tuple(wave[n * FRAME_BYTES : (n + 1) * FRAME_BYTES] for n in range(CYCLE_FRAMES))


def heard(
    times: Sequence[float],
    audio: bytes,
    since_s: float,
    until_s: float,
    known_hz: Sequence[int] | None = None,
    energy: float = PRESENT_SHARE,
) -> dict[int, float]:
    """The tones in the frames that arrived between two times, each with its share of that time (0 to 1).

    Tones that play together each count fully. Time in which nothing arrived counts as silence. Shares
    under 0.05 are left out; with `known_hz` only those frequencies are looked for. `energy` is the share of
    the sound's energy that makes a tone present.
    """
    spectra, frames = _spectra(times, audio)
    wanted_frames = max((until_s - since_s) * 1000 / FRAME_MS, 1.0)
    if not frames:
        return {}
    whole = spectra.sum(axis=1, keepdims=True)
    beside = np.zeros_like(spectra)
    beside[:, 1:-1] = np.maximum(spectra[:, :-2], spectra[:, 2:])
    present = (spectra > energy * whole) & (whole > _energy_floor()) & (spectra > SHARPNESS * beside)
    counts = (present * np.array(frames, dtype=np.float32)[:, None]).sum(axis=0)
    shares = {
        int(bin_) * TONE_STEP_HZ: min(float(counts[bin_]) / wanted_frames, 1.0)
        for bin_ in np.flatnonzero(counts)
    }
    return {
        hz: round(share, 3)
        for hz, share in shares.items()
        if share >= 0.05 and (known_hz is None or hz in known_hz)
    }


def _spectra(times: Sequence[float], audio: bytes) -> tuple[np.ndarray, list[int]]:
    """Power per 10 Hz of each 100 ms, and how many frames each of them stands for (the last may overlap)."""
    count = len(times)
    if count < CYCLE_FRAMES:
        return np.zeros((0, 0)), []
    samples = SAMPLES[np.frombuffer(audio, dtype=np.uint8)].reshape(count, FRAME_BYTES)
    starts = list(range(0, count - CYCLE_FRAMES + 1, CYCLE_FRAMES))
    frames = [CYCLE_FRAMES] * len(starts)
    if count % CYCLE_FRAMES:
        starts.append(count - CYCLE_FRAMES)
        frames.append(count % CYCLE_FRAMES)
    windows = np.stack([samples[n : n + CYCLE_FRAMES].reshape(-1) for n in starts])
    return np.abs(np.fft.rfft(windows, axis=1)) ** 2, frames


def _energy_floor() -> float:
    """The spectrum's energy of 100 ms at a level of 190: below it nothing is called a tone."""
    n = FRAME_BYTES * CYCLE_FRAMES
    return 190.0**2 * n * n / 2


def level(audio: bytes) -> float:
    """Root mean square of A-law bytes, 0 to 32,767; 0 for nothing."""
    if not audio:
        return 0.0
    samples = SAMPLES[np.frombuffer(audio, dtype=np.uint8)]
    return float(np.sqrt(np.mean(samples**2)))


def gaps(
    sounding: Sequence[float], since_s: float, until_s: float, min_s: float
) -> list[tuple[float, float]]:
    """The spans of at least `min_s` without sound between two times; `sounding`: when loud frames came."""
    edges = array("d", [since_s])
    edges.extend(t for t in sounding if since_s <= t <= until_s)
    edges.append(until_s)
    return [(a, b) for a, b in pairwise(edges) if b - a >= min_s]
