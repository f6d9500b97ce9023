"""A protocol: the questions a caller is asked, read from the file that a public-health officer signs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from hotline.acuity import Acuity
from ivr import protocol_safety
from ivr.protocol_faults import ABSENCES, Fault, ProtocolFaults, fault
from ivr.protocol_source import Source, parse

NO_INPUT = "no_input"
"""The name, among the answers, of what happens to a caller who stays silent or keeps missing the keys."""
OPERATOR_KEY = "0"
PLACEHOLDERS = ("tinh", "province")
"""What a hotline fills into prompts: its province, in Vietnamese and in English prompts."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Kind(StrEnum):
    """What a branch is about; the safety rules of a call hang on it."""

    ROOT = "root"
    MEDICAL = "medical"
    SERVICES = "services"


class Means(StrEnum):
    """What an answer says to a closed question; empty where the question is not one."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    key: str
    """"0" to "9", or `NO_INPUT`."""
    to: str
    """A question's name, or an acuity."""
    said: Mapping[str, str]
    """By language: what the caller said by pressing it, in a few words."""
    because: Mapping[str, str]
    """By language: why it leads there; empty where it leads to another question."""
    message: str | None
    """What is spoken after it; None says the message named like the acuity."""
    topic: str | None
    """What the ticket is about, for an outcome that is not medical."""
    at_least: Acuity | None
    """From here on the call never falls below this."""
    means: Means | None

    @property
    def acuity(self) -> Acuity | None:
        """Where the call ends, or None when another question follows."""
        return Acuity(self.to) if self.to in Acuity.__members__ else None


@dataclass(frozen=True)
class Branch:
    """A part of the menu, with the answers that hold in each of its questions."""

    name: str
    kind: Kind
    title: Mapping[str, str]
    answers: Mapping[str, Answer]


@dataclass(frozen=True)
class Question:
    name: str
    branch: str
    text: Mapping[str, str]
    answers: Mapping[str, Answer]
    """Its own; those of the branch hold beside them."""
    plays: int
    """How often it is played at most, from 1 to 3."""


@dataclass(frozen=True)
class Protocol:
    id: str
    version: str
    campaign: str
    languages: tuple[str, ...]
    """The first is spoken until the caller chooses another."""
    language_keys: Mapping[str, str]
    """Keys of the first question that go on in another language."""
    root: str
    answer_within_s: float
    """Silence after a prompt that counts as no answer."""
    branches: Mapping[str, Branch]
    questions: Mapping[str, Question]
    messages: Mapping[str, Mapping[str, str]]
    digest: str
    """SHA-256 of the content in hexadecimal: layout and comments do not change it, a word does."""

    def branch_of(self, question: str) -> Branch:
        return self.branches[self.questions[question].branch]

    def answer(self, question: str, key: str) -> Answer | None:
        """What `key` means at a question: its own answer, else its branch's, else None."""
        own = self.questions[question].answers.get(key)
        return own or self.branch_of(question).answers.get(key)

    def live_keys(self, question: str, language: str) -> str:
        """The keys that do something at a question, `*` included, in the order of the keypad."""
        return self._live_keys[question, language == self.languages[0]]

    def prompts(self) -> Mapping[str, Mapping[str, str]]:
        """Everything that is spoken, by prompt and language: what must be rendered before the first call."""
        return self._prompts

    def spoken_id(self, prompt: str) -> str:
        """The rendered name of one of its prompts. Raises KeyError for others."""
        return self._spoken_ids[prompt]

    # What every caller asks of it, made once.

    @cached_property
    def _live_keys(self) -> Mapping[tuple[str, bool], str]:
        """By question, and whether the first language is spoken."""
        found = {}
        for name in self.questions:
            keys = set(self.questions[name].answers) | set(self.branch_of(name).answers) | {"*"}
            others = set(self.language_keys) if name == self.root else set()
            found[name, False] = "".join(sorted(keys - {NO_INPUT}))
            found[name, True] = "".join(sorted((keys | others) - {NO_INPUT}))
        return found

    @cached_property
    def _prompts(self) -> Mapping[str, Mapping[str, str]]:
        asked = {question_prompt(name): question.text for name, question in self.questions.items()}
        return asked | {message_prompt(name): text for name, text in self.messages.items()}

    @cached_property
    def _spoken_ids(self) -> Mapping[str, str]:
        return {prompt: spoken_id(prompt, texts) for prompt, texts in self._prompts.items()}


def spoken_id(prompt: str, texts: Mapping[str, str]) -> str:
    """The name under which a protocol's prompt is rendered: with a mark of its words.

    So a draft never overwrites the sounds of the approved version, two protocols may use the same names, and a
    recorded voice stays with every version that says the same.
    """
    words = "\n".join(f"{language}:{texts[language]}" for language in sorted(texts))
    return f"{prompt}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def question_prompt(question: str) -> str:
    return f"question-{question}"


def message_prompt(message: str) -> str:
    return f"message-{message}"


def fill(text: str, words: Mapping[str, str]) -> str:
    """A prompt as one hotline says it. Raises KeyError when a placeholder has no word."""
    return _PLACEHOLDER.sub(lambda found: words[found[1]], text)


def read(text: str, name: str) -> Protocol:
    """The protocol in `text`; `name` is what faults call the file. Raises ProtocolFaults with all of them."""
    source = parse(text)
    reader = _Reader(source)
    protocol = reader.protocol()
    faults = [*source.faults, *reader.faults, *protocol_safety.faults(protocol, source)]
    if source.broken:
        faults = [found for found in faults if found.kind not in ABSENCES]
    if faults:
        raise ProtocolFaults(name, faults)
    return protocol


_PARTS = ("protocol", "branch", "question", "message")
_PROTOCOL_FIELDS = ("id", "version", "campaign", "languages", "language_keys", "root", "answer_within_s")
_TYPES: Mapping[type, tuple[str, str]] = {
    str: ("text in quotes", "chữ trong dấu ngoặc kép"),
    int: ("a whole number", "số nguyên"),
    list: ("a list of names in quotes", "danh sách tên trong dấu ngoặc kép"),
    dict: ("a part with entries of its own", "một phần có các mục riêng"),
}


class _Reader:
    """Turns tables into nouns; what is wrong becomes a fault and the nearest harmless value."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[Fault] = []
        self.languages: tuple[str, ...] = ("vi",)

    def protocol(self) -> Protocol:
        tables = self.source.tables
        self._only(tables, _PARTS, "", "–")
        head = self._table(tables, "protocol", "")
        self._only(head, _PROTOCOL_FIELDS, "protocol", "[protocol]")
        self.languages = self._names(head, "languages", "protocol") or ("vi",)
        return Protocol(
            id=self._text(head, "id", "protocol"),
            version=self._text(head, "version", "protocol"),
            campaign=self._text(head, "campaign", "protocol"),
            languages=self.languages,
            language_keys=self._language_keys(head),
            root=self._text(head, "root", "protocol"),
            answer_within_s=self._number(head, "answer_within_s", "protocol", 4, range(2, 16)),
            branches={name: self._branch(name, table) for name, table in self._parts("branch")},
            questions={name: self._question(name, table) for name, table in self._parts("question")},
            messages={name: self._message(name, table) for name, table in self._parts("message")},
            digest=digest(tables),
        )

    def _branch(self, name: str, table: Mapping[str, object]) -> Branch:
        part = f"branch.{name}"
        self._only(table, ("kind", "answers", *self._translations(), *self.languages), part, f"[{part}]")
        kind = self._text(table, "kind", part)
        if kind and kind not in set(Kind):
            self._wrong(part, "kind", f"one of {', '.join(Kind)}", f"một trong {', '.join(Kind)}")
        known = Kind(kind) if kind in set(Kind) else Kind.MEDICAL
        return Branch(
            name, known, self._spoken(table, part, f"[{part}]"), self._answers(table, part, {NO_INPUT})
        )

    def _question(self, name: str, table: Mapping[str, object]) -> Question:
        part = f"question.{name}"
        if name in Acuity.__members__:
            self._fault("name_clash", part, question=name)
        fields = ("branch", "plays", "answers", *self._translations(), *self.languages)
        self._only(table, fields, part, f"[{part}]")
        return Question(
            name=name,
            branch=self._text(table, "branch", part),
            text=self._spoken(table, part, f"[{part}]"),
            answers=self._answers(table, part, {NO_INPUT}),
            plays=self._number(table, "plays", part, 3, range(1, 4)),
        )

    def _message(self, name: str, table: Mapping[str, object]) -> Mapping[str, str]:
        part = f"message.{name}"
        self._only(table, self.languages, part, f"[{part}]")
        return self._spoken(table, part, f"[{part}]")

    def _answers(self, table: Mapping[str, object], part: str, also: set[str]) -> dict[str, Answer]:
        written = self._table(table, "answers", part, wanted=False)
        translated = {
            lang: self._table(table, f"answers_{lang}", part, wanted=False) for lang in self.languages[1:]
        }
        for lang, entries in translated.items():
            self._only(entries, written, f"{part}.answers_{lang}", f"[{part}.answers_{lang}]")
        answers: dict[str, Answer] = {}
        for key in written:
            at = f"{part}.answers"
            if key not in also and not re.fullmatch(r"[0-9]", key):
                self._fault("impossible_key", at, key, where=f"[{part}]", key=key)
                continue
            answers[key] = self._answer(key, self._table(written, key, at), part, translated)
        return answers

    def _answer(
        self, key: str, table: Mapping[str, object], part: str, translated: Mapping[str, Mapping[str, object]]
    ) -> Answer:
        at, first = f"{part}.answers", self.languages[0]
        where = f"{part.split('.', 1)[1]}, {key}"
        self._only(table, ("to", first, "because", "message", "topic", "at_least", "means"), at, where, key)
        said = {first: self._text(table, first, at, key, where)}
        because = {first: self._text(table, "because", at, key, where, wanted=False)}
        for lang, entries in translated.items():
            words = self._table(entries, key, f"{part}.answers_{lang}", wanted=False)
            if not words:
                self._fault("missing_language", at, key, where=where, language=lang)
                continue
            there = f"{part}.answers_{lang}"
            self._only(words, (lang, "because"), there, where, key)
            said[lang] = self._text(words, lang, there, key, where)
            because[lang] = self._text(words, "because", there, key, where, wanted=bool(because[first]))
        at_least = self._choice(table, "at_least", at, key, Acuity.__members__)
        means = self._choice(table, "means", at, key, [str(word) for word in Means])
        return Answer(
            key=key,
            to=self._text(table, "to", at, key, where),
            said=said,
            because={lang: words for lang, words in because.items() if words},
            message=self._text(table, "message", at, key, where, wanted=False) or None,
            topic=self._text(table, "topic", at, key, where, wanted=False) or None,
            at_least=Acuity(at_least) if at_least else None,
            means=Means(means) if means else None,
        )

    def _language_keys(self, head: Mapping[str, object]) -> dict[str, str]:
        entries = self._table(head, "language_keys", "protocol", wanted=False)
        for key, language in entries.items():
            if not re.fullmatch(r"[0-9]", key):
                self._fault("impossible_key", "protocol", "language_keys", where="language_keys", key=key)
            if language not in self.languages[1:]:
                others = ", ".join(self.languages[1:]) or "–"
                self._wrong("protocol", "language_keys", f"one of {others}", f"một trong {others}")
        return {key: str(language) for key, language in entries.items()}

    # The small parts: each returns what it wants, or notes a fault and returns something harmless.

    def _fault(self, kind: str, part: str, key: str = "", /, **words: object) -> None:
        self.faults.append(fault(kind, self.source.line(part, key), **words))

    def _wrong(self, part: str, field: str, expected: str, vi_expected: str, key: str = "") -> None:
        words = {"where": f"[{part}]", "field": field, "expected": expected, "vi_expected": vi_expected}
        self._fault("wrong_type", part, key or field, **words)

    def _translations(self) -> list[str]:
        return [f"answers_{language}" for language in self.languages[1:]]

    def _parts(self, part: str) -> list[tuple[str, Mapping[str, object]]]:
        table = self._table(self.source.tables, part, "")
        for name in table:
            if not _NAME.fullmatch(name):
                self._fault("bad_name", f"{part}.{name}", part=part, name=name)
        return [(name, self._table(table, name, part)) for name in table]

    def _only(
        self, table: Mapping[str, object], known: Iterable[str], part: str, where: str, key: str = ""
    ) -> None:
        allowed = list(known)
        for field in table:
            if field not in allowed:
                names = ", ".join(allowed)
                self._fault(
                    "unknown_field", part or field, key or field, where=where, field=field, known=names
                )

    def _typed(self, table: Mapping[str, object], field: str, part: str, kind: type, key: str = "") -> object:
        value = table.get(field)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            self._wrong(part or field, field, *_TYPES[kind], key=key)
            return None
        return value

    def _table(
        self, table: Mapping[str, object], field: str, part: str, *, wanted: bool = True
    ) -> Mapping[str, object]:
        value = self._typed(table, field, part, dict)
        if value is None and field not in table and wanted:
            self._fault("missing_field", part, where=f"[{part}]" if part else "–", field=f"[{field}]")
        return value if isinstance(value, dict) else {}

    def _text(
        self,
        table: Mapping[str, object],
        field: str,
        part: str,
        key: str = "",
        where: str = "",
        *,
        wanted: bool = True,
    ) -> str:
        value = self._typed(table, field, part, str, key)
        if wanted and (field not in table or (isinstance(value, str) and not value.strip())):
            self._fault("missing_field", part, key, where=where or f"[{part}]", field=field)
        return " ".join(value.split()) if isinstance(value, str) else ""

    def _number(
        self, table: Mapping[str, object], field: str, part: str, default: int, allowed: range
    ) -> int:
        value = self._typed(table, field, part, int)
        if isinstance(value, int) and value not in allowed:
            low, high = allowed[0], allowed[-1]
            self._wrong(part, field, f"from {low} to {high}", f"từ {low} đến {high}")
        return value if isinstance(value, int) and value in allowed else default

    def _names(self, table: Mapping[str, object], field: str, part: str) -> tuple[str, ...]:
        value = self._typed(table, field, part, list)
        if field not in table:
            self._fault("missing_field", part, where=f"[{part}]", field=field)
        names = value if isinstance(value, list) else []
        if any(not isinstance(name, str) or not re.fullmatch(r"[a-z]{2,3}", name) for name in names):
            self._wrong(part, field, "language codes such as “vi”", "mã ngôn ngữ như “vi”")
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))

    def _choice(
        self, table: Mapping[str, object], field: str, part: str, key: str, allowed: Iterable[str]
    ) -> str | None:
        value = self._typed(table, field, part, str, key)
        words = list(allowed)
        if isinstance(value, str) and value not in words:
            names = ", ".join(words)
            self._wrong(part, field, f"one of {names}", f"một trong {names}", key=key)
        return value if isinstance(value, str) and value in words else None

    def _spoken(self, table: Mapping[str, object], part: str, where: str) -> dict[str, str]:
        words = {language: self._text(table, language, part, wanted=False) for language in self.languages}
        for language, text in words.items():
            if not text:
                self._fault("missing_language", part, where=where, language=language)
            for placeholder in _PLACEHOLDER.findall(text):
                if placeholder not in PLACEHOLDERS:
                    known = ", ".join(f"{{{word}}}" for word in PLACEHOLDERS)
                    self._fault(
                        "unknown_placeholder",
                        part,
                        language,
                        where=where,
                        language=language,
                        placeholder=placeholder,
                        known=known,
                    )
        return {language: text for language, text in words.items() if text}


def digest(tables: Mapping[str, object]) -> str:
    """SHA-256, in hexadecimal, of tables written in one canonical way."""
    canonical = json.dumps(tables, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
