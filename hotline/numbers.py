"""Telephone numbers: which hotline was called, and who calls, as Vietnamese carriers write both."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType


class NumberKind(StrEnum):
    MOBILE = "mobile"
    LANDLINE = "landline"
    SERVICE = "service"
    """1900…, 1800… and short codes: no person answers a call or a text there."""
    EMERGENCY = "emergency"
    """111-115: never called back automatically."""
    FOREIGN = "foreign"
    WITHHELD = "withheld"
    INVALID = "invalid"


@dataclass(frozen=True)
class CallerNumber:
    kind: NumberKind
    e164: str = ""
    """What is stored and compared; empty when nobody can be called back there."""
    national: str = ""
    """As people in Vietnam dial it: 0912345678, 115; empty for foreign numbers."""


_REGION: Final = "VN"
_LONGEST: Final = 64
"""Characters of a caller's number that are looked at; a longer one is not a number."""
_WITHHELD: Final = frozenset(
    {"", "anonymous", "restricted", "unavailable", "unknown", "private", "withheld", "asterisk"}
)
_EMERGENCY: Final = frozenset({"111", "112", "113", "114", "115"})
_SERVICE: Final = re.compile(r"1[89]00\d{4,6}|1\d{2,5}|[2-9]\d{2,4}")
_WHOLE: Final = re.compile(r"0[2-9]\d{8,9}", re.ASCII)
_PUNCTUATION: Final = re.compile(r"[\s().\-/]")

# Moved in 2017 and 2018; the old form still comes out of address books and old exchanges.
_OLD_MOBILE: Final = {
    "0162": "032", "0163": "033", "0164": "034", "0165": "035", "0166": "036", "0167": "037", "0168": "038", "0169": "039",
    "0120": "070", "0121": "079", "0122": "077", "0126": "076", "0128": "078",
    "0123": "083", "0124": "084", "0125": "085", "0127": "081", "0129": "082",
    "0186": "056", "0188": "058", "0199": "059",
}  # fmt: skip
# Only old area codes that no mobile network was given since: 070 (Vĩnh Long) is MobiFone's today and is never moved.
_OLD_AREA: Final = {"0650": "0274", "0651": "0271"}


def caller(text: str) -> CallerNumber:
    """Who calls, from the text a trunk sent; anything at all may come, and nothing is raised."""
    number = _without_uri(text[: 4 * _LONGEST]).strip()
    if number.casefold() in _WITHHELD:
        return CallerNumber(NumberKind.WITHHELD)
    plain = _PUNCTUATION.sub("", number)
    if not re.fullmatch(r"\+?[0-9]{1,20}", plain, re.ASCII):
        return CallerNumber(NumberKind.INVALID)
    if plain in _EMERGENCY:
        return CallerNumber(NumberKind.EMERGENCY, national=plain)
    if _SERVICE.fullmatch(plain):
        return CallerNumber(NumberKind.SERVICE, national=plain)
    if plain.startswith("+") and not plain.startswith("+84"):
        return _foreign(plain)
    return _vietnamese(_national(plain)) or _international(plain) or CallerNumber(NumberKind.INVALID)


def _without_uri(text: str) -> str:
    """The user part of a SIP or tel URI, which may stand in angle brackets after a name."""
    found = re.search(r"(?:sips?|tel):([^@;>\s]*)", text, re.IGNORECASE)
    return found[1] if found else text


def _national(plain: str) -> str:
    """With its leading 0: whatever way the country code was written, or left out, by the carrier."""
    for country in ("+84", "0084"):
        if plain.startswith(country):
            return "0" + plain.removeprefix(country).removeprefix("0")
    if plain.startswith("0"):
        return plain
    # 84 is the country code only before a whole number: nine digits without a 0 are a number whose 0 was left out.
    if plain.startswith("84") and len(plain) >= 11:
        return "0" + plain[2:].removeprefix("0")
    return "0" + plain


def _vietnamese(national: str) -> CallerNumber | None:
    """The number as it is today; None when Vietnam has no such number."""
    if len(national) == 11 and national[:4] in _OLD_MOBILE:
        national = _OLD_MOBILE[national[:4]] + national[4:]
    elif len(national) == 11 and national[:4] in _OLD_AREA:
        national = _OLD_AREA[national[:4]] + national[4:]
    if _WHOLE.fullmatch(national):  # as parse reads it, which looks for much else first
        parsed = phonenumbers.PhoneNumber(country_code=84, national_number=int(national[1:]))
    else:
        try:
            parsed = phonenumbers.parse(national, _REGION)
        except phonenumbers.NumberParseException:
            return None
    if parsed.country_code != 84 or not phonenumbers.is_valid_number(parsed):
        return None
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    kind = phonenumbers.number_type(parsed)
    if kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return CallerNumber(NumberKind.MOBILE, e164, national)
    if kind == PhoneNumberType.FIXED_LINE:
        return CallerNumber(NumberKind.LANDLINE, e164, national)
    return CallerNumber(NumberKind.SERVICE, national=national)


def _international(plain: str) -> CallerNumber | None:
    """A number abroad behind 00."""
    return _foreign("+" + plain[2:]) if plain.startswith("00") else None


def _foreign(plain: str) -> CallerNumber:
    try:
        parsed = phonenumbers.parse(plain, None)
        e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
        again = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return CallerNumber(NumberKind.INVALID)
    # One zero after the country's code is a habit of writing; what loses another each time it is read is no number.
    if again != parsed or not phonenumbers.is_possible_number(parsed):
        return CallerNumber(NumberKind.INVALID)
    return CallerNumber(NumberKind.FOREIGN, e164)
