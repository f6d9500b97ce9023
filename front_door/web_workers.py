"""gunicorn's hooks: the application is loaded once, each worker opens database connections of its own."""

from __future__ import annotations

from hotline import logs
from hotline.database import engine


def on_starting(server: object) -> None:
    """Before the application is loaded."""
    del server
    logs.begin()


def post_fork(server: object, worker: object) -> None:
    """Forgets the connections of the process that this worker was forked from, without closing them there."""
    del server, worker
    engine().dispose(close=False)
