"""A command about phones, proofs or health is about the installation that its person means."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from front_door import demo_places, places, whose


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    demo = tmp_path / "var" / "demo"
    demo.mkdir(parents=True)
    monkeypatch.setattr(places, "HOUSE", tmp_path)
    monkeypatch.setitem(demo_places.DEFAULTS, "HOTLINE_VAR", str(demo))
    for name in (*demo_places.DEFAULTS, "HOTLINE_DATABASE"):
        # Set first, so that what `choose` sets is taken back at the end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


def test_a_clone_with_only_a_demo_means_the_demo(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "var" / "demo" / "hotline.db").touch()
    whose.choose()
    assert os.environ["HOTLINE_VAR"] == str(clone / "var" / "demo")
    assert "about the demo" in capsys.readouterr().err


def test_a_clone_with_both_means_the_real_one_unless_the_demo_runs(clone: Path) -> None:
    (clone / "var" / "hotline.db").touch()
    (clone / "var" / "demo" / "hotline.db").touch()
    whose.choose()
    assert "HOTLINE_VAR" not in os.environ
    (clone / "var" / "demo" / "run").mkdir()
    with (clone / "var" / "demo" / "run" / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whose.choose()
    assert os.environ["HOTLINE_VAR"] == str(clone / "var" / "demo")


def test_what_the_environment_names_is_meant(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone / "var" / "demo" / "hotline.db").touch()
    monkeypatch.setenv("HOTLINE_VAR", "/somewhere")
    whose.choose()
    assert os.environ["HOTLINE_VAR"] == "/somewhere"
