"""Text messages to teams: due rows, put together and handed to a gateway when they go; a stand-in writes them into files."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hotline import order_links
from hotline.categories import CategoryFaults, beside
from hotline.database import reading, transaction
from hotline.events import now
from hotline.installation import Installation
from hotline.numbers import NumberKind, caller
from hotline.orders import Assignment, AssignmentState, Order, TextMessage
from hotline.tickets import Ticket
from hotline.units import VIETNAM, Unit

log = structlog.get_logger(__name__)

AT_ONCE = 50
TRIES = 3
AGAIN_AFTER = timedelta(seconds=30)
GSM_CHARACTERS = 459
"""Three parts; letters without their marks, because with them a part has 67 characters and old phones show squares."""
LEVELS = {
    "RED": "KHAN CAP",
    "ORANGE": "RAT KHAN",
    "YELLOW": "uu tien",
    "GREEN": "thuong",
    "NONMED": "dich vu",
}

Gateway = Callable[[int, str, str], None]
"""Sends message id, number, text; OSError when it cannot now."""


def folder_gateway(folder: Path) -> Gateway:
    """The stand-in of a provider: each message a file that only this account reads; the log has no number and no word of it."""

    def send(number: int, to: str, text: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number:06}.txt"
        path.touch(mode=0o600)
        path.write_text(f"{to}\n{text}\n", encoding="utf-8")

    return send


class TextMessages:
    """The worker's look at what is to go out."""

    def __init__(
        self,
        engine: Engine,
        gateway: Gateway | None,
        base_url: str,
        installation: Callable[[], Installation],
        installation_file: Path,
        *,
        any_number: bool = False,
    ) -> None:
        """`any_number`: the stand-in takes them all; a provider's only mobile ones."""
        self._any_number = any_number
        self._engine, self._gateway, self._base_url = engine, gateway, base_url
        self._installation, self._file = installation, installation_file

    def look(self) -> int:
        """How many went out."""
        at = now()
        with reading(self._engine) as session:
            due = (TextMessage.state == "due", TextMessage.next_try_at <= at)
            wanted = list(
                session.scalars(select(TextMessage.id).where(*due).order_by(TextMessage.id).limit(AT_ONCE))
            )
        return sum(self._send(number, at) for number in wanted)

    def _send(self, number: int, at: datetime) -> bool:
        with transaction(self._engine) as session:
            row = session.get(TextMessage, number, with_for_update=True)
            if row is None or row.state != "due":
                return False
            one = session.get(Assignment, row.about)
            mobile = self._any_number or caller(row.number).kind is NumberKind.MOBILE
            if one is None or one.state != AssignmentState.SENT or not mobile or self._gateway is None:
                row.state = "dropped"
                return False
            row.tries += 1
            row.next_try_at = (
                at + AGAIN_AFTER
            )  # should this process die now, it goes out then, with a new link
            token = order_links.make(session, one.id, order_links.ANSWER, at)
            to, text = row.number, self._text(session, one, f"{self._base_url}/l/{token}")
            gives_up = row.tries >= TRIES
        try:
            self._gateway(number, to, text)
        except OSError as error:
            log.warning("a text message could not be sent", message=number, error=type(error).__name__)
            if gives_up:
                self._mark(number, "failed", None)
            return False
        self._mark(number, "sent", at)
        log.info("a text message went out", message=number, characters=len(text))
        return True

    def _mark(self, number: int, state: str, at: datetime | None) -> None:
        with transaction(self._engine) as session:
            row = session.get_one(TextMessage, number)
            row.state, row.sent_at = state, at

    def _text(self, session: Session, one: Assignment, url: str) -> str:
        """No name and no number of anybody: a message lies open on a phone."""
        order = session.get_one(Order, one.order_id)
        ticket = session.get(Ticket, order.ticket_id)
        hotline = self._installation().hotline(order.hotline)
        label = f"{hotline.prefix}-{ticket.number if ticket is not None else '?'}/{order.number}"
        unit = session.scalar(select(Unit.full_name).where(Unit.code == order.unit_code).limit(1)) or ""
        due = order.due_at.astimezone(VIETNAM)
        words = [
            f"1022 {hotline.tinh}: lệnh {LEVELS.get(order.acuity, '')} {label}, {self._category(order.category)}",
            unit, f"hạn {due:%H:%M %d/%m}",
        ]  # fmt: skip
        said = plain(", ".join(word for word in words if word))
        tail = f". Nhan/tu choi: {url}"
        return said[: GSM_CHARACTERS - len(tail)] + tail

    def _category(self, key: str) -> str:
        try:
            known = beside(self._file).get(key)
        except (CategoryFaults, OSError):
            return ""
        return known.vi if known is not None else ""


def plain(text: str) -> str:
    """Without the marks of Vietnamese letters, in the alphabet that every phone knows."""
    apart = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in apart if not unicodedata.combining(c)).encode("ascii", "ignore").decode()
