"""Tickets: the list with its filters and search, one ticket, and what people do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.acuity import Acuity
from hotline.database import reading, transaction
from hotline.events import now
from hotline.tickets import FOLLOWS, Ticket, TicketState
from softphone_panel import (
    claiming,
    desk,
    leg_recordings,
    matter_words,
    referrals,
    sentences,
    shown,
    team_orders,
    ticket_bulk,
    ticket_changes,
    ticket_clock,
    ticket_files,
    ticket_filters,
    ticket_matter,
    ticket_persons,
    ticket_search,
    ticket_ties,
    ticket_view,
    unit_search,
    viewing,
)
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.ticket_changes import Asked, Conflict
from softphone_panel.words import language, say

room = Blueprint("tickets", __name__, url_prefix="/tickets")


@room.get("")
def index() -> str:
    wanted = ticket_search.Wanted.of(request.args)
    with reading() as session:
        found = ticket_search.search(session, wanted, desk.province(), current_user)
        ids = [row.id for row in found.rows]
        return render_template(
            "tickets.html",
            wanted=wanted,
            found=found,
            labels=ticket_view.labels(found.rows),
            clocks=ticket_clock.of_list(session, ids, now()),
            number_of=lambda t: ticket_view.number_shown(t.caller_number, own=t.id in found.own),
            words=ticket_view.WORDS,
            states=shown.TICKET_STATES,
            branches=shown.BRANCHES,
            **_list_values(session, wanted),
            claims=claiming.of_list(session, ids),
        )


def _list_values(session: Session, wanted: ticket_search.Wanted) -> dict[str, Any]:
    return {
        "acts": ticket_bulk.acts_of(current_user.role),
        "categories": {key: one.word(language()) for key, one in matter_words.known().items()},
        **ticket_filters.values(session, wanted),
    }


def _page(session: Session, ticket: Ticket, **more: Any) -> str:
    values = {
        **_calls(session, ticket),
        **ticket_clock.values(session, ticket),
        **ticket_matter.values(session, ticket),
        **ticket_persons.values(session, ticket),
        **ticket_ties.values(session, ticket),
        **ticket_files.values(session, ticket),
        **team_orders.of_ticket(session, ticket.id),
        **referrals.of_ticket(session, ticket.id),
        **claiming.values(session, ticket),
        "dispositions": shown.DISPOSITIONS,
        "click_id": ticket_changes.fresh_click(),
        "command_click": ticket_changes.fresh_click(),
        "levels": [a for a in Acuity if a != ticket.acuity],
        "faults": {},
        "typed": {},
        **more,
    }
    return render_template("ticket.html", **values)


@room.get("/<ticket_id>")
def one(ticket_id: str) -> str:
    with reading() as session:
        seen_ticket(session, ticket_id)
    viewing.note(ticket_id)
    with reading() as session:
        return _page(session, seen_ticket(session, ticket_id))


@room.get("/<ticket_id>/viewers")
def viewers(ticket_id: str) -> str:
    """Who saw the ticket, when."""
    with reading() as session:
        rows = viewing.of(session, seen_ticket(session, ticket_id).id)
        return render_template("viewers.html", rows=rows)


@room.get("/<ticket_id>/calls")
def calls(ticket_id: str) -> Response:
    """The calls and their recordings alone, read again when the live stream says that something changed."""
    with reading() as session:
        seen_ticket(session, ticket_id)
    viewing.note(ticket_id)
    return desk.fragment(
        "ticket_calls.html", lambda session: _calls(session, seen_ticket(session, ticket_id))
    )


def _calls(session: Session, ticket: Ticket) -> dict[str, Any]:
    names = ticket_view.people_names(session)
    view = ticket_view.of(session, ticket)
    return {
        "view": view,
        "legs": leg_recordings.of_calls(session, [call.id for call in view.calls]) if view.may_listen else {},
        "words": ticket_view.WORDS,
        "waited_s": ticket_view.waited_s,
        "who_answered": lambda call: sentences.who_answered(call.answered_by, names),
    }


@room.get("/<ticket_id>/timeline")
def timeline(ticket_id: str) -> Response:
    """The entries alone, read again when the live stream says that something changed."""

    def values(session: Session) -> dict[str, Any]:
        ticket = seen_ticket(session, ticket_id)
        return {"lines": ticket_view.timeline(session, ticket.id), "ticket": ticket}

    with reading() as session:
        seen_ticket(session, ticket_id)
    viewing.note(ticket_id)
    return desk.fragment("ticket_timeline.html", values)


@room.post("/<ticket_id>/note")
def note(ticket_id: str) -> tuple[str, int] | AnyResponse:
    click = desk.click(request.form.get("click_id", ""))
    text = request.form.get("note", "")
    try:
        written = ticket_changes.checked_note(text, needed=True)
    except InputFault as fault:
        with reading() as session:
            page = _page(
                session,
                seen_ticket(session, ticket_id),
                faults={"new_note": str(fault)},
                typed={"new_note": text},
            )
            return page, fault.status
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        if ticket_changes.once(session, click):
            ticket_changes.add_note(session, ticket, current_user.username, written)
    flash(say("Đã lưu ghi chú."))
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


@room.post("/<ticket_id>/change")
def change(ticket_id: str) -> tuple[str, int] | AnyResponse:
    click = desk.click(request.form.get("click_id", ""))
    try:
        asked = _asked()
        with transaction() as session:
            ticket = held_ticket(session, ticket_id)
            fresh = ticket_changes.once(session, click)
            if fresh:
                claiming.check_free(session, ticket)
            changed = (
                ticket_changes.change(session, ticket, current_user.username, asked) if fresh else ("again",)
            )
    except Conflict as conflict:
        with reading() as session:
            return _conflict_page(session, ticket_id, asked, conflict), 409
    except InputFault as fault:
        with reading() as session:
            page = _page(
                session,
                seen_ticket(session, ticket_id),
                faults={fault.field: str(fault)},
                typed=request.form.to_dict(),
            )
            return page, fault.status
    flash(say("Đã lưu phiếu.") if changed else say("Không có gì thay đổi."))
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


def _asked() -> Asked:
    form = request.form
    version = form.get("version", "")
    if not version.isdecimal():
        raise InputFault("state", say("Trang đã cũ: hãy tải lại trang rồi làm lại."), 400)
    seen = {name: form.get(f"seen_{name}", "")[:64] for name in ticket_changes.EDITED}
    state = form.get("state", "")
    disposition = form.get("disposition", "") if state == TicketState.CLOSED else ""
    return Asked(
        version=int(version),
        seen=seen,
        state=state,
        disposition=disposition[:32],
        unit_code=form.get("unit_code", "").strip()[:8],
        note=ticket_changes.checked_note(form.get("note", ""), needed=False),
        supervises=bool(current_user.supervises),
    )


def _conflict_page(session: Session, ticket_id: str, asked: Asked, conflict: Conflict) -> str:
    ticket = seen_ticket(session, ticket_id)
    words: dict[str, Callable[[str], str]] = {
        "state": ticket_view.WORDS["state"],
        "disposition": ticket_view.WORDS["disposition"],
        "unit_code": lambda code: unit_search.name_of(session, code),
    }
    titles = {"state": say("Trạng thái"), "disposition": say("Kết quả"), "unit_code": say("Địa bàn")}
    versions = [
        (
            titles[name],
            words[name](asked.seen.get(name, "")),
            words[name](getattr(ticket, name)),
            words[name](getattr(asked, name)),
            name in conflict.fields,
        )
        for name in ticket_changes.EDITED
    ]
    lines = list(ticket_view.timeline(session, ticket.id))[-6:]
    return render_template(
        "ticket_conflict.html",
        ticket=ticket,
        label=ticket_view.label(ticket.hotline, ticket.number),
        asked=asked,
        versions=versions,
        lines=lines,
        click_id=ticket_changes.fresh_click(),
        can_apply=asked.state == ticket.state or asked.state in FOLLOWS[TicketState(ticket.state)],
    )


@room.get("/units")
def units() -> str:
    """The units that a name finds, as choices for the ticket's form."""
    with reading() as session:
        wanted = request.args.get("unit", "")[:80]
        return render_template("unit_choices.html", found=unit_search.search(session, wanted), wanted=wanted)


@room.post("/<ticket_id>/acuity")
def correct_acuity(ticket_id: str) -> AnyResponse:
    """A human's judgement beats the machine's: upward freely, downward with a reason.

    While the call goes on, upward is asked of the calls process, which serves the caller accordingly at once.
    """
    wanted, why = request.form.get("acuity", ""), request.form.get("why", "").replace("\x00", "").strip()
    if len(why) > ticket_changes.REASON_CHARACTERS:
        raise InputFault("why", say("Ô “Lý do”: hãy viết dưới 200 ký tự."))
    seen = request.form.get("seen_acuity", "")
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        view = ticket_view.of(session, ticket)
        live = view.live_call
        if wanted in Acuity.__members__ and live is not None and Acuity(wanted) > ticket.acuity:
            ticket_changes.check_acuity(ticket, seen=seen, acuity=wanted)
            desk.ask_and_tell(session, "raise_acuity", {"call_id": live.id, "acuity": wanted, "why": why})
        elif ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
            if live is not None and live.human_at is None:
                raise InputFault(
                    "acuity", say("Người dân đang chờ: chỉ hạ mức sau khi đã nói chuyện với họ."), 409
                )
            spoken = any(call.human_at for call in view.calls)
            ticket_changes.correct_acuity(
                session, ticket, current_user.username, seen=seen, acuity=wanted, why=why, spoken_with=spoken
            )
            flash(say("Đã đổi mức của phiếu."))
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


@room.post("/<ticket_id>/unmask")
def unmask(ticket_id: str) -> AnyResponse:
    """Show the whole number for a while, to somebody who says why; the ticket remembers."""
    reason = request.form.get("reason", "").strip()
    if not 5 <= len(reason) <= ticket_changes.REASON_CHARACTERS:
        raise InputFault("reason", say("Ô “Lý do xem số”: hãy viết từ 5 đến 200 ký tự."))
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
            body = {"reason": reason}
            ticket_changes.add_entry(session, ticket, ticket_view.UNMASK, current_user.username, "", body)
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)
