"""Conditions beyond addresses, ports and states: what may stand there, and what is said if not."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.rules.build import build_ruleset
from tests.unit.policy_texts import assert_problems, in_chain, parsed


def matches_of(conditions: str) -> list[Any]:
    """The matches of one rule as the plan has them."""
    text = in_chain("filter/forward", f"{{{conditions}, action: drop}}")
    plan = compile_policy(parsed(text), Config())
    build_ruleset(plan)
    matches: list[Any] = plan["filter"]["forward"]["rules"][0]["match"]
    return matches


def assert_refused(conditions: str, *messages: str, chain: str = "filter/forward") -> None:
    """A rule with these conditions has these problems, each at its §."""
    assert_problems(in_chain(chain, f"{{{conditions}, action: drop}}"), *messages)


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("length: 100", ["length", False, [[100, 100]]]),
        ("length: [0-60, 1000-]", ["length", False, [[0, 60], [1000, 65535]]]),
        ("length: ['5:9', 10-20, 3]", ["length", False, [[3, 3], [5, 20]]]),
        ("not: {length: 0-60}", ["length", True, [[0, 60]]]),
        ("ttl: 0-5", ["ttl", False, [[0, 5]]]),
        ("ttl: 200-", ["ttl", False, [[200, 255]]]),
        ("dscp: EF", ["tos", False, [[0xB8, 0xFC]]]),
        ("dscp: [af41, 0, 0x3f]", ["tos", False, [[136, 252], [0, 252], [252, 252]]]),
        ("tos: [0x10, 8/15]", ["tos", False, [[16, 255], [8, 15]]]),
        ("ipv6_header: [hop, hop-by-hop, frag]", ["ipv6_header", False, [0, 44]]),
    ],
)  # fmt: skip
def test_conditions_on_headers(conditions: str, match: list[object]) -> None:
    assert matches_of(conditions) == [match]


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("tcp_option: [mss, 253]", ["tcp_option", False, [2, 253]]),
        ("not: {tcp_option: window_scale}", ["tcp_option", True, [3]]),
        ("mss: 0-535", ["mss", False, [[0, 535]]]),
        ("not: {mss: 1460}", ["mss", True, [[1460, 1460]]]),
    ],
)
def test_conditions_on_tcp_headers_are_of_tcp(conditions: str, match: list[object]) -> None:
    assert matches_of(conditions) == [["proto", False, [6]], match]


def test_what_every_packet_meets_is_left_out() -> None:
    assert matches_of("length: 0-65535, ttl: 0-, tos: 0/0") == []
    assert_refused("not: {§ttl: [0-4, 5-]}", "not ttl: never matches, for it leaves nothing")


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("length: §<60", "length: expected octets (1500), a range (0-128), or from a number on"),
        ("length: §65536", "length: numbers here go from 0 to 65535, found '65536'"),
        ("length: §60-20", "length: range '60-20' is upside down => 20-60"),
        ("length: §-20", "length: expected octets"),
        ("length: §020", "length: expected octets"),
        ("length: §[]", "length: expected octets (1500), a range (0-128), or from a number on"),
        ("ttl: §256", "ttl: numbers here go from 0 to 255, found '256'"),
        ("ttl: §'>5'", "ttl: expected hops (64), a range (0-5), or from a number on (200-), found"),
        ("§hop_limit: 5", "unknown key 'hop_limit' in a rule => ttl"),
        ("dscp: §64", "dscp: expected a class (ef, cs1, af41) or a number from 0 to 63"),
        ("dscp: §0x40", "dscp: numbers here go from 0 to 63, found '0x40'"),
        ("dscp: §af14", "dscp: expected a class (ef, cs1, af41) or a number from 0 to 63"),
        ("dscp: §0xg", "dscp: expected a class"),
        ("tos: §0x10/0x0f", "tos: '0x10/0x0f' has bits outside of its mask => 0x0/0xf"),
        ("tos: §0x100", "tos: numbers here go from 0 to 255, found '0x100'"),
        ("tos: §$x", "tos: expected an octet as VALUE or VALUE/MASK (0x10, 0x08/0x3f), found '$x'"),
        ("tcp_option: §0", "tcp_option: expected a TCP option by name (mss, window-scale, sack)"),
        ("tcp_option: §wscale", "tcp_option: expected a TCP option by name"),
        ("tcp_option: §window-scal", "tcp_option: expected a TCP option by name (mss, window-"),
        ("ipv6_header: §routing", "ipv6_header: expected a header (hop-by-hop, route, frag,"),
        ("ipv6_header: [hop, §44]", "expected a header (hop-by-hop, route, frag"),
        ("proto: udp, §mss: 5", "mss matches only tcp, but proto allows udp"),
        ("icmp: 8, §tcp_option: mss", "tcp_option and icmp can never both match: make two rules"),
        ("family: ipv4, §ipv6_header: hop", "ipv6_header matches IPv6 only and family IPv4 only"),
        ("src: 10.0.0.1, not: {§ipv6_header: hop}", "ipv6_header matches IPv6 only and src IPv4"),
    ],
)  # fmt: skip
def test_slips_in_conditions_on_headers(conditions: str, message: str) -> None:
    assert_refused(conditions, message)


@pytest.mark.parametrize(
    ("text", "meant"), [("<5", "0-4"), ("<=5", "0-5"), (">5", "6-"), (">= 5", "5-"), ("<0", "")]
)
def test_comparisons_are_shown_as_ranges(text: str, meant: str) -> None:
    expected = "ttl: expected hops (64), a range (0-5), or from a number on (200-)"
    assert_refused(f"ttl: §'{text}'", f"{expected}, found '{text}' => {meant}")
