"""Saved filters on the list of tickets: kept by name, shared by supervisors, and as near as a key."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import saved_filters
from hotline.database import transaction
from hotline.events import now
from hotline.saved_filters import MOST, NAME_CHARACTERS, SavedFilter
from softphone_panel.faults import InputFault
from softphone_panel.ticket_search import Wanted
from softphone_panel.words import say

room = Blueprint("ticket_filters", __name__, url_prefix="/tickets/filters")

KEYS = 9
"""The first so many have a key."""


def values(session: Session, wanted: Wanted) -> dict[str, Any]:
    """What the list shows of them."""
    present = _query(wanted)
    return {
        "filters": [
            (one, one.query == present, one.owner_id == current_user.id or current_user.administers)
            for one in saved_filters.of(session, current_user.id)
        ],
        "present_filter": present,
        "filter_keys": KEYS,
    }


def _query(wanted: Wanted) -> dict[str, str]:
    return {key: str(value) for key, value in wanted.query(1).items() if key != "page"}


@room.post("")
def save() -> AnyResponse:
    """Keep what the list shows now; the same name of one's own once more replaces it."""
    name = " ".join(request.form.get("name", "").replace("\x00", "").split())
    if not name or len(name) > NAME_CHARACTERS:
        raise InputFault("name", say("Ô “Tên bộ lọc”: hãy viết từ 1 đến {most} ký tự.", most=NAME_CHARACTERS))
    wanted = Wanted.of(request.form)
    query = _query(wanted)
    if wanted.faults or not query:
        raise InputFault("filter", say("Chưa lọc gì: hãy chọn điều kiện, bấm Lọc, rồi lưu."))
    shared = request.form.get("shared") == "1"
    if shared and not current_user.supervises:
        raise InputFault("shared", say("Chỉ trưởng ca chia sẻ được bộ lọc."), 403)
    try:
        with transaction() as session:
            _keep(session, name, query, shared)
    except IntegrityError as error:  # two clicks at once
        raise InputFault("name", say("Bộ lọc này vừa được lưu: hãy tải lại trang."), 409) from error
    flash(say("Đã lưu bộ lọc “{name}”.", name=name))
    return redirect(url_for("tickets.index", **query), 303)  # type: ignore[arg-type]  # words of an address


def _keep(session: Session, name: str, query: dict[str, str], shared: bool) -> None:
    own = SavedFilter.owner_id == current_user.id
    row = session.scalar(select(SavedFilter).where(own, SavedFilter.name == name))
    if row is None:
        if (session.scalar(select(func.count()).select_from(SavedFilter).where(own)) or 0) >= MOST:
            raise InputFault("name", say("Bạn có {most} bộ lọc rồi: hãy bỏ bớt.", most=MOST))
        row = SavedFilter(owner_id=current_user.id, name=name, query=query, at=now())
        session.add(row)
    row.query, row.shared, row.at = query, shared, now()
    session.flush()


@room.post("/<int:number>/remove")
def remove(number: int) -> AnyResponse:
    """One's own, or as an administrator anybody's."""
    with transaction() as session:
        row = session.get(SavedFilter, number)
        if row is not None and (row.owner_id == current_user.id or current_user.administers):
            session.delete(row)
            flash(say("Đã bỏ bộ lọc “{name}”.", name=row.name))
    return redirect(url_for("tickets.index"), 303)
