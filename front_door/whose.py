"""Which installation of this clone a command is about: the one that runs, else the real one, else the demo."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from front_door import demo_places, places


def choose() -> None:
    """Sets the environment to the demo's when a person who ran only `./run demo` asks for its phones, proofs or health."""
    if "HOTLINE_VAR" in os.environ or "HOTLINE_DATABASE" in os.environ:
        return
    real, demo = places.HOUSE / "var", Path(demo_places.DEFAULTS["HOTLINE_VAR"])
    if _runs(real) or not (demo / "hotline.db").exists():
        return
    if _runs(demo) or not (real / "hotline.db").exists():
        print(f"(about the demo, {demo}; HOTLINE_VAR names another)", file=sys.stderr)
        for name, value in demo_places.DEFAULTS.items():
            os.environ.setdefault(name, value)


def _runs(var: Path) -> bool:
    try:
        with (var / "run" / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
