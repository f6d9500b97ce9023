"""The forms of settings documents: from a document's content to what the page shows, and back from what was typed. Pure but for
the decimal mark, which is the reader's language's.

What cannot be read (a word where a number belongs) stays as it was typed: the document's judge then names the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from werkzeug.datastructures import MultiDict

from hotline.directory import LANGUAGES as STATION_LANGUAGES
from hotline.documents import Content
from hotline.field_names import FIELD_NAMES, STATION_FIELDS, FieldName
from hotline.installation import Hotline, Installation
from hotline.sla import STAGES
from softphone_panel.shown import ROLES, WEEKDAYS
from softphone_panel.words import decimal

Typed = MultiDict[str, str]
"""What a form sent."""


@dataclass(frozen=True)
class Field:
    """One field of a form. `widget` is the macro that draws it: settings_widgets.html has one for each word."""

    name: str
    widget: str
    default: Any = ""
    least: int = 0
    most: int = 0
    choices: Sequence[str] = ()
    required: bool = False
    names: Mapping[str, FieldName] = field(default_factory=lambda: FIELD_NAMES, repr=False, hash=False)

    @property
    def words(self) -> FieldName:
        return self.names[self.name]


BLANK_ROWS = 2
BUDGET_STAGES = tuple(stage.value for stage in STAGES)
HOLIDAY_ROW = ("date", "until", "name", "hotline", "from", "to")

FORMS: Mapping[str, tuple[Field, ...]] = {
    "hotline": (
        Field("name", "text", required=True),
        Field("numbers", "lines", ()),
        Field("outbound_number", "text", required=True),
        Field("emergency_number", "text", "115", required=True),
        Field("protocol", "choice", required=True),
        Field("chain", "pairs", ()),
        Field("wait_limit_s", "number", Hotline.wait_limit_s, 10, 3600),
        Field("shared_numbers", "lines", ()),
        Field("tinh", "text", required=True),
        Field("province", "text", required=True),
        Field("prefix", "text", required=True),
        Field("units_parent", "text"),
        Field("areas", "pairs", ()),
        Field("retired", "yes", default=False),
    ),
    "hours": (Field("hours", "hours", ()),),
    "sla": (
        Field("budgets", "budgets", ()),
        Field("levels", "pairs", ()),
        Field("warn_percent", "number", 80, 10, 99),
        Field("repeat_min", "number", 1440, 5, 86_400),
        Field("hours", "hours", ()),
    ),
    "holidays": (Field("holidays", "holidays", ()),),
    "rules": (
        Field("name", "text", required=True),
        Field("ring_s", "number", Installation.ring_s, 2, 120),
        Field("wrap_up_s", "number", Installation.wrap_up_s, 0, 600),
        Field("comfort_every_s", "number", Installation.comfort_every_s, 10, 120),
        Field("reserve_share", "share", Installation.reserve_share),
        Field("dial_prefixes", "lines", Installation.dial_prefixes),
        Field("dial_roles", "choices", Installation.dial_roles, choices=tuple(ROLES)),
        Field("operators_see_listening", "yes", Installation.operators_see_listening),
        Field("supervisors_hear_consults", "yes", Installation.supervisors_hear_consults),
    ),
    "station": (
        Field("name", "text", required=True, names=STATION_FIELDS),
        Field("hotline", "choice", required=True, names=STATION_FIELDS),
        Field("level", "choice", required=True, names=STATION_FIELDS),
        Field("active", "yes", default=True, names=STATION_FIELDS),
        Field("units", "units", (), names=STATION_FIELDS),
        Field("numbers", "lines", (), names=STATION_FIELDS),
        Field("duty", "duty", (), names=STATION_FIELDS),
        Field("neighbours", "order", (), names=STATION_FIELDS),
        Field("phone", "choice", names=STATION_FIELDS),
        Field("language", "choice", STATION_LANGUAGES[0], names=STATION_FIELDS),
    ),
}
"""Kind of document → its fields, those changed most often first."""
PAIRS: Mapping[str, tuple[str, str]] = {
    "levels": ("after", "to"),
    "chain": ("name", "number"),
    "areas": ("keys", "unit"),
}
"""Lines "left = right" → the names of the two in the document."""


# -- from the document to the page --


def shown(one: Field, content: Content) -> str:
    """What a field says, as text: for the form's boxes, and to compare two versions line by line."""
    return _SHOWN[one.widget](one, content.get(one.name, one.default))


def _plain(one: Field, value: Any) -> str:
    return str(value)


def _share(one: Field, value: Any) -> str:
    return decimal(str(value))


def _lines(one: Field, value: Any) -> str:
    return "\n".join(str(v) for v in value) if isinstance(value, list | tuple) else str(value)


def _pairs(one: Field, value: Any) -> str:
    left, right = PAIRS[one.name]
    return "\n".join(f"{row.get(left, '')} = {row.get(right, '')}" for row in value)


def _hours(one: Field, value: Any) -> str:
    return "\n".join(
        f"{', '.join(WEEKDAYS[day] for day in row.get('days', range(1, 8)))}: {row.get('from', '')}–{row.get('to', '')}"
        for row in value
    )


def _duty(one: Field, value: Any) -> str:
    return "\n".join(f"{row.get('who', '')} {row.get('number', '')}, {_hours(one, [row])}" for row in value)


def _holidays(one: Field, value: Any) -> str:
    return "\n".join(_holiday(row) for row in value)


def _budgets(one: Field, value: Any) -> str:
    return "\n".join(_budget(row) for row in value)


def _budget(row: Mapping[str, Any]) -> str:
    whose = f"{row.get('category', '*')} {row.get('acuity', '*')}"
    steps = " ".join(f"{stage}={row[stage]}" for stage in BUDGET_STAGES if row.get(stage))
    return f"{whose}: {steps}{' (giờ làm việc)' if row.get('in_hours') else ''}"


def _holiday(row: Mapping[str, Any]) -> str:
    days = _day(row.get("date", "")) + (f" – {_day(row['until'])}" if row.get("until") else "")
    only = f" ({row['hotline']})" if row.get("hotline") else ""
    span = f": {row.get('from', '')}–{row.get('to', '')}" if row.get("from") or row.get("to") else ""
    return f"{days} {row.get('name', '')}{only}{span}"


def _day(text: Any) -> str:
    """As people write it; what is no day stays as typed."""
    try:
        return f"{date.fromisoformat(str(text)):%d/%m/%Y}"
    except ValueError:
        return str(text)


_SHOWN: Mapping[str, Callable[[Field, Any], str]] = {
    "text": _plain,
    "number": _plain,
    "share": _share,
    "choice": _plain,
    "yes": _plain,
    "lines": _lines,
    "choices": _lines,
    "pairs": _pairs,
    "hours": _hours,
    "holidays": _holidays,
    "units": _lines,
    "order": _lines,
    "duty": _duty,
    "budgets": _budgets,
}


def rows(one: Field, content: Content) -> list[dict[str, Any]]:
    """A table's rows for the form, and blank ones to write in."""
    there = [dict(row) for row in content.get(one.name, one.default) if isinstance(row, dict)]
    return [*there, *({} for _ in range(BLANK_ROWS))]


# -- from what was typed to the document --


def content_of(kind: str, typed: Typed, before: Content) -> Content:
    """The document as typed; fields that the form has not stay as they were."""
    content = dict(before)
    for one in FORMS[kind]:
        content[one.name] = _TYPED[one.widget](one, typed)
    return content


def _typed_text(one: Field, typed: Typed) -> Any:
    return " ".join((typed.get(one.name) or "").replace("\x00", "").split())


def _typed_number(one: Field, typed: Typed) -> Any:
    text = _typed_text(one, typed)
    return int(text) if text.isdecimal() and len(text) < 10 else text


def _typed_share(one: Field, typed: Typed) -> Any:
    text = _typed_text(one, typed).replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return text


def _typed_yes(one: Field, typed: Typed) -> Any:
    return typed.get(one.name) == "yes"


def _typed_lines(one: Field, typed: Typed) -> Any:
    lines = (" ".join(line.split()) for line in (typed.get(one.name) or "").replace("\x00", "").splitlines())
    return [line for line in lines if line]


def _typed_choices(one: Field, typed: Typed) -> Any:
    return typed.getlist(one.name)


def _typed_pairs(one: Field, typed: Typed) -> Any:
    left, right = PAIRS[one.name]
    parted = (line.rpartition("=") for line in _typed_lines(one, typed))
    return [{left: before.strip(), right: after.strip()} for before, _, after in parted]


def _typed_hours(one: Field, typed: Typed) -> Any:
    found = []
    for n in _row_numbers(typed, "from"):
        begins, ends = _clock(typed.get(f"from-{n}")), _clock(typed.get(f"to-{n}"))
        days = sorted(int(day) for day in typed.getlist(f"days-{n}") if day in "1234567" and len(day) == 1)
        if (begins or ends or days) and typed.get(f"drop-{n}") is None:
            found.append({"days": days, "from": begins, "to": ends})
    return found


def typed_duty(one: Field, typed: Typed) -> Any:
    found = []
    for n in _row_numbers(typed, "who"):
        who, number = (" ".join((typed.get(f"{name}-{n}") or "").split()) for name in ("who", "number"))
        days = sorted(int(day) for day in typed.getlist(f"days-{n}") if day in "1234567" and len(day) == 1)
        if (who or number) and typed.get(f"drop-{n}") is None:
            begins, ends = (typed.get(f"{name}-{n}") or "00:00" for name in ("from", "to"))
            found.append({"who": who, "number": number, "days": days, "from": begins, "to": ends})
    return found


def _typed_order(one: Field, typed: Typed) -> Any:
    """What was chosen in each of the boxes, in their order, each once."""
    chosen = (typed.get(f"{one.name}-{n}") or "" for n in _row_numbers(typed, one.name))
    return list(dict.fromkeys(value for value in chosen if value))


def _typed_units(one: Field, typed: Typed) -> Any:
    """Those that stay ticked, and those that were added."""
    return list(dict.fromkeys(value for value in typed.getlist(one.name) if value))


def _typed_holidays(one: Field, typed: Typed) -> Any:
    found = []
    for n in _row_numbers(typed, "date"):
        row = {name: " ".join((typed.get(f"{name}-{n}") or "").split()) for name in HOLIDAY_ROW}
        row |= {name: _clock(row[name]) for name in ("from", "to")}
        if any(row.values()) and typed.get(f"drop-{n}") is None:
            found.append({name: value for name, value in row.items() if value})
    return sorted(found, key=lambda row: row.get("date", ""))


def _clock(text: str | None) -> str:
    """7h30, 7:30 and 07:30 are the same; what is none of them stays as typed."""
    found = re.fullmatch(r"(\d{1,2})\s*[:hg.]\s*(\d{2})?", (text or "").strip().lower())
    return f"{int(found[1]):02d}:{found[2] or '00'}" if found else (text or "").strip()


def _typed_budgets(one: Field, typed: Typed) -> Any:
    found = []
    for n in _row_numbers(typed, "category"):
        minutes = {stage: (typed.get(f"{stage}-{n}") or "").strip() for stage in BUDGET_STAGES}
        if not any(minutes.values()) or typed.get(f"drop-{n}") is not None:
            continue
        row: dict[str, Any] = {name: typed.get(f"{name}-{n}") or "*" for name in ("category", "acuity")}
        row["in_hours"] = typed.get(f"in_hours-{n}") == "yes"
        row |= {s: int(m) if m.isdecimal() and len(m) < 8 else m for s, m in minutes.items() if m}
        found.append(row)
    return found


ROWS_AT_MOST = 200


def _row_numbers(typed: Typed, name: str) -> list[int]:
    return [n for n in range(ROWS_AT_MOST) if typed.get(f"{name}-{n}") is not None]


_TYPED: Mapping[str, Callable[[Field, Typed], Any]] = {
    "text": _typed_text,
    "choice": _typed_text,
    "number": _typed_number,
    "share": _typed_share,
    "yes": _typed_yes,
    "lines": _typed_lines,
    "choices": _typed_choices,
    "pairs": _typed_pairs,
    "hours": _typed_hours,
    "holidays": _typed_holidays,
    "duty": typed_duty,
    "order": _typed_order,
    "units": _typed_units,
    "budgets": _typed_budgets,
}


# -- what differs --


@dataclass(frozen=True)
class Change:
    """One field that differs between two contents."""

    words: FieldName
    gone: tuple[str, ...]
    """Lines that were there."""
    new: tuple[str, ...]
    same: int = 0
    """Lines that stay."""


def changes(kind: str, before: Content, after: Content) -> list[Change]:
    """What a reader must know of the step from one content to the other, field by field."""
    found = []
    for one in FORMS[kind]:
        was, now = shown(one, before).splitlines(), shown(one, after).splitlines()
        if was == now:
            continue
        gone = tuple(line for line in was if line not in now)
        new = tuple(line for line in now if line not in was)
        if not gone and not new:  # only the order has changed
            gone, new = tuple(was), tuple(now)
        found.append(Change(one.words, gone, new, len(now) - len(new)))
    return found


@dataclass(frozen=True)
class Lead:
    """Where a called number leads, and whether that is new."""

    number: str
    hotline: str
    before: str = ""
    """The hotline's key it led to; empty: nowhere of its own."""


def leads(before: Mapping[str, str], after: Mapping[str, str]) -> list[Lead]:
    """Every called number that is known before or after, with its hotline's key; an empty one leads to the trunk's own."""
    return [Lead(n, after.get(n, ""), before.get(n, "")) for n in sorted({*before, *after})]
