"""The recall dialler: each second, recalls that are due join the waiting line, where an operator is chosen for them."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.database import reading
from hotline.recalls import OWED, Recall, RecallState
from ivr.ari import Channel
from ivr.desk import Desk, NotPossible
from ivr.dialled_call import DialledCall
from ivr.floor import Floor
from ivr.leg import Leg
from ivr.recall_call import Owed, RecallCall

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 50
OURS_FROM = 5_000_000
"""Asterisk counts its own channels from 0 at each start: ids of ours must never meet them."""


def due() -> list[Owed]:
    """Recalls whose time has come; the oldest first."""
    now = e.now()
    with reading() as session:
        rows = session.scalars(
            select(Recall)
            .where(Recall.state == RecallState.DUE, Recall.next_try_at <= now)
            .order_by(Recall.due_at)
            .limit(AT_ONCE)
        ).all()
        return [_owed(session, row) for row in rows]


def no_more_owed(recall_ids: frozenset[str]) -> frozenset[str]:
    """Which of these have been cancelled or settled otherwise, as when the citizen rang themselves."""
    if not recall_ids:
        return frozenset()
    with reading() as session:
        asked = select(Recall.id).where(Recall.id.in_(recall_ids), Recall.state.not_in(OWED))
        return frozenset(session.scalars(asked))


def in_hand() -> list[Owed]:
    """Recalls that some process was dialling."""
    with reading() as session:
        rows = session.scalars(select(Recall).where(Recall.state == RecallState.DIALLING)).all()
        return [_owed(session, row) for row in rows]


def _owed(session: Session, row: Recall) -> Owed:
    waited_s = max((e.now() - row.made_at).total_seconds(), 0.0)
    call = session.get(Call, row.call_id)
    said = (call.branch, call.language) if call is not None else ()
    return Owed(
        row.id, row.call_id, row.ticket_id, row.hotline, row.number, Acuity(row.acuity), row.tries, waited_s, *said
    )  # fmt: skip


class RecallDialler:
    """Brings due recalls into the line, each once."""

    def __init__(self, floor: Floor, recordings: Path) -> None:
        self._floor, self._recordings = floor, recordings
        self._count = itertools.count(OURS_FROM)
        self._looked_after = False
        self._wanted_by: dict[str, int] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._floor.ari.connected:
                continue
            try:
                if not self._looked_after:
                    await self._resume()
                await self._look()
            except SQLAlchemyError as error:
                log.warning("recalls cannot be read", error=type(error).__name__)

    async def _look(self) -> None:
        known = self._by_recall()
        owed = {one.id: one for one in await asyncio.to_thread(due)}
        settled = await asyncio.to_thread(no_more_owed, frozenset(known))
        hotlines = {hotline.key for hotline in self._floor.installation.hotlines}
        for recall_id, call in known.items():
            if recall_id not in owed:
                call.withdraw(settled=recall_id in settled)
        for recall_id, one in owed.items():
            if recall_id not in known and one.hotline in hotlines:
                self._begin(one)
        self._floor.serve()

    def _by_recall(self) -> dict[str, RecallCall]:
        visits = self._floor.visits.values()
        return {v.owed.id: v for v in visits if isinstance(v, RecallCall)}

    def _begin(self, owed: Owed) -> None:
        call_id = f"{self._floor.node}-{int(time.time())}.{next(self._count)}"
        call = RecallCall(self._floor, call_id, owed, self._recordings, self._floor.clock())
        self._floor.visits[call_id] = call
        desk = self._floor.desks.of(self._wanted_by.pop(owed.id, None))
        if desk is not None and desk.can_be_rung:
            call.ring(desk)

    def dial(self, number: str, desk: Desk) -> None:
        """A call that this operator makes now. Raises NotPossible when their phone cannot ring."""
        if not desk.can_be_rung:
            raise NotPossible(
                "Hãy vào ca và kết thúc cuộc gọi đang có rồi gọi ra.",
                "Sign in and end the call you have, then call out.",
            )
        hotlines = self._floor.installation.hotlines
        hotline = next((h.key for h in hotlines if desk.serves(h.key)), hotlines[0].key)
        call_id = f"{self._floor.node}-{int(time.time())}.{next(self._count)}"
        owed = Owed(f"dialled-{call_id}", call_id, "", hotline, number, Acuity.NONMED, 0, 0.0)
        call = DialledCall(self._floor, call_id, owed, self._recordings, self._floor.clock(), at_once=True)
        self._floor.visits[call_id] = call
        call.ring(desk)

    def wanted_by(self, recall_id: str, operator_id: int) -> None:
        """This operator makes the call themselves: their desk is rung for it, whoever else is free."""
        self._wanted_by[recall_id] = operator_id

    async def _resume(self) -> None:
        """A recall that a dead process was dialling is due again, unless its talk goes on."""
        known = self._by_recall()
        for owed in await asyncio.to_thread(in_hand):
            if owed.id not in known:
                self._floor.tell(
                    e.RecallChanged(
                        recall_id=owed.id, call_id=owed.call_id, state=RecallState.DUE, next_try_at=e.now()
                    )
                )
        self._looked_after = True

    def take_over(self, channel: Channel, operator: Channel | None) -> bool:
        """Go on with a talk that an earlier process joined; False when citizen and operator are not both there."""
        _, _, rest = channel.app_data.partition(",citizen,")
        hotline, _, recall_id = rest.partition(",")
        if channel.state != "Up" or operator is None or operator.state != "Up":
            return False
        said = channel.variables
        acuity = Acuity(said["ACUITY"]) if said.get("ACUITY") in set(Acuity) else Acuity.ORANGE
        call_id = recall_id.removeprefix("r-")
        owed = Owed(
            recall_id, call_id, said.get("TICKET", ""), hotline, said.get("CALLER", ""), acuity, 0, 0.0
        )
        call = RecallCall(self._floor, channel.id, owed, self._recordings, self._floor.clock())
        call.begun = call.dialled = call.citizen_up = True
        phone = operator.name.removeprefix("PJSIP/").rpartition("-")[0]
        desk = self._floor.desks.at(phone)
        call.leg = Leg(operator.id, "operator", f"PJSIP/{phone}", desk.username if desk else phone, 0.0)
        call.leg.up = True
        if desk is not None:
            call.leg.operator_id = desk.operator_id
        self._floor.visits[channel.id] = call
        call.reached()  # the earlier process may have died before it said so
        return True
