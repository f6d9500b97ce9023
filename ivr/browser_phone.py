"""An operator's telephone in the browser: an endpoint of Asterisk whose password lives as long as its page, and as the duty.

The endpoints are in Asterisk's memory only, so nothing must be rendered or reloaded; an Asterisk that began anew knows none, and
each page asks for its own again.
"""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import structlog

from hotline.secrets import secret
from hotline.settings import Settings

log = structlog.get_logger(__name__)

PREFIX = "web-"
ANSWER_WITHIN_S = 2.0
CODEC = "alaw"
"""What carriers speak, so that nothing is transcoded (docs/benchmarks.md has the price of Opus)."""
OBJECTS = ("auth", "aor", "endpoint")
"""In the order in which they are made."""


class Away(Exception):  # noqa: N818 - exceptions are named by the fact
    """Asterisk did not answer, or refused."""


@dataclass(frozen=True)
class Login:
    """What a page registers with."""

    name: str
    """The endpoint, e.g. web-7; also the SIP user."""
    password: str


def name_of(operator_id: int) -> str:
    return f"{PREFIX}{operator_id}"


def is_browser(phone: str) -> bool:
    return phone.startswith(PREFIX)


def issue(given: Settings, operator_id: int, page: str, codec: str = CODEC) -> Login:
    """A fresh password for the operator's browser phone; the page that had the last one cannot register again. Raises Away."""
    login = Login(name_of(operator_id), token_urlsafe(24))
    for kind, fields in _fields(login, page, codec).items():
        body = {"fields": [{"attribute": name, "value": value} for name, value in fields]}
        _ask(given, "PUT", f"asterisk/config/dynamic/res_pjsip/{kind}/{login.name}", body)
    return login


def revoke(given: Settings, operator_id: int) -> None:
    """The phone is no more; a talk that goes on is not cut. Raises Away."""
    for kind in reversed(OBJECTS):
        _ask(
            given, "DELETE", f"asterisk/config/dynamic/res_pjsip/{kind}/{name_of(operator_id)}", missing=None
        )


async def end(given: Settings, operator_id: int, phone: str) -> None:
    """Who leaves duty leaves the telephone of their page too; a desk's own phone stays what it is."""
    if not is_browser(phone):
        return
    try:
        await asyncio.to_thread(revoke, given, operator_id)
    except Away as error:
        log.warning("a browser phone could not be revoked", operator_id=operator_id, error=str(error))


def page_of(given: Settings, operator_id: int) -> str:
    """The page that has the phone now; empty when none has. Raises Away."""
    path = f"asterisk/config/dynamic/res_pjsip/endpoint/{name_of(operator_id)}"
    found = _ask(given, "GET", path, missing=[])
    return next((str(one["value"]) for one in found if one["attribute"] == "accountcode"), "")


def is_online(given: Settings, operator_id: int) -> bool:
    """Whether a page is registered as this operator's phone. Raises Away."""
    found = _ask(given, "GET", f"endpoints/PJSIP/{name_of(operator_id)}", missing={})
    return bool(found.get("state") == "online")


def _fields(login: Login, page: str, codec: str) -> Mapping[str, tuple[tuple[str, str], ...]]:
    return {
        "auth": (("auth_type", "digest"), ("username", login.name), ("password", login.password)),
        "aor": (
            ("max_contacts", "1"),
            ("remove_existing", "yes"),
            ("maximum_expiration", "300"),
            ("qualify_frequency", "15"),
            ("qualify_timeout", "3"),
        ),
        "endpoint": (
            ("webrtc", "yes"),
            ("context", "from-phone"),
            ("disallow", "all"),
            ("allow", codec),
            ("aors", login.name),
            ("auth", login.name),
            ("direct_media", "no"),
            ("dtmf_mode", "rfc4733"),
            ("allow_transfer", "no"),
            ("device_state_busy_at", "1"),
            # Only for what the calls process does not see; a browser sends on while it is muted.
            ("rtp_timeout", "30"),
            ("rtp_timeout_hold", "600"),
            ("accountcode", page),
        ),
    }


def _ask(given: Settings, method: str, path: str, body: Any = None, **when: Any) -> Any:
    """Asterisk's JSON answer; `missing` is given back for a 404."""
    word = base64.b64encode(f"hotline:{secret(given.var, 'ari')}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{given.ari_port}/ari/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {word}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310 - our own Asterisk on loopback
            text = answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404 and "missing" in when:
            return when["missing"]
        raise Away(f"{method} {path}: {error.code}") from error
    except (OSError, ValueError) as error:
        raise Away(f"{method} {path}: {error}") from error
    return json.loads(text) if text else None
