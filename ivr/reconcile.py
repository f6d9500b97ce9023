"""Reconciliation: after each connection, what Asterisk has is the truth; this process and the database are brought to it.

Nothing that happened while nobody listened is told again, so every channel and bridge is asked for, calls are taken over in the
phase that their bridges show, and calls that the database believes open but Asterisk does not have are ended and owed a recall.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.exc import SQLAlchemyError

from hotline import events as e
from hotline.acuity import Acuity, higher
from hotline.calls import Call, CallState, EndReason
from hotline.database import reading
from hotline.operators import Operator, OperatorPresence, Presence, Role
from hotline.recalls import OWED, Recall
from hotline.tickets import Ticket
from ivr import adoption, supervision
from ivr.ari import Bridge, Channel
from ivr.caller import Caller
from ivr.desk import Desk
from ivr.floor import Floor
from ivr.leg import Leg, bridge_of, call_and_role, held_of, sayings_of
from ivr.other_ways import PROMISES
from ivr.recall import matches_nobody
from ivr.talk import KEPT_BY

log = structlog.get_logger(__name__)

STALE = timedelta(seconds=60)
"""A call still in triage without a channel is the AGI's to end; after this long nobody will."""
READ_WITHIN_S = 1.0
"""How long callers may wait for the database: at 8 s without this process the rescue takes them."""
LEARN_AGAIN_S = 1.0
_OURS = frozenset({CallState.WAITING, CallState.RINGING, CallState.TALKING})


@dataclass(frozen=True)
class OpenCall:
    """What the database says of a call that it believes open."""

    id: str
    hotline: str
    state: CallState
    acuity: Acuity
    number: str
    """To ring them back: their own, or the one they gave because they withhold theirs."""
    direction: str
    arrived_at: datetime
    queued_at: datetime | None
    human_at: datetime | None
    promised: str
    """Why a callback is owed for it already (asked, released); empty when none is."""
    held: bool = False
    """On hold."""


def open_calls(node: str) -> dict[str, OpenCall]:
    with reading() as session:
        rows = session.execute(
            select(Call, Ticket.callback_number, Recall.why)
            .outerjoin(Ticket, Ticket.id == Call.ticket_id)
            .outerjoin(
                Recall, and_(Recall.call_id == Call.id, Recall.state.in_(OWED), Recall.why.in_(PROMISES))
            )
            .where(Call.node == node, Call.state != CallState.ENDED)
        )
        return {
            c.id: OpenCall(
                c.id, c.hotline, CallState(c.state), Acuity(c.acuity), given or c.caller_number, c.direction, c.arrived_at,
                c.queued_at, c.human_at, promised or "", c.held_at is not None,
            )
            for c, given, promised in rows
        }  # fmt: skip


def operators() -> list[tuple[Operator, OperatorPresence | None]]:
    """Everybody with a desk, and where the database last saw them; also who was switched off in a talk that goes on."""
    with reading() as session:
        rows = session.execute(
            select(Operator, OperatorPresence)
            .outerjoin(OperatorPresence, OperatorPresence.operator_id == Operator.id)
            .where(
                or_(
                    and_(Operator.active, Operator.role != Role.ADMINISTRATOR),
                    OperatorPresence.state != Presence.OFFLINE,
                )
            )
        )
        return [(operator, presence) for operator, presence in rows]


async def reconcile(
    floor: Floor,
    *,
    asterisk_restarted: bool,
    recall_talks: Callable[[Channel], None] = lambda citizen: None,
    watching: Collection[str] = (),
) -> None:
    """Bring desks, calls and the database to what Asterisk has; `recall_talks` is told of each citizen we rang who is on the line.

    `watching` are the channels of supervisors who listen in this process; those of an earlier one are let go.
    """
    if not await learn_operators(floor):
        floor.spawn(_learn_later(floor))
    channels = {channel.id: channel for channel in await floor.ari.channels()}
    bridges = {bridge.id: bridge for bridge in await floor.ari.bridges()}
    for stranger in supervision.strangers(channels, bridges) - set(watching):
        del channels[stranger]
        await floor.quietly(floor.ari.hang_up(stranger))
    try:
        known = await asyncio.wait_for(asyncio.to_thread(open_calls, floor.node), READ_WITHIN_S)
        handed = await asyncio.wait_for(asyncio.to_thread(adoption.running, floor.node), READ_WITHIN_S)
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning("the database is away; calls are taken over without it", error=type(error).__name__)
        known, handed = {}, {}
    floor.lent = lent(channels, bridges)
    for call_id, visit in list(floor.visits.items()):
        if call_id not in channels:
            visit.lost(by_switch=asterisk_restarted)
        elif isinstance(visit, Caller) and channels[call_id].app != "Stasis":
            visit.left_to_dialplan("continued while nobody listened")
        elif isinstance(visit, Caller):
            visit.humans.without(channels.keys())
            visit.announcer.found(await floor.ari.playing(sayings_of(call_id)))
    for channel in channels.values():
        if is_caller(channel, floor.ari.app) and channel.id not in floor.visits:
            await _take_over(floor, channel, channels, bridges, known.get(channel.id), handed.get(channel.id))
        elif channel.app_data.startswith(f"{floor.ari.app},citizen,") and channel.id not in floor.visits:
            if channel.state == "Up":
                recall_talks(channel)
                await _take_over(floor, channel, channels, bridges, known.get(channel.id), None)
            else:
                await floor.quietly(floor.ari.hang_up(channel.id))
        elif channel.app_data.startswith(f"{floor.ari.app},order,") and channel.id not in floor.visits:
            await floor.quietly(floor.ari.hang_up(channel.id))  # a team's: the number is rung again
    await _clear_leftovers(floor, channels, bridges)
    settle_desks(floor)
    for call in known.values():
        there = channels.get(call.id)
        if there is not None and there.app != "Stasis" and call.state in _OURS:
            floor.tell(e.CallLeftToDialplan(call_id=call.id, why="continued while nobody listened"))
    end_vanished(floor, known, set(channels), asterisk_restarted=asterisk_restarted)


def lent(channels: Mapping[str, Channel], bridges: Mapping[str, Bridge]) -> dict[str, str]:
    """Operators' legs that stand in another call's bridge than the one they were rung for, each with that call."""
    found = {}
    for bridge in bridges.values():
        kind, _, call_id = bridge.id.partition("-")
        for member in bridge.channels & channels.keys():
            rung_for, role = call_and_role(member)
            if kind in ("call", "consult", "held") and role == "operator" and rung_for != call_id:
                found[member] = call_id
    return found


async def learn_operators(floor: Floor) -> bool:
    """Whether the database told who has a desk."""
    try:
        known = await asyncio.wait_for(asyncio.to_thread(operators), READ_WITHIN_S)
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning("operators cannot be read; those known go on", error=type(error).__name__)
        return False
    for operator, presence in known:
        floor.desks.learn(operator, presence)
    return True


async def _learn_later(floor: Floor) -> None:
    """Ask until the database answers: operators who sit there must not be passed over for as long as this process lives."""
    while True:
        await asyncio.sleep(LEARN_AGAIN_S)
        if await learn_operators(floor):
            break
    for visit in floor.visits.values():
        if isinstance(visit, Caller):
            _name_legs(floor, visit)
            _desks_of(floor, visit)
    settle_desks(floor)
    floor.serve()


def _name_legs(floor: Floor, caller: Caller) -> None:
    """Whose the legs are that were taken over before anybody knew who sits at their phones."""
    for leg in caller.humans.legs.values():
        desk = floor.desks.at(leg.phone) if leg.phone and leg.operator_id is None else None
        if desk is not None:
            leg.operator_id, leg.name = desk.operator_id, _name_of(caller, desk, leg.number)


def is_caller(channel: Channel, app: str) -> bool:
    return channel.app == "Stasis" and channel.app_data.startswith(f"{app},caller")


def _hotline_of(channel: Channel) -> str:
    """As the application's own words have it: "hotline,caller,<key>" and "hotline,citizen,<key>,<recall>"."""
    return [*channel.app_data.split(","), "", "", ""][2]


async def _take_over(
    floor: Floor,
    channel: Channel,
    channels: Mapping[str, Channel],
    bridges: Mapping[str, Bridge],
    known: OpenCall | None,
    handed: adoption.Running | None,
) -> None:
    """Go on with a caller as if this process had never been away."""
    await floor.quietly(floor.ari.watch(f"channel:{channel.id}"))
    playing = await floor.ari.playing(sayings_of(channel.id))
    # No waiting from here until the legs are known, or a phone that rings already would be rung again.
    queued_at = known.queued_at if known is not None and known.queued_at is not None else None
    waited_s = (e.now() - queued_at).total_seconds() if queued_at else channel.age_s
    caller = Caller.from_channel(floor, channel, _hotline_of(channel), waited_s)
    caller.owed = ",dialled-" not in channel.app_data
    if known is not None:
        caller.acuity = higher(caller.acuity, known.acuity)
        caller.humans.answered_once = known.human_at is not None
        caller.front = caller.humans.answered_once
    if caller.acuity is Acuity.RED and caller.red_since_s is None:
        caller.red_since_s = caller.queued_s
    bridge = bridges.get(bridge_of(channel.id))
    if bridge is None or channel.id not in bridge.channels:
        caller.enter()  # died between the dialplan and the bridge: begin as if just come
        return
    caller.announcer.found(playing)
    inside = bridge.channels
    held = bridges.get(held_of(channel.id))
    aside = held.channels if held is not None else frozenset()
    others = {i: c for i, c in channels.items() if i != channel.id and floor.call_of(i)[0] == channel.id}
    legs = {i: _take_over_leg(floor, caller, other) for i, other in others.items()}
    if adoption.take_up(caller, channels, bridges, handed, legs):
        _desks_of(floor, caller)
        if caller.humans.talking is not None:
            await caller.announcer.hush()
            return
    else:
        for leg in legs.values():
            _go_on(caller, leg, talking=leg.id in inside or leg.id in aside)
        caller.talk.found(channel.variables.get(KEPT_BY, ""), was_held=known is not None and known.held)
        _desks_of(floor, caller)
    log.info("a call is taken over", call_id=caller.id, talking=caller.humans.talking is not None)
    if caller.talk.on_hold:
        await floor.quietly(floor.ari.start_music(caller.id))
    elif caller.humans.talking is not None:
        # Held, comforted or spoken to when nobody looked after them.
        await floor.quietly(floor.ari.stop_music(caller.id), caller.announcer.hush())
    elif caller.transfer is not None and caller.transfer.holds_caller:
        return
    elif known is None or not caller.ways.goes_on(known.promised):
        await floor.quietly(floor.ari.start_music(caller.id))
        if caller.humans.answered_once and not caller.handing_over:
            caller.humans.wait_again("the operator left while nobody listened")


def _take_over_leg(floor: Floor, caller: Caller, channel: Channel) -> Leg:
    role = floor.call_of(channel.id)[1]
    phone = channel.name.removeprefix("PJSIP/").rpartition("-")[0]
    desk = floor.desks.at(phone)  # also of a colleague who was asked to join in
    dialled = channel.app_data.rpartition(",")[2] if role == "chain" else ""
    leg = Leg(
        channel.id, role, f"PJSIP/{phone}", _name_of(caller, desk, dialled), floor.clock(), number=dialled
    )
    leg.operator_id = desk.operator_id if desk else None
    leg.up = channel.state == "Up"
    caller.humans.took_over(leg)
    if channel.state == "Down":
        caller.humans.cancel(leg, "cancelled")
    return leg


def _name_of(caller: Caller, desk: Desk | None, dialled: str) -> str:
    return desk.username if desk and not desk.station else adoption.name_of(caller, dialled, desk)


def _go_on(caller: Caller, leg: Leg, *, talking: bool) -> None:
    """A leg of a call without a hand-over."""
    if leg.ending:
        return
    if talking:
        caller.humans.talking, caller.humans.answered_once = leg, True
    elif leg.up and leg.role == "operator":
        caller.humans.answered(leg)
    elif leg.role == "chain":
        caller.humans.cancel(leg, "cancelled")  # nobody knows whom it was rung for; the chain begins again


def _desks_of(floor: Floor, caller: Caller) -> None:
    for leg in caller.humans.legs.values():
        desk = floor.desks.of(leg.operator_id)
        if desk is not None and not leg.ending:
            desk.call_id = caller.id
            station = caller.transfer.station if caller.transfer is not None else None
            talks = leg is caller.humans.talking or leg is station
            desk.state = Presence.TALKING if talks else Presence.RINGING


async def _clear_leftovers(
    floor: Floor, channels: Mapping[str, Channel], bridges: Mapping[str, Bridge]
) -> None:
    """End legs and bridges whose caller is gone."""
    for channel_id in channels:
        call_id, role = floor.call_of(channel_id)
        if role != "caller" and call_id not in floor.visits:
            await floor.quietly(floor.ari.hang_up(channel_id))
    for bridge_id in bridges:
        kind, dash, call_id = bridge_id.partition("-")
        of_a_watch = kind == "watch" and call_id not in channels
        if of_a_watch or (dash and kind in ("call", "consult", "held") and call_id not in floor.visits):
            await floor.quietly(floor.ari.end_bridge(bridge_id))


def _serves_still(floor: Floor, desk: Desk) -> bool:
    """Whether the desk's call goes on, and its phone still takes part."""
    visit = floor.visits.get(desk.call_id)
    if isinstance(visit, Caller):
        return any(leg.operator_id == desk.operator_id for leg in visit.humans.legs.values())
    return visit is not None


def settle_desks(floor: Floor) -> None:
    """Free the desks whose call does not exist any more; tell the dialplan's queues about all."""
    for desk in floor.desks:
        if desk.state in (Presence.RINGING, Presence.TALKING) and not _serves_still(floor, desk):
            floor.desks.freed(desk, desk.call_id)
        floor.desks.mirror(desk)


def end_vanished(
    floor: Floor, known: Mapping[str, OpenCall], channels: set[str], *, asterisk_restarted: bool
) -> None:
    """End what the database believes open and Asterisk does not have; who was never answered is owed a call."""
    now = e.now()
    shared = frozenset(number for hotline in floor.installation.hotlines for number in hotline.shared_numbers)
    for call in known.values():
        if call.id in channels or call.id in floor.visits:
            continue
        if not asterisk_restarted and call.state not in _OURS and now - call.arrived_at < STALE:
            continue
        if not asterisk_restarted and call.state in (CallState.FALLBACK, CallState.MESSAGE):
            continue  # the dialplan's and the AGI's to end
        answered = call.human_at is not None
        cut_off = asterisk_restarted and call.state is CallState.TALKING and call.acuity.urgent
        unanswered = EndReason.ABANDONED if call.direction == "in" else EndReason.NOT_REACHED
        reason = EndReason.SERVED if answered else unanswered
        reason = EndReason.SWITCH_LOST if asterisk_restarted else reason
        log.warning("a call ended while nobody listened", call_id=call.id, reason=reason)
        if call.direction == "in" and call.number and (cut_off or not answered):
            floor.tell(
                e.RecallDue(
                    call_id=call.id, hotline=call.hotline, number=call.number, acuity=call.acuity,
                    why="switch_lost" if asterisk_restarted else "lost", at=now,
                    due_at=now + timedelta(seconds=call.acuity.callback_within_s),
                    names_person=not matches_nobody(call.number, shared),
                )
            )  # fmt: skip
        heard_s = (now - call.arrived_at).total_seconds()
        floor.tell(e.CallEnded(call_id=call.id, reason=reason, heard_s=round(heard_s, 1)))
