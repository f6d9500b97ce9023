"""What tickets are about: categories and their fields, out of `categories.toml` beside the installation file, else the shipped one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hotline.settings import PROJECT
from hotline.toml_table import Fault, Table

FILE = "categories.toml"
SHIPPED = PROJECT / "installation" / FILE
KINDS = ("text", "number", "day", "phone", "choice", "yes")
BRANCHES = ("medical", "services")
OTHER = "other"
"""The category of a ticket that nobody has put in another one; every file has it."""


class CategoryFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The file cannot be used; `faults` are sentences with file, category and field."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class CategoryField:
    """One thing that is asked for tickets of a category."""

    key: str
    vi: str
    en: str
    kind: str
    needed: bool = False
    choices: tuple[tuple[str, str, str], ...] = ()
    """Key, Vietnamese and English of each."""

    def word(self, language: str) -> str:
        return self.en if language == "en" else self.vi


@dataclass(frozen=True)
class Category:
    """One matter."""

    key: str
    vi: str
    en: str
    branch: str
    """medical or services."""
    fields: tuple[CategoryField, ...] = ()
    topics: tuple[str, ...] = ()
    """What the machine's questions call it: an answer's topic, or a branch of a protocol."""

    def word(self, language: str) -> str:
        return self.en if language == "en" else self.vi


def beside(installation: Path) -> Mapping[str, Category]:
    """The installation's categories by key, in the file's order; read anew only when the file changed. Raises CategoryFaults."""
    own = installation.parent / FILE
    path = own if own.exists() else SHIPPED
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, changed_ns: int) -> Mapping[str, Category]:
    return read(path)


def read(path: Path) -> dict[str, Category]:
    """The categories of one file. Raises CategoryFaults with every fault."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CategoryFaults([f"The categories' file {path.name} cannot be read: {error}."]) from error
    faults: list[Fault] = []
    tables = raw.pop("category", {})
    for name in raw:
        faults.append(Fault("", f"{path.name} has an unknown table {name}: remove or correct it."))
    if not isinstance(tables, dict) or OTHER not in tables:
        faults.append(Fault("", f"{path.name} has no [category.{OTHER}]: add it."))
    found = {
        key: _category(path.name, key, table, faults)
        for key, table in (tables.items() if isinstance(tables, dict) else ())
    }
    topics = [topic for one in found.values() for topic in one.topics]
    for again in {topic for topic in topics if topics.count(topic) > 1}:
        faults.append(Fault("", f"{path.name}: two categories have the topic {again!r}: leave it in one."))
    if faults:
        raise CategoryFaults([str(fault) for fault in faults])
    return found


def of_topics(known: Mapping[str, Category], *topics: str | None) -> str:
    """The category of the first of these topics that one has; empty when none has."""
    whose = {topic: one.key for one in known.values() for topic in one.topics}
    return next((whose[topic] for topic in topics if topic in whose), "")


def _category(file: str, key: str, raw: Any, faults: list[Fault]) -> Category:
    where = f"{file} [category.{key}]"
    table = Table(where, dict(raw) if isinstance(raw, dict) else {}, faults)
    if not key.isidentifier() or not key.isascii() or len(key) > 32:
        table.wrong("key", "", f": a key is lower-case letters, digits and _, at most 32: {key!r} is not.")
    vi, en, branch = (table.take(name, str) for name in ("vi", "en", "branch"))
    if branch not in BRANCHES:
        table.wrong("branch", "", f": branch must be one of {', '.join(BRANCHES)}, not {branch!r}.")
    fields = tuple(_field(where, one, faults) for one in table.tables("fields"))
    keys = [one.key for one in fields]
    for again in {k for k in keys if keys.count(k) > 1}:
        table.wrong("fields", "", f": two fields have the key {again!r}.")
    topics = table.texts("topics")
    table.rest()
    return Category(key, vi, en, branch, fields, topics)


def _field(where: str, raw: dict[str, Any], faults: list[Fault]) -> CategoryField:
    table = Table(f"{where} field {raw.get('key', '?')}", raw, faults)
    key, vi, en = (table.take(name, str) for name in ("key", "vi", "en"))
    kind = table.take("kind", str)
    if kind not in KINDS:
        table.wrong("kind", "", f": kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    given = table.values.pop("choices", [])
    choices = (
        [one for one in given if isinstance(one, list) and len(one) == 3] if isinstance(given, list) else []
    )
    if (kind == "choice") != bool(choices) or (isinstance(given, list) and len(choices) != len(given)):
        table.wrong(
            "choices", "", ': a choice has choices = [["key", "tiếng Việt", "English"], …], others have none.'
        )
    found = CategoryField(
        key,
        vi,
        en,
        kind,
        table.take("needed", bool, False),
        tuple((str(a), str(b), str(c)) for a, b, c in choices),
    )
    table.rest()
    return found
