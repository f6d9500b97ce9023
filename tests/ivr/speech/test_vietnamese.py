import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.vietnamese import DIGITS, cardinal, digit_by_digit, phone_number, spoken

CARDINALS = [
    (0, "không"),
    (4, "bốn"),
    (5, "năm"),
    (10, "mười"),
    (11, "mười một"),
    (14, "mười bốn"),
    (15, "mười lăm"),
    (20, "hai mươi"),
    (21, "hai mươi mốt"),
    (24, "hai mươi tư"),
    (25, "hai mươi lăm"),
    (101, "một trăm lẻ một"),
    (104, "một trăm lẻ bốn"),
    (110, "một trăm mười"),
    (115, "một trăm mười lăm"),
    (1000, "một nghìn"),
    (1005, "một nghìn không trăm lẻ năm"),
    (1022, "một nghìn không trăm hai mươi hai"),
    (2021, "hai nghìn không trăm hai mươi mốt"),
    (15000, "mười lăm nghìn"),
    (1_000_005, "một triệu không trăm lẻ năm"),
    (1_005_000, "một triệu không trăm lẻ năm nghìn"),
    (2_500_000_000, "hai tỷ năm trăm triệu"),
]


@pytest.mark.parametrize(("number", "words"), CARDINALS)
def test_an_amount_is_read_as_people_read_it(number: int, words: str) -> None:
    assert cardinal(number) == words


def test_an_amount_outside_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        cardinal(10**12)


def heard(words: str) -> int:
    """The number that a listener understands: the reader backwards, written apart from it."""
    units = {**{word: value for value, word in enumerate(DIGITS)}, "mốt": 1, "tư": 4, "lăm": 5}
    total = group = last = 0
    for word in words.split():
        if word in units:
            last = units[word]
            continue
        if word == "trăm":
            group, last = last * 100, 0
        elif word == "mươi":
            group, last = group + last * 10, 0
        elif word == "mười":
            group, last = group + 10, 0
        elif word in ("nghìn", "triệu", "tỷ"):
            total += (group + last) * {"nghìn": 10**3, "triệu": 10**6, "tỷ": 10**9}[word]
            group = last = 0
        else:
            assert word == "lẻ"
    return total + group + last


@given(st.integers(0, 10**12 - 1))
def test_a_listener_understands_every_amount(number: int) -> None:
    assert heard(cardinal(number)) == number


SENTENCES = [
    ("Gọi 1022 hoặc 115.", "Gọi một không hai hai hoặc một một năm."),
    ("Gọi ngay 115!", "Gọi ngay một một năm!"),
    ("115 người", "một trăm mười lăm người"),
    ("1.115 ca", "một nghìn một trăm mười lăm ca"),
    ("0271.1022", "không hai bảy một, một không hai hai"),
    ("1900 9095", "một chín không không, chín không chín năm"),
    ("0903123456", "không chín không ba, một hai ba, bốn năm sáu"),
    ("+84 903 123 456", "không chín không ba, một hai ba, bốn năm sáu"),
    ("028 3930 9912", "không hai tám, ba chín ba không, chín chín một hai"),
    ("ĐT: 0274 3 822 825", "điện thoại: không hai bảy bốn, ba, tám hai hai, tám hai năm"),
    ("ngày 22/8/2021", "ngày hai mươi hai tháng tám năm hai nghìn không trăm hai mươi mốt"),
    ("22/08/2021", "ngày hai mươi hai tháng tám năm hai nghìn không trăm hai mươi mốt"),
    ("sáng 2/9", "sáng ngày mồng hai tháng chín"),
    ("tháng 4/2022", "tháng tư năm hai nghìn không trăm hai mươi hai"),
    ("1/2 viên", "một trên hai viên"),
    ("32/13/2021", "ba mươi hai trên mười ba trên hai nghìn không trăm hai mươi mốt"),
    ("từ 7h30 đến 17h", "từ bảy giờ ba mươi phút đến mười bảy giờ"),
    ("7h30-17h00", "bảy giờ ba mươi phút đến mười bảy giờ"),
    ("lúc 07:05", "lúc bảy giờ năm phút"),
    ("sốt 38,5°C", "sốt ba mươi tám phẩy năm độ xê"),
    ("39 độ", "ba mươi chín độ"),
    ("SpO2 dưới 94%", "ét pê o hai dưới chín mươi tư phần trăm"),
    ("SpO2 < 94 %", "ét pê o hai dưới chín mươi tư phần trăm"),
    ("1.234.567 đồng", "một triệu hai trăm ba mươi tư nghìn năm trăm sáu mươi bảy đồng"),
    ("15,5 km", "mười lăm phẩy năm ki lô mét"),
    ("0,05", "không phẩy không năm"),
    ("2-3 ngày", "hai đến ba ngày"),
    ("24/7", "hai mươi tư trên bảy"),
    ("COVID-19", "cô vít mười chín"),
    ("F0 và F1", "ép không và ép một"),
    ("mã HC-2021-0015", "mã hát xê hai không hai một không không một năm"),
    ("TP.HCM", "Thành phố Hồ Chí Minh"),
    ("TP. Hồ Chí Minh", "thành phố Hồ Chí Minh"),
    ("UBND P. Tân Phú, Q.1", "Ủy ban nhân dân phường Tân Phú, quận một"),
    ("BS. Lan, ThS.Nam", "bác sĩ Lan, thạc sĩ Nam"),
    ("dưới 94, bấm 1. 94 hoặc 95, bấm 2.",
     "dưới chín mươi tư, bấm một. chín mươi tư hoặc chín mươi lăm, bấm hai."),
    ("bấm 1; nếu không, bấm 2", "bấm một; nếu không, bấm hai"),
    ("tự theo dõi đến 28 ngày", "tự theo dõi đến hai mươi tám ngày"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "said"), SENTENCES)
def test_a_written_sentence_is_said_in_words(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(("written", "said"), SENTENCES)
def test_decomposed_letters_are_said_like_composed_ones(written: str, said: str) -> None:
    assert spoken(unicodedata.normalize("NFD", written)) == said


WRITTEN = st.lists(
    st.one_of(
        st.sampled_from([written for written, _ in SENTENCES]),
        st.text("0123456789.,/-:h% °C+đTPQF ", max_size=12),
        st.text(st.characters(codec="utf-8"), max_size=8),
    ),
    max_size=4,
).map(" ".join)


@given(WRITTEN)
def test_no_digit_is_left_to_an_engine(written: str) -> None:
    assert not re.search(r"\d", spoken(written))


@given(WRITTEN)
def test_every_digit_and_letter_leaves_something_to_say(written: str) -> None:
    if re.search(r"[0-9a-zA-Z]", written):
        assert re.search(r"\w", spoken(written))


@given(WRITTEN)
def test_what_is_said_is_composed_and_free_of_needless_spaces(written: str) -> None:
    said = spoken(written)
    assert unicodedata.is_normalized("NFC", said)
    assert said == said.strip() and "  " not in said


@pytest.mark.parametrize("written", [written for written, _ in SENTENCES])
def test_saying_words_again_changes_nothing(written: str) -> None:
    assert spoken(spoken(written)) == spoken(written)


@given(st.from_regex(r"\A0[1-9][0-9]{8,9}\Z"))
def test_no_digit_of_a_telephone_number_is_lost(number: str) -> None:
    assert phone_number(number).replace(",", "") == digit_by_digit(number)
    assert spoken(number) == phone_number(number)
