"""A ticket's clock follows its entries, warns and escalates once, and survives whoever is killed and whatever was down."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from hotline import clocks, deadlines, installation
from hotline.clocks import Clocks, TicketClock
from hotline.database import reading, transaction
from hotline.deadlines import Deadline
from hotline.facts import apply_all
from hotline.orders import Happening
from hotline.settings import PROJECT
from hotline.sla import Rules
from hotline.tickets import Ticket, TicketEntry
from tests.hotline.facts import START, arrived, call_id, ended, triaged
from tests.hotline.order_scene import Scene

PROVINCE = installation.read(PROJECT / "installation" / "demo.toml")


class House:
    """The two jobs of a worker with a clock of the test's own."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.at = engine, START
        self.clocks = Clocks(engine, lambda: PROVINCE, lambda: self.at)
        self.worker = self.another("n1")
        self.opened = 0

    def another(self, node: str) -> deadlines.Worker:
        return deadlines.Worker(
            self.engine, {clocks.DUE: self.clocks.sound}, node, clock=lambda: self.at, steady=lambda: 0.0
        )

    def opens(self, acuity: str = "YELLOW") -> str:
        n = self.opened
        self.opened += 1
        with transaction(self.engine) as session:
            apply_all(session, [arrived(n, at=self.at), triaged(n, acuity, at=self.at)], "ivr")
        return f"t-{call_id(n)}"

    def enters(self, ticket_id: str, kind: str, text: str = "", **body: Any) -> None:
        with transaction(self.engine) as session:
            ticket = session.get(Ticket, ticket_id)
            assert ticket is not None
            if kind == "disposition":
                ticket.state, ticket.closed_at = "closed", self.at
            elif kind == clocks.REOPENED or body.get("from") == "closed":
                ticket.state, ticket.closed_at = "open", None
            session.add(
                TicketEntry(ticket_id=ticket_id, at=self.at, kind=kind, actor="lan", text=text, body=body)
            )

    def passes(self, minutes: float) -> None:
        self.at += timedelta(minutes=minutes)
        self.works()

    def works(self) -> None:
        self.clocks.look()
        self.worker.look()
        self.clocks.look()

    def row(self, ticket_id: str) -> TicketClock:
        with reading(self.engine) as session:
            row = session.get(TicketClock, ticket_id)
            assert row is not None
            return row

    def sounded(self, ticket_id: str) -> list[tuple[str, int, str]]:
        with reading(self.engine) as session:
            rows = session.scalars(
                select(TicketEntry)
                .where(
                    TicketEntry.ticket_id == ticket_id,
                    TicketEntry.kind.in_((clocks.WARNED, clocks.ESCALATED)),
                )
                .order_by(TicketEntry.id)
            )
            return [(row.body["stage"], row.body["number"], row.body.get("to", "")) for row in rows]


@pytest.fixture
def house(database: Engine) -> House:
    return House(database)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_a_ticket_that_opens_has_an_owner_and_a_next_moment_a_second_later(house: House) -> None:
    house.works()
    ticket = house.opens()
    house.works()
    row = house.row(ticket)
    assert (row.owner, row.stage, row.due_at, row.next_at) == (
        "hotline:binhphuoc", "accept", after(15), after(12),
    )  # fmt: skip


def test_what_happens_to_the_ticket_stops_its_clocks_one_after_the_other(house: House) -> None:
    ticket = house.opens()
    house.enters(ticket, "call_answered", answered_by="operator", operator_id=7)
    house.works()
    assert (house.row(ticket).stage, house.row(ticket).owner) == ("assign", "operator:7")
    house.enters(ticket, clocks.ASSIGNED, agency="doi-dong-xoai")
    house.enters(ticket, "assignment_moved", state="on_site")
    house.works()
    assert (house.row(ticket).stage, house.row(ticket).owner) == ("done", "agency:doi-dong-xoai")
    house.enters(ticket, clocks.DONE, "đã giao gạo")
    house.passes(3)
    assert (house.row(ticket).stage, house.row(ticket).due_at) == ("told", after(300))
    house.enters(ticket, clocks.TOLD)
    house.enters(ticket, "disposition", disposition="forwarded")
    house.passes(1)
    row = house.row(ticket)
    assert (row.stage, row.next_at, row.told_at, row.told_due_at) == ("", None, after(3), after(300))
    house.passes(10_000)
    assert house.sounded(ticket) == []
    with reading(house.engine) as session:
        assert deadlines.waiting(session, ticket) == {}


def test_a_team_that_accepts_its_order_has_the_ticket_until_it_is_done(database: Engine) -> None:
    scene = Scene(database)
    follower = Clocks(database, lambda: PROVINCE, lambda: scene.at)
    follower.look()
    (part,) = scene.parts(scene.issue("xa"))
    expected = (
        (Happening.ACCEPT, "on_site"), (Happening.SET_OUT, "on_site"), (Happening.ARRIVE, "done"), (Happening.FINISH, "told"),
    )  # fmt: skip
    for happening, stage in expected:
        scene.act(part.id, happening)
        follower.look()
        with reading(database) as session:
            row = session.get(TicketClock, scene.ticket_id)
            assert row is not None and (row.stage, row.owner) == (stage, "agency:xa"), happening


def test_after_an_hour_down_each_alarm_is_entered_once_and_in_order(house: House) -> None:
    ticket = house.opens()
    house.works()
    house.passes(62)
    expected = [
        ("accept", 0, ""),
        ("accept", 1, "role:supervisor"),
        ("accept", 2, "role:administrator"),
        ("accept", 3, "role:administrator"),
    ]
    assert house.sounded(ticket) == expected
    assert (house.row(ticket).sounded, house.row(ticket).told_to) == (4, "role:administrator")
    house.passes(1)
    assert house.sounded(ticket) == expected


def test_a_pause_with_its_reason_stops_the_clock_and_ends_by_itself(house: House) -> None:
    ticket = house.opens()
    house.passes(5)
    house.enters(ticket, clocks.PAUSED, "chờ gia đình", until=after(65).isoformat())
    house.works()
    row = house.row(ticket)
    assert (row.paused_until, row.pause_reason, row.next_at) == (after(65), "chờ gia đình", after(65))
    house.passes(61)
    row = house.row(ticket)
    assert (row.paused_until, row.due_at, house.sounded(ticket)) == (None, after(75), [])


def test_open_tickets_of_before_are_found_without_any_new_entry(house: House) -> None:
    tickets = [house.opens() for _ in range(3)]
    house.clocks.look()
    assert {house.row(ticket).stage for ticket in tickets} == {"accept"}


def test_other_promises_move_the_clocks_that_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = house.opens()
    house.works()
    monkeypatch.setattr(clocks, "rules_of", lambda province, hotline: Rules(hotline, warn_percent=50))
    house.clocks.all_anew()
    assert house.row(ticket).next_at == after(7.5)


def test_who_heard_the_advice_to_its_end_or_hung_up_at_once_leaves_nothing_to_do(house: House) -> None:
    for n, (reason, disposition) in enumerate(
        (("self_care", "information_given"), ("too_short", "wrong_number"))
    ):
        ticket = house.opens("GREEN")
        with transaction(house.engine) as session:
            apply_all(session, [ended(n, reason, at=house.at)], "ivr")
        house.works()
        with reading(house.engine) as session:
            found = session.get(Ticket, ticket)
            assert found is not None
            assert (found.state, found.disposition, house.row(ticket).stage) == ("closed", disposition, "")
            entry = session.scalars(
                select(TicketEntry).where(TicketEntry.ticket_id == ticket, TicketEntry.kind == "disposition")
            ).one()
            assert entry.body["proof"]["told"] in ("machine", "needless")


class Killed(BaseException):
    """As kill -9 between the work and its commit: what was not committed is gone."""


@pytest.mark.timeout(240)
def test_random_histories_leave_no_open_ticket_without_owner_and_deadline_and_no_alarm_missed_or_doubled(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(11)
    keep = house.clocks._keep
    kills = 0

    def dies(*words: Any) -> None:
        nonlocal kills
        keep(*words)
        if chance.random() < 0.05:
            kills += 1
            raise Killed

    monkeypatch.setattr(house.clocks, "_keep", dies)
    workers = [house.worker, house.another("n2")]
    tickets = [house.opens(chance.choice(["RED", "YELLOW", "NONMED"])) for _ in range(8)]
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("wrapped_up", {}), (clocks.ASSIGNED, {"agency": "a"}), (clocks.DONE, {}), (clocks.TOLD, {}),
        (clocks.PAUSED, {}), (clocks.RESUMED, {}), ("disposition", {}), (clocks.REOPENED, {"owner": "agency:b"}),
    )  # fmt: skip
    for _ in range(150):
        house.at += timedelta(minutes=chance.expovariate(1 / 15))
        ticket = chance.choice(tickets)
        kind, body = chance.choice(kinds)
        with reading(house.engine) as session:
            found = session.get(Ticket, ticket)
            assert found is not None
            is_closed = found.state == "closed"
        if is_closed == (kind == clocks.REOPENED):
            if kind == clocks.PAUSED:
                body = {"until": (house.at + timedelta(minutes=40)).isoformat()}
            house.enters(ticket, kind, "lý do", **body)
        for work in chance.sample(
            [house.clocks.look, workers[0].look, workers[1].look], k=chance.randint(0, 3)
        ):
            try:
                work()
            except Killed:
                house.clocks._seen.clear()
    monkeypatch.setattr(house.clocks, "_keep", keep)
    house.works()
    with reading(house.engine) as session:
        for found in session.scalars(select(Ticket)):
            row = session.get(TicketClock, found.id)
            assert row is not None
            rules = clocks.rules_of(PROVINCE, found.hotline)
            now = clocks.of(session, found, rules, house.at)
            assert (row.stage == "") == (found.state == "closed") == now.closed
            assert row.owner and row.owner == now.owner
            waits = session.scalars(select(Deadline.due_at).where(Deadline.about == found.id)).all()
            assert waits == ([row.next_at] if found.state != "closed" else [])
            if row.next_at is not None:
                assert row.next_at > house.at, "an alarm was missed"
        numbers: dict[tuple[str, int, str], list[int]] = {}
        asked = select(TicketEntry).where(TicketEntry.kind.in_((clocks.WARNED, clocks.ESCALATED)))
        for entry in session.scalars(asked.order_by(TicketEntry.id)):
            key = (entry.ticket_id, entry.body["round"], entry.body["stage"])
            numbers.setdefault(key, []).append(entry.body["number"])
        assert numbers and all(found == list(range(len(found))) for found in numbers.values())
    assert kills > 3
