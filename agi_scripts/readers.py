"""Readers: threads that look things up for a call, which waits for an answer only as long as its caller would not notice.

A pool of futures does the same with three times as many locks, each of them a chance to lose the processor in mid-call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

Found = TypeVar("Found")


class NotInTime(TimeoutError):  # noqa: N818 - an exception is named after the fact
    """The answer would have come too late."""


class _Asked:
    """One look; `done` is locked until it was taken."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self.look = look
        self.found: Any = None
        self.failure: BaseException | None = None
        self.given_up = False
        self.done = threading.Lock()
        self.done.acquire()


class Readers:
    """So many looks at once; a look that hangs (a dead disk) keeps its thread, and later ones are NotInTime."""

    def __init__(self, at_once: int = 4) -> None:
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name="reader", daemon=True) for _ in range(at_once)
        ]
        for thread in self._threads:
            thread.start()

    def read(self, look: Callable[[], Found], within_s: float) -> Found:
        """What `look` finds; raises NotInTime, or what it raised."""
        asked = _Asked(look)
        self._asked.put(asked)
        if not asked.done.acquire(timeout=within_s):
            asked.given_up = True
            raise NotInTime
        if asked.failure is not None:
            raise asked.failure
        found: Found = asked.found
        return found

    def shutdown(self) -> None:
        """No more looks are taken; those that run are waited for, a hung one not."""
        for _ in self._threads:
            self._asked.put(None)
        for thread in self._threads:
            thread.join(1.0)

    def _serve(self) -> None:
        while (asked := self._asked.get()) is not None:
            if asked.given_up:
                continue
            try:
                asked.found = asked.look()
            except Exception as failure:
                asked.failure = failure  # for who asked
            asked.done.release()
            del asked  # what was found is not kept until the next call
