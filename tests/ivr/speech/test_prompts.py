import re
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.area import Area, Asking, next_words
from ivr.speech.prompts import (
    LANGUAGES,
    BadPrompts,
    Prompt,
    prompts_of,
    read_texts,
    say_position,
    sound_path,
    system_texts,
    unit_texts,
)

HOTLINES = {
    "binh-phuoc": {"tinh": "Bình Phước", "province": "Bình Phước"},
    "binh-duong": {"tinh": "Bình Dương", "province": "Bình Dương"},
}


def test_every_system_prompt_has_at_most_two_sentences() -> None:
    for prompt_id, texts in read_texts().items():
        if prompt_id in ("recording-notice", "emergency-only"):
            continue  # they open with the hotline's name, which is a sentence of its own
        for text in texts.values():
            assert len(re.findall(r"[.?!](?:\s|$)", text)) <= 2, f"{prompt_id}: {text}"


def test_a_text_with_a_placeholder_becomes_one_prompt_a_hotline() -> None:
    prompts = prompts_of({"hello": {"vi": "1022 {tinh}."}, "hold": {"vi": "Xin giữ máy."}}, HOTLINES)
    assert [(prompt.key, prompt.text) for prompt in prompts] == [
        ("vi/binh-phuoc/hello", "1022 Bình Phước."),
        ("vi/binh-duong/hello", "1022 Bình Dương."),
        ("vi/all/hold", "Xin giữ máy."),
    ]


def test_every_placeholder_without_a_value_is_named() -> None:
    with pytest.raises(BadPrompts) as refused:
        prompts_of({"a": {"vi": "{tinh} {huyen}", "en": "{province}"}}, {"x": {"tinh": "X"}})
    assert refused.value.faults == (
        "Prompt “a” (vi) needs “huyen”, which hotline x does not set.",
        "Prompt “a” (en) needs “province”, which hotline x does not set.",
    )


def test_all_faults_of_a_text_file_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text(
        'plain = "x"\n[hold]\nvi = "Xin giữ máy."\n[full]\nvi = " "\nen = "Full."\nfr = "Plein."\n'
    )
    with pytest.raises(BadPrompts) as refused:
        read_texts(path)
    assert refused.value.faults == (
        "prompts.toml: “plain” must be a table with a text for each language.",
        "prompts.toml: “hold” has no en text.",
        "prompts.toml: “full” has no vi text.",
        "prompts.toml: “full” has an unknown language “fr”.",
    )


def test_a_text_file_that_is_no_toml_is_one_clear_fault(tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text("[hold\n")
    with pytest.raises(BadPrompts, match=r"prompts\.toml cannot be read"):
        read_texts(path)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", ".hidden", "é"])
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(BadPrompts):
        Prompt(name, "vi", "Xin chào.")
    with pytest.raises(BadPrompts):
        Prompt("hello", "vi", "Xin chào.", hotline=name or "..")


def sounds(folder: Path, *keys: str) -> None:
    for key in keys:
        path = folder / f"{key}.alaw"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xd5")


def test_a_hotline_plays_its_own_sound_before_the_shared_one(tmp_path: Path) -> None:
    sounds(tmp_path, "vi/all/hello", "vi/binh-phuoc/hello", "en/all/hello")
    assert sound_path(tmp_path, "hello", "vi", "binh-phuoc") == tmp_path / "vi/binh-phuoc/hello"
    assert sound_path(tmp_path, "hello", "vi", "binh-duong") == tmp_path / "vi/all/hello"
    assert sound_path(tmp_path, "hello", "en", "binh-phuoc") == tmp_path / "en/all/hello"


def test_a_prompt_missing_in_english_is_heard_in_vietnamese(tmp_path: Path) -> None:
    sounds(tmp_path, "vi/all/hold")
    assert sound_path(tmp_path, "hold", "en") == tmp_path / "vi/all/hold"


def test_a_prompt_missing_everywhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="hold"):
        sound_path(tmp_path, "hold", "en", "binh-phuoc")


def test_the_place_in_the_line_is_said_from_pieces() -> None:
    assert say_position(3) == ("position", "num-3")
    assert say_position(20) == ("position", "num-20")
    assert say_position(21) == ("position-over-20",)


def test_a_place_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="position 0"):
        say_position(0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_piece_of_every_message_has_a_text(language: str) -> None:
    texts = {**system_texts(), **unit_texts({"689": "Thành phố Đồng Xoài"})}
    area = Area("33", "689", "Thành phố Đồng Xoài")
    asking = Asking((area,))
    messages = [say_position(place) for place in range(1, 30)]
    messages += [next_words(asking)[1], next_words(replace(asking, supposed=area))[1]]
    for piece in {piece for message in messages for piece in message} - {"pause"}:
        assert texts[piece][language]
