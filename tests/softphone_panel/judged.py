"""Rows of quality: a call scored, calibrated and commented on, a station's leg beside it, calls still to be scored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.calls import Call
from hotline.events import now
from hotline.quality import Calibration, CalibrationSeat, CoachingNote, KeptForm, Score, ScoreAnswer, ToScore
from hotline.record import apply
from hotline.recordings import Recording, leg_path
from hotline.settings import settings
from ivr import quality_files, sampling_draw, scoring
from tests.softphone_panel import rows


def recorded(session: Session, username: str = "lan") -> str:
    """The latest recorded call that this operator talked in."""
    asked = (
        select(Call.id)
        .join(Recording, Recording.call_id == Call.id)
        .where(Call.answered_by == username)
        .order_by(Call.arrived_at.desc())
    )
    return session.scalars(asked).all()[0]


def hand_over(session: Session, recordings: Path, call_id: str, name: str = "Trạm y tế Tân Phú") -> str:
    """A station answers a hand-over of this call, accepts, and its leg is recorded; the leg's id."""
    leg, transfer_id = f"chain-{call_id}-1", f"x-{call_id}-1"
    call = session.get(Call, call_id)
    assert call is not None
    assert call.human_at is not None
    one = rows.Caller(session, call_id, call.human_at + timedelta(seconds=1))
    asked = e.TransferAsked(at=one.at, call_id=call_id, transfer_id=transfer_id, kind="warm", state="ringing")
    apply(session, asked, "calls")
    one.tell(e.LegDialled, leg_id=leg, node="n1", role="chain", endpoint="PJSIP/0271@trunk-vnpt")
    for after_s, state in ((0, "ringing"), (3, "briefing"), (4, "accepted")):
        tried = {"transfer_id": transfer_id, "leg_id": leg, "name": name, "number": "0271", "place": 0}
        one.tell(e.StationTried, after_s, **tried, state=state)
    one.tell(e.TransferMoved, transfer_id=transfer_id, state="private", why="accepted")
    path = leg_path(call_id, leg)
    sound = np.full((8000 * 9, 2), 3000, dtype="<i2").tobytes()
    (recordings / path).parent.mkdir(parents=True, exist_ok=True)
    (recordings / path).write_bytes(sound)
    size = {"size_bytes": len(sound), "length_s": 9.0, "sha256": "1" * 64, "path": str(path)}
    one.tell(e.LegRecordingKept, 1, leg_id=leg, node="n1", **size)
    return leg


def judged(session: Session, who: dict[str, int], call_id: str) -> int:
    """Both supervisors have calibrated the call, one has scored it and written a note; the calibration's id."""
    files = quality_files.files(settings().installation)
    ((digest, form),) = files.forms.items()
    session.add(
        KeptForm(digest=digest, name=form.id, version=form.version, text=files.texts[digest], kept_at=now())
    )
    session.flush()
    calibration = Calibration(call_id=call_id, form=digest, asked_by=who["truongca"], asked_at=now())
    session.add(calibration)
    session.flush()
    for n, (scorer, of) in enumerate(
        (("truongca", calibration.id), ("truongca2", calibration.id), ("truongca2", 0))
    ):
        if of:
            session.add(CalibrationSeat(calibration_id=of, scorer_id=who[scorer]))
        answers = {name: "no" if (at + n) % 5 == 0 else "yes" for at, name in enumerate(form.questions)}
        found = scoring.result(form, answers)
        score = Score(
            call_id=call_id, form=digest, scorer_id=who[scorer], operator_id=who["lan"], calibration_id=of, begun_at=now(),
            finished_at=now(), percent=found.percent, passed=found.passed,
        )  # fmt: skip
        session.add(score)
        session.flush()
        session.add_all(
            ScoreAnswer(score_id=score.id, question=q, answer=a, at=now()) for q, a in answers.items()
        )
    session.add(
        CoachingNote(
            call_id=call_id, operator_id=who["lan"], by_id=who["truongca"], at=now(), at_s=7.0,
            text="Khi xác nhận địa chỉ, nên hỏi thêm một mốc dễ thấy.",
        )
    )  # fmt: skip
    session.flush()
    for n, other in enumerate(session.scalars(select(Recording.call_id).where(Recording.call_id != call_id))):
        session.add(
            ToScore(
                call_id=other, week=sampling_draw.monday_of(now()), rule=("weekly", "longest_waits")[n % 2],
                operator_id=who["minh"], scorer_id=who[("truongca", "truongca2")[n % 2]], chosen_at=now(),
            )
        )  # fmt: skip
    return calibration.id
