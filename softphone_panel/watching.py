"""Who listens to a talk now, told by the call's own entries: for the operator's bar and the supervisor's page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.calls import Call, CallState
from hotline.operators import Operator
from hotline.tickets import TicketEntry

WATCHED = "call_watched"
OVER = ("end", "take_over")


@dataclass(frozen=True)
class Watcher:
    operator_id: int
    full_name: str
    mode: str
    """listen, whisper or barge."""
    call_id: str


def taken_over_by(session: Session, call: Call, operator_id: int) -> str:
    """The full name of the supervisor who took this talk from that operator; empty when nobody did."""
    entries = session.scalars(
        select(TicketEntry)
        .where(
            TicketEntry.ticket_id == call.ticket_id, TicketEntry.kind == WATCHED, TicketEntry.at >= call.arrived_at
        )
        .order_by(TicketEntry.id.desc())
    )  # fmt: skip
    for entry in entries:
        if entry.body.get("mode") == "take_over" and entry.body.get("operator_id") == operator_id:
            by = session.get(Operator, int(entry.body["supervisor_id"]))
            return by.full_name if by is not None and call.operator_id != operator_id else ""
    return ""


def of_call(session: Session, call: Call | None) -> tuple[Watcher, ...]:
    """The supervisors with this talk; nobody once it is over."""
    if call is None or call.state != CallState.TALKING:
        return ()
    entries = session.scalars(
        select(TicketEntry)
        .where(
            TicketEntry.ticket_id == call.ticket_id, TicketEntry.kind == WATCHED, TicketEntry.at >= call.arrived_at
        )
        .order_by(TicketEntry.id)
    )  # fmt: skip
    modes = {int(entry.body["supervisor_id"]): str(entry.body["mode"]) for entry in entries}
    here = {who: mode for who, mode in modes.items() if mode not in OVER}
    names = session.execute(select(Operator.id, Operator.full_name).where(Operator.id.in_(here)))
    return tuple(Watcher(who, name, here[who], call.id) for who, name in names)
