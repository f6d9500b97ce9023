"""Tickets that may be about the same matter as one: found by number, place, matter and words, and told with the reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hotline import likeness, merging, persons, ticket_links, ticket_words
from hotline.likeness import COMMUNE_DIGITS, NUMBER_WITHIN, PLACE_WITHIN, Incident, Likeness
from hotline.ticket_fields import TicketField
from hotline.ticket_words import TicketText
from hotline.tickets import Ticket
from ivr.recall import matches_nobody
from softphone_panel import ticket_view
from softphone_panel.words import say

SHOWN = 5
READ = 60
"""Candidates of one kind, the newest."""
WORDS_CHARACTERS = 400
WORDS_WITHIN = timedelta(hours=2)


@dataclass(frozen=True)
class Alike:
    """One suggestion."""

    row: Ticket
    label: str
    likeness: Likeness
    why: str
    """cùng số, cùng xã, 12 phút trước."""


def suggestions(session: Session, ticket: Ticket) -> list[Alike]:
    """The likeliest, best first; not those that are merged, or linked as the same incident, already."""
    known = {
        end.other_id for end in ticket_links.of(session, ticket.id) if end.kind == ticket_links.SAME_INCIDENT
    }
    ids = _candidates(session, ticket) - known - {ticket.id}
    if merging.of(session, ticket.id) is not None or not ids:
        return []
    merged = set(
        session.scalars(
            select(merging.TicketMerge.ticket_id).where(
                merging.TicketMerge.ticket_id.in_(ids), merging.TicketMerge.undone_at.is_(None)
            )
        )
    )
    rows = {
        row.id: row
        for row in session.scalars(select(Ticket).where(Ticket.id.in_({*ids, ticket.id} - merged)))
    }
    incidents = _incidents(session, rows.values())
    own = incidents.pop(ticket.id)
    found = sorted(
        (likeness.compare(own, other) for other in incidents.values()),
        key=lambda one: (-one.points, abs(one.apart), one.other_id),
    )
    return [
        Alike(
            rows[one.other_id],
            ticket_view.label(rows[one.other_id].hotline, rows[one.other_id].number),
            one,
            reasons(one),
        )
        for one in found[:SHOWN]
        if one.is_likely
    ]


def reasons(one: Likeness) -> str:
    """Why, in words: "cùng số, cùng xã, 12 phút trước"."""
    parts = [
        say("cùng số") if one.same_number else "",
        say("cùng xã") if one.same_commune else "",
        say("cùng huyện") if one.same_district else "",
        say("cùng lĩnh vực") if one.same_category else "",
        say("lời ghi giống {percent} %", percent=one.words_percent) if one.words_percent else "",
        _when(one.apart),
    ]
    return ", ".join(part for part in parts if part)


def _when(apart: timedelta) -> str:
    minutes = round(abs(apart).total_seconds() / 60)
    earlier = apart >= timedelta(0)
    if minutes < 120:
        return (
            say("{minutes} phút trước", minutes=minutes)
            if earlier
            else say("{minutes} phút sau", minutes=minutes)
        )
    hours = round(minutes / 60)
    return say("{hours} giờ trước", hours=hours) if earlier else say("{hours} giờ sau", hours=hours)


def _shared(hotline: str) -> Collection[str]:
    hotlines = {h.key: h.shared_numbers for h in current_app.config["INSTALLATION"].hotlines}
    shared: Collection[str] = hotlines.get(hotline, ())
    return shared


def _candidates(session: Session, ticket: Ticket) -> set[str]:
    """Ids of tickets worth comparing, each kind by its index."""
    dialect = session.get_bind().dialect.name
    near = _within(ticket, NUMBER_WITHIN)
    newest = Ticket.opened_at.desc()
    found: set[str] = set()
    for number in _incidents(session, [ticket])[ticket.id].numbers:
        hits = ticket_words.hits(dialect, (), number.removeprefix("+"))
        if hits is not None:
            met = list(session.scalars(hits))
            found |= {*session.scalars(select(Ticket.id).where(Ticket.id.in_(met), *near))}
    close = _within(ticket, PLACE_WITHIN)
    if len(ticket.unit_code) == COMMUNE_DIGITS:
        same = select(Ticket.id).where(*close, Ticket.unit_code == ticket.unit_code).order_by(newest)
        found |= {*session.scalars(same.limit(READ))}
    written = (
        select(Ticket.id)
        .join(TicketText, TicketText.ticket_id == Ticket.id)
        .where(*_within(ticket, WORDS_WITHIN), TicketText.notes != "")
        .order_by(newest)
    )
    return found | {*session.scalars(written.limit(READ))}


def _within(ticket: Ticket, length: timedelta) -> list[ColumnElement[bool]]:
    return [
        # Not by the hotline's index: it has half of all tickets, the time has a day's.
        func.coalesce(Ticket.hotline, "") == ticket.hotline,
        Ticket.opened_at >= ticket.opened_at - length,
        Ticket.opened_at <= ticket.opened_at + length,
    ]


def _incidents(session: Session, tickets: Iterable[Ticket]) -> dict[str, Incident]:
    """What is compared, by ticket."""
    rows = {ticket.id: ticket for ticket in tickets}
    words = dict(
        session.execute(select(TicketText.ticket_id, TicketText.notes).where(TicketText.ticket_id.in_(rows)))
        .tuples()
        .all()
    )
    numbers: dict[str, set[str]] = {
        key: {row.caller_number, row.callback_number} for key, row in rows.items()
    }
    people: Any = select(TicketField.ticket_id, TicketField.value).where(
        TicketField.ticket_id.in_(rows), TicketField.name.in_(persons.NUMBERS)
    )
    for key, number in session.execute(people):
        numbers[key].add(number)
    return {
        key: Incident(
            key,
            row.opened_at,
            frozenset(n for n in numbers[key] if n and not matches_nobody(n, _shared(row.hotline))),
            row.unit_code,
            row.category,
            words.get(key, "")[:WORDS_CHARACTERS].strip(),
        )
        for key, row in rows.items()
    }
