"""Who saw which ticket: a line of its own for every viewing, kept with the ticket's entries."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hotline.database import transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.tickets import TicketEntry

log = structlog.get_logger(__name__)

VIEWED = "ticket_viewed"
VIEWED_AGAIN = timedelta(minutes=5)
"""What one person reads of one ticket within this time is one viewing."""
SHOWN = 200


def note(ticket_id: str) -> None:
    """Write down that this reader sees the ticket. A database that cannot be written to does not hide it in a call."""
    try:
        with transaction() as session:
            seen = select(TicketEntry.id).where(
                TicketEntry.ticket_id == ticket_id, TicketEntry.kind == VIEWED,
                TicketEntry.actor == current_user.username, TicketEntry.at > now() - VIEWED_AGAIN,
            )  # fmt: skip
            if session.scalar(seen.limit(1)) is None:
                # Not announced: nothing on the live pages changes by it.
                session.add(
                    TicketEntry(
                        ticket_id=ticket_id, at=now(), kind=VIEWED, actor=current_user.username, text="", body={}
                    )
                )  # fmt: skip
    except SQLAlchemyError as error:
        log.warning(
            "a viewing is only in this log",
            ticket_id=ticket_id,
            operator_id=current_user.id,
            error=type(error).__name__,
        )


def of(session: Session, ticket_id: str) -> tuple[tuple[datetime, str], ...]:
    """Who saw the ticket, the latest first: when, full name."""
    asked = (
        select(TicketEntry.at, Operator.full_name)
        .join(Operator, Operator.username == TicketEntry.actor)
        .where(TicketEntry.ticket_id == ticket_id, TicketEntry.kind == VIEWED)
        .order_by(TicketEntry.id.desc())
        .limit(SHOWN)
    )
    return tuple((at, name) for at, name in session.execute(asked))
