"""A person's recordings of prompts: judged before they are used, kept by their content, played while the text is theirs.

The folder holds `originals/<first two>/<sha256>.<kind>`, the files as they were sent, and `published.json`, which names the
one that speaks for each prompt. It lies in var/, so a backup of that has them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import wave
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from ivr.speech import sound
from ivr.speech.engines import Program, SpeechFailed, telephone_samples

PUBLISHED: Final = "published.json"
MASTERING: Final = "1"
"""Raise it when sound.mastered or the sox filters change: everything is then rendered anew."""
LARGEST_BYTES: Final = 20_000_000
LONGEST_S: Final = 60.0
SHORTEST_S: Final = 0.15
RATES_HZ: Final = (8000, 96000)
FULL: Final = 32700
"""From this sample value on a converter has nothing left to say."""
CLIPPED_RUN: Final = 3
"""So many full samples in a row are a flattened top, fewer just a loud one."""
CLIPPED_AT_MOST, CLIPPED_HEARD = 0.005, 0.0002
"""Shares of the samples: beyond the first it is refused, beyond the second it is said."""
QUIETEST_DBFS, QUIET_DBFS = -50.0, -38.0
NOISE_BELOW_SPEECH_DB: Final = 20.0
PAUSE_S: Final = 2.0
OTHER_LENGTH: Final = (0.4, 2.5)
"""Of the machine's length: outside of it somebody should hear whether all of the text is there."""

_log = structlog.get_logger(__name__)
_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (8, b"WAVE", "wav"),
    (0, b"fLaC", "flac"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (28, b"OpusHead", "opus"),
    (0, b"OggS", "ogg"),
    (0, b"#!AMR-WB\n", "amr-wb"),
    (0, b"#!AMR\n", "amr-nb"),
    (0, b"ID3", "mp3"),
    (4, b"ftyp", "m4a"),
    (0, b"\x1aE\xdf\xa3", "webm"),
)
"""Offset, bytes, kind: what a file is, whatever its name says."""
KINDS: Final = ("wav", "mp3", "ogg", "opus", "flac", "aiff", "amr-nb", "amr-wb")
"""What the sox we bring reads."""


class NotASound(ValueError):  # noqa: N818 - an exception is named after the fact
    """The file cannot be taken; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


@dataclass(frozen=True)
class Finding:
    """Something about a recording: which sentence says it, its numbers, and whether it forbids the use."""

    code: str
    refuses: bool
    values: Mapping[str, float | str]


@dataclass(frozen=True)
class Judgement:
    """What was measured of one recording."""

    seconds: float
    """As callers would hear it, without the silence around the speech."""
    level_dbfs: float
    """Loudness of the speech as it was sent; callers hear all prompts at one loudness."""
    clipped: float
    """Share of flattened samples."""
    findings: tuple[Finding, ...]

    @property
    def is_usable(self) -> bool:
        return not any(finding.refuses for finding in self.findings)


@dataclass(frozen=True)
class Published:
    """What speaks for one prompt; without a file it is the machine's voice again."""

    file: str = ""
    """<sha256>.<kind> of the original."""
    text: str = ""
    """What it says: another text is never spoken by it."""


def kind_of(content: bytes) -> str | None:
    """The kind of sound file that these bytes begin; None when it is none that is known."""
    for at, magic, kind in _MAGIC:
        if content[at : at + len(magic)] == magic:
            return kind
    is_mp3 = len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0
    return "mp3" if is_mp3 else None


# -- keeping --


def keep(folder: Path, content: bytes) -> str:
    """Keep an original and give its name, the same for the same bytes. Raises NotASound, OSError."""
    kind = kind_of(content)
    if not content:
        raise NotASound(Finding("empty", True, {}))
    if len(content) > LARGEST_BYTES:
        raise NotASound(Finding("too_large", True, {"megabytes": LARGEST_BYTES / 1e6}))
    if kind not in KINDS:
        raise NotASound(Finding("other_kind", True, {"kind": kind or "?"}))
    name = f"{hashlib.sha256(content).hexdigest()}.{kind}"
    path = original(folder, name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}.part")
        part.write_bytes(content)
        part.replace(path)
    return name


def mastered(sox: Program, path: Path, cache: Path) -> array[int]:
    """The original at `path` as callers hear it; kept in `cache` by its content. Raises SpeechFailed or NoSound."""
    kept = cache / path.name[:2] / f"{path.name}-{MASTERING}"
    try:
        return sound.read_wav(kept.with_name(f"{kept.name}.wav"))
    except (FileNotFoundError, ValueError, EOFError):
        samples = sound.mastered(telephone_samples(sox, path))  # not in the cache, or cut short
    sound.write_pair(kept, samples)
    return samples


def original(folder: Path, name: str) -> Path:
    """Where the original of that name lies."""
    return folder / "originals" / name[:2] / name


def published(folder: Path) -> dict[str, Published]:
    """Prompt key → what speaks for it; empty before the first was published."""
    try:
        rows = json.loads((folder / PUBLISHED).read_text(encoding="utf-8"))
        return {key: Published(**row) for key, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as failure:
        _log.warning("the list of recorded prompts is damaged", reason=str(failure))
        return {}


def publish(folder: Path, rows: Mapping[str, Published]) -> bool:
    """Write down what speaks for each prompt; False when that was known already."""
    if published(folder) == dict(rows):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({key: asdict(rows[key]) for key in sorted(rows)}, ensure_ascii=False, indent=1)
    part = folder / f".{PUBLISHED}.{os.getpid()}-{threading.get_ident()}.part"
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(folder / PUBLISHED)
    return True


# -- judging --


def judge(sox: Program, path: Path, machine_s: float | None = None) -> Judgement:
    """What is right and wrong with the recording at `path`; `machine_s` is how long the machine takes for the text.

    Raises NotASound when it cannot be read at all.
    """
    try:
        rate_hz, samples = _as_sent(sox, path)
    except SpeechFailed as failure:
        _log.info("a recording could not be read", reason=str(failure))
        raise NotASound(Finding("unreadable", True, {})) from failure
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise NotASound(Finding("rate", True, {"rate_hz": rate_hz}))
    sent_s = len(samples) / rate_hz
    if sent_s > LONGEST_S + 5.0:
        raise NotASound(Finding("too_long", True, {"seconds": sent_s, "longest_s": LONGEST_S}))
    if not samples.size or int(np.abs(samples.astype(np.int32)).max()) < 30:
        raise NotASound(Finding("silent", True, {}))
    try:
        heard = telephone_samples(sox, path)
        speech = sound.trimmed(heard)
        mastered = sound.mastered(heard)
    except (SpeechFailed, sound.NoSound) as failure:
        raise NotASound(Finding("silent", True, {})) from failure
    level = sound.speech_dbfs(speech) + 6.0  # the filters take 6 dB away first
    clipped = _clipped_share(samples)
    seconds = len(mastered) / sound.RATE_HZ
    found = (
        *_of_length(seconds, machine_s),
        *_of_level(level),
        *_of_clipping(clipped),
        *_of_pauses(heard, speech),
    )
    return Judgement(round(seconds, 3), round(level, 1), round(clipped, 6), found)


def _of_length(seconds: float, machine_s: float | None) -> tuple[Finding, ...]:
    if seconds > LONGEST_S:
        return (Finding("too_long", True, {"seconds": seconds, "longest_s": LONGEST_S}),)
    if seconds < SHORTEST_S:
        return (Finding("too_short", True, {"seconds": seconds}),)
    if not machine_s or seconds < 1.0:
        return ()
    values = {"seconds": seconds, "machine_s": machine_s}
    if seconds < OTHER_LENGTH[0] * machine_s:
        return (Finding("much_shorter", False, values),)
    if seconds > OTHER_LENGTH[1] * machine_s:
        return (Finding("much_longer", False, values),)
    return ()


def _of_level(level: float) -> tuple[Finding, ...]:
    if level >= QUIET_DBFS:
        return ()
    return (Finding("quiet", level < QUIETEST_DBFS, {"level": level}),)


def _of_clipping(share: float) -> tuple[Finding, ...]:
    if share <= CLIPPED_HEARD:
        return ()
    return (Finding("clipped", share > CLIPPED_AT_MOST, {"percent": share * 100}),)


def _of_pauses(heard: array[int], speech: array[int]) -> tuple[Finding, ...]:
    """Noise in the pauses, no pause at all, or one that sounds like a lost line."""
    powers = np.asarray(sound.frame_powers(heard), dtype=np.float64) + 1e-3
    if len(powers) < 75:  # under 1.5 s there may rightly be no pause
        return ()
    level = sound.speech_dbfs(speech)
    decibels = 10 * np.log10(powers / sound.FULL_SCALE**2)
    floor = float(np.percentile(decibels, 5))
    if level - floor < 6.0:
        return (Finding("no_pause", False, {}),)
    if level - floor < NOISE_BELOW_SPEECH_DB:
        return (Finding("noisy", False, {"below": level - floor}),)
    inside = np.asarray(sound.frame_powers(speech), dtype=np.float64)
    quiet = inside < inside.max() * 1e-3
    longest = current = 0
    for one in quiet:
        current = current + 1 if one else 0
        longest = max(longest, current)
    pause_s = longest * sound.FRAME / sound.RATE_HZ
    return (Finding("long_pause", False, {"seconds": pause_s}),) if pause_s > PAUSE_S else ()


def _as_sent(sox: Program, path: Path) -> tuple[int, NDArray[np.int16]]:
    """Sample rate and the samples of the loudest side, before anything is done to them. Raises SpeechFailed."""
    made = sox.run(
        "-V1", "-D", str(path), "-t", "wav", "-e", "signed", "-b", "16", "-",
        "trim", "0", f"{LONGEST_S + 10:g}",
    )  # fmt: skip
    try:
        with wave.open(io.BytesIO(made)) as wav:
            rate_hz, channels = wav.getframerate(), wav.getnchannels()
    except (wave.Error, EOFError) as failure:
        raise SpeechFailed("sox wrote no sound.") from failure
    data = made[made.index(b"data") + 8 :]  # a piped header does not know its length
    samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], dtype="<i2").reshape(
        -1, channels
    )
    if not samples.size:
        return rate_hz, np.zeros(0, dtype=np.int16)
    loudest = int(np.abs(samples.astype(np.int32)).sum(axis=0).argmax())
    return rate_hz, samples[:, loudest]


def _clipped_share(samples: NDArray[np.int16]) -> float:
    full = np.abs(samples.astype(np.int32)) >= FULL
    runs = np.convolve(full.astype(np.int32), np.ones(CLIPPED_RUN, dtype=np.int32), mode="valid")
    return float((runs == CLIPPED_RUN).sum()) / max(1, samples.size)
