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
    """SQLite, by another writer."""
    REDIS_GONE = "redis gone"
    ASTERISK_KILLED = "asterisk killed"
    DATABASE_GONE = "database gone"
    """PostgreSQL, every process of it killed."""
    DATABASE_HUNG = "database hung"
    """PostgreSQL, every process of it stopped: its connections stay open and never answer."""


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


UNDISTURBED = Meets(silence_s=1.0)
TALKS_ON = Meets(silence_s=1.0, hears_operator=True)
RESCUED = Meets(silence_s=KILLED_WITHIN_S)
RESCUED_FROM_HUNG = Meets(silence_s=HUNG_WITHIN_S)
LOST_RED = Meets(silence_s=float("inf"), recalled_within_s=60.0)
LOST_ORANGE = Meets(silence_s=float("inf"), recalled_within_s=300.0)
"""Cut off in the questions: the failsafe level."""


def _row(ivr: Meets, *others: Meets) -> dict[Phase, Meets]:
    waiting, ringing, talking = others if len(others) == 3 else (others[0], others[0], TALKS_ON)
    return {Phase.IVR: ivr, Phase.WAITING: waiting, Phase.RINGING: ringing, Phase.TALKING: talking}


EXPECTED: dict[Fault, dict[Phase, Meets]] = {
    Fault.AGI_KILLED: _row(RESCUED, UNDISTURBED),
    Fault.AGI_HUNG: _row(RESCUED_FROM_HUNG, UNDISTURBED),
    Fault.CALLS_KILLED: _row(RESCUED, RESCUED),
    Fault.CALLS_HUNG: _row(RESCUED_FROM_HUNG, RESCUED_FROM_HUNG),
    Fault.DATABASE_LOCKED: _row(RESCUED, UNDISTURBED),
    Fault.DATABASE_GONE: _row(RESCUED, UNDISTURBED),
    Fault.DATABASE_HUNG: _row(RESCUED, UNDISTURBED),
    Fault.REDIS_GONE: _row(UNDISTURBED, UNDISTURBED),
    Fault.ASTERISK_KILLED: _row(LOST_ORANGE, LOST_RED, LOST_RED, LOST_RED),
}
