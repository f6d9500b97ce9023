"""The benchmark's command line: rounds of every variant in turn, the search for the highest rate, the table."""

import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import Container
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from front_door.faults import Fault
from tests.bench import browser_calls as browser
from tests.bench import desks as desks_of
from tests.bench import load, measuring, ours, processor, report
from tests.bench import million as million_of
from tests.bench import ringing as ringing_of
from tests.bench.dialogue import lay_prompts
from tests.bench.exchange import Exchange
from tests.bench.measuring import Bench, Quad
from tests.bench.variants import BARE, VARIANTS, Variant, possible, servers

RINGING_S = 10.0
WARM_UP_S = 2.0
SELDOM = 4
"""Of how many quads of ours a way gets one that is there for comparison only."""


@click.command(name="bench", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rate", default=20.0, show_default=True, help="Calls a second of the fixed load.")
@click.option("--seconds", default=4.0, show_default=True, help="Length of one window.")
@click.option(
    "--rounds",
    default=8,
    show_default=True,
    help="Quads (bare, way, way, bare) of ours and of what --only names; of other ways a quarter.",
)
@click.option("--witnesses", default=3.0, show_default=True, help="Of the rate, calls a second with ears.")
@click.option("--highest/--no-highest", default=True, show_default=True, help="Search the highest rate too.")
@click.option(
    "--ringing",
    multiple=True,
    type=float,
    default=(5.0, 10.0, 20.0),
    show_default=True,
    help="Time the last key to the operator's phone at so many calls a second, all processes running; 0: not.",
)
@click.option(
    "--silent",
    multiple=True,
    type=float,
    default=(20.0,),
    show_default=True,
    help="The same at these rates with callers and phones that send keys and no sound, which costs the load less.",
)
@click.option("--only", multiple=True, help="Only these variants, beside the bare dialplan.")
@click.option(
    "--desks",
    type=int,
    default=0,
    show_default=True,
    help="Only: time a ring to the caller on the page, with so many desks open, at 2 and 20 events a second.",
)
@click.option(
    "--browser-calls",
    type=int,
    default=0,
    show_default=True,
    help="Only: Asterisk's processor time for so many calls to a browser at once, A-law beside Opus (needs Chromium).",
)
@click.option(
    "--million",
    type=int,
    default=0,
    show_default=True,
    help="Only: search, list, board and reports with so many tickets on SQLite and PostgreSQL (1000000: about ten minutes).",
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers there."
)
def _command(
    rate: float,
    seconds: float,
    rounds: int,
    witnesses: float,
    highest: bool,
    ringing: tuple[float, ...],
    silent: tuple[float, ...],
    only: tuple[str, ...],
    desks: int,
    browser_calls: int,
    million: int,
    file: Path | None,
) -> int:
    """The same three questions asked in five ways under the same load; about 15 minutes."""
    _many_files()
    if desks:
        return _desks(desks, seconds, file)
    if browser_calls:
        priced = browser.measure(browser_calls, seconds, rounds)
        click.echo(priced.as_text())
        if file is not None:
            file.write_text(json.dumps(priced.as_dict(), indent=1) + "\n", encoding="utf-8")
        return 0
    if million:
        asked = million_of.measure(million)
        click.echo(million_of.as_text(asked))
        if file is not None:
            file.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")
        return 1 if million_of.is_late(asked) else 0
    try:
        chosen = possible(only)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    found = report.Report(processor.model(), rate, rounds)
    found.notes += [f"not in this tree, left out: {v.name}" for v in VARIANTS if not only and v not in chosen]
    with tempfile.TemporaryDirectory(prefix="bench-1022-") as name, ExitStack() as stack:
        folder = Path(name)
        prompts = lay_prompts(folder / "prompts")
        pids = stack.enter_context(servers(chosen, folder, prompts.folder))
        exchange = Exchange(folder / "asterisk", prompts)
        stack.callback(exchange.stop)
        exchange.folder.mkdir()
        exchange.start()
        bench = Bench(exchange, pids, load.write_scenario(folder / "load.xml"))
        stack.enter_context(load.sink())
        kept = 0
        found.rows = asyncio.run(
            _measure(bench, chosen, rate, seconds, rounds, witnesses, highest, only or ("ours",))
        )
        if "ours" in pids:
            kept = ours.calls_kept(folder)
    wanted = [(rate, True) for rate in ringing if rate] + [(rate, False) for rate in silent if rate]
    for calls_a_second, sound in wanted if 0 not in ringing else []:
        try:
            found.ringing.append(ringing_of.measure(calls_a_second, RINGING_S, sound))
        except (Fault, TimeoutError) as why:  # the other numbers are not lost with it
            found.notes.append(f"ringing at {calls_a_second:g} calls/s could not be measured: {why}")
    if "ours" in pids:
        found.notes.append(f"ours: {kept} calls have their ticket and their line in the ledger")
    click.echo(found.as_text())
    if file is not None:
        file.write_text(json.dumps(found.as_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    row = found.row("ours")
    return 1 if row is not None and row.cpu_ratio > report.MUST_RATIO else 0


def _desks(desks: int, seconds: float, file: Path | None) -> int:
    """1 when the page is later than it must."""
    found = desks_of.measure(desks, (2.0, 20.0), max(seconds, 20.0))
    for one in found:
        click.echo(one.as_text())
    if file is not None:
        file.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")
    late = [one for one in found[:2] if not one.p99_ms <= desks_of.MUST_P99_MS or one.shown < one.rings]
    return 1 if late else 0


async def _measure(
    bench: Bench,
    chosen: tuple[Variant, ...],
    rate: float,
    seconds: float,
    rounds: int,
    witnesses: float,
    highest: bool,
    often: Container[str],
) -> list[report.Row]:
    """Every way between two windows of the bare dialplan, `often` as many times as there are rounds."""
    for variant in chosen:  # caches are warm and lazy imports done before anything counts
        await measuring.window(bench, variant.key, *_load(variant, rate, witnesses, WARM_UP_S))
    quads = []
    for n in range(rounds):
        for variant in chosen:
            if variant == BARE or (variant.key not in often and n >= max(rounds // SELDOM, 1)):
                continue
            quads.append(
                await measuring.quad(bench, BARE.key, variant.key, *_load(variant, rate, witnesses, seconds))
            )
            click.echo(f"quad {n + 1}: {_told(quads[-1])}", err=True)
    tops: dict[str, int] = {}
    for variant in chosen if highest else ():
        tops[variant.key] = await measuring.highest(bench, variant.key)
        click.echo(f"highest: {variant.key} {tops[variant.key]} calls/s", err=True)
    return [report.row_of(variant, quads, rate, tops.get(variant.key)) for variant in chosen]


def _load(variant: Variant, rate: float, witnesses: float, seconds: float) -> tuple[float, float, float]:
    """Calls a second, for so many seconds, and how many of them are witnesses."""
    rate = min(rate, variant.rate_at_most)
    return rate, seconds, min(witnesses, rate / 2)


def _told(quad: Quad) -> str:
    windows = (quad.bare[0], *quad.way, quad.bare[1])
    costs = ", ".join(f"{w.variant} {w.cpu_ms:.2f} ms" + f" ({w.lost} lost)" * bool(w.lost) for w in windows)
    return f"{costs}: {quad.ratio:.2f} x"


def _many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def bench(words: list[str]) -> int:
    """Run by its words; the exit status: 1 when ours costs more than it must."""
    status = _command.main(words, prog_name="./run bench", standalone_mode=False)
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(bench(sys.argv[1:]))
