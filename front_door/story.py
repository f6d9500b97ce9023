"""One emergency from the call to the answer back, played by the demo's own people: every step goes through a telephone or a page, and is
seen from outside before the next one begins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from front_door import demo_data, preparation
from front_door.panel_people import Person, Refused
from hotline.settings import Settings

if TYPE_CHECKING:
    from tests.world.leg import Leg
    from tests.world.party import Citizen, Station
    from tests.world.scenario import World

COMMUNE, STATION, STATION_NUMBER = "25195", "tyt-tan-phu-25195", "02713569021"
"""Phường Tân Phú: where the citizen is, and the health station that serves it."""
TEAM, SILENT_TEAM, ABOVE = "bp-doi-25195", "bp-doi-25198", "bp-chi-huy-689"
"""The commune's team, its neighbours' who do not answer, and the district's centre above both."""
TRUNK = 0
CITIZEN_HZ = 2010
STEPS = 13
SEEN_WITHIN_S = 40.0
"""How long one step may take before it counts as not seen."""
FRAME_S = 0.02
LOOK_EVERY_S = 0.2


class NotSeen(RuntimeError):  # noqa: N818 - exceptions are named by the fact
    """A step of the story was not seen to happen; the text tells what was."""


@dataclass
class Step:
    """One step: what, who did it, by what means, and what was seen of it from outside."""

    what: str
    who: str
    means: str
    began_at: datetime
    seconds: float = 0.0
    seen: list[str] = field(default_factory=list)
    fault: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"began_at": self.began_at.isoformat(timespec="milliseconds")}

    def line(self) -> str:
        mark = "✗" if self.fault else "✓"
        seen = self.fault or "; ".join(self.seen)
        return f"  {mark} {self.began_at.astimezone():%H:%M:%S} {self.seconds:5.1f} s  {self.what} · {self.who}, {self.means}: {seen}"


def table(steps: list[Step]) -> str:
    """What, who, by what means, when, how long, and what was seen."""
    return "\n".join(step.line() for step in steps)


class Story:
    """Plays it once. `steps` is what came of it so far."""

    def __init__(self, given: Settings, world: World, on_step: Callable[[Step], None]) -> None:
        self.given, self.world, self._on_step = given, world, on_step
        self.steps: list[Step] = []
        self._stack = AsyncExitStack()
        self._people: dict[str, Person] = {}
        self.hotline = preparation.province(given).hotlines[0]
        self.ticket_id = ""
        self._line: Leg

    @property
    def faults(self) -> list[str]:
        return [f"{step.what}: {step.fault}" for step in self.steps if step.fault]

    async def play(self) -> list[Step]:
        """All steps, up to the first that was not seen."""
        from tests.world.party import Answering, Station

        number = f"0988{int(time.time()) % 10**6:06}"
        self.citizen = Station("the story's citizen", Answering.answers(1.5), CITIZEN_HZ)
        silent = Station("a team that does not answer", Answering.rings_on(), None)
        silent.one_call_only = False
        self.silent, numbers = silent, await asyncio.to_thread(_numbers_of, SILENT_TEAM)
        async with self._stack:
            for carrier in self.world.carriers:
                before = {one: carrier.routes[one] for one in numbers if one in carrier.routes}
                for one in numbers:
                    carrier.route_to(one, silent)
                carrier.route_to(number, self.citizen)
                self._stack.callback(carrier.routes.update, before)
            with suppress(NotSeen):
                await self._play(number)
        return self.steps

    async def _play(self, number: str) -> None:
        for username in (demo_data.SUPERVISOR, demo_data.TEAM, demo_data.LEADER):
            self._people[username] = await self._stack.enter_async_context(Person(self.given, username))
        before = await self._received()
        operator = await self._call(number)
        await self._hand_over(operator)
        await self._category(operator)
        first = await self._order(operator, TEAM, "Đưa người bệnh khó thở đến trung tâm y tế")
        second = await self._order(operator, SILENT_TEAM, "Mang bình oxy dự phòng đến nhà người bệnh")
        await self._acknowledged(first)
        await self._reported(first)
        above = await self._escalated(second)
        await self._finished(operator, second, above)
        await self._told(operator)
        await self._closed()
        await self._counted(before)
        await self._proved()

    # -- the call --

    async def _call(self, number: str) -> Person:
        """A RED call: the machine hears key 1, the desks ring, an operator's voice is heard. Who answered."""
        from tests.world.party import Citizen

        citizen = Citizen(self.world.carriers[TRUNK], number, tone_hz=CITIZEN_HZ)
        async with self._step("Cuộc gọi ĐỎ được trả lời (a RED call is answered)", number, "phone") as step:
            voices = {phone.tone_hz or 0: phone for phone in self.world.phones}
            tone, waited_s = await self._heard_after_key_1(citizen, tuple(voices))
            if tone not in voices:  # every desk was busy or slow, and the hotline's duty number was quicker
                step.seen.append("the duty number answered first; the citizen rings again")
                self._line.hang_up()
                tone, waited_s = await self._heard_after_key_1(citizen, tuple(voices))
            self._check(tone in voices, "no desk answered")
            phone = voices[tone]
            step.seen.append(f"key 1; desk {phone.name} heard at {tone} Hz after {waited_s:.1f} s")
            call = await self._row(lambda: _call_of(number), lambda one: one.operator_id is not None)
            self.ticket_id, self.call_id = call.ticket_id, call.id
            step.seen.append(
                f"ticket {self.hotline.prefix}-{await asyncio.to_thread(_number_of, self.ticket_id)} {call.acuity}"
            )
            self._check(call.acuity == "RED", f"the call's level is {call.acuity}")
            operator = demo_data.OPERATORS[self.world.phones.index(phone)]
        return await self._person(operator)

    async def _heard_after_key_1(self, citizen: Citizen, desks: tuple[int, ...]) -> tuple[int, float]:
        """Whose tone the citizen hears, a desk's or a duty number's, and seconds from the key."""
        self._line = citizen.dial(self.world.plan.trunks[TRUNK].numbers[0])
        self._stack.callback(self._line.close)
        answered_s = await self._line.until_answered(20)
        await self._line.until_sound(10, since_s=answered_s)
        await asyncio.sleep(1.0)
        await self._line.press("1")
        pressed_s = time.monotonic()
        duty = tuple({station.tone_hz or 0 for station in self.world.duty})
        tone = await self._line.until_hears_one_of((*desks, *duty), SEEN_WITHIN_S)
        return tone, time.monotonic() - pressed_s

    async def _hand_over(self, operator: Person) -> None:
        """Warm: the station presses 1 and speaks with the operator, all three speak, the operator leaves."""
        from hotline.transfers import TransferState as T

        station: Station = self.world.carriers[TRUNK].routes[STATION_NUMBER]  # type: ignore[assignment]  # a station of the plan
        async with self._step(
            "Chuyển có giới thiệu cho trạm y tế (handed over warm)", operator.name, "page"
        ) as step:
            await operator.send("/my-desk/transfer", {"call_id": self.call_id, "station": STATION})
            await self._transfer(T.PRIVATE)
            leg = station.legs[-1]
            step.seen.append(f"the station pressed {''.join(key for _, key in leg.keys_sent)}")
            wishes = (("merge", T.PRIVATE, T.TOGETHER), ("leave", T.TOGETHER, T.HANDED_OVER))
            for wish, seen, to in wishes:
                await operator.send(f"/my-desk/transfer/{wish}", {"call_id": self.call_id, "seen": seen})
                await self._transfer(to)
            await asyncio.sleep(1.0)  # what is heard from now on was said when the operator had gone
            await self._line.until_hears(station.tone_hz or 0, SEEN_WITHIN_S, for_s=1.0)
            await leg.until_hears(CITIZEN_HZ, SEEN_WITHIN_S, for_s=1.0)
            step.seen.append("citizen and station hear each other, the operator is gone")
            self._line.hang_up()

    async def _transfer(self, state: str) -> None:
        await self._row(lambda: _transfer_of(self.call_id), lambda one: one.state == state)

    async def _category(self, operator: Person) -> None:
        async with self._step(
            "Phiếu: vận chuyển cấp cứu (the ticket’s category and place)", operator.name, "page"
        ) as step:
            form = {"category": "emergency_transport", "seen_category": await self._category_now()}
            await operator.send(f"/tickets/{self.ticket_id}/category", form, click=False)
            ticket = await asyncio.to_thread(_ticket, self.ticket_id)
            seen = {f"seen_{name}": getattr(ticket, name) for name in ("state", "disposition", "unit_code")}
            form = {"version": str(ticket.version), "state": ticket.state, "unit_code": COMMUNE, **seen}
            await operator.send(f"/tickets/{self.ticket_id}/change", form)
            ticket = await asyncio.to_thread(_ticket, self.ticket_id)
            self._check(
                (ticket.category, ticket.unit_code) == ("emergency_transport", COMMUNE), "it was not kept"
            )
            kinds = await asyncio.to_thread(_entries, self.ticket_id)
            step.seen += [kind for kind in ("category_chosen", "unit_chosen") if kind in kinds]
            self._check(len(step.seen) == 2, f"entries: {kinds[-4:]}")

    async def _category_now(self) -> str:
        return str((await asyncio.to_thread(_ticket, self.ticket_id)).category)

    # -- orders --

    async def _order(self, operator: Person, team: str, what: str) -> str:
        async with self._step(
            "Lệnh cho đội phản ứng nhanh của xã (an order to a commune’s team)", operator.name, "page"
        ) as step:
            known = set(await asyncio.to_thread(_orders, self.ticket_id))
            due = datetime.now(UTC).astimezone(_vietnam()) + timedelta(minutes=30)
            form = {
                "what": what, "category": "emergency_transport", "team": team, "unit_code": COMMUNE, "acuity": "RED",
                "due_at": due.strftime("%Y-%m-%dT%H:%M"), "place": "tổ 3, khu phố Phú Tân",
            }  # fmt: skip
            await operator.send(f"/orders/new/{self.ticket_id}", form)
            (order,) = set(await asyncio.to_thread(_orders, self.ticket_id)) - known
            part = (await asyncio.to_thread(_parts, order))[0]
            self._check(part.state == "sent", f"its team’s part is {part.state}")
            step.seen.append(f"{part.team_name}: {part.state}, {len(part.plan)} numbers")
        return order

    async def _acknowledged(self, order: str) -> None:
        numbers = await asyncio.to_thread(_numbers_of, TEAM)
        async with self._step(
            "Đội nhận lệnh qua điện thoại (acknowledged by phone)", "the team’s phone", "phone"
        ) as step:
            part = await self._part(order, TEAM, "accepted")
            leg = self._legs_of(numbers)[-1]
            keys = "".join(key for _, key in leg.keys_sent)
            self._check(
                (keys, part.accepted_means) == ("51", "telephone"), f"keys {keys}, by {part.accepted_means}"
            )
            first, second = (at for at, _ in leg.keys_sent)
            asked_s, told_s = _sound_s(leg, leg.answered_s, first), _sound_s(leg, first, second)
            step.seen.append(
                f"{asked_s:.1f} s heard, 5: it is the team; {told_s:.1f} s of the order, 1: accepted"
            )
            self._check(told_s > 2.0, "the order was not heard")

    async def _reported(self, order: str) -> None:
        team = self._people[demo_data.TEAM]
        async with self._step(
            "Lên đường, đến nơi, xong (en route, on site, done)", team.name, "the team’s page"
        ) as step:
            part = await self._part(order, TEAM, "accepted")
            for happening, state in (("set_out", "en_route"), ("arrive", "on_site"), ("finish", "done")):
                await team.send(
                    f"/team/{part.id}",
                    {"happening": happening, "note": "đã đưa đến trung tâm y tế" if state == "done" else ""},
                )
                part = await self._part(order, TEAM, state)
                step.seen.append(state)

    async def _escalated(self, order: str) -> str:
        """Both numbers of the commune ring and nobody answers; the district's centre is rung, and pages alarm."""
        async with self._step(
            "Xã im lặng → số kế tiếp → lên cấp huyện, báo động (silent, next number, escalated)",
            "the clock",
            "phone",
        ) as step:
            part = await self._part(order, SILENT_TEAM, "unanswered")
            legs = self.silent.legs
            self._check(
                len(legs) >= 2 and not any(leg.answered_s for leg in legs), f"{len(legs)} numbers rang"
            )
            rang = " and ".join(f"{(leg.ended_s or 0) - (leg.rang_s or 0):.0f} s" for leg in legs)
            step.seen.append(f"{len(legs)} numbers rang {rang} unanswered")
            page = await self._people[demo_data.SUPERVISOR].page("/recalls/alarms")
            self._check(part.team_name in page, "no page alarms about it")
            step.seen.append("the supervisor’s page alarms with the team’s name")
            above = await self._part(order, ABOVE, "accepted")
            self._check(above.instead_of == part.id, "the level above was asked for something else")
            step.seen.append(f"{above.team_name} accepted by {above.accepted_means}")
            board = await self._people[demo_data.LEADER].page("/command", hotline=self.hotline.key)
            self._check(f"{COMMUNE}: " in board, "the board has nothing open in the commune")
            step.seen.append("the leader’s board names the commune")
        return str(above.id)

    async def _finished(self, operator: Person, order: str, part: str) -> None:
        async with self._step(
            "Lệnh thứ hai xong (the second order is done)", operator.name, "the order’s page"
        ) as step:
            form = {"happening": "finish", "note": "huyện đã mang oxy đến"}
            await operator.send(f"/orders/{order}/part/{part}", form)
            await self._part(order, ABOVE, "done")
            page = await self._people[demo_data.SUPERVISOR].page("/recalls/alarms")
            self._check(order not in page, "the alarm does not end")
            step.seen.append("done; the alarm is over")

    # -- back to the citizen --

    async def _told(self, operator: Person) -> None:
        """The hotline rings the citizen: nothing of the request before their key 1, then the result, then 1 solved."""
        async with self._step(
            "Gọi báo kết quả cho người dân (the citizen is called back)", "the hotline", "phone"
        ) as step:
            text = "Đội đã đưa người bệnh đến trung tâm y tế"
            form = {"act": "done", "result": "solved", "how": "call", "text": text}
            await operator.send(f"/tickets/{self.ticket_id}/clock", form)
            leg = await self.citizen.until_rung(SEEN_WITHIN_S)
            answered_s = await leg.until_answered(10)
            await leg.until_sound(10, since_s=answered_s)
            await leg.until_quiet(1.5, within_s=30)
            asked_s = _sound_s(leg, answered_s, time.monotonic())
            await leg.press("1")
            requester_s = time.monotonic()
            await leg.until_sound(10)
            await leg.until_quiet(1.5, within_s=40)
            told_s = _sound_s(leg, requester_s, time.monotonic())
            await leg.press("1")
            solved_s = time.monotonic()
            await leg.until_ended(20)
            thanked_s = _sound_s(leg, solved_s, time.monotonic())
            step.seen.append(
                f"rang, {asked_s:.1f} s asked who it is; 1; {told_s:.1f} s of the result; 1 solved; "
                f"{thanked_s:.1f} s of thanks; hung up"
            )
            self._check(told_s > 2.0, "the result was not heard")
            self._check(thanked_s > 1.5, "the thanks were cut short")

    async def _closed(self) -> None:
        async with self._step(
            "Phiếu đóng có bằng chứng (closed with proof)", "the citizen’s key", "phone"
        ) as step:
            ticket = await self._row(lambda: _ticket(self.ticket_id), lambda one: one.state == "closed")
            body = await asyncio.to_thread(_closing, self.ticket_id)
            proof = body.get("proof", {})
            self._check(
                (proof.get("told"), proof.get("answer")) == ("result_call", "solved"), f"the proof is {proof}"
            )
            step.seen.append(
                f"{ticket.disposition}; proof: {proof['done']}, {proof['told']}, {proof['answer']}"
            )

    async def _counted(self, before: int) -> None:
        leader = self._people[demo_data.LEADER]
        async with self._step("Báo cáo và bảng điều hành (reports and board)", leader.name, "page") as step:
            after = await self._received()
            self._check(after > before, f"received {before} before and {after} now")
            step.seen.append(f"tickets received {before} → {after}")
            orders = [
                await asyncio.to_thread(_order_state, one)
                for one in await asyncio.to_thread(_orders, self.ticket_id)
            ]
            self._check(orders == ["done", "done"], f"the orders are {orders}")
            step.seen.append("both orders done")

    async def _proved(self) -> None:
        async with self._step("Sổ cái (the ledger)", "./run verify", "hash chain") as step:
            faults = await asyncio.to_thread(demo_data.ledger_faults, self.given)
            self._check(not faults, "; ".join(faults[:3]))
            step.seen.append("calls = tickets = recordings")

    # -- small parts --

    @asynccontextmanager
    async def _step(self, what: str, who: str, means: str) -> AsyncIterator[Step]:
        """Measured and told; NotSeen ends the story with its reason written down."""
        from tests.world.leg import NotInTime

        step, began = Step(what, who, means, datetime.now(UTC)), time.monotonic()
        self.steps.append(step)
        try:
            yield step
        except (NotSeen, NotInTime, Refused, ValueError) as fact:
            step.fault = str(fact)
            raise NotSeen(step.fault) from fact
        finally:
            step.seconds = round(time.monotonic() - began, 1)
            if step.fault or step.seen:
                self._on_step(step)

    def _check(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise NotSeen(otherwise)

    async def _person(self, username: str) -> Person:
        if username not in self._people:
            self._people[username] = await self._stack.enter_async_context(Person(self.given, username))
        return self._people[username]

    async def _row(self, read: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
        """What is read once it fits. Raises NotSeen with what it was instead."""
        until = time.monotonic() + SEEN_WITHIN_S
        while True:
            found = await asyncio.to_thread(read)
            if found is not None and fits(found):
                return found
            if time.monotonic() > until:
                raise NotSeen(f"not within {SEEN_WITHIN_S:.0f} s; it is {getattr(found, 'state', found)}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _part(self, order: str, team: str, state: str) -> Any:
        def read() -> Any:
            return next((one for one in _parts(order) if one.team == team), None)

        return await self._row(read, lambda one: one.state == state)

    def _legs_of(self, numbers: list[str]) -> list[Leg]:
        routes = self.world.carriers[TRUNK].routes
        legs = [leg for number in numbers for leg in routes[number].legs]
        return sorted(legs, key=lambda leg: leg.started_s)

    async def _received(self) -> int:
        """As the leader's report has it, from yesterday to tomorrow: midnight may come during the story."""
        today = datetime.now(_vietnam()).date()
        days = {"since": str(today - timedelta(days=1)), "until": str(today + timedelta(days=1))}
        leader = self._people[demo_data.LEADER]
        text = await leader.page("/reports/tickets/report.csv", by="hotline", **days)
        return int(text.strip().splitlines()[-1].split(",")[1])


def _sound_s(leg: Leg, since_s: float | None, until_s: float) -> float:
    """Seconds in which something was heard."""
    return FRAME_S * sum(1 for at in leg.stream.received.sounding if (since_s or 0) <= at < until_s)


# -- what the product's record says --


def _vietnam() -> Any:
    from hotline.units import VIETNAM

    return VIETNAM


def _rows(wanted: Any) -> list[Any]:
    from hotline.database import reading

    with reading() as session:
        return list(session.scalars(wanted))


def _call_of(number: str) -> Any:
    from sqlalchemy import select

    from hotline.calls import Call

    found = _rows(select(Call).where(Call.caller_number == "+84" + number[1:]).order_by(Call.arrived_at))
    return found[-1] if found else None


def _ticket(ticket_id: str) -> Any:
    from sqlalchemy import select

    from hotline.tickets import Ticket

    return _rows(select(Ticket).where(Ticket.id == ticket_id))[0]


def _number_of(ticket_id: str) -> int:
    return int(_ticket(ticket_id).number)


def _transfer_of(call_id: str) -> Any:
    from sqlalchemy import select

    from hotline.transfers import Transfer

    found = _rows(select(Transfer).where(Transfer.call_id == call_id))
    return found[-1] if found else None


def _entries(ticket_id: str) -> list[str]:
    from sqlalchemy import select

    from hotline.tickets import TicketEntry

    return _rows(select(TicketEntry.kind).where(TicketEntry.ticket_id == ticket_id).order_by(TicketEntry.id))


def _closing(ticket_id: str) -> dict[str, Any]:
    from sqlalchemy import select

    from hotline.tickets import TicketEntry

    bodies = _rows(
        select(TicketEntry.body)
        .where(TicketEntry.ticket_id == ticket_id, TicketEntry.kind == "disposition")
        .order_by(TicketEntry.id)
    )
    return bodies[-1] if bodies else {}


def _orders(ticket_id: str) -> list[str]:
    from sqlalchemy import select

    from hotline.orders import Order

    return _rows(select(Order.id).where(Order.ticket_id == ticket_id).order_by(Order.number))


def _order_state(order_id: str) -> str:
    from sqlalchemy import select

    from hotline.orders import Order

    return str(_rows(select(Order.state).where(Order.id == order_id))[0])


def _parts(order_id: str) -> list[Any]:
    from sqlalchemy import select

    from hotline.orders import Assignment

    return _rows(select(Assignment).where(Assignment.order_id == order_id).order_by(Assignment.id))


def _numbers_of(agency: str) -> list[str]:
    """Every number that this agency can be rung at."""
    from hotline.agencies import organisation
    from hotline.database import reading

    with reading() as session:
        known = organisation(session).agencies[agency]
        return [*known.numbers, *(shift.number for shift in known.shifts)]
