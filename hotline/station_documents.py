"""A station as a settings document: first as the files have it, judged with all the others, and written to its rows when published.

An empty content means that there is no such station: it is the first value of one that was added in the browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from hotline import station_files, station_tables, unit_files
from hotline.directory import Station
from hotline.documents import Content, House, Kind
from hotline.toml_table import Fault


def file_tables(house: House) -> Mapping[str, Any]:
    """The stations of the installation's files by key; `file_faults` tells what could not be read."""
    return _read(_files(house))[0]


def file_faults(house: House) -> tuple[Fault, ...]:
    """Everything for which the files cannot be taken over with what is published: meanwhile the last known stations stand."""
    return (*_read(_files(house))[1], *_faults(house))


def _files(house: House) -> tuple[tuple[Path, int], ...]:
    return _dated(house.path.parent / str(name) for name in house.raw.get("stations", []))


def _dated(paths: Iterable[Path]) -> tuple[tuple[Path, int], ...]:
    return tuple((path, path.stat().st_mtime_ns if path.exists() else 0) for path in paths)


@lru_cache(maxsize=2)
def _read(files: tuple[tuple[Path, int], ...]) -> tuple[Mapping[str, Any], tuple[Fault, ...]]:
    faults: list[Fault] = []
    return station_files.tables((path for path, _ in files), faults), tuple(faults)


@lru_cache(maxsize=2)
def _codes(files: tuple[tuple[Path, int], ...]) -> frozenset[str] | None:
    """Codes of all units that are and were; None when the files are broken, which set-up and `doctor` say."""
    try:
        book = unit_files.read(path for path, _ in files)
    except unit_files.UnitFaults:
        return None
    return frozenset(unit.code for unit in book.units.values())


def tables(house: House) -> dict[str, Any]:
    """Every station by key, as it stands."""
    laid = {key: content for (kind, key), content in house.published.items() if kind == STATION.name}
    return {**file_tables(house), **laid}


def stations(house: House) -> tuple[Station, ...]:
    """Those that stand and take hand-overs, as the directory has them."""
    return tuple(one for one in station_tables.read(tables(house), ()).stations if one.active)


def published_over(published: Mapping[tuple[str, str], Content]) -> dict[str, Content]:
    """The stations among the published documents, for `station_files.load`."""
    return {key: content for (kind, key), content in published.items() if kind == STATION.name}


def _keys(house: House) -> tuple[str, ...]:
    return tuple(tables(house))


def _first(house: House, key: str) -> Content:
    found: Content = deepcopy(dict(file_tables(house).get(key, {})))
    return found


def _judge(house: House, key: str, content: Content) -> list[Fault]:
    """What is wrong with this station, and what its change makes wrong with others; nothing is published over unread files."""
    unread = _read(_files(house))[1]
    if unread:
        return [
            Fault(f"{fault.vi} Sửa tệp trước rồi công bố.", f"{fault.en} Mend the file first.")
            for fault in unread
        ]
    before = _faults(house)
    after = _faults(house.with_content(STATION, key, content))
    return [fault for fault in after if fault.where == station_tables.where(key) or fault not in before]


def _faults(house: House) -> tuple[Fault, ...]:
    hotlines = {*house.raw.get("hotline", {}), *(key for kind, key in house.published if kind == "hotline")}
    units = _codes(_dated(house.path.parent / str(name) for name in house.raw.get("units", [])))
    return station_tables.read(tables(house), hotlines, house.raw.get("phones", []), units).faults


def _publish(session: Session, house: House, key: str, content: Content) -> None:
    if content:
        station_files.write(session, station_tables.station(key, content, []))
    else:
        station_files.remove(session, key)


STATION = Kind("station", _keys, _first, _judge, _publish)
