"""Whether each call of the carrier's own list is a call, a ticket and a recording here, and no other is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

ARRIVES_WITHIN_S = 10.0
"""From the carrier's INVITE to our answer."""
MAY_MISS_S = 2.0
"""By how much a recording may be shorter than the carrier's time from answer to hang-up."""
COLUMNS = ("call", "hotline", "keys", "acuity", "waited_s", "answered_by", "recorded_s", "ticket")


@dataclass(frozen=True)
class Witnessed:
    """A call in the carrier's list that the product answered."""

    number: str
    """The caller's, as the network sent it; empty when withheld."""
    called: str
    started_at: datetime
    talked_s: float
    keys: str = ""


@dataclass(frozen=True)
class Ours:
    """A call that came in here, with what belongs to it."""

    call: str
    hotline: str
    number: str
    """E.164; empty when withheld."""
    arrived_at: datetime
    acuity: str
    waited_s: float | None
    answered_by: str
    recorded_s: float | None
    """None when there is no recording."""
    ticket: str
    """As people say it; empty when there is none."""


@dataclass(frozen=True)
class Line:
    """A line of the table: a witnessed call and what is here of it."""

    witnessed: Witnessed | None
    ours: Ours | None

    def faults(self) -> list[str]:
        """A sentence for each thing that is missing."""
        if self.witnessed is None:
            return [f"Call {self.ours.call} is not in the carrier's list."] if self.ours else []
        if self.ours is None:
            who = self.witnessed.number or "a withheld number"
            return [f"The carrier's call from {who} at {self.witnessed.started_at:%H:%M:%S} is not here."]
        faults = [] if self.ours.ticket else [f"Call {self.ours.call} has no ticket."]
        if self.ours.recorded_s is None:
            faults.append(f"Call {self.ours.call} has no recording.")
        elif self.ours.recorded_s < self.witnessed.talked_s - MAY_MISS_S:
            faults.append(
                f"The recording of call {self.ours.call} holds {self.ours.recorded_s:.1f} s of "
                f"{self.witnessed.talked_s:.1f} s."
            )
        return faults

    def as_dict(self) -> dict[str, str | float | None]:
        """The line of the JSON file, by COLUMNS."""
        ours = self.ours
        if ours is None:
            return dict.fromkeys(COLUMNS) | {"keys": self.witnessed.keys if self.witnessed else ""}
        return {
            "call": ours.call,
            "hotline": ours.hotline,
            "keys": self.witnessed.keys if self.witnessed else "",
            "acuity": ours.acuity,
            "waited_s": None if ours.waited_s is None else round(ours.waited_s, 1),
            "answered_by": ours.answered_by,
            "recorded_s": None if ours.recorded_s is None else round(ours.recorded_s, 1),
            "ticket": ours.ticket,
        }


def account(witnessed: Iterable[Witnessed], ours: Sequence[Ours]) -> list[Line]:
    """A line for each call that either side knows; of one number, those nearest in time are one call."""
    left = list(ours)
    lines: list[Line] = []
    for call in sorted(witnessed, key=lambda one: one.started_at):
        same = [one for one in left if _same_number(call.number, one.number) and _apart_s(call, one) >= -1]
        found = min(same, key=lambda one: _apart_s(call, one), default=None)
        if found is not None and _apart_s(call, found) > ARRIVES_WITHIN_S:
            found = None
        if found is not None:
            left.remove(found)
        lines.append(Line(call, found))
    return lines + [Line(None, one) for one in left]


def _apart_s(call: Witnessed, ours: Ours) -> float:
    return (ours.arrived_at - call.started_at).total_seconds()


def _same_number(sent: str, kept: str) -> bool:
    # The trunk sends 0912345678, we keep +84912345678.
    return re.sub(r"\D", "", sent)[-9:] == re.sub(r"\D", "", kept)[-9:]


def table(lines: Sequence[Line]) -> str:
    """The lines as a person reads them."""
    rows = [[_cell(*pair) for pair in line.as_dict().items()] for line in lines]
    widths = [max(len(row[n]) for row in [list(COLUMNS), *rows]) for n in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [list(COLUMNS), ["-" * width for width in widths], *rows]
    )


def _cell(column: str, value: str | float | None) -> str:
    if value is None:
        return "–" if column == "waited_s" else "MISSING"
    return f"{value:.1f}" if isinstance(value, float) else value or "–"
