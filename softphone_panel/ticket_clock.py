"""A ticket's clock on its page: what is to be reached by when, in words; pausing, what was done, telling the citizen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline import agencies, clocks, closing, merging, persons, references, sla
from hotline.clocks import TicketClock
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.recalls import RESULTS as RESULTS_OWED
from hotline.recalls import Recall
from hotline.results import RESULTS
from hotline.settings import settings
from hotline.sla import Stage
from hotline.tickets import Ticket, TicketEntry, TicketState
from softphone_panel import desk, shown, telling, ticket_changes, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket, seen_ticket
from softphone_panel.words import clock, day_clock, local, say

room = Blueprint("ticket_clock", __name__)

PAUSES_H = (1, 4, 24, 72)
"""How long a clock may stand still at a time."""
REASON_CHARACTERS = 5
SHOWN = 100


def left(due_at: datetime, at: datetime) -> str:
    """ "còn 2 giờ 5 phút", "trễ 12 phút"."""
    seconds = (due_at - at).total_seconds()
    minutes = int(abs(seconds) // 60)
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        spoken = say("{days} ngày", days=hours // 24)
    elif hours:
        spoken = say("{hours} giờ {minutes} phút", hours=hours, minutes=rest)
    else:
        spoken = say("{minutes} phút", minutes=minutes)
    return say("còn {length}", length=spoken) if seconds >= 0 else say("trễ {length}", length=spoken)


@dataclass(frozen=True)
class Shown:
    """One ticket's clock for a list."""

    text: str
    mark: str
    """late, warned, paused or empty: also told by the text."""
    stage: str
    owner: str


def of_list(session: Session, ticket_ids: list[str], at: datetime) -> dict[str, Shown]:
    """The clocks of the tickets of one list, in words."""
    rows = session.scalars(
        select(TicketClock).where(TicketClock.ticket_id.in_(ticket_ids), TicketClock.stage != "")
    )
    found = list(rows)
    owners = whose(session, {row.owner for row in found})
    return {row.ticket_id: _shown(row, owners[row.owner], at) for row in found}


def _shown(row: TicketClock, owner: str, at: datetime) -> Shown:
    stage = shown.word(shown.STAGES, row.stage)
    if row.paused_until is not None:
        return Shown(say("tạm dừng đến {when}", when=day_clock(row.paused_until)), "paused", stage, owner)
    due_at = row.due_at or at
    mark = "late" if due_at < at else "warned" if row.sounded else ""
    return Shown(left(due_at, at), mark, stage, owner)


def whose(session: Session, keys: set[str]) -> dict[str, str]:
    """Owner → as people call it."""
    wanted = [key.partition(":")[::2] for key in keys]
    wanted_agencies = [name for kind, name in wanted if kind == "agency"]
    people = [int(name) for kind, name in wanted if kind == "operator" and name.isdecimal()]
    names = {f"agency:{key}": name for key, name in agencies.names(session, wanted_agencies).items()}
    names |= {
        f"operator:{id_}": name
        for id_, name in session.execute(
            select(Operator.id, Operator.full_name).where(Operator.id.in_(people))
        )
    }
    hotlines = {f"hotline:{h.key}": h.name for h in desk.province().hotlines}
    roles = {f"role:{role}": say(word) for role, word in shown.ROLES.items()}
    known = {**hotlines, **roles, **names}
    return {key: known.get(key, key.partition(":")[2]) for key in keys}


def values(session: Session, ticket: Ticket) -> dict[str, Any]:
    """What the ticket's panel shows."""
    at = now()
    rules = clocks.rules_of(desk.province(), ticket.hotline)
    running = clocks.of(session, ticket, rules, at)
    row = session.get(TicketClock, ticket.id)
    steps = [
        (say(shown.STAGES[stage]), due_at, running.reached.get(stage), stage == running.stage)
        for stage, due_at in sorted(running.due.items(), key=lambda pair: sla.STAGES.index(pair[0]))
    ]
    owed = session.scalar(
        select(Recall)
        .where(Recall.ticket_id == ticket.id, Recall.why.in_(RESULTS_OWED))
        .order_by(Recall.made_at.desc())
        .limit(1)
    )
    last = session.scalar(select(func.max(TicketEntry.id)).where(TicketEntry.ticket_id == ticket.id))
    keys = {running.owner, *([row.told_to] if row is not None and row.told_to else [])}
    names = whose(session, keys)
    return {
        "ticket": ticket,
        "running": running,
        "reference": references.written(
            ticket_view.label(ticket.hotline, ticket.number), references.code_of(ticket.id, settings().var)
        ),
        "is_closed": ticket.state == TicketState.CLOSED,
        "steps": steps,
        "left": left,
        "at": at,
        "owner": names[running.owner],
        "told_to": names.get(row.told_to, "") if row is not None else "",
        "owed": owed,
        "is_done": Stage.DONE in running.reached,
        "results": shown.RESULTS,
        "how": {key: name for key, name in shown.TOLD.items() if key != "text" or telling.messages_go_out()},
        "sent": telling.messages(session, ticket.id),
        "sent_word": lambda key: shown.word(shown.MESSAGE_STATES, key),
        "pauses": PAUSES_H,
        # The same until something is entered, so that the part is not drawn anew for nothing.
        "clock_click": lambda act: desk.click_id(f"{ticket.id} {act}", last or 0),
    }


@room.get("/tickets/<ticket_id>/clock")
def fragment(ticket_id: str) -> Response:
    def found(session: Session) -> dict[str, Any]:
        return {"words": ticket_view.WORDS, **values(session, seen_ticket(session, ticket_id))}

    return desk.fragment("ticket_clock.html", found)


@room.get("/late")
def late() -> str:
    """Open tickets that are late or will be soon, and with whom."""
    with reading() as session:
        return render_template("late.html", **_late(session))


@room.get("/late/list")
def late_list() -> Response:
    return desk.fragment("late_list.html", _late)


def _late(session: Session) -> dict[str, Any]:
    at = now()
    mine = desk.province().seen_by(current_user.serves)
    rows = session.execute(
        select(Ticket, TicketClock)
        .join(TicketClock, TicketClock.ticket_id == Ticket.id)
        .where(TicketClock.sounded > 0, *([Ticket.hotline.in_(mine)] if mine is not None else []))
        .order_by(TicketClock.due_at)
        .limit(SHOWN)
    ).all()
    keys = {clock.owner for _, clock in rows} | {clock.told_to for _, clock in rows if clock.told_to}
    owners = whose(session, keys)
    return {
        "rows": [(ticket, clock, _shown(clock, owners[clock.owner], at)) for ticket, clock in rows],
        "owners": owners,
        "labels": {ticket.id: ticket_view.label(ticket.hotline, ticket.number) for ticket, _ in rows},
    }


@room.post("/tickets/<ticket_id>/clock")
def act(ticket_id: str) -> AnyResponse:
    """Pause with a reason, go on, say what was done, say how the citizen was told."""
    form = request.form
    click = desk.click(form.get("click_id", ""))
    text = ticket_changes.checked_note(form.get("text", ""), needed=False)
    with transaction() as session:
        ticket = held_ticket(session, ticket_id)
        if ticket.state == TicketState.CLOSED:
            raise InputFault("act", say("Phiếu đã đóng: hãy mở lại phiếu trước."), 409)
        do = _ACTS.get(form.get("act", ""))
        if do is None:
            raise InputFault("act", say("Trang đã cũ: hãy tải lại trang rồi làm lại."), 400)
        said = do(session, ticket, text) if ticket_changes.once(session, click) else ""
    if said:
        flash(said)
    return redirect(url_for("tickets.one", ticket_id=ticket_id), 303)


def _pause(session: Session, ticket: Ticket, text: str) -> str:
    if len(text) < REASON_CHARACTERS:
        raise InputFault("text", say("Ô “Lý do tạm dừng”: hãy ghi ít nhất 5 ký tự."))
    wanted = request.form.get("hours", "")
    if wanted not in map(str, PAUSES_H):
        raise InputFault("hours", say("Ô “Dừng bao lâu”: hãy chọn trong danh sách."))
    until = now() + timedelta(hours=int(wanted))
    body = {"until": until.isoformat()}
    ticket_changes.add_entry(session, ticket, clocks.PAUSED, current_user.username, text, body)
    return say("Đã tạm dừng đồng hồ đến {when}.", when=clock(local(until)))


def _resume(session: Session, ticket: Ticket, text: str) -> str:
    ticket_changes.add_entry(session, ticket, clocks.RESUMED, current_user.username)
    return say("Đồng hồ chạy tiếp.")


def _done(session: Session, ticket: Ticket, text: str) -> str:
    result, how = request.form.get("result", ""), request.form.get("how", "")
    if result not in RESULTS:
        raise InputFault("result", say("Ô “Kết quả”: hãy chọn trong danh sách."))
    if not text:
        raise InputFault("text", say("Ô “Đã làm gì”: hãy ghi việc đã làm để làm bằng chứng."))
    if how not in shown.TOLD:
        raise InputFault("how", say("Ô “Báo người dân”: hãy chọn cách báo kết quả."))
    return done(session, ticket, result, text, how)


def done(session: Session, ticket: Ticket, result: str, text: str, how: str) -> str:
    """What was done, and how the citizen is told: at once, or by a call that is owed from now on. Raises InputFault."""
    ticket_changes.add_entry(session, ticket, clocks.DONE, current_user.username, text, {"result": result})
    if how not in telling.WAYS:
        body = {"how": how}
        ticket_changes.add_entry(session, ticket, clocks.TOLD, current_user.username, "", body)
        return say("Đã ghi kết quả và việc đã báo người dân.")
    said = telling.owe(session, ticket, how)
    _tell_the_merged(session, ticket, how)
    return said


def _tell_the_merged(session: Session, ticket: Ticket, how: str) -> None:
    """Whose tickets go on in this one asked for the same: each other number is told too, by the machine or a message."""
    told = {persons.told_of(session, ticket).number, ""}
    for other in merging.taken_in(session, [ticket.id]).get(ticket.id, []):
        number = persons.told_of(session, other).number
        if number in told:
            continue
        told.add(number)
        for way in ("text", "call") if how == "text" else ("call",):
            with suppress(InputFault):  # owed already, or not that way
                telling.owe(session, other, way)
                break


def _told(session: Session, ticket: Ticket, text: str) -> str:
    how = request.form.get("how", "")
    if how not in shown.TOLD:
        raise InputFault("how", say("Ô “Báo người dân”: hãy chọn cách báo kết quả."))
    if how in telling.WAYS:
        if not closing.known(session, ticket).done:
            raise InputFault(
                "text", say("Chưa ghi đã làm gì: hãy ghi kết quả ở “Đã làm xong” rồi mới báo người dân.")
            )
        return telling.owe(session, ticket, how)
    ticket_changes.add_entry(session, ticket, clocks.TOLD, current_user.username, text, {"how": how})
    return say("Đã ghi việc báo người dân.")


_ACTS = {"pause": _pause, "resume": _resume, "done": _done, "told": _told}
