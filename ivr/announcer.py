"""The announcer: what one waiting caller is told, one thing at a time, over the music."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hotline.acuity import Acuity
from ivr.ari import AriError
from ivr.leg import sayings_of
from ivr.speech.prompts import say_position
from ivr.waiting_line import position

if TYPE_CHECKING:
    from ivr.caller import Caller
    from ivr.floor import Floor


class Announcer:
    def __init__(self, floor: Floor, caller: Caller) -> None:
        self._floor, self._caller = floor, caller
        self._playback = ""
        self._count = 0
        self._comforts = 0
        self._then: Callable[[], None] | None = None
        self.said_s = floor.clock()
        """When the last words ended."""
        self._comforted_s = self.said_s
        """When the last words ended that were not an aside."""
        self._aside = False

    @property
    def speaks(self) -> bool:
        return bool(self._playback)

    @property
    def comfort_in_s(self) -> float:
        """Until the next comfort word is due."""
        return self._comforted_s + self._floor.installation.comfort_every_s - self._floor.clock()

    def say(self, prompts: list[str], then: Callable[[], None] | None = None, *, aside: bool = False) -> None:
        """Play prompts in place of what is playing; `then` is called at their end, or at once when there are none.

        An aside comforts nobody: the next comfort word comes as if it had not been said.
        """
        self._aside = aside
        caller = self._caller
        before, sounds = self._playback, self._floor.sounds(prompts, caller.language, caller.hotline)
        names = sayings_of(caller.id)
        self._playback = names[self._count % len(names)] if sounds else ""
        self._count += 1
        self._then = then
        caller.do(self._play(before, self._playback, sounds))
        if not sounds:
            self._over()

    async def _play(self, before: str, playback: str, sounds: list[str]) -> None:
        ari = self._floor.ari
        if before:
            await self._floor.quietly(ari.stop_playing(before))
        if not sounds or playback != self._playback or self._caller.attended:
            return
        try:
            await ari.play(self._caller.id, playback, sounds)
        except AriError as error:
            self.heard_end(playback)
            if not error.is_gone:
                raise

    def heard_end(self, playback: str) -> None:
        """Asterisk has finished a playback."""
        if playback == self._playback:
            self._over()

    def found(self, playing: list[str]) -> None:
        """Nobody listened to Asterisk for a while, and this plays to the caller now; an earlier process may have begun it.

        What is there no more counts as heard, or the caller would wait for its end for ever.
        """
        names, others = sayings_of(self._caller.id), list(playing)
        if self._playback in others:
            others.remove(self._playback)
        elif self._playback:
            self._over()
        elif others:
            self._playback = others.pop()
            self._count = names.index(self._playback) + 1
        for name in others:
            self._caller.do(self._stop(name))

    def _over(self) -> None:
        then, self._then, self._playback = self._then, None, ""
        self.said_s = self._floor.clock()
        if not self._aside:
            self._comforted_s = self.said_s
        if then is not None:
            then()

    def pause(self) -> None:
        """The caller presses keys: an aside stops in mid-word, other words go on."""
        playing = self._playback
        if playing and self._aside:
            self._over()
            self._caller.do(self._stop(playing))

    async def _stop(self, playing: str) -> None:
        await self._floor.quietly(self._floor.ari.stop_playing(playing))

    async def hush(self) -> None:
        """A human is there."""
        playing, self._playback, self._then = self._playback, "", None
        if playing:
            await self._floor.quietly(self._floor.ari.stop_playing(playing))

    def tick(self) -> None:
        """Every so often a word, so that nobody believes the line is dead."""
        if self.speaks or self.comfort_in_s > 0:
            return
        self._comforts += 1
        if self._caller.acuity is Acuity.RED:
            self.say(["red-hold"])
            return
        place = position(self._floor.line(), self._caller.id)
        offer = self._comforts % 2 == 0 and not self._caller.acuity.urgent
        self.say([*(say_position(place) if place else ()), "comfort", *(["callback-offer"] if offer else [])])
