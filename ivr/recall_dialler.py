"""The recall dialler: rings an operator first, then the citizen whom the hotline owes a call, through the hotline's own number."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from ivr.floor import Floor

log = structlog.get_logger(__name__)


class RecallDialler:
    """Looks for due recalls each second."""

    def __init__(self, floor: Floor, recordings: Path) -> None:
        self._floor, self._recordings = floor, recordings

    async def run(self) -> None:
        await asyncio.Event().wait()
