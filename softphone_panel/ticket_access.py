"""Whose ticket may be opened: found for a reader, or held for a change; what their hotlines do not have is not there."""

from __future__ import annotations

from flask import abort
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline.tickets import Ticket
from softphone_panel import ticket_changes
from softphone_panel.words import say


def seen_ticket(session: Session, ticket_id: str) -> Ticket:
    """The ticket, if this reader may see its hotline; 404 otherwise."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None or not current_user.serves(ticket.hotline):
        abort(404, say("Không có phiếu này."))
    return ticket


def held_ticket(session: Session, ticket_id: str) -> Ticket:
    """The same, held for a change."""
    seen_ticket(session, ticket_id)
    ticket = ticket_changes.locked(session, ticket_id)
    assert ticket is not None  # noqa: S101 - tickets are never removed
    session.refresh(ticket)
    return ticket
