"""Merging tickets about one matter: a row says which ticket goes on in which, and what to put back when it is undone.

A merged ticket is closed as a duplicate while its row stands, and its main ticket goes on for it. Undoing puts back state and outcome
exactly, and its clock is that of a ticket that never was merged: the promise to its caller was not longer for it. One level only:
a main ticket is merged into none, so there are neither chains nor loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, Text, exists, or_, select, text
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from hotline.bus import LIVE, announce
from hotline.calls import Call, CallState
from hotline.database import Base, Moment
from hotline.orders import Order, OrderState
from hotline.tickets import Ticket, TicketEntry, TicketState

MERGED, TOOK_IN, UNMERGED, GAVE_BACK = "merged", "took_in", "unmerged", "gave_back"
"""The entries on the merged ticket and on the main one, of merging and of undoing it."""
DUPLICATE = "duplicate"
UNDER_WAY = (OrderState.AWAITING_APPROVAL, OrderState.ISSUED)


class TicketMerge(Base):
    """One merging; it stands until it is undone, and stays as a row for ever."""

    __tablename__ = "ticket_merge"
    __table_args__ = (
        # The database's own word that a ticket goes on in one other, whoever competes.
        Index(
            "uq_ticket_merge_standing", "ticket_id", unique=True,
            sqlite_where=text("undone_at IS NULL"), postgresql_where=text("undone_at IS NULL"),
        ),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"))
    into_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    """State, disposition and closing time as they were."""
    undone_at: Mapped[datetime | None] = mapped_column(Moment)
    undone_by: Mapped[str] = mapped_column(String(64), default="")


class MergeRefused(ValueError):  # noqa: N818 - exceptions are named by the fact
    """Why these two are not merged, or not parted; `ticket` is the one that the sentence names."""

    # No frozen dataclass: an exception is given its traceback on its way out of a `with`.
    def __init__(self, vi: str, en: str, ticket: Ticket | None = None) -> None:
        super().__init__(vi)
        self.vi, self.en, self.ticket = vi, en, ticket


@dataclass(frozen=True)
class Standing:
    """What is known of two tickets before one goes into the other."""

    same: bool = False
    other_hotline: bool = False
    goes_on_in: bool = False
    """The one that is to go is merged already."""
    holds_others: bool = False
    """Others are merged into the one that is to go."""
    main_goes_on_in: bool = False
    main_closed: bool = False
    talks: bool = False
    """A call of the one that is to go goes on now."""
    has_orders: bool = False
    """Orders of the one that is to go are under way."""


SENTENCES: Mapping[str, tuple[str, str]] = {
    "same": ("Một phiếu không gộp vào chính nó: hãy chọn phiếu khác.", "A ticket is not merged into itself: choose another."),
    "other_hotline": ("Hai phiếu thuộc hai tổng đài khác nhau: hãy liên kết thay vì gộp.",
                      "The two tickets are of two hotlines: link them instead."),
    "goes_on_in": ("Phiếu này đã gộp vào phiếu khác: hãy tách ra trước.", "This ticket is merged already: part it first."),
    "holds_others": ("Phiếu này đang giữ phiếu khác đã gộp vào nó: hãy gộp phiếu kia vào phiếu này, hoặc tách trước.",
                     "Other tickets are merged into this one: merge the other one into this one, or part them first."),
    "main_goes_on_in": ("Phiếu chính đã gộp vào phiếu khác: hãy gộp thẳng vào phiếu đó.",
                        "The main ticket is merged into another: merge straight into that one."),
    "main_closed": ("Phiếu chính đã đóng: hãy mở lại phiếu đó trước, hoặc liên kết hai phiếu.",
                    "The main ticket is closed: open it again first, or link the two."),
    "talks": ("Phiếu này đang có cuộc gọi: hãy gộp sau khi gác máy, lúc này hãy liên kết.",
              "A call of this ticket goes on: merge after it, and link the two for now."),
    "has_orders": ("Phiếu này có lệnh đang chạy: hãy gộp phiếu kia vào phiếu này.",
                   "Orders of this ticket are under way: merge the other one into this one."),
}  # fmt: skip
"""Why a merging is refused, in the order in which it is said."""


def refusal(standing: Standing) -> tuple[str, str] | None:
    """The sentence, Vietnamese and English, why not; None when it may be done. Pure."""
    return next((SENTENCES[name] for name in SENTENCES if getattr(standing, name)), None)


def standing(session: Session, ticket: Ticket, main: Ticket) -> Standing:
    """What the rows say of the two."""

    def has(asked: Any) -> bool:
        return session.scalar(asked.limit(1)) is not None

    return Standing(
        same=ticket.id == main.id,
        other_hotline=ticket.hotline != main.hotline,
        goes_on_in=of(session, ticket.id) is not None,
        holds_others=has(_standing(TicketMerge.into_id == ticket.id)),
        main_goes_on_in=of(session, main.id) is not None,
        main_closed=main.state == TicketState.CLOSED,
        talks=has(select(Call.id).where(Call.ticket_id == ticket.id, Call.state != CallState.ENDED)),
        has_orders=has(select(Order.id).where(Order.ticket_id == ticket.id, Order.state.in_(UNDER_WAY))),
    )


def _standing(condition: Any) -> Any:
    return select(TicketMerge).where(condition, TicketMerge.undone_at.is_(None))


def of(session: Session, ticket_id: str) -> TicketMerge | None:
    """The merging by which this ticket goes on in another; None when it stands for itself."""
    found: TicketMerge | None = session.scalar(_standing(TicketMerge.ticket_id == ticket_id))
    return found


def main_id(session: Session, ticket_id: str) -> str:
    """The ticket in which this one goes on; itself for most."""
    found = of(session, ticket_id)
    return found.into_id if found is not None else ticket_id


def goes_on(ticket: Any = Ticket) -> ColumnElement[bool]:
    """SQL: the ticket is open, or the one in which it goes on is."""
    main = aliased(Ticket)
    elsewhere = exists().where(
        TicketMerge.ticket_id == ticket.id, TicketMerge.undone_at.is_(None), main.id == TicketMerge.into_id,
        main.state != TicketState.CLOSED,
    )  # fmt: skip
    return or_(ticket.state != TicketState.CLOSED, elsewhere)


def taken_in(session: Session, ticket_ids: Sequence[str]) -> dict[str, list[Ticket]]:
    """For each of these tickets those that go on in it, the oldest first; most have none and are not named."""
    rows = session.execute(
        select(TicketMerge.into_id, Ticket)
        .join(Ticket, TicketMerge.ticket_id == Ticket.id)
        .where(TicketMerge.into_id.in_(ticket_ids), TicketMerge.undone_at.is_(None))
        .order_by(Ticket.opened_at, Ticket.id)
    )
    found: dict[str, list[Ticket]] = {}
    for into_id, ticket in rows.tuples():
        found.setdefault(into_id, []).append(ticket)
    return found


def locked(session: Session, ids: set[str]) -> dict[str, Ticket]:
    """The tickets, held in the order of their ids until the transaction ends, as they are now."""
    rows = session.scalars(
        select(Ticket)
        .where(Ticket.id.in_(ids))
        .order_by(Ticket.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


def merge(session: Session, ticket: Ticket, main: Ticket, by: str, why: str, at: datetime) -> TicketMerge:
    """Let `ticket` go on in `main`; both are held. Raises MergeRefused, and then changes nothing."""
    refused = refusal(standing(session, ticket, main))
    if refused is not None:
        raise MergeRefused(*refused)
    before = {
        "state": ticket.state,
        "disposition": ticket.disposition,
        "closed_at": ticket.closed_at.isoformat() if ticket.closed_at else "",
    }
    row = TicketMerge(ticket_id=ticket.id, into_id=main.id, at=at, by=by, why=why, before=before)
    session.add(row)
    ticket.state, ticket.disposition = TicketState.CLOSED.value, DUPLICATE
    ticket.closed_at = at
    ticket.version += 1
    main.version += 1
    # The proof of this closing is the ticket that goes on.
    proof = {"done": main.id, "told": MERGED}
    _enter(session, ticket, MERGED, by, why, {"proof": proof, **ends(main)}, at)
    _enter(session, main, TOOK_IN, by, why, ends(ticket), at)
    session.flush()
    return row


def unmerge(session: Session, ticket: Ticket, by: str, why: str, at: datetime) -> Ticket:
    """Let the ticket stand for itself again as it was; the main ticket it went on in. Raises MergeRefused."""
    row = of(session, ticket.id)
    if row is None:
        raise MergeRefused("Phiếu này không gộp vào phiếu nào.", "This ticket is merged into none.")
    main = session.get(Ticket, row.into_id)
    assert main is not None  # noqa: S101 - tickets are never removed
    row.undone_at, row.undone_by = at, by
    before = row.before
    ticket.state, ticket.disposition = before["state"], before["disposition"]
    ticket.closed_at = datetime.fromisoformat(before["closed_at"]) if before["closed_at"] else None
    ticket.version += 1
    main.version += 1
    _enter(session, ticket, UNMERGED, by, why, ends(main), at)
    _enter(session, main, GAVE_BACK, by, why, ends(ticket), at)
    session.flush()
    return main


def ends(other: Ticket) -> dict[str, Any]:
    """The other ticket as an entry names it."""
    return {"other": other.id, "hotline": other.hotline, "number": other.number}


def _enter(
    session: Session, ticket: Ticket, kind: str, by: str, text_: str, body: dict[str, Any], at: datetime
) -> None:
    session.add(TicketEntry(ticket_id=ticket.id, at=at, kind=kind, actor=by, text=text_, body=body))
    told = {"event": "ticket_changed", "ticket_id": ticket.id, "call_id": ticket.call_id, "operator_id": None}
    announce(session, LIVE, told)
