"""Merging tickets, and undoing it: whatever happens between, what was merged and parted again is as if it never had been."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline import clocks, merging, sla, ticket_links
from hotline.calls import Call, CallState
from hotline.database import Base, make_engine
from hotline.merging import SENTENCES, MergeRefused, Standing, TicketMerge, refusal
from hotline.sla import Kind, Rules
from hotline.tickets import Ticket, TicketEntry, TicketState

AT = datetime(2025, 6, 30, 16, 58, tzinfo=UTC)
"""Before midnight of the day on which units changed: the histories run over both."""
RULES = Rules("bp")
NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('merging')}/tickets.db"


@pytest.fixture
def session(engine_url: str) -> Iterator[Session]:
    made = make_engine(engine_url)
    Base.metadata.create_all(made)
    with Session(made, expire_on_commit=False) as found:
        begin(found)
        yield found
        found.rollback()
    made.dispose()


def begin(session: Session) -> None:
    for n, name in enumerate(NAMES, 1):
        session.add(
            Ticket(
                id=name, hotline="bp", number=n, call_id=f"call-{name}", state=TicketState.OPEN.value,
                acuity="YELLOW", opened_at=AT + timedelta(minutes=n), path=[],
            )
        )  # fmt: skip
    session.flush()


def get(session: Session, name: str) -> Ticket:
    found = session.get(Ticket, name)
    assert found is not None
    return found


def test_every_refusal_has_its_sentence_and_nothing_wrong_is_refused() -> None:
    assert refusal(Standing()) is None
    for name in SENTENCES:
        vi, en = refusal(Standing(**{name: True})) or ("", "")
        assert vi.endswith(".") and en.endswith(".")


def test_chains_loops_and_talks_are_refused_with_a_sentence(session: Session) -> None:
    a, b, c, d = (get(session, name) for name in NAMES)
    merging.merge(session, a, b, "lan", "", AT)
    for gone, main, said in (
        (a, b, "đã gộp vào phiếu khác"),
        (a, c, "đã gộp vào phiếu khác"),
        (b, a, "đang giữ phiếu khác"),
        (b, c, "đang giữ phiếu khác"),
        (c, a, "gộp thẳng vào phiếu đó"),
        (c, c, "chính nó"),
    ):
        with pytest.raises(MergeRefused) as refused:
            merging.merge(session, gone, main, "lan", "", AT)
        assert said in refused.value.vi
    session.add(
        Call(
            id="call-d", hotline="bp", node="n1", ticket_id="d", state=CallState.TALKING.value, arrived_at=AT
        )
    )
    session.flush()
    with pytest.raises(MergeRefused) as refused:
        merging.merge(session, d, b, "lan", "", AT)
    assert "sau khi gác máy" in refused.value.vi
    assert [row.ticket_id for row in session.scalars(select(TicketMerge))] == ["a"]


def test_a_merged_ticket_is_closed_with_its_proof_points_to_its_main_one_and_nothing_is_due(
    session: Session,
) -> None:
    a, b = get(session, "a"), get(session, "b")
    merging.merge(session, a, b, "lan", "cùng một vụ", AT + timedelta(minutes=9))
    assert (a.state, a.disposition) == ("closed", "duplicate")
    assert merging.main_id(session, "a") == "b" and merging.main_id(session, "b") == "b"
    assert [t.id for t in merging.taken_in(session, ["b"])["b"]] == ["a"]
    entry = session.scalars(select(TicketEntry).where(TicketEntry.kind == merging.MERGED)).one()
    assert entry.body["proof"] == {"done": "b", "told": "merged"} and entry.text == "cùng một vụ"
    clock = clocks.of(session, a, RULES, AT + timedelta(hours=9))
    assert (clock.closed, clock.stage, clock.next) == (True, None, None)
    with pytest.raises(MergeRefused):
        merging.unmerge(session, b, "lan", "", AT)


def test_links_are_read_from_both_ends_kept_once_and_ended_not_removed(session: Session) -> None:
    a, b = get(session, "a"), get(session, "b")
    assert ticket_links.link(session, b, a, "same_incident", "lan", AT)
    assert not ticket_links.link(session, a, b, "same_incident", "lan", AT), "the same from the other end"
    assert ticket_links.link(session, a, b, "caused_by", "lan", AT)
    assert ticket_links.link(session, b, a, "caused_by", "lan", AT), "the other way round is another link"
    assert not ticket_links.link(session, a, a, "related", "lan", AT)
    assert [(e.kind, e.outward) for e in ticket_links.of(session, "a")][1:] == [
        ("caused_by", True),
        ("caused_by", False),
    ]
    first = ticket_links.of(session, "b")[0].link_id
    assert ticket_links.unlink(session, first, "lan", AT) is not None
    assert ticket_links.unlink(session, first, "lan", AT) is None
    assert len(ticket_links.of(session, "a")) == 2
    assert ticket_links.link(session, a, b, "same_incident", "lan", AT), "it may be linked again"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["merge", "unmerge", "work", "told", "pause", "close", "open", "sound"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.integers(1, 400),
    ),
    max_size=25,
)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_whatever_is_merged_and_parted_is_at_last_as_if_it_never_had_been(
    session: Session, steps: list[tuple[str, str, str, int]]
) -> None:
    session.rollback()
    begin(session)
    at = AT + timedelta(minutes=10)
    alone: dict[str, Alone] = dict.fromkeys(NAMES, ("open", "", None))
    """What each ticket would be if nothing were ever merged."""
    merged: dict[str, str] = {}
    for what, name, other, minutes in steps:
        at += timedelta(minutes=minutes)
        ticket = get(session, name)
        if what == "merge":
            allowed = (
                name != other
                and name not in merged
                and other not in merged
                and name not in merged.values()
                and alone[other][0] != "closed"
            )
            if allowed:
                merging.merge(session, ticket, get(session, other), "lan", "", at)
                merged[name] = other
            else:
                with pytest.raises(MergeRefused):
                    merging.merge(session, ticket, get(session, other), "lan", "", at)
        elif what == "unmerge":
            if name in merged:
                main = merging.unmerge(session, ticket, "lan", "", at)
                assert main.id == merged.pop(name)
            else:
                with pytest.raises(MergeRefused):
                    merging.unmerge(session, ticket, "lan", "", at)
        elif what in ("close", "open"):
            alone[name] = _changed(session, ticket, what, at, alone[name], name in merged)
        else:
            _enter(session, ticket, what, at)
        session.flush()
        _check(session, alone, merged, at)
    for name in list(merged):
        merging.unmerge(session, get(session, name), "lan", "", at)
        del merged[name]
    _check(session, alone, {}, at)


Alone = tuple[str, str, datetime | None]


def _changed(
    session: Session, ticket: Ticket, what: str, at: datetime, was: Alone, is_merged: bool
) -> Alone:  # fmt: skip
    """Close or reopen a ticket as its page does; a merged one's page refuses it."""
    if is_merged or (what == "open") != (was[0] == "closed"):
        return was
    if what == "close":
        ticket.state, ticket.disposition, ticket.closed_at = "closed", "advised", at
        session.add(
            TicketEntry(ticket_id=ticket.id, at=at, kind="disposition", body={"disposition": "advised"})
        )
        return ("closed", "advised", at)
    ticket.state, ticket.disposition, ticket.closed_at = "open", "", None
    session.add(TicketEntry(ticket_id=ticket.id, at=at, kind="state", body={"from": "closed", "to": "open"}))
    return ("open", "", None)


def _enter(session: Session, ticket: Ticket, what: str, at: datetime) -> None:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "work": (clocks.DONE, {"result": "supplied"}),
        "told": (clocks.TOLD, {"how": "message"}),
        "pause": (clocks.PAUSED, {"until": (at + timedelta(hours=2)).isoformat()}),
        "sound": ("note", {}),
    }
    if what == "sound":
        clock = clocks.of(session, ticket, RULES, at)
        if clock.next is None or clock.next.stage is None or clock.next.at > at:
            return
        body: dict[str, Any] = {"stage": clock.next.stage.value, "number": clock.next.number}
        kind = clocks.ESCALATED if clock.next.number else clocks.WARNED
        session.add(TicketEntry(ticket_id=ticket.id, at=at, kind=kind, body=body))
        return
    kind, body = kinds[what]
    session.add(TicketEntry(ticket_id=ticket.id, at=at, kind=kind, body=body, text="vì chờ"))


def _check(session: Session, alone: dict[str, Alone], merged: dict[str, str], at: datetime) -> None:
    rows = session.scalars(select(TicketMerge).where(TicketMerge.undone_at.is_(None)))
    assert {row.ticket_id: row.into_id for row in rows} == merged
    assert not set(merged) & set(merged.values()), "neither chains nor loops"
    for name in NAMES:
        ticket = get(session, name)
        clock = clocks.of(session, ticket, RULES, at)
        if name in merged:
            assert (ticket.state, ticket.disposition) == ("closed", "duplicate")
            assert clock.closed and clock.next is None
            continue
        assert (ticket.state, ticket.disposition, ticket.closed_at) == alone[name]
        never = [
            one
            for one in clocks.history(session, name)
            if one.kind not in (Kind.MERGED, Kind.UNMERGED)
        ]  # fmt: skip
        assert clock == sla.clock(RULES, ticket.opened_at, ticket.acuity, "other", never, at)
