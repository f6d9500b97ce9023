"""The page of quality: what is to be scored, calibrations and where their scorers differ, coaching notes, the weekly draw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.calls import Call
from hotline.database import engine, reading, transaction
from hotline.events import now
from hotline.operators import Operator, Role
from hotline.quality import ALONE, Calibration, CalibrationSeat, CoachingNote, Score, ToScore
from hotline.tickets import Ticket
from ivr import sampling_draw
from ivr import scoring as arithmetic
from ivr.sampling import Sampling
from ivr.scoring import Compared
from softphone_panel import form_signing, listening, scoring, ticket_view
from softphone_panel.faults import InputFault
from softphone_panel.scripts import said
from softphone_panel.words import language, length, say

room = Blueprint("quality", __name__, url_prefix="/quality")

LATEST = 20
FEWEST_SCORERS = 2


@dataclass(frozen=True)
class Task:
    """A call that somebody is to score."""

    call: Call
    ticket: str
    operator: str
    scorer: str
    why: str
    is_begun: bool


@dataclass(frozen=True)
class Done:
    """A finished score."""

    score: Score
    ticket: str
    operator: str
    scorer: str


@dataclass(frozen=True)
class Seats:
    """A calibration with who has finished."""

    row: Calibration
    ticket: str
    asker: str
    done: tuple[str, ...]
    waiting: tuple[str, ...]
    is_mine: bool
    """The reader's own answers are still missing."""


@dataclass(frozen=True)
class Drawn:
    """One rule of one week."""

    week: date
    why: str
    chosen: int
    scored: int


# --- read ----------------------------------------------------------------------------------------------------


def tasks(session: Session, scorer_id: int | None = None) -> list[Task]:
    """What is still to be scored, oldest week first; of one scorer or of all."""
    done = select(Score.call_id).where(Score.finished_at.is_not(None), Score.calibration_id == ALONE)
    asked = (
        select(ToScore, Call, Ticket)
        .join(Call, Call.id == ToScore.call_id)
        .join(Ticket, Ticket.id == Call.ticket_id)
        .where(ToScore.call_id.not_in(done))
        .order_by(ToScore.week, Call.arrived_at)
    )
    if scorer_id is not None:
        asked = asked.where(ToScore.scorer_id == scorer_id)
    begun = set(
        session.scalars(
            select(Score.call_id).where(Score.scorer_id == (scorer_id or 0), Score.finished_at.is_(None))
        )
    )
    names = _names(session)
    return [
        Task(
            call, ticket_view.label(ticket.hotline, ticket.number), names.get(row.operator_id, ""),
            names.get(row.scorer_id, ""), rule_said(row.rule), call.id in begun,
        )
        for row, call, ticket in session.execute(asked).tuples()
    ]  # fmt: skip


def rule_said(rule: str) -> str:
    """Why a rule chose a call; its name once it stands in no file any more."""
    sampling = scoring.files().sampling
    known = sampling.rules.get(rule) if sampling is not None else None
    return said(known.said) if known is not None else rule


def finished(session: Session, operator_id: int | None = None) -> list[Done]:
    """The latest finished scores, of one operator's calls or of all; calibrations are shown by themselves."""
    asked = (
        select(Score, Ticket)
        .join(Call, Call.id == Score.call_id)
        .join(Ticket, Ticket.id == Call.ticket_id)
        .where(Score.finished_at.is_not(None), Score.calibration_id == ALONE)
        .order_by(Score.finished_at.desc())
        .limit(LATEST)
    )
    if operator_id is not None:
        asked = asked.where(Score.operator_id == operator_id)
    blind = select(Calibration.call_id).where(
        Calibration.id.in_(scoring.waiting_seats(session, current_user.id))
    )
    names = _names(session)
    return [
        Done(
            score, ticket_view.label(ticket.hotline, ticket.number), names.get(score.operator_id or 0, ""),
            names.get(score.scorer_id, ""),
        )
        for score, ticket in session.execute(asked.where(Score.call_id.not_in(blind))).tuples()
    ]  # fmt: skip


def calibrations(session: Session, only: int | None = None) -> list[Seats]:
    """The latest calibrations, newest first, or that one."""
    asked = (
        select(Calibration, Ticket)
        .join(Call, Call.id == Calibration.call_id)
        .join(Ticket, Ticket.id == Call.ticket_id)
        .order_by(Calibration.id.desc())
        .limit(LATEST)
    )
    if only is not None:
        asked = asked.where(Calibration.id == only)
    names = _names(session)
    found = []
    for row, ticket in session.execute(asked).tuples():
        seats = session.scalars(
            select(CalibrationSeat.scorer_id).where(CalibrationSeat.calibration_id == row.id)
        ).all()
        done = set(
            session.scalars(
                select(Score.scorer_id).where(Score.calibration_id == row.id, Score.finished_at.is_not(None))
            )
        )
        found.append(
            Seats(
                row, ticket_view.label(ticket.hotline, ticket.number), names.get(row.asked_by, ""),
                tuple(sorted(names.get(s, "") for s in seats if s in done)),
                tuple(sorted(names.get(s, "") for s in seats if s not in done)),
                current_user.id in seats and current_user.id not in done,
            )
        )  # fmt: skip
    return found


def differences(session: Session, row: Calibration) -> tuple[list[scoring.Sheet], tuple[Compared, ...]]:
    """The finished sheets of a calibration and each question compared, by the scorers' names."""
    names = _names(session)
    scores = session.scalars(
        select(Score).where(Score.calibration_id == row.id, Score.finished_at.is_not(None)).order_by(Score.id)
    )
    sheets = sorted(
        (scoring.sheet_of(session, s, names.get(s.scorer_id, "")) for s in scores), key=lambda s: s.scorer
    )
    form = scoring.form_of(session, row.form)
    return sheets, arithmetic.compared(form, {sheet.scorer: sheet.answers for sheet in sheets})


def drawn(session: Session) -> list[Drawn]:
    """What the last draws chose and how much of it is scored, newest week first."""
    done = func.count(func.distinct(Score.call_id))
    rows = session.execute(
        select(ToScore.week, ToScore.rule, func.count(func.distinct(ToScore.call_id)), done)
        .outerjoin(
            Score,
            (Score.call_id == ToScore.call_id)
            & Score.finished_at.is_not(None)
            & (Score.calibration_id == ALONE),
        )
        .group_by(ToScore.week, ToScore.rule)
        .order_by(ToScore.week.desc(), ToScore.rule)
        .limit(12)
    )
    return [Drawn(week, rule_said(rule), chosen, scored) for week, rule, chosen, scored in rows]


def notes(session: Session) -> list[tuple[CoachingNote, str, str]]:
    """(note, its writer, its operator): the reader's own; for supervisors also those that wait for an operator's word."""
    asked = select(CoachingNote).order_by(CoachingNote.at.desc()).limit(50)
    if not current_user.supervises:
        asked = asked.where(CoachingNote.operator_id == current_user.id)
    names = _names(session)
    return [
        (row, names.get(row.by_id, ""), names.get(row.operator_id, ""))
        for row in session.scalars(asked).all()
    ]


def _staff(session: Session) -> list[tuple[str, str]]:
    """(username, full name) of everybody but the reader."""
    asked = select(Operator.username, Operator.full_name).where(Operator.id != current_user.id)
    return [(username, name) for username, name in session.execute(asked.order_by(Operator.full_name))]


def _names(session: Session) -> dict[int, str]:
    return dict(session.execute(select(Operator.id, Operator.full_name)).tuples().all())


# --- pages ---------------------------------------------------------------------------------------------------


@room.get("")
def page() -> str:
    """A supervisor's work of quality; an operator's scores and notes, which count as seen from now on."""
    fresh = (CoachingNote.operator_id == current_user.id, CoachingNote.seen_at.is_(None))
    with reading() as session:
        is_fresh = session.scalar(select(CoachingNote.id).where(*fresh).limit(1)) is not None
    if is_fresh:
        with transaction() as session:
            session.execute(update(CoachingNote).where(*fresh).values(seen_at=now()))
    week = sampling_draw.monday_of(now())
    with reading() as session:
        supervises = current_user.supervises
        return render_template(
            "quality.html", tasks=tasks(session, current_user.id) if supervises else [],
            others=[t for t in tasks(session) if t.scorer != current_user.full_name] if supervises else [],
            done=finished(session, None if supervises else current_user.id), notes=notes(session), length=length,
            calibrations=calibrations(session) if supervises else [],
            forms=form_signing.forms(session) if supervises else [], people=_staff(session) if supervises else [],
            drawn=drawn(session) if supervises else [],
            weeks=(week - sampling_draw.WEEK, week), faults=scoring.files().faults if supervises else (), language=language(), said=said,
        )  # fmt: skip


@room.post("/draw")
def draw() -> AnyResponse:
    """Choose what the week's rules still lack, now rather than at the worker's hour."""
    try:
        week = date.fromisoformat(request.form.get("week", ""))
    except ValueError:
        raise InputFault("week", say("Tuần này không đọc được: hãy tải lại trang.")) from None
    if week.weekday() != 0:
        raise InputFault("week", say("Tuần này không đọc được: hãy tải lại trang."))
    sampling: Sampling | None = scoring.files().sampling
    if sampling is None:
        raise InputFault("week", say("Tệp quy tắc lấy mẫu có lỗi: hãy sửa theo các câu ở đầu trang."))
    try:
        count = sampling_draw.draw(engine(), sampling, week, now())
    except IntegrityError:
        count = 0  # somebody else drew at the same moment
    flash(say("Đã chọn thêm {count} cuộc để chấm.", count=count))
    return redirect(url_for("quality.page"), 303)


@room.post("/calls/<call_id>/calibrations")
def calibrate(call_id: str) -> AnyResponse:
    """Ask several supervisors to score the call blind."""
    asked = {int(one) for one in request.form.getlist("scorer") if one.isdecimal() and len(one) < 9}
    digest = request.form.get("form", "")
    with transaction() as session:
        listening.kept(session, call_id)
        call = session.get(Call, call_id)
        if call is None:
            abort(404)
        able = select(Operator.id).where(
            Operator.id.in_(asked), Operator.active, Operator.role == Role.SUPERVISOR, Operator.id != (call.operator_id or 0)
        )  # fmt: skip
        scorers = session.scalars(able).all()
        if len(scorers) < FEWEST_SCORERS:
            raise InputFault("scorer", say("Hiệu chuẩn cần ít nhất 2 người chấm: hãy chọn thêm."))
        if digest not in scoring.files().forms:
            raise InputFault("form", say("Mẫu phiếu chấm đã đổi: hãy tải lại trang."), 409)
        scoring.keep(session, digest)
        row = Calibration(call_id=call_id, form=digest, asked_by=current_user.id, asked_at=now())
        session.add(row)
        session.flush()
        session.add_all(CalibrationSeat(calibration_id=row.id, scorer_id=scorer) for scorer in scorers)
        calibration_id = row.id
    return redirect(url_for("quality.calibration", calibration_id=calibration_id), 303)


@room.get("/calibrations/<int:calibration_id>")
def calibration(calibration_id: int) -> str:
    """Who has finished; once all have, each question with its spread and who differs."""
    with reading() as session:
        found = calibrations(session, calibration_id)
        if not found:
            abort(404)
        seats = found[0]
        sheets, rows = ([], ()) if seats.waiting else differences(session, seats.row)
        return render_template(
            "calibration.html", seats=seats, sheets=sheets, rows=rows, said=said, answer_said=scoring.answer_said,
            form=scoring.form_of(session, seats.row.form),
        )  # fmt: skip


@room.post("/calibrations/<int:calibration_id>/absent")
def absent(calibration_id: int) -> AnyResponse:
    """Go on without those who have not finished; two must have."""
    with transaction() as session:
        row = session.get(Calibration, calibration_id)
        if row is None:
            abort(404)
        done = session.scalars(
            select(Score.scorer_id).where(Score.calibration_id == row.id, Score.finished_at.is_not(None))
        ).all()
        if len(done) < FEWEST_SCORERS:
            raise InputFault("scorer", say("Phải có ít nhất 2 người chấm xong mới so sánh được."))
        for seat in session.scalars(
            select(CalibrationSeat).where(
                CalibrationSeat.calibration_id == row.id, CalibrationSeat.scorer_id.not_in(done)
            )
        ):
            session.delete(seat)
    return redirect(url_for("quality.calibration", calibration_id=calibration_id), 303)
