"""The matters that tickets are about, as the file has them."""

import tomllib
from pathlib import Path

import pytest

from hotline import categories
from hotline.categories import CategoryFaults
from hotline.settings import PROJECT

TEN = [
    *("emergency_transport", "suspected_case", "post_vaccination", "relief", "policy"),
    *("violation", "procedure", "infrastructure", "investment", "other"),
]


def test_the_shipped_file_has_the_ten_matters_in_both_languages(tmp_path: Path) -> None:
    found = categories.beside(tmp_path / "installation.toml")
    assert list(found) == TEN
    assert found["relief"].word("vi") == "Cứu trợ, lương thực" and found["relief"].word("en")
    assert [field.key for field in found["relief"].fields if field.needed] == ["people", "needs"]


def test_what_the_telephone_asks_for_has_its_category(tmp_path: Path) -> None:
    known = categories.beside(tmp_path / "installation.toml")
    asked = tomllib.loads((PROJECT / "ivr" / "protocols" / "covid-2021.toml").read_text("utf-8"))
    answers = [a for question in asked["question"].values() for a in question["answers"].values()]
    topics = {answer["topic"] for answer in answers if "topic" in answer} - {"operator"}
    topics |= {name for name, branch in asked["branch"].items() if branch["kind"] == "medical"}
    assert len(topics) > 5
    assert sorted(topic for topic in topics if not categories.of_topics(known, topic)) == []
    assert categories.of_topics(known, "cuu_tro", "services") == "relief"
    assert categories.of_topics(known, None, "vaccine") == "post_vaccination"
    assert categories.of_topics(known, "operator", "services") == ""


def test_an_installation_may_have_its_own(tmp_path: Path) -> None:
    (tmp_path / "categories.toml").write_text(
        '[category.other]\nvi = "Khác"\nen = "Other"\nbranch = "services"\n', "utf-8"
    )
    assert list(categories.beside(tmp_path / "installation.toml")) == ["other"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no [category.other]"),
        ("[category.other\n", "cannot be read"),
        (
            '[category.other]\nvi = "Khác"\nen = "Other"\nbranch = "x"\n',
            "[category.other]: branch must be one of medical, services",
        ),
        (
            '[category.other]\nvi = "a"\nen = "a"\nbranch = "medical"\nfields = [{ key = "a", vi = "a", en = "a", kind = "choice" }]\n',
            "[category.other] field a: a choice has choices",
        ),
        (
            '[category.other]\nvi = "a"\nen = "a"\nbranch = "medical"\ntopics = ["x", "x"]\n',
            "two categories have the topic 'x'",
        ),
    ],
)
def test_a_broken_file_is_named_with_category_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "categories.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(CategoryFaults) as wrong:
        categories.read(path)
    assert said in str(wrong.value) and "categories.toml" in str(wrong.value)
