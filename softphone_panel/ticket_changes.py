"""What a person changes on a ticket: each with its entry and its announcement in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import closing, merging
from hotline.acuity import Acuity
from hotline.bus import LIVE, announce
from hotline.closing import Missing
from hotline.events import AcuityCorrected, now
from hotline.record import Told, apply
from hotline.tickets import FOLLOWS, Ticket, TicketEntry, TicketState
from softphone_panel import shown, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.words import either, say

NOTE_CHARACTERS = 4000
REASON_CHARACTERS = 200
LOWERING_CHARACTERS = 5
EDITED = ("state", "disposition", "unit_code")
"""What people change; two of them must not overwrite each other there."""


@dataclass(frozen=True)
class Asked:
    """A change as its form carried it, with the ticket as the person saw it."""

    version: int
    seen: Mapping[str, str]
    """Field of `EDITED` → its value on the page that was sent."""
    state: str
    disposition: str
    unit_code: str
    note: str
    supervises: bool = False


class Conflict(ValueError):  # noqa: N818 - exceptions are named by the fact
    """Somebody else changed the ticket since; `fields` are the ones that differ from what this person saw."""

    def __init__(self, ticket: Ticket, fields: tuple[str, ...]) -> None:
        super().__init__(f"ticket {ticket.id} is at version {ticket.version}")
        self.ticket = ticket
        self.fields = fields


def locked(session: Session, ticket_id: str) -> Ticket | None:
    """The ticket, held until the transaction ends."""
    return session.scalar(select(Ticket).where(Ticket.id == ticket_id).with_for_update())


def once(session: Session, click_id: str) -> bool:
    """True the first time a form's click comes; a double click changes nothing twice."""
    if session.get(Told, click_id) is not None:
        return False
    session.add(Told(id=click_id, at=now()))
    session.flush()
    return True


def fresh_click() -> str:
    """An id for a form's click: told once, however often the button is pressed."""
    return uuid4().hex


def add_entry(
    session: Session,
    ticket: Ticket,
    kind: str,
    actor: str,
    text: str = "",
    body: dict[str, Any] | None = None,
) -> None:
    """Write the entry and tell the live pages which ticket to read again."""
    session.add(
        TicketEntry(ticket_id=ticket.id, at=now(), kind=kind, actor=actor, text=text, body=body or {})
    )
    told = {"event": "ticket_changed", "ticket_id": ticket.id, "call_id": ticket.call_id, "operator_id": None}
    announce(session, LIVE, told)


def correct_acuity(
    session: Session, ticket: Ticket, actor: str, *, seen: str, acuity: str, why: str, spoken_with: bool
) -> None:
    """Put the ticket at the level that a human found. Raises InputFault, and then changes nothing.

    `spoken_with` tells whether a human has talked with the caller: nobody is taken from RED unheard.
    """
    check_acuity(ticket, seen=seen, acuity=acuity)
    if Acuity(acuity) < Acuity(ticket.acuity):
        if len(why) < LOWERING_CHARACTERS:
            raise InputFault("why", say("Ô “Lý do”: hạ mức phải ghi lý do, ít nhất 5 ký tự."))
        if ticket.acuity == Acuity.RED and not spoken_with:
            raise InputFault("acuity", say("Chỉ hạ mức Đỏ sau khi đã nói chuyện với người dân."), 409)
    told = AcuityCorrected(call_id=ticket.call_id, before=ticket.acuity, acuity=acuity, why=why, by=actor)
    apply(session, told, actor)


def check_acuity(ticket: Ticket, *, seen: str, acuity: str) -> None:
    """Raises InputFault when the level is none, the same, or was changed by somebody else meanwhile."""
    if seen != ticket.acuity:
        raise InputFault(
            "acuity",
            say(
                "Mức của phiếu vừa được đổi thành {acuity}: hãy xem lại rồi chọn.",
                acuity=shown.acuity_short(ticket.acuity),
            ),
            409,
        )
    if acuity not in Acuity.__members__ or acuity == ticket.acuity:
        raise InputFault("acuity", say("Ô “Mức mới”: hãy chọn một mức khác mức hiện tại."))


def checked_note(text: str, *, needed: bool) -> str:
    """The note without surrounding space; InputFault when it is too long, or missing where one is needed."""
    note = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if needed and not note:
        raise InputFault("note", say("Ô “Ghi chú” đang trống: hãy viết nội dung rồi lưu."))
    if len(note) > NOTE_CHARACTERS:
        raise InputFault(
            "note",
            say(
                "Ô “Ghi chú” dài {count} ký tự: hãy rút xuống dưới {most}.",
                count=len(note),
                most=NOTE_CHARACTERS,
            ),
        )
    return note


def add_note(session: Session, ticket: Ticket, actor: str, note: str) -> None:
    add_entry(session, ticket, "note", actor, note, {"folded": unit_search.folded(note)})


def change(session: Session, ticket: Ticket, actor: str, asked: Asked) -> tuple[str, ...]:
    """Apply the change; the names of the fields that changed. Raises Conflict or InputFault, and then changes nothing."""
    if ticket.version != asked.version:
        differing = tuple(f for f in EDITED if asked.seen.get(f, "") != getattr(ticket, f))
        if differing:
            raise Conflict(ticket, differing)
    _check(session, ticket, asked)
    proof = _proof(session, ticket, asked) if closes(ticket, asked) else None
    changed: list[str] = []
    if asked.unit_code != ticket.unit_code:
        ticket.unit_code = asked.unit_code
        changed.append("unit_code")
        body = {
            "unit_code": asked.unit_code,
            "unit_name": unit_search.name_of(session, asked.unit_code),
            "how": "operator",
        }
        add_entry(session, ticket, "unit_chosen", actor, "", body)
    if asked.state != ticket.state:
        before, ticket.state = ticket.state, asked.state
        changed.append("state")
        closing = asked.state == TicketState.CLOSED
        ticket.closed_at = now() if closing else None
        ticket.disposition = asked.disposition if closing else ""
        folded = unit_search.folded(asked.note)
        if closing:
            add_entry(
                session,
                ticket,
                "disposition",
                actor,
                asked.note,
                {"disposition": asked.disposition, "folded": folded, "proof": proof},
            )
        else:
            add_entry(
                session,
                ticket,
                "state",
                actor,
                asked.note,
                {"from": before, "to": asked.state, "folded": folded},
            )
    elif asked.note:
        changed.append("note")
        add_note(session, ticket, actor, asked.note)
    if changed:
        ticket.version += 1
    return tuple(changed)


def refusal(session: Session, ticket: Ticket, asked: Asked) -> str:
    """Why the change would be refused, as a sentence; empty when it would not."""
    try:
        _check(session, ticket, asked)
        if closes(ticket, asked):
            _proof(session, ticket, asked)
    except InputFault as fault:
        return str(fault)
    return ""


def closes(ticket: Ticket, asked: Asked) -> bool:
    return asked.state == TicketState.CLOSED and ticket.state != TicketState.CLOSED


def _proof(session: Session, ticket: Ticket, asked: Asked) -> dict[str, str]:
    """What shows that the citizen was helped and told. Raises InputFault when nothing does."""
    known = closing.known(session, ticket)
    found = closing.proof(asked.disposition, known, asked.note, supervises=asked.supervises)
    if isinstance(found, Missing):
        raise InputFault("disposition", either(found))
    return found.plain()


def _check(session: Session, ticket: Ticket, asked: Asked) -> None:
    if asked.state != ticket.state and merging.of(session, ticket.id) is not None:
        raise InputFault(
            "state", say("Ô “Trạng thái”: phiếu này đã gộp vào phiếu khác, hãy tách ra trước khi đổi."), 409
        )
    if asked.state not in set(TicketState):
        raise InputFault("state", say("Ô “Trạng thái”: hãy chọn một trạng thái trong danh sách."))
    if asked.state != ticket.state and TicketState(asked.state) not in FOLLOWS[TicketState(ticket.state)]:
        raise InputFault(
            "state",
            say(
                "Ô “Trạng thái”: phiếu “{old}” không chuyển thẳng sang “{new}” được, hãy mở lại phiếu trước.",
                old=shown.word(shown.TICKET_STATES, ticket.state),
                new=shown.word(shown.TICKET_STATES, asked.state),
            ),
        )
    if (
        asked.state == TicketState.CLOSED
        and ticket.state != TicketState.CLOSED
        and asked.disposition not in shown.DISPOSITIONS
    ):
        raise InputFault(
            "disposition", say("Ô “Kết quả”: hãy chọn cách phiếu được giải quyết trước khi đóng.")
        )
    if (
        asked.unit_code
        and asked.unit_code != ticket.unit_code
        and not unit_search.exists(session, asked.unit_code)
    ):
        raise InputFault(
            "unit_code", say("Ô “Địa bàn”: không có mã này, hãy tìm và chọn lại trong danh sách.")
        )
