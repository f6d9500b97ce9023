"""What was measured as a table for people and as JSON, each number also as a ratio to the bare dialplan."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tests.bench.measuring import Window
from tests.bench.variants import BARE, Variant

MUST_RATIO = 1.6
AIM_RATIO = 1.25
MUST_RINGING_MS = 150.0


@dataclass
class Row:
    """One variant over all rounds: medians of the rounds' values; latencies of all rounds together."""

    key: str
    name: str
    rate: float
    """Calls a second at which it was measured."""
    cpu_ms: float
    asterisk_ms: float
    python_ms: float
    cpu_ratio: float
    """Median of the rounds' ratios to the bare dialplan of the same round."""
    latency_p50_ms: float
    latency_p99_ms: float
    latency_count: int
    highest_rate: int | None
    good: int
    lost: int


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
            "| way | CPU ms/call | × bare | Asterisk | Python | key → next prompt p50 / p99 ms | highest calls/s | × bare | calls, lost |",
            "|---|---|---|---|---|---|---|---|---|",
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
            lines.append(
                f"| {row.name}{at} | {row.cpu_ms:.2f} | {row.cpu_ratio:.2f} | {row.asterisk_ms:.2f} | {row.python_ms:.2f} "
                f"| {latency} | {top} | {share} | {row.good + row.lost}, {row.lost} |"
            )
        return "\n".join([*lines, *(one.as_text() for one in self.ringing), *self.notes])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; nan for none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def row_of(variant: Variant, windows: Sequence[Sequence[Window]], highest_rate: int | None) -> Row:
    """One variant's row; `windows` are the rounds, each with every variant once."""
    mine = [window for round_ in windows for window in round_ if window.variant == variant.key]
    ratios = [
        window.cpu_ms / bare.cpu_ms
        for round_ in windows
        for bare in round_
        for window in round_
        if bare.variant == BARE.key and window.variant == variant.key
    ]
    latencies = [latency for window in mine for latency in window.latencies_ms]
    return Row(
        key=variant.key,
        name=variant.name,
        rate=mine[0].rate,
        cpu_ms=statistics.median(window.cpu_ms for window in mine),
        asterisk_ms=statistics.median(window.asterisk_ms for window in mine),
        python_ms=statistics.median(window.python_ms for window in mine),
        cpu_ratio=statistics.median(ratios),
        latency_p50_ms=percentile(latencies, 0.5),
        latency_p99_ms=percentile(latencies, 0.99),
        latency_count=len(latencies),
        highest_rate=highest_rate,
        good=sum(window.good for window in mine),
        lost=sum(window.lost for window in mine),
    )
