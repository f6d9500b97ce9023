"""Agencies' own systems: a token of a scope sees and reports on its agency's orders, and on nothing else."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from hotline import agency_tokens
from hotline.agency_tokens import READ, REPORT, AgencyToken
from hotline.database import reading, transaction
from hotline.events import now
from hotline.orders import Assignment, Order, OrderStep
from tests.softphone_panel.test_command_board import places

__all__ = ["places"]


@pytest.fixture
def part(places: list[str]) -> str:
    with transaction() as session:
        one = session.scalars(select(Assignment)).one()
        one.state, one.sent_at = "sent", now()
        return one.id


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


def test_an_order_that_waits_for_approval_is_not_told(app: Flask, part: str) -> None:
    with transaction() as session:
        session.scalars(select(Assignment)).one().state = "waiting"
        session.scalars(select(Order)).one().state = "awaiting_approval"
    client, mine = app.test_client(), token(READ, REPORT)
    assert client.get("/api/v1/orders", headers=mine).json == {"orders": []}
    assert client.get(f"/api/v1/orders/{part}", headers=mine).status_code == 404


def test_the_document_names_every_path(app: Flask) -> None:
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]  # type: ignore[index] # it is JSON
    rules = {r.rule for r in app.url_map.iter_rules() if r.endpoint.startswith("agency_api.")}
    told = {"/api/v1" + path.replace("{", "<").replace("}", ">") for path in paths}
    assert told | {"/api/v1/openapi.json"} == rules
