"""The organisation in the browser: found, changed as a draft, tried out on earlier tickets, published, undone, taken in as files."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from front_door import preparation
from hotline import agencies, documents, unit_files
from hotline.agencies import AgencyRow
from hotline.database import reading, transaction
from hotline.events import now
from hotline.installation import read as read_installation
from hotline.ledger import LedgerEntry
from hotline.organisation_documents import ORGANISATION
from hotline.organisation_tables import CONTACT_FIELDS
from hotline.settings import PROJECT, settings
from hotline.tickets import Ticket
from tests.softphone_panel.conftest import Client, SignedIn, hidden

HOTLINE = "binhphuoc"
PAGE = f"/organisation/{HOTLINE}"
TEAM = "bp-doi-25216"
DAY = date(2021, 8, 20)
INSTALLATION = read_installation(PROJECT / "installation" / "demo.toml")

pytestmark = pytest.mark.usefixtures("loaded")


@pytest.fixture
def loaded(who: object) -> None:
    """Units and the organisation as set-up loads them."""
    with transaction() as session:
        unit_files.load(session, INSTALLATION.units)
    preparation.organisation(settings())


def post(client: Client, act: str, **data: Any) -> tuple[int, str]:
    """What the page answers, and the list's page after it."""
    seen = hidden(client.get(f"{PAGE}/new").text, "seen")
    answer = client.post(PAGE + act, data={"seen": seen, **data})
    return answer.status_code, client.get(PAGE).text if answer.status_code == 303 else answer.text


def form_of(key: str, **changed: Any) -> dict[str, Any]:
    """What a browser sends of an agency's form, with some fields typed anew."""
    with reading() as session:
        house = documents.house(session, settings().installation)
        draft = documents.draft(session, ORGANISATION, HOTLINE)
        content = draft.content if draft is not None else house.content(ORGANISATION, HOTLINE)
    table = {**content["agency"][key], **changed}
    typed = {name: table.get(name, "") for name in ("name", "kind", "level", "unit", "above", "from", "to")}
    typed |= {name: "\n".join(table.get(name, [])) for name in ("numbers", "languages")}
    typed["contacts"] = "\n".join(
        "; ".join(one.get(name, "") for name in CONTACT_FIELDS) for one in table.get("contacts", [])
    )
    typed["categories"] = next(
        (row["categories"] for row in content["responsibility"] if row["agency"] == key), []
    )
    typed["capacity"] = str(table.get("capacity", 0))
    for n, duty in enumerate(table.get("duty", [])):
        days = [str(day) for day in duty["days"]]
        typed |= {f"{name}-{n}": duty[name] for name in ("who", "number", "from", "to")} | {f"days-{n}": days}
    return typed


def row(key: str = TEAM) -> AgencyRow:
    with reading() as session:
        found = session.get(AgencyRow, key)
        assert found is not None
        return found


def test_a_supervisor_finds_agencies_with_and_without_diacritics_by_place_and_number_and_changes_none(
    signed_in: SignedIn,
) -> None:
    client = signed_in("truongca")
    for words in ("Thác Mơ", "thac mo", "25216", "02711125216"):
        page = client.get(PAGE, query_string={"text": words}).text
        assert "Đội phản ứng nhanh phường Thác Mơ" in page and "xã Lộc Hòa" not in page
    page = client.get(PAGE, query_string={"level": "province", "kind": "team"}).text
    assert page.count('<th scope="row">') == 1
    page = client.get(PAGE, query_string={"on": "2025-07-01", "level": "commune"}).text
    assert page.count("bp25-doi-") == 40
    # A supervisor sees, and may not change.
    assert client.get(f"{PAGE}/agency/{TEAM}").status_code == 200
    assert client.post(f"{PAGE}/agency/{TEAM}", data=form_of(TEAM)).status_code == 403
    assert client.post(f"{PAGE}/publish").status_code == 403


def test_the_form_sent_as_it_is_changes_nothing(signed_in: SignedIn) -> None:
    for key in (TEAM, "bp-chi-huy", "bp-ban-chi-dao", "bp25-doi-25217"):
        status, page = post(signed_in("quantri"), f"/agency/{key}", **form_of(key))
        assert status == 303 and "Không khác bản đang dùng" in page


def test_a_change_is_a_draft_then_published_with_a_line_of_who_from_what_to_what_then_undone(
    signed_in: SignedIn,
) -> None:
    client, before = signed_in("quantri"), row().numbers
    status, page = post(client, f"/agency/{TEAM}", **form_of(TEAM, numbers=["0913566881"], capacity=5))
    assert status == 303 and row().numbers == before
    assert "<ins>0913566881</ins>" in page and f"<del>{before[0]}</del>" in page and "<ins>5</ins>" in page
    assert post(client, "/publish", note="đổi số")[0] == 303
    assert (row().numbers, row().capacity) == (["0913566881"], 5)
    page = client.get(f"{PAGE}/agency/{TEAM}").text
    assert "quantri" in page and "đổi số" in page and f"<del>{before[0]}</del>" in page
    with reading() as session:
        assert "organisation/binhphuoc" in session.scalars(select(LedgerEntry.subject)).all()
    assert post(client, "/undo", number="0")[0] == 303
    assert row().numbers == before


def test_what_nobody_could_ring_or_find_is_refused_in_a_sentence_and_the_draft_stays_as_it_was(
    signed_in: SignedIn,
) -> None:
    client = signed_in("quantri")
    for changed, said in (
        ({"numbers": ["12"]}, "số “12” không quay được"),
        ({"unit": "99999"}, "không có địa bàn mã"),
        ({"to": "2026-01-01"}, "chỉ có đến 30/06/2025"),
        ({"above": "nobody"}, "không có đơn vị mã “nobody”"),
    ):
        status, page = post(client, f"/agency/{TEAM}", **form_of(TEAM, **changed))
        assert status == 422 and said in page
    with reading() as session:
        assert documents.draft(session, ORGANISATION, HOTLINE) is None


def test_a_team_is_switched_off_at_once_and_its_orders_go_up_while_a_draft_waits(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    post(client, f"/agency/{TEAM}", **form_of(TEAM, capacity=9))
    assert post(client, f"/agency/{TEAM}/switch", active="no", note="")[0] == 422
    assert post(client, f"/agency/{TEAM}/switch", active="no", note="xe hỏng")[0] == 303
    assert not row().active and row().capacity == 2
    with reading() as session:
        whole = agencies.organisation(session)
    assert whole.responsible(HOTLINE, "relief", "25216", DAY)[0].key == "bp-chi-huy-688"
    status, _ = post(client, "/publish")
    assert status == 303
    assert (row().active, row().capacity) == (False, 9)
    assert post(client, f"/agency/{TEAM}/switch", active="yes", note="xe sửa xong")[0] == 303
    assert row().active


def test_a_draft_shows_where_yesterdays_tickets_would_have_gone(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    yesterday = now() - timedelta(days=1)
    with transaction() as session:
        for n, unit in enumerate(["25216"] * 3 + [""]):
            session.add(
                Ticket(id=f"t-old-{n}", hotline=HOTLINE, number=900 + n, call_id=f"old-{n}", unit_code=unit,
                       acuity="RED", opened_at=yesterday)
            )  # fmt: skip
    typed = form_of(TEAM)
    typed["categories"] = ["relief"]
    page = post(client, f"/agency/{TEAM}", **typed)[1]
    assert (
        "4 phiếu đã chạy lại: 3 phiếu tới đơn vị khác, 0 phiếu phải hỏi lại địa bàn, 0 phiếu không có ai nhận, 1 phiếu chưa rõ địa bàn"
        in page
    )
    replay = page[page.index('id="replay"') :]
    assert "BP-900…" in replay and "Đội phản ứng nhanh phường Thác Mơ" in replay
    assert "<ins>Trung tâm chỉ huy thị xã Phước Long</ins>" in replay
    later = client.get(PAGE, query_string={"as_on": "2025-07-01"}).text
    assert "<ins>Đội phản ứng nhanh phường Phước Long</ins>" in later


def test_a_file_is_taken_in_as_a_draft_and_a_broken_one_changes_nothing(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    head = "key,hotline,name,kind,level,unit,above,numbers,to\n"
    good = head + "bp-moi,binhphuoc,Đội mới,team,commune,25216,bp-chi-huy-688,0913566881,2025-06-30\n"
    answers = "hotline,agency,unit,categories\nbinhphuoc,bp-moi,25216,relief\n"

    def send(**files: str) -> tuple[int, str]:
        sent = [(io.BytesIO(text.encode()), f"{name}.csv") for name, text in files.items()]
        return post(client, "/import", files=sent, mode="merge")

    status, page = send(a=good + "x,binhphuoc,Đội,team,commune,25216,nobody,12,2025-06-30\n")
    assert status == 422
    assert (
        "a.csv dòng 3" in page and "không có đơn vị mã “nobody”" in page and "số “12” không quay được" in page
    )
    status, page = send(
        a=head + "x,binhphuoc,Đội,team,commune,25216,nobody,12,2025-06-30\ny,binhphuoc,Đội,team\n"
    )
    assert page.index("a.csv dòng 2") < page.index("a.csv dòng 3") and "hãy chọn một địa bàn" in page
    assert "không có địa bàn mã" not in page, "an empty cell is told once"
    assert send(a=good, b=answers.replace("relief", "cakes"))[0] == 422
    assert send(a=good.replace("binhphuoc", "binhduong"))[0] == 422
    with reading() as session:
        assert documents.draft(session, ORGANISATION, HOTLINE) is None
    status, page = send(a=good, b=answers)
    assert status == 303 and "Đội mới" in page and "<b>thêm</b>" in page
    assert post(client, "/publish")[0] == 303
    assert row("bp-moi").numbers == ["0913566881"]


def test_what_is_exported_can_be_taken_in_again_and_is_the_same(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    files = {
        name: client.get(f"{PAGE}/export/{name}").data
        for name in ("agencies.csv", "responsible.csv", "whole.toml")
    }
    for names in (("agencies.csv", "responsible.csv"), ("whole.toml",)):
        sent = [(io.BytesIO(files[name]), name) for name in names]
        status, page = post(client, "/import", files=sent, mode="replace")
        assert status == 303 and "Không khác bản đang dùng" in page


def test_two_who_change_at_once_do_not_overwrite_each_other(signed_in: SignedIn) -> None:
    client = signed_in("quantri")
    old = hidden(client.get(f"{PAGE}/new").text, "seen")
    assert post(client, f"/agency/{TEAM}", **form_of(TEAM, capacity=7))[0] == 303
    answer = client.post(f"{PAGE}/agency/{TEAM}", data={"seen": old, **form_of(TEAM, capacity=8)})
    assert answer.status_code == 409 and "Người khác vừa sửa" in answer.text
