"""The second-stage script that operators work by, and its words in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import structlog

from ivr.protocol_faults import ProtocolFaults
from ivr.script import SHIPPED, Field, Kind, Script, read
from softphone_panel.words import language

log = structlog.get_logger(__name__)


@lru_cache(maxsize=1)
def script() -> Script | None:
    """The script, read once a process; None when it cannot be used, and then the page says so."""
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
