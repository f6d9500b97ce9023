"""Questions to agencies on the panel: forwarded from a ticket, followed, assembled into one answer, told to the citizen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import referring
from hotline.acuity import Acuity
from hotline.clocks import category_of
from hotline.database import reading, transaction
from hotline.events import now
from hotline.referrals import (
    ANSWER_WITHIN,
    GROUNDS,
    OPEN,
    WAITED_FOR,
    WHOLE_FOLLOWS,
    PartState,
    Referral,
    ReferralPart,
    ReferralState,
    Step,
)
from hotline.referring import Wanted
from hotline.refusals import RequestRefused
from hotline.tickets import Ticket, TicketState
from softphone_panel import (
    claiming,
    desk,
    due_field,
    matter_words,
    referral_words,
    shown,
    ticket_changes,
    ticket_clock,
    ticket_view,
    unit_search,
    viewing,
)
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import either, language, local, say

room = Blueprint("referrals", __name__, url_prefix="/referrals")

SUGGESTED, SHOWN = 5, 100


@dataclass(frozen=True)
class Listed:
    """One question with where each agency stands."""

    row: Referral
    label: str
    parts: Sequence[ReferralPart]

    @property
    def waits_for(self) -> list[ReferralPart]:
        return [one for one in self.parts if one.state in WAITED_FOR]

    @property
    def is_late(self) -> bool:
        return any(one.state == PartState.LATE for one in self.parts)


def listed(session: Session, rows: Sequence[Referral]) -> list[Listed]:
    numbers = dict(
        session.execute(select(Ticket.id, Ticket.number).where(Ticket.id.in_([r.ticket_id for r in rows])))
        .tuples()
        .all()
    )
    parts: dict[str, list[ReferralPart]] = {}
    asked = select(ReferralPart).where(ReferralPart.referral_id.in_([row.id for row in rows]))
    for one in session.scalars(asked):
        parts.setdefault(one.referral_id, []).append(one)
    return [
        Listed(
            row, referral_words.label(row.hotline, numbers.get(row.ticket_id), row.number),
            sorted(parts.get(row.id, []), key=lambda one: int(one.id.rpartition(".")[2])),
        )
        for row in rows
    ]  # fmt: skip


def of_ticket(session: Session, ticket_id: str) -> dict[str, Any]:
    """The ticket's questions, for its page."""
    rows = select(Referral).where(Referral.ticket_id == ticket_id).order_by(Referral.number)
    return {"ticket_referrals": listed(session, list(session.scalars(rows))), **referral_words.words()}


@room.get("")
def index() -> str:
    with reading() as session:
        return render_template("referrals.html", **_index(session))


@room.get("/list")
def listing() -> Response:
    return desk.fragment("referrals_list.html", _index)


def _index(session: Session) -> dict[str, Any]:
    mine = desk.province().seen_by(current_user.serves)
    where = [Referral.state.in_(OPEN), *([Referral.hotline.in_(mine)] if mine is not None else [])]
    rows = session.scalars(select(Referral).where(*where).order_by(Referral.asked_at).limit(SHOWN)).all()
    found = listed(session, rows)

    def urgency(one: Listed) -> tuple[bool, float]:
        return not one.is_late, min((part.due_at.timestamp() for part in one.waits_for), default=0.0)

    return {
        "rows": sorted(found, key=urgency), "at": now(), "left": ticket_clock.left,
        "category_said": matter_words.category_said, **referral_words.words(),
    }  # fmt: skip


# -- a new one --


@room.get("/new/<ticket_id>")
def new(ticket_id: str) -> str:
    with reading() as session:
        return render_template("referral_new.html", **_new(session, ticket_id, request.args, {}))


@room.get("/new/<ticket_id>/agencies")
def agencies(ticket_id: str) -> str:
    """Who answers for this matter at this place, nearest first."""
    with reading() as session:
        return render_template("referral_agencies.html", **_new(session, ticket_id, request.args, {}))


def _new(session: Session, ticket_id: str, typed: Any, faults: Mapping[str, str]) -> dict[str, Any]:
    ticket = seen_ticket(session, ticket_id)
    at = now()
    category = typed.get("category") or category_of(ticket)
    organisation = desk.organisation(session)
    unit_code = typed.get("unit_code") or ticket.unit_code
    day = organisation.day(at)
    near = organisation.responsible(
        ticket.hotline, category, unit_code, day, desk.province().day(ticket.opened_at)
    )
    suggested = near[:SUGGESTED]
    chosen = typed.getlist("agency") if hasattr(typed, "getlist") else []
    usual = ANSWER_WITHIN.get(Acuity(ticket.acuity), timedelta(hours=4))
    return {
        "ticket": ticket,
        "ticket_label": ticket_view.label(ticket.hotline, ticket.number),
        "typed": typed,
        "faults": faults,
        "categories": {key: one.word(language()) for key, one in matter_words.known().items()},
        "category": category,
        "unit_code": unit_code,
        "unit_name": unit_search.name_of(session, unit_code) if unit_code else "",
        "due": typed.get("due_at") or local(at + usual).strftime(due_field.WRITTEN),
        "grounds": GROUNDS,
        "suggested": suggested,
        "chosen": chosen or [one.key for one in suggested[:1]],
        "others": [
            a for a in organisation.agencies.values() if a.hotline == ticket.hotline and a.stands(day) and a not in suggested
        ],
        "click_id": uuid4().hex,
        **referral_words.words(),
    }  # fmt: skip


@room.post("/new/<ticket_id>")
def refer(ticket_id: str) -> tuple[str, int] | AnyResponse:
    form = request.form
    try:
        with transaction() as session:
            ticket = held_ticket(session, ticket_id)
            if not ticket_changes.once(session, desk.click(form.get("click_id", ""))):
                return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)
            claiming.check_free(session, ticket)
            wanted = Wanted(
                ticket_id, form.get("question", ""), form.get("category", ""),
                tuple(key[:48] for key in form.getlist("agency")), due_field.read(form.get("due_at", "")),
                form.get("unit_code", "")[:8], form.get("ground", ""),
            )  # fmt: skip
            referral_id = referring.refer(
                session,
                wanted,
                current_user.username,
                now(),
                desk.organisation(session),
                tuple(matter_words.known()),
            )
    except RequestRefused as refused:
        with reading() as session:
            faults = {refused.name or "referral": either(refused)}
            return render_template("referral_new.html", **_new(session, ticket_id, form, faults)), 422
    flash(say("Đã chuyển câu hỏi."))
    return redirect(url_for("referrals.one", referral_id=referral_id), 303)


# -- one --


@room.get("/<referral_id>")
def one(referral_id: str) -> str:
    with reading() as session:
        row = _seen(session, referral_id)
    viewing.note(row.ticket_id)
    with reading() as session:
        return render_template("referral.html", **_page(session, referral_id))


@room.get("/<referral_id>/parts")
def parts(referral_id: str) -> Response:
    return desk.fragment("referral_parts.html", lambda session: _page(session, referral_id))


@room.get("/<referral_id>/text/<int:version>")
def text(referral_id: str, version: int) -> Response:
    """What to tell the citizen, put together anew from the answers; 204 once somebody else kept another text than this page shows.

    Whoever types on goes by what they saw, and is told so when they save.
    """
    with reading() as session:
        if _seen(session, referral_id).version != version:
            return Response(status=204)
    return desk.fragment("referral_text.html", lambda session: _page(session, referral_id))


def _seen(session: Session, referral_id: str) -> Referral:
    row = session.get(Referral, referral_id)
    if row is None or not current_user.serves(row.hotline):
        abort(404, say("Không có câu hỏi này."))
    return row


def _page(
    session: Session,
    referral_id: str,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    row = _seen(session, referral_id)
    (found,) = listed(session, [row])
    ticket = session.get_one(Ticket, row.ticket_id)
    organisation = desk.organisation(session)
    day = organisation.day(now())
    follows = WHOLE_FOLLOWS[ReferralState(row.state)]
    asked = {part.agency for part in found.waits_for}
    answered = [part for part in found.parts if part.state == PartState.ANSWERED]
    return {
        "found": found, "row": row, "ticket": ticket, "ticket_label": ticket_view.label(ticket.hotline, ticket.number),
        "at": now(), "left": ticket_clock.left, "category_said": matter_words.category_said,
        "unit_name": unit_search.name_of(session, row.unit_code, row.unit_on) if row.unit_code else "",
        "beginning": referring.beginning(row, found.parts), "people": ticket_view.people_names(session),
        "may_step": lambda step: isinstance(follows[Step(step)], ReferralState),
        "may_contradict": isinstance(follows[Step.CONTRADICT], ReferralState) and len(answered) > 1,
        "is_open": row.state in OPEN, "how": shown.TOLD, "faults": faults or {}, "typed": typed or {},
        "others": [a for a in organisation.agencies.values() if a.hotline == row.hotline and a.stands(day) and a.key not in asked],
        "fresh_click": ticket_changes.fresh_click,
        "part_click": lambda one: desk.click_id(f"{one.id} {one.state}", 0),
        "means_word": lambda key: say(MEANS[key]) if key in MEANS else "",
        **referral_words.words(),
    }  # fmt: skip


MEANS = {"panel": "trên trang", "link": "qua liên kết", "api": "qua hệ thống của đơn vị"}


@room.post("/<referral_id>")
def act(referral_id: str) -> tuple[str, int] | AnyResponse:
    """Keep the text, tell the citizen, ask another agency, say that answers contradict, recall all or one part."""
    do = _ACTS.get(request.form.get("act", ""))
    if do is None:
        raise InputFault("act", say("Trang đã cũ: hãy tải lại trang rồi làm lại."), 400)
    try:
        with transaction() as session:
            row = _seen(session, referral_id)
            ticket = held_ticket(session, row.ticket_id)
            fresh = ticket_changes.once(session, desk.click(request.form.get("click_id", "")))
            said = do(session, row, ticket) if fresh else ""
    except RequestRefused as refused:
        faults = {refused.name or "referral": either(refused)}
        with reading() as session:
            return render_template(
                "referral.html", **_page(session, referral_id, faults, request.form.to_dict())
            ), 409
    if said:
        flash(said)
    return redirect(url_for("referrals.one", referral_id=referral_id), 303)


def _keep(session: Session, row: Referral, ticket: Ticket) -> str:
    form = request.form
    seen = form.get("version", "")
    referring.keep(
        session,
        row.id,
        form.get("text", ""),
        int(seen) if seen.isdecimal() else 0,
        current_user.username,
        now(),
    )
    return say("Đã lưu câu trả lời cho người dân.")


def _tell(session: Session, row: Referral, ticket: Ticket) -> str:
    """The text as it stands in the form is kept, then told by the chosen way."""
    if ticket.state == TicketState.CLOSED:
        raise InputFault("act", say("Phiếu đã đóng: hãy mở lại phiếu trước."), 409)
    how = request.form.get("how", "")
    if how not in shown.TOLD:
        raise RequestRefused(
            "Ô “Báo người dân”: hãy chọn cách báo kết quả.", "Tell the citizen: choose how.", "how"
        )
    _keep(session, row, ticket)
    told = referring.told(session, row.id, current_user.username, now())
    return ticket_clock.done(session, ticket, "answered", told.assembled, how)


def _contradict(session: Session, row: Referral, ticket: Ticket) -> str:
    name = referring.contradict(
        session,
        row.id,
        request.form.get("reason", ""),
        current_user.username,
        now(),
        desk.organisation(session),
    )
    return say("Đã hỏi cấp trên: {name}.", name=name)


def _ask(session: Session, row: Referral, ticket: Ticket) -> str:
    due_at = now() + max(row.due_at - row.asked_at, referring.SHORTEST_TIME)
    referring.ask_also(
        session, row.id, request.form.get("agency", "")[:48], current_user.username, now(), desk.organisation(session), due_at
    )  # fmt: skip
    return say("Đã hỏi thêm một đơn vị.")


def _recall(session: Session, row: Referral, ticket: Ticket) -> str:
    referring.recall(session, row.id, request.form.get("reason", ""), current_user.username, now())
    return say("Đã thu hồi câu hỏi.")


def _recall_part(session: Session, row: Referral, ticket: Ticket) -> str:
    part = session.get(ReferralPart, request.form.get("part", "")[:88])
    if part is None or part.referral_id != row.id:
        raise RequestRefused("Không có câu hỏi này: hãy tải lại trang.", "There is no such question: reload.")
    referring.recall_part(session, part.id, current_user.username, now())
    return say("Đã thu hồi phần của {name}.", name=part.agency_name)


_ACTS: Mapping[str, Callable[[Session, Referral, Ticket], str]] = {
    "keep": _keep,
    "tell": _tell,
    "contradict": _contradict,
    "ask": _ask,
    "recall": _recall,
    "recall_part": _recall_part,
}
