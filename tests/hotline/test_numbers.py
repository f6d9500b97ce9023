"""Every way a carrier writes a number, and any text at all."""

import csv
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hotline.installation import read
from hotline.numbers import CallerNumber, NumberKind, caller
from hotline.settings import PROJECT

with (Path(__file__).parent.parent / "data" / "phone_cases.csv").open(encoding="utf-8") as file:
    CASES = list(csv.DictReader(file))
CALLERS = [case for case in CASES if case["role"] == "CLI"]
CALLED = [case for case in CASES if case["role"] == "DNIS"]
ALIASES = read(PROJECT / "installation" / "demo.toml").aliases


def test_all_rows_are_here() -> None:
    assert len(CALLERS) + len(CALLED) == 32


@pytest.mark.parametrize("case", CALLED, ids=lambda case: case["input"])
def test_a_called_number_finds_its_hotline(case: dict[str, str]) -> None:
    digits = "".join(c for c in case["input"] if c.isdigit())
    assert ALIASES.get(digits, "") == case["kind"].partition(":")[2]


@pytest.mark.parametrize("case", CALLERS, ids=lambda case: case["input"])
def test_a_caller_is_known_however_the_carrier_writes_the_number(case: dict[str, str]) -> None:
    kind = NumberKind(case["kind"].partition(":")[0])
    assert caller(case["input"]) == CallerNumber(kind, case["e164"], case["national"])


@pytest.mark.parametrize(
    "text", ["Anonymous", "restricted", "unavailable", "UNKNOWN", "private", "", "  "], ids=repr
)
def test_a_withheld_number_is_not_an_invalid_one(text: str) -> None:
    assert caller(text).kind == NumberKind.WITHHELD


def test_the_same_person_is_one_number_in_every_writing() -> None:
    writings = ("0912345678", "84912345678", "+84912345678", "0084912345678", "912345678", "0912.345.678")
    assert {caller(text).e164 for text in writings} == {"+84912345678"}


@example("+43000000")
@given(st.text(max_size=6000) | st.from_regex(r"[+0]?[0-9]{1,15}", fullmatch=True))
def test_any_text_is_some_kind_of_caller(text: str) -> None:
    found = caller(text)
    assert found.kind in NumberKind
    assert bool(found.e164) == (found.kind in (NumberKind.MOBILE, NumberKind.LANDLINE, NumberKind.FOREIGN))
    if found.e164:
        assert caller(found.e164) == found
