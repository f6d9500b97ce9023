"""A running `calls` with a real Asterisk, one for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ivr.calls_house import CallsHouse, calls_house


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallsHouse]:
    with calls_house(tmp_path_factory.mktemp("house"), ring_s="3", wrap_up_s="2") as house:
        yield house


@pytest.fixture
def house(running: CallsHouse) -> Iterator[CallsHouse]:
    """The running house with nobody signed in."""
    yield running
    running.all_leave()
