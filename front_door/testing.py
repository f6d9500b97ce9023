"""What the tests need beyond the product (SIPp, PostgreSQL, Chromium, Python packages), and running them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from front_door import faults, places, python_packages, steps

SYSTEM = {"sip-tester": "sipp", "postgresql": "initdb", "chromium": "chromium"}
"""Debian package → its program. Two of them start programs of their own, which the private loader cannot."""
PARTS = (
    ("-m", "not live", "-n", "2", "--dist", "loadfile"),
    ("-m", "live", "-n", "3", "--dist", "loadfile"),
)
"""Quick tests use both cores; live ones, which mostly wait for a call to go its way, come after them, three files at a time."""
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
    command = [str(places.PYTHON), "-m", "pytest", *words]
    if words:
        return os.execv(places.PYTHON, command)  # noqa: S606 - a fixed program of this clone
    statuses = [subprocess.run([*command, *part], cwd=places.HOUSE, check=False).returncode for part in PARTS]
    return max(statuses)


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
