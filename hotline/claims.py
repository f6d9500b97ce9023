"""Claims: of all who want to make one owed call, exactly one gets it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from hotline.acuity import Acuity
from hotline.recalls import RESULTS, Recall, RecallState

HELD_FOR: Mapping[Acuity, timedelta] = {
    Acuity.RED: timedelta(minutes=1),
    Acuity.ORANGE: timedelta(minutes=3),
}
"""A claim that nothing came of is free again after this, and dialled by the machine: its operator may have gone home."""
OTHERWISE = timedelta(minutes=15)


def claim(session: Session, recall: Recall, operator_id: int, at: datetime) -> bool:
    """Take an owed call; False when somebody has it, or it is made or cancelled already.

    While it is held the machine does not dial it.
    """
    urgent = HELD_FOR.get(Acuity(recall.acuity), OTHERWISE)
    until = at + (OTHERWISE if recall.why in RESULTS else urgent)
    free = or_(Recall.claimed_by.is_(None), Recall.claimed_until < at)
    return _changed(
        session,
        update(Recall)
        .where(Recall.id == recall.id, Recall.state.in_((RecallState.DUE, RecallState.FAILED)), free)
        .values(claimed_by=operator_id, claimed_until=until, next_try_at=until)
        .returning(Recall.id),
    )


def let_go(session: Session, recall_id: str, operator_id: int, at: datetime) -> bool:
    """Give one's claim back, to whoever is free; False when it is not one's own."""
    own = update(Recall).where(Recall.id == recall_id, Recall.claimed_by == operator_id)
    return _changed(
        session, own.values(claimed_by=None, claimed_until=None, next_try_at=at).returning(Recall.id)
    )


def finish(session: Session, recall_id: str, operator_id: int) -> bool:
    """One's own call is made, by whatever way; False when it is not one's own or not open any more."""
    own = update(Recall).where(
        Recall.id == recall_id,
        Recall.claimed_by == operator_id,
        Recall.state.in_((RecallState.DUE, RecallState.FAILED)),
    )
    return _changed(session, own.values(state=RecallState.DONE, claimed_until=None).returning(Recall.id))


def _changed(session: Session, change: ReturningUpdate[tuple[str]]) -> bool:
    return session.execute(change.execution_options(synchronize_session=False)).first() is not None
