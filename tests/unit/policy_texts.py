"""How the policy tests say where a problem is: a § in the text stands before the place."""

from __future__ import annotations

from typing import Final

from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.model import Policy, Rule
from tests.unit.schemas import objections

FILE: Final = "rules.yaml"
MAX_FOR_SCHEMA: Final = 20_000  # characters; what is longer repeats itself


def marked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without its §, and line and column, from 1, of each of them."""
    plain, places = "", []
    for part in text.split("§")[:-1]:
        plain += part
        places.append((plain.count("\n") + 1, len(plain) - plain.rfind("\n")))
    return text.replace("§", ""), places


def assert_problems(text: str, *messages: str) -> None:
    """Reading `text` gives exactly these messages (beginnings of them), each at its §."""
    plain, places = marked(text)
    policy, problems = parse_rules(plain, FILE)
    assert policy is None
    said = [f"{problem.message} => {problem.suggestion}" for problem in problems]
    assert len(said) == len(messages), said
    for full, beginning in zip(said, messages, strict=True):
        assert full.startswith(beginning), full
    assert [(problem.line, problem.column) for problem in problems] == places


def parsed(text: str) -> Policy:
    """The policy of a text without problems."""
    policy, problems = parse_rules(text, FILE)
    assert policy is not None, "\n".join(str(problem) for problem in problems)
    if len(text) <= MAX_FOR_SCHEMA:
        assert not objections(text), "the schema that is made of the keys refuses what is right"
    return policy


def in_chain(chain: str, *rules: str, define: str = "") -> str:
    """A rule file with these rules in one chain ("filter/forward")."""
    table, name = chain.split("/")
    lines = ["version: 1"]
    if define:
        lines.append(f"define: {define}")
    lines += [f"{table}:", f"  {name}:"]
    indent = "    "
    if table == "filter":
        lines.append("    rules:")
        indent = "      "
    lines += [f"{indent}- {rule}" for rule in rules]
    return "\n".join(lines) + "\n"


def one_rule(rule: str, chain: str = "filter/forward", define: str = "") -> Rule:
    """The one rule of a chain."""
    policy = parsed(in_chain(chain, rule, define=define))
    (read,) = policy.chains[0].rules
    return read
