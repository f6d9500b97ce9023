"""Personal data: which numbers a role sees whole, and how the others are masked."""

from __future__ import annotations

from datetime import timedelta

from hotline.operators import Role

UNMASKED_FOR = timedelta(minutes=15)
"""How long a number stays readable for one who gave a reason."""
DOT = "•"
SHOWN_LAST = 3
SHOWN_FIRST = 2


def sees_numbers(role: str, *, own_call: bool, unmasked: bool) -> bool:
    """Supervisors and administrators see all; an operator sees their own callers' and those unmasked with a reason."""
    return role in (Role.SUPERVISOR, Role.ADMINISTRATOR) or own_call or unmasked


def domestic(number: str) -> str:
    """A Vietnamese E.164 number as people here write it, 0912345678; any other as it is."""
    return "0" + number[3:] if number.startswith("+84") else number


def masked(number: str) -> str:
    """The number with its middle hidden: 09•••••678; empty stays empty, short ones are hidden whole."""
    written = domestic(number)
    if len(written) < SHOWN_FIRST + SHOWN_LAST + 2:
        return DOT * len(written)
    hidden = len(written) - SHOWN_FIRST - SHOWN_LAST
    return written[:SHOWN_FIRST] + DOT * hidden + written[-SHOWN_LAST:]


def shown(number: str, whole: bool) -> str:
    """What a page shows; empty for a withheld number."""
    return domestic(number) if whole else masked(number)
