"""A SIP user agent on one UDP socket: transactions that repeat what gets lost, and dialogs that are calls."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace

from tests.world.messages import (
    Credentials,
    Headers,
    Message,
    NotSip,
    new_branch,
    new_tag,
    read_message,
    reply_to,
    uri_of,
    user_of,
)

Address = tuple[str, int]
T1_S = 0.5
"""First pause before a request is repeated (RFC 3261); it doubles up to T2_S."""
T2_S = 4.0
GIVE_UP_S = 32.0
CANCEL_WITHIN_S = 5.0
"""How long a cancelled call waits for its final answer."""
LINGER_S = 8.0
"""How long a finished transaction still answers repetitions."""
ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY")


class UserAgent(asyncio.DatagramProtocol):
    """One SIP address. Open it with `open`, close it with `close`; every call on it is a `Dialog`."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.on_invite: Callable[[Dialog], None] = lambda dialog: dialog.reject(404)
        self.on_register: Callable[[Message], Message] = lambda request: reply_to(request, 405, new_tag())
        self.dialogs: dict[tuple[str, str], Dialog] = {}
        self.trace: list[tuple[float, str, str]] | None = None
        """Set it to a list to keep (time, "sent"/"got", text) of every message."""
        self.garbage_count = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._asking: dict[tuple[str, str], ClientTransaction] = {}
        self._asked: dict[tuple[str, str], ServerTransaction] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    @classmethod
    async def open(cls, host: str, port: int) -> "UserAgent":
        """An agent listening on host:port (port 0: any free one)."""
        agent = cls(host, port)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: agent, local_addr=(host, port))
        agent._transport = transport
        agent.port = transport.get_extra_info("sockname")[1]
        return agent

    def close(self) -> None:
        """Stop at once, as a phone whose cable is pulled: nobody is told."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        for transaction in list(self._asking.values()):
            transaction.abandon()

    async def finish(self, within_s: float = 1.0) -> None:
        """Wait until our last requests (BYE, CANCEL) are answered, then close."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and any(not t.finished for t in self._asking.values()):  # noqa: ASYNC110 many transactions, no one event
            await asyncio.sleep(0.01)
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether the socket still exists."""
        return self._transport is not None

    def later(self, delay_s: float, do: Callable[[], None]) -> asyncio.TimerHandle:
        """Run `do` after a while, unless the agent is closed first."""

        def run() -> None:
            self._timers.discard(timer)
            do()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        if self.is_open:
            self._timers.add(timer)
        else:
            timer.cancel()
        return timer

    def forget(self, timer: asyncio.TimerHandle) -> None:
        """Cancel what `later` promised."""
        timer.cancel()
        self._timers.discard(timer)

    def send(self, message: Message, to: Address) -> None:
        """Put a message on the wire, once."""
        self.send_raw(message.wire(), to)

    def send_raw(self, datagram: bytes, to: Address) -> None:
        """Put any bytes on the wire; for callers who speak bad SIP."""
        if self._transport is None:
            return
        if self.trace is not None:
            self.trace.append((time.monotonic(), "sent", datagram.decode("utf-8", "replace")))
        self._transport.sendto(datagram, to)

    def via(self) -> tuple[str, str]:
        """A fresh Via header with a new branch."""
        return "Via", f"SIP/2.0/UDP {self.host}:{self.port};rport;branch={new_branch()}"

    def contact(self, user: str) -> tuple[str, str]:
        """Where we can be reached as that user."""
        return "Contact", f"<sip:{user}@{self.host}:{self.port}>"

    async def ask(self, request: Message, to: Address, give_up_s: float = GIVE_UP_S) -> Message:
        """Send a request (not INVITE), repeated as needed; the final response, 408 when none comes."""
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def on_reply(reply: Message) -> None:
            if reply.status >= 200 and not answer.done():
                answer.set_result(reply)

        self.start(request, to, on_reply, give_up_s)
        return await answer

    async def ask_as(
        self, credentials: Credentials | None, request: Message, to: Address, give_up_s: float = GIVE_UP_S
    ) -> Message:
        """As `ask`, and one challenge is answered with the credentials."""
        reply = await self.ask(request, to, give_up_s)
        if reply.status not in (401, 407) or credentials is None:
            return reply
        again = with_authorization(self, request, reply, credentials)
        return await self.ask(again, to, give_up_s) if again else reply

    def start(
        self, request: Message, to: Address, on_reply: Callable[[Message], None], give_up_s: float = GIVE_UP_S
    ) -> None:
        """Begin a client transaction; `on_reply` gets each response, a made-up 408 when none comes."""
        transaction = ClientTransaction(self, request, to, on_reply, give_up_s)
        self._asking[request.branch, request.method] = transaction
        transaction.send()

    def answer(self, transaction: "ServerTransaction", response: Message) -> None:
        """Answer a request; repetitions of the request get the same answer."""
        transaction.respond(response)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Take a datagram from the wire; garbage is counted and dropped."""
        if len(data) < 8:
            return
        try:
            message = read_message(data)
        except NotSip:
            self.garbage_count += 1
            return
        if self.trace is not None:
            self.trace.append((time.monotonic(), "got", data.decode("utf-8", "replace")))
        if message.status:
            waiting = self._asking.get((message.branch, message.cseq[1]))
            if waiting is not None:
                waiting.receive(message)
        elif message.method == "ACK":
            self._take_ack(message)
        else:
            self._take_request(message, addr)

    def _take_ack(self, ack: Message) -> None:
        failed = self._asked.get((ack.branch, "INVITE"))
        if failed is not None:
            failed.acknowledged()
        for transaction in [t for t in self._asked.values() if t.acked_by(ack)]:
            transaction.acknowledged()

    def _take_request(self, request: Message, addr: Address) -> None:
        known = self._asked.get((request.branch, request.method))
        if known is not None:
            known.repeat()
            return
        transaction = ServerTransaction(self, request, addr)
        self._asked[request.branch, request.method] = transaction
        dialog = self.dialogs.get((request.call_id, request.to_tag))
        if request.method == "CANCEL":
            self._take_cancel(transaction)
        elif dialog is not None:
            dialog.take_request(transaction)
        elif request.to_tag:
            transaction.respond(reply_to(request, 481))
        elif request.method == "INVITE":
            self.on_invite(Dialog.incoming(self, transaction))
        elif request.method == "REGISTER":
            transaction.respond(self.on_register(request))
        else:
            status = 200 if request.method in ("OPTIONS", "NOTIFY", "MESSAGE") else 405
            transaction.respond(reply_to(request, status, new_tag(), (ALLOW,)))

    def _take_cancel(self, cancel: "ServerTransaction") -> None:
        invite = self._asked.get((cancel.request.branch, "INVITE"))
        cancel.respond(reply_to(cancel.request, 200 if invite else 481, new_tag()))
        if invite is not None and invite.dialog is not None:
            invite.dialog.cancelled_by_them(cancel.request)

    def drop_transaction(self, branch: str, method: str, client: bool) -> None:
        """Forget a transaction once nobody can repeat it."""
        if client:
            self._asking.pop((branch, method), None)
        else:
            self._asked.pop((branch, method), None)


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
    ) -> "Dialog":
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
    def incoming(cls, agent: UserAgent, transaction: ServerTransaction) -> "Dialog":
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
