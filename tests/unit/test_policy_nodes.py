"""YAML by nodes: texts stay texts, places are right, and no file whatever makes it stumble."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
import yaml

from firewalld_py.policy import nodes, source
from firewalld_py.policy.errors import Problems
from firewalld_py.policy.load import read_rules
from firewalld_py.policy.nodes import Mapping, Scalar, Sequence, compose, is_null
from tests.unit.policy_texts import marked


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers that PyYAML may have."""
    name = "CSafeLoader" if request.param == "libyaml" else "SafeLoader"
    if not hasattr(yaml, name):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(nodes, "_LOADER", getattr(yaml, name))
    return str(request.param)


def composed(text: str) -> nodes.Node:
    problems = Problems("t")
    tree = compose(text, problems)
    assert tree is not None
    assert problems.found == []
    return tree


@pytest.mark.parametrize(
    "text",
    ["22:80", "00:11:22:33:44:55", "on", "no", "0x10", "1e3", "012", "2026-11-21", "1_000", "$lan"],
)
def test_a_plain_scalar_stays_the_text_it_is(text: str) -> None:
    node = composed(f"key: {text}\n")
    assert isinstance(node, Mapping)
    assert node.entries["key"][1] == Scalar(text, True, 1, 6)


def test_places_count_from_one_and_are_those_of_the_value() -> None:
    node = composed("a:\n  - x\n  - 'ü y'\nb: {c: d}\n")
    assert isinstance(node, Mapping)
    first = node.entries["a"][1]
    assert isinstance(first, Sequence)
    assert [(item.line, item.column) for item in first.items] == [(2, 5), (3, 5)]
    inner = node.entries["b"][1]
    assert isinstance(inner, Mapping)
    key, value = inner.entries["c"]
    assert (key.line, key.column, value.line, value.column) == (4, 5, 4, 8)


@pytest.mark.parametrize("text", ["a:\n", "a: ~\n", "a: null\n"])
def test_nothing_is_null(text: str) -> None:
    node = composed(text)
    assert isinstance(node, Mapping)
    assert is_null(node.entries["a"][1])


def test_a_quoted_null_is_a_text() -> None:
    node = composed("a: 'null'\n")
    assert isinstance(node, Mapping)
    assert not is_null(node.entries["a"][1])


def test_a_line_that_is_deeper_than_the_one_above_is_told_as_that() -> None:
    problems = Problems("t")
    compose("a: 1\n  b: 2\n", problems)
    assert [(problem.line, problem.message[:40]) for problem in problems.ordered()] == [
        (1, "a text without quotes goes on in the nex"),
        (2, "not YAML: wrong indentation: this stands"),
    ]


def test_an_alias_is_what_it_names() -> None:
    node = composed("a: &x [1, 2]\nb: *x\n")
    assert isinstance(node, Mapping)
    assert node.entries["b"][1] is node.entries["a"][1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n§a: 2\n", "key 'a' stands here twice, first in line 1"),
        ("a: {b: 1, §'b': 2}\n", "key 'b' stands here twice, first in line 1"),
        ("a: &x [§*x]\n", "alias *x stands inside of what it names"),
        ("a: &x {b: {c: §*x}}\n", "alias *x stands inside of what it names"),
        ("a: §*x\n", "alias *x without its anchor &x"),
        ("a: &x {b: 1}\nc: {§<<: *x}\n", "merge keys (<<) are not supported"),
        ("a: §!!int 1\n", "tag 'tag:yaml.org,2002:int'"),
        ("a: §!10.0.0.1\n", "tag '!10.0.0.1': tags (!word) have no meaning here"),
        ("? §[a]\n: b\n", "a key must be a word, found a list"),
        ("? §{a: b}\n: c\n", "a key must be a word, found a mapping"),
        ("a: §b\n  c\n", "a text without quotes goes on in the next line"),
        ("a: b\n§---\nc: d\n", "a second document begins here"),
        ("a:\n§\t- b\n", "not YAML: a tab cannot indent YAML: use spaces"),
        ("a: §@b\n", "not YAML: a text that begins with '@' needs quotes"),
        ("a: §`b\n", "not YAML: a text that begins with '`' needs quotes"),
        ("a: b§: c\n", "not YAML: a ':' too many"),
        ("a:\n  b: 1\n §c: 2\n", "not YAML: wrong indentation"),
        ("- a\n§b: 1\n", "not YAML: wrong indentation"),
        ("a: §'b", "not YAML: a closing quote is missing"),
        ("a: [b, §c\n", "not YAML: a ',' or the closing bracket is missing"),
        ("a: §'b\nc: d'e\n", "not YAML: a closing quote is missing: the next one stands in line 2"),
        ("- {a: b, c: [d, e§}\n- {f: g}\n", "not YAML: a ',' or the closing bracket is missing"),
        ("- {a: §b\n\n# more\n- {f: g}\n", "not YAML: a ',' or the closing bracket is missing"),
        ("a: 1\n§b\nc: 2\n", "not YAML: a ':' is missing after the key"),
        ("a:\n  §b\n  # more\n  - c\n", "not YAML: a ':' is missing after the key"),
        ("a: [1]\n  §b: 2\n", "not YAML: wrong indentation"),
        ("a: [$§{b}]\n", "not YAML: a $name stands without braces"),
        ("a: *§.yaml\n", "not YAML: a text that begins with '*' or '&' needs quotes"),
        ('a: §b"\n', "'b\"' ends with a quote, and begins with none"),
        ("a: [§::/0]\n", "not YAML: a value is missing, or one that begins with ':' lacks quotes"),
        ("a: x§\x00\n", "character U+0000 is invisible"),
        ("a: b # §\u2028- c\n", "character U+2028 is invisible"),
        ("a: b # §\u202e c\n", "character U+202E is invisible"),
        ("a: §\x85b\n", "character U+0085 is invisible"),
        ("a: §\ud800b\n", "character U+D800 is invisible"),
        ("[" * 32 + "§[", "nested deeper than 32 levels"),
        ("a: &x " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 20 + "§*x", "nested deeper than 32"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text: str, message: str) -> None:
    plain, places = marked(text)
    problems = Problems("t")
    compose(plain, problems)
    assert [problem.message[: len(message)] for problem in problems.ordered()] == [message]
    assert [(problem.line, problem.column) for problem in problems.ordered()] == places


def test_an_address_that_ends_with_a_colon_is_told_to_take_quotes() -> None:
    problems = Problems("t")
    _, found = read_text(
        "version: 1\nfilter: {input: {rules: [{src: [fd00:9::], action: drop}]}}\n"
    )
    assert len(found) == 1
    assert "needs quotes" in found[0]
    assert problems.found == []


def read_text(text: str) -> tuple[object, list[str]]:
    from firewalld_py.policy.load import parse_rules

    policy, problems = parse_rules(text, "t")
    return policy, [str(problem) for problem in problems]


def test_both_duplicates_in_one_file_are_reported() -> None:
    problems = Problems("t")
    compose("a: 1\na: 2\nb: {c: 1, c: 2}\n", problems)
    assert [problem.line for problem in problems.ordered()] == [2, 3]


def test_aliases_cannot_blow_up() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    problems = Problems("t")
    start = time.monotonic()
    assert compose("\n".join(levels), problems) is None
    assert time.monotonic() - start < 1
    assert [problem.message for problem in problems.found] == [
        f"more than {nodes.MAX_NODES} values in one file"
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\n\n", "%YAML 1.2\n---\n"])
def test_an_empty_file_is_reported_as_such(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    _, problems = read_rules(path)
    assert [problem.message for problem in problems] == [
        "the file is empty: expected a policy that begins with 'version: 1'"
    ]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read_rules(path)[1] == []


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"version: 1\n# caf\xe9\n", (2, 6), "octet 0xe9 is not UTF-8"),
        ("version: 1\n".encode("utf-16"), (1, 1), "this is UTF-16 or UTF-32"),
        (b"\x7fELF\x02\x01\x01\x00", (1, 1), "character U+007F is invisible"),
        (bytes(range(256)), (1, 129), "octet 0x80 is not UTF-8"),
    ],
)
def test_what_is_no_text_is_a_problem(
    data: bytes, place: tuple[int, int], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(data)
    _, problems = read_rules(path)
    assert [problem.message[: len(message)] for problem in problems] == [message]
    if data[0] != 0:
        assert (problems[0].line, problems[0].column) == place


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    cases = {
        tmp_path / "absent.yaml": "cannot be read: No such file or directory",
        tmp_path / "loop": "cannot be read: Too many levels of symbolic links",
        tmp_path: "cannot be read: it is not a regular file",
        tmp_path / "pipe": "cannot be read: it is not a regular file",
        Path("/dev/zero"): "cannot be read: it is not a regular file",
        tmp_path / "a\0b": "cannot be read: embedded null byte",
    }
    for path, message in cases.items():
        _, problems = read_rules(path)
        assert [(problem.line, problem.message) for problem in problems] == [(0, message)]
        assert str(problems[0]) == f"{path}: {message}"


def test_a_file_without_permission_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything
        assert stat.S_IMODE(path.stat().st_mode) == 0
        assert read_rules(path)[1] == []
    else:
        assert read_rules(path)[1][0].message == "cannot be read: Permission denied"


def test_a_file_beyond_the_bound_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_OCTETS", 1 << 20)
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"#" * ((1 << 20) + 1))
    assert read_rules(path)[1][0].message == "is larger than 1 MiB, the most that is read"
