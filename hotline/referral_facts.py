"""Facts of referrals become rows: what was asked of whom, what each agency said, what the citizen was told."""

from __future__ import annotations

from typing import Any

from hotline import deadlines
from hotline import events as e
from hotline.book import Book
from hotline.referrals import OPEN, WAITED_FOR, WARN_AT, PartState, Referral, ReferralPart, ReferralState
from hotline.rows import Row
from hotline.text_messages import REFERRAL as MESSAGE
from hotline.text_messages import TextMessage

WARN, DUE = "referral_warn", "referral_due"
"""Kinds of deadlines, both about a part."""


def referral_made(book: Book, event: e.ReferralMade) -> Row:
    body = {
        "ticket_id": event.ticket_id,
        "by": event.by,
        "agencies": list(event.agencies),
        "ground": event.ground,
    }
    book.enter(event.hotline, "referral_made", event.referral_id, body, event.at)
    row = book.rows.add(
        Referral, id=event.referral_id, ticket_id=event.ticket_id, hotline=event.hotline, number=event.number,
        state=ReferralState.ASKED.value, category=event.category, acuity=event.acuity, unit_code=event.unit_code,
        unit_on=event.unit_on, question=event.question, ground=event.ground, asked_by=event.by, asked_at=event.at,
        due_at=event.due_at,
    )  # fmt: skip
    book.rows.write()  # before the rows that refer to it
    for part in event.plan:
        _ask(book, row, part, event)
    return row


def _ask(book: Book, row: Row, part: dict[str, Any], event: Any) -> None:
    """An agency is asked: by its page, and by a message to each of its numbers."""
    book.rows.add(
        ReferralPart, id=part["part_id"], referral_id=row.id, ticket_id=row.ticket_id, agency=part["agency"],
        agency_name=part["name"][:160], level=part["level"], state=PartState.ASKED.value,
        instead_of=part.get("instead_of", ""), why=part["why"], asked_at=event.at, due_at=event.due_at,
        changed_at=event.at,
    )  # fmt: skip
    book.rows.write()
    for number in part["numbers"]:
        book.rows.add(
            TextMessage, at=event.at, hotline=row.hotline, kind=MESSAGE, about=part["part_id"],
            ticket_id=row.ticket_id, number=str(number)[:40], state="due", next_try_at=event.at,
        )  # fmt: skip
    whole = event.due_at - event.at
    deadlines.set(book.session, WARN, part["part_id"], event.at + whole * WARN_AT)
    deadlines.set(book.session, DUE, part["part_id"], event.due_at)


def referral_part_made(book: Book, event: e.ReferralPartMade) -> Row | None:
    row = book.rows.get(Referral, event.referral_id)
    if row is not None:
        for part in event.plan:
            _ask(book, row, part, event)
    return row


def referral_part_moved(book: Book, event: e.ReferralPartMoved) -> Row | None:
    row = book.rows.get(Referral, event.referral_id)
    one = book.rows.get(ReferralPart, event.part_id)
    if row is None or one is None or one.state not in WAITED_FOR:
        return row
    one.state, one.changed_at = event.state, event.at
    if event.said:
        one.said, one.said_by, one.means = event.said, event.by[:160], event.means
    deadlines.clear(book.session, WARN, one.id)
    deadlines.clear(book.session, DUE, one.id)
    if event.state in (PartState.ANSWERED, PartState.REFUSED, PartState.NOT_OURS):
        body = {
            "part": one.id,
            "agency": one.agency,
            "state": event.state,
            "by": event.by,
            "means": event.means,
        }
        book.enter(row.hotline, "referral_part", row.id, body, event.at)
    return row


def referral_warned(book: Book, event: e.ReferralWarned) -> Row | None:
    one = book.rows.get(ReferralPart, event.part_id)
    if one is not None:
        one.warned_at = event.at
    return book.rows.get(Referral, event.referral_id)


def referral_changed(book: Book, event: e.ReferralChanged) -> Row | None:
    row = book.rows.get(Referral, event.referral_id)
    if row is None:
        return None
    row.state = event.state
    row.why = event.reason[:300] or row.why
    if event.text:
        row.assembled, row.assembled_by = event.text, event.by[:64]
        row.version += 1
    if event.state not in OPEN:
        row.ended_at = event.at
        body = {"ticket_id": row.ticket_id, "by": event.by, "state": event.state}
        book.enter(row.hotline, "referral_ended", row.id, body, event.at)
    return row
