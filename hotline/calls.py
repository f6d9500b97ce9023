"""Calls and their legs, and the table of what may follow what."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment


class CallState(StrEnum):
    TRIAGE = "triage"
    """The machine is asking."""
    WAITING = "waiting"
    RINGING = "ringing"
    """Still waiting, while at least one human's phone rings."""
    TALKING = "talking"
    MESSAGE = "message"
    """The caller is leaving a recorded message."""
    FALLBACK = "fallback"
    """The dialplan alone looks after the caller."""
    ENDED = "ended"


FOLLOWS: dict[CallState, frozenset[CallState]] = {
    CallState.TRIAGE: frozenset(set(CallState) - {CallState.TRIAGE}),
    CallState.WAITING: frozenset(
        {CallState.RINGING, CallState.TALKING, CallState.MESSAGE, CallState.FALLBACK, CallState.ENDED}
    ),
    CallState.RINGING: frozenset(
        {CallState.WAITING, CallState.TALKING, CallState.MESSAGE, CallState.FALLBACK, CallState.ENDED}
    ),
    CallState.TALKING: frozenset({CallState.WAITING, CallState.FALLBACK, CallState.ENDED}),
    # Key 1 in the message is an emergency: back to the line.
    CallState.MESSAGE: frozenset({CallState.WAITING, CallState.FALLBACK, CallState.ENDED}),
    CallState.FALLBACK: frozenset(
        {CallState.WAITING, CallState.RINGING, CallState.TALKING, CallState.MESSAGE, CallState.ENDED}
    ),
    CallState.ENDED: frozenset(),
}


class EndReason(StrEnum):
    SERVED = "served"
    """A human spoke with the caller."""
    SELF_CARE = "self_care"
    """A GREEN caller heard the message to its end."""
    LEFT_MESSAGE = "left_message"
    CALLBACK_ASKED = "callback_asked"
    RELEASED = "released"
    """Channels were needed for emergencies; a callback was promised."""
    ABANDONED = "abandoned"
    """The caller left before a human answered: recalled."""
    TOO_SHORT = "too_short"
    """Hung up within 5 s of the answer: counted, not recalled."""
    NOT_REACHED = "not_reached"
    """A recall that nobody took: no operator, or not the citizen."""
    NO_CHANNEL = "no_channel"
    """Refused with 503 because the trunk was full: no sound, recalled."""
    SWITCH_LOST = "switch_lost"
    """Asterisk went away: recalled."""


class Direction(StrEnum):
    IN = "in"
    OUT = "out"
    """A callback or recall that the hotline placed."""


class Call(Base):
    """One caller's visit, from ringing to disposition. Its id is Asterisk's UNIQUEID, which begins with the node."""

    __tablename__ = "call"
    __table_args__ = (Index("ix_call_number_arrived", "caller_number", "arrived_at"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    node: Mapped[str] = mapped_column(String(8))
    direction: Mapped[str] = mapped_column(String(4), default=Direction.IN)
    hotline: Mapped[str] = mapped_column(String(32), index=True)
    trunk: Mapped[str] = mapped_column(String(32), default="")
    called_number: Mapped[str] = mapped_column(String(40), default="")
    caller_number: Mapped[str] = mapped_column(String(40), default="")
    """E.164; empty when withheld or unreadable."""
    caller_kind: Mapped[str] = mapped_column(String(16), default="")
    """mobile, landline, service, emergency, foreign, withheld or invalid (hotline.numbers)."""
    language: Mapped[str] = mapped_column(String(8), default="vi")
    state: Mapped[str] = mapped_column(String(16), index=True, default=CallState.TRIAGE)
    acuity: Mapped[str] = mapped_column(String(8), default="ORANGE")
    branch: Mapped[str] = mapped_column(String(16), default="")
    """root, medical or nonmedical."""
    reason: Mapped[str] = mapped_column(String(200), default="")
    ticket_id: Mapped[str] = mapped_column(String(72), index=True, default="")
    arrived_at: Mapped[datetime] = mapped_column(Moment, index=True)
    queued_at: Mapped[datetime | None] = mapped_column(Moment)
    human_at: Mapped[datetime | None] = mapped_column(Moment)
    """When a human first answered."""
    held_at: Mapped[datetime | None] = mapped_column(Moment)
    """Since when the operator keeps them on hold, with music; empty while they speak."""
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str] = mapped_column(String(16), default="")
    answered_by: Mapped[str] = mapped_column(String(80), default="")
    """Operator's username, or "chain:<name>", or "phone:<endpoint>" when the dialplan alone connected them."""
    operator_id: Mapped[int | None] = mapped_column()


class Leg(Base):
    """One party's part in a call; its id is the channel's."""

    __tablename__ = "leg"
    id: Mapped[str] = mapped_column(String(96), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    node: Mapped[str] = mapped_column(String(8))
    role: Mapped[str] = mapped_column(String(16))
    """caller, operator or chain (a station or duty number)."""
    endpoint: Mapped[str] = mapped_column(String(80), default="")
    operator_id: Mapped[int | None] = mapped_column()
    dialled_at: Mapped[datetime] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    outcome: Mapped[str] = mapped_column(String(24), default="")
    quality: Mapped[dict[str, float]] = mapped_column(JSON, default=dict, server_default="{}")
    """As `events.LegEnded.quality`."""
    """answered, no_answer, busy, declined, unavailable, cancelled, failed, no_channel (the trunk was full)."""
