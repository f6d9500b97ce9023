"""Recalls: people the hotline owes a call, because they asked for one or were lost; how often and when they are rung."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, case, func, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.acuity import Acuity
from hotline.database import Base, Moment
from hotline.tickets import Ticket
from hotline.units import VIETNAM


class RecallState(StrEnum):
    DUE = "due"
    DIALLING = "dialling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MERGED = "merged"
    """A later loss of the same person's goes on for it."""


OWED = (RecallState.DUE, RecallState.DIALLING)
LOSSES = ("lost", "switch_lost")
FOLLOW_UP = "follow_up"
"""Why an operator asks later how somebody is."""
RESULT = "result"
"""They are told what became of their request, by the machine first (ivr/result_call.py)."""
TELL = "tell_result"
"""An operator tells it (softphone_panel/telling.py)."""
RESULTS = (RESULT, TELL)
"""Tried at three different hours, never at night."""
LATER = (FOLLOW_UP, *RESULTS)
"""Owed apart from every loss: a talk in between settles neither."""
MESSAGE = "message"
"""They left a spoken message; also who gave no number to ring: then a person hears it and sees to it."""

FOLLOWS: dict[RecallState, frozenset[RecallState]] = {
    RecallState.DUE: frozenset(set(RecallState)),
    RecallState.DIALLING: frozenset(set(RecallState) - {RecallState.DIALLING}),
    RecallState.DONE: frozenset(),
    RecallState.FAILED: frozenset(set(RecallState) - {RecallState.FAILED, RecallState.DIALLING}),
    RecallState.CANCELLED: frozenset(),
    RecallState.MERGED: frozenset(),
}
"""What may follow what. Due again after due is another time for it; done after due: the citizen rang and was served."""


class Tried(StrEnum):
    """What became of one try; the first five are the telephone network's."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    OPERATOR_LEFT = "operator_left"
    """The operator hung up while the citizen's phone rang."""
    INTERRUPTED = "interrupted"
    """The process that dialled is gone, and Asterisk has no such call any more."""
    NOT_DIALLED = "not_dialled"
    """The operator hung up before anything was dialled: no try."""
    REACHED = "reached"


TRIES = 3
SOON = timedelta(seconds=30)
AGAIN_AFTER: Mapping[Acuity, tuple[timedelta, ...]] = {
    Acuity.RED: (timedelta(minutes=1), timedelta(minutes=3)),
    Acuity.ORANGE: (timedelta(minutes=3), timedelta(minutes=10)),
    Acuity.YELLOW: (timedelta(minutes=10), timedelta(minutes=30)),
    Acuity.GREEN: (timedelta(minutes=30), timedelta(hours=2)),
    Acuity.NONMED: (timedelta(minutes=30), timedelta(hours=2)),
}
"""From a try that did not reach the citizen to the next; the time after the second is the longer one."""
RESULT_AGAIN_AFTER = (timedelta(hours=3), timedelta(hours=20))
"""About a result: three tries, at three different hours of the day."""
WAKES_H, SLEEPS_H = 7, 21
"""Nobody is rung about a result at night."""
MISSED = frozenset({Tried.BUSY, Tried.NO_ANSWER, Tried.DECLINED, Tried.FAILED, Tried.UNAVAILABLE})
"""Their phone rang, or was rung, and they did not talk with us."""
_NO_TRY = (Tried.NOT_DIALLED, Tried.INTERRUPTED)
"""The citizen's phone did not ring, or not as long as it should have: no try is used up."""


def after_try(
    acuity: Acuity, tries: int, outcome: Tried, at: datetime, why: str = ""
) -> tuple[RecallState, datetime, int]:
    """The state, the time of the next try and the count after the `tries`-th try ended so at `at`."""
    if outcome is Tried.REACHED:
        return RecallState.DONE, at, tries
    if outcome in _NO_TRY:
        return RecallState.DUE, at + SOON, max(tries - 1, 0)
    if tries >= TRIES:
        return RecallState.FAILED, at, tries
    spread = RESULT_AGAIN_AFTER if why in RESULTS else AGAIN_AFTER[acuity]
    after = SOON if outcome is Tried.OPERATOR_LEFT else spread[min(max(tries, 1), len(spread)) - 1]
    return RecallState.DUE, awake(at + after) if why in RESULTS else at + after, tries


def awake(at: datetime, hours: tuple[int, int] = (WAKES_H, SLEEPS_H)) -> datetime:
    """That moment, or the next morning when people sleep; `hours` are those in which they may be rung."""
    wakes, sleeps = hours
    local = at.astimezone(VIETNAM)
    if wakes <= local.hour < sleeps:
        return at
    day = local + timedelta(days=local.hour >= sleeps)
    return day.replace(hour=wakes, minute=0, second=0, microsecond=0).astimezone(UTC)


class Recall(Base):
    """One promise to call somebody. Its id is "r-" and the call's, so a fact told twice makes one."""

    __tablename__ = "recall"
    __table_args__ = (
        # The database's own word that nobody is dialled twice at once, whichever processes compete.
        Index(
            "uq_recall_owed", "person", "state", unique=True,
            sqlite_where=text("state IN ('due', 'dialling')"), postgresql_where=text("state IN ('due', 'dialling')"),
        ),
    )  # fmt: skip
    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    ticket_id: Mapped[str] = mapped_column(String(72))
    hotline: Mapped[str] = mapped_column(String(32))
    number: Mapped[str] = mapped_column(String(40), index=True)
    """Empty: nobody can be rung, and nothing dials; a message is there to be heard."""
    acuity: Mapped[str] = mapped_column(String(8))
    why: Mapped[str] = mapped_column(String(16))
    """asked, message, lost, released, switch_lost; dropped, follow_up, result or tell_result when an operator made it."""
    person: Mapped[str] = mapped_column(String(80), default="")
    """Hotline and number, to whom at most one call is owed; the recall's id for a follow-up, and where a number is many people's."""
    redials: Mapped[int] = mapped_column(default=0)
    """How often the person was lost before, since they were last served."""
    waits_since: Mapped[datetime] = mapped_column(Moment)
    """Since when they wait for a human: a callback keeps the place in the line that its caller had."""
    state: Mapped[str] = mapped_column(String(16), index=True, default=RecallState.DUE)
    due_at: Mapped[datetime] = mapped_column(Moment)
    """By when it must have been tried: arrival of the loss + the acuity's limit."""
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    tries: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime] = mapped_column(Moment)
    claimed_by: Mapped[int | None] = mapped_column()
    """The operator who wants to make this call themselves (hotline.claims)."""
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)
    dial_id: Mapped[str] = mapped_column(String(64), default="")
    """The call that was last made for it, or is being made; begins with the node's name."""
    dial_until: Mapped[datetime | None] = mapped_column(Moment)
    """Whoever dials it tells the result before this; later the process is taken for dead."""
    alarmed_as: Mapped[str] = mapped_column(String(96), default="")
    """The alarm about it that people were last given (hotline.recall_alarms)."""


def ranked() -> tuple[Any, ...]:
    """The order in which owed calls are shown and made: by acuity, redials, repeat callers, time. Needs Ticket in the query."""
    urgency = case({a.value: a.urgency for a in Acuity}, value=Recall.acuity, else_=3)
    repeat = func.coalesce(Ticket.is_repeat, False)
    return urgency.desc(), Recall.redials.desc(), repeat.desc(), Recall.due_at, Recall.id
