"""`messages.toml`: which provider takes the messages of which channel, and how it is spoken to.

It lies beside the installation file, one table a channel. In `url`, `headers` and `body` the words {number}, {text}, {key} and
{secret} stand for what is sent, what the gateway may know it by, and the provider's key, which lies alone in `var/gateways/NAME`
(mode 0600) and in no file that is copied about.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hotline.toml_table import Fault, Table

FILE = "messages.toml"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FORMS = ("national", "e164", "digits")
METHODS = ("GET", "POST", "PUT")
STAND_IN = "sms"
"""The channel that in the demo goes into files."""


@dataclass(frozen=True)
class HttpsGateway:
    """A provider, as the file describes it."""

    channel: str
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """Sent as JSON; None: nothing but the address."""
    secret: str = ""
    """Name of the file in var/gateways."""
    number: str = "national"
    """How numbers are written: national 0912…, e164 +84912…, digits 84912…."""
    result: str = ""
    """Field of the JSON answer that tells what became of it, where a provider answers 200 to everything."""
    taken: tuple[str, ...] = ()
    """Its values for "taken"."""
    later: tuple[str, ...] = ()
    """Its values for "not now"; any other is a refusal."""
    id: str = ""
    """Field of the answer with the provider's own number for the message."""
    connect_s: int = 5
    answer_s: int = 15
    """Longest wait for the whole answer; less than the minute after which a sender is taken for dead."""


class MessageFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.en for fault in faults))
        self.faults = faults


def beside(installation: Path) -> Mapping[str, HttpsGateway]:
    """Channel → its provider, read anew when the file has changed; empty without a file. Raises MessageFaults, OSError."""
    path = installation.parent / FILE
    return _read(path, path.stat().st_mtime_ns) if path.exists() else {}


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int) -> Mapping[str, HttpsGateway]:
    return read(path)


def read(path: Path) -> dict[str, HttpsGateway]:
    """The providers of one file. Raises MessageFaults with every fault."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MessageFaults([Fault(f"{FILE}: {error}", f"{FILE}: {error}")]) from error
    faults: list[Fault] = []
    found: dict[str, HttpsGateway] = {}
    for channel, values in given.items():
        if isinstance(values, dict):
            found[channel] = _gateway(channel, dict(values), faults)
        else:
            faults.append(
                Fault(f"{FILE}: “{channel}” phải là một bảng.", f"{FILE}: {channel} must be a table.")
            )
    if faults:
        raise MessageFaults(faults)
    return found


def _gateway(channel: str, values: dict[str, Any], faults: list[Fault]) -> HttpsGateway:
    table = Table(f"{FILE} [{channel}]", values, faults)
    headers = values.pop("headers", {})
    body = values.pop("body", None)
    gateway = HttpsGateway(
        channel, table.take("url", str), table.take("method", str, "POST"), headers, body, table.take("secret", str, ""),
        table.take("number", str, "national"), table.take("result", str, ""), table.texts("taken"), table.texts("later"),
        table.take("id", str, ""), table.number("connect_s", 5, 1, 15), table.number("answer_s", 15, 1, 30),
    )  # fmt: skip
    address = urlsplit(gateway.url)
    if address.scheme != "https" and address.hostname not in LOOPBACK:
        table.wrong("url", "phải bắt đầu bằng https://.", ": url must begin with https://.")
    if gateway.number not in FORMS:
        table.wrong("number", f"phải là {', '.join(FORMS)}.", f": number must be one of {', '.join(FORMS)}.")
    if gateway.method not in METHODS:
        table.wrong(
            "method", f"phải là {', '.join(METHODS)}.", f": method must be one of {', '.join(METHODS)}."
        )
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        table.wrong("headers", "phải là một bảng các dòng chữ.", ": headers must be a table of texts.")
    if body is not None and not isinstance(body, dict):
        table.wrong("body", "phải là một bảng.", ": body must be a table.")
    whole = json.dumps([gateway.url, headers, body], default=str)
    for word in ("number", "text"):
        if f"{{{word}}}" not in whole:
            table.wrong(
                "body", f"chưa có chữ {{{word}}}.", f": {{{word}}} stands nowhere in url, headers or body."
            )
    if gateway.result and not gateway.taken:
        table.wrong(
            "taken", "phải có giá trị khi có result.", ": taken must have a value where there is a result."
        )
    if "/" in gateway.secret or gateway.secret.startswith("."):
        table.wrong(
            "secret", "là tên tệp trong var/gateways.", ": secret is the name of a file in var/gateways."
        )
    for name in values:
        table.wrong(name, "không có mục này.", f": {name} is unknown.")
    return gateway


def key_of(given: HttpsGateway, var: Path) -> str:
    """The provider's key. Raises MessageFaults when it cannot be read."""
    if not given.secret:
        return ""
    path = var / "gateways" / given.secret
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        vi = f"Không đọc được {path}: hãy ghi khóa của nhà cung cấp vào đó (chmod 600)."
        en = f"{path} cannot be read: put the provider's key there (chmod 600)."
        raise MessageFaults([Fault(vi, en)]) from error


def fault(installation: Path, var: Path) -> str:
    """What is wrong with the file or a key, for who runs the machine; empty when nothing is."""
    try:
        for given in beside(installation).values():
            key_of(given, var)
    except (MessageFaults, OSError) as error:
        return str(error)
    return ""


def goes_out(installation: Path, channel: str, *, demo: bool) -> bool:
    """Whether messages go out by that channel at all."""
    try:
        return channel in beside(installation) or (demo and channel == STAND_IN)
    except (MessageFaults, OSError):
        return False  # doctor and the page of messages say what is wrong
