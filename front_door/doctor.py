"""`./run doctor`: a line per part, what is wrong with it and what mends it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from front_door import certificates, parts, ports, preparation, selftest, supervision
from front_door.faults import Fault
from hotline import in_force, installation, unit_files
from hotline.installation import InstallationFaults
from hotline.settings import Settings

ROOM_BYTES = 2_000_000_000
"""About 140 hours of stereo recordings at 32 kB/s are 16 GB; under 2 GB somebody must act today."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    part: str
    said: str
    mend: str = ""
    """What mends it; empty when all is well."""
    is_advice: bool = False
    """It works, and should be better before the public hears it."""

    def __str__(self) -> str:
        word = "OK   " if not self.mend else "NOTE " if self.is_advice else "WRONG"
        return f"{word}  {self.part:<20} {self.said}" + (
            f"\n         {'':<18} → {self.mend}" if self.mend else ""
        )


def run() -> int:
    """Prints the report; 1 if anything is wrong."""
    try:
        given = preparation.read_settings()
    except Fault as fault:
        print(Finding("Settings", str(fault), "correct the environment variable"))
        return 1
    print(Finding("Settings", f"{given.var}, {given.installation.name}"))
    wrong = 0
    for part, look in CHECKS.items():
        for finding in _seen(part, look, given):
            print(finding, flush=True)
            wrong += bool(finding.mend) and not finding.is_advice
    print("All is well." if not wrong else f"{wrong} wrong.")
    return 1 if wrong else 0


Look = Callable[[Settings], Iterator[Finding]]


def _seen(part: str, look: Look, given: Settings) -> Iterator[Finding]:
    # One part that cannot even be looked at must not hide the others.
    try:
        yield from look(given)
    except Fault as fault:
        yield Finding(part, "", str(fault))
    except InstallationFaults:
        yield Finding(part, "not looked at: the installation file is broken", "mend what the line above says")
    except Exception as error:
        yield Finding(
            part, f"{type(error).__name__}: {error}", "run ./run set-up; if it stays, report this line"
        )


def _asterisk(given: Settings) -> Iterator[Finding]:
    result = selftest.choose()
    if result.faults:
        yield Finding("Asterisk", "; ".join(result.faults), "delete var/parts and run ./run set-up")
        return
    which = "the system's" if parts.SYSTEM_CHOSEN.exists() else "ours"
    yield Finding("Asterisk", f"{result.version}, {which}")
    yield Finding("Asterisk self-test", "stereo recording, create + dial, keys in a bridge")


def _province(given: Settings) -> Iterator[Finding]:
    try:
        found = installation.read(given.installation)
    except InstallationFaults as wrong:
        for sentence in wrong.faults[: preparation.SHOWN_FAULTS]:
            yield Finding("Installation", sentence, f"correct {given.installation}")
        return
    said = f"{len(found.hotlines)} hotlines, {len(found.trunks)} trunks, {len(found.phones)} desk phones"
    yield Finding("Installation", said)
    try:
        book = unit_files.read(found.units)
    except unit_files.UnitFaults as wrong:
        for sentence in wrong.faults[: preparation.SHOWN_FAULTS]:
            yield Finding(
                "Units", sentence, f"correct the file, or what {given.installation.name} names as units"
            )
        return
    yield Finding("Units", f"{len(book.units)} of all times")


def _stations(given: Settings) -> Iterator[Finding]:
    """Whether the stations' files, with what is published over them, can be taken over at the next start."""
    from hotline import station_documents

    house = in_force.house_at_start(given)
    faults = station_documents.file_faults(house)
    for fault in faults[: preparation.SHOWN_FAULTS]:
        yield Finding(
            "Stations", f"{fault} The last known stations stand.", "correct the file and run ./run up again"
        )
    if not faults:
        yield Finding("Stations", f"{len(station_documents.stations(house))} take hand-overs")


def _organisation(given: Settings) -> Iterator[Finding]:
    """Whether the agencies' files can be taken over at the next start."""
    from hotline import organisation_documents

    house = in_force.house_at_start(given)
    faults = organisation_documents.file_faults(house)
    for fault in faults[: preparation.SHOWN_FAULTS]:
        yield Finding(
            "Agencies", f"{fault} The last known agencies stand.", "correct the file and run ./run up again"
        )
    if not faults:
        yield Finding("Agencies", f"{len(organisation_documents.whole(house).agencies)} of all times")


def _published(given: Settings) -> Iterator[Finding]:
    """Whether what administrators published still fits the file, and whether Asterisk took it."""
    from sqlalchemy.exc import SQLAlchemyError

    from hotline import documents
    from hotline.database import make_engine, reading

    if given.database.startswith("sqlite") and not Path(given.database.removeprefix("sqlite:///")).exists():
        return  # the line before says so
    engine = make_engine(given.database, busy_s=2.0)
    try:
        here = in_force.InForce(given, engine)
        here.look()
        with reading(engine) as session:
            faults = [one.fault for one in documents.followers(session) if one.fault]
    except SQLAlchemyError:
        return  # the line before says so
    finally:
        engine.dispose()
    if here.fault:
        yield Finding(
            "Settings",
            f"what is published does not fit {given.installation.name}: {here.fault}",
            "correct the file, or publish the document anew at /settings",
        )
    for fault in faults:
        yield Finding("Settings", f"Asterisk keeps earlier ones: {fault}", "look at calls' log")
    if here.publication and not here.fault and not faults:
        yield Finding("Settings", f"{here.publication} publications at /settings")


def _journal(given: Settings) -> Iterator[Finding]:
    if refused := sorted(given.journal.glob("*.refused.jsonl")) + sorted(given.journal.glob("*.unreadable")):
        for path in refused:
            lines = len(path.read_bytes().splitlines())
            yield Finding(
                "Journal",
                f"{path}: {lines} facts that the database never took",
                'read each line\'s "refused", mend the cause, then move the file away',
            )
    waiting = [path for path in given.journal.glob("*.jsonl") if path not in refused and path.stat().st_size]
    waiting += [path for path in given.journal.glob("*.replaying") if path.stat().st_size]
    if waiting:
        names = ", ".join(path.name for path in waiting)
        mend = "look at the database's line" if _is_running(given) else "run ./run up, which replays them"
        yield Finding("Journal", f"facts wait for the database in {names}", mend)
    elif not refused:
        yield Finding("Journal", "empty: the database has every fact")


def _modules(given: Settings) -> Iterator[Finding]:
    listed = given.asterisk / "etc" / "modules.conf"
    if not listed.exists():
        yield Finding("Asterisk modules", f"{listed} is not rendered yet", "run ./run up")
        return
    words = [
        line.partition("=")[2].strip(" >\t") for line in listed.read_text().splitlines() if "load" in line
    ]
    names = [word for word in words if word.endswith(".so")]
    folder = parts.modules_dir()
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        yield Finding(
            "Asterisk modules", f"missing: {', '.join(missing)}", "delete var/parts and run ./run set-up"
        )
    else:
        yield Finding("Asterisk modules", f"{len(names)} asked for, all there")


def _prompts(given: Settings) -> Iterator[Finding]:
    faults = import_module("ivr.speech.prompt_set").check(given)
    for fault in faults[:5]:
        yield Finding("Prompt", str(fault), "run ./run prompts")
    if len(faults) > 5:
        yield Finding("Prompts", f"{len(faults) - 5} more like these", "run ./run prompts")
    if not faults:
        yield Finding("Prompts and sounds", "all rendered and up to date")
    rows = import_module("ivr.speech.voice").read_manifest(given.prompts)
    spoken = [key for key, row in rows.items() if row.provider.startswith("espeak") and key.startswith("vi/")]
    if spoken:
        yield Finding(
            "Voice",
            f"{len(spoken)} Vietnamese prompts are spoken by espeak-ng, which callers hardly understand",
            "record them (the page /prompts), or run ./run prompts --improve with the internet",
            is_advice=True,
        )


def _redis(given: Settings) -> Iterator[Finding]:
    import redis

    if not _is_running(given) and not given.redis_url:
        yield Finding("Redis", f"{parts.program('redis-server')[-1]} (started by ./run up)")
        return
    try:
        with closing(redis.Redis.from_url(given.redis, socket_timeout=2)) as client:
            version = client.info("server")["redis_version"]
    except redis.RedisError as error:
        log = given.var / "log" / "redis.log"
        yield Finding(
            "Redis", str(error), f"look into {log}; calls go on without it, desks follow within 2 s"
        )
        return
    yield Finding("Redis", str(version))


def _database(given: Settings) -> Iterator[Finding]:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from hotline.database import make_engine
    from hotline.settings import PROJECT

    if given.database.startswith("sqlite") and not Path(given.database.removeprefix("sqlite:///")).exists():
        yield Finding("Database", "not made yet", "run ./run up, or ./run migrate")
        return
    engine = make_engine(given.database, busy_s=2.0)
    config = Config()
    config.set_main_option("script_location", str(PROJECT / "hotline" / "migrations"))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            now = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        yield Finding("Database", said, "start it or correct HOTLINE_DATABASE_URL")
        return
    finally:
        engine.dispose()
    yield Finding("Database", engine.dialect.name)
    newest = ScriptDirectory.from_config(config).get_current_head()
    if now == newest:
        yield Finding("Migrations", f"at {now}")
    else:
        yield Finding("Migrations", f"at {now or 'nothing'} of {newest}", "run ./run migrate")


def _clocks(given: Settings) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from hotline import deadlines
    from hotline.database import make_engine, reading
    from hotline.events import now

    engine = make_engine(given.database, busy_s=2.0)
    try:
        with reading(engine) as session:
            lag = deadlines.lag(session, now())
    except SQLAlchemyError:
        return  # the line of the database says why
    finally:
        engine.dispose()
    behind = f"{lag.late_s:.1f} s behind" if lag.overdue else "nothing overdue"
    said = f"waiting deadlines: {lag.waiting}, {behind}"
    wrong = deadlines.said(lag) if _is_running(given) else ""
    yield (
        Finding("Clocks", f"{said}; {wrong}", "restart the worker if it stays")
        if wrong
        else Finding("Clocks", said)
    )


def _messages(given: Settings) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from hotline import gateway_file, text_messages
    from hotline.database import make_engine, reading
    from hotline.events import now

    if fault := gateway_file.fault(given.installation, given.var):
        yield Finding("Messages", fault, "correct it; messages wait meanwhile")
        return
    engine = make_engine(given.database, busy_s=2.0)
    try:
        with reading(engine) as session:
            lag = text_messages.lag(session, now())
    except SQLAlchemyError:
        return  # the line of the database says why
    finally:
        engine.dispose()
    goes = gateway_file.goes_out(given.installation, text_messages.SMS, demo=given.demo)
    way = "text messages go out" if goes else f"no {gateway_file.FILE}, no text messages go out"
    waiting = sum(lag.counts.values()) - lag.dead
    said = f"{way}; waiting: {waiting}, {lag.late_s:.1f} s behind, given up: {lag.dead}"
    wrong = text_messages.said(lag) if _is_running(given) else ""
    yield Finding("Messages", said, "see the page /messages") if wrong else Finding("Messages", said)


def _ports(given: Settings) -> Iterator[Finding]:
    running = _is_running(given)
    for port in ports.all_of(given):
        name = f"Port {port.number} {port.kind}"
        try:
            taken = port.is_taken()
        except Fault as fault:
            yield Finding(name, "", str(fault))
            continue
        if taken and not running:
            yield Finding(name, "taken by another program", f"end that program, or set {port.setting}")
        elif running and not taken:
            yield Finding(name, "nobody listens there", f"look into {given.var / 'log'}")
        else:
            yield Finding(name, "ours" if taken else "free")


def _certificate(given: Settings) -> Iterator[Finding]:
    from cryptography import x509

    path = given.certificate or given.tls / "front.pem"
    if not path.exists():
        yield Finding("Certificate", "not made yet (./run up makes it)")
        return
    made = certificates.provide(given)
    ends = x509.load_pem_x509_certificate(made.chain.read_bytes()).not_valid_after_utc
    whose = "our own authority's" if certificates.has_own_authority(given) else "the installation's own"
    yield Finding("Certificate", f"{whose}, good until {ends:%Y-%m-%d}")
    if not any(
        name[:1].isdecimal() and not name.startswith("127.") for name in certificates.names_of_this_machine()
    ):
        yield Finding(
            "Browser telephones",
            "no network address but loopback, over which browsers send no sound",
            "connect this machine to a network; desk phones work without",
        )


def _processes(given: Settings) -> Iterator[Finding]:
    if not _is_running(given):
        yield Finding("Processes", "not running (./run up starts them)")
        return
    for name, state in supervision.states_in(given).items():
        if state == "RUNNING":
            yield Finding(f"Process {name}", "running")
        else:
            yield Finding(f"Process {name}", state, f"look into {given.var / 'log' / f'{name}.log'}")


def _disk(given: Settings) -> Iterator[Finding]:
    for name, folder in (("Disk of var", given.var), ("Disk of recordings", given.recordings)):
        place = next(one for one in (folder, *folder.parents) if one.exists())
        free = shutil.disk_usage(place).free
        said = f"{free / 1e9:.1f} GB free"
        yield Finding(name, said, "" if free > ROOM_BYTES else f"make room on the disk that holds {folder}")


def _approval(given: Settings) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from hotline.approvals import last_approved
    from hotline.database import reading
    from ivr import approved
    from ivr.protocol import read
    from ivr.protocol_faults import ProtocolFaults

    for name in sorted({hotline.protocol for hotline in installation.read(given.installation).hotlines}):
        mend = f"a second person approves it: ./run protocol approve {name}"
        try:
            draft = read(approved.file_of(name).read_text(encoding="utf-8"), f"{name}.toml")
        except approved.NoSuchProtocol as missing:
            draft = None
            yield Finding(
                "Protocol file", str(missing), f"write it, or correct protocol in {given.installation}"
            )
        except ProtocolFaults as wrong:
            draft = None
            yield Finding(
                "Protocol file", wrong.text("vi").splitlines()[0], f"./run protocol check {name} lists all"
            )
        try:
            with reading() as session:
                found = last_approved(session, name)
        except SQLAlchemyError:
            found = None
        if found is None:
            yield Finding("Protocol", f"{name} is not approved: everybody goes to a human at ORANGE", mend)
        else:
            yield Finding(
                "Protocol", f"{name} {found.version}, approved {found.approved_at:%Y-%m-%d %H:%M} UTC"
            )
            if draft is not None and draft.digest != found.digest:
                yield Finding(
                    "Protocol draft", f"{name} {draft.version} differs from it; calls run the approved one"
                )


def _script(given: Settings) -> Iterator[Finding]:
    """What operators ask beside the call; without it they still have notes."""
    del given
    from sqlalchemy.exc import SQLAlchemyError

    from hotline.approvals import last_approved
    from hotline.database import reading
    from ivr.protocol_faults import ProtocolFaults
    from ivr.script import NAME, SHIPPED, read

    draft = None
    try:
        draft = read(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
    except (ProtocolFaults, OSError) as wrong:
        yield Finding("Second stage", str(wrong).splitlines()[0], f"./run protocol check {NAME} lists all")
    try:
        with reading() as session:
            found = last_approved(session, NAME)
    except SQLAlchemyError:
        found = None
    if found is not None:
        yield Finding("Second stage", f"{found.version}, approved {found.approved_at:%Y-%m-%d %H:%M} UTC")
        if draft is not None and draft.digest != found.digest:
            yield Finding(
                "Second stage draft", f"{draft.version} differs from it; desks work by the approved one"
            )
    elif draft is not None:
        said = f"{draft.id} {draft.version}, {len(draft.questions)} questions, is not approved: desks work by it all the same"
        mend = f"a second person approves it: ./run protocol approve {NAME}"
        yield Finding("Second stage", said, mend, is_advice=True)


def _quality(given: Settings) -> Iterator[Finding]:
    """The forms by which calls are scored and the rules by which they are chosen."""
    from ivr import quality_files

    found = quality_files.files(given.installation)
    for wrong in found.faults:
        mend = f"mend {quality_files.folder(given.installation) / wrong.name}; the page of quality lists all its faults"
        yield Finding("Quality", wrong.text("vi").splitlines()[0], mend)
    rules = len(found.sampling.rules) if found.sampling is not None else 0
    forms = ", ".join(f"{form.id} {form.version}" for form in found.forms.values()) or "no form"
    yield Finding("Quality", f"{forms}; {rules} rules of sampling")


def _is_running(given: Settings) -> bool:
    path = given.var / "run" / "supervisor.sock"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


CHECKS: dict[str, Look] = {
    "Installation": _province,
    "Asterisk": _asterisk,
    "Asterisk modules": _modules,
    "Prompts and sounds": _prompts,
    "Redis": _redis,
    "Database": _database,
    "Clocks": _clocks,
    "Messages": _messages,
    "Settings": _published,
    "Stations": _stations,
    "Agencies": _organisation,
    "Journal": _journal,
    "Ports": _ports,
    "Certificate": _certificate,
    "Processes": _processes,
    "Disk": _disk,
    "Protocol": _approval,
    "Second stage": _script,
    "Quality": _quality,
}
