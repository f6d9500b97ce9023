"""One product, and one desk on another machine, for all tests of the telephone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ports
from tests.product import Product, running_product
from tests.softphone_panel.telephone.browser_desk import Elsewhere, another_machine


@pytest.fixture(scope="package")
def elsewhere() -> Iterator[Elsewhere]:
    with another_machine(ports.WORKER) as made:
        yield made


@pytest.fixture(scope="package")
def product(elsewhere: Elsewhere) -> Iterator[Product]:
    with (
        tempfile.TemporaryDirectory(prefix="phone-1022-") as name,
        running_product(
            Path(name), desks=2, more={"HOTLINE_FRONT_HOST": elsewhere.ours}, wrap_up_s="1", ring_s="30"
        ) as made,
    ):
        yield made


@pytest.fixture(autouse=True)
def everybody_is_off_duty(product: Product) -> None:
    """What an earlier test left behind when it failed is not this one's."""
    product.put_in_order()
