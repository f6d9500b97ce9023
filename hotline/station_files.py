"""Stations and their roster out of TOML files into the database; a broken file changes nothing, and all its faults come at once.

What is published in the browser (`hotline.station_documents`) stands over the files.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hotline import station_tables
from hotline.directory import Station
from hotline.stations import ShiftRow, StationRow
from hotline.toml_table import Fault


class StationFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The files cannot be used; `faults` are sentences with file and station, `told` the same in two languages."""

    def __init__(self, told: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in told))
        self.told = tuple(told)
        self.faults = tuple(str(fault) for fault in told)


def load(
    session: Session,
    paths: Iterable[Path],
    hotlines: Collection[str],
    phones: Collection[str] = (),
    published: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Bring the database to what the files tell, and over them what was published, by key; how many stations there are.

    StationFaults with every fault.
    """
    stations = read(paths, hotlines, phones, published)
    known = {row.key for row in session.scalars(select(StationRow))}
    for place, station in enumerate(stations):
        known.discard(station.key)
        write(session, station, place)
    for key in known:
        remove(session, key)
    session.flush()
    return len(stations)


def write(session: Session, station: Station, place: int | None = None) -> None:
    """One station's rows as it is now; a new one comes last in the order unless told its place."""
    row = session.get(StationRow, station.key)
    if row is None:
        row = StationRow(key=station.key, place=session.query(StationRow).count())
        session.add(row)
    row.hotline, row.name, row.level = station.hotline, station.name, station.level
    row.phone, row.active, row.language = station.phone, station.active, station.language
    row.units, row.numbers = list(station.units), list(station.numbers)
    row.neighbours = list(station.neighbours)
    row.place = row.place if place is None else place
    session.execute(delete(ShiftRow).where(ShiftRow.station_key == station.key))
    session.flush()  # the roster refers to the station
    for shift in station.shifts:
        session.add(
            ShiftRow(
                station_key=station.key, who=shift.who, number=shift.number, days=sorted(shift.days),
                begins=f"{shift.begins:%H:%M}", ends=f"{shift.ends:%H:%M}",
            )
        )  # fmt: skip


def remove(session: Session, key: str) -> None:
    """The station is no more."""
    session.execute(delete(ShiftRow).where(ShiftRow.station_key == key))
    session.execute(delete(StationRow).where(StationRow.key == key))


def read(
    paths: Iterable[Path],
    hotlines: Collection[str],
    phones: Collection[str] = (),
    published: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Station]:
    """The stations of the files in their order, and of what was published; StationFaults with every fault of every file."""
    faults: list[Fault] = []
    found = {**tables(paths, faults), **(published or {})}
    result = station_tables.read(found, hotlines, phones)
    faults += result.faults
    if faults:
        raise StationFaults(faults)
    return list(result.stations)


def tables(paths: Iterable[Path], faults: list[Fault]) -> dict[str, Any]:
    """The stations' tables of all the files by their keys, as they stand there."""
    found: dict[str, Any] = {}
    for path in paths:
        for key, table in _tables(path, faults).items():
            if key in found:
                here = station_tables.where(key)
                faults.append(
                    Fault(
                        f"Trạm {key} có trong hai tệp, tệp sau là {path.name}.",
                        f"{path.name}: {here} stands in two files.",
                        here,
                    )
                )
            found[key] = table
    return found


def _tables(path: Path, faults: list[Fault]) -> Mapping[str, Any]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(
            Fault(
                f"Tệp trạm {path.name} không đọc được: {error}.",
                f"The stations' file {path} cannot be read: {error}.",
            )
        )
        return {}
    faults += [
        Fault(f"Tệp trạm {path.name} có bảng lạ {name}.", f"{path.name} has an unknown table {name}.")
        for name in raw
        if name != "station"
    ]
    tables = raw.get("station", {})
    return tables if isinstance(tables, dict) else {}
