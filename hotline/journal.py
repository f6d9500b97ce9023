"""The local append-only journal: where a fact goes when the database does not take it in time, to be replayed later."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from hotline.events import Event, from_plain, to_plain


class Journal:
    """One process's file of facts, one JSON object a line, fsynced: var/journal/<process>.jsonl."""

    def __init__(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{process}.jsonl"
        self._lock = threading.Lock()

    def append(self, event: Event) -> None:
        line = json.dumps(to_plain(event), ensure_ascii=False) + "\n"
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def __bool__(self) -> bool:
        return self.path.exists() and self.path.stat().st_size > 0

    def take(self) -> "Taken":
        """What has gathered so far, set aside in a file of its own until `Taken.done`; later facts begin a new file."""
        with self._lock:
            aside = self.path.with_suffix(".replaying")
            if not aside.exists() and self.path.exists():
                self.path.rename(aside)
        return Taken(aside)


class Taken:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Event]:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                yield from_plain(json.loads(line))
            except (ValueError, KeyError, TypeError):
                # A torn last line after a power cut: keep it for people, go on with the rest.
                with self.path.with_suffix(".unreadable").open("a", encoding="utf-8") as file:
                    file.write(line + "\n")

    def done(self) -> None:
        self.path.unlink(missing_ok=True)
