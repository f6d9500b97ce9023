"""The people of a ticket, kept apart: who called, who is ill, and who is told the result.

The script's own fields (caller_name, relation, patient_name, age_band, callback_number) are what its questions fill; those named
here are what it lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.ticket_fields import TicketField
from hotline.tickets import Ticket

PATIENT_NUMBER, PATIENT_REACH = "patient_number", "patient_reach"
REQUESTER, REQUESTER_NAME, REQUESTER_NUMBER = "requester", "requester_name", "requester_number"
NUMBERS = (PATIENT_NUMBER, REQUESTER_NUMBER)
"""Kept as +84…, and found like the caller's (`ticket_words.install_people`)."""
REPORTER, PATIENT, OTHER = "reporter", "patient", "other"
REQUESTERS = (REPORTER, PATIENT, OTHER)
"""Who is told the result; the reporter where nobody has said otherwise."""


@dataclass(frozen=True)
class Told:
    """Who is told the result, and at which number."""

    who: str
    name: str
    number: str
    """Empty: there is none to ring."""


def told(reporter_number: str, fields: Mapping[str, str]) -> Told:
    """Who is told, of a ticket with these fields. Pure.

    The patient is told only when somebody said so: their illness is theirs, and their telephone may lie beside them.
    """
    who = fields.get(REQUESTER) or REPORTER
    if who == PATIENT and fields.get(PATIENT_NUMBER):
        return Told(PATIENT, fields.get("patient_name", ""), fields[PATIENT_NUMBER])
    if who == OTHER and fields.get(REQUESTER_NUMBER):
        return Told(OTHER, fields.get(REQUESTER_NAME, ""), fields[REQUESTER_NUMBER])
    return Told(REPORTER, fields.get("caller_name", ""), reporter_number)


def told_of(session: Session, ticket: Ticket) -> Told:
    """The same, of the ticket's rows."""
    rows = session.execute(
        select(TicketField.name, TicketField.value).where(TicketField.ticket_id == ticket.id)
    )
    return told(ticket.callback_number or ticket.caller_number, dict(rows.tuples().all()))
