"""What can be wrong with a protocol: each fault one sentence, Vietnamese and English, with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    kind: str
    """A word of `SENTENCES`, stable: tests and the desk tell faults apart by it."""
    line: int | None
    """Counted from 1; None where the fault is something that stands nowhere."""
    vi: str
    en: str

    def sentence(self, language: str = "en") -> str:
        """The fault as a person reads it, led by its line."""
        vietnamese = language == "vi"
        text = self.vi if vietnamese else self.en
        if self.line is None:
            return text
        return f"{'Dòng' if vietnamese else 'Line'} {self.line}: {text}"


class ProtocolFaults(Exception):  # noqa: N818 - named by what it carries, as the house names facts
    """A protocol or its scenarios cannot be used. Carries every fault found, in the order of the file."""

    def __init__(self, name: str, faults: Iterable[Fault]) -> None:
        self.name = name
        self.faults = tuple(sorted(set(faults), key=lambda fault: (fault.line or 0, fault.kind, fault.en)))
        super().__init__(self.text())

    def sentences(self, language: str = "en") -> list[str]:
        return [fault.sentence(language) for fault in self.faults]

    def text(self, language: str = "en") -> str:
        """One line a fault, under a line that names the file and counts them."""
        count = len(self.faults)
        heads = {
            "vi": f"{self.name}: {count} lỗi.",
            "en": f"{self.name}: {count} fault{'' if count == 1 else 's'}.",
        }
        return "\n".join([heads["vi" if language == "vi" else "en"], *self.sentences(language)])


def fault(kind: str, line: int | None = None, /, **words: object) -> Fault:
    """The fault `kind` with its words filled in."""
    vi, en = SENTENCES[kind]
    return Fault(kind, line, vi.format_map(words), en.format_map(words))


ABSENCES = frozenset(
    {
        "missing_field",
        "missing_language",
        "unreachable",
        "no_key_0",
        "no_emergency_key",
        "no_no_input",
        "unknown_target",
        "unknown_message",
        "unknown_branch",
        "not_most_serious",
        "yes_lowers",
    }
)
"""Faults that a line which could not be read may cause by itself: not reported beside a syntax error."""

SENTENCES: Mapping[str, tuple[str, str]] = {
    "syntax": (
        "không đọc được dòng này: {detail}. Xem dấu ngoặc kép, dấu ngoặc nhọn và dấu bằng.",
        "this cannot be read: {detail}. Look at its quotes, braces and equals sign.",
    ),
    "duplicate_key": (
        "{where} có “{key}” hai lần; giữ lại một dòng.",
        "{where} has “{key}” twice; keep one of the two lines.",
    ),
    "duplicate_part": (
        "phần [{part}] được viết hai lần; gộp lại thành một.",
        "the part [{part}] is written twice; make one of the two.",
    ),
    "wrong_type": (
        "{where}: “{field}” phải là {vi_expected}.",
        "{where}: “{field}” must be {expected}.",
    ),
    "missing_field": (
        "{where} thiếu “{field}”.",
        "{where} has no “{field}”; add it.",
    ),
    "unknown_field": (
        "{where}: không có mục nào tên “{field}”; các mục hợp lệ là {known}.",
        "{where}: “{field}” means nothing here; known are {known}.",
    ),
    "missing_language": (
        "{where} chưa có lời bằng ngôn ngữ “{language}”.",
        "{where} has no words in “{language}”; write them.",
    ),
    "impossible_key": (
        "{where}: không thể dùng phím “{key}”; một câu trả lời là một phím từ 0 đến 9 (phím * để nghe lại).",
        "{where}: “{key}” cannot be a key; an answer is one key from 0 to 9 (* repeats the question).",
    ),
    "language_key_taken": (
        "{where}: phím {key} đã dùng để đổi sang ngôn ngữ “{language}”; chọn phím khác.",
        "{where}: key {key} already switches to “{language}”; choose another key.",
    ),
    "unknown_target": (
        "{where} dẫn tới “{to}”, không có câu hỏi hay mức nào như vậy; "
        "các mức là RED, ORANGE, YELLOW, GREEN, NONMED.",
        "{where} leads to “{to}”, which is no question and no acuity; "
        "write a question's name or RED, ORANGE, YELLOW, GREEN or NONMED.",
    ),
    "unknown_message": (
        "{where} phát thông báo “{message}”, nhưng không có phần [message.{message}].",
        "{where} plays the message “{message}”, but there is no [message.{message}].",
    ),
    "unknown_branch": (
        "{where} thuộc nhánh “{branch}”, nhưng không có phần [branch.{branch}].",
        "{where} is in the branch “{branch}”, but there is no [branch.{branch}].",
    ),
    "name_clash": (
        "không thể đặt tên câu hỏi là “{question}”: đó là tên một mức.",
        "a question cannot be called “{question}”: that is an acuity.",
    ),
    "bad_name": (
        "không thể dùng tên “{name}” cho [{part}]: chỉ dùng chữ cái không dấu, chữ số và dấu _, "
        "bắt đầu bằng chữ.",
        "“{name}” cannot name a [{part}]: use plain letters, digits and _, beginning with a letter.",
    ),
    "too_many_questions": (
        "có {count} câu hỏi; nhiều nhất là {limit}.",
        "there are {count} questions; at most {limit} are allowed.",
    ),
    "too_many_ways": (
        "có {count} đường đi; không ai duyệt nổi hơn {limit}. Bớt câu hỏi hoặc câu trả lời.",
        "there are {count} ways through; nobody can sign more than {limit}. Take out questions or answers.",
    ),
    "no_root": (
        "câu hỏi đầu tiên “{root}” không có trong các câu hỏi.",
        "the first question “{root}” is not among the questions.",
    ),
    "unreachable": (
        "không câu trả lời nào dẫn tới câu hỏi {question}; nối nó vào hoặc xóa đi.",
        "no answer leads to question {question}; lead to it or delete it.",
    ),
    "loop": (
        "các câu hỏi {way} đi thành vòng: người gọi có thể không bao giờ gặp người thật.",
        "the questions {way} go round in a loop: a caller might never reach a human.",
    ),
    "no_key_0": (
        "câu hỏi {question} không có phím 0 để gặp tổng đài viên, cả trong nhánh {branch} cũng không.",
        "question {question} has no key 0 for an operator, nor has its branch {branch}.",
    ),
    "no_emergency_key": (
        "câu hỏi {question} không có phím cấp cứu: phím {keys} phải dẫn tới RED.",
        "question {question} has no emergency key: key {keys} must lead to RED.",
    ),
    "no_no_input": (
        "câu hỏi {question} không nói điều gì xảy ra khi người gọi im lặng (no_input), "
        "cả trong nhánh {branch} cũng không.",
        "question {question} does not say what happens to a silent caller (no_input), "
        "nor does its branch {branch}.",
    ),
    "leads_on": (
        "{where} phải nối tới người thật: ghi một mức, không ghi câu hỏi “{to}”.",
        "{where} must end at a human: write an acuity, not the question “{to}”.",
    ),
    "red_too_deep": (
        "{where} là RED nhưng cần {presses} phím ({keys}); tối đa là {limit}.",
        "{where} is RED but takes {presses} keys ({keys}); at most {limit} are allowed.",
    ),
    "no_reason": (
        "{where} kết thúc ở {to} mà không nêu lý do (because).",
        "{where} ends at {to} without a reason (because).",
    ),
    "unknown_lowers": (
        "{where} là “không rõ” nên phải từ ORANGE trở lên, không được là {to}.",
        "{where} means “not sure”, so it must give ORANGE or more, not {to}.",
    ),
    "operator_too_low": (
        "{where}: người xin gặp tổng đài viên ở đây phải từ {least} trở lên, không được là {to}.",
        "{where}: who asks for an operator here gets {least} or more, not {to}.",
    ),
    "no_input_too_low": (
        "{where}: người im lặng ở đây phải từ {least} trở lên, không được là {to}.",
        "{where}: who stays silent here gets {least} or more, not {to}.",
    ),
    "yes_lowers": (
        "câu hỏi {question}: trả lời “có” (phím {yes}) cho mức thấp hơn trả lời “không” (phím {no}).",
        "question {question}: “yes” (key {yes}) gives less than “no” (key {no}).",
    ),
    "leaves_medicine": (
        "{where} đi từ câu hỏi y tế sang “{to}” không phải y tế; câu trả lời y tế không được mất mức khẩn.",
        "{where} goes from a medical question to “{to}”, which is not medical; "
        "a medical answer never loses its urgency.",
    ),
    "no_message": (
        "{where} kết thúc ở {to}, nên phải phát một thông báo (message) nói rõ dấu hiệu nào cần gọi lại.",
        "{where} ends at {to}, so it needs a message that says which signs to call again for.",
    ),
    "message_without_operator": (
        "thông báo {message} ({language}) không nhắc phím 0 để gặp tổng đài viên.",
        "message {message} ({language}) does not offer key 0 for an operator.",
    ),
    "key_not_spoken": (
        "câu hỏi {question} ({language}) không đọc phím {key} trong lời hỏi.",
        "question {question} ({language}) does not speak key {key}.",
    ),
    "not_most_serious": (
        "câu hỏi {question}: phím 1 phải là câu trả lời nặng nhất, nhưng phím {key} có thể tới {to}.",
        "question {question}: key 1 must be the most serious answer, but key {key} can reach {to}.",
    ),
    "too_many_choices": (
        "câu hỏi {question} có {count} lựa chọn; người nghe nhớ được nhiều nhất {limit}.",
        "question {question} offers {count} choices; a listener keeps at most {limit}.",
    ),
    "too_long": (
        "câu hỏi {question} ({language}) dài {words} tiếng, khoảng {seconds} giây; tối đa {limit} tiếng.",
        "question {question} ({language}) has {words} words, about {seconds} s; at most {limit} are allowed.",
    ),
    "unknown_placeholder": (
        "{where} ({language}) có “{{{placeholder}}}”; chỉ điền được {known}.",
        "{where} ({language}) has “{{{placeholder}}}”; only {known} can be filled in.",
    ),
}
