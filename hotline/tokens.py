"""Tokens: 192 bits that only whoever is given them carries, here only their hash; and the links of messages that they open."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.orm import Session

from hotline.orders import OrderLink
from hotline.referrals import ReferralLink
from hotline.secrets import secret

BYTES = 24
SHORTEST, LONGEST = 20, 64
"""Characters of a text that is looked up at all."""

AnyLink = TypeVar("AnyLink", OrderLink, ReferralLink)


def drawn() -> str:
    """A new one."""
    return secrets.token_urlsafe(BYTES)


def derived(var: Path, purpose: str, key: str) -> str:
    """The one of that key, the same each time: made of the installation's own secret, so that it need not be stored."""
    made = hmac.new(secret(var, purpose).encode(), key.encode(), hashlib.sha256).digest()[:BYTES]
    return base64.urlsafe_b64encode(made).decode()


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def may_be(text: str) -> bool:
    """Whether it is worth a look into the database."""
    return SHORTEST <= len(text) <= LONGEST


def find(session: Session, kind: type[AnyLink], token: str, at: datetime) -> AnyLink | None:
    """The link of that token while it holds; a spent one too, so that its page can say so."""
    link = session.get(kind, hashed(token)) if may_be(token) else None
    return link if link is not None and link.expires_at > at else None


def spend(session: Session, link: AnyLink, at: datetime) -> bool:
    """Use a link that answers; False when it was used already, also by a second click in the same moment."""
    kind = type(link)
    used = session.execute(
        update(kind)
        .where(kind.token_hash == link.token_hash, kind.used_at.is_(None))
        .values(used_at=at)
        .returning(kind.token_hash)
    )
    return used.first() is not None
