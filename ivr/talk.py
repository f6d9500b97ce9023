"""A talk: one caller and the operator who answered; held with music, and comforted when the desk's sound is lost.

On hold neither hears the other: the caller has music, the operator's phone waits alone in the bridge `held-<call>`. An operator who speaks
with another contact meanwhile has lent it their phone; then the caller is kept without one.

A telephone that is killed, frozen or cut off says no goodbye. The caller's bridge does not end with it: within three seconds they hear a
word and music. A page that is reloaded is connected again as soon as it is back, and after a while the next operator is; for any other
telephone the next is rung at once, and whoever is first has the caller: the next, or the same one whose sound is back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hotline import events as e
from hotline.operators import Presence
from ivr.browser_phone import is_browser
from ivr.desk import NotPossible
from ivr.leg import held_of

if TYPE_CHECKING:
    from ivr.caller import Caller
    from ivr.desk import Desk
    from ivr.floor import Floor
    from ivr.leg import Leg

log = structlog.get_logger(__name__)

RETURN_WITHIN_S = 5.0
"""From the loss: how long the place is kept for the same operator before the next one is rung."""
RETURN_RINGS_S = 4
PHONE_RINGS_S = 15
"""A desk phone that was hung up while somebody was kept rings for them so long."""
COMFORT_EVERY_S = 20.0
KEPT_BY = "KEPT_BY"
"""The caller's channel variable that says on whose hold they are."""


class Talk:
    def __init__(self, floor: Floor, caller: Caller) -> None:
        self._floor, self._caller = floor, caller
        self.held = False
        """On hold, and the operator's phone waits for them."""
        self.keeper: int | None = None
        """On hold, and this operator's phone is lent to another contact."""
        self.kept_s = 0.0
        self.was_held = False
        """Ever: there may be a bridge for it."""
        self.back: Leg | None = None
        """The same operator's new page, being connected."""
        self._lost_s: float | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the caller is comforted because nothing comes from the desk."""
        return self._lost_s is not None

    @property
    def hears_operator(self) -> bool:
        return self._caller.humans.talking is not None and not self.is_lost and not self.held

    @property
    def on_hold(self) -> bool:
        return self.held or self.keeper is not None

    # -- held --

    def hold(self, operator_id: int) -> None:
        """The caller hears music; NotPossible for anybody but the operator who talks with them."""
        self._ready(operator_id)
        self.hold_key(held=True)

    def part(self, operator_id: int) -> Leg:
        """On hold, and the phone is free for another contact; NotPossible as for `hold`."""
        leg = self._ready(operator_id)
        if not self.held:
            self._tell(held=True)
        self.held, self.keeper, self.kept_s = False, operator_id, self._floor.clock()
        self._caller.humans.give(leg)
        self._caller.do(self._keep(operator_id))
        return leg

    def taken_up(self, leg: Leg) -> None:
        """The operator who keeps them speaks with them again."""
        self._tell(held=False)
        self.keeper = None
        humans = self._caller.humans
        humans.receive(leg)
        humans.talking = leg
        desk = self._floor.desks.of(leg.operator_id)
        if desk is not None:
            self._floor.desks.change(desk, Presence.TALKING, call_id=self._caller.id)
        self._caller.do(self._join_again(leg))

    def released(self) -> None:
        """Where the parties stand is somebody else's business from here on: a hand-over's, or nobody's."""
        if self.on_hold:
            self.held, self.keeper = False, None
            self._tell(held=False)
            self._caller.do(self._floor.ari.set_variable(self._caller.id, KEPT_BY, ""))

    def found(self, kept_by: str, *, was_held: bool) -> None:
        """What an earlier process left: on whose hold the channel says they are, and whether the database has them on hold."""
        self.was_held = True
        if kept_by.isdecimal() and self._caller.humans.talking is not None:
            self.held = True
        elif kept_by.isdecimal() and not self._caller.handing_over:
            self.keeper, self.kept_s = int(kept_by), self._floor.clock()
        if was_held is not self.on_hold:
            self._tell(held=self.on_hold)
        if self.held and (leg := self._caller.humans.talking) is not None:
            self._caller.do(self._keep(leg.operator_id, leg))

    def _ready(self, operator_id: int) -> Leg:
        leg = self._leg_of(operator_id)
        if self._caller.handing_over:
            raise NotPossible(
                "Đang chuyển trạm: dùng nút “Sang trạm” thay cho giữ máy.",
                "A hand-over goes on: use “To the station” in place of hold.",
            )
        if self.is_lost or not leg.up:
            raise NotPossible(
                "Đường dây đang nối lại: hãy chờ một giây rồi giữ máy.",
                "The line is being reconnected: wait a second, then hold.",
            )
        return leg

    def retrieve(self, operator_id: int) -> None:
        """Caller and operator hear each other again."""
        self._leg_of(operator_id)
        self.hold_key(held=False)

    def hold_key(self, *, held: bool) -> None:
        """What a desk phone's own key says; a phone alone would leave the caller in silence."""
        transfer, leg = self._caller.transfer, self._caller.humans.talking
        if leg is None or held is self.held or (transfer is not None and not transfer.leans_on_operator):
            return  # in a hand-over the caller has music already, or the station
        self.held = held
        self._tell(held=held)
        if held:
            self.was_held = True
            self._caller.do(self._keep(leg.operator_id, leg))
        elif not self.is_lost:
            self._caller.do(self._join_again(leg))

    def _tell(self, *, held: bool) -> None:
        leg = self._caller.humans.talking
        operator_id = leg.operator_id if leg is not None else self.keeper
        self._floor.tell(e.CallHeld(call_id=self._caller.id, held=held, operator_id=operator_id))

    async def _keep(self, operator_id: int | None, leg: Leg | None = None) -> None:
        """Music, and a word for the process after this one; the phone, if it stays, is set aside."""
        ari, caller = self._floor.ari, self._caller
        await self._floor.quietly(
            ari.start_music(caller.id), ari.set_variable(caller.id, KEPT_BY, str(operator_id or ""))
        )
        if leg is None:
            return
        async with leg.moving:
            if self.held and caller.humans.legs.get(leg.id) is leg:
                await ari.make_bridge(held_of(caller.id))
                await self._floor.quietly(ari.join(held_of(caller.id), leg.id))

    async def _join_again(self, leg: Leg) -> None:
        ari, caller = self._floor.ari, self._caller
        async with leg.moving:
            if caller.humans.legs.get(leg.id) is not leg or self.held:
                return
            await ari.join(caller.bridge, leg.id)
        await self._floor.quietly(
            ari.stop_music(caller.id), caller.announcer.hush(), ari.set_variable(caller.id, KEPT_BY, "")
        )

    def _leg_of(self, operator_id: int) -> Leg:
        leg = self._caller.humans.talking
        if leg is None or leg.operator_id != operator_id:
            raise NotPossible(
                "Bạn không có cuộc gọi này: hãy tải lại trang.", "This is not your call: load the page again."
            )
        return leg

    # -- lost and found --

    def tick(self) -> None:
        """Look whether the desk's sound still comes, and for how long it has not."""
        leg, now_s = self._caller.humans.talking, self._floor.clock()
        if self.on_hold:
            self._comfort(now_s)
        if self.keeper is not None and self.back is None:
            if not self._floor.desks.are_known:
                return
            desk = self._floor.desks.of(self.keeper)
            elsewhere = (
                desk is not None and desk.call_id != self._caller.id and desk.call_id in self._floor.visits
            )
            if desk is None or desk.state is not Presence.TALKING or not elsewhere:
                self._caller.humans.wait_again("who kept them has gone")
            return
        if leg is None or leg.over:
            return
        if self._lost_s is None:
            if leg.is_silent(now_s):
                self.lose("no sound from the desk")
        elif self.back is None and leg.pulse.flows:
            self._found()
        elif now_s - self._lost_s >= RETURN_WITHIN_S and (self.back is None or not self.back.up):
            self._give_up(leg)
        elif self._caller.transfer is None or self._caller.transfer.leans_on_operator:
            self._caller.announcer.tick()

    def _comfort(self, now_s: float) -> None:
        announcer = self._caller.announcer
        if not announcer.speaks and now_s - announcer.said_s >= COMFORT_EVERY_S and not self.is_lost:
            announcer.say(["on-hold"])

    def lose(self, why: str) -> None:
        """Nothing comes from the desk any more: the caller is comforted, their operator's place is kept for some seconds."""
        leg = self._caller.humans.talking
        if self._lost_s is not None or leg is None or self._caller.over:
            return
        log.warning("the desk's sound is lost", call_id=self._caller.id, why=why)
        if leg.at_page:  # of others the pause is remembered when they are heard again
            leg.pulse.forget()
        self._lost_s = self._floor.clock()
        if not leg.at_page:  # nothing to wait for: a telephone is not loaded anew
            if self._caller.handing_over:
                self._give_up(leg)
            else:
                self._caller.humans.without_sound(leg)
            return
        transfer = self._caller.transfer
        if transfer is not None and transfer.live and transfer.station is not None:
            transfer.rearrange()  # the station speaks with them until the operator is back
        if transfer is not None and not transfer.leans_on_operator:
            return  # they have music already, or the station
        self._caller.do(self._floor.ari.start_music(self._caller.id))
        self._caller.say(["operator-lost"])

    def left(self, desk: Desk) -> None:
        """A page was left; nothing is lost if it is not the page that talks with the caller, or they talk at another phone."""
        leg = self._caller.humans.talking
        if leg is not None and leg.operator_id == desk.operator_id and leg.at_page:
            self.lose("the page was left")

    def _found(self) -> None:
        log.info("the desk's sound is back", call_id=self._caller.id)
        self._lost_s = None
        if self._caller.transfer is not None and self._caller.transfer.live:
            self._caller.transfer.rearrange()
        else:
            self._caller.do(self._hear_again())

    async def _hear_again(self) -> None:
        ari, leg = self._floor.ari, self._caller.humans.talking
        if leg is not None and not self.held:  # retrieved while nothing came from the desk
            await self._floor.quietly(ari.join(self._caller.bridge, leg.id))
        quiet = [] if self.held else [ari.stop_music(self._caller.id)]
        await self._floor.quietly(self._caller.announcer.hush(), *quiet)

    def returned(self, desk: Desk) -> bool:
        """The operator's page is a telephone again: it is connected without a ring. False when this talk lacks nobody."""
        leg = self._caller.humans.talking
        at_page = leg is not None and leg.endpoint == f"PJSIP/{desk.phone}"
        if leg is None or leg.operator_id != desk.operator_id or not at_page or self._caller.over:
            return False
        self.lose("the page began anew")
        self.ring_back(desk)
        return True

    def ring_back(self, desk: Desk) -> None:
        """Ring the operator's phone for them; a page answers by itself."""
        humans, leg = self._caller.humans, self._caller.humans.talking
        if self.back is not None:
            humans.drop(self.back)
        name = leg.name if leg is not None and desk.station else desk.username
        self.back = humans.new_leg("op", "operator", f"PJSIP/{desk.phone}", name, desk.operator_id)
        self.back.limit_s = RETURN_RINGS_S if is_browser(desk.phone) else PHONE_RINGS_S
        self._floor.spawn(humans.dial(self.back, self._caller.number, {"PJSIP_HEADER(add,X-Return)": "1"}))

    def rejoined(self, leg: Leg, _channel_name: str = "") -> None:
        """The new page answered: it takes the old one's place, and who was on hold stays so."""
        log.info("the operator is back", call_id=self._caller.id)
        humans, old = self._caller.humans, self._caller.humans.talking
        self.back, self._lost_s = None, None
        if old is not None:
            humans.drop(old)
        humans.talking = leg
        if self.keeper is not None:
            self.released()
        if self._caller.transfer is not None and self._caller.transfer.operator_returned(leg):
            return
        self._caller.do(self._keep(leg.operator_id, leg) if self.held else humans.connect(leg))

    def back_failed(self, leg: Leg) -> None:
        """The new page did not answer; the place is kept until the time is up."""
        self.back = None
        self._caller.humans.drop(leg)
        desk = self._floor.desks.of(self.keeper)
        if desk is not None and desk.call_id == self._caller.id:  # hung up, rung back, and not there
            self._floor.desks.change(
                desk, Presence.OFFLINE if desk.signing_out else Presence.PAUSED, "missed"
            )

    def _give_up(self, leg: Leg) -> None:
        """The operator stays away: their desk is paused, the caller is first in line."""
        desk = self._floor.desks.of(leg.operator_id)
        humans = self._caller.humans
        if self.back is not None:
            humans.drop(self.back)
        if desk is not None and desk.call_id == self._caller.id:
            signing_out = desk.signing_out
            self._floor.desks.change(desk, Presence.OFFLINE if signing_out else Presence.PAUSED, "phone")
        humans.drop(leg)
        if self._caller.transfer is None or not self._caller.transfer.leg_ended(leg):
            humans.wait_again("the operator's page is gone")

    def over(self) -> None:
        """Nobody talks with the caller now."""
        self.released()
        self.held, self.back, self._lost_s = False, None, None
