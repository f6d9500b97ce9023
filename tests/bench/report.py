"""What was measured as a table for people and as JSON, each number also as a ratio to the bare dialplan."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tests.bench.measuring import Quad
from tests.bench.variants import BARE, Variant

MUST_RATIO = 1.6


RESAMPLES = 4000


@dataclass
class Row:
    """One variant over all its windows: medians of their values; latencies of all together."""

    key: str
    name: str
    rate: float
    """Calls a second at which it was measured."""
    cpu_ms: float
    asterisk_ms: float
    python_ms: float
    cpu_ratio: float
    """Median of the quads' ratios to the bare dialplan."""
    latency_p50_ms: float
    latency_p99_ms: float
    latency_count: int
    highest_rate: int | None
    good: int
    lost: int
    ratios: tuple[float, ...] = ()
    """Of each quad, in the order measured."""
    ratio_95: tuple[float, float] = (1.0, 1.0)
    """In which the median of the ratios lies with 95 %."""
    others_busy: tuple[float, float] = (0.0, 0.0)
    """Least and most processors that other programs used in one of its windows, SIPp and the witnesses among them."""

    def as_text(self) -> str:
        """Its quads, one by one."""
        low, high = self.ratio_95
        return (
            f"{self.name}: {self.cpu_ratio:.2f} x bare, 95 % {low:.2f} to {high:.2f}, quads "
            f"{', '.join(f'{ratio:.2f}' for ratio in self.ratios)}; the load and other programs used "
            f"{self.others_busy[0]:.2f} to {self.others_busy[1]:.2f} processors meanwhile"
        )


@dataclass(frozen=True)
class Ringing:
    """From the last key's end leaving the caller to the INVITE reaching an operator's phone, the whole product running."""

    rate: float
    sound: bool
    """Whether callers and phones sent sound: their own programs then cost more than the product."""
    phones: int
    talk_s: float
    calls: int
    rang: int
    """Calls that reached a phone."""
    p50_ms: float
    p99_ms: float
    longest_ms: float
    processors_busy: float
    """How many processors the machine used meanwhile, callers and phones included."""
    cpu_ms: dict[str, float]
    """Processor milliseconds a call of each of the product's processes."""

    def as_text(self) -> str:
        silent = "" if self.sound else " (silent)"
        return (
            f"last key → operator's phone at {self.rate:g} calls/s{silent}, {self.phones} phones, {self.talk_s:g} s talk: "
            f"p50 {self.p50_ms:.0f}, p99 {self.p99_ms:.0f}, longest {self.longest_ms:.0f} ms; {self.rang} of {self.calls} rang; "
            f"{self.processors_busy:.2f} processors busy; CPU ms a call: "
            + ", ".join(f"{name} {used:g}" for name, used in self.cpu_ms.items() if used)
        )


@dataclass
class Report:
    machine: str
    rate: float
    rounds: int
    rows: list[Row] = field(default_factory=list)
    ringing: list[Ringing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def row(self, key: str) -> Row | None:
        return next((row for row in self.rows if row.key == key), None)

    def as_text(self) -> str:
        """The table."""
        lines = [
            f"{self.machine}; {self.rate:g} calls/s, {self.rounds} rounds",
            "| way | CPU ms/call | × bare (95 %) | Asterisk | Python | key → next prompt p50 / p99 ms | × bare "
            "| highest calls/s | × bare | calls, lost |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        bare = self.row(BARE.key)
        for row in self.rows:
            top, share = "–", "–"
            if row.highest_rate is not None:
                top = str(row.highest_rate)
                if bare and bare.highest_rate:
                    share = f"{row.highest_rate / bare.highest_rate:.2f}"
            at = "" if row.rate == self.rate else f", at {row.rate:g}/s"
            latency = f"{row.latency_p50_ms:.1f} / {row.latency_p99_ms:.1f} ({row.latency_count})"
            later = "–"
            if bare:
                later = f"{row.latency_p50_ms / bare.latency_p50_ms:.2f} / {row.latency_p99_ms / bare.latency_p99_ms:.2f}"
            ratio = f"{row.cpu_ratio:.2f}"
            if row.ratios:
                ratio += f" ({row.ratio_95[0]:.2f} to {row.ratio_95[1]:.2f})"
            lines.append(
                f"| {row.name}{at} | {row.cpu_ms:.2f} | {ratio} | {row.asterisk_ms:.2f} | {row.python_ms:.2f} "
                f"| {latency} | {later} | {top} | {share} | {row.good + row.lost}, {row.lost} |"
            )
        lines += [row.as_text() for row in self.rows if row.ratios]
        return "\n".join([*lines, *(one.as_text() for one in self.ringing), *self.notes])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; nan for none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def median_95(values: Sequence[float]) -> tuple[float, float]:
    """Where 95 % of the medians lie of as many values drawn anew from these, with the same dice every time."""
    dice = random.Random(1022)
    medians = [statistics.median(dice.choices(values, k=len(values))) for _ in range(RESAMPLES)]
    return percentile(medians, 0.025), percentile(medians, 0.975)


def row_of(variant: Variant, quads: Sequence[Quad], rate: float, highest_rate: int | None) -> Row:
    """One way's row; the bare dialplan's from the windows beside all ways that were loaded with `rate`."""
    if variant == BARE:
        windows = [w for quad in quads for w in quad.bare if w.rate == rate] or [
            w for q in quads for w in q.bare
        ]
    else:
        quads = [quad for quad in quads if quad.way[0].variant == variant.key]
        windows = [window for quad in quads for window in quad.way]
    ratios = () if variant == BARE else tuple(quad.ratio for quad in quads)
    latencies = [latency for window in windows for latency in window.latencies_ms]
    return Row(
        key=variant.key,
        name=variant.name,
        rate=windows[0].rate,
        cpu_ms=statistics.median(window.cpu_ms for window in windows),
        asterisk_ms=statistics.median(window.asterisk_ms for window in windows),
        python_ms=statistics.median(window.python_ms for window in windows),
        cpu_ratio=statistics.median(ratios) if ratios else 1.0,
        latency_p50_ms=percentile(latencies, 0.5),
        latency_p99_ms=percentile(latencies, 0.99),
        latency_count=len(latencies),
        highest_rate=highest_rate,
        good=sum(window.good for window in windows),
        lost=sum(window.lost for window in windows),
        ratios=ratios,
        ratio_95=median_95(ratios) if ratios else (1.0, 1.0),
        others_busy=(min(w.others_busy for w in windows), max(w.others_busy for w in windows)),
    )
