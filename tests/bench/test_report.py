"""What the benchmark makes of its measurements: SIPp's counts, percentiles, ratios within a round, the table."""

import math

import pytest

from tests.bench.load import Load, counted
from tests.bench.measuring import Quad, Window
from tests.bench.report import Report, median_95, percentile, row_of
from tests.bench.variants import VARIANTS, possible

BARE, OURS = VARIANTS[0], VARIANTS[-1]
HEAD = "StartTime;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);\n"


def _window(
    key: str, cpu_ms: float, *, lost: int = 0, latencies_ms: tuple[float, ...] = (2.0,), rate: float = 20.0
) -> Window:
    return Window(key, rate, 100 - lost, lost, cpu_ms, 0.0, latencies_ms)


def _quad(bare_ms: float, ours_ms: float, drift_ms: float = 0.0) -> Quad:
    """Each window costs `drift_ms` more than the one before."""
    bare = (_window("bare", bare_ms), _window("bare", bare_ms + 3 * drift_ms))
    return Quad(bare, (_window("ours", ours_ms + drift_ms), _window("ours", ours_ms + 2 * drift_ms)))


def test_the_last_line_of_sipp_s_statistics_counts_all_calls() -> None:
    assert counted(HEAD + "t;5;5;0;\nt;3;8;1;\n", 10) == Load(8, 2)


def test_a_sipp_that_wrote_no_line_lost_every_call() -> None:
    assert counted("", 7) == counted(HEAD, 7) == Load(0, 7)


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([5], 0.99, 5), (range(1, 101), 0.99, 100), (range(1, 101), 0.5, 51), ([3, 1, 2], 0.0, 1)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, wanted: float) -> None:
    assert percentile(values, share) == wanted


def test_nothing_measured_has_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


def test_the_ratio_is_taken_within_each_quad_and_the_median_of_the_quads() -> None:
    """A quad in which the machine was slow for all changes the milliseconds, not the ratio."""
    quads = [_quad(bare, ours) for bare, ours in ((10, 15), (20, 30), (8, 16))]
    row = row_of(OURS, quads, 20.0, None)
    assert (row.cpu_ms, row.cpu_ratio, row.ratios) == (16, 1.5, (1.5, 1.5, 2.0))
    assert row_of(BARE, quads, 20.0, None).cpu_ratio == 1


def test_a_machine_that_grows_slower_from_window_to_window_does_not_change_the_ratio() -> None:
    assert _quad(10, 10, drift_ms=2).ratio == 1


def test_the_interval_holds_the_median_and_is_the_same_at_every_reading() -> None:
    ratios = (1.4, 1.5, 1.5, 1.6, 1.9)
    low, high = median_95(ratios)
    assert min(ratios) <= low <= 1.5 <= high <= max(ratios)
    assert median_95(ratios) == (low, high)
    assert median_95((1.5,)) == (1.5, 1.5)


def test_the_bare_dialplan_s_milliseconds_are_those_at_the_full_rate() -> None:
    slow = Quad((_window("bare", 90, rate=4.0),) * 2, (_window("usual", 900, rate=4.0),) * 2)
    assert row_of(BARE, [_quad(10, 15), slow], 20.0, None).cpu_ms == 10
    assert row_of(BARE, [slow], 20.0, None).cpu_ms == 90


def test_losses_and_latencies_of_all_quads_count() -> None:
    ways = [_window("ours", 1, lost=n, latencies_ms=(float(n), 9.0)) for n in range(4)]
    bare = (_window("bare", 1),) * 2
    quads = [Quad(bare, (ways[0], ways[1])), Quad(bare, (ways[2], ways[3]))]
    row = row_of(OURS, quads, 20.0, 80)
    assert (row.good, row.lost, row.latency_count, row.latency_p99_ms) == (394, 6, 8, 9.0)


def test_the_table_has_a_line_for_each_way_and_a_dash_for_what_was_not_measured() -> None:
    quads = [_quad(10, 15)]
    report = Report("a machine", 20.0, 1, [row_of(BARE, quads, 20.0, 200), row_of(OURS, quads, 20.0, 50)])
    _, _, _, bare, ours, by_quad = report.as_text().splitlines()
    assert "| 10.00 | 1.00 |" in bare
    assert "| 15.00 | 1.50 (1.50 to 1.50) |" in ours
    assert ours.endswith("| 50 | 0.25 | 200, 0 |")
    assert "quads 1.50" in by_quad
    report.rows = [row_of(OURS, quads, 20.0, None)]
    assert "| – | – |" in report.as_text()


def test_an_unknown_way_is_named_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"'theirs'.*bare"):
        possible(("theirs",))
    assert possible(("ours",)) == (BARE, OURS)
