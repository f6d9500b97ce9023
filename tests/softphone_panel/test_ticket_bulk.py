"""One thing done to many tickets: to exactly the chosen ones, each with its entry, the refused ones named; and saved filters."""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import select

from hotline import agencies, ticket_links
from hotline.agencies import AgencyRow
from hotline.clocks import ASSIGNED
from hotline.database import reading, transaction
from hotline.saved_filters import SavedFilter
from hotline.tickets import Ticket, TicketEntry
from tests.softphone_panel.conftest import Client, SignedIn
from tests.softphone_panel.test_ticket_ties import tie
from tests.softphone_panel.test_tickets import entries, rows_of, ticket

CLICKS = iter(f"{n:032x}" for n in range(10**6, 2 * 10**6))


def many(client: Client, where: str, act: str, ids: list[str], status: int = 200, **given: str) -> str:
    sent = {"act": act, "ticket": ids, "click_id": next(CLICKS), **given}
    answer = client.post(f"/tickets/many/{where}", data=sent)
    assert answer.status_code == status, answer.text
    return answer.text


def count(kind: str) -> int:
    with reading() as session:
        return len(session.scalars(select(TicketEntry).where(TicketEntry.kind == kind)).all())


def test_the_preview_names_what_is_refused_and_changes_nothing(signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    ids = [ticket(n).id for n in (1, 4, 7)]  # two ended, one that talks
    page = many(client, "look", "close", ids, first="1")
    assert "Làm với" not in page and "Đang có cuộc gọi." in page
    page = many(client, "look", "close", ids, disposition="advised")
    assert page.count("✓") == 2 and "Làm với 2 phiếu" in page
    page = many(client, "look", "close", ids, disposition="forwarded")
    assert page.count("✓") == 0 and page.count("Chưa có bằng chứng") == 2
    assert many(client, "look", "close", ids, 422, disposition="nothing")
    assert count("disposition") == 0


def test_exactly_the_chosen_tickets_are_closed_each_with_its_entry_and_the_refused_named(
    signed_in: SignedIn,
) -> None:
    client, ids = signed_in("truongca"), [ticket(n).id for n in (1, 4, 7)]
    sent = {"act": "close", "ticket": ids, "disposition": "advised", "note": "cuối ca", "click_id": "a" * 32}
    page = client.post("/tickets/many/do", data=sent).text
    assert "Đã làm với 2 phiếu" in page and "1 phiếu không làm được" in page
    assert re.search(r"BP-7</a>: Đang có cuộc gọi\.", page)
    client.post("/tickets/many/do", data=sent)  # the second half of a double click
    with reading() as session:
        closed = session.scalars(select(Ticket.number).where(Ticket.state == "closed")).all()
    assert sorted(closed) == [1, 4]
    for one in ids[:2]:
        (entry,) = entries(one, "disposition")
        assert (entry.actor, entry.text, entry.body["proof"]["told"]) == ("truongca", "cuối ca", "talk")
    assert count("disposition") == 2


def test_tickets_are_assigned_put_in_a_category_and_noted(signed_in: SignedIn) -> None:
    client, ids = signed_in("truongca"), [ticket(n).id for n in (1, 2)]
    other = ticket(1, "binhduong").id
    with transaction() as session:
        session.add(
            AgencyRow(
                key="ubnd", hotline="binhphuoc", name="UBND phường Tân Phú", kind="agency", level="commune", unit_code="25195",
                valid_from=date(2021, 1, 1),
            )
        )  # fmt: skip
    page = many(client, "do", "assign", [*ids, other], agency="ubnd", note="xử lý trong ngày")
    assert "Đã làm với 2 phiếu" in page and "Phiếu thuộc tổng đài khác." in page
    assert [e.body["agency"] for one in ids for e in entries(one, ASSIGNED)] == ["ubnd", "ubnd"]
    with reading() as session:
        assert agencies.organisation(session).agencies["ubnd"].name == "UBND phường Tân Phú"
    assert "không còn hoạt động" in many(client, "do", "assign", ids, agency="none")
    many(client, "do", "category", ids[:1], category="relief")
    page = many(client, "do", "category", ids, category="relief")
    assert "Đã làm với 1 phiếu" in page and "Đã ở lĩnh vực này." in page
    assert rows_of(client.get("/tickets?category=relief").text) == 2
    many(client, "do", "note", ids, note="Đã báo phường Tân Phú chung")
    assert rows_of(client.get("/tickets?text=tan phu chung").text) == 2
    assert "đang trống" in many(client, "do", "note", ids, 422)


def test_the_chosen_are_linked_as_one_incident_with_the_main_one(signed_in: SignedIn) -> None:
    client, ids = signed_in("lan"), [ticket(n).id for n in (3, 1, 2)]
    tie(client, ids[2], "BP-1", "same_incident")
    page = many(client, "look", "link", ids, first="1")
    assert f'value="{ids[1]}" selected' in page, "the oldest is offered as the main one"
    page = many(client, "do", "link", ids, main=ids[1])
    assert "Đã làm với 1 phiếu" in page and "Đã liên kết cùng vụ rồi." in page and "Là phiếu chính" in page
    with reading() as session:
        assert {e.other_id for e in ticket_links.of(session, ids[1])} == {ids[0], ids[2]}


def test_roles_and_foreign_tickets_are_checked_for_every_act(signed_in: SignedIn) -> None:
    client, ids = signed_in("lan"), [ticket(1).id]
    listed = client.get("/tickets").text
    assert 'value="note"' in listed and 'value="close"' not in listed
    for act in ("assign", "category", "close"):
        for where in ("look", "do"):
            many(client, where, act, ids, 403, category="relief", disposition="advised", agency="x")
    many(client, "do", "note", [*ids, "t-nobody"], 404, note="x")
    many(client, "do", "everything", ids, 422)
    many(client, "do", "note", [], 422, note="x")
    many(client, "do", "note", [f"t-{n}" for n in range(201)], 422, note="x")
    assert count("note") == 0


def saved(client: Client, status: int = 303, **form: str) -> str:
    answer = client.post("/tickets/filters", data=form)
    assert answer.status_code == status, answer.text
    return answer.headers.get("Location", answer.text)


def test_filters_are_saved_shared_reached_by_key_and_removed(signed_in: SignedIn) -> None:
    client, lan, chief = signed_in("lan"), signed_in("lan"), signed_in("truongca")
    there = saved(client, name="Đỏ đang mở", state="open", acuity="RED")
    assert rows_of(client.get(there).text) == 2
    assert "Chưa lọc gì" in saved(client, 422, name="Trống")
    assert "từ 1 đến 60" in saved(client, 422, name=" ", state="open")
    assert "Chỉ trưởng ca" in saved(client, 403, name="Chung", state="open", shared="1")
    saved(chief, name="Ngoài y tế", branch="nonmedical", shared="1")
    page = lan.get("/tickets").text
    assert 'aria-keyshortcuts="Alt+Shift+1"' in page and "Đỏ đang mở" in page and "Ngoài y tế" in page
    assert page.index("Đỏ đang mở") < page.index("Ngoài y tế"), "one's own first"
    assert "Đỏ đang mở" not in chief.get("/tickets").text
    saved(client, name="Đỏ đang mở", acuity="RED")  # the same name replaces it
    with reading() as session:
        rows = {row.name: row for row in session.scalars(select(SavedFilter))}
    assert rows["Đỏ đang mở"].query == {"acuity": "RED"}
    lan.post(f"/tickets/filters/{rows['Ngoài y tế'].id}/remove")
    assert "Ngoài y tế" in lan.get("/tickets").text, "another's is not removed"
    lan.post(f"/tickets/filters/{rows['Đỏ đang mở'].id}/remove")
    chief.post(f"/tickets/filters/{rows['Ngoài y tế'].id}/remove")
    with reading() as session:
        assert session.scalars(select(SavedFilter)).all() == []
