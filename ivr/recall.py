"""Who rings again and who is rung back: redials, repeat callers and lost calls, by what earlier calls say."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hotline.acuity import Acuity, higher
from ivr.protocol import Kind, Protocol
from ivr.triage import INSIDE, Decision

REPEAT_WITHIN = timedelta(hours=48)
STRAIGHT_WITHIN = timedelta(minutes=15)
_E164_DIGITS_AT_LEAST = 8
_SERVICE_NUMBERS = ("+841800", "+841900")


@dataclass(frozen=True)
class Contact:
    """An earlier call of the same number, as its ticket tells it."""

    at: datetime
    acuity: Acuity
    medical: bool
    """Whether it was in a medical branch."""
    open: bool
    """Whether its ticket still is."""
    ticket: str
    operator: str | None = None
    """Who spoke with them, to have the same one again if free."""


def matches_nobody(number: str | None, shared: Collection[str] = ()) -> bool:
    """Whether a caller number does not say who rings: withheld, a service number, or a listed shared one.

    `number` and `shared` are E.164; anything without a country code is a short or service number.
    """
    if not number or not number.startswith("+") or not number[1:].isdecimal():
        return True
    short = len(number) - 1 < _E164_DIGITS_AT_LEAST
    return short or number.startswith(_SERVICE_NUMBERS) or number in shared


def straight_to_line(
    number: str | None, history: Iterable[Contact], now: datetime, shared: Collection[str] = ()
) -> Contact | None:
    """The open RED or ORANGE contact under 15 minutes old that this call goes on with, unasked; or None.

    The most urgent one, then the newest. Its running recall is to be cancelled.
    """
    if matches_nobody(number, shared):
        return None
    running = [
        contact
        for contact in history
        if contact.open and contact.acuity.urgent and now - contact.at < STRAIGHT_WITHIN
    ]
    return max(running, key=lambda contact: (contact.acuity.urgency, contact.at), default=None)


def rejoin(protocol: Protocol, contact: Contact) -> Decision:
    """The decision for a call that goes straight to the line with `contact`."""
    return Decision(
        protocol_id=protocol.id,
        version=protocol.version,
        digest=protocol.digest,
        acuity=contact.acuity,
        message=contact.acuity.value,
        language=protocol.languages[0],
        branch=protocol.questions[protocol.root].branch,
        kind=Kind.MEDICAL if contact.medical else Kind.ROOT,
        question=None,
        topic=None,
        # Which ticket it goes on with is the ticket's `continues_id`; people see that one's number.
        reason={"vi": "gọi lại trong 15 phút", "en": "rang again within 15 minutes"},
        path=(),
        replays=0,
    )


def repeat_caller(
    decision: Decision,
    number: str | None,
    history: Collection[Contact],
    now: datetime,
    shared: Collection[str] = (),
) -> Decision:
    """The decision, raised one level when the number had a medical contact in the last 48 hours.

    A redial of a running RED or ORANGE contact is not a repeat, and what is no illness is never raised.
    """
    recent = [contact for contact in history if contact.medical and now - contact.at <= REPEAT_WITHIN]
    if not recent or matches_nobody(number, shared) or straight_to_line(number, history, now, shared):
        return decision
    if not decision.acuity.medical:
        return decision
    raised = decision.acuity.raised()
    why = {"vi": "gọi lại trong 48 giờ: tăng một mức", "en": "rang again within 48 hours: one level up"}
    return replace(
        decision,
        acuity=raised,
        message=decision.message if raised is decision.acuity else raised.value,
        reason={
            language: f"{text}; {why.get(language, why['en'])}" for language, text in decision.reason.items()
        },
        repeat=True,
    )


HANG_UP_AT_ONCE_S = 5


@dataclass(frozen=True)
class Ended:
    """What is known of a call that is over."""

    human_answered: bool
    connected_s: float
    """From our answering to the caller's hang-up."""
    kind: Kind
    """Of the branch the caller was in last."""
    reached: Acuity | None
    """The decided acuity, or ACUITY_REACHED where triage was not done; None before the first key."""
    decided: bool
    """Whether triage was done."""
    message_heard: bool = False
    """Whether a GREEN caller heard the message to its end."""


def is_lost(ended: Ended) -> bool:
    """Whether the caller left before a human answered and must be rung back.

    Not lost: a GREEN caller who heard the message to its end, and who hangs up within 5 s of our answer
    without having pressed a key (counted, not recalled); a key that reached RED is recalled however short.
    """
    if ended.human_answered:
        return False
    if ended.decided and ended.reached is Acuity.GREEN and ended.message_heard:
        return False
    return ended.reached is not None or ended.connected_s > HANG_UP_AT_ONCE_S


def recall_acuity(ended: Ended) -> Acuity | None:
    """At which level a lost call is rung back, within `callback_within_s` of it; None when it was not lost.

    Broken off in the questions, or in the message of a GREEN caller: the level reached, but at least
    ORANGE in a medical branch and YELLOW at the root. Left while waiting: the level decided.
    """
    if not is_lost(ended):
        return None
    if ended.reached is Acuity.RED:
        return Acuity.RED
    if ended.decided and ended.reached is not None and ended.reached is not Acuity.GREEN:
        return ended.reached
    if ended.kind is Kind.ROOT:
        return (
            Acuity.YELLOW
        )  # The ORANGE of the root is only what a broken call gets, nothing the caller said.
    return higher(ended.reached or Acuity.NONMED, INSIDE[ended.kind])
