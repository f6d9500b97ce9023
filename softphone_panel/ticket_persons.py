"""The people of a ticket on its page: the reporter, the patient and who is told the result, each field kept as it is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline import persons, privacy, ticket_fields
from hotline.database import transaction
from hotline.events import now
from hotline.numbers import caller as read_number
from hotline.ticket_fields import Stale, TicketField
from hotline.tickets import Ticket
from ivr.script import Kind
from softphone_panel import (
    contacts,
    desk,
    filling,
    scripts,
    ticket_changes,
    ticket_view,
    unit_search,
)
from softphone_panel.faults import InputFault
from softphone_panel.incident_words import PERSON_GROUPS, PERSON_LABELS, REQUESTERS
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import say

room = Blueprint("ticket_persons", __name__)

FILLED = "persons_filled"
TEXT_CHARACTERS = 200
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("reporter", ("caller_name", "relation", "callback_number", "beside_patient")),
    (
        "patient",
        ("patient_name", "age_band", "sex", persons.PATIENT_NUMBER, persons.PATIENT_REACH),
    ),
    ("requester", (persons.REQUESTER, persons.REQUESTER_NAME, persons.REQUESTER_NUMBER)),
)
"""Who, and the fields of each; those that are not in PERSON_LABELS are the script's."""


@dataclass(frozen=True)
class Shown:
    """One field as its form shows it."""

    name: str
    label: str
    kind: str
    """text, phone or choice."""
    choices: tuple[tuple[str, str], ...]
    value: str
    version: int


def _own(name: str, row: TicketField | None) -> Shown:
    kind = "phone" if name in persons.NUMBERS else "choice" if name == persons.REQUESTER else "text"
    choices = tuple((key, say(word)) for key, word in REQUESTERS.items()) if kind == "choice" else ()
    value = row.value if row is not None else ""
    if kind == "choice" and not value:
        value = persons.REPORTER
    return Shown(name, say(PERSON_LABELS[name]), kind, choices, value, row.version if row is not None else 0)


def _of_script(ticket: Ticket, name: str, row: TicketField | None) -> Shown | None:
    script = scripts.script()
    field = script.fields.get(name) if script is not None else None
    if field is None:
        return None
    kind = {Kind.CHOICE: "choice", Kind.PHONE: "phone"}.get(field.kind, "text")
    choices = tuple((key, scripts.said(words)) for key, words in field.choices.items())
    value = row.value if row is not None else ticket.callback_number if name == "callback_number" else ""
    if kind == "choice":
        choices = (("", ""), *choices)
    return Shown(name, scripts.said(field.label), kind, choices, value, row.version if row is not None else 0)


def _shown(ticket: Ticket, rows: Mapping[str, TicketField], name: str) -> Shown | None:
    row = rows.get(name)
    return _own(name, row) if name in PERSON_LABELS else _of_script(ticket, name, row)


def values(session: Session, ticket: Ticket, *, only_own: bool = False) -> dict[str, Any]:
    """What the part shows; `only_own` beside the script, which has the others on the same page."""
    rows = ticket_fields.of(session, ticket.id)
    whole = privacy.sees_numbers(
        current_user.role,
        own_call=ticket_view.is_own(session, ticket),
        unmasked=ticket_view.is_unmasked(session, ticket),
    )
    groups = []
    for title, names in GROUPS:
        fields = [
            one
            for name in names
            if (not only_own or name in PERSON_LABELS) and (one := _shown(ticket, rows, name))
        ]
        if fields:
            groups.append((say(PERSON_GROUPS[title]), fields))
    told = persons.told(
        ticket.callback_number or ticket.caller_number, {name: row.value for name, row in rows.items()}
    )
    return {
        "ticket": ticket,
        "person_groups": groups,
        "sees_person_numbers": whole,
        "number_of_person": lambda number: privacy.shown(read_number(number).e164 or number, whole),
        "told_who": say(REQUESTERS[told.who]),
        "told_name": told.name,
        "told_number": privacy.shown(told.number, whole),
        "only_own": only_own,
    }


@room.get("/tickets/<ticket_id>/persons")
def fragment(ticket_id: str) -> Response:
    only_own = request.args.get("beside") == "script"
    return desk.fragment(
        "ticket_persons.html",
        lambda session: values(session, seen_ticket(session, ticket_id), only_own=only_own),
    )


def checked(name: str, given: str) -> str:
    """The value as it is kept; InputFault, naming the field, when it is none of this field's."""
    value = " ".join(given.replace("\x00", "").split())
    label = say(PERSON_LABELS[name])
    if not value:
        return ""
    if name in persons.NUMBERS:
        number = read_number(value).e164
        if not number:
            raise InputFault(
                name, say("Ô “{name}”: số {number} không gọi được, hãy hỏi lại số.", name=label, number=value)
            )
        return number
    if name == persons.REQUESTER and value not in persons.REQUESTERS:
        raise InputFault(name, say("Ô “{name}”: hãy chọn một câu trả lời trong danh sách.", name=label))
    if len(value) > TEXT_CHARACTERS:
        raise InputFault(
            name, say("Ô “{name}”: hãy viết dưới {most} ký tự.", name=label, most=TEXT_CHARACTERS)
        )
    return value


@room.post("/tickets/<ticket_id>/persons")
def save(ticket_id: str) -> str:
    """Keep the fields that differ from what stands there, each judged by itself."""
    form, faults, own = request.form, [], {}
    only_own = form.get("beside") == "script"
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        for name in (name for _, names in GROUPS for name in names):
            given, seen = form.get(f"person.{name}"), form.get(f"seen.{name}", "0")
            shown_now = _shown(ticket, ticket_fields.of(session, ticket.id), name)
            if given is None or shown_now is None or not seen.isdecimal():
                continue
            if _same(shown_now, given):
                continue
            try:
                if name in PERSON_LABELS:
                    row = ticket_fields.save(
                        session, ticket.id, name, checked(name, given), seen=int(seen),
                        by=current_user.username, at=now(),
                    )  # fmt: skip
                    row.entered = row.version
                    own[name] = row.value
                else:
                    _fill(session, ticket, name, given, int(seen))
            except InputFault as fault:
                faults.append(str(fault))
            except Stale as stale:
                faults.append(
                    say(
                        "Ô “{name}”: người khác vừa ghi “{value}”; hãy tải lại trang.",
                        name=shown_now.label,
                        value=_said(session, ticket, shown_now, stale.value),
                    )
                )
        if own:
            written = " ".join(
                own[name] for name in (persons.PATIENT_REACH, persons.REQUESTER_NAME) if name in own
            )
            body = {"fields": own, "folded": unit_search.folded(written)}
            ticket_changes.add_entry(session, ticket, FILLED, current_user.username, "", body)
            ticket.version += 1
        session.flush()
        return render_template(
            "ticket_persons_kept.html", faults=faults, **values(session, ticket, only_own=only_own)
        )


def _same(present: Shown, given: str) -> bool:
    if present.kind == "phone":
        return (read_number(given).e164 or given.strip()) == (
            read_number(present.value).e164 or present.value
        )
    return given == present.value


def _said(session: Session, ticket: Ticket, field: Shown, value: str) -> str:
    """What somebody else wrote, to whoever may read it."""
    if field.kind != "phone":
        return dict(field.choices).get(value, value)
    return str(values(session, ticket)["number_of_person"](value))


def _fill(session: Session, ticket: Ticket, name: str, given: str, seen: int) -> None:
    """A field of the script's, with all that follows from its answer."""
    script = scripts.script()
    if script is None:
        raise InputFault(name, say("Phiếu không có ô này: hãy tải lại trang."), 400)
    filling.fill(
        session, script, ticket, contacts.live_call(session, current_user.id, ticket.id), name, given,
        seen=seen, finished=True, operator_id=current_user.id, username=current_user.username,
    )  # fmt: skip


def said(fields: Mapping[str, Any]) -> str:
    """An entry's fields in words, telephone numbers hidden: who may read them whole sees them beside it."""
    return "; ".join(
        f"{say(PERSON_LABELS.get(name, name))}: {_word(name, str(value)) or say('bỏ trống')}"
        for name, value in fields.items()
    )


def _word(name: str, value: str) -> str:
    if name in persons.NUMBERS:
        return privacy.masked(value)
    return say(REQUESTERS[value]) if name == persons.REQUESTER and value in REQUESTERS else value
