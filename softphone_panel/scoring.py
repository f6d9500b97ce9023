"""Scoring a recording: the form beside it, saved as it is clicked; finished scores; coaching notes to its operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.events import now
from hotline.operators import Operator
from hotline.quality import ALONE, Calibration, CalibrationSeat, CoachingNote, KeptForm, Score, ScoreAnswer
from hotline.settings import settings
from ivr import quality_files, scoring, scoring_form
from ivr.quality_files import QualityFiles
from ivr.scoring import Result
from ivr.scoring_form import Form, Question
from softphone_panel import listening
from softphone_panel.faults import InputFault
from softphone_panel.scripts import said
from softphone_panel.words import language, length, say

room = Blueprint("scoring", __name__, url_prefix="/quality")

NOTE_CHARACTERS = 1000
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Sheet:
    """A form as one person fills, or filled, it for one call."""

    form: Form
    calibration_id: int
    answers: Mapping[str, str]
    result: Result
    score: Score | None = None
    """None before the first answer."""
    scorer: str = ""

    @property
    def is_finished(self) -> bool:
        return self.score is not None and self.score.finished_at is not None


@dataclass(frozen=True)
class Judged:
    """What the recording's page shows of its quality to this reader."""

    sheets: tuple[Sheet, ...]
    """Theirs to fill: those of calibrations first, then their own."""
    finished: tuple[Sheet, ...]
    """Of others, and for an operator the ones of their own call."""
    notes: tuple[tuple[CoachingNote, str], ...]
    """With who wrote it."""
    forms: Sequence[Form]
    is_blind: bool
    """A calibration waits for this reader: nobody else's judgement is shown."""
    operator: str
    """Whose call it is; empty when no operator talked."""
    colleagues: Sequence[Any]
    """Supervisors who may be asked to calibrate."""


def files() -> QualityFiles:
    """The installation's forms and rules."""
    return quality_files.files(settings().installation)


def form_of(session: Session, digest: str) -> Form:
    """The form with that digest, as it is now or as it was kept; 404 for none."""
    now_read = files().forms.get(digest)
    if now_read is not None:
        return now_read
    kept = session.get(KeptForm, digest)
    if kept is None:
        abort(404)
    return scoring_form.read(kept.text, kept.name)


def keep(session: Session, digest: str) -> Form:
    """The same, and its text is kept for as long as there are scores by it."""
    form = form_of(session, digest)
    if session.get(KeptForm, digest) is None:
        text = files().texts[digest]
        session.add(
            KeptForm(digest=digest, name=form.id[:64], version=form.version[:32], text=text, kept_at=now())
        )
        session.flush()
    return form


def sheet_of(session: Session, score: Score, scorer: str = "") -> Sheet:
    """A score as its page shows it."""
    form = form_of(session, score.form)
    rows = session.execute(
        select(ScoreAnswer.question, ScoreAnswer.answer).where(ScoreAnswer.score_id == score.id)
    )
    answers = dict(rows.tuples().all())
    return Sheet(form, score.calibration_id, answers, scoring.result(form, answers), score, scorer)


def judged(session: Session, call: Call) -> Judged:
    """What the page of this call's recording shows of its quality."""
    me = current_user.id
    people = dict(session.execute(select(Operator.id, Operator.full_name)).tuples().all())
    scores = session.scalars(
        select(Score).where(Score.call_id == call.id).order_by(Score.finished_at, Score.id)
    ).all()
    notes = session.scalars(
        select(CoachingNote).where(CoachingNote.call_id == call.id).order_by(CoachingNote.at, CoachingNote.id)
    ).all()
    own = call.operator_id == me
    sheets: list[Sheet] = []
    seats = waiting_seats(session, me, call.id) if current_user.supervises and not own else {}
    if current_user.supervises and not own:
        mine = {score.calibration_id: sheet_of(session, score) for score in scores if score.scorer_id == me}
        for calibration_id, digest in seats.items():
            sheets.append(mine.get(calibration_id) or _empty(form_of(session, digest), calibration_id))
        if not seats:
            sheets += [mine[ALONE]] if ALONE in mine else []
            asked = request.args.get("form", "")
            forms = files().forms
            chosen = forms.get(asked) or next(iter(forms.values()), None)
            if not sheets and chosen is not None and call.operator_id is not None:
                sheets.append(_empty(chosen, ALONE))
    may_read = [
        score for score in scores
        if score.finished_at and score.calibration_id == ALONE and score.scorer_id != me and (own or current_user.supervises)
    ]  # fmt: skip
    return Judged(
        sheets=tuple(sheets),
        finished=() if seats else tuple(sheet_of(session, s, people.get(s.scorer_id, "")) for s in may_read),
        notes=() if seats else tuple(
            (note, people.get(note.by_id, "")) for note in notes if current_user.supervises or note.operator_id == me
        ),
        forms=tuple(files().forms.values()), is_blind=bool(seats), operator=people.get(call.operator_id or 0, ""),
        colleagues=session.execute(
            select(Operator.id, Operator.full_name)
            .where(Operator.active, Operator.role == "supervisor", Operator.id != (call.operator_id or 0))
            .order_by(Operator.full_name)
        ).all(),
    )  # fmt: skip


def answer_said(question: Question, answer: str) -> str:
    """An answer as the reader's language has it."""
    return scoring.said(question, answer, language())


def _empty(form: Form, calibration_id: int) -> Sheet:
    return Sheet(form, calibration_id, {}, scoring.result(form, {}))


def waiting_seats(session: Session, scorer_id: int, call_id: str = "") -> dict[int, str]:
    """Calibration → its form, of those that wait for this scorer; of one call, or of all."""
    done = select(Score.calibration_id).where(Score.scorer_id == scorer_id, Score.finished_at.is_not(None))
    asked = (
        select(Calibration.id, Calibration.form)
        .join(CalibrationSeat, CalibrationSeat.calibration_id == Calibration.id)
        .where(CalibrationSeat.scorer_id == scorer_id, Calibration.id.not_in(done))
        .order_by(Calibration.id)
    )
    if call_id:
        asked = asked.where(Calibration.call_id == call_id)
    return dict(session.execute(asked).tuples().all())


# --- what a supervisor does ----------------------------------------------------------------------------------


@room.post("/calls/<call_id>/answers")
def answer(call_id: str) -> str:
    """One question's answer, saved as it is clicked; the sheet's total so far."""
    question, given = request.form.get("question", ""), request.form.get("answer", "")

    def put(session: Session) -> Sheet:
        score, form = _draft(session, call_id)
        asked = form.questions.get(question)
        if asked is None or not asked.takes(given):
            raise InputFault("answer", say("Phiếu chấm không có câu trả lời này: hãy tải lại trang."))
        row = session.get(ScoreAnswer, (score.id, question))
        if row is None:
            session.add(ScoreAnswer(score_id=score.id, question=question, answer=given, at=now()))
        else:
            row.answer, row.at = given, now()
        session.flush()
        return sheet_of(session, score)

    return render_template("scoring_total.html", sheet=_twice(put), call_id=call_id)


@room.post("/calls/<call_id>/finish")
def finish(call_id: str) -> AnyResponse:
    """Fix the score; InputFault while a question is open."""

    def fix(session: Session) -> Sheet:
        score, form = _draft(session, call_id)
        sheet = sheet_of(session, score)
        if sheet.result.open:
            names = "; ".join(said(form.questions[name].text) for name in sheet.result.open)
            raise InputFault("answer", say("Còn tiêu chí chưa chấm: {names}.", names=names))
        if sheet.result.percent is None:
            raise InputFault("answer", say("Phải có ít nhất một tiêu chí áp dụng."))
        score.percent, score.passed, score.finished_at = sheet.result.percent, sheet.result.passed, now()
        return sheet

    sheet = _twice(fix)
    flash(say("Đã chấm xong. Phiếu chấm không sửa được nữa."))
    if sheet.calibration_id != ALONE:
        return redirect(url_for("quality.calibration", calibration_id=sheet.calibration_id), 303)
    return redirect(url_for("recordings.one", call_id=call_id), 303)


def _draft(session: Session, call_id: str) -> tuple[Score, Form]:
    """The reader's open score of the call, begun by the first answer; InputFault or 404 when there can be none."""
    listening.kept(session, call_id)
    call = session.get(Call, call_id)
    if call is None:
        abort(404)
    if call.operator_id == current_user.id:
        raise InputFault("answer", say("Đây là cuộc gọi của chính bạn: hãy để người khác chấm."), 403)
    asked = request.form.get("calibration", "")
    calibration_id = int(asked) if asked.isdecimal() and len(asked) < 9 else ALONE
    seats = waiting_seats(session, current_user.id, call_id)
    mine = (
        Score.call_id == call_id,
        Score.scorer_id == current_user.id,
        Score.calibration_id == calibration_id,
    )
    score = session.scalar(select(Score).where(*mine).with_for_update())
    if score is not None:
        if score.finished_at is not None:
            raise InputFault("answer", say("Phiếu chấm này đã xong, không sửa được nữa."), 409)
        if calibration_id == ALONE or calibration_id in seats:
            return score, form_of(session, score.form)
    if calibration_id != ALONE and calibration_id not in seats:
        raise InputFault("answer", say("Lần hiệu chuẩn này không còn chờ bạn."), 409)
    digest = seats[calibration_id] if calibration_id in seats else request.form.get("form", "")
    if calibration_id == ALONE and digest not in files().forms:
        raise InputFault("form", say("Mẫu phiếu chấm đã đổi: hãy tải lại trang."), 409)
    form = keep(session, digest)
    score = Score(
        call_id=call_id, form=digest, scorer_id=current_user.id, operator_id=call.operator_id,
        calibration_id=calibration_id, begun_at=now(),
    )  # fmt: skip
    session.add(score)
    session.flush()
    return score, form


def _twice(work: Callable[[Session], Kept]) -> Kept:
    """Two first clicks at once may both begin the draft; the loser does its work on the other's."""
    try:
        with transaction() as session:
            return work(session)
    except IntegrityError:
        with transaction() as session:
            return work(session)


@room.post("/calls/<call_id>/notes")
def note(call_id: str) -> AnyResponse:
    """A coaching note to whoever talked in the call."""
    text = request.form.get("text", "").replace("\x00", "").strip()
    if not 0 < len(text) <= NOTE_CHARACTERS:
        raise InputFault("text", say("Ô “Góp ý”: hãy viết từ 1 đến {most} ký tự.", most=NOTE_CHARACTERS))
    written = request.form.get("at", "").strip()
    at_s = listening.seconds(written) if written else None
    with transaction() as session:
        recording = listening.kept(session, call_id)
        if at_s is not None and at_s > recording.length_s:
            raise InputFault(
                "at", say("Ô “Tại”: ghi âm chỉ dài {length}.", length=length(recording.length_s))
            )
        call = session.get(Call, call_id)
        if call is None or call.operator_id is None:
            raise InputFault("text", say("Cuộc này không có tổng đài viên nào nói chuyện."))
        if call.operator_id == current_user.id:
            raise InputFault("text", say("Đây là cuộc gọi của chính bạn: hãy để người khác chấm."), 403)
        session.add(
            CoachingNote(
                call_id=call_id, operator_id=call.operator_id, by_id=current_user.id, at=now(), at_s=at_s, text=text
            )
        )  # fmt: skip
    flash(say("Đã gửi góp ý."))
    return redirect(url_for("recordings.one", call_id=call_id), 303)


# --- what the operator does ----------------------------------------------------------------------------------


@room.post("/notes/<int:note_id>")
def acknowledge(note_id: int) -> AnyResponse:
    """The operator read the note; with an answer, if they wrote one."""
    text = request.form.get("answer", "").replace("\x00", "").strip()
    if len(text) > NOTE_CHARACTERS:
        raise InputFault("answer", say("Ô “Trả lời”: dài nhất {most} ký tự.", most=NOTE_CHARACTERS))
    with transaction() as session:
        row = session.scalar(select(CoachingNote).where(CoachingNote.id == note_id).with_for_update())
        if row is None or row.operator_id != current_user.id:
            abort(404)
        if row.acknowledged_at is not None:
            raise InputFault("answer", say("Góp ý này đã được xác nhận rồi."), 409)
        row.acknowledged_at = now()
        row.seen_at = row.seen_at or now()
        row.answer = text
    return redirect(url_for("quality.page"), 303)


@room.get("/unread")
def unread() -> str:
    """How many notes the reader has not acknowledged: the menu's sign; empty for none."""
    with reading() as session:
        found = session.scalars(
            select(CoachingNote.id).where(
                CoachingNote.operator_id == current_user.id, CoachingNote.acknowledged_at.is_(None)
            )
        ).all()
        waiting = len(waiting_seats(session, current_user.id)) if current_user.supervises else 0
    return render_template("unread.html", count=len(found) + waiting)
