"""A protocol as its reviewers see it: a diagram, the table of all ways that is signed, its scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hotline.acuity import Acuity
from ivr.protocol import NO_INPUT, Answer, Protocol
from ivr.protocol_faults import Fault, ProtocolFaults, fault
from ivr.protocol_source import parse
from ivr.triage import Asking, Decision, walk


def ways(protocol: Protocol) -> Iterator[tuple[tuple[str, Answer], ...]]:
    """Every way from the first question to an outcome, as (question, answer) in the order of the file.

    The questions' own answers only: what holds all over a branch (key 0, silence) would repeat on every line.
    """

    def follow(
        question: str, way: tuple[tuple[str, Answer], ...]
    ) -> Iterator[tuple[tuple[str, Answer], ...]]:
        for answer in protocol.questions[question].answers.values():
            further = (*way, (question, answer))
            if answer.acuity is not None:
                yield further
            else:
                yield from follow(answer.to, further)

    return follow(protocol.root, ())


# The diagram

_COLOURS: Mapping[Acuity, tuple[str, str]] = {
    Acuity.RED: ("#c62828", "#ffffff"),
    Acuity.ORANGE: ("#ef6c00", "#ffffff"),
    Acuity.YELLOW: ("#fdd835", "#212121"),
    Acuity.GREEN: ("#2e7d32", "#ffffff"),
    Acuity.NONMED: ("#546e7a", "#ffffff"),
}


def draw(protocol: Protocol, language: str = "vi") -> str:
    """A Mermaid flowchart: questions, outcomes, and on each arrow the key, what it says and why."""
    lines = ["flowchart TD"]
    for branch in protocol.branches.values():
        lines.append(f'  subgraph branch_{branch.name}["{_quoted(branch.title[language])}"]')
        for question in protocol.questions.values():
            if question.branch == branch.name:
                text = f"{question.name}<br/>{_quoted(question.text[language])}"
                lines.append(f'    ask_{question.name}["{text}"]')
        lines.append("  end")
    used = [acuity for acuity in Acuity if acuity in _outcomes(protocol)]
    for acuity in used:
        lines.append(f'  {acuity.value}(["{acuity.value}<br/>{_quoted(_title(acuity, language))}"])')
    for question in protocol.questions.values():
        lines += [_arrow(f"ask_{question.name}", answer, language) for answer in question.answers.values()]
    for branch in protocol.branches.values():
        lines += [_arrow(f"branch_{branch.name}", answer, language) for answer in branch.answers.values()]
    for acuity in used:
        fill, ink = _COLOURS[acuity]
        lines.append(f"  style {acuity.value} fill:{fill},color:{ink}")
    return "\n".join(lines) + "\n"


def _arrow(begin: str, answer: Answer, language: str) -> str:
    key = "…" if answer.key == NO_INPUT else answer.key
    why = answer.because.get(language)
    label = f"{key}: {_quoted(answer.said[language])}" + (f"<br/><i>{_quoted(why)}</i>" if why else "")
    line = "-.->" if begin.startswith("branch_") else "-->"
    end = answer.to if answer.acuity is not None else f"ask_{answer.to}"
    return f'  {begin} {line}|"{label}"| {end}'


def _quoted(text: str) -> str:
    """Text as Mermaid takes it between quotes."""
    marks = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "|": "#124;"}
    return "".join(marks.get(mark, mark) for mark in text)


def _outcomes(protocol: Protocol) -> set[Acuity]:
    answers = [question.answers for question in protocol.questions.values()]
    answers += [branch.answers for branch in protocol.branches.values()]
    return {answer.acuity for each in answers for answer in each.values() if answer.acuity is not None}


def _title(acuity: Acuity, language: str) -> str:
    return acuity.target.vi if language == "vi" else acuity.target.en


# The table

_WORDS: Mapping[str, Mapping[str, str]] = {
    "vi": {
        "ways": "| Phím | Người gọi đã nói | Mức | Thông báo | Lý do |",
        "branch": "| Trong nhánh | Phím | Người gọi đã nói | Mức | Lý do |",
        "silence": "im lặng 2 lần",
        "level": "ít nhất {acuity}",
        "other": "chọn ngôn ngữ “{language}”",
        "same": "hỏi lại {question}",
    },
    "en": {
        "ways": "| Keys | What the caller said | Acuity | Message | Reason |",
        "branch": "| In the branch | Key | What the caller said | Acuity | Reason |",
        "silence": "silent twice",
        "level": "at least {acuity}",
        "other": "chose the language “{language}”",
        "same": "{question} again",
    },
}


def table(protocol: Protocol, language: str = "vi") -> str:
    """Markdown with one line a way, then the answers that hold in all questions of a branch."""
    words = _WORDS.get(language, _WORDS["en"])
    lines = [words["ways"], _rule(5)]
    lines += [_way_line(protocol, way, language) for way in ways(protocol)]
    lines += ["", words["branch"], _rule(5)]
    for branch in protocol.branches.values():
        for answer in branch.answers.values():
            key = words["silence"] if answer.key == NO_INPUT else answer.key
            level = words["level"].format(acuity=answer.to) if branch.kind == "medical" else answer.to
            said, why = answer.said[language], answer.because.get(language, "")
            lines.append(_row(branch.title[language], key, said, level, why))
    root = protocol.branch_of(protocol.root).title[language]
    for key, other in protocol.language_keys.items():
        said, again = words["other"].format(language=other), words["same"].format(question=protocol.root)
        lines.append(_row(root, key, said, again, "–"))
    return "\n".join(lines) + "\n"


def wording(protocol: Protocol) -> str:
    """Markdown with every spoken sentence in every language, by the name it is rendered under."""
    lines = [_row("", *protocol.languages), _rule(len(protocol.languages) + 1)]
    for name, texts in protocol.prompts().items():
        lines.append(_row(f"`{name}`", *(texts[language] for language in protocol.languages)))
    return "\n".join(lines) + "\n"


def document(protocol: Protocol) -> str:
    """The whole page an officer signs: what it is, all ways, all wording, the diagram."""
    return f"""# {protocol.campaign}: `{protocol.id}`, {protocol.version}

SHA-256 `{protocol.digest}`

Trang này được tạo từ tệp bộ câu hỏi; không sửa tay. *Generated from the protocol file; not edited by hand.*

## Mọi đường đi / Every way

{table(protocol)}
## Lời nói / Wording

{wording(protocol)}
## Sơ đồ / Diagram

```mermaid
{draw(protocol)}```
"""


def _way_line(protocol: Protocol, way: Sequence[tuple[str, Answer]], language: str) -> str:
    keys = [answer.key for _, answer in way]
    decision = walk(protocol, keys)
    if not isinstance(decision, Decision):
        raise LookupError(f"{' '.join(keys)} decides nothing: only what `read` returned can be reviewed")
    said = "; ".join(answer.said[language] for _, answer in way)
    acuity, message = decision.acuity.value, decision.message or "–"
    return _row(decision.keys, said, acuity, message, decision.reason.get(language, ""))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns


# The scenarios

_SCENARIO_FIELDS = ("keys", "ends_at", "acuity", "because", "topic")


@dataclass(frozen=True)
class Scenario:
    """One caller as the officers describe them, and what they must get."""

    keys: tuple[str | None, ...]
    """None, written "-", is silence until the time-out."""
    ends_at: str
    acuity: Acuity
    because: str | None
    """The reason, in any of the protocol's languages; None does not look at it."""
    topic: str | None

    @property
    def written(self) -> str:
        return " ".join(key or "-" for key in self.keys)


@dataclass(frozen=True)
class Scenarios:
    protocol: str
    """The id of the protocol they are about."""
    each: tuple[Scenario, ...]


def read_scenarios(text: str, name: str) -> Scenarios:
    """The scenarios in `text`. Raises ProtocolFaults with every fault; `name` is what they call the file."""
    source = parse(text)
    found: list[Fault] = list(source.faults)
    about = source.tables.get("protocol")
    if not isinstance(about, str) or not about:
        found.append(fault("missing_field", None, where="–", field="protocol"))
    rows = source.tables.get("scenarios")
    if not isinstance(rows, list) or not rows:
        found.append(fault("missing_field", None, where="–", field="scenarios"))
    places = [
        number for number, line in enumerate(text.split("\n"), start=1) if line.lstrip().startswith("{")
    ]
    each: list[Scenario] = []
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        line = places[index] if index < len(places) else None
        faults = list(_scenario_faults(row, line))
        found += faults
        if not faults:
            each.append(_scenario(row))
    if found:
        raise ProtocolFaults(name, found)
    return Scenarios(str(about), tuple(each))


def _scenario_faults(row: object, line: int | None) -> Iterator[Fault]:
    where = "scenarios"
    if not isinstance(row, dict):
        yield fault(
            "wrong_type",
            line,
            where=where,
            field=str(row),
            expected="{ keys = …, ends_at = …, acuity = … }",
            vi_expected="{ keys = …, ends_at = …, acuity = … }",
        )
        return
    for field in row:
        if field not in _SCENARIO_FIELDS:
            yield fault("unknown_field", line, where=where, field=field, known=", ".join(_SCENARIO_FIELDS))
    for field in ("keys", "ends_at", "acuity"):
        if field not in row:
            yield fault("missing_field", line, where=where, field=field)
    for field, value in row.items():
        if field in _SCENARIO_FIELDS and not isinstance(value, str):
            expected = {"expected": "text in quotes", "vi_expected": "chữ trong dấu ngoặc kép"}
            yield fault("wrong_type", line, where=where, field=field, **expected)
    acuity = row.get("acuity")
    if isinstance(acuity, str) and acuity not in Acuity.__members__:
        names = ", ".join(Acuity.__members__)
        expected = {"expected": f"one of {names}", "vi_expected": f"một trong {names}"}
        yield fault("wrong_type", line, where=where, field="acuity", **expected)


def _scenario(row: Mapping[str, str]) -> Scenario:
    keys = tuple(None if key == "-" else key for key in row["keys"].split())
    return Scenario(keys, row["ends_at"], Acuity(row["acuity"]), row.get("because"), row.get("topic"))


def run_scenarios(protocol: Protocol, scenarios: Scenarios, language: str = "en") -> list[str]:
    """What the scenarios find wrong, one sentence each; empty when the protocol passes."""
    vietnamese = language == "vi"
    if scenarios.protocol != protocol.id:
        if vietnamese:
            return [f"Các tình huống này viết cho “{scenarios.protocol}”, không phải “{protocol.id}”."]
        return [f"These scenarios are about “{scenarios.protocol}”, not about “{protocol.id}”."]
    return [
        f"{'Phím' if vietnamese else 'Keys'} “{scenario.written}”: {found}"
        for scenario in scenarios.each
        for found in _failures(walk_scenario(protocol, scenario), scenario, vietnamese)
    ]


def walk_scenario(protocol: Protocol, scenario: Scenario) -> Asking | Decision:
    return walk(protocol, scenario.keys)


def _failures(end: Asking | Decision, scenario: Scenario, vietnamese: bool) -> Iterator[str]:
    if isinstance(end, Asking):
        yield (
            f"chưa có quyết định, còn đang hỏi {end.question}."
            if vietnamese
            else f"nothing is decided yet, {end.question} is still being asked."
        )
        return
    unused = len(scenario.keys) - len(end.path)
    if unused:
        yield (
            f"đã quyết định ở phím thứ {len(end.path)}, thừa {unused} phím."
            if vietnamese
            else f"decided after {len(end.path)}, so the last {unused} would never be pressed."
        )
    reasons = " / ".join(end.reason.values())
    for wanted, got, vi, en in (
        (scenario.ends_at, end.question or "–", "kết thúc ở", "it ends at"),
        (scenario.acuity.value, end.acuity.value, "mức là", "the acuity is"),
        (scenario.topic, end.topic, "chủ đề là", "the topic is"),
    ):
        if wanted is not None and wanted != got:
            yield f"{vi if vietnamese else en} {got}, {'không phải' if vietnamese else 'not'} {wanted}."
    if scenario.because is not None and scenario.because not in end.reason.values():
        yield (
            f"lý do là “{reasons}”, không phải “{scenario.because}”."
            if vietnamese
            else f"the reason is “{reasons}”, not “{scenario.because}”."
        )


def untested(protocol: Protocol, scenarios: Iterable[Scenario]) -> list[str]:
    """The answers that end a call and that no scenario gives, as "question, key"."""
    ends = {
        (end.question, end.path[-1].key)
        for scenario in scenarios
        if isinstance(end := walk_scenario(protocol, scenario), Decision)
    }
    return [
        f"{question.name}, {answer.key}"
        for question in protocol.questions.values()
        for answer in question.answers.values()
        if answer.acuity is not None and (question.name, answer.key) not in ends
    ]
