"""What differs between two contents of an organisation, agency by agency and field by field; and how one is made of another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hotline.field_names import ORGANISATION_FIELDS, FieldName
from hotline.organisation_tables import AGENCY_FIELDS

Content = Mapping[str, Any]
Words = Callable[[str, str], str]
"""Field and code → what people read: `words("unit", "25216")`."""


@dataclass(frozen=True)
class FieldChange:
    words: FieldName
    gone: tuple[str, ...]
    new: tuple[str, ...]
    same: int = 0


@dataclass(frozen=True)
class AgencyChange:
    """One agency that is new, gone, or not as it was."""

    key: str
    name: str
    is_new: bool
    is_gone: bool
    fields: tuple[FieldChange, ...]


def changes(before: Content, after: Content, words: Words) -> list[AgencyChange]:
    """What a reader must know of the step from one content to the other, in the order of the later one."""
    was, now = before.get("agency", {}), after.get("agency", {})
    answers_was, answers_now = _answers(before, words), _answers(after, words)
    found = []
    for key in dict.fromkeys((*now, *was)):
        if was.get(key) == now.get(key) and answers_was.get(key) == answers_now.get(key):
            continue
        fields = [
            _change(name, lines(name, was.get(key, {}), words), lines(name, now.get(key, {}), words))
            for name in AGENCY_FIELDS
        ]
        fields.append(_change("categories", answers_was.get(key, ()), answers_now.get(key, ())))
        name = str((now.get(key) or was.get(key) or {}).get("name", key))
        found.append(
            AgencyChange(
                key, name, key not in was, key not in now, tuple(one for one in fields if one is not None)
            )
        )
    return found


def lines(name: str, table: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    """One field of an agency's table, as lines."""
    value = table.get(name)
    if name == "active":
        return () if value is not False else (words(name, "no"),)
    if not value:
        return ()
    if name == "duty":
        return tuple(
            f"{row.get('who', '')} {row.get('number', '')}, {row.get('from', '')}–{row.get('to', '')}"
            f" ({', '.join(words('days', str(day)) for day in row.get('days', range(1, 8)))})"
            for row in value
        )
    if name == "contacts":
        return tuple("; ".join(str(v) for v in row.values()) for row in value)
    if isinstance(value, list):
        return tuple(words(name, str(one)) for one in value)
    return (words(name, str(value)),)


def _answers(content: Content, words: Words) -> dict[str, tuple[str, ...]]:
    """Agency → what it answers for, a line for each unit."""
    found: dict[str, tuple[str, ...]] = {}
    for row in content.get("responsibility", []):
        days = (
            f" ({row.get('from') or '…'} – {row.get('to') or '…'})"
            if row.get("from") or row.get("to")
            else ""
        )
        said = ", ".join(words("categories", one) for one in row.get("categories", []))
        line = f"{words('unit', row.get('unit', ''))}: {said}{days}"
        found[row.get("agency", "")] = (*found.get(row.get("agency", ""), ()), line)
    return found


def _change(name: str, was: tuple[str, ...], now: tuple[str, ...]) -> FieldChange | None:
    if was == now:
        return None
    gone, new = (tuple(x for x in a if x not in b) for a, b in ((was, now), (now, was)))
    if not gone and not new:  # only the order has changed
        gone, new = was, now
    return FieldChange(ORGANISATION_FIELDS[name], gone, new, len(now) - len(new))


def with_agency(
    content: Content, key: str, table: Mapping[str, Any] | None, answers: list[dict[str, Any]]
) -> dict[str, Any]:
    """The content with this agency, and what it answers for, put in its place; None takes it away."""
    agencies = dict(deepcopy(content.get("agency", {})))
    others = [row for row in content.get("responsibility", []) if row.get("agency") != key]
    if table is None:
        agencies.pop(key, None)
        return {"agency": agencies, "responsibility": others}
    agencies[key] = dict(table)
    return {"agency": agencies, "responsibility": [*others, *answers]}


def switched(content: Content, key: str, active: bool) -> dict[str, Any]:
    """The content with that agency switched on or off."""
    table = {name: value for name, value in content["agency"][key].items() if name != "active"}
    agencies = {**content["agency"], key: table if active else {**table, "active": False}}
    return {**content, "agency": agencies}


def merged(content: Content, incoming: Content) -> dict[str, Any]:
    """Both: an agency of the incoming file, with all it answers for, takes the place of the one with the same key."""
    agencies = {**content.get("agency", {}), **incoming.get("agency", {})}
    named = {row["agency"] for row in incoming.get("responsibility", [])} | set(incoming.get("agency", {}))
    kept = [row for row in content.get("responsibility", []) if row.get("agency") not in named]
    # A file of agencies alone says nothing of what they answer for.
    silent = set(incoming.get("agency", {})) - {row["agency"] for row in incoming.get("responsibility", [])}
    kept += [row for row in content.get("responsibility", []) if row.get("agency") in silent]
    return {"agency": agencies, "responsibility": [*kept, *incoming.get("responsibility", [])]}
