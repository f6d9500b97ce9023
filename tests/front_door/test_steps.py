"""Set-up as steps: what is done stays done, an interruption is resumed, a fault is one sentence."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from front_door import places, steps
from front_door.faults import Fault
from front_door.steps import Step

Note = Callable[[str], None]


def step(name: str, product: Path, make: Callable[[Note], None], *inputs: str) -> Step:
    return Step(name, inputs, product, make)


def test_a_step_that_is_done_is_not_run_again(clone: Path) -> None:
    runs: list[str] = []
    product = clone / "product"

    def make(note: Note) -> None:
        runs.append("run")
        product.touch()

    for _ in range(2):
        steps.set_up([step("one", product, make)])
    assert runs == ["run"]


def test_a_step_whose_input_changed_is_run_again(clone: Path) -> None:
    runs: list[str] = []
    product = clone / "product"
    product.touch()
    for said in ("version 1", "version 2"):
        steps.set_up([step("one", product, lambda note: runs.append("run"), said)])
    assert runs == ["run", "run"]


def test_a_step_whose_product_was_deleted_is_run_again(clone: Path) -> None:
    product = clone / "product"
    one = step("one", product, lambda note: product.touch())
    steps.set_up([one])
    product.unlink()
    steps.set_up([one])
    assert product.exists()


def test_steps_run_side_by_side_and_show_their_time(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = threading.Barrier(3)

    def slow(note: Note) -> None:
        note("at work")
        beside.wait(20)
        time.sleep(0.4)

    steps.set_up([step(name, clone, slow, name) for name in ("one", "two", "three")])
    shown = capsys.readouterr().out
    assert shown.count("at work") == 3
    took_s = [float(said) for said in re.findall(r"(\d+\.\d) s$", shown, re.MULTILINE)]
    assert len(took_s) == 3
    assert min(took_s) >= 0.4


def test_a_fault_leaves_the_other_steps_done(clone: Path) -> None:
    def broken(note: Note) -> None:
        raise Fault("It is broken; mend it.")

    product = clone / "product"
    good = step("good", product, lambda note: product.touch())
    with pytest.raises(Fault, match="It is broken; mend it"):
        steps.set_up([step("bad", clone, broken), good])
    assert good.is_done()


def test_a_full_disk_is_one_sentence(clone: Path) -> None:
    def fill(note: Note) -> None:
        with Path("/dev/full").open("w") as full:
            full.write("a page that finds no room")

    with pytest.raises(Fault, match=r"^The disk that holds .* is full: free at least 1 GB there"):
        steps.set_up([step("one", clone, fill)])


def test_a_full_disk_is_said_before_anything_is_fetched(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "NEEDED_BYTES", 1 << 60)
    runs: list[str] = []
    with pytest.raises(Fault, match="is full"):
        steps.set_up([step("one", clone, lambda note: runs.append("run"))])
    assert runs == []


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("tar: write error: No space left on device", "The disk that holds"),
        ("Err:1 Temporary failure resolving 'mirror'", "No network: the thing could not be fetched"),
        ("npm error code ENOTFOUND", "No network"),
        ("HTTPConnectionPool: Failed to establish a new connection: [Errno 111]", "No network"),
        ("ERROR: hashes are not right", r"could not be set up \(ERROR: hashes are not right\)"),
    ],
)
def test_what_a_program_printed_becomes_a_sentence(clone: Path, printed: str, sentence: str) -> None:
    words = [sys.executable, "-c", f"print({printed!r}); raise SystemExit(1)"]
    with pytest.raises(Fault, match=sentence):
        steps.call("the thing", words, log="thing")
    assert printed in (places.SET_UP_LOG / "set-up-thing.log").read_text()


def test_a_missing_program_is_named(clone: Path) -> None:
    with pytest.raises(Fault, match="'no-such-program' is missing"):
        steps.call("the thing", ["no-such-program"], log="thing")


SET_UP = """
import sys, time
from pathlib import Path
from front_door import places, steps
made = Path({folder!r})
places.MADE, places.STAMPS, places.SET_UP_LOG = made, made / "set-up", made / "log"
def quick(note):
    with (made / "quick-runs").open("a") as file: file.write("x")
def slow(note):
    steps.call("the slow step", ["sleep", {sleep!r}], log="slow")
    (made / "slow-done").touch()
steps.set_up([
    steps.Step("quick", (), made / "quick-runs", quick),
    steps.Step("slow", (), made / "slow-done", slow),
])
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_set_up_killed_in_the_middle_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    made = tmp_path / "var"
    first = subprocess.Popen(
        [sys.executable, "-c", SET_UP.format(folder=str(made), sleep="2")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=places.HOUSE,
    )
    until = time.monotonic() + 5
    while not (made / "set-up" / "quick").exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    first.send_signal(how)
    first.wait(5)
    again = subprocess.run(
        [sys.executable, "-c", SET_UP.format(folder=str(made), sleep="0")],
        capture_output=True,
        text=True,
        cwd=places.HOUSE,
        timeout=10,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert (made / "slow-done").exists()
    assert (made / "quick-runs").read_text() == "x"
