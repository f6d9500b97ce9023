"""A leg: one phone that is rung for a caller, and what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ivr.browser_phone import is_browser
from ivr.pulse import Pulse

SHOWN = "CONNECTEDLINE(num,i)"
"""The channel variable whose number the rung phone shows: a created leg's other party, not its own caller id."""
BUSY, NO_SUCH_NUMBER, NO_ANSWER, DECLINED = 17, 1, 19, 21
NORMAL, NOT_SAID = 16, 0
"""A party's own hang-up: Asterisk gives 0 for a leg that was never in a bridge."""
MISSED = {"no_answer": "missed", "declined": "declined", "busy": "busy", "unavailable": "phone"}
"""Why a desk is paused whose ring ended so: otherwise it would be rung again at once. A RED call that rings out pauses nobody."""
AWAY = 480
_OUTCOMES = {486: "busy", 600: "busy", 603: "declined", 404: "failed", 503: "no_channel", 480: "unavailable"}


@dataclass
class Leg:
    id: str
    """op-<call>-<n> or chain-<call>-<n>: also the channel's."""
    role: str
    """operator or chain."""
    endpoint: str
    """What Asterisk dials, e.g. PJSIP/101."""
    name: str
    """As CallAnswered.answered_by says it: an operator's username or chain:<name>."""
    dialled_s: float
    """Monotonic, as all `_s` marks of the live objects."""
    operator_id: int | None = None
    limit_s: int = 120
    """When Asterisk itself gives up; ours come before."""
    created: bool = False
    """Asterisk has a channel for it."""
    ringing: bool = False
    up: bool = False
    ending: str = ""
    """The outcome we chose ourselves when we ended it; empty while it is wanted."""
    over: bool = False
    quality: dict[str, float] = field(default_factory=dict)
    """As `events.LegEnded.quality`, as far as it was measured."""
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is brought into a bridge: who comes last has it."""
    pulse: Pulse = field(default_factory=Pulse)

    @property
    def phone(self) -> str:
        """The telephone that registers with us; empty for a number of the network."""
        return "" if "@" in self.endpoint else self.endpoint.removeprefix("PJSIP/")

    @property
    def at_page(self) -> bool:
        """A telephone in a page: it always sends, and may come back after a reload."""
        return is_browser(self.phone)

    def rings_at_page_of(self, operator_id: int) -> bool:
        return self.operator_id == operator_id and self.at_page and not (self.up or self.over or self.ending)

    def is_silent(self, now_s: float) -> bool:
        """Whether its far end is taken for gone."""
        return self.pulse.is_silent(now_s, sends_always=self.at_page)

    @property
    def dialled(self) -> tuple[str, ...]:
        """The digits of a duty number, for the process that takes its leg over; a desk is known by its phone."""
        return (self.endpoint.removeprefix("PJSIP/").partition("@")[0],) if self.role == "chain" else ()

    @property
    def answerer(self) -> int | None:
        """The operator whose call it is when this leg answers; a station's account takes no call of the hotline's."""
        return None if self.name.startswith("chain:") else self.operator_id

    number: str = ""
    """The digits of a duty number's leg that an earlier process dialled."""


def call_and_role(channel_id: str) -> tuple[str, str]:
    """The call a channel belongs to and its role in it, told by its id alone."""
    for prefix, role in (("op-", "operator"), ("chain-", "chain")):
        if channel_id.startswith(prefix):
            return channel_id.removeprefix(prefix).rpartition("-")[0], role
    return channel_id, "caller"


def bridge_of(call_id: str) -> str:
    return f"call-{call_id}"


def held_of(call_id: str) -> str:
    """The bridge in which the operator's phone waits, alone, while they keep the caller on hold."""
    return f"held-{call_id}"


def consult_of(call_id: str) -> str:
    """The bridge in which operator and station speak alone."""
    return f"consult-{call_id}"


def sayings_of(call_id: str) -> tuple[str, ...]:
    """Every name that what plays to a caller may have, taken in turn.

    Few, so that whoever takes the caller over can find it: until it ends or is stopped, Asterisk begins nothing else for them,
    and an operator who answers is not heard.
    """
    return tuple(f"say-{call_id}-{n}" for n in range(1, 7))


def outcome(leg: Leg, cause: int, tech_cause: int) -> str:
    """How a leg ended, as `hotline.calls.Leg.outcome` has it."""
    if leg.ending:
        return leg.ending
    if leg.up:
        return "answered"
    if leg.ringing and (tech_cause == AWAY or cause == NO_ANSWER):
        return "no_answer"
    if tech_cause in _OUTCOMES:
        return _OUTCOMES[tech_cause]
    return {BUSY: "busy", DECLINED: "declined", NO_SUCH_NUMBER: "failed"}.get(cause, "unavailable")


def left_by_itself(cause: int) -> bool:
    """Whether a talking party hung up, rather than its line having died."""
    return cause in (NORMAL, NOT_SAID)
