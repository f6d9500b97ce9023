"""Listening to a recording: each playing is written down before its first sound is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TypeVar

from flask import Blueprint, Response, abort, current_app, render_template, request, url_for
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.recordings import LegRecording, LegRecordingPlay, Recording, RecordingPlay
from hotline.settings import settings
from hotline.tickets import Ticket, TicketEntry
from softphone_panel import sounds, spoken_messages, ticket_changes, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import say

room = Blueprint("listening", __name__, url_prefix="/recordings")
PLAYABLE_FOR_S = 3600
SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
GIVEN = ("recording_exported", "recording_shared")
"""Entries by which a recording went to others."""
Kept = TypeVar("Kept", Recording, LegRecording)


def _pass() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="listening")


def kept(session: Session, call_id: str) -> Recording:
    """A call's recording, if this reader may hear it: 404 or 403 otherwise."""
    return _allowed(session, session.get(Recording, call_id))


def kept_leg(session: Session, leg_id: str) -> LegRecording:
    """The same of a station's leg: who may hear its ticket's calls may hear it."""
    return _allowed(session, session.get(LegRecording, leg_id))


def kept_sound(session: Session, key: str) -> Recording | LegRecording:
    """Of a call's id or a leg's; no call's id is a leg's."""
    leg = session.get(LegRecording, key)
    return kept(session, key) if leg is None else _allowed(session, leg)


def _allowed(session: Session, recording: Kept | None) -> Kept:
    if recording is None:
        abort(404)
    ticket = seen_ticket(session, recording.ticket_id)
    is_open = _is_shared(session, ticket) or (
        isinstance(recording, Recording) and spoken_messages.is_message(session, recording)
    )
    if not ticket_view.may_listen(session, ticket) and not is_open:
        abort(403)
    return recording


def _is_shared(session: Session, ticket: Ticket) -> bool:
    """Whether somebody let this reader hear the ticket's recordings."""
    asked = select(TicketEntry.id).where(
        TicketEntry.ticket_id == ticket.id, TicketEntry.kind == "recording_shared",
        TicketEntry.body["with"].as_string() == current_user.username,
    )  # fmt: skip
    return session.scalar(asked.limit(1)) is not None


def file_of(recording: Recording | LegRecording) -> Path:
    """Where its sound lies; InputFault when it is gone."""
    root = settings().recordings.resolve()
    path = (root / recording.path).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise InputFault(
            "recording",
            say(
                "Tệp ghi âm {path} không còn trên máy: hãy báo quản trị chạy “./run verify”.",
                path=recording.path,
            ),
            404,
        )
    return path


def seconds(written: str) -> float:
    """1:05 or 65 as seconds; InputFault for what is no time."""
    minutes, _, rest = written.strip().rpartition(":")
    if not rest.replace(".", "", 1).isdecimal() or not (minutes or "0").isdecimal() or len(written) > 9:
        raise InputFault("at", say("Ô “Tại”: hãy viết phút và giây như 1:05."))
    return 60 * int(minutes or 0) + float(rest)


def asked_second(recording: Recording | LegRecording) -> float:
    """The second at which a link asks to listen; 0 when it names none that the recording has."""
    written = request.args.get("at", "")
    asked_s = float(written) if SECONDS.fullmatch(written) else 0.0
    return asked_s if asked_s < recording.length_s else 0.0


@room.post("/<key>/listen")
def begin(key: str) -> str:
    """Write down who listens, and give the player with a pass for this playing; it begins at the second `at`, if one is named."""
    with transaction() as session:
        recording = kept_sound(session, key)
        path = file_of(recording)
        ticket = held_ticket(session, recording.ticket_id)
        play: RecordingPlay | LegRecordingPlay
        if isinstance(recording, LegRecording):
            play = LegRecordingPlay(leg_id=key, operator_id=current_user.id, at=now())
        else:
            play = RecordingPlay(call_id=key, operator_id=current_user.id, at=now())
        session.add(play)
        session.flush()
        body = {"call_id": recording.call_id, "play": play.id}
        if isinstance(recording, LegRecording):
            body["leg_id"] = key
        ticket_changes.add_entry(session, ticket, "recording_played", current_user.username, "", body)
        starts_s = (
            0.0 if isinstance(recording, LegRecording) else spoken_messages.starts_s(session, recording)
        )
        starts_s = asked_second(recording) or starts_s
    ticket_pass = _pass().dumps([key, current_user.id, play.id])
    return render_template(
        "player.html",
        recording=recording,
        starts_s=starts_s,
        is_leg=isinstance(recording, LegRecording),
        sound=url_for("listening.sound", key=key, ticket_pass=ticket_pass),
        peaks=json.dumps(_peaks(recording, path)),
    )


def _peaks(recording: Recording | LegRecording, path: Path) -> list[list[float]]:
    """Computed once for each recording, kept in var/peaks."""
    kept = settings().var / "peaks" / f"{path.stem}-{recording.sha256[:12]}.json"
    try:
        found: list[list[float]] = json.loads(kept.read_text())
        return found
    except (OSError, ValueError):
        made = sounds.peaks(path)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{current_user.id}.new")
        fresh.write_text(json.dumps(made))
        fresh.replace(kept)
    except OSError:
        current_app.logger.warning("peaks could not be kept")  # a full disk must not stop listening
    return made


@room.get("/<key>/sound.wav")
def sound(key: str) -> Response:
    try:
        named, operator_id, _ = _pass().loads(request.args.get("ticket_pass", ""), max_age=PLAYABLE_FOR_S)
    except (BadSignature, ValueError, TypeError):
        abort(403)
    if named != key or operator_id != current_user.id:
        abort(403)
    with reading() as session:
        path = file_of(kept_sound(session, key))
    size = sounds.size_bytes(path)
    common = {"Accept-Ranges": "bytes", "Content-Type": "audio/wav", "Cache-Control": "private, no-store"}
    try:
        span = sounds.asked_span(request.headers.get("Range"), size)
    except ValueError:
        return Response(status=416, headers={**common, "Content-Range": f"bytes */{size}"})
    given = span or sounds.Span(0, size - 1)
    headers = {**common, "Content-Length": str(given.size)}
    if span is not None:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    if request.method == "HEAD":
        return Response(status=200, headers=headers)
    return Response(sounds.wav(path, given), 206 if span else 200, headers)


@room.get("/<key>/listeners")
def listeners(key: str) -> str:
    """Who listened, when."""
    with reading() as session:
        recording = kept_sound(session, key)
        play = LegRecordingPlay if isinstance(recording, LegRecording) else RecordingPlay
        of = LegRecordingPlay.leg_id if play is LegRecordingPlay else RecordingPlay.call_id
        rows = session.execute(
            select(play.at, Operator.full_name)
            .join(Operator, Operator.id == play.operator_id)
            .where(of == key)
            .order_by(play.id.desc())
            .limit(200)
        ).all()
        taken = session.execute(
            select(TicketEntry, Operator.full_name)
            .join(Operator, Operator.username == TicketEntry.actor)
            .where(TicketEntry.ticket_id == recording.ticket_id, TicketEntry.kind.in_(GIVEN))
            .order_by(TicketEntry.id.desc())
        ).tuples()
        leg_id = key if isinstance(recording, LegRecording) else None
        given = [
            (entry, name)
            for entry, name in taken
            if entry.body.get("call_id") == recording.call_id and entry.body.get("leg_id") == leg_id
        ]
        names = ticket_view.people_names(session)
        return render_template("listeners.html", rows=rows, given=given, names=names)
