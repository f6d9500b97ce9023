"""What becomes of a question when an agency's time is almost up, and when it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from sqlalchemy.orm import Session

from hotline import referring
from hotline.agencies import organisation
from hotline.deadlines import Due, Handler
from hotline.referral_facts import DUE, WARN


def handlers(structure_on: Callable[[], date | None]) -> Mapping[str, Handler]:
    """Kind → what is done then; who is above whom is asked of the structure of that day, or of the present one."""

    def warn(session: Session, due: Due, at: datetime) -> None:
        referring.warn_is_due(session, due.about, at)

    def answer(session: Session, due: Due, at: datetime) -> None:
        referring.answer_is_due(session, due.about, at, organisation(session, structure_on()))

    return {WARN: warn, DUE: answer}
