"""Files of a ticket: pictures and PDFs, for those who talked with its citizen or supervise; each look is written down."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, send_file, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import attachments
from hotline.attachments import LARGEST_BYTES, MOST, TYPES, Attachment, NotKept
from hotline.database import transaction
from hotline.events import now
from hotline.settings import settings
from hotline.tickets import Ticket
from softphone_panel import call_card, desk, ticket_changes, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.incident_words import FILE_FAULTS
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import say

room = Blueprint("ticket_files", __name__)

STATUS = {"too_large": 413}
LARGER_FORMS = ("ticket_files.add",)
"""Endpoints whose forms carry a file."""


def may_see(session: Session, ticket: Ticket) -> bool:
    """Supervisors see every file, operators those of tickets at their desk or that they talked on."""
    return (
        ticket_view.may_listen(session, ticket) or call_card.at_desk(session, current_user.id)[1] == ticket.id
    )


def values(session: Session, ticket: Ticket) -> dict[str, Any]:
    """What the part of the page shows."""
    names = ticket_view.people_names(session)
    return {
        "files": [
            (row, names.get(row.by, row.by), _size(row.size_bytes))
            for row in attachments.of(session, ticket.id)
        ],
        "may_see_files": may_see(session, ticket),
        "largest_mb": LARGEST_BYTES // (1024 * 1024),
        "file_click": ticket_changes.fresh_click(),
    }


def _size(size_bytes: int) -> str:
    """840 kB, 2.4 MB."""
    return (
        f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1_000_000 else f"{max(1, round(size_bytes / 1000))} kB"
    )


@room.post("/tickets/<ticket_id>/files")
def add(ticket_id: str) -> AnyResponse:
    """Keep a file, after looking into it."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise InputFault("file", say("Chưa chọn tệp nào."))
    with sent.stream as stream:
        content: bytes = stream.read(LARGEST_BYTES + 1)
    try:
        given = attachments.cleaned(content)
        with transaction() as session:
            ticket = held_ticket(session, ticket_id)
            if not may_see(session, ticket):
                abort(403)
            if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
                root = settings().recordings.absolute()
                attachments.add(session, ticket, sent.filename, given, current_user.username, now(), root)
    except NotKept as refused:
        sentence = say(FILE_FAULTS[refused.why], most_mb=LARGEST_BYTES // (1024 * 1024), most=MOST)
        raise InputFault("file", sentence, STATUS.get(refused.why, 422)) from refused
    flash(say("Đã lưu tệp vào phiếu."))
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


@room.get("/tickets/<ticket_id>/files/<int:number>")
def one(ticket_id: str, number: int) -> AnyResponse:
    """The file; that it was looked at is written down before its first byte is sent."""
    with transaction() as session:
        ticket = seen_ticket(session, ticket_id)
        row = session.get(Attachment, number)
        if row is None or row.ticket_id != ticket.id:
            abort(404, say("Không có tệp này."))
        if not may_see(session, ticket):
            abort(403)
        content = attachments.content(row, settings().recordings.absolute())
        if content is None:
            raise InputFault("file", say("Tệp này mất hoặc đã bị sửa trên đĩa: hãy báo quản trị."), 410)
        body = {"attachment": row.id, "name": row.name}
        ticket_changes.add_entry(session, ticket, attachments.VIEWED, current_user.username, "", body)
        name, kind = row.name, row.kind
    # A PDF is saved rather than opened: what is in it runs nowhere on this page's origin.
    return send_file(BytesIO(content), TYPES[kind], as_attachment=kind == "pdf", download_name=name)
