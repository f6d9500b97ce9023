"""Vietnamese text as it is said aloud: numbers, dates and abbreviations written out in words."""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

DIGITS: Final = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")

LETTERS: Final = {
    "A": "a", "Ă": "á", "Â": "ớ", "B": "bê", "C": "xê", "D": "dê", "Đ": "đê", "E": "e", "Ê": "ê",
    "F": "ép", "G": "gờ", "H": "hát", "I": "i", "J": "gi", "K": "ca", "L": "lờ", "M": "mờ", "N": "nờ",
    "O": "o", "Ô": "ô", "Ơ": "ơ", "P": "pê", "Q": "quy", "R": "rờ", "S": "ét", "T": "tê", "U": "u",
    "Ư": "ư", "V": "vê", "W": "vê kép", "X": "ích", "Y": "i dài", "Z": "dét",
}  # fmt: skip

ABBREVIATIONS: Final = (
    # The longer form stands before the shorter one that it contains. Pattern, words.
    (r"COVID[- ]?19", "cô vít mười chín"),
    (r"COVID", "cô vít"),
    (r"SARS-CoV-2", "xa cô vi hai"),
    (r"SpO2", "ét pê o hai"),
    (r"(?:TP\. ?HCM|TP ?HCM|TPHCM)", "Thành phố Hồ Chí Minh"),
    (r"UBMTTQ", "Ủy ban Mặt trận Tổ quốc"),
    (r"UBND", "Ủy ban nhân dân"),
    (r"HĐND", "Hội đồng nhân dân"),
    (r"BHYT", "bảo hiểm y tế"),
    (r"BHXH", "bảo hiểm xã hội"),
    (r"BYT", "Bộ Y tế"),
    (r"TTYT", "trung tâm y tế"),
    (r"TYT", "trạm y tế"),
    (r"CDC", "xê đê xê"),
    (r"CCCD", "căn cước công dân"),
    (r"CMND", "chứng minh nhân dân"),
    (r"PGS\.?", "phó giáo sư"),
    (r"GS\.", "giáo sư"),
    (r"ThS\.?", "thạc sĩ"),
    (r"TS\.", "tiến sĩ"),
    (r"BS\.?", "bác sĩ"),
    (r"ĐD\.", "điều dưỡng"),
    (r"SĐT", "số điện thoại"),
    (r"ĐT", "điện thoại"),
    (r"PCR", "pê xê rờ"),
    (r"SMS", "tin nhắn"),
    (r"v\.v\.?", "vân vân"),
)

PLACE_ABBREVIATIONS: Final = (
    (r"TP\.", "thành phố"),
    (r"TX\.", "thị xã"),
    (r"TT\.", "thị trấn"),
    (r"Q\.", "quận"),
    (r"H\.", "huyện"),
    (r"P\.", "phường"),
)

HOTLINES: Final = ("1022", "111", "112", "113", "114", "115")
"""Numbers that are dialled, so they are said digit by digit wherever they stand alone."""

COUNTED: Final = (
    r"(?:người|ca|trường hợp|nghìn|triệu|tỷ|đồng|tuổi|bệnh nhân|liều|giường|hộ|điểm|lần|ngày|phút)"
)
"""After one of these a number such as 115 is an amount, not something to dial."""

MEASURES: Final = (
    (r"° ?C|℃|độ C", "độ xê"),
    (r"%", "phần trăm"),
    (r"km/h", "ki lô mét trên giờ"),
    (r"km2|km²", "ki lô mét vuông"),
    (r"m2|m²", "mét vuông"),
    (r"mmHg", "mi li mét thủy ngân"),
    (r"l/phút", "lít trên phút"),
    (r"km", "ki lô mét"),
    (r"cm", "xăng ti mét"),
    (r"mm", "mi li mét"),
    (r"kg", "ki lô gam"),
    (r"mg", "mi li gam"),
    (r"ml", "mi li lít"),
    (r"m", "mét"),
    (r"g", "gam"),
    (r"đ|VNĐ|VND", "đồng"),
)


SIGNS: Final = (
    ("&", "và"),
    ("<=|≤", "không quá"),
    (">=|≥", "từ"),
    ("<", "dưới"),
    (">", "trên"),
    (r"\+", "cộng"),
    ("=", "bằng"),
)


def spoken(text: str) -> str:
    """The words to say for `text`, in NFC, punctuation kept, no digit left; twice is the same as once."""
    said = unicodedata.normalize("NFC", text)
    said = said.translate(_PLAIN_MARKS)
    for pattern, words in RULES:
        said = pattern.sub(words, said)
    said = _OTHER_DIGIT.sub(lambda match: f" {DIGITS[unicodedata.digit(match[0], 0)]} ", said)
    return unicodedata.normalize("NFC", re.sub(r"\s+([,.;:?!])", r"\1", re.sub(r"\s+", " ", said)).strip())


def cardinal(number: int) -> str:
    """`number` (0 to 999,999,999,999) as Vietnamese reads an amount; ValueError outside that range."""
    if not 0 <= number < 10**12:
        raise ValueError(f"{number} is outside 0 to 999,999,999,999")
    groups = [number // 1000**place % 1000 for place in (3, 2, 1, 0)]
    words: list[str] = []
    for group, name in zip(groups, ("tỷ", "triệu", "nghìn", ""), strict=True):
        if group:
            words.append(_under_thousand(group, full=bool(words)))
            words.append(name)
    return " ".join(word for word in words if word) or DIGITS[0]


def digit_by_digit(number: str) -> str:
    """Each digit of `number` as a word, all other characters left out: 1022 is "một không hai hai"."""
    return " ".join(DIGITS[int(character)] for character in number if character in "0123456789")


def phone_number(number: str) -> str:
    """A telephone number in groups with a pause (comma) between: the writer's groups, else 4-3-3."""
    number = re.sub(r"^\+84[ .]?", "0", number.strip())
    groups = [group for group in re.split(r"[^0-9]+", number) if group]
    if len(groups) == 1 and len(groups[0]) > 5:
        whole = groups[0]
        groups = [whole[:4], *re.findall(r"\d{3,4}(?=(?:\d{3})*$)|\d{1,3}", whole[4:])]
    return ", ".join(digit_by_digit(group) for group in groups)


def _under_thousand(number: int, *, full: bool) -> str:
    """`full` reads the hundreds behind a higher group even when 0: 2005 is "hai nghìn không trăm lẻ năm"."""
    hundreds, rest = divmod(number, 100)
    tens, units = divmod(rest, 10)
    words = [f"{DIGITS[hundreds]} trăm"] if hundreds or full else []
    if tens == 0 and units:
        words.append(f"lẻ {DIGITS[units]}" if words else DIGITS[units])
    elif tens == 1:
        words.append("mười" + {0: "", 5: " lăm"}.get(units, f" {DIGITS[units]}"))
    elif tens:
        last = {0: "", 1: " mốt", 4: " tư", 5: " lăm"}.get(units, f" {DIGITS[units]}")
        words.append(f"{DIGITS[tens]} mươi{last}")
    return " ".join(words)


def _number(written: str) -> str:
    """A written number: "1.234.567" thousands, "15,5" and "15.5" decimals, "007" digit by digit."""
    if re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+", written):
        return _whole(written.replace(".", ""))
    whole, _, decimals = re.sub(r"(?<=\d)\.(?=\d{3}(?:\D|$))", "", written).replace(".", ",").partition(",")
    if not decimals:
        return _whole(whole)
    spoken_decimals = (
        cardinal(int(decimals)) if len(decimals) <= 2 and decimals[0] != "0" else digit_by_digit(decimals)
    )
    return f"{_whole(whole)} phẩy {spoken_decimals}"


def _whole(digits: str) -> str:
    if len(digits) > 12 or (len(digits) > 1 and digits.startswith("0")):
        return digit_by_digit(digits)
    return cardinal(int(digits))


def _date(match: re.Match[str]) -> str:
    day, month, year = match["day"], match["month"], match.groupdict().get("year")
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return match[0]
    lead = match["lead"]
    words = f"{lead}{_day(int(day))} tháng {_month(int(month))}"
    if "ngày" not in lead.lower():
        words = f"{lead}ngày {_day(int(day))} tháng {_month(int(month))}"
    return words + (f" năm {cardinal(int(year))}" if year else "")


def _day(day: int) -> str:
    """Days 1 to 10 are said with "mồng" in the south and north alike."""
    return f"mồng {cardinal(day)}" if day <= 10 else cardinal(day)


def _month(month: int) -> str:
    return "tư" if month == 4 else cardinal(month)


def _month_year(match: re.Match[str]) -> str:
    return f"{match['lead']}{_month(int(match['month']))} năm {cardinal(int(match['year']))}"


def _clock(match: re.Match[str]) -> str:
    hours, minutes = int(match["hours"]), match["minutes"]
    words = f"{cardinal(hours)} giờ"
    return words if not minutes or int(minutes) == 0 else f"{words} {cardinal(int(minutes))} phút"


def _code(match: re.Match[str]) -> str:
    """A code such as "HC-2021-0015" or "F0": letters by name, digits one by one."""
    return " ".join(
        LETTERS.get(character.upper(), "") or digit_by_digit(character)
        for character in match[0]
        if character not in "-./"
    )


def _range(match: re.Match[str]) -> str:
    return f"{match[1]} đến {match[2]}"


_PLAIN_MARKS: Final = {0x2013: "-", 0x2014: "-", 0x2011: "-", 0xA0: " ", 0x2026: "."}

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_OTHER_DIGIT: Final = re.compile(r"\d")
_NUMBER: Final = r"\d+(?:[.,]\d+)*"
_ALONE: Final = (r"(?<![\w.,])", r"(?![\w]|[.,]\d)")
"""Before and after a number that is not part of a longer one."""

RULES: Final[tuple[Rule, ...]] = (
    *((re.compile(rf"(?<!\w){pattern}(?:(?<=\.)|(?!\w))"), f"{words} ") for pattern, words in ABBREVIATIONS),
    *((re.compile(rf"(?<!\w){pattern} ?(?=[\wÀ-ỹ])"), f"{words} ") for pattern, words in PLACE_ABBREVIATIONS),
    # Dates: with a year anywhere, without one only after a word that says it is a date ("1/2" may be a half).
    (
        re.compile(
            r"(?P<lead>(?:\b[Nn]gày )?)(?<!\d)(?P<day>\d{1,2})(?P<s>[/-])"
            r"(?P<month>\d{1,2})(?P=s)(?P<year>\d{4})(?!\d)"
        ),
        _date,
    ),
    (
        re.compile(
            r"(?P<lead>\b(?:[Nn]gày|sáng|chiều|tối|trưa|đêm|hôm) )"
            r"(?P<day>\d{1,2})/(?P<month>\d{1,2})(?![\d/])"
        ),
        _date,
    ),
    (re.compile(r"(?P<lead>\b[Tt]háng )(?P<month>0?[1-9]|1[0-2])/(?P<year>\d{4})(?!\d)"), _month_year),
    (re.compile(r"(?<=\b[Tt]háng )4(?![\d/])"), "tư"),
    # Clock times and their ranges.
    (re.compile(r"(?<=[0-9hg]) ?- ?(?=\d{1,2}(?:h|g|:\d\d))"), " đến "),
    (
        re.compile(
            r"(?<![\w:])(?P<hours>[01]?\d|2[0-4]) ?(?:[hg]|giờ)(?P<minutes>[0-5]\d)?(?:ph|p|')?(?!\w)"
        ),
        _clock,
    ),
    (re.compile(r"(?<![\w:])(?P<hours>[01]?\d|2[0-4]):(?P<minutes>[0-5]\d)(?![\w:])"), _clock),
    # What is dialled.
    (
        re.compile(r"(?<![\w.,+])1[89]00[ .]?\d{2,4}(?:[ .]?\d{2,4})?(?!\w|[.,]\d)"),
        lambda match: phone_number(match[0]),
    ),
    (
        re.compile(r"(?<![\w.,])(?:\+84[ .]?[1-9]|0[1-9])\d{1,3}(?:[ .-]?\d{1,4}){1,3}(?!\w|[.,]\d)"),
        lambda match: phone_number(match[0]),
    ),
    (
        re.compile(rf"(?<![\w.,/])(?:{'|'.join(HOTLINES)})(?!\w|[.,/]\d|%| ?°| {COUNTED}\b)"),
        lambda match: digit_by_digit(match[0]),
    ),
    # Codes before plain numbers: a letter in front means that the digits are read one by one.
    (re.compile(r"(?<!\w)[A-ZĐ]{1,4}-?\d+(?:[-./][A-ZĐ\d]+)*(?!\w)"), _code),
    # Amounts.
    (re.compile(rf"(?<![\w.,])({_NUMBER}) ?- ?({_NUMBER})(?!\w*-)"), _range),
    *((re.compile(rf"(?<=\d) ?(?:{pattern})(?!\w)"), f" {words}") for pattern, words in MEASURES),
    (re.compile(r"(?<=\d)/(?=\d)"), " trên "),
    (re.compile(_NUMBER), lambda match: f" {_number(match[0])} "),
    *((re.compile(rf" ?{sign} ?"), f" {words} ") for sign, words in SIGNS),
    (re.compile(r"(?<=\w)/(?=\w)"), " "),
)
