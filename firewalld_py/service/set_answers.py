"""Sets, their elements, and what became of these, as the control socket tells it."""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.policy.set_elements import element_text
from firewalld_py.rules.build import Plan
from firewalld_py.rules.sets import OUTCOME_NAMES
from firewalld_py.service.control import Answer
from firewalld_py.service.element_messages import IN_SET, NOT_IN_SET

_OUTCOMES: Final = {IN_SET: "in", NOT_IN_SET: "not in"}


def declaration(data: Plan) -> Answer:
    """What the rules say of a set."""
    return {
        "type": list(data["type"]),
        "lifetime": data["lifetime"] or None,
        "maximum": data["maximum"],
        "persist": bool(data.get("persist")),
    }


def element_entry(words: list[str], row: list[Any]) -> Answer:
    """One element of a list (a row of SetListed)."""
    _packed, _lengths, left, is_static, packets, octets = row
    return {
        "element": _text_of(words, row),
        "seconds": left or None,
        "from": _origin(is_static),
        "packets": packets,
        "octets": octets,
    }


def _text_of(words: list[str], row: list[Any]) -> str:
    return element_text(words, bytes.fromhex(row[0]), bytes.fromhex(row[1]))


def _origin(is_static: bool) -> str:
    return "rules" if is_static else "run time"


def timed(entry: Answer) -> str:
    """`192.0.2.1 for 60 s`, for the journal."""
    for_ = f" for {entry['seconds']:.0f} s" if entry["seconds"] else ""
    return entry["element"] + for_ if entry["outcome"] != "removed" else str(entry["element"])


def outcome_entry(
    words: list[str], element: list[Any], outcome: tuple[int, float, list[Any], bool]
) -> Answer:
    """What came of one element (a row of SetAnswer). `by` is the element of the set that covers it,
    `from` who put that there, `seconds` how long it stays."""
    came, left, covering, is_static = outcome
    return {
        "element": _text_of(words, element),
        "outcome": _OUTCOMES.get(came) or OUTCOME_NAMES[came],
        "seconds": left or None,
        "by": _text_of(words, covering) if covering else None,
        "from": _origin(is_static) if covering else None,
    }
