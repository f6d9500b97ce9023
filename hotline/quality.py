"""Quality: scores of recorded calls by forms, calibrations, coaching notes, and which calls are still to be scored."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment

ALONE = 0
"""`Score.calibration_id` of a score that is no part of a calibration."""


class KeptForm(Base):
    """A form's text as it was when the first score was given by it; never changed."""

    __tablename__ = "scoring_form"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)
    kept_at: Mapped[datetime] = mapped_column(Moment)


class Score(Base):
    """One supervisor's judgement of one recorded call: a draft until it is finished, then fixed."""

    __tablename__ = "score"
    __table_args__ = (UniqueConstraint("call_id", "scorer_id", "calibration_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    form: Mapped[str] = mapped_column(ForeignKey("scoring_form.digest"))
    scorer_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    operator_id: Mapped[int | None] = mapped_column(index=True)
    """Whose call it was."""
    calibration_id: Mapped[int] = mapped_column(default=ALONE, index=True)
    begun_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    percent: Mapped[float | None] = mapped_column()
    """As `ivr.scoring.result` says, once finished."""
    passed: Mapped[bool] = mapped_column(default=False)


class ScoreAnswer(Base):
    """One question of one score."""

    __tablename__ = "score_answer"
    score_id: Mapped[int] = mapped_column(ForeignKey("score.id"), primary_key=True)
    question: Mapped[str] = mapped_column(String(40), primary_key=True)
    answer: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(Moment)


class Calibration(Base):
    """Several supervisors score one call without seeing each other's answers."""

    __tablename__ = "calibration"
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    form: Mapped[str] = mapped_column(ForeignKey("scoring_form.digest"))
    asked_by: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    asked_at: Mapped[datetime] = mapped_column(Moment)


class CalibrationSeat(Base):
    """Who takes part in a calibration."""

    __tablename__ = "calibration_seat"
    calibration_id: Mapped[int] = mapped_column(ForeignKey("calibration.id"), primary_key=True)
    scorer_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), primary_key=True, index=True)


class CoachingNote(Base):
    """What a supervisor tells an operator about one of their calls; the operator says once that they read it, and may answer."""

    __tablename__ = "coaching_note"
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    at_s: Mapped[float | None] = mapped_column()
    """The recording's second it is about."""
    text: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it was first on a page of the operator's."""
    acknowledged_at: Mapped[datetime | None] = mapped_column(Moment)
    answer: Mapped[str] = mapped_column(Text, default="")


class ToScore(Base):
    """A call chosen for quality by a rule, and who is to score it."""

    __tablename__ = "to_score"
    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    week: Mapped[date] = mapped_column(Date, index=True)
    """The Monday of the week in which the call came."""
    rule: Mapped[str] = mapped_column(String(40))
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id"))
    scorer_id: Mapped[int] = mapped_column(ForeignKey("operator.id"), index=True)
    chosen_at: Mapped[datetime] = mapped_column(Moment)
