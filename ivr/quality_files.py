"""The installation's own scoring forms and sampling rules, or the shipped ones: the folder `quality` beside its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from hotline.settings import PROJECT
from ivr import sampling, scoring_form
from ivr.protocol_faults import ProtocolFaults
from ivr.sampling import Sampling
from ivr.scoring_faults import fault
from ivr.scoring_form import SUFFIX, Form

SHIPPED = PROJECT / "installation" / "quality"
RULES = "sampling.toml"
Read = TypeVar("Read")


@dataclass(frozen=True)
class QualityFiles:
    """What could be read, and what could not."""

    forms: Mapping[str, Form]
    """By their digests, in the order of the files' names."""
    texts: Mapping[str, str]
    """Digest → the file's text."""
    sampling: Sampling | None
    faults: tuple[ProtocolFaults, ...]


def folder(installation: Path) -> Path:
    """Where this installation's files are."""
    own = installation.parent / "quality"
    return own if own.is_dir() else SHIPPED


def files(installation: Path) -> QualityFiles:
    """The files as they are now; read anew only when one of them changed."""
    found = sorted(folder(installation).glob("*.toml"))
    return _read(tuple((path, path.stat().st_mtime_ns) for path in found))


@lru_cache(maxsize=4)
def _read(found: tuple[tuple[Path, int], ...]) -> QualityFiles:
    forms: dict[str, Form] = {}
    texts: dict[str, str] = {}
    rules: Sampling | None = None
    faults: list[ProtocolFaults] = []

    def tried(path: Path, read: Callable[[str, str], Read]) -> tuple[str, Read | None]:
        try:
            text = path.read_text(encoding="utf-8")
            return text, read(text, path.name)
        except UnicodeDecodeError:
            faults.append(ProtocolFaults(path.name, [fault("not_utf8")]))
        except ProtocolFaults as these:
            faults.append(these)
        return "", None

    for path, _ in found:
        if path.name.endswith(SUFFIX):
            text, form = tried(path, scoring_form.read)
            if form is not None:
                forms[form.digest], texts[form.digest] = form, text
        elif path.name == RULES:
            rules = tried(path, sampling.read)[1]
    return QualityFiles(forms, texts, rules, tuple(faults))
