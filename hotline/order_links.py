"""Links that open one order without signing in: 192 bits that only the message carries, here only their hash; they expire."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hotline.orders import Assignment, Order, OrderLink
from hotline.secrets import secret

ANSWER, WORK = "answer", "work"
BYTES = 24
ANSWERS_FOR = timedelta(hours=12)
"""Later the order was answered, climbed or recalled long ago."""
WORKS_AFTER_DUE = timedelta(hours=12)
"""How long after the order's deadline a team can still report by its link."""
LONGEST_TOKEN = 64


def make(session: Session, assignment_id: str, kind: str, at: datetime) -> str:
    """A new link's token, in the caller's transaction; it is nowhere else afterwards."""
    token = secrets.token_urlsafe(BYTES)
    _add(session, token, assignment_id, kind, at)
    return token


def of_message(session: Session, var: Path, assignment_id: str, key: str, at: datetime) -> str:
    """The token of the link that the message with this key carries: the same at every try, and so one link.

    It is made of the installation's own secret, so that it can be made anew and need not be stored.
    """
    made = hmac.new(secret(var, "order-links").encode(), key.encode(), hashlib.sha256).digest()[:BYTES]
    token = base64.urlsafe_b64encode(made).decode()
    if session.get(OrderLink, _hash(token)) is None:
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
            token_hash=_hash(token), assignment_id=assignment_id, kind=kind, made_at=at, expires_at=expires_at
        )
    )


def find(session: Session, token: str, at: datetime) -> OrderLink | None:
    """The link of that token while it holds; a spent one too, so that its page can say so."""
    if not 20 <= len(token) <= LONGEST_TOKEN:
        return None
    link = session.get(OrderLink, _hash(token))
    return link if link is not None and link.expires_at > at else None


def spend(session: Session, link: OrderLink, at: datetime) -> bool:
    """Use a link that answers; False when it was used already, also by a second click in the same moment."""
    used = session.execute(
        update(OrderLink)
        .where(OrderLink.token_hash == link.token_hash, OrderLink.used_at.is_(None))
        .values(used_at=at)
        .returning(OrderLink.token_hash)
    )
    return used.first() is not None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
