"""The pages about the state tables are what the tables say, and say all of it."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import Final, Protocol, cast

import pytest

from firewalld_py.conntrack import sctp_states, tcp_states
from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS
from tests.project import ROOT

PAGES: Final = ROOT / "docs" / "states"


class Generator(Protocol):
    """What the tests use of docs/generate_states.py."""

    def pages(self) -> dict[str, str]:
        """File name and text of every page."""


def load_generator() -> Generator:
    """The script as a module; loading it writes nothing."""
    path = ROOT / "docs" / "generate_states.py"
    spec = importlib.util.spec_from_file_location("firewalld_py_docs_states", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return cast("Generator", module)


MADE: Final = load_generator().pages()


def test_the_pages_are_those_that_are_made() -> None:
    assert {path.name for path in PAGES.iterdir()} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_up_to_date(name: str) -> None:
    assert (PAGES / name).read_text() == MADE[name], "run `make docs` and commit docs/states"


def rows(page: str) -> dict[str, list[list[str]]]:
    """The cells of a page's table rows by their bold heads, in order."""
    found: dict[str, list[list[str]]] = {}
    for line in page.splitlines():
        head, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| **"):
            found.setdefault(head.strip("*"), []).append([cell.strip("*") for cell in cells])
    return found


@pytest.mark.parametrize(
    ("name", "states", "events", "table"),
    [
        (
            "tcp.md",
            tcp_states.STATE_NAMES,
            list(tcp_states.CLASS_NAMES),
            tcp_states.TRANSITIONS,
        ),
        (
            "sctp.md",
            sctp_states.STATE_NAMES,
            [
                *("INIT", "INIT ACK", "ABORT", "SHUTDOWN", "SHUTDOWN ACK", "ERROR"),
                *("COOKIE ECHO", "COOKIE ACK", "SHUTDOWN COMPLETE", "HEARTBEAT", "HEARTBEAT ACK"),
            ],
            sctp_states.TRANSITIONS,
        ),
    ],
)
def test_a_page_shows_every_cell(
    name: str, states: tuple[str, ...], events: list[str], table: tuple[bytes, ...]
) -> None:
    shown = rows((PAGES / name).read_text())
    assert list(shown) == events
    for row, cells in enumerate(table):
        direction, event = divmod(row, len(events))
        line = shown[events[event]][direction]
        said = [states[place] if cell == "·" else cell for place, cell in enumerate(line)]
        assert said == [states[cell] for cell in cells], f"{events[event]}, direction {direction}"


def test_every_timeout_is_on_one_page_with_its_default() -> None:
    shown = re.findall(r"\| `(\w+)` \| (\d+) s", "".join(MADE.values()))
    assert sorted(shown) == sorted((name, str(value)) for name, value in TIMEOUT_DEFAULTS.items())
