"""The kinds of settings documents, and the installation that file and documents tell together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import date
from typing import Any

from hotline import installation, sla_tables
from hotline.documents import Content, House, Kind
from hotline.installation import Installation, InstallationFaults
from hotline.organisation_documents import ORGANISATION
from hotline.station_documents import STATION
from hotline.toml_table import Fault

ONE = ("",)
OWN_DOCUMENTS = ("hours", "sla")
"""Tables of a hotline that are documents of their own."""
RULES_FIELDS = (
    *("name", "ring_s", "wrap_up_s", "comfort_every_s", "reserve_share", "dial_prefixes", "dial_roles"),
    *("operators_see_listening", "supervisors_hear_consults", "authority", "orders"),
)
"""The file's own fields that an administrator may change. Trunks are the carrier's contract, telephones are in Asterisk's
configuration from its start, units and stations have files of their own."""


def in_force(house: House) -> Installation:
    """The installation as file and published documents tell it. Raises InstallationFaults."""
    return installation.judged(tables(house), house.path)


def tables(house: House) -> dict[str, Any]:
    """The file's tables with the published documents over them."""
    laid: dict[str, Any] = deepcopy(dict(house.raw))
    for name, lay in _LAID.items():
        for (kind, key), content in house.published.items():
            if kind == name:
                lay(laid, key, deepcopy(content))
    return laid


def _judge_as(kind: str) -> Callable[[House, str, Content], list[Fault]]:
    """Judged by the installation's own reader, as part of the whole."""

    def judge(house: House, key: str, content: Content) -> list[Fault]:
        would = House(house.raw, house.path, {**house.published, (kind, key): content})
        try:
            in_force(would)
        except InstallationFaults as wrong:
            return list(wrong.told)
        return []

    return judge


def _hotlines(house: House) -> tuple[str, ...]:
    return tuple(tables(house).get("hotline", {}))


def _file_hotline(house: House, key: str) -> Content:
    table = dict(house.raw.get("hotline", {}).get(key, {}))
    for name in OWN_DOCUMENTS:
        table.pop(name, None)
    return table


def _lay_hotline(laid: dict[str, Any], key: str, content: Content) -> None:
    hotlines = laid.setdefault("hotline", {})
    kept = {name: value for name, value in hotlines.get(key, {}).items() if name in OWN_DOCUMENTS}
    hotlines[key] = {**content, **kept}


def _file_hours(house: House, key: str) -> Content:
    return {"hours": list(house.raw.get("hotline", {}).get(key, {}).get("hours", []))}


def _lay_hours(laid: dict[str, Any], key: str, content: Content) -> None:
    # The file may have lost a hotline since: its hours then speak of nothing.
    if key in laid.get("hotline", {}):
        laid["hotline"][key]["hours"] = content.get("hours", [])


def _file_sla(house: House, key: str) -> Content:
    return dict(house.raw.get("hotline", {}).get(key, {}).get("sla", sla_tables.USUAL_PLAIN))


def _lay_sla(laid: dict[str, Any], key: str, content: Content) -> None:
    if key in laid.get("hotline", {}):
        laid["hotline"][key]["sla"] = content


def _file_holidays(house: House, key: str) -> Content:
    # TOML has days of its own, JSON has texts.
    rows = [
        {name: str(value) if isinstance(value, date) else value for name, value in row.items()}
        for row in house.raw.get("holidays", [])
        if isinstance(row, dict)
    ]
    return {"holidays": rows}


def _lay_holidays(laid: dict[str, Any], key: str, content: Content) -> None:
    laid["holidays"] = content.get("holidays", [])


def _profiles(house: House) -> tuple[str, ...]:
    return tuple(tables(house).get("profile", {}))


def _file_profile(house: House, key: str) -> Content:
    return deepcopy(dict(house.raw.get("profile", {}).get(key, {})))


def _lay_profile(laid: dict[str, Any], key: str, content: Content) -> None:
    if content:
        laid.setdefault("profile", {})[key] = content
    else:  # deleted on its page; its history stays
        laid.get("profile", {}).pop(key, None)


def _judge_campaign(house: House, key: str, content: Content) -> list[Fault]:
    wanted = content.get("profile", "")
    if wanted and wanted not in _profiles(house):
        return [
            Fault(
                f"Không có chế độ “{wanted}”: hãy tải lại trang.", f"There is no profile {wanted!r}: reload."
            )
        ]
    return _judge_as("campaign")(house, key, content)


def _lay_campaign(laid: dict[str, Any], key: str, content: Content) -> None:
    laid["campaign"] = content


def _file_rules(house: House, key: str) -> Content:
    return {name: house.raw[name] for name in RULES_FIELDS if name in house.raw}


def _lay_rules(laid: dict[str, Any], key: str, content: Content) -> None:
    for name in RULES_FIELDS:
        laid.pop(name, None)
    laid.update(content)


HOTLINE = Kind("hotline", _hotlines, _file_hotline, _judge_as("hotline"))
"""One hotline's table but for its hours."""
HOURS = Kind("hours", _hotlines, _file_hours, _judge_as("hours"))
"""{"hours": [{"days": [1, …], "from": "07:00", "to": "17:00"}]}."""
SLA = Kind("sla", _hotlines, _file_sla, _judge_as("sla"))
"""What a hotline promises: budgets, levels of escalation, the percent of a warning (`hotline.sla_tables`)."""
HOLIDAYS = Kind("holidays", lambda house: ONE, _file_holidays, _judge_as("holidays"))
"""{"holidays": [{"date": "2026-09-02", "until"?, "name", "hotline"?, "from"?, "to"?}]}."""
RULES = Kind("rules", lambda house: ONE, _file_rules, _judge_as("rules"))
"""RULES_FIELDS."""

PROFILE = Kind("profile", _profiles, _file_profile, _judge_as("profile"))
"""What a campaign lays over the installation (`hotline.profiles`)."""
CAMPAIGN = Kind("campaign", lambda house: ONE, lambda house, key: {"profile": ""}, _judge_campaign)
"""{"profile": key, or "" for none; "plan"?: which plan switched it}: the one switch (`hotline.campaigns`)."""

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (HOTLINE, HOURS, SLA, HOLIDAYS, RULES, STATION, ORGANISATION, PROFILE, CAMPAIGN)
}
"""Every kind, in the order of the page."""
_LAID: Mapping[str, Callable[[dict[str, Any], str, Content], None]] = {
    "hotline": _lay_hotline,
    "hours": _lay_hours,
    "sla": _lay_sla,
    "holidays": _lay_holidays,
    "rules": _lay_rules,
    "profile": _lay_profile,
    "campaign": _lay_campaign,
}
"""The kinds that are parts of the installation, in the order in which they are laid: hours lie in a hotline's table."""
