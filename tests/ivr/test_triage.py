"""One caller's way from key to key: the shipped protocol, its rules, and what holds on every way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.acuity import Acuity
from ivr.protocol import NO_INPUT, Means, Protocol, read
from ivr.review import Scenario, read_scenarios
from ivr.triage import Asking, Decision, answer, during_message, emergency, start, walk
from tests.ivr.protocols import SMALL, covid, shipped, text_of

RED, ORANGE, YELLOW, GREEN, NONMED = Acuity
SCENARIOS = read_scenarios(text_of("covid-2021.scenarios"), "covid-2021.scenarios.toml").each


def asked(*keys: str | None, protocol: Protocol | None = None) -> Asking:
    now = walk(protocol or covid(), keys)
    assert isinstance(now, Asking)
    return now


def decided(*keys: str | None, protocol: Protocol | None = None) -> Decision:
    now = walk(protocol or covid(), keys)
    assert isinstance(now, Decision)
    return now


# The 43 cases


def test_there_are_43_cases() -> None:
    assert len(SCENARIOS) == 43


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.written.replace(" ", ""))
def test_a_case_ends_where_the_officers_say(case: Scenario) -> None:
    end = decided(*case.keys)
    assert (end.question, end.acuity, end.keys) == (case.ends_at, case.acuity, case.written)
    assert end.topic == case.topic
    assert case.because in (None, end.reason["en"])


# The rules


def test_the_first_question_is_asked_in_vietnamese_with_all_its_keys_live() -> None:
    first = start(covid())
    assert (first.question, first.language, first.keys) == ("ROOT", "vi", "*012348")
    assert (first.play, first.plays_left, first.path) == (1, 2, ())


@pytest.mark.parametrize(
    ("keys", "reached"), [((), ORANGE), (("2",), ORANGE), (("3", "2", "1"), ORANGE), (("4",), NONMED)]
)
def test_triage_that_breaks_off_has_reached(keys: tuple[str, ...], reached: Acuity) -> None:
    assert asked(*keys).acuity_reached is reached


def test_one_silence_repeats_the_question_and_the_second_goes_to_a_human() -> None:
    again = asked("2", None)
    assert (again.question, again.play, again.misses, again.replays) == ("A1", 2, 1, 1)
    assert decided("2", None, None).acuity is ORANGE


def test_a_wrong_key_counts_like_silence() -> None:
    assert asked("2", "7").play == 2
    assert decided("2", "7", None).acuity is ORANGE
    assert decided("4", "8", "#").acuity is NONMED


def test_an_answer_after_a_silence_counts_as_at_once() -> None:
    end = decided("2", None, "1")
    assert (end.acuity, end.keys, end.replays) == (RED, "2 - 1", 1)


def test_a_star_repeats_and_the_third_play_is_the_last() -> None:
    assert asked("2", "*", "*").plays_left == 0
    end = decided("2", "*", "*", "*")
    assert (end.acuity, end.replays, end.keys) == (ORANGE, 2, "2 * * *")


def test_a_star_and_a_silence_share_the_three_plays() -> None:
    assert decided("2", "*", "*", None).acuity is ORANGE
    assert asked("2", None, "*").play == 3
    assert decided("2", None, "*", "*").acuity is ORANGE


def test_silence_counts_anew_at_the_next_question() -> None:
    assert asked("2", None, "2", None).misses == 1


def test_eight_at_the_root_goes_on_in_english_once() -> None:
    english = asked("8")
    assert (english.question, english.language, english.play, english.keys) == ("ROOT", "en", 1, "*01234")
    assert asked("8", "2").language == "en"
    assert asked("8", "8").play == 2, "already English: a wrong key"
    assert decided("8", "2", "1").language == "en"


def test_eight_after_silence_gives_the_english_root_its_own_plays() -> None:
    english = asked("*", None, "8")
    assert (english.play, english.misses, english.replays) == (1, 0, 2)


def test_eight_elsewhere_is_a_wrong_key() -> None:
    assert asked("2", "8").language == "vi"


def test_nine_is_an_emergency_in_the_menu_whose_one_is_none() -> None:
    assert decided("4", "9").acuity is RED
    assert decided("4", "9").queue == "medical"
    assert decided("4", "1").queue == "services"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (("1",), "RED"),
        (("2", "3"), "ORANGE"),
        (("3", "2", "2", "1"), "ORANGE_V"),
        (("0",), "YELLOW"),
        (("2", "2", "2", "3", "3", "3"), "GREEN_A"),
        (("3", "2", "1", "2", "3"), "GREEN_V"),
        (("4", "1"), None),
    ],
)
def test_each_outcome_has_its_message(keys: tuple[str, ...], message: str | None) -> None:
    end = decided(*keys)
    assert end.message == message
    assert end.prompt == (f"message-{message}" if message else None)


def test_a_decision_names_the_protocol_that_made_it() -> None:
    end = decided("1")
    assert (end.protocol_id, end.version, end.digest) == (covid().id, covid().version, covid().digest)


def test_the_path_says_what_the_caller_said() -> None:
    first, second = decided("2", "1").path
    assert (first.question, first.key, first.said["vi"]) == ("ROOT", "2", "ho, sốt, nghi mắc COVID")
    assert second.said["en"] == "yes: breathless, blue-lipped or chest pain"


def test_zero_during_a_green_message_reaches_a_human_at_green() -> None:
    green = decided("2", "2", "2", "3", "3", "3")
    assert green.human_only_if_asked
    asked_for = during_message(green, "0")
    assert (asked_for.acuity, asked_for.human_only_if_asked, asked_for.message) == (GREEN, False, None)
    assert asked_for.keys == "2 2 2 3 3 3 0"


def test_one_during_a_message_or_in_a_waiting_line_is_an_emergency() -> None:
    green, other = decided("2", "2", "2", "3", "3", "3"), decided("4", "1")
    assert (during_message(green, "1").acuity, during_message(green, "1").message) == (RED, "RED")
    assert (emergency(other).acuity, emergency(other).queue) == (RED, "medical")


@pytest.mark.parametrize("key", [None, "", "5", "*", "#"])
def test_other_keys_during_a_message_change_nothing(key: str | None) -> None:
    green = decided("2", "2", "2", "3", "3", "3")
    assert during_message(green, key) == green


def test_without_an_approved_protocol_one_is_red_and_everybody_else_orange_after_one_play() -> None:
    protocol = shipped("emergency-only")
    assert decided("1", protocol=protocol).acuity is RED
    for key in ("0", None, "*", "7"):
        assert decided(key, protocol=protocol).acuity is ORANGE
    assert asked("8", protocol=protocol).language == "en"


def test_an_answer_may_hold_the_call_at_a_level_while_more_is_asked() -> None:
    text = SMALL.replace(
        '2 = { to = "A1", vi = "sốt" }', '2 = { to = "A1", vi = "sốt", at_least = "YELLOW" }'
    )
    held = read(text, "held")
    end = decided("2", "2", protocol=held)
    assert (end.acuity, end.message) == (YELLOW, "YELLOW")
    assert asked("2", protocol=held).acuity_reached is ORANGE
    assert decided("2", "1", protocol=held).acuity is RED


# What holds on every way

KEYS = st.one_of(st.none(), st.sampled_from("0123456789*#A"), st.text(max_size=3))


@given(st.lists(KEYS, min_size=80, max_size=80), st.sampled_from(["covid-2021", "emergency-only"]))
def test_any_keys_and_garbage_end_at_a_human_or_at_a_message_that_offers_one(
    keys: list[str | None], name: str
) -> None:
    protocol = shipped(name)
    end = walk(protocol, keys)
    assert isinstance(end, Decision)
    assert len(end.path) <= 3 * 8, "three plays of the root twice and of each of six questions"
    if end.human_only_if_asked:
        assert end.message is not None
        assert all(f"{word} 0" in protocol.messages[end.message][lang] for lang, word in PRESS.items())
    assert end.reason["vi"] and end.reason["en"]


PRESS = {"vi": "bấm", "en": "press"}


@given(st.lists(KEYS, max_size=30))
def test_no_prompt_is_played_more_than_three_times(keys: list[str | None]) -> None:
    now: Asking | Decision = start(covid())
    played: dict[tuple[str, str], int] = {}
    for key in [*keys, *[None] * 40]:
        if isinstance(now, Decision):
            break
        prompt = now.question, now.language
        played[prompt] = played.get(prompt, 0) + 1
        assert played[prompt] == now.play <= 3
        now = answer(now, key)


@given(st.lists(KEYS, max_size=30))
def test_a_medical_call_never_falls_below_what_its_branch_promises_while_asked(
    keys: list[str | None],
) -> None:
    now: Asking | Decision = start(covid())
    for key in keys:
        if isinstance(now, Decision):
            break
        if now.kind == "medical":
            assert now.acuity_reached >= ORANGE
        now = answer(now, key)


def every_way(protocol: Protocol) -> Iterator[tuple[str, ...]]:
    """All rows of keys that answer each question at once, branch keys included."""

    def follow(now: Asking, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for key in now.keys.replace("*", ""):
            after = answer(now, key)
            if isinstance(after, Decision):
                yield (*keys, key)
            else:
                yield from follow(after, (*keys, key))

    return follow(start(protocol), ())


WAYS = tuple(every_way(covid()))


def test_all_ways_are_walked() -> None:
    assert len(WAYS) > 2 * 38, "in both languages"
    assert {decided(*keys).acuity for keys in WAYS} == set(Acuity)


def test_red_takes_at_most_four_keys_and_one_for_the_language() -> None:
    red = [keys for keys in WAYS if decided(*keys).acuity is RED]
    assert max(len(keys) - (keys[0] == "8") for keys in red) == 4


def questions_on(keys: tuple[str, ...]) -> Iterator[tuple[int, Asking]]:
    now: Asking | Decision = start(covid())
    for index, key in enumerate(keys):
        assert isinstance(now, Asking)
        yield index, now
        now = answer(now, key)


def key_meaning(asking: Asking, means: Means) -> str | None:
    answers = asking.protocol.questions[asking.question].answers.values()
    return next((each.key for each in answers if each.means is means), None)


def ends_from(asking: Asking) -> Iterator[Decision]:
    for key in asking.keys.replace("*", ""):
        after = answer(asking, key)
        if isinstance(after, Decision):
            yield after
        else:
            yield from ends_from(after)


def test_yes_instead_of_no_never_lowers() -> None:
    """Whatever a caller answers after the yes, it is at least what the way with the no came to."""
    compared = 0
    for keys in WAYS:
        for index, asking in questions_on(keys):
            yes, no = key_meaning(asking, Means.YES), key_meaning(asking, Means.NO)
            if yes is None or keys[index] != no:
                continue
            instead = answer(asking, yes)
            ends = [instead] if isinstance(instead, Decision) else list(ends_from(instead))
            assert min(end.acuity for end in ends) >= decided(*keys).acuity, keys
            compared += 1
    assert compared > 100


def test_unknown_silence_or_zero_instead_of_any_medical_answer_gives_at_least_orange() -> None:
    compared = 0
    for keys in WAYS:
        for index, asking in questions_on(keys):
            if asking.kind != "medical":
                continue
            unknown = key_meaning(asking, Means.UNKNOWN)
            for instead in ((None, None), ("0",), *(((unknown,),) if unknown else ())):
                assert decided(*keys[:index], *instead).acuity >= ORANGE, keys
                compared += 1
    assert compared > 200


def test_key_one_is_never_less_than_another_answer_of_a_medical_question() -> None:
    for name, question in covid().questions.items():
        if covid().branch_of(name).kind != "medical":
            continue
        one = question.answers["1"].acuity
        others = [each.acuity for each in question.answers.values() if each.acuity]
        assert one is None or one >= max(others), name


def test_every_question_has_a_human_and_a_way_out_of_silence() -> None:
    for name in covid().questions:
        for key in ("0", NO_INPUT):
            out = covid().answer(name, key)
            assert out and out.acuity is not None, (name, key)
