"""Claims: of all who want to make one owed call, exactly one gets it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from hotline.recalls import Recall, RecallState

HELD_FOR = timedelta(minutes=15)
"""A claim that nothing came of is free again after this: its operator may have gone home."""


def claim(session: Session, recall_id: str, operator_id: int, at: datetime) -> bool:
    """Take an owed call; False when somebody else has it, or it is made or cancelled already. Taking one's own again renews it."""
    free = or_(Recall.claimed_by.is_(None), Recall.claimed_until < at, Recall.claimed_by == operator_id)
    return _changed(
        session,
        update(Recall)
        .where(Recall.id == recall_id, Recall.state.in_((RecallState.DUE, RecallState.FAILED)), free)
        .values(claimed_by=operator_id, claimed_until=at + HELD_FOR)
        .returning(Recall.id),
    )


def let_go(session: Session, recall_id: str, operator_id: int) -> bool:
    """Give one's claim back; False when it is not one's own."""
    own = update(Recall).where(Recall.id == recall_id, Recall.claimed_by == operator_id)
    return _changed(session, own.values(claimed_by=None, claimed_until=None).returning(Recall.id))


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
