"""Where a place of one day lands on another: all 309 communes over the merger of 1 July 2025."""

import csv
from datetime import date

import pytest

from hotline import unit_files
from hotline.geography import Geography
from hotline.settings import PROJECT
from hotline.unit_files import REFORM

UNITS = PROJECT / "installation" / "units"
MAPPING = UNITS / "admin_units_2025_mapping.csv"
BEFORE, AFTER = date(2021, 8, 15), date(2025, 7, 1)
LAST_DAY = date(2025, 6, 30)


@pytest.fixture(scope="module")
def there() -> Geography:
    book = unit_files.read([UNITS / "admin_units.csv", MAPPING])
    return Geography(book.units, book.successors)


def _mapping() -> list[dict[str, str]]:
    with MAPPING.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_commune_lands_with_the_unit_valid_on_its_date(there: Geography) -> None:
    rows = _mapping()
    assert len(rows) == 309
    asked = 0
    for row in rows:
        code, new = row["code_2021"], [c for c in row["ward_codes_2025"].split("|") if c]
        for day in (BEFORE, LAST_DAY):
            stayed = there.landing(code, day, BEFORE)
            assert stayed.unit is not None and stayed.unit.id == f"{code}@2021"
        landed = there.landing(code, AFTER, LAST_DAY)
        if row["split"] == "True" or len(new) != 1:
            asked += 1
            assert landed.asks and [u.code for u in landed.choices] == sorted(new)
        else:
            assert landed.unit is not None and landed.unit.id == f"{new[0]}@2025"
            assert landed.unit.full_name == row["ward_names_2025"]
    assert asked == sum(
        r["split"] == "True" or "|" in r["ward_codes_2025"] or not r["ward_codes_2025"] for r in rows
    )
    assert 20 <= asked <= 30


def test_a_place_has_three_levels_before_the_reform_and_two_after_it(there: Geography) -> None:
    assert there.places("25216", LAST_DAY) == ("25216", "688", "70")
    assert there.places("25216", AFTER, LAST_DAY) == ("25217", "75")


def test_a_code_given_to_a_successor_means_the_unit_of_the_day_it_was_written(there: Geography) -> None:
    old, new = there.on("25217", LAST_DAY), there.on("25217", REFORM)
    assert old is not None and new is not None
    assert (old.full_name, new.full_name) == ("Phường Long Thủy", "Phường Phước Long")


def test_a_split_commune_belongs_to_what_all_its_parts_share(there: Geography) -> None:
    split = next(row for row in _mapping() if "|" in row["ward_codes_2025"])
    places = there.places(split["code_2021"], AFTER, LAST_DAY)
    assert places == (split["province_code_2025"],)


def test_a_district_that_was_abolished_asks_for_the_commune(there: Geography) -> None:
    landed = there.landing("688", AFTER, LAST_DAY)
    assert landed.asks and "25217" in [unit.code for unit in landed.choices]
    assert there.places("688", AFTER, LAST_DAY) == ("75",)


def test_a_commune_whose_successor_nobody_recorded_still_has_its_province(there: Geography) -> None:
    lost = next(row for row in _mapping() if not row["ward_codes_2025"])
    landed = there.landing(lost["code_2021"], AFTER, LAST_DAY)
    assert landed.asks and not landed.choices
    assert there.places(lost["code_2021"], AFTER, LAST_DAY) == (lost["province_code_2025"],)


def test_a_unit_of_today_asks_which_of_the_earlier_ones_it_was(there: Geography) -> None:
    landed = there.landing("25217", LAST_DAY, date(2026, 1, 1))
    assert landed.asks and "25216" in [unit.code for unit in landed.choices]


def test_a_code_that_is_in_no_file_lands_nowhere(there: Geography) -> None:
    assert there.landing("99999", AFTER).asks
    assert there.places("99999", AFTER) == there.places("", AFTER) == ()
