"""The reports' page and CSV: the same figures, for whom the table of roles names."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.events import now
from hotline.quality import KeptForm, Score
from hotline.tickets import Ticket
from hotline.transfers import Transfer
from softphone_panel import reports, shown
from softphone_panel.words import local
from tests.softphone_panel.conftest import Client, SignedIn


def sheet(client: Client, query: str = "") -> dict[str, dict[str, str]]:
    """The CSV's lines by their names."""
    text = client.get(f"/reports/report.csv?headers=keys&since=2000-01-01&{query}").text
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert tuple(lines[0][1:]) == reports.COLUMNS
    return {line[0]: dict(zip(lines[0][1:], line[1:], strict=True)) for line in lines[1:]}


def test_the_table_s_first_line_is_in_the_reader_s_language(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    first = next(csv.reader(io.StringIO(client.get("/reports/report.csv").text.removeprefix("\ufeff"))))
    assert first[1:4] == ["Gọi đến", "Nghe", "Bỏ lỡ"]
    assert len(set(first)) == len(reports.COLUMNS) + 1
    assert "Đúng hạn, mức Đỏ (%)" in first


@pytest.mark.parametrize("by", ["hotline", "operator", "hour", "day", "acuity"])
def test_every_division_adds_up_to_the_same_total(signed_in: SignedIn, by: str) -> None:
    lines = sheet(signed_in("truongca"), f"by={by}")
    total = lines.pop("Tất cả")
    assert (total["arrived"], total["answered"], total["lost"]) == ("14", "6", "2")
    assert (total["recalls_made"], total["recalls_open"]) == ("2", "2")
    assert sum(int(line["answered"]) for line in lines.values()) == 6
    if by != "operator":  # who was never answered is no operator's
        assert sum(int(line["arrived"]) for line in lines.values()) == 14
        assert sum(int(line["recalls_made"]) for line in lines.values()) == 2


def test_an_operators_line_has_their_calls_alone(signed_in: SignedIn) -> None:
    lines = sheet(signed_in("truongca"), "by=operator")
    assert lines["Lê Thị Lan"]["answered"] == "3"
    assert lines["Lê Thị Lan"]["talk_s"] == "95.0"
    assert lines["Võ Thị Hoa"]["answered"] == "1"


def test_hand_overs_and_scores_stand_in_the_report_and_its_csv(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    with transaction() as session:
        call = session.scalars(
            select(Call).where(Call.answered_by == "lan", Call.ended_at.is_not(None))
        ).first()
        assert call is not None
        asked = {
            "call_id": call.id,
            "kind": "warm",
            "operator_id": who["lan"],
            "asked_at": now(),
            "changed_at": now(),
        }
        session.add(
            Transfer(
                id="x-1",
                state="handed_over",
                rung_at=now(),
                accepted_at=now() + timedelta(seconds=12),
                **asked,
            )
        )
        session.add(Transfer(id="x-2", state="exhausted", rung_at=now(), **asked))
        session.add(KeptForm(digest="f", name="f", version="1", text="", kept_at=now()))
        session.flush()
        session.add(
            Score(
                call_id=call.id, form="f", scorer_id=who["truongca"], operator_id=who["lan"], begun_at=now(),
                finished_at=now(), percent=75.0, passed=False,
            )
        )  # fmt: skip
    client = signed_in("truongca")
    for line in (sheet(client, "by=operator")["Lê Thị Lan"], sheet(client, "by=day")["Tất cả"]):
        assert (line["hand_overs"], line["hand_overs_first"], line["hand_overs_no_answer"]) == ("2", "1", "1")
        assert (line["accept_s"], line["accepted_in_time_percent"]) == ("12.0", "50.0")
        assert (line["scored"], line["score_percent"], line["score_passed_percent"]) == ("1", "75.0", "0.0")
    assert sheet(client, "by=operator")["Võ Thị Hoa"]["scored"] == "0"
    assert "75,0 %" in client.get("/reports?by=operator").text


def test_a_hotline_may_be_chosen(signed_in: SignedIn) -> None:
    assert sheet(signed_in("truongca"), "hotline=binhduong")["Tất cả"]["arrived"] == "2"


def test_what_the_reader_asked_wrongly_is_said_in_a_sentence(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    page = client.get("/reports?since=2026-13-40").text
    assert "Ngày “2026-13-40” không có" in page
    assert "đã đổi chỗ hai ngày" in client.get("/reports?since=2026-05-02&until=2026-05-01").text
    assert "Báo cáo dài nhất 31 ngày" in client.get("/reports?since=2000-01-01").text


def test_only_supervisors_read_reports(signed_in: SignedIn) -> None:
    assert signed_in("lan").get("/reports").status_code == 403
    assert signed_in("quantri").get("/reports?by=operator").status_code == 200


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    assert reports.plain("=1+1") == "'=1+1"
    assert reports.plain("Lê Thị Lan") == "Lê Thị Lan"


@pytest.mark.parametrize(("by", "bars", "under"), [("hour", 24, "12h"), ("day", 7, "")])
def test_hours_and_days_are_drawn_each_in_its_place(
    signed_in: SignedIn, by: str, bars: int, under: str
) -> None:
    today = local(now()).date()
    client = signed_in("truongca")
    page = client.get(f"/reports?by={by}&since={today - timedelta(days=6)}&until={today}").text
    assert "report-chart" in page
    assert f">{under or f'{today:%d/%m}'}</text>" in page
    assert 0 < page.count('class="served"') <= bars
    assert "cùng thứ tuần trước" not in page
    assert "report-chart" not in client.get(f"/reports?by=day&since={today}&until={today}").text


def test_the_ticket_report_is_a_page_a_table_and_a_document_with_the_same_numbers(
    signed_in: SignedIn,
) -> None:
    client = signed_in("truongca")
    since = local(now() - timedelta(days=1)).date()
    with reading() as session:
        opened = len(session.scalars(select(Ticket.id)).all())
    for by in shown.TICKET_REPORTS_BY:
        page = client.get(f"/reports/tickets?by={by}&since={since}").text
        sheet = client.get(f"/reports/tickets/report.csv?by={by}&since={since}")
        rows = list(csv.reader(io.StringIO(sheet.data.decode("utf-8-sig"))))
        assert rows[0][1:4] == ["Tiếp nhận", "Đã giải quyết", "Tỷ lệ giải quyết (%)"]
        assert {len(row) for row in rows} == {1 + len(shown.TICKET_COLUMNS)}
        keys = client.get(f"/reports/tickets/report.csv?by={by}&since={since}&headers=keys").data.decode(
            "utf-8-sig"
        )
        assert keys.splitlines()[0].split(",")[1:] == list(shown.TICKET_COLUMNS)
        received = int(rows[-1][1])
        assert received == sum(int(row[1]) for row in rows[1:-1]) == opened > 5
        assert f'<tr class="total"><th scope="row">Tất cả</th><td>{received}</td>' in page
        paper = client.get(f"/reports/tickets/report.pdf?by={by}&since={since}")
        assert paper.content_type == "application/pdf" and paper.data.startswith(b"%PDF-")
    assert "Đã giải quyết" in client.get("/reports/tickets?since=2026-99-01").text
    assert signed_in("lan").get("/reports/tickets").status_code == 403
