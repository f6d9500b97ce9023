"""The public page: how a ticket stands by its reference, nothing about the person, and no guessing."""

from __future__ import annotations

import math

import pytest
from flask import Flask

from hotline.references import DIGITS, code_of, written
from hotline.settings import settings
from tests.softphone_panel.conftest import SignedIn
from tests.softphone_panel.test_tickets import ticket


def reference(label: str = "BP-3") -> str:
    return written(label, code_of(ticket().id, settings().var))


def test_a_citizen_reads_how_their_ticket_stands_and_nothing_about_anybody(
    app: Flask, signed_in: SignedIn
) -> None:
    assert reference() in signed_in("lan").get(f"/tickets/{ticket().id}").text
    stranger = app.test_client()
    assert stranger.get("/status").status_code == 200
    for typed in (reference(), reference().replace(" ", "").lower().replace("/", "-")):
        answer = stranger.post("/status", data={"reference": typed})
        assert answer.status_code == 200 and "BP-3" in answer.text and "Đang giao cho nơi" in answer.text
        row = ticket()
        for private in (row.caller_number, row.caller_number[-9:], row.reason, "Lê Thị Lan"):
            assert private and private not in answer.text


@pytest.mark.parametrize(
    "typed", ["", "BP-3", "BP-3 / 0000 0000 00000", "BP-3 / 123", "XX-3 / 0000 0000 00000", "9" * 80]
)
def test_a_wrong_reference_tells_nothing_and_how_to_mend_it(
    app: Flask, who: dict[str, int], typed: str
) -> None:
    answer = app.test_client().post("/status", data={"reference": typed})
    assert answer.status_code == 404 and "Không có phiếu với mã này" in answer.text


def test_a_code_belongs_to_one_ticket_and_has_more_than_40_bits(app: Flask, who: dict[str, int]) -> None:
    assert math.log2(10**DIGITS) > 40
    wrong = written("BP-4", code_of(ticket(3).id, settings().var))
    assert app.test_client().post("/status", data={"reference": wrong}).status_code == 404


def test_nobody_tries_often(app: Flask, who: dict[str, int]) -> None:
    client = app.test_client()
    tried = [
        client.post("/status", data={"reference": "BP-3 / 0000 0000 00000"}).status_code for _ in range(12)
    ]
    assert tried[:10] == [404] * 10 and tried[10:] == [429] * 2
