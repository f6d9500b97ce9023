"""The Python packages, in .venv, by the digests of requirements.txt; pip is found or brought."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from front_door import apt, bundle, parts, places, steps

BUILD = places.HOUSE / "front_door" / "build-requirements.txt"
RUNTIME = places.HOUSE / "requirements.txt"
TESTS = places.HOUSE / "requirements-dev.txt"
BUILDING = places.VENV / "building"
"""Lies in .venv while pip works there; found at a start, it tells that pip was interrupted."""


def step(requirements: Path = RUNTIME) -> steps.Step:
    """The set-up step that makes .venv; with the tests' requirements it holds the runtime's too."""
    return steps.Step(
        name="Python packages" if requirements == RUNTIME else "Python test packages",
        inputs=(sys.version, BUILD, requirements),
        product=places.PYTHON,
        make=lambda note: install(requirements, note),
    )


def install(requirements: Path, note: Callable[[str], None]) -> None:
    """Makes .venv if it is missing or was left half-made, and installs what `requirements` names."""
    if BUILDING.exists() or not _works():
        shutil.rmtree(places.VENV, ignore_errors=True)
        steps.call(".venv", [sys.executable, "-m", "venv", "--without-pip", places.VENV], log="python")
    pip_wheel = find_pip(note)
    BUILDING.touch()
    lines = requirements.read_text().count("==")
    note(f"installing {lines} packages")
    _pip(pip_wheel, "install", BUILD)
    _pip(pip_wheel, "install", requirements)
    BUILDING.unlink()


def download(folder: Path) -> None:
    """Lays all that `install` needs for the runtime into a folder, for a bundle."""
    wheel = find_pip(lambda note: None)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(wheel, folder)
    for requirements in (BUILD, RUNTIME):
        _pip(wheel, "download", requirements, "--dest", str(folder))


def install_apart(requirements: Path, folder: Path) -> None:
    """Installs what `requirements` names into a folder of its own, with this Python and beside .venv."""
    _pip(
        find_pip(lambda note: None),
        "install",
        requirements,
        "--target",
        str(folder),
        python=Path(sys.executable),
    )


def _works() -> bool:
    if not places.PYTHON.exists():
        return False
    code, said = steps.attempt([places.PYTHON, "-c", "import sys; print(sys.version)"])
    return code == 0 and said.strip() == sys.version.strip()


def _pip(wheel: Path, verb: str, requirements: Path, *more: str, python: Path = places.PYTHON) -> None:
    # The lock names every package, so nothing is resolved; modules are compiled afterwards.
    words: list[str | Path] = [
        python,
        "-m",
        "pip",
        verb,
        "--no-deps",
        "--require-hashes",
        "--no-build-isolation",
    ]
    words += [
        "--use-pep517",
        "--progress-bar",
        "off",
        "--retries",
        "2",
        "--cache-dir",
        places.cache() / "pip",
    ]
    words += ["--disable-pip-version-check", "--no-input", *more, "-r", requirements]
    if verb == "install":
        words.append("--no-compile")
    wheels = places.cache() / "wheels"
    if wheels.is_dir():
        words += ["--find-links", wheels]
    if bundle.is_offline():
        words.append("--no-index")
    steps.call("the Python packages", words, log="python", env={"PYTHONPATH": str(wheel), "PIP_USER": "0"})
    if verb == "install" and python == places.PYTHON:
        # On all processors at once; pip itself would use one.
        compiled: list[str | Path] = [python, "-m", "compileall", "-q", "-j", "0", places.VENV / "lib"]
        steps.call("the compiled Python packages", compiled, log="python")


# --- pip ---------------------------------------------------------------------------------------


_one_at_a_time = threading.Lock()


def find_pip(note: Callable[[str], None]) -> Path:
    """A wheel of pip: Python's own, the system's, the cache's, else one of the machine's own Debian suite."""
    with _one_at_a_time:  # the steps for .venv and for Node both ask
        return _find_pip(note)


def _find_pip(note: Callable[[str], None]) -> Path:
    places_of_pip = [
        Path("/usr/share/python-wheels"),
        places.cache() / "wheels",
        places.cache() / "pip-wheel",
    ]
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip and ensurepip.origin:
        places_of_pip.insert(0, Path(ensurepip.origin).parent / "_bundled")
    for folder in places_of_pip:
        found = sorted(folder.glob("pip-*.whl"))
        if found:
            return found[-1]
    note("this Python has no pip; fetching one")
    return _fetch_pip(places.cache() / "pip-wheel")


def _fetch_pip(folder: Path) -> Path:
    suite = apt.own_suite()
    archive = apt.PrivateArchive(places.MADE / "apt" / suite, suite)
    archive.open(("python3", "ca-certificates"))
    debs = parts.fetch(archive.packages("python3-pip-whl"), places.cache() / "debs")
    unpacked = places.MADE / "apt" / "pip"
    parts.unpack(debs, unpacked)
    folder.mkdir(parents=True, exist_ok=True)
    wheel = next(unpacked.glob("usr/share/python-wheels/pip-*.whl"))
    new = folder / (wheel.name + ".new")
    shutil.copy(wheel, new)
    return new.replace(folder / wheel.name)
