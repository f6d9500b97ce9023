"""Stations and their roster out of a TOML file into the database; a broken file changes nothing, and all its faults come at once."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import time
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hotline.directory import EVERY_DAY, LEVELS, Shift, Station
from hotline.installation import digits
from hotline.stations import ShiftRow, StationRow

FIELDS = frozenset({"hotline", "name", "level", "units", "numbers", "neighbours", "phone", "duty"})
DUTY_FIELDS = frozenset({"who", "number", "days", "from", "to"})
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


class StationFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The files cannot be used; `faults` are sentences with file and station."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def load(
    session: Session, paths: Iterable[Path], hotlines: Collection[str], phones: Collection[str] = ()
) -> int:
    """Bring the database to what the files tell; how many stations there are. StationFaults with every fault."""
    stations = read(paths, hotlines, phones)
    session.execute(delete(ShiftRow))
    known = {row.key: row for row in session.scalars(select(StationRow))}
    for place, station in enumerate(stations):
        row = known.pop(station.key, None)
        if row is None:
            row = StationRow(key=station.key)
            session.add(row)
        row.hotline, row.name, row.level, row.phone = (
            station.hotline,
            station.name,
            station.level,
            station.phone,
        )
        row.units, row.numbers = list(station.units), list(station.numbers)
        row.neighbours, row.place = list(station.neighbours), place
    for gone in known.values():
        session.delete(gone)
    session.flush()  # the roster refers to the stations
    for station in stations:
        for shift in station.shifts:
            session.add(
                ShiftRow(
                    station_key=station.key, who=shift.who, number=shift.number, days=sorted(shift.days),
                    begins=f"{shift.begins:%H:%M}", ends=f"{shift.ends:%H:%M}",
                )
            )  # fmt: skip
    session.flush()
    return len(stations)


def read(paths: Iterable[Path], hotlines: Collection[str], phones: Collection[str] = ()) -> list[Station]:
    """The stations of the files in their order; StationFaults with every fault of every file."""
    faults: list[str] = []
    stations: dict[str, Station] = {}
    for path in paths:
        for key, table in _tables(path, faults).items():
            where = f"{path.name}: [station.{key}]"
            if key in stations or not KEY.fullmatch(key):
                faults.append(f"{where}: a key is lower-case letters, digits and -, and stands once.")
                continue
            stations[key] = _station(key, table, where, faults)
    for station in stations.values():
        where = f"[station.{station.key}]"
        if station.hotline not in hotlines:
            faults.append(f"{where}: there is no hotline {station.hotline!r}.")
        if station.phone and station.phone not in phones:
            faults.append(f"{where}: there is no phone {station.phone!r} in the installation file.")
        faults += [f"{where}: there is no neighbour {n!r}." for n in station.neighbours if n not in stations]
    if faults:
        raise StationFaults(faults)
    return list(stations.values())


def _tables(path: Path, faults: list[str]) -> Mapping[str, Any]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(f"The stations' file {path} cannot be read: {error}.")
        return {}
    faults += [f"{path.name} has an unknown table {name}." for name in raw if name != "station"]
    tables = raw.get("station", {})
    return tables if isinstance(tables, dict) else {}


def _station(key: str, table: Any, where: str, faults: list[str]) -> Station:
    if not isinstance(table, dict):
        faults.append(f"{where} must be a table.")
        return Station(key, "", "", "commune")
    faults += [f"{where} has an unknown field {name}." for name in table if name not in FIELDS]
    texts = {name: table.get(name, "") for name in ("hotline", "name", "level", "phone")}
    faults += [f"{where}: {name} must be a text." for name, v in texts.items() if not isinstance(v, str)]
    if not texts["name"]:
        faults.append(f"{where} has no name: add it.")
    if texts["level"] not in LEVELS:
        faults.append(f"{where}: level must be one of {', '.join(LEVELS)}.")
    lists = {name: table.get(name, []) for name in ("units", "numbers", "neighbours")}
    for name, values in lists.items():
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            faults.append(f"{where}: {name} must be a list of texts.")
            lists[name] = []
    for number in lists["numbers"]:
        _check_number(number, where, faults)
    duty = table.get("duty", [])
    shifts = tuple(_shift(d, where, faults) for d in (duty if isinstance(duty, list) else []))
    if not lists["numbers"] and not shifts and not texts["phone"]:
        faults.append(f"{where} has neither numbers nor duty nor phone: nobody could be rung.")
    return Station(
        key, texts["hotline"], texts["name"], texts["level"] if texts["level"] in LEVELS else "commune",
        tuple(lists["units"]), tuple(lists["numbers"]), shifts, tuple(lists["neighbours"]), texts["phone"],
    )  # fmt: skip


def _shift(raw: Any, where: str, faults: list[str]) -> Shift:
    if not isinstance(raw, dict) or set(raw) - DUTY_FIELDS:
        faults.append(f"{where}: a duty has who, number, days, from and to.")
        return Shift("", "")
    _check_number(str(raw.get("number", "")), where, faults)
    days = raw.get("days", sorted(EVERY_DAY))
    if not isinstance(days, list) or not days or not set(days) <= EVERY_DAY:
        faults.append(f"{where}: days are numbers from 1 (Monday) to 7.")
        days = []
    hours = []
    for name in ("from", "to"):
        try:
            hours.append(time.fromisoformat(str(raw.get(name, "00:00"))))
        except ValueError:
            faults.append(f'{where}: {name} must be a time like "07:00".')
            hours.append(time())
    return Shift(str(raw.get("who", "")), str(raw.get("number", "")), frozenset(days), hours[0], hours[1])


def _check_number(number: str, where: str, faults: list[str]) -> None:
    if not 3 <= len(digits(number)) <= 12 or digits(number) != number.replace(" ", "").replace(".", ""):
        faults.append(f"{where}: {number!r} is no number to dial.")
