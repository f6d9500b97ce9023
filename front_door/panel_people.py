"""People of the demo at the panel's own pages: they sign in, read a page and send its forms, as a browser without scripts does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING

from front_door import demo_data
from hotline.settings import Settings

if TYPE_CHECKING:
    import aiohttp

TOKEN = re.compile(r'(?:name="csrf_token" value|name="csrf-token" content)="([^"]+)"')
SENTENCE = re.compile(r"<[^>]+>|\s+")
WITHIN_S = 20.0

Form = Mapping[str, str | Sequence[str]]


class Refused(RuntimeError):  # noqa: N818 - exceptions are named by the fact
    """The panel did not take a form, or had no such page; the text is what it answered."""


class Person:
    """One signed-in person. `async with Person(given, "lan") as lan`."""

    def __init__(self, given: Settings, username: str) -> None:
        self.given, self.username = given, username
        self._token = ""
        self._pages: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        return demo_data.FULL_NAMES[self.username]

    async def __aenter__(self) -> Person:
        from aiohttp import ClientSession, ClientTimeout, CookieJar

        base = f"http://127.0.0.1:{self.given.plain_port}"
        self._pages = ClientSession(base, cookie_jar=CookieJar(unsafe=True), timeout=ClientTimeout(WITHIN_S))
        self._token = _token(await self.page("/sign-in"))
        await self.send(
            "/sign-in", {"username": self.username, "password": demo_data.password(self.given)}, click=False
        )
        self._token = _token(await self.page("/password"))  # a page that every role has
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._pages is not None:
            await self._pages.close()

    async def page(self, path: str, **query: str) -> str:
        """The page's text. Raises Refused."""
        async with self._open.get(path, params=query) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise Refused(f"{self.username}: {path} answers {answer.status}: {_said(text)}")
            return text

    async def send(self, path: str, form: Form, *, click: bool = True) -> str:
        """Send a form as its button does; the page that follows. Raises Refused with what the page says."""
        values = [("csrf_token", self._token), *([("click_id", token_hex(16))] if click else [])]
        for name, value in form.items():
            values += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        async with self._open.post(path, data=values) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise Refused(f"{self.username}: {path} answers {answer.status}: {_said(text)}")
            return text

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._pages is None:
            raise RuntimeError(f"{self.username} has not signed in: use `async with`.")
        return self._pages


def _token(page: str) -> str:
    found = TOKEN.search(page)
    if found is None:
        raise Refused("The page carries no form of this panel.")
    return found[1]


def _said(page: str) -> str:
    """The page's words, shortened: what a person would read there."""
    body = page.partition("<main")[2] or page
    return " ".join(SENTENCE.sub(" ", body).split())[:240]
