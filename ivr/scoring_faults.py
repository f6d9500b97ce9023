"""What can be wrong with a scoring form or the rules of sampling: each fault one sentence, Vietnamese and English."""

from __future__ import annotations

from collections.abc import Mapping

from ivr import script_faults
from ivr.protocol_faults import Fault

SENTENCES: Mapping[str, tuple[str, str]] = {
    **{kind: script_faults.SENTENCES[kind] for kind in ("missing", "missing_language", "unknown_key", "wrong_type")},
    "not_utf8": (
        "tệp không phải là chữ UTF-8; hãy lưu lại bằng UTF-8.",
        "the file is not UTF-8 text; save it as UTF-8.",
    ),
    "no_questions": (
        "Phiếu chấm không có câu hỏi nào; hãy thêm một phần [question.…].",
        "The form has no question; add a [question.…].",
    ),
    "bad_name": (
        "{where}: tên “{name}” phải gồm chữ thường không dấu, chữ số và “_”, dài nhất 40.",
        "{where}: the name “{name}” must be small letters, digits and “_”, at most 40.",
    ),
    "unknown_scale": (
        "{where}: không có phần [scale.{scale}].",
        "{where}: there is no [scale.{scale}].",
    ),
    "few_answers": (
        "{where} phải có từ 2 đến 9 câu trả lời, mỗi câu một phím số.",
        "{where} must have 2 to 9 answers, one for each number key.",
    ),
    "bad_answer": (
        "{where}: “{field}” phải có worth từ 0 đến 1 và lời bằng mọi ngôn ngữ, như {{ worth = 1, vi = \"Đạt\", en = \"Met\" }}.",
        "{where}: “{field}” needs a worth of 0 to 1 and its words, like {{ worth = 1, vi = \"Đạt\", en = \"Met\" }}.",
    ),
    "no_worth": (
        "{where} không có câu trả lời nào worth = 1, hoặc không có câu nào worth = 0.",
        "{where} has no answer of worth 1, or none of worth 0.",
    ),
    "wrong_weight": (
        "{where}: “weight” phải lớn hơn 0 và không quá 100.",
        "{where}: “weight” must be above 0 and at most 100.",
    ),
    "wrong_percent": (
        "{where}: “{field}” phải từ 0 đến 100.",
        "{where}: “{field}” must be 0 to 100.",
    ),
    "no_rules": (
        "Không có quy tắc lấy mẫu nào; hãy thêm một phần [rule.…].",
        "There is no rule of sampling; add a [rule.…].",
    ),
    "wrong_take": (
        "{where}: “take” phải là \"all\" hoặc một số từ 1 đến 1000.",
        "{where}: “take” must be \"all\" or a number from 1 to 1000.",
    ),
    "unknown_word": (
        "{where}: “{word}” không dùng được cho “{field}”; dùng {known}.",
        "{where}: “{word}” cannot stand for “{field}”; use {known}.",
    ),
}  # fmt: skip


def fault(kind: str, line: int | None = None, /, **words: object) -> Fault:
    """The fault `kind` with its words filled in."""
    vi, en = SENTENCES[kind]
    return Fault(kind, line, vi.format_map(words), en.format_map(words))
