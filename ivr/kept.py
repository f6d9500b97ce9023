"""The contacts that an operator keeps with music while they speak with another; the desk's one phone goes from one to the other.

A phone that is up is not rung again: its leg is lent to the other contact. When the contact that has it is over, the most urgent
of the others has it; when the phone itself was hung up, it is rung for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotline.operators import Presence

if TYPE_CHECKING:
    from ivr.desk import Desk
    from ivr.floor import Floor, Visit
    from ivr.leg import Leg


def kept_by(floor: Floor, operator_id: int) -> list[Visit]:
    """Whom the operator keeps without a phone: the most urgent first, then who has waited longest."""
    kept = [visit for visit in floor.visits.values() if visit.keeper == operator_id]
    return sorted(kept, key=lambda visit: (-visit.urgency, visit.kept_s))


def pass_on(floor: Floor, visit: Visit, leg: Leg) -> bool:
    """The contact has no more use for this phone: whether another one of its operator has it now."""
    desk = floor.desks.of(leg.operator_id)
    if desk is None or desk.call_id != visit.id or leg.over:
        return False
    others = kept_by(floor, desk.operator_id)
    if not others:
        return False
    visit.give(leg)
    others[0].take(leg)
    return True


def ring_back(floor: Floor, desk: Desk) -> bool:
    """The phone was hung up: whether it is rung for somebody whom the operator still keeps."""
    others = kept_by(floor, desk.operator_id)
    if not others or not desk.phone:
        return False
    floor.desks.change(desk, Presence.TALKING, call_id=others[0].id)
    others[0].ring_back(desk)
    return True
