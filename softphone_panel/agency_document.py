"""The OpenAPI document of the agencies' interface: what its programs may rely on, and what they are told by webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify

from hotline.acuity import Acuity
from hotline.agency_tokens import (
    QUESTIONS,
    READ,
    REPORT,
    SCOPES,
    TICKETS,
    TICKETS_PERSONS,
    TICKETS_WRITE,
    WEBHOOKS,
)
from hotline.referrals import PartState
from hotline.referring import ANSWER
from hotline.results import RESULTS
from hotline.sla import STAGES
from hotline.tickets import TicketState
from hotline.webhooks import LONGEST_URL, REPLAY_S, Told
from softphone_panel import agency_api, agency_questions, agency_tickets
from softphone_panel.agency_api import LONGEST_ID, LONGEST_NOTE, PREFIX, SENT, room
from softphone_panel.agency_webhooks import LARGEST_NUMBER

JSON = "application/json"
Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
MAYBE_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
NOT_ASKED: Mapping[str, str] = {
    "400": "The request cannot be read", "401": "No valid token", "403": "The token lacks the scope", "429": "Too many requests",
    "503": "The database is busy",
}  # fmt: skip
OTHERS: Mapping[str, str] = {
    "404": "Nothing of that name is the agency's", "409": "Not in this state",
    "415": "Not JSON", "413": "Too large", "422": "A wrong value",
}  # fmt: skip


def _object(**properties: Schema) -> Schema:
    """All of them, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": sorted(words)}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _long(most: int, least: int = 0) -> Schema:
    return {"type": "string", "maxLength": most, "minLength": least}


_TICKET: Mapping[str, Schema] = {
    "id": TEXT, "label": TEXT, "state": _one_of(*TicketState), "stage": TEXT, "due_at": MAYBE_MOMENT, "paused_until": MAYBE_MOMENT,
    "late": FLAG, "category": TEXT, "acuity": _one_of(*Acuity.__members__), "unit_code": TEXT, "reason": TEXT, "opened_at": MOMENT,
    "closed_at": MAYBE_MOMENT,
}  # fmt: skip
_WEBHOOK: Mapping[str, Schema] = {
    "id": WHOLE, "url": TEXT, "events": _list(_one_of(*Told)), "made_at": MOMENT, "paused_at": MAYBE_MOMENT, "ended_at": MAYBE_MOMENT,
}  # fmt: skip
_PERSONS = _object(
    caller_number=TEXT, callback_number=TEXT, fields={"type": "object", "additionalProperties": TEXT}
)
SCHEMAS: Mapping[str, Schema] = {
    "Fault": _object(error=TEXT),
    "Order": _object(
        id=TEXT, order=TEXT, state=_one_of(*SENT), category=TEXT, acuity=_one_of(*Acuity.__members__), unit_code=TEXT, place=TEXT,
        what=TEXT, due_at=MOMENT, answer_by=MAYBE_MOMENT, changed_at=MOMENT,
    ),
    "Ticket": _object(**_TICKET),
    "Entry": _object(at=MOMENT, kind=TEXT, text={"type": ["string", "null"]}),
    "WholeTicket": {
        "type": "object", "required": sorted([*_TICKET, "entries"]), "additionalProperties": False,
        "properties": {**_TICKET, "entries": _list(_ref("Entry")), "persons": _PERSONS},
    },
    "Question": _object(
        id=TEXT, label=TEXT, state=_one_of(*PartState), category=TEXT, acuity=_one_of(*Acuity.__members__), unit_code=TEXT,
        question=TEXT, asked_at=MOMENT, due_at=MOMENT, said=TEXT, changed_at=MOMENT,
    ),
    "Webhook": _object(**_WEBHOOK),
    "NewWebhook": _object(**_WEBHOOK, secret=TEXT),
}  # fmt: skip
OPEN: Schema = {"name": "open", "in": "query", "schema": _one_of("1"), "description": "Only what is not over"}


def _in_path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


PART, TICKET = (_in_path(name, _long(LONGEST_ID, 1)) for name in ("part_id", "ticket_id"))
QUESTION = _in_path("question_id", _long(LONGEST_ID, 1))
NUMBER = _in_path("number", {"type": "integer", "minimum": 0, "maximum": LARGEST_NUMBER})


def _content(schema: Schema) -> Schema:
    return {JSON: {"schema": schema}}


def _does(
    what: str, scope: str, good: Schema, *more: str, status: str = "200", parameters: tuple[Schema, ...] = (),
    body: Schema | None = None, further: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One operation: what it is, the scope it needs, what it answers with; `more` are the faults besides those of all.

    A `further` scope is not needed, and opens more of the answer.
    """
    scopes = [[scope], *([[scope, further]] if further else [])]
    faults = {**NOT_ASKED, **{one: OTHERS[one] for one in more}}
    answers = {one: {"description": text, "content": _content(_ref("Fault"))} for one, text in faults.items()}
    answers[status] = {"description": "Done" if body else "Found", "content": _content(good)}
    told: dict[str, Any] = {
        "summary": what, "description": f"Scope: {scope}" + (f"; {further} opens more" if further else ""),
        "security": [{"token": one} for one in scopes], "parameters": list(parameters), "responses": answers,
    }  # fmt: skip
    if body is not None:
        told["requestBody"] = {"required": True, "content": _content(body)}
    return told


def _body(needed: tuple[str, ...], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(needed)}


CHANGES = ("404", "409", "413", "415", "422")
REPORT_BODY = _body(("report",), report=_one_of(*agency_api.REPORTS), note=_long(LONGEST_NOTE))
DONE_BODY = _body(
    ("report",), report=_one_of(*agency_tickets.REPORTS), text=_long(agency_tickets.LONGEST_TEXT), result=_one_of(*RESULTS)
)  # fmt: skip
WEBHOOK_BODY = _body(
    ("url", "events"), url=_long(LONGEST_URL, 1), events={**_list(_one_of(*Told)), "minItems": 1}
)
ANSWER_BODY = _body(("answer", "said"), answer=_one_of(*agency_questions.ANSWERS), said=_long(ANSWER, 1))
ENTRY_BODY = _body(("text",), text=_long(agency_tickets.LONGEST_TEXT, 1))
PATHS: Mapping[str, Mapping[str, Any]] = {
    "/orders": {
        "get": _does("The agency's orders", READ, _object(orders=_list(_ref("Order"))), "422", parameters=(OPEN,)),
    },
    "/orders/{part_id}": {"get": _does("One order", READ, _ref("Order"), "404", parameters=(PART,))},
    "/orders/{part_id}/reports": {
        "post": _does("Report on an order", REPORT, _ref("Order"), *CHANGES, parameters=(PART,), body=REPORT_BODY),
    },
    "/tickets": {
        "get": _does("The agency's tickets", TICKETS, _object(tickets=_list(_ref("Ticket"))), "422", parameters=(OPEN,)),
    },
    "/tickets/{ticket_id}": {
        "get": _does(
            "One ticket with its history; persons only with that scope", TICKETS, _ref("WholeTicket"), "404", parameters=(TICKET,),
            further=TICKETS_PERSONS,
        ),
    },
    "/tickets/{ticket_id}/entries": {
        "post": _does(
            "Write something down", TICKETS_WRITE, _ref("Entry"), *CHANGES, status="201", parameters=(TICKET,), body=ENTRY_BODY
        ),
    },
    "/tickets/{ticket_id}/reports": {
        "post": _does(
            "Accept the ticket, or say what was done: the citizen is then told the result", TICKETS_WRITE, _ref("Ticket"), *CHANGES,
            parameters=(TICKET,), body=DONE_BODY,
        ),
    },
    "/questions": {
        "get": _does(
            "What the agency was asked", QUESTIONS, _object(questions=_list(_ref("Question"))), "422", parameters=(OPEN,)
        ),
    },
    "/questions/{question_id}/answers": {
        "post": _does("Answer a question", QUESTIONS, _ref("Question"), *CHANGES, parameters=(QUESTION,), body=ANSWER_BODY),
    },
    "/webhooks": {
        "get": _does("Where the agency is told", WEBHOOKS, _object(webhooks=_list(_ref("Webhook")))),
        "post": _does(
            "Be told; the secret is in this answer only", WEBHOOKS, _ref("NewWebhook"), "413", "415", "422", status="201", body=WEBHOOK_BODY
        ),
    },
    "/webhooks/{number}": {"delete": _does("Be told no more", WEBHOOKS, _ref("Webhook"), "404", parameters=(NUMBER,))},
}  # fmt: skip


def _header(name: str, what: str, schema: Schema = TEXT) -> Schema:
    return {"name": name, "in": "header", "required": True, "schema": schema, "description": what}


def _told(event: Told, what: str, **about: Schema) -> dict[str, Any]:
    """What a webhook is sent: ids and states, nobody's person."""
    body = _object(id=TEXT, event={"type": "string", "const": event.value}, at=MOMENT, agency=TEXT, **about)
    headers = [
        _header("X-1022-Event", "The event's name", {"type": "string", "const": event.value}),
        _header("X-1022-Delivery", "The body's id, the same at every try: leave out what you have seen"),
        _header(
            "X-1022-Signature",
            "t=SECONDS,v1=HEX: HMAC-SHA256 with the webhook's secret over the bytes of SECONDS, a full stop and the body."
            f" Refuse what does not match (compared in constant time) and what is older than {REPLAY_S} s",
            {"type": "string", "pattern": "^t=[0-9]+,v1=[0-9a-f]{64}$"},
        ),
    ]
    answers = {
        "2XX": {"description": "Taken; within 5 s"},
        "default": {"description": "Not taken, redirects too: tried again at growing intervals, then dead until it is sent again by hand"},
    }  # fmt: skip
    return {
        "post": {
            "summary": what, "security": [], "parameters": headers, "requestBody": {"required": True, "content": _content(body)},
            "responses": answers,
        }
    }  # fmt: skip


STAGE = _one_of(*STAGES, "closed")
TOLD: Mapping[str, Mapping[str, Any]] = {
    Told.ORDER_SENT.value: _told(Told.ORDER_SENT, "The agency's team has a new order", order=TEXT, state=_one_of(*SENT)),
    Told.ORDER_CHANGED.value: _told(
        Told.ORDER_CHANGED, "Its part in an order has another state", order=TEXT, state=_one_of(*SENT)
    ),
    Told.TICKET_ASSIGNED.value: _told(Told.TICKET_ASSIGNED, "A ticket waits for it from now on", ticket=TEXT, stage=STAGE),
    Told.TICKET_CHANGED.value: _told(
        Told.TICKET_CHANGED, "A ticket that waits for it has another stage, or is closed", ticket=TEXT, stage=STAGE
    ),
}  # fmt: skip
TOKEN = {
    "type": "http", "scheme": "bearer",
    "description": f"One agency's token, with some of the scopes {', '.join(SCOPES)}; an administrator issues it, it is shown once",
}  # fmt: skip


@room.get("/openapi.json")
def document() -> Response:
    """What this interface is, for programs."""
    return jsonify(
        openapi="3.1.0",
        info={
            "title": "1022: orders, tickets and questions of an agency", "version": "3",
            "description": "What is another agency's is 404. A token asks at most 120 times a minute. A fault is {\"error\": SENTENCE}.",
        },
        servers=[{"url": PREFIX}],
        paths=PATHS,
        webhooks=TOLD,
        components={"schemas": SCHEMAS, "securitySchemes": {"token": TOKEN}},
    )  # fmt: skip
