"""What other processes hear: an outbox written in the same transaction, published after commit on Redis Streams.

Nothing is true only in Redis: a lost wake-up costs a second (readers also poll), never a fact.
"""

import json
import os
import queue
import threading
import time
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import redis
import structlog
from sqlalchemy import JSON, Engine, String, delete, event, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base, Moment, Prepared, reading, transaction
from hotline.events import now
from hotline.settings import settings

log = structlog.get_logger(__name__)

LIVE = "hotline:live"
"""The stream the live page follows; entries are {"id": outbox id, "event": name, "body": JSON}."""
KEEP = 20_000
"""Entries kept in a stream, about."""
REST_S = 1.0
"""After a failure Redis is not tried for so long."""
SETTLE_S = 2.0
"""A message younger than this is left to the process that wrote it."""
KEPT_S = 86_400.0
"""Published messages are forgotten after a day."""

Message = tuple[int, str, dict[str, Any]]
"""Outbox id, stream, body."""


class Outbox(Base):
    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    stream: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    published_at: Mapped[datetime | None] = mapped_column(Moment, index=True)


_OUTBOX = Base.metadata.tables["outbox"]
_PUT = Prepared(insert(_OUTBOX).returning(_OUTBOX.c.id), "at", "stream", "body", "published_at")


@lru_cache(maxsize=1)
def connection() -> redis.Redis:
    # Short limits: a publisher in a call's path must not wait for Redis. Blocking readers make their own connection.
    return redis.Redis.from_url(
        settings().redis, socket_timeout=0.2, socket_connect_timeout=0.2, decode_responses=True
    )


def announce(session: Session, stream: str, body: dict[str, Any]) -> None:
    """Put a message in the outbox of this transaction; it is published right after the commit, or by `sweep`."""
    session.info.setdefault("announced", []).append(
        {"at": now(), "stream": stream, "body": body, "published_at": None}
    )


@event.listens_for(Session, "before_commit")
def _put_in_outbox(session: Session) -> None:
    rows: list[dict[str, Any]] = session.info.get("announced", [])
    if rows and not session.in_nested_transaction():
        del session.info["announced"]
        numbers = sorted(_PUT.returned(session.connection(), rows))  # they rise in the order of the rows
        session.info["outbox"] = [
            (number, row["stream"], row["body"]) for number, row in zip(numbers, rows, strict=True)
        ]


@event.listens_for(Session, "after_commit")
def _publish_after_commit(session: Session) -> None:
    messages: list[Message] = session.info.pop("outbox", [])
    if messages:
        _publisher(os.getpid()).put(messages)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop("announced", None)
    session.info.pop("outbox", None)


@lru_cache(maxsize=1)
def _publisher(_pid: int) -> "queue.SimpleQueue[list[Message]]":
    """A queue read by a thread of this process, so that a slow Redis never holds up a writer of facts."""
    waiting: queue.SimpleQueue[list[Message]] = queue.SimpleQueue()
    threading.Thread(target=_publish_from, args=(waiting,), name="publisher", daemon=True).start()
    return waiting


def _publish_from(waiting: "queue.SimpleQueue[list[Message]]") -> None:
    rests_until = 0.0
    while True:
        messages = waiting.get()
        while not waiting.empty() and len(messages) < 500:
            messages = messages + waiting.get()
        if time.monotonic() < rests_until:
            continue  # the sweep publishes them
        if not publish(messages):
            rests_until = time.monotonic() + REST_S


def publish(messages: list[Message]) -> bool:
    """Send to Redis; False when it is away (the sweep tries again)."""
    try:
        pipe = connection().pipeline(transaction=False)
        for number, stream, body in messages:
            fields: dict[Any, Any] = {"id": number, "body": json.dumps(body, ensure_ascii=False)}
            pipe.xadd(stream, fields, maxlen=KEEP, approximate=True)
        pipe.execute()
    except redis.RedisError as error:
        log.warning("redis is away; the sweep will publish", error=str(error))
        return False
    return True


def sweep(on: Engine | None = None, limit: int = 500) -> int:
    """Mark what was published and publish what was not; for the worker, once a second. Returns how many were sent.

    A message may come twice (readers drop an outbox id they have seen); it never stays behind. The database is free
    while Redis is spoken to.
    """
    old = now() - timedelta(seconds=SETTLE_S)
    unpublished = select(Outbox).where(Outbox.published_at.is_(None), Outbox.at < old)
    with reading(on) as session:
        rows = session.scalars(unpublished.order_by(Outbox.id).limit(limit)).all()
    if not rows:
        return 0
    there = _in_streams({row.stream for row in rows}, min(row.at for row in rows))
    if there is None:
        return 0
    left: list[Message] = [(r.id, r.stream, r.body) for r in rows if (r.stream, r.id) not in there]
    if left and not publish(left):
        return 0
    with transaction(on) as session:
        session.execute(update(Outbox).where(Outbox.id.in_([r.id for r in rows])).values(published_at=now()))
    return len(left)


def _in_streams(streams: set[str], since: datetime) -> set[tuple[str, int]] | None:
    """Which outbox ids the streams got since then; None when Redis is away."""
    first = str(int(since.timestamp() * 1000) - 1000)
    found: set[tuple[str, int]] = set()
    try:
        for stream in streams:
            entries: Any = connection().xrange(stream, min=first)
            found.update((stream, int(fields["id"])) for _, fields in entries if "id" in fields)
    except redis.RedisError as error:
        log.warning("redis is away; the sweep tries again", error=str(error))
        return None
    return found


def trim(on: Engine | None = None) -> int:
    """Forget what was published more than a day ago; returns how many."""
    old = now() - timedelta(seconds=KEPT_S)
    with transaction(on) as session:
        gone = session.execute(delete(Outbox).where(Outbox.published_at < old))
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE's result is a CursorResult
