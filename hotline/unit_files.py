"""Administrative units out of CSV files into the database: the structure of 2021, and what it became on 1 July 2025.

A file is known by its columns. Loading twice changes nothing; a broken file changes nothing either, and all its faults come at once.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.units import Unit, UnitSuccessor

UNITS_FROM: Final = date(2021, 8, 1)
REFORM: Final = date(2025, 7, 1)
"""From this day there are provinces and communes, and nothing between."""
UNIT_COLUMNS: Final = frozenset(
    {"code", "name", "full_name", "type", "level", "parent_code", "province_code"}
)
SUCCESSOR_COLUMNS: Final = frozenset(
    {"code_2021", "province_code_2021", "province_code_2025", "province_2025", "ward_codes_2025", "ward_names_2025", "split"}
)  # fmt: skip
LEVELS: Final = ("province", "district", "commune")
_KINDS: Final = ("Thành phố", "Thị trấn", "Đặc khu", "Phường", "Tỉnh", "Xã")
_RENAMED: Final = re.compile(r"(?P<new>.+?) \((?P<old>.+?) until (?P<until>\d{4}-\d{2}-\d{2})\)")


class UnitFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The files cannot be used; `faults` are sentences with file and line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class UnitRow:
    """A unit as the files tell it; the fields are those of hotline.units.Unit."""

    id: str
    code: str
    name: str
    full_name: str
    kind: str
    level: str
    parent_code: str
    province_code: str
    valid_from: date
    valid_to: date | None


@dataclass
class UnitBook:
    """All that the files tell."""

    units: dict[str, UnitRow] = field(default_factory=dict)
    """By id."""
    successors: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Old id and new id; True where the old unit went to several."""


def load(session: Session, paths: Iterable[Path]) -> int:
    """Brings the database to what the files tell; how many rows changed. UnitFaults with every fault of every file."""
    book = read(paths)
    changed = 0
    units = {unit.id: unit for unit in session.scalars(select(Unit))}
    for row in book.units.values():
        known = units.get(row.id)
        if known is None:
            session.add(Unit(**vars(row)))
            changed += 1
        elif any(getattr(known, name) != value for name, value in vars(row).items()):
            for name, value in vars(row).items():
                setattr(known, name, value)
            changed += 1
    session.flush()  # the successors refer to the units
    links = {(link.old_id, link.new_id): link for link in session.scalars(select(UnitSuccessor))}
    for (old_id, new_id), is_partial in book.successors.items():
        link = links.get((old_id, new_id))
        if link is None:
            session.add(UnitSuccessor(old_id=old_id, new_id=new_id, is_partial=is_partial))
            changed += 1
        elif link.is_partial != is_partial:
            link.is_partial = is_partial
            changed += 1
    session.flush()
    return changed


def districts(session: Session, parent_code: str, on: date) -> list[Unit]:
    """The districts of a province that exist on that day, by code.

    Empty from 1 July 2025 on: there are no districts any more, and a province's hundred communes are no menu; the operator asks.
    """
    chosen = select(Unit).where(Unit.level == "district", Unit.parent_code == parent_code).order_by(Unit.code)
    return [unit for unit in session.scalars(chosen) if _exists(unit, on)]


def became(session: Session, code: str, on: date) -> list[tuple[Unit, bool]]:
    """The units that today stand where unit `code` stood, each with whether it took over only a part.

    A unit that still exists on that day stands for itself. Empty where the successor was never established: the operator asks.
    """
    found: dict[str, tuple[Unit, bool]] = {}
    open_ids = [
        (unit, False)
        for unit in session.scalars(select(Unit).where(Unit.code == code))
        if unit.valid_from <= on
    ]
    standing = [(unit, part) for unit, part in open_ids if _exists(unit, on)]
    # A code may have been given to its successor: who asks by a code of today means the unit of today.
    todo = standing or open_ids
    while todo:
        unit, is_part = todo.pop()
        if _exists(unit, on):
            found.setdefault(unit.id, (unit, is_part))
            continue
        links = select(UnitSuccessor).where(UnitSuccessor.old_id == unit.id)
        for link in session.scalars(links):
            if (new := session.get(Unit, link.new_id)) is not None:
                todo.append((new, is_part or link.is_partial))
    return sorted(found.values(), key=lambda pair: pair[0].code)


def _exists(unit: Unit, on: date) -> bool:
    return unit.valid_from <= on and (unit.valid_to is None or on <= unit.valid_to)


# -- reading --


def read(paths: Iterable[Path]) -> UnitBook:
    """What the files tell, unit files before their successors. UnitFaults with every fault of every file."""
    book, faults = UnitBook(), list[str]()
    tables = [(path, *_rows(path, faults)) for path in paths]
    for path, columns, rows in tables:
        if columns >= UNIT_COLUMNS:
            _read_units(path.name, rows, book, faults)
        elif columns and not columns >= SUCCESSOR_COLUMNS:
            nearest = min(UNIT_COLUMNS, SUCCESSOR_COLUMNS, key=lambda wanted: len(wanted - columns))
            faults.append(
                f"{path.name} line 1: the columns {', '.join(sorted(nearest - columns))} are missing: add them."
            )
    for path, columns, rows in tables:
        if columns >= SUCCESSOR_COLUMNS:
            _read_successors(path.name, rows, book, faults)
    if faults:
        raise UnitFaults(faults)
    return book


def _rows(path: Path, faults: list[str]) -> tuple[frozenset[str], list[tuple[int, dict[str, str]]]]:
    """The file's columns, and its rows with their line numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", restkey="")
            rows = [(reader.line_num, row) for row in reader]
            columns = frozenset(reader.fieldnames or ())
    except OSError as error:
        faults.append(f"The units file {path} cannot be read: {error.strerror}.")
    except (UnicodeDecodeError, csv.Error) as error:
        faults.append(f"The units file {path} is not a CSV file in UTF-8: {error}.")
    else:
        if not columns:
            faults.append(f"The units file {path} is empty: its first line names the columns.")
        return columns, [(n, {k: str(v).strip() for k, v in row.items() if k}) for n, row in rows]
    return frozenset(), []


def _read_units(file: str, rows: list[tuple[int, dict[str, str]]], book: UnitBook, faults: list[str]) -> None:
    codes = {row["code"] for _, row in rows}
    for line, row in rows:
        where, code = f"{file} line {line}", row["code"]
        if not re.fullmatch(r"[0-9]{1,8}", code):
            faults.append(f"{where}: the code {code!r} must be 1 to 8 digits.")
            continue
        if f"{code}@2021" in book.units:
            faults.append(f"{where}: the code {code} is already taken; keep one of the two lines.")
            continue
        if row["level"] not in LEVELS:
            faults.append(f"{where}: the level {row['level']!r} must be {', '.join(LEVELS)}.")
        for name in ("name", "full_name"):
            if not row[name]:
                faults.append(f"{where}: unit {code} has no {name}.")
        if row["level"] != "province" and row["parent_code"] not in codes:
            faults.append(f"{where}: unit {code} lies in {row['parent_code']!r}, which is not in this file.")
        book.units[f"{code}@2021"] = UnitRow(
            id=f"{code}@2021", code=code, name=row["name"], full_name=row["full_name"], kind=row["type"], level=row["level"],
            parent_code=row["parent_code"], province_code=row["province_code"] or code,
            valid_from=UNITS_FROM, valid_to=REFORM - timedelta(days=1),
        )  # fmt: skip


def _read_successors(
    file: str, rows: list[tuple[int, dict[str, str]]], book: UnitBook, faults: list[str]
) -> None:
    old_provinces: dict[str, set[str]] = {}
    for line, row in rows:
        where, old_id = f"{file} line {line}", f"{row['code_2021']}@2021"
        if old_id not in book.units:
            faults.append(
                f"{where}: the unit {row['code_2021']!r} is in no units file; correct it or add the unit."
            )
            continue
        codes = [c for c in row["ward_codes_2025"].split("|") if c]
        names = [n for n in row["ward_names_2025"].split("|") if n]
        if len(codes) != len(names):
            faults.append(
                f"{where}: {len(codes)} codes in ward_codes_2025 but {len(names)} names in ward_names_2025."
            )
            continue
        if bad := [code for code in (*codes, row["province_code_2025"]) if not code.isdigit()]:
            faults.append(f"{where}: the code {bad[0]!r} must be digits.")
            continue
        province = row["province_code_2025"]
        _add_province(where, province, row["province_2025"], book, faults)
        old_provinces.setdefault(row["province_code_2021"], set()).add(province)
        is_partial = row["split"].casefold() == "true" or len(codes) > 1
        for code, full_name in zip(codes, names, strict=True):
            _add(
                where,
                _named(code, full_name, "commune", province, province, REFORM, None),
                "2025",
                book,
                faults,
            )
            book.successors[old_id, f"{code}@2025"] = is_partial
    for old, new in old_provinces.items():
        if f"{old}@2021" in book.units:
            for code in new:
                book.successors[f"{old}@2021", f"{code}@2025"] = len(new) > 1


def _add_province(where: str, code: str, told: str, book: UnitBook, faults: list[str]) -> None:
    """A province, which "Thành phố Đồng Nai (Tỉnh Đồng Nai until 2026-04-29)" makes two units, one after the other."""
    renamed = _RENAMED.fullmatch(told)
    if renamed is None:
        _add(where, _named(code, told, "province", "", code, REFORM, None), "2025", book, faults)
        return
    try:
        until = date.fromisoformat(renamed["until"])
    except ValueError:
        faults.append(f"{where}: {renamed['until']} is no date; write it as 2026-04-29.")
        return
    after = until + timedelta(days=1)
    _add(where, _named(code, renamed["old"], "province", "", code, REFORM, until), "2025", book, faults)
    _add(
        where, _named(code, renamed["new"], "province", "", code, after, None), str(after.year), book, faults
    )
    book.successors[f"{code}@2025", f"{code}@{after.year}"] = False


def _named(
    code: str, full_name: str, level: str, parent: str, province: str, begins: date, ends: date | None
) -> UnitRow:
    kind = next((k for k in _KINDS if full_name.startswith(f"{k} ")), "")
    name = full_name.removeprefix(kind).strip()
    return UnitRow("", code, name, full_name, kind.lower(), level, parent, province, begins, ends)


def _add(where: str, unit: UnitRow, year: str, book: UnitBook, faults: list[str]) -> None:
    """The same successor comes on many lines; it must be the same each time."""
    key = f"{unit.code}@{year}"
    whole = UnitRow(**{**vars(unit), "id": key})
    known = book.units.setdefault(key, whole)
    if known != whole:
        faults.append(
            f"{where}: {unit.code} is {whole.full_name} in {whole.province_code} here and {known.full_name} in "
            f"{known.province_code} on an earlier line; correct one of them."
        )
