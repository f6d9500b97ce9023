"""Webhooks: where an agency's own system is told what happened, and each telling as a row of the transaction in which it happened.

A telling names things and states, never a person: who wants more asks the interface with a token. Its secret is derived, not stored.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import JSON, ForeignKey, Index, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline.agencies import AgencyRow
from hotline.database import Base, Moment
from hotline.refusals import RequestRefused
from hotline.secrets import secret

LONGEST_URL = 500
MOST_OF_AGENCY = 10
PAUSES_S = (10.0, 30.0, 120.0, 600.0, 3600.0, 10_800.0, 21_600.0)
"""Between the tries of one telling; after the last it is dead, about ten hours after it happened."""
RESTS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
"""How long an address that failed is left alone altogether; from the fifth failure in a row on always the last."""
FAILURES_MOST = 30
"""So many in a row, and nothing more is sent there until an administrator says so: half an hour at the least."""
KEPT = timedelta(days=30)
OLDEST = timedelta(days=3)
"""What could not be sent for so long, because its webhook was paused, is dead."""
REPLAY_S = 300
"""Receivers refuse what was signed longer ago; told in docs/interface.md."""


class Told(StrEnum):
    """What an agency can be told of."""

    ORDER_SENT = "order.sent"
    """Its team has a new order."""
    ORDER_CHANGED = "order.changed"
    """Its part in an order has another state: also recalled, and unanswered."""
    TICKET_ASSIGNED = "ticket.assigned"
    """A ticket waits for it from now on."""
    TICKET_CHANGED = "ticket.changed"
    """A ticket that waits for it has reached another stage, or is closed."""


class DeliveryState(StrEnum):
    DUE = "due"
    SENT = "sent"
    DEAD = "dead"


class AgencyWebhook(Base):
    __tablename__ = "agency_webhook"
    id: Mapped[int] = mapped_column(primary_key=True)
    agency_key: Mapped[str] = mapped_column(ForeignKey("agency.key"), index=True)
    url: Mapped[str] = mapped_column(String(LONGEST_URL))
    events: Mapped[list[str]] = mapped_column(JSON, default=list)
    nonce: Mapped[str] = mapped_column(String(32))
    """With the installation's key it gives the secret that signs."""
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(80), default="")
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    rests_until: Mapped[datetime | None] = mapped_column(Moment)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)


class WebhookDelivery(Base):
    """One telling to one webhook."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (Index("ix_webhook_delivery_state_next_try_at", "state", "next_try_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("agency_webhook.id"), index=True)
    event_id: Mapped[str] = mapped_column(String(36))
    """The same at every try: receivers that have seen it leave it out."""
    event: Mapped[str] = mapped_column(String(32))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(8), default=DeliveryState.DUE)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    fault: Mapped[str] = mapped_column(String(80), default="")
    """What the last try met."""


Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]
_TUNNELS = tuple(
    ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)
"""Addresses that carry another one inside."""


def networks(text: str) -> Networks:
    """Of "10.1.0.0/16, fd00::/8". Raises ValueError."""
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def may_reach(address: str, allowed: Networks) -> bool:
    """Whether we may connect to this IP address: public ones, and what the installation names."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if any(ip.version == net.version and ip in net for net in allowed):
        return True
    inside = any(ip.version == net.version and ip in net for net in _TUNNELS)
    return ip.is_global and not ip.is_multicast and not inside


def judged_url(url: str, allowed: Networks) -> str:
    """The address as it is kept. Raises RequestRefused; names are resolved, and judged again, when something is sent."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if (
        parts.scheme != "https"
        or not host
        or len(url) > LONGEST_URL
        or not url.isascii()
        or not url.isprintable()
    ):
        raise RequestRefused(
            f"Địa chỉ phải bắt đầu bằng https:// và có nhiều nhất {LONGEST_URL} ký tự.",
            f"The address must begin with https:// and have at most {LONGEST_URL} characters.",
            "url",
        )
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise RequestRefused(
            "Địa chỉ không được chứa tên đăng nhập, mật khẩu hay dấu #.",
            "The address must not have a user name, a password or a #.",
            "url",
        )
    try:
        reachable = may_reach(host, allowed)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
        reachable = not local or may_reach("127.0.0.1", allowed)
    if not reachable:
        raise RequestRefused(
            "Địa chỉ này ở mạng nội bộ: quản trị hệ thống phải cho phép mạng đó trước.",
            "This address is in a private network: the installation has to allow that network first.",
            "url",
        )
    return url.strip()


def register(
    session: Session, agency: str, url: str, events: Collection[str], by: str, at: datetime, allowed: Networks
) -> AgencyWebhook:
    """A new webhook in the caller's transaction. Raises RequestRefused."""
    row = session.get(AgencyRow, agency)
    if row is None or row.removed or not row.active:
        raise RequestRefused(
            f"Không có cơ quan “{agency}”: hãy chọn trong danh sách.",
            f"There is no agency {agency!r}: choose one of the list.",
            "agency",
        )
    chosen = sorted(set(events))
    if not chosen or set(chosen) - set(Told):
        words = ", ".join(Told)
        raise RequestRefused(
            f"Hãy chọn ít nhất một sự kiện: {words}.", f"Choose at least one event of {words}.", "events"
        )
    address = judged_url(url, allowed)
    active = select(func.count()).where(AgencyWebhook.agency_key == agency, AgencyWebhook.ended_at.is_(None))
    if (session.scalar(active) or 0) >= MOST_OF_AGENCY:
        raise RequestRefused(
            f"Cơ quan này đã có {MOST_OF_AGENCY} webhook: hãy bỏ một cái trước.",
            f"This agency has {MOST_OF_AGENCY} webhooks: end one first.",
            "agency",
        )
    made = AgencyWebhook(
        agency_key=agency,
        url=address,
        events=chosen,
        nonce=secrets.token_hex(16),
        made_at=at,
        made_by=by[:80],
    )
    session.add(made)
    session.flush()
    return made


def secret_of(webhook: AgencyWebhook, var: Path) -> str:
    """The key that both sides have; shown once, when it is made."""
    return secret(var, f"webhook:{webhook.nonce}")


def signature(key: str, at_s: int, body: bytes) -> str:
    """The header's value: HMAC-SHA256 over "<seconds>.<body>"."""
    told = hmac.new(key.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={told}"


def tell(session: Session, agency: str, event: Told, about: dict[str, str], at: datetime) -> int:
    """Rows for the agency's webhooks that want it, in the caller's transaction; how many."""
    asked = select(AgencyWebhook).where(AgencyWebhook.agency_key == agency, AgencyWebhook.ended_at.is_(None))
    wanting = [one for one in session.scalars(asked) if event in one.events]
    for one in wanting:
        number = str(uuid.uuid4())
        body = {"id": number, "event": event.value, "at": at.isoformat(), "agency": agency, **about}
        session.add(
            WebhookDelivery(
                webhook_id=one.id,
                event_id=number,
                event=event.value,
                body=body,
                at=at,
                next_try_at=at,
                state=DeliveryState.DUE.value,
            )
        )
    return len(wanting)


def again(session: Session, delivery_id: int, at: datetime) -> WebhookDelivery | None:
    """A dead telling is due once more; None when there is no such."""
    row = session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if row is None or row.state != DeliveryState.DEAD:
        return None
    row.state, row.tries, row.next_try_at, row.at = DeliveryState.DUE.value, 0, at, at
    return row


def resume(session: Session, webhook_id: int) -> AgencyWebhook | None:
    """A paused webhook is sent to again, beginning with what waited."""
    row = session.get(AgencyWebhook, webhook_id, with_for_update=True)
    if row is not None:
        row.paused_at, row.rests_until, row.failures = None, None, 0
    return row


def end(session: Session, webhook_id: int, by: str, at: datetime) -> AgencyWebhook | None:
    """It is told nothing more; what was due is dropped."""
    row = session.get(AgencyWebhook, webhook_id, with_for_update=True)
    if row is not None and row.ended_at is None:
        row.ended_at, row.ended_by = at, by[:80]
        due = WebhookDelivery.state == DeliveryState.DUE
        session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, due))
    return row
