"""References: a ticket's number with thirteen digits that nobody can guess, by which its citizen asks how it stands.

The digits are made of the installation's own secret and the ticket's id: nothing is stored, and who knows all numbers of tickets
still has one chance in ten million million a try. Digits, so that they can be said, written down and typed on any telephone.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from hotline.installation import Installation
from hotline.secrets import secret
from hotline.tickets import Ticket

DIGITS = 13
"""10^13 codes are 43 bits."""
WRITTEN = re.compile(r"\s*([A-Za-z]{1,6})\s*-?\s*(\d{1,9})\s*[-/ ]\s*([\d .-]{13,24})\s*")


def code_of(ticket_id: str, var: Path) -> str:
    """The ticket's thirteen digits."""
    key = secret(var, "references").encode()
    number = int.from_bytes(hmac.new(key, ticket_id.encode(), hashlib.sha256).digest(), "big")
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def written(label: str, code: str) -> str:
    """BP-17 / 1234 5678 90123."""
    return f"{label} / {code[:4]} {code[4:8]} {code[8:]}"


def found(session: Session, province: Installation, text: str, var: Path) -> Ticket | None:
    """The ticket of a reference as somebody typed it; None when there is none, or its digits are not these."""
    match = WRITTEN.fullmatch(text[:80])
    if match is None:
        return None
    prefix, number, digits = match[1].upper(), int(match[2]), re.sub(r"\D", "", match[3])
    hotline = next((h.key for h in province.hotlines if h.prefix.upper() == prefix), "")
    ticket = session.scalar(select(Ticket).where(Ticket.hotline == hotline, Ticket.number == number))
    # Compared also when there is no such ticket, so that the time it takes tells nothing.
    wanted = code_of(ticket.id if ticket is not None else "", var)
    same = hmac.compare_digest(wanted.encode(), digits.encode())
    return ticket if same and ticket is not None else None
