"""The operator's own words for a station: spoken while stations are rung, at most ten seconds, played after the briefing's pieces.

The operator stands alone in the consult bridge then and the caller has music, so the bridge is what is recorded: the same at a desk
phone and in a browser. What a station heard of it stays on record with the station's leg; the note itself goes with the hand-over.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from hotline import events as e
from hotline.transfers import NoteState, TransferState
from ivr.ari import AriError
from ivr.desk import NotPossible

if TYPE_CHECKING:
    from ivr.caller import Caller
    from ivr.floor import Floor
    from ivr.transfer import Transfer

log = structlog.get_logger(__name__)

LONGEST_S = 10
SHORTEST_S = 0.7
"""Shorter ones are a slip of the finger."""
CLOSED_WITHIN_S = 0.3
"""Asterisk closes a recording's file a moment after it is stopped."""

WITH_CALLER = NotPossible(
    "Chỉ ghi lời nhắn được khi đang gọi trạm và bạn không nói với người dân: hãy bấm “Sang trạm” trước.",
    "A note can be spoken while stations are rung and you are not with the citizen: press “To the station” first.",
)


class SpokenNote:
    def __init__(self, floor: Floor, caller: Caller, transfer: Transfer) -> None:
        self._floor, self._caller, self._transfer = floor, caller, transfer
        self.state = NoteState.NONE
        self._began_s = 0.0
        self._closed: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return f"note-{self._transfer.id}"

    def begin(self) -> None:
        """Record from now on; what was spoken before is replaced. NotPossible with the caller in the ear."""
        operator = self._transfer.operator
        if self._transfer.state is not TransferState.RINGING or operator is None:
            raise WITH_CALLER
        if self.state is not NoteState.BEGUN:
            self._began_s = self._floor.clock()
            self._is(NoteState.BEGUN)
            self._floor.spawn(self._begin(operator.id))

    async def _begin(self, operator: str) -> None:
        ari = self._floor.ari
        await self._floor.quietly(ari.stop_ring(operator))
        try:
            await ari.record_bridge(f"consult-{self._caller.id}", self.name, LONGEST_S)
        except AriError as error:
            log.warning("an operator's note is not recorded", call_id=self._caller.id, error=str(error))
            self._is(NoteState.NONE)

    def end(self) -> None:
        """Stop recording; said again does nothing."""
        if self.state is not NoteState.BEGUN:
            return
        lasted_s = self._floor.clock() - self._began_s
        self._is(NoteState.KEPT if lasted_s >= SHORTEST_S else NoteState.NONE, round(lasted_s, 1))
        self._closed = self._floor.spawn(self._end())

    async def _end(self) -> None:
        await self._floor.quietly(self._floor.ari.stop_recording(self.name))
        operator = self._transfer.operator
        if operator is not None and self._transfer.state is TransferState.RINGING:
            await self._floor.quietly(self._floor.ari.ring(operator.id))
        await asyncio.sleep(CLOSED_WITHIN_S)

    def tick(self, now_s: float) -> None:
        if self.state is NoteState.BEGUN and now_s - self._began_s >= LONGEST_S:
            self.end()

    async def media(self) -> list[str]:
        """What is played after the pieces: the note once its file is closed; nothing when none was spoken."""
        self.end()
        if self._closed is not None:
            await asyncio.wait({self._closed})
        if self.state is not NoteState.KEPT or not await self._floor.ari.is_recorded(self.name):
            return []
        return [f"recording:{self.name}"]

    def take_up(self, state: NoteState) -> None:
        """What an earlier process began is taken as far as it came."""
        if state is NoteState.NONE:
            return
        self.state = NoteState.KEPT
        self._closed = self._floor.spawn(self._end())

    async def forget(self) -> None:
        """The hand-over is over: nobody is told it any more."""
        if self.state is not NoteState.NONE:
            await self._floor.quietly(
                self._floor.ari.stop_recording(self.name), self._floor.ari.forget_recording(self.name)
            )

    def _is(self, state: NoteState, length_s: float = 0.0) -> None:
        self.state = state
        self._floor.tell(
            e.TransferNoteSpoken(
                call_id=self._caller.id, transfer_id=self._transfer.id, state=state, length_s=length_s
            )
        )  # fmt: skip
