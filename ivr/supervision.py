"""Supervision: a supervisor listens to a talk, whispers to its human, joins in, or takes it over; and moves callers and desks.

The supervisor's phone is a leg like an operator's. To listen, Asterisk's snoop copies what the human's leg says and hears into a bridge
`watch-<leg>` that only the supervisor shares; to whisper, what the supervisor says goes to that leg alone. The caller's own
bridge is entered only to join in (barge). Each act is a fact on the ticket and a line of the ledger.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog

from hotline import events as e
from hotline.operators import Presence, Role
from ivr import browser_phone
from ivr.ari import AriError
from ivr.caller import Caller
from ivr.desk import NotPossible
from ivr.leg import SHOWN, Leg, bridge_of, call_and_role, outcome

if TYPE_CHECKING:
    from ivr.ari import AriEvent, Bridge, Channel
    from ivr.desk import Desk
    from ivr.floor import Floor

log = structlog.get_logger(__name__)

WATCHES = frozenset({"listen", "whisper", "barge", "take_over", "stop_watching"})
FORCES = frozenset({"force_pause", "force_sign_out", "force_wrap_up"})
KINDS = WATCHES | FORCES | {"to_front"}
ROLES = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})
ROLE = "supervisor"
"""Of a leg, and its first word in Asterisk's application."""
SNOOP = "snoop-"
SUPERVISING = "supervising"
"""Why a supervisor's desk is paused while they listen: no caller rings there."""
CUT_OFF = "phone"
"""Why a desk is paused whose listening nobody knows any more: its telephone was let go."""
BY_SUPERVISOR = "supervisor"
"""Why a desk is paused that a supervisor sent into a pause."""
RINGS_S = 30
SNOOPS_WITHIN_S = 2.0

ENDED = NotPossible("Cuộc gọi này đã kết thúc.", "This call has ended.")


class Mode(StrEnum):
    LISTEN = "listen"
    """Hears both; nobody hears them."""
    WHISPER = "whisper"
    """The human hears them, the caller does not."""
    BARGE = "barge"
    """All hear all."""


@dataclass
class Watch:
    """One supervisor with one talk."""

    desk: Desk
    caller: Caller
    target: Leg
    leg: Leg
    mode: Mode
    before: tuple[Presence, str]
    """Where the supervisor's desk was, and why."""
    snoop: str = ""
    hushed: bool = False
    """The human speaks with a station in private, which this supervisor may not hear."""
    over: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    arrived: dict[str, asyncio.Event] = field(default_factory=dict)

    @property
    def bridge(self) -> str:
        return f"watch-{self.leg.id}"


def strangers(channels: Mapping[str, Channel], bridges: Mapping[str, Bridge]) -> set[str]:
    """Snoops and supervisors' phones among Asterisk's channels, but not a supervisor who alone talks with a caller."""
    found = {channel_id for channel_id in channels if channel_id.startswith(SNOOP)}
    for channel in channels.values():
        _, _, rest = channel.app_data.partition(",")
        if rest.partition(",")[0] != ROLE:
            continue
        call_id = call_and_role(channel.id)[0]
        bridge = bridges.get(bridge_of(call_id))
        inside = bridge.channels if bridge is not None else frozenset()
        if channel.id not in inside or len(inside & channels.keys()) > 2:
            found.add(channel.id)
    return found


class Supervision:
    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._watches: dict[int, Watch] = {}
        """By the supervisor's operator id: one talk at a time."""

    @property
    def channels(self) -> set[str]:
        """Those of supervisors who listen, and of what they listen with."""
        found = {w.leg.id for w in self._watches.values()} | {w.snoop for w in self._watches.values()}
        # Who has taken a talk over is a leg like any other now.
        legs = (v.humans.legs for v in self._floor.visits.values() if isinstance(v, Caller))
        return found.union(*legs)

    # -- commands --

    async def carry_out(self, kind: str, body: dict[str, Any], desk: Desk, role: str) -> None:
        """Do what a supervisor asks; NotPossible in a sentence for anybody else and when it cannot be done."""
        if role not in ROLES:
            raise NotPossible("Chỉ trưởng ca được làm việc này.", "Only a supervisor may do this.")
        if kind == "stop_watching":
            self.stop(desk)
        elif kind in WATCHES:
            await self._watch(kind, str(body.get("call_id", "")), desk)
        elif kind == "to_front":
            self._to_front(str(body.get("call_id", "")), desk)
        else:
            self._force(kind, body, desk)

    def stop(self, desk: Desk) -> None:
        """This supervisor listens no more, if they did."""
        watch = self._watches.get(desk.operator_id)
        if watch is not None:
            self.end(watch)

    async def _watch(self, kind: str, call_id: str, desk: Desk) -> None:
        watch = self._watches.get(desk.operator_id)
        if watch is not None and watch.caller.id != call_id:
            self.end(watch)
            watch = None
        if kind == "take_over":
            if watch is None or not watch.leg.up:
                raise NotPossible(
                    "Hãy nghe cuộc này trước, rồi nhận thay.", "Listen to this call first, then take it over."
                )
            await self._take_over(watch)
        elif watch is None:
            self._begin(Mode(kind), call_id, desk)
        elif watch.mode is not Mode(kind):
            watch.mode = Mode(kind)
            if watch.leg.up:
                await self._arrange(watch)
            self._tell(watch, watch.mode)

    def _begin(self, mode: Mode, call_id: str, desk: Desk) -> None:
        caller = self._floor.visits.get(call_id)
        if not isinstance(caller, Caller) or caller.over:
            raise ENDED
        target = caller.humans.talking
        if target is None:
            raise NotPossible(
                "Chưa có ai nói chuyện với người gọi này.", "Nobody is talking with this caller yet."
            )
        if target.operator_id == desk.operator_id:
            raise NotPossible("Đây là cuộc gọi của chính bạn.", "This is your own call.")
        if desk.state not in (Presence.AVAILABLE, Presence.WRAP_UP, Presence.PAUSED) or not desk.phone:
            raise NotPossible(
                "Máy của bạn chưa rảnh: hãy vào ca, hoặc kết thúc cuộc đang nói, rồi nghe.",
                "Your phone is not free: sign in, or end your call, then listen.",
            )
        before = (desk.state, desk.reason)
        self._floor.desks.change(desk, Presence.PAUSED, SUPERVISING)
        # Numbered apart from the caller's own legs, and yet one of them: it may become the operator's.
        leg = Leg(
            f"op-{caller.id}-{time.time_ns() // 1_000_000}s", ROLE, f"PJSIP/{desk.phone}", desk.username,
            self._floor.clock(), desk.operator_id, limit_s=RINGS_S,
        )  # fmt: skip
        watch = self._watches[desk.operator_id] = Watch(desk, caller, target, leg, mode, before)
        self._floor.spawn(self._ring(watch))

    async def _ring(self, watch: Watch) -> None:
        leg, caller, ari = watch.leg, watch.caller, self._floor.ari
        await self._floor.intend(
            e.LegDialled(
                call_id=caller.id, leg_id=leg.id, node=self._floor.node, role=ROLE, endpoint=leg.endpoint,
                operator_id=leg.operator_id,
            )
        )  # fmt: skip
        variables = {SHOWN: caller.number}
        if browser_phone.is_browser(watch.desk.phone):
            # Their page answers by itself: the click on it was the wish to hear.
            variables |= {"PJSIP_HEADER(add,X-Call-Id)": caller.id, "PJSIP_HEADER(add,X-Return)": "1"}
        try:
            await ari.create(leg.id, leg.endpoint, f"{ROLE},{caller.id}", caller.id, variables)
            leg.created = True
        except AriError as error:
            log.info("a supervisor's phone cannot be rung", call_id=caller.id, error=str(error))
            self.end(watch, "unavailable")
            return
        if watch.over:
            await self._floor.quietly(ari.hang_up(leg.id))

    def _to_front(self, call_id: str, desk: Desk) -> None:
        caller = self._floor.visits.get(call_id)
        if not isinstance(caller, Caller) or not caller.waits:
            raise NotPossible("Người gọi này không còn chờ.", "This caller does not wait any more.")
        if not caller.front:
            caller.front = True
            self._floor.tell(e.CallMovedToFront(call_id=call_id, by=desk.username))
            self._floor.serve()

    def _force(self, kind: str, body: dict[str, Any], desk: Desk) -> None:
        wanted = str(body.get("operator_id", ""))
        other = self._floor.desks.of(int(wanted)) if wanted.isdecimal() else None
        if other is None or other.state is Presence.OFFLINE:
            raise NotPossible("Người này chưa vào ca.", "This person is not on duty.")
        log.info("a desk is told what to do", kind=kind, operator_id=other.operator_id, by=desk.operator_id)
        desks = self._floor.desks
        if kind == "force_sign_out":
            desks.sign_out(other)
        elif kind == "force_wrap_up":
            desks.finish_wrap_up(other)
        elif other.state in (Presence.RINGING, Presence.TALKING):
            other.pausing = BY_SUPERVISOR
        else:
            desks.pause(other, BY_SUPERVISOR)

    # -- what happens --

    def heard(self, event: AriEvent) -> bool:
        """Whether the event was about a supervisor's leg or a snoop, and is dealt with."""
        channel = event.channel
        if channel is None:
            return False
        if channel.id.startswith(SNOOP):
            self._heard_snoop(channel.id, event.kind)
            return True
        watch = next((w for w in self._watches.values() if w.leg.id == channel.id), None)
        if watch is None:
            return False
        leg = watch.leg
        if event.kind == "StasisStart":
            self._floor.spawn(self._dial(watch))
        elif event.kind == "ChannelStateChange" and channel.state == "Ringing":
            leg.ringing = True
        elif event.kind == "ChannelStateChange" and channel.state == "Up" and not leg.up:
            leg.up = True
            self._floor.spawn(self._answered(watch))
        elif event.kind == "ChannelDestroyed":
            self.end(watch, outcome(leg, event.cause, event.tech_cause))
        return True

    def _heard_snoop(self, snoop: str, kind: str) -> None:
        for watch in self._watches.values():
            if kind == "StasisStart" and snoop in watch.arrived:
                watch.arrived[snoop].set()
                return
        if kind == "StasisStart":
            self._floor.spawn(self._floor.quietly(self._floor.ari.hang_up(snoop)))

    async def _dial(self, watch: Watch) -> None:
        try:
            await self._floor.ari.dial(watch.leg.id, watch.leg.limit_s)
        except AriError as error:
            log.warning("a supervisor's phone cannot be rung", call_id=watch.caller.id, error=str(error))
            self.end(watch, "failed")

    async def _answered(self, watch: Watch) -> None:
        await self._floor.ari.make_bridge(watch.bridge)
        self._tell(watch, watch.mode)
        await self._arrange(watch)

    async def _arrange(self, watch: Watch) -> None:
        """Bring Asterisk to the watch's mode: first the new way to hear, then the old one goes."""
        async with watch.turn:
            if watch.over:
                return
            ari, old = self._floor.ari, watch.snoop
            watch.snoop = ""
            try:
                if watch.mode is Mode.BARGE:
                    await ari.join(watch.caller.bridge, watch.leg.id)
                else:
                    await ari.join(watch.bridge, watch.leg.id)
                    if not watch.hushed:
                        await self._listen(watch)
            except (AriError, TimeoutError) as error:
                log.warning("a talk cannot be listened to", call_id=watch.caller.id, error=str(error))
                self.end(watch, "failed")
            finally:
                if old:
                    await self._floor.quietly(ari.hang_up(old))

    async def _listen(self, watch: Watch) -> None:
        """A snoop cannot change its mode: each mode has a new one."""
        snoop = f"{SNOOP}{watch.leg.id}-{time.time_ns() // 1_000_000}"
        watch.arrived = {snoop: asyncio.Event()}
        watch.snoop = snoop
        await self._floor.ari.snoop(watch.target.id, snoop, whisper=watch.mode is Mode.WHISPER)
        await asyncio.wait_for(watch.arrived[snoop].wait(), SNOOPS_WITHIN_S)
        await self._floor.ari.join(watch.bridge, snoop)
        if watch.over:
            await self._floor.quietly(self._floor.ari.hang_up(snoop))

    async def _take_over(self, watch: Watch) -> None:
        """The supervisor is the caller's human now, the operator is in wrap-up."""
        caller, leg, desk = watch.caller, watch.leg, watch.desk
        old = caller.humans.talking
        if caller.over or old is not watch.target:
            raise ENDED
        if caller.handing_over:
            raise NotPossible(
                "Cuộc gọi đang được chuyển: hãy chờ hoặc hủy lần chuyển.",
                "The call is being handed over: wait, or cancel that first.",
            )
        self._tell(watch, "take_over")
        self._forget(watch)
        leg.role = "operator"
        caller.humans.took_over(leg)
        caller.talk.over()
        caller.humans.talking = leg
        self._floor.desks.change(desk, Presence.TALKING, call_id=caller.id)
        if watch.before[0] is Presence.PAUSED:
            desk.pausing = watch.before[1]
        caller.do(caller.humans.connect(leg))
        caller.humans.drop(old)
        loser = self._floor.desks.of(old.operator_id)
        if loser is not None:
            self._floor.desks.freed(loser, caller.id)
        if watch.snoop:
            await self._floor.quietly(self._floor.ari.hang_up(watch.snoop))
        await self._floor.quietly(self._floor.ari.end_bridge(watch.bridge))

    # -- the end --

    def tick(self) -> None:
        """Talks that ended, private words with a station, and desks whose listening a crash of this process cut off."""
        for desk in self._floor.desks:
            if (
                desk.reason == SUPERVISING
                and desk.state is Presence.PAUSED
                and desk.operator_id not in self._watches
            ):
                self._floor.desks.change(desk, Presence.PAUSED, CUT_OFF)
        for watch in list(self._watches.values()):
            caller, human = watch.caller, watch.caller.humans.talking
            if caller.over or human is None or human.operator_id != watch.target.operator_id:
                self.end(watch)
                continue
            if human is not watch.target:  # the same operator's new page
                watch.target = human
                if watch.leg.up and watch.mode is not Mode.BARGE:
                    self._floor.spawn(self._arrange(watch))
            transfer = caller.transfer
            hushed = (
                transfer is not None
                and transfer.holds_caller
                and not self._floor.installation.supervisors_hear_consults
            )
            if hushed is not watch.hushed:
                watch.hushed = hushed
                if watch.leg.up and watch.mode is not Mode.BARGE:
                    self._floor.spawn(self._arrange(watch))

    def without(self, channels: Collection[str]) -> None:
        """Asterisk has only these channels: supervisors whose phone is gone listen no more."""
        for watch in list(self._watches.values()):
            if watch.leg.created and watch.leg.id not in channels:
                self.end(watch)

    def end(self, watch: Watch, how: str = "answered") -> None:
        """The supervisor hears nothing any more; their desk is as it was before."""
        if watch.over:
            return
        self._forget(watch)
        leg, desk, ari = watch.leg, watch.desk, self._floor.ari
        how = how if leg.up or how != "answered" else "cancelled"
        self._floor.tell(e.LegEnded(call_id=watch.caller.id, leg_id=leg.id, outcome=how))
        if leg.up:
            self._tell(watch, "end")
        if desk.state is Presence.PAUSED and desk.reason == SUPERVISING:
            paused = watch.before[0] is Presence.PAUSED
            self._floor.desks.change(desk, *(watch.before if paused else (Presence.AVAILABLE,)))
        self._floor.serve()
        gone = [ari.hang_up(leg.id), ari.end_bridge(watch.bridge)]
        if watch.snoop:
            gone.append(ari.hang_up(watch.snoop))
        self._floor.spawn(self._floor.quietly(*gone))

    def _forget(self, watch: Watch) -> None:
        watch.over = True
        self._watches.pop(watch.desk.operator_id, None)

    def _tell(self, watch: Watch, mode: str) -> None:
        self._floor.tell(
            e.CallWatched(
                call_id=watch.caller.id, by=watch.desk.username, supervisor_id=watch.desk.operator_id, mode=str(mode),
                operator_id=watch.target.operator_id,
            )
        )  # fmt: skip
