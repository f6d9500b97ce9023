"""The wallboard and its television: the line against its targets, alarms, and nobody's data on the wall."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from hotline import trunk_channels
from hotline.acuity import Acuity
from hotline.database import reading, transaction
from hotline.events import now
from hotline.figures import Figures
from hotline.recalls import Recall, RecallState
from softphone_panel import create_app, day_chart, wallboard
from softphone_panel.words import midnight
from tests.softphone_panel import rows
from tests.softphone_panel.conftest import SignedIn


def test_each_level_of_the_line_shows_its_longest_wait_against_its_target(signed_in: SignedIn) -> None:
    page = signed_in("truongca").get("/wallboard").text
    line = page[page.index("wall-line-title") : page.index("wall-day-title")]
    for acuity in Acuity:
        row = line[line.index(f'<tr class="{acuity.value}">') :]
        row = row[: row.index("</tr>")]
        assert re.search(r'class="counted">1<', row), row
        assert f'data-target="{acuity.human_answers_within_s}"' in row


def test_a_red_caller_past_the_target_is_the_first_alarm_about_the_line(signed_in: SignedIn) -> None:
    with transaction() as session:
        for n, (acuity, seconds) in enumerate({"ORANGE": 90, "RED": 45}.items(), 600):
            began = now() - timedelta(seconds=seconds)
            rows.Caller(session, rows.call_id(began, n), began).arrives().is_triaged(acuity, "Khó thở")
    page = signed_in("truongca").get("/wallboard/board").text
    alarms = re.findall(r"</span> ([^<]+)</li>", page[: page.index("</ul>")])
    assert alarms == [
        "Tiến trình điều khiển cuộc gọi không hoạt động: tổng đài tự phục vụ.",  # none beats in this test
        "Mức Đỏ: có người chờ quá 0:10.",
        "Mức Cam: có người chờ quá 1:00.",
        "Gọi lại mức Đỏ: 1 người quá hạn mà chưa ai gọi.",
    ]


def test_a_late_recall_that_is_being_dialled_alarms_nobody(signed_in: SignedIn) -> None:
    with transaction() as session:
        session.execute(update(Recall).values(state=RecallState.DIALLING))
    page = signed_in("truongca").get("/wallboard/board").text
    assert "quá hạn" not in page
    assert "cần gọi lại" in page


def test_the_television_shows_no_number_no_name_and_no_word_of_a_caller(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    for path in ("/wallboard/tv", "/wallboard/tv/board"):
        page = client.get(path).text
        for _, (full_name, _) in rows.PEOPLE.items():
            assert full_name not in page
        assert not re.search(r"\b0[35789][\d•]{8}|•|\+84|BP-\d|BD-\d", page)
        assert "Khó thở" not in page


def test_an_operator_may_put_the_television_on_and_not_read_the_wallboard(signed_in: SignedIn) -> None:
    client = signed_in("lan")
    assert client.get("/wallboard/tv").status_code == 200
    assert client.get("/wallboard").status_code == 403


def test_the_chart_draws_each_half_hour_and_the_same_weekday_a_week_ago() -> None:
    todays = {16: Figures(arrived=2, answered=2), 17: Figures(arrived=1, lost=1), 47: Figures(arrived=1)}
    day = day_chart.slots(todays, {16: Figures(arrived=1), 0: Figures(arrived=1)})
    by_name = {slot.name: slot for slot in day}
    assert len(day) == 48
    assert (by_name["08:00"].served, by_name["08:00"].lost, by_name["08:00"].before) == (2, 0, 1)
    assert (by_name["08:30"].served, by_name["08:30"].lost) == (0, 1)
    assert (by_name["00:00"].before, by_name["23:30"].served) == (1, 1)
    chart = day_chart.drawn(day, None)
    assert chart.scale[0] == (chart.floor, 0)
    tallest = max(bar.served.height for bar in chart.bars)
    assert tallest == chart.floor - chart.scale[-1][0]
    lost = chart.bars[17].lost
    assert lost.y + lost.height == chart.floor


def test_the_wall_counts_the_day_and_the_same_weekday_by_the_half_hour_in_which_calls_came(
    house: object, who: dict[str, int]
) -> None:
    at = now()
    ago = at - timedelta(days=7)
    with transaction() as session:
        for n in range(3):
            rows.Caller(session, rows.call_id(ago, 700 + n), ago).arrives()
    with create_app().test_request_context("/"), reading() as session:
        begins = midnight(at)
        day = wallboard.counted_day(session, begins, at, lambda hotline: True)
        mine = wallboard.counted_day(session, begins, at, lambda hotline: hotline == "binhduong")
    slot = int((at - begins).total_seconds() // 1800)
    assert {n: figures.arrived for n, figures in day.week_ago.items()} == {slot: 3}
    assert sum(figures.arrived for figures in day.today.lines.values()) == day.today.total.arrived
    assert mine.today.total.arrived < day.today.total.arrived
    assert mine.week_ago == {}


def test_a_trunk_shows_what_was_counted_in_asterisk_and_nothing_once_nobody_counts(
    house: Path, signed_in: SignedIn
) -> None:
    client, run = signed_in("truongca"), house / "var" / "run"
    shown = re.compile(r"<b>([–\d]+) / (\d+)</b>")
    (first, channels), *_ = shown.findall(client.get("/wallboard").text)
    assert first == "–"
    run.mkdir(parents=True, exist_ok=True)
    trunk_channels.tell(run, {"vnpt": int(channels) - 1, "strange": 4})
    page = client.get("/wallboard").text
    assert shown.findall(page)[0] == (str(int(channels) - 1), channels)
    assert f"Trung kế vnpt gần hết kênh: {int(channels) - 1}/{channels}." in page
    os.utime(run / trunk_channels.NAME, (0, 0))
    assert shown.findall(client.get("/wallboard").text)[0][0] == "–"
    for damaged in ("", "{", "[1]", '{"vnpt": "x"}'):
        (run / trunk_channels.NAME).write_text(damaged)
        assert shown.findall(client.get("/wallboard").text)[0][0] == "–"
