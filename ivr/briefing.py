"""The briefing: what a station hears before it says yes, put together from recorded pieces, and the card a person reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotline.acuity import Acuity

AGE_BANDS = ("baby", "child", "adult", "elder", "pregnant", "at_risk")
"""Under 1, 1-15, 16-59, 60 and over; "at_risk" is what the machine's questions alone can tell."""
SPOKEN_BRANCHES = ("medical", "nonmedical")
KEYS_PIECE = "briefing-keys"
TEXTS = ("situation", "background", "assessment", "recommendation")
LONGEST_TEXT = 400


@dataclass(frozen=True)
class Briefing:
    """The fields that are spoken."""

    acuity: str = Acuity.ORANGE
    branch: str = ""
    age_band: str = ""
    unit: str = ""
    """Code of the district whose name is recorded."""
    ticket_number: int = 0

    def pieces(self) -> tuple[str, ...]:
        """Prompt ids in the order of playing: who calls, how urgent, about whom, where, which ticket; at most 10 s."""
        pieces = ["briefing-from", f"briefing-{Acuity(self.acuity).value}"]
        if self.branch in SPOKEN_BRANCHES:
            pieces.append(f"briefing-{self.branch}")
        if self.age_band in AGE_BANDS:
            pieces.append(f"age-{self.age_band}")
        if self.unit:
            pieces.append(f"unit-{self.unit}")
        if self.ticket_number > 0:
            pieces += ["briefing-ticket", *(f"num-{digit}" for digit in str(self.ticket_number)[-4:])]
        return tuple(pieces)


def of_card(card: Mapping[str, Any]) -> Briefing:
    """The spoken fields of a card; what is not understood is left out, and an unknown acuity is ORANGE."""
    acuity = str(card.get("acuity", ""))
    number = card.get("ticket_number", 0)
    return Briefing(
        acuity=acuity if acuity in Acuity.__members__ else Acuity.ORANGE,
        branch=str(card.get("branch", "")),
        age_band=str(card.get("age_band", "")),
        unit=str(card.get("unit", "")),
        ticket_number=number if isinstance(number, int) and not isinstance(number, bool) else 0,
    )


def age_band_of(path: Sequence[Mapping[str, Any]]) -> str:
    """What the machine's questions tell about the patient: only whether they belong to a group at risk."""
    for step in path:
        if step.get("question") == "A4":
            return "at_risk" if step.get("key") in ("1", "2") else ""
    return ""


AGE_BAND_OF_ANSWER = {
    "under_2m": "baby", "2m": "baby", "3_11m": "baby", "1_4y": "child", "5_11y": "child", "12_29y": "adult", "30_49y": "adult",
}  # fmt: skip
"""The script's answer → what is spoken; "50 or over" may be either, so the operator says."""


def age_band_answered(answers: Mapping[str, str]) -> str:
    """About whom it is, as the operator's own questions have it; empty when they were not asked."""
    if answers.get("pregnant") == "yes":
        return "pregnant"
    return AGE_BAND_OF_ANSWER.get(answers.get("age_band", ""), "")


RECOMMENDED = {
    **dict.fromkeys(("RED", "ORANGE"), "Đề nghị trạm tiếp nhận và hướng dẫn người bệnh ngay."),
    "NONMED": "Đề nghị tiếp nhận và trả lời người dân.",
}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def card(
    *,
    acuity: str,
    branch: str,
    reason: str,
    said: Sequence[str],
    place: str,
    earlier: int,
    is_repeat: bool,
    path: Sequence[Mapping[str, Any]] = (),
    unit: str = "",
    ticket_number: int = 0,
    found: Sequence[str] = (),
    answers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The card as it is pre-filled, in Vietnamese; the operator changes what they like.

    `found` is what the operator's own questions came to, `answers` what was answered.
    """
    background = [f"Đã gọi {earlier} lần trước đây." if earlier else "Gọi lần đầu."]
    if is_repeat:
        background.append("Gọi lại trong 48 giờ.")
    words = Acuity(acuity).target.vi if acuity in Acuity.__members__ else acuity
    return {
        "situation": f"{_sentence(reason or 'Người gọi cần hỗ trợ y tế')} {f'Ở {place}.' if place else 'Chưa rõ ở đâu.'}"[
            :LONGEST_TEXT
        ],
        "background": " ".join(background),
        "assessment": "; ".join([words, *found, *said])[:LONGEST_TEXT],
        "recommendation": RECOMMENDED.get(acuity, "Đề nghị trạm liên hệ, theo dõi tại nhà."),
        "acuity": acuity,
        "branch": branch,
        "age_band": age_band_answered(answers or {}) or age_band_of(path),
        "unit": unit,
        "ticket_number": ticket_number,
    }
