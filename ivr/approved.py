"""The protocols calls run on: the last approved one of each name, read off the call's path and kept when the database is away."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hotline.approvals import last_approved
from hotline.database import reading
from ivr.protocol import Protocol, read
from ivr.protocol_faults import ProtocolFaults

FOLDER = Path(__file__).with_name("protocols")
EMERGENCY_ONLY = "emergency-only"
REREAD_S = 30.0
REREAD_UNAPPROVED_S = 2.0
"""While something is not approved yet it is looked for more often: those calls all go straight to a human."""

_log = structlog.get_logger(__name__)


class NoSuchProtocol(LookupError):  # noqa: N818 - an exception is named after the fact
    """There is no file of this name."""


def file_of(name: str) -> Path:
    """The file an officer edits. Raises NoSuchProtocol."""
    path = FOLDER / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml") if not p.stem.endswith(".scenarios")))
        raise NoSuchProtocol(f"Không có bộ câu hỏi “{name}”; hiện có: {known}.")
    return path


@cache
def emergency_only() -> Protocol:
    """What is run while nothing is approved: the notice, "emergency, press 1", everybody else to a human at ORANGE."""
    path = FOLDER / f"{EMERGENCY_ONLY}.toml"
    return read(path.read_text(encoding="utf-8"), path.name)


def approved(
    engine: Engine, names: Iterable[str], known: Mapping[str, Protocol] | None = None
) -> dict[str, Protocol]:
    """The last approved protocol of each name that has one; `known` ones are not read again when they are still it.

    Raises SQLAlchemyError when the database is away.
    """
    found: dict[str, Protocol] = {}
    with reading(engine) as session:
        for name in set(names):
            row = last_approved(session, name)
            if row is None:
                continue
            before = (known or {}).get(name)
            still = before is not None and before.digest == row.digest
            found[name] = before if before and still else read(row.text, f"{name}.toml")
    return found


class ApprovedProtocols:
    """One process's view of them: `protocol(name)` costs a look into a dictionary."""

    def __init__(
        self,
        engine: Engine,
        names: Iterable[str],
        copies: Path,
        *,
        ready: Callable[[Protocol], bool] = lambda protocol: True,
    ) -> None:
        """`copies` is the folder of the last approved texts; `ready` tells whether a protocol's sounds are all there."""
        self._engine, self._names, self._copies, self._ready = engine, sorted(set(names)), copies, ready
        self._now: Mapping[str, Protocol] = {}
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def protocol(self, name: str) -> Protocol:
        return self._now.get(name) or emergency_only()

    def follow(self, names: Iterable[str]) -> None:
        """Other protocols are wanted now; reads them when one is new."""
        wanted = sorted(set(names))
        if wanted != self._names:
            self._names = wanted
            self.reread()

    def start(self) -> None:
        """Read once, then again and again in a thread of its own."""
        self.reread()
        self._thread = threading.Thread(target=self._watch, name="approved", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def reread(self) -> None:
        """Take what is approved now; without the database what was known stays, at first the copies."""
        try:
            found = approved(self._engine, self._names, self._now)
        except (SQLAlchemyError, ProtocolFaults) as failure:
            _log.warning("approved protocols could not be read", reason=type(failure).__name__)
            if not self._now:
                self._now = self._kept()
            return
        now = dict(self._now)
        for name, protocol in found.items():
            known = now.get(name)
            if known is not None and known.digest == protocol.digest:
                continue
            if not self._ready(protocol):
                _log.warning("an approved protocol has no sound yet", protocol=name, version=protocol.version)
                continue
            now[name] = protocol
            _log.info("a protocol runs", protocol=name, version=protocol.version, digest=protocol.digest)
        self._now = now
        self._keep()

    def _watch(self) -> None:
        while not self._end.wait(REREAD_UNAPPROVED_S if self._wanting() else REREAD_S):
            self.reread()

    def _wanting(self) -> bool:
        """Whether callers are asked less than they should be, for want of an approval or of its sounds."""
        return any(name not in self._now for name in self._names if name != EMERGENCY_ONLY)

    def _keep(self) -> None:
        """A copy of each text that runs, for a start without the database."""
        try:
            with reading(self._engine) as session:
                rows = {name: last_approved(session, name) for name in self._now}
            self._copies.mkdir(parents=True, exist_ok=True)
            for name, row in rows.items():
                if row is None or row.digest != self._now[name].digest:
                    continue
                whole = f"# {hashlib.sha256(row.text.encode()).hexdigest()}\n{row.text}"
                path = self._copies / f"{name}.toml"
                if path.exists() and path.read_text(encoding="utf-8") == whole:
                    continue
                part = path.with_suffix(".part")
                part.write_text(whole, encoding="utf-8")
                part.replace(path)
        except (OSError, SQLAlchemyError) as failure:
            _log.warning("no copy of the approved protocols was kept", reason=type(failure).__name__)

    def _kept(self) -> dict[str, Protocol]:
        found: dict[str, Protocol] = {}
        for name in self._names:
            try:
                head, _, text = (self._copies / f"{name}.toml").read_text(encoding="utf-8").partition("\n")
                if head != f"# {hashlib.sha256(text.encode()).hexdigest()}":
                    _log.warning("the copy of an approved protocol is damaged", protocol=name)
                    continue
                found[name] = read(text, f"{name}.toml")
            except (OSError, UnicodeDecodeError):
                continue  # none was kept
            except ProtocolFaults:
                _log.warning("the copy of an approved protocol cannot be used", protocol=name)
        return found
