"""Prompts follow the published settings: a province's new name, another protocol or other areas are spoken without a restart."""

from __future__ import annotations

from hotline.installation import Installation
from hotline.settings import Settings
from ivr.speech import prompt_set

Said = tuple[tuple[object, ...], ...]


class SpokenSettings:
    """Renders anew when something that is said has changed; for the worker's clock."""

    def __init__(self, given: Settings, installation: Installation) -> None:
        self._given = given
        self._spoken = self._wanted = _said(installation)

    def follow(self, installation: Installation) -> None:
        self._wanted = _said(installation)

    def look(self) -> int:
        """How many prompts were made; what cannot be said now is named in the log, and at the next start."""
        if self._wanted == self._spoken:
            return 0
        wanted = self._wanted
        made = len(prompt_set.render(self._given).rendered)
        self._spoken = wanted
        return made


def _said(installation: Installation) -> Said:
    """What of the hotlines is in a prompt."""
    return tuple(
        (h.key, h.tinh, h.province, h.protocol, h.units_parent, h.areas) for h in installation.hotlines
    )
