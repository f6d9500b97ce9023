"""What becomes of orders when a time is up: no yes from a team, no word from a committee, not done by the deadline."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from hotline import deadlines, ordering
from hotline.agencies import organisation
from hotline.deadlines import Due
from hotline.order_facts import ANSWER, APPROVAL, DUE


def answer(session: Session, due: Due, at: datetime) -> None:
    again = ordering.answer_is_due(session, due.about, at, organisation(session))
    if again is not None:
        deadlines.set(session, ANSWER, due.about, again)


def approval(session: Session, due: Due, at: datetime) -> None:
    ordering.approval_is_due(session, due.about, at, organisation(session))


def order(session: Session, due: Due, at: datetime) -> None:
    ordering.order_is_due(session, due.about, at)


HANDLERS = {ANSWER: answer, APPROVAL: approval, DUE: order}
