"""The local append-only journal: where a fact goes when the database does not take it in time, to be replayed later."""

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hotline.events import Event, from_plain, to_plain
from hotline.spool import Spool, orphans


class Journal:
    """One room's file of facts, one JSON object a line, fsynced: var/journal/<process>.jsonl.

    Several workers of a room may share it: a file lock orders their lines and lets one of them replay.
    """

    def __init__(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{process}.jsonl"
        self.aside = folder / f"{process}.replaying"
        """What a replay took and has not finished; after a crash the next replay begins with it."""
        self.refused = folder / f"{process}.refused.jsonl"
        """Facts that the database will never take, for people to read."""
        self._lock = threading.Lock()

    def spool(self) -> Spool:
        """A spool of this process's own, beside the journal."""
        return Spool(self.path.parent, self.path.stem)

    def append(self, *events: Event) -> None:
        """Keep facts in this order; they are on the disk when it returns. OSError when the disk does not take them."""
        self._put(self.path, events)

    def refuse(self, event: Event, why: str) -> None:
        """Set a fact aside for people, with the reason."""
        self._put(self.refused, [event], why)

    def adopt(self) -> None:
        """Take over what processes of this name had spooled when they were killed. OSError when the disk does not take it."""
        for path, lines in orphans(self.path.parent, self.path.stem):
            self._put_lines(self.path, lines)
            path.unlink()

    def _put(self, path: Path, events: Sequence[Event], why: str = "") -> None:
        reason = {"refused": why} if why else {}
        lines = "".join(json.dumps(to_plain(event) | reason) + "\n" for event in events).encode()
        self._put_lines(path, lines)

    def _put_lines(self, path: Path, lines: bytes) -> None:
        if not lines:
            return
        with self._locked(), path.open("ab+") as file:
            if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                file.write(b"\n")  # a power cut tore the last line: ours must not hang on to it
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def __bool__(self) -> bool:
        """Whether facts wait here."""
        return _size(self.aside) > 0 or _size(self.path) > 0

    @contextmanager
    def take(self) -> Iterator["Taken"]:
        """The oldest facts, set aside in a file of their own until `Taken.done`; later facts begin a new file.

        Only one process replays at a time: another waits here until it is done, and may then find nothing.
        """
        with _flock(self.path.with_suffix(".replay-lock")):
            with self._locked():
                if not self.aside.exists() and self.path.exists():
                    self.path.rename(self.aside)
            yield Taken(self.aside)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock, _flock(self.path.with_suffix(".lock")):
            yield


@contextmanager
def _flock(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - asked at each turn of the writer; Path.stat costs twice as much
    except FileNotFoundError:
        return 0


class Taken:
    """Facts set aside for a replay, in the order in which they were kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Event]:
        if not self.path.exists():
            return
        # Only a line feed ends a line: other separators of Unicode may stand in a person's text.
        for line in self.path.read_bytes().split(b"\n"):
            if not line:
                continue
            try:
                yield from_plain(json.loads(line))
            except (ValueError, KeyError, TypeError):
                # A torn line after a power cut: keep it for people, go on with the rest.
                with self.path.with_suffix(".unreadable").open("ab") as file:
                    file.write(line + b"\n")

    def done(self) -> None:
        """All of it is in the database."""
        self.path.unlink(missing_ok=True)
