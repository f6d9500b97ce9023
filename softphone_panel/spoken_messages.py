"""Callers' spoken messages beside the calls they are owed: playable by whoever may make those, from where the caller speaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hotline import messages
from hotline.calls import Call, EndReason
from hotline.recalls import Recall
from hotline.recordings import Recording
from hotline.settings import settings
from ivr.speech.prompts import sound_path
from ivr.speech.voice import length_s

ASKED_BY = ("no-operator", "after-beep", "beep")
"""What the machine says before the caller speaks (agi_scripts.leave_message)."""


@dataclass(frozen=True)
class Shown:
    call_id: str
    starts_s: float
    """Where in the recording the caller begins to speak."""
    spoken_s: float


def of(session: Session, recalls: Iterable[Recall]) -> dict[str, list[Shown]]:
    """Owed call → its messages, the latest first."""
    rows = list(recalls)
    hotlines = {row.id: row.hotline for row in rows}
    return {
        recall_id: [_shown(one, hotlines[recall_id]) for one in left]
        for recall_id, left in messages.of(session, rows).items()
    }


def starts_s(session: Session, recording: Recording) -> float:
    """Where a playing begins: at the caller's words if it is a message, else at the beginning."""
    call = session.get(Call, recording.call_id)
    if call is None or call.end_reason != EndReason.LEFT_MESSAGE:
        return 0.0
    found = messages.in_call(session, call, recording)
    return _shown(found, call.hotline).starts_s


def is_message(session: Session, recording: Recording) -> bool:
    """A message is for every operator of its hotline, as the call that it asks for is."""
    call = session.get(Call, recording.call_id)
    return call is not None and call.end_reason == EndReason.LEFT_MESSAGE


def _shown(found: messages.Message, hotline: str) -> Shown:
    begins_s = found.asked_s + _asking_s(hotline) if found.asked_s else 0.0
    # A caller who went on before the machine had said all: better their first word twice than not at all.
    begins_s = begins_s if begins_s < found.length_s else found.asked_s
    return Shown(found.call_id, round(begins_s, 1), max(found.length_s - begins_s, 0.0))


def _asking_s(hotline: str) -> float:
    try:
        return sum(length_s(sound_path(settings().prompts, name, "vi", hotline)) for name in ASKED_BY)
    except (LookupError, OSError):
        return 0.0
