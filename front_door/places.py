"""Where the front door keeps what it makes: in ignored folders, and downloads in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
VENV = HOUSE / ".venv"
PYTHON = VENV / "bin" / "python"
MADE = HOUSE / "var"
"""What set-up makes for this clone. An installation's own var (HOTLINE_VAR) may lie elsewhere."""
STAMPS = MADE / "set-up"
SET_UP_LOG = MADE / "log"
PARTS = MADE / "parts"
PARTS_ROOT = Path(os.environ.get("HOTLINE_PARTS") or PARTS / "root")
PARTS_LOCK = HOUSE / "front_door" / "parts.lock"
NODE_MODULES = HOUSE / "node_modules"
VENDOR = HOUSE / "softphone_panel" / "static" / "vendor"


def cache() -> Path:
    """Downloads that outlive a clone; HOTLINE_CACHE puts them elsewhere."""
    named = os.environ.get("HOTLINE_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotline-1022"
