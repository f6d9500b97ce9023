"""Recordings: where a call's sound lies, its length and hash, how long it is kept, and who listened."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment

RATE_HZ = 8000
BYTES_A_SECOND = 32000
"""Raw stereo signed 16-bit little-endian at 8 kHz: left is the caller, right is what the caller hears."""


class Retention(StrEnum):
    STANDARD = "standard"
    """90 days."""
    CRITICAL = "critical"
    """RED, ORANGE and disputed calls: 24 months."""


class Recording(Base):
    __tablename__ = "recording"
    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    node: Mapped[str] = mapped_column(String(8))
    ticket_id: Mapped[str] = mapped_column(String(72), index=True)
    path: Mapped[str] = mapped_column(String(200))
    """Relative to the recordings folder."""
    length_s: Mapped[float] = mapped_column()
    size_bytes: Mapped[int] = mapped_column()
    sha256: Mapped[str] = mapped_column(String(64))
    retention: Mapped[str] = mapped_column(String(16))
    kept_at: Mapped[datetime] = mapped_column(Moment)


class LegRecording(Base):
    """A station's leg recorded from its answer on, beside the call's own recording: so a private talk is kept too."""

    __tablename__ = "leg_recording"
    leg_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    node: Mapped[str] = mapped_column(String(8))
    ticket_id: Mapped[str] = mapped_column(String(72), index=True)
    path: Mapped[str] = mapped_column(String(200))
    """Relative to the recordings folder; left is the station, right is what it hears."""
    length_s: Mapped[float] = mapped_column()
    size_bytes: Mapped[int] = mapped_column()
    sha256: Mapped[str] = mapped_column(String(64))
    kept_at: Mapped[datetime] = mapped_column(Moment)


class RecordingPlay(Base):
    """Who listened to what, when."""

    __tablename__ = "recording_play"
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("recording.call_id"), index=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    at: Mapped[datetime] = mapped_column(Moment)


class LegRecordingPlay(Base):
    """Who listened to a station's leg, when."""

    __tablename__ = "leg_recording_play"
    id: Mapped[int] = mapped_column(primary_key=True)
    leg_id: Mapped[str] = mapped_column(ForeignKey("leg_recording.leg_id"), index=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    at: Mapped[datetime] = mapped_column(Moment)


def relative_path(call_id: str) -> Path:
    """Where the dialplan writes a call's sound, under the recordings folder: <first ten digits' day>/<call id>.raw.

    Call ids are "<node>-<epoch seconds>.<count>"; the folder is the epoch divided by 100,000 (a bit more than a day),
    which the dialplan can compute without a clock call.
    """
    epoch = int(call_id.partition("-")[2].partition(".")[0])
    return Path(str(epoch // 100_000)) / f"{call_id}.raw"


def leg_path(call_id: str, leg_id: str) -> Path:
    """Where a station's leg is recorded: beside the call's own sound."""
    return relative_path(call_id).with_name(f"{leg_id}.raw")
