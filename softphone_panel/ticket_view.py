"""A ticket as its page shows it: whose number may be read, the path in words, the entries as sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import current_app
from flask_login import current_user
from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from hotline import privacy
from hotline.approvals import Approval
from hotline.calls import Call
from hotline.events import now
from hotline.operators import Operator
from hotline.recalls import Recall
from hotline.recordings import Recording
from hotline.tickets import FOLLOWS, Ticket, TicketEntry, TicketState
from ivr.protocol import NO_INPUT, Protocol, read
from ivr.protocol_faults import ProtocolFaults
from ivr.recall import REPEAT_WITHIN, matches_nobody
from softphone_panel import sentences, shown, unit_search
from softphone_panel.viewing import VIEWED
from softphone_panel.words import clock, language, say

UNMASK = "number_unmasked"
SENTENCE_END = re.compile(r"(?<=[.?!])\s")
KEY_TOLD = re.compile(r",? (?:bấm|press)(?: phím)? \d(?: ngay| now)?\b|,? \d(?=\.?$)")
TITLE_CHARACTERS = 120
OTHERS_SHOWN = 8
RECORDING_WITHIN = timedelta(minutes=1)
"""After this the worker says that a recording is missing."""


@dataclass(frozen=True)
class Step:
    """One answer of the caller."""

    question: str
    key: str
    said: str
    at: str


@dataclass(frozen=True)
class Line:
    """One entry as a sentence."""

    at: Any
    actor: str
    text: str
    kind: str


@dataclass(frozen=True)
class Other:
    """Another ticket of the same caller."""

    row: Ticket
    label: str
    link: str
    """How this one and that one go on with each other; empty when they only have the caller in common."""


@dataclass(frozen=True)
class TicketView:
    row: Ticket
    label: str
    hotline_name: str
    number: str
    callback_number: str
    sees_number: bool
    has_number: bool
    may_listen: bool
    steps: tuple[Step, ...]
    lines: tuple[Line, ...]
    calls: tuple[Call, ...]
    recordings: tuple[Recording, ...]
    recall: Recall | None
    unit_name: str
    next_states: tuple[str, ...]
    live_call: Call | None
    """The call that is going on now, if one is."""
    others: tuple[Other, ...]
    """What else this caller rang for lately, newest first."""

    def is_recent(self, call: Call) -> bool:
        """Whether the call's recording may still be on its way."""
        return call.ended_at is not None and now() - call.ended_at < RECORDING_WITHIN


WORDS: Mapping[str, Callable[[str], str]] = {
    "state": lambda key: shown.word(shown.TICKET_STATES, key),
    "branch": lambda key: shown.word(shown.BRANCHES, key),
    "disposition": lambda key: shown.word(shown.DISPOSITIONS, key),
    "end": lambda key: shown.word(shown.END_REASONS, key),
    "call": lambda key: shown.word(shown.CALL_STATES, key),
    "recall": lambda key: shown.word(shown.RECALL_STATES, key),
}


def label(hotline: str, number: int | None) -> str:
    """BP-17."""
    prefixes = {h.key: h.prefix for h in current_app.config["INSTALLATION"].hotlines}
    return f"{prefixes.get(hotline, hotline)}-{number or '?'}"


def number_shown(number: str, *, own: bool, unmasked: bool = False) -> str:
    """A caller's number as this reader may see it."""
    whole = privacy.sees_numbers(current_user.role, own_call=own, unmasked=unmasked)
    return privacy.shown(number, whole) or say("Giấu số")


def is_own(session: Session, ticket: Ticket) -> bool:
    """Whether the reader has, or had, one of the ticket's calls at their own phone."""
    from softphone_panel.desk import presence_of

    presence = presence_of(session, current_user.id)
    calls = session.scalars(select(Call).where(Call.ticket_id == ticket.id)).all()
    at_desk = presence.call_id if presence is not None else ""
    return any(c.operator_id == current_user.id or (at_desk and c.id == at_desk) for c in calls)


def may_listen(session: Session, ticket: Ticket) -> bool:
    """Supervisors hear every recording, operators those of tickets that they talked on."""
    return bool(current_user.supervises) or is_own(session, ticket)


def is_unmasked(session: Session, ticket: Ticket) -> bool:
    """Whether the reader gave a reason for reading the number not long ago."""
    asked = select(TicketEntry.id).where(
        TicketEntry.ticket_id == ticket.id,
        TicketEntry.kind == UNMASK,
        TicketEntry.actor == current_user.username,
        TicketEntry.at > now() - privacy.UNMASKED_FOR,
    )
    return session.scalar(asked.limit(1)) is not None


def of_call(session: Session, call_id: str) -> TicketView | None:
    """The ticket of the call at this desk."""
    call = session.get(Call, call_id)
    ticket = session.get(Ticket, call.ticket_id) if call is not None else None
    return of(session, ticket) if ticket is not None else None


def of(session: Session, ticket: Ticket) -> TicketView:
    """Everything the page of a ticket shows."""
    hotlines = {h.key: h.name for h in current_app.config["INSTALLATION"].hotlines}
    whole = privacy.sees_numbers(
        current_user.role, own_call=is_own(session, ticket), unmasked=is_unmasked(session, ticket)
    )
    calls = session.scalars(select(Call).where(Call.ticket_id == ticket.id).order_by(Call.arrived_at)).all()
    recordings = session.scalars(
        select(Recording).where(Recording.ticket_id == ticket.id).order_by(Recording.kept_at)
    ).all()
    return TicketView(
        row=ticket,
        label=label(ticket.hotline, ticket.number),
        hotline_name=hotlines.get(ticket.hotline, ticket.hotline),
        number=privacy.shown(ticket.caller_number, whole) or say("Giấu số"),
        callback_number=privacy.shown(ticket.callback_number, whole),
        sees_number=whole,
        may_listen=may_listen(session, ticket),
        has_number=bool(ticket.caller_number or ticket.callback_number),
        steps=steps(session, ticket),
        lines=timeline(session, ticket.id),
        calls=tuple(calls),
        recordings=tuple(recordings),
        recall=session.scalar(
            select(Recall).where(Recall.ticket_id == ticket.id).order_by(Recall.made_at.desc()).limit(1)
        ),
        unit_name=unit_search.name_of(session, ticket.unit_code, unit_search.day_of(ticket.opened_at)),
        next_states=tuple(
            s for s in TicketState if s in FOLLOWS[TicketState(ticket.state)] and s != TicketState.CLOSED
        ),
        live_call=next((c for c in calls if c.state != "ended"), None),
        others=_others(session, ticket),
    )


def _others(session: Session, ticket: Ticket) -> tuple[Other, ...]:
    """Tickets linked to this one, and those of its number within 48 hours of it; a number that many share says nothing."""
    linked = or_(Ticket.continues_id == ticket.id, Ticket.id == ticket.continues_id)
    hotlines = {h.key: h.shared_numbers for h in current_app.config["INSTALLATION"].hotlines}
    same: ColumnElement[bool] = false()
    if not matches_nobody(ticket.caller_number, hotlines.get(ticket.hotline, ())):
        near = and_(
            Ticket.opened_at >= ticket.opened_at - REPEAT_WITHIN,
            Ticket.opened_at <= ticket.opened_at + REPEAT_WITHIN,
        )
        same = and_(Ticket.caller_number == ticket.caller_number, near)
    rows = session.scalars(
        select(Ticket)
        .where(Ticket.hotline == ticket.hotline, Ticket.id != ticket.id, or_(linked, same))
        .order_by(Ticket.opened_at.desc())
        .limit(OTHERS_SHOWN)
    )
    return tuple(Other(row, label(row.hotline, row.number), _link(ticket, row)) for row in rows)


def _link(ticket: Ticket, other: Ticket) -> str:
    other_label = label(other.hotline, other.number)
    if ticket.continues_id == other.id:
        return say("tiếp phiếu {label}", label=other_label)
    return say("tiếp ở phiếu {label}", label=other_label) if other.continues_id == ticket.id else ""


def people_names(session: Session) -> dict[str, str]:
    """Username → full name."""
    return {
        row.username: row.full_name for row in session.execute(select(Operator.username, Operator.full_name))
    }


def timeline(session: Session, ticket_id: str) -> tuple[Line, ...]:
    """The entries in order, each a sentence."""
    from softphone_panel.ticket_clock import whose  # which shows tickets by this module

    people = people_names(session)
    phones = {row.id: row.full_name for row in session.execute(select(Operator.id, Operator.full_name))}
    entries = session.scalars(
        select(TicketEntry)
        .where(TicketEntry.ticket_id == ticket_id, TicketEntry.kind != VIEWED)
        .order_by(TicketEntry.at, TicketEntry.id)
    ).all()
    named = {str(e.body.get(sentences.OWNERS[e.kind])) for e in entries if e.kind in sentences.OWNERS}
    owners = whose(session, named) if named else {}
    return tuple(
        Line(entry.at, sentences.actor(entry.actor, people), sentences.of(entry, phones, owners), entry.kind)
        for entry in entries
    )


def steps(session: Session, ticket: Ticket) -> tuple[Step, ...]:
    """The answers in the words of the protocol that was asked; a question it lacks is shown by its name."""
    protocol = _protocol_of(session, ticket.protocol_digest)
    return tuple(_step(protocol, asked) for asked in ticket.path or ())


def _step(protocol: Protocol | None, asked: Mapping[str, Any]) -> Step:
    name, key = str(asked.get("question", "")), asked.get("key")
    question = protocol.questions.get(name) if protocol is not None else None
    title, said = name, str(asked.get("said") or "")
    if protocol is not None and question is not None:
        branch = protocol.branches[question.branch]
        title = _title(protocol, name)
        answer = question.answers.get(key if key is not None else NO_INPUT) or branch.answers.get(
            key if key is not None else NO_INPUT
        )
        if answer is not None and (not said or language() != "vi"):
            said = answer.said.get(language()) or answer.said.get("vi", "")
    at = asked.get("at")
    try:
        when = clock(datetime.fromisoformat(str(at))) if at else ""
    except ValueError:
        when = ""
    return Step(title, "–" if key is None else str(key), said or say("không bấm phím"), when)


def _title(protocol: Protocol, name: str) -> str:
    """What was asked, without the keys that the machine read out."""
    question = protocol.questions[name]
    if name == protocol.root:  # its text is the greeting, not one question
        branch = protocol.branches[question.branch].title
        return branch.get(language()) or branch.get("vi", "")
    words = (question.text.get(language()) or question.text.get("vi", "")).strip()
    first = SENTENCE_END.split(words, maxsplit=1)[0]
    if KEY_TOLD.search(first):  # a list of choices: the first one tells what it is about
        first = KEY_TOLD.sub("", first).rstrip(" .") + " …"
    if len(first) > TITLE_CHARACTERS:
        first = first[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
    return first


def _protocol_of(session: Session, digest: str) -> Protocol | None:
    if not digest:
        return None
    approval = session.scalar(select(Approval).where(Approval.digest == digest).limit(1))
    return _parsed(approval.text, approval.name) if approval is not None else None


@lru_cache(maxsize=16)
def _parsed(text: str, name: str) -> Protocol | None:
    try:
        return read(text, f"{name}.toml")
    except ProtocolFaults:
        return None  # approved by an older reader: the stored words of the path are shown


def waited_s(call: Call) -> float | None:
    """From the end of triage until a human answered, or until the caller left."""
    until = call.human_at or call.ended_at
    return (until - call.queued_at).total_seconds() if call.queued_at and until else None


def labels(rows: Sequence[Ticket]) -> dict[str, str]:
    """Ticket id → BP-17."""
    return {row.id: label(row.hotline, row.number) for row in rows}
