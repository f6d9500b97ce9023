"""The settings' pages: what stands, a draft with its differences and faults, publication, history and undo."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import categories, documents
from hotline.approvals import Approval
from hotline.categories import Category, CategoryFaults
from hotline.database import reading, transaction
from hotline.document_kinds import HOLIDAYS, HOTLINE, HOURS, KINDS, in_force
from hotline.documents import Content, Follower, House, Kind, Refused, Version
from hotline.events import now
from hotline.hours import MOVING, DayPlan, is_open, next_opening, of_the_country, plan_of
from hotline.installation import Hotline, Installation, InstallationFaults, digits
from hotline.settings import settings
from hotline.station_documents import STATION
from hotline.toml_table import Fault
from hotline.units import VIETNAM
from ivr import approved
from softphone_panel import desk, publishing, setting_forms, shown, station_settings
from softphone_panel.faults import InputFault
from softphone_panel.retiring import retiring
from softphone_panel.setting_forms import FORMS, Change
from softphone_panel.words import either, language, say

room = Blueprint("administration", __name__, url_prefix="/settings")

PREVIEW_DAYS = 14
NEW_KEY = re.compile(r"[a-z][a-z0-9]{1,31}")


@dataclass(frozen=True)
class Entry:
    """One document in the list."""

    kind: str
    key: str
    version: Version | None
    """None: the file's own value stands."""
    draft: Version | None


@dataclass(frozen=True)
class Door:
    """Whether a hotline is open now."""

    is_open: bool
    opens_at: datetime | None


@room.get("")
def index() -> str:
    province, at = desk.province(), now()
    with reading() as session:
        house = documents.house(session, settings().installation)
        entries = {
            (name, key): Entry(
                name, key, documents.standing(session, kind, key), documents.draft(session, kind, key)
            )
            for name, kind in KINDS.items()
            if name in FORMS
            for key in kind.keys(house)
        }
        return render_template(
            "settings.html",
            entries=entries,
            begun=[one for one in documents.drafts(session, HOTLINE) if one.key not in HOTLINE.keys(house)],
            doors={h.key: _door(h, province, at) for h in province.hotlines},
            file_faults=station_settings.file_faults(house),
            **_followed(session),
        )


@room.post("/new-hotline")
def begin() -> tuple[str, int] | Response:
    """A draft of a hotline that there is not yet, like another one but for its name and numbers."""
    key, like = request.form.get("key", "").strip(), request.form.get("like", "")
    with transaction() as session:
        house = _house(session)
        known = HOTLINE.keys(house)
        if not NEW_KEY.fullmatch(key) or key in known or documents.draft(session, HOTLINE, key) is not None:
            raise InputFault(
                "key",
                say("Ô “Tên ngắn”: dùng 2 đến 32 chữ thường không dấu và chữ số, chưa tổng đài nào dùng."),
            )
        if like not in known:
            abort(404)
        content = {**house.content(HOTLINE, like), "name": "", "numbers": [], "prefix": "", "retired": False}
        documents.save(session, house, HOTLINE, key, content, by=current_user.username, seen="0.0")
    flash(say("Đã tạo bản nháp của tổng đài mới: hãy điền tên, số gọi và chữ đầu số phiếu rồi công bố."))
    return redirect(_place("hotline", key), 303)


@room.get("/<kind>", defaults={"key": ""})
@room.get("/<kind>/<key>")
def one(kind: str, key: str) -> str:
    with reading() as session:
        return _page(session, *_found(session, kind, key))


@room.post("/<kind>", defaults={"key": ""})
@room.post("/<kind>/<key>")
def save(kind: str, key: str) -> tuple[str, int] | Response:
    """What was typed becomes the draft, faults and all; the page then shows what differs and what is wrong."""
    with reading() as session:
        found, house = _found(session, kind, key)[0], _house(session)
        begun = documents.draft(session, found, key)
        before = begun.content if begun is not None else house.content(found, key)
    content = setting_forms.content_of(kind, request.form, before)
    if request.form.get("preset", "").isdecimal():
        content = _with_holidays(content, int(request.form["preset"]))
    try:
        with transaction() as session:
            documents.save(
                session, _house(session), found, key, content,
                by=current_user.username, seen=request.form.get("seen", ""),
            )  # fmt: skip
    except Refused as refused:
        return _refused(kind, key, refused, content)
    flash(say("Đã lưu nháp. Xem khác biệt bên dưới rồi công bố."))
    return redirect(_place(kind, key), 303)


@room.post("/<kind>/publish", defaults={"key": ""})
@room.post("/<kind>/<key>/publish")
def publish(kind: str, key: str) -> tuple[str, int] | Response:
    return _changed(kind, key, say("Đã công bố. Các cuộc gọi mới theo bản này trong vài giây."))


@room.post("/<kind>/undo", defaults={"key": ""})
@room.post("/<kind>/<key>/undo")
def undo(kind: str, key: str) -> tuple[str, int] | Response:
    number = publishing.chosen_version()
    return _changed(kind, key, say("Đã dùng lại bản số {number}.", number=number), number)


@room.post("/<kind>/discard", defaults={"key": ""})
@room.post("/<kind>/<key>/discard")
def discard(kind: str, key: str) -> tuple[str, int] | Response:
    try:
        with transaction() as session:
            found, key, house = _found(session, kind, key)
            documents.discard(session, found, key, seen=request.form.get("seen", ""))
            is_left = key in found.keys(house)
    except Refused as refused:
        return _refused(kind, key, refused)
    flash(say("Đã bỏ bản nháp."))
    return redirect(_place(kind, key) if is_left else url_for("administration.index"), 303)


def _changed(kind: str, key: str, done: str, number: int | None = None) -> tuple[str, int] | Response:
    """Publishes the draft, or an earlier version again."""
    try:
        with transaction() as session:
            found, key, house = _found(session, kind, key)
            publishing.publish(session, house, found, key, number)
    except Refused as refused:
        return _refused(kind, key, refused)
    flash(done)
    return redirect(_place(kind, key), 303)


# -- what a page shows --


def _house(session: Session) -> House:
    return documents.house(session, settings().installation)


def _found(session: Session, kind: str, key: str) -> tuple[Kind, str, House]:
    """The document of that name; 404 when there is none with a form."""
    house = _house(session)
    if kind not in FORMS:
        abort(404)
    if key not in KINDS[kind].keys(house) and documents.draft(session, KINDS[kind], key) is None:
        abort(404)
    return KINDS[kind], key, house


def _place(kind: str, key: str) -> str:
    return (
        url_for("administration.one", kind=kind, key=key) if key else url_for("administration.one", kind=kind)
    )


def _refused(kind: str, key: str, refused: Refused, typed: Content | None = None) -> tuple[str, int]:
    """The page once more, with why, and with what was typed in the form."""
    with reading() as session:
        found, key, house = _found(session, kind, key)
        return _page(session, found, key, house, typed, refused), refused.status


def _page(
    session: Session, kind: Kind, key: str, house: House, typed: Content | None = None,
    refused: Refused | None = None,
) -> str:  # fmt: skip
    stands, begun = documents.standing(session, kind, key), documents.draft(session, kind, key)
    standing = house.content(kind, key)
    content = typed if typed is not None else begun.content if begun is not None else standing
    would = house.with_content(kind, key, begun.content) if begun is not None else house
    return render_template(
        "setting.html",
        kind=kind.name,
        key=key,
        title=_title(kind, key, content),
        stands=stands,
        draft=begun,
        is_stale=begun is not None and begun.based_on != (stands.number if stands else 0),
        seen=documents.seen(session, kind, key),
        fields=FORMS[kind.name],
        content=content,
        shown=setting_forms.shown,
        rows=setting_forms.rows,
        shared=_shared(house, key, begun.content) if kind is HOTLINE and begun is not None else (),
        changes=setting_forms.changes(kind.name, standing, begun.content) if begun is not None else (),
        wrong=_wrong(documents.faults(house, kind, key, begun.content)) if begun is not None else {},
        refused=either(refused) if refused is not None else "",
        history=_history(session, kind, key, house),
        in_file=bool(kind.first(house, key)),
        is_new=key not in kind.keys(house),
        choices=station_settings.choices(session, house, key, content)
        if kind is STATION
        else _choices(session, house, content),
        weekdays=shown.WEEKDAYS,
        stages=shown.STAGES,
        zipped=lambda plans: zip(*plans.values(), strict=True),
        holiday_years=[year for year in MOVING if year >= now().astimezone(VIETNAM).year],
        action=lambda name: (
            url_for(f"administration.{name}", kind=kind.name, key=key)
            if key
            else url_for(f"administration.{name}", kind=kind.name)
        ),
        **_met(session, kind, key, house, would),
        **(_of_station(session, key, house, would) if kind is STATION else {}),
        **_followed(session),
    )


def _shared(house: House, key: str, content: Content) -> list[tuple[str, str, str]]:
    """Numbers that would ring for this hotline and are another one's too, as a copied draft has them: (name, number, whose)."""
    rows = [row for row in content.get("chain", ()) if isinstance(row, dict)]
    mine = [(str(row.get("name", "")), str(row.get("number", ""))) for row in rows]
    mine.append((say("số gọi ra"), str(content.get("outbound_number", ""))))
    emergency = digits(str(content.get("emergency_number", "")))
    found = []
    for other in HOTLINE.keys(house):
        if other == key:
            continue
        theirs = house.content(HOTLINE, other)
        numbers = {digits(str(row.get("number", ""))) for row in theirs.get("chain", ())}
        numbers.add(digits(str(theirs.get("outbound_number", ""))))
        found += [
            (name, number, str(theirs.get("name", other)))
            for name, number in mine
            if digits(number) in numbers - {"", emergency}
        ]
    return found


def _title(kind: Kind, key: str, content: Content) -> str:
    if kind is STATION:
        return station_settings.name(content, key)
    names = {h.key: h.name for h in desk.province().hotlines}
    word = say(shown.SETTINGS[kind.name])
    return f"{word}: {names.get(key, key)}" if key else word


def _wrong(faults: Sequence[Fault]) -> dict[str, list[str]]:
    """Field → what is wrong with it, in the reader's language; "" for what is nobody's field."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        found.setdefault(fault.field, []).append(either(fault))
    return found


@dataclass(frozen=True)
class Past:
    """One published version, and what it changed."""

    version: Version
    changes: Sequence[Change]


def _history(session: Session, kind: Kind, key: str, house: House) -> list[Past]:
    versions = documents.history(session, kind, key)
    before = [version.content for version in versions[1:]] + [kind.first(house, key)]
    return [
        Past(version, setting_forms.changes(kind.name, earlier, version.content))
        for version, earlier in zip(versions, before, strict=False)
    ]


def _choices(session: Session, house: House, content: Content) -> Mapping[str, Sequence[tuple[str, str]]]:
    """What may be chosen in a field: value and word."""
    with_approval = set(session.scalars(select(Approval.name).where(Approval.name.not_like("%:%"))))
    there = {p.stem for p in approved.FOLDER.glob("*.toml") if not p.stem.endswith(".scenarios")}
    protocols = sorted(
        (with_approval | there | {str(content.get("protocol", ""))}) - {approved.EMERGENCY_ONLY, ""}
    )
    roles = {role: word for role, word in shown.ROLES.items() if role != "station"}
    return {
        "protocol": [
            (name, name if name in with_approval else say("{name} (chưa duyệt)", name=name))
            for name in protocols
        ],
        "dial_roles": [(role, say(word)) for role, word in roles.items()],
        "category": [
            ("*", say("Tất cả")),
            *((key, one.word(language())) for key, one in _categories().items()),
        ],
        "hotline": [("", say("Tất cả")), *((h.key, h.name) for h in desk.province().hotlines)],
    }


def _categories() -> Mapping[str, Category]:
    try:
        return categories.beside(settings().installation)
    except CategoryFaults:
        return {}


def _met(session: Session, kind: Kind, key: str, house: House, would: House) -> dict[str, Any]:
    """What callers will meet if the draft is published; nothing while it has faults."""
    try:
        before, after = in_force(house), in_force(would)
    except InstallationFaults:
        return {"leads": (), "plans": {}, "retiring": None}
    leads = setting_forms.leads(before.aliases, after.aliases) if kind is HOTLINE else ()
    plans: dict[str, list[DayPlan]] = {}
    if kind in (HOURS, HOLIDAYS):
        today = now().astimezone(VIETNAM).date()
        plans = {
            h.name: plan_of(h.hours, after.holidays, h.key, today, PREVIEW_DAYS) for h in after.in_service
        }
    ends = retiring(session, before, after, key) if kind is HOTLINE else None
    return {"leads": leads, "plans": plans, "retiring": ends}


def _of_station(session: Session, key: str, house: House, would: House) -> dict[str, Any]:
    """Names for the codes in it, who signs in for it, and the chains that a publication would change."""
    contents = [house.content(STATION, key), would.content(STATION, key)]
    codes = [code for version in (*contents, *_earlier(session, key)) for code in version.get("units", ())]
    return {
        "line_names": {
            **station_settings.names(session, would),
            **station_settings.unit_names(session, [code for code in codes if isinstance(code, str)]),
        },
        "chains": ()
        if documents.faults(house, STATION, key, contents[1])
        else station_settings.chains(session, house, would, key, contents, now()),
        "accounts": station_settings.accounts(session, key),
    }


def _earlier(session: Session, key: str) -> list[Content]:
    return [version.content for version in documents.history(session, STATION, key)]


def _door(hotline: Hotline, province: Installation, at: datetime) -> Door:
    told = (hotline.hours, province.holidays, hotline.key, at)
    return Door(is_open(*told), next_opening(*told))


def _followed(session: Session) -> dict[str, Any]:
    """Whether the telephone system has what is published."""
    followers: list[Follower] = documents.followers(session)
    return {"publication": documents.publication(session), "followers": followers}


def _with_holidays(content: Content, year: int) -> Content:
    """The country's days of that year added; what stands for a date already stays."""
    there = list(content.get("holidays", []))
    known = {row.get("date") for row in there}
    added = [row for row in of_the_country(year) if row["date"] not in known]
    return {**content, "holidays": sorted([*there, *added], key=lambda row: str(row.get("date", "")))}
