"""The chain: numbers rung one after the other, and side by side for RED, until somebody says yes to the briefing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from hotline import events as e
from hotline.directory import LANGUAGES, Line
from hotline.operators import Presence
from hotline.recordings import leg_path
from hotline.transfers import TryState
from ivr.briefing import KEYS_PIECE
from ivr.desk import NotPossible
from ivr.queue_members import Refused

if TYPE_CHECKING:
    from ivr.ari import AriEvent
    from ivr.caller import Caller
    from ivr.desk import Desk
    from ivr.floor import Floor
    from ivr.leg import Leg
    from ivr.transfer import Transfer

log = structlog.get_logger(__name__)

RINGS_S = 20.0
"""How long one number rings before the next, or until the next rings beside it and it rings on."""
RINGS_ON_S = 60.0
KEY_WITHIN_S = 8.0
"""From the end of the briefing."""
BRIEFED_WITHIN_S = 40.0
"""A briefing whose end was never told is over by then."""
BREATH_S = 1.0
"""Between two numbers at least: numbers that fail at once must not be dialled in a storm."""
T = TryState
OF_OUTCOME = {
    "busy": T.BUSY, "declined": T.DECLINED, "no_answer": T.NO_ANSWER, "cancelled": T.CANCELLED, "answered": T.NO_KEY,
    "no_channel": T.NO_CHANNEL,
}  # fmt: skip


NOT_OFFERED = NotPossible(
    "Lần chuyển này không còn chờ trạm của bạn: nơi khác đã nhận, hoặc người dân đã gác máy.",
    "This hand-over does not wait for your station any more: somebody else took it, or the citizen hung up.",
)
LIFT_FIRST = NotPossible(
    "Máy chưa được nhấc: hãy nhấc máy để nghe tóm tắt.",
    "The phone is not answered: answer it to hear the briefing.",
)


@dataclass
class Try:
    """One number as it is rung now."""

    line: Line
    place: int
    rung_s: float
    state: TryState = T.RINGING
    briefings: int = 0
    briefed_s: float = 0.0
    """When the last briefing began."""
    key_until_s: float | None = None
    said_yes: bool = False
    """Accepted on the station's page before the phone was lifted."""


@dataclass
class Chain:
    """One hand-over's numbers. The caller stays where they are; whoever presses 1 first is accepted."""

    floor: Floor
    caller: Caller
    transfer: Transfer
    lines: tuple[Line, ...] = ()
    pieces: tuple[str, ...] = ()
    """The briefing's prompts."""
    tries: dict[str, Try] = field(default_factory=dict)
    """By leg; those that are over are gone from it."""
    next: int = 0
    passed: list[int] = field(default_factory=list)
    """Places passed over because another caller had that number; rung before the others once it is free."""
    full: set[int] = field(default_factory=set)
    """Places that the record knows were not rung for want of a channel: in the next rounds it is not told again."""
    taken: Line | None = None
    """Who accepted."""
    rung_s: float | None = None
    """When a number was last rung."""

    def tick(self, now_s: float) -> None:
        """End what rang or thought too long, and ring the next number when it is its turn."""
        beside = self.transfer.beside
        for leg_id, tried in list(self.tries.items()):
            leg = self.caller.humans.legs.get(leg_id)
            if leg is None:
                del self.tries[leg_id]
            elif tried.state is T.RINGING and now_s - tried.rung_s >= (RINGS_ON_S if beside else RINGS_S):
                self._give_up(leg, tried, T.NO_ANSWER)
            elif tried.state is T.BRIEFING and (
                (tried.key_until_s is not None and now_s >= tried.key_until_s)
                or now_s - tried.briefed_s >= BRIEFED_WITHIN_S
            ):
                self._give_up(leg, tried, T.NO_KEY)
        if not self.transfer.rings or not self.lines:
            return
        since_s = now_s - self.rung_s if self.rung_s is not None else RINGS_S
        if (not self.tries and since_s >= BREATH_S) or (beside and since_s >= RINGS_S):
            self._ring_next(now_s)

    def _ring_next(self, now_s: float) -> None:
        """Ring the next number; those for which the trunk has no channel are passed over at once."""
        if self.next >= len(self.lines) and not self.passed:
            if self.tries:
                return
            if not self.transfer.round_over():
                return
            self.next = 0
        self.rung_s = now_s
        while self.next < len(self.lines) or self.passed:
            place = self._turn()
            line = self.lines[place]
            if line.phone or self.floor.may_call_out(self.caller.acuity):
                self._ring(line, place, now_s)
                return
            if place not in self.full:
                self.full.add(place)
                log.warning("the trunk has no channel for a hand-over", call_id=self.caller.id, place=place)
                leg_id = self.caller.humans.new_id("chain")
                self._tell(leg_id, Try(line, place, now_s, T.NO_CHANNEL))

    def _ring(self, line: Line, place: int, now_s: float) -> None:
        desk = self.floor.desks.of(line.operator_id or None)
        if desk is not None and not self._can_be_rung(desk):
            return  # they have become busy meanwhile
        if not line.phone:
            self.floor.calls_out()
        self._dial(Try(line, place, now_s))

    def _dial(self, tried: Try) -> None:
        line = tried.line
        trunk = self.floor.installation.outbound_trunk.key
        endpoint = f"PJSIP/{line.phone}" if line.phone else f"PJSIP/{line.dialled}@trunk-{trunk}"
        desk = self.floor.desks.of(line.operator_id or None)
        name = desk.username if desk is not None and not line.station else f"chain:{line.name}"
        leg = self.caller.humans.new_leg("chain", "chain", endpoint, name, line.operator_id or None)
        self.tries[leg.id] = tried
        self._tell(leg.id, tried)
        shown = self.floor.installation.hotline(self.caller.hotline).outbound_number
        self.floor.spawn(self.caller.humans.dial(leg, shown))

    def ring_anew(self, desk: Desk) -> None:
        """The telephone of whom it rings has become another page: it rings there, and no longer than it would have here."""
        for leg_id, tried in list(self.tries.items()):
            leg = self.caller.humans.legs.get(leg_id)
            if leg is not None and leg.rings_at_page_of(desk.operator_id):
                self._move(leg, replace(tried), T.CANCELLED)
                self.caller.humans.drop(leg)
                self._dial(tried)

    # -- a number that several callers want --

    def _turn(self) -> int:
        """The place to ring now: the next one, but a number that another caller has comes after those that are free.

        Whoever is urgent does not wait: a number that only rings for somebody less urgent is taken from them.
        """
        open_: list[int] = sorted([*self.passed, *range(self.next, len(self.lines))])
        if self.transfer.beside and self._taken_from_below(self.lines[open_[0]]):
            place = open_[0]
        else:
            place = next((p for p in open_ if not self._is_elsewhere(self.lines[p])), open_[0])
            if self._is_shared(self.lines[place]):
                place = open_[0]
        self.passed = [p for p in open_ if p < max(self.next, place + 1) and p != place]
        self.next = max(self.next, place + 1)
        return place

    def _is_shared(self, line: Line) -> bool:
        """The emergency number is many people's: never busy because of us, and never rung before its turn."""
        return line.number == self.floor.installation.hotline(self.caller.hotline).emergency_number

    def _others(self) -> Iterator[Chain]:
        for visit in self.floor.visits.values():
            transfer = getattr(visit, "transfer", None)
            if transfer is not None and visit is not self.caller:
                yield transfer.chain

    def has(self, dialled: str) -> bool:
        """Whether this number rings or speaks for this hand-over."""
        station = self.transfer.station
        talks = self.taken is not None and station is not None and not station.over
        lines = [tried.line for tried in self.tries.values()] + ([self.taken] if talks and self.taken else [])
        return any(line.dialled == dialled for line in lines)

    def _is_elsewhere(self, line: Line) -> bool:
        return not self._is_shared(line) and any(other.has(line.dialled) for other in self._others())

    def _taken_from_below(self, line: Line) -> bool:
        """Whether the number is ours now: free, or no more rung for somebody less urgent."""
        if self._is_shared(line):
            return True
        for other in self._others():
            if other.has(line.dialled) and not (
                other.caller.acuity < self.caller.acuity and other.gives_up(line.dialled)
            ):
                return False
        return True

    def gives_up(self, dialled: str) -> bool:
        """Stop ringing a number that somebody more urgent needs; False when a human is on the line already."""
        for leg_id, tried in list(self.tries.items()):
            leg = self.caller.humans.legs.get(leg_id)
            if leg is not None and tried.line.dialled == dialled and tried.state is T.RINGING and not leg.up:
                self._move(leg, tried, T.CANCELLED)
                self.caller.humans.cancel(leg, "cancelled")
                self.passed = sorted({*self.passed, tried.place})
        return not self.has(dialled)

    def _can_be_rung(self, desk: Desk) -> bool:
        free = desk.state is Presence.AVAILABLE
        return free and self.floor.desks.change(desk, Presence.RINGING, call_id=self.caller.id)

    def _tell(self, leg_id: str, tried: Try) -> None:
        self.floor.tell(
            e.StationTried(
                call_id=self.caller.id, transfer_id=self.transfer.id, leg_id=leg_id, name=tried.line.name,
                number=tried.line.number, place=tried.place, state=tried.state, station=tried.line.station,
            )
        )  # fmt: skip

    def _move(self, leg: Leg, tried: Try, to: TryState) -> None:
        tried.state = to
        self._tell(leg.id, tried)
        if to not in (T.RINGING, T.BRIEFING, T.ACCEPTED):
            self.tries.pop(leg.id, None)

    def _give_up(self, leg: Leg, tried: Try, why: TryState) -> None:
        self._move(leg, tried, why)
        self.caller.humans.cancel(leg, "declined" if why is T.DECLINED else "no_answer")

    # -- one number --

    def answered(self, leg: Leg, channel_name: str = "") -> None:
        """Somebody picked up: from here on the leg is recorded, and the briefing is said."""
        tried = self.tries.get(leg.id)
        if tried is None or not self.transfer.rings:
            self.already_taken(leg)
            return
        self.record(leg, channel_name)
        if tried.line.needs_key and not tried.said_yes:
            self._move(leg, tried, T.BRIEFING)
            self._brief(leg, tried)
        else:
            self._accept(leg, tried)

    def record(self, leg: Leg, channel_name: str) -> None:
        """Keep what this leg says and hears from now on."""
        if channel_name and self.floor.mix_monitor is not None and self.floor.recordings is not None:
            path = self.floor.recordings.absolute() / leg_path(self.caller.id, leg.id)
            self.floor.spawn(self._record(channel_name, leg, path))

    async def _record(self, channel_name: str, leg: Leg, path: Path) -> None:
        assert self.floor.mix_monitor is not None  # noqa: S101 - asked by the only caller
        try:
            await self.floor.mix_monitor(channel_name, path)
        except Refused as error:
            log.error("a station's leg is not recorded", call_id=self.caller.id, leg=leg.id, error=str(error))

    def _brief(self, leg: Leg, tried: Try) -> None:
        tried.briefings += 1
        tried.briefed_s, tried.key_until_s = self.floor.clock(), None
        hotline = self.caller.hotline
        language = tried.line.language
        pieces = self.floor.sounds(self.pieces, language, hotline)
        keys = self.floor.sounds([KEYS_PIECE], language, hotline)
        if not keys:  # the plain announcement names them too
            pieces, keys = [], self.floor.sounds(["chain-announcement"], language, hotline)
        if keys:
            self.floor.spawn(self._say(leg, f"why-{leg.id}-{tried.briefings}", pieces, keys))
        else:
            self._accept(leg, tried)  # nobody would know that a key is asked for

    async def _say(self, leg: Leg, playback: str, pieces: list[str], keys: list[str]) -> None:
        """The pieces, the operator's own words if there are any, and the keys."""
        note = await self.transfer.note.media()
        tried = self.tries.get(leg.id)
        if tried is not None and tried.state is T.BRIEFING and playback == f"why-{leg.id}-{tried.briefings}":
            await self.floor.ari.play(leg.id, playback, [*pieces, *note, *keys])

    def heard(self, leg: Leg, event: AriEvent) -> None:
        """A key, or the end of what the station hears: 1 accepts, 2 declines, 3 says it again."""
        if event.kind == "PlaybackFinished" and event.playback.startswith("part-"):
            self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(leg.id)))
        tried = self.tries.get(leg.id)
        if tried is None or tried.state is not T.BRIEFING:
            return
        if event.kind == "ChannelDtmfReceived" and event.digit in ("1", "2", "3"):
            self._key(leg, tried, event.digit)
        elif event.kind == "PlaybackFinished" and event.playback == f"why-{leg.id}-{tried.briefings}":
            tried.key_until_s = self.floor.clock() + KEY_WITHIN_S

    def pressed(self, leg_id: str, station: str, key: str) -> None:
        """A key of the station's page, as if pressed at the phone; NotPossible in a sentence."""
        leg, tried = self.caller.humans.legs.get(leg_id), self.tries.get(leg_id)
        if leg is None or tried is None or not station or tried.line.station != station:
            raise NOT_OFFERED
        if tried.state is T.BRIEFING:
            self._key(leg, tried, key)
        elif key == "1":
            tried.said_yes = True
        elif key == "2":
            self._give_up(leg, tried, T.DECLINED)
        else:
            raise LIFT_FIRST

    def _key(self, leg: Leg, tried: Try, key: str) -> None:
        self._stop_briefing(leg, tried)
        {"1": self._accept, "2": self._decline, "3": self._brief}[key](leg, tried)

    def _stop_briefing(self, leg: Leg, tried: Try) -> None:
        playing = f"why-{leg.id}-{tried.briefings}"
        self.floor.spawn(self.floor.quietly(self.floor.ari.stop_playing(playing)))

    def _accept(self, leg: Leg, tried: Try) -> None:
        self.taken = tried.line
        self._move(leg, tried, T.ACCEPTED)
        del self.tries[leg.id]
        desk = self.floor.desks.of(leg.operator_id)
        if desk is not None:
            self.floor.desks.change(desk, Presence.TALKING, call_id=self.caller.id)
        self.stop(T.TAKEN)
        self.transfer.accepted(leg)

    def _decline(self, leg: Leg, tried: Try) -> None:
        self._move(leg, tried, T.DECLINED)
        self._part(leg, "declined", "chain-declined", tried.line.language)

    def already_taken(self, leg: Leg, why: TryState = T.TAKEN) -> None:
        """Another was first, or the operator thought better of it: say so and let them go."""
        tried = self.tries.get(leg.id)
        if tried is not None:
            if tried.state is T.BRIEFING:
                self._stop_briefing(leg, tried)  # else the word that it is over waits for its end
            self._move(leg, tried, why)
        language = tried.line.language if tried is not None else LANGUAGES[0]
        self._part(leg, "cancelled", "chain-already-taken" if why is T.TAKEN else "chain-cancelled", language)

    def go_on(self) -> None:
        """Who accepted is gone: the next number is rung at once."""
        self.taken, self.rung_s = None, None

    def stop(self, why: TryState) -> None:
        """No number is wanted any more: those that ring stop, whoever listens is told."""
        for leg_id, tried in list(self.tries.items()):
            leg = self.caller.humans.legs.get(leg_id)
            if leg is None:
                del self.tries[leg_id]
            elif leg.up:
                self.already_taken(leg, why)
            else:
                self._move(leg, tried, why)
                self.caller.humans.cancel(leg, "cancelled", "answered_elsewhere")

    def ended(self, leg: Leg, outcome: str) -> None:
        """A number's leg is over: busy, refused, hung up, out of reach. The next is rung without waiting."""
        tried = self.tries.get(leg.id)
        if tried is not None:
            self._move(leg, tried, OF_OUTCOME.get(outcome, T.FAILED))

    def _part(self, leg: Leg, why: str, prompt: str, language: str) -> None:
        leg.ending = why
        sounds = self.floor.sounds([prompt], language, self.caller.hotline)
        if sounds:
            self.floor.spawn(self.floor.ari.play(leg.id, f"part-{leg.id}", sounds))
        else:
            self.floor.spawn(self.floor.quietly(self.floor.ari.hang_up(leg.id)))
