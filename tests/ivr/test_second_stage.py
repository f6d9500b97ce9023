"""The second-stage script: every row of the officers' table O1-O14, and what holds for any answers at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.acuity import Acuity
from ivr.protocol_faults import ProtocolFaults
from ivr.script import SHIPPED, Branch, Kind, Script, read
from ivr.second_stage import branch_of, is_asked, judge, next_question, number

TEXT = SHIPPED.read_text(encoding="utf-8")
SCRIPT = read(TEXT, SHIPPED.name)

ADULT, NEWBORN, BABY, TODDLER, CHILD = (
    {"age_band": band} for band in ("30_49y", "under_2m", "3_11m", "1_4y", "5_11y")
)
RISKLESS = "30_49y"
TABLE: list[tuple[str, dict[str, str], str]] = [
    ("O1 not awake or not breathing normally", {"awake_and_breathing": "no"}, "RED"),
    ("O1 awake and breathing", {"awake_and_breathing": "yes"}, "GREEN"),
    ("O2 a few words", {"speech": "few_words"}, "RED"),
    ("O2 breathing harder", {"breathes_harder": "yes"}, "RED"),
    ("O2 whole sentences", {"speech": "sentences", "breathes_harder": "no"}, "GREEN"),
    ("O3 blue", {"blue": "yes"}, "RED"),
    ("O3 constant chest pain", {"chest_pain": "yes"}, "RED"),
    ("O3 neither", {"blue": "no", "chest_pain": "no"}, "GREEN"),
    ("O4 confused, drowsy, fits, faint", {"consciousness": "yes"}, "RED"),
    ("O4 none", {"consciousness": "no"}, "GREEN"),
    ("O5 stopped all activity", {"activity": "stopped"}, "ORANGE"),
    ("O5 clear decline", {"activity": "less"}, "ORANGE"),
    ("O5 as usual", {"activity": "usual"}, "GREEN"),
    ("O6 adult 31", {**ADULT, "breaths_per_min": "31"}, "RED"),
    ("O6 adult 30", {**ADULT, "breaths_per_min": "30"}, "ORANGE"),
    ("O6 adult 21", {**ADULT, "breaths_per_min": "21"}, "ORANGE"),
    ("O6 adult 20", {**ADULT, "breaths_per_min": "20"}, "GREEN"),
    ("O6 under 2 months 59, risk group", {**NEWBORN, "breaths_per_min": "59"}, "YELLOW"),
    ("O6 under 2 months 60, risk group", {**NEWBORN, "breaths_per_min": "60"}, "RED"),
    ("O6 2-11 months 49, risk group", {**BABY, "breaths_per_min": "49"}, "YELLOW"),
    ("O6 2-11 months 50, risk group", {**BABY, "breaths_per_min": "50"}, "RED"),
    ("O6 1-4 years 39", {**TODDLER, "breaths_per_min": "39"}, "GREEN"),
    ("O6 1-4 years 40", {**TODDLER, "breaths_per_min": "40"}, "ORANGE"),
    ("O6 5-11 years 29", {**CHILD, "breaths_per_min": "29"}, "GREEN"),
    ("O6 5-11 years 30", {**CHILD, "breaths_per_min": "30"}, "ORANGE"),
    ("O6 child with another sign", {**TODDLER, "breaths_per_min": "40", "temperature": "39"}, "RED"),
    ("O6 child living alone is no sign", {**TODDLER, "breaths_per_min": "40", "alone": "yes"}, "ORANGE"),
    ("O6 age not known", {"breaths_per_min": "31"}, "ORANGE"),
    ("O7 93", {"spo2": "93"}, "RED"),
    ("O7 94", {"spo2": "94"}, "ORANGE"),
    ("O7 95", {"spo2": "95"}, "ORANGE"),
    ("O7 96", {"spo2": "96"}, "GREEN"),
    ("O8 pulse 131", {"pulse": "131"}, "RED"),
    ("O8 pulse 130", {"pulse": "130"}, "ORANGE"),
    ("O8 pulse 121", {"pulse": "121"}, "ORANGE"),
    ("O8 pulse 120", {"pulse": "120"}, "GREEN"),
    ("O8 pulse 49", {"pulse": "49"}, "RED"),
    ("O8 pulse 50", {"pulse": "50"}, "GREEN"),
    ("O8 systolic 89", {"systolic": "89"}, "RED"),
    ("O8 systolic 90", {"systolic": "90"}, "GREEN"),
    ("O8 39 degrees", {"temperature": "39"}, "YELLOW"),
    ("O8 38.9 degrees with a comma", {"temperature": "38,9"}, "GREEN"),
    ("O8 baby under 3 months 38, risk group", {"age_band": "2m", "temperature": "38"}, "RED"),
    ("O9 unable to drink", {"drinks": "unable"}, "RED"),
    ("O9 drinks poorly", {"drinks": "poor"}, "ORANGE"),
    ("O9 no urine for 9 hours", {"urine_hours": "9"}, "ORANGE"),
    ("O9 urine 8 hours ago", {"urine_hours": "8"}, "GREEN"),
    ("O9 vomits everything", {"vomits_all": "yes"}, "ORANGE"),
    ("O10 day 5 and worse", {"illness_day": "5", "worse": "yes"}, "ORANGE"),
    ("O10 day 10 and worse", {"illness_day": "10", "worse": "yes"}, "ORANGE"),
    ("O10 day 4 and worse", {"illness_day": "4", "worse": "yes"}, "GREEN"),
    ("O10 day 11 and worse", {"illness_day": "11", "worse": "yes"}, "GREEN"),
    ("O10 day 7, not worse", {"illness_day": "7", "worse": "no"}, "GREEN"),
    ("O11 chronic illness: one up", {"chronic": "yes"}, "YELLOW"),
    ("O11 pregnant: one up", {"pregnant": "yes"}, "YELLOW"),
    ("O11 50 or over: one up", {"age_band": "from_50y"}, "YELLOW"),
    (
        "O11 three risks are one level",
        {"age_band": "from_50y", "chronic": "yes", "pregnant": "yes"},
        "YELLOW",
    ),
    ("O11 risk group with an ORANGE sign", {"chronic": "yes", "spo2": "95"}, "RED"),
    ("O11 alone", {"alone": "yes"}, "YELLOW"),
    (
        "O12 allergy with a skin or gut sign within 24 hours",
        {"allergy": "yes", "skin_or_gut": "yes", "since_injection": "4_24h"},
        "RED",
    ),
    (
        "O12 the same after a day",
        {"allergy": "yes", "skin_or_gut": "yes", "since_injection": "1_3d"},
        "GREEN",
    ),
    (
        "O12 adenovirus vaccine, day 4-42, sign of clots",
        {"vaccine": "adenovirus", "since_injection": "4_42d", "clot_sign": "yes"},
        "ORANGE",
    ),
    (
        "O12 mRNA, male under 30, chest discomfort",
        {"vaccine": "mrna", "sex": "male", "age_band": "12_29y", "chest_discomfort": "yes"},
        "RED",
    ),
    (
        "O12 mRNA, woman under 30",
        {"vaccine": "mrna", "sex": "female", "age_band": "12_29y", "chest_discomfort": "yes"},
        "GREEN",
    ),
    ("O13 transport needed", {"transport": "yes"}, "GREEN"),
    ("O14 immediate danger", {"immediate_danger": "yes"}, "RED"),
    ("S2 somebody is ill", {"someone_ill": "yes"}, "ORANGE"),
    ("S2 nobody is ill", {"someone_ill": "no", "under_threat": "no"}, "GREEN"),
    ("S2 threatened", {"under_threat": "yes"}, "RED"),
    ("S4 no food", {"food_days": "0"}, "GREEN"),
    ("S5 secret", {"keep_secret": "yes"}, "GREEN"),
]


@pytest.mark.parametrize(("said", "answers", "acuity"), TABLE, ids=[row[0] for row in TABLE])
def test_each_answer_of_the_officers_table_leads_where_it_says(
    said: str, answers: dict[str, str], acuity: str
) -> None:
    assert judge(SCRIPT, answers, Acuity.GREEN).acuity == acuity, said


def test_every_question_of_the_table_and_every_rule_is_tried_by_a_row() -> None:
    tried = {
        finding.rule.name
        for _, answers, _ in TABLE
        for finding in judge(SCRIPT, answers, Acuity.GREEN).findings
    }
    shown_by_a_graver_one = {rule.name for rule in SCRIPT.rules} - tried
    assert {row[0].split()[0] for row in TABLE} == {*(f"O{n}" for n in range(1, 15)), "S2", "S4", "S5"}
    # Rules that never show alone: a baby's breathing and fever come with its age, which is a risk by itself.
    assert shown_by_a_graver_one <= {
        "O6-under-2-months-and-sign", "O6-under-1-year-and-sign", "O6-under-12-years-and-sign", "O14-child",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "todo"),
    [
        ({"awake_and_breathing": "no"}, "115"),
        ({"transport": "yes"}, "đội phản ứng nhanh"),
        ({"immediate_danger": "yes"}, "113"),
        ({"immediate_danger": "yes", "child_in_danger": "yes"}, "111"),
        (
            {"vaccine": "adenovirus", "since_injection": "4_42d", "clot_sign": "yes"},
            "bệnh viện trong hôm nay",
        ),
    ],
)
def test_what_the_operator_must_do_is_said(answers: dict[str, str], todo: str) -> None:
    assert any(todo in said for said in judge(SCRIPT, answers, Acuity.GREEN).todos("vi"))


def value_of(name: str) -> st.SearchStrategy[str]:
    field = SCRIPT.fields[name]
    if field.kind is Kind.CHOICE:
        return st.sampled_from(["", *field.choices])
    if field.kind is Kind.NUMBER:
        return st.integers(int(field.least), int(field.most)).map(str)
    return st.text(max_size=12)


ANSWERS = st.fixed_dictionaries({}, optional={name: value_of(name) for name in SCRIPT.fields})
LEVELS = st.sampled_from(list(Acuity))


@settings(max_examples=300, deadline=None)
@given(answers=ANSWERS, began_at=LEVELS)
def test_no_answers_ever_lower_a_level(answers: dict[str, str], began_at: Acuity) -> None:
    judged = judge(SCRIPT, answers, began_at)
    assert judged.acuity >= began_at
    assert judged.acuity is began_at or judged.findings


@settings(max_examples=300, deadline=None)
@given(answers=ANSWERS, began_at=LEVELS, name=st.sampled_from(sorted(SCRIPT.fields)))
def test_an_unknown_answer_says_no_more_than_none(
    answers: dict[str, str], began_at: Acuity, name: str
) -> None:
    if "unknown" in SCRIPT.fields[name].choices:
        without = judge(SCRIPT, {**answers, name: ""}, began_at).acuity
        assert judge(SCRIPT, {**answers, name: "unknown"}, began_at).acuity is without


@settings(max_examples=200, deadline=None)
@given(answers=ANSWERS, began_at=LEVELS)
def test_the_suggestion_is_a_question_that_is_open_or_was_not_sure(
    answers: dict[str, str], began_at: Acuity
) -> None:
    judged = judge(SCRIPT, answers, began_at)
    asked = next_question(SCRIPT, answers, judged)
    assert asked is None or asked in SCRIPT.questions


def suggestion(answers: dict[str, str], began_at: Acuity = Acuity.YELLOW) -> str | None:
    return next_question(SCRIPT, answers, judge(SCRIPT, answers, began_at))


def test_breathing_is_asked_first_then_where_the_patient_is() -> None:
    assert suggestion({}) == "O1"
    assert suggestion({"awake_and_breathing": "yes"}) == "WHERE"


def test_a_red_caller_is_asked_where_who_and_for_transport_before_anything_else() -> None:
    answers = {"awake_and_breathing": "no"}
    order = []
    for name, value in (("unit_code", "689"), ("callback_number", "0912345678"), ("transport", "yes")):
        order.append(suggestion(answers))
        answers[name] = value
    assert order == ["WHERE", "WHO", "O13"]
    assert suggestion(answers) == "O2"


def test_the_age_is_asked_when_only_it_is_missing_to_judge_the_breathing() -> None:
    answers = {
        "awake_and_breathing": "yes",
        "unit_code": "689",
        "callback_number": "1",
        "breaths_per_min": "45",
    }
    assert suggestion(answers) == "WHO"


def test_the_vaccine_is_asked_about_only_after_an_injection() -> None:
    asked = {name: "no" for name, field in SCRIPT.fields.items() if "no" in field.choices}
    asked |= {f.name: "1" for f in SCRIPT.fields.values() if f.kind in (Kind.NUMBER, Kind.TEXT, Kind.PHONE)}
    asked |= {"awake_and_breathing": "yes", "speech": "sentences", "activity": "usual", "drinks": "normal"}
    asked |= {"unit_code": "689", "age_band": RISKLESS, "breaths_per_min": "18", "spo2": "98", "pulse": "80"}
    asked |= {"temperature": "37", "systolic": "120"}
    assert suggestion(asked) is None
    asked["after_vaccine"] = "yes"
    del asked["allergy"], asked["skin_or_gut"], asked["clot_sign"], asked["chest_discomfort"]
    assert suggestion(asked) == "O12"


def test_what_was_not_known_of_a_danger_sign_is_asked_again_at_the_end() -> None:
    answers = {name: "no" for name, field in SCRIPT.fields.items() if "no" in field.choices}
    answers |= {f.name: "1" for f in SCRIPT.fields.values() if f.kind in (Kind.TEXT, Kind.PHONE, Kind.UNIT)}
    answers |= {"awake_and_breathing": "yes", "activity": "usual", "drinks": "normal", "age_band": RISKLESS}
    answers |= {"breaths_per_min": "18", "spo2": "98", "pulse": "80", "illness_day": "2", "blue": "unknown"}
    assert suggestion(answers) == "O3"


def service_questions(answers: dict[str, str], ticket: Acuity = Acuity.NONMED) -> list[str]:
    """What is asked of a caller about a service, each question answered by `answers` or by something harmless."""
    given, order = dict(answers), list[str]()
    for _ in SCRIPT.questions:
        judged = judge(SCRIPT, given, Acuity.NONMED)
        branch = branch_of(ticket, judged)
        asked = next_question(SCRIPT, given, judged, branch)
        if asked is None or branch is Branch.MEDICAL:
            break
        order.append(asked)
        for field in SCRIPT.fields_of(asked, branch):
            given.setdefault(field.name, "no" if "no" in field.choices else "1")
    return order


@pytest.mark.parametrize(
    ("service", "own"),
    [("relief", ["S4"]), ("violation", ["S5"]), ("procedure", ["S6"]), ("policy", ["S6"]), ("other", [])],
)
def test_a_caller_about_a_service_is_asked_nothing_about_a_patient(service: str, own: list[str]) -> None:
    assert service_questions({"service": service}) == ["S2", "WHERE", "WHO", "S3", *own, "CLOSE"]


def test_of_a_service_no_field_about_a_patient_is_filled_in() -> None:
    shown = {f.name for q in SCRIPT.questions for f in SCRIPT.fields_of(q, Branch.SERVICES)}
    assert {"callback_number", "caller_name", "unit_code", "address", "summary"} <= shown
    assert not shown & {"patient_name", "age_band", "sex", "beside_patient", "awake_and_breathing"}


@pytest.mark.parametrize(
    ("answers", "ticket"), [({"someone_ill": "yes"}, Acuity.NONMED), ({}, Acuity.YELLOW)]
)
def test_as_soon_as_somebody_is_ill_the_patients_questions_are_asked(
    answers: dict[str, str], ticket: Acuity
) -> None:
    judged = judge(SCRIPT, answers, Acuity.NONMED)
    branch = branch_of(ticket, judged)
    assert (branch, next_question(SCRIPT, answers, judged, branch)) == (Branch.MEDICAL, "O1")
    assert not is_asked(SCRIPT, "S1", answers, branch)


@pytest.mark.parametrize(("said", "value"), [("38,5", 38.5), (" 38.5 ", 38.5), ("hot", None), ("99", None)])
def test_a_number_is_read_as_people_write_it(said: str, value: float | None) -> None:
    assert number(SCRIPT.fields["temperature"], said) == value


# --- reading the file ---------------------------------------------------------------------------------------

FAULTS = [
    ('to = "RED"', 'to = "PURPLE"', "unknown_acuity"),
    ('"awake_and_breathing is no"', '"awake_and_breathing is maybe"', "unknown_choice"),
    ('"awake_and_breathing is no"', '"nobody is no"', "unknown_field"),
    ('"awake_and_breathing is no"', '"awake_and_breathing unknown no"', "unreadable_condition"),
    ('"awake_and_breathing is no"', '"awake_and_breathing > 3"', "not_a_number"),
    ('"awake_and_breathing is no"', '"awake_and_breathing is unknown"', "unknown_raises"),
    ('"spo2 < 94"', '"spo2 is low"', "not_a_choice"),
    ('question = "O7"', 'question = "O77"', "unknown_question"),
    ('choices = "speech"', 'choices = "speeches"', "unknown_choices"),
    ('kind = "phone"', 'kind = "telephone"', "unknown_kind"),
    ('en = "SpO2 below 94"', "", "missing_language"),
    ("at_red = true", "at_orange = true", "unknown_key"),
    ('of = ["services"]', 'of = ["service"]', "unknown_branch"),
    ("up = 1\nsign", "sign", "no_effect"),
    ("least = 50", "least = 500", "wrong_range"),
    ('[question.O1]\nvi = "Người', "[question.O1]\nvi = Người", "syntax"),
    ("[rule.O4]", "[rule.O3-chest]", "duplicate_part"),
]


@pytest.mark.parametrize(("right", "wrong", "kind"), FAULTS, ids=[f"{f[2]} {f[1][:24]}" for f in FAULTS])
def test_a_fault_in_the_script_is_one_sentence_with_its_line(right: str, wrong: str, kind: str) -> None:
    assert right in TEXT
    with pytest.raises(ProtocolFaults) as caught:
        read(TEXT.replace(right, wrong, 1), "x.toml")
    found = [fault for fault in caught.value.faults if fault.kind == kind]
    assert found, caught.value.text()
    assert found[0].line
    assert found[0].vi != found[0].en


def test_all_faults_are_told_at_once() -> None:
    broken = TEXT
    for right, wrong, _ in FAULTS[:1] + FAULTS[6:10]:
        broken = broken.replace(right, wrong, 1)
    with pytest.raises(ProtocolFaults) as caught:
        read(broken, "x.toml")
    assert {fault.kind for fault in caught.value.faults} >= {"unknown_acuity", "not_a_choice", "unknown_kind"}


def test_the_digest_changes_with_a_word_and_not_with_the_layout() -> None:
    def digest(text: str) -> str:
        script: Script = read(text, "x.toml")
        return script.digest

    assert digest(TEXT.replace("\n\n", "\n\n\n")) == SCRIPT.digest
    assert digest(TEXT.replace("SpO2 dưới 94", "SpO2 dưới 95")) != SCRIPT.digest
