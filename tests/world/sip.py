"""A SIP user agent on one UDP socket: it sorts what comes to the transaction or call it belongs to."""

import asyncio
import fcntl
import struct
import time
from collections.abc import Callable
from contextlib import suppress

from tests.world.dialog import ALLOW, Dialog
from tests.world.messages import (
    Credentials,
    Message,
    NotSip,
    new_branch,
    new_tag,
    read_message,
    reply_to,
)
from tests.world.transactions import (
    GIVE_UP_S,
    Address,
    ClientTransaction,
    ServerTransaction,
    with_authorization,
)

SIOCGSTAMPNS = 0x8907
"""Linux: when the datagram that was read last had arrived."""


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
        with suppress(OSError):  # there is none yet; from now on there will be
            agent._stamp()
        return agent

    @property
    def received_s(self) -> float:
        """When the kernel received the message that is being handled: our own slowness is not the product's."""
        wall_s = time.time() - time.monotonic()
        return self._stamp() - wall_s

    def _stamp(self) -> float:
        assert self._transport is not None
        found = fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), SIOCGSTAMPNS, bytes(16))
        seconds, nanoseconds = struct.unpack("qq", found)
        return float(seconds + nanoseconds / 1e9)

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
