"""Ordering: what people, teams and clocks do with orders, each in the caller's transaction; what cannot be is refused in a sentence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.acuity import Acuity
from hotline.facts import apply
from hotline.order_approvals import approval_is_due, ask, committee, decide, may_decide, open_approvals, rank
from hotline.order_parts import (
    above_has_it,
    asked_instead,
    climb,
    end_all,
    held,
    make,
    moved,
    parts_of,
    team_of,
)
from hotline.order_refusals import (
    LONGEST,
    NOTHING_SAID,
    OPEN,
    REASON,
    By,
    Said,
    Wanted,
    agencies_asked,
    check_due,
    check_open,
)
from hotline.orders import (
    BY_CLOCK,
    LIVE,
    Actor,
    ApprovalState,
    Assignment,
    AssignmentState,
    Happening,
    Means,
    Order,
    OrderState,
    follows,
    needs_approval,
)
from hotline.organisation import Organisation
from hotline.refusals import RequestRefused, check_unit, written
from hotline.tickets import Ticket, TicketState
from hotline.transfers import Refusal

A, H = AssignmentState, Happening
__all__ = [
    "OPEN", "By", "Said", "Wanted", "act", "answer_is_due", "approval_is_due", "decide", "give", "held", "issue",
    "may_decide", "order_is_due", "recall", "team_of",
]  # fmt: skip
"""The whole of it, whichever part does it."""


def issue(
    session: Session,
    wanted: Wanted,
    by: By,
    at: datetime,
    organisation: Organisation,
    categories: Collection[str],
) -> str:
    """Write an order, and send it or ask the committee; its id. Raises RequestRefused, and then nothing is written."""
    ticket = session.scalar(select(Ticket).where(Ticket.id == wanted.ticket_id).with_for_update())
    if ticket is None or ticket.state == TicketState.CLOSED:
        raise RequestRefused(
            "Phiếu này đã đóng: hãy mở lại phiếu rồi ra lệnh.",
            "This ticket is closed: reopen it, then order.",
        )
    what = written(wanted.what, "what", "Nội dung lệnh", "What is to be done", LONGEST)
    if wanted.category not in categories:
        raise RequestRefused(
            "Ô “Loại việc”: hãy chọn một loại trong danh sách.",
            "Category: choose one from the list.",
            "category",
        )
    acuity = wanted.acuity or ticket.acuity
    if acuity not in Acuity.__members__:
        raise RequestRefused("Ô “Mức”: hãy chọn một mức.", "Level: choose one.", "acuity")
    check_due(wanted.due_at, at)
    unit_code = wanted.unit_code or ticket.unit_code
    check_unit(session, unit_code, organisation.day(at))
    agencies = agencies_asked(organisation, ticket.hotline, wanted.teams, at)
    beyond = needs_approval(by.role, frozenset(one.level for one in agencies), by.authority)
    asks = beyond or wanted.ask
    reason = (
        written(wanted.reason, "reason", "Lý do xin duyệt", "Why it needs approval", REASON) if asks else ""
    )
    number = (session.scalar(select(func.max(Order.number)).where(Order.ticket_id == ticket.id)) or 0) + 1
    order_id = f"o-{ticket.id.removeprefix('t-')}-{number}"
    centre = organisation.agency(by.agency) if by.agency else None
    apply(
        session,
        e.OrderIssued(
            at=at, order_id=order_id, ticket_id=ticket.id, hotline=ticket.hotline, number=number,
            state=OrderState.AWAITING_APPROVAL if asks else OrderState.ISSUED, category=wanted.category,
            acuity=acuity, what=what, place=wanted.place.strip()[:REASON], unit_code=unit_code,
            due_at=wanted.due_at, by=by.username, times=by.times.of(Acuity(acuity)), centre=centre.key if centre is not None else "",
            plan=tuple(
                {"assignment_id": f"{order_id}.{n}", **team_of(organisation, one, at).plain()}
                for n, one in enumerate(agencies, 1)
            ),
            teams=tuple(one.name for one in agencies),
        ),
        by.username,
    )  # fmt: skip
    if asks:
        highest = max(agencies, key=lambda one: rank(one.level))
        order = held(session, order_id)
        ask(session, order, by, reason, at, committee(organisation, highest, centre, at), organisation)
    return order_id


def recall(session: Session, order_id: str, by: By, reason: str, at: datetime) -> None:
    """Nobody is to go any more. Raises RequestRefused."""
    order = held(session, order_id)
    check_open(order)
    why = written(reason, "reason", "Lý do thu hồi", "Why it is recalled", REASON)
    for asked in open_approvals(session, order_id):
        apply(
            session,
            e.ApprovalDecided(
                at=at, order_id=order_id, approval_id=asked, state=ApprovalState.WITHDRAWN, by=by.username
            ),
            by.username,
        )
    end_all(session, order_id, by.username, at, Means.PANEL)
    told = e.OrderChanged(at=at, order_id=order_id, state=OrderState.RECALLED, by=by.username, reason=why)
    apply(session, told, by.username)


def give(
    session: Session,
    order_id: str,
    team: str,
    by: By,
    reason: str,
    at: datetime,
    organisation: Organisation,
    instead_of: str = "",
) -> str:
    """One more team, or another in place of one; the new assignment's id. Raises RequestRefused."""
    order = held(session, order_id)
    check_open(order)
    (agency,) = agencies_asked(organisation, order.hotline, (team,), at)
    parts = parts_of(session, order_id)
    if any(one.team == team and one.state in LIVE for one in parts):
        raise RequestRefused(
            f"{agency.name} đang có lệnh này rồi: hãy chọn đội khác.",
            f"{agency.name} has this order already: choose another team.",
            "team",
        )
    if needs_approval(by.role, frozenset({agency.level}), by.authority) and not order.approved_by:
        raise RequestRefused(
            f"{agency.name} vượt thẩm quyền của bạn: hãy ra lệnh mới và xin Ban Chỉ đạo duyệt.",
            f"{agency.name} is beyond your authority: issue a new order and ask the committee.",
            "team",
        )
    why = written(reason, "reason", "Lý do giao lại", "Why it is given to another", REASON)
    if instead_of:
        before = next((one for one in parts if one.id == instead_of), None)
        if before is None:
            raise RequestRefused("Không có phần việc này.", "There is no such assignment.")
        if before.state in LIVE:
            moved(session, before, A.REPLACED, H.REPLACE, by.username, Means.PANEL, at, Said(why))
    return make(
        session,
        order,
        agency,
        by.username,
        "replaced" if instead_of else "added",
        at,
        organisation,
        instead_of,
    )


def act(
    session: Session,
    assignment_id: str,
    happening: Happening,
    actor: Actor,
    by: str,
    means: Means,
    at: datetime,
    organisation: Organisation,
    said: Said = NOTHING_SAID,
) -> AssignmentState:
    """What a team (or, for how it ended, the issuer) says about its part; the state that follows. Raises RequestRefused."""
    one = session.get(Assignment, assignment_id)
    if one is None:
        raise RequestRefused("Không có lệnh này: hãy tải lại trang.", "There is no such order: reload.")
    order = held(session, one.order_id)
    session.refresh(one)
    to = follows(
        A(one.state), happening, actor, above_has_it=above_has_it(parts_of(session, order.id), assignment_id)
    )
    if isinstance(to, Refusal):
        raise RequestRefused(to.vi, to.en)
    if happening is H.FAIL or (happening is H.FINISH and actor is Actor.ISSUER):
        said = replace(said, note=written(said.note, "note", "Ghi chú", "Note", LONGEST))
    before = A(one.state)
    moved(session, one, to, happening, by, means, at, said)
    if before is A.UNANSWERED and to is A.ACCEPTED:
        for other in asked_instead(parts_of(session, order.id), assignment_id):
            if other.state in LIVE:
                moved(session, other, A.RECALLED, H.RECALL, by, means, at)
    if to is A.DECLINED and before is A.SENT:
        climb(session, order, one, at, organisation)
    if to is A.DONE and order.state == OrderState.ISSUED:
        still = [x for x in parts_of(session, order.id) if x.state in LIVE]
        if not still:
            done = e.OrderChanged(at=at, order_id=order.id, state=OrderState.DONE, by=by)
            apply(session, done, by)
    return to


def answer_is_due(
    session: Session, assignment_id: str, at: datetime, organisation: Organisation
) -> datetime | None:
    """No yes in time: the level above is asked. A time when somebody is on the telephone about it: look again then."""
    one = session.get(Assignment, assignment_id)
    if one is None:
        return None
    order = held(session, one.order_id)
    session.refresh(one)
    if one.state != A.SENT or one.answer_by is None:
        return None
    if one.answer_by > at:
        return one.answer_by
    if one.dialled and one.dial_until is not None and one.dial_until > at:
        return min(one.dial_until, at + timedelta(seconds=10))
    moved(session, one, A.UNANSWERED, H.NOBODY, BY_CLOCK, Means.CLOCK, at)
    climb(session, order, one, at, organisation)
    return None


def order_is_due(session: Session, order_id: str, at: datetime) -> None:
    """The deadline has passed before it was done."""
    order = held(session, order_id)
    if order.state in OPEN and not order.overdue:
        late = e.OrderChanged(at=at, order_id=order_id, state=order.state, overdue=True)
        apply(session, late, BY_CLOCK)
