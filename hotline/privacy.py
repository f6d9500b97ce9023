"""Personal data: which numbers a role sees whole, and how the others are masked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from hotline.operators import Role

UNMASKED_FOR = timedelta(minutes=15)
"""How long a number stays readable for one who gave a reason."""
DOT = "•"
SHOWN_LAST = 3
SHOWN_FIRST = 2
SHORTEST_NAME = 2


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


NUMBER_IN_TEXT = re.compile(r"\+?\d(?:[ .-]?\d){6,}")
"""Seven digits or more, as people write telephone numbers."""


def without_names(text: str, names: Iterable[str]) -> str:
    """Free text with telephone numbers and these names hidden, for whoever is not to know yet whom it is about."""
    for name in sorted((n.strip() for n in names), key=len, reverse=True):
        if len(name) >= SHORTEST_NAME:
            text = re.sub(re.escape(name), DOT * SHOWN_LAST, text, flags=re.IGNORECASE)
    return NUMBER_IN_TEXT.sub(lambda found: DOT * len(found.group()), text)


def shown(number: str, whole: bool) -> str:
    """What a page shows; empty for a withheld number."""
    return domestic(number) if whole else masked(number)
