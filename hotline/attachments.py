"""Attachments of a ticket: what is sent is looked into, cleaned, kept by its own hash, and told to the ledger."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import ledger, pictures
from hotline.database import Base, Moment
from hotline.pictures import NoPicture
from hotline.tickets import Ticket, TicketEntry

LARGEST_BYTES = pictures.LARGEST_BYTES
MOST = 20
"""Of one ticket."""
ADDED, VIEWED = "attachment_added", "attachment_viewed"
TYPES = {"jpeg": "image/jpeg", "png": "image/png", "pdf": "application/pdf"}
NAME_CHARACTERS = 100
_NAME = re.compile(r"[^\w .()-]+")
_ACTIVE = re.compile(
    rb"/(JavaScript|JS|Launch|EmbeddedFile|OpenAction|AA|RichMedia|XFA)(?![A-Za-z])"
)  # fmt: skip


class Attachment(Base):
    """One file of a ticket's."""

    __tablename__ = "attachment"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    """As its sender called it; it names no file of ours."""
    kind: Mapped[str] = mapped_column(String(8))
    """A key of TYPES."""
    path: Mapped[str] = mapped_column(String(120))
    """Inside the recordings' folder."""
    size_bytes: Mapped[int] = mapped_column()
    sha256: Mapped[str] = mapped_column(String(64))
    """Of what is kept."""


class NotKept(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The file is not taken; `why` is too_large, empty, unknown, broken, active or too_many."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Cleaned:
    kind: str
    content: bytes


def cleaned(content: bytes) -> Cleaned:
    """What is kept of a sent file, by what it is and not by its name. Raises NotKept."""
    if not content:
        raise NotKept("empty")
    if len(content) > LARGEST_BYTES:
        raise NotKept("too_large")
    if content.startswith(b"%PDF-"):
        if b"%%EOF" not in content[-2048:]:
            raise NotKept("broken")
        if _ACTIVE.search(content):
            raise NotKept("active")
        return Cleaned("pdf", content)
    if not content.startswith((b"\xff\xd8\xff", b"\x89PNG")):
        raise NotKept("unknown")
    try:
        return Cleaned(*pictures.cleaned(content))
    except NoPicture as error:
        raise NotKept("broken") from error


def named(name: str, kind: str) -> str:
    """The sender's name for it, without folders and control characters, with the ending of what it is."""
    stem = _NAME.sub(" ", name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name).strip(" .")
    ending = {"jpeg": ".jpg"}.get(kind, f".{kind}")
    return f"{stem[: NAME_CHARACTERS - 5] or 'tep'}{ending}"


def add(
    session: Session, ticket: Ticket, name: str, given: Cleaned, by: str, at: datetime, root: Path
) -> Attachment:
    """Keep the file and enter it, with its hash in the ledger too. Raises NotKept when the ticket has as many as it may."""
    count = session.scalar(
        select(func.count()).select_from(Attachment).where(Attachment.ticket_id == ticket.id)
    )
    if (count or 0) >= MOST:
        raise NotKept("too_many")
    sha256 = hashlib.sha256(given.content).hexdigest()
    path = Path("attachments") / f"{at:%Y%m}" / f"{uuid4().hex}.{given.kind}"
    whole = root / path
    whole.parent.mkdir(parents=True, exist_ok=True)
    # Before its row: a row never names a file that is not there.
    whole.write_bytes(given.content)
    row = Attachment(
        ticket_id=ticket.id, at=at, by=by, name=named(name, given.kind), kind=given.kind, path=str(path),
        size_bytes=len(given.content), sha256=sha256,
    )  # fmt: skip
    session.add(row)
    session.flush()
    body = {"attachment": row.id, "name": row.name, "sha256": sha256, "size_bytes": row.size_bytes}
    session.add(TicketEntry(ticket_id=ticket.id, at=at, kind=ADDED, actor=by, text="", body=body))
    ticket.version += 1
    told = {"ticket_id": ticket.id, "sha256": sha256, "size_bytes": row.size_bytes, "path": row.path}
    ledger.append(session, ticket.hotline, ADDED, f"a-{row.id}", told, at)
    return row


def of(session: Session, ticket_id: str) -> list[Attachment]:
    """The ticket's, the oldest first."""
    return list(
        session.scalars(
            select(Attachment).where(Attachment.ticket_id == ticket_id).order_by(Attachment.id)
        )
    )  # fmt: skip


def content(row: Attachment, root: Path) -> bytes | None:
    """The file; None when it is gone or is not what was kept."""
    try:
        found = (root / row.path).read_bytes()
    except OSError:
        return None
    return found if hashlib.sha256(found).hexdigest() == row.sha256 else None
