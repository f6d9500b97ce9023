"""The rows that one transaction of facts works on: read once, changed in memory, written together.

As SQLAlchemy's own unit of work, but a tenth of its cost for the few tables that every call writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from hotline.database import Base, Prepared

LOCKED = frozenset({"recall", "assignment"})
"""Tables whose rows others change by statements of their own: what is read of them here stays so until this transaction ends."""
Row = SimpleNamespace
"""A row's columns as attributes; what is set on it is written."""


class Rows:
    """What one transaction knows of the tables; `write` before anything else reads them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, Any], tuple[Row, dict[str, Any]] | None] = {}
        """(table, key) → the row and what the database has of it; None when there is none."""
        self._new: list[tuple[str, Row]] = []

    def get(self, kind: type[Base], key: Any) -> Row | None:
        """The row with that primary key, if there is one."""
        place = (kind.__tablename__, key)
        if place not in self._known:
            its = _statements(kind.__tablename__)
            self._known[place] = None
            for values in its.find((its.key,)).rows(self._connection, {its.key: key}):
                self._learn(its, values)
        held = self._known[place]
        return held[0] if held is not None else None

    def find(self, kind: type[Base], /, **equal: Any) -> list[Row]:
        """The rows with these values, in the order of their keys."""
        self.write()
        its = _statements(kind.__tablename__)
        return [self._learn(its, values) for values in its.find(tuple(equal)).rows(self._connection, equal)]

    def _learn(self, its: _Statements, values: tuple[Any, ...]) -> Row:
        known = dict(zip(its.columns, values, strict=True))
        place = (its.name, known[its.key])
        held = self._known.get(place)
        if held is None:
            held = self._known[place] = (Row(**known), known)
        return held[0]

    def add(self, kind: type[Base], /, **values: Any) -> Row:
        """A new row; columns that are not named have their defaults."""
        its = _statements(kind.__tablename__)
        row = Row(**{name: values[name] if name in values else make() for name, make in its.defaults.items()})
        self._new.append((its.name, row))
        if its.key in its.defaults:  # else the database numbers its rows
            self._known[its.name, getattr(row, its.key)] = (row, vars(row).copy())
        return row

    def write(self) -> None:
        """Store what is new, in the order it came, and what was changed."""
        new, self._new = self._new, []
        for name, rows in groupby(new, key=lambda pair: pair[0]):
            _statements(name).add.run_all(self._connection, [vars(row) for _, row in rows])
        written = {id(row) for _, row in new}
        for (name, key), held in self._known.items():
            if held is None:
                continue
            row, before = held
            now = vars(row)
            if now != before:
                changed = {column: value for column, value in now.items() if before[column] != value}
                if id(row) not in written:
                    _statements(name).change(self._connection, key, changed)
                before.update(changed)


class _Statements:
    """What is said to one table."""

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.columns = tuple(column.name for column in table.columns)
        (key,) = table.primary_key.columns
        self.key = key.name
        numbered = table.autoincrement_column is not None
        self.defaults = {
            c.name: _default(c.default) for c in table.columns if not (numbered and c.name == self.key)
        }
        self.add = Prepared(insert(table), *self.defaults)
        self._table = table
        self._finds: dict[tuple[str, ...], Prepared] = {}
        self._changes: dict[tuple[str, ...], Prepared] = {}

    def find(self, names: tuple[str, ...]) -> Prepared:
        prepared = self._finds.get(names)
        if prepared is None:
            columns = self._table.columns
            wanted = select(self._table).where(*(columns[name] == bindparam(name) for name in names))
            wanted = wanted.order_by(columns[self.key])
            wanted = wanted.with_for_update() if self.name in LOCKED else wanted
            prepared = self._finds[names] = Prepared(wanted)
        return prepared

    def change(self, connection: Connection, key: Any, changed: Mapping[str, Any]) -> None:
        names = tuple(changed)
        prepared = self._changes.get(names)
        if prepared is None:
            of_key = self._table.columns[self.key] == bindparam("of_key")
            values: Any = {name: bindparam(f"to_{name}") for name in names}
            prepared = self._changes[names] = Prepared(update(self._table).where(of_key).values(values))
        prepared.run(connection, {"of_key": key} | {f"to_{name}": value for name, value in changed.items()})


def _default(default: Any) -> Any:
    if default is None:
        return lambda: None
    if default.is_callable:
        return lambda: default.arg(None)
    return lambda: default.arg


_made: dict[str, _Statements] = {}


def _statements(name: str) -> _Statements:
    its = _made.get(name)
    if its is None:
        its = _made[name] = _Statements(Base.metadata.tables[name])
    return its
