"""What a hand-over needs to know of its caller, read once before it begins: the place, the numbers to ring, the briefing card."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hotline import events as e
from hotline import ticket_fields
from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.database import reading
from hotline.directory import Line
from hotline.tickets import Ticket
from hotline.units import Unit
from ivr.briefing import card
from ivr.protocol_faults import ProtocolFaults
from ivr.script import SHIPPED, Script, read
from ivr.second_stage import judge

if TYPE_CHECKING:
    from ivr.caller import Caller

log = structlog.get_logger(__name__)

KNOWN_WITHIN_S = 0.3
"""A hung database holds up no ringing: then the hotline's own chain is rung, with what the caller's channel tells."""


@dataclass(frozen=True)
class Known:
    """What the record says of a caller."""

    unit: str = ""
    card: Mapping[str, Any] | None = None


def known(call_id: str) -> Known:
    with reading() as session:
        call = session.get(Call, call_id)
        ticket = session.get(Ticket, call.ticket_id) if call is not None else None
        if call is None or ticket is None:
            return Known()
        return Known(ticket.unit_code, filled_card(session, ticket, call.caller_number))


def filled_card(session: Session, ticket: Ticket, number: str) -> dict[str, Any]:
    """The briefing card as the ticket fills it."""
    earlier = 0
    if number:
        earlier = session.scalar(select(func.count(Call.id)).where(Call.caller_number == number)) or 1
    answers = {name: row.value for name, row in ticket_fields.of(session, ticket.id).items()}
    place = session.scalar(select(Unit.full_name).where(Unit.code == ticket.unit_code).limit(1))
    return card(
        acuity=ticket.acuity, branch=ticket.branch, reason=ticket.reason,
        said=[str(step.get("said", "")) for step in ticket.path if step.get("said")], place=place or "",
        earlier=max(earlier - 1, 0), is_repeat=ticket.is_repeat, path=ticket.path, unit=ticket.unit_code,
        ticket_number=ticket.number, found=_found(ticket, answers), answers=answers,
    )  # fmt: skip


@lru_cache(maxsize=1)
def script() -> Script | None:
    """The operators' script, read once a process; None when it cannot be used, and then a card tells less."""
    try:
        return read(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
    except (ProtocolFaults, OSError) as error:
        log.error("the second-stage script cannot be used", why=str(error))
        return None


def _found(ticket: Ticket, answers: Mapping[str, str]) -> tuple[str, ...]:
    """The signs that the operator's questions found."""
    known = script()
    if known is None or not answers or ticket.acuity not in Acuity.__members__:
        return ()
    return judge(known, answers, Acuity.GREEN).reasons("vi")


async def plan(
    caller: Caller, first: str = "", given: Mapping[str, Any] | None = None
) -> tuple[tuple[Line, ...], dict[str, Any]]:
    """The numbers in the order of ringing and the card, the operator's own words winning; never waits longer than KNOWN_WITHIN_S."""
    floor = caller.floor
    try:
        found = await asyncio.wait_for(asyncio.to_thread(known, caller.id), KNOWN_WITHIN_S)
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning(
            "a hand-over is planned without the database", call_id=caller.id, error=type(error).__name__
        )
        found = Known()
    facts = dict(found.card or {"acuity": caller.acuity.value, "branch": caller.branch})
    facts |= {name: value for name, value in (given or {}).items() if value not in ("", None)}
    if not given:
        facts["acuity"] = max(caller.acuity, facts["acuity"]) if facts["acuity"] else caller.acuity.value
    directory = floor.directory_now()
    places = directory.places(found.unit)
    spoken = (unit for unit in places if floor.sounds_exist(f"unit-{unit}", caller.hotline))
    facts["unit"] = next(spoken, "")
    hotline = floor.installation.hotline(caller.hotline)
    return directory.chain(hotline, found.unit, e.now(), first), facts
