"""What the settings page shows of a station beside its form: what may be chosen, names for codes, and the chains before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import station_documents
from hotline.directory import LANGUAGES as SPOKEN
from hotline.directory import LEVELS, Directory, Line
from hotline.documents import Content, House
from hotline.operators import Operator
from hotline.stations import parents
from softphone_panel import desk, shown, unit_search
from softphone_panel.words import LANGUAGES, either, say

PLACES_SHOWN = 3
"""Of a station that serves many places, the chains of so many are compared."""


@dataclass(frozen=True)
class Chains:
    """Whom a caller of one place meets, in order, now and if the draft is published."""

    place: str
    before: tuple[Line, ...]
    after: tuple[Line, ...]

    @property
    def differs(self) -> bool:
        return self.before != self.after

    def is_new(self, line: Line) -> bool:
        return line.dialled not in {one.dialled for one in self.before}


def name(content: Content, key: str) -> str:
    return str(content.get("name") or key)


def file_faults(house: House) -> list[str]:
    """What is wrong with the stations' files on the server, in the reader's language."""
    return [either(fault) for fault in station_documents.file_faults(house)]


def names(session: Session, house: House) -> dict[str, str]:
    """Words for what stands as a code in a station: other stations, hotlines, levels."""
    stations = {
        key: f"{one.get('name', key)} ({key})" for key, one in station_documents.tables(house).items()
    }
    hotlines = {hotline.key: hotline.name for hotline in desk.province().hotlines}
    return {**stations, **hotlines, **LANGUAGES, **{level: level_word(level) for level in LEVELS}}


def level_word(level: str) -> str:
    return shown.word(shown.STATION_LEVELS, level)


def unit_names(session: Session, codes: Sequence[str]) -> dict[str, str]:
    return {code: f"{unit_search.name_of(session, code)} ({code})" for code in dict.fromkeys(codes)}


def choices(
    session: Session, house: House, key: str, content: Content
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """What may be chosen in a station's fields: value and word."""
    others = {
        other: one
        for other, one in station_documents.tables(house).items()
        if other != key
        and one
        and (one.get("hotline") == content.get("hotline") or not content.get("hotline"))
    }
    return {
        "hotline": [(h.key, h.name) for h in desk.province().hotlines],
        "level": [(level, level_word(level)) for level in LEVELS],
        "language": [(spoken, LANGUAGES[spoken]) for spoken in SPOKEN],
        "neighbours": [(other, name(one, other)) for other, one in others.items()],
        "phone": [("", say("Không có")), *((p.name, say("Máy {phone}", phone=p.name)) for p in desk.province().phones)],
        "units": list(unit_names(session, _texts(content.get("units"))).items()),
    }  # fmt: skip


def chains(
    session: Session, house: House, would: House, key: str, contents: Sequence[Content], at: datetime
) -> list[Chains]:
    """For the places that the station serves, before or after: the whole chain at that moment, as it is and as it would be.

    A station without a place is rung when somebody chooses it.
    """
    above = parents(session)
    before, after = (Directory(station_documents.stations(one), above) for one in (house, would))
    hotlines = {hotline.key: hotline for hotline in desk.province().hotlines}
    hotline = next((hotlines[h] for c in contents if (h := str(c.get("hotline", ""))) in hotlines), None)
    if hotline is None:
        return []
    places = dict.fromkeys(code for content in contents for code in _texts(content.get("units")))
    if not places:
        chosen = say("Khi tổng đài viên chọn trạm này")
        return [Chains(chosen, before.chain(hotline, "", at, key), after.chain(hotline, "", at, key))]
    return [
        Chains(
            unit_search.name_of(session, code),
            before.chain(hotline, code, at),
            after.chain(hotline, code, at),
        )
        for code in list(places)[:PLACES_SHOWN]
    ]


def accounts(session: Session, key: str) -> list[Operator]:
    """Who signs in for this station."""
    return list(session.scalars(select(Operator).where(Operator.station == key, Operator.active)))


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []
