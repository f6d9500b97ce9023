"""Facts of orders become rows: what was ordered and approved, where each team stands, which numbers were rung."""

from datetime import datetime, timedelta
from typing import Any

from hotline import deadlines, webhooks
from hotline import events as e
from hotline.acuity import Acuity
from hotline.book import Book
from hotline.bus import LIVE as LIVE_STREAM
from hotline.bus import announce
from hotline.order_times import kept
from hotline.orders import (
    BY_CLOCK,
    LIVE,
    TRY_LIVE,
    WORKING,
    ApprovalState,
    Assignment,
    AssignmentState,
    Order,
    OrderApproval,
    OrderState,
    OrderStep,
    OrderTry,
    TryState,
)
from hotline.rows import Row
from hotline.text_messages import APPROVAL as APPROVAL_MESSAGE
from hotline.text_messages import ORDER as ORDER_MESSAGE
from hotline.text_messages import TextMessage
from hotline.webhooks import Told

ANSWER, APPROVAL, DUE = "order_answer", "order_approval", "order_due"
"""Kinds of deadlines: about an assignment, an approval, an order."""
OVER = frozenset(set(AssignmentState) - LIVE - {AssignmentState.UNANSWERED})
SAID = 500
"""Characters of a note."""


ALARMS_CHANGED = "recall_alarms_changed"
"""As hotline.recall_alarms has it: every page looks again at what alarms."""


def _alarms(book: Book) -> None:
    announce(book.session, LIVE_STREAM, {"event": ALARMS_CHANGED, "call_id": "", "operator_id": None})


def order_issued(book: Book, event: e.OrderIssued) -> Row:
    book.enter(
        event.hotline, "order_issued", event.order_id,
        {"ticket_id": event.ticket_id, "by": event.by, "teams": list(event.teams), "state": event.state}, event.at,
    )  # fmt: skip
    order = book.rows.add(
        Order, id=event.order_id, ticket_id=event.ticket_id, hotline=event.hotline, number=event.number,
        state=event.state, category=event.category[:32], acuity=event.acuity, unit_code=event.unit_code[:8],
        place=event.place[:200], what=event.what[:SAID], due_at=event.due_at, issued_by=event.by, issued_at=event.at,
        centre=event.centre, times=event.times,
    )  # fmt: skip
    book.rows.write()  # before the rows that refer to it
    deadlines.set(book.session, DUE, order.id, order.due_at)
    for part in event.plan:
        _assign(book, order, part, event.at, event.by)
    return order


def _assign(book: Book, order: Row, part: dict[str, Any], at: datetime, by: str, instead_of: str = "") -> Row:
    """A team's part: it waits for the approval, or the team is told now."""
    one = book.rows.add(
        Assignment, id=part["assignment_id"], order_id=order.id, ticket_id=order.ticket_id, team=part["team"][:48],
        team_name=part["name"][:160], level=part["level"], state=AssignmentState.WAITING.value, instead_of=instead_of,
        plan=list(part["numbers"]), changed_at=at,
    )  # fmt: skip
    book.rows.write()
    if order.state == OrderState.ISSUED:
        _send(book, order, one, at, by)
    return one


def _send(book: Book, order: Row, one: Row, at: datetime, by: str) -> None:
    """The team is told: by its page, by a message to each of its mobile numbers, and soon by telephone."""
    acuity = Acuity(order.acuity)
    one.state, one.sent_at, one.changed_at = AssignmentState.SENT.value, at, at
    one.answer_by = at + timedelta(seconds=kept(order.times, "answer_s", acuity))
    one.next_call_at = at + timedelta(seconds=kept(order.times, "call_after_s", acuity)) if one.plan else None
    deadlines.set(book.session, ANSWER, one.id, one.answer_by)
    _step(book, one, at, by, "clock" if by == BY_CLOCK else "panel")
    _tell(book, Told.ORDER_SENT, one, at)
    for line in one.plan:
        book.rows.add(
            TextMessage, at=at, hotline=order.hotline, kind=ORDER_MESSAGE, about=one.id, ticket_id=order.ticket_id,
            number=str(line["number"])[:40], next_try_at=at,
        )  # fmt: skip


def _tell(book: Book, event: Told, one: Row, at: datetime) -> None:
    """The team's own system hears of it, if it asked to."""
    webhooks.tell(book.session, one.team, event, {"order": one.id, "state": one.state}, at)


def _step(book: Book, one: Row, at: datetime, by: str, means: str, event: Any = None) -> None:
    book.rows.add(
        OrderStep, assignment_id=one.id, at=at, state=one.state, by=by[:160], means=means,
        note=event.note[:SAID] if event is not None else "",
        latitude=event.latitude if event is not None else None,
        longitude=event.longitude if event is not None else None,
    )  # fmt: skip


def order_changed(book: Book, event: e.OrderChanged) -> Row | None:
    order = book.rows.get(Order, event.order_id)
    if order is None:
        return None
    _alarms(book)
    if event.overdue:
        order.overdue = True
        return order
    order.state, order.why = event.state, event.reason[:200]
    if event.state != OrderState.ISSUED:
        order.ended_at = event.at
        deadlines.clear(book.session, DUE, order.id)
        body = {"ticket_id": order.ticket_id, "by": event.by, "state": event.state}
        book.enter(order.hotline, "order_ended", order.id, body, event.at)
        return order
    order.approved_by, order.ended_at = event.by or order.approved_by, None
    for one in book.rows.find(Assignment, order_id=order.id):
        if one.state == AssignmentState.WAITING:
            _send(book, order, one, event.at, event.by)
    return order


def approval_asked(book: Book, event: e.ApprovalAsked) -> Row | None:
    order = book.rows.get(Order, event.order_id)
    if order is not None:
        book.rows.add(
            OrderApproval, id=event.approval_id, order_id=order.id, state=ApprovalState.ASKED.value,
            centre=event.centre, centre_name=event.centre_name[:160], asked_by=event.by, reason=event.reason[:200],
            asked_at=event.at, due_at=event.due_at,
        )  # fmt: skip
        deadlines.set(book.session, APPROVAL, event.approval_id, event.due_at)
        for number in event.numbers:
            book.rows.add(
                TextMessage, at=event.at, hotline=order.hotline, kind=APPROVAL_MESSAGE, about=event.approval_id,
                ticket_id=order.ticket_id, number=number[:40], next_try_at=event.at,
            )  # fmt: skip
        _alarms(book)
    return order


def approval_decided(book: Book, event: e.ApprovalDecided) -> Row | None:
    approval = book.rows.get(OrderApproval, event.approval_id)
    if approval is not None:
        approval.state, approval.decided_by, approval.decided_at = event.state, event.by, event.at
        approval.said = event.reason[:200]
        deadlines.clear(book.session, APPROVAL, event.approval_id)
        _alarms(book)
    return book.rows.get(Order, event.order_id)


def assignment_made(book: Book, event: e.AssignmentMade) -> Row | None:
    order = book.rows.get(Order, event.order_id)
    if order is not None:
        for part in event.plan:
            _assign(book, order, part, event.at, event.by, event.instead_of)
    return order


def assignment_moved(book: Book, event: e.AssignmentMoved) -> Row | None:
    one = book.rows.get(Assignment, event.assignment_id)
    order = book.rows.get(Order, event.order_id)
    if one is None:
        return order
    if one.state in OVER:
        return order  # said while the database was away, and meanwhile it was over
    one.state, one.changed_at = event.state, event.at
    _alarms(book)
    if event.note:
        one.note = event.note[:SAID]
    if event.state == AssignmentState.ACCEPTED and one.accepted_at is None:
        one.accepted_at, one.accepted_by, one.accepted_means = event.at, event.by[:160], event.means
    if event.state != AssignmentState.SENT:
        one.next_call_at = one.answer_by = None
        deadlines.clear(book.session, ANSWER, one.id)
    if event.state not in LIVE:
        one.ended_at = event.at
    elif event.state in WORKING:
        one.ended_at = None  # a late yes
    _step(book, one, event.at, event.by, event.means, event)
    if one.sent_at is not None:  # of an order that nobody approved its team hears nothing
        _tell(book, Told.ORDER_CHANGED, one, event.at)
    return order


def order_tried(book: Book, event: e.OrderTried) -> Row | None:
    """A number is rung, or how that went: the next number is rung soon, or nobody is left to be rung."""
    one = book.rows.get(Assignment, event.assignment_id)
    order = book.rows.get(Order, event.order_id)
    if one is None or order is None:
        return order
    tried = book.rows.get(OrderTry, event.dial_id)
    if tried is None:
        line = one.plan[event.place] if event.place < len(one.plan) else {}
        tried = book.rows.add(
            OrderTry, dial_id=event.dial_id, assignment_id=one.id, place=event.place, name=event.name[:160],
            number=str(line.get("number", ""))[:40], state=event.state, rung_at=event.at,
        )  # fmt: skip
    elif tried.ended_at is not None:
        return order  # how it ended is known; whoever tells it again is late
    tried.state = event.state
    if event.state in (TryState.ASKED, TryState.BRIEFING):
        tried.answered_at = tried.answered_at or event.at
    if event.state in TRY_LIVE:
        return order
    tried.ended_at = event.at
    if one.dial_id != event.dial_id:
        return order
    one.dialled, one.dial_until = "", None
    if event.state == TryState.INTERRUPTED:
        one.next_place = event.place  # their phone may never have rung
    if one.state == AssignmentState.SENT:
        left = one.next_place < len(one.plan)
        again_s = kept(order.times, "again_s", Acuity(order.acuity))
        one.next_call_at = event.at + timedelta(seconds=again_s) if left else None
        if not left and one.answer_by is not None:
            # Nobody is left to be rung: the level above is asked now.
            one.answer_by = min(one.answer_by, event.at)
            deadlines.set(book.session, ANSWER, one.id, one.answer_by)
    return order
