"""What a session makes of the wire: each fault of the plain AGI library, over a real socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asterisk.agi import AGIError, AGIUsageError

from agi_scripts.session import AsteriskSilent, CallerHungUp, NotPlayed, Session, TakenOver, Unsendable
from tests.agi_scripts.fake_asterisk import Wire, greeting, words_of

OK = b"200 result=1\n"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A tenth of a second of silence."""
    (tmp_path / "said.alaw").write_bytes(b"\xd5" * 800)
    return tmp_path / "said"


@pytest.fixture
def meets() -> Iterator[Callable[..., tuple[Session, Wire]]]:
    """A session whose Asterisk answers each command by the next of the given lines."""
    made: list[tuple[Session, Wire]] = []

    def make(*replies: bytes, head: bytes = greeting(), within_s: float = 2.0) -> tuple[Session, Wire]:
        wire = Wire(replies, head)
        session = Session(wire.ours, command_within_s=within_s)
        made.append((session, wire))
        return session, wire

    yield make
    for session, wire in made:
        session.close()
        wire.close()


Meets = Callable[..., tuple[Session, Wire]]


def test_a_session_begins_in_a_thread_that_is_not_the_main_one(meets: Meets) -> None:
    begun: list[Session] = []
    thread = threading.Thread(target=lambda: begun.append(meets()[0]))
    thread.start()
    thread.join(5)
    assert begun[0].script == "triage_call"


def test_nothing_is_printed(meets: Meets, sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session, _ = meets(OK, b"200 result=5\n")
    session.ask(sound, 1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("value", ['say "hi"', "back\\slash", "tiếng Việt", "${PWN}", "a\tb", ""])
def test_a_value_arrives_as_it_was_given(meets: Meets, value: str) -> None:
    session, wire = meets(OK)
    session.set("NAME", value)
    assert words_of(wire.asked[0]) == ["SET", "VARIABLE", "NAME", value]


def test_what_the_dialplan_hands_over_is_not_asked_for(meets: Meets) -> None:
    session, wire = meets(head=greeting(more={"arg_1": "binhphuoc", "arg_2": ""}))
    assert session.given("HOTLINE", "CALLER") == ("binhphuoc", "")
    assert wire.asked == []


def test_a_dialplan_that_hands_nothing_over_is_asked(meets: Meets) -> None:
    session, _ = meets(b"200 result=1 (binhphuoc|)\n")
    assert session.given("HOTLINE", "CALLER") == ("binhphuoc", "")


def test_several_values_are_one_command(meets: Meets) -> None:
    session, wire = meets(b"200 result=0\n")
    session.owe("ACUITY_REACHED", "RED")
    session.set_all({"TIMEOUT(absolute)": "12.5", "CALLER": "+84912345678"})
    assert wire.asked == [
        'GET FULL VARIABLE "${SET(ACUITY_REACHED=RED)}${SET(TIMEOUT(absolute)=12.5)}${SET(CALLER=+84912345678)}"'
    ]


@pytest.mark.parametrize("value", ["a,b=c", "a${b}", 'a"b', "tiếng Việt", "a\\b"])
def test_a_value_that_could_be_taken_apart_is_set_by_a_command_of_its_own(meets: Meets, value: str) -> None:
    session, wire = meets(OK, OK)
    session.set_all({"ACUITY": "RED", "MESSAGE": value})
    assert [words_of(line) for line in wire.asked] == [
        ["SET", "VARIABLE", "ACUITY", "RED"], ["SET", "VARIABLE", "MESSAGE", value],
    ]  # fmt: skip


@pytest.mark.parametrize("value", ['v"\nSET VARIABLE PWN "yes', "a\rb", "a\0b"])
def test_a_line_break_in_a_value_is_refused_before_anything_is_sent(meets: Meets, value: str) -> None:
    session, wire = meets(OK)
    with pytest.raises(Unsendable):
        session.set("INJ", value)
    with pytest.raises(Unsendable):
        session.execute("EXEC", "NoOp", value)
    session.set("AFTER", "1")
    assert wire.asked == ['SET VARIABLE "AFTER" "1"']


def test_a_file_name_with_a_space_is_one_word(meets: Meets) -> None:
    session, wire = meets(b"200 result=0 endpos=9\n")
    session.stream_file("a b", "12")
    assert words_of(wire.asked[0]) == ["STREAM", "FILE", "a b", "12", "0"]


def test_a_hangup_line_between_replies_does_not_shift_the_replies(meets: Meets) -> None:
    session, _ = meets(b"HANGUP\n200 result=1 (one|two)\n", b"200 result=1 (three|)\n")
    assert session.values("A", "B") == ("one", "two")
    assert session.hung_up
    assert session.values("A", "B") == ("three", "")


def test_after_a_hangup_line_no_prompt_is_asked_for(meets: Meets, sound: Path) -> None:
    session, wire = meets(b"HANGUP\n200 result=1\n")
    session.set("ACUITY_REACHED", "RED")
    with pytest.raises(CallerHungUp):
        session.ask(sound, 1)
    assert len(wire.asked) == 1


def test_the_end_of_file_is_a_hang_up(meets: Meets) -> None:
    session, wire = meets()
    wire.hang_up()
    with pytest.raises(CallerHungUp):
        session.set("A", "1")


def test_a_half_line_before_the_end_of_file_is_a_hang_up(meets: Meets) -> None:
    session, wire = meets(b"200 res")
    threading.Timer(0.1, wire.hang_up).start()
    with pytest.raises(CallerHungUp):
        session.set("A", "1")


def test_a_dead_channel_is_a_hang_up(meets: Meets, sound: Path) -> None:
    session, _ = meets(OK, b"511 Command Not Permitted on a dead channel or intercept routine\n")
    with pytest.raises(CallerHungUp):
        session.ask(sound, 1)


def test_a_prompt_that_ends_with_minus_one_on_a_dead_channel_is_a_hang_up(meets: Meets, sound: Path) -> None:
    session, _ = meets(
        OK, b"200 result=-1 endpos=0\n", b"HANGUP\n511 Command Not Permitted on a dead channel\n"
    )
    with pytest.raises(CallerHungUp):
        session.play(sound)


def test_a_missing_sound_is_not_taken_for_a_hang_up(meets: Meets, sound: Path) -> None:
    session, _ = meets(OK, b"200 result=-1 endpos=0\n", b"200 result=6\n")
    with pytest.raises(NotPlayed):
        session.play(sound)


def test_a_usage_text_is_read_to_its_end(meets: Meets) -> None:
    session, _ = meets(
        b"520-Invalid command syntax.  Proper usage follows:\nUsage: SET VARIABLE <name> <value>\n"
        b"\tSets a variable.\n520 End of proper usage.\n",
        OK,
    )
    with pytest.raises(AGIUsageError, match="Sets a variable"):
        session.set("A", "1")
    session.set("A", "1")


def test_a_usage_of_one_line_does_not_wait_for_more(meets: Meets) -> None:
    session, _ = meets(b"520 Invalid command syntax.  Proper usage not available.\n", OK)
    with pytest.raises(AGIUsageError):
        session.set("A", "1")
    session.set("A", "1")


def test_trying_is_skipped(meets: Meets) -> None:
    session, _ = meets(b"100 Trying...\n100 Trying...\n200 result=1\n")
    session.set("A", "1")


def test_an_answer_that_is_none_is_an_error(meets: Meets) -> None:
    session, _ = meets(b"what?\n", b"200 nothing\n")
    for _ in range(2):
        with pytest.raises(AGIError):
            session.set("A", "1")


def test_bytes_that_are_no_utf8_do_not_stop_a_call(meets: Meets) -> None:
    head = b"agi_calleridname: \xff\xfe'\"; DROP\n" + greeting()
    session, _ = meets(b"200 result=1 (\xff|ti%E1%BA%BFng%0Avi%FFet)\n", head=head)
    assert session.call_id == "n1-1700000000.1"
    assert session.values("A", "B") == ("\ufffd", "tiếng\nvi\ufffdet")


def test_a_display_name_of_5000_characters_is_only_a_long_line(meets: Meets) -> None:
    session, _ = meets(head=b"agi_calleridname: " + b"x" * 5000 + b"\n" + greeting())
    assert len(session.env["agi_calleridname"]) == 5000


def test_a_greeting_without_an_end_is_refused(meets: Meets) -> None:
    with pytest.raises(AGIError):
        meets(head=b"agi_x: y\n" * 300)


def test_a_silent_asterisk_is_left_in_time(meets: Meets) -> None:
    session, _ = meets(b"", within_s=0.2)
    with pytest.raises(AsteriskSilent):
        session.set("A", "1")


def test_a_prompt_may_take_longer_than_a_command(meets: Meets, sound: Path) -> None:
    session, wire = meets(OK, within_s=0.1)
    sent = threading.Timer(0.6, lambda: wire._theirs.sendall(b"200 result=4\n"))
    sent.start()
    assert session.ask(sound, 1) == "4"
    sent.join()


@pytest.mark.parametrize(
    ("reply", "key"),
    [
        (b"200 result=5\n", "5"),
        (b"200 result=*\n", "*"),
        (b"200 result= (timeout)\n", None),
        (b"200 result=\n", "#"),
        (b"200 result=0912 (timeout)\n", "0912"),
    ],
)
def test_a_key_a_hash_and_silence_are_told_apart(
    meets: Meets, sound: Path, reply: bytes, key: str | None
) -> None:
    session, _ = meets(OK, reply)
    assert session.ask(sound, 1) == key


def test_the_dead_man_timer_is_armed_to_prompt_and_answer_and_five_seconds_before_each_question(
    meets: Meets, sound: Path
) -> None:
    session, wire = meets(OK, b"200 result=2\n")
    session.ask(sound, 4)
    armed, asked = wire.asked
    assert words_of(armed) == ["SET", "VARIABLE", "TIMEOUT(absolute)", "9.1"]
    assert words_of(asked) == ["GET", "DATA", str(sound), "4000", "1"]


def test_an_end_after_the_last_legal_answer_is_no_hang_up_but_the_dead_man(meets: Meets, sound: Path) -> None:
    session, wire = meets(OK, b"200 result=2\n")
    session.ask(sound, 0.05, keys_at_most=1)
    session._dead_man_at = time.monotonic() - 0.1
    wire.hang_up()
    with pytest.raises(TakenOver):
        session.set("A", "1")
