"""What binds a ticket to others: suggestions, merging and parting, links; each at its page and at the operator's desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import merging, ticket_links
from hotline.database import reading, transaction
from hotline.events import now
from hotline.merging import MergeRefused
from hotline.tickets import Ticket
from softphone_panel import alike, claiming, desk, ticket_changes, ticket_search, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.incident_words import LINKS, LINKS_BACK, TIES
from softphone_panel.ticket_access import seen_ticket
from softphone_panel.words import either, is_htmx, say

room = Blueprint("ticket_ties", __name__)

INTO, HERE = "into", "here"
"""This ticket goes on in the other; the other goes on in this."""


@dataclass(frozen=True)
class Tie:
    """A link as the page shows it."""

    link_id: int
    word: str
    row: Ticket
    label: str


def values(session: Session, ticket: Ticket) -> dict[str, Any]:
    """What the parts of the page show."""
    merge = merging.of(session, ticket.id)
    main = session.get(Ticket, merge.into_id) if merge is not None else None
    taken = merging.taken_in(session, [ticket.id]).get(ticket.id, [])
    ends = ticket_links.of(session, ticket.id)
    others = {
        row.id: row
        for row in session.scalars(select(Ticket).where(Ticket.id.in_([e.other_id for e in ends])))
    }
    return {
        "ticket": ticket,
        "merge": merge,
        "main": main,
        "main_label": ticket_view.label(main.hotline, main.number) if main is not None else "",
        "taken_in": [(row, ticket_view.label(row.hotline, row.number)) for row in taken],
        "ties": [
            Tie(
                end.link_id,
                say(link_word(end.kind, outward=end.outward)),
                others[end.other_id],
                ticket_view.label(others[end.other_id].hotline, others[end.other_id].number),
            )
            for end in ends
        ],
        "alike": alike.suggestions(session, ticket),
        "tie_words": TIES,
        "fresh_click": ticket_changes.fresh_click,
        "state_word": ticket_view.WORDS["state"],
    }


def link_word(kind: str, *, outward: bool) -> str:
    """What a link says from one of its ends."""
    return (LINKS if outward or ticket_links.KINDS.get(kind) else LINKS_BACK).get(kind, kind)


@room.get("/tickets/<ticket_id>/alike")
def fragment(ticket_id: str) -> str:
    """The suggestions alone, for the operator's desk."""
    with reading() as session:
        return render_template(
            "ticket_alike.html", at_desk=True, **values(session, seen_ticket(session, ticket_id))
        )


def _other(session: Session, ticket: Ticket, written: str) -> Ticket:
    """The ticket that is meant, by its id or as people say it; InputFault when there is none that this reader sees."""
    found = session.get(Ticket, written) if written.startswith("t-") else None
    numbered = ticket_search.NUMBERED.fullmatch(written.strip())
    if found is None and numbered:
        prefix, after, alone = numbered.groups()
        keys = [
            h.key
            for h in desk.province().hotlines
            if (h.prefix.lower() == prefix.lower() if prefix else h.key == ticket.hotline)
        ]
        found = session.scalar(
            select(Ticket).where(Ticket.hotline.in_(keys), Ticket.number == int(after or alone)).limit(1)
        )
    if found is None or not current_user.serves(found.hotline):
        raise InputFault("other", say("Ô “Phiếu kia”: không có phiếu này, hãy ghi như BP-17."))
    return found


@room.post("/tickets/<ticket_id>/tie")
def tie(ticket_id: str) -> AnyResponse | str:
    """Merge this ticket with another one, or link the two."""
    what, why = request.form.get("what", ""), request.form.get("why", "").replace("\x00", "").strip()
    if what not in TIES:
        raise InputFault("what", say("Ô “Quan hệ”: hãy chọn trong danh sách."))
    if len(why) > ticket_changes.REASON_CHARACTERS:
        raise InputFault("why", say("Ô “Lý do”: hãy viết dưới 200 ký tự."))
    with transaction() as session:
        ticket = seen_ticket(session, ticket_id)
        other = _other(session, ticket, request.form.get("other", "")[:80])
        held = merging.locked(session, {ticket.id, other.id})
        ticket, other = held[ticket.id], held[other.id]
        said = ""
        if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
            said = do(session, ticket, other, what, why, now())
    return _back(ticket_id, said)


def do(session: Session, ticket: Ticket, other: Ticket, what: str, why: str, at: datetime) -> str:
    """Carry it out on two held tickets; what is told about it. Raises InputFault, and then changes nothing."""
    by = current_user.username
    if what in (INTO, HERE):
        gone, main = (ticket, other) if what == INTO else (other, ticket)
        claiming.check_free(session, gone)
        try:
            merging.merge(session, gone, main, by, why, at)
        except MergeRefused as refused:
            raise InputFault("other", either(refused), 409) from refused
        return say("Đã gộp {ticket} vào {main}.", ticket=_label(gone), main=_label(main))
    if ticket.id == other.id:
        raise InputFault("other", say("Một phiếu không liên kết với chính nó: hãy ghi phiếu khác."))
    if not ticket_links.link(session, ticket, other, what, by, at):
        return say("Hai phiếu đã liên kết như vậy rồi.")
    return say("Đã liên kết {ticket} với {main}.", ticket=_label(ticket), main=_label(other))


def _label(ticket: Ticket) -> str:
    return ticket_view.label(ticket.hotline, ticket.number)


@room.post("/tickets/<ticket_id>/untie")
def untie(ticket_id: str) -> AnyResponse | str:
    """Part a merged ticket from its main one, or end a link."""
    form = request.form
    with transaction() as session:
        ticket = seen_ticket(session, ticket_id)
        said = ""
        if ticket_changes.once(session, desk.click(form.get("click_id", ""))):
            said = _end_link(session, ticket) if form.get("link", "") else _part(session, ticket)
    return _back(ticket_id, said)


def _end_link(session: Session, ticket: Ticket) -> str:
    written = request.form.get("link", "")
    ends = {end.link_id for end in ticket_links.of(session, ticket.id)}
    if not written.isdecimal() or int(written) not in ends:
        raise InputFault("link", say("Liên kết này không còn: hãy tải lại trang."), 409)
    ticket_links.unlink(session, int(written), current_user.username, now())
    return say("Đã bỏ liên kết.")


def _part(session: Session, ticket: Ticket) -> str:
    """Either end may part them: the merged ticket itself, or its main one that names it."""
    gone_id = request.form.get("ticket", "") or ticket.id
    found = merging.of(session, gone_id)
    if found is None or ticket.id not in (gone_id, found.into_id):
        raise InputFault("ticket", say("Phiếu này không còn gộp: hãy tải lại trang."), 409)
    held = merging.locked(session, {gone_id, found.into_id})
    try:
        main = merging.unmerge(session, held[gone_id], current_user.username, "", now())
    except MergeRefused as refused:
        raise InputFault("ticket", either(refused), 409) from refused
    return say(
        "Đã tách {ticket} khỏi {main}: trạng thái và thời hạn trở lại như cũ.",
        ticket=_label(held[gone_id]),
        main=_label(main),
    )


def _back(ticket_id: str, said: str) -> AnyResponse | str:
    if is_htmx():
        return fragment(ticket_id)
    if said:
        flash(said)
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


def sentence(kind: str, body: Mapping[str, Any]) -> str:
    """An entry of merging or linking in words."""
    other = ticket_view.label(str(body.get("hotline", "")), body.get("number"))
    if kind in (ticket_links.LINKED, ticket_links.UNLINKED):
        word = say(link_word(str(body.get("kind", "")), outward=bool(body.get("outward"))))
        said = say("Liên kết: {word} {other}.", word=word, other=other)
        return (
            said
            if kind == ticket_links.LINKED
            else say("Bỏ liên kết: {word} {other}.", word=word, other=other)
        )
    return {
        merging.MERGED: say("Gộp vào {other}; đồng hồ của phiếu này dừng vì đã gộp.", other=other),
        merging.TOOK_IN: say("Đã nhận gộp {other}.", other=other),
        merging.UNMERGED: say("Tách khỏi {other}: trạng thái và đồng hồ trở lại như cũ.", other=other),
        merging.GAVE_BACK: say("Tách {other} ra.", other=other),
    }[kind]
