"""SIP transactions: requests repeated until they are answered, answers repeated until they are heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.world.messages import Credentials, Message, reply_to

if TYPE_CHECKING:
    from tests.world.dialog import Dialog
    from tests.world.sip import UserAgent

Address = tuple[str, int]
T1_S = 0.5
"""First pause before a request is repeated (RFC 3261); it doubles up to T2_S."""
T2_S = 4.0
GIVE_UP_S = 32.0
CANCEL_WITHIN_S = 5.0
"""How long a cancelled call waits for its final answer."""
LINGER_S = 8.0
"""How long a finished transaction still answers repetitions."""


class ClientTransaction:
    """A request of ours on its way: repeated until something comes back."""

    def __init__(
        self,
        agent: UserAgent,
        request: Message,
        to: Address,
        on_reply: Callable[[Message], None],
        give_up_s: float,
    ) -> None:
        self.agent, self.request, self.to, self.on_reply = agent, request, to, on_reply
        self.finished = False
        self._pause_s = T1_S
        self._resend: asyncio.TimerHandle | None = None
        self._give_up = agent.later(give_up_s, self._no_reply)

    def send(self) -> None:
        """Send it now and again after each pause."""
        self.agent.send(self.request, self.to)
        self._resend = self.agent.later(self._pause_s, self.send)
        self._pause_s = min(self._pause_s * 2, T2_S)

    def receive(self, reply: Message) -> None:
        """Take a response; repeated final responses of an INVITE are acknowledged again."""
        invite = self.request.method == "INVITE"
        if reply.status < 200:
            if invite:
                self._stop_resending()
                self.agent.forget(self._give_up)
        else:
            self._stop_resending()
            self.agent.forget(self._give_up)
            if invite and reply.status >= 300:
                self.agent.send(self._ack_of_failure(reply), self.to)
            if self.finished and not (invite and reply.status < 300):
                return
            if not self.finished:
                self.finished = True
                self.agent.later(LINGER_S, self._drop)
        self.on_reply(reply)

    def _ack_of_failure(self, reply: Message) -> Message:
        kept = {"via", "from", "call-id", "route", "max-forwards"}
        headers = [pair for pair in self.request.headers if pair[0].lower() in kept]
        headers += [("To", reply.header("to")), ("CSeq", f"{self.request.cseq[0]} ACK")]
        return Message(method="ACK", uri=self.request.uri, headers=tuple(headers))

    def abandon(self) -> None:
        """Wait no longer; whoever asked gets a 408."""
        if not self.finished:
            self._no_reply()

    def _no_reply(self) -> None:
        self._stop_resending()
        self.finished = True
        self._drop()
        self.on_reply(reply_to(self.request, 408))

    def _stop_resending(self) -> None:
        if self._resend is not None:
            self.agent.forget(self._resend)
            self._resend = None

    def _drop(self) -> None:
        self.agent.drop_transaction(self.request.branch, self.request.method, client=True)


class ServerTransaction:
    """A request of theirs: our answer is kept for repetitions, a final one to INVITE repeated until ACK."""

    def __init__(self, agent: UserAgent, request: Message, addr: Address) -> None:
        self.agent, self.request, self.addr = agent, request, addr
        self.dialog: Dialog | None = None
        self.finished = False
        self._last: Message | None = None
        self._pause_s = T1_S
        self._waited_s = 0.0
        self._resend: asyncio.TimerHandle | None = None

    def respond(self, response: Message) -> None:
        """Send a response; after a final one further calls do nothing."""
        if self.finished:
            return
        self._last = response
        self.agent.send(response, self.addr)
        if response.status >= 200:
            self.finished = True
            if self.request.method == "INVITE":
                self._resend = self.agent.later(self._pause_s, self._again)
            else:
                self.agent.later(LINGER_S, self._drop)

    def repeat(self) -> None:
        """Their request came again: so does our answer."""
        if self._last is not None:
            self.agent.send(self._last, self.addr)

    def acked_by(self, ack: Message) -> bool:
        """Whether this ACK is for our 2xx (it has a branch of its own)."""
        request = self.request
        return (
            request.method == "INVITE" and request.call_id == ack.call_id and request.cseq[0] == ack.cseq[0]
        )

    def acknowledged(self) -> None:
        """Stop repeating."""
        if self._resend is not None:
            self.agent.forget(self._resend)
            self._resend = None
            self.agent.later(LINGER_S, self._drop)

    def _again(self) -> None:
        self._waited_s += self._pause_s
        self._pause_s = min(self._pause_s * 2, T2_S)
        if self._waited_s >= GIVE_UP_S:
            self._drop()
            return
        self.repeat()
        self._resend = self.agent.later(self._pause_s, self._again)

    def _drop(self) -> None:
        self.agent.drop_transaction(self.request.branch, self.request.method, client=False)


def with_authorization(
    agent: UserAgent, request: Message, challenge: Message, credentials: Credentials
) -> Message | None:
    """The same request with the answer to the challenge, one CSeq on; None when it cannot be answered."""
    answer = credentials.authorization(challenge, request.method, request.uri)
    if answer is None:
        return None
    number, method = request.cseq
    headers = [pair for pair in request.headers if pair[0].lower() not in ("via", "cseq")]
    return replace(request, headers=(agent.via(), *headers, ("CSeq", f"{number + 1} {method}"), answer))
