"""Questions in the agencies' interface: what the agency was asked, and its answer, by the same table and refusals as its page.

Nothing of whoever asks is told but what the question itself says.
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import referring
from hotline.agencies import organisation
from hotline.agency_tokens import QUESTIONS, AgencyToken
from hotline.database import reading, transaction
from hotline.events import now
from hotline.referrals import WAITED_FOR, Happening, Referral, ReferralPart
from hotline.refusals import RequestRefused
from hotline.tickets import Ticket
from softphone_panel import referral_words
from softphone_panel.agency_api import (
    MOST,
    NotAllowed,
    authorised,
    flag,
    given_choice,
    given_json,
    given_text,
    guessed,
    is_id,
    limited,
    room,
)

ANSWERS = (Happening.ANSWER.value, Happening.NOT_OURS.value, Happening.REFUSE.value)
MEANS = "api"


@room.get("/questions")
@limited
@guessed
def questions() -> Response:
    """What the agency was asked, the latest due first; with open=1 what still waits for its answer."""
    with reading() as session:
        token = authorised(session, QUESTIONS)
        waits = [ReferralPart.state.in_(WAITED_FOR)] if flag("open") else []
        rows = session.scalars(
            select(ReferralPart)
            .where(ReferralPart.agency == token.agency_key, *waits)
            .order_by(ReferralPart.due_at.desc(), ReferralPart.id)
            .limit(MOST)
        )
        return jsonify(questions=[_plain(session, one) for one in rows])


@room.post("/questions/<question_id>/answers")
@limited
@guessed
def answer(question_id: str) -> Response:
    """answer, not_ours or refuse; a late answer counts."""
    with transaction() as session:
        token = authorised(session, QUESTIONS)
        one = _own(session, token, question_id)
        given = given_json()
        what = given_choice(given, "answer", ANSWERS)
        most = referring.ANSWER if what == Happening.ANSWER else referring.REASON
        said = given_text(given, "said", most, needed=True)
        try:
            referring.act(
                session, one.id, Happening(what), token.name, MEANS, now(), organisation(session), said
            )
        except RequestRefused as refused:
            raise NotAllowed(409, refused.en) from refused
        session.flush()
        session.expire_all()
        return jsonify(_plain(session, _own(session, token, question_id)))


def _own(session: Session, token: AgencyToken, question_id: str) -> ReferralPart:
    """Another agency's question is as unknown as one that never was."""
    one = session.get(ReferralPart, question_id) if is_id(question_id) else None
    if one is None or one.agency != token.agency_key:
        raise NotAllowed(404, "Your agency has no such question.")
    return one


def _plain(session: Session, one: ReferralPart) -> dict[str, Any]:
    row, ticket = session.get_one(Referral, one.referral_id), session.get_one(Ticket, one.ticket_id)
    return {
        "id": one.id, "label": referral_words.label(row.hotline, ticket.number, row.number), "state": one.state,
        "category": row.category, "acuity": row.acuity, "unit_code": row.unit_code, "question": row.question,
        "asked_at": one.asked_at.isoformat(), "due_at": one.due_at.isoformat(), "said": one.said,
        "changed_at": one.changed_at.isoformat(),
    }  # fmt: skip
