"""A call that tells a citizen the result: nothing of it until 1 says that they are who asked, then recorded pieces and an answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hotline import events as e
from hotline.calls import EndReason
from hotline.recalls import Tried
from hotline.results import RESULTS, Answer
from ivr.ari import AriEvent
from ivr.leg import bridge_of
from ivr.recall_call import RecallCall
from ivr.waiting_line import Waiting

WHO, KEYS, ASIDE = "result-who", "result-keys", "result-other"
PARTS = {Answer.SOLVED: "result-thanks", Answer.NOT_SOLVED: "result-reopened", Answer.NONE: "goodbye"}
KEY_WITHIN_S = 8.0
"""From the end of what is played."""
PLAYED_WITHIN_S = 45.0
"""A playback whose end was never told is over by then."""
ASKED_TIMES = 3
TOLD_TIMES = 2
PARTS_WITHIN_S = 12.0


class Step(StrEnum):
    RINGS = "rings"
    WHO = "who"
    """Whoever picked up is asked whether they asked the hotline for something."""
    TELLS = "tells"
    PARTS = "parts"


@dataclass
class ResultCall(RecallCall):
    """As a recall that is made without an operator, until the citizen wants one: then they are a caller like any other."""

    step: Step = Step.RINGS
    _said: int = 0
    _said_s: float = 0.0
    _key_until_s: float | None = None
    _heard: bool = False
    """The result was played to its end."""

    def in_line(self) -> Waiting | None:
        return None

    @property
    def can_be_said(self) -> bool:
        """Whether every piece is there: what cannot be said whole is not said by a machine."""
        wanted = {WHO, KEYS, *PARTS.values(), *self._pieces}
        return len(self.floor.sounds(sorted(wanted), self.owed.language, self.owed.hotline)) == len(wanted)

    @property
    def _pieces(self) -> tuple[str, ...]:
        return RESULTS.get(self.owed.result, RESULTS["other"])

    def start(self) -> None:
        """Ring the citizen."""
        self.alone = True
        self._begin()
        self.floor.spawn(self._ring())

    async def _ring(self) -> None:
        await self.floor.ari.make_bridge(bridge_of(self.id))
        await self._dial_their_number(None)

    def _begin(self) -> None:
        if not self.begun:
            self._arrives("message")

    def tick(self) -> None:
        now_s = self.floor.clock()
        if self.over or self.step is Step.RINGS:
            return
        if self.step is Step.PARTS:
            if now_s - self._said_s >= PARTS_WITHIN_S:
                self._end(EndReason.SERVED)
        elif (self._key_until_s is not None and now_s >= self._key_until_s) or (
            now_s - self._said_s >= PLAYED_WITHIN_S
        ):
            self._no_key()

    # -- what happens --

    def heard(self, event: AriEvent) -> None:
        if self.over:
            return
        if event.kind == "ChannelDtmfReceived":
            self._key(event.digit)
        elif event.kind == "PlaybackFinished":
            self._played(event.playback)
        else:
            super().heard(event)

    def _citizen_heard(self, event: AriEvent) -> None:
        up = event.kind == "ChannelStateChange" and event.channel is not None and event.channel.state == "Up"
        if up and event.channel is not None and self.step is Step.RINGS:
            self.floor.spawn(self._record(event.channel.name))
            self._ask()
        elif event.kind == "ChannelDestroyed" and self.step is not Step.RINGS:
            self._hung_up()
        elif not up:
            super()._citizen_heard(event)

    def _key(self, digit: str) -> None:
        if self.step is Step.WHO and digit == "1":
            self._hush()
            self.step, self._said = Step.TELLS, 0
            self._tell()
        elif self.step is Step.WHO and digit == "2":
            self._hush()
            self._part(ASIDE, Tried.NO_ANSWER)
        elif self.step is Step.TELLS and digit in ("1", "2"):
            self._hush()
            self._answer(Answer.SOLVED if digit == "1" else Answer.NOT_SOLVED)
        elif self.step is Step.TELLS and digit == "0":
            self._hush()
            self._wants_a_person()
        elif self.step is Step.TELLS and digit == "3" and self._said < TOLD_TIMES + 1:
            self._hush()
            self._tell()

    def _no_key(self) -> None:
        if self.step is Step.WHO and self._said < ASKED_TIMES:
            self._ask()
        elif self.step is Step.TELLS and self._said < TOLD_TIMES:
            self._tell()
        elif self.step is Step.TELLS and self._heard:
            self._answer(Answer.NONE)
        else:
            # An answering machine, a child, somebody else: nothing was told, and it is no use to go on.
            self._not_reached(Tried.NO_ANSWER)

    def _hung_up(self) -> None:
        if self.step is Step.TELLS and self._heard:
            self._told(Answer.NONE)
        elif self.step is not Step.PARTS:
            self._not_reached(Tried.NO_ANSWER)
            return
        self._end(EndReason.SERVED)

    # -- what is said --

    def _ask(self) -> None:
        self.step = Step.WHO
        self._say([WHO])

    def _tell(self) -> None:
        self._say([*self._pieces, KEYS])

    def _say(self, prompts: list[str]) -> None:
        self._said += 1
        self._said_s, self._key_until_s = self.floor.clock(), None
        sounds = self.floor.sounds(prompts, self.owed.language, self.owed.hotline)
        if not sounds:
            self._not_reached(Tried.NO_ANSWER)
            return
        self.floor.spawn(self.floor.ari.play(self.id, self._playback, sounds))

    @property
    def _playback(self) -> str:
        return f"result-{self.id}-{self.step}-{self._said}"

    def _played(self, playback: str) -> None:
        if playback == f"part-{self.id}":
            self._end(EndReason.SERVED)
        elif playback == self._playback and self._key_until_s is None:
            self._heard = self._heard or self.step is Step.TELLS
            self._key_until_s = self.floor.clock() + KEY_WITHIN_S

    def _hush(self) -> None:
        self.floor.spawn(self.floor.quietly(self.floor.ari.stop_playing(self._playback)))

    # -- the answer --

    def _answer(self, answer: Answer) -> None:
        self._told(answer)
        self._part(PARTS[answer])

    def _told(self, answer: Answer) -> None:
        self._tried(Tried.REACHED)
        self.floor.tell(
            e.ResultTold(
                call_id=self.id, ticket_id=self.owed.ticket_id, recall_id=self.owed.id, answer=answer,
                result=self.owed.result,
            )
        )  # fmt: skip

    def _part(self, prompt: str, tried: Tried | None = None) -> None:
        """The last word, then the end."""
        if tried is not None:
            self._tried(tried)
        self.step, self._said_s = Step.PARTS, self.floor.clock()
        sounds = self.floor.sounds([prompt], self.owed.language, self.owed.hotline)
        if sounds:
            self.floor.spawn(self.floor.ari.play(self.id, f"part-{self.id}", sounds))
        else:
            self._end(EndReason.SERVED)

    def _wants_a_person(self) -> None:
        """Key 0: from here on they are a caller, first of their level."""
        self.floor.tell(
            e.ResultTold(
                call_id=self.id, ticket_id=self.owed.ticket_id, recall_id=self.owed.id, answer=Answer.OPERATOR,
                result=self.owed.result,
            )
        )  # fmt: skip
        self.floor.tell(e.AcuityRaised(call_id=self.id, acuity=self.owed.acuity, why="recall"))
        caller = self._caller()
        caller.message = "please-hold"
        caller.enter()
        self.floor.serve()

    def withdraw(self, *, settled: bool) -> None:
        """Their own answer settles it while the last word is still said: that is heard to its end."""
        if self.step is not Step.PARTS:
            super().withdraw(settled=settled)

    def lost(self, *, by_switch: bool) -> None:
        """Asterisk has no such channel any more, and nobody heard it go."""
        if self.step is Step.PARTS:
            self._end(EndReason.SERVED)
        else:
            self._not_reached(Tried.INTERRUPTED)
