"""One thing done to many tickets of the list: first shown with what is refused and why, then done to exactly the chosen ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, render_template, request
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import agencies, merging, ticket_links
from hotline.access import STAFF, SUPERVISORS
from hotline.agencies import AgencyRow
from hotline.calls import Call, CallState
from hotline.clocks import ASSIGNED
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Role
from hotline.ticket_links import SAME_INCIDENT
from hotline.tickets import Ticket, TicketState
from softphone_panel import claiming, desk, shown, ticket_changes, ticket_matter, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.incident_words import BULK, BULK_LACKS
from softphone_panel.matter_words import known
from softphone_panel.ticket_changes import Asked
from softphone_panel.words import language, say

room = Blueprint("ticket_bulk", __name__, url_prefix="/tickets/many")

MOST = 200
"""Tickets at once."""


@dataclass(frozen=True)
class Given:
    """What is to be done, as its form carried it."""

    act: str
    agency: str = ""
    category: str = ""
    disposition: str = ""
    note: str = ""
    main: str = ""
    """Of linking: the ticket that the others are linked with."""


@dataclass(frozen=True)
class Judged:
    """One of the chosen tickets, and why it is left out."""

    row: Ticket
    label: str
    refused: str
    """Empty: it is done to this one."""


def acts_of(role: str) -> dict[str, str]:
    """What somebody of that role may do to many tickets, in words."""
    return {key: say(word) for key, word in BULK.items() if Role(role) in ACTS[key].who}


@room.post("/look")
def look() -> tuple[str, int] | str:
    """What would be done, and to which tickets not; nothing is changed."""
    return _page()


@room.post("/do")
def do() -> tuple[str, int] | str:
    """Do it, one ticket after the other, each with its own entry; then tell what was done to which."""
    try:
        given = _given(needed=True)
    except InputFault as fault:
        return _page(fault)
    click = desk.click(request.form.get("click_id", ""))
    done: list[Judged] = []
    for ticket_id in _chosen():
        with transaction() as session:
            ids = {ticket_id, given.main} if given.act == "link" else {ticket_id}
            held = merging.locked(session, ids)
            ticket = held[ticket_id]
            label = ticket_view.label(ticket.hotline, ticket.number)
            fresh = ticket_changes.once(session, desk.click_id(f"{click} {ticket_id}", 0))
            refused = ACTS[given.act].refusal(session, ticket, given) if fresh else ""
            if fresh and not refused:
                ACTS[given.act].do(session, ticket, given)
            done.append(Judged(ticket, label, refused))
    return render_template(
        "ticket_bulk_done.html",
        act=say(BULK[given.act]),
        done=[one for one in done if not one.refused],
        refused=[one for one in done if one.refused],
    )


def _chosen() -> list[str]:
    """Ids of the chosen tickets in the list's order, all seen by this reader; 404 otherwise."""
    ids = list(dict.fromkeys(request.form.getlist("ticket")))
    if not ids:
        raise InputFault("ticket", say("Chưa chọn phiếu nào: hãy đánh dấu phiếu trong danh sách."))
    if len(ids) > MOST:
        raise InputFault("ticket", say("Chọn nhiều nhất {most} phiếu một lần.", most=MOST))
    with reading() as session:
        rows = session.scalars(select(Ticket).where(Ticket.id.in_(ids))).all()
        if len(rows) != len(ids) or not all(current_user.serves(row.hotline) for row in rows):
            abort(404, say("Không có phiếu này."))
    return ids


def _act() -> str:
    act = request.form.get("act", "")
    if act not in ACTS:
        raise InputFault("act", say("Ô “Việc”: hãy chọn việc cần làm với các phiếu."))
    if Role(current_user.role) not in ACTS[act].who:
        abort(403)
    return act


def _given(*, needed: bool) -> Given:
    """What the form says; with `needed` InputFault names what it lacks."""
    form = request.form
    given = Given(
        _act(), form.get("agency", "")[:48], form.get("category", "")[:32], form.get("disposition", "")[:32],
        ticket_changes.checked_note(form.get("note", ""), needed=False), form.get("main", "")[:72],
    )  # fmt: skip
    if needed:
        ACTS[given.act].check(given)
    return given


def _page(fault: InputFault | None = None) -> tuple[str, int] | str:
    """The preview: the tickets with what is refused and why, and what else the act needs to know."""
    act, ids = _act(), _chosen()
    first = request.form.get("first") == "1"
    given = Given(act)
    try:
        given = _given(needed=not first and fault is None)
    except InputFault as wrong:
        fault = wrong
    with reading() as session:
        rows = {row.id: row for row in session.scalars(select(Ticket).where(Ticket.id.in_(ids)))}
        chosen = [rows[id_] for id_ in ids]
        if act == "link" and given.main not in rows:
            given = Given(act, main=min(chosen, key=lambda row: (row.opened_at, row.id)).id)
        is_complete = fault is None and _is_complete(given)
        judged = [
            Judged(
                row, ticket_view.label(row.hotline, row.number), ACTS[act].refusal(session, row, given)
            )
            for row in chosen
        ]  # fmt: skip
        text = render_template(
            "ticket_bulk.html",
            act=act,
            act_word=say(BULK[act]),
            given=given,
            judged=judged,
            count=sum(not one.refused for one in judged),
            is_complete=is_complete,
            fault=str(fault) if fault is not None else "",
            click_id=ticket_changes.fresh_click(),
            state_word=ticket_view.WORDS["state"],
            **_choices(session, chosen),
        )
    return (text, fault.status) if fault is not None else text


def _is_complete(given: Given) -> bool:
    try:
        ACTS[given.act].check(given)
    except InputFault:
        return False
    return True


def _choices(session: Session, chosen: Sequence[Ticket]) -> dict[str, Any]:
    day = desk.province().day(now())
    of = {row.hotline for row in chosen}
    house = agencies.organisation(session)
    standing = [a for a in house.agencies.values() if a.hotline in of and a.stands(day)]
    return {
        "agencies": sorted(((a.key, a.name) for a in standing), key=lambda pair: pair[1]),
        "categories": {key: one.word(language()) for key, one in known().items()},
        "dispositions": {key: say(word) for key, word in shown.DISPOSITIONS.items()},
    }


# -- the acts --


@dataclass(frozen=True)
class Act:
    who: frozenset[Role]
    check: Callable[[Given], None]
    """Raises InputFault when what it needs is missing."""
    refusal: Callable[[Session, Ticket, Given], str]
    """Why this ticket is left out, as a sentence; empty when it is not."""
    do: Callable[[Session, Ticket, Given], None]


def _needs(field: str) -> Callable[[Given], None]:
    def check(given: Given) -> None:
        if not getattr(given, field):
            raise InputFault(field, say(BULK_LACKS[field]))

    return check


def _needs_disposition(given: Given) -> None:
    if given.disposition not in shown.DISPOSITIONS:
        raise InputFault(
            "disposition", say("Ô “Kết quả”: hãy chọn cách phiếu được giải quyết trước khi đóng.")
        )


def _needs_category(given: Given) -> None:
    if given.category not in known():
        raise InputFault("category", say("Ô “Lĩnh vực”: hãy chọn một lĩnh vực trong danh sách."))


def _worked_by_another(session: Session, ticket: Ticket) -> str:
    try:
        claiming.check_free(session, ticket)
    except InputFault as fault:
        return str(fault)
    return ""


def _is_over(session: Session, ticket: Ticket) -> str:
    """Closed, merged, or in somebody else's hands."""
    if merging.of(session, ticket.id) is not None:
        return say("Đã gộp vào phiếu khác.")
    if ticket.state == TicketState.CLOSED:
        return say("Phiếu đã đóng.")
    return _worked_by_another(session, ticket)


def _not_assigned(session: Session, ticket: Ticket, given: Given) -> str:
    over = _is_over(session, ticket)
    if over or not given.agency:
        return over
    row = session.get(AgencyRow, given.agency)
    stands = (
        row is not None and not row.removed and agencies.agency_of(row).stands(desk.province().day(now()))
    )
    if row is None or not stands:
        return say("Đơn vị này không còn hoạt động.")
    return say("Phiếu thuộc tổng đài khác.") if row.hotline != ticket.hotline else ""


def _assign(session: Session, ticket: Ticket, given: Given) -> None:
    row = session.get_one(AgencyRow, given.agency)
    body = {"agency": row.key, "name": row.name}
    ticket_changes.add_entry(session, ticket, ASSIGNED, current_user.username, given.note, body)
    ticket.version += 1


def _not_categorised(session: Session, ticket: Ticket, given: Given) -> str:
    if given.category and ticket.category == given.category:
        return say("Đã ở lĩnh vực này.")
    return _worked_by_another(session, ticket)


def _categorise(session: Session, ticket: Ticket, given: Given) -> None:
    body = {"from": ticket.category, "to": given.category}
    ticket.category = given.category
    ticket.version += 1
    ticket_changes.add_entry(
        session, ticket, ticket_matter.CHOSEN, current_user.username, given.note, body
    )  # fmt: skip


def _note(session: Session, ticket: Ticket, given: Given) -> None:
    ticket_changes.add_note(session, ticket, current_user.username, given.note)


def _closing(ticket: Ticket, given: Given) -> Asked:
    seen = {name: getattr(ticket, name) for name in ticket_changes.EDITED}
    return Asked(
        ticket.version, seen, TicketState.CLOSED, given.disposition, ticket.unit_code, given.note,
        bool(current_user.supervises),
    )  # fmt: skip


def _not_closed(session: Session, ticket: Ticket, given: Given) -> str:
    over = _is_over(session, ticket)
    if over:
        return over
    live = select(Call.id).where(Call.ticket_id == ticket.id, Call.state != CallState.ENDED).limit(1)
    if session.scalar(live) is not None:
        return say("Đang có cuộc gọi.")
    return ticket_changes.refusal(session, ticket, _closing(ticket, given)) if given.disposition else ""


def _close(session: Session, ticket: Ticket, given: Given) -> None:
    ticket_changes.change(session, ticket, current_user.username, _closing(ticket, given))


def _not_linked(session: Session, ticket: Ticket, given: Given) -> str:
    if ticket.id == given.main:
        return say("Là phiếu chính: các phiếu khác liên kết với phiếu này.")
    ends = ticket_links.of(session, ticket.id)
    linked = any(end.kind == SAME_INCIDENT and end.other_id == given.main for end in ends)
    return say("Đã liên kết cùng vụ rồi.") if linked else ""


def _link(session: Session, ticket: Ticket, given: Given) -> None:
    main = session.get_one(Ticket, given.main)
    ticket_links.link(session, ticket, main, SAME_INCIDENT, current_user.username, now())


def _always(session: Session, ticket: Ticket, given: Given) -> str:
    return ""


ACTS: Mapping[str, Act] = {
    "note": Act(STAFF, _needs("note"), _always, _note),
    "link": Act(STAFF, _needs("main"), _not_linked, _link),
    "assign": Act(SUPERVISORS, _needs("agency"), _not_assigned, _assign),
    "category": Act(SUPERVISORS, _needs_category, _not_categorised, _categorise),
    "close": Act(SUPERVISORS, _needs_disposition, _not_closed, _close),
}
