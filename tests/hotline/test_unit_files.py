"""The units of 2021 and of 2025, as the files tell them and as a broken file does."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from hotline.installation import read as read_installation
from hotline.settings import PROJECT
from hotline.tables import Base
from hotline.unit_files import UnitFaults, became, districts, load, read
from hotline.units import Unit, UnitSuccessor

FILES = read_installation(PROJECT / "installation" / "demo.toml").units
IN_2021, IN_2025, IN_2026 = date(2021, 9, 1), date(2025, 12, 1), date(2026, 6, 1)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """A database with the shipped units."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        load(opened, FILES)
        opened.commit()
        yield opened
    engine.dispose()


def test_binh_phuoc_had_eleven_districts_and_binh_duong_nine(session: Session) -> None:
    assert len(districts(session, "70", IN_2021)) == 11
    assert [unit.full_name for unit in districts(session, "74", IN_2021)][:2] == [
        "Thành phố Thủ Dầu Một",
        "Huyện Bàu Bàng",
    ]
    assert len(districts(session, "74", IN_2021)) == 9


def test_since_july_2025_there_are_no_districts_to_choose(session: Session) -> None:
    assert districts(session, "70", date(2025, 6, 30)) != []
    assert districts(session, "70", date(2025, 7, 1)) == []
    assert districts(session, "75", IN_2025) == []
    communes = select(func.count()).where(Unit.parent_code == "75", Unit.valid_to.is_(None))
    assert session.scalar(communes) == 40


def test_a_commune_that_was_merged_is_found_in_its_successor(session: Session) -> None:
    [(unit, is_part)] = became(session, "25216", IN_2025)
    assert (unit.full_name, unit.province_code, is_part) == ("Phường Phước Long", "75", False)
    assert [unit.name for unit, _ in became(session, "25216", IN_2021)] == ["Thác Mơ"]


def test_a_commune_that_was_split_asks_for_the_choice(session: Session) -> None:
    split = session.scalars(select(UnitSuccessor).where(UnitSuccessor.is_partial)).first()
    assert split is not None
    old = session.get_one(Unit, split.old_id)
    standing = [unit for unit, _ in became(session, old.code, IN_2025)]
    links = session.scalars(select(UnitSuccessor.new_id).where(UnitSuccessor.old_id == old.id)).all()
    assert len(links) > 1
    assert {unit.id for unit in standing} <= {*links, f"{old.code}@2025"}


def test_a_province_may_be_renamed_later(session: Session) -> None:
    assert [unit.full_name for unit, _ in became(session, "70", IN_2025)] == ["Tỉnh Đồng Nai"]
    assert [unit.full_name for unit, _ in became(session, "70", IN_2026)] == ["Thành phố Đồng Nai"]


def test_an_unknown_successor_is_left_to_the_operator(session: Session) -> None:
    assert became(session, "29773", IN_2025) == []


def test_every_commune_has_its_row_and_a_second_load_changes_nothing(session: Session) -> None:
    assert (
        session.scalar(select(func.count()).where(Unit.level == "commune", Unit.id.endswith("@2021"))) == 309
    )
    assert load(session, FILES) == 0


def test_a_corrected_name_is_taken_over(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    file.write_text(
        FILES[0].read_text(encoding="utf-8").replace("Phường Thác Mơ", "Phường Thác Bạc"), encoding="utf-8"
    )
    with session.begin_nested() as trial:
        assert load(session, [file]) == 1
        assert session.get_one(Unit, "25216@2021").full_name == "Phường Thác Bạc"
        trial.rollback()


HEADER = "code,name,full_name,type,level,parent_code,province_code\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("code,name\n1,a\n", "line 1: the columns full_name"),
        (HEADER + "7o,A,Tỉnh A,tỉnh,province,,70\n", "line 2: the code '7o' must be 1 to 8 digits."),
        (HEADER + "70,A,Tỉnh A,tỉnh,state,,70\n", "the level 'state' must be province, district, commune."),
        (HEADER + "70,A,,tỉnh,province,,70\n", "unit 70 has no full_name."),
        (HEADER + "70,A,Tỉnh A,tỉnh,province,,70\n" * 2, "line 3: the code 70 is already taken"),
        (HEADER + "9,A,Xã A,xã,commune,8,70\n", "unit 9 lies in '8', which is not in this file."),
    ],
    ids=["empty", "columns", "code", "level", "no name", "twice", "orphan"],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "units.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UnitFaults, match=r"units\.csv") as caught:
        read([file])
    assert any(said in fault for fault in caught.value.faults), caught.value.faults


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    units, changes = tmp_path / "units.csv", tmp_path / "changes.csv"
    units.write_text(HEADER + "x,A,Tỉnh A,tỉnh,province,,70\n9,A,Xã A,xã,commune,8,70\n", encoding="utf-8")
    changes.write_text(
        "code_2021,province_code_2021,province_code_2025,province_2025,ward_codes_2025,ward_names_2025,split\n"
        "77,70,75,Tỉnh B,1,Xã B,False\n9,70,75,Tỉnh B,1|2,Xã B,True\n9,70,75,Tỉnh B,1,Xã B,False\n9,70,75,Tỉnh B,1,Xã C,False\n",
        encoding="utf-8",
    )
    with pytest.raises(UnitFaults) as caught:
        read([changes, units, tmp_path / "gone.csv"])
    assert len(caught.value.faults) == 6
    assert "line 2: the unit '77'" in str(caught.value)
    assert "2 codes in ward_codes_2025 but 1 names" in str(caught.value)


def test_bytes_that_are_no_text_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    file.write_bytes(b"\xff\xfe\x00code")
    with pytest.raises(UnitFaults, match="not a CSV file in UTF-8"):
        read([file])
