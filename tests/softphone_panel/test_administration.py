"""The settings' pages: draft, differences, faults, publication, history, undo, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import asterisk_conf
from hotline import documents
from hotline.database import reading, transaction
from hotline.document_kinds import HOLIDAYS, HOTLINE, HOURS, RULES, in_force
from hotline.installation import Installation
from hotline.operators import Operator
from hotline.settings import settings
from hotline.tickets import Ticket
from softphone_panel import setting_forms
from softphone_panel.setting_forms import FORMS
from tests.softphone_panel.conftest import Client, SignedIn, hidden

HOTLINE_PAGE = "/settings/hotline/binhphuoc"


def form_of(kind: documents.Kind, key: str, **changes: str) -> dict[str, Any]:
    """What a browser sends of a form that shows what stands, with some fields typed anew."""
    with reading() as session:
        content = documents.house(session, settings().installation).content(kind, key)
    typed = {one.name: setting_forms.shown(one, content) for one in FORMS[kind.name]}
    ticked = {name: "yes" for name, value in typed.items() if value == "True"}
    rest = {name: value for name, value in typed.items() if value not in ("True", "False")}
    lists = {one.name: typed[one.name].splitlines() for one in FORMS[kind.name] if one.widget == "choices"}
    return {**rest, **ticked, **lists, **changes}


def post(client: Client, path: str, act: str = "", **data: Any) -> tuple[int, str]:
    """A form of that page, as it is now, sent; the status, and the page that follows."""
    seen = hidden(client.get(path).text, "seen")
    answer = client.post(path + act, data={"seen": seen, **data})
    return answer.status_code, client.get(path).text if answer.status_code == 303 else answer.text


def test_only_administrators_change_settings_and_supervisors_read_them(signed_in: SignedIn) -> None:
    assert signed_in("lan").get("/settings").status_code == 403
    supervisor = signed_in("truongca")
    assert supervisor.get("/settings").status_code == 200
    page = supervisor.get(HOTLINE_PAGE).text
    assert "Lưu nháp" not in page and "<fieldset disabled" in page
    for act in ("", "/publish", "/undo", "/discard"):
        assert supervisor.post(HOTLINE_PAGE + act, data={"seen": "0.0"}).status_code == 403


def test_every_document_has_its_page_and_no_other_has(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    page = client.get("/settings").text
    for path in ("hotline/binhphuoc", "hours/binhduong", "sla/binhduong", "rules", "holidays"):
        assert f'href="/settings/{path}"' in page
        assert client.get(f"/settings/{path}").status_code == 200
    for path in ("hotline/nowhere", "hotline", "rules/x", "trunks"):
        assert client.get(f"/settings/{path}").status_code == 404


def test_a_number_is_saved_as_a_draft_looked_at_published_and_undone(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    typed = form_of(HOTLINE, "binhphuoc")
    typed["numbers"] += "\n0271.3999"
    status, page = post(client, HOTLINE_PAGE, **typed)
    assert status == 303
    draft = page[page.index('id="draft-title"') : page.index('id="form-title"')]
    assert "<ins>0271.3999</ins>" in draft and "và 4 dòng giữ nguyên" in draft
    assert 'class="differs"><span class="number">02713999</span> → Tổng đài 1022 Bình Phước' in draft
    with reading() as session:
        assert documents.publication(session) == 0
    status, page = post(client, HOTLINE_PAGE, "/publish", note="Đầu số mới")
    assert status == 303
    assert "“Đầu số mới”" in page and 'id="draft-title"' not in page
    status, page = post(client, HOTLINE_PAGE, "/undo", number="0")
    assert status == 303 and "dùng lại bản 0" in page
    with reading() as session:
        states = [version.state for version in documents.history(session, HOTLINE, "binhphuoc")]
    assert states == ["published", "superseded"]


def test_a_published_change_is_followed_by_the_panel_itself(app: Flask, signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    post(client, "/settings/rules", **form_of(RULES, "", name="1022 Tỉnh Mới"))
    post(client, "/settings/rules", "/publish")
    app.config["IN_FORCE"]._looked_s = float("-inf")  # a second later
    assert "Tỉnh Mới" in client.get("/settings").text


def test_what_is_wrong_with_a_draft_is_said_all_at_once_and_it_cannot_be_published(
    signed_in: SignedIn,
) -> None:
    client = signed_in("quantri")
    typed = form_of(HOTLINE, "binhphuoc", numbers="02741022", wait_limit_s="viele", chain="Trực")
    _, page = post(client, HOTLINE_PAGE, **typed)
    for said in ("thuộc cả", "“Chờ tối đa (giây)”: phải là số nguyên", "“Số trực dự phòng”"):
        assert said in page.replace("&#39;", "'"), said
    assert 'value="viele"' in page
    status, page = post(client, HOTLINE_PAGE, "/publish")
    assert status == 422 and "Chưa công bố được" in page


def test_whoever_was_slower_is_told_and_finds_what_they_typed_in_the_form(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    seen = hidden(client.get("/settings/rules").text, "seen")
    post(client, "/settings/rules", **form_of(RULES, "", ring_s="30"))
    answer = client.post("/settings/rules", data={"seen": seen, **form_of(RULES, "", ring_s="44")})
    assert answer.status_code == 409
    assert "Người khác vừa sửa bản nháp này" in answer.text
    assert 'name="ring_s" value="44"' in answer.text
    with reading() as session:
        begun = documents.draft(session, RULES, "")
        assert begun is not None and begun.content["ring_s"] == 30


def test_a_draft_under_which_the_published_version_changed_says_so(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    post(client, "/settings/rules", **form_of(RULES, "", ring_s="30"))
    post(client, "/settings/rules", "/publish")
    _, page = post(client, "/settings/rules", **form_of(RULES, "", ring_s="40"))
    _, page = post(client, "/settings/rules", "/undo", number="0")
    assert "xem lại khác biệt, lưu nháp lần nữa" in page
    status, page = post(client, "/settings/rules", "/publish")
    assert status == 409


def test_hours_are_typed_row_by_row_and_shown_day_by_day(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    page = "/settings/hours/binhphuoc"
    seen = hidden(client.get(page).text, "seen")
    data = {"seen": seen, "from-0": "7h", "to-0": "11h30", "from-1": "13:30", "to-1": "17:00"}
    answer = client.post(page, data={**data, "days-0": ["1", "2"], "days-1": ["1", "2"]})
    assert answer.status_code == 303
    with reading() as session:
        begun = documents.draft(session, HOURS, "binhphuoc")
        assert begun is not None
        assert begun.content["hours"][1] == {"days": [1, 2], "from": "13:30", "to": "17:00"}
    shown = client.get(page).text
    assert shown.count("07:00–11:30") >= 3 and "T2, T3: 13:30–17:00" in shown
    assert "Cuộc gọi ĐỎ và CAM luôn được nối" in shown
    _, shown = post(client, page, **{"from-0": "07:00", "to-0": "11:30", "drop-0": "yes"})
    assert "Không khác bản đang dùng" in shown


def test_the_countrys_holidays_are_added_with_one_click_and_what_stands_stays(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    own = {"date-0": "2026-09-02", "name-0": "Quốc khánh (trực nửa ngày)", "from-0": "07:00", "to-0": "11:00"}
    _, page = post(client, "/settings/holidays", preset="2026", **own)
    with reading() as session:
        begun = documents.draft(session, HOLIDAYS, "")
        assert begun is not None
        found = {row["date"]: row["name"] for row in begun.content["holidays"]}
    assert {"2026-01-01", "2026-04-30", "2026-05-01"} < set(found)
    assert found["2026-09-02"] == "Quốc khánh (trực nửa ngày)"
    assert "Tết Nguyên đán Bính Ngọ" in page
    assert 'value="2027"' in page


def test_what_the_telephone_system_could_not_take_stands_on_the_page(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    post(client, "/settings/rules", **form_of(RULES, "", ring_s="30"))
    post(client, "/settings/rules", "/publish")
    assert "đang nhận bản công bố" not in client.get("/settings").text
    with transaction() as session:
        documents.note_followed(session, "calls@n1", 1, "No space left on device")
    page = client.get("/settings").text
    assert 'role="alert"' in page and "No space left on device" in page


def test_a_new_hotline_begins_as_a_draft_like_another_and_is_published_with_a_name_and_numbers(
    signed_in: SignedIn,
) -> None:
    client = signed_in("quantri")
    assert (
        client.post("/settings/new-hotline", data={"key": "binhphuoc", "like": "binhphuoc"}).status_code
        == 422
    )
    assert client.post("/settings/new-hotline", data={"key": "Đồng", "like": "binhphuoc"}).status_code == 422
    answer = client.post("/settings/new-hotline", data={"key": "dongnai", "like": "binhphuoc"})
    assert answer.headers["Location"] == "/settings/hotline/dongnai"
    page = "/settings/hotline/dongnai"
    status, said = post(client, page, "/publish")
    assert status == 422 and "“Tên”: không được để trống" in said
    with reading() as session:
        copied = documents.house(session, settings().installation).content(HOTLINE, "binhphuoc")
    warned = said[said.index("Những số này cũng là của tổng đài khác") :]
    assert all(f"{row['number']}</span>" in warned for row in copied["chain"] if row["number"] != "115")
    typed = form_of(HOTLINE, "binhphuoc", name="Tổng đài 1022 Đồng Nai", numbers="02511022", prefix="DN")
    assert post(client, page, **typed)[0] == 303
    status, said = post(client, page, "/publish")
    assert status == 303 and "Bản 0" not in said
    with reading() as session:
        house = documents.house(session, settings().installation)
    assert in_force(house).aliases["02511022"] == "dongnai"
    assert client.get("/settings/hours/dongnai").status_code == 200


def test_a_new_hotline_whose_draft_is_thrown_away_has_never_been(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    client.post("/settings/new-hotline", data={"key": "dongnai", "like": "binhphuoc"})
    assert "dongnai" in client.get("/settings").text
    page = "/settings/hotline/dongnai"
    seen = hidden(client.get(page).text, "seen")
    answer = client.post(page + "/discard", data={"seen": seen})
    assert answer.headers["Location"] == "/settings"
    assert client.get(page).status_code == 404


def test_a_retired_hotline_takes_no_new_calls_keeps_what_it_has_and_opens_again(
    app: Flask, signed_in: SignedIn
) -> None:
    client, page = signed_in("quantri"), "/settings/hotline/dongnai"
    client.post("/settings/new-hotline", data={"key": "dongnai", "like": "binhphuoc"})
    typed = form_of(HOTLINE, "binhphuoc", name="Tổng đài 1022 Đồng Nai", numbers="02511022", prefix="DN")
    post(client, page, **typed)
    post(client, page, "/publish")
    with transaction() as session:
        session.scalars(select(Operator).where(Operator.username == "lan")).one().hotlines = ["dongnai"]
        session.scalars(select(Ticket)).first().hotline = "dongnai"  # type: ignore[union-attr]  # the morning has tickets
    said = post(client, page, **typed, retired="yes")[1]
    assert (
        "02511022</span> → Tổng đài 1022 Bình Phước (từ vnpt); Tổng đài 1022 Bình Dương (từ viettel)" in said
    )
    assert "1 phiếu chưa xong và 0 cuộc phải gọi lại ở lại như cũ." in said
    assert "sẽ không còn nhận cuộc nào: Lê Thị Lan." in said
    assert post(client, page, "/publish")[0] == 303
    stands = in_force_now()
    assert "02511022" not in stands.aliases
    assert stands.hotline("dongnai").name == "Tổng đài 1022 Đồng Nai"
    dialplan = asterisk_conf.live_files(settings(), stands).texts["extensions.conf"]
    assert "exten => 02511022," not in dialplan
    assert "[duty-dongnai]" in dialplan  # for who is on the line
    app.config["IN_FORCE"]._looked_s = float("-inf")  # a second later
    assert "đã ngừng" in client.get("/settings").text
    assert '<option value="dongnai"' not in client.get("/stations/new").text
    assert '<option value="dongnai"' in client.get("/tickets").text
    assert post(client, page, "/undo", number="1")[0] == 303
    assert in_force_now().aliases["02511022"] == "dongnai"


def in_force_now() -> Installation:
    with reading() as session:
        return in_force(documents.house(session, settings().installation))


def test_a_hotline_that_a_trunk_leads_to_is_not_retired(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    said = post(client, HOTLINE_PAGE, **form_of(HOTLINE, "binhphuoc", retired="yes"))[1]
    assert "Đường trung kế vnpt đưa 1022 và số lạ về Tổng đài 1022 Bình Phước" in said
    assert post(client, HOTLINE_PAGE, "/publish")[0] == 422


@pytest.mark.parametrize("seen", ["", "x", "0", "99.99", "0.0.0"])
def test_a_form_that_no_page_of_ours_made_changes_nothing(signed_in: SignedIn, seen: str) -> None:
    client = signed_in("quantri")
    answer = client.post("/settings/rules", data={"seen": seen, **form_of(RULES, "", ring_s="30")})
    assert answer.status_code == 409


def test_deadlines_are_typed_row_by_row_published_and_hold(app: Flask, signed_in: SignedIn) -> None:
    client, path = signed_in("quantri"), "/settings/sla/binhphuoc"
    page = client.get(path).text
    assert 'name="accept-0" value="15"' in page and "0 = supervisor" in page
    steps = {"accept": "10", "assign": "20", "done": "100", "told": "120", "close": "600"}
    typed = {f"{stage}-0": minutes for stage, minutes in steps.items()}
    typed |= {
        "category-0": "*",
        "acuity-0": "*",
        "levels": "0 = supervisor\n30 = above",
        "warn_percent": "70",
    }
    typed |= {"repeat_min": "600", "from-0": "07:00", "to-0": "17:00", "days-0": "1"}
    wrong = {**typed, "told-0": "90", "levels": "0 ="}
    status, page = post(client, path, **wrong)
    assert status == 303 and "mỗi bước phải có hạn" in page and "cần người nhận" in page
    status, page = post(client, path, **typed)
    assert status == 303
    assert post(client, path, "/publish")[0] == 303
    with reading() as session:
        rules = in_force(documents.house(session, settings().installation)).hotline("binhphuoc").sla
    assert [(b.category, dict(b.minutes)) for b in rules.budgets] == [
        ("*", {k: int(v) for k, v in steps.items()})
    ]
    assert ([(level.after_min, level.to) for level in rules.levels], rules.warn_percent) == (
        [(0, "supervisor"), (30, "above")], 70,
    )  # fmt: skip
    assert post(client, path, "/undo", number="0")[0] == 303
