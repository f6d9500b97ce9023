"""English text as it is said aloud: dialled numbers digit by digit, Vietnamese names without their marks."""

import re
import unicodedata
from typing import Final

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_DIALLED: Final = re.compile(
    r"(?<![\w.,+])(?:1022|11[1-5]|1[89]00[ .]?\d{4,6}|0\d{2,3}(?:[ .-]?\d{2,4}){1,3})(?!\w|[.,]\d|%)"
)


def spoken(text: str) -> str:
    """The words to say for `text`; amounts stay as figures, which every English voice reads."""
    said = _DIALLED.sub(lambda match: digit_by_digit(match[0]), unicodedata.normalize("NFC", text))
    said = said.replace("đ", "d").replace("Đ", "D")
    plain = "".join(
        letter for letter in unicodedata.normalize("NFD", said) if not unicodedata.combining(letter)
    )
    return re.sub(r"\s+", " ", plain).strip()


def digit_by_digit(number: str) -> str:
    """Each digit of `number` as a word, with a pause (comma) where the writer left a gap."""
    groups = [group for group in re.split(r"[^0-9]+", number) if group]
    return ", ".join(" ".join(DIGITS[int(digit)] for digit in group) for group in groups)
