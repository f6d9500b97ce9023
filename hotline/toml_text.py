"""Plain values as TOML: what the standard library reads and does not write. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")


def table(header: str, values: Mapping[str, Any]) -> str:
    """A table with its header ("" for none), a line for each value."""
    lines = [header] if header else []
    return "\n".join([*lines, *(f"{key(name)} = {value(one)}" for name, one in values.items()), ""])


def value(one: Any) -> str:
    if isinstance(one, list | tuple):
        return f"[{', '.join(value(part) for part in one)}]"
    if isinstance(one, Mapping):
        return f"{{ {', '.join(f'{key(name)} = {value(part)}' for name, part in one.items())} }}"
    # Texts, numbers and yes or no are written alike in JSON and in TOML.
    return json.dumps(one, ensure_ascii=False)


def key(name: str) -> str:
    return name if BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
