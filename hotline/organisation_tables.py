"""One hotline's organisation as tables of a file or of a settings document: read, written, and everything that is wrong with it. Pure.

{"agency": {KEY: {FIELDS…}}, "responsibility": [{"agency", "unit", "categories", "from"?, "to"?}]}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hotline.agencies import duty_of
from hotline.field_names import ORGANISATION_FIELDS
from hotline.geography import Geography
from hotline.organisation import ALL, KINDS, LEVELS, Agency, Contact, Responsibility
from hotline.station_tables import check_number, read_shift
from hotline.toml_table import Fault, Table
from hotline.unit_files import UNITS_FROM

AGENCY_FIELDS = (
    *("name", "kind", "level", "unit", "above", "numbers", "duty", "contacts", "languages", "capacity"),
    *("from", "to", "active"),
)
CONTACT_FIELDS = ("role", "name", "number", "email")
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
LANGUAGE = re.compile(r"[a-z]{2,3}")
PARTS = re.compile(r"[|;\x00-\x1f]")
"""Separates parts in a CSV cell, so that no name may have it."""
CAPACITY_AT_MOST = 999
Content = Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """What an organisation refers to."""

    geography: Geography | None
    """None where the units' files are broken, which set-up and `doctor` say."""
    categories: Collection[str]


@dataclass(frozen=True)
class Read:
    """What the tables of one hotline tell, as far as they can be read, and what is wrong."""

    agencies: tuple[Agency, ...]
    responsibilities: tuple[Responsibility, ...]
    faults: tuple[Fault, ...]


def where(key: str) -> str:
    """The table of an agency, as a TOML file names it."""
    return f"[agency.{key}]"


def where_responsible(n: int) -> str:
    """The n-th responsibility, counted from 1."""
    return f"[[responsibility]] {n}"


def read(hotline: str, content: Content, known: Known | None = None) -> Read:
    """The organisation of one hotline; without `known` only what the tables alone can tell is judged."""
    faults: list[Fault] = []
    tables = content.get("agency", {})
    rows = content.get("responsibility", [])
    agencies = {key: _agency(hotline, key, table, faults) for key, table in tables.items()}
    responsibilities = tuple(_responsibility(n, row, faults) for n, row in enumerate(rows, 1))
    for agency in agencies.values():
        _judge_ladder(agency, agencies, faults)
    for n, one in enumerate(responsibilities, 1):
        _judge_responsibility(n, one, agencies, known, faults)
    if known is not None and known.geography is not None:
        for agency in agencies.values():
            table = Table(where(agency.key), {}, faults, ORGANISATION_FIELDS)
            if not _is_code(agency.unit):
                continue  # said while it was read
            _judge_unit(table, agency.unit, agency.valid_from, agency.valid_to, known.geography)
    return Read(tuple(agencies.values()), responsibilities, tuple(faults))


# -- reading --


def _agency(hotline: str, key: str, raw: Any, faults: list[Fault]) -> Agency:
    here = where(key)
    if not KEY.fullmatch(key):
        faults.append(
            Fault(f"Mã “{key}”: chỉ chữ thường không dấu, chữ số và dấu gạch, nhiều nhất 48 ký tự.",
                  f"{here}: a key is lower-case letters, digits and -, at most 48.", here, "key")
        )  # fmt: skip
    table = Table(here, dict(raw) if isinstance(raw, Mapping) else {}, faults, ORGANISATION_FIELDS)
    name = _text(table, "name", 2, 120)
    kind, level = _one_of(table, "kind", KINDS), _one_of(table, "level", LEVELS)
    unit = table.take("unit", str, "")
    if not _is_code(unit):
        table.wrong("unit", "hãy chọn một địa bàn.", f": unit must be a unit's code, not {unit!r}.")
    numbers = table.texts("numbers")
    for number in numbers:
        check_number(table, "numbers", number)
    languages = table.texts("languages") or ("vi",)
    for language in languages:
        if not LANGUAGE.fullmatch(language):
            table.wrong("languages", f"“{language}” không phải mã ngôn ngữ như vi, en.",
                        f": languages are codes like vi, en, not {language!r}.")  # fmt: skip
    begins, ends = _days(table)
    found = Agency(
        key, hotline, name, kind, level, unit, numbers, table.take("above", str, ""), languages,
        table.number("capacity", 0, 0, CAPACITY_AT_MOST), begins, ends,
        tuple(read_shift(duty, table) for duty in table.tables("duty")),
        tuple(_contact(contact, table) for contact in table.tables("contacts")),
        table.take("active", bool, True),
    )  # fmt: skip
    table.rest()
    for shift in found.shifts:
        if PARTS.search(shift.who):
            table.wrong(
                "duty", f"tên “{shift.who}” có dấu | hoặc ;, hãy bỏ.", ": who must have no | and no ;."
            )
    return found


def _is_code(unit: str) -> bool:
    return unit.isdecimal() and len(unit) <= 8


def _responsibility(n: int, raw: Any, faults: list[Fault]) -> Responsibility:
    table = Table(
        where_responsible(n), dict(raw) if isinstance(raw, Mapping) else {}, faults, ORGANISATION_FIELDS
    )
    agency, unit, categories = (
        table.take("agency", str, ""),
        table.take("unit", str, ""),
        table.texts("categories"),
    )
    begins, ends = _days(table)
    if not categories:
        table.wrong("categories", "hãy chọn ít nhất một lĩnh vực.", ": categories must name at least one.")
    table.rest()
    return Responsibility(categories, unit, agency, begins, ends)


def _text(table: Table, name: str, least: int, most: int) -> str:
    text = table.take(name, str, "").strip()
    if not least <= len(text) <= most:
        table.wrong(name, f"hãy viết từ {least} đến {most} ký tự.", f": {name} must have {least} to {most} letters.")  # fmt: skip
    elif PARTS.search(text) or text[:1] in "=+-@":
        # A spreadsheet would take the latter for a formula.
        table.wrong(name, "không được có | ; xuống dòng, hay bắt đầu bằng = + - @.",
                    f": {name} must have no | ; or line end, and not begin with = + - or @.")  # fmt: skip
    return text


def _one_of(table: Table, name: str, allowed: Sequence[str]) -> str:
    value = table.take(name, str, "")
    if value in allowed:
        return value
    words = ", ".join(allowed)
    table.wrong(name, f"phải là một trong {words}.", f": {name} must be one of {words}, not {value!r}.")
    return allowed[0]


def _days(table: Table) -> tuple[date, date | None]:
    found = [_day(table, name) for name in ("from", "to")]
    begins, ends = found[0] or UNITS_FROM, found[1]
    if ends is not None and ends < begins:
        table.wrong("to", f"ngày cuối {ends} trước ngày đầu {begins}.", f": to ({ends}) is before from ({begins}).")  # fmt: skip
    return begins, ends


def _day(table: Table, name: str) -> date | None:
    value = table.values.pop(name, "")
    if isinstance(value, date) or value == "":
        return value or None
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        table.wrong(name, f"“{value}” không phải ngày, hãy viết như 2025-07-01.",
                    f": {name} must be a day like 2025-07-01, not {value!r}.")  # fmt: skip
        return None


def _contact(raw: dict[str, Any], table: Table) -> Contact:
    if set(raw) - set(CONTACT_FIELDS):
        table.wrong("contacts", "liên hệ có ô lạ.", f": a contact has {', '.join(CONTACT_FIELDS)}.")
    found = Contact(*(str(raw.get(name, "")).strip() for name in CONTACT_FIELDS))
    if not found.role or not (found.number or found.email or found.name):
        table.wrong("contacts", "mỗi liên hệ cần chức danh và tên, số hoặc thư điện tử.",
                    ": a contact has a role, and a name, a number or an email.")  # fmt: skip
    if any(PARTS.search(text) or text[:1] in set("=+-@") for text in vars(found).values()):
        table.wrong("contacts", "liên hệ không được có | ; hay bắt đầu bằng = + - @.",
                    ": a contact has no | or ; and does not begin with = + - or @.")  # fmt: skip
    if found.number:
        check_number(table, "contacts", found.number)
    return found


# -- judging --


def _judge_ladder(agency: Agency, agencies: Mapping[str, Agency], faults: list[Fault]) -> None:
    table = Table(where(agency.key), {}, faults, ORGANISATION_FIELDS)
    if not agency.above:
        return
    above = agencies.get(agency.above)
    if above is None:
        table.wrong("above", f"không có đơn vị mã “{agency.above}”.", f": above: there is no {agency.above!r}.")  # fmt: skip
        return
    passed, at = [agency.key], above
    while at.above in agencies and at.key not in passed:
        passed.append(at.key)
        at = agencies[at.above]
    if at.key == agency.key:
        table.wrong("above", f"báo lên thành vòng tròn: {' → '.join([*passed, agency.key])}.",
                    f": above leads in a circle: {' → '.join([*passed, agency.key])}.")  # fmt: skip


def _judge_responsibility(
    n: int,
    one: Responsibility,
    agencies: Mapping[str, Agency],
    known: Known | None,
    faults: list[Fault],
) -> None:
    table = Table(where_responsible(n), {}, faults, ORGANISATION_FIELDS)
    agency = agencies.get(one.agency)
    if agency is None:
        table.wrong("agency", f"không có đơn vị mã “{one.agency}”.", f": agency: there is no {one.agency!r}.")
    elif not _overlap(one.valid_from, one.valid_to, agency.valid_from, agency.valid_to):
        table.wrong("from", f"“{agency.name}” không hoạt động trong thời gian này.",
                    f": {one.agency} does not exist in that time.")  # fmt: skip
    if known is None:
        return
    for category in one.categories:
        if category != ALL and category not in known.categories:
            table.wrong("categories", f"không có lĩnh vực “{category}”.", f": there is no category {category!r}.")  # fmt: skip
    if known.geography is not None:
        begins, ends = one.valid_from, one.valid_to
        if agency is not None:  # it holds no longer than the agency
            begins = max(begins, agency.valid_from)
            ends = min((day for day in (ends, agency.valid_to) if day is not None), default=None)
        _judge_unit(table, one.unit, begins, ends, known.geography)


def _overlap(a_from: date, a_to: date | None, b_from: date, b_to: date | None) -> bool:
    return (b_to is None or a_from <= b_to) and (a_to is None or b_from <= a_to)


def _judge_unit(table: Table, code: str, begins: date, ends: date | None, geography: Geography) -> None:
    """A code is given to successors: it must mean one unit from the first day to the last."""
    first = geography.on(code, begins)
    if first is None:
        known = geography.known(code, begins)
        if known is None:
            vi, en = f"không có địa bàn mã {code!r}.", f": unit: there is no unit {code!r}."
        else:
            until = f" đến {known.valid_to:%d/%m/%Y}" if known.valid_to else ""
            vi = f"địa bàn {code} ({known.full_name}) có từ {known.valid_from:%d/%m/%Y}{until}, không có ngày {begins:%d/%m/%Y}."
            en = f": unit {code} ({known.full_name}) does not exist on {begins}."
        table.wrong("unit", vi, en)
        return
    at = first
    while at.valid_to is not None and (ends is None or ends > at.valid_to):
        after = geography.renamed(at)
        if after is None:
            table.wrong("to", f"địa bàn {code} ({at.full_name}) chỉ có đến {at.valid_to:%d/%m/%Y}: hãy ghi ngày cuối.",
                        f": to: unit {code} ({at.full_name}) exists until {at.valid_to}: name a last day.")  # fmt: skip
            return
        at = after


# -- writing --


def content_of(agencies: Sequence[Agency], responsibilities: Sequence[Responsibility]) -> dict[str, Any]:
    """The tables that `read` reads back to the same; what has its usual value is left out."""
    return {
        "agency": {agency.key: agency_table(agency) for agency in agencies},
        "responsibility": [responsibility_table(one) for one in responsibilities],
    }


def agency_table(agency: Agency) -> dict[str, Any]:
    contacts = [{k: v for k, v in vars(contact).items() if v} for contact in agency.contacts]
    whole: dict[str, Any] = {
        "name": agency.name, "kind": agency.kind, "level": agency.level, "unit": agency.unit, "above": agency.above,
        "numbers": list(agency.numbers), "duty": [duty_of(shift) for shift in agency.shifts], "contacts": contacts,
        "languages": [] if agency.languages == ("vi",) else list(agency.languages), "capacity": agency.capacity,
        **_told_days(agency.valid_from, agency.valid_to),
    }  # fmt: skip
    found = {name: value for name, value in whole.items() if value or name in ("name", "kind", "level", "unit")}  # fmt: skip
    return found if agency.active else {**found, "active": False}


def responsibility_table(one: Responsibility) -> dict[str, Any]:
    days = {name: day for name, day in _told_days(one.valid_from, one.valid_to).items() if day}
    return {"agency": one.agency, "unit": one.unit, "categories": list(one.categories), **days}


def _told_days(begins: date, ends: date | None) -> dict[str, str]:
    return {
        "from": "" if begins == UNITS_FROM else begins.isoformat(),
        "to": ends.isoformat() if ends is not None else "",
    }
