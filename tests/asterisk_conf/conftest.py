"""One Asterisk of the product for all live tests of a worker."""

from collections.abc import Iterator

import pytest

from asterisk_conf import Timing
from tests import ports
from tests.asterisk_conf.switch import Switch, running_switch

TIMING = Timing(desks_ring_s=5, desks_ring_red_s=5, duty_rings_s=5, message_s=4, agi_first_command_s=2)


@pytest.fixture(scope="session")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    """The product's Asterisk alone, with prompts that are tones and short waits."""
    with running_switch(tmp_path_factory.mktemp("s"), ports.SWITCH, TIMING) as made:
        yield made
