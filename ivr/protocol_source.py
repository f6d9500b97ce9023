"""Protocol text as tables with line numbers, read to its end even where lines are broken."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.protocol_faults import Fault, fault

_HEADER = re.compile(r"^\s*\[(?!\[)\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*(\"[^\"]*\"|'[^']*'|[^\s=#\"']+)\s*=")
_POSITION = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")
_BROKEN_LINES_AT_MOST = 50


@dataclass(frozen=True)
class Source:
    """The tables of one file and where each of their keys stands."""

    tables: Mapping[str, object]
    faults: tuple[Fault, ...]
    broken: bool
    """Whether a line was left out because it could not be read."""
    _lines: Mapping[tuple[str, str], int] = field(repr=False)

    def line(self, part: str, key: str = "") -> int | None:
        """The line of `key` in `[part]`, or of the part itself; None when neither is written."""
        return self._lines.get((part, key)) or self._lines.get((part, ""))


def parse(text: str) -> Source:
    """Reads TOML; a line that is no TOML becomes a fault and is left out: the rest is still judged."""
    lines = unicodedata.normalize("NFC", text).split("\n")
    places = _places(lines)
    faults: list[Fault] = []
    broken = False
    for _ in range(_BROKEN_LINES_AT_MOST):
        try:
            tables = tomllib.loads("\n".join(lines))
        except RecursionError:
            faults.append(fault("syntax", None, detail="brackets nested too deeply"))
            break
        except tomllib.TOMLDecodeError as error:
            at = _line_of(error, lines)
            found, mended = _explain(lines, at, str(error))
            faults.append(found)
            broken = broken or found.kind == "syntax"
            lines[at - 1] = mended
        else:
            tables.pop(_LEFT_OUT, None)
            return Source(tables, tuple(dict.fromkeys(faults)), broken, places)
    return Source({}, tuple(dict.fromkeys(faults)), True, places)


_LEFT_OUT = "written-twice"


def _explain(lines: list[str], at: int, reason: str) -> tuple[Fault, str]:
    """The fault at line `at`, and what to read in its place."""
    header = _HEADER.match(lines[at - 1])
    if header and "twice" in reason:
        return fault("duplicate_part", at, part=header[1]), f"[{_LEFT_OUT}.line-{at}]"
    key = _KEY.match(lines[at - 1])
    if key and "overwrite" in reason:
        part = next((found[1] for line in reversed(lines[:at]) if (found := _HEADER.match(line))), "")
        where = f"[{part}]" if part else "–"
        return fault("duplicate_key", at, where=where, key=key[1].strip("\"'")), ""
    detail = _POSITION.sub("", reason).strip()
    return fault("syntax", at, detail=detail[:1].lower() + detail[1:]), ""


def _line_of(error: tomllib.TOMLDecodeError, lines: list[str]) -> int:
    found = _POSITION.search(str(error))
    if found and found[1] and int(found[1]) <= len(lines) and lines[int(found[1]) - 1].strip():
        return int(found[1])
    # Something is open until the end of the file: blame the last line that opens without closing.
    written = [number for number, line in enumerate(lines, start=1) if line.strip()]
    unclosed = [number for number in written if _opens(lines[number - 1])]
    return (unclosed or written or [1])[-1]


def _opens(line: str) -> bool:
    return (
        line.count("[") > line.count("]")
        or line.count("{") > line.count("}")
        or any(line.count(quotes) % 2 == 1 for quotes in ('"""', "'''"))
    )


def _places(lines: list[str]) -> dict[tuple[str, str], int]:
    places: dict[tuple[str, str], int] = {}
    part = ""
    for number, line in enumerate(lines, start=1):
        if header := _HEADER.match(line):
            part = ".".join(piece.strip().strip("\"'") for piece in header[1].split("."))
            places.setdefault((part, ""), number)
        elif key := _KEY.match(line):
            places.setdefault((part, key[1].strip("\"'")), number)
    return places
