"""Every table, imported in one place: what migrations and tests need to see the whole database."""

from hotline import (
    approvals,
    bus,
    calls,
    commands,
    documents,
    facts,
    ledger,
    operators,
    quality,
    recalls,
    recordings,
    stations,
    ticket_fields,
    tickets,
    transfers,
    units,
    wrap_ups,
)
from hotline.database import Base

__all__ = [
    "Base",
    "approvals",
    "bus",
    "calls",
    "commands",
    "documents",
    "facts",
    "ledger",
    "operators",
    "quality",
    "recalls",
    "recordings",
    "stations",
    "ticket_fields",
    "tickets",
    "transfers",
    "units",
    "wrap_ups",
]
