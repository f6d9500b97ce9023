"""The live page: the line, operators and calls, the operator's own bar, and the call now at this desk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import agencies
from hotline.calls import Call
from hotline.commands import KINDS, LANGUAGE, DeskCommand, ask
from hotline.database import reading, transaction
from hotline.installation import Installation
from hotline.operators import OperatorPresence, Presence, Role
from hotline.organisation import Organisation
from hotline.wrap_ups import is_written
from ivr import browser_phone
from softphone_panel import live_state, orders, shown, ticket_view, viewing, watching
from softphone_panel.faults import InputFault
from softphone_panel.words import is_htmx, language, say

room = Blueprint("desk", __name__)

TOKEN = re.compile(r'name="csrf_token" value="[^"]*"')
"""Another at each rendering, which is no change of what the page shows."""
OWN = frozenset({"sign_in", "sign_out", "pause", "resume", "finish_wrap_up"})
"""Commands of the operator's own bar."""
BY_ITSELF = ("phone_gone", "phone_ready", "person_changed", "hold_wrap_up")
"""What is asked without a click of the operator's."""
WATCHES_ONLY = "watches"
"""Why a supervisor's desk is paused who came on duty to listen."""
BROWSER = "web"
"""In place of a desk phone's name: the telephone in this page."""


def province() -> Installation:
    """The installation in force."""
    found: Installation = current_app.config["INSTALLATION"]
    return found


def organisation(session: Session) -> Organisation:
    """All that stands, with the day that counts here."""
    return agencies.organisation(session, province().structure_on)


@room.get("/")
def first() -> AnyResponse:
    return redirect(home(), 303)


HOMES = {
    Role.STATION: "station_desk.page",
    Role.OPERATOR: "my_desk.page",
    Role.TEAM: "team_desk.page",
    Role.LEADER: "team_orders.index",
}
"""Where somebody works all night; the others look at the floor."""


def home() -> str:
    """The page that somebody works at."""
    return url_for(HOMES.get(Role(current_user.role), "desk.page"))


@room.get("/desk")
def page() -> str:
    with reading() as session:
        own = _my_call(session)
        text = render_template("desk.html", **{**_board(session), **bar_values(session), **own})
    _note_viewing(own["mine"])
    return text


@room.get("/desk/board")
def board() -> Response:
    return fragment("desk_board.html", _board)


@room.get("/desk/bar")
def bar() -> Response:
    return fragment("desk_bar.html", bar_values)


@room.get("/desk/my-call")
def my_call() -> Response:
    own: dict[str, Any] = {}

    def values(session: Session) -> dict[str, Any]:
        own.update(_my_call(session))
        return own

    answer = fragment("desk_my_call.html", values)
    _note_viewing(own["mine"])
    return answer


def _note_viewing(mine: ticket_view.TicketView | None) -> None:
    """The call at one's desk shows its ticket."""
    if mine is not None:
        viewing.note(mine.row.id)


@room.post("/desk/command")
def command() -> AnyResponse:
    """One click of the operator's bar becomes one row for the calls process."""
    kind = request.form.get("kind", "")
    if kind not in OWN or kind not in KINDS:
        raise InputFault("kind", say("Thanh trực máy không có lệnh này: hãy tải lại trang."))
    with transaction() as session:
        ask(
            session,
            current_user.id,
            kind,
            click(request.form.get("click_id", "")),
            with_language(_body(session, kind)),
        )
    if is_htmx():
        return bar()
    return redirect(home(), 303)


def click(given: str) -> str:
    """The click's id as the form carried it; InputFault for one that no page of ours made."""
    if not (8 <= len(given) <= 64 and given.isalnum()):
        raise InputFault("click_id", say("Trang đã cũ: hãy tải lại trang rồi bấm lại."), 400)
    return given


def _body(session: Session, kind: str) -> dict[str, Any]:
    if kind == "sign_in":
        phone = request.form.get("phone", "")
        if phone == BROWSER:
            return {"phone": browser_phone.name_of(current_user.id), **_second(session), **_only_watches()}
        if phone not in {p.name for p in province().phones}:
            raise InputFault("phone", say("Ô “Máy”: hãy chọn máy điện thoại bạn đang ngồi."))
        if phone in taken_by_others(session):
            raise InputFault(
                "phone", say("Ô “Máy”: máy {phone} đang có người trực, hãy chọn máy khác.", phone=phone)
            )
        return {"phone": phone, **_only_watches()}
    if kind == "finish_wrap_up":
        presence = presence_of(session, current_user.id)
        call = session.get(Call, presence.call_id) if presence is not None and presence.call_id else None
        taken = call is not None and watching.taken_over_by(session, call, current_user.id)
        if call is not None and not taken and not is_written(session, call, current_user):
            raise InputFault(
                "kind",
                say("Hãy chọn kết quả cuộc gọi ở trang “Bàn làm việc” trước khi nhận cuộc tiếp theo."),
                409,
            )
    if kind == "pause":
        reason = request.form.get("reason", "")
        if reason not in shown.PAUSES:
            raise InputFault("reason", say("Ô “Lý do nghỉ”: hãy chọn một lý do trong danh sách."))
        return {"reason": reason}
    return {}


def _only_watches() -> dict[str, str]:
    """A supervisor who listens and takes no calls goes on duty paused."""
    return {"pause": WATCHES_ONLY} if current_user.supervises and request.form.get("watches") == "1" else {}


def _second(session: Session) -> dict[str, str]:
    """A desk phone that rings with the page's telephone."""
    phone = request.form.get("second_phone", "")
    if not phone:
        return {}
    if phone not in {p.name for p in province().phones} or phone in taken_by_others(session):
        raise InputFault("second_phone", say("Ô “Reo thêm ở”: hãy chọn một máy không có ai trực."))
    return {"second_phone": phone}


def taken_by_others(session: Session) -> set[str]:
    """The phones at which somebody else is on duty."""
    rows = session.execute(
        select(OperatorPresence.phone, OperatorPresence.second_phone).where(
            OperatorPresence.state != Presence.OFFLINE, OperatorPresence.operator_id != current_user.id
        )
    )
    return {phone for row in rows for phone in row if phone}


def fragment(template: str, values: Callable[[Session], dict[str, Any]]) -> Response:
    """The fragment, or 204 when it is what the page already shows (its digest comes as `seen`)."""
    with reading() as session:
        return unless_seen(render_template(template, **values(session)))


def unless_seen(text: str) -> Response:
    """The text, or 204 when the page shows it already."""
    digest = hashlib.sha256(TOKEN.sub("", text).encode()).hexdigest()[:16]
    if request.args.get("seen") == digest:
        return Response(status=204)
    answer = Response(text)
    answer.headers["X-Seen"] = digest
    return answer


def _board(session: Session) -> dict[str, Any]:
    state = live_state.read(session, province(), current_user.serves)
    names = {d.username: d.full_name for d in state.desks}
    return {
        "state": state,
        "names": names,
        "call_of": {c.id: c for c in (*state.waiting, *state.talking)},
        "number_of": lambda c: ticket_view.number_shown(
            c.number, own=c.operator_id == current_user.id or c.id == _own_call_id(session)
        ),
        "presence_word": lambda key: shown.word(shown.PRESENCES, key),
        "presence_mark": shown.PRESENCE_MARKS.get,
        "pause_word": lambda key: shown.word(shown.PAUSE_REASONS, key),
        "state_word": lambda key: shown.word(shown.CALL_STATES, key),
    }


def presence_of(session: Session, operator_id: int) -> OperatorPresence | None:
    return session.get(OperatorPresence, operator_id)


def _own_call_id(session: Session) -> str:
    presence = presence_of(session, current_user.id)
    return presence.call_id if presence is not None else ""


def bar_values(session: Session) -> dict[str, Any]:
    presence = presence_of(session, current_user.id)
    last = session.scalar(
        select(DeskCommand)
        .where(
            DeskCommand.operator_id == current_user.id,
            DeskCommand.kind.not_in(BY_ITSELF),
            DeskCommand.kind.not_like("transfer%"),  # their own panel tells what became of them
        )
        .order_by(DeskCommand.id.desc())
        .limit(1)
    )
    taken = taken_by_others(session)
    told = orders.of_desks(session, {current_user.id}).get(current_user.id)
    return {
        "presence": presence,
        "watchers": _watchers(session, presence),
        "claims_taken": _claims_taken(session),
        "state_now": presence.state if presence is not None else "offline",
        "last_command": last,
        "told": told if told and (told.waits or last is None or told.command_id > last.id) else None,
        "browser": BROWSER,
        "phone_is_mine": bool(
            presence and browser_phone.is_browser(presence.phone) and presence.state != "offline"
        ),
        "watch_word": lambda mode: shown.word(shown.WATCHES, mode),
        "phones": [(p.name, p.name in taken) for p in province().phones],
        "pauses": shown.PAUSES,
        "command_word": lambda kind: shown.word(shown.COMMANDS, kind),
        "presence_word": lambda key: shown.word(shown.PRESENCES, key),
        "presence_mark": shown.PRESENCE_MARKS.get,
        "pause_word": lambda key: shown.word(shown.PAUSE_REASONS, key),
        "click_of": lambda kind: click_id(kind, last.id if last is not None else 0),
    }


def _claims_taken(session: Session) -> list[tuple[str, str, str, str]]:
    from softphone_panel import claiming  # whose pages need this one

    return claiming.taken_from_me(session)


def _watchers(session: Session, presence: OperatorPresence | None) -> tuple[watching.Watcher, ...]:
    """Who listens to this operator's talk, where the installation says that they are told."""
    if presence is None or presence.state != Presence.TALKING or not province().operators_see_listening:
        return ()
    found = watching.of_call(session, session.get(Call, presence.call_id))
    return tuple(one for one in found if one.operator_id != current_user.id)


def phone_word(phone: str) -> str:
    """What a phone is called: the page's own, or a desk phone's name."""
    return (
        say("Điện thoại trên trang") if browser_phone.is_browser(phone) else say("Máy {phone}", phone=phone)
    )


def click_id(kind: str, last: int) -> str:
    """The same for every click on one showing of the bar; another after any command was asked."""
    return hashlib.sha256(f"{current_user.id}:{kind}:{last}".encode()).hexdigest()[:32]


def _my_call(session: Session) -> dict[str, Any]:
    call_id = _own_call_id(session)
    return {
        "mine": ticket_view.of_call(session, call_id) if call_id else None,
        "ticket_words": ticket_view.WORDS,
    }


def with_language(body: dict[str, Any]) -> dict[str, Any]:
    """A command's body that says in which language this reader wants to read a refusal."""
    return {**body, LANGUAGE: language()}


def ask_and_tell(session: Session, kind: str, body: dict[str, Any]) -> None:
    """Ask for something beside the bar (a recall, a higher acuity) and say so on the next page."""
    ask(session, current_user.id, kind, click(request.form.get("click_id", "")), with_language(body))
    flash(say("Đã gửi lệnh “{command}” cho tổng đài.", command=shown.word(shown.COMMANDS, kind)))
