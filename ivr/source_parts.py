"""Reading the parts of an officers' file: every fault is noted and a harmless value taken, so that all are told at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ivr.protocol_faults import Fault
from ivr.protocol_source import Source

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Parts:
    """One file's tables as they are read; `faults` is what was found wrong so far."""

    def __init__(
        self, source: Source, known: Mapping[str, frozenset[str]], sentence: Callable[..., Fault]
    ) -> None:
        """`known`: what each kind of part may have beside its words; `sentence` makes a fault of its kind and words."""
        self._source, self._kinds, self._sentence = source, known, sentence
        self._tables = source.tables
        self.faults: list[Fault] = []
        self._languages: tuple[str, ...] = ("vi", "en")

    def _head(self, name: str, parts: tuple[str, ...]) -> dict[str, Any]:
        """The file's own part, which also names its languages; other parts than these are faults."""
        for part in self._tables:
            if part not in parts:
                self._fault("unknown_key", part, "", where="[]", field=part, known=", ".join(parts))
        head = self._table(name)
        listed = head.get("languages", ["vi", "en"])
        self._languages = tuple(str(one) for one in listed) if isinstance(listed, list) else ("vi", "en")
        self._known(name, head, name)
        return head

    def _table(self, name: str) -> dict[str, Any]:
        given = self._tables.get(name, {})
        return given if isinstance(given, dict) else {}

    def _named(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        return [(key, given) for key, given in self._table(name).items() if isinstance(given, dict)]

    def _fault(self, sentence: str, /, part: str, key: str, **words: object) -> None:
        line = self._source.line(part, key)
        self.faults.append(self._sentence(sentence, line, **{"where": f"[{part}]", "field": key, **words}))

    def _known(self, kind: str, given: Mapping[str, Any], part: str) -> None:
        known = self._kinds[kind] | set(self._languages)
        for key in given:
            if key not in known:
                self._fault("unknown_key", part, key, field=key, known=", ".join(sorted(known)))

    def _check_name(self, part: str, name: str, key: str = "") -> None:
        """What becomes a key of the database is a short plain word."""
        if not NAME.fullmatch(name):
            self._fault("bad_name", part, key, name=name)

    def _text(self, part: str, given: Mapping[str, Any], key: str) -> str:
        value = given.get(key)
        if not isinstance(value, str) or not value.strip():
            self._fault("missing", part, key, field=key)
            return ""
        return value.strip()

    def _number(self, part: str, given: Mapping[str, Any], key: str, default: float) -> float:
        value = given.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fault("wrong_type", part, key, field=key)
            return default
        return float(value)

    def _flag(self, part: str, given: Mapping[str, Any], key: str, default: bool) -> bool:
        value = given.get(key, default)
        if not isinstance(value, bool):
            self._fault("wrong_type", part, key, field=key)
            return default
        return value

    def _words(self, part: str, given: Mapping[str, Any], key: str = "") -> dict[str, str]:
        words = {}
        for language in self._languages:
            said = given.get(language)
            if isinstance(said, str) and said.strip():
                words[language] = said.strip()
            else:
                where = f"[{part}]" + (f" {key}" if key else "")
                self._fault("missing_language", part, key or language, where=where, language=language)
        return words


def digest(tables: Mapping[str, object]) -> str:
    """SHA-256 of a file's content in hexadecimal: layout and comments do not change it, a word does."""
    return hashlib.sha256(json.dumps(tables, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
