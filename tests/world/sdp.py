"""What two parties agree about sound: A-law and telephone events, one address each (RFC 4566)."""

import re
from dataclasses import dataclass

MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly", "sendrecv": "sendrecv", "inactive": "inactive"}
ALAW_PAYLOAD = 8
KEY_PAYLOAD = 101


@dataclass(frozen=True)
class MediaOffer:
    """Where the other side wants its sound, and the payload number it gave to key presses."""

    host: str
    port: int
    key_payload: int = KEY_PAYLOAD
    direction: str = "sendrecv"


def offer(host: str, port: int, direction: str = "sendrecv", version: int = 1) -> str:
    """Our own description: PCMA, telephone-event, 20 ms."""
    return "\r\n".join(
        [
            "v=0",
            f"o=- {port} {version} IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {ALAW_PAYLOAD} {KEY_PAYLOAD}",
            f"a=rtpmap:{ALAW_PAYLOAD} PCMA/8000",
            f"a=rtpmap:{KEY_PAYLOAD} telephone-event/8000",
            f"a=fmtp:{KEY_PAYLOAD} 0-16",
            "a=ptime:20",
            f"a={direction}",
            "",
        ]
    )


def read_offer(body: str) -> MediaOffer | None:
    """The other side's description; None when there is no audio in it."""
    port = re.search(r"^m=audio (\d+)", body, re.MULTILINE)
    host = re.findall(r"^c=IN IP4 (\S+)", body, re.MULTILINE)
    if port is None or not host:
        return None
    key = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", body, re.MULTILINE | re.IGNORECASE)
    direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", body, re.MULTILINE)
    return MediaOffer(
        host=host[-1],
        port=int(port.group(1)),
        key_payload=int(key.group(1)) if key else KEY_PAYLOAD,
        direction=direction.group(1) if direction else "sendrecv",
    )
