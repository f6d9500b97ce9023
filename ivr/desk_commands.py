"""What desks ask for, carried out in order: rows of the database, looked at each second and whenever Redis wakes us."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import redis.asyncio
import structlog
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from hotline import commands, recalls
from hotline import events as e
from hotline.acuity import Acuity
from hotline.bus import LIVE, announce
from hotline.commands import DeskCommand
from hotline.database import reading, transaction
from hotline.operators import Operator, Presence, Role
from hotline.transfers import Happening, TransferState
from ivr import browser_phone, contacts, supervision
from ivr.ari import AriError
from ivr.caller import Caller
from ivr.chain import NOT_OFFERED
from ivr.desk import Desk, NotPossible
from ivr.dialled_call import number_to_dial
from ivr.floor import Floor
from ivr.recall_call import RecallCall
from ivr.recall_dialler import RecallDialler
from ivr.supervision import Supervision

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 100
JUST_REGISTERED_S = 1.0
BLOCK_MS = 2000
"""How long one question to Redis waits for news; its connection may be silent five times as long."""


STATION_KEYS = {"station_accept": "1", "station_decline": "2", "station_repeat": "3"}
OF_STATIONS = {
    "sign_in",
    "sign_out",
    "pause",
    "resume",
    "hold",
    "mute",
    "unmute",
    "retrieve",
    "phone_gone",
    "phone_ready",
    *STATION_KEYS,
}
"""What a station's account may ask for."""

NO_ANSWER = NotPossible(
    "Tổng đài không trả lời: hãy thử lại sau vài giây.",
    "The exchange does not answer: try again in a few seconds.",
)


def asked() -> list[DeskCommand]:
    """The commands not yet carried out, oldest first."""
    with reading() as session:
        rows = select(DeskCommand).where(DeskCommand.done_at.is_(None)).order_by(DeskCommand.id)
        return list(session.scalars(rows.limit(AT_ONCE)))


def _done(command_id: int, refused: str) -> None:
    with transaction() as session:
        command = session.get(DeskCommand, command_id)
        if command is not None:
            command.done_at, command.refused = e.now(), refused[:200]
            told = str(command.body.get("operator_id", ""))
            if command.kind in supervision.FORCES and told.isdecimal():
                # A pause that waits for the talk's end changes nothing yet that their page would hear of.
                announce(session, LIVE, {"event": "desk_told", "operator_id": int(told)})


def _operator(operator_id: int) -> Operator | None:
    with reading() as session:
        return session.get(Operator, operator_id)


def _recall(recall_id: str) -> recalls.Recall | None:
    with reading() as session:
        return session.get(recalls.Recall, recall_id)


class DeskCommands:
    """Carries out; a command that cannot be marked as done is remembered and not done twice."""

    def __init__(
        self,
        floor: Floor,
        redis_url: str,
        recalls: RecallDialler,
        supervision: Supervision | None = None,
    ) -> None:
        self._supervision = supervision
        self._floor, self._redis_url, self._recalls = floor, redis_url, recalls
        self._carried: dict[int, str] = {}
        self._woken = asyncio.Event()

    async def run(self) -> None:
        waker = asyncio.create_task(self._wake_for_ever())
        try:
            while True:
                if self._floor.ari.connected:
                    await self.look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), LOOK_EVERY_S)
                self._woken.clear()
        finally:
            waker.cancel()

    async def look(self) -> None:
        """Carry out everything that was asked."""
        try:
            for command in await asyncio.to_thread(asked):
                if command.id not in self._carried:
                    self._carried[command.id] = await self._carry_out(command)
                await asyncio.to_thread(_done, command.id, self._carried[command.id])
                del self._carried[command.id]
        except SQLAlchemyError as error:
            log.warning("desk commands cannot be read or marked", error=type(error).__name__)

    async def _wake_for_ever(self) -> None:
        """Redis only says "look"; without it the table is looked at each second."""
        last = "$"
        while True:
            try:
                async with redis.asyncio.Redis.from_url(
                    self._redis_url, socket_timeout=BLOCK_MS / 200
                ) as bus:
                    while True:
                        heard: Any = await bus.xread({commands.WAKE: last}, block=BLOCK_MS)
                        if heard:
                            last = heard[0][1][-1][0]
                            self._woken.set()
            except (RedisError, OSError) as error:
                log.debug("redis is away", error=str(error))
                await asyncio.sleep(1.0)

    async def _carry_out(self, command: DeskCommand) -> str:
        """Empty when done, else the sentence the operator reads."""
        language = str(command.body.get(commands.LANGUAGE, "vi"))
        try:
            if command.kind == "person_changed":
                await self._follow(command.operator_id)
            else:
                await self._do(command, await self._desk(command.operator_id))
        except NotPossible as refused:
            return refused.said(language)
        except AriError as error:
            log.warning("a desk command failed", kind=command.kind, error=str(error))
            return NO_ANSWER.said(language)
        self._floor.serve()
        return ""

    async def _desk(self, operator_id: int) -> Desk:
        operator = await asyncio.to_thread(_operator, operator_id)
        known = self._floor.desks.of(operator_id)
        talks = known is not None and known.state is Presence.TALKING
        # Whoever was switched off in a talk can hold it, hand it over and end it.
        if operator is None or not (operator.active or talks):
            raise NotPossible("Tài khoản này không còn hoạt động.", "This account is no longer active.")
        return self._floor.desks.learn(operator)

    async def _follow(self, operator_id: int) -> None:
        """Hotlines, skills and role as they are now; whoever may not work here any more leaves after the present call."""
        operator = await asyncio.to_thread(_operator, operator_id)
        if operator is None:
            return
        desk = self._floor.desks.learn(operator)
        may_watch = operator.active and operator.role in supervision.ROLES
        if self._supervision is not None and not may_watch:
            self._supervision.stop(desk)
        if operator.active:
            return
        self._floor.desks.sign_out(desk)
        visit = self._floor.visits.get(desk.call_id)
        if desk.state is Presence.RINGING and visit is not None:
            visit.let_go(desk)

    async def _do(self, command: DeskCommand, desk: Desk) -> None:
        desks, body = self._floor.desks, command.body
        if desk.role == Role.STATION and command.kind not in OF_STATIONS:
            raise NotPossible(
                "Tài khoản của trạm không có lệnh này.", "A station's account does not have this command."
            )
        call_id = str(body.get("call_id", ""))
        at_once: dict[str, Callable[[], Any]] = {
            "sign_out": lambda: desks.sign_out(desk),
            "pause": lambda: desks.pause(desk, str(body.get("reason", ""))),
            "resume": lambda: desks.resume(desk),
            "finish_wrap_up": lambda: desks.finish_wrap_up(desk),
            "hold_wrap_up": lambda: desks.hold_wrap_up(desk, call_id),
            "raise_acuity": lambda: self._raise(body, desk),
            "hold": lambda: contacts.hold(self._floor, desk, call_id),
            "retrieve": lambda: contacts.turn_to(self._floor, desk, call_id),
            "mute": lambda: contacts.mute(self._floor, desk, call_id, on=True),
            "unmute": lambda: contacts.mute(self._floor, desk, call_id, on=False),
            "hang_up": lambda: contacts.hang_up(self._floor, desk, call_id),
            "take_next": lambda: contacts.take_next(self._floor, desk),
            "dial": lambda: self._dial(body, desk),
            "phone_gone": lambda: self._phone_gone(desk),
            "phone_ready": lambda: self._phone_ready(desk),
        }
        if command.kind in at_once:
            at_once[command.kind]()
        elif command.kind == "sign_in":
            phone = str(body.get("phone", ""))
            own = browser_phone.name_of(desk.operator_id)
            known = phone == own or phone in {p.name for p in self._floor.installation.phones}
            if phone and not known:
                raise NotPossible(
                    f"Không có máy {phone}: hãy chọn máy trong danh sách.",
                    f"There is no phone {phone}: choose one from the list.",
                )
            within_s = JUST_REGISTERED_S if phone == own else 0.0
            online = bool(phone) and await self._floor.ari.endpoint_online(phone, within_s)
            if phone == own and not online:
                raise NotPossible(
                    "Điện thoại trên trang chưa sẵn sàng: hãy cho trang dùng micrô rồi vào ca lại.",
                    "The phone on the page is not ready: let the page use the microphone, then sign in again.",
                )
            second = str(body.get("second_phone", ""))
            if second and second not in {p.name for p in self._floor.installation.phones}:
                raise NotPossible(
                    f"Không có máy {second}: hãy chọn máy trong danh sách.",
                    f"There is no phone {second}: choose one from the list.",
                )
            desks.sign_in(desk, phone, online, second)
            if reason := str(body.get("pause", "")):
                desks.pause(desk, reason)  # before any caller is looked for
        elif command.kind in supervision.KINDS and self._supervision is not None:
            operator = await asyncio.to_thread(_operator, command.operator_id)
            role = operator.role if operator is not None else ""
            await self._supervision.carry_out(command.kind, body, desk, role)
        elif command.kind in STATION_KEYS:
            self._station(STATION_KEYS[command.kind], body, desk)
        elif command.kind.startswith("transfer_"):
            await self._transfer(command.kind, body, desk)
        else:
            await self._recall(command, desk)

    def _dial(self, body: dict[str, Any], desk: Desk) -> None:
        number = number_to_dial(self._floor.installation, desk.role, str(body.get("number", "")))
        talks = desk.state is Presence.TALKING
        self._recalls.dial(number, desk, contacts.free_phone(self._floor, desk) if talks else None)

    def _phone_gone(self, desk: Desk) -> None:
        """The page that is this desk's telephone is being left; it may be back in a second."""
        visit = self._floor.visits.get(desk.call_id)
        if not browser_phone.is_browser(desk.phone):
            return
        if desk.state is Presence.TALKING and isinstance(visit, Caller):
            visit.talk.left(desk)
            if visit.transfer is not None:
                visit.transfer.station_left_page(desk)
        elif desk.state is Presence.TALKING and isinstance(visit, RecallCall):
            visit.page_left = True
        elif desk.second_phone:
            return  # it rings on
        elif desk.state in (Presence.AVAILABLE, Presence.RINGING):
            self._floor.desks.change(
                desk, Presence.PAUSED, "phone"
            )  # also a station's: nobody could answer there
            if visit is not None:
                visit.let_go(desk)

    def _phone_ready(self, desk: Desk) -> None:
        """A page has become this desk's telephone."""
        visit = self._floor.visits.get(desk.call_id)
        if not browser_phone.is_browser(desk.phone):
            return
        if desk.state is Presence.TALKING and isinstance(visit, Caller):
            if not visit.talk.returned(desk) and visit.transfer is not None:
                visit.transfer.station_returned(desk)
        elif desk.state is Presence.TALKING and isinstance(visit, RecallCall):
            visit.returned(desk)
        elif desk.state is Presence.RINGING and visit is not None:
            visit.ring_anew(desk)
        elif desk.state is Presence.PAUSED and desk.reason == "phone":
            self._floor.desks.change(desk, Presence.AVAILABLE)

    async def _transfer(self, kind: str, body: dict[str, Any], desk: Desk) -> None:
        """A station for the caller at this desk, and what to do with it."""
        visit = self._floor.visits.get(str(body.get("call_id", "")))
        if not isinstance(visit, Caller):
            raise NotPossible("Cuộc gọi này đã kết thúc.", "This call has ended.")
        if kind == "transfer_ask":
            card = body.get("card")
            await visit.hand_over(
                desk,
                str(body.get("station", "")),
                card if isinstance(card, dict) else {},
                str(body.get("number", "")),
                body["colleague"] if isinstance(body.get("colleague"), int) else 0,
            )
            return
        transfer = visit.transfer
        if transfer is not None and transfer.state is TransferState.STATION_LEFT:
            raise NotPossible(
                "Trạm vừa gác máy, bạn đang nói với người dân: hãy chọn trạm khác nếu cần.",
                "The station has just hung up, you talk with the citizen: choose another station if needed.",
            )
        if transfer is None or not transfer.live:
            raise NotPossible(
                "Cuộc gọi này không có lần chuyển nào đang diễn ra.", "This call is not being handed over."
            )
        if transfer.operator is None or transfer.operator.operator_id != desk.operator_id:
            raise NotPossible("Lần chuyển này là của người khác.", "This hand-over is somebody else's.")
        if kind == "transfer_note":
            transfer.note.begin()
        elif kind == "transfer_note_end":
            transfer.note.end()
        else:
            transfer.wish(Happening(kind.removeprefix("transfer_")), str(body.get("seen", "")))

    def _station(self, key: str, body: dict[str, Any], desk: Desk) -> None:
        """What a station's page says to a hand-over that is offered to it."""
        visit = self._floor.visits.get(str(body.get("call_id", "")))
        if not desk.station or not isinstance(visit, Caller) or visit.transfer is None:
            raise NOT_OFFERED
        visit.transfer.chain.pressed(str(body.get("leg_id", "")), desk.station, key)

    def _raise(self, body: dict[str, Any], desk: Desk) -> None:
        visit = self._floor.visits.get(str(body.get("call_id", "")))
        try:
            acuity = Acuity(str(body.get("acuity", "")))
        except ValueError as error:
            raise NotPossible(
                "Mức độ khẩn cấp không hợp lệ: hãy chọn một mức trong danh sách.",
                "This is no level of urgency: choose one from the list.",
            ) from error
        if not isinstance(visit, Caller):
            if body.get("told"):
                return  # it ended a moment ago; the record has the new level
            raise NotPossible("Cuộc gọi này đã kết thúc.", "This call has ended.")
        told = bool(body.get("told"))  # by the desk, in one transaction with the answer that raised it
        if not visit.raise_to(acuity, str(body.get("why", "")), desk.username, told=told) and not told:
            raise NotPossible(
                f"Cuộc gọi này đã ở mức {visit.acuity.target.vi}.",
                f"This call is at this level already: {visit.acuity.target.en}.",
            )

    async def _recall(self, command: DeskCommand, desk: Desk) -> None:
        recall = await asyncio.to_thread(_recall, str(command.body.get("recall_id", "")))
        if recall is None:
            raise NotPossible("Không có yêu cầu gọi lại này.", "There is no such callback.")
        state = "cancelled" if command.kind == "recall_cancel" else "due"
        possible = recalls.FOLLOWS[recalls.RecallState(recall.state)]
        rung = recall.state == recalls.RecallState.DIALLING and state == "due"
        if rung or recalls.RecallState(state) not in possible:
            raise NotPossible(
                "Yêu cầu gọi lại này đã xong hoặc đang được gọi.",
                "This callback is done already, or is being made.",
            )
        if command.body.get("mine") and state == "due":
            if not desk.can_be_rung and not contacts.can_part(self._floor, desk):
                raise NotPossible(
                    "Máy của bạn chưa rảnh: hãy kết thúc cuộc đang nói, hoặc vào ca, rồi gọi.",
                    "Your phone is not free: end your call, or sign in, then call.",
                )
            self._recalls.wanted_by(recall.id, desk.operator_id)
        await self._floor.keep(
            e.RecallChanged(recall_id=recall.id, call_id=recall.call_id, state=state, next_try_at=e.now())
        )
