"""Reports: the figures of some days by hotline, operator, hour, day or acuity, as a page and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.acuity import Acuity
from hotline.database import reading
from hotline.events import now
from hotline.figures import By, Figures, Owed, counted, recalls
from hotline.hand_over_figures import HandOvers, Scored, hand_overs, scored
from hotline.operators import Operator
from softphone_panel import day_chart, desk, shown
from softphone_panel.words import VIETNAM, length, local, midnight, percent, say

room = Blueprint("reports", __name__, url_prefix="/reports")

FEWEST_DAYS = 2
"""Of a chart: one day is one bar."""
MOST_DAYS = 31
"""A month of 100,000 calls is counted in about a second (docs/benchmarks.md); a page waits no longer."""


@dataclass(frozen=True)
class Wanted:
    """What the reader asked for; `faults` says in sentences what was put right."""

    since: date
    until: date
    """The last day, included."""
    hotline: str
    by: str
    faults: tuple[str, ...] = ()

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.since, datetime.min.time(), VIETNAM)

    @property
    def ends(self) -> datetime:
        return datetime.combine(self.until + timedelta(days=1), datetime.min.time(), VIETNAM)

    @property
    def query(self) -> dict[str, str]:
        return {
            "since": self.since.isoformat(), "until": self.until.isoformat(), "hotline": self.hotline, "by": self.by
        }  # fmt: skip


@dataclass(frozen=True)
class Line:
    name: str
    figures: Figures
    owed: Owed
    handed: HandOvers
    scored: Scored


@dataclass(frozen=True)
class Report:
    wanted: Wanted
    lines: tuple[Line, ...]
    total: Line
    chart: day_chart.Chart | None = None
    """Of hours and days."""


def wanted(kinds: Mapping[str, str] = shown.REPORTS_BY) -> Wanted:
    """The query's report; a day that is none becomes today, too long a time is cut, each with its sentence."""
    today, faults = local(now()).date(), []
    days = {}
    for name in ("since", "until"):
        given = request.args.get(name, "")
        try:
            days[name] = date.fromisoformat(given) if given else today
        except ValueError:
            faults.append(say("Ngày “{given}” không có: báo cáo lấy hôm nay.", given=given[:20]))
            days[name] = today
    since, until = days["since"], days["until"]
    if until < since:
        faults.append(say("“Đến ngày” ở trước “Từ ngày”: báo cáo đã đổi chỗ hai ngày."))
        since, until = until, since
    if (until - since).days >= MOST_DAYS:
        since = until - timedelta(days=MOST_DAYS - 1)
        faults.append(say("Báo cáo dài nhất {count} ngày: đã bỏ những ngày trước đó.", count=MOST_DAYS))
    hotline, by = request.args.get("hotline", ""), request.args.get("by", "hotline")
    known = {h.key for h in desk.province().hotlines}
    return Wanted(
        since,
        until,
        hotline if hotline in known else "",
        by if by in kinds else "hotline",
        tuple(faults),
    )


def read(session: Session, asked: Wanted) -> Report:
    """The report, of the hotlines that this reader may see."""
    hotlines = desk.province().seen_by(current_user.serves)
    if asked.hotline:
        hotlines = tuple(h for h in (asked.hotline,) if current_user.serves(h))
    by, names = By(asked.by), _names(session, asked.by)
    span = (session, asked.begins, asked.ends, by, hotlines)
    found = counted(*span)
    owed, graded = recalls(*span), scored(*span)
    emergency = {h.emergency_number for h in desk.province().hotlines}
    handed = hand_overs(*span, emergency)
    place = _ORDER.get(asked.by, _by_name)
    keys = sorted({*found.lines, *owed, *handed, *graded} - {None}, key=lambda key: place(key, names(key)))

    def line(name: str, key: Any, figures: Figures) -> Line:
        return Line(
            name, figures, owed.get(key, Owed()), handed.get(key, HandOvers()), graded.get(key, Scored())
        )

    lines = tuple(line(names(key), key, found.lines.get(key, Figures())) for key in keys)
    return Report(asked, lines, line(say("Tất cả"), None, found.total), _chart(asked, found.lines))


def _chart(asked: Wanted, figures: Mapping[Any, Figures]) -> day_chart.Chart | None:
    """Every hour of the day or every day of the report, also those without a call."""
    if asked.by == "hour":
        return day_chart.report([(f"{hour}h", figures.get(hour, Figures())) for hour in range(24)])
    count = (asked.until - asked.since).days + 1
    if asked.by != "day" or count < FEWEST_DAYS:
        return None
    days = [asked.since + timedelta(days=n) for n in range(count)]
    return day_chart.report([(f"{day:%d/%m}", figures.get(day, Figures())) for day in days])


def _by_name(_key: Any, name: str) -> Any:
    return name


_ORDER: Mapping[str, Callable[[Any, str], Any]] = {
    "hour": lambda key, name: key,
    "day": lambda key, name: key,
    "acuity": lambda key, name: -Acuity(key).urgency if key in Acuity.__members__ else 1,
}
"""By what the lines are ordered; others by their names."""


def _names(session: Session, by: str) -> Callable[[Any], str]:
    hotlines = {h.key: h.name for h in desk.province().hotlines}
    people = {row.id: row.full_name for row in session.execute(select(Operator.id, Operator.full_name))}

    def of_hotline(key: tuple[str, str | None]) -> str:
        branch = say("gọi lại") if key[1] is None else shown.word(shown.BRANCHES, key[1]) or say("chưa chọn")
        return f"{hotlines.get(key[0], key[0])} – {branch}"

    tables: Mapping[str, Callable[[Any], str]] = {
        "hotline": of_hotline,
        "operator": lambda key: people.get(key, str(key)),
        "hour": lambda key: f"{key:02d}:00–{key:02d}:59",
        "day": lambda key: f"{key:%d/%m/%Y}",
        "acuity": shown.acuity_word,
    }
    return tables[by]


# --- pages -------------------------------------------------------------------------------------------------


@room.get("")
def index() -> str:
    asked = wanted()
    with reading() as session:
        report = read(session, asked)
    today = midnight(now()).date()
    spans = {
        say("Hôm nay"): (today, today),
        say("Hôm qua"): (today - timedelta(days=1),) * 2,
        say("7 ngày"): (today - timedelta(days=6), today),
        say("30 ngày"): (today - timedelta(days=29), today),
    }
    return render_template(
        "reports.html", report=report, wanted=asked, by={key: say(name) for key, name in shown.REPORTS_BY.items()}, percent=percent,
        length=length, spans=spans, meanings=shown.MEANINGS,
    )  # fmt: skip


@room.get("/report.csv")
def table() -> Response:
    """The same lines for a spreadsheet: UTF-8 with its mark, seconds and percents as plain numbers."""
    asked = wanted()
    with reading() as session:
        report = read(session, asked)
    heads = [say(shown.REPORTS_BY[asked.by]), *(COLUMNS if headers_are_keys() else map(header, COLUMNS))]
    lines = ([plain(line.name), *cells(line)] for line in (*report.lines, report.total))
    return download(spreadsheet(heads, lines), "text/csv; charset=utf-8", "report", asked, "csv")


def spreadsheet(heads: Sequence[object], lines: Iterable[Sequence[object]]) -> str:
    """CSV with the mark by which spreadsheets know UTF-8."""
    text = io.StringIO()
    csv.writer(text).writerows([heads, *lines])
    return "\ufeff" + text.getvalue()


def download(content: str | bytes, kind: str, what: str, asked: Wanted, ending: str) -> Response:
    """A file that is named by what it reports on."""
    name = f"{what}-{asked.by}-{asked.since}-{asked.until}.{ending}"
    return Response(
        content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


COLUMNS = (
    "arrived", "answered", "lost", "lost_after_30_s", "short", "elsewhere", "called_out", "service_percent",
    *(f"service_percent_{acuity.value}" for acuity in Acuity), "abandoned_percent", "wait_s", "longest_wait_s", "talk_s",
    "wrap_up_s", "recalls_made", "recalls_done", "recalls_open", "recalls_failed", "hand_overs", "hand_overs_first",
    "hand_overs_later", "hand_overs_emergency", "hand_overs_declined", "hand_overs_no_answer", "hand_overs_withdrawn",
    "hand_overs_open", "accept_s", "accepted_in_time_percent", "scored", "score_percent", "score_passed_percent",
)  # fmt: skip
"""The CSV's columns; GLOSSARY.md says what each counts. They stand in the first line when `?headers=keys` asks for them."""


def headers_are_keys() -> bool:
    """A machine reads the table: its columns have names that never change with the language."""
    return request.args.get("headers") == "keys"


def header(column: str) -> str:
    level = column.removeprefix("service_percent_")
    if level != column:
        return say("Đúng hạn, mức {acuity} (%)", acuity=shown.acuity_short(Acuity(level)))
    return say(shown.REPORT_HEADERS[column])


def cells(line: Line) -> list[str]:
    """The line's values in the order of COLUMNS; empty where there is nothing to count."""
    f, owed, handed, graded = line.figures, line.owed, line.handed, line.scored
    levels = [f.levels[a].percent if a in f.levels else None for a in Acuity]
    return [
        number(value)
        for value in (
            f.arrived, f.answered, f.lost, f.lost_late, f.short, f.elsewhere, f.called_out, f.service.percent, *levels,
            f.abandoned_percent, f.wait_s, f.longest_wait_s, f.talk_s, f.wrap_up_s, owed.made, owed.done, owed.open,
            owed.failed, handed.made, handed.first, handed.later, handed.emergency, handed.declined, handed.no_answer,
            handed.withdrawn, handed.open, handed.accept_s, handed.in_time_percent, graded.count, graded.percent,
            graded.passed_percent,
        )
    ]  # fmt: skip


def number(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.1f}"


def plain(text: str) -> str:
    """A name that a spreadsheet takes for a name, never for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
