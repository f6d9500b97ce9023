"""The hand-over's tables: every cell is there, every state leads to an end, nobody is ever left without a place."""

from itertools import product

import pytest

from hotline.transfers import (
    ENDED,
    FOLLOWS,
    HAS_OPERATOR,
    HAS_STATION,
    LIVE,
    PLACES,
    RINGS,
    WISHES,
    Happening,
    Party,
    TransferState,
    follows,
    state_seen,
)

CELLS = sorted(product(LIVE, Happening))


def test_every_state_meets_every_happening() -> None:
    assert set(FOLLOWS) == set(LIVE)
    for state in LIVE:
        assert set(FOLLOWS[state]) == set(Happening), state
    assert set(PLACES) == set(TransferState)


@pytest.mark.parametrize(("state", "happening"), CELLS)
def test_after_each_step_the_caller_hears_a_human_or_music(
    state: TransferState, happening: Happening
) -> None:
    to = follows(state, happening)
    if not isinstance(to, TransferState):
        assert happening in WISHES
        assert to.vi.endswith(".")
        assert to.en.endswith(".")
        return
    places = PLACES[to]
    if to is TransferState.CALLER_GONE:
        assert happening is Happening.CALLER_GONE
        return
    assert Party.CALLER in places.with_caller
    hears_somebody = len(places.with_caller) > 1
    assert hears_somebody != (Party.CALLER in places.music), "music under a talk, or silence"


@pytest.mark.parametrize("state", sorted(LIVE))
def test_who_takes_part_has_exactly_one_place(state: TransferState) -> None:
    places = PLACES[state]
    assert not places.with_caller & places.consult
    everybody = places.with_caller | places.consult
    assert (Party.OPERATOR in everybody) == (state in HAS_OPERATOR)
    assert (Party.STATION in everybody) == (state in HAS_STATION)
    assert not (state in RINGS and state in HAS_STATION)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_every_state_can_end_without_the_operator(state: TransferState) -> None:
    reached, before = {state}, set[TransferState]()
    legs_only = set(Happening) - set(WISHES)
    while reached != before:
        before = set(reached)
        for one in before & LIVE:
            reached |= {to for h in legs_only if isinstance(to := follows(one, h), TransferState)}
    assert TransferState.CALLER_GONE in reached
    assert reached - LIVE - {TransferState.CALLER_GONE}, "only the caller's hang-up would end it"


def test_after_the_end_nothing_follows_and_the_operator_reads_why() -> None:
    for state in set(TransferState) - LIVE:
        for happening in Happening:
            assert follows(state, happening) == ENDED


@pytest.mark.parametrize("state", sorted(HAS_STATION | {TransferState.RINGING}))
def test_bridges_show_the_state_that_the_row_would_tell(state: TransferState) -> None:
    places = PLACES[state]

    def where(party: Party) -> str:
        return "caller" if party in places.with_caller else "consult" if party in places.consult else ""

    assert state_seen(where(Party.OPERATOR), where(Party.STATION), rung=state in RINGS) is state
