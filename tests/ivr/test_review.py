"""What reviewers of a protocol get: the table, the diagram, the page, and the scenarios' verdict."""

from __future__ import annotations

import re

import pytest

from hotline.acuity import Acuity
from ivr.protocol import Protocol, read
from ivr.protocol_faults import ProtocolFaults
from ivr.review import document, draw, read_scenarios, run_scenarios, table, untested, ways
from tests.ivr.protocols import PAGES, SMALL, covid, shipped, text_of

REGENERATE = "the page is out of date: write `ivr.review.document(protocol)` there"


def small() -> Protocol:
    return read(SMALL, "small")


@pytest.mark.parametrize("name", ["covid-2021", "emergency-only"])
def test_the_page_in_docs_is_fresh(name: str) -> None:
    assert (PAGES / f"{name}.md").read_text() == document(shipped(name)), REGENERATE


def test_the_table_has_one_line_a_way() -> None:
    lines = table(covid()).split("\n")
    found = [line for line in lines if re.match(r"\| [0-9 ]+ \| ", line)]
    assert len(found) == len(list(ways(covid()))) == 38
    assert (
        "| 2 2 1 | ho, sốt, nghi mắc COVID; không: khó thở, môi tím hoặc đau tức ngực; "
        "có: lơ mơ, co giật, ngất hoặc không uống được | RED | RED | "
        "rối loạn ý thức hoặc dấu hiệu nguy hiểm toàn thân |"
    ) in lines


def test_the_table_tells_what_holds_all_over_a_branch() -> None:
    text = table(covid(), "en")
    asked = "asked for an operator | at least ORANGE | asked for an operator inside a medical branch |"
    assert f"| Fever, cough, suspected COVID-19 | 0 | {asked}" in text
    assert "| Greeting and choice | silent twice | " in text
    assert "| Greeting and choice | 8 | " in text


def test_the_diagram_has_every_question_and_every_answer_with_its_reason() -> None:
    text = draw(covid())
    for name, question in covid().questions.items():
        assert f'ask_{name}["{name}<br/>' in text
        for answer in question.answers.values():
            assert f'ask_{name} -->|"{answer.key}: ' in text
    assert "| ask_A2\n" in text
    assert "<i>nghi phản vệ hoặc tai biến nặng sau tiêm</i>" in text
    assert 'branch_fever -.->|"0: ' in text


def test_quotes_and_signs_in_texts_do_not_break_the_diagram() -> None:
    odd = read(SMALL.replace('vi = "chính sách"', "vi = '''\"a\" | <b> #1'''"), "odd")
    assert '|"1: #quot;a#quot; #124; #lt;b#gt; #35;1<br/>' in draw(odd)


def test_the_shipped_scenarios_pass_and_leave_no_outcome_untested() -> None:
    scenarios = read_scenarios(text_of("covid-2021.scenarios"), "covid-2021.scenarios.toml")
    assert run_scenarios(covid(), scenarios) == []
    assert untested(covid(), scenarios.each) == []


def scenario(row: str) -> str:
    return f'protocol = "small"\nscenarios = [\n  {{ {row} }},\n]\n'


@pytest.mark.parametrize(
    ("row", "en", "vi"),
    [
        (
            'keys = "2 2", ends_at = "A1", acuity = "RED"',
            "Keys “2 2”: the acuity is GREEN, not RED.",
            "Phím “2 2”: mức là GREEN, không phải RED.",
        ),
        (
            'keys = "2", ends_at = "A1", acuity = "RED"',
            "Keys “2”: nothing is decided yet, A1 is still being asked.",
            "Phím “2”: chưa có quyết định, còn đang hỏi A1.",
        ),
        (
            'keys = "1 1", ends_at = "ROOT", acuity = "RED"',
            "Keys “1 1”: decided after 1, so the last 1 would never be pressed.",
            "Phím “1 1”: đã quyết định ở phím thứ 1, thừa 1 phím.",
        ),
        (
            'keys = "1", ends_at = "A1", acuity = "RED"',
            "Keys “1”: it ends at ROOT, not A1.",
            "Phím “1”: kết thúc ở ROOT, không phải A1.",
        ),
        (
            'keys = "2 -  -", ends_at = "A1", acuity = "ORANGE", because = "khác"',
            "Keys “2 - -”: the reason is “im lặng”, not “khác”.",
            "Phím “2 - -”: lý do là “im lặng”, không phải “khác”.",
        ),
    ],
    ids=["acuity", "undecided", "keys left over", "question", "reason"],
)
def test_a_failing_scenario_is_one_sentence(row: str, en: str, vi: str) -> None:
    scenarios = read_scenarios(scenario(row), "s")
    assert run_scenarios(small(), scenarios) == [en]
    assert run_scenarios(small(), scenarios, "vi") == [vi]


def test_scenarios_of_another_protocol_are_refused() -> None:
    scenarios = read_scenarios(scenario('keys = "1", ends_at = "ROOT", acuity = "RED"'), "s")
    assert run_scenarios(covid(), scenarios) == [
        "These scenarios are about “small”, not about “vn1022-covid-ivr”."
    ]


def test_an_outcome_without_a_scenario_is_named() -> None:
    scenarios = read_scenarios(scenario('keys = "1", ends_at = "ROOT", acuity = "RED"'), "s")
    assert untested(small(), scenarios.each) == ["S1, 1", "A1, 1", "A1, 2", "A1, 3"]


def test_all_faults_of_a_scenarios_file_are_reported_at_once() -> None:
    text = (
        "scenarios = [\n"
        '  { keys = "1", acuity = "PURPLE", ends_at = "ROOT" },\n'
        '  { keys = 1, acuity = "RED" },\n'
        '  { key = "1", ends_at = "ROOT", acuity = "RED" },\n'
        "  7,\n"
        "]\n"
    )
    with pytest.raises(ProtocolFaults) as raised:
        read_scenarios(text, "s.toml")
    found = [(fault.kind, fault.line) for fault in raised.value.faults]
    assert found == [
        ("missing_field", None),
        ("wrong_type", None),
        ("wrong_type", 2),
        ("missing_field", 3),
        ("wrong_type", 3),
        ("missing_field", 4),
        ("unknown_field", 4),
    ]


def test_a_scenarios_file_that_is_no_toml_is_refused_with_its_line() -> None:
    with pytest.raises(ProtocolFaults, match=r"Line 1: this cannot be read"):
        read_scenarios("protocol = small\n", "s.toml")


def test_acuity_in_scenarios_is_one_of_the_five() -> None:
    scenarios = read_scenarios(scenario('keys = "1", ends_at = "ROOT", acuity = "RED"'), "s")
    assert scenarios.each[0].acuity is Acuity.RED
