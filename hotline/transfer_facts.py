"""Facts of hand-overs become rows: what was asked, where it stands, which stations were tried."""

from typing import Any

from hotline import events as e
from hotline.book import Book, call_of
from hotline.calls import Leg
from hotline.rows import Row
from hotline.transfers import LIVE as TRANSFER_LIVE
from hotline.transfers import Transfer, TransferState, TransferTry, TryState


def _transfer(book: Book, event: Any, call: Row) -> Row:
    """The event's hand-over; a shell of it when the fact that begins it has not come yet."""
    transfer = book.rows.get(Transfer, event.transfer_id)
    if transfer is None:
        transfer = book.rows.add(
            Transfer, id=event.transfer_id, call_id=call.id, ticket_id=call.ticket_id, kind="warm",
            state=TransferState.RINGING.value, asked_at=event.at, changed_at=event.at,
        )  # fmt: skip
    return transfer


def transfer_asked(book: Book, event: e.TransferAsked) -> Row:
    call = call_of(book, event)
    is_late = book.rows.get(Transfer, event.transfer_id) is not None
    transfer = _transfer(book, event, call)
    transfer.kind, transfer.operator_id, transfer.station = event.kind, event.operator_id, event.station
    transfer.plan, transfer.card, transfer.asked_at = list(event.plan), dict(event.card), event.at
    if not is_late:
        transfer.state = str(event.state)
    return call


def transfer_moved(book: Book, event: e.TransferMoved) -> Row:
    call = call_of(book, event)
    transfer = _transfer(book, event, call)
    if transfer.state not in TRANSFER_LIVE or event.at < transfer.changed_at:
        return call  # a late fact never reopens or rewinds a hand-over
    transfer.state, transfer.why, transfer.changed_at = str(event.state), str(event.why)[:80], event.at
    if event.state in (TransferState.TOGETHER, TransferState.HANDED_OVER):
        transfer.handed_over_at = transfer.handed_over_at or event.at
    if event.state not in TRANSFER_LIVE:
        transfer.ended_at = event.at
    return call


def note_spoken(book: Book, event: e.TransferNoteSpoken) -> Row:
    call = call_of(book, event)
    transfer = _transfer(book, event, call)
    transfer.note, transfer.note_s = str(event.state), event.length_s
    return call


def station_tried(book: Book, event: e.StationTried) -> Row:
    call = call_of(book, event)
    transfer = _transfer(book, event, call)
    tried = book.rows.get(TransferTry, event.leg_id)
    if tried is None:
        tried = book.rows.add(
            TransferTry, leg_id=event.leg_id, transfer_id=transfer.id, name=event.name[:160],
            number=event.number[:40], place=event.place, state=str(event.state), rung_at=event.at,
            station=event.station[:48],
        )  # fmt: skip
    tried.state = str(event.state)
    if event.state == TryState.RINGING:
        transfer.rung_at = transfer.rung_at or event.at
    elif event.state in (TryState.BRIEFING, TryState.ACCEPTED):
        tried.answered_at = tried.answered_at or event.at
    if event.state == TryState.ACCEPTED:
        transfer.accepted_at = transfer.accepted_at or event.at
        leg = book.rows.get(Leg, event.leg_id)
        if leg is not None:
            leg.answered_at, leg.outcome = leg.answered_at or event.at, "answered"
    elif event.state not in (TryState.RINGING, TryState.BRIEFING):
        tried.ended_at = event.at
    return call
