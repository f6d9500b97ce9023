"""A provider of text messages as a real HTTP server: takes messages, and fails, hangs or says nothing when a test wants it to."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANGS_S = 20.0


@dataclass
class Provider:
    """What it was asked, what it delivered, and what it does next."""

    heeds_keys: bool = True
    """A message whose key it has is answered as the first time, and not delivered again."""
    does: deque[str] = field(default_factory=deque)
    """For the next requests, in turn: an HTTP status, `hang`, `take and hang`, `take and vanish`, `busy`; then all is well."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    authorised: list[str] = field(default_factory=list)
    delivered: list[tuple[str, str]] = field(default_factory=list)
    """(number, text) as phones got them."""
    keys: dict[str, str] = field(default_factory=dict)
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: dict[str, Any]) -> str:
        with self.lock:
            key = str(body["ref"])
            if self.heeds_keys and key in self.keys:
                return self.keys[key]
            self.delivered.append((str(body["to"]), str(body["text"])))
            self.keys[key] = f"m{len(self.delivered)}"
            return self.keys[key]

    def toml(self, *more: str) -> str:
        lines = (
            "[sms]",
            f'url = "http://127.0.0.1:{self.port}/send?from=1022"',
            'secret = "provider"',
            'headers = { Authorization = "Bearer {secret}", Idempotency-Key = "{key}" }',
            'body = { to = "{number}", text = "{text}", ref = "{key}" }',
            'number = "e164"',
            'id = "id"',
            "connect_s = 5",
            "answer_s = 2",
            *more,
        )
        return "\n".join(lines) + "\n"


class _Request(BaseHTTPRequestHandler):
    provider: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.provider.lock:
            self.provider.asked.append(body)
            self.provider.authorised.append(self.headers.get("Authorization", ""))
            how = self.provider.does.popleft() if self.provider.does else "take"
        if how == "hang":
            self.provider.over.wait(HANGS_S)
        elif how.startswith("take and"):
            self.provider.take(body)
            if how == "take and hang":
                self.provider.over.wait(HANGS_S)
            self.close_connection = True
        elif how == "busy":
            self._say(429, {}, {"Retry-After": "90"})
        elif how.startswith("code "):
            self._say(200, {"CodeResult": how.removeprefix("code ")})
        elif how.isdecimal():
            self._say(int(how), {"error": f"no, {body['to']}"})
        else:
            self._say(200, {"id": self.provider.take(body), "CodeResult": "100"})

    def _say(self, status: int, body: dict[str, str], headers: dict[str, str] | None = None) -> None:
        said = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(said)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


@contextmanager
def provider(**more: Any) -> Iterator[Provider]:
    """Runs while the test does."""
    one = Provider(**more)
    handler = type("Request", (_Request,), {"provider": one})
    server = type("Server", (ThreadingHTTPServer,), {"request_queue_size": 64})(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    one.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield one
    finally:
        one.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
        time.sleep(0)
