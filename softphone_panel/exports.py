"""A recording taken away as a file: who took it and why stands on its ticket before its first byte is sent."""

from __future__ import annotations

from flask import Response, request
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline.recordings import LegRecording, Recording
from softphone_panel import listening, sounds, ticket_changes
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket
from softphone_panel.words import say

EXPORT = "recording_exported"
REASON_CHARACTERS = 5
"""At least so many, as for every reason."""


def reason() -> str:
    """The form's reason; InputFault for none."""
    given = request.form.get("reason", "").replace("\x00", "").strip()[:200]
    if len(given) < REASON_CHARACTERS:
        raise InputFault("reason", say("Ô “Lý do”: hãy viết ít nhất 5 ký tự."))
    return given


def about(recording: Recording | LegRecording) -> dict[str, str]:
    """What names the recording in the body of an entry: its call, and its leg if it is a station's."""
    found = {"call_id": recording.call_id}
    return found | {"leg_id": recording.leg_id} if isinstance(recording, LegRecording) else found


def begin(session: Session, recording: Recording | LegRecording, why: str) -> Response:
    """The whole sound; the entry is in the caller's transaction, which ends before the sound is read."""
    path = listening.file_of(recording)
    ticket = held_ticket(session, recording.ticket_id)
    body = {**about(recording), "sha256": recording.sha256}
    ticket_changes.add_entry(session, ticket, EXPORT, current_user.username, why, body)
    size = sounds.size_bytes(path)
    headers = {
        "Content-Disposition": f'attachment; filename="{path.stem}.wav"',
        "Content-Length": str(size),
        "Cache-Control": "private, no-store",
    }
    return Response(sounds.wav(path, sounds.Span(0, size - 1)), 200, headers, content_type="audio/wav")
