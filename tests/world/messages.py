"""SIP messages as text: read, built, and the digest that proves a password (RFC 3261, RFC 2617)."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

MAGIC_BRANCH = "z9hG4bK"

LONG_NAMES = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "c": "content-type",
    "l": "content-length",
    "k": "supported",
    "e": "content-encoding",
    "s": "subject",
    "r": "refer-to",
    "b": "referred-by",
}

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    500: "Server Error",
    503: "Service Unavailable",
    603: "Decline",
}

Headers = Iterable[tuple[str, str]]


class NotSip(ValueError):  # noqa: N818 exceptions are named for the fact
    """The datagram is no SIP message (keep-alives and garbage are)."""


@dataclass(frozen=True)
class Message:
    """One request (`method` set) or one response (`status` set)."""

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def header(self, name: str) -> str:
        """The first header of that name, in any case; "" when there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def all_headers(self, name: str) -> list[str]:
        """Every header of that name, in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    @property
    def branch(self) -> str:
        """The transaction's id: the branch of the top Via."""
        found = re.search(r";\s*branch=([^;,\s]+)", self.header("via"))
        return found.group(1) if found else ""

    @property
    def call_id(self) -> str:
        """The call's id on the wire."""
        return self.header("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of the CSeq; (0, "") when it cannot be read."""
        number, _, method = self.header("cseq").partition(" ")
        return (int(number), method.strip()) if number.isdigit() else (0, "")

    @property
    def from_tag(self) -> str:
        """The tag of the one who sent the request."""
        return tag_of(self.header("from"))

    @property
    def to_tag(self) -> str:
        """The tag of the one who was asked; "" before a dialog exists."""
        return tag_of(self.header("to"))

    def wire(self) -> bytes:
        """The datagram, Content-Length counted here."""
        first = f"{self.method} {self.uri} SIP/2.0" if self.method else f"SIP/2.0 {self.status} {self.reason}"
        body = self.body.encode()
        lines = [first, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def read_message(datagram: bytes) -> Message:
    """The message in a datagram; raises NotSip."""
    head, _, body = datagram.partition(b"\r\n\r\n")
    text = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
    first, *lines = text.split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip()
            headers.append((LONG_NAMES.get(name.lower(), name), value.strip()))
    words = first.split(" ", 2)
    if len(words) < 3:
        raise NotSip(first[:80])
    content = body.decode("utf-8", "replace")
    if words[0] == "SIP/2.0" and words[1].isdigit():
        return Message(status=int(words[1]), reason=words[2], headers=tuple(headers), body=content)
    if words[2] == "SIP/2.0":
        return Message(method=words[0], uri=words[1], headers=tuple(headers), body=content)
    raise NotSip(first[:80])


def reply_to(
    request: Message, status: int, to_tag: str = "", headers: Headers = (), body: str = "", reason: str = ""
) -> Message:
    """A response that goes back the way the request came."""
    copied = [("Via", via) for via in request.all_headers("via")]
    copied += [("Record-Route", route) for route in request.all_headers("record-route")]
    to = request.header("to")
    if to_tag and not tag_of(to):
        to = f"{to};tag={to_tag}"
    copied += [
        ("From", request.header("from")),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", request.header("cseq")),
    ]
    return Message(
        status=status,
        reason=reason or REASONS.get(status, "Status"),
        headers=(*copied, *headers),
        body=body,
    )


def tag_of(name_addr: str) -> str:
    """The tag of a From or To header; "" when there is none."""
    found = re.search(r";\s*tag=([^;,\s>]+)", name_addr.rpartition(">")[2])
    return found.group(1) if found else ""


def uri_of(name_addr: str) -> str:
    """The URI inside a name-addr, or the bare URI without its header parameters."""
    found = re.search(r"<([^>]*)>\s*(;|$|,)", name_addr)
    return found.group(1) if found else name_addr.split(";")[0].strip()


def user_of(uri_or_name_addr: str) -> str:
    """The user part: `sip:0912@host` gives `0912`; "" when there is none."""
    found = re.match(r"(?:sips?|tel):([^@;]*?)(?:@|;|$)", uri_of(uri_or_name_addr))
    return found.group(1) if found else ""


def name_addr(display_name: str, uri: str) -> str:
    """`"Name" <uri>` with quotes and backslashes escaped; a line break in a name becomes a space."""
    if not display_name:
        return f"<{uri}>"
    flat = re.sub(r"[\r\n]+", " ", display_name)
    quoted = flat.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{uri}>'


def new_tag() -> str:
    """A tag nobody else has."""
    return secrets.token_hex(6)


def new_branch() -> str:
    """A transaction id nobody else has."""
    return MAGIC_BRANCH + secrets.token_hex(8)


@dataclass
class Credentials:
    """User and password of a SIP account; counts the uses of a nonce."""

    user: str
    password: str = field(repr=False)
    uses: int = 0

    def authorization(self, challenge: Message, method: str, uri: str) -> tuple[str, str] | None:
        """The header that answers a 401 or 407; None when no challenge asks for MD5."""
        asked, answered = (
            ("www-authenticate", "Authorization")
            if challenge.status == 401
            else ("proxy-authenticate", "Proxy-Authorization")
        )
        for header in challenge.all_headers(asked):
            wanted = digest_fields(header)
            if wanted.get("algorithm", "MD5").upper() == "MD5" and "nonce" in wanted:
                return answered, self._digest(wanted, method, uri)
        return None

    def _digest(self, wanted: dict[str, str], method: str, uri: str) -> str:
        self.uses += 1
        realm, nonce = wanted.get("realm", ""), wanted["nonce"]
        count, cnonce = f"{self.uses:08x}", secrets.token_hex(8)
        qop = "auth" if "auth" in wanted.get("qop", "").split(",") else ""
        response = digest_response(self.user, self.password, realm, nonce, method, uri, qop, count, cnonce)
        fields = [
            f'username="{self.user}"',
            f'realm="{realm}"',
            f'nonce="{nonce}"',
            f'uri="{uri}"',
            f'response="{response}"',
            "algorithm=MD5",
        ]
        if "opaque" in wanted:
            fields.append(f'opaque="{wanted["opaque"]}"')
        if qop:
            fields += [f"qop={qop}", f"nc={count}", f'cnonce="{cnonce}"']
        return "Digest " + ", ".join(fields)


def digest_fields(header: str) -> dict[str, str]:
    """The name=value pairs of a Digest challenge or answer, unquoted, names in lower case."""
    pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)
    return {name.lower(): quoted or plain for name, quoted, plain in pairs}


def digest_response(
    user: str,
    password: str,
    realm: str,
    nonce: str,
    method: str,
    uri: str,
    qop: str = "",
    count: str = "",
    cnonce: str = "",
) -> str:
    """The hex digest of RFC 2617, with or without qop=auth."""
    who, what = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    middle = f"{nonce}:{count}:{cnonce}:{qop}" if qop else nonce
    return _md5(f"{who}:{middle}:{what}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
