"""What an operator does with several contacts: keep one and take or ring another, go from one to the other, hang up either.

One is talked with, the others are kept with music; each has its own call, ticket and recording. A second caller comes to a desk that talks
only when its operator asks for one.
"""

from __future__ import annotations

from hotline.calls import EndReason
from hotline.operators import MUTED, Presence
from ivr.caller import Caller
from ivr.desk import Desk, NotPossible
from ivr.floor import Floor
from ivr.kept import kept_by
from ivr.leg import Leg
from ivr.recall_call import RecallCall
from ivr.waiting_line import in_order

MOST = 4
"""Contacts of one operator: more cannot be kept in mind."""

ENDED = NotPossible("Cuộc gọi này đã kết thúc.", "This call has ended.")
NOT_YOURS = NotPossible(
    "Bạn không có cuộc gọi này: hãy tải lại trang.", "This is not your call: load the page again."
)


def hold(floor: Floor, desk: Desk, call_id: str) -> None:
    """Music for the party at this desk; NotPossible in a sentence."""
    _caller(floor, call_id).talk.hold(desk.operator_id)


def turn_to(floor: Floor, desk: Desk, call_id: str) -> None:
    """Speak with this contact; whoever is spoken with is kept. NotPossible in a sentence."""
    visit = _caller(floor, call_id)
    if visit.keeper != desk.operator_id:
        visit.talk.retrieve(desk.operator_id)
        return
    now = floor.visits.get(desk.call_id)
    if isinstance(now, RecallCall) and now.leg is not None and now.leg.up:
        leg = now.leg
        now.give(leg)
        now.hang_up()
    else:
        leg = free_phone(floor, desk, beside=0)
    visit.take(leg)


def mute(floor: Floor, desk: Desk, call_id: str, *, on: bool) -> None:
    """Nobody hears the operator at their desk phone, until they want to be heard. NotPossible for anybody else's call."""
    leg = _caller(floor, call_id).humans.talking
    if leg is None or leg.operator_id != desk.operator_id or desk.call_id != call_id:
        raise NOT_YOURS
    floor.spawn(floor.ari.mute(leg.id) if on else floor.ari.unmute(leg.id))
    floor.desks.change(desk, Presence.TALKING, MUTED if on else "", call_id)


def hang_up(floor: Floor, desk: Desk, call_id: str) -> None:
    """End one contact; the phone is for the next one who is kept, if there is one. NotPossible in a sentence."""
    visit = floor.visits.get(call_id)
    if isinstance(visit, RecallCall):
        if desk.call_id != call_id:
            raise NOT_YOURS
        visit.hang_up()
        return
    caller = _caller(floor, call_id)
    leg = caller.humans.talking
    if caller.keeper != desk.operator_id and (leg is None or leg.operator_id != desk.operator_id):
        raise NOT_YOURS
    if caller.handing_over:
        raise NotPossible(
            "Đang chuyển trạm: hãy hủy lần chuyển, hoặc giao cho trạm, rồi gác máy.",
            "A hand-over goes on: cancel it, or leave the caller to the station, then hang up.",
        )
    caller.end(EndReason.SERVED)


def take_next(floor: Floor, desk: Desk) -> None:
    """The next caller for whom no desk rings, beside the one who is spoken with. NotPossible when nobody waits so."""
    for waiting in in_order(floor.line()):
        visit = floor.visits.get(waiting.id)
        if isinstance(visit, Caller) and desk.serves(waiting.hotline) and not visit.rung():
            visit.take(free_phone(floor, desk))
            return
    raise NotPossible(
        "Không có ai chờ mà chưa có máy nào reo.", "Nobody waits for whom no operator's phone rings."
    )


def can_part(floor: Floor, desk: Desk) -> bool:
    """Whether the operator talks and may keep who they talk with."""
    visit = floor.visits.get(desk.call_id)
    return desk.state is Presence.TALKING and isinstance(visit, Caller) and not visit.handing_over


def free_phone(floor: Floor, desk: Desk, beside: int = 1) -> Leg:
    """Keep the present contact and have the desk's phone for another; NotPossible in a sentence. `beside`: contacts that come."""
    if desk.state is not Presence.TALKING:
        raise NotPossible("Bạn không có cuộc gọi nào để giữ máy.", "You have no call to put on hold.")
    if len(kept_by(floor, desk.operator_id)) + 1 + beside > MOST:
        raise NotPossible(
            f"Bạn đang giữ {MOST - 1} người: hãy nói xong với một người trước.",
            f"You keep {MOST - 1} people on hold: finish with one of them first.",
        )
    visit = floor.visits.get(desk.call_id)
    if not isinstance(visit, Caller):
        raise NotPossible(
            "Số đang gọi chưa nghe máy: hãy chờ, hoặc gác máy trước.",
            "The number you called has not answered: wait, or hang up first.",
        )
    return visit.talk.part(desk.operator_id)


def _caller(floor: Floor, call_id: str) -> Caller:
    visit = floor.visits.get(call_id)
    if not isinstance(visit, Caller):
        raise ENDED
    return visit
