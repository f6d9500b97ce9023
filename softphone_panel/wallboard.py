"""The wallboard: the line against its targets, operators, service levels, trunks, alarms and the day's course; also for a television."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template
from flask_login import current_user
from sqlalchemy.orm import Session

from hotline import recall_alarms, trunk_channels
from hotline.acuity import Acuity
from hotline.database import reading
from hotline.events import now
from hotline.figures import By, Counted, Figures, counted
from hotline.operators import Presence
from hotline.settings import settings
from softphone_panel import day_chart, desk, health, live_state, shown
from softphone_panel.words import length, midnight, say

room = Blueprint("wallboard", __name__, url_prefix="/wallboard")

NOW = timedelta(minutes=30)
"""The service level "now" is that of the calls of this long."""
COUNTED_FOR = timedelta(seconds=5)
"""Who waits is always fresh; thousands of calls of a day are not counted at every one of its changes."""
NEARLY_FULL = 0.85
WEEK = timedelta(days=7)
FEW_PERCENT = {Acuity.RED: 90.0}
"""Which service level is too low; for what is not named, 80 %."""
TOO_LOW_PERCENT = 80.0
TOO_MANY_ABANDONED_PERCENT = 5.0
ON_DUTY = (Presence.AVAILABLE, Presence.RINGING, Presence.TALKING, Presence.WRAP_UP, Presence.PAUSED)


@dataclass(frozen=True)
class Row:
    """One acuity of the line."""

    acuity: Acuity
    waiting: int
    oldest_at: datetime | None
    """When its longest waiter came to the line."""
    late: bool
    now: float | None
    """Service level of the last half hour, percent; None without a call."""
    today: float | None

    @property
    def target_s(self) -> int:
        return self.acuity.human_answers_within_s

    @property
    def now_is_low(self) -> bool:
        return is_low(self.acuity, self.now)

    @property
    def today_is_low(self) -> bool:
        return is_low(self.acuity, self.today)


@dataclass(frozen=True)
class TrunkUse:
    key: str
    in_use: int | None
    """None while nobody counts."""
    channels: int

    @property
    def is_nearly_full(self) -> bool:
        return self.in_use is not None and self.in_use >= math.ceil(self.channels * NEARLY_FULL)


@dataclass(frozen=True)
class CountedDay:
    """The calls of one day, as they were at a moment, and of the day a week before."""

    begins: datetime
    at: datetime
    today: Counted
    """By half hours."""
    recent: Figures
    """Of the last NOW."""
    week_ago: Mapping[int, Figures]


@dataclass(frozen=True)
class Wall:
    """What both pages show."""

    state: live_state.LiveState
    rows: tuple[Row, ...]
    presences: dict[str, int]
    today: Figures
    trunks: tuple[TrunkUse, ...]
    alarms: tuple[str, ...]
    chart: day_chart.Chart
    read_at: datetime
    owed: tuple[recall_alarms.Alarm, ...] = ()
    """Owed calls that alarm."""


def is_low(acuity: Acuity, percent: float | None) -> bool:
    """Whether that service level is below what the hotline promises."""
    return percent is not None and percent < FEW_PERCENT.get(acuity, TOO_LOW_PERCENT)


def read(session: Session, serves: Callable[[str], bool]) -> Wall:
    """The wall for somebody who may see the hotlines that `serves` says."""
    state = live_state.read(session, desk.province(), serves)
    at = state.read_at
    begins = midnight(at)
    day = counted_day(session, begins, at, serves)
    rows = tuple(_row(acuity, state, day.today.total, day.recent, at) for acuity in Acuity)
    trunks = trunk_use()
    presences = dict(Counter(d.state for d in state.desks))
    owed = tuple(a for a in recall_alarms.active(session, at) if serves(a.hotline))
    return Wall(
        state=state,
        rows=rows,
        presences=presences,
        today=day.today.total,
        trunks=trunks,
        alarms=tuple(alarms(state, rows, presences, trunks, health.beat_age_s(), owed)),
        chart=day_chart.drawn(
            day_chart.slots(day.today.lines, day.week_ago), so_far_s=(at - begins).total_seconds()
        ),
        read_at=at,
        owed=owed,
    )


def counted_day(
    session: Session, begins: datetime, at: datetime, serves: Callable[[str], bool]
) -> CountedDay:
    """The day's figures and those of a week ago; read anew every COUNTED_FOR, however often the page is drawn."""
    kept: dict[tuple[str, ...] | None, CountedDay] = current_app.extensions.setdefault("wallboard", {})
    hotlines = desk.province().seen_by(serves)
    known = kept.get(hotlines)
    if known is None or known.begins != begins:
        ago = counted(session, begins - WEEK, begins - WEEK + timedelta(days=1), By.SLOT, hotlines)
        known = CountedDay(
            begins, datetime.min.replace(tzinfo=UTC), Counted(Figures(), {}), Figures(), ago.lines
        )
    if not timedelta() <= at - known.at < COUNTED_FOR:
        until = at + timedelta(seconds=1)
        known = kept[hotlines] = replace(
            known, at=at, today=counted(session, begins, until, By.SLOT, hotlines),
            recent=counted(session, at - NOW, until, None, hotlines).total,
        )  # fmt: skip
    return known


def _row(acuity: Acuity, state: live_state.LiveState, today: Figures, recent: Figures, at: datetime) -> Row:
    here = [call.since for call in state.waiting if call.acuity == acuity]
    oldest = min(here, default=None)
    late = oldest is not None and (at - oldest).total_seconds() > acuity.human_answers_within_s
    percents = [f.levels[acuity].percent if acuity in f.levels else None for f in (recent, today)]
    return Row(acuity, len(here), oldest, late, percents[0], percents[1])


def trunk_use() -> tuple[TrunkUse, ...]:
    """Each trunk's channels in use as `calls` counts them in Asterisk, callers and legs out alike."""
    known = trunk_channels.known(settings().var / "run")
    return tuple(
        TrunkUse(t.key, None if known is None else known.get(t.key, 0), t.channels)
        for t in desk.province().trunks
    )


def alarms(
    state: live_state.LiveState,
    rows: tuple[Row, ...],
    presences: dict[str, int],
    trunks: tuple[TrunkUse, ...],
    beat_age_s: float | None,
    owed: tuple[recall_alarms.Alarm, ...] = (),
) -> list[str]:
    """What somebody must do something about now, the gravest first; empty when all is well."""
    found = []
    if beat_age_s is None or beat_age_s > health.BEAT_STALE_S:
        found.append(say("Tiến trình điều khiển cuộc gọi không hoạt động: tổng đài tự phục vụ."))
    if not any(presences.get(one) for one in ON_DUTY):
        found.append(say("Không có tổng đài viên nào trực."))
    for row in rows:
        if row.late and row.acuity.urgent:
            word = shown.acuity_short(row.acuity)
            found.append(
                say("Mức {acuity}: có người chờ quá {target}.", acuity=word, target=length(row.target_s))
            )
    found += _of_owed(owed)
    late = state.counts.recalls_late - sum(a.kind == recall_alarms.LATE and a.tries == 0 for a in owed)
    if late > 0:
        other = late < state.counts.recalls_late
        found.append(
            say("Thêm {count} người phải gọi lại đã quá hạn.", count=late)
            if other
            else say("{count} người phải gọi lại đã quá hạn.", count=late)
        )
    for trunk in trunks:
        if trunk.is_nearly_full:
            found.append(
                say("Trung kế {trunk} gần hết kênh: {used}/{all}.", trunk=trunk.key, used=trunk.in_use, all=trunk.channels)
            )  # fmt: skip
    for hotline in state.unapproved:
        found.append(say("{hotline} đang chạy KHÔNG có kịch bản được duyệt.", hotline=hotline))
    return found


def _of_owed(owed: tuple[recall_alarms.Alarm, ...]) -> list[str]:
    """Counts only: a television shows nobody's ticket."""
    counted = Counter((alarm.kind, alarm.acuity) for alarm in owed)
    said = []
    for (kind, acuity), count in sorted(counted.items(), key=lambda one: -one[0][1].urgency):
        told = {"acuity": shown.acuity_short(acuity), "count": count}
        if kind == recall_alarms.FAILED:
            said.append(
                say("Gọi lại mức {acuity}: {count} người gọi 3 lần không gặp, trưởng ca phải xử lý.", **told)
            )
        elif kind == recall_alarms.LATE:
            said.append(say("Gọi lại mức {acuity}: {count} người quá hạn mà chưa ai gọi.", **told))
        else:
            said.append(say("Gọi lại mức {acuity}: {count} người sắp hết hạn mà chưa ai gọi.", **told))
    return said


# --- pages -------------------------------------------------------------------------------------------------


@room.get("")
def page() -> str:
    with reading() as session:
        return render_template("wallboard.html", **_values(session))


@room.get("/board")
def board() -> Response:
    return desk.fragment("wallboard_board.html", _values)


@room.get("/tv")
def tv() -> str:
    """For a television in the room: figures and clocks, nobody's number, name or words."""
    with reading() as session:
        return render_template("wallboard_tv.html", **_values(session))


@room.get("/tv/board")
def tv_board() -> Response:
    return desk.fragment("wallboard_tv_board.html", _values)


def _values(session: Session) -> dict[str, Any]:
    return {
        "wall": read(session, current_user.serves),
        "percent": percent,
        "low_percent": TOO_LOW_PERCENT,
        "too_many_abandoned": TOO_MANY_ABANDONED_PERCENT,
        "presence_word": lambda key: shown.word(shown.PRESENCES, key),
        "presence_mark": shown.PRESENCE_MARKS.get,
        "presence_order": [p.value for p in ON_DUTY],
        "acuity_short": shown.acuity_short,
        "now": now(),
    }


def percent(value: float | None) -> str:
    """93 %; a dash when there is nothing to count."""
    return "–" if value is None else f"{math.floor(value + 0.5)} %"
