"""The five ways to ask three questions, and the servers they need."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import ours
from tests.bench.exchange import AGI_PORTS
from tests.bench.waiting import until_listening


@dataclass(frozen=True)
class Variant:
    """One way; `key` is its extension in the dialplan."""

    key: str
    name: str
    module: str = ""
    """What runs beside Asterisk; empty: nothing does."""
    rate_at_most: float = 1000.0
    """Calls a second at which its cost is still a cost a call and not a collapse."""


BARE = Variant("bare", "bare dialplan (Read × 3)")
VARIANTS = (
    BARE,
    Variant("pyst2", "bare threaded pyst2", "tests.bench.bare_pyst2"),
    Variant("usual", "pyst2 the usual way (a process per call)", rate_at_most=4.0),
    Variant("panoramisk", "panoramisk fast_agi", "tests.bench.panoramisk_fast_agi"),
    Variant("ours", "ours (ticket and ledger written)", "agi_scripts.server"),
)


def possible(keys: tuple[str, ...]) -> tuple[Variant, ...]:
    """The wanted variants (all when none is named) whose server exists in this tree; LookupError for an unknown name."""
    known = {variant.key for variant in VARIANTS}
    if unknown := [key for key in keys if key not in known]:
        raise LookupError(f"There is no variant {unknown[0]!r}; there are {', '.join(sorted(known))}.")
    chosen = [v for v in VARIANTS if not keys or v.key in keys or v is BARE]
    return tuple(v for v in chosen if not v.module or importlib.util.find_spec(v.module))


@contextmanager
def servers(variants: tuple[Variant, ...], folder: Path, prompts: Path) -> Iterator[dict[str, list[int]]]:
    """Starts what the variants need; the process ids of each."""
    with ExitStack() as stack:
        pids: dict[str, list[int]] = {variant.key: [] for variant in variants}
        for variant in variants:
            if not variant.module:
                continue
            port = AGI_PORTS[variant.key]
            if variant.key == "ours":
                words, environment = ours.prepare(folder, prompts, port)
                redis = stack.enter_context(_running(ours.redis(folder), {}, folder / "redis.log"))
                pids[variant.key].append(redis.pid)
            else:
                words, environment = [sys.executable, "-m", variant.module, str(port)], {}
            process = stack.enter_context(_running(words, environment, folder / f"{variant.key}.log"))
            until_listening(port, process, folder / f"{variant.key}.log")
            pids[variant.key].append(process.pid)
        yield pids


@contextmanager
def _running(words: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, env=os.environ | environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
