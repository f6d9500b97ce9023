"""The live stream as a program follows it: for whom it is, where it goes on, and what it says when it cannot."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterator

import pytest
import redis

from hotline.bus import LIVE
from hotline.settings import settings
from tests import ports
from tests.product import eventually
from tests.softphone_panel import rows
from tests.softphone_panel.browsers import running
from tests.softphone_panel.conftest import hidden
from tests.softphone_panel.rows import arrives
from tests.softphone_panel.running import PANEL, Running

__all__ = ["running"]
pytestmark = pytest.mark.live


class Visitor:
    """A program that signs in and follows the stream as a browser would; closed with the test."""

    def __init__(self) -> None:
        self._opened: list[http.client.HTTPConnection | http.client.HTTPResponse] = []

    def ask(
        self, port: int, method: str, path: str, body: str, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        self._opened += [answer, connection]
        return answer

    def cookie(self) -> str:
        """A supervisor's session."""
        page = self.ask(ports.PANEL, "GET", "/sign-in", "", {})
        before, text = page.headers["Set-Cookie"].split(";")[0], page.read().decode()
        form = {"csrf_token": hidden(text, "csrf_token"), "username": "truongca", "password": rows.PASSWORD}
        headers = {"Cookie": before, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self.ask(ports.PANEL, "POST", "/sign-in", urllib.parse.urlencode(form), headers)
        assert answer.status == 303, answer.read().decode()
        return str(answer.headers["Set-Cookie"]).split(";")[0]

    def stream(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        return self.ask(ports.LIVE, "GET", "/events", "", headers)

    def close(self) -> None:
        for opened in self._opened:
            opened.close()


@pytest.fixture
def visitor(running: Running) -> Iterator[Visitor]:
    made = Visitor()
    yield made
    made.close()


def events(answer: http.client.HTTPResponse, count: int) -> list[dict[str, str]]:
    """The next events, each its fields."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    while len(found) < count:
        line = answer.readline().decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            found.append(fields)
            fields = {}
    return found


def test_the_stream_is_for_the_signed_in_and_for_the_panels_origin_only(
    running: Running, visitor: Visitor
) -> None:
    assert visitor.stream({}).status == 401
    mine = {"Cookie": visitor.cookie()}
    ours = visitor.stream({**mine, "Origin": PANEL})
    assert (ours.status, ours.headers["Access-Control-Allow-Origin"]) == (200, PANEL)
    for origin in ("http://127.0.0.1:9999", f"http://evil.example:{ports.PANEL}", "null"):
        assert visitor.stream({**mine, "Origin": origin}).headers["Access-Control-Allow-Origin"] is None


def until_published(call_id: str) -> None:
    """Returns when the live stream holds the last fact of that arrival."""
    stream = redis.Redis.from_url(settings().redis)

    def there() -> bool:
        return any(
            "call_queued" in str(one) and call_id in str(one)
            for one in stream.xrevrange(LIVE, count=50) or ()
        )

    eventually(there, 15, "the arrival in the stream")


def test_the_stream_goes_on_where_the_browser_was_and_says_when_it_cannot(
    running: Running, visitor: Visitor
) -> None:
    mine = {"Cookie": visitor.cookie()}
    first = arrives("+84900005000")
    until_published(first)
    place = events(visitor.stream(mine), 1)[0]
    assert place["event"] == "hello"
    until_published(arrives("+84900005001"))
    missed = events(visitor.stream({**mine, "Last-Event-ID": place["id"]}), 3)
    assert [json.loads(m["data"])["event"] for m in missed] == ["call_arrived", "call_triaged", "call_queued"]
    assert not any("+84" in m["data"] for m in missed)
    redis.Redis.from_url(settings().redis).xtrim(LIVE, maxlen=1, approximate=False)
    assert events(visitor.stream({**mine, "Last-Event-ID": place["id"]}), 1)[0]["event"] == "reset"


def test_a_redis_that_was_killed_and_came_back_empty_makes_pages_read_again(
    running: Running, visitor: Visitor
) -> None:
    answer = visitor.stream({"Cookie": visitor.cookie()})
    assert events(answer, 1)[0]["event"] == "hello"
    running.kill("redis")
    assert events(answer, 1)[0]["event"] == "away"
    running.start("redis")
    assert {e["event"] for e in events(answer, 1)} <= {"back", "reset"}
    arrives("+84900006001")
    seen = [e["event"] for e in events(answer, 3)]
    assert "change" in seen
