"""A recording as the browser plays it: A-law WAV made on the fly from the stereo raw, any range of it; and its peaks."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hotline.recordings import RATE_HZ

CHANNELS = 2
HEADER_BYTES = 58
FRAME_RAW_BYTES = 4
"""One sample of each side, 16 bits each."""
CHUNK_BYTES = 64 * 1024
PEAKS = 900
"""Columns of a waveform."""
A_LAW = 6
"""The WAV format's number for A-law."""


@dataclass(frozen=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def size_bytes(raw: Path) -> int:
    """The whole WAV's size; a torn last frame is left out."""
    return HEADER_BYTES + raw.stat().st_size // FRAME_RAW_BYTES * CHANNELS


def header(data_bytes: int, channels: int = CHANNELS) -> bytes:
    """RIFF, fmt, fact and the beginning of data: 58 bytes, as A-law requires."""
    fmt = struct.pack("<HHIIHHH", A_LAW, channels, RATE_HZ, RATE_HZ * channels, channels, 8, 0)
    fact = struct.pack("<I", data_bytes // channels)
    return b"".join(
        (
            *(b"RIFF", struct.pack("<I", HEADER_BYTES - 8 + data_bytes), b"WAVE"),
            *(b"fmt ", struct.pack("<I", len(fmt)), fmt),
            *(b"fact", struct.pack("<I", len(fact)), fact),
            *(b"data", struct.pack("<I", data_bytes)),
        )
    )


def _a_law_of(sample: int) -> int:
    """ITU-T G.711: one 16-bit sample as A-law, even bits inverted."""
    mask = 0xD5 if sample >= 0 else 0x55
    value = sample >> 3 if sample >= 0 else ~sample >> 3  # 12 bits of magnitude
    if value < 32:
        code = value >> 1
    else:
        segment = value.bit_length() - 5
        code = (segment << 4) | ((value >> segment) & 0x0F)
    return code ^ mask


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint8]:
    """A-law of every 16-bit sample, by the sample read as an unsigned number."""
    signed = [s if s < 32768 else s - 65536 for s in range(65536)]
    return np.array([_a_law_of(s) for s in signed], dtype=np.uint8)


def a_law(raw: bytes) -> bytes:
    """16-bit little-endian samples as A-law, a byte a sample."""
    coded: NDArray[np.uint8] = _table()[np.frombuffer(raw, dtype="<u2")]
    return coded.tobytes()


def wav(raw: Path, span: Span) -> Iterator[bytes]:
    """The bytes of that span of the WAV, made while they are sent."""
    data_bytes = size_bytes(raw) - HEADER_BYTES
    if span.first < HEADER_BYTES:
        yield header(data_bytes)[span.first : span.last + 1]
    first, last = max(0, span.first - HEADER_BYTES), span.last - HEADER_BYTES
    with raw.open("rb") as file:
        file.seek(first * 2)
        left = last - first + 1
        while left > 0:
            part = file.read(min(left, CHUNK_BYTES) * 2)
            if len(part) < 2:
                return
            part = part[: len(part) // 2 * 2]
            left -= len(part) // 2
            yield a_law(part)


def asked_span(field: str | None, size: int) -> Span | None:
    """What a Range header asks for; None for the whole. ValueError when it cannot be given (416)."""
    if not field:
        return None
    unit, _, spec = field.partition("=")
    if unit.strip().lower() != "bytes" or "," in spec:
        return None  # several ranges: the whole is a right answer
    begin, _, end = spec.strip().partition("-")
    if not (begin or end) or not (begin + end).isdecimal():
        raise ValueError(field)
    if not begin:
        count = min(int(end), size)
        if count == 0:
            raise ValueError(field)
        return Span(size - count, size - 1)
    first, last = int(begin), min(int(end), size - 1) if end else size - 1
    if first >= size or last < first:
        raise ValueError(field)
    return Span(first, last)


def peaks(raw: Path, columns: int = PEAKS) -> list[list[float]]:
    """The loudest sample of each column, 0 to 1: a list for the caller's side, one for what the caller heard."""
    frames = raw.stat().st_size // FRAME_RAW_BYTES
    if frames == 0:
        return [[0.0], [0.0]]
    samples = np.memmap(raw, dtype="<i2", mode="r", shape=(frames, CHANNELS))
    edges = np.linspace(0, frames, min(columns, frames) + 1, dtype=np.int64)
    sides: list[list[float]] = [[], []]
    for first, last in itertools.pairwise(edges):
        loudest = np.abs(samples[first:last].astype(np.int32)).max(axis=0)
        for side in range(CHANNELS):
            sides[side].append(round(float(loudest[side]) / 32768, 3))
    return sides
