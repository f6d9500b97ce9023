"""One hand-over of one caller: carries out what `hotline.transfers` decides, each state written down before its step.

Where everybody stands in a state is a table (PLACES), so carrying out a step, and taking it up again after a crash, are one
thing: bring Asterisk's bridges to the table.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from hotline import events as e
from hotline.acuity import Acuity
from hotline.directory import Line, plain
from hotline.transfers import (
    HAS_OPERATOR,
    HAS_STATION,
    LIVE,
    PLACES,
    RINGS,
    STATION_HEARD,
    STATION_SILENT,
    Happening,
    NoteState,
    Party,
    Places,
    TransferState,
    TryState,
    follows,
)
from hotline.transfers import TransferState as S
from ivr.ari import AriError
from ivr.briefing import of_card
from ivr.chain import Chain
from ivr.desk import NotPossible
from ivr.leg import consult_of
from ivr.spoken_note import SpokenNote

if TYPE_CHECKING:
    from ivr.caller import Caller
    from ivr.desk import Desk
    from ivr.floor import Floor
    from ivr.leg import Leg

log = structlog.get_logger(__name__)

TOO_SOON_S = 2.0
"""A station that is gone so soon after the hand-over has not helped anybody: the caller is first in line again."""
RETURN_WITHIN_S = 5.0
"""How long the place of a station that went silent is kept; meanwhile the operator has the caller."""
RETURN_RINGS_S = 4
JOIN_TRIES = 4
JOIN_AGAIN_S = 0.1


CHANGED = NotPossible(
    "Tình hình vừa thay đổi: hãy xem lại rồi bấm lại.",
    "Things have just changed: look again, then click again.",
)


class Transfer:
    """A hand-over that goes on, or the last one of its caller."""

    def __init__(
        self, floor: Floor, caller: Caller, number: int, kind: str, state: TransferState, station: str = ""
    ) -> None:
        self._floor, self._caller = floor, caller
        self.id = f"x-{caller.id}-{number}"
        self.number, self.kind, self.state, self.station_key = number, kind, state, station
        self.operator: Leg | None = None
        self.station: Leg | None = None
        """Who accepted."""
        self.chain = Chain(floor, caller, self)
        self.note = SpokenNote(floor, caller, self)
        self.back: Leg | None = None
        """The station's new page, being connected."""
        self._silent_s: float | None = None
        """Since when nothing comes from the station."""
        self._handed_over_s: float | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def rings(self) -> bool:
        return self.state in RINGS

    @property
    def beside(self) -> bool:
        """Numbers ring side by side: for RED, and for whoever is urgent and has no operator."""
        acuity = self._caller.acuity
        return acuity is Acuity.RED or (acuity.urgent and self.state is S.DIRECT)

    @property
    def holds_caller(self) -> bool:
        """The caller has music and is not in the line: no operator is to be rung for them."""
        return self.live and Party.CALLER in self._places.music and self.state is not S.DIRECT

    @property
    def leans_on_operator(self) -> bool:
        """Whether the caller would hear nobody and no music without the operator."""
        with_caller = self._places.with_caller
        return not self.live or (Party.OPERATOR in with_caller and Party.STATION not in with_caller)

    @property
    def _places(self) -> Places:
        """Where everybody stands; while nothing comes from the station the operator has the caller, and the other way round."""
        if self._silent_s is not None and self.state in HAS_STATION:
            return PLACES[S.BACK]
        alone = self._caller.talk.is_lost and self.state in (S.PRIVATE, S.BACK)
        return PLACES[S.TOGETHER if alone else self.state]

    # -- beginning --

    def begin(self, operator: Leg | None, lines: tuple[Line, ...], card: dict[str, Any]) -> None:
        """Write the intent, move the parties to their places, ring the first number."""
        self.operator = operator
        self._caller.talk.released()
        self.brief(lines, card)
        self._caller.do(self._begin(card))

    def brief(self, lines: tuple[Line, ...], card: dict[str, Any]) -> None:
        self.chain.lines, self.chain.pieces = lines, of_card(card).pieces()

    async def _begin(self, card: dict[str, Any]) -> None:
        await self._floor.keep(
            e.TransferAsked(
                call_id=self._caller.id, transfer_id=self.id, kind=self.kind, state=self.state,
                operator_id=self.operator.operator_id if self.operator else None, station=self.station_key,
                plan=tuple(plain(self.chain.lines)), card=card,
            )
        )  # fmt: skip
        self.chain.tick(self._floor.clock())
        if self.state is not S.DIRECT:
            await self._arrange(self.state)
            self._comfort()

    # -- what happens --

    def wish(self, happening: Happening, seen: str = "") -> None:
        """What the operator's desk asks; NotPossible in a sentence. `seen` is the state the page showed."""
        to = follows(self.state, happening)
        if not isinstance(to, TransferState):
            raise NotPossible(to.vi, to.en)
        if seen and seen != self.state and follows(_state(seen), happening) != to:
            raise CHANGED
        self.happened(happening)

    def happened(self, happening: Happening) -> None:
        """Go to the state that follows, if another does."""
        to = follows(self.state, happening)
        if not isinstance(to, TransferState) or to is self.state:
            return
        before, self.state = self.state, to
        self.note.end()
        if to is S.HANDED_OVER and before in HAS_STATION:
            self._handed_over_s = self._floor.clock()
        parting = self._parting(before, to)
        self._caller.do(self._carry_out(before, to, happening, parting))
        if before in RINGS and to not in RINGS:
            self.chain.stop(TryState.TAKEN if to is S.TAKEN else TryState.CANCELLED)
        humans = self._caller.humans
        if to is S.HANDED_OVER and before in HAS_STATION:
            humans.talking = self.station
            self._caller.talk.over()
            if self.station is not None and self.station.answerer is not None:
                self._colleague_has(self.station)
        elif to is S.BLIND:
            humans.talking, self._caller.front = None, True
            self._caller.talk.over()
        elif to is S.DIRECT:
            humans.wait_again("the operator left while stations were rung")
        elif to is S.EXHAUSTED and before is S.BLIND:
            humans.wait_again("nobody in the chain took the call")

    def _parting(self, before: TransferState, to: TransferState) -> Leg | None:
        """Whose part ends with this step; they are let go once the others stand in their places."""
        parting: Leg | None = None
        if to in (S.HANDED_OVER, S.BLIND):
            parting, self.operator = self.operator, None
        elif to in (S.CANCELLED, S.STATION_LEFT) or (before in HAS_STATION and to in RINGS):
            parting, self.station = self.station, None
        if before in HAS_STATION and to not in HAS_STATION:
            self._silent_s = None
            if self.back is not None:
                self._caller.humans.drop(self.back)
                self.back = None
        return parting

    async def _carry_out(
        self, before: TransferState, to: TransferState, why: Happening, parting: Leg | None
    ) -> None:
        await self._floor.keep(
            e.TransferMoved(call_id=self._caller.id, transfer_id=self.id, state=to, why=why)
        )
        # When something happened meanwhile, its own step is next and says where everybody stands.
        if to not in LIVE:
            await self.note.forget()
        if self.state is to and (to in LIVE or before in HAS_OPERATOR):
            await self._arrange(to)
            if to in (S.RINGING, S.BLIND):
                self._comfort()
        if parting is not None:
            self._caller.humans.cancel(parting, "answered")

    def accepted(self, leg: Leg) -> None:
        """Somebody in the chain pressed 1."""
        if self.state in (S.BLIND, S.DIRECT):
            if not self._caller.waits:
                self.chain.already_taken(leg)
                return
            self.station = leg
            self.happened(Happening.ACCEPTED)
            self._caller.humans.answered(leg)
        else:
            self.station = leg
            self.happened(Happening.ACCEPTED)

    def leg_ended(self, leg: Leg) -> bool:
        """Whether the hand-over goes on without this leg, in its own way."""
        if leg is self.operator and self.state in HAS_OPERATOR:
            self.operator, self._caller.humans.talking = None, None
            self.happened(Happening.OPERATOR_GONE)
            return True
        if leg is self.station and self.state in HAS_STATION:
            self.station = None
            self.happened(Happening.STATION_GONE)
            return True
        return False

    def operator_returned(self, leg: Leg) -> bool:
        """The operator's new page takes the old one's place; False when there is no hand-over."""
        if self.state not in HAS_OPERATOR:
            return False
        self.operator = leg
        self.rearrange()
        return True

    def left_too_soon(self, leg: Leg) -> bool:
        """Whether a station that had just taken the caller over is gone already."""
        since_s = self._handed_over_s
        return leg is self.station and since_s is not None and self._floor.clock() - since_s < TOO_SOON_S

    def _colleague_has(self, leg: Leg) -> None:
        """The caller is another operator's now, as if they had answered."""
        self._floor.tell(
            e.CallAnswered(
                call_id=self._caller.id, leg_id=leg.id, answered_by=leg.name, operator_id=leg.answerer,
                settles=self._caller.known_number,
            )
        )  # fmt: skip

    def round_over(self) -> bool:
        """Every number was tried; whether to begin again. Urgent callers whom no operator has are never given up."""
        if self.state is S.DIRECT and self._caller.acuity.urgent:
            return True
        self.happened(Happening.EXHAUSTED)
        return False

    def operator_answered(self) -> None:
        """The line found an operator first."""
        self.happened(Happening.OPERATOR_ANSWERED)

    def caller_gone(self) -> None:
        if self.live:
            self._caller.do(self.note.forget())
            self.state = S.CALLER_GONE
            self._floor.tell(
                e.TransferMoved(
                    call_id=self._caller.id,
                    transfer_id=self.id,
                    state=S.CALLER_GONE,
                    why=Happening.CALLER_GONE,
                )
            )

    def tick(self, now_s: float) -> None:
        if not self.live:
            return
        self.chain.tick(now_s)
        self.note.tick(now_s)
        self._look_after_station(now_s)
        said_s = self._caller.announcer.said_s
        every_s = self._floor.installation.comfort_every_s
        if self.holds_caller and not self._caller.announcer.speaks and now_s - said_s >= every_s:
            self._comfort()

    # -- a station from which nothing comes --

    def _look_after_station(self, now_s: float) -> None:
        """Its place is kept for some seconds, in which the operator has the caller; then the next number is rung."""
        leg = self.station
        if leg is None or self.state not in HAS_STATION:
            return
        if self._silent_s is None:
            if leg.is_silent(now_s):
                self._lose(leg, "no sound from the station")
        elif self.back is None and leg.pulse.flows:
            log.info("the station's sound is back", call_id=self._caller.id)
            self._silent_s = None
            self.tell_sound(STATION_HEARD)
            self.rearrange()
        elif now_s - self._silent_s >= RETURN_WITHIN_S and (self.back is None or not self.back.up):
            self._station_lost(leg)

    def _lose(self, leg: Leg, why: str) -> None:
        if self._silent_s is not None:
            return
        log.warning("a station's sound is lost", call_id=self._caller.id, why=why)
        if leg.at_page:  # of others the pause is remembered when they are heard again
            leg.pulse.forget()
        self._silent_s = self._floor.clock()
        self.tell_sound(STATION_SILENT)
        self.rearrange()

    def tell_sound(self, why: str) -> None:
        """So that the operator's page says with whom they speak: the state stays."""
        self._floor.tell(
            e.TransferMoved(call_id=self._caller.id, transfer_id=self.id, state=self.state, why=why)
        )

    def _station_lost(self, leg: Leg) -> None:
        self._caller.humans.give_up(leg)  # their desk rests until a page is its telephone again
        self.chain.go_on()
        self.happened(Happening.STATION_LOST)

    def _station_at(self, desk: Desk) -> Leg | None:
        """The station's leg, if it is at this desk's page."""
        leg = self.station if self.state in HAS_STATION else None
        return leg if leg is not None and leg.at_page and leg.operator_id == desk.operator_id else None

    def station_left_page(self, desk: Desk) -> None:
        """A page was left; nothing is lost if it is not the station's."""
        leg = self._station_at(desk)
        if leg is not None:
            self._lose(leg, "the page was left")

    def station_returned(self, desk: Desk) -> None:
        """The station's page is a telephone again: it is connected without a ring."""
        leg, humans = self._station_at(desk), self._caller.humans
        if leg is None or leg.phone != desk.phone:
            return
        self._lose(leg, "the page began anew")
        if self.back is not None:
            humans.drop(self.back)
        self.back = humans.new_leg("chain", "chain", leg.endpoint, leg.name, leg.operator_id)
        self.back.limit_s = RETURN_RINGS_S
        self._floor.spawn(humans.dial(self.back, self._caller.number, {"PJSIP_HEADER(add,X-Return)": "1"}))

    def rejoined(self, leg: Leg, channel_name: str) -> None:
        """The station's new page answered: it takes the old one's place."""
        log.info("the station is back", call_id=self._caller.id)
        old, self.station = self.station, leg
        self.back, self._silent_s = None, None
        self.tell_sound(STATION_HEARD)
        self.chain.record(leg, channel_name)
        if old is not None:
            self._caller.humans.drop(old)
        self.rearrange()

    def back_failed(self, leg: Leg) -> None:
        """The station's new page did not answer; its place is kept until the time is up."""
        self.back = None
        self._caller.humans.drop(leg)

    def _comfort(self) -> None:
        if self.holds_caller:
            self._caller.say(["transfer-hold"])

    # -- where everybody stands --

    def rearrange(self) -> None:
        """Bring Asterisk to the state's places once more, after a crash."""
        self._caller.do(self._arrange(self.state))

    async def _arrange(self, state: TransferState) -> None:
        """Bring everybody to the places of a state. Doing it twice is doing it once; who is gone is left out."""
        ari, places, caller = self._floor.ari, PLACES[state], self._caller
        if state is self.state:
            places = self._places
        channels = {Party.CALLER: caller.id}
        for party, leg in ((Party.OPERATOR, self.operator), (Party.STATION, self.station)):
            if leg is not None and not leg.over:
                channels[party] = leg.id
        if places.consult:
            await ari.make_bridge(consult_of(caller.id))
        quiet = [ari.stop_music(c) for p, c in channels.items() if p not in places.music]
        if Party.CALLER not in places.music:
            quiet.append(caller.announcer.hush())
        if Party.OPERATOR in channels and Party.OPERATOR not in places.ringing:
            quiet.append(ari.stop_ring(channels[Party.OPERATOR]))
        joins = [
            self._bring(caller.bridge if party in places.with_caller else consult_of(caller.id), channel)
            for party, channel in channels.items()
            if party is not Party.CALLER and party in places.with_caller | places.consult
        ]
        music = [ari.start_music(c) for p, c in channels.items() if p in places.music]
        await self._floor.quietly(*joins, *quiet, *music)
        if (
            Party.OPERATOR in channels
            and Party.OPERATOR in places.ringing
            and self.note.state is not NoteState.BEGUN  # nobody speaks over the ringing tone
        ):
            await self._floor.quietly(ari.ring(channels[Party.OPERATOR]))
        if (
            state not in LIVE
        ):  # not between two states: a bridge of the same name could not be made again at once
            await self._floor.quietly(ari.end_bridge(consult_of(caller.id)))

    async def _bring(self, bridge: str, channel: str) -> None:
        """Put a party into a bridge; tried again, because a refusal would leave them with the wrong people."""
        for tries_left in reversed(range(JOIN_TRIES)):
            try:
                await self._floor.ari.join(bridge, channel)
                return
            except AriError as error:
                log.warning(
                    "a party could not be moved", call_id=self._caller.id, bridge=bridge, error=str(error)
                )
                if not tries_left or channel not in self._caller.humans.legs:
                    return
            await asyncio.sleep(JOIN_AGAIN_S)


def _state(text: str) -> TransferState:
    try:
        return TransferState(text)
    except ValueError:
        return S.CANCELLED
