"""The sound of stations' legs and of calls to teams, hashed and put on record once Asterisk has closed it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.calls import Leg
from hotline.database import reading
from hotline.orders import Assignment, OrderTry
from hotline.record import Record
from hotline.recordings import BYTES_A_SECOND, LegRecording, leg_path, relative_path
from hotline.tickets import Ticket
from hotline.transfers import Transfer, TransferTry
from ivr.kept_recordings import MISSING_AFTER_S, state_of

log = structlog.get_logger(__name__)

LOOK_BACK = timedelta(days=1)
_Answered = tuple[str, str, datetime, Path]
"""The leg, the call whose ticket it belongs to, its end, and where its sound lies."""


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
            legs = [*self._stations(session, now), *self._teams(session, now)]
        for leg_id, call_id, ended_at, relative in legs:
            path = self.folder / relative
            state = state_of(path)
            if state == "closed":
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    size = file.tell()
                self.record.write(
                    e.LegRecordingKept(
                        call_id=call_id, leg_id=leg_id, node=self.node, path=str(relative),
                        length_s=round(size / BYTES_A_SECOND, 3), size_bytes=size, sha256=digest,
                    )
                )  # fmt: skip
                kept += 1
                continue
            late = (now - ended_at).total_seconds() > MISSING_AFTER_S
            if state == "absent" and late and leg_id not in self._missing:
                self._missing.add(leg_id)
                log.error("a leg has no recording", call_id=call_id, leg=leg_id)
        return kept

    def _stations(self, session: Session, now: datetime) -> list[_Answered]:
        rows = session.execute(
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
        )
        return [(leg, call, ended_at, leg_path(call, leg)) for leg, call, ended_at in rows if ended_at]

    def _teams(self, session: Session, now: datetime) -> list[_Answered]:
        """Calls to teams about orders: they are nobody's call but belong to the ticket's, and their id is their channel's."""
        rows = session.execute(
            select(OrderTry.dial_id, Ticket.call_id, OrderTry.ended_at)
            .join(Assignment, Assignment.id == OrderTry.assignment_id)
            .join(Ticket, Ticket.id == Assignment.ticket_id)
            .outerjoin(LegRecording, LegRecording.leg_id == OrderTry.dial_id)
            .where(
                OrderTry.rung_at > now - LOOK_BACK,
                OrderTry.dial_id.startswith(f"{self.node}-", autoescape=True),
                OrderTry.answered_at.is_not(None),
                OrderTry.ended_at.is_not(None),
                LegRecording.leg_id.is_(None),
            )
        )
        return [(leg, call, ended_at, relative_path(leg)) for leg, call, ended_at in rows if ended_at]
