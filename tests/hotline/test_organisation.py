"""Who answers for a matter at a place on a day, who stands above whom, and whom to ring there."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hotline import agencies, unit_files
from hotline.directory import Shift
from hotline.geography import Geography
from hotline.organisation import ALL, STATION, Agency, Contact, Organisation, Responsibility, of
from hotline.settings import PROJECT

DAY, AFTER = date(2021, 8, 15), date(2025, 7, 2)
END, BEGIN = date(2025, 6, 30), date(2025, 7, 1)
HOTLINE = "binhphuoc"
UNITS = [
    PROJECT / "installation" / "units" / name for name in ("admin_units.csv", "admin_units_2025_mapping.csv")
]


def _team(key: str, unit: str, level: str, above: str = "", **more: object) -> Agency:
    values: dict[str, object] = {"kind": "team", "numbers": ("0913000001",), "valid_to": END} | more
    return Agency(key=key, hotline=HOTLINE, name=f"Đội {key}", level=level, unit=unit, above=above, **values)  # type: ignore[arg-type]  # values by name


AGENCIES = (
    _team("xa", "25216", "commune", "huyen"),
    _team("huyen", "688", "district", "tinh", kind="centre"),
    _team("tinh", "70", "province"),
    _team("phuong-moi", "25217", "commune", "tinh-moi", valid_from=BEGIN, valid_to=None),
    _team("tinh-moi", "75", "province", valid_from=BEGIN, valid_to=None),
    _team("khac", "688", "district"),
)
RESPONSIBILITIES = (
    Responsibility((ALL,), "70", "tinh"),
    Responsibility(("relief", "violation"), "25216", "xa"),
    Responsibility(("relief",), "688", "huyen"),
    Responsibility(("relief",), "25217", "phuong-moi", BEGIN),
    Responsibility((ALL,), "75", "tinh-moi", BEGIN),
)


@pytest.fixture(scope="module")
def house() -> Organisation:
    book = unit_files.read(UNITS)
    return of(AGENCIES, RESPONSIBILITIES, Geography(book.units, book.successors))


def _keys(found: tuple[Agency, ...]) -> list[str]:
    return [agency.key for agency in found]


def test_the_nearest_who_answers_for_the_matter_comes_first(house: Organisation) -> None:
    assert _keys(house.responsible(HOTLINE, "relief", "25216", DAY)) == ["xa", "huyen", "tinh"]
    assert _keys(house.responsible(HOTLINE, "violation", "25216", DAY)) == ["xa", "tinh"]
    assert _keys(house.responsible(HOTLINE, "investment", "25216", DAY)) == ["tinh"]


def test_another_hotline_and_an_unknown_place_have_nobody(house: Organisation) -> None:
    assert house.responsible("binhduong", "relief", "25216", DAY) == ()
    assert house.responsible(HOTLINE, "relief", "99999", DAY) == ()


def test_the_same_place_after_the_merger_is_another_units_matter(house: Organisation) -> None:
    found = house.responsible(HOTLINE, "relief", "25216", AFTER, written_on=END)
    assert _keys(found) == ["phuong-moi", "tinh-moi"]
    # The code of the new ward was an old one's: the day says which is meant.
    assert _keys(house.responsible(HOTLINE, "relief", "25217", DAY)) == ["huyen", "tinh"]


def test_the_ladder_climbs_over_who_is_switched_off(house: Organisation) -> None:
    assert _keys(house.ladder("xa", DAY)) == ["huyen", "tinh"]
    off = [
        a if a.key != "huyen" else _team("huyen", "688", "district", "tinh", active=False) for a in AGENCIES
    ]
    without = of(off, RESPONSIBILITIES, house.geography)
    assert _keys(without.ladder("xa", DAY)) == ["tinh"]
    assert _keys(without.responsible(HOTLINE, "relief", "25216", DAY)) == ["xa", "tinh"]
    assert _keys(house.below("huyen", DAY)) == ["xa"]


def test_a_ladder_that_leads_in_a_circle_ends() -> None:
    circle = of([_team("a", "70", "province", "b"), _team("b", "70", "province", "a")], (), Geography({}, {}))
    assert _keys(circle.ladder("a", DAY)) == ["b"]
    assert circle.ladder("nobody", DAY) == ()


def test_who_is_on_duty_is_rung_before_the_numbers_and_outside_their_hours_not() -> None:
    shift = Shift("trưởng đội", "0913000002", begins=time(7), ends=time(19))
    team = _team("a", "70", "province", numbers=("0913000001", "0913000002"), shifts=(shift,))
    by_day, by_night = datetime(2021, 8, 15, 3, tzinfo=UTC), datetime(2021, 8, 15, 15, tzinfo=UTC)
    here = of([team], (), Geography({}, {}))
    assert [line.number for line in here.numbers("a", by_day)] == ["0913000002", "0913000001"]
    assert [line.number for line in here.numbers("a", by_night)] == ["0913000001"]
    assert here.numbers("nobody", by_day) == ()


def test_rows_give_back_what_was_written_and_keep_the_name_of_what_is_gone(database: Engine) -> None:
    whole = _team(
        "xa", "25216", "commune", "tinh", capacity=3, languages=("vi", "en"),
        shifts=(Shift("đội trưởng", "0913000002", frozenset({1, 7}), time(7), time(19)),),
        contacts=(Contact("Văn phòng", number="02713000001", email="xa@example.vn"),),
    )  # fmt: skip
    mine = (Responsibility(("relief", "other"), "25216", "xa", DAY, END),)
    with Session(database) as session:
        agencies.write(session, HOTLINE, (whole, _team("tinh", "70", "province")), mine)
        agencies.write(session, "binhduong", (), ())
        session.commit()
        found = agencies.organisation(session)
        assert found.agencies["xa"] == whole and found.responsibilities == mine
        agencies.write(session, HOTLINE, (_team("tinh", "70", "province"),), ())
        session.commit()
        assert set(agencies.organisation(session).agencies) == {"tinh"}
        gone = session.get(agencies.AgencyRow, "xa")
        assert gone is not None and gone.removed and gone.name == whole.name


def _station(key: str, unit: str, level: str, above: str = "") -> Agency:
    return _team(key, unit, level, above, kind=STATION, numbers=("02713000001",), valid_to=None)


@pytest.fixture(scope="module")
def with_stations(house: Organisation) -> Organisation:
    stations = (
        _station("tram", "25217", "commune", "huyen"),
        _station("ttyt", "688", "district"),
        _station("bv", "70", "province"),
    )
    return replace(
        house, agencies={**house.agencies, **{one.key: one for one in stations}},
        served={one.unit: (one.key,) for one in stations}, medical=frozenset({"suspected_case"}),
        responsibilities=(*house.responsibilities, Responsibility(("suspected_case",), "25216", "xa")),
    )  # fmt: skip


def test_a_station_answers_for_what_is_medical_in_its_unit_where_no_agency_is_nearer(
    with_stations: Organisation,
) -> None:
    asked = with_stations.responsible
    assert _keys(asked(HOTLINE, "suspected_case", "25217", DAY)) == ["tram", "ttyt", "tinh", "bv"]
    assert _keys(asked(HOTLINE, "suspected_case", "25216", DAY)) == ["xa", "tinh"]
    assert _keys(asked(HOTLINE, "relief", "25217", DAY)) == ["huyen", "tinh"]
    assert asked("binhduong", "suspected_case", "25217", DAY) == ()


def test_stations_of_the_database_are_among_those_who_answer(database: Engine) -> None:
    from hotline.database import transaction
    from hotline.stations import StationRow

    with transaction(database) as session:
        for key, active in (("tram", True), ("nghi", False)):
            session.add(
                StationRow(
                    key=key, hotline=HOTLINE, name=f"Trạm {key}", level="commune", units=["25217"], numbers=["02713000001"],
                    active=active,
                )
            )  # fmt: skip
        agencies.write(session, HOTLINE, AGENCIES, RESPONSIBILITIES)
        unit_files.load(session, UNITS)
    with transaction(database) as session:
        whole = agencies.organisation(session, DAY)
        assert _keys(whole.responsible(HOTLINE, "suspected_case", "25217", DAY)) == ["tram", "tinh"]
        assert _keys(whole.ladder("tram", DAY))[:1] == ["huyen"]
        assert agencies.names(session, ["tram", "tinh"]) == {"tram": "Trạm tram", "tinh": "Đội tinh"}
