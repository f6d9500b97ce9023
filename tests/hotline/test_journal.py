"""The journal keeps facts in order over crashes, torn lines and processes that share it."""

import multiprocessing
from pathlib import Path

import pytest

from hotline import events as e
from hotline.journal import Journal
from tests.hotline.facts import arrived, call_id, ended, triaged, whole_call


def _taken(journal: Journal) -> list[e.Event]:
    with journal.take() as taken:
        facts = list(taken)
        taken.done()
    return facts


def test_what_was_kept_comes_back_in_order_and_then_is_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "calls")
    facts = [*whole_call(1), *whole_call(2)]
    journal.append(*facts[:5])
    journal.append(*facts[5:])
    assert journal
    assert _taken(journal) == facts
    assert not journal


def test_a_replay_that_was_cut_short_begins_again_before_later_facts(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "calls")
    first, later = arrived(1), arrived(2)
    journal.append(first)
    with journal.take():
        pass  # its process was killed here
    journal.append(later)
    again = Journal(tmp_path, "calls")
    assert again
    assert _taken(again) == [first]
    assert again
    assert _taken(again) == [later]


@pytest.mark.parametrize(
    "torn", ['{"event": "CallEnd', "not JSON", '{"event": "NoSuchFact"}', "[1, 2]", '{"event": "CallEnded"}']
)
def test_a_torn_line_is_set_aside_and_the_others_come_back(torn: str, tmp_path: Path) -> None:
    journal = Journal(tmp_path, "calls")
    journal.append(arrived(1))
    with journal.path.open("a") as file:
        file.write(torn)
    last = ended(1)
    journal.append(last)
    assert _taken(journal)[-1] == last
    assert torn in (tmp_path / "calls.unreadable").read_text()


def test_any_text_of_a_stranger_comes_back_as_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "calls")
    fact = triaged(1, reason='ngộp thở "quoted"\n\u2028\x85\x00\ud800 end')
    journal.append(fact)
    assert _taken(journal) == [fact]


def _append(folder: str, process: int) -> None:
    journal = Journal(Path(folder), "panel")
    for n in range(50):
        journal.append(arrived(1000 * process + n))


def test_processes_that_share_a_journal_lose_no_line_to_a_replay(tmp_path: Path) -> None:
    ways = multiprocessing.get_context("spawn")
    writers = [ways.Process(target=_append, args=(str(tmp_path), n)) for n in (1, 2)]
    for writer in writers:
        writer.start()
    journal = Journal(tmp_path, "panel")
    found: list[str] = []
    while any(writer.is_alive() for writer in writers) or journal:
        found += [fact.call_id for fact in _taken(journal) if isinstance(fact, e.CallArrived)]
    for writer in writers:
        writer.join()
    assert sorted(found) == sorted(call_id(1000 * p + n) for p in (1, 2) for n in range(50))


@pytest.mark.parametrize("fact", [*whole_call(1), e.RecallDue(
    call_id=call_id(1), hotline="binhphuoc", number="+84912345678", acuity="RED", why="lost", due_at=e.now()
), e.OperatorChanged(operator_id=1, state="paused")], ids=lambda fact: type(fact).__name__)  # fmt: skip
def test_a_fact_written_down_is_the_same_fact(fact: e.Event) -> None:
    assert e.from_plain(e.to_plain(fact)) == fact
