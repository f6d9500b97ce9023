"""The failure table as data: for each phase of a call and each fault, what the caller may meet and within which time."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    IVR = "ivr"
    WAITING = "waiting"
    RINGING = "ringing"
    TALKING = "talking"


class Fault(StrEnum):
    AGI_KILLED = "agi killed"
    AGI_HUNG = "agi hung"
    CALLS_KILLED = "calls killed"
    CALLS_HUNG = "calls hung"
    DATABASE_LOCKED = "database locked"
    DATABASE_GONE = "database gone"
    REDIS_GONE = "redis gone"
    ASTERISK_KILLED = "asterisk killed"


KILLED_WITHIN_S = 3.0
HUNG_WITHIN_S = 8.0


@dataclass(frozen=True)
class Meets:
    """What the caller meets."""

    silence_s: float
    """The longest silence allowed after the fault."""
    hears_operator: bool = False
    """The operator's tone goes on all the time."""
    recalled_within_s: float | None = None
    """The call is lost, and the citizen's phone rings within this time."""


UNDISTURBED = Meets(silence_s=KILLED_WITHIN_S)
TALKS_ON = Meets(silence_s=1.0, hears_operator=True)
RESCUED = Meets(silence_s=KILLED_WITHIN_S)
RESCUED_FROM_HUNG = Meets(silence_s=HUNG_WITHIN_S)
"""A hung `calls` cannot start the music again after a prompt: until it is killed (5 s) and back, a waiter may hear nothing."""
LOST = Meets(silence_s=float("inf"))
LOST_RED = Meets(silence_s=float("inf"), recalled_within_s=60.0)

EXPECTED: dict[tuple[Fault, Phase], Meets] = {
    (Fault.AGI_KILLED, Phase.IVR): RESCUED,
    (Fault.AGI_KILLED, Phase.WAITING): UNDISTURBED,
    (Fault.AGI_KILLED, Phase.RINGING): UNDISTURBED,
    (Fault.AGI_KILLED, Phase.TALKING): TALKS_ON,
    (Fault.AGI_HUNG, Phase.IVR): RESCUED_FROM_HUNG,
    (Fault.AGI_HUNG, Phase.WAITING): UNDISTURBED,
    (Fault.AGI_HUNG, Phase.RINGING): UNDISTURBED,
    (Fault.AGI_HUNG, Phase.TALKING): TALKS_ON,
    (Fault.CALLS_KILLED, Phase.IVR): UNDISTURBED,
    (Fault.CALLS_KILLED, Phase.WAITING): UNDISTURBED,
    (Fault.CALLS_KILLED, Phase.RINGING): UNDISTURBED,
    (Fault.CALLS_KILLED, Phase.TALKING): TALKS_ON,
    (Fault.CALLS_HUNG, Phase.IVR): RESCUED_FROM_HUNG,
    (Fault.CALLS_HUNG, Phase.WAITING): RESCUED_FROM_HUNG,
    (Fault.CALLS_HUNG, Phase.RINGING): RESCUED_FROM_HUNG,
    (Fault.CALLS_HUNG, Phase.TALKING): TALKS_ON,
    (Fault.DATABASE_LOCKED, Phase.IVR): UNDISTURBED,
    (Fault.DATABASE_LOCKED, Phase.WAITING): UNDISTURBED,
    (Fault.DATABASE_LOCKED, Phase.RINGING): UNDISTURBED,
    (Fault.DATABASE_LOCKED, Phase.TALKING): TALKS_ON,
    (Fault.DATABASE_GONE, Phase.IVR): UNDISTURBED,
    (Fault.DATABASE_GONE, Phase.WAITING): UNDISTURBED,
    (Fault.DATABASE_GONE, Phase.RINGING): UNDISTURBED,
    (Fault.DATABASE_GONE, Phase.TALKING): TALKS_ON,
    (Fault.REDIS_GONE, Phase.IVR): UNDISTURBED,
    (Fault.REDIS_GONE, Phase.WAITING): UNDISTURBED,
    (Fault.REDIS_GONE, Phase.RINGING): UNDISTURBED,
    (Fault.REDIS_GONE, Phase.TALKING): TALKS_ON,
    (Fault.ASTERISK_KILLED, Phase.IVR): LOST,
    (Fault.ASTERISK_KILLED, Phase.WAITING): LOST_RED,
    (Fault.ASTERISK_KILLED, Phase.RINGING): LOST,
    (Fault.ASTERISK_KILLED, Phase.TALKING): LOST,
}
