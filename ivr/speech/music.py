"""Music on hold and signal tones, composed here so that no recording has to be licensed or shipped."""

import math
from array import array
from pathlib import Path
from typing import Final

from ivr.speech.sound import FULL_SCALE, RATE_HZ, write_pair

MUSIC_S: Final = 40
MUSIC_TONE_HZ: Final = 330
"""A drone through the whole loop, clear of DTMF and of the 425 Hz ringback: its sign in any recording."""
BEEP_HZ: Final = 1000
BEEP_S: Final = 0.5
PAUSE_S: Final = 0.3
RINGBACK_HZ: Final = 425

_MELODY: Final = (
    # Pentatonic on A: frequency in Hz (0 rests), a note every 2.5 s, each fading over the next one.
    220.0, 277.2, 370.0, 440.0, 370.0, 277.2, 247.0, 0.0,
    220.0, 247.0, 277.2, 554.4, 493.9, 440.0, 370.0, 0.0,
)  # fmt: skip
_NOTE_S: Final = 2.5


def music_on_hold() -> "array[int]":
    """MUSIC_S seconds at about -29 dBFS that join end to beginning without a click."""
    length = MUSIC_S * RATE_HZ
    sound = [0.0] * length
    for place, frequency in enumerate(_MELODY):
        if frequency:
            _add_bell(sound, int(place * _NOTE_S * RATE_HZ), frequency)
    drone = [0.022 * math.sin(2 * math.pi * MUSIC_TONE_HZ * n / RATE_HZ) for n in range(RATE_HZ)]
    return array("h", [int(FULL_SCALE * (level + drone[n % RATE_HZ])) for n, level in enumerate(sound)])


def tone(frequency_hz: int, length_s: float, level_dbfs: float = -20.0) -> "array[int]":
    """A sine with 5 ms of fade at both ends; the level is its RMS."""
    length, fade = int(length_s * RATE_HZ), RATE_HZ // 200
    top = FULL_SCALE * math.sqrt(2) * 10 ** (level_dbfs / 20)
    return array(
        "h",
        [
            int(
                top
                * min(1.0, n / fade, (length - n) / fade)
                * math.sin(2 * math.pi * frequency_hz * n / RATE_HZ)
            )
            for n in range(length)
        ],
    )


def silence(length_s: float) -> "array[int]":
    """Nothing, for so long."""
    return array("h", bytes(2 * int(length_s * RATE_HZ)))


def write_music(folder: Path) -> None:
    """Write moh/default (music on hold) into `folder` unless it is there."""
    path = folder / "moh" / "default"
    if not (path.with_suffix(".wav").exists() and path.with_suffix(".alaw").exists()):
        write_pair(path, music_on_hold())


def write_tones(folder: Path) -> None:
    """Write `beep`, `pause` and `ringback` (1 s of tone, 4 s without) into `folder` unless there."""
    for name, samples in (
        ("beep", tone(BEEP_HZ, BEEP_S)),
        ("pause", silence(PAUSE_S)),
        ("ringback", tone(RINGBACK_HZ, 1.0) + silence(4.0)),
    ):
        path = folder / name
        if not (path.with_suffix(".wav").exists() and path.with_suffix(".alaw").exists()):
            write_pair(path, samples)


def _add_bell(sound: list[float], start: int, frequency: float) -> None:
    """Add one soft note of 5 s that dies away, wrapping round the end of the loop."""
    attack, length = RATE_HZ // 8, 5 * RATE_HZ
    for n in range(length):
        turn = 2 * math.pi * frequency * n / RATE_HZ
        strength = (
            0.045 * min(1.0, n / attack) * math.exp(-n / (1.3 * RATE_HZ)) * min(1.0, (length - n) / attack)
        )
        sound[(start + n) % len(sound)] += strength * (math.sin(turn) + 0.3 * math.sin(2 * turn))
