"""Stations in the browser: found, changed as drafts, refused when nobody could dial them, followed by the next hand-over, undone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from front_door import preparation
from hotline import documents, installation, unit_files
from hotline.database import reading, transaction
from hotline.directory import Directory
from hotline.in_force import InForce
from hotline.installation import read as read_installation
from hotline.settings import PROJECT, settings
from hotline.station_documents import STATION
from hotline.stations import ShiftRow, StationRow, directory
from hotline.units import VIETNAM
from ivr import call_control
from tests.softphone_panel.conftest import Client, SignedIn, hidden

KEY = "ttyt-phuoc-long"
PAGE = f"/settings/station/{KEY}"
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=VIETNAM)
INSTALLATION = read_installation(PROJECT / "installation" / "demo.toml")
BINH_PHUOC = INSTALLATION.hotline("binhphuoc")


pytestmark = pytest.mark.usefixtures("stations_loaded")


@pytest.fixture
def stations_loaded(who: object) -> None:
    """Units and stations as set-up loads them."""
    with transaction() as session:
        unit_files.load(session, INSTALLATION.units)
    preparation.stations(settings())


def form_of(key: str, **changed: Any) -> dict[str, Any]:
    """What a browser sends of the station's form, with some fields typed anew."""
    with reading() as session:
        house = documents.house(session, settings().installation)
        draft = documents.draft(session, STATION, key)
        content = {**(draft.content if draft is not None else house.content(STATION, key)), **changed}
    typed: dict[str, Any] = {name: content.get(name, "") for name in ("name", "hotline", "level", "phone")}
    typed["language"] = content.get("language", "vi")
    typed |= {"units": content.get("units", []), "numbers": "\n".join(content.get("numbers", []))}
    typed |= {f"neighbours-{n}": value for n, value in enumerate(content.get("neighbours", []))}
    for n, duty in enumerate(content.get("duty", [])):
        days = [str(day) for day in duty["days"]]
        typed |= {f"{name}-{n}": duty[name] for name in ("who", "number", "from", "to")} | {f"days-{n}": days}
    return typed | ({"active": "yes"} if content.get("active", True) else {})


def post(client: Client, path: str, act: str = "", **data: Any) -> tuple[int, str]:
    seen = hidden(client.get(path).text, "seen")
    answer = client.post(path + act, data={"seen": seen, **data})
    return answer.status_code, client.get(path).text if answer.status_code == 303 else answer.text


def saved(client: Client, key: str = KEY, **changed: Any) -> str:
    status, page = post(client, f"/settings/station/{key}", **form_of(key, **changed))
    assert status == 303
    return page


def known() -> Directory:
    with reading() as session:
        return directory(session)


def numbers(unit: str = "688", at: datetime = MONDAY) -> list[str]:
    return [line.number for line in known().chain(BINH_PHUOC, unit, at)]


def test_the_form_sent_as_it_is_changes_nothing(signed_in: SignedIn) -> None:
    assert "Không khác bản đang dùng" in saved(signed_in("quantri"))


def test_a_number_is_a_draft_that_rings_nobody_then_published_then_undone(signed_in: SignedIn) -> None:
    client, before = signed_in("quantri"), numbers()
    page = saved(client, numbers=["02713568019", "02713568012"])
    assert numbers() == before
    assert "<ins>02713568019</ins>" in page and "<del>02713568011</del>" in page
    assert post(client, PAGE, "/publish", note="đổi số")[0] == 303
    assert numbers() == [n.replace("02713568011", "02713568019") for n in before]
    page = client.get(PAGE).text
    assert "quantri" in page and "đổi số" in page
    assert post(client, PAGE, "/undo", number="0")[0] == 303
    assert numbers() == before


def test_the_preview_shows_whom_a_caller_would_meet_before_anything_is_published(signed_in: SignedIn) -> None:
    page = saved(signed_in("quantri"), neighbours=["ttyt-binh-long"])
    chains = page[page.index("Lúc này ai được gọi") : page.index("form-title")]
    assert "Thị xã Bình Long" in chains or "thị xã Bình Long" in chains
    assert "<b>mới</b>" in chains


def test_a_number_that_cannot_be_dialled_stays_a_draft_and_the_page_says_why(signed_in: SignedIn) -> None:
    client, before = signed_in("quantri"), numbers()
    page = saved(client, numbers=["12"])
    assert "số “12” không quay được" in page
    status, page = post(client, PAGE, "/publish")
    assert status == 422
    assert "Chưa công bố được" in page
    assert numbers() == before


def test_a_station_that_rests_is_in_no_chain_and_stays_in_the_list(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    saved(client, active=False)
    assert post(client, PAGE, "/publish")[0] == 303
    assert "02713568011" not in numbers()
    assert "tạm ngừng nhận" in client.get("/stations?text=phuoc+long").text


def test_the_duty_roster_of_the_page_decides_who_is_rung_at_that_hour(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    duty = [
        {"who": "Bs. Mai", "number": "0913566881", "days": [1], "from": "07:00", "to": "19:00"},
        {"who": "Bs. Nam", "number": "0913566882", "days": [1, 2], "from": "19:00", "to": "07:00"},
    ]
    saved(client, duty=duty)
    assert post(client, PAGE, "/publish")[0] == 303
    assert numbers()[0] == "0913566881"
    assert numbers(at=MONDAY.replace(hour=20))[0] == "0913566882"
    page = client.get("/stations/chain?place=phuoc+long&hotline=binhphuoc&level=RED&at=2026-03-02T20:00").text
    assert page.index("Bs. Nam") < page.index("02713568011")
    assert "Bs. Mai" not in page
    assert "Đỏ: sau 10 giây" in page


@pytest.mark.usefixtures("stations_loaded")
def test_a_new_station_begins_as_a_draft_and_is_gone_when_its_first_publication_is_undone(
    signed_in: SignedIn,
) -> None:
    client = signed_in("quantri")
    form = {"name": "Trạm Y tế xã Mới", "hotline": "binhphuoc", "level": "commune"}
    assert client.post("/stations", data={**form, "name": ""}).status_code == 422
    place = client.post("/stations", data=form).headers["Location"]
    key = "tram-y-te-xa-moi"
    assert place == f"/settings/station/{key}"
    assert "có bản nháp của quantri" in client.get("/stations?text=xa+moi").text
    assert post(client, place, "/publish")[0] == 422
    saved(client, key, units=["25195"], numbers=["02713569099"])
    assert "02713569099" not in numbers("25195")
    assert post(client, place, "/publish")[0] == 303
    assert "02713569099" in numbers("25195")
    assert post(client, place, "/undo", number="0")[0] == 303
    assert "02713569099" not in numbers("25195")
    assert "Trạm Y tế xã Mới" not in client.get("/stations").text
    assert client.post("/stations", data=form).headers["Location"] == f"/settings/station/{key}-2"


def test_a_new_start_loads_what_was_published_and_not_the_files_alone(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    saved(client, numbers=["02713568019"])
    post(client, PAGE, "/publish")
    preparation.stations(settings())
    assert "02713568019" in numbers()
    with reading() as session:
        assert len(session.scalars(select(StationRow)).all()) == 40
        assert len(session.scalars(select(ShiftRow)).all()) == 22


def test_a_broken_file_is_told_on_the_pages_and_nothing_is_published_over_it(
    signed_in: SignedIn, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in("quantri")
    saved(client, numbers=["02713568019"])
    before = numbers()
    file = house / "broken.toml"
    file.write_text("[station.x\n", encoding="utf-8")
    raw = {**installation.raw(settings().installation), "stations": [str(file)]}
    monkeypatch.setattr(installation, "raw", lambda path: raw)
    for path in ("/stations", "/settings"):
        assert "Tệp trạm broken.toml không đọc được" in client.get(path).text
    assert "40 trong 40 trạm" in client.get("/stations").text
    ready = client.get("/ready").get_json()
    assert "the last known stations stand" in ready["parts"]["stations"]
    assert post(client, PAGE, "/publish")[0] == 422
    assert "Sửa tệp trước rồi công bố." in client.get(PAGE).text
    assert numbers() == before


def test_calls_reads_the_stations_again_as_soon_as_one_was_published(signed_in: SignedIn) -> None:
    in_force = InForce(settings())
    in_force.look()
    told: list[object] = []
    in_force.on_change(told.append)
    client = signed_in("quantri")
    saved(client, numbers=["02713568019"])
    assert not in_force.look()
    post(client, PAGE, "/publish")
    assert in_force.look()
    assert told
    chain = call_control._directory().chain(BINH_PHUOC, "688", MONDAY)
    assert "02713568019" in [line.number for line in chain]


def test_stations_are_found_by_place_number_and_person_with_or_without_marks(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    for text in ("phước long", "phuoc long", "0913566882", "bac si truc dem", "ttyt-phuoc"):
        page = client.get("/stations", query_string={"text": text}).text
        assert "Trung tâm Y tế thị xã Phước Long" in page, text
    assert "Không có trạm nào khớp" in client.get("/stations?text=zzz").text
    assert client.get("/stations?hotline=binhduong").text.count('href="/settings/station/') == len(
        [s for s in known() if s.hotline == "binhduong"]
    )
    units = client.get("/stations/units?unit_search=loc+ninh").text
    assert 'name="units"' in units


def test_supervisors_see_stations_and_only_administrators_change_them(signed_in: SignedIn) -> None:
    assert signed_in("lan").get("/stations").status_code == 403
    client = signed_in("truongca")
    assert client.get(PAGE).status_code == 200
    assert "Thêm trạm" not in client.get("/stations").text
    assert client.get("/stations/new").status_code == 403
    assert client.post(PAGE, data={"seen": "0.0"}).status_code == 403
    assert client.get("/stations/chain?at=gestern").status_code == 200
