"""Who looks something up for a call has its answer in time or not at all."""

import threading
import time

import pytest

from agi_scripts.readers import NotInTime, Readers


@pytest.fixture
def readers() -> Readers:
    return Readers(at_once=2)


def test_what_is_found_comes_back_and_what_is_raised_too(readers: Readers) -> None:
    assert readers.read(lambda: 7, within_s=5) == 7

    def fails() -> int:
        raise LookupError("no such row")

    with pytest.raises(LookupError, match="no such row"):
        readers.read(fails, within_s=5)
    assert readers.read(lambda: 8, within_s=5) == 8


def test_a_look_that_hangs_holds_up_neither_its_caller_nor_the_next_one(readers: Readers) -> None:
    goes_on = threading.Event()
    began_s = time.monotonic()
    with pytest.raises(NotInTime):
        readers.read(lambda: goes_on.wait(20), within_s=0.05)
    assert time.monotonic() - began_s < 10
    assert readers.read(lambda: 7, within_s=5) == 7
    goes_on.set()
    readers.shutdown()


def test_what_nobody_waits_for_any_more_is_not_looked_up(readers: Readers) -> None:
    goes_on, looked = threading.Event(), threading.Event()
    for _ in range(2):
        with pytest.raises(NotInTime):
            readers.read(lambda: goes_on.wait(20), within_s=0.05)
    with pytest.raises(NotInTime):
        readers.read(looked.set, within_s=0.05)
    goes_on.set()
    readers.shutdown()
    assert not looked.is_set()
