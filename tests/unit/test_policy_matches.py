"""Conditions beyond addresses, ports and states: what may stand there, and what is said if not."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.rules.build import build_ruleset
from tests.unit.policy_texts import assert_problems, in_chain, parsed

MAC = "source_mac: expected an Ethernet address (00:16:3e:5a:00:01)"


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
        ("fragment: true", ["fragment", False, True]),
        ("not: {fragment: no}", ["fragment", True, False]),
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


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("source_mac: 00:16:3E:5a:00:01", ["source_mac", False, ["00163e5a0001"]]),
        (
            "not: {source_mac: [00-16-3e-5a-00-01, 02:00:00:00:00:01]}",
            ["source_mac", True, ["00163e5a0001", "020000000001"]],
        ),
        ("packet_type: Multicast", ["packet_type", False, [4]]),
        ("packet_type: [broadcast, host]", ["packet_type", False, [2, 1]]),
    ],
)
def test_conditions_on_links(conditions: str, match: list[object]) -> None:
    assert matches_of(conditions) == [match]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("source_mac: §00163e5a0001", f"{MAC}, found '00163e5a0001' => 00:16:3e:5a:00:01"),
        ("source_mac: §0016.3E5a.0001", f"{MAC}, found '0016.3E5a.0001' => 00:16:3e:5a:00:01"),
        ("source_mac: §00:16:3e:5a:00", MAC),
        ("source_mac: §10.0.0.1", MAC),
        ("source_mac: §00:16:3e:5a:00:0g", MAC),
        ("source_mac: §'!00:16:3e:5a:00:01'", f"{MAC}, found '!00:16:3e:5a:00:01'; to negate, put"),
        ("§mac: 00:16:3e:5a:00:01", "unknown key 'mac' in a rule => source_mac"),
        ("packet_type: §broadcst", "packet_type: expected a type of packet (unicast, broadcast,"),
        ("§pkttype: unicast", "unknown key 'pkttype' in a rule => packet_type"),
    ],
)
def test_slips_in_conditions_on_links(conditions: str, message: str) -> None:
    assert_refused(conditions, message)


def test_what_this_machine_made_has_no_source_mac() -> None:
    assert_refused(
        "§source_mac: 00:16:3e:5a:00:01",
        "source_mac is not known in filter/output: the packet was made on this machine",
        chain="filter/output",
    )


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("src_type: local", ["src_type", False, 4]),
        ("not: {dst_type: [Unicast, broadcast]}", ["dst_type", True, 10]),
        ("reverse_path: strict", ["reverse_path", False, [0, 0]]),
        ("not: {reverse_path: loose}", ["reverse_path", True, [1, 0]]),
        ("reverse_path: {accept_local: yes}", ["reverse_path", False, [0, 1]]),
        ("reverse_path: {mode: loose, accept_local: no}", ["reverse_path", False, [1, 0]]),
    ],
)
def test_conditions_on_routes(conditions: str, match: list[object]) -> None:
    assert matches_of(conditions) == [match]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            "src_type: §locl",
            "src_type: expected a type of address (local, unicast, broadcast, mult",
        ),
        ("dst_type: §[]", "dst_type: expected a type of address"),
        ("reverse_path: §true", "reverse_path: expected strict or loose, found 'true'"),
        ("reverse_path: {mode: §lose}", "mode: expected strict or loose, found 'lose' => loose"),
        ("reverse_path: {§loose: true}", "unknown key 'loose' in a reverse path => mode"),
        ("§rpfilter: strict", "unknown key 'rpfilter' in a rule => reverse_path"),
        ("§addrtype: local", "unknown key 'addrtype' in a rule => src_type"),
    ],
)
def test_slips_in_conditions_on_routes(conditions: str, message: str) -> None:
    assert_refused(conditions, message)


def test_what_this_machine_made_came_by_no_way() -> None:
    assert_refused(
        "§reverse_path: strict",
        "reverse_path is not known in raw/output: the packet was made on this machine",
        chain="raw/output",
    )


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
        ("fragment: §first", "fragment: expected true or false, found 'first'"),
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


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("direction: reply", ["direction", False, 1]),
        ("not: {direction: original}", ["direction", True, 0]),
        ("status: [assured, Seen-Reply]", ["status", False, 6]),
        ("helper: [ftp, h323]", ["helper", False, ["ftp", "Q.931", "RAS"]]),
        ("age: 1h-", ["age", False, [[3600, 2**31 - 1]]]),
        ("age: [0-30, 20-1m, 90]", ["age", False, [[0, 60], [90, 90]]]),
        ("expires: 5", ["expires", False, [[5, 5]]]),
        ("packets: 10-", ["packets", False, [2, 10, 10**18 - 1]]),
        ("packets: {both: 10}", ["packets", False, [2, 10, 10]]),
        ("octets: {original: 0-1000}", ["octets", False, [0, 0, 1000]]),
        ("not: {octets: {reply: 0-1000}}", ["octets", True, [1, 0, 1000]]),
        ("original_src: 10.0.0.0/8", ["original_src", False, [["0a000000", "0affffff"]]]),
        ("reply_dst: '::1'", ["reply_dst", False, [["0" * 31 + "1"] * 2]]),
        ("original_dport: [ssh, 1-9]", ["original_dport", False, [[1, 9], [22, 22]]]),
        ("connection_proto: [tcp, 17]", ["connection_proto", False, [6, 17]]),
    ],
)
def test_conditions_on_connections(conditions: str, match: list[object]) -> None:
    assert matches_of(conditions) == [match]


def test_addresses_and_ports_of_connections_may_be_defines() -> None:
    text = in_chain(
        "filter/forward",
        "{original_src: $lan, reply_sport: $web, action: drop}",
        define="{lan: 10.0.0.1, web: [80, 443]}",
    )
    rule = compile_policy(parsed(text), Config())["filter"]["forward"]["rules"][0]
    assert rule["match"] == [
        ["original_src", False, [["0a000001", "0a000001"]]],
        ["reply_sport", False, [[80, 80], [443, 443]]],
    ]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("direction: §replies", "direction: expected original or reply, found 'replies' => reply"),
        ("§ctdir: reply", "unknown key 'ctdir' in a rule => direction"),
        ("status: §asured", "status: expected a status (expected, seen-reply, assured, confirmed)"),
        ("helper: §ftpd", "helper: expected a helper (H.245, Q.931, RAS,"),
        ("helper: §$x", "helper: expected a helper's name (ftp), found '$x'"),
        ("age: §'>1h'", "age: expected a time (30), a range (0-5m) or from a time on (1h-), found"),
        ("age: §-5m", "age: expected a time (30), a range (0-5m) or from a time on (1h-)"),
        ("age: §5m-1m", "age: range '5m-1m' is upside down => 1m-5m"),
        ("age: §5x", "age: expected a time in seconds (30) or with units"),
        ("packets: §many", "packets: expected a number (10), a range (1-10) or from a number on"),
        ("packets: §[1, 2]", "packets: expected a number (10), a range (1-10)"),
        ("packets: §{}", "packets: expected one of original, reply, both: for more make more"),
        ("octets: §{reply: 1, both: 2}", "octets: expected one of original, reply, both"),
        ("octets: {reply: §x}", "reply: expected a number (10), a range (1-10)"),
        ("octets: {§originl: 1}", "unknown key 'originl' in a count => original"),
        ("octets: §1000000000000000000", "octets: expected a number (10)"),
        ("§ctorigsrc: 10.0.0.1", "unknown key 'ctorigsrc' in a rule => original_src"),
        ("reply_dport: §70000", "reply_dport: ports go from 0 to 65535, found '70000'"),
        ("connection_proto: §tpc", "connection_proto: expected a protocol by name (tcp)"),
    ],
)
def test_slips_in_conditions_on_connections(conditions: str, message: str) -> None:
    assert_refused(conditions, message)


@pytest.mark.parametrize(
    "condition", ["direction: reply", "packets: 1-5", "original_src: 10.0.0.1"]
)
def test_no_connection_is_known_in_raw(condition: str) -> None:
    name = condition.partition(":")[0]
    for conditions in (f"§{condition}", f"not: {{§{condition}}}"):
        text = in_chain("raw/prerouting", f"{{{conditions}, action: notrack}}")
        assert_problems(text, f"{name} is not known in raw, which comes before connection tracking")


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("limit: 10/second", ["limit", False, [10.0, 5, 0, 32, 128, False, 65536]]),
        (
            "not: {limit: {rate: 30/minute, burst: 7, per: [src, dport], mask: 24, mask6: 64}}",
            ["limit", True, [0.5, 7, 9, 24, 64, False, 65536]],
        ),
        (
            "limit: {rate: 1/s, per: src, over: true, max: 10}",
            ["limit", False, [1.0, 5, 1, 32, 128, True, 10]],
        ),
        ("quota: 1000000", ["quota", False, 1000000]),
        ("every: 3", ["every", False, 3]),
    ],
)
def test_conditions_that_count(conditions: str, match: list[object]) -> None:
    assert matches_of(conditions) == [match]


@pytest.mark.parametrize(
    ("text", "share"),
    [("0.25", 1 << 30), ("25%", 1 << 30), (".5", 1 << 31), ("100%", 1 << 32), ("1", 1 << 32),
     ("0.000000001", 4), ("0.00000001%", 1)],
)  # fmt: skip
def test_a_share_is_one_of_all_32_bit_numbers(text: str, share: int) -> None:
    ((kind, inverted, value),) = matches_of(f"probability: {text}")
    assert (kind, inverted, value[0]) == ("probability", False, share)


def test_no_two_conditions_by_chance_go_together() -> None:
    rules = [f"{{probability: 50%, action: {action}}}" for action in ("drop", "accept")]
    policy = compile_policy(parsed(in_chain("filter/forward", *rules)), Config())
    seeds = {rule["match"][0][2][1] for rule in policy["filter"]["forward"]["rules"]}
    assert len(seeds) == 2


def test_what_counts_is_asked_last() -> None:
    conditions = "quota: 9, limit: 1/s, every: 2, probability: 5%, direction: reply, dport: 5"
    kinds = [kind for kind, _, _ in matches_of(f"{conditions}, mss: 5, not: {{src: 10.0.0.1}}")]
    assert kinds[-4:] == ["every", "probability", "limit", "quota"]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("limit: §10", "limit: expected a rate as NUMBER/UNIT (10/second; units: second, minute,"),
        ("limit: §{per: src}", "rate is missing in a limit: name a rate as NUMBER/UNIT"),
        ("limit: {rate: §fast}", "rate: expected a rate as NUMBER/UNIT"),
        ("limit: {rate: 1/s, burst: §0}", "burst: expected a number from 1 to 1000000"),
        ("limit: {rate: 1/s, per: §source}", "per: expected one of src, dst, sport, dport"),
        ("limit: {rate: 1/s, per: src, mask: §33}", "mask: expected a number from 0 to 32"),
        ("limit: §{rate: 1/s, mask: 24}", "limit: mask says nothing without per: add per: src"),
        ("limit: {rate: 1/s, §above: true}", "unknown key 'above' in a limit => over"),
        ("limit: §[1/s, 2/s]", "limit: expected a rate (10/second), or {rate, burst, per,"),
        ("§hashlimit: 1/s", "unknown key 'hashlimit' in a rule => limit"),
        ("quota: §0", "quota: expected a number from 1 to 999999999999, found '0'"),
        ("quota: §10M", "quota: expected a number from 1 to 999999999999, found '10M'"),
        ("every: §1", "every: expected a number from 2 to 1000000, found '1'"),
        ("probability: §0", "probability: expected a share above 0 and up to 1 or 100%, found '0'"),
        ("probability: §25", "probability: expected a share above 0 and up to 1 or 100%"),
        ("probability: §'101%'", "probability: expected a share above 0 and up to 1 or 100%"),
        ("probability: §often", "probability: expected a share of all packets (0.25, 25%), found"),
        ("probability: §'.'", "probability: expected a share of all packets"),
        ("probability: §''", "probability: expected a share of all packets"),
    ],
)
def test_slips_in_conditions_that_count(conditions: str, message: str) -> None:
    assert_refused(conditions, message)


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("payload: {octets: 16 03 01}", ["payload", False, [0, "160301"]]),
        ("payload: {at: 5, octets: 0xAbCd}", ["payload", False, [5, "abcd"]]),
        ("payload: {octets: 'aa:bb'}", ["payload", False, [0, "aabb"]]),
        ("not: {payload: {octets: '16'}}", ["payload", True, [0, "16"]]),
        ("contains: abc", ["contains", False, [0, 65535, ["616263"]]]),
        ("contains: [a, ' b ', '5']", ["contains", False, [0, 65535, ["61", "206220", "35"]]]),
        ("contains: é", ["contains", False, [0, 65535, ["c3a9"]]]),
        (
            "contains: {text: a, octets: [00 ff, '01'], from: 2, to: 9}",
            ["contains", False, [2, 9, ["61", "00ff", "01"]]],
        ),
        ("regex: ^SSH-2", ["regex", False, [0, 1460, ["5e5353482d32"]]]),
        ("not: {regex: [a.c, 'b$']}", ["regex", True, [0, 1460, ["612e63", "6224"]]]),
        ("regex: {pattern: '^$', from: 4, to: 9}", ["regex", False, [4, 9, ["5e24"]]]),
    ],
)
def test_conditions_on_payload(conditions: str, match: list[object]) -> None:
    assert matches_of(conditions) == [match]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("regex: §(a", "regex: expected a regular expression (^SSH-2), found '(a': missing ): (a"),
        (
            "regex: [a, §'a**']",
            "expected a regular expression (^SSH-2), found 'a**': bad repetition",
        ),
        ("regex: §a*", "regex: every payload has what 'a*' looks for, for it may be of no octets"),
        (
            "regex: §'.{1,900}x.{500}'",
            "regex: too much work for one packet: the expression has a size",
        ),
        (
            "regex: §{pattern: a, from: 9, to: 9}",
            "regex: never matches: there is nothing from 9 to",
        ),
        ("regex: §{from: 9}", "pattern is missing in regex: name a regular expression"),
        ("icmp: 8, §regex: a", "regex is for tcp, udp and udplite: of icmp it never matches"),
        ("payload: §16 03", "payload: expected a payload as a mapping, found"),
        ("payload: §{at: 5}", "octets is missing in a payload: name octets in hexadecimal"),
        ("payload: {octets: §1}", "octets: expected octets in hexadecimal (16 03 01), found '1'"),
        ("payload: {octets: §xyz}", "octets: expected octets in hexadecimal"),
        ("payload: {octets: §''}", "octets: expected octets in hexadecimal"),
        (
            "payload: {octets: §" + "00" * 129 + "}",
            "octets: expected at most 128 octets, found 129",
        ),
        ("payload: {at: §70000, octets: 00}", "at: expected a number from 0 to 65535"),
        ("payload: {§offset: 0, octets: 00}", "unknown key 'offset' in a payload => at"),
        ("contains: §''", "contains: expected a text of at most 128 octets, found 0"),
        ("contains: §" + "x" * 129, "contains: expected a text of at most 128 octets, found 129"),
        ("contains: §{from: 3}", "contains: nothing is looked for: add text or octets"),
        ("contains: {text: §[]}", "text: expected a text of at most 128 octets, found an empty"),
        ("contains: §{text: abc, to: 2}", "contains: never matches: what is looked for is longer"),
        ("contains: §{text: abc, from: 9, to: 5}", "contains: never matches: what is looked for"),
        ("contains: {text: a, §string: b}", "unknown key 'string' in contains => text"),
        ("proto: icmp, §contains: abc", "contains is for tcp, udp and udplite: of icmp it never"),
        (
            "proto: [gre, esp], not: {§contains: abc}",
            "contains is for tcp, udp and udplite: of gre",
        ),
        ("icmpv6: 128, §payload: {octets: 00}", "payload is for tcp, udp and udplite: of icmpv6"),
    ],
)
def test_slips_in_conditions_on_payload(conditions: str, message: str) -> None:
    assert_refused(conditions, message)
