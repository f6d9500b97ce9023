"""One agency's form: from its table to the boxes, and back from what was typed. Pure.

What it answers for in its own unit are boxes to tick; other units, and dates of their own, are lines "code = category, category; from; to".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hotline.organisation_tables import CONTACT_FIELDS, KEY, Read, where, where_responsible
from softphone_panel import setting_forms
from softphone_panel.setting_forms import Field, Typed
from softphone_panel.words import either

DUTY = Field("duty", "duty", ())
LINES = ("numbers", "languages")
TEXTS = ("name", "kind", "level", "unit", "above", "from", "to")
__all__ = ["KEY", "Form", "faults_of", "shown", "typed"]


@dataclass(frozen=True)
class Form:
    """An agency as the boxes show it."""

    duty: list[dict[str, Any]]
    contacts: str
    here: tuple[str, ...]
    """Categories that it answers for in its own unit, all its time."""
    elsewhere: str
    """Everything else that it answers for, as lines."""


def shown(content: Mapping[str, Any], key: str, day: date) -> Form:
    table = content.get("agency", {}).get(key, {})
    mine = [row for row in content.get("responsibility", []) if row.get("agency") == key]
    own = next((row for row in mine if _is_own(row, table)), None)
    contacts = [
        "; ".join(str(one.get(name, "")) for name in CONTACT_FIELDS).rstrip("; ")
        for one in table.get("contacts", [])
    ]
    return Form(
        setting_forms.rows(DUTY, table), "\n".join(contacts), tuple(own["categories"]) if own else (),
        "\n".join(_line(row) for row in mine if row is not own),
    )  # fmt: skip


def _is_own(row: Mapping[str, Any], table: Mapping[str, Any]) -> bool:
    return row.get("unit") == table.get("unit") and all(
        row.get(name, "") in ("", table.get(name, "")) for name in ("from", "to")
    )


def _line(row: Mapping[str, Any]) -> str:
    days = f"; {row.get('from', '')}; {row.get('to', '')}" if row.get("from") or row.get("to") else ""
    return f"{row.get('unit', '')} = {', '.join(row.get('categories', []))}{days}"


def typed(form: Typed, key: str, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The agency's table as typed, and what it answers for; fields that cannot be read stay as typed, for the judge."""
    table: dict[str, Any] = {name: " ".join((form.get(name) or "").split()) for name in TEXTS}
    table["unit"] = table["unit"].partition(" ")[0]  # "25216 Phường Thác Mơ" is how the list offers it
    for name in LINES:
        table[name] = [
            part
            for line in (form.get(name) or "").replace(",", "\n").splitlines()
            if (part := " ".join(line.split()))
        ]
    capacity = (form.get("capacity") or "").strip()
    table["capacity"] = int(capacity) if capacity.isdecimal() and len(capacity) < 6 else capacity or 0
    table["duty"] = setting_forms.typed_duty(DUTY, form)
    table["contacts"] = [
        {
            name: part.strip()
            for name, part in zip(CONTACT_FIELDS, line.split(";"), strict=False)
            if part.strip()
        }
        for line in (form.get("contacts") or "").splitlines()
        if line.strip()
    ]
    if content.get("agency", {}).get(key, {}).get("active") is False:
        table["active"] = False
    days = {name: table[name] for name in ("from", "to") if table[name]}
    answers = []
    if here := form.getlist("categories"):
        answers.append({"agency": key, "unit": table["unit"], "categories": here, **days})
    answers += [
        _answer(key, line, days) for line in (form.get("elsewhere") or "").splitlines() if line.strip()
    ]
    return table, answers


def _answer(key: str, line: str, days: Mapping[str, str]) -> dict[str, Any]:
    unit, _, rest = line.partition("=")
    matters, *own = (part.strip() for part in rest.split(";"))
    dates = {name: day for name, day in zip(("from", "to"), own, strict=False) if day} if own else dict(days)
    return {
        "agency": key, "unit": unit.strip(), "categories": [m.strip() for m in matters.split(",") if m.strip()], **dates,
    }  # fmt: skip


def faults_of(told: Read, key: str, content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Field → what is wrong with this agency, and with what it answers for; others' faults are not its own."""
    mine = {where(key)} | {
        where_responsible(n) for n, row in enumerate(content["responsibility"], 1) if row.get("agency") == key
    }
    found: dict[str, list[str]] = {}
    for fault in told.faults:
        if fault.where in mine:
            field = fault.field if fault.where == where(key) else "elsewhere"
            found.setdefault(field, []).append(either(fault))
    return found
