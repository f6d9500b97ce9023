"""What Asterisk is told: templates rendered with an installation's data into var/asterisk/etc before Asterisk starts.

`templates/extensions.conf.j2` is the whole life of a call; everything else here serves that page.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2

from front_door import parts
from hotline.acuity import Acuity
from hotline.hours import calendar
from hotline.installation import Installation, Trunk, digits
from hotline.secrets import secret
from hotline.settings import Settings

FOLDERS: Final = ("lib", "run", "log", "spool", "data")
TEMPLATES: Final = Path(__file__).with_name("templates")
CHANNEL_VARIABLES: Final = (
    *("HOTLINE", "TRUNK", "ACUITY", "ACUITY_REACHED", "TRIAGE_DONE", "BRANCH", "MESSAGE", "QUEUE"),
    *("TICKET", "LANGUAGE_CODE", "CALLED", "CALLER", "CALLBACK", "SAME_OPERATOR", "KEPT_BY"),
)
"""What each ARI event tells of its channel."""
CDR_COLUMNS: Final = (
    *("uniqueid", "linkedid", "channel", "hotline", "trunk", "called", "caller", "acuity", "triaged"),
    *("served_by", "start", "answer", "end", "billsec", "disposition", "lastapp", "dstchannel"),
)
"""The columns of `cdr_path`: one line for each party a caller met; times are epoch seconds with fractions."""
YOUNG_MODULES: Final = ("res_cdrel_custom",)
"""Split from an older module in some release since 22.2: loaded only where they exist."""


@dataclass(frozen=True)
class Timing:
    """How long the dialplan waits where no Python looks after the caller, in seconds."""

    agi_first_command_s: int = 15
    """Until the AGI server's first command; from then on it re-arms the dead-man timer itself."""
    stasis_takes_s: int = 4
    """Until the Stasis application clears the timer of a caller handed to it."""
    beat_stale_s: int = 5
    """The age of HOTLINE_BEAT from which the Stasis application counts as hung."""
    desks_ring_s: int = 30
    """How long only the desks ring, before the duty numbers."""
    desks_ring_red_s: int = 10
    duty_rings_s: int = 20
    message_s: int = 180
    """The longest message a caller may leave."""


def cdr_path(settings: Settings) -> Path:
    """Where Asterisk writes a line for every party of every call, with CDR_COLUMNS; Python may have seen the call or not."""
    return settings.asterisk / "log" / "cdr-custom" / "hotline.csv"


def render(
    settings: Settings, installation: Installation, var: Path | None = None, timing: Timing | None = None
) -> Path:
    """Writes every file of var/asterisk/etc and makes the folders they name; the path of asterisk.conf.

    What holds a secret is readable by its owner only. Files that this version no longer writes are removed.
    """
    var = (var or settings.var).absolute()
    base = settings.asterisk.absolute()
    etc = base / "etc"
    folders = {name: base / name for name in FOLDERS}
    spoken = folders["spool"] / "recording"  # where ARI records; Asterisk makes no folder for it
    keys = folders["lib"] / "keys"  # Asterisk complains of a missing one, and needs no key in it
    for folder in (
        *folders.values(),
        keys,
        spoken,
        etc,
        cdr_path(settings).parent,
        settings.recordings.absolute(),
    ):
        folder.mkdir(parents=True, exist_ok=True)
    # Music whose folder is missing at the start stays off until a restart.
    (settings.prompts.absolute() / "moh").mkdir(parents=True, exist_ok=True)
    parts.lay_data_dir(folders["data"])
    words = _words(settings, installation, var, timing or Timing(), folders)
    environment = _environment()
    names = {template.removesuffix(".j2") for template in environment.list_templates(extensions=["j2"])}
    for old in etc.glob("*.conf"):
        if old.name not in names:
            old.unlink()
    for name in sorted(names):
        _write(etc / name, environment.get_template(f"{name}.j2").render(etc=etc, **words))
    return etc / "asterisk.conf"


LIVE_FILES: Final = ("extensions.conf", "queues.conf")
"""What follows published settings while Asterisk runs: the dialplan and its queues. Everything else is read at its start."""
MARK: Final = "DIALPLAN"
"""The global variable that tells which of these files Asterisk runs."""


@dataclass(frozen=True)
class LiveFiles:
    """The texts of LIVE_FILES, and the mark by which Asterisk tells that it runs them."""

    texts: Mapping[str, str]
    mark: str


def live_files(settings: Settings, installation: Installation, var: Path | None = None) -> LiveFiles:
    """LIVE_FILES as they would be for this installation; nothing is written."""
    base = settings.asterisk.absolute()
    folders = {name: base / name for name in FOLDERS}
    words = _words(settings, installation, (var or settings.var).absolute(), Timing(), folders)
    environment = _environment()
    texts = {
        name: environment.get_template(f"{name}.j2").render(etc=base / "etc", **words) for name in LIVE_FILES
    }
    return LiveFiles(texts, str(words["mark"]))


def write_live_files(settings: Settings, texts: Mapping[str, str]) -> dict[str, str]:
    """Puts them in place; what stood there before. Raises OSError, and then each file is the old or the new one, whole."""
    etc = settings.asterisk.absolute() / "etc"
    before = {name: (etc / name).read_text(encoding="utf-8") for name in texts}
    for name, text in texts.items():
        _write(etc / name, text)
    return before


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not web pages; the values are digits, keys and our own secrets
    )


def _words(
    settings: Settings, installation: Installation, var: Path, timing: Timing, folders: dict[str, Path]
) -> dict[str, object]:
    """What the templates may name."""
    modules = parts.modules_dir(Path("/") if parts.SYSTEM_CHOSEN.exists() else None)
    return {
        "settings": settings,
        "installation": installation,
        "mark": hashlib.sha256(repr((installation, timing)).encode()).hexdigest()[:16],
        "timing": timing,
        "folders": folders,
        "modules": modules,
        "absent": [name for name in YOUNG_MODULES if not (modules / f"{name}.so").exists()],
        "recordings": settings.recordings.absolute(),
        "prompts": settings.prompts.absolute(),
        "aliases": installation.aliases,
        "hours": {h.key: calendar(h.hours, installation.holidays, h.key) for h in installation.hotlines},
        "acuities": list(Acuity),
        "channel_variables": CHANNEL_VARIABLES,
        "cdr_columns": CDR_COLUMNS,
        "trunk_match": _trunk_matches(installation.trunks),
        "secret": lambda name: secret(var, name),
        "digits": digits,
    }


def _trunk_matches(trunks: tuple[Trunk, ...]) -> dict[str, str]:
    """The address each trunk is known by: its host, with its port only where several trunks share one host.

    A carrier's requests may come from any port of its host, so the port is asked for only where it must tell two apart.
    """
    sharing = Counter(trunk.host for trunk in trunks)
    return {t.key: f"{t.host}:{t.port}" if sharing[t.host] > 1 else t.host for t in trunks}


def _write(path: Path, text: str) -> None:
    """Puts the text in place whole, readable by its owner only: several of the files hold secrets."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
