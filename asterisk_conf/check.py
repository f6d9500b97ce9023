"""Reads the rendered dialplan as Asterisk will, before a caller does: `python -m asterisk_conf.check` ends with 1 and sentences.

What can be seen in the text is found in the text; whether applications, functions and modules exist, the real Asterisk says.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from asterisk_conf import render
from front_door import parts
from front_door.faults import Fault
from hotline.installation import Trunk, read
from hotline.settings import PROJECT, Settings

UP_WITHIN_S: Final = 20.0
FROM_OUTSIDE: Final = ("from-trunk", "from-phone", "hotline-entry", "fallback", "message")
"""Where strangers and desks may be."""
WAY_OUT: Final = "to-trunk"
REGISTERING: Final = Trunk(
    "registering",
    "127.0.0.4",
    5060,
    "binhduong",
    register=True,
    username="province",
    password="none",  # noqa: S106 - made up, never dialled
)
"""The demo has no trunk of this kind; it is checked too."""
_STEP = re.compile(
    r"(?:exten\s*=>\s*(?P<exten>[^,]+),(?P<first>\d+)|same\s*=>\s*n)(?:\((?P<label>[\w-]+)\))?,(?P<app>\w+)(?:\((?P<args>.*)\))?$"
)
_RAW: Final = re.compile(r"\$\[[^\]]*\"\$\{(EXTEN|CALLERID\((?:num|name|dnid|all|ani)\))(?:\}|:)")
"""A stranger's text inside an expression: its quotes could end the expression's own."""
_FUNCTION = re.compile(r"\$\{([A-Z_][A-Z_0-9]*)\(|(?<=\()([A-Z_][A-Z_0-9]*)\([^()]*\)\)?=")
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_ENDS_WELL: Final = ("Hangup", "Goto", "Return")


@dataclass(frozen=True)
class Step:
    """One line of the dialplan."""

    line: int
    context: str
    exten: str
    priority: int
    label: str
    app: str
    args: str


@dataclass
class Dialplan:
    steps: list[Step] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def contexts(self) -> set[str]:
        return {step.context for step in self.steps}

    def has(self, context: str, exten: str, place: str) -> bool:
        """Whether a jump there lands; what a variable fills in may be anything."""
        return any(
            _may_be(context, s.context)
            and (_may_be(exten, s.exten) or (s.exten.startswith("_") and _matches(s.exten, exten)))
            and (_may_be(place, str(s.priority)) or place == s.label)
            for s in self.steps
        )


def read_dialplan(text: str) -> Dialplan:
    """The steps of an extensions.conf, with a fault for every line that is none."""
    found = Dialplan()
    context, exten, priority = "", "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(?<!\\);.*", "", raw).strip()
        if not line:
            continue
        if header := re.fullmatch(r"\[([\w-]+)\]", line):
            context = header[1]
            continue
        if context in ("general", "globals"):
            continue
        found.faults += [f"extensions.conf line {number}: {what}" for what in _unbalanced(line)]
        step = _STEP.fullmatch(line)
        if step is None:
            found.faults.append(f"extensions.conf line {number}: {line!r} is no step of a dialplan.")
            continue
        exten = step["exten"] or exten
        priority = int(step["first"]) if step["first"] else priority + 1
        found.steps.append(
            Step(number, context, exten, priority, step["label"] or "", step["app"], step["args"] or "")
        )
    return found


def faults_of(plan: Dialplan) -> list[str]:
    """Everything that the text itself shows: dead jumps, ends that fall off, a way from a caller to an outbound route."""
    faults = list(plan.faults)
    for step in plan.steps:
        for context, exten, place in _jumps(step):
            if not plan.has(context, exten, place):
                faults.append(
                    f"extensions.conf line {step.line}: {step.app} goes to {context},{exten},{place}, which does not exist."
                )
    faults += [
        f"extensions.conf line {step.line}: {raw[1]} is a stranger's text and stands in an expression: filter it first."
        for step in plan.steps
        for raw in _RAW.finditer(step.args)
    ]
    last = {(s.context, s.exten): s for s in plan.steps}
    faults += [
        f"extensions.conf line {step.line}: extension {step.exten} of [{step.context}] ends with {step.app}: the call would "
        f"fall off; end it with {', '.join(_ENDS_WELL)}."
        for step in last.values()
        if step.app not in _ENDS_WELL
    ]
    for start in FROM_OUTSIDE:
        if WAY_OUT in _reachable(plan, start):
            faults.append(f"A caller in [{start}] can reach [{WAY_OUT}]: take that jump away.")
    return faults


def unknown(plan: Dialplan, applications: set[str], functions: set[str]) -> list[str]:
    """Applications and functions that this Asterisk has not loaded."""
    faults = []
    known = {name.casefold() for name in applications}
    for step in plan.steps:
        nested = re.findall(r"\?([A-Za-z]+)\(", step.args) if step.app == "ExecIf" else []
        faults += [
            f"extensions.conf line {step.line}: no loaded module has the application {name}."
            for name in (step.app, *nested)
            if name.casefold() not in known
        ]
        whole = f"({step.args})"
        faults += [
            f"extensions.conf line {step.line}: no loaded module has the function {name}."
            for name in {a or b for a, b in _FUNCTION.findall(whole)}
            if name not in functions
        ]
    return faults


def _jumps(step: Step) -> Iterator[tuple[str, str, str]]:
    """Context, extension and priority or label of each place where a step may go on."""
    targets: Sequence[str] = ()
    if step.app == "Goto":
        targets = (step.args,)
    elif step.app == "GotoIf":
        targets = [target for target in _after_question(step.args).split(":") if target]
    for target in targets:
        words = target.split(",")
        context, exten, place = [*(step.context, step.exten)[: 3 - len(words)], *words]
        yield context, exten, place
    if subroutine := re.search(r"U\(([\w-]+)", step.args if step.app == "Dial" else ""):
        yield subroutine[1], "s", "1"


def _after_question(args: str) -> str:
    """What follows the condition of GotoIf: behind the ? that stands outside all brackets."""
    depth = 0
    for place, letter in enumerate(args):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "?" and depth == 0:
            return args[place + 1 :]
    return ""


def _reachable(plan: Dialplan, start: str) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        context = todo.pop()
        for step in plan.steps:
            if step.context == context:
                for target, _, _ in _jumps(step):
                    new = {known for known in plan.contexts if _may_be(target, known)} - seen
                    seen |= new
                    todo += new
    return seen


def _may_be(text: str, known: str) -> bool:
    """Whether the text may become the known word, a variable standing for anything but nothing."""
    pattern = "".join(
        ".+" if part.startswith("${") else re.escape(part) for part in re.split(r"(\$\{[^{}]*\})", text)
    )
    return re.fullmatch(pattern, known) is not None


def _matches(pattern: str, exten: str) -> bool:
    classes = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}
    parts_ = re.findall(r"\[[^\]]*\]|.", pattern[1:])
    return re.fullmatch("".join(classes.get(p, p) for p in parts_), exten) is not None


def _unbalanced(line: str) -> list[str]:
    opened: list[str] = []
    for letter in line:
        if letter in _PAIRS.values():
            opened.append(letter)
        elif letter in _PAIRS and (not opened or opened.pop() != _PAIRS[letter]):
            return [f"a {letter} closes nothing."]
    if line.count('"') % 2:
        return ["a quotation mark is not closed."]
    return [f"a {opened[-1]} is not closed."] if opened else []


# -- the real Asterisk --


def loaded(settings: Settings, folder: Path) -> tuple[set[str], set[str], list[str]]:
    """Applications and functions of an Asterisk that runs this configuration, and what it complained of."""
    conf = settings.asterisk / "etc" / "asterisk.conf"
    words = [*parts.asterisk(), "-C", str(conf)]
    log = folder / "log.txt"
    with log.open("wb") as out:
        child = subprocess.Popen([*words, "-f", "-n"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)  # noqa: S603 - fixed words

    def console(command: str) -> str:
        asked = [*words, "-rx", command]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - fixed words
        return done.stdout

    try:
        until = time.monotonic() + UP_WITHIN_S
        while "fully booted" not in console("core waitfullybooted"):
            if time.monotonic() > until or child.poll() is not None:
                return set(), set(), [f"Asterisk does not start: {log.read_text(errors='replace')[-500:]}"]
            time.sleep(0.1)
        applications = set(re.findall(r"^\s*([\w-]+):", console("core show applications"), re.MULTILINE))
        functions = set(re.findall(r"^(\w+)\s", console("core show functions"), re.MULTILINE))
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    said = log.read_text(errors="replace").splitlines()
    return (
        applications,
        functions,
        [
            f"Asterisk says: {line.partition('] ')[2]}"
            for line in said
            if re.search(r"\b(ERROR|WARNING)\[", line)
        ],
    )


def check() -> list[str]:
    """Every fault of the demo's configuration, rendered into a temporary folder and loaded there."""
    demo = read(PROJECT / "installation" / "demo.toml")
    installation = replace(demo, trunks=(*demo.trunks, REGISTERING))
    with tempfile.TemporaryDirectory(prefix="1022-") as name:
        folder = Path(name)
        sip, ari, ami, agi = _free_ports(4)
        settings = Settings(
            var=folder, recordings=folder / "recordings", sip_host="127.0.0.1", sip_port=sip, ari_port=ari, ami_port=ami, agi_port=agi,
        )  # fmt: skip
        try:
            etc = render(settings, installation, folder).parent
        except Fault as fault:
            return [str(fault)]
        plan = read_dialplan((etc / "extensions.conf").read_text(encoding="utf-8"))
        applications, functions, said = loaded(settings, folder)
        missing = unknown(plan, applications, functions) if applications else []
        return [*faults_of(plan), *missing, *(one for one in said if "music on hold" not in one)]


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def main() -> int:
    faults = check()
    for fault in faults:
        sys.stderr.write(f"1022: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
