"""One Asterisk of the product for all live tests of a worker."""

from collections.abc import Iterator

import pytest

from asterisk_conf import Timing
from front_door import parts
from front_door.faults import Fault
from tests.asterisk_conf.switch import Switch, ports_of_this_worker, settings_in

TIMING = Timing(desks_ring_s=5, desks_ring_red_s=5, duty_rings_s=5, message_s=4, agi_first_command_s=2)


@pytest.fixture(scope="session")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    """The product's Asterisk alone, with prompts that are tones and short waits."""
    try:
        parts.program("asterisk")
    except Fault:
        pytest.skip("No Asterisk: let `./run test` fetch it.")
    port, rtp = ports_of_this_worker()
    trunk_ports = {"vnpt": port + 5, "viettel": port + 6, "mobifone": port + 7}
    made = Switch(settings_in(tmp_path_factory.mktemp("s"), port, rtp), TIMING, trunk_ports)
    made.lay_prompts()
    made.start()
    yield made
    made.stop()
