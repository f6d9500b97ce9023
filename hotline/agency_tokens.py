"""Tokens with which an agency's own system asks our interface: 192 bits told once, here only their hash, each with its scopes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime

import click
from sqlalchemy import JSON, ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.agencies import AgencyRow
from hotline.database import Base, Moment, reading, transaction
from hotline.events import now

READ, REPORT = "orders:read", "orders:report"
SCOPES = (READ, REPORT)
BYTES = 24
LONGEST_TOKEN = 64
USAGE = "agency-token make AGENCY NAME SCOPE… | end ID | list   (scopes: orders:read orders:report)"


class AgencyToken(Base):
    __tablename__ = "agency_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    agency_key: Mapped[str] = mapped_column(ForeignKey("agency.key"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    """Which system has it; stands in the order's steps as who said it."""
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


def make(session: Session, agency: str, name: str, scopes: Collection[str], at: datetime) -> str:
    """A new token in the caller's transaction; it is nowhere else afterwards. Raises ValueError with what is wrong."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ValueError(f"unknown scope {', '.join(unknown) or '(none)'}: use {' or '.join(SCOPES)}")
    row = session.get(AgencyRow, agency)
    if row is None or row.removed:
        raise ValueError(f"there is no agency {agency!r}: see the organisation's page for the keys")
    token = secrets.token_urlsafe(BYTES)
    session.add(
        AgencyToken(
            token_hash=_hash(token), agency_key=agency, name=name[:80], scopes=sorted(scopes), made_at=at
        )
    )
    return token


def find(session: Session, token: str) -> AgencyToken | None:
    """The token's row while it holds and its agency is active."""
    if not 20 <= len(token) <= LONGEST_TOKEN:
        return None
    return session.scalar(
        select(AgencyToken)
        .join(AgencyRow, AgencyRow.key == AgencyToken.agency_key)
        .where(
            AgencyToken.token_hash == _hash(token), AgencyToken.ended_at.is_(None), AgencyRow.active,
            ~AgencyRow.removed,
        )
    )  # fmt: skip


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def main(words: list[str]) -> int:
    """`./run agency-token …`; the token is printed once."""
    if words[:1] == ["make"] and len(words) > 3:
        try:
            with transaction() as session:
                token = make(session, words[1], words[2], words[3:], now())
        except ValueError as fault:
            click.echo(fault)
            return 2
        click.echo(token)
        return 0
    if words[:1] == ["end"] and len(words) == 2 and words[1].isdecimal():
        with transaction() as session:
            row = session.get(AgencyToken, int(words[1]))
            if row is None:
                click.echo(f"there is no token {words[1]}: see agency-token list")
                return 2
            row.ended_at = row.ended_at or now()
        return 0
    if words == ["list"]:
        with reading() as session:
            for row in session.scalars(select(AgencyToken).order_by(AgencyToken.id)):
                state = "ended" if row.ended_at else "holds"
                click.echo(f"{row.id} {row.agency_key} {row.name} {','.join(row.scopes)} {state}")
        return 0
    click.echo(USAGE)
    return 2
