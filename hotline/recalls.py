"""Recalls: people the hotline owes a call, because they asked for one or were lost."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment


class RecallState(StrEnum):
    DUE = "due"
    DIALLING = "dialling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OWED = (RecallState.DUE, RecallState.DIALLING)
LOSSES = ("lost", "switch_lost")
FOLLOW_UP = "follow_up"
"""Why an operator asks later how somebody is."""

FOLLOWS: dict[RecallState, frozenset[RecallState]] = {
    RecallState.DUE: frozenset(set(RecallState)),
    RecallState.DIALLING: frozenset(
        {RecallState.DUE, RecallState.DONE, RecallState.FAILED, RecallState.CANCELLED}
    ),
    RecallState.DONE: frozenset(),
    RecallState.FAILED: frozenset({RecallState.DUE, RecallState.DONE}),
    RecallState.CANCELLED: frozenset(),
}
"""What may follow what. Due again after due is another time for it; done after due: the citizen rang and was served."""


class Recall(Base):
    """One promise to call somebody. Its id is "r-" and the call's, so a fact told twice makes one."""

    __tablename__ = "recall"
    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    ticket_id: Mapped[str] = mapped_column(String(72))
    hotline: Mapped[str] = mapped_column(String(32))
    number: Mapped[str] = mapped_column(String(40), index=True)
    acuity: Mapped[str] = mapped_column(String(8))
    why: Mapped[str] = mapped_column(String(16))
    """asked, lost, released, switch_lost; dropped or follow_up when an operator made it."""
    state: Mapped[str] = mapped_column(String(16), index=True, default=RecallState.DUE)
    due_at: Mapped[datetime] = mapped_column(Moment)
    """By when it must have been tried: arrival of the loss + the acuity's limit."""
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    tries: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime] = mapped_column(Moment)
    claimed_by: Mapped[int | None] = mapped_column()
    """The operator who wants to make this call themselves (hotline.claims)."""
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)
