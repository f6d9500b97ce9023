"""One call to one number of a team about an order: are you the team, the order from recorded pieces, 1 yes, 2 no, 3 again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hotline import events as e
from hotline import order_tries, ordering
from hotline.database import transaction
from hotline.facts import apply
from hotline.order_tries import Due
from hotline.orders import Actor, AssignmentState, Happening, Means, TryState
from hotline.organisation import Organisation
from hotline.recordings import relative_path
from hotline.refusals import RequestRefused
from ivr.ari import AriError, AriEvent
from ivr.desk import Desk
from ivr.floor import Floor
from ivr.leg import SHOWN, Leg, outcome
from ivr.order_briefing import KEYS_PIECE, WHO_PIECE, left_s, pieces
from ivr.queue_members import Refused
from ivr.waiting_line import Waiting

log = structlog.get_logger(__name__)

ASKED_TIMES = 2
KEY_WITHIN_S = 8.0
"""From the end of what is played."""
PLAYED_WITHIN_S = 40.0
"""A playback whose end was never told is over by then."""
BRIEFED_TIMES = 3
PARTS_WITHIN_S = 12.0
LONGEST_S = 180.0
"""Whatever happens: the next number, or the level above, waits for this call's end."""
YES, NO = "5", "6"
"""Whether they are the team; not 1 and 2, so that no order is accepted by who presses 1 twice."""
T = TryState
OF_OUTCOME = {"busy": T.BUSY, "declined": T.DECLINED, "no_answer": T.NO_ANSWER, "cancelled": T.CANCELLED}
_OFF = (AssignmentState.RECALLED, AssignmentState.REPLACED)
ANSWERED_ELSEWHERE = {**dict.fromkeys(_OFF, "order-recalled")}
"""Where the assignment stands → what who is on the telephone hears; else that it was accepted already."""


@dataclass
class OrderCall:
    """A call that the hotline places to a team. No operator takes part, and nothing of it is in the waiting line."""

    floor: Floor
    id: str
    due: Due
    since_s: float
    state: TryState = T.RINGING
    begun: bool = False
    """The number is this call's to ring (hotline.order_tries)."""
    over: bool = False
    parting: bool = False
    keeper: int | None = None
    kept_s: float = 0.0
    _leg: Leg = field(default_factory=lambda: Leg("", "order", "", "", 0.0))
    _said: int = 0
    """How often the present question or briefing was begun."""
    _said_s: float = 0.0
    _key_until_s: float | None = None
    _parted_s: float = 0.0
    _decides: bool = False
    """The database is asked whether this yes is the first."""

    @property
    def _ring_s(self) -> int:
        return self.floor.installation.order_times.ring_s

    @property
    def urgency(self) -> int:
        return self.due.acuity.urgency

    def in_line(self) -> Waiting | None:
        return None

    def ring(self, desk: Desk) -> None:
        """No desk is ever chosen for it."""

    def rung(self) -> list[Desk]:
        return []

    def let_go(self, desk: Desk) -> None:
        """No desk rings for it."""

    def ring_anew(self, desk: Desk) -> None:
        """No desk rings for it."""

    def take(self, leg: Leg) -> None:
        """No operator has it."""

    def give(self, leg: Leg) -> None:
        """No operator has it."""

    def ring_back(self, desk: Desk) -> None:
        """Nobody keeps a team."""

    # -- the call --

    async def start(self) -> None:
        """Ring the number, if this call is the one that may."""
        try:
            self.begun = await asyncio.to_thread(order_tries.begin, self.due, self.id, e.now())
        except SQLAlchemyError as error:
            log.warning("an order's call cannot be taken now", call_id=self.id, error=type(error).__name__)
        if not self.begun or self.over:
            self._gone()
            return
        self.floor.calls_out()
        trunk = self.floor.installation.outbound_trunk.key
        shown = self.floor.installation.hotline(self.due.hotline).outbound_number
        self._leg.dialled_s = self.floor.clock()
        try:
            await self.floor.ari.create(
                self.id, f"PJSIP/{self.due.dialled}@trunk-{trunk}", f"order,{self.due.hotline},{self.due.assignment_id}",
                "", {SHOWN: shown},
            )  # fmt: skip
        except AriError as error:
            log.info("a team's number cannot be rung", call_id=self.id, error=str(error))
            self._end(T.FAILED)
            return
        if self.over:
            await self.floor.quietly(self.floor.ari.hang_up(self.id))

    def heard(self, event: AriEvent) -> None:
        if self.over:
            return
        up = event.kind == "ChannelStateChange" and event.channel is not None and event.channel.state == "Up"
        if event.kind == "StasisStart":
            self.floor.spawn(self.floor.ari.dial(self.id, self._ring_s))
        elif (
            event.kind == "ChannelStateChange"
            and event.channel is not None
            and event.channel.state == "Ringing"
        ):
            self._leg.ringing = True
        elif up and not self._leg.up:
            self._leg.up = True
            self.floor.spawn(self._record(event.channel.name if event.channel is not None else ""))
            self._move(T.ASKED)
            self._ask()
        elif event.kind == "ChannelDtmfReceived":
            self._key(event.digit)
        elif event.kind == "PlaybackFinished":
            self._played(event.playback)
        elif event.kind == "ChannelDestroyed":
            self._destroyed(event)

    async def _record(self, channel_name: str) -> None:
        """Kept from the first word, as a station's leg is; the worker hashes it and links it to the ticket."""
        if not channel_name or self.floor.mix_monitor is None or self.floor.recordings is None:
            return
        try:
            await self.floor.mix_monitor(
                channel_name, self.floor.recordings.absolute() / relative_path(self.id)
            )
        except Refused as error:
            log.error("a team's call is not recorded", call_id=self.id, error=str(error))

    def _destroyed(self, event: AriEvent) -> None:
        if self.parting:
            self._gone()
        elif self._leg.up:
            self._end(T.NO_KEY)
        else:
            self._end(OF_OUTCOME.get(outcome(self._leg, event.cause, event.tech_cause), T.FAILED))

    def tick(self) -> None:
        now_s = self.floor.clock()
        if self.over or not self.begun or self._decides:
            return
        if self.parting:
            if now_s - self._parted_s >= PARTS_WITHIN_S:
                self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(self.id)))
                self._gone()
        elif now_s - self.since_s >= LONGEST_S:
            self._give_up(T.NO_KEY if self._leg.up else T.NO_ANSWER)
        elif not self._leg.up:
            if now_s - self._leg.dialled_s >= self._ring_s + 5:
                self._give_up(T.NO_ANSWER)
        elif (self._key_until_s is not None and now_s >= self._key_until_s) or (
            now_s - self._said_s >= PLAYED_WITHIN_S
        ):
            if self.state is T.ASKED and self._said < ASKED_TIMES:
                self._ask()
            else:
                self._give_up(T.NO_KEY)

    # -- what is said --

    def _ask(self) -> None:
        self._say([WHO_PIECE])

    def _brief(self) -> None:
        due, floor = self.due, self.floor
        exists = lambda piece: floor.sounds_exist(piece, due.hotline, due.language)  # noqa: E731 - a name for one argument
        places = self.floor.directory.places(self.due.unit_code)
        left = left_s(self.due.due_at, e.now())
        told = pieces(self.due.acuity, self.due.category, places, left, self.due.ticket_number, exists)
        self._say([*told, KEYS_PIECE])

    def _say(self, prompts: list[str]) -> None:
        self._said += 1
        self._said_s, self._key_until_s = self.floor.clock(), None
        sounds = self.floor.sounds(prompts, self.due.language, self.due.hotline)
        if sounds:
            self.floor.spawn(self.floor.ari.play(self.id, self._playback, sounds))
        else:
            self._give_up(T.FAILED)  # nobody would know what is asked

    @property
    def _playback(self) -> str:
        return f"order-{self.id}-{self.state}-{self._said}"

    def _played(self, playback: str) -> None:
        if playback == f"part-{self.id}":
            self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(self.id)))
        elif playback == self._playback and self._key_until_s is None:
            self._key_until_s = self.floor.clock() + KEY_WITHIN_S

    # -- the keys --

    def _key(self, digit: str) -> None:
        if self.parting or self._decides:
            return
        if self.state is T.ASKED and digit in (YES, NO):
            self._hush()
            if digit == NO:
                self._part(T.STRANGER, "order-stranger")
                return
            self._move(T.BRIEFING)
            self._said = 0
            self._brief()
        elif self.state is T.BRIEFING and digit == "1":
            self._hush()
            self._decides = True
            self.floor.spawn(self._accept())
        elif self.state is T.BRIEFING and digit == "2":
            self._hush()
            self._part(T.DECLINED, "chain-declined")
        elif self.state is T.BRIEFING and digit == "3" and self._said < BRIEFED_TIMES:
            self._hush()
            self._brief()

    async def _accept(self) -> None:
        """The first yes counts, by whichever means; who is on the telephone hears which one theirs was."""
        try:
            stands = await asyncio.to_thread(accept, self.due, self.id)
        except SQLAlchemyError as error:
            log.warning("an order's yes goes to the journal", call_id=self.id, error=type(error).__name__)
            self.floor.tell(_yes(self.due))
            stands = None
            self.floor.tell(order_tries.tried(self.due, self.id, T.ACCEPTED, e.now()))
        self._decides = False
        if stands is None:
            self.state = T.ACCEPTED
            self._part(T.ACCEPTED, "order-accepted", told=True)
        else:
            self._part(T.CANCELLED, ANSWERED_ELSEWHERE.get(stands, "order-already"))

    def withdraw(self, stands: AssignmentState) -> None:
        """It was answered by another means, or recalled: who listens is told, who is only rung is left in peace."""
        if self.over or self.parting or self._decides or not self.begun:
            return
        if self._leg.up and self.state is T.BRIEFING:
            self._hush()
            self._part(T.CANCELLED, ANSWERED_ELSEWHERE.get(stands, "order-already"))
        else:
            self._give_up(T.CANCELLED)

    # -- the end --

    def _hush(self) -> None:
        self.floor.spawn(self.floor.quietly(self.floor.ari.stop_playing(self._playback)))

    def _move(self, to: TryState) -> None:
        self.state = to
        self.floor.tell(order_tries.tried(self.due, self.id, to, e.now()))

    def _part(self, how: TryState, prompt: str, *, told: bool = False) -> None:
        """Say the last word, then hang up; the result is told at once."""
        self.parting, self._parted_s = True, self.floor.clock()
        if not told:
            self._move(how)
        sounds = self.floor.sounds([prompt], self.due.language, self.due.hotline)
        if sounds:
            self.floor.spawn(self.floor.ari.play(self.id, f"part-{self.id}", sounds))
        else:
            self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(self.id)))

    def _give_up(self, how: TryState) -> None:
        self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(self.id)))
        self._end(how)

    def _end(self, how: TryState) -> None:
        if self.over:
            return
        log.info("a team was not reached", call_id=self.id, outcome=how.value, place=self.due.place)
        self._move(how)
        self._gone()

    def _gone(self) -> None:
        self.over = True
        self.floor.visits.pop(self.id, None)

    def lost(self, *, by_switch: bool) -> None:
        """Asterisk has no such channel any more, and nobody heard it go."""
        if self.parting:
            self._gone()
        elif self.begun:
            self._end(T.INTERRUPTED)


def _yes(due: Due) -> e.AssignmentMoved:
    return e.AssignmentMoved(
        order_id=due.order_id, assignment_id=due.assignment_id, state=AssignmentState.ACCEPTED,
        happening=Happening.ACCEPT, by=due.name, means=Means.TELEPHONE, team_name=due.team,
    )  # fmt: skip


def accept(due: Due, dial_id: str) -> AssignmentState | None:
    """None when this yes counts; where the assignment stands when another answer, or a recall, was first."""
    with transaction() as session:
        at = e.now()
        try:
            # A yes never climbs, so nobody above is looked for.
            ordering.act(
                session,
                due.assignment_id,
                Happening.ACCEPT,
                Actor.TEAM,
                due.name,
                Means.TELEPHONE,
                at,
                Organisation(),
            )
        except RequestRefused:
            stands = order_tries.answered_otherwise(session, [due.assignment_id])
            return stands.get(due.assignment_id, AssignmentState.RECALLED)
        apply(session, order_tries.tried(due, dial_id, T.ACCEPTED, at), "calls")
        return None
