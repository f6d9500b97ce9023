"""Who works a ticket, on its page and in the list: claiming, being there, letting go, taking a silent page's ticket over."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import ticket_claims
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.ticket_claims import REASON_LEAST, REASON_MOST, TOLD_FOR, Lost, TicketClaim
from hotline.tickets import Ticket, TicketState
from softphone_panel import desk, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import clock, is_htmx, say

room = Blueprint("claiming", __name__, url_prefix="/tickets")

LISTED = 100


def values(session: Session, ticket: Ticket) -> dict[str, Any]:
    """What the ticket's page shows of its claim."""
    row = ticket_claims.of(session, ticket.id)
    at = now()
    own = row is not None and row.operator_id == current_user.id
    return {
        "ticket": ticket,
        "claim": row,
        "claim_name": name_of(session, row.operator_id) if row is not None else "",
        "claim_own": own,
        "claim_stale": row is not None and not own and row.stale(at),
        "claim_lost": row is not None
        and row.taken_from == current_user.id
        and at - row.claimed_at < TOLD_FOR,
        "claimable": ticket.state != TicketState.CLOSED,
        "beat_every_s": ticket_claims.BEAT_EVERY_S,
    }


@room.get("/<ticket_id>/claim")
def fragment(ticket_id: str) -> Response:
    return desk.fragment(
        "ticket_claim.html", lambda session: values(session, seen_ticket(session, ticket_id))
    )


@room.get("/claims/<ids>")
def listed(ids: str) -> Response:
    """Who works each of these tickets, as parts that find their own places in the list."""
    wanted = ids.split(",")[:LISTED]

    def found(session: Session) -> dict[str, Any]:
        return {"ids": wanted, "claims": of_list(session, wanted), "apart": True}

    return desk.fragment("ticket_claims.html", found)


def of_list(session: Session, ids: list[str]) -> dict[str, tuple[str, bool, bool]]:
    """Ticket → name, whether it is the reader's, whether it is stale; only of hotlines that the reader serves."""
    rows = session.execute(
        select(TicketClaim, Operator.full_name, Ticket.hotline)
        .join(Operator, Operator.id == TicketClaim.operator_id)
        .join(Ticket, Ticket.id == TicketClaim.ticket_id)
        .where(TicketClaim.ticket_id.in_(ids), Ticket.state != TicketState.CLOSED)
    )
    at = now()
    return {
        row.ticket_id: (
            name,
            row.operator_id == current_user.id,
            row.stale(at) and row.operator_id != current_user.id,
        )
        for row, name, hotline in rows
        if current_user.serves(hotline)
    }


@room.post("/<ticket_id>/claim")
def act(ticket_id: str) -> AnyResponse:
    """Claim it, let it go, or take it over with a reason."""
    wanted = request.form.get("act", "")
    at = now()
    lost: Lost | None = None
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        me, username = current_user.id, current_user.username
        if wanted == "let_go":
            if not ticket_claims.let_go(session, ticket, me, username, at):
                raise InputFault("act", say("Phiếu này không còn do bạn làm: hãy xem lại trang."), 409)
        elif wanted in ("claim", "take_over"):
            _check(session, ticket)
            if wanted == "claim":
                outcome = ticket_claims.claim(session, ticket, me, username, at)
            else:
                outcome = ticket_claims.take_over(
                    session, ticket, me, username, _reason(), at, supervises=bool(current_user.supervises)
                )
            lost = outcome if isinstance(outcome, Lost) else None
        else:
            raise InputFault("act", say("Trang đã cũ: hãy tải lại trang rồi làm lại."), 400)
        said = _lost(session, lost) if lost is not None else ""
    if said:  # after the commit: who came second is on the ticket too
        raise InputFault("act", said, 409)
    if is_htmx():
        with reading() as session:
            return make_response(
                render_template("ticket_claim.html", **values(session, seen_ticket(session, ticket_id)))
            )
    flash(say("Đã thôi làm phiếu này.") if wanted == "let_go" else say("Bạn đang làm phiếu này."))
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


def _check(session: Session, ticket: Ticket) -> None:
    if ticket.state == TicketState.CLOSED:
        raise InputFault("act", say("Phiếu đã đóng: hãy mở lại phiếu trước."), 409)
    talking = session.scalar(
        select(Call.operator_id).where(
            Call.ticket_id == ticket.id, Call.state == "talking", Call.operator_id.is_not(None)
        )
    )
    if talking is not None and talking != current_user.id:
        raise InputFault(
            "act",
            say("{name} đang nói chuyện với người dân của phiếu này.", name=name_of(session, talking)),
            409,
        )


def _reason() -> str:
    reason = " ".join(request.form.get("reason", "").replace("\x00", "").split())
    if not REASON_LEAST <= len(reason) <= REASON_MOST:
        raise InputFault("reason", say("Ô “Lý do nhận thay”: hãy viết từ 5 đến 200 ký tự."))
    return reason


def _lost(session: Session, lost: Lost) -> str:
    name = name_of(session, lost.operator_id)
    if lost.raced:
        return say(
            "{name} đã nhận phiếu này trước bạn {seconds} giây.",
            name=name,
            seconds=max(round(lost.after_s, 1), 0.1),
        )
    if lost.stale:
        return say(
            "{name} đã nhận phiếu này từ {when} và không còn ở trang: ghi lý do để nhận thay.",
            name=name,
            when=clock(lost.since),
        )
    return say("{name} đang làm phiếu này từ {when}.", name=name, when=clock(lost.since))


@room.post("/<ticket_id>/claim/beat")
def beat(ticket_id: str) -> Response:
    """The page is there. 204, or the part anew when the ticket is somebody else's now."""
    with transaction() as session:
        held = ticket_claims.beat(session, seen_ticket(session, ticket_id).id, current_user.id, now())
    return Response(status=204) if held else fragment(ticket_id)


def check_free(session: Session, ticket: Ticket) -> None:
    """InputFault when somebody else works the ticket and is there."""
    row = ticket_claims.of(session, ticket.id)
    if row is None or row.operator_id == current_user.id or row.stale(now()):
        return
    raise InputFault(
        "state",
        say(
            "{name} đang làm phiếu này: hãy để lại ghi chú, hoặc nhận phiếu trước.",
            name=name_of(session, row.operator_id),
        ),
        409,
    )


def taken_from_me(session: Session) -> list[tuple[str, str, str, str]]:
    """Tickets that somebody took over from the reader lately: id, label, by whom, why."""
    rows = session.execute(
        select(TicketClaim, Ticket, Operator.full_name)
        .join(Ticket, Ticket.id == TicketClaim.ticket_id)
        .join(Operator, Operator.id == TicketClaim.operator_id)
        .where(TicketClaim.taken_from == current_user.id, TicketClaim.claimed_at > now() - TOLD_FOR)
        .order_by(TicketClaim.claimed_at)
    )
    return [
        (ticket.id, ticket_view.label(ticket.hotline, ticket.number), name, row.reason)
        for row, ticket, name in rows
    ]


def name_of(session: Session, operator_id: int) -> str:
    found = session.get(Operator, operator_id)
    return found.full_name if found is not None else "?"
