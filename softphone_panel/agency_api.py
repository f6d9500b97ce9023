"""The interface for agencies' own systems: their orders, and what they report on them; JSON, and a token with each request.

Tickets are `agency_tickets`, questions `agency_questions`, webhooks `agency_webhooks`, the OpenAPI document `agency_document`: routes of
the same room.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask_limiter.util import get_remote_address
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from hotline import agency_tokens, ordering
from hotline.agencies import organisation
from hotline.agency_tokens import READ, REPORT, USED_EVERY, AgencyToken
from hotline.database import reading, transaction
from hotline.events import now
from hotline.ordering import Said
from hotline.orders import LIVE, Actor, Assignment, AssignmentState, Happening, Means, Order
from hotline.refusals import RequestRefused
from softphone_panel.limits import limiter

PREFIX = "/api/v1"
room = Blueprint("agency_api", __name__, url_prefix=PREFIX)

MOST = 200
REPORTS = ("accept", "decline", "set_out", "arrive", "finish", "fail")
SENT = frozenset(AssignmentState) - {AssignmentState.WAITING}
"""What an order's part can be for its team: of an order that nobody approved it hears nothing, then or later."""
LONGEST_NOTE = 500
LONGEST_ID = 88
SENTENCES = {
    400: "The request cannot be read.",
    404: "There is no such address: see /api/v1/openapi.json.",
    405: "This address does not take that method: see /api/v1/openapi.json.",
    413: "The request is too large.",
    415: "Send JSON.",
    429: "Too many requests: wait a minute.",
    503: "The database is busy: try again.",
}


class NotAllowed(Exception):  # noqa: N818 - exceptions are named by the fact
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@room.errorhandler(NotAllowed)
def _not_allowed(fault: NotAllowed) -> tuple[Response, int]:
    answer = jsonify(error=fault.sentence)
    if fault.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer, fault.status


@room.errorhandler(HTTPException)
def _http_fault(fault: HTTPException) -> tuple[Response, int]:
    return fault_answer(fault.code or 500)


def fault_answer(status: int) -> tuple[Response, int]:
    """Programs are answered in JSON, also where there is nothing."""
    return jsonify(error=SENTENCES.get(status, "Something went wrong here.")), status


def _whose() -> str:
    """Requests are counted for each token, by whichever address it comes."""
    given = request.headers.get("Authorization", "")
    return hashlib.sha256(given.encode()).hexdigest() if given else get_remote_address()


def _was_refused(answer: Response) -> bool:
    return answer.status_code == 401


limited = limiter.shared_limit("120 per minute", scope="agency_api", key_func=_whose)
"""What one token may ask of all addresses together."""
guessed = limiter.shared_limit(
    "30 per minute", scope="agency_guess", key_func=get_remote_address, deduct_when=_was_refused
)
"""How often somebody may come with a token that is none."""


def authorised(session: Session, scope: str) -> AgencyToken:
    """The request's token, if it has that scope. Raises NotAllowed."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    found = agency_tokens.find(session, token.strip()) if kind.lower() == "bearer" else None
    if found is None:
        raise NotAllowed(401, "Send a valid token: Authorization: Bearer TOKEN.")
    if scope not in found.scopes:
        raise NotAllowed(403, f"This token lacks the scope {scope}.")
    return found


@room.after_request
def _in_use(answer: Response) -> Response:
    """Whoever decides about a token wants to know whether it is used."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if answer.status_code < 400 and kind.lower() == "bearer":
        at = now()
        with reading() as session:
            found = agency_tokens.find(session, token.strip())
        if found is not None and (found.used_at is None or at - found.used_at > USED_EVERY):
            with transaction() as session:
                agency_tokens.used(session, found.id, at)
    return answer


def given_json() -> dict[str, Any]:
    """The request's object. Raises NotAllowed."""
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise NotAllowed(422, "Send a JSON object.")
    return given


def given_text(given: dict[str, Any], name: str, most: int, *, needed: bool = False) -> str:
    """One text of the object, without space around it. Raises NotAllowed."""
    text = given.get(name, "")
    # Half of a surrogate pair is no character, and neither database keeps a zero.
    fits = (
        isinstance(text, str) and len(text) <= most and "\0" not in text and text.isascii() | _is_text(text)
    )
    if not fits:
        raise NotAllowed(422, f"{name} must be text of at most {most} characters.")
    if needed and not text.strip():
        raise NotAllowed(422, f"{name} must not be empty.")
    return str(text).strip()


def given_choice(given: dict[str, Any], name: str, choices: Collection[str]) -> str:
    """One of the words that there are. Raises NotAllowed."""
    chosen = given.get(name)
    if not isinstance(chosen, str) or chosen not in choices:
        raise NotAllowed(422, f"{name} must be one of {', '.join(choices)}.")
    return chosen


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def flag(name: str) -> bool:
    """Of a query: "1" or left out. Raises NotAllowed."""
    if request.args.get(name, "1") != "1":
        raise NotAllowed(422, f"{name} must be 1 or left out.")
    return name in request.args


def _plain(order: Order, part: Assignment) -> dict[str, Any]:
    """What a team needs to go there: nothing of the caller but what the order says."""
    return {
        "id": part.id, "order": order.id, "state": part.state, "category": order.category, "acuity": order.acuity,
        "unit_code": order.unit_code, "place": order.place, "what": order.what, "due_at": order.due_at.isoformat(),
        "answer_by": moment(part.answer_by), "changed_at": part.changed_at.isoformat(),
    }  # fmt: skip


@room.get("/orders")
@limited
@guessed
def orders() -> Response:
    """The agency's own parts in orders, the latest first."""
    with reading() as session:
        token = authorised(session, READ)
        open_only = [Assignment.state.in_(LIVE)] if flag("open") else []
        rows = session.execute(
            select(Order, Assignment)
            .join(Assignment, Assignment.order_id == Order.id)
            .where(Assignment.team == token.agency_key, Assignment.sent_at.is_not(None), *open_only)
            .order_by(Assignment.changed_at.desc(), Assignment.id)
            .limit(MOST)
        )
        return jsonify(orders=[_plain(order, part) for order, part in rows])


@room.get("/orders/<part_id>")
@limited
@guessed
def order(part_id: str) -> Response:
    with reading() as session:
        return jsonify(_plain(*_own(session, authorised(session, READ), part_id)))


@room.post("/orders/<part_id>/reports")
@limited
@guessed
def report(part_id: str) -> Response:
    """Accept, decline, set_out, arrive, finish or fail; refused as in the panel, by the same table."""
    with transaction() as session:
        token = authorised(session, REPORT)
        _, part = _own(session, token, part_id)
        given = given_json()
        note, what = given_text(given, "note", LONGEST_NOTE), given_choice(given, "report", REPORTS)
        try:
            ordering.act(
                session, part.id, Happening(what), Actor.TEAM, token.name, Means.API, now(), organisation(session), Said(note),
            )  # fmt: skip
        except RequestRefused as refused:
            raise NotAllowed(409, refused.en) from refused
        session.flush()
        session.expire_all()
        return jsonify(_plain(*_own(session, token, part_id)))


def _own(session: Session, token: AgencyToken, part_id: str) -> tuple[Order, Assignment]:
    """Another agency's order is as unknown as one that never was."""
    part = session.get(Assignment, part_id) if is_id(part_id) else None
    if part is None or part.team != token.agency_key or part.sent_at is None:
        raise NotAllowed(404, "Your agency has no such order.")
    return session.get_one(Order, part.order_id), part


def is_id(text: str) -> bool:
    """Whether the database can be asked for it."""
    return len(text) <= LONGEST_ID and text.isascii() and text.isprintable()
