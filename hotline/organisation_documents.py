"""A hotline's organisation as one settings document: first as the files have it, judged whole, and written to its rows when published.

One document holds agencies and responsibilities together, so that a change of several rows is seen, tried out and taken back as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from hotline import (
    agencies,
    categories,
    documents,
    organisation,
    organisation_changes,
    organisation_files,
    organisation_tables,
    unit_files,
)
from hotline.categories import CategoryFaults
from hotline.documents import Content, House, Kind
from hotline.geography import Geography
from hotline.organisation import Organisation
from hotline.organisation_files import OrganisationFaults
from hotline.organisation_tables import Known, Read
from hotline.toml_table import Fault

EMPTY: Content = {"agency": {}, "responsibility": []}
_Dated = tuple[tuple[Path, int], ...]


def known(house: House) -> Known:
    """Units and categories that an organisation refers to."""
    units = _dated(house.path.parent / str(name) for name in house.raw.get("units", []))
    try:
        matters = categories.beside(house.path)
    except CategoryFaults:
        matters = {}  # set-up and `doctor` tell it
    return Known(_geography(units), frozenset(matters))


def file_contents(house: House) -> dict[str, Content]:
    """Hotline → what the installation's files have; nothing where they cannot be read, which set-up tells."""
    return _contents(_dated(organisation_files.expanded(_paths(house))))[0]


def file_faults(house: House) -> tuple[str, ...]:
    """What is wrong with the installation's files; without them only what was published is known."""
    return _contents(_dated(organisation_files.expanded(_paths(house))))[1]


def read(house: House, key: str, content: Content | None = None) -> Read:
    """The organisation of one hotline: what stands, or this content, with everything that is wrong."""
    return organisation_tables.read(
        key, house.content(ORGANISATION, key) if content is None else content, known(house)
    )


def whole(house: House) -> Organisation:
    """Every hotline's, as it stands in this house."""
    told = [
        organisation_tables.read(key, house.content(ORGANISATION, key)) for key in ORGANISATION.keys(house)
    ]
    return organisation.of(
        (agency for one in told for agency in one.agencies),
        (row for one in told for row in one.responsibilities),
        known(house).geography or Geography({}, {}),
    )


def load(session: Session, house: House) -> int:
    """Bring the rows to what the files and the published documents tell; how many agencies there are.

    Raises OrganisationFaults with every fault of every file, and then nothing was written.
    """
    organisation_files.read(_paths(house), known(house))
    count = 0
    for key in ORGANISATION.keys(house):
        told = organisation_tables.read(key, house.content(ORGANISATION, key))
        agencies.write(session, key, told.agencies, told.responsibilities)
        count += len(told.agencies)
    return count


def switch(
    session: Session, house: House, hotline: str, key: str, active: bool, *, by: str, seen: str, note: str
) -> None:
    """One agency on or off at once, whatever a draft prepares; the draft goes on with it. Raises Refused."""
    content = organisation_changes.switched(house.content(ORGANISATION, hotline), key, active)
    made = documents.put(session, house, ORGANISATION, hotline, content, by=by, seen=seen, note=note)
    begun = documents.draft(session, ORGANISATION, hotline)
    if (
        begun is None
        or key not in begun.content.get("agency", {})
        or begun.based_on != (made.number or 0) - 1
    ):
        return
    begun.content = organisation_changes.switched(begun.content, key, active)
    begun.based_on, begun.saves = made.number or 0, begun.saves + 1


def _paths(house: House) -> list[Path]:
    return [house.path.parent / str(name) for name in house.raw.get("agencies", [])]


def _dated(paths: Iterable[Path]) -> _Dated:
    return tuple((path, path.stat().st_mtime_ns) for path in paths if path.exists())


@lru_cache(maxsize=2)
def _contents(files: _Dated) -> tuple[dict[str, Content], tuple[str, ...]]:
    try:
        return organisation_files.read(path for path, _ in files), ()
    except OrganisationFaults as wrong:
        return {}, tuple(fault.en for fault in wrong.faults)


@lru_cache(maxsize=2)
def _geography(files: _Dated) -> Geography | None:
    try:
        book = unit_files.read(path for path, _ in files)
    except unit_files.UnitFaults:
        return None
    return Geography(book.units, book.successors)


def _keys(house: House) -> tuple[str, ...]:
    hotlines = (*house.raw.get("hotline", {}), *(key for kind, key in house.published if kind == "hotline"))
    return tuple(dict.fromkeys(hotlines))


def _first(house: House, key: str) -> Content:
    return deepcopy(file_contents(house).get(key, EMPTY))


def _judge(house: House, key: str, content: Content) -> list[Fault]:
    told = read(house, key, content)
    found = list(told.faults)
    if file_faults(house) and (ORGANISATION.name, key) not in house.published:
        vi, en = (
            "tệp tổ chức trên máy chủ có lỗi: hãy sửa tệp trước.",
            "The organisation's files have faults: mend them first.",
        )
        found.append(Fault(vi, en))
    for other in _keys(house):
        if other != key:
            for taken in set(house.content(ORGANISATION, other).get("agency", {})) & {
                a.key for a in told.agencies
            }:
                found.append(
                    Fault(f"Mã “{taken}” đã thuộc tổng đài {other}.", f"[agency.{taken}]: the key is {other}'s already.",
                          organisation_tables.where(taken), "key")
                )  # fmt: skip
    return found


def _publish(session: Session, house: House, key: str, content: Content) -> None:
    told = organisation_tables.read(key, content)
    agencies.write(session, key, told.agencies, told.responsibilities)


ORGANISATION = Kind("organisation", _keys, _first, _judge, _publish)


def table_of(content: Content, key: str) -> dict[str, Any]:
    """One agency's table; empty when it is not there."""
    found: dict[str, Any] = deepcopy(content.get("agency", {}).get(key, {}))
    return found
