"""The sender of messages (worker): takes what is due, hands it to its gateway while no transaction is open, writes what that said.

A gateway that hangs or is down is asked by one message at a time, at growing intervals, until it takes one again: the others wait and
lose no try. Whoever is killed between the gateway's yes and the commit sends the same message again, under the same key.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hotline import message_words, order_links, references, referral_links, text_messages
from hotline.database import reading, transaction
from hotline.events import now
from hotline.gateway_file import MessageFaults
from hotline.gateways import Gateways, Send, Sending
from hotline.installation import Installation
from hotline.orders import ApprovalState, Assignment, AssignmentState, OrderApproval
from hotline.referrals import WAITED_FOR, ReferralPart
from hotline.text_messages import APPROVAL, ORDER, REFERRAL, Answer, MessageState, Taken, TextMessage
from hotline.tickets import Ticket, TicketState

log = structlog.get_logger(__name__)

AT_ONCE = 20
"""Messages in one look, and connections to a gateway at a time."""
RESTS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
"""How long a gateway that is ill is left alone before one message asks it again."""
WRITTEN_TIMES = 5
"""How often the gateway's answer is brought to a database that is away; later the message goes again."""


@dataclass
class _Rest:
    """A channel whose gateway is ill."""

    faults: int = 0
    until_s: float = 0.0
    asks: bool = False
    """One message asks it whether it is well again."""


@dataclass(frozen=True)
class _Taken:
    number: int
    its_try: int
    channel: str
    send: Send
    sending: Sending


@dataclass
class MessageSender:
    """The worker's look at what is to go out."""

    engine: Engine
    gateways: Gateways
    base_url: str
    installation: Callable[[], Installation]
    clock: Callable[[], datetime] = now
    steady: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    _rests: dict[str, _Rest] = field(default_factory=dict, init=False)

    def look(self) -> int:
        """How many went out."""
        with reading(self.engine) as session:
            wanted = text_messages.due(session, AT_ONCE)
        ready = [one for number in wanted if (one := self._take(number)) is not None]
        return asyncio.run(self._all(ready)) if ready else 0

    async def _all(self, ready: list[_Taken]) -> int:
        return sum(await asyncio.gather(*(self._send(one) for one in ready)))

    def _take(self, number: int) -> _Taken | None:
        """Ready to be sent by this process alone; None when it is not to go now, or not any more."""
        with transaction(self.engine) as session:
            row = session.get(TextMessage, number)
            if row is None or row.state != MessageState.DUE or not self._may(row.channel):
                return None
            try:
                send = self.gateways.of(row.channel)
                reaches = self.gateways.takes(row.channel, row.number)
            except (MessageFaults, OSError) as error:
                log.error("a gateway cannot be used", channel=row.channel, error=type(error).__name__)
                self._ill(row.channel)
                return None
            at = self.clock()
            if (
                not _is_wanted(session, row)
                or send is None
                or (row.kind in (APPROVAL, ORDER, REFERRAL) and not reaches)
            ):
                text_messages.drop(session, row)
                return None
            if text_messages.is_too_old(row, at) or not reaches:
                text_messages.fail(session, row, at, "too old" if reaches else "no mobile number")
                return None
            taken = text_messages.take(session, number, at)
            if taken is None:
                return None
            sending = Sending(number, taken.number, self._words(session, taken, at), taken.idempotency_key)
            if (rest := self._rests.get(row.channel)) is not None:
                rest.asks = True
            return _Taken(number, taken.tries, taken.channel, send, sending)

    def _may(self, channel: str) -> bool:
        """Of a channel whose gateway is ill one message at a time asks."""
        rest = self._rests.get(channel)
        return rest is None or (not rest.asks and self.steady() >= rest.until_s)

    def _ill(self, channel: str) -> None:
        """Its gateway is left alone for a while, a longer one each time; what was sent together counts once."""
        rest = self._rests.setdefault(channel, _Rest())
        if rest.faults == 0 or rest.asks or self.steady() >= rest.until_s:
            rest.until_s = self.steady() + RESTS_S[min(rest.faults, len(RESTS_S) - 1)]
            rest.faults, rest.asks = rest.faults + 1, False

    async def _send(self, one: _Taken) -> int:
        try:
            answer = await one.send(one.sending)
        except Exception as error:
            # A fault of ours in a gateway's reading must not stop the others; it may have been taken.
            log.exception("a gateway's part failed", message=one.number)
            answer = Answer(Taken.LATER, fault=type(error).__name__, doubtful=True)
        if answer.gateway_is_ill:
            self._ill(one.channel)
        else:
            self._rests.pop(one.channel, None)
        state = await self._write(one, answer)
        told = log.info if state is MessageState.SENT else log.warning
        told(
            "a message was answered", message=one.number, state=state, tries=one.its_try, fault=answer.fault,
            characters=len(one.sending.text),
        )  # fmt: skip
        return state is MessageState.SENT

    async def _write(self, one: _Taken, answer: Answer) -> MessageState | None:
        """The gateway's word into the database; when it stays away the deadline has it sent again, under the same key."""
        for _ in range(WRITTEN_TIMES):
            try:
                with transaction(self.engine) as session:
                    return text_messages.answered(
                        session, one.number, one.its_try, answer, self.clock(), self.chance()
                    )
            except SQLAlchemyError as error:
                log.warning("a gateway's answer could not be written", error=type(error).__name__)
                await asyncio.sleep(1.0)
        return None

    def _words(self, session: Session, row: TextMessage, at: datetime) -> str:
        installation, var = self.installation(), self.gateways.var
        if row.kind == REFERRAL:
            token = referral_links.of_message(session, var, row.about, row.idempotency_key, at)
            asked = session.get_one(ReferralPart, row.about)
            return message_words.referral(session, asked, installation, f"{self.base_url}/r/{token}")
        if row.kind == ORDER:
            one = session.get_one(Assignment, row.about)
            token = order_links.of_message(session, var, one.id, row.idempotency_key, at)
            url = f"{self.base_url}/l/{token}"
            return message_words.order(session, one, installation, self._file, url)
        if row.kind == APPROVAL:
            approval = session.get_one(OrderApproval, row.about)
            url = f"{self.base_url}/orders/{approval.order_id}"
            return message_words.approval(session, approval, installation, url)
        ticket = session.get_one(Ticket, row.ticket_id)
        label = f"{installation.hotline(ticket.hotline).prefix}-{ticket.number}"
        reference = references.written(label, references.code_of(ticket.id, var))
        return message_words.result(
            ticket, str(row.body.get("result", "")), installation, reference, f"{self.base_url}/status"
        )

    @property
    def _file(self) -> Path:
        return self.gateways.installation_file


def _is_wanted(session: Session, row: TextMessage) -> bool:
    """Whether what it tells of still stands."""
    if row.kind == ORDER:
        one = session.get(Assignment, row.about)
        return one is not None and one.state == AssignmentState.SENT
    if row.kind == REFERRAL:
        asked = session.get(ReferralPart, row.about)
        return asked is not None and asked.state in WAITED_FOR
    if row.kind == APPROVAL:
        approval = session.get(OrderApproval, row.about)
        return approval is not None and approval.state == ApprovalState.ASKED
    ticket = session.get(Ticket, row.ticket_id)
    return ticket is not None and ticket.state != TicketState.CLOSED
