"""A second-stage script as the table that an officer signs: each question, what is written down, what raises the level, what is to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.script import Condition, Field, Kind, Op, Question, Rule, Script

_WORDS: Mapping[str, Mapping[str, str]] = {
    "vi": {
        "head": "| Câu | Hỏi | Ghi | Khi nào | Mức | Việc phải làm |",
        "of": "nhánh: {branches}", "asked": "chỉ hỏi khi {when}", "first": "hỏi trước tiên khi đã Đỏ",
        "up": "lên một bậc", "other": "kèm dấu hiệu ở câu khác", "unset": "{field} chưa ghi", "and": " và ",
        "medical": "người bệnh", "services": "dịch vụ", "signed": "SHA-256 {digest}",
    },
    "en": {
        "head": "| No. | Asked | Written down | When | Level | To do |",
        "of": "branch: {branches}", "asked": "asked only when {when}", "first": "asked first once RED",
        "up": "one level up", "other": "beside a sign of another question", "unset": "{field} is empty", "and": " and ",
        "medical": "patient", "services": "service", "signed": "SHA-256 {digest}",
    },
}  # fmt: skip


def table(script: Script, language: str = "vi") -> str:
    """Markdown: a line for each question, and one for each rule under it."""
    words = _WORDS[language]
    lines = [f"# {script.id} {script.version}", "", words["head"], "|---|---|---|---|---|---|"]
    for question in script.questions.values():
        lines.append(
            _row(question.name, _asked(script, question, language), _fields(script, question, language))
        )
        lines += _rules(script, question, language)
    return "\n".join([*lines, "", words["signed"].format(digest=script.digest), ""])


def _asked(script: Script, question: Question, language: str) -> str:
    words = _WORDS[language]
    marks = [words["of"].format(branches=", ".join(words[one.value] for one in sorted(question.of)))]
    if question.asked:
        marks.append(words["asked"].format(when=_when(script, question.asked, language)))
    if question.at_red:
        marks.append(words["first"])
    texts = [question.text[language], *([question.services_text[language]] if question.services_text else [])]
    return f"{' / '.join(texts)} ({'; '.join(marks)})"


def _fields(script: Script, question: Question, language: str) -> str:
    return "; ".join(_field(field, language) for field in script.fields_of(question.name))


def _field(field: Field, language: str) -> str:
    label = field.label[language]
    if field.kind is Kind.CHOICE:
        return f"{label}: {' / '.join(words[language] for words in field.choices.values())}"
    return f"{label}: {field.least:g}–{field.most:g}" if field.kind is Kind.NUMBER else label


def _rules(script: Script, question: Question, language: str) -> Iterator[str]:
    for rule in script.rules:
        if rule.question == question.name:
            when = f"{rule.because[language]} ({_when(script, rule.when, language)})"
            yield _row("", "", "", when, _level(rule, language), rule.todo.get(language, ""))


def _level(rule: Rule, language: str) -> str:
    words = _WORDS[language]
    level = words["up"] if rule.up else rule.to.value if rule.to else "–"
    return f"{level} ({words['other']})" if rule.another_sign else level


def _when(script: Script, conditions: tuple[Condition, ...], language: str) -> str:
    return _WORDS[language]["and"].join(_condition(script, one, language) for one in conditions)


def _condition(script: Script, condition: Condition, language: str) -> str:
    field = script.fields[condition.field]
    label = field.label[language]
    if condition.op is Op.UNSET:
        return _WORDS[language]["unset"].format(field=label)
    if condition.op is Op.IS:
        said = (field.choices[one][language] for one in condition.choices)
        return f"{label}: {' / '.join(said)}"
    return f"{label} {condition.op.value} {condition.bound:g}"


def _row(*cells: str) -> str:
    filled = [*cells, *[""] * (6 - len(cells))]
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in filled) + " |"
