"""What becomes of orders when a time is up: no yes from a team, no word from a committee, not done by the deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from sqlalchemy.orm import Session

from hotline import deadlines, ordering
from hotline.agencies import organisation
from hotline.deadlines import Due, Handler
from hotline.order_facts import ANSWER, APPROVAL, DUE


def handlers(structure_on: Callable[[], date | None]) -> Mapping[str, Handler]:
    """Kind → what is done then; who is above whom is asked of the structure of that day, or of the present one."""

    def answer(session: Session, due: Due, at: datetime) -> None:
        house = organisation(session, structure_on())
        again = ordering.answer_is_due(session, due.about, at, house)
        if again is not None:
            deadlines.set(session, ANSWER, due.about, again)

    def approval(session: Session, due: Due, at: datetime) -> None:
        ordering.approval_is_due(session, due.about, at, organisation(session, structure_on()))

    def order(session: Session, due: Due, at: datetime) -> None:
        ordering.order_is_due(session, due.about, at)

    return {ANSWER: answer, APPROVAL: approval, DUE: order}
