"""The sound of stations' legs, hashed and put on record once Asterisk has closed it: briefings, private talks, hand-overs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import Engine, select

from hotline import events as e
from hotline.calls import Leg
from hotline.database import reading
from hotline.record import Record
from hotline.recordings import BYTES_A_SECOND, LegRecording, leg_path
from hotline.transfers import Transfer, TransferTry
from ivr.kept_recordings import MISSING_AFTER_S, state_of

log = structlog.get_logger(__name__)

LOOK_BACK = timedelta(days=1)


@dataclass
class KeptLegRecordings:
    engine: Engine
    record: Record
    folder: Path
    node: str
    _missing: set[str] = field(default_factory=set)

    def look(self) -> int:
        """Tell LegRecordingKept of each closed file of a leg that was answered and is over; how many were kept."""
        now, kept = e.now(), 0
        with reading(self.engine) as session:
            legs = session.execute(
                select(Leg.id, Leg.call_id, Leg.ended_at)
                .join(TransferTry, TransferTry.leg_id == Leg.id)
                .join(Transfer, Transfer.id == TransferTry.transfer_id)
                .outerjoin(LegRecording, LegRecording.leg_id == Leg.id)
                .where(
                    Transfer.asked_at > now - LOOK_BACK,
                    Leg.node == self.node,
                    TransferTry.answered_at.is_not(None),
                    Leg.ended_at.is_not(None),
                    LegRecording.leg_id.is_(None),
                )
            ).all()
        for leg_id, call_id, ended_at in legs:
            path = self.folder / leg_path(call_id, leg_id)
            state = state_of(path)
            if state == "closed":
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    size = file.tell()
                self.record.write(
                    e.LegRecordingKept(
                        call_id=call_id, leg_id=leg_id, node=self.node, path=str(path.relative_to(self.folder)),
                        length_s=round(size / BYTES_A_SECOND, 3), size_bytes=size, sha256=digest,
                    )
                )  # fmt: skip
                kept += 1
                continue
            late = (now - ended_at).total_seconds() > MISSING_AFTER_S
            if state == "absent" and late and leg_id not in self._missing:
                self._missing.add(leg_id)
                log.error("a station's leg has no recording", call_id=call_id, leg=leg_id)
        return kept
