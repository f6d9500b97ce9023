"""The browsers of many operators in one process: each follows the stream and asks for its card as the page's script does.

Told by lines on standard input: first JSON of ports and sessions, then, for each load, how many cards to wait for. Tells
"open" when all follow the stream, and after each load a JSON list of [call id, operator id, monotonic seconds].
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import sys
import time
from typing import Any

import aiohttp

COALESCE_S = 0.25
TOGETHER_S, AFTER_CARD_S = 0.015, 0.25
PARTS = ("/desk/bar", "/desk/contacts", "/my-desk/wrap-up", "/my-desk/tasks", "/my-desk/transfer")
LATE_S = 5.0
CALL = re.compile(rb'data-call="([^"]+)"')
TICKET = re.compile(rb'data-ticket="([^"]+)"')


class Page:
    """One operator's page."""

    def __init__(self, browsers: Browsers, operator_id: int, cookie: str) -> None:
        self._browsers, self._operator_id = browsers, operator_id
        self._headers = {"Cookie": f"hotline_session={cookie}", "HX-Request": "true"}
        self._seen, self._ticket = "", b""
        self._busy = self._stale = False

    async def follow(self) -> None:
        """For ever; a browser opens its stream again."""
        async with self._browsers.session.get(
            f"http://127.0.0.1:{self._browsers.live}/events?operator={self._operator_id}",
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(),
        ) as answer:
            answer.raise_for_status()
            self._browsers.opened()
            async for line in answer.content:
                if line.startswith(b"data: ") and b"operator_id" in line:
                    about = json.loads(line[6:])
                    if about.get("operator_id") == self._operator_id:
                        self._concerns()

    def _concerns(self) -> None:
        if self._busy:
            self._stale = True
        else:
            self._busy = True
            self._browsers.start(self._read())

    async def _read(self) -> None:
        await asyncio.sleep(TOGETHER_S)
        while True:
            self._stale = False
            await self._card()
            if not self._stale:
                break
            await asyncio.sleep(COALESCE_S)
        self._busy = False

    async def _card(self) -> None:
        base = f"http://127.0.0.1:{self._browsers.panel}/my-desk"
        session = self._browsers.session
        async with session.get(f"{base}/caller?seen={self._seen}", headers=self._headers) as answer:
            body = await answer.read()
            at = time.monotonic()
            self._seen = answer.headers.get("X-Seen", self._seen)
        call, ticket = CALL.search(body), TICKET.search(body)
        if answer.status != 200 or call is None or ticket is None:
            return
        self._browsers.shown(call[1].decode(), self._operator_id, at)
        if ticket[1] != self._ticket:  # the page's other parts follow the card
            self._ticket = ticket[1]
            await asyncio.sleep(AFTER_CARD_S * (1 + 3 * random.random()))
            for part in PARTS:
                async with session.get(
                    f"http://127.0.0.1:{self._browsers.panel}{part}", headers=self._headers
                ) as other:
                    await other.read()


class Browsers:
    """All pages, and what they have shown."""

    def __init__(self, told: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.panel, self.live, self.session = told["panel"], told["live"], session
        self.pages = [Page(self, int(one), cookie) for one, cookie in told["cookies"].items()]
        self._open = 0
        self.all_open, self._one_more = asyncio.Event(), asyncio.Event()
        self._shown: dict[tuple[str, int], float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def opened(self) -> None:
        self._open += 1
        if self._open == len(self.pages):
            self.all_open.set()

    def start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def shown(self, call_id: str, operator_id: int, at: float) -> None:
        self._shown.setdefault((call_id, operator_id), at)
        self._one_more.set()

    async def take(self, wanted: int) -> list[tuple[str, int, float]]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LATE_S):
                while len(self._shown) < wanted:
                    self._one_more.clear()
                    await self._one_more.wait()
        found = [(call_id, operator, at) for (call_id, operator), at in self._shown.items()]
        self._shown = {}
        return found


async def main() -> None:
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=2**16) as session:
        browsers = Browsers(told, session)
        for page in browsers.pages:
            browsers.start(page.follow())
        await asyncio.wait_for(browsers.all_open.wait(), 60)
        sys.stdout.write("open\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            sys.stdout.write(json.dumps(await browsers.take(int(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
