"""The recall dialler: each second, recalls that are due join the waiting line, where an operator is chosen for them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline import recall_tries
from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.database import reading
from hotline.recalls import OWED, RESULT, RESULTS, Recall, Tried
from hotline.results import last_result
from hotline.skills import HOME_LANGUAGE
from ivr.ari import Channel
from ivr.contacts import can_part, free_phone
from ivr.desk import Desk, NotPossible
from ivr.dialled_call import DialledCall
from ivr.dialler import Dialler
from ivr.floor import Floor
from ivr.leg import Leg
from ivr.recall_call import Owed, RecallCall
from ivr.result_call import ResultCall

AT_ONCE = 300
WISH_LASTS_S = 10.0


def due(wanted: Collection[str] = ()) -> list[Owed]:
    """Recalls whose time has come, the most urgent first; what operators claimed only if they want it now."""
    with reading() as session:
        return [_owed(session, row) for row in recall_tries.due(session, e.now(), AT_ONCE, wanted)]


def no_more_owed(recall_ids: frozenset[str]) -> frozenset[str]:
    """Which of these have been cancelled or settled otherwise, as when the citizen rang themselves."""
    if not recall_ids:
        return frozenset()
    with reading() as session:
        asked = select(Recall.id).where(Recall.id.in_(recall_ids), Recall.state.not_in(OWED))
        return frozenset(session.scalars(asked))


def left_behind(node: str, alive: Collection[str]) -> list[Recall]:
    """Recalls that some process began to dial and will not end."""
    with reading() as session:
        return recall_tries.left_behind(session, node, alive, e.now())


def _owed(session: Session, row: Recall) -> Owed:
    waited_s = max((e.now() - row.waits_since).total_seconds(), 0.0)
    call = session.get(Call, row.call_id)
    branch, language = (call.branch, call.language) if call is not None else ("", HOME_LANGUAGE)
    since_loss_s = max((e.now() - row.made_at).total_seconds(), 0.0)
    return Owed(
        row.id, row.call_id, row.ticket_id, row.hotline, row.number, Acuity(row.acuity), row.tries, waited_s, branch,
        language, since_loss_s, row.why, last_result(session, row.ticket_id) if row.why in RESULTS else "",
    )  # fmt: skip


@dataclass
class _Wanted:
    """An operator's wish to make one call themselves."""

    operator_id: int
    since_s: float
    begun: bool = False

    def lasts(self, now_s: float, *, rings: bool) -> bool:
        """Their phone rings for it once; a wish that finds nothing to ring for is soon forgotten."""
        return rings if self.begun else now_s - self.since_s < WISH_LASTS_S


class RecallDialler(Dialler):
    """Brings due recalls into the line, each once."""

    ids_from = 5_000_000

    def __init__(self, floor: Floor, recordings: Path) -> None:
        super().__init__(floor)
        self._recordings = recordings
        self._wanted: dict[str, _Wanted] = {}

    async def look(self) -> None:
        known = self._by_recall()
        now_s = self._floor.clock()
        self._wanted = {i: w for i, w in self._wanted.items() if w.lasts(now_s, rings=i in known)}
        owed = {one.id: one for one in await asyncio.to_thread(due, [*self._wanted])}
        settled = await asyncio.to_thread(no_more_owed, frozenset(known))
        hotlines = {hotline.key for hotline in self._floor.installation.hotlines}
        for recall_id, call in known.items():
            if recall_id not in owed:
                call.withdraw(settled=recall_id in settled)
        for recall_id, one in owed.items():
            new = recall_id not in self._by_recall() and one.hotline in hotlines
            if new and self._floor.may_call_out(one.acuity):
                self._begin(one)
        await self.end_left_behind()
        self._floor.serve()

    def left_behind(self, node: str, alive: list[str]) -> list[e.RecallTried]:
        """A recall that a dead process was dialling is due again, unless its talk goes on."""
        return [
            e.RecallTried(
                recall_id=row.id, call_id=row.call_id, dial_id=row.dial_id, outcome=Tried.INTERRUPTED,
                number_of_try=row.tries,
            )
            for row in left_behind(node, alive)
        ]  # fmt: skip

    def _by_recall(self) -> dict[str, RecallCall]:
        visits = self._floor.visits.values()
        return {v.owed.id: v for v in visits if isinstance(v, RecallCall)}

    def _begin(self, owed: Owed) -> None:
        call_id = self.new_id()
        call = RecallCall(self._floor, call_id, owed, self._recordings, self._floor.clock())
        wanted = self._wanted.get(owed.id)
        if owed.why == RESULT and wanted is None:
            self._tell_result(call_id, owed)
            return
        if wanted is not None:
            wanted.begun, call.only_for = True, wanted.operator_id
            desk = self._floor.desks.of(wanted.operator_id)
            if desk is not None and desk.can_be_rung:
                self._floor.visits[call_id] = call
                call.ring(desk)
            elif desk is not None and can_part(self._floor, desk):
                with suppress(
                    NotPossible
                ):  # a hand-over has begun, or the line is being reconnected: the wish is over
                    leg = free_phone(self._floor, desk)
                    self._floor.visits[call_id] = call
                    call.take(leg)
            return
        self._floor.visits[call_id] = call

    def _tell_result(self, call_id: str, owed: Owed) -> None:
        """By the machine, with a channel that no emergency needs."""
        if not self._floor.may_call_out(Acuity.NONMED):
            return
        call = ResultCall(self._floor, call_id, owed, self._recordings, self._floor.clock())
        if call.can_be_said:
            self._floor.visits[call_id] = call
            call.start()

    def dial(self, number: str, desk: Desk, leg: Leg | None = None) -> None:
        """A call that this operator makes now, with their phone if it is up. Raises NotPossible when it cannot ring."""
        if leg is None and not desk.can_be_rung:
            raise NotPossible(
                "Hãy vào ca và kết thúc cuộc gọi đang có rồi gọi ra.",
                "Sign in and end the call you have, then call out.",
            )
        if not self._floor.may_call_out(Acuity.NONMED):
            raise NotPossible(
                "Trung kế sắp hết kênh, phần còn lại dành cho cấp cứu: hãy gọi lại sau ít phút.",
                "The trunk is nearly full, and the rest is kept for emergencies: try again in some minutes.",
            )
        hotlines = self._floor.installation.hotlines
        hotline = next((h.key for h in hotlines if desk.serves(h.key)), hotlines[0].key)
        call_id = self.new_id()
        owed = Owed(f"dialled-{call_id}", call_id, "", hotline, number, Acuity.NONMED, 0, 0.0)
        call = DialledCall(self._floor, call_id, owed, self._recordings, self._floor.clock(), at_once=True)
        self._floor.visits[call_id] = call
        if leg is not None:
            call.take(leg)
        else:
            call.ring(desk)

    def wanted_by(self, recall_id: str, operator_id: int) -> None:
        """This operator makes the call themselves: their desk is rung for it, whoever else is free."""
        self._wanted[recall_id] = _Wanted(operator_id, self._floor.clock())

    def talks(self, channel: Channel) -> None:
        """A citizen whom an earlier process had rung is on the line: it may have died before it said that nothing is owed any more."""
        recall_id = channel.app_data.rpartition(",")[2]
        self._floor.tell(
            e.RecallTried(
                recall_id=recall_id, call_id=recall_id.removeprefix("r-"), dial_id=channel.id, outcome=Tried.REACHED,
                number_of_try=0,
            )
        )  # fmt: skip
