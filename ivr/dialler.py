"""A dialler: each second while Asterisk is there it looks for whom we are to ring, and sees to what a dead process left behind."""

from __future__ import annotations

import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hotline.events import Event
from ivr.floor import Floor

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0


class Dialler(ABC):
    """Calls of ours of one kind, each begun by one look."""

    ids_from: int
    """Asterisk counts its own channels from 0 at each start, and each dialler from a number of its own: ids never meet."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._count = itertools.count(self.ids_from)
        self._looked_after = False

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._floor.ari.connected:
                continue
            try:
                await self.look()
            except SQLAlchemyError as error:
                log.warning(
                    "who is to be rung cannot be read", who=type(self).__name__, error=type(error).__name__
                )

    @abstractmethod
    async def look(self) -> None:
        """Ring who is due, let go who is not any more."""

    @abstractmethod
    def left_behind(self, node: str, alive: list[str]) -> Sequence[Event]:
        """What is to be told of calls that nobody ends: this node's that none of `alive` is, and anybody's whose time is up."""

    def new_id(self) -> str:
        return f"{self._floor.node}-{int(time.time())}.{next(self._count)}"

    async def end_left_behind(self) -> None:
        """Whom a dead process was ringing is rung again."""
        if self._floor.record.waits:
            return  # what waits in the journal may be a result
        alive = [*self._floor.visits]
        own = "" if self._looked_after else self._floor.node  # Asterisk has told which of them live
        for told in await asyncio.to_thread(self.left_behind, own, alive):
            log.warning(
                "a call of ours was left behind",
                who=type(self).__name__,
                dialled_as=getattr(told, "dial_id", ""),
            )
            self._floor.tell(told)
        self._looked_after = True
