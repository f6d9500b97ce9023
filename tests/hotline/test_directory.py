"""Who is rung for a place at an hour, and who may not be dialled at all."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from hotline.directory import Directory, NotInDirectory, lines_of, plain
from hotline.installation import read as read_installation
from hotline.settings import PROJECT
from hotline.station_files import StationFaults, load, read
from hotline.stations import ShiftRow, StationRow, directory
from hotline.tables import Base

INSTALLATION = read_installation(PROJECT / "installation" / "demo.toml")
HOTLINES = {hotline.key for hotline in INSTALLATION.hotlines}
BINH_PHUOC = INSTALLATION.hotline("binhphuoc")
BY_DAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # 10:00 in Vietnam, a Monday
BY_NIGHT = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)  # 02:00
PARENTS = {"25216": "688", "688": "70", "70": "", "25195": "689", "689": "70"}


@pytest.fixture(scope="module")
def shipped() -> Directory:
    """The demo's stations, by way of the database."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for _ in range(2):  # loading twice changes nothing
            load(session, INSTALLATION.stations, HOTLINES)
            session.commit()
        assert len(session.scalars(select(StationRow)).all()) == 40
        assert len(session.scalars(select(ShiftRow)).all()) == 22
        found = directory(session)
    engine.dispose()
    return Directory(found.stations, PARENTS)


def test_a_commune_is_served_by_its_own_station_then_by_its_districts(shipped: Directory) -> None:
    assert [s.key for s in shipped.serving("binhphuoc", "25216")] == ["tyt-thac-mo-25216", "ttyt-phuoc-long"]
    assert [s.key for s in shipped.serving("binhphuoc", "688")] == ["ttyt-phuoc-long"]
    assert shipped.serving("binhduong", "688") == ()


def test_the_chain_goes_from_the_nearest_to_the_emergency_number_and_rings_nobody_twice(
    shipped: Directory,
) -> None:
    numbers = [line.number for line in shipped.chain(BINH_PHUOC, "25216", BY_DAY)]
    assert numbers == [
        "02713569011", "0913566881", "02713568011", "02713568012",  # commune; district: on duty, then its numbers
        "02713568021", "02713568022",  # the neighbour
        "02713888001", "02713888002", "115",
    ]  # fmt: skip
    assert len(set(numbers)) == len(numbers)


def test_at_night_the_night_shift_is_rung_and_the_day_shift_is_not(shipped: Directory) -> None:
    numbers = [line.number for line in shipped.chain(BINH_PHUOC, "688", BY_NIGHT)]
    assert numbers[0] == "0913566882"
    assert "0913566881" not in numbers


def test_an_unknown_place_still_has_the_hotlines_own_chain(shipped: Directory) -> None:
    numbers = [line.number for line in shipped.chain(BINH_PHUOC, "", BY_DAY)]
    assert numbers == ["02713888001", "02713888002", "115"]


def test_the_station_that_a_person_chose_comes_first(shipped: Directory) -> None:
    chain = shipped.chain(BINH_PHUOC, "688", BY_DAY, first="ttyt-loc-ninh")
    assert chain[0].station == "ttyt-loc-ninh"
    assert "ttyt-phuoc-long" in {line.station for line in chain}


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("12", "không phải số điện thoại"),
        ("0987654321", "không có trong danh bạ trực"),
        ("0913566882", "không trực lúc này"),
        ("02743568011", "không có trong danh bạ trực"),
    ],
    ids=["too short", "a stranger", "off duty", "another province's"],
)
def test_a_number_out_of_the_roster_is_refused_before_dialling(
    shipped: Directory, number: str, sentence: str
) -> None:
    with pytest.raises(NotInDirectory, match=sentence):
        shipped.with_number(BINH_PHUOC, number, BY_DAY)


def test_a_number_of_the_roster_is_found_however_it_is_written(shipped: Directory) -> None:
    assert shipped.with_number(BINH_PHUOC, "+84 913 566 881", BY_DAY).station == "ttyt-phuoc-long"
    assert shipped.with_number(BINH_PHUOC, "115", BY_DAY).number == "115"


def test_a_station_of_another_hotline_cannot_be_chosen(shipped: Directory) -> None:
    with pytest.raises(NotInDirectory):
        shipped.chosen(BINH_PHUOC, "ttyt-di-an", BY_DAY)


def test_a_plan_survives_the_record(shipped: Directory) -> None:
    chain = shipped.chain(BINH_PHUOC, "688", BY_DAY)
    assert lines_of(plain(chain)) == chain


def test_every_fault_of_a_stations_file_comes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "stations.toml"
    file.write_text(
        """
[station.a]
hotline = "nowhere"
name = "A"
level = "village"
numbers = ["abc"]
neighbours = ["b"]
colour = "red"
[station.c]
hotline = "binhphuoc"
name = "C"
level = "commune"
phone = "999"
duty = [{ who = "x", number = "0913", days = [8], from = "25:00", to = "07:00" }]
""",
        encoding="utf-8",
    )
    with pytest.raises(StationFaults) as caught:
        read([file], HOTLINES, {"101"})
    said = "\n".join(caught.value.faults)
    for words in ("nowhere", "level", "'abc'", "neighbour 'b'", "colour", "phone '999'", "days", '"07:00"'):
        assert words in said, words
