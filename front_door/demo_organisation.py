"""The demo's agencies and teams, made from the administrative units alone: the same units give the same files.

    .venv/bin/python -m front_door.demo_organisation      writes installation/agencies/

Every number is 027x 1…: no landline of Vietnam begins so, and all of them lead to the simulated carrier only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from pathlib import Path

from hotline import unit_files
from hotline.directory import Shift
from hotline.geography import Geography
from hotline.organisation import Agency, Contact, Responsibility
from hotline.organisation_files import agencies_csv, responsibilities_csv
from hotline.settings import PROJECT
from hotline.unit_files import REFORM, UnitRow

FOLDER = PROJECT / "installation" / "agencies"
UNITS = PROJECT / "installation" / "units"
LAST_DAY = REFORM - timedelta(days=1)
FIELD = ("emergency_transport", "suspected_case", "post_vaccination", "relief", "violation")
"""What teams go out for."""


@dataclass(frozen=True)
class Province:
    """One of the demo's provinces as it was in 2021."""

    hotline: str
    prefix: str
    code: str
    area: str
    """Telephone code."""
    name: str
    begins: date
    heir: str
    """What its part is called since the reform."""


PROVINCES = (
    Province("binhphuoc", "bp", "70", "0271", "Bình Phước", date(2021, 8, 16), "khu vực Bình Phước, Đồng Nai"),
    Province("binhduong", "bd", "74", "0274", "Bình Dương", date(2021, 8, 6), "khu vực Bình Dương, TP. Hồ Chí Minh"),
)  # fmt: skip
DEPARTMENTS = (
    ("so-y-te", "Sở Y tế", ("emergency_transport", "suspected_case", "post_vaccination")),
    ("so-lao-dong", "Sở Lao động, Thương binh và Xã hội", ("policy", "relief")),
    ("cong-an", "Công an", ("violation",)),
    ("hanh-chinh-cong", "Trung tâm Phục vụ hành chính công", ("procedure", "other")),
    ("so-xay-dung", "Sở Xây dựng", ("infrastructure",)),
    ("so-ke-hoach", "Sở Kế hoạch và Đầu tư", ("investment",)),
)
"""Key, name and matters of the province's agencies."""

Dates = tuple[date, date | None]
Made = tuple[list[Agency], list[Responsibility]]


def of_2021(place: Province, units: Geography) -> Made:
    """Three levels: the province's centre and team, each district's centre and team, each commune's team."""
    first = _Numbers(place.area, 1)
    made: Made = ([], [])
    dates = (place.begins, LAST_DAY)
    top = _province_level(place, f"tỉnh {place.name}", place.code, "", first, dates, made)
    for district in units.inside(place.code, place.begins):
        name = _lowered(district)
        centre = Agency(
            f"{place.prefix}-chi-huy-{district.code}", place.hotline, f"Trung tâm chỉ huy {name}", "centre", "district",
            district.code, first.two(district.code), top, capacity=10, shifts=first.shifts(district.code),
        )  # fmt: skip
        team = Agency(
            f"{place.prefix}-doi-{district.code}", place.hotline, f"Đội phản ứng nhanh {name}", "team", "district",
            district.code, (first.number(5, district.code),), centre.key, capacity=4,
        )  # fmt: skip
        _add(made, centre, FIELD, dates)
        _add(made, team, ("emergency_transport",), dates)
        for commune in units.inside(district.code, place.begins):
            _add(made, _commune_team(place, commune, centre.key, "", first), FIELD, dates)
    return made


def of_2025(place: Province, units: Geography) -> Made:
    """Two levels: what became of the province's communes, under one centre."""
    second = _Numbers(place.area, 6)
    made: Made = ([], [])
    dates = (REFORM, None)
    heirs: dict[str, UnitRow] = {}
    for district in units.inside(place.code, LAST_DAY):
        for commune in units.inside(district.code, LAST_DAY):
            landing = units.landing(commune.code, REFORM, LAST_DAY)
            for unit in (landing.unit, *landing.choices):
                if unit is not None:
                    heirs[unit.code] = unit
    (heir,) = {unit.parent_code for unit in heirs.values()}
    top = _province_level(place, place.heir, heir, "25", second, dates, made)
    for code in sorted(heirs):
        _add(made, _commune_team(place, heirs[code], top, "25", second), FIELD, dates)
    return made


@dataclass(frozen=True)
class _Numbers:
    """Numbers that a unit's code makes: area, 1, which one, code."""

    area: str
    begins: int

    def number(self, which: int, code: str) -> str:
        return f"{self.area}1{(self.begins - 1 + which) % 10}{code:0>5}"

    def two(self, code: str) -> tuple[str, ...]:
        return (self.number(1, code), self.number(2, code))

    def shifts(self, code: str) -> tuple[Shift, ...]:
        day, night = time(7), time(19)
        return (
            Shift("trực ban ngày", self.number(3, code), begins=day, ends=night),
            Shift("trực ban đêm", self.number(4, code), begins=night, ends=day),
        )


def _province_level(
    place: Province, name: str, unit: str, era: str, numbers: _Numbers, dates: Dates, made: Made
) -> str:  # fmt: skip
    """The steering committee, the province's centre, team and agencies; the centre's key."""
    stem = f"{place.prefix}{era}"
    board = Agency(
        f"{stem}-ban-chi-dao", place.hotline, f"Ban Chỉ đạo phòng, chống dịch {name}", "centre", "province", unit,
        (numbers.number(1, "00000"),),
    )  # fmt: skip
    centre = Agency(
        f"{stem}-chi-huy", place.hotline, f"Trung tâm Thông tin tác chiến {name}", "centre", "province", unit,
        numbers.two(unit), board.key, ("vi", "en"), 30, shifts=numbers.shifts(unit),
        contacts=(Contact("Văn phòng trung tâm", number=numbers.number(2, "00000")),),
    )  # fmt: skip
    team = Agency(
        f"{stem}-doi", place.hotline, f"Đội phản ứng nhanh {name}", "team", "province", unit,
        (numbers.number(5, unit),), centre.key, ("vi", "en"), 6,
    )  # fmt: skip
    _add(made, board, (), dates)
    for n, (key, title, matters) in enumerate(DEPARTMENTS, 1):
        department = Agency(
            f"{stem}-{key}", place.hotline, f"{title} {name}", "agency", "province", unit,
            (numbers.number(1, f"{n:05}"),), centre.key,
        )  # fmt: skip
        _add(made, department, matters, dates)
    _add(made, centre, (*FIELD, "other"), dates)
    _add(made, team, ("emergency_transport",), dates)
    return centre.key


def _commune_team(
    place: Province, commune: UnitRow, above: str, era: str, numbers: _Numbers
) -> Agency:  # fmt: skip
    return Agency(
        f"{place.prefix}{era}-doi-{commune.code}", place.hotline, f"Đội phản ứng nhanh {_lowered(commune)}", "team",
        "commune", commune.code, numbers.two(commune.code), above, capacity=2,
    )  # fmt: skip


def _lowered(unit: UnitRow) -> str:
    """ "Phường Thác Mơ" → "phường Thác Mơ"."""
    return unit.full_name[:1].lower() + unit.full_name[1:]


def _add(made: Made, agency: Agency, matters: tuple[str, ...], dates: Dates) -> None:
    begins, ends = dates
    made[0].append(replace(agency, valid_from=begins, valid_to=ends))
    if matters:
        made[1].append(Responsibility(matters, agency.unit, agency.key, begins, ends))


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    book = unit_files.read([UNITS / "admin_units.csv", UNITS / "admin_units_2025_mapping.csv"])
    units = Geography(book.units, book.successors)
    for place in PROVINCES:
        for year, made in (("2021", of_2021(place, units)), ("2025", of_2025(place, units))):
            agencies, responsibilities = made
            hotlines = {agency.key: agency.hotline for agency in agencies}
            yield f"{place.hotline}-{year}.csv", agencies_csv(agencies)
            yield (
                f"{place.hotline}-{year}-responsible.csv",
                responsibilities_csv(responsibilities, hotlines),
            )


def write(folder: Path = FOLDER) -> list[str]:
    """Writes the files; their names."""
    folder.mkdir(exist_ok=True)
    names = []
    for name, text in texts():
        (folder / name).write_text(text, encoding="utf-8")
        names.append(name)
    return names


if __name__ == "__main__":
    print("\n".join(write()))
