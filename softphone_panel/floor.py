"""The supervisor's floor: listen to a talk, move a caller, send a desk into a pause; every act is a command and on record."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.acuity import Acuity
from hotline.calls import Call
from hotline.commands import DeskCommand, ask
from hotline.database import reading, transaction
from hotline.operators import Operator
from hotline.tickets import Ticket
from ivr.supervision import FORCES, KINDS, ROLES, SUPERVISING, WATCHES
from softphone_panel import desk, live_state, orders, shown, ticket_view, watching
from softphone_panel.faults import InputFault
from softphone_panel.words import is_htmx, say

room = Blueprint("floor", __name__, url_prefix="/floor")

RAISE = "raise_acuity"
ACTS_SHOWN = 12
MOVED_SHOWN = 50
WHY_CHARACTERS = 100


@room.get("")
def page() -> str:
    with reading() as session:
        return render_template("floor.html", **{**_values(session), **desk.bar_values(session)})


@room.get("/board")
def board() -> Response:
    return desk.fragment("floor_board.html", _values)


def _values(session: Session) -> dict[str, Any]:
    state = live_state.read(session, desk.province(), current_user.serves)
    own = desk.presence_of(session, current_user.id)
    calls = {c.id: session.get(Call, c.id) for c in state.talking}
    watchers = {call_id: watching.of_call(session, call) for call_id, call in calls.items()}
    mine = next((w for found in watchers.values() for w in found if w.operator_id == current_user.id), None)
    people = {d.id: d.full_name for d in state.desks}
    told = orders.of_desks(session, [d.id for d in state.desks])
    last = session.scalar(
        select(DeskCommand.id)
        .where(DeskCommand.operator_id == current_user.id)
        .order_by(DeskCommand.id.desc())
        .limit(1)
    )
    return {
        "state": state,
        "watchers": watchers,
        "mine": mine,
        "rings": bool(own is not None and own.reason == SUPERVISING and mine is None),
        "talks": own is not None and own.state in ("ringing", "talking"),
        "at_a_phone": own is not None and own.state in ("available", "paused", "wrap_up") and bool(own.phone),
        "number_of": lambda c: ticket_view.number_shown(c.number, own=False),
        "names": {d.username: d.full_name for d in state.desks},
        # By name: a row that moves with its state would put somebody else's button under the pointer.
        "desks": sorted((d for d in state.desks if d.state != "offline"), key=lambda d: d.full_name),
        "told": told,
        "waits": lambda one: one.id in told and told[one.id].waits and one.state in orders.STILL_TALKS,
        "moved": _moved(session),
        "acts": acts(session),
        "people": people,
        "floor_click": lambda *about: desk.click_id(" ".join(map(str, about)), last or 0),
        "state_word": lambda key: shown.word(shown.CALL_STATES, key),
        "presence_word": lambda key: shown.word(shown.PRESENCES, key),
        "presence_mark": shown.PRESENCE_MARKS.get,
        "pause_word": lambda key: shown.word(shown.PAUSE_REASONS, key),
        "command_word": lambda key: shown.word(shown.COMMANDS, key),
        "mode_word": lambda key: shown.word(shown.WATCHES, key),
        "raised": lambda acuity: Acuity(acuity).raised(),
    }


def acts(session: Session) -> list[tuple[DeskCommand, str, str]]:
    """What supervisors did lately, the latest first, each with their name and its ticket: the commands themselves are the record."""
    rows = session.execute(
        select(DeskCommand, Operator.full_name)
        .join(Operator, Operator.id == DeskCommand.operator_id)
        .where(DeskCommand.kind.in_(KINDS | {RAISE}), Operator.role.in_(ROLES))
        .order_by(DeskCommand.id.desc())
        .limit(ACTS_SHOWN)
    )
    found = [(command, name) for command, name in rows]
    tickets = session.execute(
        select(Call.id, Ticket.hotline, Ticket.number)
        .join(Ticket, Ticket.id == Call.ticket_id)
        .where(Call.id.in_({str(command.body.get("call_id", "")) for command, _ in found}))
    )
    labels = {call_id: ticket_view.label(hotline, number) for call_id, hotline, number in tickets}
    return [(command, name, labels.get(str(command.body.get("call_id")), "")) for command, name in found]


def _moved(session: Session) -> set[str]:
    """The calls that were moved to the front lately."""
    rows = session.scalars(
        select(DeskCommand)
        .where(DeskCommand.kind == "to_front", DeskCommand.done_at.is_not(None), DeskCommand.refused == "")
        .order_by(DeskCommand.id.desc())
        .limit(MOVED_SHOWN)
    )
    return {str(command.body.get("call_id", "")) for command in rows}


@room.post("/command")
def command() -> AnyResponse:
    """One click becomes one row for the calls process."""
    kind = request.form.get("kind", "")
    if kind not in KINDS | {RAISE}:
        raise InputFault("kind", say("Trang điều hành không có lệnh này: hãy tải lại trang."))
    with transaction() as session:
        body = _body(session, kind)
        click = desk.click(request.form.get("click_id", ""))
        ask(session, current_user.id, kind, click, desk.with_language(body))
    if is_htmx():
        return board()
    return redirect(url_for("floor.page"), 303)


def _body(session: Session, kind: str) -> dict[str, Any]:
    if kind == "stop_watching":
        return {}
    if kind in FORCES:
        wanted = request.form.get("operator_id", "")
        if not wanted.isdecimal() or session.get(Operator, int(wanted)) is None:
            raise InputFault("operator_id", say("Không có tổng đài viên này: hãy tải lại trang."))
        return {"operator_id": wanted}
    call = session.get(Call, request.form.get("call_id", ""))
    if call is None or call.state == "ended":
        raise InputFault("call_id", say("Cuộc gọi này đã kết thúc: hãy chọn cuộc khác."), 409)
    if kind == RAISE:
        why = request.form.get("why", "").strip()[:WHY_CHARACTERS]
        raised = Acuity(call.acuity).raised()
        return {"call_id": call.id, "acuity": raised.value, "why": why or say("trưởng ca nâng mức")}
    assert kind in WATCHES or kind == "to_front"  # noqa: S101 - the two kinds that are left
    return {"call_id": call.id}
