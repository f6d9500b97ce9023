"""What the tests need beyond the product (SIPp, PostgreSQL, Chromium, Python packages), and running them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from front_door import faults, places, python_packages, steps

SYSTEM = {"sip-tester": "sipp", "postgresql": "initdb", "chromium": "chromium"}
"""Debian package → its program. Two of them start programs of their own, which the private loader cannot."""


@dataclass(frozen=True)
class Part:
    """A part of the whole suite: which tests, and how many files of them at a time."""

    marked: str
    beside: int


PARTS = (Part("not live", 2), Part("live", 3))
"""Quick tests use both cores; live ones, which mostly wait for a call to go its way, come after them."""
AGAIN_AT_MOST = 25
"""More failures than these are no slow moment: they are not run again."""
FAILED = 1
"""pytest's exit status when tests ran and some failed. Every other one stands: a lost worker, no test at all, an internal error."""
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
    ("python", "-m", "asterisk_conf.check"),
)


def bring() -> None:
    """Brings the tests' packages, Python's and the system's, side by side. Raises Fault."""
    steps.set_up([python_packages.step(python_packages.TESTS)])
    if absent():
        steps.set_up([steps.Step("Test programs", (), Path("/nonexistent"), _install)])


def absent() -> list[str]:
    """The Debian packages whose programs are not here."""
    return [package for package, program in SYSTEM.items() if not _found(program)]


def _found(program: str) -> bool:
    # Debian keeps PostgreSQL's programs out of the PATH.
    return bool(shutil.which(program)) or any(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))


def _install(note: Callable[[str], None]) -> None:
    packages = absent()
    if os.getuid() != 0:
        raise faults.Fault(
            f"The tests need {', '.join(packages)}; install them (sudo apt-get install {' '.join(packages)}) "
            "and run this again."
        )
    note(f"installing {', '.join(packages)} from the machine's own suite")
    apt = ["apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    steps.call("the index of this machine's own suite", [*apt, "update"], log="apt", env=quiet)
    words = [*apt, "install", "--no-install-recommends", *packages]
    steps.call("the tests' programs", words, log="apt", env=quiet)


def run(words: list[str]) -> int:
    """Brings what is missing and becomes pytest; without words the whole suite, one part after the other."""
    bring()
    if words:
        return os.execv(places.PYTHON, [str(places.PYTHON), "-m", "pytest", *words])  # noqa: S606 - a fixed program of this clone
    return max([run_part(part) for part in PARTS])


def run_part(part: Part) -> int:
    """Runs a part, and what failed in it once more, alone; pytest's exit status, 0 when all has passed once."""
    kept = places.MADE / "tests" / part.marked.replace(" ", "-")
    shutil.rmtree(kept, ignore_errors=True)
    words = ("-m", part.marked, "-o", f"cache_dir={kept}")
    # pytest-xdist 3.8 may wait for ever after it has replaced a worker that died: none is, and the run is broken.
    status = _pytest(*words, "-n", str(part.beside), "--dist", "loadfile", "--max-worker-restart=0")
    failed = _recorded(kept)
    if status != FAILED or not worth_another_run(failed):
        return status
    print(
        f"1022: {len(failed)} failed beside others; each once more, alone:", *failed, sep="\n  ", flush=True
    )
    report = kept / "alone.xml"
    alone = _pytest(*words, "--last-failed", "--last-failed-no-failures=none", f"--junit-xml={report}")
    left = _recorded(kept)
    mended = [name for name in failed if name not in left]
    if mended:
        print(
            "1022: Failed beside others and passed alone (a fault to mend when it comes back):",
            *mended,
            sep="\n  ",
        )
    if left:
        print("1022: Failed both times:", *left, sep="\n  ")
    if alone == 0 and (left or not all_passed(report, len(failed))):
        print("1022: Not all that failed could be run again: the first result stands.")
        return FAILED
    return alone


def _pytest(*words: str) -> int:
    return subprocess.run([places.PYTHON, "-m", "pytest", *words], cwd=places.HOUSE, check=False).returncode


def _recorded(kept: Path) -> list[str]:
    """What pytest wrote down as failed: tests, and files that could not be collected."""
    try:
        return sorted(json.loads((kept / "v" / "cache" / "lastfailed").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []


def worth_another_run(failed: list[str]) -> bool:
    # A worker that collected other tests than its fellows is recorded by its own name, which is no file.
    named = all((places.HOUSE / name.partition("::")[0]).is_file() for name in failed)
    return named and 0 < len(failed) <= AGAIN_AT_MOST and not os.environ.get("HOTLINE_TEST_ONCE")


def all_passed(report: Path, count: int) -> bool:
    """Whether so many tests ran, and none of them was skipped."""
    suites = ElementTree.parse(report).iter("testsuite")  # noqa: S314 - pytest wrote it just now
    ran = [{name: int(suite.get(name, 0)) for name in ("tests", "skipped")} for suite in suites]
    return sum(one["tests"] for one in ran) >= count and not any(one["skipped"] for one in ran)


def check() -> int:
    """Lint, types, imports and the dialplan; 1 when any finds something."""
    bring()
    failed = [words for words in CHECKS if _fails(words)]
    for words in failed:
        print(f"1022: {' '.join(words)} found something; see above.")
    return 1 if failed else 0


def _fails(words: tuple[str, ...]) -> bool:
    print(f"$ {' '.join(words)}", flush=True)
    program = places.VENV / "bin" / words[0]
    return subprocess.run([program, *words[1:]], cwd=places.HOUSE, check=False).returncode != 0
