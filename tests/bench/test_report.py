"""What the benchmark makes of its measurements: SIPp's counts, percentiles, ratios within a round, the table."""

import math

import pytest

from tests.bench.load import Load, counted
from tests.bench.measuring import Window
from tests.bench.report import Report, percentile, row_of
from tests.bench.variants import VARIANTS, possible

BARE, OURS = VARIANTS[0], VARIANTS[-1]
HEAD = "StartTime;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);\n"


def _window(key: str, cpu_ms: float, *, lost: int = 0, latencies_ms: tuple[float, ...] = (2.0,)) -> Window:
    return Window(key, 20.0, 100 - lost, lost, cpu_ms, 0.0, latencies_ms)


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


def test_the_ratio_is_taken_within_each_round_and_the_median_of_the_rounds() -> None:
    """A round in which the machine was slow for all changes the milliseconds, not the ratio."""
    rounds = [[_window("bare", bare), _window("ours", ours)] for bare, ours in ((10, 15), (20, 30), (8, 16))]
    row = row_of(OURS, rounds, None)
    assert (row.cpu_ms, row.cpu_ratio) == (16, 1.5)
    assert row_of(BARE, rounds, None).cpu_ratio == 1


def test_losses_and_latencies_of_all_rounds_count() -> None:
    rounds = [
        [_window("bare", 1), _window("ours", 1, lost=n, latencies_ms=(float(n), 9.0))] for n in range(3)
    ]
    row = row_of(OURS, rounds, 80)
    assert (row.good, row.lost, row.latency_count, row.latency_p99_ms) == (297, 3, 6, 9.0)


def test_the_table_has_a_line_for_each_way_and_a_dash_for_what_was_not_measured() -> None:
    rounds = [[_window("bare", 10), _window("ours", 15)]]
    report = Report("a machine", 20.0, 1, [row_of(BARE, rounds, 200), row_of(OURS, rounds, 50)])
    _, _, _, bare, ours = report.as_text().splitlines()
    assert "| 10.00 | 1.00 |" in bare
    assert ours.endswith("| 50 | 0.25 | 100, 0 |")
    report.rows = [row_of(OURS, rounds, None)]
    assert "| – | – |" in report.as_text()


def test_an_unknown_way_is_named_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"'theirs'.*bare"):
        possible(("theirs",))
    assert possible(("ours",)) == (BARE, OURS)
