"""Who does what is due: the handler of each kind of deadline."""

from __future__ import annotations

from collections.abc import Mapping

from hotline import campaigns, clocks, order_clocks
from hotline.clocks import Clocks
from hotline.deadlines import Handler

HANDLERS: Mapping[str, Handler] = {**order_clocks.HANDLERS, **campaigns.HANDLERS}
"""Those that need nothing but the database."""


def handlers(of_tickets: Clocks) -> Mapping[str, Handler]:
    """The worker's table."""
    return {clocks.DUE: of_tickets.sound, **HANDLERS}
