"""The dialogue every variant holds: three questions of the shipped protocol, one key each, its prompts as pure tones."""

from dataclasses import dataclass
from pathlib import Path

from ivr.protocol import question_prompt
from ivr.speech import music, sound
from ivr.speech.prompts import SHARED

KEYS = "221"
"""Root: symptoms; A1: no trouble breathing; A2: drowsy. The protocol calls it RED."""
QUESTIONS = ("ROOT", "A1", "A2")
TONES_HZ = (600, 800, 1000)
"""One a question: what a witness hears tells which prompt is playing."""
OTHER_TONE_HZ = 400
ANSWER_WITHIN_MS = 3000
PROMPT_S = 6.0
HOTLINE = "binhphuoc"
CALLED = "02711022"


@dataclass(frozen=True)
class Prompts:
    """Paths without extension, as Asterisk takes them."""

    folder: Path
    questions: tuple[Path, ...]


def lay_prompts(folder: Path, others: tuple[str, ...] = ()) -> Prompts:
    """Write the questions' tones, and a short tone for every other prompt that a server may look for."""
    shared = folder / "vi" / SHARED
    for question, tone_hz in zip(QUESTIONS, TONES_HZ, strict=True):
        sound.write_pair(shared / question_prompt(question), music.tone(tone_hz, PROMPT_S))
    for other in others:
        if not (shared / f"{other}.alaw").exists():
            sound.write_pair(shared / other, music.tone(OTHER_TONE_HZ, 1.0))
    return Prompts(folder, tuple(shared / question_prompt(question) for question in QUESTIONS))
