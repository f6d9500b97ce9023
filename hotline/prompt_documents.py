"""Whose voice says a prompt, as a settings document: {} is the machine's, else a person's recording with the text that it says."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.documents import Content, House, Kind, State, Version
from hotline.toml_table import Fault

MACHINE: Content = {}


def _judge(house: House, key: str, content: Content) -> list[Fault]:
    """What was found in the recording and forbids its use; the page says it in its own words."""
    found = content.get("findings", [])
    return [
        Fault("Bản thu này không dùng được.", "This recording cannot be used.", key, one["code"])
        for one in found
        if one["refuses"]
    ]


PROMPT = Kind("prompt", lambda house: (), lambda house, key: dict(MACHINE), _judge)
"""Its key is the prompt's: "vi/all/comfort". {"file", "text", "name", "seconds", "level_dbfs", "clipped", "findings"}."""


def published(session: Session) -> dict[str, Content]:
    """Prompt key → what stands, of every prompt that ever had a recording published."""
    asked = select(Version.key, Version.content).where(
        Version.kind == PROMPT.name, Version.state == State.PUBLISHED
    )
    return {row.key: row.content for row in session.execute(asked)}


def drafts(session: Session) -> set[str]:
    """The prompts for which a draft waits."""
    asked = select(Version.key).where(Version.kind == PROMPT.name, Version.state == State.DRAFT)
    return set(session.scalars(asked))
