"""The record: facts become rows once each, on both databases, whatever happens to the database meanwhile."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hotline import events as e
from hotline.bus import Outbox
from hotline.calls import Call, Leg
from hotline.database import reading, transaction
from hotline.facts import Told
from hotline.ledger import LedgerEntry
from hotline.recall_tries import begin
from hotline.recalls import Recall
from hotline.record import Record, apply, apply_all
from hotline.ticket_words import hits
from hotline.tickets import Ticket, TicketEntry
from tests.hotline.facts import arrived, call_id, ended, triaged, whole_call

Writer = Callable[..., Record]


def test_a_call_s_facts_become_its_rows(database: Engine, writer: Writer) -> None:
    record = writer()
    for fact in whole_call(1):
        assert record.write(fact)
    with reading(database) as session:
        call = session.get_one(Call, call_id(1))
        ticket = session.get_one(Ticket, call.ticket_id)
        kinds = session.scalars(
            select(TicketEntry.kind).where(TicketEntry.ticket_id == ticket.id).order_by(TicketEntry.id)
        ).all()
        leg = session.get_one(Leg, f"op-{call_id(1)}-1")
        lines = session.scalars(select(LedgerEntry.kind).order_by(LedgerEntry.seq)).all()
    assert (call.state, call.acuity, call.answered_by, call.end_reason) == ("ended", "RED", "lan", "served")
    assert (ticket.number, ticket.acuity, ticket.path[0]["key"]) == (1, "RED", "1")
    assert kinds == [
        "call_arrived", "call_triaged", "call_queued", "leg_dialled", "call_answered", "leg_ended", "call_ended",
    ]  # fmt: skip
    assert leg.outcome == "answered"
    assert lines == ["call_opened", "call_closed"]


def test_a_fact_told_twice_counts_once(database: Engine, writer: Writer) -> None:
    record = writer()
    for fact in whole_call(1):
        record.write(fact)
        record.write(fact)
    with reading(database) as session:
        assert session.scalar(select(func.count()).select_from(TicketEntry)) == 7
        assert session.scalar(select(func.count()).select_from(LedgerEntry)) == 2


def test_many_calls_in_one_batch_have_each_its_rows_and_are_found_by_words_and_numbers(
    database: Engine,
) -> None:
    many = 37  # 16 + 16 + 4 + 1 rows a statement
    with transaction(database) as session:
        assert apply_all(session, [arrived(n) for n in range(many)]) == many
    with transaction(database) as session:
        facts = [triaged(n, reason="Sốt cao" if n % 2 else "Khó thở") for n in range(many)]
        assert apply_all(session, facts + facts[:3]) == many

    def found(session: Session, words: tuple[str, ...], number: str = "") -> list[str]:
        wanted = hits(database.dialect.name, words, number)
        assert wanted is not None
        return sorted(session.scalars(wanted), key=lambda ticket: int(ticket.rpartition(".")[2]))

    odd = [f"t-{call_id(n)}" for n in range(1, many, 2)]
    with transaction(database) as session:
        tickets = session.scalars(select(Ticket).order_by(Ticket.number)).all()
        assert [(t.number, t.call_id) for t in tickets] == [(n + 1, call_id(n)) for n in range(many)]
        assert session.scalar(select(func.count()).select_from(TicketEntry)) == 2 * many
        assert session.scalar(select(func.count()).select_from(Told)) == 2 * many
        assert list(session.scalars(select(Outbox.id))) == list(range(1, 2 * many + 1))
        assert (found(session, ("sot", "cao")), found(session, ("kho", "tho"))[0]) == (odd, f"t-{call_id(0)}")
        assert found(session, (), "0000021") == [f"t-{call_id(21)}"]
        apply_all(session, [e.CallbackNumberGiven(call_id=call_id(21), number="+84388777666")])
    with reading(database) as session:
        assert found(session, (), "88777") == found(session, (), "0000021") == [f"t-{call_id(21)}"]
        assert found(session, ("sot", "cao")) == odd


def test_a_fact_in_one_batch_twice_counts_once(database: Engine) -> None:
    fact = arrived(1)
    with transaction(database) as session:
        assert apply(session, fact)
        assert not apply(session, fact)
    with reading(database) as session:
        assert session.scalar(select(func.count()).select_from(TicketEntry)) == 1


def test_an_arrival_that_comes_late_fills_in_the_shell(database: Engine, writer: Writer) -> None:
    record = writer()
    record.write(e.CallWaitsAgain(call_id=call_id(1), why="operator gone"))
    record.write(arrived(1))
    record.write(arrived(2))
    with reading(database) as session:
        call = session.get_one(Call, call_id(1))
        ticket = session.get_one(Ticket, call.ticket_id)
        numbers = session.scalars(select(Ticket.number).order_by(Ticket.number)).all()
    assert (call.hotline, call.caller_number) == ("binhphuoc", "+84910000001")
    assert (ticket.hotline, ticket.caller_number) == ("binhphuoc", "+84910000001")
    assert numbers == [1, 2]


def test_a_decision_that_comes_late_does_not_undo_key_1(database: Engine, writer: Writer) -> None:
    record = writer()
    record.write(arrived(1))
    record.write(e.CallQueued(call_id=call_id(1), hotline="binhphuoc", acuity="GREEN"))
    record.write(e.AcuityRaised(call_id=call_id(1), acuity="RED", why="key 1"))
    record.write(triaged(1, "GREEN"))
    with reading(database) as session:
        call = session.get_one(Call, call_id(1))
        assert (call.acuity, session.get_one(Ticket, call.ticket_id).acuity) == ("RED", "RED")


def test_what_the_caller_chose_is_the_tickets_category_until_a_person_chooses_another(
    database: Engine, writer: Writer
) -> None:
    record = writer()
    record.write(triaged(1, "NONMED", category="relief"))
    record.write(arrived(2))
    with transaction(database) as session:
        first, second = (session.get_one(Ticket, f"t-{call_id(n)}") for n in (1, 2))
        assert (first.category, second.category) == ("relief", "")
        second.category = "policy"
    record.write(triaged(2, "NONMED", category="relief"))
    with reading(database) as session:
        assert session.get_one(Ticket, f"t-{call_id(2)}").category == "policy"


@pytest.mark.parametrize(
    "number",
    ["+84912345678\x00'; drop table call; --", "\ud800broken", "9" * 5000, 'quo"te\nline'],
    ids=range(4),
)
def test_a_forged_number_is_kept_as_far_as_it_can_be_and_stops_nobody(
    number: str, database: Engine, writer: Writer
) -> None:
    record = writer()
    record.write(arrived(1, caller_number=number, called_number=number))
    record.write(arrived(2))
    with reading(database) as session:
        assert len(session.get_one(Call, call_id(1)).caller_number) <= 40
        assert session.get(Call, call_id(2)) is not None


def test_a_fact_that_no_database_takes_is_set_aside_and_the_next_ones_go_on(
    database: Engine, writer: Writer, place: Path
) -> None:
    record = writer()
    record.write(e.OperatorChanged(operator_id=999_999, state="available"))  # there is no such operator
    assert record.write(arrived(1))
    assert "OperatorChanged" in (place / "journal" / "test.refused.jsonl").read_text()


def test_a_hundred_facts_told_at_once_keep_their_order(database: Engine, writer: Writer) -> None:
    record = writer(within_s=10.0)
    futures = [record.tell(fact) for n in range(15) for fact in whole_call(n)]
    assert all(future.result(10) for future in futures)
    with reading(database) as session:
        states = session.scalars(select(Call.state)).all()
        numbers = session.scalars(select(Ticket.number).order_by(Ticket.opened_at)).all()
    assert set(states) == {"ended"}
    assert numbers == list(range(1, 16))


def test_redis_down_does_not_stop_a_call(database: Engine, writer: Writer) -> None:
    record = writer(within_s=2.0)  # `place` has no Redis
    took_s = []
    for n in range(20):
        for fact in (arrived(n), triaged(n), ended(n)):
            began = time.monotonic()
            assert record.write(fact)
            took_s.append(time.monotonic() - began)
    assert sorted(took_s)[-3] < 0.5  # a busy machine's disk may be slow twice
    with reading(database) as session:
        assert session.scalar(select(func.count()).select_from(Told)) == 60


def _owes(n: int, number: str, **more: Any) -> e.RecallDue:
    values = {"call_id": call_id(n), "hotline": "binhphuoc", "number": number, "acuity": "RED", "why": "lost"}
    return e.RecallDue(**(values | {"due_at": e.now()} | more))


def _recall(database: Engine, n: int) -> Recall:
    with reading(database) as session:
        return session.get_one(Recall, f"r-{call_id(n)}")


def test_a_recall_wanted_now_is_due_now_whichever_process_reads_it(database: Engine, writer: Writer) -> None:
    record = writer()
    changed: dict[str, Any] = {"recall_id": f"r-{call_id(1)}", "call_id": call_id(1)}
    record.write(_owes(1, "+84912345678"))
    assert begin(f"r-{call_id(1)}", "n1-9.1", e.now(), on=database) == 1
    record.write(e.RecallChanged(**changed, state="due", next_try_at=e.now()))
    assert _recall(database, 1).state == "dialling", "who is being rung is not rung by a click as well"
    record.write(e.RecallTried(**changed, dial_id="n1-9.1", outcome="busy"))
    assert _recall(database, 1).next_try_at > e.now() + timedelta(seconds=50)
    record.write(e.RecallChanged(**changed, state="due", next_try_at=e.now()))
    assert _recall(database, 1).next_try_at <= e.now()
    assert (_recall(database, 1).state, _recall(database, 1).tries) == ("due", 1)


def test_who_rings_again_and_is_served_is_owed_no_recall_any_more(database: Engine, writer: Writer) -> None:
    record, number = writer(), "+84912345678"
    facts = [
        arrived(1, caller_number=number), _owes(1, number), arrived(2, caller_number=number), _owes(2, "+84912000000"),
        _owes(3, number, hotline="binhduong"), arrived(4, caller_number=number),
        e.CallAnswered(call_id=call_id(4), leg_id="op-1", answered_by="lan", settles=number),
    ]  # fmt: skip
    late = e.RecallChanged(recall_id=f"r-{call_id(1)}", call_id=call_id(1), state="dialling")
    for fact in (*facts, late):
        record.write(fact)
    assert [_recall(database, n).state for n in (1, 2, 3)] == ["done", "due", "due"]
    with reading(database) as session:
        entries = select(TicketEntry).where(TicketEntry.ticket_id == f"t-{call_id(1)}")
        last = session.scalars(entries.order_by(TicketEntry.id.desc())).first()
    assert last is not None
    assert (last.kind, last.body) == ("recall_changed", {"state": "done", "by_ticket": f"t-{call_id(4)}"})


def test_a_talk_settles_nothing_that_was_promised_after_it(database: Engine, writer: Writer) -> None:
    record, number = writer(), "+84912345678"
    talk = e.CallAnswered(call_id=call_id(4), leg_id="op-1", answered_by="lan", settles=number)
    for fact in (arrived(1, caller_number=number), _owes(1, number), talk):
        record.write(fact if fact is not talk else replace(talk, at=e.now() - timedelta(minutes=1)))
    assert _recall(database, 1).state == "due"


def test_a_redial_is_linked_to_the_ticket_it_goes_on_with_and_its_recall_is_cancelled(
    database: Engine, writer: Writer
) -> None:
    record, number = writer(), "+84912345678"
    first = f"t-{call_id(1)}"
    for fact in (
        arrived(1, caller_number=number),
        triaged(1),
        ended(1, "abandoned"),
        _owes(1, number),
        arrived(2, caller_number=number),
        triaged(2, continues=first),
    ):
        record.write(fact)
    with reading(database) as session:
        again = session.get_one(Ticket, f"t-{call_id(2)}")
        entries = session.scalars(select(TicketEntry).where(TicketEntry.ticket_id == first)).all()
    assert (again.continues_id, again.is_repeat) == (first, False)
    assert _recall(database, 1).state == "cancelled"
    assert {"by_ticket": again.id} in [x.body for x in entries if x.kind == "rang_again"]


def test_no_key_of_the_caller_undoes_the_unit_that_an_operator_has_set(
    database: Engine, writer: Writer
) -> None:
    record = writer()
    record.write(arrived(1))
    with transaction(database) as session:
        entry = TicketEntry(
            ticket_id=f"t-{call_id(1)}", at=e.now(), kind="unit_chosen", body={"how": "operator"}
        )
        session.add(entry)
        session.get_one(Ticket, f"t-{call_id(1)}").unit_code = "25217"
    record.write(e.UnitChosen(call_id=call_id(1), unit_code="689", how="keys"))
    with reading(database) as session:
        assert session.get_one(Ticket, f"t-{call_id(1)}").unit_code == "25217"
