"""Any good rule file with any fault: soon told of, or it means what it meant."""

from __future__ import annotations

import random
import time
from functools import cache
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.rule import RULE
from firewalld_py.policy.source import LINE_BREAK
from tests import mutations
from tests.cases.broken.kept import BASES, base_text
from tests.mutations import Mutation
from tests.project import ROOT
from tests.unit.policy_texts import in_chain

LONGEST_S: Final = 1.0  # of the processor
SHIPPED: Final = sorted((ROOT / "config").rglob("*.yaml"))
# What no reader can know: a file that ends early may be meant to end there.
MAY_MEAN_OTHERWISE: Final = ("truncated files", "garbage behind the end")
# Of these any text is right, and so another one too.
FREE_TEXTS: Final = ("name", "prefix")


@cache
def good_files() -> list[str]:
    """The bases, what is shipped, and a file with the example of every key of a rule."""
    texts = [base_text(base) for base in BASES]
    texts += [path.read_text() for path in SHIPPED if path.name != "firewalld-py.yaml"]
    examples = [key.example for key in RULE if key.example]
    of_forward = [text for text in examples if not parse_rules(in_chain(CHAIN, text), "t")[1]]
    return [*texts, in_chain(CHAIN, *of_forward)]


CHAIN: Final = "filter/forward"


@cache
def faults(place: int, kind: int, seed: int) -> list[Mutation]:
    """The mutations of one kind for one of the good files."""
    text = good_files()[place]
    return list(mutations.KINDS[kind](text, random.Random(seed)))


def meaning(text: str) -> object:
    """The plan of a text without its places and without what may be any text; None if it is bad."""
    policy, problems = parse_rules(text, "t")
    lines = LINE_BREAK.split(text)
    for problem in problems:
        assert problem.message
        assert 0 <= problem.line <= len(lines) + 1
        assert problem.shown()
    return None if policy is None else _without(compile_policy(policy, Config()))


def _without(plan: object) -> object:
    if isinstance(plan, dict):
        return {
            key: _without(value) for key, value in plan.items() if key not in ("line", *FREE_TEXTS)
        }
    if not isinstance(plan, list):
        return plan
    if plan and plan[0] in ("contains", "probability"):
        return plan[:2]  # any text; a share's seed is the place of its condition
    return [_without(part) for part in plan]


def timely(text: str) -> object:
    began = time.process_time()
    found = meaning(text)
    assert time.process_time() - began < LONGEST_S
    return found


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_one_fault_is_told_or_changes_nothing(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(good_files()) - 1))
    kind = data.draw(st.integers(0, len(mutations.KINDS) - 1))
    found = faults(place, kind, data.draw(st.integers(0, 7)))
    if not found:
        return
    mutation = data.draw(st.sampled_from(found))
    text = good_files()[place]
    became = timely(mutation.apply(text))
    if became is not None and mutation.kind not in MAY_MEAN_OTHERWISE:
        assert became == meaning(text), mutation


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 6))
def test_many_faults_at_once_are_no_stumble(chance: random.Random, number: int) -> None:
    text = chance.choice(good_files())
    for _ in range(number):
        at = chance.randrange(len(text) + 1)
        other = chance.choice(good_files())
        start = chance.randrange(len(other))
        piece = other[start : start + chance.randrange(40)]
        text = text[:at] + piece + text[at + chance.randrange(20) :]
    timely(text)
