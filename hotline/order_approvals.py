"""Approvals: the committee that is asked, its word, and its silence, which climbs."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.acuity import Acuity
from hotline.facts import apply
from hotline.operators import Role
from hotline.order_parts import end_all, held, team_of
from hotline.order_refusals import REASON, By
from hotline.order_times import kept
from hotline.orders import (
    BY_CLOCK,
    ApprovalState,
    AssignmentState,
    Happening,
    Means,
    Order,
    OrderApproval,
    OrderState,
)
from hotline.organisation import Agency, Organisation
from hotline.refusals import RequestRefused, said_at, written

A, H = AssignmentState, Happening


def decide(
    session: Session,
    approval_id: str,
    by: By,
    approves: bool,
    said: str,
    at: datetime,
    organisation: Organisation,
) -> None:
    """The committee's word. Raises RequestRefused."""
    asked = session.get(OrderApproval, approval_id)
    if asked is None:
        raise RequestRefused(
            "Không có yêu cầu duyệt này: hãy tải lại trang.", "Nobody is asked for this approval: reload."
        )
    order = held(session, asked.order_id)
    session.refresh(asked)
    if order.state == OrderState.RECALLED:
        raise RequestRefused(
            "Lệnh này đã được thu hồi, không duyệt được nữa.",
            "This order was recalled: it cannot be decided any more.",
        )
    if asked.state == ApprovalState.CLIMBED:
        raise RequestRefused(
            "Yêu cầu này quá hạn và đã chuyển lên cấp trên.",
            "This request was not answered in time and went up.",
        )
    if asked.state != ApprovalState.ASKED or order.state != OrderState.AWAITING_APPROVAL:
        raise RequestRefused(
            f"Yêu cầu này đã được {asked.decided_by} quyết định.",
            f"{asked.decided_by} has decided this already.",
        )
    if asked.asked_by == by.username or order.issued_by == by.username:
        raise RequestRefused(
            "Người duyệt phải là người khác với người ra lệnh.", "Whoever approves must be another person."
        )
    if not may_decide(organisation, by, asked.centre, at):
        raise RequestRefused(
            "Tài khoản của bạn không thuộc Ban Chỉ đạo được hỏi.",
            "You do not belong to the committee that was asked.",
        )
    if approves and order.due_at <= at:
        raise RequestRefused(
            f"Hạn của lệnh ({said_at(order.due_at)}) đã qua trước khi duyệt: hãy từ chối để người ra lệnh đặt hạn mới.",
            f"The order's deadline ({said_at(order.due_at)}) has passed: refuse it, so that a new one is set.",
        )
    if not approves:
        said = written(said, "said", "Lý do từ chối", "Why it is refused", REASON)
    to = ApprovalState.APPROVED if approves else ApprovalState.REFUSED
    told = e.ApprovalDecided(
        at=at, order_id=order.id, approval_id=asked.id, state=to, by=by.username, reason=said.strip()[:REASON]
    )
    apply(session, told, by.username)
    state = OrderState.ISSUED if approves else OrderState.REFUSED
    reason = "" if approves else said
    apply(
        session,
        e.OrderChanged(at=at, order_id=order.id, state=state, by=by.username, reason=reason),
        by.username,
    )
    if not approves:
        end_all(session, order.id, by.username, at, Means.PANEL)


def may_decide(organisation: Organisation, by: By, centre: str, at: datetime) -> bool:
    """Leaders of the centre that was asked, of those above it, and of the whole province."""
    if by.role != Role.LEADER:
        return False
    above = {one.key for one in organisation.ladder(centre, organisation.day(at))} if centre else set()
    return not centre or by.agency in ("", centre) or by.agency in above


def ask(
    session: Session, order: Order, by: By, reason: str, at: datetime, centre: Agency | None,
    organisation: Organisation,
) -> None:  # fmt: skip
    count = session.scalar(
        select(func.count()).select_from(OrderApproval).where(OrderApproval.order_id == order.id)
    )
    within = timedelta(seconds=kept(order.times, "approve_s", Acuity(order.acuity)))
    numbers = tuple(number for _, number in team_of(organisation, centre, at).numbers) if centre else ()
    asked = e.ApprovalAsked(
        at=at, order_id=order.id, approval_id=f"{order.id}.a{(count or 0) + 1}", by=by.username, reason=reason,
        due_at=at + within, centre=centre.key if centre is not None else "",
        centre_name=centre.name if centre is not None else "", numbers=numbers,
    )  # fmt: skip
    apply(session, asked, by.username)


def committee(organisation: Organisation, team: Agency, own: Agency | None, at: datetime) -> Agency | None:
    """The nearest centre above the team whose level is at least the team's; the issuer's own is not above itself."""
    for one in organisation.ladder(team.key, organisation.day(at)):
        if one.kind == "centre" and rank(one.level) >= rank(team.level) and one != own:
            return one
    return None


def rank(level: str) -> int:
    return {"commune": 0, "district": 1, "province": 2}.get(level, 0)


def open_approvals(session: Session, order_id: str) -> list[str]:
    open_ = (OrderApproval.order_id == order_id, OrderApproval.state == ApprovalState.ASKED)
    return list(session.scalars(select(OrderApproval.id).where(*open_)))


def approval_is_due(session: Session, approval_id: str, at: datetime, organisation: Organisation) -> None:
    """The committee has said nothing: the one above is asked; at the top it stays open, and alarms."""
    asked = session.get(OrderApproval, approval_id)
    if asked is None:
        return
    order = held(session, asked.order_id)
    session.refresh(asked)
    if asked.state != ApprovalState.ASKED or order.state != OrderState.AWAITING_APPROVAL:
        return
    above = next(
        (one for one in organisation.ladder(asked.centre, organisation.day(at)) if one.kind == "centre"), None
    )
    if above is None:
        return
    climbed = e.ApprovalDecided(at=at, order_id=order.id, approval_id=asked.id, state=ApprovalState.CLIMBED)
    apply(session, climbed, BY_CLOCK)
    ask(session, order, By(asked.asked_by), asked.reason, at, above, organisation)
