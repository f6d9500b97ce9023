"""What one hotline's callers can hear, sentence by sentence: where each belongs, and how it is made now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from hotline.database import make_engine
from hotline.installation import Hotline, Installation
from hotline.settings import Settings
from ivr import approved
from ivr.protocol import Protocol, read
from ivr.protocol_faults import ProtocolFaults
from ivr.speech import prompt_set, prompts, recorded_voice, voice
from ivr.speech.prompts import Prompt
from ivr.speech.recorded_voice import Published
from ivr.speech.voice import Rendered

PROTOCOL, DRAFT, EMERGENCY, AREAS, NUMBERS = "protocol", "draft", "emergency", "areas", "numbers"
SYSTEM: Final[Mapping[str, tuple[str, ...]]] = {
    "welcome": ("recording-notice", "emergency-only", "invalid-key", "goodbye"),
    "waiting": (
        "please-hold", "comfort", "red-hold", "raised-to-red", "position", "position-over-20", "minutes",
        "operator-lost", "transfer-hold",
    ),
    "callback": (
        "callback-offer", "channels-full", "callback-ask-number", "callback-confirmed",
        "callback-to-operator", "callback-to-citizen", "no-operator", "after-beep", "message-thanks",
    ),
    "stations": (
        "chain-announcement", "chain-already-taken", "chain-declined", "chain-cancelled",
        "briefing-from", "briefing-RED", "briefing-ORANGE", "briefing-YELLOW", "briefing-GREEN",
        "briefing-NONMED", "briefing-medical", "briefing-nonmedical", "briefing-ticket", "briefing-keys",
        "age-baby", "age-child", "age-adult", "age-elder", "age-pregnant", "age-at_risk",
    ),
    "orders": (
        "order-who", "order-stranger", "order-from", "order-within", "order-over-hour", "order-at-once", "order-keys",
        "order-accepted", "order-already", "order-recalled",
    ),
    "area": ("ask-area", "press", "confirm-area", "confirm-area-keys", "area-noted"),
}  # fmt: skip
"""Section → the system's own sentences in it."""
SECTIONS: Final = (PROTOCOL, *SYSTEM, EMERGENCY, AREAS, NUMBERS, DRAFT)
"""In the order in which they are shown."""
_MARK: Final = re.compile(r"-[0-9a-f]{8}$")


@dataclass(frozen=True)
class Sentence:
    """One sentence in one language, as one hotline's callers hear it."""

    prompt: Prompt
    """Of the hotline where the words or the recording are its own, else of all."""
    section: str
    made: Rendered | None
    """What lies in the folder; None when there is no sound yet."""
    earlier: str
    """The text of a recording that is not played any more because the words have changed; else empty."""

    @property
    def is_recorded(self) -> bool:
        return self.made is not None and self.made.provider == voice.RECORDED


def sentences(given: Settings, province: Installation, hotline: str, language: str) -> list[Sentence]:
    """Every sentence of a hotline in a language, by section."""
    own = province.hotline(hotline)
    manifest, recorded = voice.read_manifest(given.prompts), recorded_voice.published(given.recorded)
    wanted = {prompt.key: prompt for prompt in prompt_set.wanted(given)}
    found = []
    for section, name in _names(given, province, own):
        key = next((k for s in (hotline, prompts.SHARED) if (k := f"{language}/{s}/{name}") in wanted), None)
        if key is not None:
            prompt = wanted[key]
            found.append(Sentence(prompt, section, manifest.get(key), _earlier(prompt, wanted, recorded)))
    return found


def sentence(given: Settings, province: Installation, key: str) -> tuple[Prompt, Rendered | None]:
    """The prompt of that key, "vi/all/comfort"; also one that a hotline could have of its own. Raises KeyError."""
    wanted = {prompt.key: prompt for prompt in prompt_set.wanted(given)}
    manifest = voice.read_manifest(given.prompts)
    if key not in wanted:
        language, scope, name = key.split("/", 2)
        shared = wanted[f"{language}/{prompts.SHARED}/{name}"]
        if scope not in {one.key for one in province.hotlines}:
            raise KeyError(key)
        return Prompt(name, language, shared.text, scope), manifest.get(shared.key)
    return wanted[key], manifest.get(key)


def _earlier(prompt: Prompt, wanted: Mapping[str, Prompt], recorded: Mapping[str, Published]) -> str:
    """What a recording of this sentence said before its words changed."""
    if voice.recording_for(prompt, recorded)[0] is not None:
        return ""
    plain = _MARK.sub("", prompt.id)
    for key, published in recorded.items():
        language, scope, name = key.split("/", 2)
        if not published.file or language != prompt.language or scope not in (prompt.scope, prompts.SHARED):
            continue
        # A protocol's sentence has another name with other words; a system's one keeps its name.
        if name == prompt.id or (key not in wanted and _MARK.sub("", name) == plain != prompt.id):
            return published.text
    return ""


def _names(given: Settings, province: Installation, own: Hotline) -> Iterator[tuple[str, str]]:
    """Section and rendered name of everything this hotline may say, each name once."""
    running, file = _protocols(given, own.protocol)
    parts: list[tuple[str, list[str]]] = []
    for section, protocol in ((PROTOCOL, running), (DRAFT, file)):
        if protocol is not None:
            parts.append((section, [*_marked(protocol), *prompt_set.language_choices(protocol)]))
    parts += [(section, list(names)) for section, names in SYSTEM.items()]
    parts += [("orders", [*prompt_set.category_names(given), *prompt_set.team_places(given)])]
    parts += [
        (EMERGENCY, [*_marked(approved.emergency_only()), *approved.emergency_only().prompts()]),
        (AREAS, [f"unit-{code}" for code in prompt_set.areas(province, own)]),
        (NUMBERS, list(prompts.number_texts())),
    ]
    parts.sort(key=lambda part: SECTIONS.index(part[0]))
    seen = set()
    for section, names in parts:
        for name in names:
            if name not in seen:
                seen.add(name)
                yield section, name


def _marked(protocol: Protocol) -> list[str]:
    return [protocol.spoken_id(name) for name in protocol.prompts()]


def _protocols(given: Settings, name: str) -> tuple[Protocol | None, Protocol | None]:
    """The approved protocol and the file's, None for what there is not."""
    running = file = None
    engine = make_engine(given.database, busy_s=2.0)
    with suppress(SQLAlchemyError):  # the file is shown then
        running = approved.approved(engine, [name]).get(name)
    engine.dispose()
    with suppress(approved.NoSuchProtocol, ProtocolFaults, OSError):
        path = approved.file_of(name)
        file = read(path.read_text(encoding="utf-8"), path.name)
    return running, file
