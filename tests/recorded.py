"""What stands in a recording: the tone of each tenth of a second, on the caller's side and on ours."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np

RATE_HZ = 8000
STEP = RATE_HZ // 10
STEP_HZ = 10
CALLER, OURS = 0, 1
"""The recording's channels."""
LOUD = 190
"""Mean level of 32,767."""
PURE = 0.7
"""Share of the energy that one line of the spectrum must have to be called a tone."""


def tones_in_turn(path: Path, side: int, known_hz: tuple[int, ...], for_s: float = 1.0) -> list[int]:
    """The known tones that lasted so long, in the order in which they were heard; what is between two is left out."""
    samples = np.frombuffer(path.read_bytes(), dtype="<i2")
    one = samples[: len(samples) // 2 * 2].reshape(-1, 2)[:, side].astype(np.float64)
    tenths = [_tone(one[n : n + STEP]) for n in range(0, len(one) - STEP + 1, STEP)]
    lasting = [hz for hz, run in groupby(tenths) if hz in known_hz and len(list(run)) >= for_s * 10]
    return [hz for hz, _ in groupby(lasting)]


def _tone(samples: np.ndarray) -> int:
    """Hz, in tens; 0 for silence and for what is no tone."""
    if np.sqrt(np.mean(samples**2)) < LOUD:
        return 0
    power = np.abs(np.fft.rfft(samples)) ** 2
    top = int(power.argmax())
    return top * STEP_HZ if power[max(0, top - 1) : top + 2].sum() > PURE * power.sum() else 0
