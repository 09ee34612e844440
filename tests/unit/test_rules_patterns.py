"""Regular expressions over octets: what Python's own say, and in a time that is bounded."""

from __future__ import annotations

import random
import re
import time
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.rules.patterns import MAX_WORK, searcher

SLOW_S: Final = 0.25  # many times what the worst search takes; a backtracking one takes ages


@pytest.mark.parametrize(
    ("expression", "octets", "found"),
    [
        (rb".", b"\n", True),
        (rb"\xff\x00", b"a\xff\0", True),
        ("é".encode(), "café".encode(), True),
        ("é".encode(), b"caf\xe9", False),
        (rb"^a", b"ba", False),
        (rb"a$", b"a\n", False),  # the very end, not the line's
        (rb"(?i)GeT", b"get", True),
        (rb"(?s:a.b)", b"a\nb", True),
    ],
)
def test_every_octet_is_a_character(expression: bytes, octets: bytes, found: bool) -> None:
    assert (searcher(expression).search(octets) is not None) is found


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (b"(a", "missing ): (a"),
        (b"a**", "bad repetition operator: **"),
        (b"[b-a]", "invalid character class range: b-a"),
        (rb"(a)\1", "invalid escape sequence: \\1"),  # what cannot be in linear time
        (b"(?=a)", "invalid perl operator: (?="),
        (b"a{2000}", "invalid repetition size: {2000}"),
    ],
)
def test_what_is_wrong_is_said(expression: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        searcher(expression)


def _expression(chance: random.Random, depth: int = 0) -> bytes:
    """One of those that mean the same here and there."""
    kind = chance.randrange(9 if depth < 4 else 4)
    if kind == 0:
        return re.escape(bytes((chance.randrange(256),)))
    if kind == 1:
        return chance.choice((b".", rb"\d", rb"\w", rb"\s", rb"\x00", rb"\n", b"a", b"b"))
    if kind == 2:
        low, high = sorted(chance.choices(range(97, 103), k=2))
        negated = b"^" if chance.random() < 0.3 else b""
        return b"[" + negated + bytes((low,)) + b"-" + bytes((high,)) + b"]"
    if kind == 3:
        return chance.choice((b"ab", b"^", rb"\Z", b"a"))
    if kind in (4, 5):
        return _expression(chance, depth + 1) + _expression(chance, depth + 1)
    if kind == 6:
        return b"(" + _expression(chance, depth + 1) + b"|" + _expression(chance, depth + 1) + b")"
    repeat = chance.choice((b"*", b"+", b"?", b"{2}", b"{1,3}", b"*?"))
    return b"(?:" + _expression(chance, depth + 1) + b")" + repeat


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**32))
def test_found_is_what_python_finds(seed: int) -> None:
    chance = random.Random(seed)
    expression = _expression(chance)
    found = searcher(expression.replace(rb"\Z", rb"\z"))
    theirs = re.compile(expression, re.DOTALL)
    for _ in range(10):
        octets = bytes(chance.choices(b"abcdefg \n\0\xff1", k=chance.randrange(12)))
        assert (found.search(octets) is None) is (theirs.search(octets) is None), (
            expression,
            octets,
        )


@pytest.mark.parametrize(
    ("expression", "letters"),
    [
        (b"(a*)*b", b"a"),
        (b"(a|aa)+$c", b"a"),
        (b"(.*)(.*)(.*)(.*)(.*)x[^x]*y", b"xa"),
        (b"1[01]{250}x", b"01"),
        (b".{0,100}1.{100}x", b"01"),
        (b"(1[01]{90}x|0[01]{90}y)", b"01xy"),
    ],
)
def test_no_expression_and_no_octets_are_slow(expression: bytes, letters: bytes) -> None:
    found = searcher(expression)
    octets = bytes(random.Random(5).choices(letters, k=min(MAX_WORK // found.programsize, 65535)))
    begun = time.perf_counter()
    found.search(octets)
    assert time.perf_counter() - begun < SLOW_S
