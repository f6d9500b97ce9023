"""An operator's own page: the call at their desk with all that is known, the script beside it, and the calls they owe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline import ticket_fields
from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.operators import Presence
from hotline.ticket_fields import Stale, TicketField
from hotline.tickets import Ticket
from ivr import second_stage
from softphone_panel import (
    call_card,
    call_tasks,
    contacts,
    desk,
    filling,
    handing_over,
    scripts,
    shown,
    ticket_changes,
    ticket_view,
    unit_search,
    viewing,
    wrapping_up,
)
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import clock, language, say

room = Blueprint("my_desk", __name__, url_prefix="/my-desk")

SAME_FOR_S = 1.0
"""A ringing call's card may be so old; its level and state are always those of now."""
CARDS_KEPT = 200
_ringing_cards: dict[tuple[object, ...], tuple[str, float]] = {}
SAID_BY_KEY: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("S1", key): {"service": service}
    for key, service in {
        "1": "policy", "2": "relief", "3": "violation", "4": "procedure", "5": "other"
    }.items()
}  # fmt: skip
"""What a key of the machine's questions has said already: a field and its value."""
PILLS = 4
"""Choices up to so many stand side by side; more are a list."""


@room.get("")
def page() -> str:
    with reading() as session:
        card = _caller(session)
        at_desk = card["card"]
        answered = at_desk is not None and at_desk.presence != Presence.RINGING
        ticket_id = at_desk.ticket.id if at_desk is not None and answered else request.args.get("ticket", "")
        ticket = workable(session, ticket_id) if ticket_id else None
        work = _work(session, ticket) if ticket is not None else {"ticket": None}
        values = {**desk.bar_values(session), **card, **work}
        values |= {
            **contacts.values(session),
            **wrapping_up.values(session),
            **call_tasks.values(session),
            **handing_over.values(session),
        }
        text = render_template("my_desk.html", **values)
    if ticket is not None:
        viewing.note(ticket.id)
    return text


@room.get("/caller")
def caller() -> Response:
    """The card of the call at this desk; asked for the moment the phone rings."""
    with reading() as session:
        return desk.unless_seen(_card_text(session))


def _card_text(session: Session) -> str:
    """The card; for the many desks that a RED call rings at once it is made once."""
    same = call_card.ringing(session, current_user.id)
    if same is None:
        return render_template("my_desk_caller.html", **_caller(session))
    key, at = (*same, language()), time.monotonic()
    text, made_at = _ringing_cards.get(key, ("", 0.0))
    if not text or at - made_at > SAME_FOR_S:
        text = render_template("my_desk_caller.html", **_caller(session))
        if len(_ringing_cards) >= CARDS_KEPT:
            _ringing_cards.clear()
        _ringing_cards[key] = (text, at)
    return text


def _caller(session: Session) -> dict[str, Any]:
    return {
        "card": call_card.read(session, current_user.id),
        "presence_word": lambda key: shown.word(shown.PRESENCES, key),
        "ticket_state_word": lambda key: shown.word(shown.TICKET_STATES, key),
        "disposition_word": lambda key: shown.word(shown.DISPOSITIONS, key),
        "why_word": lambda key: shown.word(shown.RECALL_REASONS, key),
        "likely_from": call_card.LIKELY_FROM,
    }


def workable(session: Session, ticket_id: str) -> Ticket:
    """The ticket, if the reader may fill it in: it is at their desk, they talked with its caller, or they supervise; else 403 or 404."""
    ticket = seen_ticket(session, ticket_id)
    mine = call_card.at_desk(session, current_user.id)[1] == ticket.id
    if not (mine or current_user.supervises or ticket_view.is_own(session, ticket)):
        abort(403)
    return ticket


@room.get("/work/<ticket_id>")
def work(ticket_id: str) -> str:
    """The script and the ticket's fields."""
    with reading() as session:
        text = render_template("my_desk_work.html", **_work(session, workable(session, ticket_id)))
    viewing.note(ticket_id)
    return text


def _work(session: Session, ticket: Ticket) -> dict[str, Any]:
    script = scripts.script()
    rows = ticket_fields.of(session, ticket.id)
    return {
        "ticket": ticket,
        "ticket_label": ticket_view.label(ticket.hotline, ticket.number),
        "script": script,
        "script_approved_at": scripts.in_use().approved_at,
        "rows": rows,
        "pills": PILLS,
        "said": scripts.said,
        "unit_name": unit_search.name_of(session, ticket.unit_code),
        "value_of": lambda name: _value(ticket, rows, name),
        "version_of": lambda name: rows[name].version if name in rows else 0,
        "lower_levels": [a for a in reversed(Acuity) if a < ticket.acuity]
        if ticket.acuity in Acuity.__members__
        else [],
        "click_id": ticket_changes.fresh_click(),
        **(_state(session, ticket, rows) if script is not None else {}),
    }


def _value(ticket: Ticket, rows: dict[str, TicketField], name: str) -> str:
    """What a field shows: what was written, else what the ticket knows already."""
    if name in rows:
        return rows[name].value
    known = {"unit_code": ticket.unit_code, "callback_number": ticket.callback_number}
    for step in ticket.path or ():
        known |= SAID_BY_KEY.get((step.get("question", ""), step.get("key", "")), {})
    return known.get(name, "")


def _state(session: Session, ticket: Ticket, rows: dict[str, TicketField]) -> dict[str, Any]:
    """What the answers come to, and what to ask next."""
    script = scripts.script()
    assert script is not None  # noqa: S101 - callers look first
    answers = {name: row.value for name, row in rows.items()}
    for name in ("unit_code", "callback_number", "service"):
        answers[name] = _value(ticket, rows, name)
    if any(step.get("question") == "V1" for step in ticket.path or ()):
        answers.setdefault("after_vaccine", "yes")
    judged = second_stage.judge(script, answers, filling.began_at(session, ticket))
    branch = second_stage.branch_of(Acuity(ticket.acuity), judged)
    asked = second_stage.next_question(script, answers, judged, branch)
    return {
        "judged": judged,
        "branch": branch,
        "next_question": script.questions[asked] if asked else None,
        "next_field": script.fields_of(asked, branch)[0].name if asked else "",
        "asked_questions": {q for q in script.questions if second_stage.is_asked(script, q, answers, branch)},
        "level": ticket.acuity,
    }


def state_html(session: Session, ticket: Ticket) -> str:
    rows = ticket_fields.of(session, ticket.id)
    return render_template(
        "my_desk_state.html", said=scripts.said, ticket=ticket, **_state(session, ticket, rows)
    )


@room.get("/work/<ticket_id>/fields")
def fields(ticket_id: str) -> Response:
    """Every field with its version, and what they come to: another tab of the same desk keeps up by it."""
    with reading() as session:
        ticket = workable(session, ticket_id)
        rows = ticket_fields.of(session, ticket.id)
        plain = {name: {"value": row.value, "version": row.version} for name, row in rows.items()}
        return jsonify(fields=plain, state=state_html(session, ticket) if scripts.script() else "")


@room.post("/work/<ticket_id>/field")
def save(ticket_id: str) -> tuple[Response, int]:
    """Save one field as typed: 200 with its new version, 409 with what somebody else wrote, 422 with what is wrong."""
    script = scripts.script()
    form = request.form
    name, seen = form.get("name", ""), form.get("seen", "")
    if script is None or not seen.isdecimal():
        return jsonify(sentence=say("Trang đã cũ: hãy tải lại trang rồi làm lại.")), 400
    try:
        with transaction() as session:
            ticket = workable(session, ticket_id)
            ticket = held_ticket(session, ticket.id)
            call_id, at_desk, _ = call_card.at_desk(session, current_user.id)
            call = session.get(Call, call_id) if at_desk == ticket.id else None
            filled = filling.fill(
                session, script, ticket, call or contacts.live_call(session, current_user.id, ticket.id),
                name, form.get("value", ""), seen=int(seen), finished=form.get("finished") == "1",
                operator_id=current_user.id, username=current_user.username,
            )  # fmt: skip
            session.flush()
            answer = {
                "version": filled.field.version,
                "value": filled.field.value,
                "at": clock(filled.field.at),
                "state": state_html(session, ticket),
                "raised": filled.raised_to or "",
            }
    except Stale as stale:
        return jsonify(**_told(stale)), 409
    except InputFault as fault:
        return jsonify(sentence=str(fault), field=fault.field), fault.status
    return jsonify(**answer), 200


def _told(stale: Stale) -> dict[str, Any]:
    script = scripts.script()
    field = script.fields[stale.name] if script is not None else None
    with reading() as session:
        who = ticket_view.people_names(session).get(stale.by, stale.by)
    sentence = say(
        "{who} vừa ghi “{value}” ở ô này lúc {time}. Bản của bạn chưa lưu: Enter để ghi đè, Esc để lấy bản kia.",
        who=say("Bạn, ở thẻ khác,") if stale.by == current_user.username else who,
        value=scripts.value_said(field, stale.value) if field is not None else stale.value,
        time=clock(stale.at),
    )
    return {"sentence": sentence, "value": stale.value, "version": stale.version}


@room.post("/work/<ticket_id>/lower")
def lower(ticket_id: str) -> tuple[str, int] | str:
    """Take the ticket to a lower level, with a reason; the answers stay as they are."""
    wanted, why = request.form.get("acuity", ""), request.form.get("why", "").replace("\x00", "").strip()
    if len(why) > ticket_changes.REASON_CHARACTERS:
        raise InputFault("why", say("Ô “Lý do”: hãy viết dưới 200 ký tự."))
    with transaction() as session:
        ticket = held_ticket(session, workable(session, ticket_id).id)
        if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
            view = ticket_view.of(session, ticket)
            if view.live_call is not None and view.live_call.human_at is None:
                raise InputFault(
                    "acuity", say("Người dân đang chờ: chỉ hạ mức sau khi đã nói chuyện với họ."), 409
                )
            ticket_changes.correct_acuity(
                session, ticket, current_user.username, seen=request.form.get("seen_acuity", ""),
                acuity=wanted, why=why, spoken_with=any(call.human_at for call in view.calls),
            )  # fmt: skip
    return work(ticket_id)
