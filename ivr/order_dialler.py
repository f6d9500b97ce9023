"""The order dialler: each second, the teams that are to be rung about an order are rung, each number by one call."""

from __future__ import annotations

import asyncio
import itertools
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hotline import order_tries
from hotline.database import reading
from hotline.events import OrderTried, now
from hotline.orders import AssignmentState, TryState
from ivr.floor import Floor
from ivr.order_call import OrderCall

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 50
OURS_FROM = 7_000_000
"""Asterisk counts its own channels from 0 and recalls from 5 million: ids of ours must never meet them."""


def _due() -> list[order_tries.Due]:
    with reading() as session:
        return order_tries.due(session, now(), AT_ONCE)


def _stands(assignments: list[str]) -> dict[str, AssignmentState]:
    with reading() as session:
        return order_tries.answered_otherwise(session, assignments)


def _left_behind(node: str, alive: list[str]) -> list[OrderTried]:
    with reading() as session:
        return [
            OrderTried(
                order_id=row.order_id, assignment_id=row.id, dial_id=row.dial_id, place=row.next_place - 1, name="",
                state=TryState.INTERRUPTED,
            )
            for row in order_tries.left_behind(session, node, alive, now())
        ]  # fmt: skip


class OrderDialler:
    """Rings teams, and leaves them in peace once they have answered otherwise."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._count = itertools.count(OURS_FROM)
        self._looked_after = False

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._floor.ari.connected:
                continue
            try:
                await self.look()
            except SQLAlchemyError as error:
                log.warning("orders cannot be read", error=type(error).__name__)

    async def look(self) -> None:
        calls = self._calls()
        stands = await asyncio.to_thread(_stands, list(calls))
        for assignment, call in calls.items():
            if assignment in stands:
                call.withdraw(stands[assignment])
        if not self._floor.record.waits:  # what waits in the journal may be a result
            await self._end_left_behind()
        hotlines = {hotline.key for hotline in self._floor.installation.hotlines}
        for due in await asyncio.to_thread(_due):
            new = due.assignment_id not in self._calls() and due.hotline in hotlines
            if new and due.dialled and self._floor.may_call_out(due.acuity):
                self._begin(due)

    def _calls(self) -> dict[str, OrderCall]:
        visits = self._floor.visits.values()
        return {v.due.assignment_id: v for v in visits if isinstance(v, OrderCall) and not v.parting}

    def _begin(self, due: order_tries.Due) -> None:
        call_id = f"{self._floor.node}-{int(time.time())}.{next(self._count)}"
        call = OrderCall(self._floor, call_id, due, self._floor.clock())
        self._floor.visits[call_id] = call
        self._floor.spawn(call.start())

    async def _end_left_behind(self) -> None:
        """A number that a dead process was ringing is rung again."""
        alive = [*self._floor.visits]
        own = "" if self._looked_after else self._floor.node  # Asterisk has told which of them live
        for told in await asyncio.to_thread(_left_behind, own, alive):
            log.warning("an order's call was left behind", dialled_as=told.dial_id)
            self._floor.tell(told)
        self._looked_after = True
