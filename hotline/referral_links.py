"""Links that answer one agency's part without signing in, once; they expire."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from hotline import tokens
from hotline.referrals import ReferralLink, ReferralPart

HOLDS_AFTER_DUE = timedelta(hours=24)
"""A late answer counts; a day later the link opens nothing."""


def of_message(session: Session, var: Path, part_id: str, key: str, at: datetime) -> str:
    """The token of the link that the message with this key carries: the same at every try, and so one link."""
    token = tokens.derived(var, "referral-links", key)
    token_hash = tokens.hashed(token)
    if session.get(ReferralLink, token_hash) is None:
        due_at = session.get_one(ReferralPart, part_id).due_at
        expires_at = max(due_at, at) + HOLDS_AFTER_DUE
        session.add(ReferralLink(token_hash=token_hash, part_id=part_id, made_at=at, expires_at=expires_at))
    return token
