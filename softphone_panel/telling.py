"""Telling a citizen the result: owed as the machine's call, an operator's or a message; the operator's script and what they heard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from flask import Blueprint, Response, request
from flask_login import current_user
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from hotline import claims, deadlines, gateway_file, persons, text_messages
from hotline.bus import LIVE, announce
from hotline.calls import Call
from hotline.clocks import DONE
from hotline.database import transaction
from hotline.events import RecallDue, ResultTold, now
from hotline.facts import apply
from hotline.numbers import NumberKind, caller
from hotline.recalls import OWED, RESULT, RESULTS, TELL, Recall, RecallState, awake
from hotline.results import RESULTS as PIECES
from hotline.results import Answer, last_result
from hotline.settings import settings
from hotline.text_messages import OPEN, SMS, MessageState, TextMessage
from hotline.tickets import Ticket, TicketEntry, TicketState
from ivr.speech.prompts import filled, system_texts
from softphone_panel import call_tasks, desk, ticket_changes
from softphone_panel.faults import InputFault
from softphone_panel.words import day_clock, say

room = Blueprint("telling", __name__, url_prefix="/my-desk/telling")

ASKED_FOR = timedelta(days=7)
"""Whoever talked and did not say how it went is asked so long."""
WAYS = ("call", "operator", "text")
"""Ways of telling that are still to be done."""
HEARD = (Answer.SOLVED, Answer.NOT_SOLVED, Answer.OPERATOR)
NOTE_CHARACTERS = 5


# -- owing it --


def owe(session: Session, ticket: Ticket, how: str) -> str:
    """The citizen is to be told that way; what its person reads. Raises InputFault."""
    number = persons.told_of(session, ticket).number
    _check_nothing_owed(session, ticket)
    at = now()
    due_at = awake(at, desk.province().told_hours)
    if how == "text":
        _message(session, ticket, number, at, due_at)
        return say("Đã ghi kết quả; tin nhắn sẽ gửi lúc {when}.", when=day_clock(due_at))
    if session.get(Call, ticket.call_id) is None or not number:
        raise InputFault("how", say("Phiếu không có số để gọi: hãy ghi số gọi lại, hoặc chọn cách báo khác."))
    made = len(session.scalars(select(Recall.id).where(Recall.call_id == ticket.call_id)).all())
    told = RecallDue(
        call_id=ticket.call_id, hotline=ticket.hotline, number=number, acuity=ticket.acuity,
        why=RESULT if how == "call" else TELL, due_at=due_at, recall_id=f"r-{ticket.call_id}-{made + 1}",
        next_try_at=due_at,
    )  # fmt: skip
    apply(session, told, current_user.username)
    return say("Đã ghi kết quả; người dân sẽ được gọi báo.")


def _check_nothing_owed(session: Session, ticket: Ticket) -> None:
    owed = (Recall.ticket_id == ticket.id, Recall.why.in_(RESULTS), Recall.state.in_(OWED))
    for recall in session.scalars(select(Recall).where(*owed)):
        raise InputFault(
            "how", say("Đang có một cuộc gọi báo kết quả, hạn {when}.", when=day_clock(recall.due_at)), 409
        )
    if any(one.state in OPEN for one in messages(session, ticket.id)):
        raise InputFault("how", say("Đang có một tin nhắn báo kết quả chờ gửi."), 409)


def _message(session: Session, ticket: Ticket, number: str, at: datetime, due_at: datetime) -> None:
    if not messages_go_out():
        raise InputFault("how", say("Chưa có cổng tin nhắn: hãy chọn cách báo khác."))
    if caller(number).kind is not NumberKind.MOBILE:
        raise InputFault("how", say("Phiếu không có số di động để nhắn tin: hãy chọn cách báo khác."))
    waits = due_at > at
    row = TextMessage(
        at=due_at, next_try_at=due_at, hotline=ticket.hotline, kind=text_messages.RESULT, about=ticket.id,
        ticket_id=ticket.id, number=number, body={"result": last_result(session, ticket.id)},
        state=MessageState.WAITING if waits else MessageState.DUE,
    )  # fmt: skip
    session.add(row)
    session.flush()
    if waits:
        deadlines.set(session, text_messages.DEADLINE, row.key, due_at)


def messages_go_out() -> bool:
    return gateway_file.goes_out(settings().installation, SMS, demo=settings().demo)


def messages(session: Session, ticket_id: str) -> list[TextMessage]:
    """The results that were to go out for a ticket, the last first."""
    own = (TextMessage.ticket_id == ticket_id, TextMessage.kind == text_messages.RESULT)
    return list(session.scalars(select(TextMessage).where(*own).order_by(TextMessage.id.desc())))


# -- the operator's task --


@dataclass(frozen=True)
class Telling:
    """One result that the reader tells, or has just told."""

    recall: Recall
    ticket: Ticket
    to: str
    """Name of who is to be told, as far as it is known."""
    who: str
    """What is asked first; nothing is said of the request before the yes."""
    told: tuple[str, ...]
    done: str
    """What was entered as done, in its person's words."""
    talked: bool
    """They were reached: only the answer is missing."""


def mine(session: Session, at: datetime) -> list[Telling]:
    """What the reader has taken, and what they talked about without saying how it went."""
    claimed = and_(Recall.claimed_by == current_user.id, Recall.claimed_until > at)
    spoke = exists().where(
        Call.ticket_id == Recall.ticket_id,
        Call.operator_id == current_user.id,
        Call.human_at >= Recall.made_at,
    )
    answered = exists().where(
        TicketEntry.ticket_id == Recall.ticket_id,
        TicketEntry.kind == "result_told",
        TicketEntry.at >= Recall.made_at,
    )
    rows = session.execute(
        select(Recall, Ticket)
        .join(Ticket, Ticket.id == Recall.ticket_id)
        .where(
            Recall.why == TELL,
            Recall.made_at > at - ASKED_FOR,
            Ticket.state != TicketState.CLOSED,
            or_(
                and_(Recall.state.in_(OWED), or_(claimed, spoke)),
                and_(Recall.state == RecallState.DONE, spoke),
            ),
            ~answered,
        )
        .order_by(Recall.made_at)
    )
    return [_telling(session, recall, ticket) for recall, ticket in rows]


def _telling(session: Session, recall: Recall, ticket: Ticket) -> Telling:
    call = session.get(Call, ticket.call_id)
    spoken = "en" if call is not None and call.language == "en" else "vi"
    hotline = desk.province().hotline(ticket.hotline)
    values = {"tinh": hotline.tinh, "province": hotline.province}
    texts = _texts()
    key = last_result(session, ticket.id)
    done = session.scalar(
        select(TicketEntry.text)
        .where(TicketEntry.ticket_id == ticket.id, TicketEntry.kind == DONE)
        .order_by(TicketEntry.id.desc())
        .limit(1)
    )
    pieces = PIECES.get(key, PIECES["other"])
    return Telling(
        recall, ticket, persons.told_of(session, ticket).name, filled(texts["tell-who"][spoken], values),
        tuple(filled(texts[piece][spoken], values) for piece in (*pieces, "tell-asks")), done or "",
        recall.state == RecallState.DONE,
    )  # fmt: skip


@cache
def _texts() -> dict[str, dict[str, str]]:
    return system_texts() | SCRIPT


SCRIPT = {
    "tell-who": {
        "vi": "Tôi gọi từ tổng đài 1022 {tinh}. Xin hỏi có phải quý khách là người đã gọi đến tổng đài không?",
        "en": "I am calling from 1022 {province}. Are you the person who called us?",
    },
    "tell-asks": {
        "vi": "Việc của quý khách đã xong chưa?",
        "en": "Is it solved for you?",
    },
}
"""What the machine's call does by keys."""


def values(session: Session) -> dict[str, Any]:
    return {"tellings": mine(session, now())}


@room.post("/<recall_id>")
def heard(recall_id: str) -> Response:
    """What the citizen answered: 1 solved, 2 not solved, 0 they want more than this call."""
    answer, note = request.form.get("answer", ""), request.form.get("note", "").strip()[:500]
    if answer not in HEARD:
        raise InputFault("answer", say("Hãy chọn người dân đã trả lời thế nào: 1, 2 hoặc 0."))
    if answer == Answer.OPERATOR and len(note) < NOTE_CHARACTERS:
        raise InputFault("note", say("Ô “Người dân nói gì”: hãy ghi ít nhất 5 ký tự."), 422)
    click = desk.click(request.form.get("click_id", ""))
    with transaction() as session:
        recall = session.get(Recall, recall_id, with_for_update=True)
        if recall is None or not current_user.serves(recall.hotline):
            raise InputFault("recall_id", say("Không có việc gọi này: hãy tải lại trang."), 404)
        if ticket_changes.once(session, click):
            found = next((one for one in mine(session, now()) if one.recall.id == recall_id), None)
            if found is None:
                raise InputFault(
                    "recall_id", say("Việc báo kết quả này đã xong hoặc không còn là của bạn."), 409
                )
            _answered(session, found, Answer(answer), note)
    return call_tasks.fragment()


def _answered(session: Session, one: Telling, answer: Answer, note: str) -> None:
    if one.recall.state in OWED:
        claims.finish(session, one.recall.id, current_user.id)  # rung by another telephone than the desk's
    told = ResultTold(
        call_id=one.ticket.call_id, ticket_id=one.ticket.id, recall_id=one.recall.id, answer=answer,
        result=last_result(session, one.ticket.id), by=current_user.username,
    )  # fmt: skip
    apply(session, told, current_user.username)
    if note:
        ticket_changes.add_note(session, one.ticket, current_user.username, note)
    else:
        changed = {"event": "ticket_changed", "ticket_id": one.ticket.id, "call_id": one.ticket.call_id}
        announce(session, LIVE, {**changed, "operator_id": None})
