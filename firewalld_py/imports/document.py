"""Both families' chains as one rule file: equal rules become one, all that is told are comments.

What is written is read again as the daemon would: a rule that the language refuses is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Final

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.policies import TOOLS
from firewalld_py.imports.rule_text import fields_of, rule_lines, scalar, set_lines
from firewalld_py.imports.ruling import COUNTING
from firewalld_py.imports.steps import CHAINS, Family, Imported, Left, Source, Step
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.rule import MAX_NAME
from firewalld_py.policy.source import HIDDEN

# What differs between the families, although it may look the same.
_OF_FAMILY: Final = ("src", "dst", "icmp")


@dataclass(slots=True)
class Entry:
    """A rule of the file; `family` is None if it is one of both."""

    step: Step
    family: int | None
    others: tuple[Step, ...] = ()


@dataclass(slots=True)
class Document:
    """The file while it is made; `rules_at` tells which entry begins at a line."""

    families: list[Family]
    left: list[Left] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # by the entry's id
    lines: list[str] = field(default_factory=list)
    rules_at: dict[int, Entry] = field(default_factory=dict)


Chains = dict[tuple[str, str], "Written"]


@dataclass(slots=True)
class Written:
    """A chain of the file: its policy ("" for one to which only rules lead), notes and rules."""

    policy: str
    notes: list[str]
    entries: list[Entry]


def make_document(families: list[Family], head: list[str] | None = None) -> tuple[str, list[Left]]:
    """The text of the rule file, and all that was left out; `head` says what it was made from."""
    document = Document(families, [left for family in families for left in family.left])
    document.head = head or _head(families)
    names = [(table, name.lower()) for table, name in CHAINS]
    names += [key for family in families for key in family.chains]
    chains = {(table, name): _merged(families, table, name) for table, name in dict.fromkeys(names)}
    while True:  # until nothing is refused any more; each time something is left out
        _write(document, chains)
        policy, problems = parse_rules("\n".join(document.lines) + "\n", "rules.yaml")
        if policy is not None:
            break
        before = len(document.refused)
        for problem in problems:
            starts = [line for line in document.rules_at if line <= problem.line]
            if not starts:
                raise AssertionError(problem.shown())
            entry = document.rules_at[max(starts)]
            if id(entry) not in document.refused:
                _refuse(document, entry, NotExpressible(problem.message))
        assert len(document.refused) > before, problems[0].shown()
        _lose(document, chains.values())
    left = sorted(document.left, key=_place)
    return "\n".join(document.lines + _told(left)) + "\n", left


def _head(families: list[Family]) -> list[str]:
    """What a file of iptables' rules begins with."""
    tools = " and ".join(f"{TOOLS[family.version]}-save" for family in families)
    lines = [f"Made from {tools} by `firewalld-py import`."]
    if len(families) == 1:
        other = 10 - families[0].version
        lines.append(f"IPv{other} was not given: it meets the policies alone.")
    return lines


def _merged(families: list[Family], table: str, name: str) -> Written:
    """Policy, notes and rules of one chain."""
    found = [family.chains.get((table, name)) for family in families]
    base = (table, name.upper()) in CHAINS
    if not any(found):
        return Written("", [], [])
    chains = [chain or Imported("accept" if base else "", "") for chain in found]
    policy = chains[0].policy
    steps = [list(chain.steps) for chain in chains]
    notes = [
        f"policy: {chain.packets}{f' (IPv{family.version})' if len(families) > 1 else ''}"
        for family, chain in zip(families, chains, strict=True)
        if chain.packets
    ]
    if len(steps) == 1:
        return Written(policy, notes, [Entry(step, step.family or None) for step in steps[0]])
    return Written(policy, notes, _woven(*steps))


def _woven(first: list[Step], second: list[Step]) -> list[Entry]:
    """Both families' rules in one list, each family's in its order; equal ones are one."""
    entries: list[Entry] = []
    matcher = SequenceMatcher(
        None, [_key(step) for step in first], [_key(step) for step in second], autojunk=False
    )
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            for one, other in zip(first[start:end], second[other_start:other_end], strict=True):
                entries.append(Entry(one, None, (other,)))
            continue
        entries += [Entry(step, step.family or None) for step in first[start:end]]
        entries += [Entry(step, step.family or None) for step in second[other_start:other_end]]
    return entries


def _key(step: Step) -> object:
    """Equal for rules that may be one."""
    conditions = tuple(step.conditions.items())
    of_family = any(key in step.conditions for key in _OF_FAMILY)
    # Each family counts by itself.
    if step.is_left_out() or of_family or any(key in step.conditions for key in COUNTING):
        return step.family, conditions, step.action, step.source
    return conditions, step.action


def _write(document: Document, chains: Chains) -> None:
    """All lines of the file but for what is told at its end."""
    document.lines = [f"# {line}" for line in document.head]
    document.rules_at = {}
    document.lines += ["version: 1"]
    sets = {name: made for family in document.families for name, made in family.sets.items()}
    if sets:
        document.lines.append("sets:")
    for name, made in sets.items():
        document.lines += set_lines(name, made, "  ")
    for table in ("raw", "filter"):
        before = len(document.lines)
        users: dict[str, Written] = {}
        for (of_table, name), chain in chains.items():
            if of_table == table and (table, name.upper()) not in CHAINS:
                users[name] = chain
            elif of_table == table:
                _write_base(document, table, name, chain)
        if users:
            document.lines.append("  chains:")
        for name, chain in users.items():
            document.lines.append(f"    {scalar(name)}:")
            _write_rules(document, chain.entries, "      ")
            if document.lines[-1].endswith(f"{scalar(name)}:"):
                document.lines[-1] += " []"
        if len(document.lines) > before:
            document.lines.insert(before, f"{table}:")
            document.rules_at = {
                line + (line > before): entry for line, entry in document.rules_at.items()
            }


def _write_base(document: Document, table: str, name: str, chain: Written) -> None:
    """A chain that packets come to by themselves."""
    if table == "raw" and not any(not entry.step.is_left_out() for entry in chain.entries):
        return
    if not chain.policy:
        return
    document.lines.append(f"  {name}:")
    if table == "raw":
        _write_rules(document, chain.entries, "    ")
        return
    document.lines += [f"    # {note}" for note in chain.notes]
    document.lines.append(f"    policy: {chain.policy}")
    if chain.entries:
        document.lines.append("    rules:")
    _write_rules(document, chain.entries, "      ")


def _write_rules(document: Document, entries: list[Entry], indent: str) -> None:
    names: dict[str, int] = {}
    chain = ""
    for entry in entries:
        step = entry.step
        if step.chain != chain and not step.is_left_out():
            chain = step.chain
            if chain:
                document.lines.append(f"{indent}# from the chain {visible(chain)}")
        _comments(document, entry, indent)
        if step.is_left_out() or id(entry) in document.refused:
            continue
        try:
            fields = fields_of(_name(step, names), entry.family, step.conditions, step.action)
            lines = rule_lines(fields, indent)
        except NotExpressible as fault:
            _refuse(document, entry, fault)
            continue
        document.rules_at[len(document.lines) + 1] = entry
        document.lines += lines


def _refuse(document: Document, entry: Entry, fault: NotExpressible) -> None:
    """Leave out a rule that could not be written, or that the language does not take."""
    document.refused[id(entry)] = fault.reason
    for step in (entry.step, *entry.others):
        if step.source is not None:
            opens = step.action.verdict not in ("accept", "continue", "return")
            left = Left(step.source, fault.reason, fault.advice, opens)
            if left.source not in [one.source for one in document.left]:
                document.left.append(left)


def _lose(document: Document, chains: Iterable[Written]) -> None:
    """Leave out what follows a rule that lets packets leave its chain and was refused."""
    for chain in chains:
        lost: dict[int, Source | None] = {}
        for entry in chain.entries:
            steps = (entry.step, *entry.others)
            for step in steps:
                # A rule of both IP versions has the family 0.
                after = [own for own in lost if own == step.family or 0 in (own, step.family)]
                if after and id(entry) not in document.refused:
                    source = lost[after[0]]
                    where = source.where if source else "a rule"
                    reason = f"it comes after {where}, which lets some packets leave here"
                    if not step.is_left_out():
                        _refuse(document, entry, NotExpressible(reason))
            if id(entry) in document.refused and entry.step.action.verdict in ("return", "goto"):
                lost |= {step.family: step.source for step in steps}


def _comments(document: Document, entry: Entry, indent: str) -> None:
    """What is told above a rule."""
    for step in (entry.step, *entry.others):
        if step.source is None:
            continue
        version = f"IPv{step.family}: " if entry.others else ""
        counters = step.source.counters
        if counters is not None and counters.packets:
            document.lines.append(
                f"{indent}# {version}{counters.packets} packets, {counters.octets} octets"
            )
        notes = list(step.notes)
        if id(entry) in document.refused:
            notes.append(f"left out: {document.refused[id(entry)]}")
        if notes:
            document.lines.append(f"{indent}# {version}{visible(step.source.text)}")
            document.lines += [f"{indent}#   {visible(note)}" for note in notes]


def _name(step: Step, names: dict[str, int]) -> str:
    """The rule's name, which stands once in its chain."""
    name = visible(step.name).strip()[:MAX_NAME]
    if not name:
        return ""
    names[name] = names.get(name, 0) + 1
    if names[name] == 1:
        return name
    number = f" ({names[name]})"
    return _name(replace(step, name=name[: MAX_NAME - len(number)] + number), names)


def visible(text: str) -> str:
    """The text with a question mark for all that could not be seen in the file."""
    return "".join("?" if not one.isprintable() or HIDDEN.match(one) else one for one in text)


def _place(left: Left) -> tuple[str, int]:
    """By which what is told is sorted: the file, then the place in it."""
    return left.source.where.partition(" ")[0].partition("[")[0], left.source.order


def _told(left: list[Left]) -> list[str]:
    """The lists at the end of the file."""
    lines: list[str] = []
    nearly = [one for one in left if one.nearly]
    out = [one for one in left if not one.nearly]
    for title, found in (
        ("Left out, for it cannot be said here", out),
        ("Not quite the same here", nearly),
    ):
        if found:
            lines += ["", f"# {title}: {len(found)}"]
        for one in found:
            lines += [f"# {line}" for line in described(one)]
    return lines


def described(left: Left) -> list[str]:
    """What was left out, in lines for reading."""
    lines = [f"{left.source.where}: {visible(left.source.text)}", f"    {visible(left.reason)}"]
    if left.advice:
        lines.append(f"    advice: {left.advice}")
    if left.opens:
        lines.append("    CAUTION: what it kept out, or changed, goes on to the rules after it")
    return lines
