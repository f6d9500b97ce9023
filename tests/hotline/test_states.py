"""Whatever facts of a call come, in whatever order and however often: an ended call stays ended, nothing is lost or doubled."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline import ledger
from hotline.acuity import Acuity
from hotline.calls import FOLLOWS, Call, CallState
from hotline.facts import APPLY, NAMES, Told, apply
from hotline.operators import FOLLOWS as OPERATOR_FOLLOWS
from hotline.operators import Presence
from hotline.recalls import FOLLOWS as RECALL_FOLLOWS
from hotline.recalls import OWED, Recall, RecallState, Tried
from hotline.tables import Base
from hotline.tickets import FOLLOWS as TICKET_FOLLOWS
from hotline.tickets import Ticket, TicketEntry, TicketState
from tests.hotline.facts import START, arrived, call_id, ended, triaged

ACUITIES = st.sampled_from([str(acuity) for acuity in Acuity])
LEGS = st.integers(1, 2)


def _fact(make: Callable[..., e.Event], *parts: Any) -> st.SearchStrategy[e.Event]:
    return st.builds(make, st.integers(1, 2), *parts)


FACTS = st.one_of(
    _fact(arrived),
    _fact(triaged, ACUITIES),
    _fact(lambda n, a: e.CallQueued(call_id=call_id(n), hotline="binhphuoc", acuity=a), ACUITIES),
    _fact(lambda n, a: e.AcuityRaised(call_id=call_id(n), acuity=a, why="key 1"), ACUITIES),
    _fact(
        lambda n, leg: e.LegDialled(
            call_id=call_id(n), leg_id=f"op-{call_id(n)}-{leg}", node="n1", role="operator", endpoint="PJSIP/101"
        ),
        LEGS,
    ),
    _fact(lambda n, leg: e.LegEnded(call_id=call_id(n), leg_id=f"op-{call_id(n)}-{leg}", outcome="no_answer"), LEGS),
    _fact(
        lambda n, leg: e.CallAnswered(call_id=call_id(n), leg_id=f"op-{call_id(n)}-{leg}", answered_by="lan"), LEGS
    ),
    _fact(lambda n: e.CallWaitsAgain(call_id=call_id(n), why="gone")),
    _fact(lambda n: e.CallLeftToDialplan(call_id=call_id(n), why="gone")),
    _fact(lambda n: e.MessageStarted(call_id=call_id(n))),
    _fact(lambda n: e.UnitChosen(call_id=call_id(n), unit_code="689", how="keys")),
    _fact(lambda n: e.CallbackNumberGiven(call_id=call_id(n), number="+84912345678")),
    _fact(lambda n: ended(n)),
    _fact(
        lambda n: e.RecallDue(
            call_id=call_id(n), hotline="binhphuoc", number="+84912345678", acuity="RED", why="lost", due_at=START
        )
    ),
    _fact(
        lambda n, state: e.RecallChanged(recall_id=f"r-{call_id(n)}", call_id=call_id(n), state=state),
        st.sampled_from([str(state) for state in RecallState]),
    ),
    _fact(
        lambda n, outcome: e.RecallTried(
            recall_id=f"r-{call_id(n)}", call_id=call_id(n), dial_id="n1-1.9", outcome=outcome
        ),
        st.sampled_from([str(outcome) for outcome in Tried]),
    ),
    _fact(
        lambda n: e.RecordingKept(
            call_id=call_id(n), node="n1", path="x.raw", length_s=1.0, size_bytes=32000, sha256="0" * 64
        )
    ),
    _fact(lambda n: e.RecordingMissing(call_id=call_id(n), node="n1", path="x.raw")),
)  # fmt: skip


def _fresh() -> Engine:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    return engine


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(facts=st.lists(FACTS, max_size=14), again=st.lists(st.integers(0, 13), max_size=5))
def test_any_facts_in_any_order_keep_the_record_whole(
    facts: list[e.Event], again: list[int], place: Path
) -> None:
    engine = _fresh()
    was_ended: set[str] = set()
    acuity_in_line: dict[str, str] = {}
    told = [*facts, *(facts[n] for n in again if n < len(facts))]
    with Session(engine, expire_on_commit=False) as session:
        for number, fact in enumerate(told):
            new = apply(session, fact)
            session.commit()
            assert new == (number < len(facts)), "a fact told again changes nothing"
            for call in session.scalars(select(Call)):
                if call.id in was_ended:
                    assert call.state == "ended"
                if call.state == "ended":
                    was_ended.add(call.id)
                if call.queued_at is not None:
                    assert Acuity(call.acuity) >= acuity_in_line.get(call.id, "NONMED")
                    acuity_in_line[call.id] = call.acuity
        recall_facts = [f for f in facts if isinstance(f, e.RecallChanged | e.RecallTried)]
        # What a fact changes on another ticket is entered there by the product itself.
        told_here = select(func.count()).select_from(TicketEntry).where(TicketEntry.actor == "")
        entries = session.scalar(told_here) or 0
        assert len(facts) - len(recall_facts) <= entries <= len(facts)
        assert session.scalar(select(func.count()).select_from(Told)) == len({fact.id for fact in facts})
        tickets = session.execute(select(Ticket.hotline, Ticket.number)).all()
        assert len(set(tickets)) == len(tickets)
        owed = session.execute(select(Recall.person, Recall.state).where(Recall.state.in_(OWED))).all()
        assert len(set(owed)) == len(owed), "one call is owed to one person"
        faults = [
            f for f in ledger.verify(session, place, e.now() + timedelta(hours=1)) if "recording" not in f
        ]
        assert faults == []
    engine.dispose()


TABLES: dict[str, tuple[Any, Any]] = {
    "call": (CallState, FOLLOWS),
    "operator": (Presence, OPERATOR_FOLLOWS),
    "recall": (RecallState, RECALL_FOLLOWS),
    "ticket": (TicketState, TICKET_FOLLOWS),
}


@pytest.mark.parametrize("name", TABLES)
def test_each_table_of_states_names_every_state_and_leads_to_an_end(name: str) -> None:
    states, follows = TABLES[name]
    assert set(follows) == set(states)
    for start in states:
        reached = {start}
        for _ in states:
            reached |= set(itertools.chain.from_iterable(follows[state] for state in reached))
        assert {"ended", "offline", "done", "cancelled", "merged", "closed"} & {
            str(state) for state in reached
        }


def test_an_ended_call_is_followed_by_nothing() -> None:
    assert FOLLOWS[CallState.ENDED] == frozenset()


def test_every_fact_has_its_rows_and_its_name() -> None:
    assert set(APPLY) == set(e.EVENTS.values()) == set(NAMES)
    assert NAMES[e.CallLeftToDialplan] == "call_left_to_dialplan"
