"""The chain: duty numbers rung one after the other, and side by side, for a caller whom no operator has taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotline.installation import Duty, digits
from ivr.leg import Leg

if TYPE_CHECKING:
    from ivr.ari import AriEvent
    from ivr.caller import Caller
    from ivr.floor import Floor

NEXT_AFTER_S = 20.0
ANNOUNCEMENTS = 3
"""How often a duty number hears why it rings; an answering machine never presses 1."""


class Chain:
    """One caller's chain. The caller stays with music; whoever presses 1 first is joined to them."""

    def __init__(self, floor: Floor, caller: Caller) -> None:
        self._floor, self._caller = floor, caller
        hotline = floor.installation.hotline(caller.hotline)
        self._hotline = hotline
        self._numbers = (*hotline.chain, Duty(hotline.emergency_number, hotline.emergency_number))
        self._next = 0
        self._last_s: float | None = None

    @property
    def begun(self) -> bool:
        return self._last_s is not None

    def name_of(self, dialled: str) -> str:
        """What a leg to these digits is called, so that a number rung by an earlier process is not rung twice."""
        names = {digits(duty.number): duty.name for duty in self._numbers}
        return f"chain:{names.get(dialled, dialled)}"

    def tick(self, now_s: float) -> None:
        """Ring the next number when the last has had its 20 s, or all have ended; after the last, from the beginning."""
        legs = [leg for leg in self._caller.humans.legs.values() if leg.role == "chain"]
        rung = {leg.name for leg in legs}
        due = self._last_s is None or now_s - self._last_s >= NEXT_AFTER_S
        idle = not legs and self._last_s is not None and now_s - self._last_s >= 1.0
        if not (due or idle):
            return
        duty = self._numbers[self._next % len(self._numbers)]
        name = f"chain:{duty.name}"
        self._next += 1
        self._last_s = now_s
        if name in rung:
            return
        trunk = self._floor.installation.outbound_trunk.key
        leg = self._caller.humans.new_leg(
            "chain", "chain", f"PJSIP/{digits(duty.number)}@trunk-{trunk}", name
        )
        self._floor.spawn(self._caller.humans.dial(leg, self._hotline.outbound_number))

    def announce(self, leg: Leg) -> None:
        """Say why it rings; key 1 takes the call."""
        leg.announced += 1
        if not self._floor.sounds(["chain-announcement"], "vi", self._caller.hotline):
            self._caller.humans.answered(leg)  # nobody would know that a key is asked for
            return
        self._play(leg, "chain-announcement", f"why-{leg.id}-{leg.announced}")

    def heard(self, leg: Leg, event: AriEvent) -> None:
        if event.kind == "ChannelDtmfReceived" and event.digit == "1":
            self._floor.spawn(
                self._floor.quietly(self._floor.ari.stop_playing(f"why-{leg.id}-{leg.announced}"))
            )
            self._caller.humans.answered(leg)
        elif event.kind == "ChannelDtmfReceived" and event.digit == "2":
            self._last_s = None
            self._part(leg, "declined", "chain-declined")
        elif event.kind == "PlaybackFinished" and event.playback.startswith("why-"):
            if self._caller.humans.talking is leg or leg.ending:
                return
            if leg.announced < ANNOUNCEMENTS:
                self.announce(leg)
            else:
                self._caller.humans.cancel(leg, "no_answer")
        elif event.kind == "PlaybackFinished" and event.playback.startswith("part-"):
            self._floor.spawn(self._floor.quietly(self._floor.ari.hang_up(leg.id)))

    def already_taken(self, leg: Leg) -> None:
        """Another was first: say so and let them go."""
        self._part(leg, "cancelled", "chain-already-taken")

    def _part(self, leg: Leg, why: str, prompt: str) -> None:
        leg.ending = why
        self._floor.spawn(self._floor.quietly(self._floor.ari.stop_playing(f"why-{leg.id}-{leg.announced}")))
        self._play(leg, prompt, f"part-{leg.id}")

    def _play(self, leg: Leg, prompt: str, playback: str) -> None:
        sounds = self._floor.sounds([prompt], "vi", self._caller.hotline)
        if sounds:
            self._floor.spawn(self._floor.ari.play(leg.id, playback, sounds))
        elif leg.ending:
            self._floor.spawn(self._floor.quietly(self._floor.ari.hang_up(leg.id)))
