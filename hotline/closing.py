"""Closing a ticket: it needs proof of what was done and that the citizen was told, or a supervisor's word that nobody can be reached.

`proof` is pure; `known` reads what it judges from the ticket's rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.calls import Call
from hotline.clocks import DONE, REOPENED, TOLD
from hotline.recalls import MISSED, TRIES
from hotline.results import told_by
from hotline.tickets import Ticket, TicketEntry

NEEDLESS = frozenset({"wrong_number", "nuisance", "duplicate"})
"""Nothing was asked of the hotline, or another ticket goes on for it."""
IN_TALK = frozenset(
    {"advised", "information_given", "answered_on_spot", "called_back", "emergency_sent", "sent_to_station"}
)
"""Done and told in the talk itself."""
UNREACHABLE = "unreachable"
APART = timedelta(hours=1)
"""Tries nearer to each other are of one hour."""


@dataclass(frozen=True)
class Known:
    """What is on the ticket since it was opened last."""

    talked: bool = False
    """A human spoke with the citizen."""
    done: str = ""
    """What was entered as done."""
    told: str = ""
    """How the citizen was told."""
    tries: int = 0
    """How often they were rung without being reached, each time an hour or more after the last that counts."""


@dataclass(frozen=True)
class Proof:
    done: str
    told: str
    """talk, result_call, operator, message, in_person; needless, unreachable."""

    def plain(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Missing:
    """Why the ticket cannot be closed so, and what to do."""

    vi: str
    en: str


def proof(disposition: str, known: Known, note: str, *, supervises: bool) -> Proof | Missing:
    """The proof that goes with this closing, or what it lacks."""
    if disposition in NEEDLESS:
        return Proof(disposition, "needless")
    if disposition == UNREACHABLE:
        if not supervises:
            return Missing(
                "Chỉ trưởng ca được đóng phiếu vì không liên lạc được.",
                "Only a supervisor may close a ticket as unreachable.",
            )
        if known.tries < TRIES:
            return Missing(
                f"Mới gọi không gặp ở {known.tries} giờ khác nhau: cần {TRIES} lần vào các giờ khác nhau mới đóng vì không liên lạc được.",
                f"They were rung at {known.tries} different hours: {TRIES} tries at different hours come before closing as unreachable.",
            )
        return Proof(known.done or note, UNREACHABLE)
    if known.told:
        return Proof(known.done or note or disposition, known.told)
    if disposition in IN_TALK and (known.talked or note):
        return Proof(note or disposition, "talk" if known.talked else "note")
    return Missing(
        "Chưa có bằng chứng đã báo kết quả cho người dân: hãy ghi “Đã làm gì” và báo kết quả ở ô Thời hạn, rồi đóng phiếu.",
        "Nothing shows that the citizen was told: enter what was done and tell them under “Deadlines”, then close.",
    )


def known(session: Session, ticket: Ticket) -> Known:
    """What the ticket's rows say since its last opening."""
    rows = session.scalars(
        select(TicketEntry)
        .where(
            TicketEntry.ticket_id == ticket.id,
            TicketEntry.kind.in_((DONE, TOLD, "result_told", REOPENED, "state")),
        )
        .order_by(TicketEntry.id)
    )
    done = told = ""
    since = ticket.opened_at
    for row in rows:
        body: Mapping[str, Any] = row.body or {}
        if row.kind == REOPENED or body.get("from") == "closed":
            done = told = ""
            since = row.at
        elif row.kind == DONE:
            done = row.text or str(body.get("result", ""))
        elif row.kind == TOLD:
            told = str(body.get("how", "operator"))
        elif row.kind == "result_told" and body.get("answer") in ("", "solved"):
            told = told_by(str(body.get("by", "")))
    spoke = select(Call.id).where(
        Call.ticket_id == ticket.id, Call.human_at.is_not(None), Call.human_at >= since
    )
    return Known(
        session.scalar(spoke.limit(1)) is not None, done, told, len(missed_at(session, ticket.id, since))
    )


def missed_at(session: Session, ticket_id: str, since: datetime) -> list[datetime]:
    """When the citizen was rung in vain at different hours: a try within an hour of one that counts is the same one."""
    rows = session.scalars(
        select(TicketEntry)
        .where(
            TicketEntry.ticket_id == ticket_id, TicketEntry.kind == "recall_tried", TicketEntry.at >= since
        )
        .order_by(TicketEntry.at)
    )
    found: list[datetime] = []
    for row in rows:
        if row.body.get("outcome") in MISSED and (not found or row.at - found[-1] >= APART):
            found.append(row.at)
    return found
