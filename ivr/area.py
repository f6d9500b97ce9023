"""The caller's area: what a hotline's callers may say with two keys, and what their keys mean. Pure.

An area is a unit by its code, whatever level it has: districts while there were any, and after them whatever the hotline
still divides its province into. No code holds 0, 1 or 2: while waiting, 1 is an emergency and 2 a callback, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from hotline.installation import Hotline
from hotline.unit_files import UnitBook, UnitRow

KEYS = "3456789"
CODES = tuple(first + second for first in KEYS for second in KEYS)
YES, NO = "5", "6"
KEYS_WITHIN_S = 6.0
"""Between the two keys of a code, at most."""
PART = 4
"""So many areas are read out between two comfort words."""


@dataclass(frozen=True)
class Area:
    keys: str
    """Two digits of KEYS."""
    unit_code: str
    name: str


def areas_of(hotline: Hotline, book: UnitBook, on: date) -> tuple[Area, ...]:
    """The areas of a hotline on that day: those its installation lists, else the districts of its province.

    Where the district level has been abolished, the last districts there were: people and stations still go by them.
    Empty when they are more than there are codes: then only the operator asks.
    """
    if hotline.areas:
        rows = ((area.keys, _row(area.unit, book, on)) for area in hotline.areas)
        return tuple(Area(keys, row.code, row.full_name) for keys, row in rows if row is not None)
    districts = [
        u for u in book.units.values() if (u.level, u.parent_code) == ("district", hotline.units_parent)
    ]
    last = max((_ends(u) for u in districts), default=date.max)
    standing = [u for u in districts if _exists(u, on)] or [u for u in districts if _ends(u) == last]
    if len(standing) > len(CODES):
        return ()
    by_code = sorted(standing, key=lambda unit: unit.code)
    return tuple(Area(keys, unit.code, unit.full_name) for keys, unit in zip(CODES, by_code, strict=False))


def unknown_units(hotline: Hotline, book: UnitBook) -> list[str]:
    """A sentence for each listed area whose unit no file has."""
    codes = {unit.code for unit in book.units.values()}
    return [
        f"[hotline.{hotline.key}]: the area {area.keys} names unit {area.unit}, which is in no units file; correct it."
        for area in hotline.areas
        if area.unit not in codes
    ]


def area_of(unit_code: str, areas: Sequence[Area], book: UnitBook) -> Area | None:
    """The area in which a unit lies or lay; None when that is none of these, or several."""
    by_code = {area.unit_code: area for area in areas}
    rows = [unit for unit in book.units.values() if unit.code == unit_code]
    # A code may have been given to its successor: the unit of today is meant, and where it came from tells its area.
    newest = max(rows, key=lambda unit: unit.valid_from, default=None)
    if newest is None:
        return None
    found = _above(newest, by_code, book)
    if found is not None:
        return found
    before = [book.units[old] for old, new in book.successors if new == newest.id and old in book.units]
    once = {_above(unit, by_code, book) for unit in before}
    return once.pop() if len(once) == 1 else None


def _above(unit: UnitRow, by_code: Mapping[str, Area], book: UnitBook) -> Area | None:
    seen: set[str] = set()
    at: UnitRow | None = unit
    while at is not None and at.id not in seen:
        if at.code in by_code:
            return by_code[at.code]
        seen.add(at.id)
        at = _row(at.parent_code, book, at.valid_from)
    return None


def _row(code: str, book: UnitBook, on: date) -> UnitRow | None:
    """The unit that has this code on that day, else the one that had it last."""
    rows = [unit for unit in book.units.values() if unit.code == code]
    return max(rows, key=lambda unit: (_exists(unit, on), _ends(unit)), default=None)


def _exists(unit: UnitRow, on: date) -> bool:
    return unit.valid_from <= on <= _ends(unit)


def _ends(unit: UnitRow) -> date:
    return unit.valid_to or date.max


# -- asking --


@dataclass(frozen=True)
class Asking:
    """How far the question has come with one caller."""

    areas: tuple[Area, ...]
    supposed: Area | None = None
    """From an earlier ticket of the number: to be confirmed; None once it is denied."""
    confirming: bool = False
    """The supposed area was read out and is not answered yet."""
    read_out: int = 0
    """So many areas were read out."""
    typed: str = ""
    typed_s: float = 0.0
    done: bool = False
    """Answered, or asked to the end: nothing more is said, and a code still counts."""


@dataclass(frozen=True)
class Pressed:
    """What a key meant."""

    asking: Asking
    taken: bool = True
    """False: the key means nothing here and goes to whoever wants it next."""
    chosen: Area | None = None
    how: str = ""
    """As UnitChosen has it: ticket, keys or denied."""
    wrong: bool = False
    """Two keys that are no area's."""


def next_words(asking: Asking) -> tuple[Asking, tuple[str, ...]]:
    """What is said next, and how far the question has then come; nothing when it is over."""
    if asking.done or not asking.areas:
        return replace(asking, done=True), ()
    if asking.confirming:
        return replace(asking, done=True), ()  # asked and not answered: the operator asks
    if asking.supposed is not None:
        words = ("confirm-area", f"unit-{asking.supposed.unit_code}", "confirm-area-keys")
        return replace(asking, confirming=True), words
    part = asking.areas[asking.read_out : asking.read_out + PART]
    if not part:
        return replace(asking, done=True), ()
    return replace(asking, read_out=asking.read_out + len(part)), spoken(part, first=not asking.read_out)


def spoken(areas: Iterable[Area], *, first: bool) -> tuple[str, ...]:
    """ "Đồng Xoài, bấm ba ba" … for each, after the question itself."""
    pieces = ["ask-area"] if first else []
    for area in areas:
        pieces += [f"unit-{area.unit_code}", "press", *(f"num-{key}" for key in area.keys), "pause"]
    return tuple(pieces)


def press(asking: Asking, digit: str, now_s: float) -> Pressed:
    """What a key means: never 0, 1, 2, * or #, which stay what they are everywhere while waiting."""
    fresh = asking.typed and now_s - asking.typed_s <= KEYS_WITHIN_S
    typed = asking.typed if fresh else ""
    if len(digit) != 1 or digit not in KEYS or not asking.areas:
        return Pressed(replace(asking, typed=""), taken=False)
    if asking.confirming and not asking.done and not typed and asking.supposed is not None:
        if digit == YES:
            return Pressed(replace(asking, confirming=False, done=True), chosen=asking.supposed, how="ticket")
        if digit == NO:
            return Pressed(replace(asking, supposed=None, confirming=False), how="denied")
    typed += digit
    if len(typed) < 2:
        return Pressed(replace(asking, typed=typed, typed_s=now_s))
    chosen = next((area for area in asking.areas if area.keys == typed), None)
    if chosen is None:
        return Pressed(replace(asking, typed=""), wrong=True)
    return Pressed(replace(asking, typed="", confirming=False, done=True), chosen=chosen, how="keys")
