"""The organisation's files: what is wrong with file, line and field, what is written reads back the same, and the demo's two structures."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from front_door import demo_organisation
from hotline import agencies, installation, organisation_documents, organisation_files
from hotline import organisation_tables as tables
from hotline.agencies import AgencyRow
from hotline.documents import House
from hotline.organisation import Organisation
from hotline.organisation_files import OrganisationFaults
from hotline.settings import PROJECT
from hotline.unit_files import REFORM

DEMO = PROJECT / "installation" / "demo.toml"
HOUSE = House(installation.raw(DEMO), DEMO)
IN_2021, IN_2025 = date(2021, 8, 20), date(2025, 7, 1)
HEAD = "key,hotline,name,kind,level,unit,above,numbers,duty,contacts,languages,capacity,from,to,active\n"
GOOD = "a,binhphuoc,Đội A,team,commune,25216,,0913566881,,,,,,2025-06-30,\n"
ROLE = "hotline,agency,unit,categories,from,to\n"


@pytest.fixture(scope="module")
def whole() -> Organisation:
    return organisation_documents.whole(HOUSE)


def test_the_demos_files_are_what_the_units_make_of_them() -> None:
    for name, text in demo_organisation.texts():
        assert (demo_organisation.FOLDER / name).read_text(encoding="utf-8") == text


def test_the_demos_files_have_no_fault_and_the_seeds_numbers(whole: Organisation) -> None:
    organisation_files.read(installation.read(DEMO).agencies, organisation_documents.known(HOUSE))
    stand = [agency for agency in whole.agencies.values() if agency.stands(IN_2021)]
    teams = {
        hotline: {
            level: sum((a.hotline, a.level, a.kind) == (hotline, level, "team") for a in stand)
            for level in ("province", "district", "commune")
        }
        for hotline in ("binhduong", "binhphuoc")
    }
    assert teams["binhduong"] == {"province": 1, "district": 9, "commune": 91}
    assert teams["binhphuoc"] == {"province": 1, "district": 11, "commune": 111}
    assert sum(a.kind == "centre" and a.level == "district" for a in stand) == 9 + 11
    later = [agency for agency in whole.agencies.values() if agency.stands(IN_2025)]
    assert {a.level for a in later} == {"province", "commune"}
    assert [
        sum(a.hotline == h and a.level == "commune" for a in later) for h in ("binhphuoc", "binhduong")
    ] == [40, 36]


def test_no_number_of_the_demo_is_anybodys_and_no_two_have_the_same(whole: Organisation) -> None:
    numbers = [n for a in whole.agencies.values() for n in (*a.numbers, *(s.number for s in a.shifts))]
    assert len(numbers) == len(set(numbers)) > 500
    assert all(number[:5] in ("02711", "02741") and len(number) == 11 for number in numbers)


def test_every_commune_of_2021_has_its_team_and_a_ladder_of_three_levels(whole: Organisation) -> None:
    for place in demo_organisation.PROVINCES:
        for district in whole.geography.inside(place.code, IN_2021):
            for commune in whole.geography.inside(district.code, IN_2021):
                found = whole.responsible(place.hotline, "relief", commune.code, IN_2021)
                assert [agency.level for agency in found][:3] == ["commune", "district", "province"]
                assert [a.level for a in whole.ladder(found[0].key, IN_2021)] == [
                    "district",
                    "province",
                    "province",
                ]


def test_a_ticket_of_any_commune_after_the_merger_lands_with_its_new_team_or_with_the_province(
    whole: Organisation,
) -> None:
    asked = 0
    for place in demo_organisation.PROVINCES:
        for district in whole.geography.inside(place.code, IN_2021):
            for commune in whole.geography.inside(district.code, IN_2021):
                landing = whole.geography.landing(commune.code, IN_2025, IN_2021)
                found = whole.responsible(place.hotline, "relief", commune.code, IN_2025, IN_2021)
                asked += landing.asks
                if landing.unit is not None:
                    assert found[0].unit == landing.unit.code and found[0].valid_from == REFORM
                else:
                    assert found and all(agency.level == "province" for agency in found)
                    assert all(whole.at(place.hotline, one.code, IN_2025, "team") for one in landing.choices)
    assert asked == 16  # those of Bình Dương that were split; none of Bình Phước's


def test_what_is_written_as_csv_and_as_toml_reads_back_the_same(whole: Organisation, tmp_path: Path) -> None:
    those = list(whole.agencies.values())
    hotline_of = {agency.key: agency.hotline for agency in those}
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    paths[0].write_text(organisation_files.agencies_csv(those), "utf-8")
    paths[1].write_text(organisation_files.responsibilities_csv(whole.responsibilities, hotline_of), "utf-8")
    as_toml = tmp_path / "whole.toml"
    as_toml.write_text(organisation_files.toml(those, whole.responsibilities), "utf-8")
    first = organisation_documents.file_contents(HOUSE)
    assert organisation_files.read(paths) == organisation_files.read([as_toml]) == first
    for hotline, content in first.items():
        told = tables.read(hotline, content)
        assert told.agencies == tuple(a for a in those if a.hotline == hotline)
        assert tables.content_of(told.agencies, told.responsibilities) == content


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", HEAD + GOOD + GOOD.replace("team", "squad").replace("a,", "b,", 1), "x.csv line 3: kind must be one of"),
        ("x.csv", HEAD + GOOD + GOOD, "x.csv line 3: key: 'a' stands at x.csv 2 already"),
        ("x.csv", HEAD + GOOD.replace("0913566881", "12"), "x.csv line 2: numbers: '12' is no number to dial"),
        ("x.csv", HEAD + GOOD.replace("25216", "99999"), "x.csv line 2: unit: there is no unit '99999'"),
        ("x.csv", HEAD + GOOD.replace(",2025-06-30", ","), "x.csv line 2: to: unit 25216 (Phường Thác Mơ) exists until 2025-06-30"),
        ("x.csv", HEAD + GOOD.replace("2025-06-30", "30/6/2025"), "x.csv line 2: to must be a day like 2025-07-01"),
        ("x.csv", HEAD + GOOD.replace(",25216,,", ",25216,b,"), "x.csv line 2: above: there is no 'b'"),
        ("x.csv", HEAD + GOOD.replace(",25216,,", ",25216,a,"), "x.csv line 2: above leads in a circle: a → a"),
        ("x.csv", HEAD + GOOD.replace("Đội A", "=1+1"), "x.csv line 2: name must have no |"),
        ("x.csv", HEAD + GOOD.rstrip("\n") + ",,,\n", "x.csv line 2: there are more cells than the 15 columns"),
        ("x.csv", "key,hotline\n", "x.csv line 1: the first line has no column name, kind, level, unit"),
        ("x.csv", HEAD.replace("above", "boss"), "x.csv line 1: the first line has an unknown column boss"),
        ("x.csv", HEAD + 'a,binhphuoc,"Đội\n', "x.csv line 2: this line is no CSV"),
        ("x.csv", HEAD + GOOD.replace("0913566881,", "0913566881,anh Ba;0913"), "x.csv line 2: duty: each part must be"),
        ("x.csv", HEAD + GOOD.replace(",2025-06-30,", ",2025-06-30,maybe"), "x.csv line 2: active: write yes or no"),
        ("y.csv", ROLE + "binhphuoc,a,25216,relief,,\n", "y.csv line 2: agency: there is no 'a'"),
        ("x.toml", '[agency.a]\nhotline = "binhphuoc"\nname = "Đội"\nkind = "team"\n', "x.toml line 1: level must be one of"),
        ("x.toml", '[agency.a]\nname = "Đội"\n', "x.toml line 1: [agency.a] has no hotline"),
        ("x.toml", "\n[agency\n", "x.toml line 2: it is no TOML"),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_with_file_line_and_field(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(OrganisationFaults) as wrong:
        organisation_files.read([path], organisation_documents.known(HOUSE))
    assert any(str(fault).startswith(said) for fault in wrong.value.faults), str(wrong.value)
    assert all(fault.vi.startswith(name) for fault in wrong.value.faults)


def test_bytes_that_are_no_utf8_and_a_missing_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(HEAD.encode() + GOOD.encode("cp1258", "replace").replace(b"?", b"\xd0"))
    with pytest.raises(OrganisationFaults, match=r"x.csv line 2: it is not UTF-8"):
        organisation_files.read([path])
    with pytest.raises(OrganisationFaults, match=r"z.csv: it cannot be read"):
        organisation_files.read([tmp_path / "z.csv"])


def test_a_spreadsheets_semicolons_and_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + GOOD).replace(",", ";").encode())
    assert organisation_files.read([path])["binhphuoc"]["agency"]["a"]["name"] == "Đội A"


def test_a_broken_file_changes_no_row(database: Engine, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    raw = {**HOUSE.raw, "units": [str(path) for path in installation.read(DEMO).units], "agencies": ["x.csv"]}
    house = House(raw, tmp_path / "installation.toml")
    with Session(database) as session:
        path.write_text(HEAD + GOOD, "utf-8")
        assert organisation_documents.load(session, house) == 1
        session.commit()
        path.write_text(HEAD + GOOD.replace("Đội A", "Đội B") + "b,binhphuoc\n", "utf-8")
        with pytest.raises(OrganisationFaults):
            organisation_documents.load(session, house)
        session.rollback()
        assert session.scalars(select(AgencyRow.name)).all() == ["Đội A"]


def test_the_demos_organisation_comes_out_of_the_rows_as_it_went_in(
    database: Engine, whole: Organisation
) -> None:
    with Session(database) as session:
        assert organisation_documents.load(session, HOUSE) == len(whole.agencies) > 340
        session.commit()
        found = agencies.organisation(session)
    assert found.agencies == whole.agencies
    assert sorted(map(str, found.responsibilities)) == sorted(map(str, whole.responsibilities))
