"""What a killed run left behind: processes without their supervisor, sockets without an owner."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

KEPT = "HOTLINE_KEPT_IN"
"""In the environment of every child of the supervisor: the var folder of its installation."""
END_WITHIN_S = 3.0


def clear(var: Path) -> list[int]:
    """Ends the processes that an earlier supervisor of `var` left, removes its sockets; the ended ids.

    Call it only while holding the installation's lock: then nobody else's process carries the mark.
    """
    found = [*_marked(var), *_redis(var)]
    for number in found:
        _tell(number, signal.SIGTERM)
    until = time.monotonic() + END_WITHIN_S
    while time.monotonic() < until and any(map(_lives, found)):
        time.sleep(0.05)
    for number in found:
        _tell(number, signal.SIGKILL)
    for path in (var / "run").glob("*"):
        if path.suffix in (".sock", ".pid", ".beat"):  # an old heartbeat is no sign of life
            path.unlink(missing_ok=True)
    return found


def _marked(var: Path) -> list[int]:
    mark = f"{KEPT}={var}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process of somebody else, or one that has just ended
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return [number for number in found if number != os.getpid()]


def _redis(var: Path) -> list[int]:
    # Redis writes its title over its environment, so it is known by its pid file and that title.
    with suppress(OSError, ValueError):
        number = int((var / "run" / "redis.pid").read_text())
        title = Path(f"/proc/{number}/cmdline").read_bytes()
        if b"redis" in title and str(var).encode() in title:
            return [number]
    return []


def _tell(number: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, what)


def _lives(number: int) -> bool:
    with suppress(OSError):
        return ") Z" not in Path(f"/proc/{number}/stat").read_text()
    return False
