"""Everything this installation says: the system's sentences, its protocols and its units, rendered ahead of the calls."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hotline import categories, in_force, installation, prompt_documents, unit_files
from hotline.agencies import AgencyRow
from hotline.database import make_engine, reading
from hotline.events import now
from hotline.order_tries import spoken
from hotline.settings import Settings
from hotline.settings import settings as own_settings
from hotline.units import VIETNAM, Unit
from ivr import approved
from ivr.area import areas_of
from ivr.order_briefing import category_piece
from ivr.protocol import Protocol, read, spoken_id
from ivr.protocol_faults import ProtocolFaults
from ivr.speech import prompts, recorded_voice, voice
from ivr.speech.engines import Program, program_in_root
from ivr.speech.prompts import Prompt, sound_path, system_texts, unit_texts
from ivr.speech.recorded_voice import Published


def prompt_id(protocol: Protocol, prompt: str) -> str:
    """The rendered name of one of a protocol's prompts ("question-A1", "message-RED"). Raises KeyError for others."""
    return protocol.spoken_id(prompt)


LANGUAGE_CHOICE = {"en": "For English, press {key}."}
"""Said in the language itself after the first question, for whom that question says nothing."""


def language_choices(protocol: Protocol) -> dict[str, dict[str, str]]:
    """The sentences that offer a protocol's other languages, by rendered name and language."""
    return {
        f"language-{language}-{key}": {language: LANGUAGE_CHOICE[language].replace("{key}", key)}
        for key, language in protocol.language_keys.items()
        if language in LANGUAGE_CHOICE
    }


def sounds_of(protocol: Protocol, folder: Path, hotline: str) -> dict[tuple[str, str], Path]:
    """Where each prompt's sound lies, by (prompt, language), as Asterisk plays it. Raises LookupError for a missing one."""
    return {
        (prompt, language): sound_path(folder, spoken_id(prompt, texts), language, hotline)
        for prompt, texts in protocol.prompts().items()
        for language in texts
    }


def wanted(given: Settings) -> list[Prompt]:
    """Every prompt this installation needs. Raises InstallationFaults or BadPrompts with all that is wrong."""
    province = in_force.at_start(given)
    words = {
        hotline.key: {"tinh": hotline.tinh, "province": hotline.province} for hotline in province.hotlines
    }
    texts = {
        # Under their plain names too: what is said when no protocol chose the words.
        **approved.emergency_only().prompts(),
        **system_texts(),
        **team_places(given),
        **unit_texts(*_unit_names(province)),
        **category_names(given),
    }
    for protocol in _protocols(given, province):
        texts |= {spoken_id(name, spoken): spoken for name, spoken in protocol.prompts().items()}
        texts |= language_choices(protocol)
    base = prompts.prompts_of(texts, words)
    return [*base, *_own(base, recorded_voice.published(given.recorded))]


def _own(base: Iterable[Prompt], recorded: Mapping[str, Published]) -> Iterator[Prompt]:
    """A prompt of its own for each hotline that has, or once had, its own recording of a sentence that all share."""
    shared = {(prompt.language, prompt.id): prompt for prompt in base if prompt.hotline is None}
    for key in recorded:
        language, scope, name = key.split("/", 2)
        if scope != prompts.SHARED and (language, name) in shared:
            yield replace(shared[language, name], hotline=scope)


def voices(given: Settings) -> voice.VoiceSettings:
    return voice.VoiceSettings(
        sox=_program(given, "sox"),
        espeak=_program(given, "espeak-ng"),
        recorded=given.recorded,
        cache=given.var / "cache" / "voice",
        use_gtts=given.gtts,
    )


def render(given: Settings, improve: bool = False) -> voice.RenderReport:
    """Bring the folder of prompts up to date; what could not be said is in the report's faults."""
    engine = make_engine(given.database, busy_s=2.0)
    # Before the first migration, or with the database away, what was published last speaks on.
    with suppress(SQLAlchemyError), reading(engine) as session:
        take_published(given, session)
    engine.dispose()
    return voice.render(wanted(given), voices(given), given.prompts, improve=improve)


def follow(given: Settings, session: Session, places: Iterable[tuple[str, str]]) -> voice.RenderReport:
    """Let what is published speak: the prompts of these (language, id), of all hotlines that say them."""
    take_published(given, session)
    few = set(places)
    wished = [prompt for prompt in wanted(given) if (prompt.language, prompt.id) in few]
    return voice.render(wished, voices(given), given.prompts)


def take_published(given: Settings, session: Session) -> bool:
    """Write down beside the recordings which of them speak; False when that was known."""
    rows = {
        key: Published(content.get("file", ""), content.get("text", ""))
        for key, content in prompt_documents.published(session).items()
    }
    return recorded_voice.publish(given.recorded, rows)


def check(given: Settings) -> list[voice.Fault]:
    """A fault for each prompt that is missing, damaged or says an earlier text."""
    return voice.check(wanted(given), given.prompts)


def main(words: list[str]) -> int:
    """`render [--improve]` (also without a word) or `check`; 1 when something is wrong."""
    if words not in ([], ["render"], ["render", "--improve"], ["--improve"], ["check"]):
        sys.stderr.write("Dùng: ./run prompts [render [--improve] | check]\n")
        return 2
    try:
        if words == ["check"]:
            faults = check(own_settings())
        else:
            report = render(own_settings(), improve="--improve" in words)
            faults = list(report.faults)
            sys.stdout.write(
                f"{len(report.rendered)} câu được thu, {len(report.unchanged)} câu đã có, "
                f"{report.seconds:.1f} s; {dict(report.by_provider)}\n"
            )
    except (installation.InstallationFaults, prompts.BadPrompts) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


def _protocols(given: Settings, province: installation.Installation) -> list[Protocol]:
    """The emergency one, each approved one, and each file that can be read: approving it is then instant."""
    names = sorted(province.protocols)
    found = [approved.emergency_only()]
    # Before the first migration, or with the database away, the files are what there is.
    engine = make_engine(given.database, busy_s=2.0)
    with suppress(SQLAlchemyError):
        found += approved.approved(engine, names).values()
    engine.dispose()
    for name in names:
        try:
            path = approved.file_of(name)
            found.append(read(path.read_text(encoding="utf-8"), path.name))
        except (approved.NoSuchProtocol, ProtocolFaults):
            continue  # named by `protocol check` and by doctor; it is nobody's approved protocol
    return found


def _unit_names(province: installation.Installation) -> tuple[dict[str, str], dict[str, str]]:
    """The areas that callers of the hotlines may name: full Vietnamese names by code, and short ones for English."""
    try:
        book = unit_files.read(path for path in province.units if path.exists())
    except unit_files.UnitFaults:
        return {}, {}  # named when set-up loads them; nobody is asked then
    today = now().astimezone(VIETNAM).date()
    found = [one for hotline in province.hotlines for one in areas_of(hotline, book, today)]
    plain = {unit.code: unit.name for unit in sorted(book.units.values(), key=lambda unit: unit.valid_from)}
    return {a.unit_code: a.name for a in found}, {a.unit_code: plain[a.unit_code] for a in found}


def team_places(given: Settings) -> dict[str, dict[str, str]]:
    """The names of the units that have a team today, for orders, in the languages they are told in. None before the first migration."""
    today = now().astimezone(VIETNAM).date()
    engine = make_engine(given.database, busy_s=2.0)
    found: dict[str, dict[str, str]] = {}
    with suppress(SQLAlchemyError), reading(engine) as session:
        rows = session.execute(
            select(
                AgencyRow.unit_code, Unit.full_name, Unit.name, AgencyRow.languages, AgencyRow.valid_to, Unit.valid_to
            )
            .join(Unit, Unit.code == AgencyRow.unit_code)
            .where(
                AgencyRow.kind == "team", AgencyRow.level == "commune", ~AgencyRow.removed,
                AgencyRow.valid_from <= today, Unit.valid_from <= today,
            )
            .order_by(AgencyRow.unit_code)
        ).tuples()  # fmt: skip
        for code, name, short, languages, ends, unit_ends in rows:
            if all(end is None or end >= today for end in (ends, unit_ends)):
                english = {"en": short} if spoken(languages or ()) == "en" else {}
                found[f"unit-{code}"] = {"vi": name, **english}
    engine.dispose()
    return found


def category_names(given: Settings) -> dict[str, dict[str, str]]:
    """What an order is about, as a team hears it; nothing while the file cannot be read, which `doctor` says."""
    try:
        known = categories.beside(given.installation)
    except (categories.CategoryFaults, OSError):
        return {}
    return {category_piece(key): {"vi": f"{one.vi}.", "en": f"{one.en}."} for key, one in known.items()}


def areas(province: installation.Installation, hotline: installation.Hotline) -> list[str]:
    """The codes of the areas that this hotline's callers may name; none while the units cannot be read."""
    try:
        book = unit_files.read(path for path in province.units if path.exists())
    except unit_files.UnitFaults:
        return []
    return [area.unit_code for area in areas_of(hotline, book, now().astimezone(VIETNAM).date())]


def _program(given: Settings, name: str) -> Program:
    """The privately fetched program, else the machine's own."""
    if (given.parts / "usr" / "bin" / name).exists():
        return program_in_root(given.parts, name)
    return Program((shutil.which(name) or name,))
