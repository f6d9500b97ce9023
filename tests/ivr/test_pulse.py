"""The count of one telephone's packets: who is taken for gone, and who is never."""

from __future__ import annotations

import pytest

from ivr.ari import Sound
from ivr.pulse import COUNT_EVERY_S, SILENT_S, STEADY_S, Pulse


class Wire:
    """A telephone's packets, fed to a pulse twice a second."""

    def __init__(self) -> None:
        self.pulse, self.now_s = Pulse(), 100.0
        self.packets = self.lost = 0.0
        self.rtt = 0.01
        self.count()

    def count(self) -> None:
        assert self.pulse.is_due(self.now_s)
        self.pulse.counted(Sound(rxcount=self.packets, rxploss=self.lost, rtt=self.rtt), self.now_s)

    def send(self, seconds: float, a_second: int = 50) -> None:
        for _ in range(round(seconds / COUNT_EVERY_S)):
            self.now_s += COUNT_EVERY_S
            self.packets += a_second * COUNT_EVERY_S
            self.count()

    def rest(self, seconds: float) -> None:
        self.send(seconds, 0)

    def silent(self, *, sends_always: bool = False) -> bool:
        return self.pulse.is_silent(self.now_s, sends_always=sends_always)


@pytest.mark.parametrize("a_second", [50, 33, 25])
def test_who_sent_steadily_and_stops_is_gone(a_second: int) -> None:
    wire = Wire()
    wire.send(STEADY_S + 0.5, a_second)
    wire.rest(1.5)
    assert not wire.silent()
    wire.rest(0.5)
    assert wire.silent()


@pytest.mark.parametrize("asked", [False, True], ids=["nobody counted", "a count is late"])
def test_nobody_is_gone_only_because_nobody_looked(asked: bool) -> None:
    wire = Wire()
    wire.send(STEADY_S + 0.5)
    if asked:
        wire.now_s += COUNT_EVERY_S
        assert wire.pulse.is_due(wire.now_s)
    wire.now_s += SILENT_S + 1
    assert not wire.silent()
    assert not wire.silent(sends_always=True)
    if asked:
        wire.pulse.counted(Sound(rxcount=wire.packets), wire.now_s)
        assert not wire.silent(sends_always=True), "that count was asked for when it had just been heard"
    wire.rest(0.5)
    assert wire.silent(sends_always=True)


@pytest.mark.parametrize("a_second", [0, 2, 8])
def test_who_never_sent_steadily_is_not_judged(a_second: int) -> None:
    wire = Wire()
    wire.send(6, a_second)
    wire.rest(6)
    assert not wire.silent()
    assert wire.silent(sends_always=True)


def test_who_was_silent_once_and_came_back_is_never_judged_again() -> None:
    wire = Wire()
    wire.send(4)
    wire.rest(1)
    wire.send(30)
    wire.rest(60)
    assert not wire.silent()


def test_packets_that_come_late_and_all_at_once_are_no_pause() -> None:
    wire = Wire()
    wire.send(4)
    wire.rest(1)
    wire.packets += 50
    wire.send(0.5)
    assert not wire.pulse.pauses
    wire.rest(SILENT_S + 0.5)
    assert wire.silent()


def test_a_pause_whose_packets_were_lost_on_the_way_was_the_network_s() -> None:
    wire = Wire()
    wire.send(4)
    wire.rest(2)
    wire.send(1)
    assert wire.pulse.pauses
    wire.lost = 95
    wire.send(0.5)
    wire.send(4)
    wire.rest(2)
    assert wire.silent()


def test_a_report_of_what_it_hears_is_a_sign_of_life() -> None:
    wire = Wire()
    wire.send(4)
    wire.rest(2)
    assert wire.silent()
    wire.rtt = 0.011
    wire.rest(0.5)
    assert wire.pulse.flows
    wire.rest(20)
    assert not wire.silent()


def test_its_own_hold_key_is_no_loss_and_learning_begins_anew() -> None:
    wire = Wire()
    wire.send(4)
    wire.pulse.hold(on=True)
    wire.rest(30)
    assert not wire.silent()
    wire.pulse.hold(on=False)
    wire.rest(3)
    assert not wire.silent()
    wire.send(4)
    assert not wire.pulse.pauses
    wire.rest(2)
    assert wire.silent()


def test_it_is_asked_once_in_each_silence() -> None:
    wire = Wire()
    wire.send(4)
    assert not wire.pulse.to_be_asked(wire.now_s)
    wire.rest(1)
    assert wire.pulse.to_be_asked(wire.now_s)
    assert not wire.pulse.to_be_asked(wire.now_s)
