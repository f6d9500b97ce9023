"""A call that an operator makes from their desk through the hotline's own number: nothing is owed, so nobody dials it again."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.calls import EndReason
from hotline.installation import Installation
from hotline.numbers import NumberKind, caller
from hotline.recalls import Tried
from ivr.desk import NotPossible
from ivr.leg import Leg
from ivr.recall_call import RecallCall
from ivr.waiting_line import Waiting


@dataclass
class DialledCall(RecallCall):
    """As a recall, with the operator who asked for it and no other."""

    @property
    def is_owed(self) -> bool:
        return False

    def in_line(self) -> Waiting | None:
        return None

    def withdraw(self, *, settled: bool) -> None:
        """It is in nobody's list, so it is not missing there."""

    async def _take(self, leg: Leg | None) -> int:
        """It is the operator's own call."""
        return 1

    def _tried(self, what: Tried) -> None:
        """Nothing is owed."""

    def _operator_leg_over(self, leg: Leg, what: str) -> None:
        super()._operator_leg_over(leg, what)
        self._end(EndReason.NOT_REACHED)


def number_to_dial(installation: Installation, role: str, text: str) -> str:
    """E.164, or an emergency number as it is; NotPossible when this role or this installation does not dial it."""
    if role not in installation.dial_roles:
        raise NotPossible(
            "Tài khoản của bạn không được gọi ra: hãy nhờ trưởng ca.",
            "Your account may not call out: ask a supervisor.",
        )
    found = caller(text)
    if found.kind in (NumberKind.INVALID, NumberKind.WITHHELD):
        raise NotPossible(
            "Số này không gọi được: hãy kiểm tra lại số, ví dụ 0912345678.",
            "This number cannot be called: check it, for example 0912345678.",
        )
    if not found.national or not found.national.startswith(installation.dial_prefixes):
        raise NotPossible(
            "Tổng đài không được gọi ra đầu số này: hãy nhờ trưởng ca nếu cần gọi.",
            "The hotline may not call such numbers: ask a supervisor if it must.",
        )
    return found.e164 or found.national
