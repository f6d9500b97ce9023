"""What happened, in the past tense: the facts that `hotline.record` turns into rows, and the names the live page listens for.

Each fact is a frozen dataclass with an id (so that a fact told twice counts once), the call or operator it is about, and the time.
"""

import os
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any


def _fresh_id() -> str:
    return os.urandom(16).hex()


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Event:
    id: str = field(default_factory=_fresh_id)
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, kw_only=True)
class CallArrived(Event):
    """A channel was answered by the machine; opens the call and its ticket."""

    call_id: str
    hotline: str
    node: str
    trunk: str = ""
    called_number: str = ""
    caller_number: str = ""
    caller_kind: str = ""
    direction: str = "in"
    ticket_id: str = ""
    """Empty: a new ticket "t-<call_id>"; a recall's call names the ticket it continues."""
    state: str = "triage"


@dataclass(frozen=True, kw_only=True)
class CallTriaged(Event):
    """The IVR decided, or the caller left it (then `acuity` is the level reached)."""

    call_id: str
    hotline: str
    acuity: str
    branch: str
    reason: str
    language: str
    path: tuple[dict[str, Any], ...]
    """{"question", "key", "said", "at"} in order."""
    protocol_id: str
    protocol_version: str
    protocol_digest: str
    is_repeat: bool = False
    continues: str = ""
    """The open ticket that a redial within minutes goes on with; its number's owed recalls are cancelled."""
    category: str = ""
    """Of the topic they chose (hotline.categories); a person's choice stays."""


@dataclass(frozen=True, kw_only=True)
class CallQueued(Event):
    call_id: str
    hotline: str
    acuity: str


@dataclass(frozen=True, kw_only=True)
class AcuityRaised(Event):
    """Key 1 while waiting, or a human's judgement."""

    call_id: str
    acuity: str
    why: str
    before: str = ""
    by: str = ""
    """The username of who judged so; empty for the caller's own key and for the machine."""


@dataclass(frozen=True, kw_only=True)
class AcuityCorrected(Event):
    """A human's judgement on a ticket whose call is answered or over: upward freely, downward with a reason."""

    call_id: str
    before: str
    acuity: str
    why: str
    by: str


@dataclass(frozen=True, kw_only=True)
class LegDialled(Event):
    """An intent, written before the phone rings."""

    call_id: str
    leg_id: str
    node: str
    role: str
    endpoint: str
    operator_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class LegEnded(Event):
    call_id: str
    leg_id: str
    outcome: str
    quality: dict[str, float] = field(default_factory=dict)
    """Of a browser's network, as Asterisk measured it: jitter_ms and loss_percent (of what came from the desk),
    heard_jitter_ms and heard_loss_percent (of what the desk heard, as it says), round_trip_ms; empty for what was not measured."""


@dataclass(frozen=True, kw_only=True)
class CallAnswered(Event):
    """A human and the caller hear each other."""

    call_id: str
    leg_id: str
    answered_by: str
    operator_id: int | None = None
    settles: str = ""
    """E.164 number whose owed recalls this talk settles; empty when the number does not say who rings."""


@dataclass(frozen=True, kw_only=True)
class CallWaitsAgain(Event):
    """The human went away and the caller did not: front of the line."""

    call_id: str
    why: str


@dataclass(frozen=True, kw_only=True)
class CallHeld(Event):
    """The operator put the other party on hold, with music, or speaks with them again."""

    call_id: str
    held: bool
    operator_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class CallWatched(Event):
    """A supervisor began to hear a talk in some mode, took it over, or hears it no more."""

    call_id: str
    by: str
    """Their username."""
    supervisor_id: int
    mode: str
    """listen, whisper, barge, take_over or end."""
    operator_id: int | None = None
    """Who talks with the caller."""


@dataclass(frozen=True, kw_only=True)
class CallMovedToFront(Event):
    """A supervisor put somebody who waits before the others of their level."""

    call_id: str
    by: str


@dataclass(frozen=True, kw_only=True)
class CallLeftToDialplan(Event):
    call_id: str
    why: str


@dataclass(frozen=True, kw_only=True)
class MessageStarted(Event):
    call_id: str


@dataclass(frozen=True, kw_only=True)
class UnitChosen(Event):
    """The caller's district or commune became known."""

    call_id: str
    unit_code: str
    how: str
    """earlier (as on the number's earlier ticket), ticket (that, confirmed by a key), denied, keys or operator."""
    unit_name: str = ""
    """As it was said to the caller."""


@dataclass(frozen=True, kw_only=True)
class CallbackNumberGiven(Event):
    call_id: str
    number: str


@dataclass(frozen=True, kw_only=True)
class CallEnded(Event):
    call_id: str
    reason: str
    """A value of hotline.calls.EndReason."""
    heard_s: float = 0.0
    """From the machine's answer to the end."""


@dataclass(frozen=True, kw_only=True)
class RecallDue(Event):
    """The hotline owes somebody a call."""

    call_id: str
    hotline: str
    number: str
    acuity: str
    why: str
    due_at: datetime
    recall_id: str = ""
    """Empty: "r-<call_id>", the one promise that a lost call makes; an operator may make more."""
    next_try_at: datetime | None = None
    """When the machine dials by itself; None: now."""
    names_person: bool = True
    """Whether the number says who rings: then one call is owed to it, however often it was lost."""


@dataclass(frozen=True, kw_only=True)
class RecallChanged(Event):
    recall_id: str
    call_id: str
    state: str
    next_try_at: datetime | None = None
    dial_id: str = ""
    """With "dialling": the call that is made (hotline.recall_tries)."""
    number_of_try: int = 0


@dataclass(frozen=True, kw_only=True)
class RecallTried(Event):
    """What became of one try to ring somebody who is owed a call."""

    recall_id: str
    call_id: str
    dial_id: str
    """The call that was made for it: only its own result counts."""
    outcome: str
    """A value of hotline.recalls.Tried."""
    number_of_try: int = 0


@dataclass(frozen=True, kw_only=True)
class OperatorChanged(Event):
    operator_id: int
    state: str
    reason: str = ""
    phone: str = ""
    second_phone: str = ""
    call_id: str = ""


@dataclass(frozen=True, kw_only=True)
class RecordingKept(Event):
    call_id: str
    node: str
    path: str
    length_s: float
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class RecordingMissing(Event):
    """A minute after the call's end its sound is not where the dialplan writes it."""

    call_id: str
    node: str
    path: str


@dataclass(frozen=True, kw_only=True)
class TransferAsked(Event):
    """A hand-over begins: the intent, written before anybody is moved or rung."""

    call_id: str
    transfer_id: str
    kind: str
    """warm, direct or conference."""
    state: str
    """A value of hotline.transfers.TransferState: where it begins."""
    operator_id: int | None = None
    station: str = ""
    plan: tuple[dict[str, Any], ...] = ()
    """The numbers in the order of ringing, as hotline.directory.plain has them."""
    card: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TransferMoved(Event):
    """The hand-over goes into another state; written before anybody is moved."""

    call_id: str
    transfer_id: str
    state: str
    why: str = ""
    """A value of hotline.transfers.Happening, or STATION_SILENT or STATION_HEARD where the state stays."""


@dataclass(frozen=True, kw_only=True)
class StationTried(Event):
    """A number of the chain is rung, or what became of it."""

    call_id: str
    transfer_id: str
    leg_id: str
    name: str
    number: str
    place: int
    state: str
    """A value of hotline.transfers.TryState."""
    station: str = ""
    """Key of the station whose number it is; empty for the hotline's own."""


@dataclass(frozen=True, kw_only=True)
class TransferNoteSpoken(Event):
    """The operator begins to speak a note for the station, or has spoken it."""

    call_id: str
    transfer_id: str
    state: str
    """A value of hotline.transfers.NoteState."""
    length_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LegRecordingKept(Event):
    """A station's own leg was recorded from its answer on: briefing, private talk, hand-over."""

    call_id: str
    leg_id: str
    node: str
    path: str
    length_s: float
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ResultTold(Event):
    """A citizen heard what became of their request, and what they answered."""

    call_id: str
    ticket_id: str
    recall_id: str
    answer: str
    """A value of hotline.results.Answer."""
    result: str
    by: str = ""
    """Username of the operator who told it; empty: the machine did."""


@dataclass(frozen=True, kw_only=True)
class OrderIssued(Event):
    """An order to one or several teams is written; they are told at once, or when it is approved."""

    order_id: str
    ticket_id: str
    hotline: str
    number: int
    state: str
    """A value of hotline.orders.OrderState."""
    category: str
    acuity: str
    what: str
    place: str
    unit_code: str
    due_at: datetime
    by: str
    times: dict[str, int] = field(default_factory=dict)
    """Seconds, by the names of hotline.order_times; empty: the usual ones."""
    centre: str = ""
    plan: tuple[dict[str, Any], ...] = ()
    """The assignments: {"assignment_id", "team", "name", "level", "numbers"}."""
    teams: tuple[str, ...] = ()
    """Their names, for who reads the ticket."""


@dataclass(frozen=True, kw_only=True)
class OrderChanged(Event):
    """The whole order goes into another state: approved, refused, recalled, done; or its deadline passed."""

    order_id: str
    state: str
    by: str = ""
    reason: str = ""
    overdue: bool = False


@dataclass(frozen=True, kw_only=True)
class ApprovalAsked(Event):
    """A committee is asked for its word about an order."""

    order_id: str
    approval_id: str
    by: str
    reason: str
    due_at: datetime
    centre: str = ""
    centre_name: str = ""
    numbers: tuple[str, ...] = ()
    """Who is on duty there, told by a message."""


@dataclass(frozen=True, kw_only=True)
class ApprovalDecided(Event):
    """A committee's word, or that there was none in time."""

    order_id: str
    approval_id: str
    state: str
    """A value of hotline.orders.ApprovalState."""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AssignmentMade(Event):
    """One more team for an order: it was given to another, or nobody of the first said yes and the level above is asked."""

    order_id: str
    assignment_id: str
    team_name: str
    plan: tuple[dict[str, Any], ...]
    instead_of: str = ""
    why: str = ""
    """climbed, replaced or added."""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class AssignmentMoved(Event):
    """A team's part goes into another state: who said it, by what means, from where."""

    order_id: str
    assignment_id: str
    state: str
    """A value of hotline.orders.AssignmentState."""
    happening: str
    by: str = ""
    means: str = ""
    team_name: str = ""
    note: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, kw_only=True)
class OrderTried(Event):
    """A number of a team is rung for an order, or what became of it."""

    order_id: str
    assignment_id: str
    dial_id: str
    """The call that is made: only its own result counts."""
    place: int
    name: str
    state: str
    """A value of hotline.orders.TryState."""


@dataclass(frozen=True, kw_only=True)
class ReferralMade(Event):
    """A ticket's question goes to one or several agencies."""

    referral_id: str
    ticket_id: str
    hotline: str
    number: int
    category: str
    acuity: str
    question: str
    ground: str
    unit_code: str
    unit_on: date
    due_at: datetime
    by: str
    plan: tuple[dict[str, Any], ...]
    """For each agency: part_id, agency, name, level, numbers, why."""
    agencies: tuple[str, ...]
    """Their names."""
    owner: str = ""
    """Key of the agency whose turn the ticket is: the first."""
    folded: str = ""


@dataclass(frozen=True, kw_only=True)
class ReferralPartMade(Event):
    """One more agency is asked: the one before gave it back, was silent, or contradicts another."""

    referral_id: str
    part_id: str
    agency_name: str
    why: str
    """A value of hotline.referrals.Why."""
    due_at: datetime
    plan: tuple[dict[str, Any], ...]
    owner: str = ""
    """Its key."""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class ReferralPartMoved(Event):
    """What an agency said, or that it said nothing in time."""

    referral_id: str
    part_id: str
    state: str
    """A value of hotline.referrals.PartState."""
    agency_name: str
    said: str = ""
    by: str = ""
    means: str = ""
    folded: str = ""


@dataclass(frozen=True, kw_only=True)
class ReferralWarned(Event):
    """An agency's time is almost up."""

    referral_id: str
    part_id: str
    agency_name: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class ReferralChanged(Event):
    """The whole goes into another state, or its assembled text is kept."""

    referral_id: str
    state: str
    """A value of hotline.referrals.ReferralState."""
    by: str = ""
    reason: str = ""
    text: str = ""
    """The assembled text, when somebody has kept one."""
    folded: str = ""


EVENTS: dict[str, type[Event]] = {
    c.__name__: c
    for c in (
        CallArrived, CallTriaged, CallQueued, AcuityRaised, AcuityCorrected, LegDialled, LegEnded, CallAnswered, CallWaitsAgain,
        CallHeld, CallWatched, CallMovedToFront,
        CallLeftToDialplan, MessageStarted, UnitChosen, CallbackNumberGiven, CallEnded, RecallDue, RecallChanged, RecallTried,
        OperatorChanged, RecordingKept, RecordingMissing,
        TransferAsked, TransferMoved, TransferNoteSpoken, StationTried, LegRecordingKept,
        ResultTold, OrderIssued, OrderChanged, ApprovalAsked, ApprovalDecided, AssignmentMade, AssignmentMoved, OrderTried,
        ReferralMade, ReferralPartMade, ReferralPartMoved, ReferralWarned, ReferralChanged,
    )
}  # fmt: skip


_FIELDS: dict[type[Event], tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(kind)) for kind in EVENTS.values()
}


def to_plain(event: Event) -> dict[str, Any]:
    """The event as JSON-ready values, with its name under "event"."""
    plain: dict[str, Any] = {"event": type(event).__name__}
    for name in _FIELDS[type(event)]:
        value = getattr(event, name)
        plain[name] = value.isoformat() if isinstance(value, date) else value
    return plain


def from_plain(plain: dict[str, Any]) -> Event:
    """The event that `to_plain` wrote; KeyError or TypeError when it is none of ours."""
    kind = EVENTS[plain["event"]]
    values = {f.name: plain[f.name] for f in fields(kind) if f.name in plain}
    for name, value in values.items():
        if name.endswith("at") and name in ("at", "due_at", "next_try_at") and isinstance(value, str):
            values[name] = datetime.fromisoformat(value)
    if isinstance(values.get("unit_on"), str):
        values["unit_on"] = date.fromisoformat(values["unit_on"])
    for name in ("path", "plan", "teams", "agencies", "numbers"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    return kind(**values)
