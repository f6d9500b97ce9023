"""Hand-overs that an earlier process left: taken up where their rows, or else Asterisk's bridges, show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Engine, select

from hotline import events as e
from hotline.database import reading
from hotline.directory import Line, lines_of
from hotline.transfers import (
    HAS_OPERATOR,
    HAS_STATION,
    LIVE,
    STATION_HEARD,
    STATION_SILENT,
    Happening,
    NoteState,
    TransferState,
    TryState,
    state_seen,
)
from hotline.transfers import Transfer as TransferRow
from hotline.transfers import TransferTry as TryRow
from ivr.ari import Bridge, Channel
from ivr.caller import Caller
from ivr.chain import Try
from ivr.desk import Desk
from ivr.leg import Leg, call_and_role, consult_of
from ivr.planning import plan
from ivr.transfer import Transfer

log = structlog.get_logger(__name__)

BRIEFED_BEFORE = 3
"""How often an earlier process may have briefed a station, so that ours has another name."""


@dataclass(frozen=True)
class Running:
    """A hand-over that the database believes to go on."""

    number: int
    kind: str
    state: TransferState
    station: str
    plan: tuple[dict[str, Any], ...]
    card: Mapping[str, Any]
    places: Mapping[str, int] = field(default_factory=dict)
    """Leg → place in the plan, of every number tried."""
    accepted: str = ""
    """The leg that accepted."""
    note: NoteState = NoteState.NONE
    silent: bool = False
    """Nothing came from the station when it was last written."""


def running(node: str, on: Engine | None = None) -> dict[str, Running]:
    """The live hand-overs of this node's calls, by call."""
    with reading(on) as session:
        rows = session.scalars(
            select(TransferRow)
            .where(
                TransferRow.state.in_([state.value for state in LIVE]),
                TransferRow.call_id.startswith(f"{node}-"),
            )
            .order_by(TransferRow.asked_at)
        ).all()
        tries: dict[str, list[TryRow]] = {}
        for row in session.scalars(select(TryRow).where(TryRow.transfer_id.in_([r.id for r in rows]))):
            tries.setdefault(row.transfer_id, []).append(row)
        return {
            r.call_id: Running(
                int(r.id.rpartition("-")[2]), r.kind, TransferState(r.state), r.station, tuple(r.plan), dict(r.card),
                {t.leg_id: t.place for t in tries.get(r.id, ())},
                _accepted(tries.get(r.id, [])), NoteState(r.note), r.why == STATION_SILENT,
            )
            for r in rows
        }  # fmt: skip


def _accepted(tries: list[TryRow]) -> str:
    """The leg that accepted last: an earlier one's line has died since."""
    found = [tried for tried in tries if tried.state == TryState.ACCEPTED]
    return max(found, key=lambda tried: tried.rung_at).leg_id if found else ""


def take_up(
    caller: Caller,
    channels: Mapping[str, Channel],
    bridges: Mapping[str, Bridge],
    row: Running | None,
    legs: Mapping[str, Leg],
) -> bool:
    """Go on with the caller's hand-over; False when there is none. `legs` are known to the caller's humans already."""
    state, operator, accepted = _seen(caller.id, {leg: channels[leg] for leg in legs}, bridges)
    # A page that was loaded anew stands where the leg that accepted stood.
    station_leg = (legs.get(row.accepted) if row is not None else None) or legs.get(accepted)
    if row is not None:
        state = row.state
    elif state is TransferState.HANDED_OVER and station_leg is not None:
        # The operator left while the station was in the consult bridge and nobody listened: bring them together.
        state = TransferState.PRIVATE
    if state is None or state not in LIVE:
        return False
    number = row.number if row is not None else 1
    kind = row.kind if row is not None else ("warm" if state in HAS_OPERATOR else "direct")
    transfer = Transfer(caller.floor, caller, number, kind, state, row.station if row is not None else "")
    caller.transfer = transfer
    transfer.operator = legs.get(operator)
    transfer.station = station_leg if state in HAS_STATION else None
    transfer.note.take_up(row.note if row is not None else NoteState.NONE)
    caller.humans.talking = transfer.operator
    caller.humans.answered_once = caller.humans.answered_once or state in HAS_OPERATOR
    log.info("a hand-over is taken up", call_id=caller.id, state=state)
    _take_up_tries(caller, transfer, row, legs)
    if row is not None and row.silent:
        transfer.tell_sound(STATION_HEARD)  # until its packets are counted anew
    if state in HAS_OPERATOR and transfer.operator is None:
        transfer.happened(Happening.OPERATOR_GONE)
    if state in HAS_STATION and transfer.station is None:
        transfer.happened(Happening.STATION_GONE)
    if transfer.live and transfer.state is state:
        transfer.rearrange()
    if transfer.state is TransferState.DIRECT:
        for leg in [leg for leg in legs.values() if leg.role == "operator" and leg.up]:
            caller.humans.answered(leg)  # picked up while nobody listened
    return True


def _take_up_tries(caller: Caller, transfer: Transfer, row: Running | None, legs: Mapping[str, Leg]) -> None:
    chain, now_s = transfer.chain, caller.floor.clock()
    places: Mapping[str, int] = row.places if row is not None else {}
    if row is not None:
        transfer.brief(lines_of(row.plan), dict(row.card))
        chain.next = max(row.places.values(), default=-1) + 1
        chain.rung_s = now_s if row.places else None
        if row.accepted and row.places.get(row.accepted, len(chain.lines)) < len(chain.lines):
            chain.taken = chain.lines[row.places[row.accepted]]
    else:
        rung = [leg for leg in legs.values() if leg.role == "chain" and not leg.ending]
        # Their digits are in the legs' own names or arguments; who was rung already is not rung twice.
        chain.lines = tuple(Line(leg.name.removeprefix("chain:"), leg.number) for leg in rung)
        places = {leg.id: n for n, leg in enumerate(rung)}
        chain.next, chain.rung_s = len(rung), now_s if rung else None
        caller.floor.spawn(_plan_again(caller, transfer))
    for leg in legs.values():
        place = places.get(leg.id, 0)
        if leg.role != "chain" or leg is transfer.station or leg.ending or place >= len(chain.lines):
            continue
        # What the earlier process began to say is stopped, or an accepted caller would not be heard before its end.
        chain.tries[leg.id] = Try(chain.lines[place], place, now_s, briefings=BRIEFED_BEFORE)
        if leg.up:
            said = [f"why-{leg.id}-{n}" for n in range(1, BRIEFED_BEFORE + 1)]
            caller.floor.spawn(caller.floor.quietly(*map(caller.floor.ari.stop_playing, said)))
            chain.answered(leg)


def name_of(caller: Caller, dialled: str, desk: Desk | None = None) -> str:
    """What a leg to these digits, or to a station's own desk, is called."""
    station = caller.floor.directory.station(desk.station) if desk is not None else None
    if station is not None:
        return f"chain:{station.name}"
    hotline, at = caller.floor.installation.hotline(caller.hotline), e.now()
    stations = (line for station in caller.floor.directory for line in station.lines(at))
    lines = (*caller.floor.directory.chain(hotline, "", at), *stations)
    return "chain:" + next((line.name for line in lines if line.dialled == dialled), dialled)


async def _plan_again(caller: Caller, transfer: Transfer) -> None:
    lines, card = await plan(caller)
    rung = {line.dialled for line in transfer.chain.lines}
    transfer.brief((*transfer.chain.lines, *(line for line in lines if line.dialled not in rung)), card)
    transfer.chain.tick(caller.floor.clock())


def _seen(
    call_id: str, mine: Mapping[str, Channel], bridges: Mapping[str, Bridge]
) -> tuple[TransferState | None, str, str]:
    """The state the bridges show, the operator's channel and the station's."""
    inside = {
        "consult": bridges[consult_of(call_id)].channels if consult_of(call_id) in bridges else frozenset(),
        "caller": bridges[f"call-{call_id}"].channels if f"call-{call_id}" in bridges else frozenset(),
    }
    place = {i: next((name for name, members in inside.items() if i in members), "") for i in mine}
    # An operator who was on the way from one bridge to the other stands in none.
    operators = [i for i, c in mine.items() if call_and_role(i)[1] == "operator" and c.state == "Up"]
    operators.sort(key=lambda i: not place[i])
    stations = [i for i in mine if call_and_role(i)[1] == "chain" and place[i]]
    rung = any(call_and_role(i)[1] == "chain" and not place[i] for i in mine)
    operator, station = (operators or [""])[0], (stations or [""])[0]
    if consult_of(call_id) not in bridges and not rung and not (operator and station):
        return None, operator, station
    return state_seen(place.get(operator, ""), place.get(station, ""), rung), operator, station
