"""A protocol is read whole, and everything wrong with it is said at once."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.acuity import Acuity
from ivr.protocol import Kind, fill, read
from ivr.protocol_faults import ABSENCES, SENTENCES, ProtocolFaults
from tests.ivr.protocols import A1, HEAD, SMALL, covid, shipped, text_of


def faults_of(text: str) -> list[tuple[str, int | None]]:
    with pytest.raises(ProtocolFaults) as raised:
        read(text, "broken.toml")
    return [(found.kind, found.line) for found in raised.value.faults]


def kinds_of(text: str) -> set[str]:
    return {kind for kind, _ in faults_of(text)}


def line_of(text: str, piece: str) -> int:
    return text[: text.index(piece)].count("\n") + 1


def test_the_shipped_protocols_are_without_fault() -> None:
    assert covid().id == "vn1022-covid-ivr"
    assert shipped("emergency-only").questions.keys() == {"ROOT"}


def test_the_small_protocol_of_these_tests_is_without_fault() -> None:
    assert read(SMALL, "small").branch_of("A1").kind is Kind.MEDICAL


# Each row breaks one thing in the small protocol: kind, what is replaced, by what.
BREAKS = [
    ("syntax", '1 = { to = "NONMED"', '1 = { to = NONMED"'),
    ("duplicate_key", "[question.S1.answers]\n", '[question.S1.answers]\n1 = { to = "NONMED", vi = "x" }\n'),
    ("duplicate_part", A1, A1 + A1),
    ("wrong_type", 'vi = "Chính sách bấm 1."', "vi = 1"),
    ("wrong_type", 'kind = "medical"', 'kind = "doctor"'),
    ("wrong_type", 'branch = "fever"\n', 'branch = "fever"\nplays = 7\n'),
    ("wrong_type", 'languages = ["vi"]', 'languages = "vi"'),
    ("missing_field", 'id = "small"\n', ""),
    ("missing_field", '[message.RED]\nvi = "khẩn cấp"\n', ""),
    ("missing_field", 'vi = "không rõ", ', ""),
    ("unknown_field", 'because = "nguy hiểm"', 'becuase = "nguy hiểm"'),
    ("missing_language", 'languages = ["vi"]', 'languages = ["vi", "en"]'),
    ("impossible_key", '3 = { to = "S1"', '12 = { to = "S1"'),
    ("impossible_key", '3 = { to = "S1"', '"#" = { to = "S1"'),
    ("impossible_key", '3 = { to = "S1"', '"*" = { to = "S1"'),
    ("unknown_target", 'to = "A1"', 'to = "A9"'),
    ("unknown_target", 'to = "ORANGE", vi = "không rõ"', 'to = "orange", vi = "không rõ"'),
    ("unknown_message", 'message = "GREEN_A"', 'message = "GREEN_B"'),
    ("unknown_branch", 'branch = "fever"', 'branch = "fewer"'),
    ("name_clash", "question.A1", "question.RED"),
    ("bad_name", "[branch.services]", '[branch."dịch vụ"]'),
    ("bad_name", "[message.GREEN_A]", '[message."../GREEN"]'),
    ("no_root", 'root = "ROOT"', 'root = "TOP"'),
    ("unreachable", '2 = { to = "A1", vi = "sốt" }', '2 = { to = "S1", vi = "sốt" }'),
    (
        "loop",
        '1 = { to = "NONMED", vi = "chính sách", because = "chính sách" }',
        '1 = { to = "ROOT", vi = "x" }',
    ),
    ("loop", '2 = { to = "GREEN"', '2 = { to = "A1"'),
    ("no_key_0", '0 = { to = "ORANGE", vi = "gặp người", because = "y tế" }\n', ""),
    ("no_emergency_key", '9 = { to = "RED", vi = "cấp cứu", because = "cấp cứu" }\n', ""),
    (
        "no_emergency_key",
        '1 = { to = "RED", vi = "cấp cứu", because',
        '1 = { to = "ORANGE", vi = "cấp cứu", because',
    ),
    ("no_no_input", 'no_input = { to = "NONMED", vi = "im lặng", because = "im lặng" }\n', ""),
    ("leads_on", 'no_input = { to = "NONMED"', 'no_input = { to = "A1"'),
    ("no_reason", ', because = "nhẹ"', ""),
    ("unknown_lowers", '3 = { to = "ORANGE", vi = "không rõ"', '3 = { to = "YELLOW", vi = "không rõ"'),
    (
        "unknown_lowers",
        'to = "ORANGE", vi = "không rõ", means = "unknown"',
        'to = "YELLOW", vi = "không biết"',
    ),
    ("operator_too_low", '0 = { to = "ORANGE"', '0 = { to = "YELLOW"'),
    ("operator_too_low", '0 = { to = "YELLOW"', '0 = { to = "GREEN"'),
    ("no_input_too_low", 'no_input = { to = "ORANGE"', 'no_input = { to = "YELLOW"'),
    ("yes_lowers", 'means = "yes"', 'means = "no", topic = ""'),
    ("leaves_medicine", '2 = { to = "GREEN"', '2 = { to = "S1"'),
    ("leaves_medicine", '2 = { to = "GREEN"', '2 = { to = "NONMED"'),
    ("no_message", ', message = "GREEN_A"', ""),
    ("message_without_operator", "gặp người bấm 0", "tạm biệt"),
    ("key_not_spoken", "Không rõ bấm 3", "Không rõ thì chờ"),
    ("not_most_serious", '1 = { to = "RED", vi = "có"', '1 = { to = "YELLOW", vi = "có"'),
    ("too_long", "Chính sách bấm 1.", "Chính sách bấm 1. " + "dài " * 100),
    ("unknown_placeholder", "Chính sách bấm 1.", "Chính sách {huyen} bấm 1."),
]


@pytest.mark.parametrize(("kind", "piece", "broken"), BREAKS, ids=lambda value: str(value)[:24])
def test_one_break_is_named(kind: str, piece: str, broken: str) -> None:
    assert piece in SMALL
    text = SMALL.replace(piece, broken, 1)
    if kind == "yes_lowers":
        text = text.replace('vi = "không", means = "no"', 'vi = "không", means = "yes"')
    if kind == "name_clash":
        text = text.replace("question.A1.answers", "question.RED.answers")
    assert kind in kinds_of(text)


def test_red_deeper_than_four_keys_is_a_fault() -> None:
    way = "".join(
        f"""
[question.A{number}]
branch = "fever"
vi = "Nặng bấm 1. Nhẹ bấm 2."
[question.A{number}.answers]
1 = {{ to = "RED", vi = "nặng", because = "nặng" }}
2 = {{ to = "{after}", vi = "nhẹ", because = "nhẹ" }}
"""
        for number, after in ((1, "A2"), (2, "A3"), (3, "A4"), (4, "YELLOW"))
    )
    assert faults_of(HEAD + way) == [
        ("red_too_deep", line_of(HEAD + way, '1 = { to = "RED", vi = "nặng"') + 3 * 7)
    ]


def test_more_choices_than_a_listener_keeps_are_a_fault() -> None:
    answers = "".join(f'{key} = {{ to = "RED", vi = "{key}", because = "{key}" }}\n' for key in range(1, 7))
    text = f'{HEAD}\n[question.A1]\nbranch = "fever"\nvi = "1 2 3 4 5 6"\n[question.A1.answers]\n{answers}'
    assert kinds_of(text) == {"too_many_choices"}


def test_thousands_of_questions_or_brackets_are_refused_in_a_sentence() -> None:
    chain = "".join(
        f'[question.B{number}]\nbranch = "fever"\nvi = "1"\n[question.B{number}.answers]\n'
        f'1 = {{ to = "B{number + 1}", vi = "x" }}\n'
        for number in range(3000)
    )
    assert "too_many_questions" in kinds_of(SMALL + chain)
    assert "syntax" in kinds_of("x = " + "[" * 5000)


def test_an_answer_on_the_language_key_is_a_fault() -> None:
    text = text_of("covid-2021").replace('4 = { to = "S1", ', '8 = { to = "S1", ')
    assert "language_key_taken" in kinds_of(text)


def test_a_language_key_to_nowhere_is_a_fault() -> None:
    assert "wrong_type" in kinds_of(text_of("covid-2021").replace('8 = "en"', '8 = "fr"'))


def test_an_answer_untranslated_is_a_fault() -> None:
    text = text_of("covid-2021").replace(
        '2 = { en = "another symptom", because = "unclassified symptom" }\n', ""
    )
    line = line_of(text, '2 = { to = "YELLOW", vi = "triệu chứng khác"')
    assert faults_of(text) == [("missing_language", line)]


def test_every_kind_of_fault_has_been_provoked() -> None:
    elsewhere = {
        "too_many_questions",
        "too_many_ways",
        "red_too_deep",
        "too_many_choices",
        "language_key_taken",
    }
    assert {kind for kind, _, _ in BREAKS} | elsewhere == set(SENTENCES)
    assert set(SENTENCES) > ABSENCES


def test_all_faults_are_reported_at_once_each_with_its_line() -> None:
    text = (
        SMALL.replace('to = "A1"', 'to = "A9"')
        .replace(', message = "GREEN_A"', "")
        .replace('0 = { to = "ORANGE"', '0 = { to = "YELLOW"')
        .replace("[question.S1.answers]\n", '[question.S1.answers]\n1 = { to = "RED", vi = "x" }\n')
    )
    found = faults_of(text)
    assert ("unknown_target", line_of(text, 'to = "A9"')) in found
    assert ("no_message", line_of(text, '2 = { to = "GREEN"')) in found
    assert ("duplicate_key", line_of(text, '1 = { to = "NONMED"')) in found
    assert (
        "operator_too_low",
        line_of(text, '0 = { to = "YELLOW", vi = "gặp người", because = "y tế"'),
    ) in found
    assert ("unreachable", line_of(text, "[question.A1]")) in found


def test_a_broken_line_is_named_and_does_not_make_other_faults_up() -> None:
    text = SMALL.replace('2 = { to = "A1", vi = "sốt" }', '2 = { to = "A1, vi = "sốt" }')
    assert faults_of(text) == [("syntax", line_of(text, '2 = { to = "A1, '))]


def test_a_broken_line_does_not_hide_the_faults_of_other_lines() -> None:
    text = SMALL.replace('vi = "việc khác"\n', 'vi = "việc khác\n').replace(', because = "nhẹ"', "")
    assert kinds_of(text) == {"syntax", "no_reason"}


@pytest.mark.parametrize("opening", ['vi = """', "id = [1,", "x = {"])
def test_what_is_opened_and_never_closed_is_named(opening: str) -> None:
    text = SMALL + opening + "\n"
    assert ("syntax", line_of(text, opening + "\n")) in faults_of(text)


def test_faults_read_as_sentences_in_both_languages() -> None:
    with pytest.raises(ProtocolFaults) as raised:
        read(SMALL.replace('to = "A1"', 'to = "A9"'), "dengue.toml")
    english, vietnamese = raised.value.text(), raised.value.text("vi")
    assert english.startswith("dengue.toml: 2 faults.\n")
    assert "ROOT, 2 leads to “A9”, which is no question and no acuity" in english
    assert "ROOT, 2 dẫn tới “A9”, không có câu hỏi hay mức nào như vậy" in vietnamese


def test_a_repeated_loop_is_told_once() -> None:
    assert faults_of(SMALL.replace('2 = { to = "GREEN"', '2 = { to = "A1"')) == [
        ("loop", line_of(SMALL, "[question.A1]"))
    ]


def test_the_digest_knows_words_but_not_layout() -> None:
    plain = read(SMALL, "x").digest
    assert read("# a comment\n" + SMALL.replace(" = {", "   = {"), "x").digest == plain
    assert read(SMALL.replace("khẩn cấp", "khẩn cấp!"), "x").digest != plain
    assert len(plain) == 64


def test_a_decomposed_accent_is_the_same_word() -> None:
    import unicodedata

    assert read(unicodedata.normalize("NFD", SMALL), "x").digest == read(SMALL, "x").digest


def test_prompts_hold_every_sentence_in_every_language() -> None:
    prompts = covid().prompts()
    assert len(prompts) == 13 + 7 + 1
    assert all(set(texts) == {"vi", "en"} for texts in prompts.values())
    assert prompts["message-RED"]["vi"].startswith("Trường hợp khẩn cấp.")


def test_a_prompt_that_differs_by_hotline_is_filled_with_its_words() -> None:
    root = covid().prompts()["question-ROOT"]
    assert fill(root["vi"], {"tinh": "Bình Phước"}).startswith("1022 Bình Phước. Cuộc gọi được ghi âm.")
    with pytest.raises(KeyError):
        fill(root["en"], {"tinh": "Bình Phước"})


def test_english_questions_say_which_keys_to_press() -> None:
    protocol = covid()
    for question in protocol.questions.values():
        for key in question.answers:
            assert f"press {key}" in question.text["en"], question.name


def test_messages_that_end_a_call_offer_a_human_and_the_ambulance() -> None:
    for name, texts in covid().messages.items():
        assert all("115" in text for text in texts.values()), name
    for name in ("GREEN_A", "GREEN_V"):
        assert "bấm 0" in covid().messages[name]["vi"]


def test_without_an_approved_protocol_there_is_one_key_and_a_human() -> None:
    protocol = shipped("emergency-only")
    reached = {key: protocol.answer("ROOT", key) for key in ("1", "0", "no_input")}
    levels = {key: answer.acuity for key, answer in reached.items() if answer}
    assert levels == {"1": Acuity.RED, "0": Acuity.ORANGE, "no_input": Acuity.ORANGE}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mangled_protocol_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    lines = SMALL.split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = data.draw(st.integers(0, len(line)))
        lines[at] = data.draw(
            st.sampled_from(
                ["", line[:cut], line[cut:], line + line, line[:cut] + "]" + line[cut:], "[[x]]", '"""']
            )
        )
    try:
        read("\n".join(lines), "mangled")
    except ProtocolFaults as refused:
        assert refused.faults


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="[]{}=\"'\n abc.1#,", max_size=80))
def test_garbage_is_refused_with_sentences(text: str) -> None:
    with pytest.raises(ProtocolFaults) as refused:
        read(text, "garbage")
    assert all(sentence for sentence in refused.value.sentences("vi"))


def test_a_very_branching_protocol_is_judged_quickly() -> None:
    """Every question leads on by three keys to the same next one: 3 to the power of 40 ways."""
    names = [f"B{number}" for number in range(40)]
    parts = [
        f'[question.{name}]\nbranch = "fever"\nvi = "1 2 3"\n[question.{name}.answers]\n'
        + "".join(f'{key} = {{ to = "{after}", vi = "x", because = "x" }}\n' for key in (1, 2, 3))
        for name, after in zip(names, [*names[1:], "YELLOW"], strict=True)
    ]
    began = time.monotonic()
    text = SMALL.replace('2 = { to = "A1"', '2 = { to = "B0"').replace(A1, "") + "\n".join(parts)
    assert kinds_of(text) == {"too_many_ways"}
    assert time.monotonic() - began < 5
