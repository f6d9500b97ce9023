"""A migrated SQLite database, made once in a process by the migrations themselves: what a test begins with is a copy."""

import tempfile
from functools import lru_cache
from pathlib import Path

from hotline.database import migrate


@lru_cache(maxsize=1)
def _made() -> bytes:
    with tempfile.TemporaryDirectory(prefix="hotline-migrated-") as folder:
        path = Path(folder) / "hotline.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def at(path: Path) -> str:
    """Puts a migrated database there; its URL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_made())
    return f"sqlite:///{path}"
