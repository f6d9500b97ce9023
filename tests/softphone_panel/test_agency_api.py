"""Agencies' own systems: a token of a scope sees and reports on its agency's orders, and on nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from hotline import agencies, agency_tokens, referring
from hotline.agencies import AgencyRow
from hotline.agency_tokens import (
    QUESTIONS,
    READ,
    REPORT,
    SCOPES,
    TICKETS,
    TICKETS_PERSONS,
    TICKETS_WRITE,
    WEBHOOKS,
    AgencyToken,
)
from hotline.database import reading, transaction
from hotline.events import now
from hotline.orders import Assignment, Order, OrderStep
from hotline.recalls import Recall
from hotline.referrals import ReferralPart
from hotline.referring import Wanted
from hotline.tickets import Ticket, TicketEntry
from hotline.unit_files import UNITS_FROM
from hotline.webhooks import AgencyWebhook
from tests.softphone_panel.test_command_board import places

__all__ = ["places"]


@pytest.fixture
def part(places: list[str]) -> str:
    with transaction() as session:
        one = session.scalars(select(Assignment)).one()
        one.state, one.sent_at = "sent", now()
        return one.id


def json_of(answer: TestResponse) -> Any:
    return answer.json


def token(*scopes: str) -> dict[str, str]:
    with transaction() as session:
        made = agency_tokens.make(session, "team-hung-long", "phần mềm của đội", scopes, now())
    return {"Authorization": f"Bearer {made}"}


def test_a_system_reads_its_orders_and_reports_on_them_in_the_tables_order(app: Flask, part: str) -> None:
    client, mine = app.test_client(), token(READ, REPORT)
    (one,) = client.get("/api/v1/orders?open=1", headers=mine).json["orders"]  # type: ignore[index] # it is JSON
    assert (one["id"], one["state"], one["what"]) == (part, "sent", "Đưa gạo")
    path = f"/api/v1/orders/{part}/reports"
    assert client.post(path, headers=mine, json={"report": "arrive"}).status_code == 409
    assert client.post(path, headers=mine, json={"report": "accept"}).json["state"] == "accepted"  # type: ignore[index] # it is JSON
    assert client.post(path, headers=mine, json={"report": "accept"}).status_code == 409
    for wrong in (
        {},
        {"report": "send"},
        {"report": "finish", "note": 5},
        {"report": "fail", "note": "x" * 501},
    ):
        assert client.post(path, headers=mine, json=wrong).status_code == 422
    with reading() as session:
        assert session.scalars(select(OrderStep.by)).all()[-1] == "phần mềm của đội"


def test_a_token_opens_nothing_beyond_its_scope_and_its_agency_and_ends(app: Flask, part: str) -> None:
    client, reads = app.test_client(), token(READ)
    path = f"/api/v1/orders/{part}"
    assert client.get(path, headers=reads).status_code == 200
    assert client.post(f"{path}/reports", headers=reads, json={"report": "accept"}).status_code == 403
    for nobody in ({}, {"Authorization": "Bearer " + "x" * 32}, {"Authorization": "Basic abc"}):
        assert client.get(path, headers=nobody).status_code == 401
    with transaction() as session:
        session.scalars(select(Assignment)).one().team = "another"
    assert client.get(path, headers=reads).status_code == 404
    assert client.get("/api/v1/orders", headers=reads).json == {"orders": []}
    with transaction() as session:
        row = session.scalars(select(AgencyToken)).one()
        assert reads["Authorization"].split()[1] not in row.token_hash
        row.ended_at = now()
    assert client.get("/api/v1/orders", headers=reads).status_code == 401


def test_an_order_that_waits_for_approval_is_not_told_and_neither_is_its_recall(
    app: Flask, part: str
) -> None:
    with transaction() as session:
        one = session.scalars(select(Assignment)).one()
        one.state, one.sent_at = "waiting", None
        session.scalars(select(Order)).one().state = "awaiting_approval"
    client, mine = app.test_client(), token(READ, REPORT)
    for state in ("waiting", "recalled"):
        with transaction() as session:
            session.scalars(select(Assignment)).one().state = state
        assert client.get("/api/v1/orders", headers=mine).json == {"orders": []}
        assert client.get(f"/api/v1/orders/{part}", headers=mine).status_code == 404


@pytest.fixture
def ticket(places: list[str]) -> str:
    """The late one, which waits for the team."""
    return places[0]


def entries(ticket_id: str, kind: str) -> list[TicketEntry]:
    with reading() as session:
        asked = select(TicketEntry).where(TicketEntry.ticket_id == ticket_id, TicketEntry.kind == kind)
        return list(session.scalars(asked))


def test_an_agency_reads_its_own_tickets_and_no_person_without_the_scope(
    app: Flask, places: list[str], ticket: str
) -> None:
    client, reads, knows = app.test_client(), token(TICKETS), token(TICKETS, TICKETS_PERSONS)
    with transaction() as session:
        row = session.get_one(Ticket, ticket)
        row.caller_number = "+84912345678"
        session.add(
            TicketEntry(ticket_id=ticket, at=now(), kind="note", actor="lan", text="Bà Tư ở số 5", body={})
        )
    (one,) = json_of(client.get("/api/v1/tickets?open=1", headers=reads))["tickets"]
    assert (one["id"], one["late"], one["unit_code"]) == (ticket, True, "25432")
    whole = client.get(f"/api/v1/tickets/{ticket}", headers=reads)
    assert "persons" not in json_of(whole)
    assert "912345678" not in whole.text and "Bà Tư" not in whole.text
    assert [e["text"] for e in json_of(whole)["entries"] if e["kind"] == "note"] == [None]
    assert not entries(ticket, "shown_to_system")
    told = json_of(client.get(f"/api/v1/tickets/{ticket}", headers=knows))
    assert told["persons"]["caller_number"] == "+84912345678"
    assert "Bà Tư ở số 5" in [e["text"] for e in told["entries"]]
    assert [e.actor for e in entries(ticket, "shown_to_system")] == ["phần mềm của đội"]
    assert client.get(f"/api/v1/tickets/{places[1]}", headers=knows).status_code == 404, "another's ticket"
    assert client.get(f"/api/v1/tickets/{ticket}", headers=token(READ)).status_code == 403


def test_an_agency_writes_accepts_and_says_what_was_done_and_the_citizen_is_owed_a_call(
    app: Flask, ticket: str
) -> None:
    client, mine = app.test_client(), token(TICKETS, TICKETS_WRITE)
    path = f"/api/v1/tickets/{ticket}"
    with transaction() as session:
        row = session.get_one(Ticket, ticket)
        row.caller_number, row.state = "+84912345678", "open"
    made = client.post(f"{path}/entries", headers=mine, json={"text": " Đã đến nơi "})
    assert (made.status_code, json_of(made)["text"]) == (201, "Đã đến nơi")
    assert entries(ticket, "note")[-1].body["folded"] == "da den noi", "found by its words"
    assert (
        json_of(client.post(f"{path}/reports", headers=mine, json={"report": "accept"}))["state"]
        == "in_progress"
    )
    assert client.post(f"{path}/reports", headers=mine, json={"report": "accept"}).status_code == 409
    for wrong in (
        {"report": "done"},
        {"report": "done", "text": "x"},
        {"report": "done", "text": "x", "result": "none"},
    ):
        assert client.post(f"{path}/reports", headers=mine, json=wrong).status_code == 422
    done = {"report": "done", "text": "Đã cấp gạo", "result": "supplied"}
    assert client.post(f"{path}/reports", headers=mine, json=done).status_code == 200
    assert entries(ticket, "work_done")[0].body == {"result": "supplied", "agency": "team-hung-long"}
    with reading() as session:
        recall = session.scalars(
            select(Recall).where(Recall.ticket_id == ticket, Recall.why == "result")
        ).one()
        assert recall.number == "+84912345678"
    assert client.post(f"{path}/reports", headers=mine, json=done).status_code == 409, (
        "it is being told already"
    )
    with transaction() as session:
        session.get_one(Ticket, ticket).state = "closed"
    for closed in ("entries", "reports"):
        answer = client.post(f"{path}/{closed}", headers=mine, json={"text": "x", "report": "accept"})
        assert answer.status_code == 409
    assert client.post(f"{path}/entries", headers=token(TICKETS), json={"text": "x"}).status_code == 403


def test_an_agencys_system_says_where_it_is_told_and_sees_the_secret_once(app: Flask, ticket: str) -> None:
    client, mine = app.test_client(), token(WEBHOOKS)
    given = {"url": "https://example.vn/in", "events": ["order.sent"]}
    made = client.post("/api/v1/webhooks", headers=mine, json=given)
    secret = json_of(made)["secret"]
    assert made.status_code == 201 and len(secret) == 32
    listed = client.get("/api/v1/webhooks", headers=mine)
    assert [one["url"] for one in json_of(listed)["webhooks"]] == [
        "https://example.vn/in"
    ] and secret not in listed.text
    with reading() as session:
        row = session.scalars(select(AgencyWebhook)).one()
        assert secret not in str(vars(row))
    for wrong in (
        {**given, "url": "https://10.0.0.8/"},
        {**given, "events": ["call.ended"]},
        {**given, "events": "all"},
        {"url": 5},
    ):
        assert client.post("/api/v1/webhooks", headers=mine, json=wrong).status_code == 422
    path = f"/api/v1/webhooks/{row.id}"
    with transaction() as session:
        session.scalars(select(AgencyWebhook)).one().agency_key = "team-other"
        session.add(AgencyRow(key="team-other", hotline="binhphuoc", name="Khác", kind="team", level="commune",
                              unit_code="25432", valid_from=UNITS_FROM, valid_to=None))  # fmt: skip
    assert client.delete(path, headers=mine).status_code == 404, "another agency's"
    with transaction() as session:
        session.scalars(select(AgencyWebhook)).one().agency_key = "team-hung-long"
    assert client.delete(path, headers=mine).status_code == 200
    assert client.delete(path, headers=mine).status_code == 404


def test_a_token_that_asks_too_much_waits_and_so_does_who_guesses(app: Flask, part: str) -> None:
    client, mine = app.test_client(), token(READ)
    met = [client.get("/api/v1/orders", headers=mine) for _ in range(121)]
    assert [answer.status_code for answer in met] == [200] * 120 + [429]
    assert json_of(met[-1])["error"] == "Too many requests: wait a minute."
    assert client.get("/api/v1/orders", headers=token(READ)).status_code == 200, (
        "another token is not held up"
    )
    stranger = {"REMOTE_ADDR": "203.0.113.9"}
    guesses = [
        client.get(
            "/api/v1/orders", headers={"Authorization": f"Bearer {n:032}"}, environ_overrides=stranger
        ).status_code
        for n in range(31)
    ]
    assert guesses == [401] * 30 + [429]


def test_programs_are_answered_in_json_also_where_there_is_nothing(app: Flask, part: str) -> None:
    client = app.test_client()
    for answer, status in (
        (client.get("/api/v1/nothing"), 404),
        (client.put("/api/v1/orders"), 405),
        (client.get("/api/v1/orders"), 401),
    ):
        assert (answer.status_code, set(json_of(answer))) == (status, {"error"})


def test_a_tokens_last_use_is_written_down(app: Flask, part: str) -> None:
    mine = token(READ)
    app.test_client().get("/api/v1/orders", headers=mine)
    with reading() as session:
        assert session.scalars(select(AgencyToken)).one().used_at is not None


def test_the_document_names_every_path(app: Flask) -> None:
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]  # type: ignore[index] # it is JSON
    rules = {r.rule for r in app.url_map.iter_rules() if r.endpoint.startswith("agency_api.")}
    told = {
        "/api/v1" + path.replace("{number}", "<int:number>").replace("{", "<").replace("}", ">")
        for path in paths
    }
    assert told | {"/api/v1/openapi.json"} == rules


def test_the_document_names_the_scope_that_each_address_asks_for(app: Flask, part: str) -> None:
    client, mine = app.test_client(), {scope: token(scope) for scope in SCOPES}
    for path, does in json_of(client.get("/api/v1/openapi.json"))["paths"].items():
        for method, one in does.items():
            needed = one["security"][0]["token"]
            opens = [
                scope
                for scope in SCOPES
                if client.open(f"/api/v1{path}".replace("{number}", "1"), method=method, headers=mine[scope]).status_code != 403
            ]  # fmt: skip
            assert opens == needed, (method, path)


def test_a_system_answers_the_questions_its_agency_was_asked_and_no_others(
    app: Flask, places: list[str]
) -> None:
    client, mine = app.test_client(), token(QUESTIONS)
    with transaction() as session:
        wanted = Wanted(
            places[1], "Nộp đơn ở đâu?", "policy", ("team-hung-long",), now() + timedelta(hours=4)
        )
        one = referring.refer(session, wanted, "lan", now(), agencies.organisation(session), ("policy",))
    path = f"/api/v1/questions/{one}.1/answers"
    (asked,) = json_of(client.get("/api/v1/questions?open=1", headers=mine))["questions"]
    assert (asked["id"], asked["question"], asked["state"]) == (f"{one}.1", "Nộp đơn ở đâu?", "asked")
    said = {"answer": "answer", "said": "Ở bộ phận một cửa của xã."}
    assert client.post(path, headers=token(TICKETS_WRITE), json=said).status_code == 403
    assert client.post("/api/v1/questions/x.1/answers", headers=mine, json=said).status_code == 404
    for wrong in (
        {},
        {**said, "said": "  "},
        {**said, "answer": "recall"},
        {"answer": "refuse", "said": "x" * 301},
    ):
        assert client.post(path, headers=mine, json=wrong).status_code == 422
    answer = json_of(client.post(path, headers=mine, json=said))
    assert (answer["state"], answer["said"]) == ("answered", said["said"])
    again = client.post(path, headers=mine, json=said)
    assert again.status_code == 409 and json_of(again)["error"]
    assert json_of(client.get("/api/v1/questions?open=1", headers=mine))["questions"] == []
    with reading() as session:
        row = session.get_one(ReferralPart, f"{one}.1")
        assert (row.said_by, row.means) == ("phần mềm của đội", "api")
