"""Call tasks: recalls, callbacks and follow-ups that an operator takes for themselves, each taken by exactly one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request
from flask_login import current_user
from sqlalchemy import and_, case, or_, select
from sqlalchemy.orm import Session

from hotline import claims, recall_alarms
from hotline.access import SUPERVISORS
from hotline.commands import ask
from hotline.database import transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.recalls import LATER, OWED, TELL, Recall, RecallState, ranked
from hotline.tickets import Ticket
from softphone_panel import desk, shown, spoken_messages, ticket_changes, ticket_view, wrapping_up
from softphone_panel.faults import InputFault
from softphone_panel.recalls import NOTE_CHARACTERS, nobody_to_ring
from softphone_panel.words import say

room = Blueprint("call_tasks", __name__, url_prefix="/my-desk/tasks")

SHOWN = 12
AHEAD = timedelta(minutes=30)
"""Others' follow-ups are shown to all from so long before their time."""
ACTS = frozenset({"claim", "let_go", "call", "done"})


@room.get("")
def fragment() -> Response:
    return desk.fragment("my_desk_tasks.html", values)


def values(session: Session) -> dict[str, Any]:
    from softphone_panel import telling  # which answers with these tasks

    return {**_tasks(session), **telling.values(session)}


def _tasks(session: Session) -> dict[str, Any]:
    """The reader's own tasks first, then those that nobody has, each the most urgent first."""
    at = now()
    mine = and_(Recall.claimed_by == current_user.id, Recall.claimed_until > at)
    free = or_(Recall.claimed_by.is_(None), Recall.claimed_until <= at)
    # Who is in danger and could not be reached is a supervisor's to decide about, until somebody has.
    given_up = and_(Recall.state == RecallState.FAILED, Recall.acuity.in_(recall_alarms.URGENT), free)
    soon = or_(Recall.why.not_in(LATER), Recall.due_at < at + AHEAD)
    rows = session.execute(
        select(Recall, Ticket.number, Operator.full_name)
        .outerjoin(Ticket, Ticket.id == Recall.ticket_id)
        .outerjoin(Operator, Operator.id == Recall.claimed_by)
        .where(
            or_(
                and_(Recall.state.in_(OWED), or_(mine, and_(free, soon))),
                and_(Recall.state == RecallState.FAILED, mine),
                *([given_up] if current_user.role in SUPERVISORS else []),
            )
        )
        .order_by(case((mine, 0), (Recall.state == RecallState.FAILED, 1), else_=2), *ranked())
        .limit(SHOWN * 3)
    ).all()
    own = [row for row in rows if current_user.serves(row[0].hotline)][:SHOWN]
    return {
        "tasks": [
            (recall, number, recall.claimed_by == current_user.id and recall.claimed_until > at)
            for recall, number, _ in own
        ],
        "task_messages": spoken_messages.of(session, [recall for recall, *_ in own]),
        "tasks_at": at,
        "task_label": ticket_view.label,
        "task_why": lambda key: shown.word(shown.RECALL_REASONS, key),
        "task_state": lambda key: shown.word(shown.RECALL_STATES, key),
        "task_number": lambda recall: (
            ticket_view.number_shown(recall.number, own=recall.claimed_by == current_user.id)
            if recall.number
            else say("không có số")
        ),
        "task_click": ticket_changes.fresh_click,
        "unfinished": wrapping_up.unfinished(session),
        "dispositions": shown.DISPOSITIONS,
    }


@room.post("/unfinished")
def finish_late() -> Response:
    """The disposition of a call that another one interrupted."""
    wrapping_up.finish_call()
    return fragment()


@room.post("/<recall_id>")
def act(recall_id: str) -> Response:
    """Take a task, give it back, ring for it now, or say that it is done."""
    kind = request.form.get("act", "")
    if kind not in ACTS:
        raise InputFault("act", say("Không có lệnh này: hãy tải lại trang."), 400)
    with transaction() as session:
        recall = session.get(Recall, recall_id)
        if recall is None or not current_user.serves(recall.hotline):
            raise InputFault("recall_id", say("Không có việc gọi này: hãy tải lại trang."), 404)
        _do(session, recall, kind)
    return fragment()


def _do(session: Session, recall: Recall, kind: str) -> None:
    at = now()
    mine = recall.claimed_by == current_user.id and recall.claimed_until and recall.claimed_until > at
    if kind in ("claim", "call") and not mine:
        if not claims.claim(session, recall, current_user.id, at):
            raise InputFault("recall_id", say("Việc gọi này vừa có người khác nhận, hoặc đã xong."), 409)
        _enter(session, recall, "claim")
    if kind == "call" and not recall.number:
        raise nobody_to_ring()
    if kind == "call":
        body = desk.with_language({"recall_id": recall.id, "mine": True})
        ask(session, current_user.id, "recall_now", desk.click(request.form.get("click_id", "")), body)
    elif kind == "let_go":
        if not claims.let_go(session, recall.id, current_user.id, at):
            raise InputFault("recall_id", say("Việc gọi này không còn là của bạn."), 409)
        _enter(session, recall, "let_go")
    elif kind == "done" and recall.why == TELL:
        raise InputFault("act", say("Hãy chọn người dân đã trả lời thế nào: 1, 2 hoặc 0."), 422)
    elif kind == "done":
        note = request.form.get("note", "").strip()[:500]
        unheard = recall.state == RecallState.FAILED or not recall.number
        if unheard and len(note) < NOTE_CHARACTERS:
            raise InputFault("note", say("Ô “Đã làm gì”: hãy ghi việc đã làm, ít nhất 5 ký tự."), 422)
        if not claims.finish(session, recall.id, current_user.id):
            raise InputFault("recall_id", say("Việc gọi này không còn là của bạn."), 409)
        _enter(session, recall, "done", note)


def _enter(session: Session, recall: Recall, what: str, note: str = "") -> None:
    ticket = session.get(Ticket, recall.ticket_id)
    if ticket is not None:
        body = {"what": what, "recall_id": recall.id}
        ticket_changes.add_entry(session, ticket, "task_taken", current_user.username, note, body)
