"""A province's own data: hotlines, trunks, desk phones, chains, limits; every fault is reported at once.

`read` takes it from the TOML file, its first value; what administrators publish lies over that (`hotline.in_force`) and
is judged here too. What is wrong comes back as sentences naming the table, the field and the fix.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hotline import order_times, profiles, sla_tables
from hotline.hours import Holiday, Span, read_holidays, read_spans
from hotline.operators import Role
from hotline.order_times import TIMES, OrderTimes
from hotline.profiles import Profile
from hotline.recalls import SLEEPS_H, WAKES_H
from hotline.sla import Rules
from hotline.toml_table import Fault, Table
from hotline.units import VIETNAM

LEVELS = ("commune", "district", "province")
UNKNOWN = "unknown"
"""The hotline of a call whose arrival was not told yet."""
PLAIN = "1022"
"""The short number that belongs to each trunk's own hotline."""


class InstallationFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The installation cannot be used; `faults` are sentences, `told` the same with field and in Vietnamese."""

    def __init__(self, told: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in told))
        self.told = tuple(told)
        self.faults = [str(fault) for fault in told]


@dataclass(frozen=True)
class Duty:
    """One number of a hotline's chain: rung when no operator takes a RED call."""

    name: str
    number: str


@dataclass(frozen=True)
class ServiceArea:
    """One area a waiting caller may name: the unit by its code, and two keys of 3 to 9."""

    keys: str
    unit: str


@dataclass(frozen=True)
class Hotline:
    key: str
    """Short name in rows, queue names and file paths, e.g. binhphuoc."""
    name: str
    """What people see, e.g. Tổng đài 1022 Bình Phước."""
    tinh: str
    """Spoken in Vietnamese prompts."""
    province: str
    """Spoken in English prompts."""
    prefix: str
    """Before ticket numbers, e.g. BP."""
    numbers: tuple[str, ...]
    """Called numbers as the carrier may write them; the alias table (digits only are compared)."""
    protocol: str
    outbound_number: str
    """Shown to those the hotline calls."""
    emergency_number: str
    chain: tuple[Duty, ...]
    units_parent: str = ""
    """GSO code of the province whose districts a caller may choose when no areas are listed."""
    areas: tuple[ServiceArea, ...] = ()
    """What a caller may choose instead, e.g. health districts or today's communes."""
    shared_numbers: tuple[str, ...] = ()
    """E.164 numbers many people call from: never a repeat caller."""
    wait_limit_s: int = 600
    """A caller below ORANGE who has waited this long is offered a callback or a message."""
    hours: tuple[Span, ...] = ()
    """When it is open; without any, always."""
    retired: bool = False
    """Takes no new calls: its numbers lead to the trunk's own hotline. What it has begun is brought to its end."""
    sla: Rules = field(default_factory=lambda: Rules(""))
    """By when its tickets are accepted, assigned, done and told."""


@dataclass(frozen=True)
class Trunk:
    key: str
    host: str
    port: int
    hotline: str
    """Whose call a plain "1022" is."""
    channels: int = 30
    register: bool = False
    """True: we register there with username and password; False: the carrier is known by its address."""
    username: str = ""
    password: str = ""
    codecs: tuple[str, ...] = ("alaw",)


@dataclass(frozen=True)
class Phone:
    """A desk's SIP phone; its password is hotline.secrets.secret(var, "phone:<name>")."""

    name: str


@dataclass(frozen=True)
class Installation:
    name: str
    hotlines: tuple[Hotline, ...]
    trunks: tuple[Trunk, ...]
    phones: tuple[Phone, ...]
    units: tuple[Path, ...] = ()
    """CSV files of administrative units."""
    stations: tuple[Path, ...] = ()
    """TOML files of health stations and their duty roster."""
    agencies: tuple[Path, ...] = ()
    """CSV and TOML files, or folders of them, of agencies, centres and teams, and who is responsible for what."""
    articles: tuple[Path, ...] = ()
    """TOML files, or folders of them, of articles that operators answer from."""
    structure_on: date | None = None
    """The day whose administrative structure is worked by, where it is not the present one: a rehearsal of an earlier year."""
    reserve_share: float = 0.15
    """Share of a trunk's channels kept free for emergencies."""
    wrap_up_s: int = 30
    operators_see_listening: bool = True
    """Whether an operator is told that a supervisor listens to their call."""
    supervisors_hear_consults: bool = False
    """Whether a supervisor who listens hears what operator and station say to each other in private."""
    ring_s: int = 20
    """How long one operator's phone rings before the next."""
    comfort_every_s: int = 20
    """Who waits hears a word so often."""
    holidays: tuple[Holiday, ...] = ()
    dial_prefixes: tuple[str, ...] = ("02", "03", "05", "07", "08", "09")
    """What operators may call out to, by how numbers begin as people in Vietnam dial them: no abroad, no paid services."""
    dial_roles: tuple[str, ...] = ("operator", "supervisor")
    authority: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Role → levels whose teams it sends on its own word, where it is not as `hotline.orders` has it."""
    order_times: OrderTimes = TIMES
    """By when orders are answered, approved and done."""
    told_hours: tuple[int, int] = (WAKES_H, SLEEPS_H)
    """From which hour until which a citizen is first rung to be told a result."""
    profiles: tuple[Profile, ...] = ()
    """What can be switched on, in the order of the page."""
    kept_ready: frozenset[str] = frozenset()
    """Protocols that calls are asked by without a profile, and with each."""
    campaign: str = ""
    """Key of the profile that is laid over it now; empty: none."""
    outbound: str = ""
    """Key of the trunk that carries the hotline's own calls; empty: the first."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Called digits to hotline key, made from the hotlines' numbers."""

    @property
    def in_service(self) -> tuple[Hotline, ...]:
        """The hotlines that take calls; at least one."""
        return tuple(h for h in self.hotlines if not h.retired)

    def hotline(self, key: str) -> Hotline:
        return next(h for h in self.hotlines if h.key == key)

    def seen_by(self, serves: Callable[[str], bool]) -> tuple[str, ...] | None:
        """The hotlines that somebody may see; None for who sees all, also calls of a hotline that is not known yet."""
        return None if serves(UNKNOWN) else tuple(h.key for h in self.hotlines if serves(h.key))

    def day(self, at: datetime) -> date:
        """The day whose units and agencies count at that moment, on Vietnam's calendar."""
        return self.structure_on or at.astimezone(VIETNAM).date()

    @property
    def protocols(self) -> frozenset[str]:
        """Names of all that a call may be asked by, also after another profile was switched on."""
        return self.kept_ready | {hotline.protocol for hotline in self.hotlines}

    @property
    def profile(self) -> Profile | None:
        """The one that is switched on."""
        return next((one for one in self.profiles if one.key == self.campaign), None)

    @property
    def outbound_trunk(self) -> Trunk:
        return next((t for t in self.trunks if t.key == self.outbound), self.trunks[0])


def digits(number: str) -> str:
    return "".join(c for c in number if c.isdigit())


def read(path: Path) -> Installation:
    """The installation in `path`; InstallationFaults with every fault."""
    return judged(raw(path), path)


def raw(path: Path) -> dict[str, Any]:
    """The tables of the file, not judged yet; InstallationFaults when it is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        said = f"The installation file {path} cannot be read: {error.strerror}."
        raise InstallationFaults([Fault("Không đọc được tệp cài đặt.", said)]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = f"The installation file {path} is not TOML: {error}."
        raise InstallationFaults([Fault("Tệp cài đặt không phải TOML.", said)]) from error


def judged(tables: Mapping[str, Any], path: Path) -> Installation:
    """The installation that those tables tell; `path` is the file that their relative paths begin at.

    Every profile is judged over it, so that none can be switched on and then break something; the one that `campaign` names
    is in force. Raises InstallationFaults with every fault.
    """
    values = dict(tables)
    given, campaign = values.pop("profile", {}), values.pop("campaign", {})
    faults: list[Fault] = []
    hotlines = values.get("hotline", {})
    known = profiles.read(given, tuple(hotlines) if isinstance(hotlines, Mapping) else (), faults)
    found = {}
    for profile in (None, *known):
        try:
            found[profile.key if profile else ""] = _alone(
                profiles.laid(values, profile) if profile else values, path
            )
        except InstallationFaults as wrong:
            if profile is None:  # the same faults would come with every profile
                raise InstallationFaults([*wrong.told, *faults]) from None
            here = f"[profile.{profile.key}]"
            faults += [
                Fault(f"Chế độ “{profile.vi}”: {f.vi}", f"{here}: {f.en}", here, f.field) for f in wrong.told
            ]
    if faults:
        raise InstallationFaults(faults)
    active = str(campaign.get("profile", "")) if isinstance(campaign, Mapping) else ""
    active = active if active in found else ""
    asked = frozenset(hotline.protocol for one in found.values() for hotline in one.hotlines)
    return replace(found[active], profiles=known, campaign=active, kept_ready=asked)


def _alone(tables: Mapping[str, Any], path: Path) -> Installation:
    """The installation without regard to profiles."""
    values = deepcopy(dict(tables))
    faults: list[Fault] = []
    named = {name: _tables(values.pop(name, {}), name, faults) for name in ("hotline", "trunk")}
    hotlines = tuple(_hotline(k, Table(f"[hotline.{k}]", v, faults)) for k, v in named["hotline"].items())
    trunks = tuple(_trunk(k, Table(f"[trunk.{k}]", v, faults)) for k, v in named["trunk"].items())
    top = Table(path.name, values, faults)
    installation = Installation(
        name=top.take("name", str),
        hotlines=hotlines,
        trunks=trunks,
        phones=tuple(Phone(n) for n in top.texts("phones")),
        units=tuple((path.parent / u).resolve() for u in top.texts("units")),
        stations=tuple((path.parent / s).resolve() for s in top.texts("stations")),
        agencies=tuple((path.parent / a).resolve() for a in top.texts("agencies")),
        articles=tuple((path.parent / a).resolve() for a in top.texts("articles")),
        structure_on=_structure_on(top),
        reserve_share=top.take("reserve_share", float, 0.15),
        wrap_up_s=top.number("wrap_up_s", 30, 0, 600),
        ring_s=top.number("ring_s", 20, 2, 120),
        comfort_every_s=top.number("comfort_every_s", 20, 10, 120),
        dial_prefixes=top.texts("dial_prefixes") or Installation.dial_prefixes,
        dial_roles=top.texts("dial_roles") or Installation.dial_roles,
        operators_see_listening=top.take("operators_see_listening", bool, True),
        supervisors_hear_consults=top.take("supervisors_hear_consults", bool, False),
        outbound=top.take("outbound", str, ""),
        authority=_authority(top),
        order_times=order_times.read(top),
        told_hours=_told_hours(top),
        holidays=read_holidays(top, named["hotline"]),
        aliases=_aliases(hotlines, faults),
    )
    top.rest()
    _contradictions(installation, top)
    if faults:
        raise InstallationFaults(faults)
    return installation


def _authority(top: Table) -> dict[str, frozenset[str]]:
    given = top.take("authority", dict, {})
    for role, levels in given.items():
        if role not in set(Role):
            top.wrong("authority", f"không có vai trò {role!r}.", f": authority: there is no role {role!r}.")
        if not isinstance(levels, list) or not set(levels) <= set(LEVELS):
            top.wrong("authority", f"các cấp của {role} phải thuộc {', '.join(LEVELS)}.",
                      f": authority.{role} must be of {', '.join(LEVELS)}.")  # fmt: skip
    return {role: frozenset(levels) for role, levels in given.items() if isinstance(levels, list)}


def _told_hours(top: Table) -> tuple[int, int]:
    given = top.values.pop("told_hours", [WAKES_H, SLEEPS_H])
    if isinstance(given, list) and len(given) == 2 and all(type(hour) is int for hour in given):
        first, last = given
        if 0 <= first < last <= 24:
            return first, last
    top.wrong("told_hours", "phải là hai giờ, ví dụ [7, 21].", ": told_hours must be two hours like [7, 21].")
    return WAKES_H, SLEEPS_H


def _structure_on(top: Table) -> date | None:
    value = top.values.pop("structure_on", None)
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    top.wrong(
        "structure_on", "phải là một ngày.", f": structure_on must be a day like 2021-08-15, not {value!r}."
    )
    return None


def _tables(given: Any, name: str, faults: list[Fault]) -> dict[str, dict[str, Any]]:
    """The tables under that name; whatever else stands there is a fault."""
    found = given if isinstance(given, dict) else {"": given}
    wrong = [key for key, value in found.items() if not isinstance(value, dict)]
    if wrong:
        said = f"{name} must be tables, each with a name of its own: [{name}.binhphuoc]."
        faults.append(Fault(f"{name} phải là các bảng có tên riêng.", said))
    return {key: dict(value) for key, value in found.items() if isinstance(value, dict)}


def _hotline(key: str, t: Table) -> Hotline:
    duties = tuple(Duty(str(d.get("name", "")), str(d.get("number", ""))) for d in t.tables("chain"))
    for duty in duties:
        if not digits(duty.number):
            name = duty.name or "unnamed number"
            t.wrong(
                "chain",
                f"“{duty.name or '?'}” chưa có số để gọi.",
                f": the chain's {name} has no number to dial.",
            )
    areas = tuple(ServiceArea(str(a.get("keys", "")), str(a.get("unit", ""))) for a in t.tables("areas"))
    _judge_areas(t, areas)
    hotline = Hotline(
        key=key, name=t.take("name", str), tinh=t.take("tinh", str), province=t.take("province", str), prefix=t.take("prefix", str),
        numbers=t.texts("numbers"), protocol=t.take("protocol", str), outbound_number=t.take("outbound_number", str),
        emergency_number=t.take("emergency_number", str, "115"), chain=duties, units_parent=t.take("units_parent", str, ""),
        areas=areas,
        shared_numbers=t.texts("shared_numbers"), wait_limit_s=t.number("wait_limit_s", 600, 10, 3600),
        hours=read_spans(t), retired=t.take("retired", bool, False),
        sla=sla_tables.read(key, t.values.pop("sla", {}), t.faults),
    )  # fmt: skip
    for name, number in (
        ("outbound_number", hotline.outbound_number),
        ("emergency_number", hotline.emergency_number),
    ):
        if number and not digits(number):
            t.wrong(
                name, f"{number!r} không có chữ số nào để gọi.", f": {name} {number!r} has no digits to dial."
            )
    for number in hotline.numbers:
        if len(digits(number)) < 3:
            t.wrong(
                "numbers", f"{number!r} quá ngắn.", f": the number {number!r} needs three digits or more."
            )
    for name in ("name", "tinh", "province", "prefix"):
        if not getattr(hotline, name).strip() and not any(
            (f.field, f.where) == (name, t.where) for f in t.faults
        ):
            t.wrong(name, "không được để trống.", f" has an empty {name}: fill it in.")
    t.rest()
    return hotline


def _judge_areas(t: Table, areas: tuple[ServiceArea, ...]) -> None:
    for area in areas:
        if not re.fullmatch("[3-9]{2}", area.keys):
            t.wrong(
                "areas",
                f"phím {area.keys!r} phải là hai chữ số từ 3 đến 9.",
                f": the keys {area.keys!r} of an area must be two digits from 3 to 9.",
            )
        if not area.unit.isdigit():
            t.wrong(
                "areas",
                f"địa bàn {area.keys} cần mã đơn vị, không phải {area.unit!r}.",
                f": the area {area.keys} needs the code of its unit, not {area.unit!r}.",
            )
    for name, vi in (("keys", "phím"), ("unit", "mã đơn vị")):
        values = [getattr(area, name) for area in areas]
        for v in dict.fromkeys(values):
            if values.count(v) > 1:
                t.wrong("areas", f"hai địa bàn cùng {vi} {v!r}.", f": two areas have the {name} {v!r}.")


def _trunk(key: str, t: Table) -> Trunk:
    trunk = Trunk(
        key=key, host=t.take("host", str), port=t.take("port", int, 5060), hotline=t.take("hotline", str),
        channels=t.take("channels", int, 30),
        register=t.take("register", bool, False), username=t.take("username", str, ""), password=t.take("password", str, ""),
        codecs=t.texts("codecs") or ("alaw",),
    )  # fmt: skip
    t.rest()
    return trunk


def _aliases(hotlines: tuple[Hotline, ...], faults: list[Fault]) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for hotline in hotlines:
        if hotline.retired:
            continue
        table = Table("", {}, faults)
        for number in hotline.numbers:
            known = aliases.setdefault(digits(number), hotline.key)
            if known != hotline.key:
                table.wrong(
                    "numbers",
                    f"số {number} thuộc cả {known} và {hotline.key}: hãy giữ một.",
                    f"The number {number} belongs to both {known} and {hotline.key}: keep one.",
                )
            if digits(number) == PLAIN:
                table.wrong(
                    "numbers",
                    f"{PLAIN} gọi tắt luôn thuộc tổng đài của đường trung kế: hãy bỏ dòng này.",
                    f"A plain {PLAIN} belongs to each trunk's own hotline: remove it from {hotline.key}.",
                )
    return aliases


def _contradictions(installation: Installation, top: Table) -> None:
    keys = {h.key for h in installation.hotlines}
    retired = {h.key: h.name for h in installation.hotlines if h.retired}

    def wrong(vi: str, en: str, field: str = "") -> None:
        top.faults.append(Fault(vi, en, field=field))

    if not keys:
        wrong("Chưa có tổng đài nào.", "There is no [hotline.…]: add one.")
    elif len(retired) == len(keys):
        wrong(
            "Đây là tổng đài cuối cùng còn nhận cuộc gọi: không ngừng được.",
            "The last hotline that takes calls cannot be retired.",
            "retired",
        )
    if not installation.trunks:
        wrong("Chưa có đường trung kế nào.", "There is no [trunk.…]: without one nobody can call.")
    for key in keys:
        if not key.isidentifier() or not key.isascii() or not key.islower():
            wrong(
                f"Tên ngắn {key} của tổng đài: chỉ dùng chữ thường không dấu và chữ số.",
                f"[hotline.{key}]: a key is lower-case letters and digits.",
            )
    for trunk in installation.trunks:
        where = f"[trunk.{trunk.key}]"
        if trunk.hotline not in keys:
            wrong(
                f"Đường trung kế {trunk.key}: không có tổng đài {trunk.hotline}.",
                f"{where}: there is no hotline {trunk.hotline!r}.",
            )
        if trunk.hotline in retired:
            wrong(
                f"Đường trung kế {trunk.key} đưa 1022 và số lạ về {retired[trunk.hotline]}: hãy đổi `hotline` của đường này"
                " trong tệp cài đặt trên máy chủ trước khi ngừng.",
                f"{where} leads 1022 and unknown numbers to {trunk.hotline}: change its hotline in the installation file"
                " before that one is retired.",
                "retired",
            )
        if trunk.register and not (trunk.username and trunk.password):
            wrong(
                f"Đường trung kế {trunk.key} đăng ký nên cần tên và mật khẩu.",
                f"{where} registers and needs username and password.",
            )
        if not 0 < trunk.port < 65536 or trunk.channels < 1:
            wrong(
                f"Đường trung kế {trunk.key}: cổng từ 1 đến 65535, ít nhất một kênh.",
                f"{where}: port must be 1-65535 and channels at least 1.",
            )
    if installation.outbound and installation.outbound not in {t.key for t in installation.trunks}:
        wrong(
            f"Không có đường trung kế {installation.outbound}.",
            f"outbound: there is no trunk {installation.outbound!r}.",
        )
    top.where = ""
    if not 0 <= installation.reserve_share < 1:
        top.wrong("reserve_share", "phải từ 0 đến dưới 1.", "reserve_share must be between 0 and 1.")
    for prefix in installation.dial_prefixes:
        if not prefix.isdigit():
            top.wrong(
                "dial_prefixes",
                f"{prefix!r} phải chỉ có chữ số.",
                f"dial_prefixes: {prefix!r} must be digits only.",
            )
    for role in installation.dial_roles:
        if role not in set(Role):
            top.wrong("dial_roles", f"không có vai trò {role!r}.", f"dial_roles: there is no role {role!r}.")
