"""Orders on the panel: who is to go where, what the committee says, where each team stands; alarms first.

The form of a new one is `order_form`: routes of the same room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, send_file, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import order_alarms, ordering
from hotline.acuity import Acuity
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Role
from hotline.ordering import By, Said
from hotline.orders import (
    BY_CLOCK,
    LIVE,
    WORKING,
    Actor,
    Assignment,
    Happening,
    Means,
    Order,
    OrderApproval,
    OrderPhoto,
    OrderState,
    OrderStep,
    OrderTry,
)
from hotline.organisation import Agency, Organisation
from hotline.refusals import RequestRefused
from hotline.settings import settings
from hotline.text_messages import TextMessage
from hotline.tickets import Ticket
from softphone_panel import desk, leg_recordings, order_words, ticket_changes, ticket_view, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.words import either, say

room = Blueprint("team_orders", __name__, url_prefix="/orders")

ENDED_SHOWN = 50
ISSUERS_SAY = {"finish": Happening.FINISH, "fail": Happening.FAIL}


@dataclass(frozen=True)
class Listed:
    """One order as the list shows it."""

    row: Order
    label: str
    unit: str
    parts: tuple[Assignment, ...]


@dataclass(frozen=True)
class Part:
    """One team's part as the order's page shows it."""

    row: Assignment
    steps: tuple[OrderStep, ...]
    tries: tuple[OrderTry, ...]
    messages: tuple[str, ...]
    photos: tuple[OrderPhoto, ...]
    instead_of: str = ""
    """Name of the team in whose place it was asked."""

    @property
    def course(self) -> list[OrderStep | OrderTry]:
        """Steps and calls in the order in which they were."""
        both: list[tuple[datetime, OrderStep | OrderTry]] = [(one.at, one) for one in self.steps]
        both += [(one.rung_at, one) for one in self.tries]
        return [one for _, one in sorted(both, key=lambda pair: pair[0])]


def by() -> By:
    province = desk.province()
    return By(
        current_user.username,
        current_user.role,
        current_user.agency,
        province.authority,
        province.order_times,
    )


def today() -> date:
    return desk.province().day(now())


@room.get("")
def index() -> str:
    with reading() as session:
        return render_template("orders.html", **_index(session))


@room.get("/listed")
def listed() -> Response:
    """The lists alone, read again when the live stream says that something changed."""
    return desk.fragment("orders_list.html", _index)


def _index(session: Session) -> dict[str, Any]:
    open_ = select(Order).where(Order.state.in_(ordering.OPEN)).order_by(Order.issued_at.desc()).limit(300)
    past = (
        select(Order)
        .where(Order.state.not_in(ordering.OPEN))
        .order_by(Order.ended_at.desc())
        .limit(ENDED_SHOWN)
    )
    orders = [o for o in session.scalars(open_) if current_user.serves(o.hotline)]
    orders.sort(key=lambda o: (-Acuity(o.acuity).urgency, o.due_at))
    asked = select(OrderApproval, Order).join(Order, Order.id == OrderApproval.order_id)
    waiting = session.execute(
        asked.where(OrderApproval.state == "asked", Order.state == OrderState.AWAITING_APPROVAL).order_by(
            OrderApproval.due_at
        )
    ).all()
    organisation = desk.organisation(session) if waiting else Organisation()
    return {
        "orders": _listed(session, orders),
        "past": _listed(session, [o for o in session.scalars(past) if current_user.serves(o.hotline)]),
        "approvals": [
            (approval, one, ordering.may_decide(organisation, by(), approval.centre, now()) and _second(approval, one.row))
            for approval, order in waiting
            if current_user.serves(order.hotline)
            for one in _listed(session, [order])
        ],
        "click_of": lambda what: desk.click_id(what, 0),
        "person_name": _person_name(session),
        **alarm_values(session),
        **order_words.words(),
    }  # fmt: skip


def asked_of_reader(session: Session) -> list[str]:
    """Approvals that wait for this reader's word, the soonest due first."""
    if current_user.role != Role.LEADER:
        return []
    rows = session.execute(
        select(OrderApproval, Order)
        .join(Order, Order.id == OrderApproval.order_id)
        .where(OrderApproval.state == "asked", Order.state == OrderState.AWAITING_APPROVAL)
        .order_by(OrderApproval.due_at)
    ).all()
    house = desk.organisation(session) if rows else Organisation()
    return [
        approval.id
        for approval, order in rows
        if current_user.serves(order.hotline)
        and ordering.may_decide(house, by(), approval.centre, now())
        and _second(approval, order)
    ]


def _second(approval: OrderApproval, order: Order) -> bool:
    """Whether the reader is another person than who asked."""
    return current_user.username not in (approval.asked_by, order.issued_by)


def _listed(session: Session, orders: list[Order]) -> list[Listed]:
    parts: dict[str, list[Assignment]] = {}
    ids = [order.id for order in orders]
    for one in session.scalars(
        select(Assignment).where(Assignment.order_id.in_(ids)).order_by(Assignment.id)
    ):
        parts.setdefault(one.order_id, []).append(one)
    asked = select(Ticket.id, Ticket.number).where(Ticket.id.in_([order.ticket_id for order in orders]))
    numbers = dict(session.execute(asked).tuples().all())
    return [
        Listed(
            order, order_words.label(order.hotline, numbers.get(order.ticket_id), order.number),
            unit_search.name_of(session, order.unit_code), tuple(parts.get(order.id, ())),
        )
        for order in orders
    ]  # fmt: skip


def alarm_values(session: Session) -> dict[str, Any]:
    """What alarms about orders, for whoever may open them."""
    found = [one for one in order_alarms.active(session, now()) if current_user.serves(one.hotline)]
    return {
        "order_alarms": found,
        "order_alarm_text": order_words.alarm_text,
        "order_label": lambda alarm: order_words.label(alarm.hotline, alarm.ticket_number, alarm.number),
    }


def _person_name(session: Session) -> Callable[[str], str]:
    names = ticket_view.people_names(session)
    return lambda username: names.get(username, username)


def of_hotline(organisation: Organisation, hotline: str) -> list[Agency]:
    """Whom an order of that hotline may go to today."""
    return [a for a in organisation.agencies.values() if a.hotline == hotline and a.stands(today())]


def of_ticket(session: Session, ticket_id: str) -> dict[str, Any]:
    """The ticket's orders, for its page."""
    rows = select(Order).where(Order.ticket_id == ticket_id).order_by(Order.number)
    return {"ticket_orders": _listed(session, list(session.scalars(rows))), **order_words.words()}


# -- one order --


def seen_order(session: Session, order_id: str) -> Order:
    """The order, if this reader may see its hotline; 404 otherwise."""
    order = session.get(Order, order_id)
    if order is None or not current_user.serves(order.hotline):
        abort(404, say("Không có lệnh này."))
    return order


@room.get("/<order_id>")
def one(order_id: str) -> str:
    with reading() as session:
        return render_template("order.html", **_one(session, order_id))


@room.get("/<order_id>/parts")
def parts(order_id: str) -> Response:
    """Where the teams stand, alone: read again when something changed."""
    return desk.fragment("order_parts.html", lambda session: _one(session, order_id))


def _one(session: Session, order_id: str) -> dict[str, Any]:
    order = seen_order(session, order_id)
    (shown_order,) = _listed(session, [order])
    approvals = list(
        session.scalars(
            select(OrderApproval).where(OrderApproval.order_id == order_id).order_by(OrderApproval.asked_at)
        )
    )
    organisation = desk.organisation(session)
    found = _parts(session, shown_order.parts)
    is_open = order.state in ordering.OPEN
    busy = {one.row.team for one in found if one.row.state in LIVE}
    names = ticket_view.people_names(session)
    return {
        "order": shown_order,
        "parts_of_order": found,
        "recorded": leg_recordings.of_orders(session, [t.dial_id for one in found for t in one.tries]),
        "approvals": [
            (a, ordering.may_decide(organisation, by(), a.centre, now()) and _second(a, order))
            for a in approvals
        ],
        "is_open": is_open,
        "choices": [a for a in of_hotline(organisation, order.hotline) if a.key not in busy]
        if is_open
        else [],
        "working": [one.value for one in WORKING],
        "live": [one.value for one in LIVE],
        "click_of": lambda what: desk.click_id(f"{what} {order_id}", len(found)),
        "issued_by": names.get(order.issued_by, order.issued_by),
        "person_name": _person_name(session),
        # What the clock does needs no name: its means says so.
        "who_of": lambda by: "" if by == BY_CLOCK else names.get(by, by),
        **order_words.words(),
    }


def _parts(session: Session, rows: tuple[Assignment, ...]) -> list[Part]:
    ids = [row.id for row in rows]
    names = {row.id: row.team_name for row in rows}

    def of(kind: Any, column: Any, order: Any) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for one in session.scalars(select(kind).where(column.in_(ids)).order_by(order)):
            found.setdefault(getattr(one, column.key), []).append(one)
        return found

    steps = of(OrderStep, OrderStep.assignment_id, OrderStep.id)
    tries = of(OrderTry, OrderTry.assignment_id, OrderTry.rung_at)
    messages = of(TextMessage, TextMessage.about, TextMessage.id)
    photos = of(OrderPhoto, OrderPhoto.assignment_id, OrderPhoto.id)
    return [
        Part(
            row, tuple(steps.get(row.id, ())), tuple(tries.get(row.id, ())),
            tuple(dict.fromkeys(m.state for m in messages.get(row.id, ()))), tuple(photos.get(row.id, ())),
            names.get(row.instead_of, ""),
        )
        for row in rows
    ]  # fmt: skip


@room.post("/<order_id>/approval/<approval_id>")
def decide(order_id: str, approval_id: str) -> AnyResponse:
    wanted = request.form.get("decision", "")
    if wanted not in ("approve", "refuse"):
        raise InputFault("decision", say("Hãy chọn Duyệt hoặc Không duyệt."))

    def work(session: Session, organisation: Organisation) -> None:
        seen_order(session, order_id)
        said = request.form.get("said", "")
        ordering.decide(session, approval_id, by(), wanted == "approve", said, now(), organisation)

    _do(work)
    flash(say("Đã duyệt, lệnh đang được gửi.") if wanted == "approve" else say("Đã từ chối lệnh."))
    return redirect(url_for("team_orders.one", order_id=order_id), 303)


@room.post("/<order_id>/recall")
def recall(order_id: str) -> AnyResponse:
    def work(session: Session, organisation: Organisation) -> None:
        seen_order(session, order_id)
        ordering.recall(session, order_id, by(), request.form.get("reason", ""), now())

    _do(work)
    flash(say("Đã thu hồi lệnh."))
    return redirect(url_for("team_orders.one", order_id=order_id), 303)


@room.post("/<order_id>/give")
def give(order_id: str) -> AnyResponse:
    """Another team in place of one, or one more."""

    def work(session: Session, organisation: Organisation) -> None:
        seen_order(session, order_id)
        form = request.form
        instead_of = form.get("instead_of", "")[:88]
        ordering.give(
            session,
            order_id,
            form.get("team", "")[:48],
            by(),
            form.get("reason", ""),
            now(),
            organisation,
            instead_of,
        )

    _do(work)
    flash(say("Đã giao lệnh cho đội."))
    return redirect(url_for("team_orders.one", order_id=order_id), 303)


@room.post("/<order_id>/part/<assignment_id>")
def ended(order_id: str, assignment_id: str) -> AnyResponse:
    """How it ended, as the team told by telephone."""
    happening = ISSUERS_SAY.get(request.form.get("happening", ""))
    if happening is None:
        raise InputFault("happening", say("Trang này không có lệnh đó: hãy tải lại trang."))

    def work(session: Session, organisation: Organisation) -> None:
        seen_order(session, order_id)
        ordering.act(
            session, assignment_id, happening, Actor.ISSUER, current_user.username, Means.PANEL, now(), organisation,
            Said(request.form.get("note", "")),
        )  # fmt: skip

    _do(work)
    flash(say("Đã ghi kết quả."))
    return redirect(url_for("team_orders.one", order_id=order_id), 303)


def _do(work: Callable[[Session, Organisation], None]) -> None:
    """In one transaction, once for each click; what is refused is the reader's to mend."""
    try:
        with transaction() as session:
            if ticket_changes.once(session, desk.click(request.form.get("click_id", ""))):
                work(session, desk.organisation(session))
    except RequestRefused as refused:
        raise InputFault(refused.name or "order", either(refused), 409) from refused


@room.get("/photo/<int:number>")
def photo(number: int) -> AnyResponse:
    with reading() as session:
        row = session.get(OrderPhoto, number)
        part = session.get(Assignment, row.assignment_id) if row is not None else None
        if row is None or part is None:
            abort(404, say("Không có ảnh này."))
        seen_order(session, part.order_id)
        path: Path = settings().recordings.absolute() / row.path
        kind = f"image/{row.kind}"
    if not path.is_file():
        abort(404, say("Không có ảnh này."))
    return send_file(path, kind)
