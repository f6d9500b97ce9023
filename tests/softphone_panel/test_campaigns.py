"""The one switch of campaigns in the browser: seen before, confirmed with a reason, undone, planned and cancelled."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

from hotline import documents
from hotline.database import reading, transaction
from hotline.document_kinds import in_force
from hotline.events import now
from hotline.operators import Operator
from hotline.settings import settings
from hotline.units import VIETNAM
from tests.softphone_panel.conftest import Client, SignedIn, hidden


def active() -> str:
    with reading() as session:
        return in_force(documents.house(session, settings().installation)).campaign


def post(client: Client, path: str, **data: Any) -> tuple[int, str]:
    seen = hidden(client.get("/campaign/disaster").text, "seen")
    answer = client.post(f"/campaign/{path}", data={"seen": seen, **data})
    return answer.status_code, client.get("/campaign").text if answer.status_code == 303 else answer.text


def test_a_switch_shows_what_it_changes_and_is_made_only_with_the_box_ticked_and_a_reason(
    signed_in: SignedIn,
) -> None:
    client = signed_in("quantri")
    page = client.get("/campaign/disaster").text
    assert "<ins>emergency-only</ins>" in page and "<del>covid-2021</del>" in page and "<ins>6</ins>" in page
    assert "<ins>Tổng đài viên: xã, huyện, tỉnh</ins>" in page and "<ins>50</ins>" in page
    assert (
        post(client, "disaster", note="bão số 4")[0]
        == post(client, "disaster", sure="yes", note=" ")[0]
        == 422
    )
    assert active() == ""
    status, page = post(client, "disaster", sure="yes", note="bão số 4")
    assert status == 303 and active() == "disaster"
    assert "bão số 4" in page and "quantri" in page
    client.application.config["IN_FORCE"].look()
    assert "Chế độ Thiên tai đang bật." in client.get("/campaign").text
    # From a page that is no longer true nothing is switched.
    answer = client.post("/campaign/epidemic", data={"seen": "0.0", "sure": "yes", "note": "nhầm"})
    assert answer.status_code == 409 and active() == "disaster"
    assert post(client, "none", sure="yes", note="hết bão")[0] == 303 and active() == ""
    assert post(client, "undo", number="1")[0] == 303 and active() == "disaster"


def test_a_leader_plans_a_campaign_and_cancels_it_and_a_supervisor_only_looks(signed_in: SignedIn) -> None:
    with transaction() as session:
        session.query(Operator).filter_by(username="quantri").update({"role": "leader"})
    leader, supervisor = signed_in("quantri"), signed_in("truongca")
    begins = (now() + timedelta(days=1)).astimezone(VIETNAM)
    typed = {"sure": "yes", "note": "đợt tiêm", "begins": f"{begins:%Y-%m-%dT%H:%M}"}
    assert (
        post(supervisor, "epidemic", **typed)[0] == 403
        if "seen" in supervisor.get("/campaign/epidemic").text
        else True
    )
    past = {**typed, "begins": "2021-08-01T07:00"}
    status, page = post(leader, "epidemic", **past)
    assert status == 422 and "Giờ bắt đầu đã qua" in page
    status, page = post(leader, "epidemic", **typed)
    assert status == 303 and f"từ {begins:%d/%m/%Y %H:%M}" in page and active() == ""
    plan = page.partition("/campaign/plans/")[2].partition("/")[0]
    assert supervisor.post(f"/campaign/plans/{plan}/cancel").status_code == 403
    status, page = post(leader, f"plans/{plan}/cancel")
    assert status == 303 and "Chưa hẹn gì." in page


def test_a_profile_is_written_as_a_draft_judged_published_and_undone(signed_in: SignedIn) -> None:
    client, page = signed_in("quantri"), "/campaign/profiles/disaster"

    def send(act: str = "", at: str = page, **data: Any) -> tuple[int, str]:
        answer = client.post(f"{at}{act}", data={"seen": hidden(client.get(at).text, "seen"), **data})
        return answer.status_code, client.get(at).text if answer.status_code == 303 else answer.text

    text = html.unescape(
        client.get(page).text.partition("<textarea")[2].partition(">")[2].partition("</textarea")[0]
    )
    status, found = send(text=text)
    assert status == 303 and "Không khác bản đang dùng" in found
    assert send(text="vi = ")[0] == 422
    status, found = send(text=text.replace("ring_s = 6", "ring_s = 1"))
    assert status == 303 and "phải từ 2 đến 120" in found
    assert send("/publish")[0] == 422
    assert send(text=text.replace("ring_s = 6", "ring_s = 9"))[0] == 303
    assert post(client, "disaster", sure="yes", note="bão")[0] == 303
    assert send("/publish", note="chậm lại")[0] == 303 and _ring_s() == 9
    assert send("/undo", number="0")[0] == 303 and _ring_s() == 6
    assert client.post("/campaign/profiles", data={"key": "Bão"}).status_code == 422
    assert client.post("/campaign/profiles", data={"key": "mua"}).status_code == 303
    mine = 'vi = "Mưa lớn"\nen = "Heavy rain"\n[rules]\nring_s = 7\n'
    assert send(at="/campaign/profiles/mua", text=mine)[0] == 303
    assert send("/publish", at="/campaign/profiles/mua")[0] == 303
    client.application.config["IN_FORCE"].look()
    assert post(client, "mua", sure="yes", note="mưa")[0] == 303 and _ring_s() == 7
    status, found = send("/remove", at="/campaign/profiles/mua")
    assert status == 409 and "đang bật" in found
    assert post(client, "none", sure="yes", note="tạnh")[0] == 303
    assert send("/remove", at="/campaign/profiles/mua")[0] == 303
    client.application.config["IN_FORCE"].look()
    assert client.get("/campaign/mua").status_code == 404 and "Mưa lớn" not in client.get("/campaign").text
    assert client.post("/campaign/profiles", data={"key": "mua"}).status_code == 303
    assert send("/undo", at="/campaign/profiles/mua", number="1")[0] == 303
    client.application.config["IN_FORCE"].look()
    assert client.get("/campaign/mua").status_code == 200


def _ring_s() -> int:
    with reading() as session:
        return in_force(documents.house(session, settings().installation)).ring_s
