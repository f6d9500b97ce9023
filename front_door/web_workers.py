"""gunicorn's hooks: the application is loaded once, each worker opens database connections of its own."""

from __future__ import annotations

from hotline.database import engine


def post_fork(server: object, worker: object) -> None:
    """Forgets the connections of the process that this worker was forked from, without closing them there."""
    del server, worker
    engine().dispose(close=False)
