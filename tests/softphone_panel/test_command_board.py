"""The command centre's board: the list and the map say the same, late work has an owner, leaders read of nobody."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from hotline import agencies, open_work
from hotline.agencies import AgencyRow
from hotline.clocks import Clocks, TicketClock
from hotline.database import engine, reading, transaction
from hotline.events import now
from hotline.open_work import DESKS, Load
from hotline.operators import Operator
from hotline.orders import Assignment, Order
from hotline.tickets import Ticket, TicketState
from hotline.unit_files import UNITS_FROM
from hotline.units import VIETNAM
from softphone_panel import commune_map
from tests.softphone_panel.conftest import SignedIn


@pytest.fixture
def places(app: Flask, who: dict[str, int]) -> list[str]:
    """Two tickets in communes (one late with a team), one with a district only, one order; ids."""
    clocks = Clocks(engine(), lambda: app.config["INSTALLATION"])
    clocks.look()
    at = now()
    with transaction() as session:
        tickets = session.scalars(
            select(Ticket).where(Ticket.hotline == "binhphuoc").order_by(Ticket.number)
        ).all()
        for ticket, unit in zip(tickets, ("25432", "25195", "697"), strict=False):
            ticket.unit_code = unit
        late, fine, _ = tickets[:3]
        late.opened_at = at - timedelta(hours=7)
        session.add(
            AgencyRow(
                key="team-hung-long", hotline="binhphuoc", name="Đội phản ứng nhanh Hưng Long", kind="team", level="commune",
                unit_code="25432", valid_from=UNITS_FROM, valid_to=None,
            )
        )  # fmt: skip
        clock = session.get(TicketClock, late.id)
        assert clock is not None
        clock.due_at, clock.owner = at - timedelta(hours=2), "agency:team-hung-long"
        order = Order(
            id=f"o-{fine.call_id}-1", ticket_id=fine.id, hotline="binhphuoc", number=1, state="issued", category="relief",
            acuity="GREEN", unit_code="25195", what="Đưa gạo", due_at=at - timedelta(minutes=5), issued_by="truongca",
            issued_at=at - timedelta(hours=1),
        )  # fmt: skip
        session.add(order)
        session.flush()
        session.add(
            Assignment(
                id=f"{order.id}.1", order_id=order.id, ticket_id=fine.id, team="team-hung-long",
                team_name="Đội phản ứng nhanh Hưng Long", state="accepted", changed_at=at,
            )
        )  # fmt: skip
        return [one.id for one in tickets[:3]]


def test_the_list_and_the_map_have_the_same_places_with_the_same_numbers(
    places: list[str], signed_in: SignedIn
) -> None:
    page = signed_in("truongca").get("/command").text
    listed = set(re.findall(r'<tr data-code="(\d+)">', page))
    drawn = set(re.findall(r'<a id="map-(\d+)"', page))
    assert listed == drawn == {"25432", "25195", "697"}
    for code, told in (
        ("25432", "Phường Hưng Long 25432: 1 phiếu mở, 1 trễ; 0 lệnh, 0 trễ"),
        ("25195", "Phường Tân Phú 25195: 1 phiếu mở, 0 trễ; 1 lệnh, 1 trễ"),
        ("697", "Thị xã Chơn Thành, chưa rõ xã 697: 1 phiếu mở, 0 trễ; 0 lệnh, 0 trễ"),
    ):
        assert f'id="map-{code}"' in page and f'aria-label="{told}"' in page
    assert page.count('class="unit late"') == 2 and page.count('fill="url(#late-lines)"') == 2
    assert "censusVN2009" in page and "Chỉ để xem" in page


def test_what_is_late_is_found_by_place_by_holder_and_alone(places: list[str], signed_in: SignedIn) -> None:
    client = signed_in("truongca")
    for query in ("unit=25432", "holder=agency:team-hung-long", "late=1"):
        page = client.get(f"/command?{query}").text
        files = page[page.index("files-title") : page.index('class="command"')]
        assert f"/tickets/{places[0]}" in files, query
        assert "Đội phản ứng nhanh Hưng Long" in files and "trễ 2 giờ 0 phút" in files
        assert places[2] not in files
    assert places[1] in client.get("/command?holder=agency:team-hung-long").text, (
        "its order waits for that team"
    )


def test_a_leader_reads_numbers_and_agencies_but_nobodys_name_or_number(
    places: list[str], signed_in: SignedIn
) -> None:
    with transaction() as session:
        session.query(Operator).filter_by(username="quantri").update({"role": "leader"})
    leader = signed_in("quantri")
    page = leader.get("/command?late=1").text
    assert "BP-1" in page and "/tickets/" not in page
    with reading() as session:
        persons = [*session.scalars(select(Operator.full_name).where(Operator.username != "quantri"))]
        persons += [n for n in session.scalars(select(Ticket.caller_number)) if n]
    assert not [one for one in persons if one in page]
    assert signed_in("lan").get("/command").status_code == 403


def test_an_unknown_unit_or_hotline_is_an_empty_drill_down_and_no_fault(
    places: list[str], signed_in: SignedIn
) -> None:
    client = signed_in("truongca")
    assert "Không có phiếu nào." in client.get("/command?unit=99999").text
    assert client.get("/command?hotline=nowhere&holder=agency:gone&unit=none").status_code == 200


def test_the_figures_are_those_of_a_count_one_by_one(places: list[str]) -> None:
    at = now()
    with reading() as session:
        tickets = session.scalars(select(Ticket).where(Ticket.state != TicketState.CLOSED)).all()
        clocks = {one.ticket_id: one for one in session.scalars(select(TicketClock))}
        orders = session.scalars(select(Order)).all()
        loads = open_work.by_place(session, at)
        placed, _ = open_work.placed(
            loads, agencies.geography(session), datetime(2021, 8, 15, tzinfo=UTC).date()
        )
        holders = open_work.by_holder(session, at)
    total = sum(loads.values(), Load())
    late = [
        t for t in tickets if (c := clocks.get(t.id)) and c.due_at and c.due_at < at and not c.paused_until
    ]
    assert (total.tickets, total.late, total.orders, total.orders_late) == (len(tickets), len(late), 1, 1)
    hours = [(at - t.opened_at).total_seconds() / 3600 for t in tickets]
    edges = (-1, 1, 5, 24, 10**9)
    assert total.ages == tuple(sum(a <= h < b for h in hours) for a, b in itertools.pairwise(edges))
    for (code, day), load in {(w.code, w.day): x for w, x in loads.items()}.items():
        here = [t for t in tickets if (t.unit_code, t.opened_at.astimezone(VIETNAM).date()) == (code, day)]
        assert load.tickets == len(here)
    assert (
        sum(load.tickets for load in holders.values())
        == total.tickets
        == sum(x.tickets for x in placed.values())
    )
    assert holders["agency:team-hung-long"].orders == 1 and not any(k.startswith("operator") for k in holders)
    assert holders[DESKS].tickets == sum(
        clocks[t.id].owner.startswith("operator:") for t in tickets if t.id in clocks
    )
    assert orders[0].unit_code == "25195"


def test_both_provinces_of_both_structures_are_drawn(house: object) -> None:
    before, after = datetime(2021, 8, 1, tzinfo=UTC).date(), datetime(2025, 7, 1, tzinfo=UTC).date()
    for province, day, count in (
        ("70", before, 111),
        ("74", before, 91),
        ("70", after, 40),
        ("74", after, 36),
    ):
        drawn = commune_map.drawn(province, day)
        assert len(drawn.shapes) == count and drawn.credit
        assert all(0 <= s.x <= drawn.width and 0 <= s.y <= drawn.height for s in drawn.shapes)
    assert not commune_map.drawn("01", before).shapes
