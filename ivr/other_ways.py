"""The other ways than a human now: a callback by key 2, a message, a release for the sake of an emergency. Never for RED and ORANGE."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hotline import events as e
from hotline import numbers
from hotline.calls import EndReason
from hotline.hours import Meets, is_open, meets
from ivr.recall import matches_nobody

if TYPE_CHECKING:
    from ivr.caller import Caller
    from ivr.floor import Floor

OFFER_S = 8.0
"""Silence after an offer in which a key may still come."""
TYPED_WITHIN_S = 8.0
"""From digit to digit of a number; later a key means again what it means in the line."""
NUMBER_DIGITS = (8, 15)
OFFERS = {
    Meets.HUMANS: ["callback-offer"],
    Meets.NOBODY: ["callback-offer", "no-operator"],
    Meets.CLOSED: ["closed"],
}
"""What a caller hears who would wait too long."""
PROMISES = {
    "asked": (EndReason.CALLBACK_ASKED, "callback-confirmed"),
    "released": (EndReason.RELEASED, "channels-full"),
}
"""Why a callback is owed to somebody still on the line, with what they hear before they are let go."""


class OtherWays:
    """What one caller may be offered, and the promise that follows from it."""

    def __init__(self, floor: Floor, caller: Caller) -> None:
        self._floor, self._caller = floor, caller
        self._typed: str | None = None
        """The number being typed by somebody who rings without one."""
        self._typed_s = 0.0
        self._offered = False
        self.released_s: float | None = None
        """Since when the goodbye to a released caller plays; None: not released."""

    @property
    def busy(self) -> bool:
        """A number is being typed, or a choice was offered: nothing else is asked meanwhile."""
        return self._typed is not None or self._offered

    def tick(self, now_s: float) -> None:
        """Nobody on duty, or a wait over the limit, with no phone ringing: an offer, then the message; never endless ringing."""
        caller = self._caller
        if self._typed is not None:
            if (
                not caller.announcer.speaks
                and now_s - max(self._typed_s, caller.announcer.said_s) >= TYPED_WITHIN_S
            ):
                self._typed_no_more()
            return
        here = self._meets()
        limit_s = self._floor.installation.hotline(caller.hotline).wait_limit_s
        hopeless = here is not Meets.HUMANS or now_s - caller.queued_s > limit_s
        rung = any(leg is not caller.humans.absent for leg in caller.humans.legs.values())
        if not hopeless or caller.announcer.speaks or rung:
            return
        if not self._offered:
            self._offered = True
            caller.say(OFFERS[here])
        elif now_s - caller.announcer.said_s >= OFFER_S:
            self._leave_message()

    def _meets(self) -> Meets:
        """Whom the caller finds at this hour."""
        installation, caller = self._floor.installation, self._caller
        if self._floor.desks.on_duty(caller.hotline):
            return Meets.HUMANS
        hotline = installation.hotline(caller.hotline)
        opened = is_open(hotline.hours, installation.holidays, hotline.key, e.now())
        return meets(caller.acuity, is_open=opened, on_duty=False)

    def key(self, digit: str) -> bool:
        """Whether the key belonged here: a digit of a number being typed, or 2 for a callback."""
        if self._typed is not None and (
            self._typed or digit != "1"
        ):  # no number begins with 1: still an emergency
            self._type(digit)
            return True
        if digit == "2" and self._caller.leaving is not EndReason.CALLBACK_ASKED:
            self._ask_callback()
            return True
        return False

    def release(self) -> None:
        """The channel is needed for an emergency: promise a callback and let go, unless key 1 makes this one."""
        self._promise("released")
        self.released_s = self._floor.clock()

    def cut_short(self) -> None:
        """Not even the goodbye can be heard to its end; the promise stands."""
        self._goodbye(EndReason.RELEASED)

    def withdrawn(self) -> None:
        """The caller is an emergency now: no promise stands between them and a human."""
        self._typed = None
        caller = self._caller
        if caller.leaving is not None:
            caller.leaving, caller.going, self.released_s = None, "", None
            self._floor.tell(
                e.RecallChanged(recall_id=f"r-{caller.id}", call_id=caller.id, state="cancelled")
            )

    def owe(self, why: str) -> None:
        """The hotline will ring this caller, if they have a number."""
        if not self._caller.owed:
            return
        caller, at = self._caller, e.now()
        number = caller.callback or caller.number
        if not _can_be_rung(number):
            return
        self._floor.tell(
            e.RecallDue(
                call_id=caller.id, hotline=caller.hotline, number=number, acuity=caller.acuity, why=why, at=at,
                due_at=at + timedelta(seconds=caller.acuity.callback_within_s),
                names_person=not matches_nobody(number, self._floor.installation.hotline(caller.hotline).shared_numbers),
            )
        )  # fmt: skip

    def _leave_message(self) -> None:
        """To the dialplan's message recorder; the end is told from Asterisk's own list of calls."""
        caller = self._caller
        caller.leaving = EndReason.LEFT_MESSAGE
        caller.humans.end_all("cancelled")
        self._floor.tell(e.MessageStarted(call_id=caller.id))
        caller.leave_to("message")

    def _ask_callback(self) -> None:
        if _can_be_rung(self._caller.callback or self._caller.number):
            self._promise("asked")
        else:
            self._typed, self._typed_s = "", self._floor.clock()
            self._caller.say(["callback-ask-number"])

    def _type(self, digit: str) -> None:
        shortest, longest = NUMBER_DIGITS
        typed = self._typed or ""
        if digit != "#" and len(typed) < longest:
            self._typed = typed + digit if digit.isdigit() else typed
            self._typed_s = self._floor.clock()
            return
        self._typed = None
        if len(typed) < shortest or not self._promise_to(typed):
            self._ask_callback()

    def _typed_no_more(self) -> None:
        """No "#" came: what was typed is a number, or nothing, and key 1 is an emergency again."""
        typed, self._typed = self._typed or "", None
        if len(typed) >= NUMBER_DIGITS[0]:
            self._promise_to(typed)

    def _promise_to(self, typed: str) -> bool:
        """False when what was typed is no person's number: a premium or foreign one would be rung at the hotline's cost."""
        told = numbers.caller(typed)
        if told.kind not in ("mobile", "landline") or not told.e164:
            return False
        caller = self._caller
        caller.callback = told.e164
        self._floor.tell(e.CallbackNumberGiven(call_id=caller.id, number=caller.callback))
        self._promise("asked")
        return True

    def goes_on(self, why: str) -> bool:
        """Whether an earlier process promised a callback: the caller hears so again and is let go, not served twice."""
        if why not in PROMISES or self._caller.acuity.urgent:
            return False
        self._say_goodbye(why)
        return True

    def _promise(self, why: str) -> None:
        self._caller.humans.end_all("cancelled")
        self.owe(why)
        self._say_goodbye(why)
        self._floor.serve()

    def _say_goodbye(self, why: str) -> None:
        reason, prompt = PROMISES[why]
        self._caller.leaving = reason
        self._caller.say([prompt], then=lambda: self._goodbye(reason))

    def _goodbye(self, reason: EndReason) -> None:
        if self._caller.leaving is reason:
            self._caller.end(reason)


def _can_be_rung(number: str) -> bool:
    return number.startswith("+") and number[1:].isdigit() and len(number) >= 9
