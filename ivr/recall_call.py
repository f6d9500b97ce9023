"""One recall: an operator is rung first, then the citizen whom the hotline owes a call. Once both are there it is a talk like any other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hotline import events as e
from hotline.acuity import Acuity
from hotline.calls import Direction, EndReason
from hotline.installation import digits
from hotline.operators import Presence
from hotline.recall_tries import begin
from hotline.recalls import Tried
from hotline.recordings import relative_path
from hotline.skills import HOME_LANGUAGE
from ivr.ari import AriError, AriEvent
from ivr.caller import Caller
from ivr.desk import Desk
from ivr.floor import Floor
from ivr.kept import pass_on, ring_back
from ivr.leg import MISSED, SHOWN, Leg, bridge_of, outcome
from ivr.queue_members import Refused
from ivr.talk import RETURN_RINGS_S
from ivr.waiting_line import Waiting

log = structlog.get_logger(__name__)

CITIZEN_RINGS_S = 45
ALONE_AFTER_S = 30.0
"""A RED caller who was lost is rung within a minute: so long after the loss without a desk that could be rung, before anybody is found."""


@dataclass(frozen=True)
class Owed:
    """A due recall as the database has it."""

    id: str
    call_id: str
    ticket_id: str
    hotline: str
    number: str
    acuity: Acuity
    tries: int
    waited_s: float
    branch: str = ""
    language: str = HOME_LANGUAGE
    since_loss_s: float = 0.0
    """Since they were last lost, or asked."""
    why: str = ""
    result: str = ""
    """What they are told, a key of hotline.results.RESULTS."""


@dataclass
class RecallCall:
    """A call that the hotline places; its id, and the citizen's channel's, has the form of Asterisk's own ids."""

    floor: Floor
    id: str
    owed: Owed
    recordings: Path
    since_s: float = 0.0
    begun: bool = False
    """Somebody was rung for it, so the record knows it."""
    dialled: bool = False
    """The citizen's number is this call's to dial (hotline.recall_tries)."""
    number_of_try: int = 0
    citizen_rang: bool = False
    over: bool = False
    at_once: bool = False
    """The operator has just asked for it, so their page answers by itself."""
    only_for: int | None = None
    """The operator who wants to make it themselves."""
    alone: bool = False
    """The citizen is rung first: no operator is there for them, and their minute runs out."""
    leg: Leg | None = None
    """The operator's who answered."""
    legs: dict[str, Leg] = field(default_factory=dict)
    new_page: Leg | None = None
    """The operator's page was loaded again while the citizen's phone rings."""
    page_left: bool = False
    keeper: int | None = None
    kept_s: float = 0.0
    _count: int = 0

    @property
    def is_owed(self) -> bool:
        return True

    @property
    def urgency(self) -> int:
        return self.owed.acuity.urgency

    # -- its place in the line --

    def in_line(self) -> Waiting | None:
        if self.over or self.leg is not None or self.only_for is not None or self.alone:
            return None
        waited_s = self.owed.waited_s + self.floor.clock() - self.since_s
        owed = self.owed
        return Waiting(self.id, owed.hotline, owed.acuity, waited_s, owed.branch, owed.language)

    def rung(self) -> list[Desk]:
        desks = (self.floor.desks.of(leg.operator_id) for leg in self.legs.values() if not leg.ending)
        return [d for d in desks if d is not None and d.state is Presence.RINGING and d.call_id == self.id]

    def let_go(self, desk: Desk) -> None:
        for leg in list(self.legs.values()):
            if leg.operator_id == desk.operator_id and leg is not self.leg:
                self._cancel(leg, "cancelled")

    def ring_anew(self, desk: Desk) -> None:
        for leg in list(self.legs.values()):
            if leg is not self.leg and leg.rings_at_page_of(desk.operator_id):
                self._drop(leg)
                anew = self._new_leg(desk)
                self.legs[anew.id] = anew
                self.floor.spawn(self._dial(anew, f"operator,{self.id}", "", self.owed.number))

    def tick(self) -> None:
        late_s = self.floor.installation.ring_s
        for leg in list(self.legs.values()):
            if not leg.up and self.floor.clock() - leg.dialled_s > late_s:
                self._cancel(leg, "no_answer")
        if self._has_nobody():
            self.alone = True
            self._begin()
            self.floor.spawn(self._call_citizen_alone())

    def _has_nobody(self) -> bool:
        """Whether a RED recall can wait no longer for an operator: none is rung, and none could be."""
        waits = self.owed.acuity is Acuity.RED and self.in_line() is not None and not self.legs
        waited_s = self.owed.since_loss_s + self.floor.clock() - self.since_s
        if not waits or waited_s < ALONE_AFTER_S:
            return False
        free = self.floor.desks.free(also_in_wrap_up=True)
        return not any(desk.serves(self.owed.hotline) for desk in free)

    async def _call_citizen_alone(self) -> None:
        log.warning("a RED recall is made without an operator", call_id=self.id)
        await self.floor.ari.make_bridge(bridge_of(self.id))
        await self._dial_their_number(None)

    # -- the operator --

    def ring(self, desk: Desk) -> None:
        """One desk at a time; for RED every free one, as for a caller of that level: its minute runs."""
        alone = self.owed.acuity is not Acuity.RED
        if self.over or self.leg is not None or (alone and self.legs):
            return
        if not self.floor.desks.change(desk, Presence.RINGING, call_id=self.id):
            return
        leg = self._new_leg(desk)
        self.legs[leg.id] = leg
        self._begin()
        self.floor.spawn(self._dial(leg, f"operator,{self.id}", "", self.owed.number))

    def _new_leg(self, desk: Desk) -> Leg:
        self._count += 1
        return Leg(
            f"op-{self.id}-{self._count}", "operator", f"PJSIP/{desk.phone}", desk.username, self.floor.clock(),
            desk.operator_id,
        )  # fmt: skip

    def take(self, leg: Leg) -> None:
        """The operator who asked for it is on the phone already, and keeps another contact."""
        self.legs[leg.id] = leg
        self.floor.lent[leg.id] = self.id
        self._begin()
        self._answered(leg)

    def give(self, leg: Leg) -> None:
        """The operator's phone is for another contact of theirs."""
        self.legs.pop(leg.id, None)
        self.leg = None

    def ring_back(self, desk: Desk) -> None:
        """Nobody keeps somebody whom they have not reached."""

    def _begin(self) -> None:
        if not self.begun:
            self._arrives("waiting")
            self.floor.tell(e.AcuityRaised(call_id=self.id, acuity=self.owed.acuity, why="recall"))

    def _arrives(self, state: str) -> None:
        self.begun = True
        self.floor.tell(
            e.CallArrived(
                call_id=self.id, hotline=self.owed.hotline, node=self.floor.node, caller_number=self.owed.number,
                trunk=self.floor.installation.outbound_trunk.key, direction=Direction.OUT,
                ticket_id=self.owed.ticket_id, state=state,
            )
        )  # fmt: skip

    async def _dial(self, leg: Leg, args: str, originator: str, shown: str) -> None:
        await self.floor.intend(
            e.LegDialled(
                call_id=self.id, leg_id=leg.id, node=self.floor.node, role=leg.role, endpoint=leg.endpoint,
                operator_id=leg.operator_id,
            )
        )  # fmt: skip
        if leg.over:
            return
        variables = {"PJSIP_HEADER(add,X-Call-Id)": self.id, SHOWN: shown}
        if self.at_once or leg is self.new_page:
            variables["PJSIP_HEADER(add,X-Return)"] = "1"
        if leg.role == "caller":
            # What the process after this one must know of the talk it takes over, and the dialplan of a citizen left alone.
            variables = {
                "HOTLINE": self.owed.hotline,
                "TRIAGE_DONE": "1",
                "ACUITY": self.owed.acuity,
                "TICKET": self.owed.ticket_id,
                "CALLER": self.owed.number,
            }
            variables |= {SHOWN: shown}
        try:
            await self.floor.ari.create(leg.id, leg.endpoint, args, originator, variables)
        except AriError as error:
            log.info("a phone cannot be rung", call_id=self.id, endpoint=leg.endpoint, error=str(error))
            if leg.role == "caller":
                self._not_reached(Tried.UNAVAILABLE)
            elif leg is self.new_page:
                self._drop(leg)
            else:
                self._operator_leg_over(leg, "unavailable")
            return
        if leg.over or self.over:
            await self.floor.quietly(self.floor.ari.hang_up(leg.id))

    def returned(self, desk: Desk) -> None:
        """The operator's page is a telephone again: it is connected without a ring and takes the old one's place."""
        if self.leg is None or self.leg.over or self.leg.endpoint != f"PJSIP/{desk.phone}":
            return
        if self.new_page is not None:
            self._drop(self.new_page)
        self.new_page = self._new_leg(desk)
        self.floor.spawn(self._dial(self.new_page, f"operator,{self.id}", "", self.owed.number))

    async def _new_page_is_there(self, leg: Leg) -> None:
        old, self.leg, self.new_page, self.page_left = self.leg, leg, None, False
        self.legs[leg.id] = leg
        await self.floor.ari.join(bridge_of(self.id), leg.id)
        if old is not None:
            self._drop(old)

    def _drop(self, leg: Leg) -> None:
        """End a leg whose page is gone; its desk keeps its state."""
        if leg is self.new_page:
            self.new_page = None
        self.legs.pop(leg.id, None)
        if not leg.over:
            leg.over = True
            self.floor.tell(e.LegEnded(call_id=self.id, leg_id=leg.id, outcome="lost"))
            self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(leg.id)))

    def hang_up(self) -> None:
        """The operator does not want them any more."""
        self._left()

    def _cancel(self, leg: Leg, why: str, reason: str = "normal") -> None:
        if leg is self.leg and pass_on(self.floor, self, leg):
            return
        leg.ending = why
        self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(leg.id, reason)))
        self._operator_leg_over(leg, why)

    def _operator_leg_over(self, leg: Leg, what: str) -> None:
        if leg.over:
            return
        leg.over = True
        self.legs.pop(leg.id, None)
        self.floor.tell(e.LegEnded(call_id=self.id, leg_id=leg.id, outcome=what))
        desk = self.floor.desks.of(leg.operator_id)
        if desk is not None and desk.call_id == self.id:
            missed = what in MISSED and not self._rang_for_all(leg, what)
            if desk.state is Presence.RINGING and missed and not desk.signing_out:
                self.floor.desks.change(desk, Presence.PAUSED, MISSED[what])
            elif desk.state is not Presence.TALKING or not ring_back(self.floor, desk):
                self.floor.desks.freed(desk, self.id)
        if self.only_for is not None and self.leg is None and not self.legs:
            self._end(EndReason.NOT_REACHED)  # who wanted it did not pick up; their claim holds it for them
        self.floor.serve()

    def _rang_for_all(self, leg: Leg, what: str) -> bool:
        """RED rings the whole room, which is nobody's turn (as ivr/humans.py has it)."""
        rang_out = what in ("no_answer", "unavailable")
        rang_s = self.floor.clock() - leg.dialled_s
        return self.owed.acuity is Acuity.RED and rang_out and rang_s >= self.floor.installation.ring_s

    # -- what happens --

    def heard(self, event: AriEvent) -> None:
        if event.channel is None or self.over:
            return
        if self.floor.call_of(event.channel.id)[1] == "caller":
            self._citizen_heard(event)
        elif self.new_page is not None and event.channel.id == self.new_page.id:
            self._new_page_heard(self.new_page, event)
        elif (leg := self.legs.get(event.channel.id)) is not None:
            self._operator_heard(leg, event)

    def _new_page_heard(self, leg: Leg, event: AriEvent) -> None:
        state = event.channel.state if event.channel else ""
        if event.kind == "StasisStart":
            self.floor.spawn(self.floor.ari.dial(leg.id, RETURN_RINGS_S))
        elif event.kind == "ChannelStateChange" and state == "Up" and not leg.up:
            leg.up = True
            self.floor.spawn(self._new_page_is_there(leg))
        elif event.kind == "ChannelDestroyed":
            self._drop(leg)

    def _operator_heard(self, leg: Leg, event: AriEvent) -> None:
        ari = self.floor.ari
        if event.kind == "StasisStart":
            self.floor.spawn(ari.dial(leg.id, leg.limit_s))
        elif event.kind == "ChannelStateChange" and event.channel and event.channel.state == "Up":
            if not leg.up:
                leg.up = True
                self._answered(leg)
        elif event.kind == "ChannelDestroyed":
            what, talked = outcome(leg, event.cause, event.tech_cause), leg is self.leg
            self._operator_leg_over(leg, what)
            if talked:
                self._left()

    def _answered(self, leg: Leg) -> None:
        """The first who picks up makes the call; the other phones stop ringing."""
        if self.leg is not None:
            self._cancel(leg, "cancelled")
            return
        self.leg = leg
        desk = self.floor.desks.of(leg.operator_id)
        if desk is not None:
            self.floor.desks.change(desk, Presence.TALKING, call_id=self.id)
        for other in list(self.legs.values()):
            if other is not leg:
                self._cancel(other, "cancelled", "answered_elsewhere")
        self.floor.spawn(self._call_citizen(leg))

    async def _call_citizen(self, leg: Leg) -> None:
        ari, bridge = self.floor.ari, bridge_of(self.id)
        await ari.make_bridge(bridge)
        async with leg.moving:
            if self.leg is leg:
                await ari.join(bridge, leg.id)
        said = self.floor.sounds(["callback-to-operator"], "vi", self.owed.hotline)
        if said:
            await self.floor.quietly(ari.play(leg.id, f"why-{leg.id}", said))
        if self.over or leg.over or self.leg is None:
            return
        await self._dial_their_number(leg)

    async def _dial_their_number(self, leg: Leg | None) -> None:
        """Only once this call is the one that makes it, and the trunk has a channel for it."""
        if not self.floor.may_call_out(self.owed.acuity):
            log.warning("the trunk has no channel for a call of ours", call_id=self.id)
            self._end(EndReason.NOT_REACHED)
            return
        try:
            self.number_of_try = await self._take(leg)
        except SQLAlchemyError as error:
            log.warning("a recall cannot be taken now", call_id=self.id, error=type(error).__name__)
        if not self.number_of_try:
            log.info("a recall is somebody else's by now", call_id=self.id, recall=self.owed.id)
            self._end(EndReason.NOT_REACHED)
            return
        self.dialled = True
        if self.over or (leg is not None and leg.over):
            self._tried(Tried.NOT_DIALLED)
            return
        self.floor.calls_out()
        trunk = self.floor.installation.outbound_trunk.key
        number = digits(self.owed.number)
        number = "0" + number.removeprefix("84") if self.owed.number.startswith("+84") else number
        citizen = Leg(self.id, "caller", f"PJSIP/{number}@trunk-{trunk}", "citizen", self.floor.clock())
        args = f"citizen,{self.owed.hotline},{self.owed.id}"
        shown = self.floor.installation.hotline(self.owed.hotline).outbound_number
        await self._dial(citizen, args, leg.id if leg is not None else "", shown)

    async def _take(self, leg: Leg | None) -> int:
        """Which try this is; 0 when it is not to be made, or another process makes it."""
        operator_id = leg.operator_id if leg is not None else None
        return await asyncio.to_thread(begin, self.owed.id, self.id, e.now(), operator_id)

    def _citizen_heard(self, event: AriEvent) -> None:
        if event.kind == "StasisStart":
            self.floor.spawn(self._dial_citizen())
        elif event.kind == "ChannelStateChange" and event.channel and event.channel.state == "Ringing":
            self.citizen_rang = True
        elif event.kind == "ChannelStateChange" and event.channel and event.channel.state == "Up":
            if self.leg is not None:
                self._talk(event.channel.name, self.leg)
            elif self.alone:
                self._comes_into_the_line(event.channel.name)
        elif event.kind == "ChannelDestroyed":
            self._not_reached(_tried(event, rang=self.citizen_rang))

    async def _dial_citizen(self) -> None:
        # In the bridge before it rings: the operator hears the ringing, or what the network says.
        await self.floor.ari.join(bridge_of(self.id), self.id)
        await self.floor.ari.dial(self.id, CITIZEN_RINGS_S)

    def _caller(self) -> Caller:
        """The citizen is there: from here on they are a caller like any other, first of their level."""
        self.over = True
        self._tried(Tried.REACHED)  # nothing is owed any more; who leaves the line again is owed a new call
        now_s, owed = self.floor.clock(), self.owed
        caller = Caller(
            floor=self.floor, id=self.id, hotline=owed.hotline, trunk=self.floor.installation.outbound_trunk.key,
            number=owed.number, acuity=owed.acuity, branch=owed.branch, language=owed.language, queued_s=now_s,
            answered_by_machine_s=now_s, front=True, owed=self.is_owed,
        )  # fmt: skip
        caller.begin()
        return caller

    def _comes_into_the_line(self, channel_name: str) -> None:
        """Nobody was free to ring them: they hear who calls, and every desk and, at once, the duty numbers are rung for them."""
        caller = self._caller()
        caller.red_since_s, caller.message = caller.queued_s, "callback-to-citizen"
        caller.do(self._record(channel_name))
        caller.enter()
        self.floor.serve()

    def _talk(self, channel_name: str, leg: Leg) -> None:
        caller = self._caller()
        caller.humans.talk_with(leg)
        caller.do(self._greet(channel_name, leg, caller.known_number))
        if self.page_left:
            caller.talk.lose("the page was left while the citizen's phone rang")
        if self.new_page is not None:
            caller.humans.took_over(self.new_page)
            caller.talk.back = self.new_page

    async def _greet(self, channel_name: str, leg: Leg, known_number: str) -> None:
        """Recorded from the first word; the citizen is told who calls and that the call is recorded."""
        await self._record(channel_name)
        self.floor.tell(
            e.CallAnswered(
                call_id=self.id, leg_id=leg.id, answered_by=leg.name, operator_id=leg.operator_id, settles=known_number
            )
        )  # fmt: skip
        ari = self.floor.ari
        said = self.floor.sounds(["callback-to-citizen"], "vi", self.owed.hotline)
        await self.floor.quietly(ari.stop_playing(f"why-{leg.id}"))
        if said:
            await self.floor.quietly(ari.play(self.id, f"who-{self.id}", said))

    async def _record(self, channel_name: str) -> None:
        path = self.recordings.absolute() / relative_path(self.id)
        if self.floor.mix_monitor is not None:
            try:
                await self.floor.mix_monitor(channel_name, path)
            except Refused as error:
                log.error("a recall is not recorded", call_id=self.id, error=str(error))

    # -- the end --

    def lost(self, *, by_switch: bool) -> None:
        """Asterisk has no such channel any more."""
        if self.leg is not None:
            self._left()
        elif self.alone and self.dialled:
            self._not_reached(Tried.INTERRUPTED)

    def _left(self) -> None:
        """The operator's line is gone and the citizen has not answered yet."""
        self._not_reached(Tried.OPERATOR_LEFT)

    def _not_reached(self, why: Tried) -> None:
        log.info("a citizen was not reached", call_id=self.id, outcome=why, number_of_try=self.number_of_try)
        if self.dialled:
            self._tried(why)
        self._end(EndReason.NOT_REACHED)

    def _tried(self, what: Tried) -> None:
        self.floor.tell(
            e.RecallTried(
                recall_id=self.owed.id, call_id=self.owed.call_id, dial_id=self.id, outcome=what,
                number_of_try=self.number_of_try,
            )
        )  # fmt: skip

    def _end(self, reason: EndReason) -> None:
        if self.over:
            return
        self.over = True
        for leg in list(self.legs.values()):
            self._cancel(leg, "answered" if leg is self.leg else "cancelled")
        if self.new_page is not None:
            self._drop(self.new_page)
        self.floor.visits.pop(self.id, None)
        if self.begun:
            self.floor.tell(e.CallEnded(call_id=self.id, reason=reason))
        ari = self.floor.ari
        self.floor.spawn(self.floor.quietly(ari.hang_up(self.id), ari.end_bridge(bridge_of(self.id))))
        self.floor.serve()

    def withdraw(self, *, settled: bool) -> None:
        """Not due now. One that is settled, as when the citizen rang themselves, stops ringing too."""
        if not self.dialled or settled:
            self._end(EndReason.NOT_REACHED)


def _tried(event: AriEvent, *, rang: bool) -> Tried:
    """A phone that rang and gave no reason was there: nobody picked up."""
    what = outcome(Leg("", "caller", "", "", 0.0), event.cause, event.tech_cause)
    what = {"no_channel": "failed", "unavailable": "no_answer" if rang else "unavailable"}.get(what, what)
    return Tried(what) if what in set(Tried) else Tried.NO_ANSWER
