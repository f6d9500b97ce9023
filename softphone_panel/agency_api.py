"""The interface for agencies' own systems: their orders, and what they report on them; JSON, a token, an OpenAPI document."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import agency_tokens, ordering
from hotline.agency_tokens import READ, REPORT, AgencyToken
from hotline.database import reading, transaction
from hotline.events import now
from hotline.ordering import OrderRefused, Said
from hotline.orders import LIVE, Actor, Assignment, AssignmentState, Happening, Means, Order
from softphone_panel import desk
from softphone_panel.limits import limiter

room = Blueprint("agency_api", __name__, url_prefix="/api/v1")

MOST = 200
REPORTS = ("accept", "decline", "set_out", "arrive", "finish", "fail")
SENT = frozenset(AssignmentState) - {AssignmentState.WAITING}
"""An order that is not approved yet is nobody's business."""
LONGEST_NOTE = 500


class NotAllowed(Exception):  # noqa: N818 - exceptions are named by the fact
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@room.errorhandler(NotAllowed)
def _not_allowed(fault: NotAllowed) -> tuple[Response, int]:
    return jsonify(error=fault.sentence), fault.status


def _token(session: Session, scope: str) -> AgencyToken:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    found = agency_tokens.find(session, token.strip()) if kind.lower() == "bearer" else None
    if found is None:
        raise NotAllowed(401, "Send a valid token: Authorization: Bearer TOKEN.")
    if scope not in found.scopes:
        raise NotAllowed(403, f"This token lacks the scope {scope}.")
    return found


def _plain(order: Order, part: Assignment) -> dict[str, Any]:
    """What a team needs to go there: nothing of the caller but what the order says."""
    return {
        "id": part.id, "order": order.id, "state": part.state, "category": order.category, "acuity": order.acuity,
        "unit_code": order.unit_code, "place": order.place, "what": order.what, "due_at": order.due_at.isoformat(),
        "answer_by": part.answer_by.isoformat() if part.answer_by else None, "changed_at": part.changed_at.isoformat(),
    }  # fmt: skip


@room.get("/orders")
@limiter.limit("120 per minute")
def orders() -> Response:
    """The agency's own parts in orders, the latest first."""
    live_only = request.args.get("open") == "1"
    with reading() as session:
        token = _token(session, READ)
        rows = session.execute(
            select(Order, Assignment)
            .join(Assignment, Assignment.order_id == Order.id)
            .where(
                Assignment.team == token.agency_key,
                Assignment.state.in_((LIVE & SENT) if live_only else SENT),
            )
            .order_by(Assignment.changed_at.desc(), Assignment.id)
            .limit(MOST)
        )
        return jsonify(orders=[_plain(order, part) for order, part in rows])


@room.get("/orders/<part_id>")
@limiter.limit("120 per minute")
def order(part_id: str) -> Response:
    with reading() as session:
        return jsonify(_plain(*_own(session, _token(session, READ), part_id)))


@room.post("/orders/<part_id>/reports")
@limiter.limit("120 per minute")
def report(part_id: str) -> Response:
    """Accept, decline, set_out, arrive, finish or fail; refused as in the panel, by the same table."""
    given = request.get_json(silent=True)
    given = given if isinstance(given, dict) else {}
    what, note = given.get("report"), given.get("note", "")
    if what not in REPORTS:
        raise NotAllowed(422, f"report must be one of {', '.join(REPORTS)}.")
    if not isinstance(note, str) or len(note) > LONGEST_NOTE or "\0" in note:
        raise NotAllowed(422, f"note must be text of at most {LONGEST_NOTE} characters.")
    with transaction() as session:
        token = _token(session, REPORT)
        _, part = _own(session, token, part_id)
        try:
            ordering.act(
                session, part.id, Happening(what), Actor.TEAM, token.name, Means.API, now(), desk.organisation(session), Said(note),
            )  # fmt: skip
        except OrderRefused as refused:
            raise NotAllowed(409, refused.en) from refused
        session.flush()
        session.expire_all()
        return jsonify(_plain(*_own(session, token, part_id)))


def _own(session: Session, token: AgencyToken, part_id: str) -> tuple[Order, Assignment]:
    """Another agency's order is as unknown as one that never was."""
    part = session.get(Assignment, part_id) if len(part_id) <= 88 else None
    if part is None or part.team != token.agency_key or part.state == AssignmentState.WAITING:
        raise NotAllowed(404, "Your agency has no such order.")
    return session.get_one(Order, part.order_id), part


@room.get("/openapi.json")
def document() -> Response:
    """What this interface is, for programs."""
    part = {"name": "part_id", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 88}}
    text = {"type": "string"}
    shape = dict.fromkeys(("id", "order", "state", "category", "acuity", "unit_code", "place", "what"), text)
    moments = {name: {"type": "string", "format": "date-time"} for name in ("due_at", "changed_at")}
    answer_by = {"type": ["string", "null"], "format": "date-time"}
    one = {"type": "object", "properties": {**shape, **moments, "answer_by": answer_by}}
    ref = {"$ref": "#/components/schemas/Order"}
    many = {"type": "object", "properties": {"orders": {"type": "array", "items": ref}}}
    body = {
        "type": "object", "required": ["report"],
        "properties": {"report": {"enum": list(REPORTS)}, "note": {"type": "string", "maxLength": LONGEST_NOTE}},
    }  # fmt: skip

    def answers(schema: Any, *more: str) -> dict[str, Any]:
        fault = {"description": "{error: a sentence}"}
        good = {"description": "OK", "content": {"application/json": {"schema": schema}}}
        return {"200": good, **dict.fromkeys(("401", "403", "429", *more), fault)}

    posted = {"required": True, "content": {"application/json": {"schema": body}}}
    return jsonify(
        openapi="3.1.0",
        info={"title": "1022: orders of an agency", "version": "1"},
        servers=[{"url": "/api/v1"}],
        security=[{"token": []}],
        paths={
            "/orders": {
                "get": {
                    "parameters": [{"name": "open", "in": "query", "schema": {"enum": ["1"]}}],
                    "responses": answers(many),
                }
            },
            "/orders/{part_id}": {"get": {"parameters": [part], "responses": answers(ref, "404")}},
            "/orders/{part_id}/reports": {
                "post": {
                    "parameters": [part],
                    "requestBody": posted,
                    "responses": answers(ref, "404", "409", "422"),
                }
            },
        },
        components={
            "schemas": {"Order": one},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    )
