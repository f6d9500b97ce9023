"""Alarms about orders: no team has one, a committee is silent, the deadline has passed, a team could not do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.acuity import Acuity
from hotline.orders import (
    LIVE,
    WORKING,
    ApprovalState,
    Assignment,
    AssignmentState,
    Order,
    OrderApproval,
    OrderState,
)
from hotline.tickets import Ticket

NOBODY, CLIMBED, FAILED, SILENT, OVERDUE = "nobody", "climbed", "failed", "silent", "overdue"
KINDS = (NOBODY, FAILED, OVERDUE, SILENT, CLIMBED)
"""The worst first."""


@dataclass(frozen=True)
class OrderAlarm:
    order_id: str
    ticket_id: str
    hotline: str
    ticket_number: int | None
    number: int
    acuity: Acuity
    kind: str
    due_at: datetime
    team: str = ""
    """Who did not answer, or could not do it."""
    count: int = 0

    @property
    def key(self) -> str:
        return f"{self.order_id}/{self.kind}/{self.count}"


def active(session: Session, at: datetime) -> list[OrderAlarm]:
    """What alarms now, the worst first, then the most urgent."""
    open_ = (OrderState.AWAITING_APPROVAL, OrderState.ISSUED)
    rows = session.execute(
        select(Order, Ticket.number)
        .outerjoin(Ticket, Ticket.id == Order.ticket_id)
        .where(Order.state.in_(open_))
    ).all()
    ids = [order.id for order, _ in rows]
    parts: dict[str, list[Assignment]] = {}
    for one in session.scalars(
        select(Assignment).where(Assignment.order_id.in_(ids)).order_by(Assignment.id)
    ):
        parts.setdefault(one.order_id, []).append(one)
    asked: dict[str, list[OrderApproval]] = {}
    for approval in session.scalars(select(OrderApproval).where(OrderApproval.order_id.in_(ids))):
        asked.setdefault(approval.order_id, []).append(approval)
    found = []
    for order, number in rows:
        kind, team, count = judge(order, parts.get(order.id, []), asked.get(order.id, []), at)
        if kind:
            found.append(
                OrderAlarm(
                    order.id,
                    order.ticket_id,
                    order.hotline,
                    number,
                    order.number,
                    Acuity(order.acuity),
                    kind,
                    order.due_at,
                    team,
                    count,
                )
            )
    return sorted(found, key=lambda one: (KINDS.index(one.kind), -one.acuity.urgency, one.due_at))


def judge(
    order: Order, parts: Sequence[Assignment], asked: Sequence[OrderApproval], at: datetime
) -> tuple[str, str, int]:
    """(kind, team, which time), or empty words when nothing alarms. Pure."""
    if order.state == OrderState.AWAITING_APPROVAL:
        climbed = sum(one.state == ApprovalState.CLIMBED for one in asked)
        late = any(one.state == ApprovalState.ASKED and one.due_at <= at for one in asked)
        silent = (SILENT, "", climbed + late) if climbed or late else ("", "", 0)
        return (OVERDUE, "", 0) if order.due_at <= at else silent
    if not any(one.state in LIVE for one in parts):
        failed = [one for one in parts if one.state == AssignmentState.FAILED]
        last = (failed or list(parts))[-1:]
        kind = FAILED if failed else NOBODY
        return kind, last[0].team_name if last else "", len(parts)
    if order.due_at <= at:
        return OVERDUE, "", 0
    given_up = [one for one in parts if one.state in (AssignmentState.UNANSWERED, AssignmentState.DECLINED)]
    if given_up and not any(one.state in WORKING for one in parts):
        return CLIMBED, given_up[-1].team_name, len(given_up)
    return "", "", 0
