"""The humans of one caller: phones that are rung for them, who answered first, and who left. The caller never hears silence meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import structlog

from hotline import events as e
from hotline.acuity import Acuity
from hotline.calls import EndReason
from hotline.operators import MUTED, Presence
from ivr import kept
from ivr.ari import NOT_THERE, AriError
from ivr.leg import MISSED, SHOWN, Leg, left_by_itself, outcome

if TYPE_CHECKING:
    from ivr.ari import AriEvent
    from ivr.caller import Caller
    from ivr.desk import Desk
    from ivr.floor import Floor
    from ivr.talk import Talk
    from ivr.transfer import Transfer

log = structlog.get_logger(__name__)

JOIN_TRIES = 3
UNHEARD = -1
"""In place of a cause: nobody listened when a leg ended, so its party may not have meant to go."""


class Humans:
    """Operators and duty numbers as legs of one caller; at most one of them talks."""

    def __init__(self, floor: Floor, caller: Caller) -> None:
        self._floor, self._caller = floor, caller
        self.legs: dict[str, Leg] = {}
        self.talking: Leg | None = None
        self.absent: Leg | None = None
        """Nothing comes from whom the caller talked with: others are rung, and who is heard first has them."""
        self.answered_once = False
        """A human has spoken with the caller, so leaving is no loss."""
        # A caller may come into the line again, or an earlier process have rung for them: no number is given twice.
        self._count = time.time_ns() // 1_000_000

    def ring(self, desk: Desk) -> None:
        if not self._floor.desks.change(desk, Presence.RINGING, call_id=self._caller.id):
            return
        for phone in desk.phones:
            leg = self.new_leg("op", "operator", f"PJSIP/{phone}", desk.username, desk.operator_id)
            self._floor.spawn(self.dial(leg, self._caller.number))

    def new_leg(
        self, prefix: str, role: str, endpoint: str, name: str, operator_id: int | None = None
    ) -> Leg:
        leg_id = self.new_id(prefix)
        leg = self.legs[leg_id] = Leg(leg_id, role, endpoint, name, self._floor.clock(), operator_id)
        leg.pulse.pauses = endpoint in self._floor.pausing
        return leg

    def new_id(self, prefix: str) -> str:
        """Of a leg that is, or was to be, rung for them."""
        self._count += 1
        return f"{prefix}-{self._caller.id}-{self._count}"

    async def dial(self, leg: Leg, shown_number: str, more: Mapping[str, str] | None = None) -> None:
        """Write the intent, then ring; a phone that is not there ends the leg at once."""
        ari = self._floor.ari
        await self._floor.intend(
            e.LegDialled(
                call_id=self._caller.id, leg_id=leg.id, node=self._floor.node, role=leg.role, endpoint=leg.endpoint,
                operator_id=leg.operator_id,
            )
        )  # fmt: skip
        if leg.over or leg.ending:
            self._over(leg, leg.ending or "cancelled")
            return
        variables = {"PJSIP_HEADER(add,X-Call-Id)": self._caller.id, SHOWN: shown_number, **(more or {})}
        try:
            args = ",".join((leg.role, self._caller.id, *leg.dialled))
            await ari.create(leg.id, leg.endpoint, args, self._caller.id, variables)
        except AriError as error:
            log.info(
                "a phone cannot be rung", call_id=self._caller.id, endpoint=leg.endpoint, error=str(error)
            )
            await self._floor.quietly(ari.hang_up(leg.id))
            if (waited_for := self._waited_for_by(leg)) is not None:
                waited_for.back_failed(leg)
            else:
                self._over(leg, leg.ending or "unavailable")
            return
        leg.created = True
        if leg.ending or self._caller.over:
            await self._floor.quietly(ari.hang_up(leg.id))

    async def _dial_created(self, leg: Leg) -> None:
        try:
            await self._floor.ari.dial(leg.id, leg.limit_s)
        except AriError as error:
            log.warning(
                "a phone cannot be rung", call_id=self._caller.id, endpoint=leg.endpoint, error=str(error)
            )
            self.cancel(leg, "failed")

    def took_over(self, leg: Leg) -> None:
        """A leg that an earlier process dialled."""
        self.legs[leg.id] = leg
        leg.created = True

    def give(self, leg: Leg) -> None:
        """The phone goes to another contact of its operator, who is not muted there."""
        desk = self._floor.desks.of(leg.operator_id)
        if desk is not None and desk.reason == MUTED:
            self._floor.spawn(self._floor.quietly(self._floor.ari.unmute(leg.id)))
        self.legs.pop(leg.id, None)
        if self.talking is leg:
            self.talking = None

    def receive(self, leg: Leg) -> None:
        """A phone that is up comes from another contact of its operator."""
        self.legs[leg.id] = leg
        self._floor.lent[leg.id] = self._caller.id

    def without(self, channels: Collection[str]) -> None:
        """Asterisk has only these channels: legs that ended unheard are over."""
        for leg in list(self.legs.values()):
            if leg.id not in channels and leg.created:
                self._ended(leg, UNHEARD, 0)

    def rung(self) -> list[Desk]:
        ids = dict.fromkeys(leg.operator_id for leg in self.legs.values() if not leg.ending)
        desks = (self._floor.desks.of(number) for number in ids)
        return [
            d for d in desks if d is not None and d.state is Presence.RINGING and d.call_id == self._caller.id
        ]

    def let_go(self, desk: Desk) -> None:
        for leg in list(self.legs.values()):
            if leg.operator_id == desk.operator_id and leg is not self.talking:
                self.cancel(leg, "cancelled")

    def ring_anew(self, desk: Desk) -> None:
        """The desk's telephone has become another page: the one that is no telephone any more stops ringing."""
        for leg in list(self.legs.values()):
            if leg.role == "operator" and leg.rings_at_page_of(desk.operator_id):
                self.drop(leg)
                anew = self.new_leg("op", "operator", leg.endpoint, leg.name, leg.operator_id)
                self._floor.spawn(self.dial(anew, self._caller.number))

    def cancel(self, leg: Leg, why: str, reason: str = "normal") -> None:
        """Stop ringing one phone; its desk is free at once (or paused, when it was missed)."""
        if leg.ending or leg.over:
            return
        talks_elsewhere = any(
            o.up and o is not leg and o.operator_id == leg.operator_id for o in self.legs.values()
        )
        if leg.up and not talks_elsewhere and kept.pass_on(self._floor, self._caller, leg):
            return
        leg.ending = why
        self._floor.spawn(self._floor.quietly(self._floor.ari.hang_up(leg.id, reason)))
        self._over(leg, why)

    def drop(self, leg: Leg) -> None:
        """End a leg whose page is gone or replaced; its desk keeps its state."""
        if leg.over:
            return
        leg.ending = leg.ending or "lost"
        leg.over = True
        self.legs.pop(leg.id, None)
        self._floor.tell(
            e.LegEnded(call_id=self._caller.id, leg_id=leg.id, outcome=leg.ending, quality=leg.quality)
        )
        self._floor.spawn(self._floor.quietly(self._floor.ari.hang_up(leg.id)))

    def end_all(self, why: str, reason: str = "normal") -> None:
        for leg in list(self.legs.values()):
            self.cancel(leg, why, reason)

    def heard(self, leg: Leg, event: AriEvent) -> None:
        state = event.channel.state if event.channel else ""
        if event.kind == "StasisStart":
            self._floor.spawn(self._dial_created(leg))
        elif event.kind == "ChannelStateChange" and state == "Ringing":
            leg.ringing = True
        elif event.kind == "ChannelStateChange" and state == "Up" and not leg.up:
            leg.up = True
            waited_for = self._waited_for_by(leg)
            if waited_for is not None and not leg.ending:
                waited_for.rejoined(leg, event.channel.name if event.channel else "")
            elif leg.role == "operator":
                self.answered(leg)
            elif self._caller.transfer is not None:
                self._caller.transfer.chain.answered(leg, event.channel.name if event.channel else "")
            else:
                self.cancel(leg, "cancelled")
        elif event.kind in ("ChannelHold", "ChannelUnhold"):
            leg.pulse.hold(on=event.kind == "ChannelHold")
            if leg is self.talking:
                self._caller.talk.hold_key(held=leg.pulse.on_hold)
        elif event.kind == "ChannelDestroyed":
            self._ended(leg, event.cause, event.tech_cause)
        elif leg.role == "chain" and self._caller.transfer is not None:
            self._caller.transfer.chain.heard(leg, event)

    def answered(self, leg: Leg) -> None:
        """A human is there: the first one wins, every other phone stops ringing."""
        if not self._caller.waits or leg.ending:
            if not leg.ending:
                self.cancel(leg, "cancelled")
            return
        absent, self.absent = self.absent, None
        if absent is not None and absent is not leg:
            self.give_up(absent)
        self.talking, self.answered_once, self._caller.front = leg, True, True
        desk = self._floor.desks.of(leg.operator_id)
        if desk is not None:
            how = desk.reason if leg is absent else ""
            self._floor.desks.change(desk, Presence.TALKING, how, call_id=self._caller.id)
        self._caller.do(self.connect(leg))
        if self._caller.transfer is not None and (leg.role == "operator" or leg is absent):
            self._caller.transfer.operator_answered()
        for other in list(self.legs.values()):
            if other is not leg and other.role == "operator":
                self.cancel(other, "cancelled", "answered_elsewhere")
        self._floor.serve()

    def talk_with(self, leg: Leg) -> None:
        """An operator who is there and hears them already."""
        self.legs[leg.id], self.talking, self.answered_once = leg, leg, True

    async def connect(self, leg: Leg) -> None:
        """Caller and human hear each other."""
        ari = self._floor.ari
        async with leg.moving:
            if self.legs.get(leg.id) is not leg:
                return  # ended, or with another contact already
            quiet = self._floor.quietly(ari.stop_music(self._caller.id), self._caller.announcer.hush())
            joined, _ = await asyncio.gather(self._join(leg), quiet)
        if not joined:
            return
        self._floor.tell(
            e.CallAnswered(
                call_id=self._caller.id,
                leg_id=leg.id,
                answered_by=leg.name,
                operator_id=leg.answerer,
                settles=self._caller.known_number,
            )
        )

    async def _join(self, leg: Leg) -> bool:
        """Bring the human to the caller; a human who cannot be brought is let go, and the caller waits on."""
        for _ in range(JOIN_TRIES):
            try:
                await self._floor.ari.join(self._caller.bridge, leg.id)
                return True
            except AriError as error:
                log.warning(
                    "a human could not be joined", call_id=self._caller.id, leg=leg.id, error=str(error)
                )
                if error.code == NOT_THERE:  # the bridge: everybody who answers would be refused for ever
                    await self._floor.quietly(self._caller.come_in())
                elif error.is_gone:
                    break
        if self.talking is leg and not self._caller.over:
            self.cancel(leg, "failed")
            self.wait_again("the human could not be joined")
        return False

    def _ended(self, leg: Leg, cause: int, tech_cause: int) -> None:
        was_talking = self.talking is leg
        if (waited_for := self._waited_for_by(leg)) is not None:
            waited_for.back_failed(leg)
            return
        self._over(leg, outcome(leg, cause, tech_cause))
        transfer = self._caller.transfer
        if transfer is not None and not self._caller.over and transfer.leg_ended(leg):
            return
        if not was_talking or self._caller.over:
            return
        too_soon = transfer is not None and transfer.left_too_soon(leg)
        if left_by_itself(cause) and not self._caller.talk.is_lost and not too_soon:
            self._caller.end(EndReason.SERVED)
            return
        self.wait_again(f"line lost, cause {cause}")

    def wait_again(self, why: str) -> None:
        """The human is gone and the caller is not: front of the line, with music and a word of explanation."""
        self.talking = None
        self._caller.talk.over()
        self._caller.front = True
        self._floor.tell(e.CallWaitsAgain(call_id=self._caller.id, why=why))
        self._caller.do(self._floor.ari.start_music(self._caller.id))
        self._caller.say(["operator-lost"])
        self._floor.serve()

    # -- sound --

    def listen(self) -> None:
        """Count what comes from every phone that is up; one that had gone silent and is heard again has the caller again."""
        now_s = self._floor.clock()
        for leg in self.legs.values():
            if leg.up and leg.pulse.is_due(now_s):
                self._floor.spawn(self._listen_to(leg))
        if self.absent is not None and self.absent.pulse.flows and self._caller.waits:
            log.info("a phone's sound is back", call_id=self._caller.id)
            self.answered(self.absent)

    async def _listen_to(self, leg: Leg) -> None:
        floor, pulse, paused = self._floor, leg.pulse, leg.pulse.pauses
        try:
            sound = await floor.ari.sound_of(leg.id)
        except AriError:
            pulse.missed(floor.clock())
            return
        leg.quality = sound.quality()
        pulse.counted(sound, floor.clock())
        asks = floor.phone_answers is not None and leg.phone and not leg.at_page
        # A phone that says it is there when nothing comes from it is muted in its own way: never judged again.
        if (
            asks
            and pulse.to_be_asked(floor.clock())
            and floor.phone_answers
            and await floor.phone_answers(leg.phone)
        ):
            pulse.lives()
        if pulse.pauses is not paused:
            (floor.pausing.add if pulse.pauses else floor.pausing.discard)(leg.endpoint)

    def without_sound(self, leg: Leg) -> None:
        """Nothing comes from the phone they talk with: it is not hung up, and others are rung."""
        self.absent = leg
        # In no bridge: the process after this one does not take it for somebody who talks.
        self._caller.do(self._floor.ari.set_aside(self._caller.bridge, leg.id))
        self.wait_again("no sound from the phone")

    def give_up(self, leg: Leg) -> None:
        """The caller is with others: the phone that went silent is let go, and its desk rests until somebody looks at it."""
        desk = self._floor.desks.of(leg.operator_id)
        if desk is not None and desk.call_id == self._caller.id:
            to = Presence.OFFLINE if desk.signing_out else Presence.PAUSED
            self._floor.desks.change(desk, to, "phone")
        self.drop(leg)

    def _waited_for_by(self, leg: Leg) -> Talk | Transfer | None:
        """Where this leg is the new page of somebody whose old one went silent."""
        places = (self._caller.talk, self._caller.transfer)
        return next((one for one in places if one is not None and one.back is leg), None)

    def _over(self, leg: Leg, what: str) -> None:
        if leg.over:
            return
        leg.over = True
        self.legs.pop(leg.id, None)
        if leg is self.absent:
            self.absent = None
        self._floor.tell(
            e.LegEnded(call_id=self._caller.id, leg_id=leg.id, outcome=what, quality=leg.quality)
        )
        if leg.role == "chain" and self._caller.transfer is not None:
            self._caller.transfer.chain.ended(leg, what)
        desk = self._floor.desks.of(leg.operator_id)
        if any(other.operator_id == leg.operator_id for other in self.legs.values()):
            desk = None  # their other phone rings on, or talks
        if desk is not None and desk.call_id == self._caller.id:
            missed = what in MISSED and not self._rang_for_all(leg, what)
            if desk.state is Presence.TALKING and kept.ring_back(self._floor, desk):
                pass  # they have hung up one contact, and another one waits for them
            elif desk.state is Presence.RINGING and missed and not desk.signing_out and not desk.station:
                self._floor.desks.change(desk, Presence.PAUSED, MISSED[what])
            else:
                self._floor.desks.freed(desk, self._caller.id)
        self._floor.serve()

    def _rang_for_all(self, leg: Leg, what: str) -> bool:
        """A RED caller rings the whole room: who does not take it has missed no turn of theirs, or one call would pause everybody."""
        rang_s = self._floor.clock() - leg.dialled_s
        everybody = self._caller.acuity is Acuity.RED
        rang_out = leg.ringing and what in ("no_answer", "unavailable")
        return everybody and rang_out and rang_s >= self._floor.installation.ring_s
