"""What must be true before the processes start: tables, people, prompts, Asterisk's configuration."""

from __future__ import annotations

import getpass
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from front_door import front, selftest
from front_door.faults import Fault
from hotline.settings import Settings, SettingsFault, settings

if TYPE_CHECKING:
    from hotline.operators import Operator

SHOWN_FROM_S = 0.3
SHOWN_FAULTS = 6
PASSWORD_LENGTH = 10


def read_settings() -> Settings:
    """This installation's settings, its folders made absolute. Raises Fault naming every wrong one."""
    try:
        return settings()
    except SettingsFault as fault:
        raise Fault(f"{fault}.") from None


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Shows what took long enough to be noticed."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    if took >= SHOWN_FROM_S:
        print(f"  {name:<24} {took:.1f} s", flush=True)


def asterisk() -> None:
    """Chooses the Asterisk and proves that it can do what calls need. Raises Fault."""
    with timed("Asterisk self-test"):
        result = selftest.choose()
    if result.faults:
        raise Fault(
            f"{'; '.join(result.faults)} (Asterisk {result.version}); install Asterisk 22.2 or newer."
        )


def database() -> None:
    """Brings the tables to this version. Raises Fault when the database is not there."""
    from sqlalchemy.exc import SQLAlchemyError

    from hotline.database import migrate

    with timed("Database"):
        try:
            migrate()
        except SQLAlchemyError as error:
            where = settings().database_url or str(settings().var / "hotline.db")
            said = str(getattr(error, "orig", None) or error).splitlines()[0]
            mend = (
                "start it or correct HOTLINE_DATABASE_URL"
                if settings().database_url
                else f"move {where} and what belongs to it aside, put a backup in its place, and run this again"
            )
            raise Fault(f"The database {_without_password(where)} cannot be used ({said}); {mend}.") from None


def units(given: Settings) -> None:
    """Loads the province's administrative units. Raises Fault with every fault of the files."""
    from hotline import unit_files
    from hotline.database import transaction
    from ivr.area import unknown_units

    with timed("Administrative units"):
        try:
            with transaction() as session:
                unit_files.load(session, province(given).units)
            book = unit_files.read(province(given).units)
            unknown = [
                fault for hotline in province(given).hotlines for fault in unknown_units(hotline, book)
            ]
            if unknown:
                raise Fault("\n".join(unknown))
        except unit_files.UnitFaults as wrong:
            raise Fault(first_of("The units files cannot be used", wrong.faults)) from None


def first_of(what: str, faults: Sequence[str]) -> str:
    """A few faults as lines: the others often follow from them."""
    lines = [f"  {fault}" for fault in faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        lines.append(f"  … and {len(faults) - SHOWN_FAULTS} more: mend these first, they may be the cause.")
    return "\n".join([f"{what}:", *lines])


def stations(given: Settings) -> None:
    """Loads the health stations and their roster; with a fault in the files the last known ones stand, and calls are answered."""
    import structlog

    from hotline import documents, station_files
    from hotline.database import transaction
    from hotline.station_documents import published_over

    installation = province(given)
    with timed("Health stations"):
        try:
            with transaction() as session:
                station_files.load(
                    session,
                    installation.stations,
                    {hotline.key for hotline in installation.hotlines},
                    {phone.name for phone in installation.phones},
                    published_over(documents.published(session)),
                )
        except station_files.StationFaults as wrong:
            structlog.get_logger(__name__).error(
                "the stations' files cannot be used, the last known stations stand",
                faults=len(wrong.faults), first=wrong.faults[0],
            )  # fmt: skip
            print(
                first_of(
                    "  ! The stations' files cannot be used, the last known stations stand", wrong.faults
                )
            )


def organisation(given: Settings) -> None:
    """Loads agencies, teams and who is responsible for what; with a fault in the files the last known ones stand."""
    import structlog

    from hotline import documents, organisation_documents
    from hotline.database import transaction
    from hotline.organisation_files import OrganisationFaults

    with timed("Agencies and teams"):
        try:
            with transaction() as session:
                organisation_documents.load(session, documents.house(session, given.installation))
        except OrganisationFaults as wrong:
            told = [str(fault) for fault in wrong.faults]
            structlog.get_logger(__name__).error(
                "the agencies' files cannot be used, the last known agencies stand",
                faults=len(told),
                first=told[0],
            )
            print(first_of("  ! The agencies' files cannot be used, the last known agencies stand", told))


def articles(given: Settings) -> None:
    """Loads the articles that operators answer from; with a fault in the files the last known ones stand."""
    import structlog

    from hotline import article_documents, documents
    from hotline.database import transaction

    with timed("Articles"), transaction() as session:
        faults = article_documents.load(session, documents.house(session, given.installation))
        if faults:
            structlog.get_logger(__name__).error(
                "the articles' files have faults, what is faulty is not taken over", faults=len(faults)
            )
            print(first_of("  ! Articles that cannot be taken over", [str(fault) for fault in faults]))


def first_administrator() -> str | None:
    """Makes the first administrator, from the environment or by asking; the name, None when there was one."""
    from sqlalchemy import select

    from hotline import database as base
    from hotline.operators import Operator, Role

    with base.reading() as session:
        if session.scalar(select(Operator.id).where(Operator.role == Role.ADMINISTRATOR).limit(1)):
            return None
    name, password = _wanted_administrator()
    with base.transaction() as session:
        session.add(person(name, password, "Quản trị viên", Role.ADMINISTRATOR))
    return name


def person(username: str, password: str, full_name: str, role: str) -> Operator:
    """A new row for somebody who signs in with that password."""
    from argon2 import PasswordHasher

    from hotline.operators import Operator

    hashed = PasswordHasher().hash(password)
    return Operator(username=username, full_name=full_name, role=role, password_hash=hashed)


def _wanted_administrator() -> tuple[str, str]:
    name, password = os.environ.get("HOTLINE_ADMIN_USER", ""), os.environ.get("HOTLINE_ADMIN_PASSWORD", "")
    if not (name and password):
        if not sys.stdin.isatty():
            raise Fault(
                "There is no administrator yet; set HOTLINE_ADMIN_USER and HOTLINE_ADMIN_PASSWORD, or run "
                "./run up in a terminal to be asked."
            )
        print("The first administrator of this installation:")
        name = input("  user name: ").strip()
        password = getpass.getpass("  password (10 characters or more): ")
    if not name or len(password) < PASSWORD_LENGTH:
        raise Fault(f"An administrator needs a name and a password of {PASSWORD_LENGTH} characters or more.")
    return name, password


def _without_password(url: str) -> str:
    return re.sub(r"://([^:/@]*):[^@]*@", r"://\1:…@", url)


def prompts(given: Settings) -> None:
    """Renders what callers hear; a prompt that cannot be made is named, and the line opens all the same."""
    with timed("Prompts"):
        import_module("ivr.speech.prompt_set").render(given)


def configuration(given: Settings) -> None:
    """Renders Asterisk's configuration from the province's own data. Raises Fault when that is wrong."""
    import_module("asterisk_conf").render(given, province(given), given.var)


def province(given: Settings) -> Any:
    """The province's own data, as published over the file. Raises Fault with what is wrong."""
    from hotline import in_force, installation

    try:
        return in_force.at_start(given)
    except installation.InstallationFaults as wrong:
        raise Fault(
            first_of(
                f"{given.installation} cannot be used (HOTLINE_INSTALLATION names another)", wrong.faults
            )
        ) from None


def all_of(given: Settings) -> None:
    """Everything but people."""
    asterisk()
    database()
    units(given)
    stations(given)
    organisation(given)
    articles(given)
    prompts(given)
    configuration(given)
    front.render(given)
