"""What a team hears of an order, put together from recorded pieces: from whom, how urgent, what, where, by when, which ticket. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from hotline.acuity import Acuity
from ivr.speech.prompts import NUMBERS

WHO_PIECE = "order-who"
"""Said before anything else: whether it is the team that answers. Nothing of the order is told before the key."""
KEYS_PIECE = "order-keys"


def category_piece(category: str) -> str:
    return f"category-{category}"


def pieces(
    acuity: Acuity,
    category: str,
    places: Sequence[str],
    left_s: float,
    ticket_number: int,
    exists: Callable[[str], bool],
) -> tuple[str, ...]:
    """Prompt ids in the order of playing, at most 12 s. `places` are unit codes, the smallest first: the first with a name is said."""
    said = ["order-from", f"briefing-{acuity.value}"]
    if category and exists(category_piece(category)):
        said.append(category_piece(category))
    said += next(([f"unit-{code}"] for code in places if exists(f"unit-{code}")), [])
    said += deadline(left_s)
    if ticket_number > 0:
        said += ["briefing-ticket", *(f"num-{digit}" for digit in str(ticket_number)[-4:])]
    return tuple(said)


def deadline(left_s: float) -> list[str]:
    """How long there is, rounded down to what can be said: nobody is promised more time than there is."""
    minutes = int(left_s // 60)
    if minutes > NUMBERS[-1]:
        return ["order-over-hour"]
    amount = max((number for number in NUMBERS if number <= minutes), default=0)
    return ["order-within", f"num-{amount}", "minutes"] if amount else ["order-at-once"]


def left_s(due_at: datetime, at: datetime) -> float:
    return max((due_at - at).total_seconds(), 0.0)
