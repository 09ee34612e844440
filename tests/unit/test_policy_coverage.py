"""Whether a rule surely matches all that another one does."""

from __future__ import annotations

import pytest

from firewalld_py.policy.coverage import covers
from tests.unit.policy_texts import one_rule


def covered(outer: str, inner: str) -> bool:
    """Whether the conditions `outer` cover `inner`, both as in a raw rule."""
    rules = [one_rule(f"{{{text}action: accept}}", "raw/prerouting") for text in (outer, inner)]
    return covers(rules[0].matches, rules[1].matches)


FTP = "proto: tcp, dport: 21, "


@pytest.mark.parametrize(
    "outer",
    [
        "",
        "proto: tcp, ",
        "proto: [tcp, udp], ",
        "dport: 21, ",
        "dport: 20-21, ",
        "dport: 0-65535, ",
        "proto: tcp, dport: [80, 1-100, 443], ",
        "not: {proto: udp}, ",
        "not: {dport: 80}, ",
        "not: {dport: [1-20, 22-65535]}, ",
    ],
)
def test_a_rule_covers_what_it_asks_less_of(outer: str) -> None:
    assert covered(outer, FTP)


@pytest.mark.parametrize(
    "outer",
    [
        "proto: udp, ",
        "proto: tcp, dport: 22, ",
        "dport: [1-20, 22-65535], ",
        "sport: 21, ",
        "in: lan0, ",
        "src: 10.0.0.0/8, ",
        "family: ipv4, ",
        "flags: syn, ",
        "icmp: echo-request, ",
        "mark: 1, ",
        "not: {proto: tcp}, ",
        "not: {dport: 21}, ",
        "not: {dport: 1-100}, ",
        "not: {in: lan0}, ",
        "not: {src: 10.0.0.0/8}, ",
        "not: {icmp: echo-request}, ",
        "not: {flags: syn}, ",
    ],
)
def test_a_rule_that_asks_for_more_or_for_something_else_does_not(outer: str) -> None:
    assert not covered(outer, FTP)


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("src: 10.0.0.0/8", "src: 10.1.0.0/16", True),
        ("src: [192.0.2.1, 10.0.0.0/8]", "src: [10.1.0.0/16, 10.255.255.255]", True),
        ("src: 10.0.0.0/8", "src: [10.1.0.0/16, 192.0.2.1]", False),
        ("src: 10.0.0.0/8", "dst: 10.1.0.0/16", False),
        ('src: ["::/0", 10.0.0.0/8]', 'src: "fd00::1"', True),
        ('src: "::/0"', "src: 10.0.0.1", False),
        ("family: ipv4", "src: 10.0.0.1", True),
        ("family: ipv6", "src: 10.0.0.1", False),
        ("not: {family: ipv6}", "src: 10.0.0.1", True),
        ("not: {src: 10.0.0.0/8}", "src: 192.0.2.0/24", True),
        ("not: {src: 10.0.0.0/8}", "src: 8.0.0.0/6", False),
        ("not: {src: 10.1.0.0/16}", "not: {src: 10.0.0.0/8}", True),
        ("not: {src: 10.0.0.0/8}", "not: {src: 10.1.0.0/16}", False),
        ("not: {dport: 80}", "not: {dport: [80, 443]}", True),
        ("in: lan0", "in: lan0", True),
        ("in: [wan0, lan*]", "in: [lan0, lan1]", True),
        ("in: lan*", "in: lan1*", True),
        ("in: lan1*", "in: lan*", False),
        ("in: lan0", "in: lan*", False),
        ("not: {in: wan*}", "in: lan0", True),
        ("not: {in: wan0}", "in: wan*", False),
        ("flags: syn", "flags: syn", True),
        ("mark: 1", "mark: 1", False),  # an earlier rule may have changed it
    ],
)
def test_addresses_interfaces_and_what_is_negated(outer: str, inner: str, expected: bool) -> None:
    assert covered(f"proto: tcp, {outer}, ", f"proto: tcp, {inner}, ") is expected
