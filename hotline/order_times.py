"""By when orders are answered, approved and done, and when teams are rung: values of the installation, which a campaign may change. Pure.

    [orders]
    ring_s = 25                                   # how long one number of a team rings
    again_s = 5                                   # from one number's result to the next number
    answer_s = { RED = 180, ORANGE = 300 }        # from the order to a team's yes; later the level above is asked
    call_after_s = { RED = 0, YELLOW = 120 }      # when the team's telephone is rung; until then page and message are enough
    approve_s = { RED = 180 }                     # from the request to the committee's word; later the one above is asked
    done_s = { RED = 1800 }                       # the deadline that the form offers

What is not named stays as it is here. An order keeps the times that it was issued with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hotline.acuity import Acuity
from hotline.toml_table import Table

Seconds = Mapping[Acuity, int]

ORANGE, GREEN = Acuity.ORANGE, Acuity.GREEN
_SOON: Seconds = {Acuity.RED: 180, ORANGE: 300, Acuity.YELLOW: 900, GREEN: 1800, Acuity.NONMED: 1800}
_CALL: Seconds = {Acuity.RED: 0, ORANGE: 0, Acuity.YELLOW: 120, GREEN: 300, Acuity.NONMED: 300}
_DONE: Seconds = {Acuity.RED: 1800, ORANGE: 3600, Acuity.YELLOW: 10800, GREEN: 18000, Acuity.NONMED: 18000}
LEAST_S = {"answer_s": 5, "approve_s": 5, "done_s": 60, "call_after_s": 0}
MOST_S = 7 * 24 * 3600


@dataclass(frozen=True)
class OrderTimes:
    """Seconds, by the order's acuity where it matters."""

    ring_s: int = 25
    again_s: int = 5
    answer_s: Seconds = field(default_factory=lambda: _SOON)
    call_after_s: Seconds = field(default_factory=lambda: _CALL)
    approve_s: Seconds = field(default_factory=lambda: _SOON)
    done_s: Seconds = field(default_factory=lambda: _DONE)

    def of(self, acuity: Acuity) -> dict[str, int]:
        """What an order of that acuity keeps."""
        return {
            "answer_s": self.answer_s[acuity], "call_after_s": self.call_after_s[acuity],
            "approve_s": self.approve_s[acuity], "again_s": self.again_s,
        }  # fmt: skip


TIMES = OrderTimes()


def kept(times: Mapping[str, Any], name: str, acuity: Acuity) -> int:
    """One value of those that an order kept; an order of before has the usual ones."""
    return int(times.get(name, TIMES.of(acuity)[name]))


def read(top: Table) -> OrderTimes:
    """The table `orders` of an installation; what is wrong joins its faults."""
    table = Table("[orders]", dict(top.take("orders", dict, {})), top.faults, top.names)
    found = OrderTimes(
        ring_s=table.number("ring_s", TIMES.ring_s, 5, 120),
        again_s=table.number("again_s", TIMES.again_s, 1, 600),
        **{name: _seconds(table, name, least) for name, least in LEAST_S.items()},
    )
    table.rest()
    return found


def _seconds(table: Table, name: str, least: int) -> Seconds:
    usual: Seconds = getattr(TIMES, name)
    given = table.take(name, dict, {})
    found = dict(usual)
    for level, seconds in given.items():
        if level not in Acuity.__members__:
            table.wrong(name, f"không có mức {level!r}.", f": {name}: there is no level {level!r}.")
        elif not isinstance(seconds, int) or isinstance(seconds, bool) or not least <= seconds <= MOST_S:
            table.wrong(name, f"{level} phải từ {least} đến {MOST_S} giây.",
                        f": {name}.{level} must be {least} to {MOST_S} seconds.")  # fmt: skip
        else:
            found[Acuity(level)] = seconds
    return found
