"""Finding an administrative unit by its name, with or without diacritics."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hotline.events import now
from hotline.units import Unit
from softphone_panel.words import local

SHOWN = 12


@dataclass(frozen=True)
class Found:
    code: str
    name: str
    """Thị trấn Chơn Thành, Huyện Chơn Thành, Tỉnh Bình Phước."""


def folded(text: str) -> str:
    """Lower case without diacritics: "Đồng Xoài" → "dong xoai"."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def present(session: Session) -> list[Unit]:
    """Units that exist today."""
    today = local(now()).date()
    asked = select(Unit).where(Unit.valid_from <= today, or_(Unit.valid_to.is_(None), Unit.valid_to > today))
    return list(session.scalars(asked))


def _whole_name(unit: Unit, by_code: dict[str, Unit]) -> str:
    parts, seen, at = [unit.full_name], {unit.code}, unit
    while at.parent_code in by_code and at.parent_code not in seen:
        at = by_code[at.parent_code]
        seen.add(at.code)
        parts.append(at.full_name)
    return ", ".join(parts)


def search(session: Session, wanted: str, limit: int = SHOWN) -> list[Found]:
    """Units whose name has every word of `wanted`; those whose own name begins with it come first."""
    words = folded(wanted).split()
    if not words:
        return []
    units = present(session)
    by_code = {u.code: u for u in units}
    found = []
    for unit in units:
        whole = _whole_name(unit, by_code)
        text = folded(whole)
        if all(word in text for word in words):
            own = folded(unit.name)
            rank = (not own.startswith(" ".join(words)), words[0] not in own, len(whole))
            found.append((rank, Found(unit.code, whole)))
    return [f for _, f in sorted(found, key=lambda pair: (pair[0], pair[1].name))[:limit]]


def exists(session: Session, code: str) -> bool:
    return session.scalar(select(Unit.id).where(Unit.code == code).limit(1)) is not None


def name_of(session: Session, code: str) -> str:
    """A unit's whole name by its code, present ones first; the code itself when no unit has it."""
    if not code:
        return ""
    rows = session.scalars(select(Unit).where(Unit.code == code).order_by(Unit.valid_from.desc())).all()
    if not rows:
        return code
    parents = session.scalars(select(Unit).where(Unit.level != "commune").order_by(Unit.valid_from)).all()
    return _whole_name(rows[0], {u.code: u for u in parents})
