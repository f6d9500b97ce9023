"""A talk: one caller and the operator who answered; held with music, and comforted when the desk's sound is lost.

A browser that is reloaded, killed, frozen or cut off says no goodbye. The caller's bridge does not end with it: within three seconds
they hear a word and music, the same operator is connected again as soon as their page is back, and after a while the next one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hotline.operators import Presence
from ivr.ari import AriError
from ivr.browser_phone import is_browser
from ivr.desk import NotPossible
from ivr.pulse import COUNT_EVERY_S, SILENT_S

if TYPE_CHECKING:
    from ivr.caller import Caller
    from ivr.desk import Desk
    from ivr.floor import Floor
    from ivr.leg import Leg

log = structlog.get_logger(__name__)

FOUND_PACKETS = 10
"""Between two counts: fewer are the last ones of a page that was left."""
RETURN_WITHIN_S = 5.0
"""From the loss: how long the place is kept for the same operator before the next one is rung."""
RETURN_RINGS_S = 4


class Talk:
    def __init__(self, floor: Floor, caller: Caller) -> None:
        self._floor, self._caller = floor, caller
        self.held = False
        self.back: Leg | None = None
        """The same operator's new page, being connected."""
        self._lost_s: float | None = None
        self._of = ""
        self._packets = -1
        self._moved_s = self._asked_s = 0.0
        self._asking = False

    @property
    def is_lost(self) -> bool:
        """Whether the caller is comforted because nothing comes from the desk."""
        return self._lost_s is not None

    @property
    def hears_operator(self) -> bool:
        return self._caller.humans.talking is not None and not self.is_lost

    # -- held --

    def hold(self, operator_id: int) -> None:
        """The caller hears music; NotPossible for anybody but the operator who talks with them."""
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
        self.hold_key(held=True)

    def retrieve(self, operator_id: int) -> None:
        """Caller and operator hear each other again."""
        self._leg_of(operator_id)
        self.hold_key(held=False)

    def hold_key(self, *, held: bool) -> None:
        """What a desk phone's own key says; a phone alone would leave the caller in silence."""
        transfer = self._caller.transfer
        if held is self.held or (transfer is not None and not transfer.leans_on_operator):
            return  # in a hand-over the caller has music already, or the station
        self.held, ari = held, self._floor.ari
        if held:
            self._caller.do(ari.start_music(self._caller.id))
        elif not self.is_lost:
            self._caller.do(ari.stop_music(self._caller.id))

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
        if leg is None or leg.over or not is_browser(leg.endpoint.removeprefix("PJSIP/")):
            return
        if leg.id != self._of:
            self._of, self._packets, self._moved_s = leg.id, -1, now_s
        if not self._asking and now_s - self._asked_s >= COUNT_EVERY_S:
            self._asking, self._asked_s = True, now_s
            self._floor.spawn(self._count(leg))
        if self._lost_s is not None:
            if now_s - self._lost_s >= RETURN_WITHIN_S and (self.back is None or not self.back.up):
                self._give_up(leg)
            else:
                self._caller.announcer.tick()

    async def _count(self, leg: Leg) -> None:
        try:
            sound = await self._floor.ari.sound_of(leg.id)
        except AriError:
            return  # gone, which is told otherwise; or Asterisk is slow, which is not the desk's doing
        finally:
            self._asking = False
        if leg is not self._caller.humans.talking or leg.over:
            return
        leg.quality = sound.quality()
        now_s, before, self._packets = self._floor.clock(), self._packets, int(sound.rxcount)
        packets = self._packets
        if packets != before:
            self._moved_s = now_s
            if self.is_lost and self.back is None and 0 <= before <= packets - FOUND_PACKETS:
                self._found()
        elif self._lost_s is None and now_s - self._moved_s >= SILENT_S:
            self.lose("no sound from the desk")

    def lose(self, why: str) -> None:
        """Nothing comes from the desk any more: the caller is comforted, their operator's place is kept for some seconds."""
        if self._lost_s is not None or self._caller.humans.talking is None or self._caller.over:
            return
        log.warning("the desk's sound is lost", call_id=self._caller.id, why=why)
        self._lost_s, self._packets = self._floor.clock(), -1
        if self._caller.transfer is not None and not self._caller.transfer.leans_on_operator:
            return  # they have music already, or the station
        self._caller.do(self._floor.ari.start_music(self._caller.id))
        self._caller.say(["operator-lost"])

    def left(self, desk: Desk) -> None:
        """A page was left; nothing is lost if it is not the page that talks with the caller, or they talk at another phone."""
        leg = self._caller.humans.talking
        if (
            leg is not None
            and leg.operator_id == desk.operator_id
            and is_browser(leg.endpoint.removeprefix("PJSIP/"))
        ):
            self.lose("the page was left")

    def _found(self) -> None:
        log.info("the desk's sound is back", call_id=self._caller.id)
        self._lost_s = None
        if self._caller.transfer is not None and self._caller.transfer.live:
            self._caller.transfer.rearrange()
        else:
            self._caller.do(self._hear_again())

    async def _hear_again(self) -> None:
        ari = self._floor.ari
        quiet = [] if self.held else [ari.stop_music(self._caller.id)]
        await self._floor.quietly(self._caller.announcer.hush(), *quiet)

    def returned(self, desk: Desk) -> bool:
        """The operator's page is a telephone again: it is connected without a ring. False when this talk lacks nobody."""
        leg = self._caller.humans.talking
        at_page = leg is not None and leg.endpoint == f"PJSIP/{desk.phone}"
        if leg is None or leg.operator_id != desk.operator_id or not at_page or self._caller.over:
            return False
        if self.back is not None:
            self._caller.humans.drop(self.back)
        self.lose("the page began anew")
        humans = self._caller.humans
        name = leg.name if desk.station else desk.username
        self.back = humans.new_leg("op", "operator", f"PJSIP/{desk.phone}", name, desk.operator_id)
        self.back.limit_s = RETURN_RINGS_S
        self._floor.spawn(humans.dial(self.back, self._caller.number, {"PJSIP_HEADER(add,X-Return)": "1"}))
        return True

    def rejoined(self, leg: Leg) -> None:
        """The new page answered: it takes the old one's place."""
        log.info("the operator is back", call_id=self._caller.id)
        old = self._caller.humans.talking
        self.back, self._lost_s, self.held = None, None, False
        if old is not None:
            self._caller.humans.drop(old)
        self._caller.humans.talking = leg
        if self._caller.transfer is None or not self._caller.transfer.operator_returned(leg):
            self._caller.do(self._caller.humans.connect(leg))

    def back_failed(self, leg: Leg) -> None:
        """The new page did not answer; the place is kept until the time is up."""
        self.back = None
        self._caller.humans.drop(leg)

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
        self.held, self.back, self._lost_s, self._of = False, None, None, ""
