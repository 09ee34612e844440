"""The verb `help`: every key of both files, with what may stand there and what it means."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING, Final

from firewalld_py.cli import exits
from firewalld_py.policy.keys import Key, Table
from firewalld_py.policy.reference import (
    TOPICS,
    Entry,
    NoSuchTopic,
    default_text,
    find,
    form_text,
    more_words,
    shares_keys,
)
from firewalld_py.policy.schema import FILES, make_schema

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

WIDTH: Final = 79  # of 80 columns, so that no terminal breaks a line by itself
LABEL: Final = 12  # columns that a label takes


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `help` to the command's parser."""
    parser = subparsers.add_parser(
        "help",
        help="what may stand in the rules and in the configuration",
        description="Show what a key means and what may stand there. TOPIC is one of "
        f"{', '.join(TOPICS)}, and a key after it or alone: `rule src`, `action reject`, "
        "`config queue.gso`, `src`. iptables' words lead there too: `help ctstate`.",
    )
    parser.add_argument("topic", nargs="*", metavar="TOPIC", help="without it: the topics")
    parser.add_argument("--schema", choices=tuple(FILES), help="a file's JSON Schema, for editors")


def run(args: argparse.Namespace) -> int:
    """Show what was asked for; returns the exit code."""
    if args.schema:
        print(json.dumps(make_schema(args.schema), indent=1, ensure_ascii=False))
        return exits.OK
    if not args.topic:
        print("\n".join(_topics()))
        return exits.OK
    try:
        entry = find(args.topic)
    except NoSuchTopic as unknown:
        near = f"; did you mean {unknown.suggestion!r}?" if unknown.suggestion else ""
        known = "" if near else f"; there are: {', '.join(unknown.known)}"
        message = f"firewalld-py: nothing is called {unknown.word!r}{near}{known}"
        print(textwrap.fill(message, WIDTH), file=sys.stderr)
        return exits.USAGE
    print("\n".join(page(entry)))
    return exits.OK


def _topics() -> Iterator[str]:
    yield "What may stand in the rules and in the configuration. Ask for one of:"
    yield ""
    for name, (_, about) in TOPICS.items():
        yield from _labelled(f"help {name}", about, 16)
    yield ""
    yield from textwrap.wrap(
        "And for a key: help rule src, help action reject, help config queue.gso. "
        "JSON Schemas for editors: help --schema rules. The verbs: firewalld-py --help.",
        WIDTH,
    )


def page(entry: Entry) -> Iterator[str]:
    """All that is said of one topic, line by line."""
    title = " ".join((entry.path[0], ".".join(entry.path[1:]))).strip()
    yield title
    if entry.key is None:
        yield from _indented(TOPICS[entry.path[0]][1])
    else:
        yield from _indented(entry.key.doc)
        facts = list(_of_key(entry.key))
        yield from ["", *facts] if facts else []
    for table in entry.below:
        yield ""
        yield from _keys(table, title)


def _of_key(key: Key) -> Iterator[str]:
    """Form, words, default, other names and an example of a key."""
    facts = {
        "form": form_text(key),
        "words": ", ".join(more_words(key)),
        "default": default_text(key),
        "needed": key.required,
        "elsewhere": ", ".join(key.also),
    }
    for label, text in facts.items():
        if text:
            yield from _labelled(label, text, LABEL)
    if len(key.example) > WIDTH - LABEL - len("  - "):
        yield from ("  example", f"    - {key.example}")
    elif key.example:
        yield f"  {'example':<{LABEL}}- {key.example}"


def _keys(table: Table, title: str) -> Iterator[str]:
    """The keys of a table, each with its meaning."""
    if shares_keys(table):
        yield from _indented(f"Its keys: {', '.join(key.name for key in table)}.")
        return
    column = min(max(len(key.name) for key in table) + 2, 34)
    for key in table:
        default = default_text(key)
        yield from _labelled(key.name, key.doc + (f" [{default}]" if default else ""), column)
    yield ""
    yield f"More: firewalld-py help {title}{'.' if ' ' in title else ' '}KEY"


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _labelled(label: str, text: str, column: int) -> list[str]:
    """A label and beside it the text, in as many lines as it takes."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<{column}}",
        subsequent_indent=" " * (column + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
