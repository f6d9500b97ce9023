"""The panel's languages: Vietnamese sentences stand in the code, their English lies in english.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from flask import g, has_request_context, request, session

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}
VIETNAM = timezone(timedelta(hours=7), "ICT")
"""The country's one zone has no summer time; no zone files are needed."""


@lru_cache(maxsize=1)
def english() -> Mapping[str, str]:
    """Vietnamese sentence → English."""
    return tomllib.loads(Path(__file__).with_name("english.toml").read_text(encoding="utf-8"))


def language() -> str:
    """The reader's: chosen in this session, else the operator's own, else Vietnamese."""
    if not has_request_context():
        return "vi"
    if "words_language" not in g:
        from flask_login import current_user

        own = getattr(current_user, "language", "vi") if session.get("_user_id") else "vi"
        chosen = session.get("language") or own
        g.words_language = chosen if chosen in LANGUAGES else "vi"
    return str(g.words_language)


def say(sentence: str, **values: Any) -> str:
    """The sentence in the reader's language, its {names} filled in; Vietnamese where there is no English."""
    text = english().get(sentence, sentence) if language() == "en" else sentence
    return text.format(**values) if values else text


class InBoth(Protocol):
    """What code below the panel tells people: in both languages, because it knows no reader."""

    @property
    def vi(self) -> str: ...
    @property
    def en(self) -> str: ...


def either(told: InBoth) -> str:
    """Those of its words that are in the reader's language."""
    return told.en if language() == "en" else told.vi


def is_htmx() -> bool:
    """Whether the page's own script asks for a fragment."""
    return request.headers.get("HX-Request") == "true"


def local(moment: datetime) -> datetime:
    """The moment on Vietnam's clocks."""
    return moment.astimezone(VIETNAM)


def clock(moment: datetime | None) -> str:
    """14:05:09."""
    return f"{local(moment):%H:%M:%S}" if moment else ""


def day_clock(moment: datetime | None) -> str:
    """22/11/2026 14:05."""
    return f"{local(moment):%d/%m/%Y %H:%M}" if moment else ""


def length(seconds: float | None) -> str:
    """1:05 for 65 s; empty for None."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def percent(value: float | None) -> str:
    """93,3 %; a dash when there is nothing to count."""
    if value is None:
        return "–"
    return decimal(f"{value:.1f} %")


def decimal(written: str) -> str:
    """A number with its decimal mark as the reader's language has it: 0,15 or 0.15."""
    return written if language() == "en" else written.replace(".", ",")


def midnight(now: datetime) -> datetime:
    """When the present day began in Vietnam."""
    return local(now).replace(hour=0, minute=0, second=0, microsecond=0)
