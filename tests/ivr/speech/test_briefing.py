"""The briefing is short, made of recorded pieces, and understood without a screen."""

from itertools import product
from pathlib import Path

import pytest

from hotline.acuity import Acuity
from ivr.briefing import AGE_BANDS, KEYS_PIECE, SPOKEN_BRANCHES, Briefing, age_band_of, card, of_card
from ivr.speech.prompts import prompts_of, sound_path, system_texts, unit_texts
from ivr.speech.voice import VoiceSettings, length_s, render

LONGEST_UNIT = {"718": "Thành phố Thủ Dầu Một", "697": "Huyện Bắc Tân Uyên"}
LONGEST_S = 10.0


def test_every_piece_that_can_be_said_is_a_text() -> None:
    texts = {**system_texts(), **unit_texts(LONGEST_UNIT)}
    for acuity, branch, band in product(Acuity, (*SPOKEN_BRANCHES, ""), (*AGE_BANDS, "")):
        said = Briefing(acuity, branch, band, "718", 1709).pieces()
        assert set(said) <= set(texts), said
    assert KEYS_PIECE in texts


def test_the_longest_briefing_lasts_ten_seconds_at_most(
    voice_settings: VoiceSettings, tmp_path: Path
) -> None:
    texts = {**system_texts(), **unit_texts(LONGEST_UNIT)}
    spoken = {
        name: {"vi": by["vi"]}
        for name, by in texts.items()
        if name.startswith(("briefing", "age-", "unit-", "num-"))
    }
    render(
        prompts_of(spoken, {"binhphuoc": {"tinh": "Bình Phước", "province": ""}}), voice_settings, tmp_path
    )

    def lasts_s(piece: str) -> float:
        return length_s(sound_path(tmp_path, piece, "vi", "binhphuoc"))

    longest_s = {
        band: sum(map(lasts_s, Briefing(acuity, "medical", band, unit, 8888).pieces()))
        for acuity, band, unit in product(("RED", "ORANGE"), AGE_BANDS, LONGEST_UNIT)
    }
    assert max(longest_s.values()) <= LONGEST_S, longest_s
    assert lasts_s(KEYS_PIECE) < 6.0


def test_the_card_tells_what_the_ticket_knows_and_invents_nothing() -> None:
    path = [{"question": "A4", "key": "2", "said": "Từ 50 tuổi hoặc có bệnh nền"}]
    made = card(
        acuity="RED", branch="medical", reason="Khó thở", said=["Khó thở", "Tím môi"], place="Huyện Lộc Ninh", earlier=2,
        is_repeat=True, path=path, unit="692", ticket_number=17,
    )  # fmt: skip
    assert made["situation"] == "Khó thở. Ở Huyện Lộc Ninh."
    assert made["background"] == "Đã gọi 2 lần trước đây. Gọi lại trong 48 giờ."
    assert "Tím môi" in made["assessment"]
    assert of_card(made) == Briefing("RED", "medical", "at_risk", "692", 17)
    assert age_band_of([]) == ""


@pytest.mark.parametrize(
    "broken",
    [{}, {"acuity": "purple", "ticket_number": "x"}, {"acuity": None, "age_band": 7, "ticket_number": True}],
)
def test_a_card_that_makes_no_sense_is_spoken_as_orange_without_the_rest(broken: dict[str, object]) -> None:
    assert of_card(broken).pieces() == ("briefing-from", "briefing-ORANGE")
