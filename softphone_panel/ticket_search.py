"""The list of tickets: filters, search by number, telephone and note, and its pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.installation import Installation, digits
from hotline.tickets import Ticket, TicketEntry, TicketState
from softphone_panel import unit_search
from softphone_panel.people_signed_in import SignedIn
from softphone_panel.words import VIETNAM, say

PAGE = 25
LAST_PAGE = 4000
NUMBERED = re.compile(r"([A-Za-z]{1,6})\s*-\s*(\d{1,9})|#?(\d{1,6})")
SAID = ("wrapped_up", "recording_comment", "fields_filled")
"""Entries whose words stand folded in their bodies."""
DIGITS = re.compile(r"[+\d][\d .()-]{3,}")


@dataclass(frozen=True)
class Wanted:
    """What the reader asked for; a value that means nothing is told in `faults` and left out."""

    state: str = ""
    acuity: str = ""
    hotline: str = ""
    branch: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""
    page: int = 1
    faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Wanted:
        faults: list[str] = []
        page = given.get("page", "1")
        state, acuity = given.get("state", ""), given.get("acuity", "")
        if state and state not in set(TicketState):
            faults.append(say("Ô “Trạng thái” không có giá trị này: đang hiện mọi trạng thái."))
            state = ""
        if acuity and acuity not in Acuity.__members__:
            faults.append(say("Ô “Mức” không có giá trị này: đang hiện mọi mức."))
            acuity = ""
        since = _day(given.get("since", ""), say("Từ ngày"), faults)
        until = _day(given.get("until", ""), say("Đến ngày"), faults)
        if since and until and since > until:
            faults.append(say("“Từ ngày” sau “Đến ngày”: đã đổi chỗ hai ngày."))
            since, until = until, since
        return cls(
            state=state, acuity=acuity, hotline=given.get("hotline", "")[:32], branch=given.get("branch", "")[:16], since=since,
            until=until, text=given.get("text", "").replace("\x00", "").strip()[:100],
            page=min(LAST_PAGE, max(1, int(page))) if page.isdecimal() and len(page) < 6 else 1, faults=tuple(faults),
        )  # fmt: skip

    def query(self, page: int) -> dict[str, Any]:
        """The address of another page of the same list."""
        values = {
            "state": self.state, "acuity": self.acuity, "hotline": self.hotline, "branch": self.branch,
            "since": self.since.isoformat() if self.since else "", "until": self.until.isoformat() if self.until else "",
            "text": self.text, "page": page,
        }  # fmt: skip
        return {k: v for k, v in values.items() if v}


@dataclass(frozen=True)
class Found:
    rows: tuple[Ticket, ...]
    total: int
    pages: int
    own: frozenset[str]
    """Tickets with a call of the reader's own."""


def _day(text: str, field: str, faults: list[str]) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(say("Ô “{field}”: hãy viết ngày như 2021-08-31.", field=field))
        return None


def search(session: Session, wanted: Wanted, province: Installation, reader: SignedIn) -> Found:
    """One page of the tickets that this reader may see, newest first."""
    conditions = _conditions(session, wanted, province, reader)
    total = session.scalar(select(func.count()).select_from(Ticket).where(*conditions)) or 0
    asked: Select[tuple[Ticket]] = (
        select(Ticket)
        .where(*conditions)
        .order_by(Ticket.opened_at.desc(), Ticket.id.desc())
        .offset((wanted.page - 1) * PAGE)
        .limit(PAGE)
    )
    rows = tuple(session.scalars(asked))
    own = session.scalars(
        select(Call.ticket_id).where(Call.ticket_id.in_([r.id for r in rows]), Call.operator_id == reader.id)
    )
    return Found(rows, total, max(1, -(-total // PAGE)), frozenset(own))


def _conditions(
    session: Session, wanted: Wanted, province: Installation, reader: SignedIn
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if not reader.supervises and reader.hotlines:
        found.append(Ticket.hotline.in_(reader.hotlines))
    for column, value in (
        (Ticket.state, wanted.state),
        (Ticket.acuity, wanted.acuity),
        (Ticket.hotline, wanted.hotline),
        (Ticket.branch, wanted.branch),
    ):
        if value:
            found.append(column == value)
    if wanted.since:
        found.append(Ticket.opened_at >= midnight_of(wanted.since))
    if wanted.until:
        found.append(Ticket.opened_at < midnight_of(wanted.until + timedelta(days=1)))
    if wanted.text:
        found.append(or_(*of_text(session, wanted.text, province, reader)))
    return found


def midnight_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)


def of_text(
    session: Session, text: str, province: Installation, reader: SignedIn
) -> list[ColumnElement[bool]]:
    """The ways in which a ticket may be meant by these words: its number, a telephone number, its reason, a note."""
    ways: list[ColumnElement[bool]] = [_in_notes(text), Ticket.reason.in_(_reasons(session, text))]
    numbered = NUMBERED.fullmatch(text)
    if numbered:
        prefix, after, alone = numbered.groups()
        keys = [h.key for h in province.hotlines if h.prefix.lower() == (prefix or "").lower()]
        if prefix:
            ways.append(and_(Ticket.hotline.in_(keys), Ticket.number == int(after)))
        else:
            ways.append(Ticket.number == int(alone))
    if DIGITS.fullmatch(text):
        ways.append(_telephone(digits(text), reader))
    return ways


def _telephone(written: str, reader: SignedIn) -> ColumnElement[bool]:
    """Supervisors find by any part of a number; an operator, who sees them masked, only by the whole one."""
    national = written.removeprefix("84") if len(written) > 9 else written
    national = national.removeprefix("0")
    columns = (Ticket.caller_number, Ticket.callback_number)
    if reader.supervises:
        return or_(*(c.contains(national, autoescape=True) for c in columns))
    return or_(*(c == f"+84{national}" for c in columns))


def _reasons(session: Session, text: str) -> list[str]:
    """The protocols' reasons that have these words; there are few, so they are compared here, without accents."""
    words = unit_search.folded(text).split()
    known = session.scalars(select(Ticket.reason).distinct())
    return [reason for reason in known if words and all(word in unit_search.folded(reason) for word in words)]


def _in_notes(text: str) -> ColumnElement[bool]:
    # Bodies keep what was written folded to plain ASCII, which both databases compare alike.
    entries = select(TicketEntry.ticket_id).where(
        TicketEntry.kind.in_(("note", "state", "disposition")),
        cast(TicketEntry.body, Text).contains(unit_search.folded(text), autoescape=True),
    )
    said = select(TicketEntry.ticket_id).where(
        TicketEntry.kind.in_(SAID),
        TicketEntry.body["folded"].as_string().contains(unit_search.folded(text), autoescape=True),
    )
    return or_(Ticket.id.in_(entries), Ticket.id.in_(said))
