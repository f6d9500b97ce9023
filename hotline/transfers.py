"""Hand-overs to health stations: their states, the table of what may follow what, and where each party stands in each state.

A hand-over (transfer) is a saga: its state is a row written before the step it names is carried out, in the same
transaction as the ticket's entry. Pure but for the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base, Moment


class TransferState(StrEnum):
    RINGING = "ringing"
    """Stations are rung; the caller has music, the operator hears the ringing."""
    RINGING_BACK = "ringing_back"
    """Stations are rung while the operator speaks with the caller."""
    PRIVATE = "private"
    """Operator and station speak; the caller has music."""
    BACK = "back"
    """Operator and caller speak; the station has music."""
    TOGETHER = "together"
    """All three speak."""
    BLIND = "blind"
    """The operator has left; stations are rung for the caller, who has music."""
    DIRECT = "direct"
    """No operator has the caller: stations are rung while the line rings operators too."""
    HANDED_OVER = "handed_over"
    """Caller and station speak alone."""
    STATION_LEFT = "station_left"
    """The station accepted and left again; the operator has the caller."""
    EXHAUSTED = "exhausted"
    """Nobody in the chain took it; the operator has the caller, or the caller is in the line."""
    CANCELLED = "cancelled"
    TAKEN = "taken"
    """An operator took the caller before any station did."""
    CALLER_GONE = "caller_gone"


S = TransferState
ACCEPT_WITHIN_S = 30.0
"""From the first ring to a station's yes: what a hand-over is measured by."""
LIVE = frozenset({S.RINGING, S.RINGING_BACK, S.PRIVATE, S.BACK, S.TOGETHER, S.BLIND, S.DIRECT})
"""States in which the saga goes on."""
RINGS = frozenset({S.RINGING, S.RINGING_BACK, S.BLIND, S.DIRECT})
"""States in which the chain is rung."""
HAS_OPERATOR = frozenset({S.RINGING, S.RINGING_BACK, S.PRIVATE, S.BACK, S.TOGETHER})
HAS_STATION = frozenset({S.PRIVATE, S.BACK, S.TOGETHER})


class Happening(StrEnum):
    """What can happen to a hand-over: the desk's four wishes, and what becomes of the legs."""

    TOGGLE = "toggle"
    MERGE = "merge"
    LEAVE = "leave"
    CANCEL = "cancel"
    ACCEPTED = "accepted"
    EXHAUSTED = "exhausted"
    STATION_GONE = "station_gone"
    """They hung up."""
    STATION_LOST = "station_lost"
    """Their line is dead: the next number is rung while the operator speaks with the caller."""
    OPERATOR_GONE = "operator_gone"
    OPERATOR_ANSWERED = "operator_answered"
    CALLER_GONE = "caller_gone"


H = Happening
STATION_SILENT, STATION_HEARD = "station_silent", "station_heard"
"""Why a hand-over is written once more in the same state: nothing comes from the station (the operator has the caller), or it is back."""
WISHES = (H.TOGGLE, H.MERGE, H.LEAVE, H.CANCEL)


@dataclass(frozen=True)
class Refusal:
    """Why a wish cannot be: what the operator reads, in each of the panel's languages."""

    vi: str
    en: str


NOT_YET = Refusal(
    "Trạm chưa nhận máy: hãy chờ trạm bấm 1 rồi làm lại.",
    "The station has not accepted yet: wait until it presses 1, then try again.",
)
ALREADY = Refusal("Ba bên đang nói chuyện với nhau rồi.", "All three are talking together already.")
NO_OPERATOR = Refusal(
    "Không còn tổng đài viên trong lần chuyển này.", "There is no operator in this hand-over any more."
)
ENDED = Refusal("Lần chuyển này đã kết thúc.", "This hand-over has ended.")

FOLLOWS: Mapping[TransferState, Mapping[Happening, TransferState | Refusal]] = {
    S.RINGING: {
        H.TOGGLE: S.RINGING_BACK,
        H.MERGE: NOT_YET,
        H.LEAVE: S.BLIND,
        H.CANCEL: S.CANCELLED,
        H.ACCEPTED: S.PRIVATE,
        H.EXHAUSTED: S.EXHAUSTED,
        H.STATION_GONE: S.RINGING,
        H.STATION_LOST: S.RINGING,
        H.OPERATOR_GONE: S.DIRECT,
        H.OPERATOR_ANSWERED: S.RINGING,
        H.CALLER_GONE: S.CALLER_GONE,
    },
    S.RINGING_BACK: {
        H.TOGGLE: S.RINGING,
        H.MERGE: NOT_YET,
        H.LEAVE: S.BLIND,
        H.CANCEL: S.CANCELLED,
        H.ACCEPTED: S.BACK,
        H.EXHAUSTED: S.EXHAUSTED,
        H.STATION_GONE: S.RINGING_BACK,
        H.STATION_LOST: S.RINGING_BACK,
        H.OPERATOR_GONE: S.DIRECT,
        H.OPERATOR_ANSWERED: S.RINGING_BACK,
        H.CALLER_GONE: S.CALLER_GONE,
    },
    S.PRIVATE: {
        H.TOGGLE: S.BACK,
        H.MERGE: S.TOGETHER,
        H.LEAVE: S.HANDED_OVER,
        H.CANCEL: S.CANCELLED,
        H.ACCEPTED: S.PRIVATE,
        H.EXHAUSTED: S.PRIVATE,
        H.STATION_GONE: S.STATION_LEFT,
        H.STATION_LOST: S.RINGING_BACK,
        H.OPERATOR_GONE: S.HANDED_OVER,
        H.OPERATOR_ANSWERED: S.PRIVATE,
        H.CALLER_GONE: S.CALLER_GONE,
    },
    S.BACK: {
        H.TOGGLE: S.PRIVATE,
        H.MERGE: S.TOGETHER,
        H.LEAVE: S.HANDED_OVER,
        H.CANCEL: S.CANCELLED,
        H.ACCEPTED: S.BACK,
        H.EXHAUSTED: S.BACK,
        H.STATION_GONE: S.STATION_LEFT,
        H.STATION_LOST: S.RINGING_BACK,
        H.OPERATOR_GONE: S.HANDED_OVER,
        H.OPERATOR_ANSWERED: S.BACK,
        H.CALLER_GONE: S.CALLER_GONE,
    },
    S.TOGETHER: {
        H.TOGGLE: S.PRIVATE,
        H.MERGE: ALREADY,
        H.LEAVE: S.HANDED_OVER,
        H.CANCEL: S.CANCELLED,
        H.ACCEPTED: S.TOGETHER,
        H.EXHAUSTED: S.TOGETHER,
        H.STATION_GONE: S.STATION_LEFT,
        H.STATION_LOST: S.RINGING_BACK,
        H.OPERATOR_GONE: S.HANDED_OVER,
        H.OPERATOR_ANSWERED: S.TOGETHER,
        H.CALLER_GONE: S.CALLER_GONE,
    },
    S.BLIND: {
        H.TOGGLE: NO_OPERATOR,
        H.MERGE: NO_OPERATOR,
        H.LEAVE: NO_OPERATOR,
        H.CANCEL: NO_OPERATOR,
        H.ACCEPTED: S.HANDED_OVER,
        H.EXHAUSTED: S.EXHAUSTED,
        H.STATION_GONE: S.BLIND,
        H.STATION_LOST: S.BLIND,
        H.OPERATOR_GONE: S.BLIND,
        H.OPERATOR_ANSWERED: S.TAKEN,
        H.CALLER_GONE: S.CALLER_GONE,
    },
    S.DIRECT: {
        H.TOGGLE: NO_OPERATOR,
        H.MERGE: NO_OPERATOR,
        H.LEAVE: NO_OPERATOR,
        H.CANCEL: NO_OPERATOR,
        H.ACCEPTED: S.HANDED_OVER,
        H.EXHAUSTED: S.EXHAUSTED,
        H.STATION_GONE: S.DIRECT,
        H.STATION_LOST: S.DIRECT,
        H.OPERATOR_GONE: S.DIRECT,
        H.OPERATOR_ANSWERED: S.TAKEN,
        H.CALLER_GONE: S.CALLER_GONE,
    },
}
"""State and happening → the next state (the same: nothing changes), or why it is refused."""


def follows(state: TransferState, happening: Happening) -> TransferState | Refusal:
    """The next state, or why not; after the end nothing follows any more."""
    if state not in FOLLOWS:
        return ENDED
    return FOLLOWS[state][happening]


class Party(StrEnum):
    CALLER = "caller"
    OPERATOR = "operator"
    STATION = "station"


P = Party


@dataclass(frozen=True)
class Places:
    """Who stands where: in the caller's bridge, in the consult bridge, with music in the ear, hearing the ringing."""

    with_caller: frozenset[Party]
    consult: frozenset[Party] = frozenset()
    music: frozenset[Party] = frozenset()
    ringing: frozenset[Party] = frozenset()


def _set(*parties: Party) -> frozenset[Party]:
    return frozenset(parties)


ALONE = Places(_set(P.CALLER), music=_set(P.CALLER))
BOTH = Places(_set(P.CALLER, P.OPERATOR))
PLACES: Mapping[TransferState, Places] = {
    S.RINGING: Places(_set(P.CALLER), _set(P.OPERATOR), _set(P.CALLER), _set(P.OPERATOR)),
    S.RINGING_BACK: BOTH,
    S.PRIVATE: Places(_set(P.CALLER), _set(P.OPERATOR, P.STATION), _set(P.CALLER)),
    S.BACK: Places(_set(P.CALLER, P.OPERATOR), _set(P.STATION), _set(P.STATION)),
    S.TOGETHER: Places(_set(P.CALLER, P.OPERATOR, P.STATION)),
    S.BLIND: ALONE,
    S.DIRECT: ALONE,
    S.HANDED_OVER: Places(_set(P.CALLER, P.STATION)),
    S.STATION_LEFT: BOTH,
    S.EXHAUSTED: BOTH,
    S.CANCELLED: BOTH,
    S.TAKEN: BOTH,
    S.CALLER_GONE: Places(frozenset()),
}


def state_seen(operator: str, station: str, rung: bool) -> TransferState | None:
    """The state that Asterisk's bridges show when the row cannot be read; None when no hand-over goes on.

    `operator` and `station` are "caller" or "consult" (the bridge in which they are), or "" for absent.
    """
    seen = {
        ("consult", "consult"): S.PRIVATE,
        ("caller", "consult"): S.BACK,
        ("caller", "caller"): S.TOGETHER,
        ("consult", ""): S.RINGING,
        ("", "consult"): S.HANDED_OVER,
    }.get((operator, station))
    if seen is None and rung and not station:
        return S.RINGING_BACK if operator else S.DIRECT
    return seen


class TryState(StrEnum):
    """What became of one number."""

    RINGING = "ringing"
    BRIEFING = "briefing"
    """Somebody answered and hears the briefing."""
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NO_KEY = "no_key"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    TAKEN = "taken"
    """Another number was first, or an operator."""
    CANCELLED = "cancelled"
    NO_CHANNEL = "no_channel"
    """The trunk had no channel for it: not rung."""


class NoteState(StrEnum):
    """The operator's own words for the station."""

    NONE = ""
    BEGUN = "begun"
    """Being spoken."""
    KEPT = "kept"


class Transfer(Base):
    """One hand-over of one call; its id is "x-<call id>-<n>"."""

    __tablename__ = "transfer"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    ticket_id: Mapped[str] = mapped_column(String(72), index=True, default="")
    kind: Mapped[str] = mapped_column(String(16))
    """warm, direct or conference."""
    state: Mapped[str] = mapped_column(String(16), index=True)
    why: Mapped[str] = mapped_column(String(80), default="")
    """The happening that led to the state."""
    operator_id: Mapped[int | None] = mapped_column()
    station: Mapped[str] = mapped_column(String(48), default="")
    """The station chosen; who accepted is told by the tries."""
    plan: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """The numbers in the order of ringing, as hotline.directory.plain has them."""
    card: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The briefing: situation, background, assessment, recommendation, and the spoken part's fields."""
    note: Mapped[str] = mapped_column(String(8), default="", server_default="")
    """A value of NoteState."""
    note_s: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """How long the operator's own words are."""
    asked_at: Mapped[datetime] = mapped_column(Moment, index=True)
    rung_at: Mapped[datetime | None] = mapped_column(Moment)
    """When the first number was rung."""
    accepted_at: Mapped[datetime | None] = mapped_column(Moment)
    handed_over_at: Mapped[datetime | None] = mapped_column(Moment)
    """When the caller and the station were first in one conversation."""
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)


class TransferTry(Base):
    """One number rung for a hand-over; its id is the leg's."""

    __tablename__ = "transfer_try"
    leg_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    transfer_id: Mapped[str] = mapped_column(ForeignKey("transfer.id"), index=True)
    name: Mapped[str] = mapped_column(String(160))
    number: Mapped[str] = mapped_column(String(40), default="")
    station: Mapped[str] = mapped_column(String(48), index=True, default="", server_default="")
    """Key of the station whose number it is; empty for the hotline's own chain."""
    place: Mapped[int] = mapped_column(default=0)
    """Its place in the plan, from 0."""
    state: Mapped[str] = mapped_column(String(16))
    rung_at: Mapped[datetime] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
