"""Calls by half hour beside a week ago, or by a report's hours or days: an SVG drawn by the server, no script or inline style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hotline.figures import SLOT_S, Figures

SLOTS = 48
NONE = Figures()
WIDTH, HEIGHT = 960, 260
LEFT, TOP, BOTTOM = 72, 14, 34
MOST_LABELS = 12
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Between two lines of the scale."""


@dataclass(frozen=True)
class Slot:
    """One half hour."""

    name: str
    """08:30."""
    served: int
    lost: int
    before: int
    """Calls in the same half hour a week ago."""

    @property
    def arrived(self) -> int:
        return self.served + self.lost


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bar:
    slot: Slot
    served: Box
    lost: Box


@dataclass(frozen=True)
class Chart:
    """Everything the template draws, in the SVG's own units."""

    bars: tuple[Bar, ...]
    before: str
    """Points of the line of a week ago; empty where nothing is compared."""
    scale: tuple[tuple[float, int], ...]
    """(y, calls) of each line."""
    hours: tuple[tuple[float, str], ...]
    """(x, what stands under it)."""
    now_x: float | None
    """Where the day has come to; None for a day that is over."""
    slots: tuple[Slot, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def slots(today: Mapping[int, Figures], week_ago: Mapping[int, Figures]) -> tuple[Slot, ...]:
    """The day's half hours, from the figures by half hour (`By.SLOT`) of the day and of the one seven days before."""
    return tuple(
        Slot(
            f"{n // 2:02d}:{n % 2 * 30:02d}", today.get(n, NONE).arrived - today.get(n, NONE).lost, today.get(n, NONE).lost,
            week_ago.get(n, NONE).arrived,
        )
        for n in range(SLOTS)
    )  # fmt: skip


def report(lines: Sequence[tuple[str, Figures]]) -> Chart:
    """The chart of a report's hours or days, each with its name."""
    day = [Slot(name, figures.arrived - figures.lost, figures.lost, 0) for name, figures in lines]
    chart = drawn(day, None)
    wide, every = (WIDTH - LEFT) / len(day), -(-len(day) // MOST_LABELS)
    under = tuple((round(LEFT + n * wide, 1), slot.name) for n, slot in enumerate(day) if n % every == 0)
    return replace(chart, before="", hours=under)


def drawn(day: Sequence[Slot], so_far_s: float | None) -> Chart:
    """The chart of these half hours; `so_far_s` is how much of the day has passed, None when all of it."""
    highest = max(1, *(max(slot.arrived, slot.before) for slot in day))
    step = next((s for s in STEPS if highest <= 4 * s), STEPS[-1])
    top = -(-highest // step) * step
    floor = HEIGHT - BOTTOM
    wide = (WIDTH - LEFT) / len(day)

    def tall(calls: int) -> float:
        return round((floor - TOP) * calls / top, 1)

    def box(n: int, base: int, calls: int) -> Box:
        return Box(
            round(LEFT + n * wide + wide * 0.12, 1), round(floor - tall(base + calls), 1), round(wide * 0.76, 1), tall(calls)
        )  # fmt: skip

    return Chart(
        bars=tuple(
            Bar(slot, box(n, 0, slot.served), box(n, slot.served, slot.lost)) for n, slot in enumerate(day)
        ),
        before=" ".join(
            f"{LEFT + (n + 0.5) * wide:.1f},{floor - tall(slot.before):.1f}" for n, slot in enumerate(day)
        ),
        scale=tuple((round(floor - tall(calls), 1), calls) for calls in range(0, top + 1, step)),
        hours=tuple((round(LEFT + hour * 2 * wide, 1), f"{hour}h") for hour in range(0, 25, 3)),
        now_x=None if so_far_s is None else round(LEFT + so_far_s / SLOT_S * wide, 1),
        slots=tuple(day),
    )
