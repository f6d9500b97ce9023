"""Set-up as steps side by side: each skipped when its stamp says it is done, timed, and resumed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from front_door import faults, places

NEEDED_BYTES = 700 * 1024 * 1024
"""What a set-up from nothing lays on the disk, with some room for the first recordings."""
LOCK_WITHIN_S = 300.0


@dataclass(frozen=True)
class Step:
    """One thing that set-up makes."""

    name: str
    inputs: tuple[Path | str, ...]
    """Files (by content) and texts: when their digest changes, the step is run again."""
    product: Path
    """What must exist for the step to count as done."""
    make: Callable[[Callable[[str], None]], None]
    """Makes the product; is given a function that notes how far it is. Raises Fault."""

    def digest(self) -> str:
        """The stamp's content."""
        said = hashlib.sha256(str(self.product).encode())
        for part in self.inputs:
            said.update(b"\0")
            said.update(part.encode() if isinstance(part, str) else part.read_bytes())
        return said.hexdigest()

    def stamp(self) -> Path:
        """The file whose content says from which inputs the product was made."""
        return places.STAMPS / self.name.replace(" ", "-")

    def is_done(self) -> bool:
        """Whether the product was made from these very inputs."""
        stamp = self.stamp()
        return self.product.exists() and stamp.is_file() and stamp.read_text() == self.digest()


def set_up(steps: Sequence[Step]) -> None:
    """Makes all that is not done, side by side. Raises the first Fault after the others have ended."""
    missing = [step for step in steps if not step.is_done()]
    if not missing:
        return
    with the_only_set_up():
        missing = [step for step in missing if not step.is_done()]
        _see_to_room()
        for step in steps:
            if step not in missing:
                show(step.name, "ready")
        _make(missing)


def show(name: str, what: str) -> None:
    """One line of progress."""
    print(f"  {name:<24} {what}", flush=True)


def _make(missing: Sequence[Step]) -> None:
    found: list[faults.Fault] = []

    def one(step: Step) -> None:
        began = time.monotonic()
        try:
            step.make(lambda what: show(step.name, what))
            write(step.stamp(), step.digest())
        except faults.Fault as fault:
            found.append(fault)
        except OSError as error:
            found.append(faults.of_os_error(error, places.MADE))
        else:
            show(step.name, f"{time.monotonic() - began:.1f} s")

    threads = [threading.Thread(target=one, args=(step,), daemon=True) for step in missing]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    except BaseException:
        stop_all()
        raise
    if found:
        raise found[0]


def _see_to_room() -> None:
    places.MADE.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(places.MADE).free < NEEDED_BYTES:
        raise faults.disk_full(places.MADE)


# --- programs ----------------------------------------------------------------------------------

_running: set[subprocess.Popen[bytes]] = set()
_lock_fd: list[int] = []


def call(what: str, command: Sequence[str | Path], *, log: str, env: Mapping[str, str] | None = None) -> str:
    """Runs a program to its end and returns what it printed. Raises Fault when it fails or is missing."""
    places.SET_UP_LOG.mkdir(parents=True, exist_ok=True)
    path = places.SET_UP_LOG / f"set-up-{log}.log"
    try:
        code, output = _run(command, env)
    except FileNotFoundError:
        raise faults.missing_tool(str(command[0]), f"install it (it is needed for {what})") from None
    with path.open("a") as file:
        file.write(f"$ {' '.join(str(word) for word in command)[:2000]}\n{output}\n")
    if code != 0:
        raise faults.of_output(what, output, path)
    return output


def attempt(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Runs a program whose failure the caller judges: its status and what it printed."""
    return _run(command, env)


def _run(command: Sequence[str | Path], env: Mapping[str, str] | None) -> tuple[int, str]:
    with subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=places.HOUSE,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        # An orphan of a killed set-up keeps the lock until it has ended, so that two never write one folder.
        pass_fds=tuple(_lock_fd),
    ) as process:
        _running.add(process)
        try:
            output, _ = process.communicate()
        finally:
            _running.discard(process)
    return process.returncode, output.decode(errors="replace")


def stop_all() -> None:
    """Ends the programs that set-up is running now."""
    for process in list(_running):
        process.terminate()


# --- files -------------------------------------------------------------------------------------


def write(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def put_in_place(new: Path, place: Path) -> None:
    """Swaps a finished folder in; what stood there before is gone."""
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def the_only_set_up() -> Iterator[None]:
    """Holds the clone's set-up lock; waits for another set-up of the same clone to end."""
    places.STAMPS.mkdir(parents=True, exist_ok=True)
    with (places.STAMPS / "lock").open("w") as file:
        _wait_for(file.fileno())
        _lock_fd.append(file.fileno())
        try:
            yield
        finally:
            _lock_fd.clear()


def _wait_for(descriptor: int) -> None:
    until = time.monotonic() + LOCK_WITHIN_S
    said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise faults.Fault(
                    f"Another ./run has been setting up here for {LOCK_WITHIN_S:.0f} s; end it, run again."
                ) from None
            if not said:
                print("  another ./run is setting this clone up; waiting for it", file=sys.stderr, flush=True)
                said = True
            time.sleep(0.2)
