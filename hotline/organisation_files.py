"""The organisation in CSV and TOML files: read with file, line and field of every fault, and written so that it reads back the same.

A CSV file is known by its columns: agencies (`AGENCY_COLUMNS`) or responsibilities (`RESPONSIBILITY_COLUMNS`). In a cell
numbers, languages and categories are parted by |, people on duty are `who;number;days;from-to` (days 1 Monday … 7, as 12345),
contacts `role;name;number;email`. A TOML file has [agency.KEY] with `hotline`, and [[responsibility]].
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotline import organisation_tables as tables
from hotline import toml_text
from hotline.agencies import duty_of
from hotline.directory import Shift
from hotline.organisation import Agency, Responsibility
from hotline.organisation_tables import Known
from hotline.toml_table import Fault

AGENCY_COLUMNS = (
    *("key", "hotline", "name", "kind", "level", "unit", "above", "numbers", "duty", "contacts", "languages"),
    *("capacity", "from", "to", "active"),
)
RESPONSIBILITY_COLUMNS = ("hotline", "agency", "unit", "categories", "from", "to")
NEEDED = (("key", "hotline", "name", "kind", "level", "unit"), ("hotline", "agency", "unit", "categories"))
YES, NO = frozenset({"yes", "1", "true", "có", "x"}), frozenset({"no", "0", "false", "không"})
SUFFIXES = frozenset({".csv", ".toml"})
BYTES_AT_MOST = 4_000_000


@dataclass(frozen=True)
class FileFault:
    """One thing that is wrong, with its place; `line` 0: the file as a whole."""

    file: str
    line: int
    fault: Fault

    @property
    def vi(self) -> str:
        return f"{self.file}{f' dòng {self.line}' if self.line else ''}: {self.fault.vi}"

    @property
    def en(self) -> str:
        return f"{self.file}{f' line {self.line}' if self.line else ''}: {self.fault.en}"

    def __str__(self) -> str:
        return self.en


class OrganisationFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The files cannot be used; nothing of them was taken over."""

    def __init__(self, faults: Sequence[FileFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


@dataclass
class _Found:
    """What the files have, hotline by hotline, and where each row stands."""

    contents: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """(hotline, table) → file and line."""
    faults: list[FileFault] = field(default_factory=list)

    def content(self, hotline: str) -> dict[str, Any]:
        return self.contents.setdefault(hotline, {"agency": {}, "responsibility": []})

    def wrong(self, file: str, line: int, vi: str, en: str, name: str = "") -> None:
        self.faults.append(FileFault(file, line, Fault(vi, en, field=name)))

    def agency(self, file: str, line: int, hotline: str, key: str, table: dict[str, Any]) -> None:
        for other, content in self.contents.items():
            if key in content["agency"]:
                at = "{} {}".format(*self.places[other, tables.where(key)])
                vi = f"Ô “Mã”: “{key}” đã có ở {at}, hãy giữ một."
                self.wrong(file, line, vi, f"key: {key!r} stands at {at} already, keep one.", "key")
                return
        self.content(hotline)["agency"][key] = table
        self.places[hotline, tables.where(key)] = (file, line)

    def responsibility(self, file: str, line: int, hotline: str, table: dict[str, Any]) -> None:
        rows = self.content(hotline)["responsibility"]
        rows.append(table)
        self.places[hotline, tables.where_responsible(len(rows))] = (file, line)


def read(paths: Iterable[Path], known: Known | None = None) -> dict[str, dict[str, Any]]:
    """Hotline → its organisation as the files have it. Raises OrganisationFaults with every fault of every file."""
    found, texts = _Found(), list[tuple[str, bytes]]()
    for path in expanded(paths):
        try:
            texts.append((path.name, path.read_bytes()))
        except OSError as error:
            said = (error.strerror or "").lower()
            found.wrong(path.name, 0, f"không đọc được ({said}).", f"it cannot be read ({said}).")
    return _whole(found, texts, known)


def expanded(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Folders as the files in them, by name."""
    those = (
        sorted(p for p in path.iterdir() if p.suffix in SUFFIXES) if path.is_dir() else [path]
        for path in paths
    )
    return tuple(path for some in those for path in some)


@dataclass(frozen=True)
class Taken:
    """What files that somebody sent have, hotline by hotline, not judged yet: they may speak of what is in none of them."""

    contents: Mapping[str, dict[str, Any]]
    places: Mapping[tuple[str, str], tuple[str, int]]

    def told(self, hotline: str, fault: Fault, before: int) -> FileFault:
        """A fault of the whole with its file and line, if it is theirs; `before`: responsibilities that stood before theirs."""
        where = fault.where
        if counted := re.fullmatch(r"\[\[responsibility\]\] (\d+)", where):
            where = tables.where_responsible(int(counted[1]) - before)
        file, line = self.places.get((hotline, where), ("", 0))
        return _told(file, line, fault)


def taken(texts: Sequence[tuple[str, bytes]]) -> Taken:
    """Files that somebody sent: name and bytes of each. Raises OrganisationFaults when one cannot be read."""
    found = _Found()
    _gather(found, texts)
    _raise(found)
    return Taken(found.contents, found.places)


def _whole(
    found: _Found, texts: Sequence[tuple[str, bytes]], known: Known | None
) -> dict[str, dict[str, Any]]:
    _gather(found, texts)
    contents: dict[str, dict[str, Any]] = {}
    for hotline, content in found.contents.items():
        told = tables.read(hotline, content, known)
        for fault in told.faults:
            file, line = found.places.get((hotline, fault.where), ("", 0))
            found.faults.append(_told(file, line, fault))
        contents[hotline] = tables.content_of(told.agencies, told.responsibilities)
    _raise(found)
    return contents


def _told(file: str, line: int, fault: Fault) -> FileFault:
    """The line takes the place of the table, which a CSV file does not name; what is in no file keeps it."""
    if not file:
        return FileFault(fault.where, 0, fault)
    en = fault.en.removeprefix(fault.where).removeprefix(": ").strip()
    en = en if not fault.field or fault.field in en else f"{fault.field}: {en}"
    return FileFault(file, line, Fault(fault.vi, en, fault.where, fault.field))


def _raise(found: _Found) -> None:
    if found.faults:
        raise OrganisationFaults(sorted(found.faults, key=lambda one: (one.file, one.line)))


def _gather(found: _Found, texts: Sequence[tuple[str, bytes]]) -> None:
    for name, whole in texts:
        try:
            text = whole[: BYTES_AT_MOST + 1].decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = whole[: error.start].count(b"\n") + 1
            vi = "không phải chữ UTF-8: hãy lưu lại dạng “CSV UTF-8”."
            found.wrong(name, line, vi, "it is not UTF-8: save it as “CSV UTF-8”.")
            continue
        if len(whole) > BYTES_AT_MOST:
            found.wrong(name, 0, "tệp lớn hơn 4 MB, hãy chia ra.", "the file is over 4 MB, split it.")
        elif name.endswith(".toml"):
            _toml(name, text, found)
        else:
            _csv(name, text, found)


# -- CSV --


def _csv(name: str, text: str, found: _Found) -> None:
    first = text.split("\n", 1)[0]
    # Spreadsheets of a country whose decimals have a comma write semicolons.
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", restval="", strict=True)  # fmt: skip
    rows: list[tuple[int, dict[str, str]]] = []
    line = 1
    try:
        columns = tuple(column.strip() for column in reader.fieldnames or ())
        reader.fieldnames = columns
        while True:
            line = reader.line_num + 1  # where the row begins: a quotation mark may run over many lines
            rows.append((line, next(reader)))
    except StopIteration:
        pass
    except csv.Error as error:
        found.wrong(name, line, f"không đọc được dòng này ({error}).", f"this line is no CSV ({error}).")
        return
    is_agencies = "key" in columns
    wanted = AGENCY_COLUMNS if is_agencies else RESPONSIBILITY_COLUMNS
    missing = [column for column in NEEDED[0 if is_agencies else 1] if column not in columns]
    if missing or (strange := [column for column in columns if column not in wanted]):
        said = ", ".join(missing or strange)
        vi, en = ("thiếu cột", "has no column") if missing else ("có cột lạ", "has an unknown column")
        found.wrong(name, 1, f"{vi} {said}.", f"the first line {en} {said}.", said)
        return
    for line, row in rows:
        if "" in row:
            en = f"there are more cells than the {len(columns)} columns."
            found.wrong(name, line, f"có nhiều ô hơn {len(columns)} cột.", en)
            continue
        cells = {column: value.strip() for column, value in row.items() if value and value.strip()}
        if not cells:
            continue
        _row(name, line, cells, is_agencies, found)


def _row(name: str, line: int, cells: dict[str, str], is_agencies: bool, found: _Found) -> None:
    hotline, key = cells.pop("hotline", ""), cells.pop("key", "")
    if not hotline:
        found.wrong(name, line, "Ô “Tổng đài” để trống.", "hotline: the cell is empty.", "hotline")
        return
    table: dict[str, Any] = dict(cells)
    for column in ("numbers", "languages", "categories"):
        if column in cells:
            table[column] = [part.strip() for part in cells[column].split("|") if part.strip()]
    for column, part_of in _PARTS.items():
        if column in cells:
            parts = [part_of(part.strip()) for part in cells[column].split("|") if part.strip()]
            if None in parts:
                found.wrong(name, line, f"Ô “{column}”: mỗi mục phải là {_FORM[column]}.",
                            f"{column}: each part must be {_FORM[column]}.", column)  # fmt: skip
            table[column] = [part for part in parts if part is not None]
    if cells.get("capacity", "").isdecimal():
        table["capacity"] = int(cells["capacity"])
    if "active" in cells:
        word = cells["active"].casefold()
        table["active"] = word in YES
        if word not in YES | NO:
            found.wrong(name, line, "Ô “Đang hoạt động”: hãy viết yes hoặc no.", "active: write yes or no.", "active")  # fmt: skip
    if is_agencies:
        found.agency(name, line, hotline, key, table)
    else:
        found.responsibility(name, line, hotline, table)


_FORM = {"duty": "người;số;các thứ 1-7;07:00-19:00", "contacts": "role;name;number;email"}


def _duty(text: str) -> dict[str, Any] | None:
    parts = text.split(";")
    if len(parts) != 4 or not re.fullmatch("[1-7]{1,7}", parts[2]) or parts[3].count("-") != 1:
        return None
    begins, ends = parts[3].split("-")
    return {
        "who": parts[0], "number": parts[1], "days": sorted({int(d) for d in parts[2]}), "from": begins, "to": ends,
    }  # fmt: skip


def _contact(text: str) -> dict[str, Any] | None:
    parts = [part.strip() for part in text.split(";")]
    if len(parts) > 4:
        return None
    return {name: part for name, part in zip(tables.CONTACT_FIELDS, parts, strict=False) if part}


_PARTS = {"duty": _duty, "contacts": _contact}


# -- TOML --


def _toml(name: str, text: str, found: _Found) -> None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        found.wrong(name, int(at[1]) if at else 0, f"không phải TOML ({error}).", f"it is no TOML ({error}).")
        return
    lines = list(_headers(text))
    for strange in sorted(set(raw) - {"agency", "responsibility"}):
        found.wrong(name, 0, f"có bảng lạ {strange}.", f"there is an unknown table {strange}.")
    agencies, rows = raw.get("agency", {}), raw.get("responsibility", [])
    if not isinstance(agencies, dict) or not isinstance(rows, list):
        found.wrong(name, 0, "cần [agency.…] và [[responsibility]].", "it needs [agency.…] and [[responsibility]].")  # fmt: skip
        return
    named = {key: line for line, key in lines if key}
    counted = [line for line, key in lines if not key]
    for key, table in agencies.items():
        line = named.get(key, 0)
        if not isinstance(table, dict) or not isinstance(table.get("hotline"), str):
            found.wrong(name, line, f"Ô “Tổng đài” của “{key}” để trống.", f"[agency.{key}] has no hotline.", "hotline")  # fmt: skip
            continue
        found.agency(name, line, table.pop("hotline"), key, table)
    for n, row in enumerate(rows):
        line = counted[n] if n < len(counted) else 0
        if not isinstance(row, dict) or not isinstance(row.get("hotline"), str):
            found.wrong(name, line, "Ô “Tổng đài” để trống.", "this responsibility has no hotline.", "hotline")  # fmt: skip
            continue
        found.responsibility(name, line, row.pop("hotline"), row)


def _headers(text: str) -> Iterator[tuple[int, str]]:
    """Line and key of each [agency.KEY], line and "" of each [[responsibility]]."""
    for n, line in enumerate(text.splitlines(), 1):
        if agency := re.match(r"\s*\[agency\.\"?([^\]\"]+)\"?\]", line):
            yield n, agency[1]
        elif re.match(r"\s*\[\[responsibility\]\]", line):
            yield n, ""


# -- writing --


def agencies_csv(agencies: Iterable[Agency]) -> str:
    """The agencies as a CSV file."""
    return _written(AGENCY_COLUMNS, ([_cell(a, column) for column in AGENCY_COLUMNS] for a in agencies))


def responsibilities_csv(responsibilities: Iterable[Responsibility], hotline_of: Mapping[str, str]) -> str:
    """Who is responsible for what, as a CSV file; `hotline_of` has each agency's hotline."""
    rows = []
    for one in responsibilities:
        table = tables.responsibility_table(one)
        cells = {**table, "hotline": hotline_of[one.agency], "categories": "|".join(one.categories)}
        rows.append([str(cells.get(column, "")) for column in RESPONSIBILITY_COLUMNS])
    return _written(RESPONSIBILITY_COLUMNS, rows)


def toml(agencies: Sequence[Agency], responsibilities: Iterable[Responsibility]) -> str:
    """Both as one TOML file."""
    hotline_of = {agency.key: agency.hotline for agency in agencies}
    parts = [
        toml_text.table(f"[agency.{a.key}]", {"hotline": a.hotline, **tables.agency_table(a)})
        for a in agencies
    ]
    for one in responsibilities:
        row = {"hotline": hotline_of[one.agency], **tables.responsibility_table(one)}
        parts.append(toml_text.table("[[responsibility]]", row))
    return "\n".join(parts)


def _written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def _cell(agency: Agency, column: str) -> str:
    table = {"key": agency.key, "hotline": agency.hotline, **tables.agency_table(agency)}
    if column in ("numbers", "languages"):
        return "|".join(table.get(column, ()))
    if column == "duty":
        return "|".join(_duty_text(shift) for shift in agency.shifts)
    if column == "contacts":
        return "|".join(";".join((c.role, c.name, c.number, c.email)).rstrip(";") for c in agency.contacts)
    if column == "active":
        return "" if agency.active else "no"
    return str(table.get(column, ""))


def _duty_text(shift: Shift) -> str:
    row = duty_of(shift)
    return f"{row['who']};{row['number']};{''.join(map(str, row['days']))};{row['from']}-{row['to']}"
