"""The sender of webhooks (worker): takes what is due, posts it while no transaction is open, writes what the other side said.

Whoever is killed between the answer and the commit sends the same telling again, with the same id: at least once, never silently not.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from sqlalchemy import Engine, and_, delete, or_, select, update
from yarl import URL

from hotline.database import reading, transaction
from hotline.events import now
from hotline.webhooks import (
    FAILURES_MOST,
    KEPT,
    OLDEST,
    PAUSES_S,
    RESTS_S,
    AgencyWebhook,
    DeliveryState,
    Networks,
    WebhookDelivery,
    may_reach,
    secret_of,
    signature,
)

log = structlog.get_logger(__name__)

AT_ONCE = 20
"""Webhooks in one look."""
IN_A_ROW = 20
"""Tellings to one webhook in one look, one after the other."""
ANSWERS_WITHIN_S = 5.0
CUTS_OFF = sys.version_info < (3, 12, 7)
"""Older Pythons wait half a minute for the farewell of a TLS connection whose other side hangs; newer ones refuse the option."""
LEASE = timedelta(minutes=5)
"""What this process took and never wrote back goes again then."""


class PrivateAddress(OSError):  # noqa: N818 - exceptions are named by the fact
    """A name that leads to an address which we do not connect to."""


class PublicResolver(AbstractResolver):
    """Names become the addresses that are allowed, in the very look-up whose answer is connected to."""

    def __init__(self, allowed: Networks) -> None:
        self._allowed, self._inner = allowed, aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = [
            one
            for one in await self._inner.resolve(host, port, family)
            if may_reach(one["host"], self._allowed)
        ]
        if not found:
            raise PrivateAddress("private address")
        return found

    async def close(self) -> None:
        await self._inner.close()


@dataclass(frozen=True)
class _Taken:
    number: int
    event_id: str
    event: str
    url: str
    key: str
    body: bytes


@dataclass
class WebhookSender:
    """The worker's look at what is to be told."""

    engine: Engine
    var: Path
    allowed: Networks = ()
    authorities: Path | None = None
    """Certificates that are trusted beside the system's."""
    clock: Callable[[], datetime] = now
    chance: Callable[[], float] = random.random

    def look(self) -> int:
        """How many were told."""
        rows = self._due(self.clock())
        return asyncio.run(self._all(rows)) if rows else 0

    def trim(self) -> int:
        """Forget what was told a month ago; what waited too long for a paused webhook is dead."""
        at = self.clock()
        due, sent = WebhookDelivery.state == DeliveryState.DUE, WebhookDelivery.state == DeliveryState.SENT
        with transaction(self.engine) as session:
            dead = update(WebhookDelivery).where(due, WebhookDelivery.at < at - OLDEST)
            session.execute(dead.values(state=DeliveryState.DEAD.value))
            gone = session.execute(delete(WebhookDelivery).where(sent, WebhookDelivery.sent_at < at - KEPT))
        return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE's result is a CursorResult

    def _due(self, at: datetime) -> dict[int, list[int]]:
        """Webhook → its tellings whose time has come, the oldest first."""
        wakes = or_(AgencyWebhook.rests_until.is_(None), AgencyWebhook.rests_until <= at)
        open_ = and_(AgencyWebhook.ended_at.is_(None), AgencyWebhook.paused_at.is_(None), wakes)
        due = (WebhookDelivery.state == DeliveryState.DUE, WebhookDelivery.next_try_at <= at)
        asked = (
            select(WebhookDelivery.webhook_id, WebhookDelivery.id)
            .join(AgencyWebhook, AgencyWebhook.id == WebhookDelivery.webhook_id)
            .where(open_, *due)
            .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
            .limit(AT_ONCE * IN_A_ROW)
        )
        found: defaultdict[int, list[int]] = defaultdict(list)
        with reading(self.engine) as session:
            for webhook, number in session.execute(asked):
                if (webhook in found or len(found) < AT_ONCE) and len(found[webhook]) < IN_A_ROW:
                    found[webhook].append(number)
        return dict(found)

    async def _all(self, rows: dict[int, list[int]]) -> int:
        # No cookies, no proxies of the environment; a connection is used for one telling.
        connector = aiohttp.TCPConnector(
            resolver=PublicResolver(self.allowed), ssl=self._tls(), force_close=True, enable_cleanup_closed=CUTS_OFF,
        )  # fmt: skip
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        ) as http:
            told = await asyncio.gather(*(self._one_webhook(http, numbers) for numbers in rows.values()))
        return sum(told)

    async def _one_webhook(self, http: aiohttp.ClientSession, numbers: list[int]) -> int:
        """One after the other; after a failure the rest waits."""
        for done, number in enumerate(numbers):
            taken = self._take(number)
            if taken is None:
                continue
            fault = await self._post(http, taken)
            self._write(taken, fault)
            if fault:
                return done
        return len(numbers)

    def _tls(self) -> ssl.SSLContext:
        found = ssl.create_default_context()
        if self.authorities is not None:
            found.load_verify_locations(self.authorities)
        return found

    def _take(self, number: int) -> _Taken | None:
        """This process's for a while; None when it is not due any more."""
        at = self.clock()
        with transaction(self.engine) as session:
            mine = session.execute(
                update(WebhookDelivery)
                .where(
                    WebhookDelivery.id == number,
                    WebhookDelivery.state == DeliveryState.DUE,
                    WebhookDelivery.next_try_at <= at,
                )
                .values(next_try_at=at + LEASE, tries=WebhookDelivery.tries + 1)
            )
            if mine.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult
                return None
            row = session.get_one(WebhookDelivery, number)
            webhook = session.get_one(AgencyWebhook, row.webhook_id)
            if webhook.ended_at is not None or webhook.paused_at is not None:
                row.next_try_at, row.tries = at, row.tries - 1
                return None
            body = json.dumps(row.body, ensure_ascii=False).encode()
            return _Taken(number, row.event_id, row.event, webhook.url, secret_of(webhook, self.var), body)

    async def _post(self, http: aiohttp.ClientSession, one: _Taken) -> str:
        """What went wrong; empty: it was taken. Redirects are not followed: who is redirected to is nobody that we judged."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "1022-webhook/1",
            "X-1022-Event": one.event,
            "X-1022-Delivery": one.event_id,
            "X-1022-Signature": signature(one.key, int(self.clock().timestamp()), one.body),
        }
        url = URL(one.url)
        try:
            if not self._literal_is_allowed(url.host or ""):
                return "private address"
            async with http.post(url, data=one.body, headers=headers, allow_redirects=False) as answer:
                return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except TimeoutError:
            return f"no answer in {ANSWERS_WITHIN_S:g} s"
        except aiohttp.ClientConnectorError as error:
            return "private address" if isinstance(error.os_error, PrivateAddress) else type(error).__name__
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__

    def _literal_is_allowed(self, host: str) -> bool:
        """Nobody resolves an address that is one already."""
        try:
            return may_reach(host, self.allowed)
        except ValueError:
            return True

    def _write(self, one: _Taken, fault: str) -> None:
        at = self.clock()
        with transaction(self.engine) as session:
            row = session.get(WebhookDelivery, one.number, with_for_update=True)
            if row is None:
                return  # its webhook was ended meanwhile
            webhook = session.get_one(AgencyWebhook, row.webhook_id, with_for_update=True)
            row.fault = fault[:80]
            if not fault:
                row.state, row.sent_at = DeliveryState.SENT.value, at
                webhook.failures, webhook.rests_until = 0, None
                return
            webhook.failures += 1
            rest_s = RESTS_S[min(webhook.failures, len(RESTS_S)) - 1]
            webhook.rests_until = at + timedelta(seconds=rest_s)
            if webhook.failures >= FAILURES_MOST:
                webhook.paused_at = at
            if row.tries > len(PAUSES_S):
                row.state = DeliveryState.DEAD.value
            else:
                # Some sooner, some later: after an hour's outage not all come in one second.
                row.next_try_at = at + timedelta(
                    seconds=PAUSES_S[row.tries - 1] * (0.8 + 0.4 * self.chance())
                )
            log.warning(
                "a webhook was not taken", webhook=webhook.id, delivery=row.id, tries=row.tries, state=row.state, fault=fault,
                paused=webhook.paused_at is not None,
            )  # fmt: skip
