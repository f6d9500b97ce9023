"""Messages that go out: rows written with what they tell of; when a failed one is tried again; which are given up.

A message is *due* until the sender (`hotline.message_sender`) takes it by one UPDATE: *sending*, with a deadline that makes it due
again should that process die. Taken by the gateway it is *sent*; after a passing fault it *waits* for its next deadline; refused, or
older than its kind may be, it *failed* and lies as a dead letter until a person sends it again. What it is about may be over
before: then it is *dropped*.

The gateway gets the same key and the same words at every try, so that one which heeds keys delivers a message once. One that does
not may deliver it twice when the answer was lost: at least once is what can be promised, and `doubtful` says when that was so.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, case, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import deadlines
from hotline.bus import LIVE, announce
from hotline.clock_happenings import TOLD
from hotline.database import Base, Moment
from hotline.deadlines import Due, Handler
from hotline.tickets import Ticket, TicketEntry

SMS = "sms"
ORDER, RESULT, REFERRAL, APPROVAL = "order", "result", "referral", "approval"
"""Kinds: an order to a team, about an assignment; a result to a citizen, about a ticket; a question to an agency, about its part;
an order that waits for a committee's word, about its approval."""


class MessageState(StrEnum):
    DUE = "due"
    SENDING = "sending"
    """A process has handed it to the gateway, or is about to."""
    WAITING = "waiting"
    """A try failed; a deadline makes it due again."""
    SENT = "sent"
    """The gateway has taken it; whether a phone showed it, it does not tell."""
    FAILED = "failed"
    """A dead letter: refused, or not taken in time."""
    DROPPED = "dropped"
    """What it was about was over before it went."""


S = MessageState
OPEN = (S.DUE, S.SENDING, S.WAITING)
DEADLINE = "message"
"""The kind of a message's one deadline; it is about the message's key."""
SENDING_WITHIN = timedelta(seconds=60)
"""Longer than any gateway may take: who has told no result after this is dead."""
PAUSES_S = (15, 30, 60, 120, 300, 600, 900)
"""From a failed try to the next; the last one holds for all further tries."""
JITTER = 0.2
"""So much of a pause, up or down, so that what failed together is not tried together."""
KEPT_TRYING: Mapping[str, timedelta] = {
    ORDER: timedelta(hours=1),
    APPROVAL: timedelta(minutes=30),
    RESULT: timedelta(hours=24),
    REFERRAL: timedelta(hours=4),
}
"""Older ones are given up: an order climbed long ago, a citizen is rung."""
LATE_S = 60.0
"""Something that is due goes within seconds; after a minute something is wrong."""
FAILED_ENTRY, AGAIN_ENTRY = "message_failed", "message_again"
ACTOR = "messages"


class TextMessage(Base):
    """One message to one number; its words are put together when it goes, so no token is ever stored."""

    __tablename__ = "text_message"
    __table_args__ = (Index("uq_text_message_key", "key", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(40), default=lambda: secrets.token_hex(16))
    """What the gateway knows it by at every try."""
    at: Mapped[datetime] = mapped_column(Moment)
    """When it was written; anew when a person sends it again."""
    hotline: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(12), default=SMS)
    kind: Mapped[str] = mapped_column(String(24))
    about: Mapped[str] = mapped_column(String(88), index=True)
    """Of kind "order": the assignment; of kind "result": the ticket."""
    ticket_id: Mapped[str] = mapped_column(String(72), default="", index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What its words need besides: {"result": key}."""
    number: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12), index=True, default=S.DUE.value)
    tries: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(default=0)
    """Raised when a person sends a refused one again: for the gateway that is another message."""
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    """Since when it is due, or when it will be again."""
    fault: Mapped[str] = mapped_column(String(200), default="")
    """Why the last try failed; no number, no words of the message."""
    doubtful: Mapped[bool] = mapped_column(default=False)
    """At least one try ended without an answer: the gateway may have taken it."""
    gateway_id: Mapped[str] = mapped_column(String(80), default="")
    """What the gateway calls it."""
    sent_at: Mapped[datetime | None] = mapped_column(Moment)

    @property
    def idempotency_key(self) -> str:
        return f"{self.key}-{self.round}" if self.round else self.key


# -- what a gateway said --


class Taken(StrEnum):
    YES = "yes"
    LATER = "later"
    """It could not now: a fault that passes."""
    NEVER = "never"
    """It will not: a wrong number, a wrong account, forbidden words."""


@dataclass(frozen=True)
class Answer:
    taken: Taken
    gateway_id: str = ""
    fault: str = ""
    again_s: float | None = None
    """When the gateway itself says when to come again."""
    doubtful: bool = False
    """It may have taken the message, and did not say so."""
    gateway_is_ill: bool = False
    """The fault is not this message's: others would meet it too."""


def pause_s(tries: int, chance: float, again_s: float | None = None) -> float:
    """Seconds to the next try after the `tries`-th one failed; `chance` is between 0 and 1."""
    usual_s = PAUSES_S[min(max(tries, 1), len(PAUSES_S)) - 1]
    return max(usual_s * (1 + JITTER * (2 * chance - 1)), again_s or 0.0)


# -- the course of one message, each step in the caller's transaction --


def due(session: Session, limit: int) -> list[int]:
    """Messages that are to go now: orders first, then the oldest."""
    first = case((TextMessage.kind.in_((ORDER, APPROVAL)), 0), else_=1)
    asked = select(TextMessage.id).where(TextMessage.state == S.DUE)
    return list(session.scalars(asked.order_by(first, TextMessage.id).limit(limit)))


def take(session: Session, number: int, at: datetime) -> TextMessage | None:
    """The message, for this process alone to send; None when it is not due any more."""
    taken = session.execute(
        update(TextMessage)
        .where(TextMessage.id == number, TextMessage.state == S.DUE)
        .values(state=S.SENDING.value, tries=TextMessage.tries + 1)
        .returning(TextMessage.id)
        .execution_options(synchronize_session=False)
    )
    if taken.first() is None:
        return None
    row = session.get_one(TextMessage, number, populate_existing=True)
    deadlines.set(session, DEADLINE, row.key, at + SENDING_WITHIN)
    return row


def drop(session: Session, row: TextMessage) -> None:
    """Nobody needs it any more."""
    deadlines.clear(session, DEADLINE, row.key)
    row.state = S.DROPPED.value


def answered(
    session: Session, number: int, its_try: int, answer: Answer, at: datetime, chance: float
) -> MessageState | None:
    """What the gateway said to that try; the state that follows. None: meanwhile it was taken for dead and is somebody else's."""
    row = session.get(TextMessage, number, with_for_update=True, populate_existing=True)
    if row is None or row.state != S.SENDING or row.tries != its_try:
        return None
    row.fault, row.doubtful = answer.fault[:200], row.doubtful or answer.doubtful
    if answer.taken is Taken.YES:
        row.state, row.sent_at, row.gateway_id = S.SENT.value, at, answer.gateway_id[:80]
        deadlines.clear(session, DEADLINE, row.key)
        if row.kind == RESULT:
            enter(session, row, TOLD, at, how="message", result=str(row.body.get("result", "")))
        return S.SENT
    next_at = at + timedelta(seconds=pause_s(row.tries, chance, answer.again_s))
    if answer.taken is Taken.NEVER or is_too_old(row, next_at):
        fail(session, row, at)
        return S.FAILED
    row.state, row.next_try_at = S.WAITING.value, next_at
    deadlines.set(session, DEADLINE, row.key, next_at)
    return S.WAITING


def is_too_old(row: TextMessage, at: datetime) -> bool:
    """Whether nobody should get it at that moment any more."""
    return at >= row.at + KEPT_TRYING.get(row.kind, min(KEPT_TRYING.values()))


def fail(session: Session, row: TextMessage, at: datetime, fault: str = "") -> None:
    """A dead letter: its ticket says so, and a person sees to it."""
    row.fault = fault or row.fault
    row.state = S.FAILED.value
    deadlines.clear(session, DEADLINE, row.key)
    enter(session, row, FAILED_ENTRY, at, of=row.kind, fault=row.fault)


def wake(session: Session, timer: Due, at: datetime) -> None:
    """The handler of DEADLINE: a pause is over, or whoever was sending it is dead."""
    row = session.scalar(select(TextMessage).where(TextMessage.key == timer.about).with_for_update())
    if row is None or row.state not in (S.WAITING, S.SENDING):
        return
    if row.state == S.SENDING:
        row.doubtful, row.fault = True, "interrupted"
    row.state, row.next_try_at = S.DUE.value, timer.due_at


HANDLERS: Mapping[str, Handler] = {DEADLINE: wake}


def send_again(session: Session, row: TextMessage, at: datetime, by: str) -> None:
    """A person's word about a dead letter.

    Where the gateway may have taken it the key stays, so that it is not delivered twice; where it was refused it is a new message.
    """
    if row.state != S.FAILED:
        return
    row.round += not row.doubtful
    row.state, row.tries, row.at, row.next_try_at = S.DUE.value, 0, at, at
    enter(session, row, AGAIN_ENTRY, at, actor=by, of=row.kind)


def enter(
    session: Session, row: TextMessage, kind: str, at: datetime, *, actor: str = ACTOR, **body: str
) -> None:
    """What became of a message, on its ticket."""
    ticket = session.get(Ticket, row.ticket_id) if row.ticket_id else None
    if ticket is None:
        return
    session.add(
        TicketEntry(
            ticket_id=ticket.id, at=at, kind=kind, actor=actor, text="", body={"channel": row.channel, **body}
        )
    )
    told = {"event": "ticket_changed", "ticket_id": ticket.id, "call_id": ticket.call_id, "operator_id": None}
    announce(session, LIVE, told)


# -- how far behind --


@dataclass(frozen=True)
class Lag:
    counts: Mapping[str, int]
    """State → messages; sent and dropped ones are not counted."""
    late_s: float
    """How long the oldest of those that are due has been due."""

    @property
    def dead(self) -> int:
        return self.counts.get(S.FAILED, 0)


def lag(session: Session, at: datetime) -> Lag:
    """How far the sender is behind."""
    shown: Sequence[str] = (*OPEN, S.FAILED)
    counted = session.execute(
        select(TextMessage.state, func.count())
        .where(TextMessage.state.in_(shown))
        .group_by(TextMessage.state)
    )
    counts = dict.fromkeys(shown, 0) | dict(counted.tuples().all())
    oldest = session.scalar(select(func.min(TextMessage.next_try_at)).where(TextMessage.state == S.DUE))
    return Lag(counts, max((at - oldest).total_seconds(), 0.0) if oldest is not None else 0.0)


def said(lag: Lag) -> str:
    """What is wrong with the messages, in one sentence for who runs the machine; empty when nothing is."""
    if lag.late_s > LATE_S:
        return f"messages to go out: {lag.counts[S.DUE]}, the oldest for {lag.late_s:.0f} s; see var/log/worker.log"
    if lag.dead:
        return f"messages that were given up: {lag.dead}; see the page /messages"
    return ""
