"""The stations: a list to search, whom a caller of a place would meet at an hour, and the beginning of a new one.

A station itself is changed on the settings' page (`administration`), as a document with drafts, history and undo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from hotline import documents, station_documents, station_tables
from hotline.acuity import Acuity
from hotline.database import reading, transaction
from hotline.directory import LEVELS, Directory, Line, Station
from hotline.documents import House, Refused, State, Version
from hotline.events import now
from hotline.installation import digits
from hotline.settings import settings
from hotline.station_documents import STATION
from hotline.stations import directory
from hotline.units import VIETNAM, Unit
from softphone_panel import desk, station_settings, unit_search
from softphone_panel.faults import InputFault
from softphone_panel.unit_search import folded
from softphone_panel.words import either, say

BEGINS = {
    Acuity.RED: "Đỏ: sau 10 giây không ai nhấc, hoặc ngay khi không ai rảnh, chuỗi này được gọi; mỗi 20 giây thêm số tiếp theo.",
    Acuity.ORANGE: "Cam: sau 60 giây không ai nhấc, chuỗi này được gọi; mỗi 20 giây thêm số tiếp theo.",
}
"""When the chain is rung without an operator."""
BY_OPERATOR = "Mức này: chuỗi được gọi khi tổng đài viên chuyển cuộc, từng số một, mỗi số 20 giây."
room = Blueprint("stations", __name__, url_prefix="/stations")


@dataclass(frozen=True)
class Row:
    """One station in the list."""

    station: Station
    places: tuple[str, ...]
    on_duty: tuple[Line, ...]
    """Whom a hand-over rings there now, in order."""
    number: int
    """Of its version; 0: as the file has it."""
    is_changeable: bool
    """False while its file cannot be read."""
    draft: Version | None


@room.get("")
def index() -> str:
    """All stations, or those whom the words find by name, place, number or person on duty, with or without diacritics."""
    text, hotline = request.args.get("text", "").strip()[:100], request.args.get("hotline", "")
    at = now()
    with reading() as session:
        house = _house(session)
        rows = _rows(session, house, at)
        shown_rows = [r for r in rows if _fits(r, text) and hotline in ("", r.station.hotline)]
        return render_template(
            "stations.html", rows=shown_rows, total=len(rows), text=text, hotline=hotline, at=at,
            level_word=station_settings.level_word, file_faults=station_settings.file_faults(house),
        )  # fmt: skip


@room.get("/chain")
def chain() -> str:
    """Whom a caller of that place, at that level and hour, would be handed over to, in order."""
    text, code = request.args.get("place", "").strip()[:100], request.args.get("unit_code", "")
    level = Acuity(wanted) if (wanted := request.args.get("level", "")) in set(Acuity) else Acuity.RED
    at, fault = _moment(request.args.get("at", ""))
    hotlines = desk.province().hotlines
    hotline = next((h for h in hotlines if h.key == request.args.get("hotline")), hotlines[0])
    with reading() as session:
        found = unit_search.search(session, text) if text and not code else []
        code = code or (found[0].code if found else "")
        known: Directory = directory(session)
        lines = known.chain(hotline, code, at) if code or not text else ()
        return render_template(
            "station_chain.html", lines=lines, place=unit_search.name_of(session, code) if code else "", text=text,
            unit_code=code, found=found, hotline=hotline, at=at.astimezone(VIETNAM), fault=fault,
            level=level, begins=BEGINS.get(level, BY_OPERATOR),
            station_of=known.station,
        )  # fmt: skip


@room.get("/units")
def units() -> str:
    """The units that a name finds, as boxes to tick in a station's form."""
    wanted = request.args.get("unit_search", "").strip()[:100]
    with reading() as session:
        return render_template("station_units.html", found=unit_search.search(session, wanted), wanted=wanted)


@room.get("/new")
def new() -> str:
    return _new_page({}, {})


@room.post("")
def add() -> tuple[str, int] | Response:
    """A draft of a station that is not there yet; nobody is rung before it is published."""
    name = " ".join(request.form.get("name", "").replace("\x00", "").split())
    level, hotline = request.form.get("level", ""), request.form.get("hotline", "")
    try:
        if not 2 <= len(name) <= station_tables.NAME_AT_MOST:
            raise InputFault("name", say("Ô “Tên trạm”: hãy viết từ 2 đến 120 ký tự."))
        if level not in LEVELS or hotline not in {h.key for h in desk.province().in_service}:
            raise InputFault("level", say("Ô “Cấp” và “Tổng đài”: hãy chọn trong danh sách."))
        with transaction() as session:
            house = _house(session)
            key = _new_key(session, house, name)
            content = {"name": name, "hotline": hotline, "level": level, "active": True}
            seen = documents.seen(session, STATION, key)
            documents.save(session, house, STATION, key, content, by=current_user.username, seen=seen)
    except InputFault as fault:
        return _new_page(dict(request.form), {fault.field: str(fault)}), fault.status
    except Refused as refused:
        return _new_page(dict(request.form), {"name": either(refused)}), 409
    flash(say("Đã tạo bản nháp của {name}: hãy thêm địa bàn và số điện thoại rồi công bố.", name=name))
    return redirect(url_for("administration.one", kind=STATION.name, key=key), 303)


def _new_page(typed: dict[str, Any], faults: dict[str, str]) -> str:
    return render_template(
        "station_new.html", typed=typed, faults=faults, levels=LEVELS, level_word=station_settings.level_word
    )


def _new_key(session: Session, house: House, name: str) -> str:
    """From the name, without diacritics: "Trạm Y tế xã Lộc Hòa" → tram-y-te-xa-loc-hoa, with a number when that is taken."""
    stem = re.sub(r"[^a-z0-9]+", "-", folded(name)).strip("-")[:40].strip("-") or "tram"
    there = {*STATION.keys(house), *drafts(session)}
    return next(key for n in range(1, 10_000) if (key := stem if n == 1 else f"{stem}-{n}") not in there)


def drafts(session: Session) -> dict[str, Version]:
    """The stations' drafts by key."""
    rows = session.query(Version).filter_by(kind=STATION.name, state=State.DRAFT)
    return {row.key: row for row in rows}


def _house(session: Session) -> House:
    return documents.house(session, settings().installation)


def _rows(session: Session, house: House, at: datetime) -> list[Row]:
    begun = drafts(session)
    standing = {
        row.key: row.number or 0
        for row in session.query(Version).filter_by(kind=STATION.name, state=State.PUBLISHED)
    }
    tables = {**{key: draft.content for key, draft in begun.items()}, **station_documents.tables(house)}
    stations = station_tables.read(tables, ()).stations
    # What a file that cannot be read has had stands in the database alone.
    stations += tuple(one for one in directory(session) if one.key not in tables)
    there = {code for station in stations for code in station.units}
    units = select(Unit.code, Unit.full_name).where(Unit.code.in_(there)).order_by(Unit.valid_from)
    names = dict(session.execute(units).tuples().all())
    return [
        Row(
            one, tuple(names.get(code, code) for code in one.units), one.lines(at) if one.active else (),
            standing.get(one.key, 0), one.key in tables, begun.get(one.key),
        )
        for one in sorted(stations, key=lambda s: (s.hotline, -LEVELS.index(s.level), folded(s.name)))
    ]  # fmt: skip


def _fits(row: Row, text: str) -> bool:
    one = row.station
    people = [f"{shift.who} {shift.number}" for shift in one.shifts]
    words = folded(" ".join((one.name, one.key, *row.places, *one.units, *one.numbers, *people)))
    number = digits(text)
    return all(word in words for word in folded(text).split()) or (
        len(number) > 3 and number in digits(words)
    )


def _moment(text: str) -> tuple[datetime, str]:
    """What was typed, on Vietnam's clocks, else now; and what is wrong with it."""
    if not text:
        return now(), ""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=VIETNAM), ""
    except ValueError:
        return now(), say("Ô “Lúc”: chưa đọc được ngày giờ, đang xem theo lúc này.")
