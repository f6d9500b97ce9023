"""What other processes hear: an outbox written in the same transaction, published after commit on Redis Streams.

Nothing is true only in Redis: a lost wake-up costs a second (readers also poll), never a fact.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any

import redis
import structlog
from sqlalchemy import JSON, String, event, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.database import Base, Moment
from hotline.events import now
from hotline.settings import settings

log = structlog.get_logger(__name__)

LIVE = "hotline:live"
"""The stream the live page follows; entries are {"id": outbox id, "event": name, "body": JSON}."""
KEEP = 20_000
"""Entries kept in a stream, about."""


class Outbox(Base):
    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    stream: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    published_at: Mapped[datetime | None] = mapped_column(Moment, index=True)


@lru_cache(maxsize=1)
def connection() -> redis.Redis:
    # Short limits: a publisher in a call's path must not wait for Redis. Blocking readers make their own connection.
    return redis.Redis.from_url(
        settings().redis, socket_timeout=0.2, socket_connect_timeout=0.2, decode_responses=True
    )


def announce(session: Session, stream: str, body: dict[str, Any]) -> None:
    """Put a message in the outbox of this transaction; it is published right after the commit, or by `sweep`."""
    row = Outbox(at=now(), stream=stream, body=body, published_at=None)
    session.add(row)
    session.info.setdefault("outbox", []).append(row)


@event.listens_for(Session, "after_commit")
def _publish_after_commit(session: Session) -> None:
    rows: list[Outbox] = session.info.pop("outbox", [])
    if rows:
        publish([(row.id, row.stream, row.body) for row in rows])


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop("outbox", None)


def publish(messages: list[tuple[int, str, dict[str, Any]]]) -> bool:
    """Send to Redis; False when it is away (the sweep tries again)."""
    import json

    try:
        pipe = connection().pipeline(transaction=False)
        for number, stream, body in messages:
            pipe.xadd(
                stream,
                {"id": number, "body": json.dumps(body, ensure_ascii=False)},
                maxlen=KEEP,
                approximate=True,
            )
        pipe.execute()
    except redis.RedisError as error:
        log.warning("redis is away; the sweep will publish", error=str(error))
        return False
    return True


def sweep(session: Session, limit: int = 500) -> int:
    """Mark what was published and publish what was not; for the worker, once a second. Returns how many were sent.

    A message may come twice (readers drop an outbox id they have seen); it never stays behind.
    """
    rows = session.scalars(
        select(Outbox).where(Outbox.published_at.is_(None)).order_by(Outbox.id).limit(limit)
    ).all()
    if not rows or not publish([(r.id, r.stream, r.body) for r in rows]):
        return 0
    session.execute(update(Outbox).where(Outbox.id.in_([r.id for r in rows])).values(published_at=now()))
    return len(rows)
