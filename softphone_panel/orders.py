"""What supervisors last told a desk to do: for its own bar and for the supervisors' floor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline.commands import DeskCommand
from hotline.events import now
from hotline.operators import Operator, OperatorEntry, Presence
from ivr.supervision import FORCES

WITHIN = timedelta(hours=12)
AT_MOST = 200
STILL_TALKS = (Presence.RINGING, Presence.TALKING, Presence.WRAP_UP)
AFTER_THE_TALK = frozenset({"force_pause", "force_sign_out"})


@dataclass(frozen=True)
class Order:
    """The latest that was carried out or, in a talk, will be when it is over."""

    command_id: int
    kind: str
    by: str
    """The supervisor's full name."""
    done_at: datetime
    waits: bool
    """The desk still talks: it is done after the call."""


def of_desks(session: Session, operators: Collection[int]) -> dict[int, Order]:
    """Operator → what they were last told, of those who were told anything in these hours."""
    rows = session.execute(
        select(DeskCommand, Operator.full_name)
        .join(Operator, Operator.id == DeskCommand.operator_id)
        .where(
            DeskCommand.kind.in_(FORCES), DeskCommand.asked_at > now() - WITHIN,
            DeskCommand.done_at.is_not(None), DeskCommand.refused == "",
        )
        .order_by(DeskCommand.id.desc())
        .limit(AT_MOST)
    ).tuples()  # fmt: skip
    latest: dict[int, tuple[DeskCommand, str]] = {}
    for command, by in rows:
        told = str(command.body.get("operator_id", ""))
        if told.isdecimal() and int(told) in operators:
            latest.setdefault(int(told), (command, by))
    away = _last_away(session, latest)
    found = {}
    for operator_id, (command, by) in latest.items():
        assert command.done_at is not None  # noqa: S101 - asked for above
        at = away.get(operator_id)
        waits = command.kind in AFTER_THE_TALK and (at is None or at < command.asked_at)
        found[operator_id] = Order(command.id, command.kind, by, command.done_at, waits)
    return found


def _last_away(session: Session, operators: Collection[int]) -> dict[int, datetime]:
    """When each of them was last paused or went off duty."""
    rows = session.execute(
        select(OperatorEntry.operator_id, func.max(OperatorEntry.at))
        .where(
            OperatorEntry.operator_id.in_(operators),
            OperatorEntry.state.in_((Presence.PAUSED, Presence.OFFLINE)),
        )
        .group_by(OperatorEntry.operator_id)
    )
    return dict(rows.tuples().all())
