"""The list of tickets: filters, search by number, telephone and note, and its pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, or_, select, union_all
from sqlalchemy.orm import Session

from hotline import persons, ticket_words
from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.installation import Installation, digits
from hotline.ticket_fields import TicketField
from hotline.tickets import Ticket, TicketState
from softphone_panel import unit_search
from softphone_panel.people_signed_in import SignedIn
from softphone_panel.words import VIETNAM, say

PAGE = 25
LAST_PAGE = 4000
NUMBERED = re.compile(r"([A-Za-z]{1,6})\s*-\s*(\d{1,9})|#?(\d{1,6})")
DIGITS = re.compile(r"[+\d][\d .()-]{3,}")


@dataclass(frozen=True)
class Wanted:
    """What the reader asked for; a value that means nothing is told in `faults` and left out."""

    state: str = ""
    acuity: str = ""
    hotline: str = ""
    branch: str = ""
    category: str = ""
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
            state=state, acuity=acuity, hotline=given.get("hotline", "")[:32], branch=given.get("branch", "")[:16],
            category=given.get("category", "")[:32], since=since, until=until, text=given.get("text", "").replace("\x00", "").strip()[:100],
            page=min(LAST_PAGE, max(1, int(page))) if page.isdecimal() and len(page) < 6 else 1, faults=tuple(faults),
        )  # fmt: skip

    def query(self, page: int) -> dict[str, Any]:
        """The address of another page of the same list."""
        values = {
            "state": self.state, "acuity": self.acuity, "hotline": self.hotline, "branch": self.branch,
            "category": self.category,
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
    newest = (Ticket.opened_at.desc(), Ticket.id.desc())
    first = (wanted.page - 1) * PAGE
    if wanted.text:  # few enough to be known by their ids, so that they are looked for once
        ids = list(session.scalars(select(Ticket.id).where(*conditions).order_by(*newest)))
        total = len(ids)
        asked = select(Ticket).where(Ticket.id.in_(ids[first : first + PAGE])).order_by(*newest)
    else:
        total = session.scalar(select(func.count()).select_from(Ticket).where(*conditions)) or 0
        asked = select(Ticket).where(*conditions).order_by(*newest).offset(first).limit(PAGE)
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
        (Ticket.category, wanted.category),
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
    """The ways in which a ticket may be meant by these words: its number, a telephone number, or all of them in reason and notes."""
    dialect = session.get_bind().dialect.name
    found: list[Select[tuple[str]]] = []
    words = ticket_words.hits(dialect, ticket_words.words_of(unit_search.folded(text)))
    if words is not None:
        found.append(words)
    numbered = NUMBERED.fullmatch(text)
    if numbered:
        prefix, after, alone = numbered.groups()
        keys = [h.key for h in province.hotlines if not prefix or h.prefix.lower() == prefix.lower()]
        found.append(select(Ticket.id).where(Ticket.hotline.in_(keys), Ticket.number == int(after or alone)))
    if DIGITS.fullmatch(text):
        found += _telephone(dialect, digits(text), reader)
    if not found:
        return [false()]
    return [Ticket.id.in_(union_all(*(select(one.subquery()) for one in found)))]


def _telephone(dialect: str, written: str, reader: SignedIn) -> list[Select[tuple[str]]]:
    """Supervisors find by any part of a number; an operator, who sees them masked, only by the whole one."""
    national = written.removeprefix("84") if len(written) > 9 else written
    national = national.removeprefix("0")
    if reader.supervises:
        part = ticket_words.hits(dialect, (), national)
        return [] if part is None else [part]
    columns = (Ticket.caller_number, Ticket.callback_number)
    found = [select(Ticket.id).where(column == f"+84{national}") for column in columns]
    near = ticket_words.hits(dialect, (), f"84{national}")
    if near is not None:
        # The index finds by the beginning; the field itself says whether it is the whole number.
        found.append(
            select(TicketField.ticket_id).where(
                TicketField.ticket_id.in_(select(near.subquery())),
                TicketField.name.in_(persons.NUMBERS),
                TicketField.value == f"+84{national}",
            )
        )
    return found
