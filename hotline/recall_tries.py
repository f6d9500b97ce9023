"""Tries: of all processes that could make an owed call, exactly one does; the recall's row is the only judge."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Engine, and_, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from hotline import events as e
from hotline.database import transaction
from hotline.facts import apply
from hotline.recalls import Recall, RecallState, ranked
from hotline.tickets import Ticket

TELLS_WITHIN = timedelta(minutes=3)
"""Operator joined, citizen rung 45 s, result told: who has said nothing after this is dead."""


def due(session: Session, at: datetime, limit: int, wanted: Collection[str] = ()) -> list[Recall]:
    """The owed calls whose time has come, the most urgent first; none to somebody who is being rung at this moment.

    What an operator has claimed is theirs to make, so only if it is among the `wanted`.
    """
    other = aliased(Recall)
    rung = exists().where(other.person == Recall.person, other.state == RecallState.DIALLING)
    free = or_(Recall.claimed_by.is_(None), Recall.claimed_until <= at, Recall.id.in_(wanted))
    rows = session.scalars(
        select(Recall)
        .outerjoin(Ticket, Ticket.id == Recall.ticket_id)
        .where(Recall.state == RecallState.DUE, Recall.number != "", Recall.next_try_at <= at, free, ~rung)
        .order_by(*ranked())
        .limit(limit)
    )
    return list(rows)


def begin(
    recall_id: str, dial_id: str, at: datetime, operator_id: int | None = None, *, on: Engine | None = None
) -> int:
    """Take the call to make it now: which try it is, or 0 when it is not (or no longer) to be made by this one.

    Nothing is dialled before this said yes. SQLAlchemyError when the database does not answer: then nothing is dialled either.
    """
    free = or_(Recall.claimed_by.is_(None), Recall.claimed_until <= at, Recall.claimed_by == operator_id)
    take = (
        update(Recall)
        .where(Recall.id == recall_id, Recall.state == RecallState.DUE, Recall.next_try_at <= at, free)
        .values(
            state=RecallState.DIALLING, tries=Recall.tries + 1, dial_id=dial_id, dial_until=at + TELLS_WITHIN
        )
        .returning(Recall.call_id, Recall.tries)
    )
    try:
        with transaction(on) as session:
            taken = session.execute(take.execution_options(synchronize_session=False)).first()
            if taken is None:
                return 0
            call_id, tries = taken
            begun = e.RecallChanged(
                at=at, recall_id=recall_id, call_id=call_id, state=RecallState.DIALLING, dial_id=dial_id,
                number_of_try=tries,
            )  # fmt: skip
            apply(session, begun, "calls")
            return int(tries)
    except IntegrityError:
        return 0  # the same person is being rung for another of their calls


def left_behind(session: Session, node: str, alive: Collection[str], at: datetime) -> list[Recall]:
    """Calls that nobody makes any more: this node's that none of its `alive` calls is, and anybody's whose time is up."""
    own = and_(Recall.dial_id.startswith(f"{node}-", autoescape=True), Recall.dial_id.not_in(alive))
    late = and_(Recall.dial_until <= at, Recall.dial_id.not_in(alive))
    return list(session.scalars(select(Recall).where(Recall.state == RecallState.DIALLING, or_(own, late))))
