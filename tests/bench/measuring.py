"""One measurement: a variant under a load, what it cost and what its callers met."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import load, processor, witness
from tests.bench.exchange import Exchange

LADDER = (2, 5, 10, 20, 40, 60, 80, 100, 130, 160, 200, 240)
"""Calls a second that the search for the highest may try."""
STEP_S = 4.0


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    exchange: Exchange
    pids: dict[str, list[int]]
    scenario: Path


@dataclass(frozen=True)
class Window:
    """One variant for some seconds at one rate."""

    variant: str
    rate: float
    good: int
    lost: int
    asterisk_ms: float
    """Processor milliseconds of Asterisk and the children it reaped, a call."""
    python_ms: float
    """The same of the variant's own server."""
    latencies_ms: tuple[float, ...]
    others_busy: float = 0.0
    """How many processors all else on the machine used meanwhile: SIPp and the witnesses, and strangers."""

    @property
    def cpu_ms(self) -> float:
        return self.asterisk_ms + self.python_ms


@dataclass(frozen=True)
class Quad:
    """Bare, the way, the way, bare, one after another: what grows or shrinks meanwhile meets both alike."""

    bare: tuple[Window, Window]
    way: tuple[Window, Window]

    @property
    def ratio(self) -> float:
        return sum(window.cpu_ms for window in self.way) / sum(window.cpu_ms for window in self.bare)


async def window(bench: Bench, variant: str, rate: float, for_s: float, witnesses: float) -> Window:
    """SIPp and the witnesses together place `rate` calls a second; the cost is taken when all is quiet again."""
    asterisk, python = [bench.exchange.pid], bench.pids[variant]
    machine_s, begin = processor.machine_used_s(), time.monotonic()
    before = processor.used_s(asterisk), processor.used_s(python)
    sipp, heard = await asyncio.gather(
        load.run(bench.scenario, variant, rate - witnesses, for_s), witness.run(variant, witnesses, for_s)
    )
    await _until_quiet(bench.exchange)
    after = processor.used_s(asterisk), processor.used_s(python)
    others_s = processor.machine_used_s() - machine_s - (sum(after) - sum(before))
    good, lost = sipp.good + heard.good, sipp.lost + heard.lost
    a_call = 1000 / max(good + lost, 1)
    return Window(
        variant, rate, good, lost, (after[0] - before[0]) * a_call, (after[1] - before[1]) * a_call,
        tuple(1000 * latency for latency in heard.latencies_s), others_s / (time.monotonic() - begin),
    )  # fmt: skip


async def quad(bench: Bench, bare: str, variant: str, rate: float, for_s: float, witnesses: float) -> Quad:
    """Both under the same load."""
    taken = [await window(bench, key, rate, for_s, witnesses) for key in (bare, variant, variant, bare)]
    return Quad((taken[0], taken[3]), (taken[1], taken[2]))


async def highest(bench: Bench, variant: str, ladder: Sequence[int] = LADDER) -> int:
    """The highest rate of the ladder at which no call of `STEP_S` was lost, by halving; 0 when even the lowest lost one."""
    good, bad = -1, len(ladder)
    while bad - good > 1:
        middle = (good + bad) // 2
        result = await load.run(bench.scenario, variant, ladder[middle], STEP_S)
        await _until_quiet(bench.exchange)
        good, bad = (middle, bad) if not result.lost else (good, middle)
    return ladder[good] if good >= 0 else 0


async def _until_quiet(exchange: Exchange) -> None:
    await asyncio.sleep(0.7)  # what was handed over at the last call's end is written by then
    await asyncio.to_thread(exchange.until_quiet)
