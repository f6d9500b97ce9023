"""Whether sound still comes from a telephone, told by counting its packets; who may be silent by right is never judged.

A browser sends fifty packets a second, muted or not, until its page is gone. Of any other telephone that is believed only after it has
sent without a pause for some seconds: one that saves packets while nobody speaks (silence suppression) shows a pause first, and from
then on its silence says nothing. A pause in which packets were lost on the way was the network's, not the telephone's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.ari import Sound

COUNT_EVERY_S = 0.5
SILENT_S = 1.8
"""After this long without a packet the far end is taken for gone."""
ASK_S = 0.9
"""After this long a telephone that can be asked is asked whether it is there."""
STEADY_S = 3.0
"""So long a telephone must have sent without a pause before its silence means anything."""
PAUSE_S = 0.8
FILLED = 0.75
FEWEST_A_S = 15
"""Packets a second of one that sends steadily: 50 or 33 are usual, and a comfort noise now and then is far less."""
FOUND_PACKETS = 10
"""Between two counts: fewer are the last ones of a page that was left."""


@dataclass
class Pulse:
    """One leg's packets, counted twice a second."""

    pauses: bool = False
    """It has been silent and yet there: its silence says nothing."""
    on_hold: bool = False
    """Its own hold key was pressed; then many send nothing."""
    flows: bool = False
    """The last count brought sound, or another sign of life."""
    _packets: int = -1
    _reports: tuple[float, ...] = ()
    """What the far end says of what it hears: it changes with each report, every five seconds at most."""
    _first: int = 0
    _began_s: float = 0.0
    _moved_s: float = 0.0
    _counted_s: float = float("-inf")
    """When the last count was asked for."""
    _told_s: float = float("-inf")
    """When the last one was asked for that has been answered."""
    _counting: bool = False
    _asked: bool = False
    _lost_before: float = 0.0
    _pause_s: float = 0.0

    def is_due(self, now_s: float) -> bool:
        """Whether to count now; each True is followed by `counted` or `missed`."""
        if self._counting or now_s - self._counted_s < COUNT_EVERY_S:
            return False
        self._counting, self._counted_s = True, now_s
        return True

    def counted(self, sound: Sound, now_s: float) -> None:
        """What Asterisk has counted from the far end until now."""
        self._counting, self._told_s = False, self._counted_s
        packets, reports = int(sound.rxcount), (sound.txploss, sound.rxjitter, sound.rtt)
        new, gap_s = packets - self._packets, now_s - self._moved_s
        if self._packets < 0 or new < 0:
            self._first, self._began_s, self._moved_s = packets, now_s, now_s
            self._pause_s = 0.0
        elif new > 0:
            if self._packets == self._first:  # it only begins now
                self._began_s, gap_s = now_s, 0.0
            # Late packets that come all at once fill the gap: then nobody paused.
            if gap_s >= PAUSE_S and new < gap_s * self._usual_a_s * FILLED and not self.on_hold:
                self.pauses, self._pause_s, self._lost_before = True, gap_s, sound.rxploss
            self._moved_s, self._asked = now_s, False
            self.flows = new >= FOUND_PACKETS
        elif self._reports and reports != self._reports:
            self.lives()
        else:
            self.flows = False
        if self._pause_s and sound.rxploss - self._lost_before >= self._pause_s * FEWEST_A_S:
            self.pauses, self._pause_s = False, 0.0
            self._first, self._began_s = packets, now_s
        self._packets, self._reports = packets, reports

    def missed(self, now_s: float) -> None:
        """Asterisk was slow, or the leg is gone, which is told otherwise."""
        self._counting, self._moved_s = False, now_s

    def forget(self) -> None:
        """Count from anew: what came before says nothing of what comes now."""
        self._packets, self.flows = -1, False

    def lives(self) -> None:
        """It sends no sound and is there all the same."""
        self.pauses = self.flows = True

    def hold(self, *, on: bool) -> None:
        self.on_hold = on
        self.forget()

    def to_be_asked(self, now_s: float) -> bool:
        """Whether this is the moment to ask the telephone itself; once for each silence."""
        quiet = self._is_steady and not self.on_hold and now_s - self._moved_s >= ASK_S
        if not quiet or self._asked:
            return False
        self._asked = True
        return True

    def is_silent(self, now_s: float, *, sends_always: bool) -> bool:
        """Whether nothing has come for SILENT_S from somebody who would send.

        Only counts say so: when this process or Asterisk was busy elsewhere, the sound was there and nobody looked.
        """
        judged = (sends_always or self._is_steady) and self._packets >= 0 and not self.on_hold
        looked = self._told_s - self._moved_s >= SILENT_S - COUNT_EVERY_S
        return judged and looked and now_s - self._moved_s >= SILENT_S

    @property
    def _usual_a_s(self) -> float:
        """Packets a second so far."""
        return (self._packets - self._first) / max(self._moved_s - self._began_s, 1.0)

    @property
    def _is_steady(self) -> bool:
        for_s = self._moved_s - self._began_s
        sent = self._packets - self._first
        return not self.pauses and for_s >= STEADY_S and sent >= for_s * FEWEST_A_S
