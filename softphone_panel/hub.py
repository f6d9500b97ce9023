"""One reader of the live stream for all browsers of this process; each browser has a bounded queue of its own."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from sqlalchemy.exc import SQLAlchemyError

from hotline import clocks, recall_alarms
from hotline.bus import LIVE

log = structlog.get_logger(__name__)

QUEUE = 1000
"""Messages a slow browser may be behind before it is cut off; it resumes by its last id."""
BLOCK_MS = 5000
SOCKET_TIMEOUT_S = 15.0
"""Longer than BLOCK_MS: redis-py's own 5 s would end every quiet read with an error."""
AGAIN_AFTER_S = 0.5
REPLAYED = 2000
CALLS_FOLLOWED = 12
"""Calls and tickets that a desk's page has had and may still show."""
SEEN = 4000
LINE_EVERY_S = 0.5
"""Who waits is counted at most so often, whatever happens."""


@dataclass(frozen=True)
class Message:
    """One event as a browser gets it; an empty id does not move the browser's place in the stream."""

    event: str
    id: str
    data: str
    operator: str = ""
    """Of a change: the operator it is about, if it is about one."""
    about: frozenset[str] = frozenset()
    """Of a change: the call and ticket it is about."""
    station: str = ""
    """Of a change: the station that is rung."""
    everybody: bool = False
    """Of a change: it concerns every desk."""
    moves_the_line: bool = False
    """Of a change: somebody may have begun or ceased to wait."""

    def wire(self) -> bytes:
        head = f"id: {self.id}\n" if self.id else ""
        return f"{head}event: {self.event}\ndata: {self.data}\n\n".encode()


AWAY = Message("away", "", "{}")
"""Redis is away: the page polls until `back`."""
BACK = Message("back", "", "{}")
Counted = tuple[dict[str, dict[str, int]], frozenset[str]]
"""Who waits while no phone rings for them, hotline → level → how many; and the operators who talk, to whom that is told."""


def place(stream_id: str) -> tuple[int, int]:
    """A stream id to compare by; (0, 0) for one that Redis never made."""
    left, _, right = stream_id.partition("-")
    return (int(left), int(right or 0)) if left.isdecimal() and (right or "0").isdecimal() else (0, 0)


class Browser:
    """One connection's queue; a page that shows one desk gets only what is about its operator, and their calls since."""

    def __init__(self, operator: str = "", about: Iterable[str] = (), station: str = "") -> None:
        self.messages: queue.Queue[Message | None] = queue.Queue(QUEUE)
        self.is_cut = False
        self._operator, self._station = operator, station
        self._calls: deque[str] = deque(about, maxlen=CALLS_FOLLOWED)

    def wants(self, message: Message) -> bool:
        """Whether the message goes to this page; one about its operator makes the page follow the call in it too."""
        if not self._operator or message.event != "change" or message.everybody:
            return True
        if message.operator == self._operator or (self._station and message.station == self._station):
            self._calls.extend(message.about.difference(self._calls))
            return True
        # What another operator does with the same call (a RED one rings at all desks) changes nothing here.
        return not message.operator and not message.about.isdisjoint(self._calls)

    def hears_of_the_line(self, talking: frozenset[str]) -> bool:
        """Whether this is the page of somebody who talks, and may take one of those who wait beside their caller."""
        return self._operator in talking

    def put(self, message: Message) -> None:
        if not self.wants(message):
            return
        try:
            self.messages.put_nowait(message)
        except queue.Full:
            self.is_cut = True


class Hub:
    """Reads from the first browser on, in one thread that begins after gunicorn's fork."""

    def __init__(self, url: str, count: Callable[[], Counted] | None = None) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=SOCKET_TIMEOUT_S, socket_connect_timeout=2, decode_responses=True
        )
        self._lock = threading.Lock()
        self._browsers: set[Browser] = set()
        self._thread: threading.Thread | None = None
        self._last = ""
        self._count, self._line = count, ""
        self._line_moves = threading.Event()
        self._seen: deque[str] = deque(maxlen=SEEN)
        self.is_away = False

    def __len__(self) -> int:
        return len(self._browsers)

    def join(
        self, last_id: str, operator: str = "", about: Iterable[str] = (), station: str = ""
    ) -> tuple[Browser, list[Message]]:
        """A browser's queue, and what it missed since `last_id` (empty: it is new).

        With an operator's id only what is about them, about the calls and tickets named, and hand-overs to their station.
        """
        browser = Browser(operator, about, station)
        with self._lock:
            self._browsers.add(browser)
            if self._thread is None:
                self._thread = threading.Thread(target=self._read, name="live-hub", daemon=True)
                self._thread.start()
                # Of its own: a database that thinks holds no fact up.
                threading.Thread(target=self._follow_line, name="live-line", daemon=True).start()
        try:
            return browser, [one for one in self._missed(last_id) if browser.wants(one)]
        except redis.RedisError:
            return browser, [AWAY]

    def leave(self, browser: Browser) -> None:
        with self._lock:
            self._browsers.discard(browser)

    def _newest(self) -> tuple[str, str]:
        """(first id still kept, last id given); zeros for a stream that is not there."""
        try:
            about: Any = self._redis.xinfo_stream(LIVE)
        except redis.ResponseError:
            return "0-0", "0-0"
        first = about.get("first-entry")
        return (first[0] if first else "0-0"), about["last-generated-id"]

    def _missed(self, last_id: str) -> list[Message]:
        first, newest = self._newest()
        hello = Message("hello", newest, "{}")
        if not last_id:
            return [hello]
        # Trimmed past the browser's place, or another Redis: its page reads everything again.
        if place(last_id) < place(first) or place(last_id) > place(newest):
            return [Message("reset", newest, "{}")]
        entries: Any = self._redis.xrange(LIVE, min=f"({last_id}", count=REPLAYED)
        if len(entries) == REPLAYED:
            return [Message("reset", newest, "{}")]
        return [made for stream_id, fields in entries if (made := message(stream_id, fields))]

    def _read(self) -> None:
        while True:
            try:
                self._follow()
            except redis.RedisError as error:
                if not self.is_away:
                    log.warning("redis is away; pages poll", error=type(error).__name__)
                    self.is_away = True
                    self._tell(AWAY)
                time.sleep(AGAIN_AFTER_S)

    def _follow(self) -> None:
        _, newest = self._newest()
        if self._last and place(newest) < place(self._last):
            self._last = newest  # a Redis that began anew
            self._tell(Message("reset", newest, "{}"))
        self._last = self._last or newest
        if self.is_away:
            self.is_away = False
            self._tell(BACK)
        while True:
            answer: Any = self._redis.xread({LIVE: self._last}, count=200, block=BLOCK_MS)
            for _, entries in answer or ():
                for stream_id, fields in entries:
                    self._last = stream_id
                    if fields.get("id") in self._seen:
                        continue  # the sweep may publish a second time
                    self._seen.append(fields.get("id"))
                    made = message(stream_id, fields)
                    if made:
                        self._tell(made)
                        if made.moves_the_line:
                            self._line_moves.set()

    def _follow_line(self) -> None:
        while True:
            self._line_moves.wait()
            self._line_moves.clear()
            try:
                self._tell_line()
            except SQLAlchemyError as error:
                log.warning("who waits cannot be counted", error=type(error).__name__)
                self._line_moves.set()  # again when the database is back
            time.sleep(LINE_EVERY_S)

    def _tell_line(self) -> None:
        """Who waits, to those who talk, when it has changed; their pages read it by themselves every 15 s too."""
        with self._lock:
            browsers = list(self._browsers)
        if self._count is None or not browsers:
            return
        waiting, talking = self._count()
        line = json.dumps(waiting, sort_keys=True)
        if line == self._line:
            return
        self._line = line
        for browser in browsers:
            if browser.hears_of_the_line(talking):
                browser.put(Message("line", "", line))

    def _tell(self, made: Message) -> None:
        with self._lock:
            browsers = list(self._browsers)
        for browser in browsers:
            browser.put(made)


def message(stream_id: str, fields: dict[str, str]) -> Message | None:
    """A stream's entry for a browser: only which call or ticket changed, never about whom."""
    try:
        body = json.loads(fields["body"])
        about = {k: body[k] for k in ("event", "call_id", "ticket_id", "operator_id") if body.get(k)}
    except (KeyError, ValueError, TypeError):
        log.warning("a live message could not be read", stream_id=stream_id)
        return None
    ids = {str(about[k]) for k in ("call_id", "ticket_id") if k in about}
    if "call_id" in about:
        ids.add(f"t-{about['call_id']}")
    return Message(
        "change", stream_id, json.dumps(about), str(about.get("operator_id", "")), frozenset(ids), str(body.get("station", "")),
        everybody=about.get("event") in (recall_alarms.CHANGED, clocks.CHANGED), moves_the_line="call_id" in about,
    )  # fmt: skip
