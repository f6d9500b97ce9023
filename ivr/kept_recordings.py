"""Each ended call's sound, hashed and put on record once Asterisk has closed it; named as missing when it never came."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Engine, func, select

from hotline import events as e
from hotline.calls import Call, Direction, EndReason
from hotline.database import reading
from hotline.ledger import LedgerEntry
from hotline.record import Record
from hotline.recordings import BYTES_A_SECOND, Recording, relative_path

log = structlog.get_logger(__name__)

CLOSED_AFTER_S = 2.5
"""A running recording is written to once a second (32 KiB); one left alone for longer is closed."""
MISSING_AFTER_S = 60.0
LOOK_BACK = 500
"""Ledger lines of one moment may be committed in another order than their numbers: so many are read again."""
ALL_AGAIN_S = 600.0
"""How often every call is looked at, not only those that ended since."""
AT_ONCE = 50
"""Recordings hashed in one look, at most: the other jobs shall have their turn."""


@dataclass(frozen=True)
class Ended:
    """A call whose recording is not on record."""

    call_id: str
    node: str
    ended_at: datetime
    answered: bool
    """False for a call of ours that nobody took: then there is no sound to keep."""


@dataclass
class KeptRecordings:
    """What is still to be kept; `look` goes through it once."""

    engine: Engine
    record: Record
    folder: Path
    node: str
    _open: dict[str, Ended] = field(default_factory=dict)
    _cursor: int = 0
    _all_at_s: float = float("-inf")

    def look(self) -> int:
        """Tell RecordingKept of each closed file and RecordingMissing of each that never came; how many were kept."""
        self._find()
        now = e.now()
        told: list[e.Event] = []
        kept = 0
        for ended in list(self._open.values()):
            if kept == AT_ONCE:
                break
            path = self.folder / relative_path(ended.call_id)
            state = state_of(path)
            if state == "closed":
                told.append(_kept(ended, path, self.folder))
                kept += 1
            elif state == "absent" and now - ended.ended_at > timedelta(seconds=MISSING_AFTER_S):
                if ended.answered:
                    relative = str(relative_path(ended.call_id))
                    told.append(e.RecordingMissing(call_id=ended.call_id, node=ended.node, path=relative))
                    log.error("a call has no recording", call_id=ended.call_id, path=relative)
            else:
                continue
            del self._open[ended.call_id]
        if told:
            self.record.write(*told)
        return kept

    def _find(self) -> None:
        """Add the calls that ended since the last look, by the ledger's closing lines; now and then every call."""
        again = time.monotonic() - self._all_at_s > ALL_AGAIN_S
        with reading(self.engine) as session:
            last = session.scalar(select(func.max(LedgerEntry.id))) or 0
            if last == self._cursor and not again:
                return
            unkept = (
                select(Call.id, Call.node, Call.ended_at, Call.direction, Call.human_at, Call.end_reason)
                .join(LedgerEntry, LedgerEntry.subject == Call.id)
                .where(
                    LedgerEntry.kind == "call_closed",
                    LedgerEntry.id > (0 if again else self._cursor - LOOK_BACK),
                    Call.node == self.node,
                    Call.id.not_in(select(Recording.call_id)),
                    Call.id.not_in(
                        select(LedgerEntry.subject).where(LedgerEntry.kind == "recording_missing")
                    ),
                )
            )
            rows = session.execute(unkept).all()
        self._cursor = last
        if again:
            self._all_at_s = time.monotonic()
        for call_id, node, ended_at, direction, human_at, reason in rows:
            came = direction == Direction.IN and reason != EndReason.NO_CHANNEL
            answered = came or human_at is not None
            self._open.setdefault(call_id, Ended(call_id, node, ended_at, answered))


def state_of(path: Path) -> str:
    """closed, growing or absent."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return "absent"
    if found.st_size == 0:
        return "absent"
    return "closed" if time.time() - found.st_mtime > CLOSED_AFTER_S else "growing"


def _kept(ended: Ended, path: Path, folder: Path) -> e.RecordingKept:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    return e.RecordingKept(
        call_id=ended.call_id, node=ended.node, path=str(path.relative_to(folder)),
        length_s=round(size / BYTES_A_SECOND, 3), size_bytes=size, sha256=digest,
    )  # fmt: skip
