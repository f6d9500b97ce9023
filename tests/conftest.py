"""What holds for all tests."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs a failed live test once more, as the report then says (R): its clocks share two cores with everybody's processes."""
    if os.environ.get("HOTLINE_TEST_ONCE"):
        return
    for item in items:
        if item.get_closest_marker("live") is not None:
            item.add_marker(pytest.mark.flaky(reruns=1))
