"""Rules of nftables as ours: what goes over, what is left out and what is said of it."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

import pytest

from firewalld_py.imports.document import described, make_document
from firewalld_py.imports.nft import FROM_NFT, import_nft
from firewalld_py.imports.nft_file import NftError, read_nft
from firewalld_py.imports.steps import Left
from firewalld_py.policy.load import parse_rules
from tests.project import ROOT

SAMPLES: Final = ROOT / "tests" / "imports"
ACCEPT: Final = {"accept": None}
DROP: Final = {"drop": None}
TCP_22: Final = {
    "match": {
        "op": "==",
        "left": {"payload": {"protocol": "tcp", "field": "dport"}},
        "right": 22,
    }
}


def match(left: dict[str, Any], right: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> dict[str, Any]:
    return {"meta": {"key": key}}


def ct(key: str, direction: str = "") -> dict[str, Any]:
    return {"ct": {"key": key, "dir": direction}} if direction else {"ct": {"key": key}}


def listing(
    *objects: dict[str, Any], family: str = "inet", policy: str = "accept", hook: str = "forward"
) -> str:
    """A table with a chain f at a hook and the chains a and b, and what else stands in it."""
    own = {"family": family, "table": "t"}
    chain = {"name": "f", "type": "filter", "hook": hook, "prio": 0, "policy": policy}
    if hook == "raw":
        chain |= {"hook": "prerouting", "prio": -300}
    found: list[dict[str, Any]] = [{"table": {"family": family, "name": "t"}}]
    found += [{"chain": {**own, **chain}}, *({"chain": {**own, "name": n}} for n in "ab")]
    for one in objects:
        ((kind, body),) = one.items()
        found.append({kind: {**own, **body}})
    return json.dumps({"nftables": found})


def rule(*statements: object, chain: str = "f", **more: object) -> dict[str, Any]:
    return {"rule": {"chain": chain, "expr": list(statements), **more}}


def made(text: str) -> tuple[str, list[Left]]:
    return make_document([import_nft(read_nft(text))], [FROM_NFT])


def imported(text: str) -> tuple[list[str], list[str]]:
    """The lines of rules that become of some, and the reasons for those left."""
    document, left = made(text)
    assert parse_rules(document, "rules.yaml")[1] == []
    lines = [line.strip() for line in document.partition("\n\n#")[0].splitlines()]
    return [line[2:] for line in lines if line.startswith("- ")], [one.reason for one in left]


def of_one(*statements: object, hook: str = "forward", family: str = "inet") -> str:
    """The one rule that becomes of one."""
    rules, left = imported(listing(rule(*statements), hook=hook, family=family))
    assert not left, left
    (found,) = rules
    return found


@pytest.mark.parametrize(
    ("condition", "ours"),
    [
        (match(meta("iifname"), "eth*"), "{in: eth*, action: drop}"),
        (match(meta("iif"), "lo"), "{in: lo, action: drop}"),
        (match(meta("oifname"), {"set": ["a", "b"]}), "{out: [a, b], action: drop}"),
        (match(meta("iifname"), "eth0", "!="), "{not: {in: eth0}, action: drop}"),
        (match(meta("l4proto"), {"set": ["tcp", "udp"]}), "{proto: [tcp, udp], action: drop}"),
        (match(meta("nfproto"), "ipv6"), "{family: ipv6, action: drop}"),
        (match(meta("mark"), 16), "{mark: 0x10, action: drop}"),
        (match(meta("mark"), {"set": [1, 2]}), "{mark: [0x1, 0x2], action: drop}"),
        (match({"&": [meta("mark"), 255]}, 1, "!="), "{not: {mark: 0x1/0xff}, action: drop}"),
        (match(meta("length"), 1000, ">"), "{length: 1001-65535, action: drop}"),
        (match(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 8}}),
         "{src: 10.0.0.0/8, action: drop}"),
        (match(payload("ip6", "daddr"), {"range": ["fd00::1", "fd00::9"]}),
         "{dst: fd00::1-fd00::9, action: drop}"),
        (match(payload("ip", "saddr"), "10.1.0.1", "!="),
         "{family: ipv4, not: {src: 10.1.0.1}, action: drop}"),
        (match(payload("ip", "protocol"), "icmp"), "{family: ipv4, proto: icmp, action: drop}"),
        (match(payload("ip", "dscp"), "ef"), "{family: ipv4, dscp: 46, action: drop}"),
        (match(payload("ip6", "length"), 40), "{family: ipv6, length: 80, action: drop}"),
        (match(payload("tcp", "dport"), {"set": [22, {"range": [80, 90]}]}),
         "{proto: tcp, dport: [22, 80-90], action: drop}"),
        (match(payload("udp", "sport"), 1024, "<"), "{proto: udp, sport: 0-1023, action: drop}"),
        (match({"&": [payload("tcp", "flags"), ["fin", "syn", "rst", "ack"]]}, "syn"),
         "{proto: tcp, flags: syn, action: drop}"),
        (match(payload("tcp", "flags"), ["syn", "ack"], "in"),
         '{proto: tcp, not: {tcp_flags: "SYN,ACK NONE"}, action: drop}'),
        (match(payload("icmp", "type"), "echo-request"),
         "{family: ipv4, icmp: echo-request, action: drop}"),
        (match(payload("icmpv6", "type"), {"set": ["nd-redirect", 200]}),
         '{family: ipv6, icmpv6: [redirect, "200"], action: drop}'),
        (match({"tcp option": {"name": "maxseg", "field": "size"}}, 536, "<"),
         "{proto: tcp, mss: [0-535], action: drop}"),
        (match({"exthdr": {"name": "frag"}}, False),
         "{family: ipv6, not: {ipv6_header: frag}, action: drop}"),
        (match(ct("state"), ["established", "new"], "in"),
         "{state: [new, established], action: drop}"),
        (match(ct("state"), {"set": ["invalid"]}, "!="),
         "{not: {state: invalid}, action: drop}"),
        (match(ct("status"), "assured", "in"), "{status: assured, action: drop}"),
        (match(ct("direction"), "original"), "{direction: original, action: drop}"),
        (match(ct("mark"), 1), "{connmark: 0x1, action: drop}"),
        (match(ct("helper"), "ftp"), "{helper: ftp, action: drop}"),
        (match(ct("zone"), 3), "{zone: 3, action: drop}"),
        (match(ct("label"), 3, "in"), "{label: 3, action: drop}"),
        (match(ct("ip saddr", "original"), "10.1.0.1"),
         "{family: ipv4, original_src: 10.1.0.1, action: drop}"),
        (match(ct("proto-dst", "reply"), 22), "{reply_dport: 22, action: drop}"),
        (match(ct("bytes", "original"), {"range": [100, 200]}),
         "{octets: {original: 100-200}, action: drop}"),
        (match(ct("packets"), 10, ">"), "{packets: 11-, action: drop}"),
        (match(meta("hour"), {"range": ["08:00", "17:00"]}),
         '{time: {from: "08:00", to: "17:00", contiguous: false, zone: local}, action: drop}'),
        (match(meta("day"), {"set": ["Monday", "Sunday"]}),
         "{time: {weekdays: [mon, sun], contiguous: false, zone: local}, action: drop}"),
        (match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"),
         "{dst_type: local, action: drop}"),
        (match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, False),
         "{not: {reverse_path: strict}, action: drop}"),
        ({"ct count": {"val": 10, "inv": True}},
         "{connections: {over: 10, mask: 0, mask6: 0}, action: drop}"),
        ({"set": {"op": "add", "set": "@x", "elem": payload("ip", "saddr"),
                  "stmt": [{"limit": {"rate": 10, "per": "second", "burst": 5, "inv": True}}]}},
         "{family: ipv4, limit: {rate: 10/second, burst: 5, per: src, over: true}, action: drop}"),
        ({"set": {"op": "add", "set": "@x", "elem": payload("ip", "saddr"),
                  "stmt": [{"ct count": {"val": 3, "inv": True}}]}},
         "{family: ipv4, connections: {over: 3, per: src}, action: drop}"),
        ({"limit": {"rate": 5, "per": "minute", "burst": 7}},
         "{limit: {rate: 5/minute, burst: 7}, action: drop}"),
        ({"quota": {"val": 10, "val_unit": "kbytes", "inv": True}},
         "{not: {quota: 10240}, action: drop}"),
        (match({"numgen": {"mode": "inc", "mod": 3, "offset": 0}}, 0),
         "{every: 3, action: drop}"),
    ],
)  # fmt: skip
def test_a_condition_goes_over(condition: object, ours: str) -> None:
    rules, left = imported(listing(rule(condition, DROP)))
    assert [one for one in left if "cannot" in one] == []
    assert rules == [ours.replace('"200"', "200")]


@pytest.mark.parametrize(
    ("statements", "ours"),
    [
        ([{"log": {"prefix": "a: ", "level": "info"}}, DROP],
         '{log: {prefix: "a: ", level: info}, action: drop}'),
        ([{"limit": {"rate": 3, "per": "hour", "burst": 5}}, {"log": None}],
         "{log: {limit: 3/hour, burst: 5}}"),
        ([{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}],
         "{action: {reject: admin-prohibited}}"),
        ([{"reject": {"type": "icmp", "expr": "net-prohibited"}}],
         "{family: ipv4, action: {reject: icmp-net-prohibited}}"),
        ([{"reject": {"type": "tcp reset"}}], "{proto: tcp, action: {reject: tcp-reset}}"),
        ([{"mangle": {"key": meta("mark"), "value": 1}}], "{action: {mark: 0x1}}"),
        ([{"mangle": {"key": ct("mark"), "value": {"|": [{"&": [ct("mark"), 0xF0]}, 1]}}}],
         "{action: {connmark: 0x1/0xffffff0f}}"),
        ([{"mangle": {"key": meta("mark"), "value": {"^": [meta("mark"), 3]}}}],
         "{action: {mark: {xor: 0x3}}}"),
        ([{"mangle": {"key": ct("mark"), "value": meta("mark")}}], "{action: {connmark: save}}"),
        ([{"mangle": {"key": meta("mark"), "value": ct("mark")}}],
         "{action: {connmark: restore}}"),
        ([{"counter": "web"}, DROP], "{action: [{count: web}, drop]}"),
        ([{"jump": {"target": "a"}}], "{action: {jump: a}}"),
        ([{"goto": {"target": "b"}}], "{action: {goto: b}}"),
        ([{"return": None}], "{action: return}"),
        ([TCP_22, {"log": None}, {"jump": {"target": "a"}}],
         "{proto: tcp, dport: 22, log: true, action: {jump: a}}"),
    ],
)  # fmt: skip
def test_a_statement_goes_over(statements: list[object], ours: str) -> None:
    assert of_one(*statements) == ours


def test_raw_rules_go_over() -> None:
    assert of_one(TCP_22, {"notrack": None}, hook="raw") == (
        "{proto: tcp, dport: 22, action: notrack}"
    )
    zone = {"mangle": {"key": ct("zone"), "value": 5}}
    assert of_one(zone, hook="raw", family="ip") == "{family: ipv4, action: {zone: 5}}"


def test_counters_and_comments_stay() -> None:
    counter = {"counter": {"packets": 3, "bytes": 99}}
    text, left = made(listing(rule(counter, DROP, comment="so it is")))
    assert not left
    assert "      # 3 packets, 99 octets\n      - {name: so it is, action: drop}\n" in text


def test_what_stands_behind_a_statement_is_asked_after_it() -> None:
    rules, left = imported(
        listing(rule(match(meta("iifname"), "lan0"), {"log": None}, TCP_22, ACCEPT))
    )
    assert not left
    assert rules == [
        "{in: lan0, log: true}",
        "{in: lan0, proto: tcp, dport: 22, action: accept}",
    ]


def test_what_counts_before_that_is_asked_once() -> None:
    limit = {"limit": {"rate": 3, "per": "hour", "burst": 5}}
    rules, left = imported(listing(rule(limit, {"log": None}, TCP_22, ACCEPT)))
    assert not left
    assert rules == [
        "{limit: {rate: 3/hour, burst: 5}, action: {jump: rule-4}}",
        "{log: true}",
        "{proto: tcp, dport: 22, action: accept}",
    ]


def test_a_map_of_verdicts_is_a_rule_for_each_verdict() -> None:
    rows = [[22, ACCEPT], [{"range": [80, 90]}, {"jump": {"target": "a"}}], [443, ACCEPT]]
    vmap = {"vmap": {"key": payload("tcp", "dport"), "data": {"set": rows}}}
    rules, left = imported(listing(rule(match(meta("iifname"), "lan0"), vmap)))
    assert not left
    assert rules == [
        "{in: lan0, proto: tcp, dport: [22, 443], action: accept}",
        "{in: lan0, proto: tcp, dport: 80-90, action: {jump: a}}",
    ]


def test_a_concatenation_is_a_rule_for_each_row() -> None:
    left_side = {"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}
    rows = {"set": [{"concat": ["10.1.0.1", 22]}, {"concat": ["10.1.0.2", 80]}]}
    rules, left = imported(listing(rule(match(left_side, rows), ACCEPT)))
    assert not left
    assert rules == [
        "{proto: tcp, src: 10.1.0.1, dport: 22, action: accept}",
        "{proto: tcp, src: 10.1.0.2, dport: 80, action: accept}",
    ]


LAN: Final = {
    "set": {"name": "lan", "type": "ipv4_addr", "flags": ["interval"],
            "elem": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, "192.0.2.1"]}
}  # fmt: skip
SEEN: Final = {
    "set": {"name": "seen", "type": ["ipv4_addr", "inet_service"], "flags": ["dynamic", "timeout"],
            "timeout": 600, "size": 1000}
}  # fmt: skip


def test_named_sets_stay_sets() -> None:
    text, left = made(listing(LAN, rule(match(payload("ip", "saddr"), "@lan", "!="), DROP)))
    assert not left
    assert "sets:\n  lan:\n    type: address\n    elements: [10.0.0.0/8, 192.0.2.1]\n" in text
    assert "- {family: ipv4, not: {src: $lan}, action: drop}" in text
    assert parse_rules(text, "rules.yaml")[1] == []


def test_sets_that_packets_change_stay_so() -> None:
    pair = {"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}
    update = {"op": "update", "set": "@seen", "elem": {"elem": {"val": pair, "timeout": 30}}}
    delete = {"op": "delete", "set": "@seen", "elem": pair}
    text, left = made(
        listing(SEEN, rule({"set": update}), rule(match(pair, "@seen"), {"set": delete}, DROP))
    )
    assert not left
    lines = [line.strip() for line in text.splitlines()]
    at = lines.index("seen:")
    assert lines[at + 1 : at + 4] == ["type: [address, port]", "lifetime: 600", "maximum: 1000"]
    at = lines.index("rules:")
    assert lines[at + 1 : at + 6] == [
        "- {family: ipv4, proto: tcp, action: {add: {set: seen, of: [src, dport], for: 30}}}",
        "- family: ipv4",
        "proto: tcp",
        "set: {name: seen, of: [src, dport]}",
        "action: [{remove: {set: seen, of: [src, dport]}}, drop]",
    ]
    assert parse_rules(text, "rules.yaml")[1] == []


def test_a_tcp_option_is_missing_in_what_is_no_tcp_too() -> None:
    missing = match({"tcp option": {"name": "timestamp"}}, False)
    rules, left = imported(listing(rule(missing, DROP)))
    assert not left
    assert rules == [
        "{not: {proto: tcp}, action: drop}",
        "{proto: tcp, not: {tcp_option: 8}, action: drop}",
    ]


def test_a_label_is_set() -> None:
    assert of_one({"mangle": {"key": ct("label"), "value": 5}}) == "{action: {label: 5}}"


def test_what_one_chain_at_a_hook_accepts_the_next_one_is_asked_about() -> None:
    later = {"name": "g", "type": "filter", "hook": "forward", "prio": 10, "policy": "drop"}
    rules, left = imported(
        listing(
            {"chain": later},
            rule(TCP_22, ACCEPT),
            rule(match(meta("iifname"), "wan0"), DROP),
            rule(match(meta("oifname"), "lan0"), ACCEPT, chain="g"),
        )
    )
    assert not left
    assert rules == [
        "{action: {jump: f}}",
        "{action: {jump: g}}",
        "{name: policy of t g, action: drop}",
        "{proto: tcp, dport: 22, action: {jump: from-g}}",
        "{in: wan0, action: drop}",
        "{out: lan0, action: accept}",
        "{action: {jump: g}}",
        "{name: policy of t g, action: drop}",
        "{action: accept}",
    ]


def test_tables_of_both_ip_versions_are_one_chain() -> None:
    four = json.loads(listing(rule(TCP_22, ACCEPT), family="ip"))["nftables"]
    six = json.loads(listing(rule(TCP_22, ACCEPT), family="ip6"))["nftables"]
    rules, left = imported(json.dumps({"nftables": four + six}))
    assert not left
    assert rules == [
        "{family: ipv4, proto: tcp, dport: 22, action: accept}",
        "{family: ipv6, proto: tcp, dport: 22, action: accept}",
    ]


def test_the_policy_of_one_ip_version_is_not_that_of_the_other() -> None:
    rules, left = imported(listing(rule(TCP_22, ACCEPT), family="ip", policy="drop"))
    assert not left
    assert rules == [
        "{family: ipv4, action: {jump: f}}",
        "{name: policy of t f, family: ipv4, action: drop}",
        "{family: ipv4, proto: tcp, dport: 22, action: accept}",
    ]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (match(meta("skuid"), 0), "meta skuid has no like"),
        (match(ct("status"), "dnat", "in"), "the status dnat"),
        (match(payload("ip", "saddr"), "@gone"), "no set @gone"),
        (match(payload("ip", "ttl"), "@gone"), "no set @gone"),
        (match(payload("ip", "saddr"), "fe80::1"), "no IPv4 address"),
        (match(payload("tcp", "dport"), "http"), "http is no number"),
        ({"masquerade": None}, "masquerade has no like"),
        ({"xt": {"type": "match", "name": "comment"}}, "xt type match name comment"),
        ({"limit": {"rate": 5, "per": "second", "rate_unit": "kbytes"}}, "counts packets"),
        ({"limit": "l1"}, "a limit that rules share"),
        ({"notrack": None}, "does nothing once"),
        ({"jump": {"target": "f"}}, "no chain f"),
        ({"reject": {"type": "icmpv6", "expr": "policy-fail"}}, "no reject with icmpv6"),
        ({"mangle": {"key": payload("ip", "dscp"), "value": 3}}, "ip dscp set has no like"),
        ({"ct helper": "h"}, "given in raw"),
    ],
)
def test_what_cannot_be_said_is_left_out_and_told(statement: dict[str, Any], reason: str) -> None:
    rules, left = imported(listing(rule(statement, DROP), rule(TCP_22, ACCEPT)))
    assert rules == ["{proto: tcp, dport: 22, action: accept}"]
    assert len(left) == 1
    assert reason in left[0]


def test_all_that_is_wrong_with_a_rule_is_told() -> None:
    text, left = made(listing(rule(match(meta("skuid"), 0), {"xt": None}, DROP)))
    assert (
        left[0].reason == "meta skuid has no like in our language; xt has no like in our language"
    )
    assert "import what iptables-save prints" in left[0].advice
    assert described(left[0])[0] == "nftables[4].rule (inet t f): meta skuid 0 xt drop"
    assert "CAUTION" in described(left[0])[-1]
    assert "      # meta skuid 0 xt drop\n" in text


def test_chains_of_other_types_are_listed() -> None:
    nat = {"name": "n", "type": "nat", "hook": "postrouting", "prio": 100}
    rules, left = imported(listing({"chain": nat}, rule({"masquerade": None}, chain="n")))
    assert not rules
    assert left == ["chains of type nat at postrouting are not ours"]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["1:1: Expecting value"]),
        ("[]", ['1: expected {"nftables"']),
        ("[" * 100_000, ["1: it cannot be read"]),
        ('{"nftables": [1, {"rule": {}}]}',
         ["nftables[0]: expected one object", "nftables[1].rule: expected the names"]),
        (listing({"chain": {"name": "x", "prio": "0"}}, rule(chain="y"), {"set": {"name": 3}}),
         ["nftables[4].chain.prio: expected int", "nftables[6].set.name: expected a name",
          "nftables[5].rule.chain: expected a chain of inet t"]),
        (listing(rule(3), {"chain": {"name": "a"}}),
         ["nftables[5].chain: the chain a stands here a second time",
          "nftables[4].rule.expr[0]: expected one statement"]),
    ],
)  # fmt: skip
def test_what_is_no_listing_is_refused_with_all_places(text: str, faults: list[str]) -> None:
    with pytest.raises(NftError) as refused:
        read_nft(text)
    assert len(refused.value.faults) == len(faults)
    for found, wanted in zip(refused.value.faults, faults, strict=True):
        assert found.startswith(wanted)


@pytest.mark.parametrize("name", ["fedora", "home"])
def test_a_real_rule_set_becomes_what_stands_beside_it(name: str) -> None:
    """The .nft files are what nft was given before it printed the .json."""
    text, _ = made((SAMPLES / f"{name}.json").read_text())
    assert text == (SAMPLES / f"{name}.yaml").read_text()
    assert parse_rules(text, "rules.yaml")[1] == []


@pytest.mark.parametrize("seed", range(4))
def test_whatever_stands_in_a_file_it_is_refused_or_its_rules_can_be_loaded(seed: int) -> None:
    """Values of the samples in other places, and some that stand nowhere."""
    rng = Random(seed)
    texts = [(SAMPLES / f"{name}.json").read_text() for name in ("fedora", "home")]
    values: list[Any] = [None, True, -1, 1 << 70, "", "@lan", "é\u202e", [], {}, [[]], {"set": 3}]
    for text in texts:
        for _, owner, key in _places(json.loads(text)):
            values.append(owner[key])
    loaded = refused = 0
    for _ in range(40):
        tree = json.loads(rng.choice(texts))
        for _ in range(rng.choice((1, 1, 2, 6))):
            places = _places(tree)
            _, owner, key = rng.choice(places)
            owner[key] = rng.choice(values)
        try:
            document, _ = made(json.dumps(tree))
        except NftError:
            refused += 1
            continue
        assert parse_rules(document, "rules.yaml")[1] == []
        loaded += 1
    assert loaded > 5
    assert refused


def _places(tree: Any, depth: int = 0) -> list[tuple[int, Any, Any]]:
    """All values of a tree, each by what it stands in and where."""
    found: list[tuple[int, Any, Any]] = []
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    for key in list(keys):
        found.append((depth, tree, key))
        if isinstance(tree[key], (dict, list)):
            found += _places(tree[key], depth + 1)
    return found
