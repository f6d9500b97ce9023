import pytest

from ivr.speech.english import spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Dial 115 at once.", "Dial one one five at once."),
        ("This is 1022 Bình Phước.", "This is one zero two two Binh Phuoc."),
        ("Call 1900 9095", "Call one nine zero zero, nine zero nine five"),
        ("Đồng Xoài", "Dong Xoai"),
        ("fever over 39, press 1", "fever over 39, press 1"),
        ("1,115 cases", "1,115 cases"),
    ],
)
def test_an_english_sentence_is_said_in_words(written: str, said: str) -> None:
    assert spoken(written) == said
