"""Reports of tickets: received, solved, on time, triaged too low or too high, handed over; as a page, CSV and PDF."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline import agencies, categories
from hotline.acuity import Acuity
from hotline.categories import CategoryFaults
from hotline.database import reading
from hotline.events import now
from hotline.settings import settings
from hotline.ticket_figures import Of, TicketFigures, tickets
from softphone_panel import desk, report_pdf, shown
from softphone_panel.reports import Wanted, download, headers_are_keys, number, plain, spreadsheet, wanted
from softphone_panel.words import clock, language, length, local, percent, say

room = Blueprint("ticket_reports", __name__, url_prefix="/reports/tickets")


@dataclass(frozen=True)
class Line:
    name: str
    figures: TicketFigures

    def cell(self, column: str) -> str:
        """As people read it."""
        value = getattr(self.figures, column)
        if column.endswith("_percent"):
            return percent(value)
        if column.endswith("_s"):
            return length(value) or "–"
        return str(value)


@dataclass(frozen=True)
class Report:
    wanted: Wanted
    lines: tuple[Line, ...]
    total: Line


def read(session: Session, asked: Wanted) -> Report:
    """The report, of the hotlines that this reader may see."""
    hotlines = desk.province().seen_by(current_user.serves)
    if asked.hotline:
        hotlines = tuple(h for h in (asked.hotline,) if current_user.serves(h))
    found = tickets(session, asked.begins, asked.ends, now(), Of(asked.by), hotlines)
    names = _names(session, asked.by)
    lines = [(key, Line(names(key), figures)) for key, figures in found.items() if key is not None]
    order = _ORDER.get(asked.by, _most_first)
    lines.sort(key=lambda one: order(one[0], one[1]))
    total = Line(say("Tất cả"), found.get(None, TicketFigures()))
    return Report(asked, tuple(line for _, line in lines), total)


def _most_first(_key: Any, line: Line) -> Any:
    return -line.figures.received, line.name


_ORDER: Mapping[str, Callable[[Any, Line], Any]] = {
    "day": lambda key, _line: key,
    "acuity": lambda key, _line: -Acuity(key).urgency if key in Acuity.__members__ else 1,
}


def _names(session: Session, by: str) -> Callable[[Any], str]:
    if by == "unit":
        geography, day = agencies.geography(session), desk.province().day(now())

        def unit_name(code: str) -> str:
            unit = geography.known(code, day) if code else None
            return f"{unit.full_name} ({code})" if unit else code or say("Chưa rõ địa bàn")

        return unit_name
    if by == "category":
        try:
            known = categories.beside(settings().installation)
        except (CategoryFaults, OSError):
            known = {}
        return lambda key: known[key].word(language()) if key in known else key
    hotlines = {h.key: h.name for h in desk.province().hotlines}
    tables: Mapping[str, Callable[[Any], str]] = {
        "hotline": lambda key: hotlines.get(key, key),
        "channel": lambda key: shown.word(shown.CHANNELS, key),
        "day": lambda key: f"{key:%d/%m/%Y}",
        "acuity": shown.acuity_word,
    }
    return tables[by]


# --- pages -------------------------------------------------------------------------------------------------


def _asked() -> Wanted:
    return wanted(shown.TICKET_REPORTS_BY)


@room.get("")
def index() -> str:
    asked = _asked()
    with reading() as session:
        report = read(session, asked)
    return render_template(
        "ticket_reports.html", report=report, wanted=asked, columns=shown.TICKET_COLUMNS, meanings=shown.TICKET_MEANINGS,
        by={key: say(name) for key, name in shown.TICKET_REPORTS_BY.items()},
    )  # fmt: skip


@room.get("/report.csv")
def table() -> Response:
    """For a spreadsheet: UTF-8 with its mark, seconds and percents as plain numbers."""
    asked = _asked()
    with reading() as session:
        report = read(session, asked)
    columns = shown.TICKET_COLUMNS
    heads = columns if headers_are_keys() else map(_heading, columns)
    lines = (
        [plain(line.name), *(number(getattr(line.figures, column)) for column in columns)]
        for line in (*report.lines, report.total)
    )
    whole = spreadsheet([say(shown.TICKET_REPORTS_BY[asked.by]), *heads], lines)
    return download(whole, "text/csv; charset=utf-8", "tickets", asked, "csv")


def _heading(column: str) -> str:
    """The column's words and, where its numbers have one, their unit."""
    unit = " (%)" if column.endswith("_percent") else " (s)" if column.endswith("_s") else ""
    return say(shown.TICKET_COLUMNS[column]) + unit


@room.get("/report.pdf")
def document() -> Response:
    """For paper: landscape A4."""
    asked = _asked()
    with reading() as session:
        report = read(session, asked)
    hotline = next((h.name for h in desk.province().hotlines if h.key == asked.hotline), desk.province().name)
    made = report_pdf.table(
        say("Báo cáo phiếu"),
        say("{hotline}, từ {since} đến {until}, lập lúc {when}", hotline=hotline, since=f"{asked.since:%d/%m/%Y}",
            until=f"{asked.until:%d/%m/%Y}", when=f"{local(now()):%d/%m/%Y} {clock(now())}"),
        [say(shown.TICKET_REPORTS_BY[asked.by]), *map(say, shown.TICKET_COLUMNS.values())],
        [[line.name, *map(line.cell, shown.TICKET_COLUMNS)] for line in (*report.lines, report.total)],
    )  # fmt: skip
    return download(made, "application/pdf", "tickets", asked, "pdf")
