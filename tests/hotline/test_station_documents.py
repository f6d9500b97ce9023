"""What speaks against publishing a station; the first values are the files'."""

from __future__ import annotations

from typing import Any

import pytest

from hotline import documents, installation
from hotline.documents import House
from hotline.settings import PROJECT
from hotline.station_documents import STATION, stations

PATH = PROJECT / "installation" / "demo.toml"
HOUSE = House(installation.raw(PATH), PATH)
KEY = "ttyt-phuoc-long"


def told(key: str, content: dict[str, Any]) -> str:
    return " ".join(fault.vi for fault in documents.faults(HOUSE, STATION, key, content))


def test_what_the_files_say_has_no_fault() -> None:
    for key in STATION.keys(HOUSE):
        assert told(key, HOUSE.content(STATION, key)) == ""
    assert len(stations(HOUSE)) == 40


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"numbers": ["12"]}, "số “12” không quay được"),
        ({"numbers": ["+84913566881"]}, "Nay là 0913566881"),
        ({"numbers": ["01653566881"]}, "Nay là 0353566881"),
        ({"numbers": ["19001234"]}, "không quay được"),
        ({"numbers": [], "duty": []}, "không ai gọi được"),
        ({"duty": [{"who": "ai đó", "number": "0913", "days": [1], "from": "07:00", "to": "19:00"}]}, "“0913” không quay"),
        ({"duty": [{"who": "ai đó", "number": "0913566881", "days": [], "from": "07:00", "to": "19:00"}]}, "chưa chọn thứ"),
        ({"units": ["688", "99999"]}, "không có địa bàn mã 99999"),
        ({"neighbours": ["nowhere"]}, "không có trạm bên cạnh"),
        ({"phone": "999"}, "không có máy 999"),
        ({"name": "x"}, "Ô “Tên trạm”"),
    ],
    ids=["short", "abroad's form", "old mobile", "paid", "nobody", "duty's number", "no days", "unit", "neighbour", "phone", "name"],
)  # fmt: skip
def test_what_nobody_could_dial_or_find_is_told_in_a_sentence(changed: dict[str, Any], sentence: str) -> None:
    said = documents.faults(HOUSE, STATION, KEY, {**HOUSE.content(STATION, KEY), **changed})
    assert sentence in " ".join(fault.vi for fault in said)
    assert all(fault.en.startswith(f"[station.{KEY}]") for fault in said)


def test_a_station_that_others_name_as_neighbour_cannot_vanish_and_may_rest() -> None:
    assert "ttyt-dong-xoai" in told("ttyt-dong-xoai", {})
    resting = {**HOUSE.content(STATION, "ttyt-dong-xoai"), "active": False}
    assert told("ttyt-dong-xoai", resting) == ""
    assert "ttyt-dong-xoai" not in {
        s.key for s in stations(HOUSE.with_content(STATION, "ttyt-dong-xoai", resting))
    }


def test_a_station_that_is_not_there_is_no_fault_and_what_is_wrong_elsewhere_is_not_ones_own() -> None:
    assert told("moi", {}) == ""
    broken = HOUSE.with_content(STATION, KEY, {"name": "?"})
    good = {**HOUSE.content(STATION, "ttyt-loc-ninh"), "numbers": ["02713568099"]}
    assert documents.faults(broken, STATION, "ttyt-loc-ninh", good) == []
