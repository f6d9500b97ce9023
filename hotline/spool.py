"""The spool: facts that were told and are not in the database yet, written where the death of their process does not reach.

No fsync: like SQLite's last transactions (synchronous=NORMAL) they outlive every process, not the machine's power.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from hotline.events import Event, to_plain

log = structlog.get_logger(__name__)

SIZE_BYTES = 1_000_000
"""From this size on the file is written anew with what is still pending."""


class Spool:
    """One process's file, <process>.<pid>.spool, locked while its process lives; lines end at the first zero byte.

    Not safe for threads: its owner (`hotline.record`) holds a lock of its own.
    """

    def __init__(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{process}.{os.getpid()}.{id(self):x}.spool"
        self._file: int | None = None
        self._end = 0
        self._open(b"")

    @property
    def works(self) -> bool:
        return self._file is not None

    def put(self, line: bytes) -> None:
        """Keep one line; a disk that does not take it is logged once, and the fact lives in memory only."""
        if self._file is None:
            return
        try:
            os.pwrite(self._file, line + b"\0", self._end)
            self._end += len(line)
        except OSError as error:
            self._give_up(error)

    def settle(self, pending: Iterable[bytes]) -> None:
        """Only these lines are still needed; called whenever some were kept elsewhere."""
        lines = b"".join(pending)
        if self._file is None or (lines and self._end < SIZE_BYTES):
            return
        try:
            if lines:
                self._open(lines)
            elif self._end:
                os.pwrite(self._file, b"\0", 0)
                self._end = 0
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Everything is kept elsewhere: the file goes."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _open(self, lines: bytes) -> None:
        fresh = self._path.with_suffix(".fresh")
        try:
            file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            # Locked before it has its name: whoever finds it unlocked may know that its process is dead.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.pwrite(file, lines + b"\0", 0)
            fresh.replace(self._path)
        except OSError as error:
            self._give_up(error)
            return
        if self._file is not None:
            os.close(self._file)
        self._file, self._end = file, len(lines)

    def _give_up(self, error: OSError) -> None:
        log.error("facts are not spooled: the disk does not take them", error=str(error))
        if self._file is not None:
            os.close(self._file)
            self._file = None


def line_of(event: Event) -> bytes:
    return json.dumps(to_plain(event)).encode() + b"\n"


def is_orphan(path: Path) -> bool:
    """Whether a dead process left lines here that nobody has adopted. Looks only: a lock would keep them from who adopts."""
    pid = path.name.split(".")[-3]
    try:
        with path.open("rb") as file:
            return file.read(1) not in (b"", b"\0") and not Path("/proc", pid).exists()
    except FileNotFoundError:
        return False


def orphans(folder: Path, process: str) -> Iterable[tuple[Path, bytes]]:
    """The lines that dead processes of this name left; the caller unlinks each file when they are safe."""
    for path in sorted(folder.glob(f"{process}.*.spool")):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield path, file.read().partition(b"\0")[0]
        except OSError:
            continue  # its process lives, or another took it
