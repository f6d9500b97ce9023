"""The ports that the product listens on, and whether somebody else has them."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from front_door.faults import Fault
from hotline.settings import Settings


@dataclass(frozen=True)
class Port:
    """One address that a process of ours will listen on."""

    setting: str
    """The environment variable that moves it."""
    host: str
    number: int
    kind: str
    """TCP or UDP."""

    def is_taken(self) -> bool:
        """Whether another program listens there. Raises Fault when this user may not."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        kind = socket.SOCK_STREAM if self.kind == "TCP" else socket.SOCK_DGRAM
        with socket.socket(family, kind) as probe:
            if self.kind == "TCP":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.number))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
                raise Fault(
                    f"Port {self.number} ({self.kind}) cannot be opened on {self.host} ({error.strerror}); "
                    f"set {self.setting} to a port from 1024 on, or the host to an address that is here."
                ) from None
        return False

    def fault(self) -> Fault:
        """The sentence when it is taken."""
        return Fault(
            f"Port {self.number} ({self.kind}) is taken by another program; end that one, or set "
            f"{self.setting} to a free port."
        )


def all_of(given: Settings) -> list[Port]:
    """Every port of this installation."""
    return [
        Port("HOTLINE_SIP_PORT", given.sip_host, given.sip_port, "UDP"),
        Port("HOTLINE_ARI_PORT", "127.0.0.1", given.ari_port, "TCP"),
        Port("HOTLINE_AMI_PORT", "127.0.0.1", given.ami_port, "TCP"),
        Port("HOTLINE_AGI_PORT", "127.0.0.1", given.agi_port, "TCP"),
        Port("HOTLINE_PANEL_PORT", given.panel_host, given.panel_port, "TCP"),
        Port("HOTLINE_LIVE_PORT", given.panel_host, given.live_port, "TCP"),
        Port("HOTLINE_FRONT_PORT", given.front_host, given.front_port, "TCP"),
        Port("HOTLINE_PLAIN_PORT", "127.0.0.1", given.plain_port, "TCP"),
    ]


def see_to(given: Settings) -> None:
    """Raises Fault naming the first port that is taken."""
    for port in all_of(given):
        if port.is_taken():
            raise port.fault()
