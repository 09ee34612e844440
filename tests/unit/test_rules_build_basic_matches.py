"""From a plan's values to the matches of matches.py."""

from __future__ import annotations

import json
from typing import Any

from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.build_basic_matches import BASIC_BUILDERS
from firewalld_py.rules.build_matches import BUILDERS
from firewalld_py.rules.matches import (
    AddressMatch,
    ConnmarkMatch,
    FamilyMatch,
    IcmpMatch,
    InterfaceMatch,
    LabelMatch,
    MarkMatch,
    PortMatch,
    ProtocolMatch,
    StateMatch,
    TcpFlagsMatch,
    ZoneMatch,
)
from tests.plans import plan, rule

EVERY_MATCH: list[tuple[str, Any]] = [
    ("state", 6),
    ("in", 1),
    ("!out", 2),
    ("family", 6),
    ("src", [["0a010000", "0a0100ff"], ["fd" + "0" * 30, "fd" + "f" * 30]]),
    ("!dst", [["cb007109", "cb007109"]]),
    ("proto", [6, 17]),
    ("sport", [[1024, 65535]]),
    ("!dport", [[22, 22], [80, 443]]),
    ("icmp", [[1, 8, 0, 255], [58, 128, 0, 0]]),
    ("tcp_flags", [[0x17, 0x02]]),
    ("mark", [[1, 255]]),
    ("connmark", [[1, 255]]),
    ("!label", [0, 127]),
    ("zone", [5, 6]),
]


def test_every_kind_of_match_is_built() -> None:
    a_plan = json.loads(json.dumps(plan([rule("accept", *EVERY_MATCH)])))
    (made,) = build_ruleset(a_plan).filter_forward.rules
    assert [(type(match), match.inverted) for match in made.matches] == [
        (StateMatch, False),
        (InterfaceMatch, False),
        (InterfaceMatch, True),
        (FamilyMatch, False),
        (AddressMatch, False),
        (AddressMatch, True),
        (ProtocolMatch, False),
        (PortMatch, False),
        (PortMatch, True),
        (IcmpMatch, False),
        (TcpFlagsMatch, False),
        (MarkMatch, False),
        (ConnmarkMatch, False),
        (LabelMatch, True),
        (ZoneMatch, False),
    ]
    ports = made.matches[8]
    assert isinstance(ports, PortMatch)
    assert (ports.ranges, ports.destination) == ([(22, 22), (80, 443)], True)
    source = made.matches[4]
    assert isinstance(source, AddressMatch)
    assert (len(source.lows_v4), len(source.lows_v6), source.destination) == (1, 1, False)


def test_no_kind_is_made_in_two_places() -> None:
    assert not BASIC_BUILDERS.keys() & BUILDERS.keys()
    kinds = {kind.removeprefix("!") for kind, _value in EVERY_MATCH}
    assert BASIC_BUILDERS.keys() == kinds - {"in", "out"}
