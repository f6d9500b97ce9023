"""A clone's folders moved into a temporary place, so that no test touches this clone's own."""

from pathlib import Path

import pytest

from front_door import places


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty clone: every place that set-up writes to lies in it."""
    made = tmp_path / "var"
    for name, place in {
        "MADE": made,
        "STAMPS": made / "set-up",
        "SET_UP_LOG": made / "log",
        "PARTS": made / "parts",
        "PARTS_ROOT": made / "parts" / "root",
        "PARTS_LOCK": tmp_path / "parts.lock",
    }.items():
        monkeypatch.setattr(places, name, place)
    monkeypatch.setenv("HOTLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path
