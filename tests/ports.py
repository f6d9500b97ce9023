"""Ports of this test worker: tests that run side by side use ports side by side, all below those the kernel gives away."""

import os

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + int(
    os.environ.get("HOTLINE_TEST_WORKER", "0")
)
"""0 to 15; HOTLINE_TEST_WORKER moves a whole run away from another on the same machine."""
_FIRST = 14000 + 100 * WORKER
SWITCH, CALLS_HOUSE, RESCUE, TRIAGE, PRODUCT = (_FIRST + n for n in (0, 10, 20, 30, 40))
"""The first port of each room's Asterisk and what belongs to it: ten each, the product twenty."""
BARE, POSTGRES = _FIRST + 60, _FIRST + 70
PANEL, LIVE = _FIRST + 90, _FIRST + 91
_RTP = 16000 + 1000 * WORKER
RTP_OURS = (_RTP, _RTP + 499)
"""For the sound of Asterisk."""
RTP_WORLD = (_RTP + 500, _RTP + 999)
"""For the outside world's."""
