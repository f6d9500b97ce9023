"""The demo's people, its approved protocol, and what its outside world must know of the product."""

from __future__ import annotations

import secrets as random_words
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from front_door import accounting, preparation
from front_door.faults import Fault
from hotline.settings import Settings

if TYPE_CHECKING:
    from tests.world.plan import Plan

ADMINISTRATOR = "quantri"
SUPERVISOR, SECOND_SUPERVISOR = "truongca", "phoca"
"""Two, so that scores can be calibrated."""
OPERATORS = ("lan", "minh", "hoa", "tuan")
BROWSERS = ("mai", "son")
"""Operators whom nobody simulates: a person who watches signs in as one and answers in the page."""
STATION, STATION_KEY = "tram", "ttyt-dong-xoai"
"""A health station's account: who signs in as it and goes on duty is rung before the station's simulated telephones."""
TEAM, LEADER = "doi", "chutich"
"""A team's account, and somebody of the steering committee."""
TEAM_UNITS = ("25195", "697", "70")
"""Whose team it is: the first of these units that has one."""
FULL_NAMES = {
    ADMINISTRATOR: "Nguyễn Thị Quản Trị",
    SUPERVISOR: "Trần Văn Trưởng Ca",
    SECOND_SUPERVISOR: "Bùi Thu Phó Ca",
    "lan": "Lê Thị Lan",
    "minh": "Phạm Quang Minh",
    "hoa": "Võ Thị Hoa",
    "tuan": "Đặng Anh Tuấn",
    "mai": "Ngô Thị Mai",
    "son": "Bùi Hồng Sơn",
    STATION: "Trạm Đồng Xoài",
    TEAM: "Đội trực",
    LEADER: "Phan Thị Chủ Tịch",
}
SKILLS = {"minh": ["en"]}
"""Callers who press 8 for English ring there first."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared with, not bound
SIGNED_IN_WITHIN_S = 10.0


def password(given: Settings) -> str:
    """The demo's one password: this installation's own, so that no known one lies in the code."""
    from hotline.secrets import secret

    return secret(given.var, "demo")[:12]


def lay(given: Settings, desks: int) -> None:
    """Makes the people who are not there yet."""
    from sqlalchemy import select

    from hotline.database import transaction
    from hotline.operators import Operator, Role

    roles = {ADMINISTRATOR: Role.ADMINISTRATOR, SUPERVISOR: Role.SUPERVISOR, STATION: Role.STATION}
    roles |= {SECOND_SUPERVISOR: Role.SUPERVISOR, TEAM: Role.TEAM, LEADER: Role.LEADER}
    roles |= dict.fromkeys((*OPERATORS[:desks], *BROWSERS), Role.OPERATOR)
    with transaction() as session:
        there = set(session.scalars(select(Operator.username)))
        if team := session.scalar(select(Operator).where(Operator.username == TEAM)):
            team.agency = _team(given, session)  # the structure may be another day's than at the last start
        for name, role in roles.items():
            if name not in there:
                person = preparation.person(name, password(given), FULL_NAMES[name], role)
                person.station = STATION_KEY if role is Role.STATION else ""
                person.agency = _team(given, session) if role is Role.TEAM else ""
                person.skills = SKILLS.get(name, [])
                session.add(person)


def _team(given: Settings, session: Any) -> str:
    """Key of a commune's team that stands today."""
    from hotline.agencies import organisation

    today = preparation.province(given).day(datetime.now(UTC))
    teams = [a for a in organisation(session).agencies.values() if a.kind == "team" and a.stands(today)]
    near = sorted(teams, key=lambda a: TEAM_UNITS.index(a.unit) if a.unit in TEAM_UNITS else len(TEAM_UNITS))
    return near[0].key if near else ""


def approve(given: Settings) -> None:
    """Lets the supervisor approve the installation's protocols and the operators' script as they are shipped."""
    from sqlalchemy import select

    from hotline.database import transaction
    from hotline.operators import Operator
    from ivr import officer, script

    with transaction() as session:
        supervisor = session.scalars(select(Operator).where(Operator.username == SUPERVISOR)).one()
        protocols = {hotline.protocol for hotline in preparation.province(given).hotlines}
        for name in [*sorted(protocols), script.NAME]:
            officer.approve_for_demo(session, name, supervisor)


def plan(given: Settings, desks: int) -> Plan:
    """The outside world that fits this installation: its trunks, its first desk phones, its duty numbers."""
    from hotline.secrets import secret
    from tests.world.plan import Desk, Plan, Trunk

    installation = preparation.province(given)
    host = "127.0.0.1" if given.sip_host == EVERYWHERE else given.sip_host
    return Plan(
        product=(host, given.sip_port),
        trunks=tuple(
            Trunk(trunk.hotline, _numbers(installation, trunk), trunk.host, trunk.port, trunk.channels)
            for trunk in installation.trunks
        ),
        desks=tuple(
            Desk(phone.name, secret(given.var, f"phone:{phone.name}"))
            for phone in installation.phones[:desks]
        ),
        duty_numbers=tuple(sorted(_duty_numbers(installation) - _team_numbers())),
        team_numbers=tuple(sorted(_team_numbers())),
    )


def _duty_numbers(installation: Any) -> set[str]:
    """The hotlines' own chains, and the numbers and people on duty of every known station."""
    from hotline.database import reading
    from hotline.stations import directory

    found = {step.number for one in installation.hotlines for step in one.chain}
    with reading() as session:
        for station in directory(session):
            found |= {*station.numbers, *(shift.number for shift in station.shifts)}
    return found


def _team_numbers() -> set[str]:
    """The numbers and people on duty of every known agency, command centre and team."""
    from hotline.agencies import organisation
    from hotline.database import reading

    with reading() as session:
        known = organisation(session).agencies.values()
        return {n for one in known for n in (*one.numbers, *(shift.number for shift in one.shifts))}


def _numbers(installation: Any, trunk: Any) -> tuple[str, ...]:
    return next(tuple(one.numbers) for one in installation.hotlines if one.key == trunk.hotline)


def sign_in(given: Settings, desks: int) -> None:
    """Signs the first operators in at the first desk phones, as a click in the panel does. Raises Fault."""
    phones = (phone.name for phone in preparation.province(given).phones)
    sign_in_at(given, dict(zip(OPERATORS[:desks], phones, strict=False)))


def sign_in_at(given: Settings, phones: Mapping[str, str]) -> None:
    """Signs operators in, username → phone. Raises Fault."""
    from sqlalchemy import select

    from hotline.commands import DeskCommand, ask
    from hotline.database import reading, transaction
    from hotline.operators import Operator

    clicks: list[str] = []
    with transaction() as session:
        for name, phone in phones.items():
            operator = session.scalars(select(Operator.id).where(Operator.username == name)).one()
            clicks.append(random_words.token_hex(8))
            ask(session, operator, "sign_in", clicks[-1], {"phone": phone})
    until = time.monotonic() + SIGNED_IN_WITHIN_S
    while time.monotonic() < until:
        with reading() as session:
            asked = list(session.scalars(select(DeskCommand).where(DeskCommand.click_id.in_(clicks))))
        if refused := [command.refused for command in asked if command.refused]:
            raise Fault(f"An operator of the demo could not sign in: {refused[0]}")
        if all(command.done_at for command in asked):
            return
        time.sleep(0.1)
    log = given.var / "log"
    raise Fault(f"The demo's operators were not signed in within {SIGNED_IN_WITHIN_S:.0f} s; see {log}.")


def who_signs_in(given: Settings) -> str:
    """Whom a person who watches may sign in as."""
    desks = f"{' or '.join(BROWSERS)} (operators, the telephone is in the page)"
    desks += f", {' or '.join(OPERATORS[:2])} (operators whose desk phones are simulated: their calls come by themselves)"
    people = f"{desks}, {SUPERVISOR} or {SECOND_SUPERVISOR} (supervisors), {STATION} (a health station)"
    people += f", {TEAM} (a team), {LEADER} (a leader who approves orders), {ADMINISTRATOR} (administrator)"
    return f"  Sign in as           {people}; password {password(given)}"


def at_browser_desks() -> list[str]:
    """The numbers of callers whom somebody at a telephone in the page has now; who asks for them stays on the line."""
    from sqlalchemy import or_, select
    from sqlalchemy.exc import SQLAlchemyError

    from hotline.calls import Call, CallState
    from hotline.database import reading
    from hotline.operators import OperatorPresence, Presence
    from ivr.browser_phone import PREFIX

    try:
        with reading() as session:
            found = session.scalars(
                select(Call.caller_number)
                .join(
                    OperatorPresence,
                    or_(
                        OperatorPresence.call_id == Call.id,
                        OperatorPresence.operator_id == Call.operator_id,
                    ),
                )
                .where(
                    Call.state == CallState.TALKING,
                    OperatorPresence.state == Presence.TALKING,
                    OperatorPresence.phone.startswith(PREFIX),
                )
            )
            return [number for number in found if number]
    except SQLAlchemyError:
        return []  # the demo is without its database for a moment


# --- the record -------------------------------------------------------------------------------------------


def calls_since(began: datetime) -> list[accounting.Ours]:
    """Every call that came in since, with its ticket and recording."""
    from sqlalchemy import select

    from hotline.calls import Call, Direction, EndReason
    from hotline.database import reading
    from hotline.recordings import Recording
    from hotline.tickets import Ticket

    with reading() as session:
        rows = session.execute(
            select(Call, Ticket, Recording)
            .outerjoin(Ticket, Ticket.id == Call.ticket_id)
            .outerjoin(Recording, Recording.call_id == Call.id)
            .where(
                Call.direction == Direction.IN,
                Call.arrived_at >= began,
                Call.end_reason
                != EndReason.NO_CHANNEL,  # never answered, so not among the carrier's calls either
            )
        )
        return [_ours(call, ticket, recording) for call, ticket, recording in rows]


def _ours(call: Any, ticket: Any, recording: Any) -> accounting.Ours:
    served_at = call.human_at or call.ended_at
    waited = (served_at - call.queued_at).total_seconds() if call.queued_at and served_at else None
    return accounting.Ours(
        call=call.id,
        hotline=call.hotline,
        number=call.caller_number,
        arrived_at=call.arrived_at,
        acuity=call.acuity,
        waited_s=waited,
        answered_by=call.answered_by,
        recorded_s=recording.length_s if recording else None,
        ticket=f"{call.hotline}-{ticket.number}" if ticket else "",
    )


def ledger_faults(given: Settings) -> list[str]:
    """What `./run verify` finds."""
    from hotline.database import reading
    from hotline.ledger import verify

    with reading() as session:
        return list(verify(session, given.recordings, datetime.now(UTC), settle_s=60.0))
