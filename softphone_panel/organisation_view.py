"""What the organisation's pages show: words for codes, a draft's differences, its replay of earlier tickets, an agency's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from hotline import categories, documents, organisation_changes, organisation_documents
from hotline.categories import Category
from hotline.directory import Line
from hotline.documents import House, Version
from hotline.events import now
from hotline.organisation import ALL, Agency, Organisation
from hotline.organisation_changes import AgencyChange
from hotline.organisation_documents import ORGANISATION
from hotline.organisation_replay import Landed, compare, tickets_between
from hotline.toml_table import Fault
from hotline.unit_files import UnitRow
from hotline.units import VIETNAM
from softphone_panel import desk, shown
from softphone_panel.words import language, say

REPLAYED_AT_MOST = 200
CHANGES_AT_MOST = 200


@dataclass(frozen=True)
class Asked:
    """Which tickets are replayed; None: yesterday's, on their own day."""

    tickets_of: date | None = None
    as_on: date | None = None


@dataclass(frozen=True)
class Replay:
    """Earlier tickets through what stands and through the draft."""

    tickets_of: date
    as_on: date | None
    rows: Sequence[Landed]
    """Those that would go elsewhere, the most frequent first."""
    count: int
    moved: int
    """Tickets, not rows."""
    asked: int
    homeless: int
    """Nobody would answer for these, though their place is known."""
    unplaced: int
    """Whose place nobody has chosen yet: they stay with the hotline."""


@dataclass(frozen=True)
class Past:
    """One published version, and what it changed."""

    version: Version
    changes: Sequence[AgencyChange]


class View:
    """Words for one hotline's organisation, within one request."""

    def __init__(self, session: Session, house: House, hotline: str) -> None:
        self.session, self.house, self.hotline = session, house, hotline
        self.day = desk.province().day(now())

    @cached_property
    def whole(self) -> Organisation:
        """As it stands."""
        return organisation_documents.whole(self.house)

    @cached_property
    def categories(self) -> dict[str, Category]:
        return dict(categories.beside(self.house.path))

    def unit(self, code: str, day: date | None = None) -> str:
        """The unit's name, and that of the one above it."""
        found = self.whole.geography.known(code, day or self.day)
        if found is None:
            return code
        above = self.whole.geography.known(found.parent_code, found.valid_from) if found.parent_code else None
        return f"{found.full_name}, {above.full_name}" if above is not None else found.full_name

    def unit_row(self, row: UnitRow) -> str:
        return self.unit(row.code, row.valid_from)

    def matter(self, key: str) -> str:
        if key == ALL:
            return say("mọi lĩnh vực")
        found = self.categories.get(key)
        return found.word(language()) if found is not None else key

    def kind(self, key: str) -> str:
        return shown.word(shown.AGENCY_KINDS, key)

    def level(self, key: str) -> str:
        return shown.word(shown.STATION_LEVELS, key)

    def words(self, field: str, code: str) -> str:
        """For differences: what people read for a code in that field."""
        match field:
            case "unit":
                return f"{self.unit(code)} ({code})"
            case "categories":
                return self.matter(code)
            case "kind":
                return self.kind(code)
            case "level":
                return self.level(code)
            case "above":
                agency = self.whole.agency(code)
                return f"{agency.name} ({code})" if agency is not None else code
            case "days":
                return say(shown.WEEKDAYS[int(code)])
            case "active":
                return say("đã tắt")
        return code

    def lines(self, agency: Agency) -> tuple[Line, ...]:
        return agency.lines(now())

    def unit_choices(self) -> list[tuple[str, str]]:
        """Code and name of the units that this hotline's callers live in, today's first."""
        hotline = next((h for h in desk.province().hotlines if h.key == self.hotline), None)
        province = hotline.units_parent if hotline is not None else ""
        geography = self.whole.geography
        those = [
            u
            for u in geography.units.values()
            if province in (u.code, u.province_code) or province in geography.places(u.code, u.valid_from)
        ]
        those.sort(key=lambda u: (not _today(u, self.day), u.level == "commune", u.code))
        return [(u.code, self.unit_row(u)) for u in those]


def _today(unit: UnitRow, day: date) -> bool:
    return unit.valid_from <= day and (unit.valid_to is None or day <= unit.valid_to)


def of_draft(view: View, draft: Version | None, asked: Asked) -> dict[str, Any]:
    """What the list's page shows of the draft, and the history."""
    session, hotline = view.session, view.hotline
    stands = documents.standing(session, ORGANISATION, hotline)
    standing = view.house.content(ORGANISATION, hotline)
    told: dict[str, Any] = {
        "draft": draft, "stands": stands, "seen": documents.seen(session, ORGANISATION, hotline),
        "is_stale": draft is not None and draft.based_on != ((stands.number or 0) if stands else 0),
        "changes": [], "faults": [], "replay": None, "history": history(view), "changed_keys": frozenset(),
        "file_faults": organisation_documents.file_faults(view.house),
    }  # fmt: skip
    if draft is None:
        return told
    changes = organisation_changes.changes(standing, draft.content, view.words)
    faults = documents.faults(view.house, ORGANISATION, hotline, draft.content)
    return told | {
        "changes": changes[:CHANGES_AT_MOST],
        "changes_count": len(changes),
        "changed_keys": frozenset(change.key for change in changes),
        "faults": [said(fault) for fault in faults],
        "replay": replay(view, draft, asked) if not faults and changes else None,
    }


def said(fault: Fault) -> str:
    """With the table it speaks of, which no form stands beside here."""
    return fault.en if language() == "en" else f"{fault.where}: {fault.vi}"


def replay(view: View, draft: Version, asked: Asked) -> Replay:
    """The tickets of one day through what stands and through the draft."""
    day = asked.tickets_of or now().astimezone(VIETNAM).date() - timedelta(days=1)
    begins = datetime.combine(day, time(), VIETNAM)
    # The day by which units count: the tickets' own, or that of the structure which the installation rehearses.
    written_on = desk.province().structure_on or day
    after = organisation_documents.whole(view.house.with_content(ORGANISATION, view.hotline, draft.content))
    tickets = tickets_between(view.session, view.hotline, begins, begins + timedelta(days=1), written_on)
    landed = compare(tickets, view.whole, after, asked.as_on)
    moved = [one for one in landed if one.moves]
    return Replay(
        day, asked.as_on, moved[:REPLAYED_AT_MOST], sum(one.tickets.count for one in landed),
        sum(one.tickets.count for one in moved),
        sum(one.tickets.count for one in moved if one.landing.asks and one.tickets.unit),
        sum(one.tickets.count for one in landed if one.tickets.unit and not one.after),
        sum(one.tickets.count for one in landed if not one.tickets.unit),
    )  # fmt: skip


def history(view: View) -> list[Past]:
    versions = documents.history(view.session, ORGANISATION, view.hotline)
    before = [version.content for version in versions[1:]] + [ORGANISATION.first(view.house, view.hotline)]
    return [
        Past(version, organisation_changes.changes(earlier, version.content, view.words))
        for version, earlier in zip(versions, before, strict=False)
    ]


def of_agency(view: View, key: str) -> dict[str, Any]:
    """What an agency's page shows beside its form: as it stands, those above it, whom to ring now, and its own history."""
    agency = view.whole.agency(key)
    past = [
        (one.version, change) for one in history(view) for change in one.changes if change.key == key
    ] if key else []  # fmt: skip
    return {
        "standing": agency,
        "ladder": view.whole.ladder(key, view.day),
        "below": view.whole.below(key, view.day),
        "lines": view.lines(agency) if agency is not None else (),
        "past": past,
    }
