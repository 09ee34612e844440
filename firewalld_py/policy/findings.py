"""What the linter finds: its names, how one is shown, and how one is silenced knowingly.

A finding is no error: the rules say what they say, and probably something else is meant. A rule's
`lint:` silences findings about that rule; the file's own `lint:` those about everything else, or
about one thing, by the word behind the name: `unused-chain filter/web`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from firewalld_py.policy.errors import WARNING, Fault, Problem, nearest, quoted
from firewalld_py.policy.keys import Reading, Reported, items_of, text_of
from firewalld_py.policy.model import Policy, Rule, Silence
from firewalld_py.policy.nodes import Node
from firewalld_py.policy.shapes import Choice, OneOrMore, Text, reads

UNUSED_SILENCE: Final = "unused-silence"
# Those about a rule; a rule's lint: takes these.
OF_RULES: Final[dict[str, str]] = {
    "contradictory": "no packet can meet all conditions of the rule",
    "unreachable": "no packet comes to the rule: all are decided before, or its chain gets others",
    "shadowed": "all that the rule asks for is decided by rules before it",
    "redundant": "without the rule, every packet would fare the same",
    "notrack-not-accepted": "what the rule leaves untracked, no filter rule accepts",
    "notrack-answers": "what the rule leaves untracked is accepted, but not what answers it",
    "answers-dropped": "the rule accepts connections whose answers are dropped",
    "related-without-helper": "RELATED is accepted, but without a helper it is ICMP errors only",
    "helper-missing": "a control port is open and RELATED accepted, but no helper reads along",
    "accept-invalid": "the rule accepts INVALID packets",
    "reject-invalid": "the rule answers INVALID packets, which may end a connection that is well",
}
# Those about chains and names; the file's lint: takes these too.
OF_FILES: Final[dict[str, str]] = {
    "policy-accept": "what no rule of input or forward decides is accepted",
    "lock-out": "nobody can open and hold an ssh connection to this machine",
    "unused-chain": "no packet comes to a user chain",
    "unused-define": "no rule uses a define",
    UNUSED_SILENCE: "lint: silences what is not found",
}
NAMES: Final[dict[str, str]] = {**OF_RULES, **OF_FILES}


@dataclass(frozen=True, slots=True)
class Finding:
    """One of NAMES at its place, with advice, and the packets that show it where some can.

    `subject` is the word by which the file's lint: can mean this one: a rule's place ("filter/
    forward/3"), a chain's or a define's name. `witness` are lines.
    """

    name: str
    subject: str
    file: str
    line: int
    column: int
    rule: str
    message: str
    witness: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = self.file, self.line, self.column
        return f"{Problem(*place, self.message, self.rule, severity=WARNING)} [{self.name}]"

    def shown(self) -> str:
        """The finding and below it its witness."""
        return "\n".join((str(self), *(f"    {line}" for line in self.witness)))


@dataclass(slots=True)
class Report:
    """What was found, in the order of the files; `notes` tell what was not looked at."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def about_rule(name: str, rule: Rule, message: str, witness: Sequence[str] = ()) -> Finding:
    """A finding about a rule."""
    return Finding(
        name, rule.place, rule.file, rule.line, rule.column, rule.label, message, tuple(witness)
    )


OF_RULE_FORM: Final = f"one or a list of: {', '.join(OF_RULES)}"
OF_FILE_FORM: Final = (
    "one or a list of: a finding's name, alone or with what it is about (unused-chain filter/web)"
)


@reads(OneOrMore(Choice(tuple(OF_RULES))))
def read_rule_silences(node: Node, reading: Reading) -> tuple[Silence, ...]:
    """A rule's lint:. Raises Fault or Reported."""
    return _silences(node, reading, OF_RULES)


@reads(OneOrMore(Text(rf"^ *(?:{'|'.join(NAMES)})(?: +[^ ].*)?$")))
def read_file_silences(node: Node, reading: Reading) -> tuple[Silence, ...]:
    """The file's lint:. Raises Fault or Reported."""
    return _silences(node, reading, NAMES)


def _silences(node: Node, reading: Reading, names: dict[str, str]) -> tuple[Silence, ...]:
    found: list[Silence] = []
    items = items_of(node, OF_RULE_FORM)
    for item in items:
        try:
            name, subject = _checked(text_of(item, OF_RULE_FORM).strip(), names)
            file = reading.problems.file
            found.append(Silence(name, subject, file, item.line, item.column))
        except Fault as fault:
            reading.fault(item, fault.message, fault.suggestion)
    if len(found) < len(items):
        raise Reported
    return tuple(found)


def _checked(text: str, names: dict[str, str]) -> tuple[str, str]:
    """A finding's name and the word behind it. Raises Fault."""
    name, _space, subject = text.partition(" ")
    if name in NAMES and name not in names:
        raise Fault(f"{name} is no finding about a rule: write it into the file's own lint:")
    if name not in names:
        near = nearest(name, names)
        known = "" if near else f"; there are: {', '.join(names)}"
        raise Fault(f"unknown finding {quoted(name)}{known}", near)
    if subject and names is OF_RULES:
        raise Fault(f"expected {OF_RULE_FORM}, found {quoted(text)}", name)
    return name, subject.strip()


def silenced(policy: Policy, findings: Iterable[Finding]) -> list[Finding]:
    """Those that nobody silenced, and one for each silence that silences nothing."""
    by_rule = {rule.place: rule for chain in policy.chains for rule in chain.rules if rule.lint}
    used: set[int] = set()
    left: list[Finding] = []
    for finding in findings:
        rule = by_rule.get(finding.subject)
        own = rule.lint if rule is not None else ()
        met = [one for one in (*own, *policy.lint) if _is_meant(one, finding)]
        used.update(id(one) for one in met)
        if not met:
            left.append(finding)
    for one in policy.lint:
        if id(one) not in used and not _is_of_silence(policy.lint, one.name):
            about = f"{one.name} {one.subject}".strip()
            message = f"lint: silences {quoted(about)}, which is not found: take it out"
            left.append(
                Finding(UNUSED_SILENCE, one.name, one.file, one.line, one.column, "", message)
            )
    for rule in by_rule.values():
        for one in rule.lint:
            if id(one) not in used and not _is_of_silence(policy.lint, one.name):
                message = f"lint: silences {quoted(one.name)}, which is not found: take it out"
                found = about_rule(UNUSED_SILENCE, rule, message)
                left.append(replace(found, line=one.line, column=one.column))
    order = {file: number for number, file in enumerate(policy.files)}
    return sorted(left, key=lambda one: (order.get(one.file, 0), one.line, one.column))


def _is_meant(one: Silence, finding: Finding) -> bool:
    return one.name == finding.name and one.subject in ("", finding.subject)


def _is_of_silence(silences: Iterable[Silence], name: str) -> bool:
    """Whether unused silences of this name are silenced themselves, or it is that silence."""
    return name == UNUSED_SILENCE or any(
        one.name == UNUSED_SILENCE and one.subject in ("", name) for one in silences
    )
