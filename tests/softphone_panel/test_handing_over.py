"""Handing over on the operator's own page: stations suggested and searched, wishes that can be, clicks that become rows."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from hotline import events as e
from hotline import station_files, ticket_fields
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.installation import read
from hotline.operators import OperatorPresence
from hotline.record import apply
from hotline.settings import PROJECT
from hotline.tickets import Ticket
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import Client, SignedIn, hidden


@pytest.fixture
def talking(signed_in: SignedIn, who: dict[str, int]) -> tuple[Client, str]:
    """Somebody who talks with a caller, and the call's id; the demo's stations are loaded."""
    installation = read(PROJECT / "installation" / "demo.toml")
    with transaction() as session:
        station_files.load(session, installation.stations, {h.key for h in installation.hotlines})
        found = session.scalars(
            select(OperatorPresence)
            .where(OperatorPresence.state == "talking")
            .order_by(OperatorPresence.operator_id)
        ).first()
        assert found is not None
        username = next(name for name, number in who.items() if number == found.operator_id)
        call_id = found.call_id
    return signed_in(username), call_id


def asked() -> list[tuple[str, dict[str, object]]]:
    with reading() as session:
        return [(c.kind, c.body) for c in session.scalars(select(DeskCommand).order_by(DeskCommand.id))]


def in_state(call_id: str, operator: int | None, *states: str, kind: str = "warm") -> None:
    with transaction() as session:
        apply(
            session,
            e.TransferAsked(
                call_id=call_id,
                transfer_id=f"x-{call_id}-1",
                kind=kind,
                state=states[0],
                operator_id=operator,
            ),
        )
        for state in states[1:]:
            apply(session, e.TransferMoved(call_id=call_id, transfer_id=f"x-{call_id}-1", state=state))


def operator_of(call_id: str) -> int:
    with reading() as session:
        row = session.scalars(select(OperatorPresence).where(OperatorPresence.call_id == call_id)).first()
        assert row is not None
        return row.operator_id


def test_the_stations_of_the_callers_place_come_first_and_the_card_is_filled(
    talking: tuple[Client, str],
) -> None:
    client, call_id = talking
    with transaction() as session:
        ticket = session.scalars(select(Ticket).where(Ticket.call_id == call_id)).one()
        ticket.unit_code = "689" if ticket.hotline == "binhphuoc" else "718"
        wanted = "Đồng Xoài" if ticket.hotline == "binhphuoc" else "Thủ Dầu Một"
    page = client.get("/my-desk/transfer").text
    first = re.findall(r'name="station"[^>]*> ([^<]*)<small>', page)[0]
    assert wanted in first
    assert "đúng địa bàn" in page
    assert re.search(r'name="situation"[^>]*>[^<]{10,}<', page)


def test_a_station_is_found_by_its_name_without_diacritics(talking: tuple[Client, str]) -> None:
    client, _ = talking
    found = client.get("/my-desk/transfer/stations?wanted=trung tam").text
    assert "Trung tâm Y tế" in found
    assert "Trạm Y tế" not in found
    assert "Không có trạm nào tên" in client.get("/my-desk/transfer/stations?wanted=zzz").text


def test_a_click_becomes_one_command_with_the_card(talking: tuple[Client, str]) -> None:
    client, call_id = talking
    page = client.get("/my-desk/transfer").text
    station = re.findall(r'name="station" value="([^"]+)"', page)[0]
    data = {
        "call_id": call_id, "click_id": hidden(page, "click_id"), "station": station, "situation": "Khó thở", "age_band": "elder",
    }  # fmt: skip
    for _ in range(2):
        assert client.post("/my-desk/transfer", data=data).status_code == 303
    ((kind, body),) = asked()
    assert kind == "transfer_ask"
    assert body["station"] == station
    assert body["card"] == {
        "situation": "Khó thở",
        "background": "",
        "assessment": "",
        "recommendation": "",
        "age_band": "elder",
    }


@pytest.mark.parametrize(
    ("states", "disabled"),
    [
        (("ringing",), {"merge"}),
        (("ringing", "private"), set()),
        (("ringing", "private", "together"), {"merge"}),
    ],
    ids=lambda v: "-".join(sorted(v)) or "none",
)
def test_what_cannot_be_cannot_be_pressed(
    talking: tuple[Client, str], states: tuple[str, ...], disabled: set[str]
) -> None:
    client, call_id = talking
    in_state(call_id, operator_of(call_id), *states)
    page = client.get("/my-desk/transfer").text
    buttons = re.findall(r'id="transfer-(toggle|merge|leave|cancel)"( disabled title="[^"]+\.")?', page)
    assert {name for name, _ in buttons} == {"toggle", "merge", "leave", "cancel"}
    assert {name for name, off in buttons if off} == disabled


def test_a_station_from_which_nothing_comes_is_said_to_be_silent_until_it_is_heard_again(
    talking: tuple[Client, str],
) -> None:
    client, call_id = talking
    in_state(call_id, operator_of(call_id), "ringing", "private")
    for why, silent in (("station_silent", True), ("station_heard", False)):
        with transaction() as session:
            moved = e.TransferMoved(call_id=call_id, transfer_id=f"x-{call_id}-1", state="private", why=why)
            apply(session, moved)
        page = client.get("/my-desk/transfer").text
        assert ("Không nghe thấy máy bên kia" in page) is silent
    assert "không có tiếng từ máy bên kia" in client.get(f"/tickets/t-{call_id}").text


def test_a_wish_carries_the_state_the_page_showed(talking: tuple[Client, str]) -> None:
    client, call_id = talking
    in_state(call_id, operator_of(call_id), "ringing", "private")
    page = client.get("/my-desk/transfer").text
    click = hidden(page, "click_id", "/my-desk/transfer/merge")
    data = {"call_id": call_id, "click_id": click, "seen": "private"}
    assert client.post("/my-desk/transfer/merge", data=data).status_code == 303
    ((kind, body),) = asked()
    assert (kind, body["call_id"], body["seen"]) == ("transfer_merge", call_id, "private")


def test_a_call_that_is_at_another_desk_cannot_be_handed_over(talking: tuple[Client, str]) -> None:
    client, _ = talking
    data = {"call_id": "n1-1.1", "click_id": "0123456789abcdef", "station": "ttyt-dong-xoai"}
    answer = client.post("/my-desk/transfer", data=data)
    assert answer.status_code == 409
    assert "không còn ở bàn của bạn" in answer.text
    assert client.post("/my-desk/transfer/fly", data=data).status_code >= 400
    assert asked() == []


def test_the_tickets_story_tells_the_hand_over(talking: tuple[Client, str]) -> None:
    client, call_id = talking
    in_state(call_id, operator_of(call_id), "ringing", "private")
    with transaction() as session:
        apply(
            session,
            e.StationTried(
                call_id=call_id,
                transfer_id=f"x-{call_id}-1",
                leg_id="chain-1",
                name="Trạm A",
                number="1",
                place=0,
                state="accepted",
            ),
        )
        ticket_id = session.scalars(select(Ticket.id).where(Ticket.call_id == call_id)).one()
    story = client.get(f"/tickets/{ticket_id}").text
    assert "Trạm A: đã nhận." in story
    assert "người dân nghe nhạc" in story
    assert rows.PASSWORD not in story


def test_the_time_from_the_first_ring_to_the_yes_is_measured(talking: tuple[Client, str]) -> None:
    client, call_id = talking
    in_state(call_id, operator_of(call_id), "ringing")
    at = e.now()

    def tried(state: str, after_s: float) -> e.StationTried:
        return e.StationTried(
            call_id=call_id, transfer_id=f"x-{call_id}-1", leg_id="chain-1", name="Trạm A", number="1", place=0,
            state=state, at=at + timedelta(seconds=after_s),
        )  # fmt: skip

    with transaction() as session:
        for fact in (tried("ringing", 0), tried("briefing", 5), tried("accepted", 29)):
            apply(session, fact)
    measured = client.get("/metrics").text
    assert re.search(r'hotline_today_accepted_in_target\{hotline="\w+",kind="warm"\} 1\.0', measured), (
        measured
    )
    assert re.search(r'hotline_today_hand_overs\{hotline="\w+",kind="warm",state="ringing"\} 1\.0', measured)


def test_a_colleague_who_is_free_can_be_asked_to_join(
    talking: tuple[Client, str], who: dict[str, int]
) -> None:
    client, call_id = talking
    with reading() as session:
        free = set(
            session.scalars(select(OperatorPresence.operator_id).where(OperatorPresence.state == "available"))
        )
    page = client.get("/my-desk/transfer").text
    offered = {int(found) for found in re.findall(r'<option value="(\d+)">', page)}
    assert offered <= free
    click = hidden(page, "click_id")
    data = {"call_id": call_id, "click_id": click, "colleague": str(who["tuan"])}
    assert client.post("/my-desk/transfer", data=data).status_code == 303
    ((kind, body),) = asked()
    assert (kind, body["colleague"]) == ("transfer_ask", who["tuan"])


def test_a_colleague_who_is_asked_reads_who_asks_and_neither_page_speaks_of_a_station(
    talking: tuple[Client, str], who: dict[str, int], signed_in: SignedIn
) -> None:
    client, call_id = talking
    in_state(call_id, operator_of(call_id), "ringing", "private", kind="conference")
    with transaction() as session:
        asked_one = session.get(OperatorPresence, who["tuan"])
        assert asked_one is not None
        asked_one.state, asked_one.call_id = "talking", call_id
    page = client.get("/my-desk/transfer").text
    assert "Bạn nói riêng với đồng nghiệp" in page
    assert "Giao cho đồng nghiệp" in page
    page = signed_in("tuan").get("/my-desk/transfer").text
    assert "mời bạn vào cuộc này" in page
    assert "Bạn nói riêng với đồng nghiệp" in page
    assert "<button" not in page


def test_a_refused_number_stays_in_the_open_form(talking: tuple[Client, str]) -> None:
    client, call_id = talking
    click = hidden(client.get("/my-desk/transfer").text, "click_id")
    client.post("/my-desk/transfer", data={"call_id": call_id, "click_id": click, "number": "0912999888"})
    with transaction() as session:
        command = session.scalars(select(DeskCommand)).one()
        command.refused, command.done_at = "Số này không có trong danh bạ trực.", e.now()
    page = client.get("/my-desk/transfer").text
    assert re.search(r'<details class="begin"\s+open>', page)
    assert 'value="0912999888"' in page


def test_the_card_is_filled_with_what_the_operators_questions_found(talking: tuple[Client, str]) -> None:
    client, call_id = talking
    with transaction() as session:
        ticket = session.scalars(select(Ticket).where(Ticket.call_id == call_id)).one()
        for name, value in (("age_band", "1_4y"), ("speech", "few_words")):
            ticket_fields.save(session, ticket.id, name, value, seen=0, by="lan", at=e.now())
    page = client.get("/my-desk/transfer").text
    assert "chỉ nói được vài từ" in page
    assert '<option value="child" selected>' in page


def test_the_recorded_legs_of_stations_stand_with_the_tickets_call_for_whom_may_listen(
    talking: tuple[Client, str], signed_in: SignedIn
) -> None:
    client, call_id = talking
    in_state(call_id, operator_of(call_id), "ringing", "private")
    leg = f"chain-{call_id}-7"
    with transaction() as session:
        apply(
            session,
            e.StationTried(
                call_id=call_id,
                transfer_id=f"x-{call_id}-1",
                leg_id=leg,
                name="Trạm A",
                number="1",
                place=0,
                state="accepted",
            ),
        )
        apply(
            session,
            e.LegRecordingKept(
                call_id=call_id,
                leg_id=leg,
                node="n1",
                path="x.raw",
                length_s=42.0,
                size_bytes=1,
                sha256="0" * 64,
            ),
        )
        ticket_id = session.scalars(select(Ticket.id).where(Ticket.call_id == call_id)).one()
    link = f"/recordings/legs/{leg}"
    for reader in (client, signed_in("truongca")):
        assert link in reader.get(f"/tickets/{ticket_id}").text
    assert link not in signed_in("hoa").get(f"/tickets/{ticket_id}").text


def test_a_station_that_does_not_serve_the_place_is_chosen_by_a_person_and_never_by_the_list(
    talking: tuple[Client, str],
) -> None:
    client, call_id = talking
    page = client.get("/my-desk/transfer").text
    assert 'name="station"' in page
    assert not re.search(r'name="station"[^>]*checked', page), "the caller's place is not known yet"
    assert re.search(
        r'name="station"[^>]*checked', client.get("/my-desk/transfer/stations?wanted=phuoc").text
    )
    with transaction() as session:
        session.scalars(select(Ticket).where(Ticket.call_id == call_id)).one().unit_code = "689"
    in_state(call_id, operator_of(call_id), "ringing")
    with transaction() as session:
        tried = e.StationTried(
            call_id=call_id, transfer_id=f"x-{call_id}-1", leg_id="chain-9", name="Trạm", number="1", place=0,
            state="ringing", station="ttyt-dong-xoai",
        )  # fmt: skip
        apply(session, tried)
    found = client.get("/my-desk/transfer/stations").text
    assert re.search(r'value="ttyt-dong-xoai" checked', found)
    assert "đang bận cuộc khác" in found
