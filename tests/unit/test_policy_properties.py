"""No text whatever makes reading raise anything but PolicyErrors, each with a place that exists."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.policy import nodes
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config, read_config
from firewalld_py.policy.errors import PolicyErrors, Problem
from firewalld_py.policy.load import load_rules, parse_rules
from firewalld_py.policy.matches import MATCHES
from firewalld_py.policy.source import LINE_BREAK
from firewalld_py.rules.build import build_ruleset
from tests.unit.policy_texts import in_chain

GOOD = (Path(__file__).parents[2] / "config" / "rules.yaml").read_text()
WORD_LIST = """
    version 1 define raw filter input forward output prerouting policy rules name state new
    established in out src dst sport dport proto tcp udp icmp icmpv6 flags tcp_flags mask value
    mark family not log prefix limit level action accept drop reject notrack helper $lan 10.0.0.0/8
    ::1 22:80 80-22 0x1/0xff 10/second SYN true null ~ & * &a *a <<: ! !!str | > - ? : , [ ] { } #
    ' " % @
"""
GAPS = [
    "\n",
    "\n  ",
    "\n    - ",
    ": ",
    ", ",
    "\t",
    "\r\n",
    "\\",
    "é",
    "\u2028",
    "\0",
    "---\n",
    "...\n",
]
WORDS = st.sampled_from([*WORD_LIST.split(), *GAPS])
SCALAR_LIST = "10.0.0.1 ::1/64 80 1-9 tcp $a new drop accept 1/s 0x1/0x1 lan0 echo-request"
SCALARS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(SCALAR_LIST.split()),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(),
)
KEY_LIST = """
    name state family proto in out dport sport src dst icmp icmpv6 flags tcp_flags mark not log
    action mask value prefix limit burst level reject helper rules policy x
"""
KEYS = st.sampled_from(sorted({*KEY_LIST.split(), *MATCHES.by_name}))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


def checked(text: str) -> list[Problem]:
    """The problems of a text, each with a place that exists; a good text builds."""
    policy, problems = parse_rules(text, "t")
    assert (policy is None) == bool(problems)
    lines = LINE_BREAK.split(text)
    for problem in problems:
        assert problem.message
        assert 0 <= problem.line <= len(lines) + 1
        assert problem.shown()
    if policy is not None:
        build_ruleset(compile_policy(policy, Config()))
    return problems


@given(st.text())
def test_any_text(text: str) -> None:
    checked(text)


@settings(max_examples=300)
@given(st.lists(WORDS, max_size=60))
def test_any_heap_of_words(words: list[str]) -> None:
    checked("".join(words))


@given(st.lists(WORDS, max_size=40))
def test_any_heap_of_words_for_the_pure_parser(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "_LOADER", yaml.SafeLoader)
        checked("".join(words))


@settings(max_examples=300)
@given(st.dictionaries(KEYS, VALUES, max_size=6), st.sampled_from(["filter/input", "raw/output"]))
def test_any_rule(rule: dict[str, object], chain: str) -> None:
    shown = yaml.safe_dump(rule, default_flow_style=True, width=10**9).strip()
    checked(in_chain(chain, shown, define="{a: [10.0.0.1, 80]}"))


@given(VALUES)
def test_any_tree(tree: object) -> None:
    checked(yaml.safe_dump(tree))
    checked(yaml.safe_dump({"version": 1, "filter": tree, "define": tree, "raw": tree}))


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rules.yaml"
        path.write_bytes(data)
        with pytest.raises(PolicyErrors) as caught:
            load_rules(path)
        assert caught.value.problems
        read_config(path)


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_spoiled_good_file(chance: random.Random, faults: int) -> None:
    """Characters lost, doubled, exchanged: at most problems, never a stumble."""
    text = GOOD
    for _ in range(faults):
        at = chance.randrange(len(text))
        spoiled = chance.choice(["", text[at] * 2, chance.choice("{}[]:,-$'\"#&*! \n\tx9")])
        text = text[:at] + spoiled + text[at + 1 :]
    checked(text)
