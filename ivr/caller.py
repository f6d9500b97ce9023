"""A caller in the line: waits, is comforted, is answered, and is never left alone in silence.

The caller owns the bridge `call-<id>`, which lives as long as they do; operators and duty numbers are legs that come and go.
What happened is taken in at once and in order; what Asterisk must then do is done by one task a caller, in the same order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from hotline import events as e
from hotline.acuity import Acuity, higher
from hotline.calls import EndReason
from hotline.directory import Line, NotInDirectory
from hotline.operators import Presence
from hotline.transfers import TransferState
from ivr.announcer import Announcer
from ivr.area_question import AreaQuestion
from ivr.ari import ELSEWHERE, NOT_THERE, AriError, AriEvent, Channel
from ivr.desk import Desk, NotPossible
from ivr.floor import Floor
from ivr.humans import Humans
from ivr.leg import Leg, bridge_of, consult_of, held_of
from ivr.other_ways import OtherWays
from ivr.planning import plan
from ivr.recall import matches_nobody
from ivr.talk import Talk
from ivr.transfer import CHANGED, Transfer
from ivr.waiting_line import Waiting

log = structlog.get_logger(__name__)

CHAIN_AFTER_S = {Acuity.RED: 10.0, Acuity.ORANGE: 60.0}
LEFT_AFTER_S = 0.5
ENTER_TRIES = 3
AGAIN_S = 1.0
"""Between two requests to go on in the dialplan."""


@dataclass
class Caller:
    floor: Floor
    id: str
    hotline: str
    trunk: str = ""
    number: str = ""
    """E.164, empty when withheld."""
    callback: str = ""
    """The number that somebody who withholds theirs has given."""
    same_operator: int | None = None
    """Whom a caller who rings again within minutes spoke with."""
    acuity: Acuity = Acuity.ORANGE
    branch: str = ""
    language: str = "vi"
    message: str = ""
    """Prompt the caller hears while the first phone rings."""
    queued_s: float = 0.0
    answered_by_machine_s: float = 0.0
    red_since_s: float | None = None
    front: bool = False
    owed: bool = True
    """A call is owed to them when they are lost; not to whom an operator called of their own accord."""
    leaving: EndReason | None = None
    """Set when the caller goes another way than to a human; their goodbye is playing."""
    going: str = ""
    """The context of the dialplan they are about to go on in; no phone rings for them any more."""
    over: bool = False
    humans: Humans = field(init=False)
    talk: Talk = field(init=False)
    transfer: Transfer | None = None
    """The hand-over that goes on, or the last one."""
    announcer: Announcer = field(init=False)
    ways: OtherWays = field(init=False)
    area: AreaQuestion = field(init=False)
    _steps: asyncio.Queue[Coroutine[Any, Any, None]] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        self.humans = Humans(self.floor, self)
        self.talk = Talk(self.floor, self)
        self.announcer = Announcer(self.floor, self)
        self.ways = OtherWays(self.floor, self)
        self.area = AreaQuestion(self.floor, self)

    @property
    def bridge(self) -> str:
        return bridge_of(self.id)

    @property
    def waits(self) -> bool:
        nobody = self.humans.talking is None and self.keeper is None
        return nobody and self.leaving is None and not self.going and not self.over

    @property
    def keeper(self) -> int | None:
        """The operator who keeps them while they speak with another contact."""
        return self.talk.keeper

    @property
    def kept_s(self) -> float:
        return self.talk.kept_s

    @property
    def urgency(self) -> int:
        return self.acuity.urgency

    @property
    def attended(self) -> bool:
        """A human hears them now: no words over music reach them."""
        held = self.transfer is not None and self.transfer.holds_caller
        return self.talk.hears_operator and not held

    @property
    def known_number(self) -> str:
        """Their number if it says who rings; a shared, withheld or service number says nothing."""
        shared = self.floor.installation.hotline(self.hotline).shared_numbers
        return "" if matches_nobody(self.number, shared) else self.number

    # -- beginning --

    @classmethod
    def from_channel(cls, floor: Floor, channel: Channel, hotline: str, waited_s: float = 0.0) -> Caller:
        """What the channel's variables say; an unfinished triage counts with the higher of failsafe and level reached."""
        said = channel.variables
        reached = [_acuity(said.get(name)) for name in ("ACUITY", "ACUITY_REACHED")]
        if said.get("TRIAGE_DONE") == "1":
            acuity = reached[0] or Acuity.ORANGE
        else:
            acuity = higher(reached[0] or Acuity.ORANGE, reached[1] or Acuity.NONMED)
        now_s = floor.clock()
        caller = cls(
            floor=floor, id=channel.id, hotline=said.get("HOTLINE") or hotline, trunk=said.get("TRUNK", ""),
            number=said.get("CALLER") or channel.caller_number, acuity=acuity, branch=_branch(said),
            language=said.get("LANGUAGE_CODE") or "vi", message=said.get("MESSAGE", ""),
            queued_s=now_s - waited_s, answered_by_machine_s=now_s - channel.age_s, callback=said.get("CALLBACK", ""),
            same_operator=_number(said.get("SAME_OPERATOR")),
        )  # fmt: skip
        caller.red_since_s = caller.queued_s if acuity is Acuity.RED else None
        caller.begin()
        return caller

    def begin(self) -> None:
        """Look after them from now on."""
        self.floor.visits[self.id] = self
        self.floor.spawn(self._work())

    def enter(self) -> None:
        """The channel has come from the dialplan: it gets its bridge and music, hears its message, and is in the line."""
        self.floor.tell(e.CallQueued(call_id=self.id, hotline=self.hotline, acuity=self.acuity))
        self.do(self._enter())

    async def _enter(self) -> None:
        for _ in range(ENTER_TRIES):
            try:
                await self.come_in()
                break
            except AriError as error:
                log.warning("a caller could not be brought in", call_id=self.id, error=str(error))
                if self.over:
                    return
        else:
            # Without a bridge nobody could be joined to them: they would sit in silence.
            self.leave_to("fallback")
            return
        if self.humans.talking is None:
            await self.floor.ari.start_music(self.id)
            if self.waits and not self.announcer.speaks:
                self.say([self.message] if self.message else ["please-hold"])

    async def come_in(self) -> None:
        """The bridge, and the caller in it; once more is no harm."""
        ari = self.floor.ari
        # The dead-man timer first: it is what rescues the caller if this process hangs before it gets here.
        await ari.set_variable(self.id, "TIMEOUT(absolute)", "0")
        await asyncio.gather(ari.watch(f"channel:{self.id}"), ari.make_bridge(self.bridge))
        await ari.join(self.bridge, self.id)

    # -- what happens --

    def heard(self, event: AriEvent) -> None:
        if event.channel is None or self.over:
            return
        channel = event.channel
        _, role = self.floor.call_of(channel.id)
        if role != "caller":
            leg = self.humans.legs.get(channel.id)
            if leg is not None:
                self.humans.heard(leg, event)
            elif event.kind in ("StasisStart", "ChannelStateChange"):
                # Given up already, and yet it lives: whoever answers it would sit in silence.
                self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(channel.id)))
            return
        if event.kind == "ChannelDtmfReceived":
            self.key(event.digit)
        elif event.kind == "PlaybackFinished":
            self.announcer.heard_end(event.playback)
        elif event.kind in ("ChannelDestroyed", "ChannelHangupRequest"):
            self._gone()
        elif event.kind == "StasisEnd":
            self.floor.spawn(self._left_or_gone())

    def key(self, digit: str) -> None:
        """Key 1 while waiting is an emergency, from anywhere; key 2 below ORANGE asks for a callback; 3 to 9 name the area."""
        if self.humans.talking is not None or self.keeper is not None or self.over:
            return
        if (not self.acuity.urgent and self.ways.key(digit)) or self.area.key(digit):
            return
        if digit == "1":
            self.raise_to(Acuity.RED, "key 1")

    def raise_to(self, acuity: Acuity, why: str, by: str = "", *, told: bool = False) -> bool:
        """More urgent from now on; False when it is so already or the caller has gone.

        `by` is a username; `told` when the desk has put the fact in the record itself.
        """
        if self.over or acuity <= self.acuity:
            return False
        before, self.acuity = self.acuity, acuity
        if not told:
            self.floor.tell(e.AcuityRaised(call_id=self.id, acuity=acuity, why=why, before=before, by=by))
        if acuity is Acuity.RED:
            self.red_since_s = self.floor.clock()
        # For the dialplan's own fallback, and for the process after this one.
        for variable in ("ACUITY", "CDR(acuity)"):
            self.do(self.floor.ari.set_variable(self.id, variable, acuity))
        if acuity.urgent:
            self.ways.withdrawn()
        if self.humans.talking is None:
            self.say(["raised-to-red" if acuity is Acuity.RED else "please-hold"])
        self.floor.serve()
        return True

    def tick(self) -> None:
        """Comfort, missed rings, the chain, and the end of patience below ORANGE."""
        self.humans.listen()
        self.talk.tick()
        now_s = self.floor.clock()
        if self.transfer is not None and self.leaving is None and not self.over:
            self.transfer.tick(now_s)
        if not self.waits or (self.transfer is not None and self.transfer.holds_caller):
            return
        for leg in list(self.humans.legs.values()):
            patient = leg.role != "operator" or leg.up or self.acuity is Acuity.RED
            if not patient and now_s - leg.dialled_s > self.floor.installation.ring_s:
                self.humans.cancel(leg, "no_answer")
        after_s = CHAIN_AFTER_S.get(self.acuity)
        if after_s is not None:
            since_s = self.red_since_s if self.red_since_s is not None else self.queued_s
            nobody = self.acuity is Acuity.RED and self._nobody_free()
            if (nobody or now_s - since_s >= after_s) and not self.handing_over:
                self._hand_over_directly()
        elif not self.handing_over:
            self.ways.tick(now_s)
        if self.waits:
            self.area.tick(now_s)
            self.announcer.tick()

    def _nobody_free(self) -> bool:
        """No operator's phone rings for them, and none could: then a RED caller's duty numbers are rung at once."""
        legs, absent = self.humans.legs.values(), self.humans.absent
        rung = any(leg.role == "operator" and leg is not absent for leg in legs)
        free = self.floor.desks.free(also_in_wrap_up=True)
        return not rung and not any(desk.serves(self.hotline) for desk in free)

    def in_line(self) -> Waiting | None:
        if not self.waits or (self.transfer is not None and self.transfer.holds_caller):
            return None
        waited_s = self.floor.clock() - self.queued_s
        return Waiting(
            self.id,
            self.hotline,
            self.acuity,
            waited_s,
            self.branch,
            self.language,
            self.front,
            self.same_operator,
        )

    def say(self, prompts: list[str], then: Callable[[], None] | None = None) -> None:
        """What the caller hears next, in place of what they hear."""
        self.announcer.say(prompts, then)

    def ring(self, desk: Desk) -> None:
        self.humans.ring(desk)

    def rung(self) -> list[Desk]:
        return self.humans.rung()

    def take(self, leg: Leg) -> None:
        """An operator's phone that is up: of who keeps them, or of who takes them from the line beside another contact."""
        if self.keeper is not None:
            self.talk.taken_up(leg)
        else:
            self.humans.receive(leg)
            self.humans.answered(leg)

    def give(self, leg: Leg) -> None:
        self.humans.give(leg)

    def ring_back(self, desk: Desk) -> None:
        self.talk.ring_back(desk)

    def let_go(self, desk: Desk) -> None:
        self.humans.let_go(desk)

    def ring_anew(self, desk: Desk) -> None:
        self.humans.ring_anew(desk)
        if self.transfer is not None:
            self.transfer.chain.ring_anew(desk)

    # -- hand-overs --

    @property
    def handing_over(self) -> bool:
        return self.transfer is not None and self.transfer.live

    def new_transfer(self, kind: str, state: TransferState, station: str = "") -> Transfer:
        number = self.transfer.number + 1 if self.transfer is not None else 1
        self.transfer = Transfer(self.floor, self, number, kind, state, station)
        return self.transfer

    def _hand_over_directly(self) -> None:
        """No operator has taken them in time: stations are rung beside the desks."""
        transfer = self.new_transfer("direct", TransferState.DIRECT)
        self.floor.spawn(self._plan_directly(transfer))

    async def _plan_directly(self, transfer: Transfer) -> None:
        lines, card = await plan(self)
        absent = self.humans.absent
        if absent is not None:  # the number that has just gone silent comes last
            lines = tuple(sorted(lines, key=lambda line: line.dialled in absent.endpoint))
        if transfer.live:
            transfer.begin(None, lines, card)

    async def hand_over(
        self, desk: Desk, station: str, card: dict[str, Any], number: str = "", colleague: int = 0
    ) -> None:
        """The operator wants a station, or a colleague, beside the caller; NotPossible in a sentence."""
        leg = self.humans.talking
        if leg is None or leg.operator_id != desk.operator_id:
            raise NotPossible(
                "Bạn không đang nói chuyện với người gọi này: chỉ người đang nghe mới chuyển được.",
                "You are not talking with this caller: only who talks can hand them over.",
            )
        if self.handing_over:
            raise NotPossible(
                "Cuộc gọi này đang được chuyển: hãy hủy lần chuyển trước rồi chuyển lại.",
                "This call is being handed over: cancel that first, then try again.",
            )
        if colleague:
            line_to = self._line_to(colleague, desk)
            self.new_transfer("conference", TransferState.RINGING).begin(leg, (line_to,), card)
            return
        hotline, at = self.floor.installation.hotline(self.hotline), e.now()
        try:
            known = self.floor.directory_now()
            first = known.chosen(hotline, station, at).key if station else ""
            line = known.with_number(hotline, number, at) if number else None
        except NotInDirectory as refused:
            raise NotPossible(refused.vi, refused.en) from refused
        lines, card = await plan(self, first, card)
        if line is not None:
            lines = (line, *(other for other in lines if other.dialled != line.dialled))
        if self.humans.talking is not leg or self.handing_over or self.over:
            raise CHANGED
        self.new_transfer("warm", TransferState.RINGING, first).begin(leg, lines, card)

    def _line_to(self, operator_id: int, desk: Desk) -> Line:
        """A colleague's phone as a line to ring; NotPossible when they cannot be rung."""
        other = self.floor.desks.of(operator_id)
        if (
            other is None
            or other is desk
            or other.station
            or other.state is not Presence.AVAILABLE
            or not other.phone
        ):
            raise NotPossible(
                "Người này không rảnh: hãy chọn tổng đài viên khác.",
                "This person is not free: choose another operator.",
            )
        return Line(
            other.username, other.phone, phone=other.phone, needs_key=False, operator_id=other.operator_id
        )

    # -- the end --

    def lost(self, *, by_switch: bool) -> None:
        """Asterisk has the channel no more, and nobody heard it go; `by_switch` when Asterisk itself was away."""
        if not by_switch:
            self._gone()
            return
        if self.acuity.urgent or not self.humans.answered_once:
            self.ways.owe("switch_lost")
        self.end(EndReason.SWITCH_LOST, hang_up=False)

    def _gone(self) -> None:
        """The caller hung up, or the dialplan's own end came."""
        if self.humans.answered_once:
            if self.waits or self.talk.is_lost:
                self.ways.owe("lost")  # cut off from their operator, and not served again
            elif self.acuity.urgent and self._on_hold:
                self.ways.owe("lost")  # left while they had music
            self.end(EndReason.SERVED, hang_up=False)
        elif self.leaving not in (None, EndReason.LEFT_MESSAGE):
            self.end(self.leaving, hang_up=False)
        else:
            self.ways.owe("lost")
            self.end(EndReason.ABANDONED, hang_up=False)

    @property
    def _on_hold(self) -> bool:
        """With music, by the operator's wish or while a station is sought for them."""
        return self.talk.on_hold or (self.transfer is not None and self.transfer.holds_caller)

    async def _left_or_gone(self) -> None:
        """Out of the application: hung up, which is told next, or somebody continued the channel in the dialplan."""
        await asyncio.sleep(LEFT_AFTER_S)
        if self.over:
            return
        if self.id not in {channel.id for channel in await self.floor.ari.channels()}:
            self._gone()
            return
        self._has_left()

    def left_to_dialplan(self, why: str) -> None:
        """The dialplan has the caller: no phone rings for them here any more."""
        self.humans.end_all("cancelled")
        self.floor.tell(e.CallLeftToDialplan(call_id=self.id, why=why))
        self._forget()
        self.do(self.floor.ari.end_bridge(self.bridge))

    def end(self, reason: EndReason, *, hang_up: bool = True) -> None:
        """The visit is over: every leg and the bridge go with it."""
        if self.over:
            return
        heard_s = self.floor.clock() - self.answered_by_machine_s
        talking = self.humans.talking
        if self.transfer is not None:
            self.transfer.caller_gone()
        self.humans.end_all("answered" if talking is not None else "cancelled")
        self.over = True
        self.floor.tell(e.CallEnded(call_id=self.id, reason=reason, heard_s=round(heard_s, 1)))
        self.do(self._clear(hang_up))
        self._forget()
        self.floor.serve()

    def leave_to(self, context: str) -> None:
        """Back to the dialplan, which looks after the caller from here on; until it has them, they are ours."""
        self.going = context
        self.humans.end_all("cancelled")
        self.do(self._leave_to(context))

    async def _leave_to(self, context: str) -> None:
        await self.announcer.hush()  # the dialplan would begin after its end
        while self.going == context and not self.over:
            try:
                await self.floor.ari.go_on_in_dialplan(self.id, context, "s")
                self._has_left()
            except AriError as error:
                if error.code == ELSEWHERE:
                    self._has_left()
                    return
                if error.code == NOT_THERE:
                    self._gone()
                    return
                log.warning("a caller could not go on in the dialplan", call_id=self.id, error=str(error))
                await asyncio.sleep(AGAIN_S)

    def _has_left(self) -> None:
        """The dialplan has them; the end of a message is told by the AGI or from Asterisk's own list of calls."""
        if self.over:
            return
        if self.leaving is EndReason.LEFT_MESSAGE:
            self._forget()
            self.do(self.floor.ari.end_bridge(self.bridge))
        else:
            self.left_to_dialplan(f"goes on in {self.going or 'the dialplan'}")

    async def _clear(self, hang_up: bool) -> None:
        ari = self.floor.ari
        if hang_up:
            await self.floor.quietly(ari.hang_up(self.id))
        await self.floor.quietly(ari.end_bridge(self.bridge))
        if self.talk.was_held:
            await self.floor.quietly(ari.end_bridge(held_of(self.id)))
        if self.transfer is not None:
            await self.floor.quietly(ari.end_bridge(consult_of(self.id)))

    def _forget(self) -> None:
        self.over = True
        self.floor.visits.pop(self.id, None)

    # -- one task a caller --

    def do(self, step: Coroutine[Any, Any, None]) -> None:
        self._steps.put_nowait(step)

    async def _work(self) -> None:
        while not self.over or not self._steps.empty():
            try:
                step = await asyncio.wait_for(self._steps.get(), 5.0)
            except TimeoutError:
                continue
            try:
                await step
            except AriError as error:
                (log.info if error.is_gone else log.warning)(
                    "Asterisk refused", call_id=self.id, error=str(error)
                )
            except Exception:
                # A fault in one step must not stop the steps after it: the caller still has to be joined, or freed.
                log.exception("a step failed", call_id=self.id)


def _acuity(text: str | None) -> Acuity | None:
    try:
        return Acuity(text) if text else None
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _branch(said: Any) -> str:
    word = str(said.get("QUEUE") or said.get("BRANCH") or "")
    return {"services": "nonmedical", "nonmedical": "nonmedical", "medical": "medical"}.get(word, "")
