"""Tokens with which an agency's own system asks our interface: 192 bits told once, here only their hash, each with its scopes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import click
from sqlalchemy import JSON, ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import tokens
from hotline.agencies import AgencyRow
from hotline.database import Base, Moment, reading, transaction
from hotline.events import now
from hotline.refusals import RequestRefused

READ, REPORT = "orders:read", "orders:report"
TICKETS, TICKETS_WRITE, TICKETS_PERSONS = "tickets:read", "tickets:write", "tickets:persons"
"""The last one alone shows numbers, names, fields and what was written down; each showing is entered on the ticket."""
WEBHOOKS = "webhooks"
QUESTIONS = "questions:answer"
SCOPES = (READ, REPORT, TICKETS, TICKETS_WRITE, TICKETS_PERSONS, QUESTIONS, WEBHOOKS)
LONGEST_NAME = 60
USED_EVERY = timedelta(hours=1)
"""A token's last use is written down as often as this, not at each request."""
USAGE = f"agency-token make AGENCY NAME SCOPE… | end ID | list   (scopes: {' '.join(SCOPES)})"
COMMAND = "command line"
"""Who makes and ends tokens by `./run agency-token`."""


class AgencyToken(Base):
    __tablename__ = "agency_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    agency_key: Mapped[str] = mapped_column(ForeignKey("agency.key"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    """Which system has it; stands in the order's steps as who said it."""
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    """About: see USED_EVERY."""


def make(
    session: Session, agency: str, name: str, scopes: Collection[str], at: datetime, by: str = COMMAND
) -> str:
    """A new token in the caller's transaction; it is nowhere else afterwards. Raises RequestRefused."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        given = f"There is no scope {', '.join(unknown)}" if unknown else "No scope is chosen"
        raise RequestRefused(
            "Hãy chọn ít nhất một quyền trong danh sách.",
            f"{given}: use {' or '.join(SCOPES)}.", "scopes",
        )  # fmt: skip
    row = session.get(AgencyRow, agency)
    if row is None or row.removed:
        raise RequestRefused(
            "Không có cơ quan này: hãy xem mã ở trang Tổ chức.",
            f"There is no agency {agency!r}: see the organisation's page for the keys.", "agency",
        )  # fmt: skip
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise RequestRefused(
            f"Hãy đặt tên hệ thống, nhiều nhất {LONGEST_NAME} ký tự.",
            f"Name the system, in at most {LONGEST_NAME} characters.",
            "name",
        )
    token = tokens.drawn()
    session.add(
        AgencyToken(
            token_hash=tokens.hashed(token),
            agency_key=agency,
            name=name.strip(),
            scopes=sorted(scopes),
            made_at=at,
            made_by=by[:80],
        )
    )
    return token


def find(session: Session, token: str) -> AgencyToken | None:
    """The token's row while it holds and its agency is active."""
    if not tokens.may_be(token):
        return None
    return session.scalar(
        select(AgencyToken)
        .join(AgencyRow, AgencyRow.key == AgencyToken.agency_key)
        .where(
            AgencyToken.token_hash == tokens.hashed(token), AgencyToken.ended_at.is_(None), AgencyRow.active,
            ~AgencyRow.removed,
        )
    )  # fmt: skip


def end(session: Session, number: int, by: str, at: datetime) -> AgencyToken | None:
    """It opens nothing any more; None when there is none of that number."""
    row = session.get(AgencyToken, number, with_for_update=True)
    if row is not None and row.ended_at is None:
        row.ended_at, row.ended_by = at, by[:80]
    return row


def used(session: Session, number: int, at: datetime) -> None:
    """Write down that it is in use."""
    session.execute(update(AgencyToken).where(AgencyToken.id == number).values(used_at=at))


def main(words: list[str]) -> int:
    """`./run agency-token …`; the token is printed once."""
    if words[:1] == ["make"] and len(words) > 3:
        try:
            with transaction() as session:
                token = make(session, words[1], words[2], words[3:], now())
        except RequestRefused as refused:
            click.echo(refused.en)
            return 2
        click.echo(token)
        return 0
    if words[:1] == ["end"] and len(words) == 2 and words[1].isdecimal():
        with transaction() as session:
            if end(session, int(words[1]), COMMAND, now()) is None:
                click.echo(f"there is no token {words[1]}: see agency-token list")
                return 2
        return 0
    if words == ["list"]:
        with reading() as session:
            for row in session.scalars(select(AgencyToken).order_by(AgencyToken.id)):
                state = "ended" if row.ended_at else "holds"
                click.echo(f"{row.id} {row.agency_key} {row.name} {','.join(row.scopes)} {state}")
        return 0
    click.echo(USAGE)
    return 2
