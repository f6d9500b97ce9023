"""Whether sound still comes from a browser's telephone: it sends fifty packets a second, muted or not, until its page is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.ari import AriError

if TYPE_CHECKING:
    from ivr.floor import Floor
    from ivr.leg import Leg

COUNT_EVERY_S = 0.5
SILENT_S = 1.8
"""After this long without a packet the page is gone."""


class Pulse:
    """The packets of one leg after another, counted twice a second."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._of, self._packets = "", -1
        self._moved_s = self._asked_s = 0.0
        self._asking = False

    def has_stopped(self, leg: Leg) -> bool:
        """Called at every tick; True once nothing has come from the leg for SILENT_S."""
        now_s = self._floor.clock()
        if leg.id != self._of:
            self._of, self._packets, self._moved_s = leg.id, -1, now_s
        if not self._asking and now_s - self._asked_s >= COUNT_EVERY_S:
            self._asking, self._asked_s = True, now_s
            self._floor.spawn(self._count(leg))
        return self._packets >= 0 and now_s - self._moved_s >= SILENT_S

    async def _count(self, leg: Leg) -> None:
        try:
            sound = await self._floor.ari.sound_of(leg.id)
        except AriError:
            self._moved_s = self._floor.clock()  # gone, which is told otherwise; or Asterisk is slow
            return
        finally:
            self._asking = False
        leg.quality = sound.quality()
        if leg.id == self._of and int(sound.rxcount) != self._packets:
            self._packets, self._moved_s = int(sound.rxcount), self._floor.clock()
