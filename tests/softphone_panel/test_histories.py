"""Random histories through every door: no ticket without an owner and a next deadline, no order without somebody or an alarm, no
escalation missed or doubled, and no closing without its proof."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from hotline import agencies, clocks, due_work, merging, order_alarms, ordering, referring
from hotline import events as e
from hotline.clocks import Clocks, TicketClock
from hotline.database import engine, reading, transaction
from hotline.deadlines import Deadline, Worker
from hotline.events import now
from hotline.facts import apply, apply_all
from hotline.merging import MERGED, MergeRefused, TicketMerge
from hotline.order_facts import ANSWER, APPROVAL, DUE
from hotline.ordering import Said
from hotline.orders import (
    FOLLOWS,
    LIVE,
    WORKING,
    Actor,
    Assignment,
    AssignmentState,
    Happening,
    Means,
    Order,
    OrderApproval,
    OrderState,
)
from hotline.recalls import OWED, RESULT, Recall
from hotline.referral_facts import DUE as REFERRAL_DUE
from hotline.referrals import OPEN as REFERRAL_OPEN
from hotline.referrals import WAITED_FOR, Referral, ReferralPart
from hotline.referrals import Happening as Answered
from hotline.refusals import RequestRefused
from hotline.tickets import Ticket, TicketEntry
from softphone_panel import shown
from tests.softphone_panel.conftest import A_WORKING_MORNING, Client, SignedIn
from tests.softphone_panel.order_rows import CENTRE, OTHER, PROVINCE, TEAM, teams

STEPS = 220
SPEAKS = (AssignmentState.SENT, AssignmentState.UNANSWERED, *WORKING)
SAID_BY_TEAMS = (
    Happening.ACCEPT,
    Happening.DECLINE,
    Happening.SET_OUT,
    Happening.ARRIVE,
    Happening.FINISH,
    Happening.FAIL,
)
SEEDS = (3, 7, 31)


class Killed(BaseException):
    """As kill -9 before a commit."""


class History:
    """A morning's tickets, and people, teams, clocks and callers who do anything in any order."""

    def __init__(
        self, app: Flask, signed_in: SignedIn, seed: int, later: Callable[[timedelta], None]
    ) -> None:
        self.chance, self.later = random.Random(seed), later
        self.supervisor, self.operator, self.leader = (signed_in(n) for n in ("truongca", "lan", "chutich"))
        self.clocks = Clocks(engine(), lambda: app.config["INSTALLATION"], now)
        self.workers = [
            Worker(engine(), due_work.handlers(self.clocks), node, clock=now, steady=lambda: 0.0)
            for node in ("n1", "n2")
        ]
        self._calls = itertools.count(1)
        with reading() as session:
            self.tickets = list(session.scalars(select(Ticket.id).order_by(Ticket.id)))
        self.did: Counter[str] = Counter()

    # -- what people do --

    def form(self, client: Client, path: str, **data: Any) -> bool:
        answer = client.post(path, data={"click_id": f"{self.chance.getrandbits(96):024x}", **data})
        assert answer.status_code < 500, answer.text[:2000]
        return answer.status_code < 400

    def change(self) -> bool:
        """Opened again, taken on, or closed with any disposition, as the ticket's form is sent."""
        ticket = self.ticket()
        state = self.chance.choice(["open", "in_progress", "closed", "closed"])
        return self.form(
            self.chance.choice([self.supervisor, self.operator]), f"/tickets/{ticket.id}/change",
            version=ticket.version, state=state, disposition=self.chance.choice([*shown.DISPOSITIONS]),
            unit_code=ticket.unit_code, note=self.chance.choice(["", "đã báo người dân qua điện thoại"]),
            seen_state=ticket.state, seen_disposition=ticket.disposition, seen_unit_code=ticket.unit_code,
        )  # fmt: skip

    def clock(self) -> bool:
        """Paused, gone on, done, told."""
        act = self.chance.choice(["pause", "resume", "done", "done", "told"])
        how = self.chance.choice([*shown.TOLD, "call", "call"])
        return self.form(
            self.operator, f"/tickets/{self.ticket().id}/clock", act=act, text="đã đưa người bệnh đi",
            hours="1", result=self.chance.choice(["solved", "supplied", "other"]), how=how,
        )  # fmt: skip

    def orders(self) -> bool:
        keys = self.chance.sample([TEAM, OTHER, CENTRE, PROVINCE], k=self.chance.randint(1, 2))
        due = now() + timedelta(minutes=self.chance.choice([-5, 20, 90]))
        return self.form(
            self.operator, f"/orders/new/{self.ticket().id}", what="Đưa người bệnh đi", category="other", team=keys,
            due_at=due.astimezone(A_WORKING_MORNING.tzinfo).strftime("%Y-%m-%dT%H:%M"),
            acuity=self.chance.choice(["RED", "YELLOW"]), reason="xã không đủ xe", unit_code="25195",
        )  # fmt: skip

    def decides(self) -> bool:
        with reading() as session:
            found = session.scalars(select(OrderApproval).order_by(OrderApproval.id)).all()
        if not found:
            return False
        one = self.chance.choice(found)
        return self.form(
            self.supervisor if self.chance.random() < 0.2 else self.leader,
            f"/orders/{one.order_id}/approval/{one.id}", decision=self.chance.choice(["approve", "refuse"]),
            said="không đủ xe để đi",
        )  # fmt: skip

    def recalls(self) -> bool:
        with reading() as session:
            found = session.scalars(select(Order.id)).all()
        if not found:
            return False
        order = self.chance.choice(found)
        return self.form(self.operator, f"/orders/{order}/recall", reason="người bệnh đã được đưa đi")

    def team_says(self) -> bool:
        with reading() as session:
            found = session.scalars(select(Assignment).where(Assignment.state.in_(SPEAKS))).all()
        if not found:
            return False
        part = self.chance.choice(found)
        says = [
            h for h in SAID_BY_TEAMS if isinstance(FOLLOWS[AssignmentState(part.state)][h], AssignmentState)
        ]
        one, happening = part.id, self.chance.choice(says)
        try:
            with transaction() as session:
                house = agencies.organisation(session)
                ordering.act(
                    session,
                    one,
                    happening,
                    Actor.TEAM,
                    "đội",
                    Means.TELEPHONE,
                    now(),
                    house,
                    Said("hết xăng giữa đường"),
                )
        except RequestRefused:
            return False
        return True

    def refers(self) -> bool:
        """A question to one or two agencies, as its form is sent."""
        keys = self.chance.sample([TEAM, OTHER, CENTRE, PROVINCE], k=self.chance.randint(1, 2))
        due = now() + timedelta(minutes=self.chance.choice([-5, 40, 200]))
        return self.form(
            self.operator, f"/referrals/new/{self.ticket().id}", question="Ai phát gạo ở khu này?", category="relief",
            agency=keys, due_at=due.astimezone(A_WORKING_MORNING.tzinfo).strftime("%Y-%m-%dT%H:%M"),
            unit_code="25195", ground="duty",
        )  # fmt: skip

    def agency_says(self) -> bool:
        with reading() as session:
            found = session.scalars(select(ReferralPart.id).where(ReferralPart.state.in_(WAITED_FOR))).all()
        if not found:
            return False
        happening = self.chance.choice([Answered.ANSWER, Answered.ANSWER, Answered.NOT_OURS, Answered.REFUSE])
        part, said = self.chance.choice(found), "Đội của phường phát vào chiều mai"
        try:
            with transaction() as session:
                house = agencies.organisation(session)
                referring.act(session, part, happening, "đơn vị", "link", now(), house, said)
        except RequestRefused:
            return False
        return True

    def referral_goes_on(self) -> bool:
        """Told to the citizen, contradicted, or recalled, as its form is sent."""
        with reading() as session:
            found = session.scalars(select(Referral).where(Referral.state.in_(REFERRAL_OPEN))).all()
        if not found:
            return False
        one = self.chance.choice(found)
        return self.form(
            self.operator, f"/referrals/{one.id}", act=self.chance.choice(["tell", "tell", "contradict", "recall"]),
            version=one.version, text="Đội của phường phát gạo vào chiều mai", reason="hai nơi nói khác nhau",
            how=self.chance.choice([*shown.TOLD]),
        )  # fmt: skip

    def merges(self) -> bool:
        one, other = self.chance.sample(self.tickets, k=2)
        try:
            with transaction() as session:
                held = merging.locked(session, {one, other})
                if merging.of(session, one) is not None:
                    merging.unmerge(session, held[one], "lan", "hai việc khác nhau", now())
                else:
                    merging.merge(session, held[one], held[other], "lan", "cùng một vụ", now())
        except MergeRefused:
            return False
        return True

    def answers(self) -> bool:
        """Somebody who is owed a result is rung, and presses a key."""
        with reading() as session:
            owed = session.scalars(
                select(Recall).where(Recall.why == RESULT, Recall.state.in_(OWED)).order_by(Recall.id)
            ).all()
        if not owed:
            return False
        one, call = self.chance.choice(owed), f"n1-1795000000.{5_000_000 + next(self._calls)}"
        answer = self.chance.choice(["solved", "solved", "not_solved", "", "operator"])
        with transaction() as session:
            opened = e.CallArrived(
                call_id=call, hotline=one.hotline, node="n1", caller_number=one.number, direction="out", ticket_id=one.ticket_id
            )  # fmt: skip
            told = e.ResultTold(
                call_id=call, ticket_id=one.ticket_id, recall_id=one.id, answer=answer, result=""
            )
            session.get_one(Recall, one.id).state = "done"
            apply_all(session, [opened, told, e.CallEnded(call_id=call, reason="served")], "calls")
        return True

    def calls(self) -> bool:
        """Somebody calls and has it all from the machine, or hangs up at once."""
        call = f"n1-1795000000.{next(self._calls)}"
        with transaction() as session:
            number = f"+8498{self.chance.randrange(10**7):07}"
            apply(
                session,
                e.CallArrived(call_id=call, hotline="binhphuoc", node="n1", caller_number=number),
                "agi",
            )
            reason = self.chance.choice(["self_care", "too_short", "abandoned"])
            apply(session, e.CallEnded(call_id=call, reason=reason), "agi")
        self.tickets.append(f"t-{call}")
        return True

    def ticket(self) -> Ticket:
        with reading() as session:
            return session.get_one(Ticket, self.chance.choice(self.tickets))

    # -- the machine --

    def works(self) -> None:
        self.clocks.look()
        for worker in self.workers:
            worker.look()
        self.clocks.look()

    def some_work(self) -> None:
        some = [self.clocks.look, *(worker.look for worker in self.workers)]
        for work in self.chance.sample(some, k=self.chance.randint(0, 3)):
            try:
                work()
            except Killed:
                self.clocks._seen.clear()

    def step(self) -> None:
        self.later(timedelta(minutes=self.chance.expovariate(1 / 12)))
        doors = [
            *(self.change, self.clock, self.clock, self.orders, self.decides, self.recalls, self.team_says),
            *(self.team_says, self.merges, self.refers, self.agency_says, self.agency_says),
            *(self.referral_goes_on, self.answers, self.answers, self.calls),
        ]
        act = self.chance.choice(doors)
        self.did[act.__name__] += act()
        self.some_work()


def faults() -> list[str]:
    """Everything that is not as it must be, now that all that is due has been done."""
    found: list[str] = []
    at = now()
    with reading() as session:
        deadlines = session.execute(select(Deadline.kind, Deadline.about, Deadline.due_at)).tuples().all()
        waits = {(kind, about): due for kind, about, due in deadlines}
        merged = set(session.scalars(select(TicketMerge.ticket_id).where(TicketMerge.undone_at.is_(None))))
        for ticket in session.scalars(select(Ticket)):
            row, due = session.get(TicketClock, ticket.id), waits.get((clocks.DUE, ticket.id))
            if ticket.id in merged and ticket.state != "closed":
                found.append(
                    f"{ticket.id} goes on in another ticket and is {ticket.state}: {_kinds(session, ticket)}"
                )
            if ticket.state == "closed":
                found += [f"{ticket.id} is closed and waits for {due}"] * (due is not None)
                found += _unproved(session, ticket, ticket.id in merged)
            elif row is None or not row.owner or not row.stage or due is None or due <= at:
                found.append(f"{ticket.id} is {ticket.state} without an owner or a next deadline: {due}")
        alarms = {alarm.order_id for alarm in order_alarms.active(session, at)}
        for order in session.scalars(select(Order)):
            parts = session.scalars(select(Assignment).where(Assignment.order_id == order.id)).all()
            if order.state in (OrderState.ISSUED, OrderState.AWAITING_APPROVAL):
                if not any(part.state in LIVE for part in parts) and order.id not in alarms:
                    found.append(f"{order.id} is {order.state}, nobody has it and nothing alarms")
                if not order.overdue and (DUE, order.id) not in waits:
                    found.append(f"{order.id} has no deadline")
            for part in parts:
                asked = part.state == AssignmentState.SENT
                if asked != ((ANSWER, part.id) in waits):
                    found.append(f"{part.id} is {part.state}; its answer is waited for: {not asked}")
            keys = Counter(part.team for part in parts if part.instead_of and part.state != "replaced")
            found += [f"{order.id} climbed twice to {key}" for key, times in keys.items() if times > 1]
        for approval in session.scalars(select(OrderApproval).where(OrderApproval.state == "asked")):
            if (APPROVAL, approval.id) not in waits and approval.order_id not in alarms:
                found.append(f"{approval.id} is asked for, waits for nothing and does not alarm")
        found += _unanswered(session, waits)
        sounded: dict[tuple[str, int, str], list[int]] = {}
        those = select(TicketEntry).where(TicketEntry.kind.in_((clocks.WARNED, clocks.ESCALATED)))
        for entry in session.scalars(those.order_by(TicketEntry.id)):
            key = (entry.ticket_id, entry.body["round"], entry.body["stage"])
            sounded.setdefault(key, []).append(entry.body["number"])
        found += [f"{key} sounded {n}" for key, n in sounded.items() if n != list(range(len(n)))]
    return found


def _unanswered(session: Any, waits: Mapping[tuple[str, str], Any]) -> list[str]:
    """Questions to agencies that nobody has to answer and nobody has to tell, and parts that wait without a deadline."""
    found: list[str] = []
    for row in session.scalars(select(Referral)):
        parts = session.scalars(select(ReferralPart).where(ReferralPart.referral_id == row.id)).all()
        asked = [part for part in parts if part.state in WAITED_FOR]
        if row.state == "asked" and not asked:
            found.append(f"{row.id} is asked, and nobody has to answer")
        if row.state not in REFERRAL_OPEN and asked:
            found.append(f"{row.id} is {row.state}, and {asked[0].id} is still asked")
        for part in parts:
            if (part.state == "asked") != ((REFERRAL_DUE, part.id) in waits):
                found.append(f"{part.id} is {part.state}; its deadline does not fit")
        climbed = Counter(part.agency for part in parts if part.why == "climbed")
        found += [f"{row.id} climbed twice to {key}" for key, times in climbed.items() if times > 1]
    return found


def _kinds(session: Any, ticket: Ticket) -> list[str]:
    """Its latest entries, for whoever reads why."""
    those = (
        select(TicketEntry).where(TicketEntry.ticket_id == ticket.id).order_by(TicketEntry.id.desc()).limit(8)
    )
    return [f"{entry.kind} by {entry.actor}" for entry in reversed(session.scalars(those).all())]


def _unproved(session: Any, ticket: Ticket, is_merged: bool) -> list[str]:
    kind = MERGED if is_merged else "disposition"
    body = session.scalars(
        select(TicketEntry.body)
        .where(TicketEntry.ticket_id == ticket.id, TicketEntry.kind == kind)
        .order_by(TicketEntry.id.desc())
        .limit(1)
    ).first()
    proof = (body or {}).get("proof") or {}
    whole = proof.get("done") and proof.get("told")
    return [] if whole else [f"{ticket.id} is closed as {ticket.disposition!r} with the proof {proof}"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_every_ticket_has_an_owner_and_a_deadline_every_alarm_sounds_once_and_every_closing_has_proof(
    app: Flask, signed_in: SignedIn, house: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with transaction() as session:
        teams(session)
    with time_machine.travel(now(), tick=False) as time:
        history = History(app, signed_in, seed, time.shift)
        keep = history.clocks._keep
        kills = 0

        def dies(*words: Any) -> None:
            nonlocal kills
            keep(*words)
            if history.chance.random() < 0.03:
                kills += 1
                raise Killed

        for n in range(STEPS):
            monkeypatch.setattr(history.clocks, "_keep", dies)
            history.step()
            monkeypatch.setattr(history.clocks, "_keep", keep)
            if n % 20 == 19:
                history.works()
                assert faults() == [], f"after {n + 1} steps"
        history.later(timedelta(days=3))
        for _ in range(5):
            history.works()
        assert faults() == []
    assert kills and sum(history.did.values()) > STEPS / 4, history.did
    assert all(history.did[name] for name in ("change", "clock", "orders", "refers", "calls")), history.did
