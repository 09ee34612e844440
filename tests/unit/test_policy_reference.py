"""What `help` and docs/reference.md say about keys: all of them, and what is true."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final, Protocol, cast

import pytest

from firewalld_py.policy.config import CONFIG
from firewalld_py.policy.keys import Key, Table
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.reference import (
    TOPICS,
    NoSuchTopic,
    default_text,
    find,
    more_words,
    places,
)
from firewalld_py.policy.rule import RULE
from tests.project import ROOT
from tests.unit.policy_texts import in_chain
from tests.unit.schemas import objections

CHAINS: Final = (
    *("filter/forward", "filter/input", "filter/output"),
    *("raw/prerouting", "raw/output"),
)

# Those that examples speak of.
SETS: Final = "sets: {blocked: {type: address}, pairs: {type: [address, port]}}\n"


class Generator(Protocol):
    """What the tests use of docs/generate_reference.py."""

    def files(self) -> dict[Path, str]:
        """Path and text of every file."""


def load_generator() -> Generator:
    """The script as a module; loading it writes nothing."""
    path = ROOT / "docs" / "generate_reference.py"
    spec = importlib.util.spec_from_file_location("firewalld_py_docs_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return cast("Generator", module)


MADE: Final = load_generator().files()
EVERY_TABLE: Final = {
    number: table for name in TOPICS for number, (table, _) in places(name).items()
}
EVERY_KEY: Final = {id(key): key for table in EVERY_TABLE.values() for key in table}.values()
EXAMPLES: Final = [(key.name, key.example) for key in EVERY_KEY if key.example]


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    assert path.read_text() == MADE[path], "run `make docs` and commit what it wrote"


def test_the_page_has_every_key_with_its_meaning() -> None:
    page = (ROOT / "docs" / "reference.md").read_text().replace("\\*", "*").replace("\\|", "|")
    for key in EVERY_KEY:
        assert f"| `{key.name}` |" in page
        assert key.doc in page


def test_every_key_has_a_form_and_a_meaning() -> None:
    for key in EVERY_KEY:
        assert key.form, key.name
        assert key.doc, key.name


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_is_right_in_some_chain_and_shows_its_key(name: str, example: str) -> None:
    assert name in example
    texts = [in_chain(chain, example, "{action: {recent_set: ssh}}") + SETS for chain in CHAINS]
    assert any(not parse_rules(text, "t")[1] for text in texts)
    assert objections(texts[0]) == []
    assert len(example) < 75, "it has to fit into a line of 80 columns"


def test_most_of_what_a_rule_may_say_is_shown_by_an_example() -> None:
    without = [key.name for key in RULE if not key.example]
    assert len(without) <= len(RULE.keys) // 2, without


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("rule", "rule"),
        ("rule src", "rule src"),
        ("rule.src", "rule src"),
        ("src", "rule src"),
        ("rule not.src", "rule not src"),
        ("rule --ctstate", "rule state"),
        ("saddr", "rule src"),
        ("action reject", "action reject"),
        ("reject", "action reject"),
        ("jump", "action jump"),
        ("tcp-reset", "action reject"),
        ("notrack", "rule action"),
        ("established", "rule state"),
        ("config queue.gso", "config queue gso"),
        ("queue gso", "config queue gso"),
        ("config conntrack timeouts udp_timeout", "config conntrack timeouts udp_timeout"),
        ("rules filter.forward.policy", "rules filter forward policy"),
        ("define", "rules define"),
    ],
)
def test_a_topic_is_found(words: str, path: str) -> None:
    assert find(words.split()).path == tuple(path.split())


@pytest.mark.parametrize(
    ("words", "word", "suggestion"),
    [
        ("scr", "scr", "src"),
        ("rule dpotr", "dpotr", "dport"),
        ("config queue.gos", "gos", "gso"),
        ("action zzzzzz", "zzzzzz", ""),
        ("rule src.x", "x", ""),
        ("established x", "established", ""),
    ],
)
def test_what_is_not_there_is_told_with_what_was_meant(
    words: str, word: str, suggestion: str
) -> None:
    with pytest.raises(NoSuchTopic) as caught:
        find(words.split())
    assert (caught.value.word, caught.value.suggestion) == (word, suggestion)


def key_of(path: str) -> Key:
    """The key at a path ("config queue.gso")."""
    key = find(path.split()).key
    assert key is not None
    return key


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("config queue.gso", "true"),
        ("config queue.length", "8192"),
        ("config log.rate", "10/second"),
        ("config hook.chains", "[forward, input, output]"),
        ("config hook.reject_mark", "0x4000000"),
        ("config conntrack.helpers.ftp_loose", "false"),
        ("config conntrack.timeouts.tcp_timeout_established", "5d"),
        ("config conntrack.timeouts.udp_timeout", "30s"),
        ("config fail", "closed"),
        ("config queue", ""),
        ("rule src", ""),
    ],
)
def test_a_default_is_told_as_one_would_write_it(path: str, text: str) -> None:
    assert default_text(key_of(path)) == text


def test_words_that_a_form_names_are_not_told_twice() -> None:
    assert more_words(key_of("rule state")) == ()
    assert "udp" in more_words(key_of("rule proto"))
    assert "tcp" not in more_words(key_of("rule proto"))


def test_where_tables_stand() -> None:
    found = {table.what: where for table, where in places("rules").values()}
    assert "`rules` of a chain" in found["a rule"]
    assert found["the policy"] == []
    sections = {table.what for table, _ in places("config").values()}
    assert {"section queue", "section timeouts"} <= sections
    assert all(isinstance(table, Table) for table in EVERY_TABLE.values())
    assert CONFIG in EVERY_TABLE.values()
