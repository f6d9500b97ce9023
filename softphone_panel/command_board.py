"""The command centre's board: open tickets and orders by commune and age, as a list and as a map; what is late and with whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline import agencies, open_work
from hotline.database import reading
from hotline.events import now
from hotline.geography import Geography
from hotline.installation import Hotline
from hotline.open_work import DESKS, Load
from softphone_panel import commune_map, desk, shown, team_orders, ticket_view
from softphone_panel.commune_map import Drawn, Shape
from softphone_panel.ticket_clock import left
from softphone_panel.words import say

room = Blueprint("command_board", __name__, url_prefix="/command")

COUNTED_FOR = timedelta(seconds=3)
"""However many look at the board, and however often it changes, it is counted once in so long."""
SHOWN = 100
"""Files of a drill-down on one page."""
SIGN = (46.0, 24.0)
"""Width and height that a number takes on the map."""
NOWHERE = "none"
"""In an address: what has no unit."""


@dataclass(frozen=True)
class Counted:
    """One hotline's open work at a moment."""

    at: datetime
    places: dict[str, Load]
    written: dict[str, tuple[str, ...]]
    """Codes as they stand on tickets, by the unit they are in now."""
    holders: dict[str, Load]
    geography: Geography
    """Units hardly ever change: read with each counting."""


@dataclass(frozen=True)
class Place:
    """One line of the list, and one number of the map."""

    code: str
    name: str
    load: Load
    level: str
    x: float | None = None
    y: float | None = None
    path: str = ""
    """Of a commune; a district's number is a disc in its middle."""

    @property
    def look(self) -> str:
        return "late" if self.load.all_late else "open"


@room.get("")
def page() -> str:
    with reading() as session:
        return render_template("command_board.html", **_values(session))


@room.get("/board")
def board() -> Response:
    return desk.fragment("command_board_parts.html", _values)


def counted(session: Session, hotline: str, at: datetime) -> Counted:
    """That hotline's open work; read anew every COUNTED_FOR."""
    kept: dict[str, Counted] = current_app.extensions.setdefault("command_board", {})
    known = kept.get(hotline)
    if known is None or not timedelta() <= at - known.at < COUNTED_FOR:
        geography = agencies.geography(session)
        loads = open_work.by_place(session, at, (hotline,))
        places, written = open_work.placed(
            loads, geography, desk.province().day(at), desk.province().structure_on
        )
        holders = open_work.by_holder(session, at, (hotline,))
        known = kept[hotline] = Counted(at, places, written, holders, geography)
    return known


def _hotlines() -> list[Hotline]:
    return [one for one in desk.province().hotlines if current_user.serves(one.key)]


def _values(session: Session) -> dict[str, Any]:
    at = now()
    own = _hotlines()
    chosen = next((one for one in own if one.key == request.args.get("hotline")), own[0] if own else None)
    if chosen is None:
        return {"chosen": None, "own": [], "query": {}}
    day = desk.province().day(at)
    found = counted(session, chosen.key, at)
    drawing = commune_map.drawn(chosen.units_parent, day)
    places = _places(found, drawing, day)
    unit, holder = request.args.get("unit", ""), request.args.get("holder", "")
    late_only = request.args.get("late") == "1"
    names = _holder_names(session, {*found.holders, holder})
    query = {"hotline": chosen.key, "unit": unit, "holder": holder, "late": "1" if late_only else ""}
    return {
        "chosen": chosen, "own": own, "places": places, "drawing": drawing, "unit": unit, "holder": holder,
        "late_only": late_only, "total": sum((p.load for p in places), Load()), "ages": [say(age) for age in shown.AGES.values()],
        "holders": sorted(
            ((key, names[key], load) for key, load in found.holders.items()),
            key=lambda one: (-one[2].all_late, -one[2].open, one[1]),
        ),
        "busy": {p.code: p for p in places}, "names": names, "at": at, "left": left, "label": ticket_view.label,
        "stage": lambda key: shown.word(shown.STAGES, key), "unit_names": {p.code: p.name for p in places},
        "files": _files(session, chosen.key, at, found, unit, holder, late_only), "shown_most": SHOWN,
        "query": {key: value for key, value in query.items() if value}, "asked": team_orders.asked_of_reader(session),
        "link": _link(chosen.key), "place_of": lambda w: open_work.place(found.geography, w, day, desk.province().structure_on) or NOWHERE,
    }  # fmt: skip


def _link(hotline: str) -> Callable[..., str]:
    def to(**chosen: Any) -> str:
        return url_for("command_board.page", hotline=hotline, **chosen)

    return to


def _places(found: Counted, drawing: Drawn, day: Any) -> list[Place]:
    """Every place with something open, the one with most that is late first."""
    shapes = {shape.code: shape for shape in drawing.shapes}
    places = []
    for code, load in found.places.items():
        unit = found.geography.on(code, day) if code else None
        if code in shapes:
            shape = shapes[code]
            name = f"{unit.full_name if unit else shape.full_name}"
            places.append(Place(code, name, load, "commune", shape.x, shape.y, shape.path))
            continue
        below = [one.code for one in found.geography.inside(code, day)] if code else []
        middle = drawing.at(below)
        name = (
            say("{unit}, chưa rõ xã", unit=unit.full_name)
            if unit is not None and below
            else unit.full_name
            if unit is not None
            else say("Chưa rõ địa bàn")
        )
        x, y = middle or (None, None)
        if x is not None and y is not None:
            y = _free(x, y, places, found.places.keys() & shapes.keys(), shapes)
        places.append(Place(code or NOWHERE, name, load, unit.level if unit else "", x, y))
    return sorted(places, key=lambda p: (-p.load.all_late, -p.load.open, p.name))


def _free(x: float, y: float, places: list[Place], busy: Any, shapes: dict[str, Shape]) -> float:
    """Above what is written there already: two numbers on each other are none."""
    taken = [(p.x, p.y) for p in places if p.x is not None and p.y is not None and not p.path]
    taken += [(shapes[code].x, shapes[code].y) for code in busy]
    while any(abs(x - a) < SIGN[0] and abs(y - b) < SIGN[1] for a, b in taken) and y > 2 * SIGN[1]:
        y -= SIGN[1]
    return y


def _holder_names(session: Session, keys: set[str]) -> dict[str, str]:
    """What is called how: agencies and roles by name, all operators together; nobody's own name."""
    wanted = [key.partition(":")[2] for key in keys if key.startswith("agency:")]
    names = {f"agency:{key}": name for key, name in agencies.names(session, wanted).items()}
    names |= {f"hotline:{h.key}": h.name for h in desk.province().hotlines}
    names |= {f"role:{role}": say(word) for role, word in shown.ROLES.items()}
    names[DESKS] = say("Tổng đài viên")
    return {key: names.get(key, key.partition(":")[2]) for key in keys | {DESKS}}


def _files(
    session: Session, hotline: str, at: datetime, found: Counted, unit: str, holder: str, late_only: bool
) -> tuple[open_work.File, ...] | None:
    """The drill-down's files; None when nothing was chosen."""
    if not (unit or holder or late_only):
        return None
    code = "" if unit == NOWHERE else unit
    codes = found.written.get(code, (code,)) if unit else None
    day = desk.province().day(at)
    rows = open_work.files(
        session, at, (hotline,), codes=codes, holder=holder, late_only=late_only, limit=SHOWN * 2
    )
    if unit:  # a code that was given to a successor stands for two places
        rows = tuple(
            row
            for row in rows
            if open_work.place(found.geography, row.written, day, desk.province().structure_on) == code
        )
    return rows[:SHOWN]
