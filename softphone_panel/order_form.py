"""The form of a new order: who answers for the matter there, who has a free hand, by when; routes of the room of orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from flask import flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import order_load, ordering, ticket_fields
from hotline.acuity import Acuity
from hotline.categories import CategoryFaults, beside
from hotline.database import reading, transaction
from hotline.events import now
from hotline.ordering import Wanted
from hotline.orders import needs_approval
from hotline.organisation import Organisation
from hotline.refusals import RequestRefused
from hotline.settings import settings
from hotline.tickets import Ticket, TicketState
from softphone_panel import (
    desk,
    due_field,
    order_words,
    team_orders,
    ticket_changes,
    ticket_view,
    unit_search,
)
from softphone_panel.faults import InputFault
from softphone_panel.team_orders import room
from softphone_panel.ticket_access import seen_ticket
from softphone_panel.words import either, language, local, say

SUGGESTED = 8
DEFAULT_CATEGORY = {"medical": "emergency_transport"}


@room.get("/new/<ticket_id>")
def new(ticket_id: str) -> str:
    with reading() as session:
        return render_template(
            "order_new.html", **_new(session, seen_ticket(session, ticket_id), request.args, {})
        )


@room.get("/new/<ticket_id>/teams")
def teams(ticket_id: str) -> str:
    """The teams that answer for this matter at this place, nearest first."""
    with reading() as session:
        return render_template(
            "order_teams.html", **_new(session, seen_ticket(session, ticket_id), request.args, {})
        )


def _new(session: Session, ticket: Ticket, typed: Any, faults: Mapping[str, str]) -> dict[str, Any]:
    at = now()
    known = _categories()
    own = str(getattr(ticket, "category", "") or "")
    category = typed.get("category") or own or DEFAULT_CATEGORY.get(ticket.branch, "other")
    organisation = desk.organisation(session)
    unit_code = typed.get("unit_code") or ticket.unit_code
    near = organisation.responsible(
        ticket.hotline, category, unit_code, team_orders.today(), desk.province().day(ticket.opened_at)
    )
    suggested = near[:SUGGESTED]
    others = [a for a in team_orders.of_hotline(organisation, ticket.hotline) if a not in suggested]
    loads = order_load.of(session, [*suggested, *others])
    first = order_load.next_free(suggested, loads, ())
    acuity = Acuity(typed.get("acuity") if typed.get("acuity") in Acuity.__members__ else ticket.acuity)
    address = ticket_fields.of(session, ticket.id).get("address")
    chosen = typed.getlist("team") if hasattr(typed, "getlist") else []
    return {
        "ticket": ticket,
        "ticket_label": ticket_view.label(ticket.hotline, ticket.number),
        "closed": ticket.state == TicketState.CLOSED,
        "typed": typed,
        "faults": faults,
        "categories": {key: one.word(language()) for key, one in known.items()},
        "category": category,
        "acuity": acuity.value,
        "unit_code": unit_code,
        "unit_name": unit_search.name_of(session, unit_code) if unit_code else "",
        "place": typed.get("place") or (address.value if address is not None else ""),
        "due": typed.get("due_at")
        or local(at + timedelta(seconds=desk.province().order_times.done_s[acuity])).strftime(
            due_field.WRITTEN
        ),
        "suggested": suggested,
        "chosen": chosen or ([first.key] if first is not None else []),
        "others": others,
        "loads": loads,
        "beyond": lambda agency: needs_approval(
            current_user.role, frozenset({agency.level}), desk.province().authority
        ),
        "click_id": uuid4().hex,
        **order_words.words(),
    }


def _categories() -> Mapping[str, Any]:
    try:
        return beside(settings().installation)
    except (CategoryFaults, OSError) as error:
        raise InputFault(
            "category", say("Không đọc được danh mục loại việc: hãy báo quản trị."), 503
        ) from error


@room.post("/new/<ticket_id>")
def issue(ticket_id: str) -> tuple[str, int] | AnyResponse:
    form = request.form
    try:
        with transaction() as session:
            seen_ticket(session, ticket_id)
            if not ticket_changes.once(session, desk.click(form.get("click_id", ""))):
                return redirect(url_for("team_orders.index"), 303)
            wanted = Wanted(
                ticket_id, form.get("what", ""), form.get("category", ""), tuple(t[:48] for t in form.getlist("team")),
                due_field.read(form.get("due_at", "")), form.get("unit_code", "")[:8], form.get("place", ""),
                form.get("acuity", ""), form.get("ask") == "1", form.get("reason", ""),
            )  # fmt: skip
            organisation = desk.organisation(session)
            if form.get("over") != "1":
                _check_load(session, organisation, wanted)
            order_id = ordering.issue(
                session, wanted, team_orders.by(), now(), organisation, tuple(_categories())
            )
    except RequestRefused as refused:
        with reading() as session:
            faults = {refused.name or "order": either(refused)}
            page = render_template(
                "order_new.html", **_new(session, seen_ticket(session, ticket_id), form, faults)
            )
            return page, 422
    flash(say("Đã ra lệnh."))
    return redirect(url_for("team_orders.one", order_id=order_id), 303)


def _check_load(session: Session, organisation: Organisation, wanted: Wanted) -> None:
    """Whoever orders from a team that has its hands full is told so, and whom to ask instead. Raises RequestRefused."""
    asked = [a for key in wanted.teams if (a := organisation.agency(key)) is not None]
    ticket = session.get_one(Ticket, wanted.ticket_id)
    near = organisation.responsible(
        ticket.hotline,
        wanted.category,
        wanted.unit_code,
        team_orders.today(),
        desk.province().day(ticket.opened_at),
    )
    loads = order_load.of(session, [*asked, *near])
    full = [a for a in asked if loads[a.key].is_full]
    if not full:
        return
    free = order_load.next_free(near, loads, wanted.teams)
    load = loads[full[0].key]
    told = {"team": full[0].name, "orders": load.orders, "capacity": load.capacity}
    instead_vi = f"hãy chọn {free.name}, hoặc" if free is not None else "hãy chọn đội khác, hoặc"
    instead_en = f"choose {free.name}, or" if free is not None else "choose another team, or"
    raise RequestRefused(
        "{team} đang có {orders} lệnh, làm được {capacity} lệnh cùng lúc: {instead} đánh dấu “Vẫn giao”.".format(
            **told, instead=instead_vi
        ),
        "{team} has {orders} orders and can see to {capacity} at once: {instead} tick “Order all the same”.".format(
            **told, instead=instead_en
        ),
        "team",
    )
