"""A form's deadline: a moment as a browser's field has it, or as a person without one writes it."""

from __future__ import annotations

from datetime import datetime

from hotline.refusals import RequestRefused
from softphone_panel.words import VIETNAM

WRITTEN = "%Y-%m-%dT%H:%M"
"""As a browser's field has it, on Vietnam's clocks."""


def read(text: str) -> datetime:
    """On Vietnam's clocks. Raises RequestRefused when it is no time."""
    for form in (WRITTEN, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%H:%M %d/%m/%Y", "%d/%m/%Y %H:%M"):
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=VIETNAM)
        except ValueError:
            continue
    raise RequestRefused(
        "Ô “Hạn”: hãy viết giờ và ngày, ví dụ 14:30 25/11/2026.",
        "Deadline: write a time and a day, for example 14:30 25/11/2026.",
        "due_at",
    )
