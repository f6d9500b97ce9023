"""A SIP dialog: one call as the wire sees it, ours or theirs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.world.messages import Credentials, Headers, Message, new_tag, reply_to, uri_of, user_of
from tests.world.transactions import (
    CANCEL_WITHIN_S,
    LINGER_S,
    Address,
    ServerTransaction,
    with_authorization,
)

if TYPE_CHECKING:
    from tests.world.sip import UserAgent

ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY")


class Dialog:
    """One call as SIP sees it, ours or theirs.

    Listeners get one word and the message that caused it: "trying", "ringing" (180), "early" (sound before
    the answer), "answered", "media" (a new description), "info", "ended".
    """

    def __init__(self, agent: UserAgent, call_id: str, local: str, remote: str, peer: Address) -> None:
        self.agent, self.call_id, self.local, self.remote, self.peer = agent, call_id, local, remote, peer
        self.local_tag = ""
        self.target = ""
        self.local_sdp = ""
        self.remote_sdp = ""
        self.state = "new"
        self.final_status = 0
        """200 once answered, else the code that ended the attempt; 0 while it rings."""
        self.ended_by = ""
        """"us" or "them", once it has ended."""
        self.credentials: Credentials | None = None
        self.listeners: list[Callable[[str, Message | None], None]] = []
        self.invite: Message | None = None
        self._transaction: ServerTransaction | None = None
        self._cseq = 0
        self._routes: list[str] = []
        self._give_up_wanted = False
        self._provisional = False
        self._challenged = False
        self._ack: Message | None = None

    # ---- ours ----

    @classmethod
    def outgoing(
        cls,
        agent: UserAgent,
        peer: Address,
        to_uri: str,
        from_header: str,
        sdp: str,
        headers: Headers = (),
        credentials: Credentials | None = None,
    ) -> Dialog:
        """A call of ours, not yet sent: add listeners, then `send_invite`."""
        tag = new_tag()
        dialog = cls(agent, f"{new_tag()}@{agent.host}", f"{from_header};tag={tag}", f"<{to_uri}>", peer)
        dialog.local_tag, dialog.target, dialog.local_sdp = tag, to_uri, sdp
        dialog.credentials = credentials
        dialog.invite = dialog.request("INVITE", (dialog._contact(), ALLOW, *headers), sdp)
        return dialog

    def send_invite(self) -> None:
        """Ring them."""
        assert self.invite is not None
        self.state = "calling"
        self.agent.dialogs[self.call_id, self.local_tag] = self
        self.agent.start(self.invite, self.peer, self._invite_reply)

    def _invite_reply(self, reply: Message) -> None:
        if reply.status < 200:
            self._provisional_reply(reply)
        elif reply.status < 300:
            self._accepted(reply)
        elif reply.status in (401, 407) and self.credentials and not self._challenged:
            assert self.invite is not None
            self._challenged = True
            again = with_authorization(self.agent, self.invite, reply, self.credentials)
            if again is None:
                self._end("them", reply, reply.status)
                return
            self.invite, self._cseq = again, again.cseq[0]
            self.agent.start(again, self.peer, self._invite_reply)
        elif self.state != "ended":
            self._end("us" if self._give_up_wanted else "them", reply, reply.status)

    def _provisional_reply(self, reply: Message) -> None:
        first = not self._provisional
        self._provisional = True
        if self._give_up_wanted:
            if first:
                self._send_cancel()
            return
        if self.state == "ended":
            return
        if reply.body:
            self.remote_sdp = reply.body
        if reply.status == 180:
            self._tell("ringing", reply)
        if reply.status == 100:
            self._tell("trying", reply)
        if reply.body:
            self._tell("early", reply)

    def _accepted(self, reply: Message) -> None:
        if self._ack is not None:
            self.agent.send(self._ack, self.peer)
            return
        self.remote = reply.header("to")
        self.target = uri_of(reply.header("contact")) or self.target
        self._routes = list(reversed(reply.all_headers("record-route")))
        number = reply.cseq[0]
        self._ack = self.request("ACK", (), "", number=number)
        self.agent.send(self._ack, self.peer)
        if self.state == "ended":
            self._send_bye()
            return
        self.remote_sdp = reply.body or self.remote_sdp
        self.state, self.final_status = "answered", 200
        self._tell("answered", reply)
        if self._give_up_wanted:
            self.hang_up()

    def _send_cancel(self) -> None:
        assert self.invite is not None
        kept = {"via", "from", "to", "call-id", "route", "max-forwards"}
        headers = [pair for pair in self.invite.headers if pair[0].lower() in kept]
        headers.append(("CSeq", f"{self.invite.cseq[0]} CANCEL"))
        cancel = Message(method="CANCEL", uri=self.invite.uri, headers=tuple(headers))
        self.agent.start(cancel, self.peer, lambda _reply: None)

    # ---- theirs ----

    @classmethod
    def incoming(cls, agent: UserAgent, transaction: ServerTransaction) -> Dialog:
        """A call of theirs: nothing is answered yet, not even 100."""
        invite = transaction.request
        tag = new_tag()
        dialog = cls(
            agent, invite.call_id, f"{invite.header('to')};tag={tag}", invite.header("from"), transaction.addr
        )
        dialog.local_tag, dialog.state = tag, "calling"
        dialog.target = uri_of(invite.header("contact"))
        dialog.remote_sdp, dialog.invite = invite.body, invite
        dialog._routes = invite.all_headers("record-route")
        dialog._transaction = transaction
        transaction.dialog = dialog
        agent.dialogs[invite.call_id, tag] = dialog
        return dialog

    def progress(self, status: int, sdp: str = "") -> None:
        """Send 100, 180 or 183; with a description the caller hears us before the answer."""
        if self._transaction is None or self.state != "calling":
            return
        tag = self.local_tag if status > 100 else ""
        self._transaction.respond(self._reply(self._transaction.request, status, tag, sdp))
        if status > 100:
            self._tell("ringing" if status == 180 else "early", None)

    def accept(self, sdp: str) -> None:
        """Pick up."""
        if self._transaction is None or self.state != "calling":
            return
        self.local_sdp = sdp
        self.state, self.final_status = "answered", 200
        self._transaction.respond(self._reply(self._transaction.request, 200, self.local_tag, sdp))
        self._tell("answered", None)

    def reject(self, status: int) -> None:
        """Refuse with a final code: 486 busy, 603 declined, 480 away, 404 no such number."""
        if self._transaction is None or self.state != "calling":
            return
        self._transaction.respond(self._reply(self._transaction.request, status, self.local_tag))
        self._end("us", None, status)

    def cancelled_by_them(self, cancel: Message) -> None:
        """They gave up while we rang."""
        if self._transaction is None or self.state != "calling":
            return
        self._transaction.respond(self._reply(self._transaction.request, 487, self.local_tag))
        self._end("them", cancel, 487)

    # ---- both ----

    def take_request(self, transaction: ServerTransaction) -> None:
        """Answer what they ask inside the call."""
        request = transaction.request
        if request.method == "BYE":
            transaction.respond(self._reply(request, 200))
            if self.state != "ended":
                self._end("them", request, self.final_status)
        elif self.state == "ended":
            transaction.respond(self._reply(request, 481))
        elif request.method in ("INVITE", "UPDATE"):
            self.target = uri_of(request.header("contact")) or self.target
            if request.body:
                self.remote_sdp = request.body
                self._tell("media", request)
            described = request.method == "INVITE" or bool(request.body)
            transaction.respond(self._reply(request, 200, sdp=self.local_sdp if described else ""))
        elif request.method == "REFER":
            transaction.respond(self._reply(request, 603))
        else:
            transaction.respond(self._reply(request, 200))
            self._tell("info", request)

    def hang_up(self, status: int = 603) -> None:
        """End it: BYE when answered, CANCEL when we still ring them, `status` when they still ring us."""
        if self.state == "answered":
            self._end("us", None, self.final_status)
            self._send_bye()
        elif self._transaction is not None:
            self.reject(status)
        elif self.state == "calling" and not self._give_up_wanted:
            self._give_up_wanted = True
            self.agent.later(CANCEL_WITHIN_S, self._gone_anyway)
            if self._provisional:
                self._send_cancel()
        elif self.state == "new":
            self._end("us", None, 487)

    def vanish(self) -> None:
        """End it without telling anybody, as a phone does that falls into water."""
        if self.state != "ended":
            self._end("us", None, 0)

    def _gone_anyway(self) -> None:
        if self.state == "calling":
            self._end("us", None, 487)

    def _send_bye(self) -> None:
        bye = self.request("BYE")

        def on_reply(reply: Message) -> None:
            if reply.status in (401, 407) and self.credentials is not None:
                again = with_authorization(self.agent, bye, reply, self.credentials)
                if again is not None:
                    self.agent.start(again, self.peer, lambda _reply: None)

        self.agent.start(bye, self.peer, on_reply)

    async def say(self, method: str, headers: Headers = (), body: str = "") -> Message:
        """Send any request inside the call (INFO, REFER, UPDATE, …); the final response."""
        return await self.agent.ask_as(
            self.credentials, self.request(method, headers, body), self.peer, give_up_s=8.0
        )

    async def offer_again(self, sdp: str) -> int:
        """Re-INVITE with a new description; the final status."""
        self.local_sdp = sdp
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        request = self.request("INVITE", (self._contact(), ALLOW), sdp)

        def on_reply(reply: Message) -> None:
            if 200 <= reply.status < 300:
                self.agent.send(self.request("ACK", (), "", number=reply.cseq[0]), self.peer)
            if reply.status >= 200 and not answer.done():
                answer.set_result(reply)

        self.agent.start(request, self.peer, on_reply)
        reply = await answer
        if reply.body:
            self.remote_sdp = reply.body
            self._tell("media", reply)
        return reply.status

    def refuse_here(self, status: int) -> None:
        """End a call of ours that never leaves (no free channel)."""
        self._end("us", None, status)

    def request(self, method: str, headers: Headers = (), body: str = "", number: int = 0) -> Message:
        """A request inside this dialog, with its own branch and CSeq."""
        if not number:
            self._cseq += 1
            number = self._cseq
        described = (("Content-Type", "application/sdp"),) if body.startswith("v=0") else ()
        return Message(
            method=method,
            uri=self.target,
            headers=(
                self.agent.via(),
                ("Max-Forwards", "70"),
                *(("Route", route) for route in self._routes),
                ("From", self.local),
                ("To", self.remote),
                ("Call-ID", self.call_id),
                ("CSeq", f"{number} {method}"),
                ("User-Agent", "world"),
                *headers,
                *described,
            ),
            body=body,
        )

    def _reply(self, request: Message, status: int, tag: str = "", sdp: str = "") -> Message:
        headers: list[tuple[str, str]] = []
        if status < 300 and request.method in ("INVITE", "UPDATE"):
            headers += [self._contact(), ALLOW]
        if sdp:
            headers.append(("Content-Type", "application/sdp"))
        return reply_to(request, status, tag, headers, sdp)

    def _contact(self) -> tuple[str, str]:
        return self.agent.contact(re.sub(r"[^\w.+-]", "", user_of(self.local))[:40] or "anonymous")

    def _end(self, by: str, message: Message | None, status: int) -> None:
        self.state, self.ended_by = "ended", by
        self.final_status = self.final_status or status
        self._tell("ended", message)
        self.agent.later(LINGER_S, self._forget)

    def _forget(self) -> None:
        self.agent.dialogs.pop((self.call_id, self.local_tag), None)

    def _tell(self, what: str, message: Message | None) -> None:
        for listener in list(self.listeners):
            listener(what, message)
