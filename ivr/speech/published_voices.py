"""Keeps this machine's prompts as they are published: whoever published them may have died before their sounds were laid."""

from __future__ import annotations

from sqlalchemy import Engine

from hotline import documents, prompt_documents
from hotline.database import reading
from hotline.settings import Settings
from ivr.speech import prompt_set


class PublishedVoices:
    """The worker's look at what is published; it renders only after a publication."""

    def __init__(self, engine: Engine, given: Settings) -> None:
        self._engine, self._given = engine, given
        self._followed = -1

    def look(self) -> int:
        """How many sounds were laid anew."""
        with reading(self._engine) as session:
            number = documents.publication(session)
            if number == self._followed:
                return 0
            keys = [key.split("/", 2) for key in prompt_documents.published(session)]
            report = prompt_set.follow(self._given, session, [(key[0], key[2]) for key in keys])
        self._followed = number
        return len(report.rendered)
