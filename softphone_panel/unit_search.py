"""Finding an administrative unit by its name, with or without diacritics: those of today, and those that were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import unit_files
from hotline.events import now
from hotline.folding import folded as folded
from hotline.installation import Installation
from hotline.units import Unit
from softphone_panel.words import say

SHOWN = 12


@dataclass(frozen=True)
class Found:
    code: str
    name: str
    """Thị trấn Chơn Thành, Thị xã Chơn Thành, Tỉnh Bình Phước."""
    dates: str = ""
    """When it is no more: until when it was, and what stands there today."""


def day_of(at: datetime) -> date:
    """The day whose units counted here at that moment."""
    province: Installation = current_app.config["INSTALLATION"]
    return province.day(at)


def _today() -> date:
    return day_of(now())


def _exists(unit: Unit, on: date) -> bool:
    return unit.valid_from <= on and (unit.valid_to is None or on <= unit.valid_to)


def _whole_name(unit: Unit, units: Iterable[Unit]) -> str:
    """With the names of those above it on its own last day."""
    on = unit.valid_to or max(unit.valid_from, _today())
    above = {u.code: u for u in units if _exists(u, on)}
    parts, seen, at = [unit.full_name], {unit.code}, unit
    while at.parent_code in above and at.parent_code not in seen:
        at = above[at.parent_code]
        seen.add(at.code)
        parts.append(at.full_name)
    return ", ".join(parts)


def _dates(session: Session, unit: Unit, on: date) -> str:
    """Empty for a unit that exists on that day."""
    if _exists(unit, on):
        return ""
    if unit.valid_to is None:
        return say("từ {day}", day=f"{unit.valid_from:%d/%m/%Y}")
    until = say("đến {day}", day=f"{unit.valid_to:%d/%m/%Y}")
    became = [u for u, _ in unit_files.became(session, unit.code, on)]
    if not became:
        return until
    return f"{until}, {say('nay là {units}', units=', '.join(u.full_name for u in became))}"


def search(session: Session, wanted: str, limit: int = SHOWN) -> list[Found]:
    """Units whose name has every word of `wanted`: those whose own name begins with it first, of today before those that were.

    Among each, the hotlines' own provinces come first, and there the name that is just that.
    """
    words = folded(wanted).split()
    if not words:
        return []
    units, today = list(session.scalars(select(Unit))), _today()
    higher = [u for u in units if u.level != "commune"]
    served, found = _served(session, today), []
    for unit in units:
        whole = _whole_name(unit, higher)
        text = folded(whole)
        if all(word in text for word in words):
            own = folded(unit.name)
            rank = (
                not own.startswith(" ".join(words)),
                not _exists(unit, today),
                unit.province_code not in served,
                own != " ".join(words),
                words[0] not in own,
                len(whole),
                whole,
            )
            found.append((rank, unit, whole))
    found.sort(key=lambda one: one[0])
    return [Found(unit.code, whole, _dates(session, unit, today)) for _, unit, whole in found[:limit]]


def _served(session: Session, today: date) -> set[str]:
    """Codes of the provinces whose calls come in here, and of what stands there today."""
    province: Installation = current_app.config["INSTALLATION"]
    own = {hotline.units_parent for hotline in province.hotlines if hotline.units_parent}
    return own | {unit.code for code in own for unit, _ in unit_files.became(session, code, today)}


def exists(session: Session, code: str) -> bool:
    return session.scalar(select(Unit.id).where(Unit.code == code).limit(1)) is not None


def name_of(session: Session, code: str, on: date | None = None) -> str:
    """The whole name of the unit that had this code on that day (today), with dates when it had it only before or later.

    Codes are given to successors, so the day decides; the code itself when no unit has it.
    """
    if not code:
        return ""
    on = on or _today()
    rows = list(session.scalars(select(Unit).where(Unit.code == code).order_by(Unit.valid_from.desc())))
    if not rows:
        return code
    unit = next((u for u in rows if _exists(u, on)), rows[0])
    higher = session.scalars(select(Unit).where(Unit.level != "commune")).all()
    name, dates = _whole_name(unit, higher), _dates(session, unit, on)
    return f"{name} ({dates})" if dates else name
