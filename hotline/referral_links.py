"""Links that answer one agency's part without signing in, once: the token is in the message alone, here only its hash; they expire."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from hotline.order_links import BYTES, LONGEST_TOKEN
from hotline.referrals import ReferralLink, ReferralPart
from hotline.secrets import secret

HOLDS_AFTER_DUE = timedelta(hours=24)
"""A late answer counts; a day later the link opens nothing."""


def of_message(session: Session, var: Path, part_id: str, key: str, at: datetime) -> str:
    """The token that the message with this key carries: the same at every try, made of the installation's secret."""
    made = hmac.new(secret(var, "referral-links").encode(), key.encode(), hashlib.sha256).digest()[:BYTES]
    token = base64.urlsafe_b64encode(made).decode()
    if session.get(ReferralLink, _hash(token)) is None:
        due_at = session.get_one(ReferralPart, part_id).due_at
        expires_at = max(due_at, at) + HOLDS_AFTER_DUE
        session.add(ReferralLink(token_hash=_hash(token), part_id=part_id, made_at=at, expires_at=expires_at))
    return token


def find(session: Session, token: str, at: datetime) -> ReferralLink | None:
    """The link of that token while it holds; a spent one too, so that its page can say so."""
    if not 20 <= len(token) <= LONGEST_TOKEN:
        return None
    link = session.get(ReferralLink, _hash(token))
    return link if link is not None and link.expires_at > at else None


def spend(session: Session, link: ReferralLink, at: datetime) -> bool:
    """Use it; False when it was used already, also by a second click in the same moment."""
    used = session.execute(
        update(ReferralLink)
        .where(ReferralLink.token_hash == link.token_hash, ReferralLink.used_at.is_(None))
        .values(used_at=at)
        .returning(ReferralLink.token_hash)
    )
    return used.first() is not None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
