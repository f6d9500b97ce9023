"""A province's own data in one TOML file: hotlines, trunks, desk phones, chains, limits; every fault is reported at once.

The file is read at start; what is wrong comes back as sentences naming the table, the field and the fix.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class InstallationFaults(ValueError):  # noqa: N818 - exceptions are named by the fact
    """The installation file cannot be used; `faults` are sentences."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


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
    reserve_share: float = 0.15
    """Share of a trunk's channels kept free for emergencies."""
    wrap_up_s: int = 30
    operators_see_listening: bool = True
    """Whether an operator is told that a supervisor listens to their call."""
    supervisors_hear_consults: bool = False
    """Whether a supervisor who listens hears what operator and station say to each other in private."""
    ring_s: int = 20
    """How long one operator's phone rings before the next."""
    dial_prefixes: tuple[str, ...] = ("02", "03", "05", "07", "08", "09")
    """What operators may call out to, by how numbers begin as people in Vietnam dial them: no abroad, no paid services."""
    dial_roles: tuple[str, ...] = ("operator", "supervisor")
    outbound: str = ""
    """Key of the trunk that carries the hotline's own calls; empty: the first."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Called digits to hotline key, made from the hotlines' numbers."""

    def hotline(self, key: str) -> Hotline:
        return next(h for h in self.hotlines if h.key == key)

    @property
    def outbound_trunk(self) -> Trunk:
        return next((t for t in self.trunks if t.key == self.outbound), self.trunks[0])


def digits(number: str) -> str:
    return "".join(c for c in number if c.isdigit())


@dataclass
class _Table:
    """Takes typed values out of one TOML table and gathers what is wrong with it."""

    where: str
    values: dict[str, Any]
    faults: list[str]

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        value = self.values.pop(name, default)
        if value is None:
            self.faults.append(f"{self.where} has no {name}: add it.")
            return kind()
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.faults.append(f"{self.where}: {name} must be {kind.__name__}, not {value!r}.")
            return kind()
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.faults.append(f"{self.where}: {name} must be a list of texts.")
            return ()
        return tuple(value)

    def rest(self) -> None:
        for name in self.values:
            self.faults.append(f"{self.where} has an unknown field {name}: remove or correct it.")


def read(path: Path) -> Installation:
    """The installation in `path`; InstallationFaults with every fault."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InstallationFaults(
            [f"The installation file {path} cannot be read: {error.strerror}."]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InstallationFaults([f"The installation file {path} is not TOML: {error}."]) from error
    faults: list[str] = []
    tables = {name: _tables(raw.pop(name, {}), name, faults) for name in ("hotline", "trunk")}
    hotlines = tuple(_hotline(k, _Table(f"[hotline.{k}]", v, faults)) for k, v in tables["hotline"].items())
    trunks = tuple(_trunk(k, _Table(f"[trunk.{k}]", v, faults)) for k, v in tables["trunk"].items())
    top = _Table(str(path.name), raw, faults)
    installation = Installation(
        name=top.take("name", str),
        hotlines=hotlines,
        trunks=trunks,
        phones=tuple(Phone(n) for n in top.texts("phones")),
        units=tuple((path.parent / u).resolve() for u in top.texts("units")),
        stations=tuple((path.parent / s).resolve() for s in top.texts("stations")),
        reserve_share=top.take("reserve_share", float, 0.15),
        wrap_up_s=top.take("wrap_up_s", int, 30),
        ring_s=top.take("ring_s", int, 20),
        dial_prefixes=top.texts("dial_prefixes") or Installation.dial_prefixes,
        dial_roles=top.texts("dial_roles") or Installation.dial_roles,
        operators_see_listening=top.take("operators_see_listening", bool, True),
        supervisors_hear_consults=top.take("supervisors_hear_consults", bool, False),
        outbound=top.take("outbound", str, ""),
        aliases=_aliases(hotlines, faults),
    )
    top.rest()
    faults.extend(_contradictions(installation))
    if faults:
        raise InstallationFaults(faults)
    return installation


def _tables(given: Any, name: str, faults: list[str]) -> dict[str, dict[str, Any]]:
    """The tables under that name; whatever else stands there is a fault."""
    found = given if isinstance(given, dict) else {"": given}
    wrong = [key for key, value in found.items() if not isinstance(value, dict)]
    if wrong:
        faults.append(f"{name} must be tables, each with a name of its own: [{name}.binhphuoc].")
    return {key: dict(value) for key, value in found.items() if isinstance(value, dict)}


def _hotline(key: str, t: _Table) -> Hotline:
    chain = t.values.pop("chain", [])
    duties = [Duty(str(d.get("name", "")), str(d.get("number", ""))) for d in chain if isinstance(d, dict)]
    for duty in duties:
        if not digits(duty.number):
            t.faults.append(f"{t.where}: the chain's {duty.name or 'unnamed number'} has no number to dial.")
    areas = tuple(
        ServiceArea(str(a.get("keys", "")), str(a.get("unit", "")))
        for a in t.values.pop("areas", [])
        if isinstance(a, dict)
    )
    t.faults.extend(_area_faults(t.where, areas))
    hotline = Hotline(
        key=key, name=t.take("name", str), tinh=t.take("tinh", str), province=t.take("province", str), prefix=t.take("prefix", str),
        numbers=t.texts("numbers"), protocol=t.take("protocol", str), outbound_number=t.take("outbound_number", str),
        emergency_number=t.take("emergency_number", str, "115"), chain=tuple(duties), units_parent=t.take("units_parent", str, ""),
        areas=areas,
        shared_numbers=t.texts("shared_numbers"), wait_limit_s=t.take("wait_limit_s", int, 600),
    )  # fmt: skip
    t.rest()
    return hotline


def _area_faults(where: str, areas: tuple[ServiceArea, ...]) -> list[str]:
    faults = []
    for area in areas:
        if not re.fullmatch("[3-9]{2}", area.keys):
            faults.append(f"{where}: the keys {area.keys!r} of an area must be two digits from 3 to 9.")
        if not area.unit.isdigit():
            faults.append(f"{where}: the area {area.keys} needs the code of its unit, not {area.unit!r}.")
    for name in ("keys", "unit"):
        values = [getattr(area, name) for area in areas]
        faults += [
            f"{where}: two areas have the {name} {v!r}." for v in dict.fromkeys(values) if values.count(v) > 1
        ]
    return faults


def _trunk(key: str, t: _Table) -> Trunk:
    trunk = Trunk(
        key=key, host=t.take("host", str), port=t.take("port", int, 5060), hotline=t.take("hotline", str),
        channels=t.take("channels", int, 30),
        register=t.take("register", bool, False), username=t.take("username", str, ""), password=t.take("password", str, ""),
        codecs=t.texts("codecs") or ("alaw",),
    )  # fmt: skip
    t.rest()
    return trunk


def _aliases(hotlines: tuple[Hotline, ...], faults: list[str]) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for hotline in hotlines:
        for number in hotline.numbers:
            known = aliases.setdefault(digits(number), hotline.key)
            if known != hotline.key:
                faults.append(f"The number {number} belongs to both {known} and {hotline.key}: keep one.")
    return aliases


def _contradictions(installation: Installation) -> list[str]:
    faults = []
    keys = {h.key for h in installation.hotlines}
    if not keys:
        faults.append("There is no [hotline.…]: add one.")
    if not installation.trunks:
        faults.append("There is no [trunk.…]: without one nobody can call.")
    for key in keys:
        if not key.isidentifier() or not key.isascii() or not key.islower():
            faults.append(f"[hotline.{key}]: a key is lower-case letters and digits.")
    for trunk in installation.trunks:
        if trunk.hotline not in keys:
            faults.append(f"[trunk.{trunk.key}]: there is no hotline {trunk.hotline!r}.")
        if trunk.register and not (trunk.username and trunk.password):
            faults.append(f"[trunk.{trunk.key}] registers and needs username and password.")
        if not 0 < trunk.port < 65536 or trunk.channels < 1:
            faults.append(f"[trunk.{trunk.key}]: port must be 1-65535 and channels at least 1.")
    if installation.outbound and installation.outbound not in {t.key for t in installation.trunks}:
        faults.append(f"outbound: there is no trunk {installation.outbound!r}.")
    if not 0 <= installation.reserve_share < 1:
        faults.append("reserve_share must be between 0 and 1.")
    return faults
