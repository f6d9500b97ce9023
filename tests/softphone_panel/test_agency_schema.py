"""Whatever a program sends to the agencies' interface: no answer is a fault of ours, and each is as the document says."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from sqlalchemy import select
from werkzeug.serving import make_server

from hotline import agencies, agency_tokens, referring, webhooks
from hotline.agency_tokens import SCOPES
from hotline.clocks import TicketClock
from hotline.database import transaction
from hotline.events import now
from hotline.orders import Assignment
from hotline.referring import Wanted
from softphone_panel.limits import limiter
from tests.softphone_panel.test_command_board import places

__all__ = ["places"]

URL = "https://example.vn/in"
EXAMPLES = 12
"""Of each operation and each kind, good and bad: some 250 requests in all."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def address(app: Flask, places: list[str]) -> Iterator[str]:
    """The panel behind a socket; one agency has an order and a ticket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    limiter.enabled = False
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        limiter.enabled = True
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_any_program_meets_the_document_and_never_a_fault_of_ours(address: str, places: list[str]) -> None:
    with transaction() as session:
        part = session.scalars(select(Assignment)).one()
        part.state, part.sent_at = "sent", now()
        known: dict[str, str | int] = {"part_id": part.id, "ticket_id": places[0]}
        row = session.get_one(TicketClock, places[0])
        assert row.owner == "agency:team-hung-long"
        token = agency_tokens.make(session, "team-hung-long", "phần mềm", SCOPES, now())
        organisation = agencies.organisation(session)
        wanted = Wanted(
            places[1], "Nộp đơn ở đâu?", "policy", ("team-hung-long",), now() + timedelta(hours=4)
        )
        known["question_id"] = (
            f"{referring.refer(session, wanted, 'lan', now(), organisation, ('policy',))}.1"
        )
        known["number"] = webhooks.register(
            session, "team-hung-long", URL, list(webhooks.Told), "thử", now(), ()
        ).id
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    statuses = {
        operation.label: probed(operation, known, headers)
        for operation in (found.ok() for found in schema.get_all_operations() if isinstance(found, Ok))
    }
    assert len(statuses) == 12
    assert all(met & {200, 201} and met & {401, 404, 422} for met in statuses.values()), statuses


def probed(
    operation: schemathesis.APIOperation[Any, Any, Any, Any],
    known: Mapping[str, str | int],
    headers: Mapping[str, str],
) -> set[int]:
    """The answers' statuses; what is good goes to what there is."""
    met: set[int] = set()
    for mode in GenerationMode:
        _probe(operation, known if mode is GenerationMode.POSITIVE else {}, headers, mode, met)
    return met


def _probe(
    operation: schemathesis.APIOperation[Any, Any, Any, Any], known: Mapping[str, str | int], headers: Mapping[str, str],
    mode: GenerationMode, met: set[int],
) -> None:  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), database=None,
    )  # fmt: skip
    def ask(case: schemathesis.Case[Any]) -> None:
        case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        if known and isinstance(case.body, dict) and "url" in case.body:
            case.body["url"] = URL  # a text that happens to be an address comes up once in a thousand years
        answer = case.call(headers=dict(headers))
        met.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    ask()
