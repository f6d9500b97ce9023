"""The installation in force, as one process follows it: the file with the published documents over it, without a restart.

`installation` costs nothing and never waits: what is published is looked for by `look`, in a thread of its own or wherever
nobody waits, and is here at most FOLLOWED_WITHIN_S after its commit. Without the database the last known values stand, at a
start those of a copy in var/. A call that has begun keeps the Hotline it was given; what it asks for anew is the new value.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hotline import documents, installation
from hotline.database import engine as own_engine
from hotline.database import make_engine, reading
from hotline.document_kinds import in_force
from hotline.documents import Content, House, Name
from hotline.installation import Installation, InstallationFaults
from hotline.settings import Settings

LOOK_EVERY_S = 1.0
FOLLOWED_WITHIN_S = 2.0

log = structlog.get_logger(__name__)


class InForce:
    """One process's view; made from the file and the copy alone, then `look` brings it up to date."""

    def __init__(self, given: Settings, engine: Engine | None = None) -> None:
        """Raises InstallationFaults when the file itself cannot be used."""
        self._engine, self._copy = engine, given.var / "settings-in-force.json"
        self._path, self._raw = given.installation, installation.raw(given.installation)
        self.publication = 0
        """The last one that is known; it is in force unless `fault` says why not."""
        self.fault = ""
        self.house = House(self._raw, self._path)
        """What the installation was made of."""
        self.installation = self._first()
        self._on_change: list[Callable[[Installation], None]] = []
        self._looked_s = float("-inf")
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def on_change(self, told: Callable[[Installation], None]) -> None:
        """Called after each change, by whoever called `look`."""
        self._on_change.append(told)

    def look(self) -> bool:
        """Whether something new was published and is in force now. Asks the database for one number."""
        self._looked_s = time.monotonic()
        try:
            with reading(self._engine or own_engine()) as session:
                number = documents.publication(session)
                if number == self.publication:
                    return False
                found = documents.published(session)
        except SQLAlchemyError as error:
            log.info("published settings could not be read", error=type(error).__name__)
            return False
        self.publication = number
        if not self._take(found):
            return False
        self._keep(found)
        for told in self._on_change:
            told(self.installation)
        return True

    def look_if_due(self) -> Installation:
        """For a process that serves requests: looks when it has not for LOOK_EVERY_S."""
        if time.monotonic() - self._looked_s >= LOOK_EVERY_S:
            self.look()
        return self.installation

    def start(self) -> None:
        """Look now, then every LOOK_EVERY_S in a thread of its own."""
        self.look()
        self._thread = threading.Thread(target=self._watch, name="in-force", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _watch(self) -> None:
        while not self._end.wait(LOOK_EVERY_S):
            try:
                self.look()
            except Exception:
                # Who is told of a change may fail; the next change must still be seen.
                log.exception("a change of settings could not be followed")

    def _take(self, found: dict[Name, Content]) -> bool:
        """Put this in force; False when it contradicts itself, and then the last known values stand."""
        house = House(self._raw, self._path, found)
        try:
            self.installation = in_force(house)
        except InstallationFaults as wrong:
            # Each was judged before it was published: the file has been changed under them.
            self.fault = wrong.faults[0]
            log.error("published settings do not fit the installation file", faults=len(wrong.faults))
            return False
        self.house, self.fault = house, ""
        log.info("settings are in force", publication=self.publication)
        return True

    def _first(self) -> Installation:
        alone = installation.judged(self._raw, self._path)
        try:
            kept: dict[str, Any] = json.loads(self._copy.read_text(encoding="utf-8"))
            text = json.dumps(kept["documents"], ensure_ascii=False)
            if hashlib.sha256(text.encode()).hexdigest() != kept["sha256"]:
                raise ValueError("the copy is damaged")
            house = House(
                self._raw, self._path, {(kind, key): content for kind, key, content in kept["documents"]}
            )
            in_it = in_force(house)
            self.house = house
            return in_it
        except FileNotFoundError:
            return alone
        except (OSError, ValueError, KeyError, TypeError, InstallationFaults) as error:
            log.warning("the copy of the published settings cannot be used", error=type(error).__name__)
            return alone

    def _keep(self, found: dict[Name, Content]) -> None:
        """A copy for a start without the database."""
        rows = [[kind, key, content] for (kind, key), content in sorted(found.items())]
        text = json.dumps(rows, ensure_ascii=False)
        whole = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "documents": rows}
        part = self._copy.with_suffix(f".{threading.get_native_id()}.part")
        with suppress(OSError):  # without it a start needs the database to know what was published
            part.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
            part.replace(self._copy)


def at_start(given: Settings) -> Installation:
    """For what runs once: what is in force now, as far as the database can be asked. Raises InstallationFaults."""
    return _once(given).installation


def house_at_start(given: Settings) -> House:
    """The file with what is published, for what runs once. Raises InstallationFaults."""
    return _once(given).house


def _once(given: Settings) -> InForce:
    engine = make_engine(given.database, busy_s=2.0)
    try:
        here = InForce(given, engine)
        here.look()
        return here
    finally:
        engine.dispose()
