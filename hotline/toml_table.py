"""Typed values out of one table of settings, from a file or from a page; what is wrong is gathered, in Vietnamese and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hotline.field_names import FIELD_NAMES, FieldName

T = TypeVar("T")
KINDS_VI = {str: "chữ", int: "số nguyên", float: "số", bool: "có hoặc không"}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, in two languages; `field` is the name it has in the file and in the form."""

    vi: str
    en: str
    where: str = ""
    """The table, as the file names it: "[hotline.binhphuoc]"."""
    field: str = ""

    def __str__(self) -> str:
        return self.en


@dataclass
class Table:
    """Takes typed values out of one table and gathers what is wrong with it."""

    where: str
    values: dict[str, Any]
    faults: list[Fault]
    names: Mapping[str, FieldName] = field(default_factory=lambda: FIELD_NAMES)

    def wrong(self, field: str, vi: str, en: str) -> None:
        """Note a fault; the Vietnamese sentence gets the field's name in front, the English one the table's."""
        name = self.names[field].vi if field in self.names else field
        self.faults.append(Fault(f"Ô “{name}”: {vi}", f"{self.where}{en}", self.where, field))

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        value = self.values.pop(name, default)
        if value is None:
            self.wrong(name, "chưa có, hãy điền.", f" has no {name}: add it.")
            return kind()
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.wrong(
                name,
                f"phải là {KINDS_VI.get(kind, kind.__name__)}, không phải {value!r}.",
                f": {name} must be {kind.__name__}, not {value!r}.",
            )
            return kind()
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        known = len(self.faults)
        value = self.take(name, int, default)
        if len(self.faults) == known and not least <= value <= most:
            self.wrong(name, f"phải từ {least} đến {most}.", f": {name} must be {least} to {most}.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.wrong(name, "phải là danh sách các dòng chữ.", f": {name} must be a list of texts.")
            return ()
        return tuple(value)

    def tables(self, name: str) -> list[dict[str, Any]]:
        """A list of tables; anything else in it is a fault."""
        value = self.values.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            self.wrong(name, "phải là danh sách các dòng.", f": {name} must be a list of tables.")
            return []
        return [dict(v) for v in value]

    def rest(self) -> None:
        for name in self.values:
            self.wrong(
                name, "không có ô này, hãy bỏ đi.", f" has an unknown field {name}: remove or correct it."
            )
