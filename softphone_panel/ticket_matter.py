"""What a ticket is about: its category, and the fields that the category asks for, each kept as it is left."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline import privacy, ticket_fields
from hotline.categories import CategoryField
from hotline.database import transaction
from hotline.events import now
from hotline.numbers import caller as read_number
from hotline.ticket_fields import Stale
from hotline.tickets import Ticket
from softphone_panel import desk, ticket_changes, ticket_view, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.matter_words import category_said, known
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import language, say

room = Blueprint("ticket_matter", __name__)

CHOSEN = "category_chosen"
FILLED = "matter_filled"
TEXT_CHARACTERS = 500


def name_of(field: CategoryField) -> str:
    """The field's name among the ticket's fields: a category's fields are apart from the script's."""
    return f"matter.{field.key}"[:40]


def checked(field: CategoryField, given: str) -> str:
    """The value as it is kept; InputFault, naming the field, when it is none of this field's."""
    value = " ".join(given.replace("\x00", "").split())
    name = field.word(language())
    if not value:
        return ""
    if len(value) > TEXT_CHARACTERS:
        fault = say("Ô “{name}”: hãy viết dưới {most} ký tự.", name=name, most=TEXT_CHARACTERS)
    elif field.kind == "number" and not (value.isascii() and value.isdecimal() and len(value) <= 6):
        fault = say("Ô “{name}”: hãy ghi một số, ví dụ 3.", name=name)
    elif field.kind == "day" and not _is_day(value):
        fault = say("Ô “{field}”: hãy viết ngày như 2021-08-31.", field=name)
    elif field.kind == "phone" and not read_number(value).e164:
        fault = say("Ô “{name}”: số {number} không gọi được, hãy hỏi lại số.", name=name, number=value)
    elif (field.kind == "yes" and value not in ("yes", "no")) or (
        field.kind == "choice" and value not in {key for key, _, _ in field.choices}
    ):
        fault = say("Ô “{name}”: hãy chọn một câu trả lời trong danh sách.", name=name)
    else:
        return value
    raise InputFault(field.key, fault)


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return len(value) == 10


def values(session: Session, ticket: Ticket) -> dict[str, Any]:
    """What the part of the page shows."""
    every = known()
    rows = ticket_fields.of(session, ticket.id)
    category = every.get(ticket.category)
    fields = category.fields if category is not None else ()
    kept = {field.key: rows[name_of(field)] for field in fields if name_of(field) in rows}
    whole = privacy.sees_numbers(
        current_user.role,
        own_call=ticket_view.is_own(session, ticket),
        unmasked=ticket_view.is_unmasked(session, ticket),
    )
    return {
        "categories": {key: one.word(language()) for key, one in every.items()},
        "matter_fields": [
            (field, field.word(language()), kept[field.key].value if field.key in kept else "",
             kept[field.key].version if field.key in kept else 0)
            for field in fields
        ],
        "choices_of": lambda field: [(key, en if language() == "en" else vi) for key, vi, en in field.choices],
        "sees_matter_number": whole,
        "masked": lambda number: privacy.shown(number, whole=False),
    }  # fmt: skip


@room.get("/tickets/<ticket_id>/matter")
def fragment(ticket_id: str) -> Response:
    return desk.fragment(
        "ticket_matter.html", lambda session: _part(session, seen_ticket(session, ticket_id))
    )


def _part(session: Session, ticket: Ticket) -> dict[str, Any]:
    return {"ticket": ticket, **values(session, ticket)}


@room.post("/tickets/<ticket_id>/category")
def choose(ticket_id: str) -> str:
    """Put the ticket in a category; fields of the one before stay kept. 409 when somebody else chose meanwhile."""
    wanted = request.form.get("category", "")
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        if wanted not in known():
            raise InputFault("category", say("Ô “Lĩnh vực”: hãy chọn một lĩnh vực trong danh sách."))
        if wanted != ticket.category:
            if request.form.get("seen_category", "") != ticket.category:
                raise InputFault(
                    "category",
                    say(
                        "Lĩnh vực vừa được đổi thành “{name}”: hãy tải lại trang rồi chọn.",
                        name=category_said(ticket.category),
                    ),
                    409,
                )
            body = {"from": ticket.category, "to": wanted}
            ticket.category = wanted
            ticket.version += 1
            ticket_changes.add_entry(session, ticket, CHOSEN, current_user.username, "", body)
        session.flush()
        return render_template("ticket_matter.html", **_part(session, ticket))


@room.post("/tickets/<ticket_id>/matter")
def save(ticket_id: str) -> str:
    """Keep the fields that differ from what stands there, each judged by itself: one entry for all of them."""
    form, faults, changed = request.form, [], {}
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        category = known().get(ticket.category)
        if category is None or form.get("of") != ticket.category:
            raise InputFault("category", say("Trang đã cũ: hãy tải lại trang rồi làm lại."), 409)
        rows = ticket_fields.of(session, ticket.id)
        for field in category.fields:
            given, seen = form.get(f"field.{field.key}"), form.get(f"seen.{field.key}", "0")
            present = rows.get(name_of(field))
            if given is None or not seen.isdecimal() or given == (present.value if present else ""):
                continue
            try:
                value = checked(field, given)
                row = ticket_fields.save(
                    session, ticket.id, name_of(field), value, seen=int(seen), by=current_user.username, at=now()
                )  # fmt: skip
                row.entered = row.version
                changed[field.key] = value
            except InputFault as fault:
                faults.append(str(fault))
            except Stale as stale:
                faults.append(
                    say(
                        "Ô “{name}”: người khác vừa ghi “{value}”; hãy tải lại trang.",
                        name=field.word(language()),
                        value=stale.value,
                    )
                )
        if changed:
            written = " ".join(
                value for key, value in changed.items()
                if next(f for f in category.fields if f.key == key).kind == "text"
            )  # fmt: skip
            body = {
                "category": ticket.category,
                "fields": changed,
                "folded": unit_search.folded(written),
            }
            ticket_changes.add_entry(session, ticket, FILLED, current_user.username, "", body)
        session.flush()
        return render_template("ticket_matter_kept.html", faults=faults, **_part(session, ticket))
