"""A hotline's promises from the table `sla` of the installation file or a settings document; without one the usual ones hold."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from hotline.acuity import Acuity
from hotline.hours import read_spans
from hotline.operators import Role
from hotline.sla import ABOVE, ANY, OFFICE, STAGES, USUAL, USUAL_LEVELS, Budget, Level, Rules, Stage
from hotline.toml_table import Fault, Table

MOST_MIN = 60 * 24 * 60
"""Sixty days."""
ROLES = (Role.SUPERVISOR.value, Role.ADMINISTRATOR.value)


def plain(rules: Rules) -> dict[str, Any]:
    """As file and form have them."""
    return {
        "budgets": [
            {"category": b.category, "acuity": b.acuity, "in_hours": b.in_hours}
            | {stage.value: b.minutes[stage] for stage in STAGES if stage in b.minutes}
            for b in rules.budgets
        ],
        "levels": [{"after": level.after_min, "to": level.to} for level in rules.levels],
        "warn_percent": rules.warn_percent,
        "repeat_min": rules.repeat_min,
        "hours": [
            {"days": sorted(s.days), "from": f"{s.begins:%H:%M}", "to": f"{s.ends:%H:%M}"}
            for s in rules.working
        ],
    }


USUAL_PLAIN = plain(Rules("", USUAL, USUAL_LEVELS, working=OFFICE))


def read(hotline: str, given: Any, faults: list[Fault]) -> Rules:
    """The promises; what is wrong with them is added to `faults`."""
    where = f"[hotline.{hotline}.sla]"
    if not isinstance(given, dict):
        faults.append(Fault("Ô “Thời hạn” phải là một bảng.", f"{where} must be a table.", where, "sla"))
        return Rules(hotline)
    table = Table(where, dict(given), faults)
    budgets = tuple(
        _budget(table, place, raw) for place, raw in enumerate(table.tables("budgets"), 1)
    ) if "budgets" in table.values else USUAL  # fmt: skip
    levels = tuple(
        _level(table, place, raw) for place, raw in enumerate(table.tables("levels"), 1)
    ) if "levels" in table.values else USUAL_LEVELS  # fmt: skip
    warn = table.number("warn_percent", 80, 10, 99)
    again = table.number("repeat_min", 1440, 5, MOST_MIN)
    working = read_spans(table) if table.values.get("hours") else OFFICE
    table.values.pop("hours", None)
    _judge(table, budgets, levels)
    table.rest()
    return Rules(hotline, budgets, levels, warn, again, working)


def _budget(table: Table, place: int, raw: dict[str, Any]) -> Budget:
    row = Table(f"{table.where}: budgets {place}", raw, table.faults)
    category, acuity = row.take("category", str, ANY) or ANY, row.take("acuity", str, ANY) or ANY
    if acuity != ANY and acuity not in Acuity.__members__:
        row.wrong("budgets", f"dòng {place}: không có mức {acuity}.", f": there is no level {acuity!r}.")
    in_hours = row.take("in_hours", bool, False)
    found: dict[Stage, int] = {}
    for stage in STAGES:
        value = row.values.pop(stage.value, None)
        if value in (None, ""):
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MOST_MIN:
            row.wrong(
                "budgets",
                f"dòng {place}: số phút phải là số nguyên từ 1 đến {MOST_MIN}, không phải {value!r}.",
                f": {stage.value} must be minutes from 1 to {MOST_MIN}, not {value!r}.",
            )
            continue
        found[stage] = value
    row.rest()
    return Budget(MappingProxyType(found or dict(USUAL[0].minutes)), category, acuity, in_hours)


def _level(table: Table, place: int, raw: dict[str, Any]) -> Level:
    row = Table(f"{table.where}: levels {place}", raw, table.faults)
    after = raw.pop("after", None)
    if isinstance(after, str) and after.isdecimal():
        after = int(after)
    if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after <= MOST_MIN:
        row.wrong(
            "levels",
            f"dòng {place} cần số phút sau khi quá hạn, ví dụ 15 = supervisor.",
            ": after must be minutes after the moment it was due.",
        )
        after = 0
    to = row.take("to", str, "").strip()
    if not to:
        row.wrong(
            "levels",
            f"dòng {place} cần người nhận: {ABOVE}, {', '.join(ROLES)} hoặc tên đăng nhập.",
            f": to must be {ABOVE}, {', '.join(ROLES)} or a username.",
        )
    row.rest()
    return Level(after, to)


def _judge(table: Table, budgets: tuple[Budget, ...], levels: tuple[Level, ...]) -> None:
    whose = [(b.category, b.acuity) for b in budgets]
    if (ANY, ANY) not in whose:
        table.wrong("budgets", "cần một dòng cho mọi loại và mọi mức.", ": budgets need a row for all.")
    for place, budget in enumerate(budgets, 1):
        values = list(budget.minutes.values())
        if values != sorted(values):
            table.wrong(
                "budgets",
                f"dòng {place}: mỗi bước phải có hạn bằng hoặc sau bước trước.",
                f": budgets {place}: each stage must be due at or after the one before it.",
            )
        if Stage.CLOSE not in budget.minutes or Stage.ACCEPT not in budget.minutes:
            table.wrong(
                "budgets",
                f"dòng {place} cần hạn tiếp nhận và hạn đóng phiếu.",
                f": budgets {place} need accept and close.",
            )
        if whose.index(whose[place - 1]) != place - 1:
            table.wrong(
                "budgets",
                f"dòng {place} lặp lại loại và mức của một dòng trước.",
                f": budgets {place} repeat an earlier row's category and level.",
            )
    if not levels:
        table.wrong("levels", "cần ít nhất một cấp báo.", ": levels need one row or more.")
    after = [level.after_min for level in levels]
    if after != sorted(after):
        table.wrong("levels", "các cấp phải theo thứ tự phút tăng dần.", ": levels must follow in time.")
    people = [level.to for level in levels if level.to != ABOVE]
    for one in sorted({p for p in people if people.count(p) > 1}):
        table.wrong(
            "levels", f"{one} được báo hai lần: mỗi cấp một người khác.", f": {one} stands on two levels."
        )
