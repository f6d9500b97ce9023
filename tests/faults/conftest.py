"""The products that faults strike: one on SQLite, one on PostgreSQL, each kept over several faults."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.striking import ON_POSTGRESQL
from tests.faults.table import Fault
from tests.postgres import Server, postgres
from tests.product import Product, running_product

__all__ = ["postgres"]


CHANNELS = 8
"""Of each trunk: few enough to be filled."""


class Struck:
    """The one product that runs now: a fault on the other database ends it and starts its sister."""

    def __init__(self, factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
        self._factory, self._request = factory, request
        self._runs: bool | None = None
        self._stack = ExitStack()
        self.on: Product | None = None
        self.server: Server | None = None

    def by(self, fault: Fault) -> tuple[Product, Server | None]:
        """A product in order for this fault, and its PostgreSQL if that is what is struck."""
        wanted = fault in ON_POSTGRESQL
        if self.on is None or self._runs is not wanted:
            self.end()
            self.server = self._request.getfixturevalue("postgres") if wanted else None
            more = {"HOTLINE_DATABASE_URL": self.server.database()} if self.server else {}
            folder = self._factory.mktemp("p")
            self.on = self._stack.enter_context(
                running_product(folder, more=more, ring_s="60", wrap_up_s="1", channels=str(CHANNELS))
            )
            self._runs = wanted
        else:
            self.on.put_in_order()
        return self.on, self.server

    def end(self) -> None:
        self._stack.close()
        self.on = None


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Struck]:
    made = Struck(tmp_path_factory, request)
    yield made
    made.end()
