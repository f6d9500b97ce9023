"""Facts of recordings become rows and ledger lines; which are kept longer follows the urgency of their call."""

from hotline import events as e
from hotline.book import Book, call_of, ticket_of
from hotline.recordings import LegRecording, Recording, Retention
from hotline.rows import Row


def recording_kept(book: Book, event: e.RecordingKept) -> Row:
    call = call_of(book, event)
    if book.rows.get(Recording, event.call_id) is None:
        ticket = ticket_of(book, call)
        critical = {call.acuity, ticket.acuity if ticket is not None else ""} & {"RED", "ORANGE"}
        book.rows.add(
            Recording,
            call_id=event.call_id, node=event.node, ticket_id=call.ticket_id, path=event.path, length_s=event.length_s,
            size_bytes=event.size_bytes, sha256=event.sha256, kept_at=event.at,
            retention=Retention.CRITICAL if critical else Retention.STANDARD,
        )  # fmt: skip
        book.enter(call.hotline, "recording_kept", event.call_id, _file(event), event.at)
    return call


def recording_missing(book: Book, event: e.RecordingMissing) -> Row:
    call = call_of(book, event)
    if book.rows.get(Recording, event.call_id) is None:
        book.enter(call.hotline, "recording_missing", call.id, {"path": event.path}, event.at)
    return call


def leg_recording_kept(book: Book, event: e.LegRecordingKept) -> Row:
    call = call_of(book, event)
    if book.rows.get(LegRecording, event.leg_id) is None:
        book.rows.add(
            LegRecording, leg_id=event.leg_id, call_id=call.id, node=event.node, ticket_id=call.ticket_id, path=event.path,
            length_s=event.length_s, size_bytes=event.size_bytes, sha256=event.sha256, kept_at=event.at,
        )  # fmt: skip
        book.enter(call.hotline, "leg_recorded", event.leg_id, _file(event), event.at)
    return call


def _file(event: e.RecordingKept | e.LegRecordingKept) -> dict[str, object]:
    """What the ledger proves of a sound file."""
    return {
        "path": event.path, "length_s": event.length_s, "size_bytes": event.size_bytes, "sha256": event.sha256,
    }  # fmt: skip
