"""`firewalld-py help`: what it shows, in 80 columns, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest

from firewalld_py.cli.help import page
from firewalld_py.cli.main import main
from firewalld_py.policy.reference import TOPICS, Entry, find, keys_of, shares_keys
from firewalld_py.policy.schema import make_schema


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The lines that `help` prints for these words."""
    assert main(["help", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_without_a_topic_it_shows_the_topics(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys)
    for name in TOPICS:
        assert any(line.startswith(f"  help {name} ") for line in lines)


def test_a_key_with_all_that_is_known_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "rule", "src") == [
        "rule src",
        "  the source address; IPv4 and IPv6 may be mixed",
        "",
        "  form        one or a list of: an address, a network (10.1.0.0/24), a range",
        "              (10.1.0.5-10.1.0.9) or a $define",
        "  elsewhere   source, saddr, source_address, s, from",
        '  example     - {src: [10.1.0.0/24, "fd00:1::/64"], state: new, action: accept}',
    ]


def test_a_section_with_its_keys_and_their_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "config", "control")
    assert lines == [
        "config control",
        "  the control socket",
        "",
        "  socket  where firewalld-py reload and status find us",
        "          [/run/firewalld-py/control.sock]",
        "",
        "More: firewalld-py help config control.KEY",
    ]


def test_a_mapping_inside_of_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "log")
    assert lines[0] == "rule log"
    assert "  prefix  what the log line begins with" in lines


def test_the_keys_below_not_are_named_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert any(line.startswith("  Its keys: state, family,") for line in shown(capsys, "not"))


def every_entry(entry: Entry) -> Iterator[Entry]:
    """An entry and all below it, except what stands there once more."""
    yield entry
    for key in keys_of(entry) if not any(map(shares_keys, entry.below)) else ():
        yield from every_entry(key)


def test_no_line_of_any_page_is_wider_than_80_columns() -> None:
    pages = {
        entry.path: list(page(entry)) for name in TOPICS for entry in every_entry(find([name]))
    }
    assert [line for lines in pages.values() for line in lines if len(line) > 80] == []
    assert len(pages) > 100
    for path, lines in pages.items():
        assert lines[0] == f"{path[0]} {'.'.join(path[1:])}".strip()
        assert not any(one == other == "" for one, other in pairwise(lines))


@pytest.mark.parametrize("name", ["rules", "config"])
def test_a_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "--schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == make_schema(name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scr"], "firewalld-py: nothing is called 'scr'; did you mean 'src'?"),
        (
            ["zzzz"],
            "firewalld-py: nothing is called 'zzzz'; there are: rules, rule, action, config",
        ),
    ],
)
def test_what_is_unknown_is_told(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *words]) == 2
    assert capsys.readouterr().err.replace("\n", " ").strip() == said
