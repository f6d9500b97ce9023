"""Recordings: found by time, number, operator, level, hotline or words; heard with marks and comments, shared, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.acuity import Acuity
from hotline.calls import Call, Leg
from hotline.database import reading, transaction
from hotline.operators import Operator
from hotline.recordings import Recording
from hotline.tickets import Ticket, TicketEntry
from ivr.scoring_form import NOT_APPLICABLE
from softphone_panel import (
    desk,
    exports,
    leg_recordings,
    listening,
    recording_marks,
    scoring,
    scripts,
    sentences,
    shown,
    ticket_changes,
    ticket_search,
    ticket_view,
)
from softphone_panel.faults import InputFault
from softphone_panel.ticket_access import held_ticket
from softphone_panel.words import VIETNAM, is_htmx, length, say

room = Blueprint("recordings", __name__, url_prefix="/recordings")

PAGE = 25
SHARE = "recording_shared"


@dataclass(frozen=True)
class Wanted:
    """What the reader asked for."""

    since: date | None = None
    until: date | None = None
    since_time: time | None = None
    """From this hour of the first day on."""
    until_time: time | None = None
    """Until the end of this minute of the last day."""
    hotline: str = ""
    acuity: str = ""
    operator_id: int | None = None
    station: str = ""
    """The name that was rung, as the hand-over has it."""
    branch: str = ""
    text: str = ""
    page: int = 1
    faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Wanted:
        known = ticket_search.Wanted.of(given)
        operator = given.get("operator", "")
        faults = list(known.faults)
        first, last = (_time(given.get(name, ""), faults) for name in ("since_time", "until_time"))
        if known.since and known.until and str(known.since) == given.get("until") != given.get("since"):
            first, last = last, first  # as their days
        elif known.since and known.since == known.until and first and last and first > last:
            faults.append(say("“Từ giờ” sau “Đến giờ”: đã đổi chỗ hai giờ."))
            first, last = last, first
        if (first and not known.since) or (last and not known.until):
            faults.append(say("Hãy chọn ngày cùng với giờ: giờ không có ngày không được dùng."))
        since_time, until_time = first if known.since else None, last if known.until else None
        return cls(
            known.since, known.until, since_time, until_time, known.hotline, known.acuity,
            int(operator) if operator.isdecimal() and len(operator) < 9 else None, given.get("station", "")[:160], known.branch, known.text,
            known.page, tuple(faults),
        )  # fmt: skip

    def query(self, page: int) -> dict[str, Any]:
        """The address of another page of the same list."""
        values = {
            "since": self.since, "until": self.until, "since_time": f"{self.since_time:%H:%M}" if self.since_time else "",
            "until_time": f"{self.until_time:%H:%M}" if self.until_time else "", "hotline": self.hotline, "acuity": self.acuity,
            "operator": self.operator_id, "station": self.station, "branch": self.branch, "text": self.text, "page": page,
        }  # fmt: skip
        return {key: value for key, value in values.items() if value}


@dataclass(frozen=True)
class Found:
    rows: tuple[tuple[Recording, Call, Ticket], ...]
    total: int
    pages: int


def search(session: Session, wanted: Wanted) -> Found:
    """One page of the recordings that this reader may hear, newest first."""
    conditions = _conditions(session, wanted)
    joined = (
        select(Recording, Call, Ticket)
        .join(Call, Call.id == Recording.call_id)
        .join(Ticket, Ticket.id == Recording.ticket_id)
        .where(*conditions)
    )
    total = session.scalar(select(func.count()).select_from(joined.subquery())) or 0
    rows = session.execute(
        joined.order_by(Call.arrived_at.desc(), Call.id).offset((wanted.page - 1) * PAGE).limit(PAGE)
    ).all()
    return Found(tuple((r, c, t) for r, c, t in rows), total, max(1, -(-total // PAGE)))


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if not current_user.supervises:
        found.append(or_(Call.operator_id == current_user.id, Recording.ticket_id.in_(_shared_with_me())))
    if wanted.since:
        found.append(Call.arrived_at >= _moment(wanted.since, wanted.since_time or time()))
    if wanted.until:
        last = _moment(wanted.until, wanted.until_time or time(23, 59))
        found.append(Call.arrived_at < last + timedelta(minutes=1))
    if wanted.hotline:
        found.append(Call.hotline == wanted.hotline)
    if wanted.acuity:
        found.append(or_(Call.acuity == wanted.acuity, Ticket.acuity == wanted.acuity))
    if wanted.operator_id is not None:
        found.append(or_(Call.operator_id == wanted.operator_id, Call.id.in_(_talked_in(wanted.operator_id))))
    if wanted.branch:
        found.append(Ticket.branch == wanted.branch)
    if wanted.station:
        found.append(Call.id.in_(leg_recordings.calls_with(wanted.station)))
    if wanted.text:
        found.append(or_(*ticket_search.of_text(session, wanted.text, desk.province(), current_user)))
    return found


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=VIETNAM)


def _time(written: str, faults: list[str]) -> time | None:
    if not written:
        return None
    try:
        return time.fromisoformat(written).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        faults.append(say("Ô giờ: hãy viết giờ như 14:30."))
        return None


def _talked_in(operator_id: int) -> Any:
    """Calls in which this operator spoke with the caller, also those that somebody else ended."""
    return select(Leg.call_id).where(
        Leg.operator_id == operator_id, Leg.role == "operator", Leg.answered_at.is_not(None)
    )


def _shared_with_me() -> Any:
    return select(TicketEntry.ticket_id).where(
        TicketEntry.kind == SHARE, TicketEntry.body["with"].as_string() == current_user.username
    )


# --- pages -------------------------------------------------------------------------------------------------


@room.get("")
def index() -> str:
    wanted = Wanted.of(request.args)
    with reading() as session:
        found = search(session, wanted)
        people = session.execute(select(Operator.id, Operator.full_name).order_by(Operator.full_name)).all()
        names = ticket_view.people_names(session)
        return render_template(
            "recordings.html", legs=leg_recordings.of_calls(session, [r.call_id for r, *_ in found.rows]),
            stations=leg_recordings.names(session), found=found, wanted=wanted, people=people, label=ticket_view.label,
            number_of=lambda call: ticket_view.number_shown(call.caller_number, own=call.operator_id == current_user.id),
            who=lambda call: sentences.who_answered(call.answered_by, names),
            end_word=lambda key: shown.word(shown.END_REASONS, key), levels=list(Acuity), branches=shown.BRANCHES,
        )  # fmt: skip


@room.get("/<call_id>")
def one(call_id: str) -> str:
    """A recording with its marks and comments; the sound itself is asked for by a click, and that is written down."""
    with reading() as session:
        recording = listening.kept(session, call_id)
        call = session.get(Call, call_id)
        ticket = session.get(Ticket, recording.ticket_id)
        if call is None or ticket is None:
            abort(404)
        events, comments = recording_marks.marks(session, recording, call)
        names = ticket_view.people_names(session)
        colleagues = session.execute(
            select(Operator.username, Operator.full_name).where(Operator.active).order_by(Operator.full_name)
        ).all()
        return render_template(
            "recording.html", legs=leg_recordings.of_calls(session, [call_id])[call_id],
            recording=recording, call=call, ticket=ticket, events=events, comments=comments, at_s=listening.asked_second(recording),
            label=ticket_view.label(ticket.hotline, ticket.number), length=length, colleagues=colleagues,
            number=ticket_view.number_shown(call.caller_number, own=call.operator_id == current_user.id),
            who=sentences.who_answered(call.answered_by, names), judged=scoring.judged(session, call), said=scripts.said,
            answer_said=scoring.answer_said, not_applicable=NOT_APPLICABLE,
        )  # fmt: skip


@room.post("/<call_id>/comments")
def comment(call_id: str) -> AnyResponse:
    """A sentence at a second; the page that plays gets the comments alone and plays on."""
    with transaction() as session:
        recording = listening.kept(session, call_id)
        recording_marks.add_comment(session, recording)
    if not is_htmx():
        return redirect(url_for("recordings.one", call_id=call_id), 303)
    with reading() as session:
        recording = listening.kept(session, call_id)
        call = session.get(Call, call_id)
        assert call is not None  # noqa: S101 - its recording is kept
        events, comments = recording_marks.marks(session, recording, call)
    return recording_marks.fragment(recording, events, comments)


@room.post("/<call_id>/share")
def share(call_id: str) -> AnyResponse:
    """A colleague may hear it from now on; why is written on the ticket."""
    reason = exports.reason()
    with transaction() as session:
        recording = listening.kept(session, call_id)
        other = session.scalar(
            select(Operator).where(Operator.username == request.form.get("with", ""), Operator.active)
        )
        if other is None:
            raise InputFault("with", say("Ô “Cho ai nghe”: hãy chọn một người trong danh sách."))
        ticket = held_ticket(session, recording.ticket_id)
        body = {**exports.about(recording), "with": other.username}
        ticket_changes.add_entry(session, ticket, SHARE, current_user.username, reason, body)
        flash(say("{name} nghe được ghi âm này từ bây giờ.", name=other.full_name))
    return redirect(url_for("recordings.one", call_id=call_id), 303)


@room.post("/<call_id>/export")
def export(call_id: str) -> Response:
    reason = exports.reason()
    with transaction() as session:
        return exports.begin(session, listening.kept(session, call_id), reason)
