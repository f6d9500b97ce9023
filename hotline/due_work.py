"""Who does what is due: the handler of each kind of deadline."""

from __future__ import annotations

from collections.abc import Mapping

from hotline import order_clocks
from hotline.deadlines import Handler

HANDLERS: Mapping[str, Handler] = {**order_clocks.HANDLERS}
