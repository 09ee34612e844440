"""Reads the kept cases, and makes new ones: `python -m tests.cases.broken.kept [BASE ...]`.

What is made has to be read by people before it is kept: that a word is told is no proof that it is
the right one.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.errors import Problem, Problems
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.nodes import compose
from tests import mutations
from tests.mutations import Mutation
from tests.unit.schemas import objections

HERE: Final = Path(__file__).parent
BASES: Final = ("every-key", "gateway", "counting")
STRUCTURAL: Final = " (a schema knows)"
REST: Final = "cut"
MAX_WORDS: Final = 48  # characters of a message that are kept
_TEXT: Final = r'"(?:\\.|[^"\\])*"'
_RUN: Final = re.compile(r"(.)\1{24,}")  # kept as one character and how often it stands there
_SHORT_RUN: Final = re.compile(r"(.)~(\d+)~")
_CASE: Final = re.compile(
    rf"(\d+):(\d+)  ({_TEXT}) -> ({_TEXT})   (\d+): (.+)|(\d+):(\d+)  {REST}   (\d+): (.+)"
)


@dataclass(frozen=True, slots=True)
class Case:
    """A broken file: what was done to which good one, and whether a schema knows it for broken."""

    base: str
    mutation: Mutation
    structural: bool

    @property
    def text(self) -> str:
        """The broken file."""
        return self.mutation.apply(base_text(self.base))

    @property
    def name(self) -> str:
        """For the list of tests."""
        change = self.mutation
        return f"{self.base}:{change.line}:{change.column} {change.kind}"


def base_text(base: str) -> str:
    """A good file."""
    return (HERE / f"{base}.yaml").read_text()


def is_told(mutation: Mutation, problems: list[Problem]) -> bool:
    """Whether one of the problems stands in the line, with the words of a mutation."""
    return any(
        mutation.told in (problem.line, mutations.ANYWHERE) and _has(str(problem), mutation.words)
        for problem in problems
    )


def _has(message: str, words: str) -> bool:
    """Whether the words stand in a message: any of those between "|", in parts between "…"."""
    for choice in words.split("|"):
        pattern = ".*".join(re.escape(part.strip()) for part in choice.split("…"))
        if re.search(pattern, message):
            return True
    return False


def _written(text: str) -> str:
    short = _RUN.sub(lambda run: f"{run[1]}~{len(run[0])}~", text)
    visible = text.replace("\n", "").isprintable()
    return json.dumps(short, ensure_ascii=not visible)


def _read(text: str) -> str:
    short: str = json.loads(text)
    return _SHORT_RUN.sub(lambda run: run[1] * int(run[2]), short)


def is_yaml(text: str) -> bool:
    """Whether a text is YAML as we take it, whatever it says."""
    problems = Problems("t")
    compose(text, problems)
    return not problems.found


def line_of(mutation: Mutation) -> str:
    """A case as it is kept."""
    change = f"{_written(mutation.old)} -> {_written(mutation.new)}"
    if mutation.kind == "truncated files":
        change = REST
    return f"{mutation.line}:{mutation.column}  {change}   {mutation.told}: {mutation.words}"


def kept(base: str) -> Iterator[Case]:
    """The cases of a base, in the order of their file."""
    kind = ""
    structural = False
    text = base_text(base)
    for line in (HERE / f"{base}.cases").read_text().split("\n"):
        if line.startswith("== "):
            kind = line.removeprefix("== ").removesuffix(STRUCTURAL)
            structural = line.endswith(STRUCTURAL)
        elif line and not line.startswith("#"):
            yield Case(base, _mutation(kind, line, text), structural)


def _mutation(kind: str, line: str, text: str) -> Mutation:
    match = _CASE.fullmatch(line)
    assert match is not None, line
    if match[1] is None:
        at, column, told, words = match.group(7, 8, 9, 10)
        lines = text.split("\n")
        rest = "\n".join((lines[int(at) - 1][int(column) - 1 :], *lines[int(at) :]))
        return Mutation(kind, int(at), int(column), rest, "", int(told), words)
    at, column, old, new, told, words = match.group(1, 2, 3, 4, 5, 6)
    return Mutation(kind, int(at), int(column), _read(old), _read(new), int(told), words)


# How many of each kind are made for each base.
COUNT: Final = 14
COUNTS: Final = {
    "bad values": 70, "tabs": 4, "deep nesting": 5, "unknown keys": 8, "huge numbers": 8,
    "garbage behind the end": 12,
}  # fmt: skip
# Kinds of which all are kept, for the first base: they were written by hand.
WHOLE: Final = ("keys that exclude each other", "wrong chains", "defines and chains")


def _made(base: str, seed: int) -> Iterator[Case]:
    """Cases of each kind, with the words that are told."""
    text = base_text(base)
    by_kind: dict[str, list[Mutation]] = {}
    for kind in mutations.KINDS:
        for number in range(4):
            for mutation in kind(text, random.Random(seed + number)):
                by_kind.setdefault(mutation.kind, []).append(mutation)
    chance = random.Random(seed)
    for name, made in by_kind.items():
        count = COUNTS.get(name, COUNT)
        by_hand = list(dict.fromkeys(made)) if base == BASES[0] else []
        for mutation in by_hand if name in WHOLE else _sample(made, count, chance):
            broken = mutation.apply(text)
            policy, problems = parse_rules(broken, "t")
            if policy is None:
                structural = is_yaml(broken) and bool(objections(broken))
                yield Case(base, _with_words(mutation, problems), structural)


def _sample(made: list[Mutation], count: int, chance: random.Random) -> list[Mutation]:
    """So many of them, in the order of their lines, as different as may be."""
    chance.shuffle(made)
    first = {(mutation.words, mutation.new): mutation for mutation in made}
    some = [*first.values(), *(mutation for mutation in made if mutation not in first.values())]
    return sorted(some[:count], key=lambda mutation: mutation.line)


def _with_words(mutation: Mutation, problems: list[Problem]) -> Mutation:
    """The mutation with the words of the problem that fits it, else of the first."""
    fitting = [found for found in problems if is_told(mutation, [found])] or problems
    words = fitting[0].message
    if len(words) > MAX_WORDS:
        words = words[:MAX_WORDS].rpartition(" ")[0]
    if fitting[0].suggestion and "…" in mutation.words:
        words += f" … '{fitting[0].suggestion}'"
    return replace(mutation, words=words, told=fitting[0].line)


def main() -> None:
    """Make the files of cases anew."""
    for base in sys.argv[1:] or BASES:
        sections: dict[tuple[str, bool], list[str]] = {}
        for case in {case.text: case for case in _made(base, 5)}.values():
            heading = case.mutation.kind, case.structural
            sections.setdefault(heading, []).append(line_of(case.mutation))
        with (HERE / f"{base}.cases").open("w") as file:
            file.write(
                f"# What was done to {base}.yaml, and what has to be told: see __init__.py.\n"
            )
            for (kind, structural), lines in sections.items():
                file.write(f"\n== {kind}{STRUCTURAL if structural else ''}\n")
                file.writelines(f"{line}\n" for line in dict.fromkeys(lines))


def same_plan(text: str, base: str) -> bool:
    """Whether a broken file that is taken means what the good one does."""
    plans = []
    for one in (text, base_text(base)):
        policy, _ = parse_rules(one, "t")
        assert policy is not None
        plans.append(_without_places(compile_policy(policy, Config())))
    return plans[0] == plans[1]


def _without_places(plan: object) -> object:
    if isinstance(plan, dict):
        return {key: _without_places(value) for key, value in plan.items() if key != "line"}
    return [_without_places(part) for part in plan] if isinstance(plan, list) else plan


if __name__ == "__main__":
    main()
