"""Broken rule files: each is told of at its line, soon, and never taken for something else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules, read_rules
from firewalld_py.policy.trial import failed_tests
from tests.cases.broken.kept import BASES, Case, base_text, is_told, is_yaml, kept
from tests.unit.schemas import objections

CASES: Final = [case for base in BASES for case in kept(base)]
LONGEST_S: Final = 1.0  # of the processor, which others use too
# What YAML is to us (no duplicate keys, no merge keys) an editor knows without a schema.
OF_SCHEMA: Final = [case for case in CASES if is_yaml(case.text)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_file_is_told_of_at_its_line(case: Case) -> None:
    text = case.text
    began = time.process_time()
    policy, problems = parse_rules(text, "rules.yaml")
    assert time.process_time() - began < LONGEST_S
    assert policy is None
    assert is_told(case.mutation, problems), "\n".join(problem.shown() for problem in problems)


def test_there_are_five_hundred_of_them_and_no_two_are_the_same() -> None:
    assert len(CASES) >= 500
    assert len({(case.base, case.text) for case in CASES}) == len(CASES)
    assert len({case.mutation.kind for case in CASES}) >= 20


def test_what_a_schema_can_know_is_refused_while_typing() -> None:
    """Of those that are YAML. The rest is what a chain allows, and what depends on two places."""
    refused = [case for case in OF_SCHEMA if objections(case.text)]
    missed = [case.name for case in OF_SCHEMA if case.structural and case not in refused]
    assert missed == []
    assert len(refused) / len(OF_SCHEMA) > 0.7, f"{len(refused)} of {len(OF_SCHEMA)}"


@pytest.mark.parametrize("base", BASES)
def test_the_files_that_they_are_made_of_are_good(base: str) -> None:
    policy, problems = parse_rules(base_text(base), "rules.yaml")
    assert problems == []
    assert policy is not None
    assert failed_tests(policy, Config()) == []
    assert objections(base_text(base)) == []


GOOD: Final = "version: 1\nfilter: {input: {policy: drop}}\n# grün\n"
PLACES: Final[dict[str, tuple[bytes, int]]] = {
    "UTF-16 with its mark": (GOOD.encode("utf-16"), 1),
    "UTF-16 without": (GOOD.encode("utf-16-le"), 1),
    "UTF-16, high octets first": (GOOD.encode("utf-16-be"), 1),
    "UTF-32": (GOOD.encode("utf-32"), 1),
    "Latin-1": (GOOD.encode("latin-1"), 3),
    "EBCDIC": (GOOD.replace("ü", "u").encode("cp500"), 1),
    "a NUL": (GOOD.encode().replace(b"drop", b"dr\0op"), 2),
    "NULs behind the end, as after a crash": (GOOD.encode() + b"\0" * 4096, 4),
    "nothing but NULs, as after a crash": (b"\0" * 4096, 1),
    "a byte order mark in the middle": (GOOD.encode().replace(b"# ", b"\xef\xbb\xbf# "), 3),
    "an overlong form": (GOOD.encode().replace(b"drop", b"dr\xc1\xafp"), 2),
    "half of a surrogate pair": (GOOD.encode().replace(b"drop", b"dr\xed\xa0\x80p"), 2),
    "cut in the middle of a character": (GOOD.encode().partition(b"\xbc")[0], 3),
    "compressed": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x2b\x4b\x2d\x2a", 1),
    "a program": (b"\x7fELF\x02\x01\x01\x00", 1),
    "escapes of a terminal": (b"version: 1\n\x1b[2J# clear\n", 2),
    "Mac line ends are line ends": (b"version: 1\rfilter: {inputt: {}}\r", 2),
    "Windows line ends are line ends": (b"version: 1\r\nfilter: {inputt: {}}\r\n", 2),
}


@pytest.mark.parametrize("name", PLACES)
def test_octets_that_are_no_text(name: str, tmp_path: Path) -> None:
    data, line = PLACES[name]
    path = tmp_path / "rules.yaml"
    path.write_bytes(data)
    policy, problems = read_rules(path)
    assert policy is None
    assert problems[0].line == line, problems[0].shown()
    assert problems[0].shown().isascii() or "ü" in problems[0].shown() or "\ufffd" in str(problems)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        GOOD.encode().rstrip(b"\n"),
        b"---\n" + GOOD.encode() + b"...\n",
        b"%YAML 1.2\n---\n" + GOOD.encode(),
    ],
)
def test_what_editors_and_other_systems_write_is_taken(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(data)
    policy, problems = read_rules(path)
    assert problems == []
    assert policy is not None
    assert policy.chains[0].policy == "drop"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{'*a, ' * 9}*a]\n" for n in range(1)),
        "&a [" + "*a, " * 1000 + "]",
        "x: &x0 [y]\n" + "".join(f"x{n}: &x{n} [{f'*x{n - 1}, ' * 50}]\n" for n in range(1, 30)),
        "{" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "- " * 100_000,
        "? " * 50_000,
        "'" + "a" * 1_000_000,
        '"' + "\\" * 1_000_001,
        "a" * 1_000_000,
        "key: " * 20_000,
        "version: 1\ndefine:\n" + "".join(f"  a{n}: $a{n + 1}\n" for n in range(20_000)),
        "version: 1\nraw:\n  chains:\n"
        + "".join(f"    c{n}: [{{action: {{jump: c{n + 1}}}}}]\n" for n in range(3_000)),
        "version: 1\nfilter: {input: {rules: [" + "{src: [" + "x, " * 20_000 + "]}]}}\n",
        f"version: 1\nfilter: {{input: {{rules: [{{src: {'1' * 100_000}, action: drop}}]}}}}\n",
        f"version: 1\nfilter: {{input: {{rules: [{{mark: 0x{'f' * 100_000}, action: drop}}]}}}}\n",
        f"version: 1\nfilter: {{input: {{rules: [{{{'k' * 100_000}: 1, action: drop}}]}}}}\n",
    ],
    ids=range(17),
)
def test_what_is_made_to_be_slow_is_not(text: str) -> None:
    began = time.process_time()
    policy, problems = parse_rules(text, "rules.yaml")
    assert time.process_time() - began < LONGEST_S
    assert policy is None
    assert problems
    assert all(len(problem.shown()) < 3_000 for problem in problems)
