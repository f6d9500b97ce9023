"""What can be wrong with a second-stage script: each fault one sentence, Vietnamese and English, with its line."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.protocol_faults import Fault

SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("{where} thiếu “{field}”.", "{where} has no “{field}”; add it."),
    "missing_language": (
        "{where} chưa có lời bằng ngôn ngữ “{language}”.",
        "{where} has no words in “{language}”; write them.",
    ),
    "unknown_key": (
        "{where}: không có mục nào tên “{field}”; các mục hợp lệ là {known}.",
        "{where}: “{field}” means nothing here; known are {known}.",
    ),
    "wrong_type": ("{where}: “{field}” không đúng kiểu.", "{where}: “{field}” is of the wrong type."),
    "unknown_question": (
        "{where} thuộc câu hỏi “{question}”, nhưng không có phần [question.{question}].",
        "{where} belongs to “{question}”, but there is no [question.{question}].",
    ),
    "no_fields": (
        "[question.{question}] không có ô nào để ghi câu trả lời.",
        "[question.{question}] has no field to take the answer.",
    ),
    "unknown_branch": (
        "{where}: không có nhánh “{branch}”; dùng {known}.",
        "{where}: “{branch}” is no branch; use {known}.",
    ),
    "unknown_kind": (
        "{where}: “{kind}” không phải là loại ô; dùng {known}.",
        "{where}: “{kind}” is no kind of field; use {known}.",
    ),
    "unknown_choices": (
        "{where}: không có phần [choices.{choices}].",
        "{where}: there is no [choices.{choices}].",
    ),
    "unreadable_condition": (
        "{where}: không hiểu điều kiện “{condition}”; viết như “ô is a, b”, “ô >= 5” hoặc “ô unset”.",
        "{where}: the condition “{condition}” cannot be read; write “field is a, b”, “field >= 5” or “field unset”.",
    ),
    "unknown_field": (
        "{where}: điều kiện “{condition}” nói về ô “{field}”, không có phần [field.{field}].",
        "{where}: the condition “{condition}” is about “{field}”, but there is no [field.{field}].",
    ),
    "unknown_choice": (
        "{where}: “{choice}” không phải là câu trả lời của ô “{field}”; có {known}.",
        "{where}: “{choice}” is no answer of “{field}”; there are {known}.",
    ),
    "not_a_number": (
        "{where}: điều kiện “{condition}” so số, nhưng ô “{field}” không phải là số.",
        "{where}: the condition “{condition}” compares a number, but “{field}” is none.",
    ),
    "not_a_choice": (
        "{where}: điều kiện “{condition}” so câu trả lời, nhưng ô “{field}” không có câu trả lời để chọn.",
        "{where}: the condition “{condition}” compares an answer, but “{field}” has no choices.",
    ),
    "unknown_acuity": (
        "{where}: “{to}” không phải là mức; các mức là RED, ORANGE, YELLOW, GREEN.",
        "{where}: “{to}” is no acuity a script may lead to; use RED, ORANGE, YELLOW or GREEN.",
    ),
    "no_effect": (
        "{where} không nâng mức (to, up) cũng không nhắc việc (todo).",
        "{where} neither raises (to, up) nor says what to do (todo).",
    ),
    "no_condition": ("{where} không có điều kiện nào.", "{where} has no condition."),
    "unknown_raises": (
        "{where}: “không rõ” không thể nâng hay hạ mức trong kịch bản.",
        "{where}: “not known” cannot change a level in a script.",
    ),
    "wrong_range": (
        "{where}: “least” phải nhỏ hơn “most”.",
        "{where}: “least” must be below “most”.",
    ),
}


def fault(kind: str, line: int | None = None, /, **words: object) -> Fault:
    """The fault `kind` with its words filled in."""
    vi, en = SENTENCES[kind]
    return Fault(kind, line, vi.format_map(words), en.format_map(words))
