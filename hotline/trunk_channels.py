"""The channels of each trunk in use: counted in Asterisk every second by `calls`, told to the pages by a file in var/run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

NAME = "trunks.json"
STALE_S = 5.0
"""What is older is not known."""


def tell(run: Path, in_use: Mapping[str, int]) -> None:
    """Write the count; a disk that takes nothing leaves the last one to grow stale."""
    fresh = run / f"{NAME}.new"
    with suppress(OSError):
        fresh.write_text(json.dumps(in_use))
        fresh.replace(run / NAME)


def known(run: Path) -> dict[str, int] | None:
    """Trunk → channels, callers and legs out alike; None while nobody counts."""
    file = run / NAME
    try:
        if time.time() - file.stat().st_mtime > STALE_S:
            return None
        return {str(key): int(count) for key, count in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None  # no file, or not one that `tell` wrote
