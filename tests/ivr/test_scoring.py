"""Scoring forms as data, what a scored call comes to, and where scorers differ."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.settings import PROJECT
from ivr.protocol_faults import ProtocolFaults
from ivr.scoring import compared, result, said
from ivr.scoring_form import NOT_APPLICABLE, Form, read

TEXT = (PROJECT / "installation" / "quality" / "emergency.form.toml").read_text(encoding="utf-8")
FORM = read(TEXT, "emergency.form.toml")
BEST = {question.name: "yes" for question in FORM.questions.values()}
answers = st.fixed_dictionaries(
    {
        q.name: st.sampled_from(
            [*(a.name for a in q.answers), *([NOT_APPLICABLE] if q.may_not_apply else []), ""]
        )
        for q in FORM.questions.values()
    }
)


def by_hand(form: Form, given: dict[str, str]) -> float | None:
    worth = {"yes": 1.0, "partly": 0.5, "no": 0.0}
    applies = [(q.weight, worth[given[q.name]]) for q in form.questions.values() if given[q.name] in worth]
    return 100 * sum(w * x for w, x in applies) / sum(w for w, _ in applies) if applies else None


def test_the_shipped_form_asks_what_an_emergency_call_stands_on_in_both_languages() -> None:
    assert list(FORM.questions) == [
        *("greeting", "danger_signs", "right_level", "address", "instruction", "hand_over", "courtesy"),
        "wrap_up",
    ]
    critical = [q.name for q in FORM.questions.values() if q.critical]
    assert critical == ["danger_signs", "right_level", "address"]
    assert all(set(q.text) == {"vi", "en"} for q in FORM.questions.values())


@settings(max_examples=300, deadline=None)
@given(answers)
def test_a_score_is_the_weighted_share_of_what_applies(given: dict[str, str]) -> None:
    found = result(FORM, given)
    expected = by_hand(FORM, given)
    assert found.percent == (None if expected is None else pytest.approx(expected, abs=1e-5))
    assert found.open == tuple(name for name in FORM.questions if given[name] == "")
    failed = tuple(n for n in ("danger_signs", "right_level", "address") if given[n] == "no")
    assert found.failed_by == failed
    assert found.passed == (expected is not None and expected >= 80 - 1e-6 and not failed)


def test_one_critical_question_makes_the_whole_call_fail_however_good_the_rest_is() -> None:
    found = result(FORM, {**BEST, "address": "no"})
    assert found.percent == pytest.approx(85.0)
    assert not found.passed
    assert found.failed_by == ("address",)
    assert result(FORM, {**BEST, "courtesy": "no", "wrap_up": "no"}).passed


def test_what_does_not_apply_counts_neither_for_nor_against() -> None:
    assert result(FORM, {**BEST, "hand_over": NOT_APPLICABLE}).percent == 100
    worse = result(FORM, {**BEST, "hand_over": NOT_APPLICABLE, "courtesy": "no"})
    assert worse.percent == pytest.approx(100 * 16 / 18)
    assert result(FORM, {**BEST, "right_level": NOT_APPLICABLE}).open == ("right_level",)


def test_every_fault_of_a_form_is_told_at_once_in_sentences_with_lines() -> None:
    text = """[form]
id = "x"
pass_percent = 130
vi = "Phiếu"
en = "Form"
[scale.one]
yes = { worth = 1, vi = "Có", en = "Yes" }
[scale.off]
yes = { worth = 2, vi = "Có", en = "Yes" }
no = { worth = 0, vi = "Không" }
[question.a]
scale = "two"
weight = -1
critical = "yes"
vi = "A"
en = "A"
[question.Hello]
scale = "one"
vi = "B"
wieght = 3
[qestion.c]
"""
    with pytest.raises(ProtocolFaults) as caught:
        read(text, "x.form.toml")
    kinds = [(fault.kind, fault.line) for fault in caught.value.faults]
    assert kinds == [
        ("unknown_key", None), ("missing", 1), ("wrong_percent", 3), ("few_answers", 6), ("no_worth", 6), ("bad_answer", 9),
        ("bad_answer", 10), ("unknown_scale", 12), ("wrong_weight", 13), ("wrong_type", 14), ("bad_name", 17),
        ("missing_language", 17), ("unknown_key", 20),
    ]  # fmt: skip
    assert "Dòng 13: [question.a]: “weight” phải lớn hơn 0" in caught.value.text("vi")


@pytest.mark.parametrize("text", ["", "[form", "form = 3", "question = 1\n[form]", "[question.a]\nscale = 3"])
def test_what_is_no_form_is_refused_with_sentences(text: str) -> None:
    with pytest.raises(ProtocolFaults):
        read(text, "x.form.toml")


def test_a_changed_word_is_another_version_and_a_comment_is_not() -> None:
    assert read("# a comment\n" + TEXT, "x").digest == FORM.digest
    assert read(TEXT.replace("Courteous", "Polite"), "x").digest != FORM.digest


def test_scorers_who_agree_are_not_apart_and_the_odd_one_out_is_named() -> None:
    rows = compared(FORM, {"an": BEST, "ba": BEST, "cu": {**BEST, "courtesy": "no", "hand_over": "n/a"}})
    found = {row.question.name: (row.spread, row.apart) for row in rows}
    assert found["greeting"] == (0.0, ())
    assert found["courtesy"] == (100.0, ("cu",))
    assert found["hand_over"] == (0.0, ("cu",))


def test_two_who_differ_are_both_apart() -> None:
    rows = compared(FORM, {"an": BEST, "ba": {**BEST, "greeting": "partly", "address": "n/a"}})
    found = {row.question.name: (row.spread, row.apart) for row in rows}
    assert found["greeting"] == (50.0, ("an", "ba"))
    assert found["address"] == (None, ("an", "ba"))


def test_an_answer_is_said_in_the_readers_language() -> None:
    question = FORM.questions["courtesy"]
    assert [said(question, "no", "vi"), said(question, "no", "en")] == ["Không đạt", "Not met"]
    assert [said(question, NOT_APPLICABLE, "vi"), said(question, "", "vi")] == ["–", ""]
