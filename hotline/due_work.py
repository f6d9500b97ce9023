"""Who does what is due: the handler of each kind of deadline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from hotline import campaigns, clocks, order_clocks, referral_clocks, text_messages, ticket_claims
from hotline.clocks import Clocks
from hotline.deadlines import Handler

HANDLERS: Mapping[str, Handler] = {
    **order_clocks.handlers(lambda: None),
    **referral_clocks.handlers(lambda: None),
    **campaigns.HANDLERS,
    **text_messages.HANDLERS,
    **ticket_claims.HANDLERS,
}
"""Those that need nothing but the database; orders climb by the present day's structure."""


def handlers(of_tickets: Clocks) -> Mapping[str, Handler]:
    """The worker's table."""

    def day() -> date | None:
        return of_tickets.installation().structure_on

    dated = {**order_clocks.handlers(day), **referral_clocks.handlers(day)}
    return {**HANDLERS, **dated, clocks.DUE: of_tickets.sound}
