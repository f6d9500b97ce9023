"""The second-stage script that operators work by, the last approved one, and its words in the reader's language."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from hotline.approvals import last_approved
from hotline.database import reading
from ivr.protocol_faults import ProtocolFaults
from ivr.script import NAME, SHIPPED, Field, Kind, Script, read
from softphone_panel.words import language

REREAD_S = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class InUse:
    """The script that desks show now."""

    script: Script | None
    """None when none can be used, and then the page says so."""
    approved_at: datetime | None
    """None while nobody has approved any: desks work by the file all the same."""
    looked_s: float


def in_use() -> InUse:
    """The last approved script, looked for once in ten seconds; with none the file, while the database is away the last known."""
    known: InUse | None = current_app.extensions.get("second_stage")
    if known is not None and time.monotonic() - known.looked_s < REREAD_S:
        return known
    try:
        found = _approved() or InUse(_of_file(), None, time.monotonic())
    except SQLAlchemyError as error:
        log.warning("the approved script could not be looked for", error=type(error).__name__)
        found = known or InUse(_of_file(), None, time.monotonic())
    current_app.extensions["second_stage"] = found
    return found


def script() -> Script | None:
    return in_use().script


def _approved() -> InUse | None:
    with reading() as session:
        row = last_approved(session, NAME)
    if row is None:
        return None
    try:
        return InUse(read(row.text, f"{NAME}.toml"), row.approved_at, time.monotonic())
    except ProtocolFaults as error:  # approved by an earlier release that read it otherwise
        log.error("the approved second-stage script cannot be used", why=str(error))
        return None


def _of_file() -> Script | None:
    try:
        return read(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
    except (ProtocolFaults, OSError) as error:
        log.error("the second-stage script cannot be used", why=str(error))
        return None


def said(words: Mapping[str, str]) -> str:
    """The words in the reader's language, or Vietnamese."""
    return words.get(language()) or words.get("vi", "")


def value_said(field: Field, value: str) -> str:
    """A field's value as people read it."""
    return said(field.choices[value]) if field.kind is Kind.CHOICE and value in field.choices else value
