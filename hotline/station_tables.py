"""Stations as tables of a file or of a settings document: read, and everything that is wrong with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from hotline.directory import EVERY_DAY, LANGUAGES, LEVELS, Shift, Station
from hotline.field_names import STATION_FIELDS
from hotline.installation import digits
from hotline.numbers import NumberKind, caller
from hotline.toml_table import Fault, Table

FIELDS = ("name", "hotline", "level", "active", "units", "numbers", "duty", "neighbours", "phone", "language")
DUTY_FIELDS = ("who", "number", "days", "from", "to")
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
NAME_AT_MOST, WHO_AT_MOST = 120, 80
ANSWERED = frozenset({NumberKind.MOBILE, NumberKind.LANDLINE, NumberKind.EMERGENCY})


@dataclass(frozen=True)
class Read:
    """The stations of the tables in their order, the empty tables left out, and what is wrong."""

    stations: tuple[Station, ...]
    faults: tuple[Fault, ...]


def where(key: str) -> str:
    """The table of a station, as the file names it."""
    return f"[station.{key}]"


def read(
    tables: Mapping[str, Any],
    hotlines: Collection[str],
    phones: Collection[str] | None = None,
    units: Collection[str] | None = None,
) -> Read:
    """All stations; `phones` are the installation's desk phones and `units` the codes there are, None where nobody knows."""
    faults: list[Fault] = []
    stations = {key: station(key, table, faults) for key, table in tables.items() if table != {}}
    for one in stations.values():
        table = Table(where(one.key), {}, faults, STATION_FIELDS)
        if one.hotline not in hotlines:
            table.wrong("hotline", "hãy chọn một tổng đài.", f": there is no hotline {one.hotline!r}.")
        if phones is not None and one.phone and one.phone not in phones:
            table.wrong(
                "phone",
                f"không có máy {one.phone}.",
                f": there is no phone {one.phone!r} in the installation file.",
            )
        for code in one.units:
            if units is not None and code not in units:
                table.wrong("units", f"không có địa bàn mã {code}.", f": there is no unit {code!r}.")
        for beside in one.neighbours:
            if beside not in stations or beside == one.key:
                table.wrong(
                    "neighbours",
                    f"không có trạm bên cạnh mã “{beside}”.",
                    f": there is no neighbour {beside!r}.",
                )
    return Read(tuple(stations.values()), tuple(faults))


def station(key: str, raw: Any, faults: list[Fault]) -> Station:
    """One station as far as it can be read; what is wrong with it alone joins the faults."""
    here = where(key)
    if not KEY.fullmatch(key):
        faults.append(
            Fault(f"Mã trạm “{key}”: chỉ chữ thường không dấu, chữ số và dấu gạch, nhiều nhất 48 ký tự.",
                  f"{here}: a key is lower-case letters, digits and -, at most 48.", here)
        )  # fmt: skip
    if not isinstance(raw, Mapping):
        faults.append(Fault("Trạm phải là một bảng.", f"{here} must be a table.", here))
        return Station(key, "", "", LEVELS[0])
    table = Table(here, dict(raw), faults, STATION_FIELDS)
    name = table.take("name", str, "").strip()
    if not 2 <= len(name) <= NAME_AT_MOST:
        table.wrong("name", "hãy viết từ 2 đến 120 ký tự.", " has no name of 2 to 120 letters: add it.")
    level = table.take("level", str, "")
    if level not in LEVELS:
        table.wrong("level", "hãy chọn xã, huyện hoặc tỉnh.", f": level must be one of {', '.join(LEVELS)}.")
        level = LEVELS[0]
    language = table.take("language", str, LANGUAGES[0])
    if language not in LANGUAGES:
        table.wrong(
            "language", "hãy chọn trong danh sách.", f": language must be one of {', '.join(LANGUAGES)}."
        )
    numbers = table.texts("numbers")
    for number in numbers:
        check_number(table, "numbers", number)
    found = Station(
        key, table.take("hotline", str, ""), name, level, table.texts("units"), numbers,
        tuple(read_shift(duty, table) for duty in table.tables("duty")), table.texts("neighbours"),
        table.take("phone", str, ""), table.take("active", bool, True), language,
    )  # fmt: skip
    if not (numbers or found.shifts or found.phone):
        table.wrong(
            "numbers",
            "trạm chưa có số nào, ca trực nào hay máy nào: không ai gọi được, hãy thêm ít nhất một số.",
            " has neither numbers nor duty nor phone: nobody could be rung.",
        )
    table.rest()
    return found


def read_shift(raw: dict[str, Any], table: Table) -> Shift:
    who, number = str(raw.get("who", "")).strip(), str(raw.get("number", ""))
    if set(raw) - set(DUTY_FIELDS):
        table.wrong("duty", "ca trực có ô lạ.", ": a duty has who, number, days, from and to.")
    if not 1 <= len(who) <= WHO_AT_MOST:
        table.wrong(
            "duty", "mỗi ca trực cần tên người trực, nhiều nhất 80 ký tự.", ": a duty has who, at most 80 letters."
        )  # fmt: skip
    check_number(table, "duty", number)
    days = raw.get("days", sorted(EVERY_DAY))
    if not isinstance(days, list) or not days or not set(days) <= EVERY_DAY:
        table.wrong(
            "duty",
            f"ca của “{who}” chưa chọn thứ nào trong tuần.",
            ": days are numbers from 1 (Monday) to 7.",
        )
        days = []
    hours = []
    for name in ("from", "to"):
        try:
            hours.append(time.fromisoformat(str(raw.get(name, "00:00"))))
        except ValueError:
            table.wrong(
                "duty", f"giờ của “{who}” phải viết như 07:00.", f': {name} must be a time like "07:00".'
            )
            hours.append(time())
    return Shift(who, number, frozenset(days), hours[0], hours[1])


def check_number(table: Table, field: str, number: str) -> None:
    """A number that the trunk can dial as it stands: as people in Vietnam dial it, and a person may answer."""
    known = caller(number)
    if known.kind in ANSWERED and digits(number) == known.national:
        return
    hint = f" Nay là {known.national}." if known.kind in ANSWERED else ""
    table.wrong(
        field,
        f"số “{number}” không quay được: viết đủ như quay trong nước, ví dụ 02713568011 hoặc 0913566881.{hint}",
        f": {number!r} is no number to dial{f', it is {known.national} today' if hint else ''}.",
    )
