"""What the hotline says: texts by id and language, where their sounds lie, messages made of pieces."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("vi", "en")
SYSTEM_TEXTS: Final = Path(__file__).with_name("prompts.toml")
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
SHARED: Final = "all"
"""The folder of prompts that every hotline uses."""

NUMBERS: Final = (*range(21), 30, 45, 60)
"""The amounts that exist as a piece; larger ones have a sentence of their own."""

Texts = Mapping[str, Mapping[str, str]]
"""Prompt id → language → text."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class BadPrompts(ValueError):  # noqa: N818 - an exception is named after the fact
    """The texts cannot be used; `faults` has a sentence for each reason."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Prompt:
    """One text in one language, with nothing left to fill in."""

    id: str
    language: str
    text: str
    hotline: str | None = None
    """The hotline that says it; None for all of them."""

    def __post_init__(self) -> None:
        for name in (self.id, self.language, self.scope):
            if not _NAME.fullmatch(name):
                raise BadPrompts(
                    [f"“{name}” cannot name a prompt, a language or a hotline: use letters, digits, - and _."]
                )

    @property
    def scope(self) -> str:
        """The hotline's folder name."""
        return self.hotline or SHARED

    @property
    def key(self) -> str:
        """`language/scope/id`: its place in the folder of prompts, and its name in faults."""
        return f"{self.language}/{self.scope}/{self.id}"


# -- texts --


def read_texts(path: Path = SYSTEM_TEXTS) -> dict[str, dict[str, str]]:
    """The texts of a TOML file with a table for each prompt; BadPrompts names all faults at once."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise BadPrompts([f"{path.name} cannot be read: {failure}."]) from failure
    faults: list[str] = []
    texts: dict[str, dict[str, str]] = {}
    for prompt_id, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
            faults.append(f"{path.name}: “{prompt_id}” must be a table with a text for each language.")
            continue
        faults += [
            f"{path.name}: “{prompt_id}” has no {language} text."
            for language in LANGUAGES
            if not table.get(language, "").strip()
        ]
        faults += [
            f"{path.name}: “{prompt_id}” has an unknown language “{other}”."
            for other in table
            if other not in LANGUAGES
        ]
        texts[prompt_id] = table
    if faults:
        raise BadPrompts(faults)
    return texts


def system_texts() -> dict[str, dict[str, str]]:
    """All texts of the system itself: the sentences of prompts.toml and the number pieces."""
    return {**read_texts(), **number_texts()}


def number_texts() -> dict[str, dict[str, str]]:
    """The pieces `num-0` to `num-60`."""
    return {f"num-{number}": {language: str(number) for language in LANGUAGES} for number in NUMBERS}


def unit_texts(
    names: Mapping[str, str], english: Mapping[str, str] | None = None
) -> dict[str, dict[str, str]]:
    """The pieces `unit-CODE`, from names by code; a unit without an English name keeps its Vietnamese one."""
    spoken_english = {**names, **(english or {})}
    return {f"unit-{code}": {"vi": name, "en": spoken_english[code]} for code, name in names.items()}


def prompts_of(texts: Texts, hotlines: Mapping[str, Mapping[str, str]]) -> list[Prompt]:
    """Every prompt that `texts` need: one for all hotlines, or one a hotline where a text has placeholders.

    `hotlines` gives each hotline's values, {"binh-phuoc": {"tinh": "Bình Phước", "province": "Binh Phuoc"}}.
    BadPrompts names every placeholder that a hotline has no value for.
    """
    faults: list[str] = []
    prompts: list[Prompt] = []
    for prompt_id, by_language in texts.items():
        for language, text in by_language.items():
            needed = set(PLACEHOLDER.findall(text))
            if not needed:
                prompts.append(Prompt(prompt_id, language, text))
                continue
            for hotline, values in hotlines.items():
                missing = sorted(needed - set(values))
                faults += [
                    f"Prompt “{prompt_id}” ({language}) needs “{name}”, which hotline {hotline} does not set."
                    for name in missing
                ]
                if not missing:
                    prompts.append(Prompt(prompt_id, language, filled(text, values), hotline))
    if faults:
        raise BadPrompts(faults)
    return prompts


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with {name} replaced by its value."""
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


# -- where it lies --


def sound_path(folder: Path, prompt_id: str, language: str, hotline: str | None = None) -> Path:
    """The absolute path, without extension, for Asterisk: the hotline's own sound, else the shared one.

    A language without this prompt falls back to Vietnamese; LookupError when there is none, which
    `voice.check` has named beforehand.
    """
    root = folder.absolute()
    for spoken in dict.fromkeys((language, "vi")):
        for scope in dict.fromkeys((hotline or SHARED, SHARED)):
            path = f"{root}/{spoken}/{scope}/{prompt_id}"
            if os.path.exists(f"{path}.alaw"):  # noqa: PTH110 - several times a call; Path costs four times as much
                return _path(path)
    raise LookupError(f"No sound for prompt {prompt_id} ({language}); run `./app.py prompts render`.")


_path = lru_cache(maxsize=4096)(Path)


# -- messages from pieces: each gives prompt ids in the order of playing --


def say_position(position: int) -> tuple[str, ...]:
    """ "You are number 3 in the line"; from 21 on "more than twenty are before you". Raises ValueError under 1."""
    if position < 1:
        raise ValueError(f"position {position} is not in the line")
    return ("position", f"num-{position}") if position <= 20 else ("position-over-20",)
