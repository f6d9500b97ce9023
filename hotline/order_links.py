"""Links that open one order without signing in, to answer it once or to report on it; they expire."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import tokens
from hotline.orders import Assignment, Order, OrderLink

ANSWER, WORK = "answer", "work"
ANSWERS_FOR = timedelta(hours=12)
"""Later the order was answered, climbed or recalled long ago."""
WORKS_AFTER_DUE = timedelta(hours=12)
"""How long after the order's deadline a team can still report by its link."""


def make(session: Session, assignment_id: str, kind: str, at: datetime) -> str:
    """A new link's token, in the caller's transaction; it is nowhere else afterwards."""
    token = tokens.drawn()
    _add(session, token, assignment_id, kind, at)
    return token


def of_message(session: Session, var: Path, assignment_id: str, key: str, at: datetime) -> str:
    """The token of the link that the message with this key carries: the same at every try, and so one link."""
    token = tokens.derived(var, "order-links", key)
    if session.get(OrderLink, tokens.hashed(token)) is None:
        _add(session, token, assignment_id, ANSWER, at)
    return token


def _add(session: Session, token: str, assignment_id: str, kind: str, at: datetime) -> None:
    expires_at = at + ANSWERS_FOR
    if kind == WORK:
        due_at = session.scalar(
            select(Order.due_at)
            .join(Assignment, Assignment.order_id == Order.id)
            .where(Assignment.id == assignment_id)
        )
        expires_at = max(due_at or at, at) + WORKS_AFTER_DUE
    session.add(
        OrderLink(
            token_hash=tokens.hashed(token),
            assignment_id=assignment_id,
            kind=kind,
            made_at=at,
            expires_at=expires_at,
        )
    )
