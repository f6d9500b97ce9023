"""A station's light page: its own cases and its own orders, acknowledged and reported on, and nobody else's."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hotline import agencies, clocks, ordering
from hotline.database import reading, transaction
from hotline.events import now
from hotline.ordering import By, Wanted
from hotline.orders import Assignment
from hotline.sla import Kind, Stage
from hotline.tickets import TicketEntry
from tests.softphone_panel.conftest import Client, SignedIn, hidden
from tests.softphone_panel.test_station_desk import NAME, OTHER, STATION, call_id, tried, viewings

__all__ = ["call_id"]


@pytest.fixture
def taken(call_id: str) -> str:
    """The station has said yes to the caller; its call."""
    tried(call_id, "accepted")
    return call_id


def say(client: Client, call: str, report: str, note: str = "") -> int:
    action = f"/team/cases/chain-{call}-1"
    page = client.get("/team").text
    form = {"click_id": hidden(page, "click_id", action), "report": report, "note": note}
    return client.post(action, data=form).status_code


def reports(call: str) -> list[str]:
    with reading() as session:
        rows = session.scalars(
            select(TicketEntry)
            .where(TicketEntry.ticket_id == f"t-{call}", TicketEntry.kind == clocks.STATION_REPORTED)
            .order_by(TicketEntry.id)
        )
        return [row.body["state"] for row in rows]


def test_a_case_is_on_the_page_from_the_yes_on_with_whom_to_help_and_that_is_on_record(
    call_id: str, signed_in: SignedIn
) -> None:
    client = signed_in("tram")
    before = client.get("/team").text
    assert NAME not in before and "Trạm chưa nhận ca nào" in before
    tried(call_id, "accepted")
    page = client.get("/team").text
    assert NAME in page and "0865432109" in page and "Đã nhận qua điện thoại" in page
    assert viewings(call_id) == ["tram"]
    assert NAME not in signed_in("tram2").get("/team").text


def test_what_a_station_reports_stands_on_the_ticket_and_moves_its_clock(
    taken: str, signed_in: SignedIn
) -> None:
    client = signed_in("tram")
    assert say(client, taken, "done", "đã xong") == 409, "nobody is done with whom they have not met"
    assert say(client, taken, "arrived") == 303
    assert "Đã gặp người bệnh" in client.get("/team").text
    assert say(client, taken, "done") == 422
    assert say(client, taken, "done", "đã cho thở oxy, về nhà") == 303
    assert reports(taken) == ["arrived", "done"]
    with reading() as session:
        happened = clocks.history(session, f"t-{taken}")
    reached = [one.value for one in happened if one.kind is Kind.REACHED]
    assert reached[-2:] == [Stage.ON_SITE, Stage.DONE]
    page = client.get("/team").text
    assert "Đã xử lý xong" in page and 'name="report"' not in page
    assert "Trạm báo: đã xử lý xong." in signed_in("lan").get(f"/tickets/t-{taken}").text


def test_a_double_click_reports_once_and_a_stale_page_is_told(taken: str, signed_in: SignedIn) -> None:
    client = signed_in("tram")
    action = f"/team/cases/chain-{taken}-1"
    form = {"click_id": hidden(client.get("/team").text, "click_id", action), "report": "arrived"}
    assert [client.post(action, data=form).status_code for _ in range(2)] == [303, 303]
    stale = client.post(action, data={**form, "click_id": "f" * 32})
    assert stale.status_code == 409 and "đã được báo rồi" in stale.text
    assert reports(taken) == ["arrived"]


def test_another_station_and_a_team_report_nothing_about_it(taken: str, signed_in: SignedIn) -> None:
    form = {"click_id": "0" * 32, "report": "arrived"}
    assert signed_in("tram2").post(f"/team/cases/chain-{taken}-1", data=form).status_code == 404
    assert signed_in("lan").post(f"/team/cases/chain-{taken}-1", data=form).status_code == 403
    assert reports(taken) == []


def test_the_page_is_small_and_every_field_has_a_label(taken: str, signed_in: SignedIn) -> None:
    page = signed_in("tram").get("/team")
    whole = len(page.data)
    client = signed_in("tram")
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
        with client.get(path) as answer:
            whole += len(answer.data)
    assert whole < 100_000, whole
    ids = re.findall(r'<input id="([^"]+)"', page.text)
    assert ids and all(f'<label for="{one}"' in page.text for one in ids)
    assert "style=" not in page.text and "onclick" not in page.text


# -- orders --


def ordered(call: str, **more: Any) -> str:
    values: dict[str, Any] = {
        "ticket_id": f"t-{call}", "what": "Đến nhà đo SpO2 cho người bệnh", "category": "emergency_transport",
        "teams": (STATION,), "due_at": now() + timedelta(hours=1), "acuity": "ORANGE",
    } | more  # fmt: skip
    with transaction() as session:
        house = agencies.organisation(session)
        return ordering.issue(
            session, Wanted(**values), By("truongca", "supervisor"), now(), house, (values["category"],)
        )


def test_a_station_gets_an_order_answers_and_reports_it_on_its_page(
    call_id: str, signed_in: SignedIn
) -> None:
    order_id = ordered(call_id)
    client = signed_in("tram")
    assert "Đến nhà đo SpO2" in client.get("/team").text
    assert "Đến nhà đo SpO2" not in signed_in("tram2").get("/team").text
    action = f"/team/{order_id}.1"
    for what in ("accept", "set_out", "arrive", "finish"):
        form = {"click_id": hidden(client.get("/team").text, "click_id", action), "happening": what}
        assert client.post(action, data=form).status_code == 303, what
    with reading() as session:
        part = session.scalars(select(Assignment)).one()
        assert (part.state, part.accepted_by, part.accepted_means) == ("done", "Trạm", "panel")
        assert part.plan, "its numbers are rung too"
    other = {"click_id": "1" * 32, "happening": "accept"}
    assert signed_in("tram2").post(action, data=other).status_code == 404


def test_a_station_is_offered_among_those_who_get_orders_and_takes_none_when_it_is_switched_off(
    call_id: str, signed_in: SignedIn
) -> None:
    page = signed_in("truongca").get(f"/orders/new/t-{call_id}").text
    assert f'value="{STATION}"' in page and f'value="{OTHER}"' in page


def test_who_is_silent_at_a_station_is_climbed_over_like_a_team(call_id: str) -> None:
    with transaction() as session:
        from hotline.organisation import Agency
        from hotline.stations import StationRow

        station = session.get_one(StationRow, STATION)
        centre = Agency("tt", "binhphuoc", "Trung tâm", "centre", "province", station.units[0])
        agencies.write(session, "binhphuoc", [centre], [])
    with reading() as session:
        house = agencies.organisation(session)
        assert [one.key for one in house.ladder(STATION, now().date())] == ["tt"]
