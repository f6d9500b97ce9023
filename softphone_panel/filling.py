"""Filling in a ticket: one field at a time, judged at once, raising the ticket's level where an answer says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hotline import events as e
from hotline import ticket_fields
from hotline.acuity import Acuity
from hotline.calls import Call, CallState, Direction
from hotline.commands import ask
from hotline.events import now
from hotline.numbers import caller as read_number
from hotline.record import apply
from hotline.ticket_fields import SecondStage, TicketField
from hotline.tickets import Ticket
from ivr.script import Field, Kind, Script
from ivr.second_stage import Judged, judge, number
from softphone_panel import scripts, ticket_changes, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.words import say

TEXT_CHARACTERS = 500
FILLED = "fields_filled"
_SPACE = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Filled:
    """A field as it is after saving, and what all answers now come to."""

    field: TicketField
    judged: Judged
    raised_to: Acuity | None
    """The level this answer raised the ticket to."""


def checked(session: Session, field: Field, given: str) -> str:
    """The value as it is kept; InputFault, naming the field, when it is none of this field's."""
    value = _SPACE.sub(" ", given.replace("\x00", "").replace("\r\n", "\n")).strip()
    name = scripts.said(field.label)
    if not value:
        return ""
    if field.kind is Kind.CHOICE and value not in field.choices:
        raise InputFault(field.name, say("Ô “{name}”: hãy chọn một câu trả lời trong danh sách.", name=name))
    if field.kind is Kind.NUMBER and number(field, value) is None:
        raise InputFault(
            field.name,
            say(
                "Ô “{name}”: hãy ghi một số từ {least} đến {most}.",
                name=name, least=f"{field.least:g}", most=f"{field.most:g}",
            ),
        )  # fmt: skip
    if field.kind is Kind.PHONE and not read_number(value).e164:
        raise InputFault(
            field.name,
            say("Ô “{name}”: số {number} không gọi được, hãy hỏi lại số.", name=name, number=value),
        )
    if field.kind is Kind.UNIT and not unit_search.exists(session, value):
        raise InputFault(
            field.name, say("Ô “{name}”: không có mã này, hãy tìm và chọn lại trong danh sách.", name=name)
        )
    if len(value) > TEXT_CHARACTERS:
        raise InputFault(
            field.name, say("Ô “{name}”: hãy viết dưới {most} ký tự.", name=name, most=TEXT_CHARACTERS)
        )
    return value


def answers_of(rows: Mapping[str, TicketField]) -> dict[str, str]:
    return {name: row.value for name, row in rows.items()}


def began_at(session: Session, ticket: Ticket) -> Acuity:
    """The level at which the script began, or would begin now."""
    stage = session.get(SecondStage, ticket.id)
    return Acuity(stage.acuity if stage is not None else ticket.acuity)


def fill(
    session: Session,
    script: Script,
    ticket: Ticket,
    call: Call | None,
    name: str,
    given: str,
    *,
    seen: int,
    finished: bool,
    operator_id: int,
    username: str,
) -> Filled:
    """Save one field of a ticket that is held. Raises InputFault or ticket_fields.Stale, and then changes nothing.

    `call` is the one at the writer's desk, if one is.
    What is typed is kept at once; `finished` (the field was left, or it is a choice) writes the ticket's entry too.
    """
    field = script.fields.get(name)
    if field is None:
        raise InputFault(name, say("Phiếu không có ô này: hãy tải lại trang."), 400)
    value = checked(session, field, given) if finished else given.replace("\x00", "")[:TEXT_CHARACTERS]
    before_rows = ticket_fields.of(session, ticket.id)
    before = answers_of(before_rows)
    _begin(session, script, ticket)
    start = began_at(session, ticket)
    row = ticket_fields.save(session, ticket.id, name, value, seen=seen, by=username, at=now())
    after = {**before, name: row.value}
    was, judged = judge(script, before, start), judge(script, after, start)
    if finished:
        enter(session, script, ticket, username)
    raised_to = None
    if judged.acuity > was.acuity and judged.acuity > Acuity(ticket.acuity):
        raised_to = judged.acuity
        new = [f.rule.because["vi"] for f in judged.findings if f not in was.findings]
        why = f"{script.fields[name].question}: {'; '.join(new) or judged.findings[0].rule.because['vi']}"
        raise_to(session, ticket, call, raised_to, why[:200], operator_id, username)
    return Filled(row, judged, raised_to)


def _begin(session: Session, script: Script, ticket: Ticket) -> None:
    if session.get(SecondStage, ticket.id) is None:
        session.add(
            SecondStage(
                ticket_id=ticket.id, began_at=now(), acuity=ticket.acuity, script_id=script.id,
                script_version=script.version, script_digest=script.digest,
            )
        )  # fmt: skip
        session.flush()


def enter(session: Session, script: Script, ticket: Ticket, username: str) -> tuple[str, ...]:
    """Write one entry with every field that was changed since the last; their names.

    What the ticket itself keeps (its unit, its call-back number) follows.
    """
    rows = ticket_fields.of(session, ticket.id)
    changed = {n: r for n, r in rows.items() if r.entered < r.version and n in script.fields}
    if not changed:
        return ()
    for row in changed.values():
        row.entered = row.version
    written = " ".join(row.value for name, row in changed.items() if script.fields[name].kind is Kind.TEXT)
    body = {
        "fields": {name: row.value for name, row in changed.items()}, "script": script.version,
        "folded": unit_search.folded(written),
    }  # fmt: skip
    ticket_changes.add_entry(session, ticket, FILLED, username, "", body)
    unit, phone = changed.get("unit_code"), changed.get("callback_number")
    if unit is not None and unit.value != ticket.unit_code:
        ticket.unit_code = unit.value
        chosen = {
            "unit_code": unit.value,
            "unit_name": unit_search.name_of(session, unit.value),
            "how": "operator",
        }
        ticket_changes.add_entry(session, ticket, "unit_chosen", username, "", chosen)
    if phone is not None:
        ticket.callback_number = read_number(phone.value).e164 if phone.value else ""
    ticket.version += 1
    return tuple(changed)


def raise_to(
    session: Session,
    ticket: Ticket,
    call: Call | None,
    acuity: Acuity,
    why: str,
    operator_id: int,
    username: str,
) -> None:
    """Raise the ticket, and its caller while they are on the line: fact and entry in this transaction.

    The calls process is told to follow, so that a caller whose operator is lost waits at the new level.
    """
    before = ticket.acuity
    if call is not None and call.direction == Direction.IN and call.state != CallState.ENDED:
        told = e.AcuityRaised(call_id=call.id, acuity=acuity, why=why, before=before, by=username)
        apply(session, told, username)
        body = {"call_id": call.id, "acuity": str(acuity), "why": why, "told": True}
        ask(session, operator_id, "raise_acuity", told.id, body)
    if Acuity(ticket.acuity) < acuity:
        corrected = e.AcuityCorrected(
            call_id=ticket.call_id, before=before, acuity=acuity, why=why, by=username
        )
        apply(session, corrected, username)
