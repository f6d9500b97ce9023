"""Administrative units as they stood on a day, and where a ticket of one day lands on another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from hotline.unit_files import UnitRow


@dataclass(frozen=True)
class Landing:
    """What stands on a day where a unit stood when its code was written down."""

    unit: UnitRow | None = None
    """None: nobody can know without asking, or the code is in no file."""
    choices: tuple[UnitRow, ...] = ()
    """Of these somebody has to choose, by code; empty when nothing is to be chosen, or nothing is known."""

    @property
    def asks(self) -> bool:
        return self.unit is None


@dataclass(frozen=True)
class Geography:
    """All units that are and were, by id, and what became of them: old id and new id → whether only a part went there."""

    units: Mapping[str, UnitRow]
    successors: Mapping[tuple[str, str], bool]

    @cached_property
    def _by_code(self) -> Mapping[str, tuple[UnitRow, ...]]:
        found: dict[str, list[UnitRow]] = {}
        for unit in self.units.values():
            found.setdefault(unit.code, []).append(unit)
        return {code: tuple(sorted(units, key=lambda u: u.valid_from)) for code, units in found.items()}

    @cached_property
    def _next(self) -> Mapping[str, tuple[tuple[UnitRow, bool], ...]]:
        found: dict[str, list[tuple[UnitRow, bool]]] = {}
        for (old, new), is_partial in self.successors.items():
            found.setdefault(old, []).append((self.units[new], is_partial))
        return {old: tuple(new) for old, new in found.items()}

    @cached_property
    def _before(self) -> Mapping[str, tuple[UnitRow, ...]]:
        found: dict[str, list[UnitRow]] = {}
        for old, new in self.successors:
            found.setdefault(new, []).append(self.units[old])
        return {new: tuple(old) for new, old in found.items()}

    @cached_property
    def _inside(self) -> Mapping[str, tuple[UnitRow, ...]]:
        found: dict[str, list[UnitRow]] = {}
        for unit in self.units.values():
            found.setdefault(unit.parent_code, []).append(unit)
        return {code: tuple(sorted(units, key=lambda u: u.code)) for code, units in found.items()}

    def on(self, code: str, day: date) -> UnitRow | None:
        """The unit that has that code on that day."""
        return next((unit for unit in self._by_code.get(code, ()) if stands(unit, day)), None)

    def known(self, code: str, day: date) -> UnitRow | None:
        """The unit that somebody meant who wrote that code on that day: that day's, else the last before it, else the next."""
        those = self._by_code.get(code, ())
        before = [unit for unit in those if unit.valid_from <= day]
        return self.on(code, day) or (before[-1] if before else those[0] if those else None)

    def renamed(self, unit: UnitRow) -> UnitRow | None:
        """The same unit from the day after on, under the same code: nothing else went into it, nothing left it."""
        return next(
            (
                after
                for after, is_partial in self._next.get(unit.id, ())
                if not is_partial and after.code == unit.code and self._before[after.id] == (unit,)
            ),
            None,
        )

    def inside(self, code: str, day: date) -> tuple[UnitRow, ...]:
        """The units one level below, as they are on that day, by code."""
        return tuple(unit for unit in self._inside.get(code, ()) if stands(unit, day))

    def landing(self, code: str, day: date, written_on: date | None = None) -> Landing:
        """Where the unit written down on `written_on` (that same day) is on `day`.

        A unit that was split, and a level that was abolished, ask: their `choices` are what stands there.
        """
        unit = self.known(code, written_on or day)
        if unit is None:
            return Landing()
        if stands(unit, day):
            return Landing(unit)
        found, whole = self._became(unit, day) if unit.valid_from <= day else self._was(unit, day)
        if whole and len(found) == 1:
            return Landing(found[0])
        return Landing(None, tuple(sorted(found, key=lambda one: one.code)))

    def places(self, code: str, day: date, written_on: date | None = None) -> tuple[str, ...]:
        """Codes of that day, smallest first: the unit and those above it. Where a choice is open, what all choices share."""
        landing = self.landing(code, day, written_on)
        if landing.unit is not None:
            return self._above(landing.unit, day)
        shared = [self._above(unit, day) for unit in landing.choices]
        if shared:
            return tuple(c for c in shared[0] if all(c in other for other in shared))
        # Nobody recorded a successor: what stands above it may still be known.
        unit = self.known(code, written_on or day)
        if unit is None or not unit.province_code or unit.province_code == unit.code:
            return ()
        return self.places(unit.province_code, day, max(unit.valid_from, min(day, unit.valid_to or day)))

    def _above(self, unit: UnitRow, day: date) -> tuple[str, ...]:
        found: list[str] = []
        at: UnitRow | None = unit
        while at is not None and at.code not in found:
            found.append(at.code)
            at = self.on(at.parent_code, day) if at.parent_code else None
        return tuple(found)

    def _became(self, unit: UnitRow, day: date) -> tuple[list[UnitRow], bool]:
        """The units of `day` that took it over, and whether they are known to be all of it and each wholly."""
        found: dict[str, UnitRow] = {}
        whole, todo = True, [unit]
        while todo:
            one = todo.pop()
            if stands(one, day):
                found[one.id] = one
                continue
            later = self._next.get(one.id, ())
            if later:
                whole = whole and not any(is_partial for _, is_partial in later)
                todo += [new for new, _ in later]
            else:  # its level is no more: what became of the units in it
                whole = False
                last = one.valid_to or day
                todo += [below for below in self.inside(one.code, last) if below.id != one.id]
        return list(found.values()), whole

    def _was(self, unit: UnitRow, day: date) -> tuple[list[UnitRow], bool]:
        """The units of an earlier `day` that it was made of."""
        found: dict[str, UnitRow] = {}
        todo = [unit]
        while todo:
            one = todo.pop()
            if stands(one, day):
                found[one.id] = one
            else:
                todo += self._before.get(one.id, ())
        return list(found.values()), True


def stands(unit: UnitRow, day: date) -> bool:
    return unit.valid_from <= day and (unit.valid_to is None or day <= unit.valid_to)


def of(units: Iterable[UnitRow], successors: Mapping[tuple[str, str], bool]) -> Geography:
    by_id = {unit.id: unit for unit in units}
    return Geography(by_id, {pair: part for pair, part in successors.items() if set(pair) <= set(by_id)})
