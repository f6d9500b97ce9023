"""How long supervisord waits before it starts a failing child again: a few seconds at most, however often it has failed.

Left alone, supervisord waits a second longer each time; a child that could not start for half an hour (no database, a full
disk) would come back a minute after the cause was gone. Loaded by supervisord itself, as an RPC interface without methods.
"""

from __future__ import annotations

import time

from supervisor import events

LONGEST_PAUSE_S = 3.0


def soon(event: events.ProcessStateBackoffEvent) -> None:
    """Bring the next start of the child that has just failed near enough."""
    event.process.delay = min(event.process.delay, time.time() + LONGEST_PAUSE_S)


def make(supervisord: object) -> object:
    """Called by supervisord when it starts."""
    del supervisord
    events.subscribe(events.ProcessStateBackoffEvent, soon)
    return object()
