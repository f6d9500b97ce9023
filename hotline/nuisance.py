"""Nuisance: how likely a number rings to annoy, from its last day's calls. It informs; it never holds back a red flag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

WITHIN = timedelta(hours=24)
SHORT_S = 5.0
OFTEN_AN_HOUR = 5
MOST = 100
LIKELY_FROM = 60


@dataclass(frozen=True)
class Past:
    """An earlier call of the number."""

    at: datetime
    lasted_s: float
    pressed: bool
    """Whether any key was."""
    talked: bool
    """Whether a human spoke with them."""
    marked: bool
    """Whether an operator closed it as a nuisance."""


@dataclass(frozen=True)
class Nuisance:
    points: int
    """0 to 100."""
    silent: int
    short: int
    last_hour: int
    marked: int

    @property
    def is_likely(self) -> bool:
        return self.points >= LIKELY_FROM


def score(past: Iterable[Past], now: datetime) -> Nuisance:
    """The number's points: an operator's mark weighs 40, a silent call 12, one under 5 s 8, a crowded hour 30; a talk takes 15 off."""
    recent = [call for call in past if timedelta(0) <= now - call.at <= WITHIN]
    silent = sum(not call.pressed and not call.talked and call.lasted_s >= SHORT_S for call in recent)
    short = sum(call.lasted_s < SHORT_S and not call.talked for call in recent)
    last_hour = sum(now - call.at <= timedelta(hours=1) for call in recent)
    marked = sum(call.marked for call in recent)
    heard = sum(call.talked and not call.marked for call in recent)
    points = 40 * marked + 12 * silent + 8 * short + (30 if last_hour > OFTEN_AN_HOUR else 0) - 15 * heard
    return Nuisance(min(max(points, 0), MOST), silent, short, last_hour, marked)
