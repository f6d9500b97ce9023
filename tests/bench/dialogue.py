"""The dialogue every variant holds: three questions of the shipped protocol, one key each, its prompts as pure tones."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ivr.approved import emergency_only, file_of
from ivr.protocol import Protocol, question_prompt, read
from ivr.speech import music, sound
from ivr.speech.prompt_set import prompt_id
from ivr.speech.prompts import SHARED

PROTOCOL = "covid-2021"
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


_callers = count(1)


def fresh_caller() -> str:
    """A valid mobile number that has not rung before: its earlier calls are looked up, and there are none."""
    return f"09{next(_callers):08}"


@dataclass(frozen=True)
class Prompts:
    """Paths without extension, as Asterisk takes them."""

    folder: Path
    questions: tuple[Path, ...]


def lay_prompts(folder: Path) -> Prompts:
    """Write the questions' tones, and a short tone for every other prompt of the protocols that a server may run."""
    protocol, fallback = shipped(), emergency_only()
    shared = folder / "vi" / SHARED
    heard = dict(zip(map(question_prompt, QUESTIONS), TONES_HZ, strict=True))
    for spoken_by in (protocol, fallback):
        for prompt in spoken_by.prompts():
            tone_hz = heard.get(prompt, OTHER_TONE_HZ) if spoken_by is protocol else OTHER_TONE_HZ
            length_s = PROMPT_S if prompt in heard else 1.0
            sound.write_pair(shared / prompt_id(spoken_by, prompt), music.tone(tone_hz, length_s))
    return Prompts(folder, tuple(shared / prompt_id(protocol, question_prompt(q)) for q in QUESTIONS))


def shipped() -> Protocol:
    """The protocol whose questions are asked."""
    path = file_of(PROTOCOL)
    return read(path.read_text(encoding="utf-8"), path.name)
