"""A station's own page: what it may see before and after its yes, and what its buttons ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from hotline import events as e
from hotline import station_files, ticket_fields
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.installation import read
from hotline.operators import Operator, Role
from hotline.record import apply
from hotline.settings import PROJECT
from hotline.tickets import Ticket, TicketEntry
from softphone_panel.hub import Browser, message
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import Client, SignedIn, hidden

NUMBER, NAME = "+84865432109", "Nguyễn Thị Bí Mật"
STATION, OTHER = "ttyt-dong-xoai", "ttyt-phuoc-long"
CARD = {
    "situation": f"{NAME} gọi từ 0865 432 109, khó thở. Ở Phường Tân Phú.",
    "assessment": "Đỏ", "acuity": "RED", "branch": "medical", "age_band": "elder",
}  # fmt: skip


@pytest.fixture
def call_id(who: dict[str, int]) -> str:
    """A caller of the morning who is offered to the station; two stations' accounts are there."""
    installation = read(PROJECT / "installation" / "demo.toml")
    with transaction() as session:
        station_files.load(session, installation.stations, {h.key for h in installation.hotlines})
        for name, key in (("tram", STATION), ("tram2", OTHER)):
            session.add(
                Operator(
                    username=name, full_name="Trạm", role=Role.STATION, password_hash=rows._HASH, station=key
                )
            )  # fmt: skip
        ticket = session.scalars(select(Ticket).where(Ticket.caller_number == NUMBER)).one()
        ticket_fields.save(session, ticket.id, "patient_name", NAME, seen=0, by="lan", at=e.now())
        call, operator = ticket.call_id, who["lan"]
        asked = e.TransferAsked(
            call_id=call, transfer_id=f"x-{call}-1", kind="warm", state="ringing", operator_id=operator, card=CARD
        )  # fmt: skip
        apply(session, asked)
    tried(call, "ringing")
    return call


def tried(call_id: str, state: str, station: str = STATION) -> None:
    with transaction() as session:
        apply(
            session,
            e.StationTried(
                call_id=call_id, transfer_id=f"x-{call_id}-1", leg_id=f"chain-{call_id}-1", name="Trạm A", number="1",
                place=0, state=state, station=station,
            ),
        )  # fmt: skip


def viewings(call_id: str) -> list[str]:
    with reading() as session:
        kinds = select(TicketEntry.actor).where(
            TicketEntry.ticket_id == f"t-{call_id}", TicketEntry.kind == "ticket_viewed"
        )
        return list(session.scalars(kinds))


def test_before_its_yes_a_station_reads_the_card_without_name_and_number(
    call_id: str, signed_in: SignedIn
) -> None:
    page = signed_in("tram").get("/station").text
    assert "khó thở. Ở Phường Tân Phú." in page
    assert "từ 60 tuổi" in page
    for told in (NAME, "0865", "432", NUMBER[3:]):
        assert told not in page, told
    assert viewings(call_id) == []


def test_after_its_yes_it_reads_whom_to_help_and_that_is_on_record(call_id: str, signed_in: SignedIn) -> None:
    client = signed_in("tram")
    tried(call_id, "accepted")
    page = client.get("/station/offers").text
    assert "0865432109" in page
    assert NAME in page
    assert "Lê Thị Lan" in page
    assert viewings(call_id) == ["tram"]
    with transaction() as session:
        apply(session, e.TransferMoved(call_id=call_id, transfer_id=f"x-{call_id}-1", state="handed_over"))
    assert "Bạn nói với người dân" in client.get("/station/offers").text
    with transaction() as session:
        apply(session, e.CallEnded(call_id=call_id, reason="served", heard_s=60))
    ended = client.get("/station/offers").text
    assert "Cuộc gọi đã kết thúc" in ended
    assert "0865432109" in ended, "the station may have to ring them"


def test_a_station_sees_only_what_is_offered_to_it_and_no_other_page(
    call_id: str, signed_in: SignedIn
) -> None:
    other = signed_in("tram2")
    assert "khó thở" not in other.get("/station").text
    for path in ("/desk", "/my-desk", "/tickets", f"/tickets/t-{call_id}", "/recordings", "/wallboard/tv"):
        assert other.get(path).status_code == 403, path
    assert other.get("/").headers["Location"] == "/station"
    assert signed_in("lan").get("/station").status_code == 403


@pytest.mark.parametrize(
    ("what", "kind"),
    [("accept", "station_accept"), ("decline", "station_decline"), ("repeat", "station_repeat")],
)
def test_its_buttons_ask_for_what_the_keys_of_the_telephone_do(
    call_id: str, signed_in: SignedIn, what: str, kind: str
) -> None:
    client = signed_in("tram")
    tried(call_id, "briefing")
    page = client.get("/station").text
    data = {name: hidden(page, name, f"/station/answer/{what}") for name in ("click_id", "call_id", "leg_id")}
    for _ in range(2):  # a double click
        assert client.post(f"/station/answer/{what}", data=data).status_code == 303
    with reading() as session:
        asked = session.scalars(select(DeskCommand)).all()
    assert [(c.kind, c.body["leg_id"]) for c in asked] == [(kind, f"chain-{call_id}-1")]


def test_an_ended_offer_is_no_more_on_the_page_and_stands_among_the_past_ones(
    call_id: str, signed_in: SignedIn
) -> None:
    client = signed_in("tram")
    tried(call_id, "no_answer")
    page = client.get("/station").text
    assert "/station/answer/" not in page
    assert "không nghe máy" in page


def test_a_stations_stream_tells_of_its_own_hand_overs_only() -> None:
    def change(number: int, body: str) -> bool:
        told = message(f"{number}-0", {"body": body})
        assert told is not None
        return browser.wants(told)

    browser = Browser("9", (), STATION)
    assert not change(1, '{"event": "CallArrived", "call_id": "c1"}')
    assert not change(2, '{"event": "StationTried", "call_id": "c1", "station": "ttyt-phuoc-long"}')
    assert change(3, '{"event": "StationTried", "call_id": "c2", "station": "ttyt-dong-xoai"}')
    assert change(4, '{"event": "TransferMoved", "call_id": "c2"}')


def test_an_administrator_makes_a_stations_account_and_must_name_the_station(
    call_id: str, signed_in: SignedIn, house: Path
) -> None:
    client = signed_in("quantri")
    data = {"full_name": "Trạm mới", "username": "trammoi", "role": "station"}
    refused = client.post("/people", data=data)
    assert refused.status_code == 422
    assert "hãy chọn trạm" in refused.text
    assert client.post("/people", data={**data, "station": OTHER}).status_code == 200
    with reading() as session:
        row = session.scalars(select(Operator).where(Operator.username == "trammoi")).one()
        assert (row.role, row.station) == ("station", OTHER)


def test_a_station_can_go_on_duty_and_is_no_operator_of_the_hotline(
    call_id: str, signed_in: SignedIn
) -> None:
    client: Client = signed_in("tram")
    page = client.get("/station").text
    data = {"kind": "sign_in", "click_id": hidden(page, "click_id", "/desk/command"), "phone": "104"}
    with transaction() as session:
        apply(session, e.OperatorChanged(operator_id=1, state="offline"), "calls")
    answer = client.post("/desk/command", data=data)
    assert answer.status_code in (303, 422), answer.text
    assert "Trạm" not in signed_in("truongca").get("/desk/board").text
