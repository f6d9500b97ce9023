"""Facts become rows: each with its ticket entry, ledger line and outbox message in the same transaction.

Facts may come twice, late, or in another order than they happened: every fact has an id that is remembered, and each
function below accepts a call it has not heard of. A late fact never reopens a call and never lowers its acuity.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import String, bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import events as e
from hotline import ledger
from hotline.acuity import Acuity, higher
from hotline.book import Book, call_arrived, call_of, move, ticket_of
from hotline.bus import LIVE, announce
from hotline.calls import CallState, Leg
from hotline.database import Base, Moment, Prepared
from hotline.operators import OperatorEntry, OperatorPresence
from hotline.order_facts import (
    approval_asked,
    approval_decided,
    assignment_made,
    assignment_moved,
    order_changed,
    order_issued,
    order_tried,
)
from hotline.recall_facts import recall_changed, recall_due, recall_tried
from hotline.recalls import RecallState
from hotline.recording_facts import leg_recording_kept, recording_kept, recording_missing
from hotline.recordings import Recording, Retention
from hotline.redials import chosen_by_a_person, go_on_with, settle_recalls
from hotline.referral_facts import (
    referral_changed,
    referral_made,
    referral_part_made,
    referral_part_moved,
    referral_warned,
)
from hotline.results import result_told
from hotline.rows import Row, Rows
from hotline.transfer_facts import note_spoken, station_tried, transfer_asked, transfer_moved
from hotline.transfers import LIVE as TRANSFER_LIVE
from hotline.transfers import Transfer, TransferState


class Told(Base):
    """Ids of the facts already in the record, so that a replay changes nothing."""

    __tablename__ = "told"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)


def _call_triaged(book: Book, event: e.CallTriaged) -> Row:
    call = call_of(book, event)
    ticket = ticket_of(book, call)
    # In the line already: a decision that comes late may raise the call, not undo a key 1 pressed since.
    acuity = (
        event.acuity if call.queued_at is None else higher(Acuity(call.acuity), Acuity(event.acuity)).value
    )
    call.acuity, call.branch, call.language = acuity, event.branch, event.language
    call.reason = event.reason[:200]
    if ticket is not None:
        ticket.acuity, ticket.branch, ticket.reason = acuity, event.branch, call.reason
        ticket.path, ticket.is_repeat = list(event.path), event.is_repeat
        ticket.protocol_id, ticket.protocol_version = event.protocol_id, event.protocol_version
        ticket.protocol_digest = event.protocol_digest
        ticket.category = ticket.category or event.category
        ticket.version += 1
        if event.continues:
            go_on_with(book.rows, ticket, event.continues, event.at)
            settle_recalls(
                book.rows, call, call.caller_number, RecallState.CANCELLED, event.at, event.continues
            )
    return call


def _call_queued(book: Book, event: e.CallQueued) -> Row:
    call = call_of(book, event)
    if call.queued_at is None:
        call.queued_at = event.at
        _set_acuity(book, call, event.acuity)
    else:
        _raise(book, call, event.acuity)
    move(call, CallState.WAITING)
    return call


def _set_acuity(book: Book, call: Row, acuity: str) -> None:
    call.acuity = acuity
    ticket = ticket_of(book, call)
    if ticket is not None and ticket.acuity != acuity:
        ticket.acuity = acuity
        ticket.version += 1


def _raise(book: Book, call: Row, acuity: str) -> None:
    if Acuity(acuity) > Acuity(call.acuity):
        _set_acuity(book, call, acuity)


def _acuity_raised(book: Book, event: e.AcuityRaised) -> Row:
    call = call_of(book, event)
    # Before the line a call stands at its failsafe, which is no judgement to compare with.
    _raise(book, call, event.acuity) if call.queued_at else _set_acuity(book, call, event.acuity)
    return call


def _acuity_corrected(book: Book, event: e.AcuityCorrected) -> Row:
    """The ticket takes the new level; the call keeps the one it was served at, so that both can be counted."""
    call = call_of(book, event)
    ticket = ticket_of(book, call)
    if ticket is not None and ticket.acuity != event.acuity:
        ticket.acuity = event.acuity
        ticket.version += 1
    # A level that was disputed may be asked about later.
    for recording in book.rows.find(Recording, ticket_id=call.ticket_id):
        recording.retention = Retention.CRITICAL.value
    return call


def _leg_dialled(book: Book, event: e.LegDialled) -> Row:
    call = call_of(book, event)
    if book.rows.get(Leg, event.leg_id) is None:
        book.rows.add(
            Leg,
            id=event.leg_id, call_id=event.call_id, node=event.node, role=event.role, endpoint=event.endpoint,
            operator_id=event.operator_id, dialled_at=event.at,
        )  # fmt: skip
    move(call, CallState.RINGING)
    return call


_STILL_RUNG = Prepared(
    select(Leg.id).where(Leg.call_id == bindparam("call_id"), Leg.ended_at.is_(None)).limit(1)
)


def _leg_ended(book: Book, event: e.LegEnded) -> Row:
    leg = book.rows.get(Leg, event.leg_id)
    if leg is not None:
        leg.ended_at, leg.outcome, leg.quality = event.at, event.outcome, event.quality
    call = call_of(book, event)
    if call.state == CallState.RINGING:
        book.rows.write()
        rung = _STILL_RUNG.run(book.session.connection(), {"call_id": call.id})
        if rung.fetchone() is None:
            move(call, CallState.WAITING)
    return call


def _call_answered(book: Book, event: e.CallAnswered) -> Row:
    call = call_of(book, event)
    call.human_at = call.human_at or event.at
    call.answered_by, call.operator_id = event.answered_by, event.operator_id
    leg = book.rows.get(Leg, event.leg_id)
    if leg is not None:
        leg.answered_at, leg.outcome = event.at, "answered"
    call.held_at = None
    move(call, CallState.TALKING)
    if event.settles:
        settle_recalls(book.rows, call, event.settles, RecallState.DONE, event.at)
    return call


def _call_held(book: Book, event: e.CallHeld) -> Row:
    call = call_of(book, event)
    if call.state != CallState.ENDED:
        call.held_at = event.at if event.held else None
    return call


def _call_waits_again(book: Book, event: e.CallWaitsAgain) -> Row:
    call = call_of(book, event)
    call.held_at = None
    move(call, CallState.WAITING)
    return call


def _call_watched(book: Book, event: e.CallWatched) -> Row:
    call = call_of(book, event)
    body = {"by": event.by, "mode": event.mode, "operator_id": event.operator_id}
    book.enter(call.hotline, "call_watched", call.id, body, event.at)
    return call


def _call_moved_to_front(book: Book, event: e.CallMovedToFront) -> Row:
    call = call_of(book, event)
    book.enter(call.hotline, "call_moved", call.id, {"by": event.by}, event.at)
    return call


def _call_left_to_dialplan(book: Book, event: e.CallLeftToDialplan) -> Row:
    call = call_of(book, event)
    move(call, CallState.FALLBACK)
    return call


def _message_started(book: Book, event: e.MessageStarted) -> Row:
    call = call_of(book, event)
    move(call, CallState.MESSAGE)
    return call


def _unit_chosen(book: Book, event: e.UnitChosen) -> Row:
    call = call_of(book, event)
    ticket = ticket_of(book, call)
    if ticket is not None and not chosen_by_a_person(book.rows, ticket.id):
        ticket.unit_code = event.unit_code
        ticket.version += 1
    return call


def _callback_number_given(book: Book, event: e.CallbackNumberGiven) -> Row:
    call = call_of(book, event)
    ticket = ticket_of(book, call)
    if ticket is not None:
        ticket.callback_number = event.number
        ticket.version += 1
    return call


def _call_ended(book: Book, event: e.CallEnded) -> Row:
    call = call_of(book, event)
    if call.state == CallState.ENDED:
        return call
    move(call, CallState.ENDED)
    call.ended_at, call.end_reason, call.held_at = event.at, event.reason, None
    body = {
        "reason": event.reason,
        "acuity": call.acuity,
        "answered_by": call.answered_by,
        "heard_s": round(event.heard_s, 1),
    }
    book.enter(call.hotline, "call_closed", call.id, body, event.at)
    for transfer in book.rows.find(Transfer, call_id=call.id):
        if transfer.state in TRANSFER_LIVE:
            transfer.state, transfer.ended_at = TransferState.CALLER_GONE.value, event.at
    return call


def _operator_changed(book: Book, event: e.OperatorChanged) -> None:
    presence = book.rows.get(OperatorPresence, event.operator_id)
    if presence is None:
        presence = book.rows.add(OperatorPresence, operator_id=event.operator_id, since=event.at)
    if event.at >= presence.since:  # a late fact is history only
        presence.state, presence.reason, presence.since = event.state, event.reason[:64], event.at
        presence.call_id = event.call_id
        if event.phone or event.state == "offline":
            presence.phone, presence.second_phone = event.phone, event.second_phone
    book.rows.add(
        OperatorEntry,
        operator_id=event.operator_id, at=event.at, state=event.state, reason=event.reason[:64], call_id=event.call_id
    )  # fmt: skip


APPLY: dict[type[e.Event], Callable[[Book, Any], Row | None]] = {
    e.CallArrived: call_arrived,
    e.CallTriaged: _call_triaged,
    e.CallQueued: _call_queued,
    e.AcuityRaised: _acuity_raised,
    e.AcuityCorrected: _acuity_corrected,
    e.LegDialled: _leg_dialled,
    e.LegEnded: _leg_ended,
    e.CallAnswered: _call_answered,
    e.CallWaitsAgain: _call_waits_again,
    e.CallHeld: _call_held,
    e.CallWatched: _call_watched,
    e.CallMovedToFront: _call_moved_to_front,
    e.CallLeftToDialplan: _call_left_to_dialplan,
    e.MessageStarted: _message_started,
    e.UnitChosen: _unit_chosen,
    e.CallbackNumberGiven: _callback_number_given,
    e.CallEnded: _call_ended,
    e.RecallDue: recall_due,
    e.RecallChanged: recall_changed,
    e.RecallTried: recall_tried,
    e.RecordingKept: recording_kept,
    e.RecordingMissing: recording_missing,
    e.OperatorChanged: _operator_changed,
    e.TransferAsked: transfer_asked,
    e.TransferMoved: transfer_moved,
    e.TransferNoteSpoken: note_spoken,
    e.StationTried: station_tried,
    e.LegRecordingKept: leg_recording_kept,
    e.ResultTold: result_told,
    e.OrderIssued: order_issued,
    e.OrderChanged: order_changed,
    e.ApprovalAsked: approval_asked,
    e.ApprovalDecided: approval_decided,
    e.AssignmentMade: assignment_made,
    e.AssignmentMoved: assignment_moved,
    e.OrderTried: order_tried,
    e.ReferralMade: referral_made,
    e.ReferralPartMade: referral_part_made,
    e.ReferralPartMoved: referral_part_moved,
    e.ReferralWarned: referral_warned,
    e.ReferralChanged: referral_changed,
}

NOT_IN_ENTRIES = {"event", "id", "at", "call_id", "hotline", "node", "path", "plan", "numbers"}
NAMES = {kind: re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower() for kind in APPLY}
"""call_queued and so on: what entries and the live page call a fact."""

_TABLES = Base.metadata.tables
_TELL = {
    name: Prepared(
        dialect.insert(_TABLES["told"]).on_conflict_do_nothing().returning(_TABLES["told"].c.id), "id", "at"
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_ENTER = Prepared(insert(_TABLES["ticket_entry"]), "ticket_id", "at", "kind", "actor", "text", "body")


def apply(session: Session, event: e.Event, actor: str = "") -> bool:
    """Put one fact in the record, in the caller's transaction; False when it was there already."""
    return apply_all(session, [event], actor) == 1


def apply_all(session: Session, events: Sequence[e.Event], actor: str = "") -> int:
    """Put facts in the record in their order, in the caller's transaction; how many were new."""
    once = {event.id[:32]: event for event in events}
    session.flush()
    connection = session.connection()
    book = Book(session, Rows(connection))
    tell = _TELL[connection.dialect.name]
    new = set(tell.returned(connection, [{"id": id_, "at": event.at} for id_, event in once.items()]))
    entries = []
    for id_, event in once.items():
        if id_ not in new:
            continue
        call = APPLY[type(event)](book, event)  # whatever has the ticket that it is about
        plain = e.to_plain(event)
        name = NAMES[type(event)]
        if call is not None:
            body = {k: v for k, v in plain.items() if k not in NOT_IN_ENTRIES}
            entries.append(
                {
                    "ticket_id": call.ticket_id,
                    "at": event.at,
                    "kind": name,
                    "actor": actor,
                    "text": "",
                    "body": body,
                }
            )
        # The live page re-reads what changed, with its reader's rights: the message says only which.
        about = {"event": name, "call_id": plain.get("call_id", ""), "operator_id": plain.get("operator_id")}
        if plain.get("station"):
            about["station"] = plain["station"]
        if (plain.get("order_id") or plain.get("referral_id")) and call is not None:
            about["ticket_id"] = call.ticket_id
        announce(session, LIVE, about)
    book.rows.write()  # tickets before their entries
    _ENTER.run_all(connection, entries)
    ledger.write(session)
    return len(new)


def readable(event: e.Event) -> e.Event:
    """The event as every database takes it: without NUL and broken characters."""
    return replace(event, **{f.name: _readable(getattr(event, f.name)) for f in fields(event)})


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "")
    if isinstance(value, dict):
        return {_readable(k): _readable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_readable(v) for v in value)
    return value
