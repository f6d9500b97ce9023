"""The demo's end: whoever asks for it, and whenever, is told so and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from front_door import demo, supervision


@pytest.fixture
def asked() -> Iterator[list[int]]:
    """The signals that reached the handlers outside the play."""
    seen: list[int] = []
    before = {n: signal.signal(n, lambda number, _: seen.append(number)) for n in supervision.ASKED}
    yield seen
    for number, was in before.items():
        signal.signal(number, was)


@pytest.mark.parametrize("number", supervision.ASKED)
def test_a_signal_in_the_middle_of_a_step_ends_the_play_quietly(
    asked: list[int], caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    hung_up: list[str] = []

    async def caller() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            os.kill(os.getpid(), number)  # asked again, while a leg is being closed
            hung_up.append("caller")

    async def play() -> int:
        calling = asyncio.create_task(caller())
        await asyncio.sleep(0)
        os.kill(os.getpid(), number)
        await calling
        return 0

    assert asyncio.run(demo.until_ended(play())) is None
    assert hung_up == ["caller"]
    assert caplog.records == []
    os.kill(os.getpid(), number)
    assert asked[-1] == number, "who listened before listens again"


def test_a_play_that_ends_by_itself_has_its_own_status() -> None:
    async def play() -> int:
        return 1

    assert asyncio.run(demo.until_ended(play())) == 1
