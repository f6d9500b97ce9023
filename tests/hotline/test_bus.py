"""The bus: messages reach Redis after the commit or by the sweep, never before, and a Redis that hangs holds nobody up."""

import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, func, select, update

from front_door import processes
from front_door.faults import Fault
from hotline import bus, database
from hotline.events import now
from hotline.settings import settings
from tests import migrated
from tests.hotline.facts import arrived


@pytest.fixture
def server(place: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The product's private Redis in this test's folder."""
    (place / "run").mkdir()
    try:
        words = processes.redis(settings()).command
    except Fault:
        pytest.skip("No Redis: let `./run test` fetch it.")
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    bus.connection.cache_clear()
    until = time.monotonic() + 10
    while True:
        try:
            bus.connection().ping()
            break
        except redis.RedisError:
            assert time.monotonic() < until
            time.sleep(0.05)
    yield child
    # A connection that the publisher still reads from is its own to close.
    bus.connection().connection_pool.disconnect(inuse_connections=False)
    bus.connection.cache_clear()
    child.send_signal(signal.SIGCONT)
    child.terminate()
    child.wait(10)


@pytest.fixture
def engine(place: Path) -> Iterator[Engine]:
    made = database.make_engine(migrated.at(place / "hotline.db"))
    yield made
    made.dispose()


def _entries() -> list[dict[str, str]]:
    found: Any = bus.connection().xrange(bus.LIVE)
    return [fields for _, fields in found]


def _eventually(count: int, within_s: float = 3.0) -> list[dict[str, str]]:
    until = time.monotonic() + within_s
    while len(_entries()) < count and time.monotonic() < until:
        time.sleep(0.02)
    return _entries()


@pytest.mark.live
def test_a_message_is_published_after_its_commit(server: object, engine: Engine) -> None:
    with database.transaction(engine) as session:
        bus.announce(session, bus.LIVE, {"event": "call_arrived", "call_id": "ă"})
        time.sleep(0.2)
        assert _entries() == []
    (entry,) = _eventually(1)
    assert entry["body"] == '{"event": "call_arrived", "call_id": "ă"}'


@pytest.mark.live
def test_what_is_rolled_back_is_never_heard(server: object, engine: Engine) -> None:
    with pytest.raises(RuntimeError), database.transaction(engine) as session:
        bus.announce(session, bus.LIVE, {"event": "never"})
        raise RuntimeError
    with database.transaction(engine) as session:
        bus.announce(session, bus.LIVE, {"event": "next"})
    assert len(_eventually(1)) == 1
    with database.reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(bus.Outbox)) == 1


@pytest.mark.live
def test_the_sweep_sends_what_was_left_and_only_marks_what_was_sent(
    server: object, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "SETTLE_S", 0.0)
    with database.transaction(engine) as session:
        bus.announce(session, bus.LIVE, {"event": "sent"})
    assert len(_eventually(1)) == 1
    with monkeypatch.context() as away:
        away.setattr(bus, "publish", lambda _messages: False)
        with database.transaction(engine) as session:
            bus.announce(session, bus.LIVE, {"event": "left behind"})
        time.sleep(0.2)
    assert bus.sweep(engine) == 1
    assert [entry["body"] for entry in _entries()] == ['{"event": "sent"}', '{"event": "left behind"}']
    assert bus.sweep(engine) == 0
    with database.reading(engine) as session:
        unpublished = select(func.count()).select_from(bus.Outbox).where(bus.Outbox.published_at.is_(None))
        assert session.scalar(unpublished) == 0


@pytest.mark.live
def test_a_redis_that_hangs_holds_no_writer_up(server: "subprocess.Popen[bytes]", engine: Engine) -> None:
    server.send_signal(signal.SIGSTOP)
    took_s = []
    for n in range(20):
        began = time.monotonic()
        with database.transaction(engine) as session:
            bus.announce(session, bus.LIVE, {"event": "call_arrived", "call_id": arrived(n).call_id})
        took_s.append(time.monotonic() - began)
    assert sorted(took_s)[-3] < 0.15  # a busy machine's disk may be slow twice


def test_published_messages_are_forgotten_after_a_day(engine: Engine) -> None:
    with database.transaction(engine) as session:
        for event in ("old", "new"):
            bus.announce(session, bus.LIVE, {"event": event})
    with database.transaction(engine) as session:
        session.execute(update(bus.Outbox).values(published_at=now()))
        old = now() - timedelta(seconds=bus.KEPT_S + 1)
        session.execute(update(bus.Outbox).where(bus.Outbox.id == 1).values(published_at=old))
    assert bus.trim(engine) == 1
