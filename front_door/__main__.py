"""`./run COMMAND`: sets up with Python's own library alone what is missing, then hands over to app.py."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from front_door import bundle, faults, lock, panel_libraries, parts, places, python_packages, steps, testing

USAGE = """\
./run COMMAND [OPTIONS]            1022: a province's public hotline

  up                               set up and run the product
  demo [--calls N [--json FILE]]   the same with demo data and simulated callers
  demo --story [--json FILE]       the same, to play one emergency from the call to the answer back
  test [PYTEST ARGUMENTS]          bring what the tests need, run them
  check                            lint, types, imports, dialplan
  doctor                           a line per part: what is wrong and what mends it
  bundle FILE                      everything a set-up downloads, in one file for a machine without a network
  parts relock                     lock the newest Asterisk and friends that Debian sid holds
  set-up                           only set up
  anything else                    goes to app.py: ./run --help lists it

  --bundle FILE                    (before COMMAND) set up from a bundle, without a network
"""
BARE = ("parts", "bundle", "set-up", "test", "check")
"""Commands that app.py does not see."""
SEEN_BY_APP = (
    *("up", "demo", "doctor", "migrate", "phone", "agi", "calls", "worker", "rescue", "panel", "live"),
    *("protocol", "prompts", "verify", "bench", "agency-token", "--help", "-h"),
)
"""What app.py knows, told here so that a slip of the pen is named before anything is fetched."""


def main(words: list[str]) -> int:
    """Runs one command; the exit status."""
    signal.signal(signal.SIGTERM, _end)
    if words[:1] == ["--bundle"] and len(words) > 1:
        os.environ["HOTLINE_BUNDLE"] = str(Path(words[1]).absolute())
        words = words[2:]
    if not words or words[0] in ("help", "-h"):
        print(USAGE)
        return 0
    try:
        return _command(words[0], words[1:])
    except faults.Fault as fault:
        print(f"1022: {fault}", file=sys.stderr)
    except OSError as error:
        print(f"1022: {faults.of_os_error(error, places.MADE)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("1022: stopped; the same command goes on where it was.", file=sys.stderr)
        return 130
    return 1


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    steps.stop_all()
    raise SystemExit(128 + number)


def _command(command: str, words: list[str]) -> int:
    if command == "parts" and words == ["relock"]:
        print(parts.relock())
        return 0
    if command not in (*BARE, *SEEN_BY_APP):
        print(f"1022: There is no command '{command}'; './run help' lists them.", file=sys.stderr)
        return 2
    # Eight processes that each compile their modules anew take ten seconds more to start, whatever the shell asks for.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _set_up()
    match command:
        case "set-up":
            return 0
        case "bundle" if words:
            return _bundle(Path(words[0]).absolute())
        case "test":
            return testing.run(words)
        case "check":
            return testing.check()
        case "bench":  # measured with the tests' own callers and browsers
            steps.set_up([python_packages.step(python_packages.TESTS)])
        case _ if command in BARE:
            print(USAGE)
            return 2
    words = [str(places.PYTHON), str(places.HOUSE / "app.py"), command, *words]
    return os.execv(places.PYTHON, words)  # noqa: S606 - a fixed program of this clone


def _set_up() -> None:
    named = os.environ.get("HOTLINE_BUNDLE")
    wanted = [python_packages.step(), parts.step(), panel_libraries.step()]
    if all(step.is_done() for step in wanted):
        return
    began = time.monotonic()
    print("Setting up:", flush=True)
    if named:
        bundle.bring(Path(named))
    steps.set_up(wanted)
    print(f"Set up in {time.monotonic() - began:.0f} s.", flush=True)


def _bundle(file: Path) -> int:
    python_packages.download(places.cache() / "wheels")
    locked = lock.read(places.PARTS_LOCK)
    parts.fetch(locked.packages, places.cache() / "debs")
    panel_libraries.bring(lambda note: None)
    size = bundle.export(file)
    print(f"{file}: {size / 1e6:.0f} MB; on the other machine: ./run --bundle {file.name} up")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
