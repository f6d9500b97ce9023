"""Publishing from a page: the draft comes in force, or an earlier version again, with the form's reason, for who saw what stands."""

from __future__ import annotations

from flask import abort, request
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline import documents
from hotline.documents import House, Kind


def chosen_version() -> int:
    """The number of the version that is to stand again; 400 when the form has none."""
    number = request.form.get("number", "")
    if not number.isdecimal() or len(number) > 6:
        abort(400)
    return int(number)


def publish(session: Session, house: House, kind: Kind, key: str, number: int | None) -> None:
    """The draft, or with a number that version. Raises documents.Refused."""
    seen, note = request.form.get("seen", ""), " ".join(request.form.get("note", "").split())
    by = current_user.username
    if number is None:
        documents.publish(session, house, kind, key, by=by, seen=seen, note=note)
    else:
        documents.undo(session, house, kind, key, number, by=by, seen=seen, note=note)
