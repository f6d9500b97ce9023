"""The order dialler: each second, the teams that are to be rung about an order are rung, each number by one call."""

from __future__ import annotations

import asyncio

from hotline import order_tries
from hotline.database import reading
from hotline.events import OrderTried, now
from hotline.orders import AssignmentState, TryState
from ivr.dialler import Dialler
from ivr.order_call import OrderCall

AT_ONCE = 50


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


class OrderDialler(Dialler):
    """Rings teams, and leaves them in peace once they have answered otherwise."""

    ids_from = 7_000_000

    async def look(self) -> None:
        calls = self._calls()
        stands = await asyncio.to_thread(_stands, list(calls))
        for assignment, call in calls.items():
            if assignment in stands:
                call.withdraw(stands[assignment])
        await self.end_left_behind()
        hotlines = {hotline.key for hotline in self._floor.installation.hotlines}
        for due in await asyncio.to_thread(_due):
            new = due.assignment_id not in self._calls() and due.hotline in hotlines
            if new and due.dialled and self._floor.may_call_out(due.acuity):
                self._begin(due)

    def left_behind(self, node: str, alive: list[str]) -> list[OrderTried]:
        return _left_behind(node, alive)

    def _calls(self) -> dict[str, OrderCall]:
        visits = self._floor.visits.values()
        return {v.due.assignment_id: v for v in visits if isinstance(v, OrderCall) and not v.parting}

    def _begin(self, due: order_tries.Due) -> None:
        call_id = self.new_id()
        call = OrderCall(self._floor, call_id, due, self._floor.clock())
        self._floor.visits[call_id] = call
        self._floor.spawn(call.start())
