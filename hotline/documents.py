"""Settings documents: what an administrator changes in the browser, as versions in the database over the installation file.

A document is named by its kind and a key (HOTLINE, "binhphuoc") and holds a JSON table. Its first value, version 0, is what
the file says; nobody edits a version. How a page uses it, each within the caller's `transaction()` (or `reading()`):

    house = documents.house(session, path)               the file, and what is published over it
    house.content(kind, key)                             what stands now
    documents.seen(session, kind, key)                   goes into the form, and back into every change
    documents.draft(session, kind, key)                  the one draft there may be, or None
    documents.faults(house, kind, key, content)          everything wrong with it
    documents.save(session, house, kind, key, content, by=…, seen=…)     makes or replaces the draft
    documents.publish(session, house, kind, key, by=…, seen=…, note=…)   with a ledger line and an announcement
    documents.undo(session, house, kind, key, number, by=…, seen=…)      an earlier content as a new version
    documents.discard(session, kind, key, seen=…)
    documents.history(session, kind, key)                newest first, without the draft

What cannot be done raises Refused, whose `vi` and `en` are sentences for the page and whose `status` is its HTTP status
(409: somebody was faster). A new kind is a `Kind` in the table of `hotline.document_kinds`. How processes follow what is
published: `hotline.in_force`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from hotline import installation, ledger
from hotline.bus import LIVE, announce
from hotline.database import Base, Moment, Prepared
from hotline.events import now
from hotline.toml_table import Fault

LEDGER = "-settings"
"""The ledger of what was published; no hotline's key begins so. Its head's lock orders the publishers."""
NOTE_AT_MOST = 200

Content = dict[str, Any]
Name = tuple[str, str]
"""Kind's name and key of a document."""


class State(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


FOLLOWS: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.DRAFT, State.PUBLISHED}),
    State.PUBLISHED: frozenset({State.SUPERSEDED}),
    State.SUPERSEDED: frozenset(),
}
"""What may follow what. A draft is saved again or thrown away; what was published is only ever superseded."""
_DRAFTS = text("state = 'draft'")


class Version(Base):
    """One version of one document."""

    __tablename__ = "settings_version"
    __table_args__ = (
        UniqueConstraint("kind", "key", "number"),
        Index("ix_one_draft", "kind", "key", unique=True, sqlite_where=_DRAFTS, postgresql_where=_DRAFTS),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    key: Mapped[str] = mapped_column(String(140))
    number: Mapped[int | None] = mapped_column()
    """1, 2, … in the order of publication; None while it is a draft."""
    state: Mapped[str] = mapped_column(String(12))
    content: Mapped[Content] = mapped_column(JSON)
    based_on: Mapped[int] = mapped_column(default=0)
    """The version that stood when it was last saved; 0: the file."""
    saves: Mapped[int] = mapped_column(default=1)
    """How often the draft was saved: by it a page tells which one it saw."""
    by: Mapped[str] = mapped_column(String(64))
    """Username of who saved it last."""
    at: Mapped[datetime] = mapped_column(Moment)
    note: Mapped[str] = mapped_column(String(NOTE_AT_MOST), default="")
    restores: Mapped[int | None] = mapped_column()
    """The version whose content this is again."""
    published_by: Mapped[str] = mapped_column(String(64), default="")
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    publication: Mapped[int | None] = mapped_column(unique=True)
    """Counts the publications of all documents: the one number that processes look at."""


class Follower(Base):
    """Which publication a process that can fail to follow has in force, or why not."""

    __tablename__ = "settings_follower"
    process: Mapped[str] = mapped_column(String(24), primary_key=True)
    """ "calls@n1"."""
    publication: Mapped[int] = mapped_column()
    at: Mapped[datetime] = mapped_column(Moment)
    fault: Mapped[str] = mapped_column(String(400), default="")
    """Why it keeps to the one before; empty: it follows."""


class Refused(Exception):  # noqa: N818 - exceptions are named by the fact
    """A change was not made; `vi` and `en` say why and what to do."""

    def __init__(self, vi: str, en: str, status: int = 409, faults: Sequence[Fault] = ()) -> None:
        super().__init__(en)
        self.vi, self.en, self.status, self.faults = vi, en, status, tuple(faults)


class Stale(Refused):
    """Somebody else published or saved in the meantime."""


@dataclass(frozen=True)
class House:
    """The installation file's tables, and what is published over them."""

    raw: Mapping[str, Any]
    path: Path
    published: Mapping[Name, Content] = field(default_factory=dict)

    def content(self, kind: Kind, key: str) -> Content:
        """What stands now: the published content, else the file's."""
        found = self.published.get((kind.name, key))
        return kind.first(self, key) if found is None else found

    def with_content(self, kind: Kind, key: str, content: Content) -> House:
        """The same house if that were published."""
        return House(self.raw, self.path, {**self.published, (kind.name, key): content})


def note_followed(session: Session, process: str, publication: int, fault: str = "") -> None:
    """The process has this publication in force, or could not take it over."""
    row = session.get(Follower, process) or Follower(process=process)
    row.publication, row.at, row.fault = publication, now(), fault[:400]
    session.add(row)


def followers(session: Session) -> list[Follower]:
    return list(session.scalars(select(Follower).order_by(Follower.process)))


def _nothing_more(session: Session, house: House, key: str, content: Content) -> None:
    """Most kinds write nothing but their version."""


@dataclass(frozen=True)
class Kind:
    """A kind of document: where its first value comes from, and what judges it."""

    name: str
    """In rows and addresses: "hotline"."""
    keys: Callable[[House], tuple[str, ...]]
    """The documents of this kind that there are; ("",) where there is only one."""
    first: Callable[[House, str], Content]
    """Version 0."""
    judge: Callable[[House, str, Content], Sequence[Fault]]
    """Everything that speaks against publishing this content in this house."""
    published: Callable[[Session, House, str, Content], None] = _nothing_more
    """What else a publication or an undo writes, in the same transaction."""
    second_person: bool = False
    """Whoever saved a draft last does not publish it."""


def house(session: Session, path: Path) -> House:
    """The file at `path` and all that is published. Raises InstallationFaults when the file is no TOML."""
    return House(installation.raw(path), path, published(session))


def published(session: Session) -> dict[Name, Content]:
    rows = session.execute(
        select(Version.kind, Version.key, Version.content).where(Version.state == State.PUBLISHED)
    )
    return {(kind, key): content for kind, key, content in rows}


_LAST = Prepared(select(func.max(Version.publication)))


def publication(session: Session) -> int:
    """How many publications there have been. Every process asks once a second."""
    return _LAST.run(session.connection(), {}).fetchone()[0] or 0


def draft(session: Session, kind: Kind, key: str) -> Version | None:
    return _one(session, kind, key, State.DRAFT)


def drafts(session: Session, kind: Kind) -> list[Version]:
    """Every draft of that kind."""
    its = select(Version).where(Version.kind == kind.name, Version.state == State.DRAFT)
    return list(session.scalars(its.order_by(Version.key)))


def standing(session: Session, kind: Kind, key: str) -> Version | None:
    """The published version; None while the file's own value stands."""
    return _one(session, kind, key, State.PUBLISHED)


def _one(session: Session, kind: Kind, key: str, state: State) -> Version | None:
    its = select(Version).where(Version.kind == kind.name, Version.key == key, Version.state == state)
    # What another transaction has committed since counts, not what this session read before.
    return session.scalar(its.execution_options(populate_existing=True))


def history(session: Session, kind: Kind, key: str) -> list[Version]:
    its = select(Version).where(Version.kind == kind.name, Version.key == key, Version.number.is_not(None))
    return list(session.scalars(its.order_by(Version.number.desc())))


def seen(session: Session, kind: Kind, key: str) -> str:
    """What a page that is made now knows: "<published version>.<saves of the draft>"."""
    stands, begun = standing(session, kind, key), draft(session, kind, key)
    return f"{_number(stands)}.{begun.saves if begun else 0}"


def faults(house: House, kind: Kind, key: str, content: Content) -> list[Fault]:
    return list(kind.judge(house, key, content))


def save(
    session: Session, house: House, kind: Kind, key: str, content: Content, *, by: str, seen: str
) -> Version:
    """Make the draft, or put this in its place; faulty content may be kept as a draft. Raises Stale."""
    stands, begun = _as_seen(session, kind, key, seen)
    if begun is None:
        begun = Version(kind=kind.name, key=key, state=State.DRAFT, saves=0)
        session.add(begun)
    begun.content, begun.by, begun.at, begun.note = content, by, now(), ""
    begun.based_on, begun.saves = _number(stands), begun.saves + 1
    try:
        session.flush()
    except IntegrityError as error:
        raise _stale_draft() from error
    return begun


def discard(session: Session, kind: Kind, key: str, *, seen: str) -> None:
    """Throw the draft away. Raises Stale."""
    _, begun = _as_seen(session, kind, key, seen)
    if begun is not None:
        session.delete(begun)
        session.flush()


def publish(
    session: Session, house: House, kind: Kind, key: str, *, by: str, seen: str, note: str = ""
) -> Version:
    """The draft becomes what stands. Raises Stale, and Refused for a draft that is not there or has faults."""
    at, house = _alone(session, house)
    stands, begun = _as_seen(session, kind, key, seen)
    if begun is None:
        raise Refused(
            "Chưa có bản nháp để công bố: hãy sửa và lưu nháp trước.",
            "There is no draft to publish: change something and save it first.",
        )
    if kind.second_person and begun.by == by:
        raise Refused(
            "Người duyệt phải là người thứ hai, không phải người đã soạn.",
            "Who approves must be a second person, not who wrote it.",
            403,
        )
    if begun.based_on != _number(stands):
        raise Stale(
            "Bản đang dùng đã đổi sau khi bản nháp này được lưu: hãy xem lại khác biệt, lưu nháp lần nữa rồi công bố.",
            "What is published has changed since this draft was saved: look at the differences, save it again, then publish.",
        )
    return _stand(session, house, kind, key, begun, stands, by, at, note)


def undo(
    session: Session, house: House, kind: Kind, key: str, number: int, *, by: str, seen: str, note: str = ""
) -> Version:
    """The content of an earlier version (0: the file's) stands again, as a new version. A draft stays, and is stale. Raises Refused."""
    at, house = _alone(session, house)
    stands, _ = _as_seen(session, kind, key, seen)
    earlier = session.scalar(
        select(Version).where(Version.kind == kind.name, Version.key == key, Version.number == number)
    )
    if earlier is None and number != 0:
        raise Refused(
            f"Không có bản số {number}: hãy tải lại trang.", f"There is no version {number}: reload.", 404
        )
    content = earlier.content if earlier is not None else kind.first(house, key)
    again = Version(
        kind=kind.name, key=key, state=State.DRAFT, content=content, based_on=_number(stands), saves=1, by=by, at=at,
        restores=number,
    )  # fmt: skip
    return _stand(session, house, kind, key, again, stands, by, at, note)


def put(
    session: Session,
    house: House,
    kind: Kind,
    key: str,
    content: Content,
    *,
    by: str,
    seen: str,
    note: str = "",
) -> Version:
    """This content stands at once, as a new version. A draft stays, and is stale."""
    at, house = _alone(session, house)
    stands, _ = _as_seen(session, kind, key, seen)
    new = Version(
        kind=kind.name,
        key=key,
        state=State.DRAFT,
        content=content,
        based_on=_number(stands),
        saves=1,
        by=by,
        at=at,
    )
    return _stand(session, house, kind, key, new, stands, by, at, note)


def _alone(session: Session, house: House) -> tuple[datetime, House]:
    """Nobody else publishes until this transaction ends; the house as it is then: two documents may contradict each other."""
    ledger.lock(session, LEDGER)
    return now(), House(house.raw, house.path, published(session))


def _stand(
    session: Session, house: House, kind: Kind, key: str, new: Version, stands: Version | None, by: str,
    at: datetime, note: str,
) -> Version:  # fmt: skip
    found = faults(house, kind, key, new.content)
    if found:
        raise Refused(
            "Chưa công bố được, hãy sửa các lỗi này trước.",
            "Not published: mend these faults first.",
            422,
            found,
        )
    if new.content == house.content(kind, key):
        raise Refused(
            "Nội dung này đang được dùng rồi: không có gì để công bố.",
            "This is what stands already: there is nothing to publish.",
        )
    if stands is not None:
        _move(stands, State.SUPERSEDED)
        session.flush()
    _move(new, State.PUBLISHED)
    last = select(func.max(Version.number)).where(Version.kind == kind.name, Version.key == key)
    new.number = (session.scalar(last) or 0) + 1
    new.publication = publication(session) + 1
    new.published_by, new.published_at, new.note = by, at, note.strip()[:NOTE_AT_MOST]
    session.add(new)
    session.flush()
    kind.published(session, house, key, new.content)
    line = {"number": new.number, "by": by, "note": new.note, "sha256": digest(new.content)}
    subject = f"{kind.name}/{key}" if key else kind.name
    ledger.append(session, LEDGER, "settings_published", subject[:72], line | {"restores": new.restores}, at)
    announce(session, LIVE, {"event": "SettingsPublished", "kind": kind.name, "key": key})
    return new


def _move(version: Version, to: State) -> None:
    if to not in FOLLOWS[State(version.state)]:
        raise _stale_draft()
    version.state = to


def _as_seen(session: Session, kind: Kind, key: str, seen: str) -> tuple[Version | None, Version | None]:
    """The published version and the draft, when they are still those that the page saw."""
    stands, begun = standing(session, kind, key), draft(session, kind, key)
    number, _, saves = seen.partition(".")
    if number != str(_number(stands)):
        who = f"{stands.published_by} " if stands is not None else ""
        raise Stale(
            f"{who}đã công bố bản mới trong lúc bạn xem trang: nội dung của bạn chưa được ghi, hãy so với bản mới rồi lưu lại.",
            f"{who}published a new version while you looked: yours is not stored; compare it, then save again.",
        )
    if saves != str(begun.saves if begun else 0):
        raise _stale_draft()
    return stands, begun


def _stale_draft() -> Stale:
    return Stale(
        "Người khác vừa sửa bản nháp này: nội dung của bạn chưa được ghi, hãy so với bản nháp mới rồi lưu lại.",
        "Somebody else has just changed this draft: yours is not stored; compare it, then save again.",
    )


def _number(version: Version | None) -> int:
    return (version.number or 0) if version is not None else 0


def digest(content: Content) -> str:
    """SHA-256 of the content, which the ledger keeps."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
