"""Refusals: what is requested and cannot be, in a sentence that names the field and what to do; and what any request is measured by."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.organisation import Agency, Organisation
from hotline.units import VIETNAM, Unit

SHORTEST = 5
"""Characters of a text that somebody else is to read."""
FURTHEST = timedelta(days=30)
"""A deadline that people set is no further away."""


class RequestRefused(ValueError):  # noqa: N818 - exceptions are named by the fact
    """It cannot be done; the texts are what the person reads, `name` is the form's field."""

    def __init__(self, vi: str, en: str, name: str = "") -> None:
        super().__init__(vi)
        self.vi, self.en, self.name = vi, en, name


def written(text: str, name: str, vi: str, en: str, most: int) -> str:
    """Without surrounding space. Raises RequestRefused when too short or too long; `vi` and `en` are what the field is called."""
    plain = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not SHORTEST <= len(plain) <= most:
        raise RequestRefused(
            f"Ô “{vi}”: hãy viết từ {SHORTEST} đến {most} ký tự.",
            f"{en}: write {SHORTEST} to {most} characters.",
            name,
        )
    return plain


def check_unit(session: Session, code: str, day: date) -> None:
    """A place that is on the map of that day, or none. Raises RequestRefused."""
    if not code:
        return
    units = session.scalars(select(Unit).where(Unit.code == code).order_by(Unit.valid_from)).all()
    if any(one.valid_from <= day and (one.valid_to is None or day <= one.valid_to) for one in units):
        return
    if not units:
        raise RequestRefused(
            "Ô “Địa bàn”: không có mã này, hãy tìm và chọn lại.",
            "Place: there is no such code, search and choose again.",
            "unit_code",
        )
    gone = units[-1]
    until = f" từ {gone.valid_to:%d/%m/%Y}" if gone.valid_to else ""
    raise RequestRefused(
        f"Ô “Địa bàn”: {gone.full_name} không còn là đơn vị hành chính{until}, hãy chọn đơn vị mới.",
        f"Place: {gone.full_name} is no unit any more, choose the one that it went into.",
        "unit_code",
    )


def listed(organisation: Organisation, hotline: str, key: str, name: str) -> Agency:
    """The hotline's agency of that key, whether or not it still stands. Raises RequestRefused about the field `name`."""
    found = organisation.agency(key)
    if found is None or found.hotline != hotline:
        raise RequestRefused(
            f"Không có đơn vị “{key[:48]}” trong danh sách: hãy chọn đơn vị khác.",
            f"There is no “{key[:48]}” in the list: choose another.",
            name,
        )
    return found


def said_at(at: datetime) -> str:
    """Hour and day, as every language of the panel reads them."""
    return f"{at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
