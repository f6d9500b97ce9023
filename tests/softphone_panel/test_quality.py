"""Scoring beside a recording, coaching notes, calibrations and the weekly draw, as people use them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from hotline import database
from hotline.calls import Call
from hotline.database import reading, transaction
from hotline.events import AcuityCorrected, now
from hotline.operators import Operator
from hotline.quality import Calibration, CoachingNote, KeptForm, Score, ToScore
from hotline.record import apply
from hotline.recordings import Recording
from hotline.settings import PROJECT, settings
from ivr import quality_files, sampling_draw, worker
from ivr.scoring_form import Form
from tests.softphone_panel.conftest import Client, SignedIn

SHIPPED = PROJECT / "installation" / "quality"
BEST = dict.fromkeys(
    ("greeting", "danger_signs", "right_level", "address", "instruction", "hand_over", "courtesy", "wrap_up"), "yes"
)  # fmt: skip


def kept_call(username: str = "lan") -> str:
    """The latest recorded call that this operator talked in."""
    with reading() as session:
        found = session.scalars(
            select(Call.id)
            .join(Recording, Recording.call_id == Call.id)
            .where(Call.answered_by == username)
            .order_by(Call.arrived_at.desc())
        ).first()
    assert found
    return found


def form() -> Form:
    (found,) = quality_files.files(settings().installation).forms.values()
    return found


def answer(client: Client, call_id: str, question: str, given: str, calibration: int = 0) -> tuple[int, str]:
    sent = {"form": form().digest, "question": question, "answer": given, "calibration": calibration}
    got = client.post(f"/quality/calls/{call_id}/answers", data=sent)
    return got.status_code, got.text


def score(client: Client, call_id: str, answers: dict[str, str], calibration: int = 0) -> None:
    for question, given in answers.items():
        assert answer(client, call_id, question, given, calibration)[0] == 200
    sent = {"form": form().digest, "calibration": calibration}
    assert client.post(f"/quality/calls/{call_id}/finish", data=sent).status_code == 303


def scores() -> list[Score]:
    with reading() as session:
        return list(session.scalars(select(Score).order_by(Score.id)))


def test_a_draft_is_saved_as_it_is_clicked_and_is_still_there_on_the_next_page(signed_in: SignedIn) -> None:
    chief, call_id = signed_in("truongca"), kept_call()
    assert "còn 7 tiêu chí" in answer(chief, call_id, "greeting", "partly")[1]
    assert answer(chief, call_id, "greeting", "no")[0] == 200
    page = signed_in("truongca").get(f"/recordings/{call_id}").text
    assert re.search(r'id="a-0-greeting-3" value="no" data-key="3" checked', page)
    (draft,) = scores()
    assert (draft.finished_at, draft.percent) == (None, None)
    assert answer(chief, call_id, "greeting", "n/a")[0] == 422
    assert answer(chief, call_id, "no_such", "yes")[0] == 422
    assert signed_in("lan").get(f"/recordings/{call_id}").text.count("criterion") == 0


def test_many_first_clicks_at_once_begin_one_draft_and_lose_no_answer(signed_in: SignedIn) -> None:
    call_id, chiefs = kept_call(), [signed_in("truongca") for _ in range(4)]
    questions = list(BEST)

    def click(n: int) -> int:
        return answer(chiefs[n], call_id, questions[n], "yes")[0]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(click, range(4))) == [200] * 4
    assert len(scores()) == 1
    assert "còn 3 tiêu chí" in answer(chiefs[0], call_id, "courtesy", "yes")[1]


def test_a_score_is_finished_when_every_criterion_is_answered_and_is_fixed_then(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    chief, call_id = signed_in("truongca"), kept_call()
    answer(chief, call_id, "greeting", "yes")
    refused = chief.post(f"/quality/calls/{call_id}/finish", data={"form": form().digest})
    assert refused.status_code == 422
    assert "Còn tiêu chí chưa chấm: Hỏi đủ dấu hiệu nguy hiểm;" in refused.text
    score(chief, call_id, {**BEST, "hand_over": "n/a", "courtesy": "partly"})
    (done,) = scores()
    assert done.percent == pytest.approx(100 * 17 / 18, abs=1e-4)
    assert (done.passed, done.operator_id, done.scorer_id) == (True, who["lan"], who["truongca"])
    assert answer(chief, call_id, "greeting", "no")[0] == 409
    page = chief.get(f"/recordings/{call_id}").text
    assert "94,4 %" in page
    assert 'type="radio"' not in page


def test_a_critical_failure_fails_the_call_whatever_the_percent(signed_in: SignedIn) -> None:
    chief, call_id = signed_in("truongca"), kept_call()
    score(chief, call_id, {**BEST, "address": "no"})
    (done,) = scores()
    assert (done.percent, done.passed) == (85.0, False)
    assert "Không đạt vì tiêu chí bắt buộc" in chief.get(f"/recordings/{call_id}").text


def test_the_form_of_an_old_score_is_kept_when_the_file_changes(
    house: Path, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = house / "quality"
    own.mkdir()
    text = (SHIPPED / "emergency.form.toml").read_text(encoding="utf-8")
    (own / "own.form.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(quality_files, "folder", lambda installation: own)
    chief, call_id = signed_in("truongca"), kept_call()
    score(chief, call_id, BEST)
    (own / "own.form.toml").write_text(
        text.replace("Chào và xưng tên", "Xưng tên").replace('version = "1"', 'version = "2"')
    )
    with reading() as session:
        (kept,) = session.scalars(select(KeptForm)).all()
    assert (kept.name, kept.version, kept.text) == ("vn1022-emergency-call", "1", text)
    assert "Chào và xưng tên đúng mẫu" in chief.get(f"/recordings/{call_id}").text
    assert "Xưng tên đúng mẫu" in signed_in("truongca2").get(f"/recordings/{call_id}").text
    (own / "own.form.toml").write_text("[form]\nid = 3")
    page = chief.get("/quality").text
    assert "Tệp own.form.toml không dùng được" in page
    assert "Phiếu chấm không có câu hỏi nào" in page
    assert "Chào và xưng tên đúng mẫu" in chief.get(f"/recordings/{call_id}").text


def test_nobody_scores_their_own_call_and_operators_score_none(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    call_id = kept_call()
    with transaction() as session:
        call = session.get(Call, call_id)
        assert call is not None
        call.operator_id = who["truongca"]
    chief, lan = signed_in("truongca"), signed_in("lan")
    assert answer(chief, call_id, "greeting", "yes")[0] == 403
    assert "data-scoring" not in chief.get(f"/recordings/{call_id}").text
    assert answer(lan, call_id, "greeting", "yes")[0] == 403
    assert scores() == []


def test_an_operator_sees_their_scores_and_notes_acknowledges_them_and_may_answer(
    signed_in: SignedIn,
) -> None:
    chief, lan, hoa, call_id = signed_in("truongca"), signed_in("lan"), signed_in("hoa"), kept_call()
    score(chief, call_id, BEST)
    sent = {"text": "Nên hỏi mốc dễ thấy khi xác nhận địa chỉ", "at": "0:07"}
    assert chief.post(f"/quality/calls/{call_id}/notes", data=sent).status_code == 303
    assert chief.post(f"/quality/calls/{call_id}/notes", data={"text": "x", "at": "9:00"}).status_code == 422
    assert chief.post(f"/quality/calls/{call_id}/notes", data={"text": "  "}).status_code == 422
    assert "chưa xem" in chief.get(f"/recordings/{call_id}").text
    assert ">1</b>" in lan.get("/quality/unread").text
    page = lan.get("/quality").text
    assert "Nên hỏi mốc dễ thấy" in page
    assert "100,0 %" in page
    assert "đã thấy, chưa xác nhận" in chief.get(f"/recordings/{call_id}").text
    assert "Nên hỏi mốc" not in hoa.get("/quality").text
    with reading() as session:
        note = session.scalars(select(CoachingNote.id)).one()
    assert hoa.post(f"/quality/notes/{note}", data={}).status_code == 404
    assert lan.post(f"/quality/notes/{note}", data={"answer": "Vâng, em sẽ hỏi"}).status_code == 303
    assert lan.post(f"/quality/notes/{note}", data={"answer": "Không"}).status_code == 409
    assert lan.get("/quality/unread").text.strip() == ""
    assert "Vâng, em sẽ hỏi" in chief.get(f"/recordings/{call_id}").text
    own = lan.get(f"/recordings/{call_id}").text
    assert "Nên hỏi mốc dễ thấy" in own
    assert "Điểm đã chấm" in own
    assert "data-scoring" not in own


def calibrated(client: Client, call_id: str, scorers: list[int]) -> int:
    got = client.post(
        f"/quality/calls/{call_id}/calibrations", data={"form": form().digest, "scorer": scorers}
    )
    assert got.status_code == 303, got.text
    with reading() as session:
        return int(session.scalars(select(Calibration.id)).one())


def test_a_calibration_is_blind_until_all_have_finished_then_shows_who_differs(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    first, second, call_id = signed_in("truongca"), signed_in("truongca2"), kept_call()
    score(first, call_id, {**BEST, "greeting": "no"})
    alone = {"form": form().digest, "scorer": [who["truongca"], who["lan"]]}
    assert first.post(f"/quality/calls/{call_id}/calibrations", data=alone).status_code == 422
    number = calibrated(first, call_id, [who["truongca"], who["truongca2"]])
    score(first, call_id, {**BEST, "courtesy": "no"}, number)
    page = first.get(f"/quality/calibrations/{number}").text
    assert "Kết quả hiện ra khi mọi người đã chấm xong" in page
    assert "<table" not in page
    blind = second.get(f"/recordings/{call_id}").text
    assert "95,0 %" not in blind
    assert "Điểm đã chấm" not in blind
    assert "Hiệu chuẩn: chấm riêng" in blind
    assert "95,0 %" not in second.get("/quality").text
    assert ">1</b>" in second.get("/quality/unread").text
    score(second, call_id, {**BEST, "hand_over": "n/a"}, number)
    shown = first.get(f"/quality/calibrations/{number}").text
    rows = {
        name: (row.count("differs"), re.search(r'class="spread">([^<]*)', row))
        for row in shown.split("<tr")
        if (name := next((q for q, text in NAMES.items() if text in row), ""))
    }
    assert {name for name, (apart, _) in rows.items() if apart} == {"courtesy", "hand_over"}
    assert rows["courtesy"][1] is not None
    assert rows["courtesy"][1][1] == "100,0 %"
    assert "Điểm đã chấm" in second.get(f"/recordings/{call_id}").text
    assert answer(second, call_id, "greeting", "no", number)[0] == 409


NAMES = {
    "courtesy": "Lịch sự",
    "hand_over": "Tóm tắt cho trạm",
    "greeting": "Chào và xưng tên",
    "address": "Xác nhận lại",
}


def test_who_is_no_part_of_a_calibration_cannot_answer_in_it_and_the_absent_are_left_out_by_hand(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    first, second, call_id = signed_in("truongca"), signed_in("truongca2"), kept_call()
    with transaction() as session:
        third = Operator(username="truongca3", full_name="Ba", role="supervisor", password_hash="x")
        session.add(third)
        session.flush()
        third_id = third.id
    assert answer(signed_in("quantri"), call_id, "greeting", "yes", 77)[0] == 409
    number = calibrated(first, call_id, [who["truongca"], who["truongca2"], third_id])
    score(first, call_id, BEST, number)
    assert first.post(f"/quality/calibrations/{number}/absent").status_code == 422
    score(second, call_id, BEST, number)
    assert "<table" not in first.get(f"/quality/calibrations/{number}").text
    assert first.post(f"/quality/calibrations/{number}/absent").status_code == 303
    assert "<table" in first.get(f"/quality/calibrations/{number}").text


def test_the_weeks_draw_gives_supervisors_their_lists_and_repeats_nothing(
    signed_in: SignedIn, who: dict[str, int]
) -> None:
    chief, second = signed_in("truongca"), signed_in("truongca2")
    week = sampling_draw.monday_of(now() - timedelta(minutes=20))
    assert chief.post("/quality/draw", data={"week": week.isoformat()}).status_code == 303
    assert chief.post("/quality/draw", data={"week": week.isoformat()}).status_code == 303
    with reading() as session:
        rows = session.scalars(select(ToScore)).all()
        known = set(session.scalars(select(Recording.call_id)))
    assert {row.call_id for row in rows} == known
    by_scorer = [sum(row.scorer_id == who[name] for row in rows) for name in ("truongca", "truongca2")]
    assert by_scorer == [2, 2]
    mine = [row.call_id for row in rows if row.scorer_id == who["truongca"]]
    page = chief.get("/quality").text
    assert all(f"/recordings/{call_id}" in page for call_id in mine)
    assert "Bạn cần chấm (2)" in page
    score(chief, mine[0], BEST)
    assert "Bạn cần chấm (1)" in chief.get("/quality").text
    assert "Bạn cần chấm (2)" in second.get("/quality").text
    for wrong in ("", "x", (week + timedelta(days=1)).isoformat()):
        assert chief.post("/quality/draw", data={"week": wrong}).status_code == 422


def test_a_red_call_whose_level_a_person_changed_later_is_found_at_the_next_draw(
    app: Flask, who: dict[str, int]
) -> None:
    call_id, a_week_ago = kept_call(), now() - timedelta(days=7)
    with transaction() as session:
        apply(
            session,
            AcuityCorrected(call_id=call_id, before="YELLOW", acuity="RED", why="khó thở", by="truongca"),
            "panel",
        )
        call = session.get(Call, call_id)
        assert call is not None
        call.arrived_at = a_week_ago
    assert worker._draw(database.engine(), settings()) == 1
    assert worker._draw(database.engine(), settings()) == 0
    with reading() as session:
        (row,) = session.scalars(select(ToScore)).all()
    assert (row.call_id, row.rule, row.week) == (
        call_id,
        "red_corrected",
        sampling_draw.monday_of(a_week_ago),
    )


def test_a_form_is_signed_by_a_second_person_and_an_unsigned_one_says_so(
    house: Path, monkeypatch: pytest.MonkeyPatch, signed_in: SignedIn
) -> None:
    own = house / "quality"
    own.mkdir()
    file = own / "emergency.form.toml"
    text = (SHIPPED / file.name).read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(quality_files, "folder", lambda installation: own)
    chief, digest = signed_in("truongca"), form().digest
    assert "chưa ai duyệt" in chief.get("/quality").text
    path = f"/quality/forms/{digest}/sign"
    assert chief.post(path, data={"wrote": "truongca"}).status_code == 422
    assert chief.post(path, data={}).status_code == 422
    assert signed_in("lan").post(path, data={"wrote": "quantri"}).status_code == 403
    assert chief.post(path, data={"wrote": "quantri"}).status_code == 303
    assert chief.post(path, data={"wrote": "quantri"}).status_code == 409
    assert "Trần Văn Trưởng Ca duyệt" in chief.get("/quality").text
    file.write_text(text.replace("pass_percent = 80", "pass_percent = 70"), encoding="utf-8")
    assert form().digest != digest
    assert "chưa ai duyệt" in chief.get("/quality").text
    again = chief.post(f"/quality/forms/{form().digest}/sign", data={"wrote": "quantri"})
    assert again.status_code == 409
    assert "số bản mới" in again.text
