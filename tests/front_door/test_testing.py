"""The whole suite's run: what failed beside others is run once more, alone, and only what then passes is forgiven."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from front_door import places, testing
from front_door.testing import Part

ONCE = """
from pathlib import Path
import os, pytest

def first(name):
    made = Path(__file__).with_name(name)
    if made.exists():
        return False
    made.touch()
    return True
"""
"""The top of a test file; its `first("x")` is true in its first run only."""
FLAKY = ONCE + "def test_flaky(): assert not first('flaky')\n"
BROKEN = "def test_broken(): assert False\n"
GOOD = "def test_good(): pass\n"
CRASHES_ONCE = ONCE + "def test_crash():\n    if first('crash'): os._exit(3)\n"
NO_SET_UP_ONCE = (
    ONCE + "@pytest.fixture\ndef house(): assert not first('house')\n\ndef test_in_a_house(house): pass\n"
)
INTERNAL_FAULT = "def pytest_runtest_logreport(report): raise RuntimeError('broken conftest')\n"


@pytest.fixture
def suite(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose tests are those that the test writes into it."""
    monkeypatch.setattr(places, "HOUSE", clone)
    monkeypatch.setattr(places, "PYTHON", Path(sys.executable))
    for name in ("HOTLINE_TEST_ONCE", "PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a second less for each run
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    (clone / "pytest.ini").write_text("[pytest]\ntestpaths = .\n")
    shutil.copy(Path(__file__).parent.parent / "conftest.py", clone)
    return clone


def ran(suite: Path, files: dict[str, str], beside: int = 1) -> int:
    for name, text in files.items():
        (suite / f"{name}.py").write_text(text)
    return testing.run_part(Part("not live", beside))


def test_what_fails_beside_others_and_passes_alone_is_named_and_forgiven(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ran(suite, {"test_flaky": FLAKY, "test_house": NO_SET_UP_ONCE, "test_good": GOOD}, beside=2) == 0
    said = capfd.readouterr().out
    named = said[said.index("1022: Failed beside others and passed alone") :].splitlines()[1:]
    assert named == ["  test_flaky.py::test_flaky", "  test_house.py::test_in_a_house"]


def test_what_fails_both_times_fails_the_run_and_is_forgotten_by_the_next(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ran(suite, {"test_flaky": FLAKY, "test_broken": BROKEN}) == 1
    said = capfd.readouterr().out
    assert "1022: Failed both times:\n  test_broken.py::test_broken\n" in said
    assert "passed alone (a fault to mend when it comes back):\n  test_flaky.py::test_flaky\n" in said
    assert ran(suite, {"test_broken": GOOD}) == 0
    assert "1022:" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"test_crash": CRASHES_ONCE, "test_good": GOOD}, 3),
        ({"conftest": INTERNAL_FAULT, "test_good": GOOD}, 3),
        ({"test_flaky": FLAKY, "test_unreadable": "def test_("}, 2),
    ],
    ids=["a worker died", "an internal error", "a file that nobody can read"],
)
def test_a_run_that_broke_down_is_not_forgiven(
    suite: Path, capfd: pytest.CaptureFixture[str], files: dict[str, str], status: int
) -> None:
    assert ran(suite, files) == status
    assert "passed alone" not in capfd.readouterr().out


def test_only_a_few_known_failures_are_run_again(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (suite / "test_many.py").touch()
    many = [f"test_many.py::test_many[{n}]" for n in range(testing.AGAIN_AT_MOST + 1)]
    assert testing.worth_another_run(many[1:])
    assert not testing.worth_another_run(many)
    assert not testing.worth_another_run([])
    assert not testing.worth_another_run(["gw1"]), "a worker that collected other tests than its fellows"
    monkeypatch.setenv("HOTLINE_TEST_ONCE", "1")
    assert not testing.worth_another_run(many[1:])


@pytest.mark.parametrize(
    ("tests", "skipped", "passed"), [(2, 0, True), (3, 0, True), (1, 0, False), (2, 1, False)]
)
def test_who_is_skipped_or_missing_the_second_time_has_not_passed(
    tmp_path: Path, tests: int, skipped: int, passed: bool
) -> None:
    report = tmp_path / "alone.xml"
    report.write_text(
        f'<testsuites><testsuite name="pytest" tests="{tests}" skipped="{skipped}"/></testsuites>'
    )
    assert testing.all_passed(report, 2) is passed
