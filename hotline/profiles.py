"""Campaign profiles: named sets of values that are laid over the installation while a campaign runs, and taken off again. Pure.

    [profile.epidemic]
    vi = "Dịch bệnh"
    en = "Epidemic"
    rules = { ring_s = 8, authority = { operator = ["commune", "district"] } }
    hotline."*" = { protocol = "covid-2021", wait_limit_s = 300, sla = { warn_percent = 60 } }

Menus and protocol, queues, promises and approvals are values of the installation, so each of them can be in a profile. What a
profile does not name stays as it is. The first, peace-time, needs no values; the installation without any profile is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hotline import toml_text
from hotline.toml_table import Fault, Table

EVERY = "*"
"""In place of a hotline's key: each of them."""
RULES = (
    *("ring_s", "wrap_up_s", "comfort_every_s", "reserve_share", "dial_prefixes", "dial_roles"),
    *("operators_see_listening", "supervisors_hear_consults", "authority", "orders"),
)
HOTLINE = ("protocol", "chain", "wait_limit_s", "areas", "emergency_number", "hours", "sla")
"""What a profile may say of a hotline; its name and numbers are no campaign's."""
MERGED = ("sla", "authority", "orders")
"""Tables of which a profile may name some values only."""
KEY_AT_MOST = 32


@dataclass(frozen=True)
class Profile:
    key: str
    vi: str
    en: str
    rules: Mapping[str, Any] = field(default_factory=dict)
    hotlines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Hotline's key, or EVERY → its values."""

    def word(self, language: str) -> str:
        return self.en if language == "en" else self.vi

    @property
    def protocols(self) -> frozenset[str]:
        """Whose sounds have to be there before the campaign begins."""
        return frozenset(str(v["protocol"]) for v in self.hotlines.values() if "protocol" in v)


def read(given: Any, hotlines: Sequence[str], faults: list[Fault]) -> tuple[Profile, ...]:
    """The profiles of the tables, in their order; what is wrong joins the faults."""
    if not isinstance(given, Mapping):
        faults.append(
            Fault("profile phải là các bảng có tên riêng.", "profile must be tables: [profile.epidemic].")
        )
        return ()
    return tuple(_profile(key, raw, hotlines, faults) for key, raw in given.items())


def _profile(key: str, raw: Any, hotlines: Sequence[str], faults: list[Fault]) -> Profile:
    here = f"[profile.{key}]"
    table = Table(here, dict(raw) if isinstance(raw, Mapping) else {}, faults)
    if not (key.isascii() and key.isidentifier() and key.islower() and len(key) <= KEY_AT_MOST):
        table.wrong("key", f"mã chế độ “{key}”: chỉ chữ thường không dấu và chữ số.",
                    ": a key is lower-case letters and digits.")  # fmt: skip
    vi, en = (table.take(name, str).strip() for name in ("vi", "en"))
    if "vi" in (raw if isinstance(raw, Mapping) else ()) and not (vi and en):
        table.wrong("vi", "hãy đặt tên bằng hai thứ tiếng: vi và en.", ": vi and en must not be empty.")
    rules, those = (table.take(name, dict, {}) for name in ("rules", "hotline"))
    for name in set(rules) - set(RULES):
        table.wrong("rules", f"chế độ không đổi được “{name}”.", f": rules: a profile cannot change {name}.")
    for hotline, values in those.items():
        if hotline not in (EVERY, *hotlines):
            table.wrong("hotline", f"không có tổng đài {hotline}.", f": hotline: there is no {hotline!r}.")
        if not isinstance(values, Mapping):
            table.wrong("hotline", f"“{hotline}” phải là một bảng.", f": hotline.{hotline} must be a table.")
            continue
        for name in set(values) - set(HOTLINE):
            table.wrong("hotline", f"chế độ không đổi được “{name}”.", f": hotline.{hotline}: a profile cannot change {name}.")  # fmt: skip
    table.rest()
    return Profile(key, vi, en, rules, {k: v for k, v in those.items() if isinstance(v, Mapping)})


def laid(tables: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """The installation's tables with the profile over them; what a hotline's own key says goes over what is said for every one."""
    whole: dict[str, Any] = deepcopy(dict(tables))
    _lay(whole, profile.rules)
    for key, hotline in whole.get("hotline", {}).items():
        if isinstance(hotline, dict):
            for name in (EVERY, key):
                _lay(hotline, profile.hotlines.get(name, {}))
    return whole


def text(content: Mapping[str, Any]) -> str:
    """A profile's table as TOML, as an administrator edits it."""
    words = {name: content[name] for name in ("vi", "en") if name in content}
    parts = [toml_text.table("", words)]
    if content.get("rules"):
        parts.append(toml_text.table("[rules]", content["rules"]))
    for key, values in content.get("hotline", {}).items():
        parts.append(toml_text.table(f"[hotline.{toml_text.key(key)}]", values))
    return "\n".join(parts)


def _lay(under: dict[str, Any], over: Mapping[str, Any]) -> None:
    for name, value in over.items():
        known = under.get(name)
        if name in MERGED and isinstance(known, dict) and isinstance(value, Mapping):
            under[name] = {**known, **deepcopy(dict(value))}
        else:
            under[name] = deepcopy(value)
