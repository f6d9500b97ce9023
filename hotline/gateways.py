"""Gateways that take messages: a provider's HTTPS interface as `messages.toml` describes it, or files in place of one.

Without a table for a channel (`hotline.gateway_file`) nothing goes out by it but in the demo, where messages are files in `var/sms`.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from hotline.events import now
from hotline.gateway_file import STAND_IN, HttpsGateway, beside, key_of
from hotline.numbers import NumberKind, caller
from hotline.text_messages import Answer, Taken

LONGEST_ANSWER = 65536
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP's own words for "not now"; other 4xx are for ever."""
ILL = frozenset({401, 403, 407, 429, 500, 502, 503, 504})
"""Not this message's fault: the account's, or the gateway's."""
ACCOUNT = frozenset({401, 402, 403, 407})
"""The account is wrong or empty: somebody mends it, and the messages go then."""


@dataclass(frozen=True)
class Sending:
    """One message for a gateway."""

    id: int
    number: str
    text: str
    key: str


Send = Callable[[Sending], Awaitable[Answer]]


def folder_gateway(folder: Path) -> Send:
    """The stand-in of a provider: each message a file that only this account reads; sent again it is the same file."""

    def write(one: Sending) -> Answer:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{one.id:06}.txt"
        path.touch(mode=0o600)
        path.write_text(f"{one.number}\n{one.text}\n", encoding="utf-8")
        return Answer(Taken.YES, gateway_id=path.name)

    async def send(one: Sending) -> Answer:
        try:
            return await asyncio.to_thread(write, one)
        except OSError as error:
            return Answer(Taken.LATER, fault=type(error).__name__, gateway_is_ill=True)

    return send


def https_gateway(given: HttpsGateway, key: str, clock: Callable[[], datetime] = now) -> Send:
    """The sender of one provider; `key` is its secret."""

    async def send(one: Sending) -> Answer:
        who = caller(one.number)
        if who.kind is not NumberKind.MOBILE:
            return Answer(Taken.NEVER, fault="no mobile number")
        number = {"national": who.national, "e164": who.e164, "digits": who.e164.lstrip("+")}[given.number]
        words = {"number": number, "text": one.text, "key": one.key, "secret": key}
        body = None if given.body is None else json.dumps(_filled(given.body, words)).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {name: _filled(value, words) for name, value in given.headers.items()}
        try:
            timeout = aiohttp.ClientTimeout(total=given.answer_s, sock_connect=given.connect_s)
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.request(
                    given.method,
                    _address(given.url, words),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as answer,
            ):
                said = await answer.content.read(LONGEST_ANSWER)
                return judged(given, answer.status, said, answer.headers.get("Retry-After", ""), clock())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Answer(
                Taken.LATER, fault=type(error).__name__, gateway_is_ill=True
            )  # nothing was said to it
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(Taken.LATER, fault=type(error).__name__, gateway_is_ill=True, doubtful=True)

    return send


def judged(given: HttpsGateway, status: int, said: bytes, retry_after: str, at: datetime) -> Answer:
    """What an answer means; its text goes nowhere, for providers repeat number and words in it."""
    again_s = _again_s(retry_after, at)
    if status in AGAIN or status in ACCOUNT:
        doubtful = status in (500, 502, 504)
        ill = status in ILL or status in ACCOUNT
        return Answer(
            Taken.LATER, fault=f"HTTP {status}", again_s=again_s, doubtful=doubtful, gateway_is_ill=ill
        )
    if status == 409:
        return Answer(Taken.YES)  # it has a message with this key
    if not 200 <= status < 300:
        return Answer(Taken.NEVER, fault=f"HTTP {status}")
    try:
        told: Any = json.loads(said) if said else {}
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    gateway_id = str(told.get(given.id, "")) if given.id else ""
    if not given.result:
        return Answer(Taken.YES, gateway_id)
    value = str(told.get(given.result, ""))
    if value in given.taken:
        return Answer(Taken.YES, gateway_id)
    fault = f"{given.result} {value[:40]}" if value else f"no {given.result} in the answer"
    if value in given.later or not value:
        return Answer(Taken.LATER, fault=fault, again_s=again_s, doubtful=not value, gateway_is_ill=not value)
    return Answer(Taken.NEVER, fault=fault)


def _again_s(retry_after: str, at: datetime) -> float | None:
    """Retry-After: seconds, or a date."""
    if retry_after.strip().isdecimal():
        return min(float(retry_after), 3600.0)
    try:
        then = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return min(max((then.astimezone(UTC) - at).total_seconds(), 0.0), 3600.0)


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """The template with the words in their places; what is put in is not looked at again."""
    if isinstance(value, str):
        parts = value.split("{")
        filled = [parts[0]]
        for part in parts[1:]:
            name, closed, rest = part.partition("}")
            filled.append(words[name] + rest if closed and name in words else "{" + part)
        return "".join(filled)
    if isinstance(value, Mapping):
        return {key: _filled(inner, words) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(inner, words) for inner in value]
    return value


def _address(url: str, words: Mapping[str, str]) -> URL:
    return URL(_filled(url, {name: quote(value, safe="") for name, value in words.items()}), encoded=True)


@dataclass(frozen=True)
class Gateways:
    """The channels of one installation, and who takes their messages now."""

    installation_file: Path
    var: Path
    demo: bool = False

    def of(self, channel: str) -> Send | None:
        """None: nothing goes out by this channel. Raises MessageFaults, OSError."""
        given = beside(self.installation_file).get(channel)
        if given is not None:
            return https_gateway(given, key_of(given, self.var))
        return folder_gateway(self.var / "sms") if self._stands_in(channel) else None

    def takes(self, channel: str, number: str) -> bool:
        """Whether that number can be reached so: the stand-in takes them all, a provider's only mobile ones."""
        stood_in = channel not in beside(self.installation_file) and self._stands_in(channel)
        return stood_in or caller(number).kind is NumberKind.MOBILE

    def _stands_in(self, channel: str) -> bool:
        return self.demo and channel == STAND_IN
