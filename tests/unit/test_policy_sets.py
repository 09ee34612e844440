"""`sets:` in rule files, what rules do with them, and what is told where that cannot be."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.errors import Problem
from firewalld_py.policy.load import parse_rules, read_rules
from firewalld_py.policy.model import Match, Policy, Set, SetTarget, Target
from firewalld_py.policy.set_elements import element_text
from firewalld_py.policy.targets import text_of_target
from firewalld_py.policy.trial import run_tests
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.sets import MAXIMUM
from tests.unit.policy_texts import assert_problems, parsed

SETS: Final = """version: 1
define: {lan: [10.1.0.0/24, "fd00:1::/64"]}
sets:
  blocked: {type: address}
  ports: {type: port}
  ifs: {type: interface}
  macs: {type: mac}
  pairs: {type: [address, port]}
filter:
  forward:
    rules:
"""


def with_rule(rule: str) -> str:
    return f"{SETS}      - {rule}\n"


def matches_of(rule: str) -> tuple[Match, ...]:
    return parsed(with_rule(rule)).chains[0].rules[0].matches


def elements_of(one: Set) -> list[str]:
    parts = len(one.type)
    return [
        element_text(one.type, records[at : at + size], records[at + size : at + size + parts])
        for size, records in one.elements
        for at in range(0, len(records), size + parts)
    ]


def the_set(text: str) -> Set:
    (one,) = parsed(f"version: 1\nsets:\n  s: {text}\n").sets
    return one


def test_what_is_not_said_of_a_set_is_as_the_reference_tells() -> None:
    one = the_set("{type: address}")
    assert (one.name, one.type, one.line, one.column) == ("s", ("address",), 3, 3)
    assert (one.lifetime, one.maximum, one.counters, one.persist) == (0, MAXIMUM, False, False)
    assert (one.elements, one.element_files) == ((), ())


def test_all_that_can_be_said_of_a_set() -> None:
    one = the_set("{type: [network, port], lifetime: 1h, maximum: 9, counters: on, persist: true}")
    assert one.type == ("network", "port")
    assert (one.lifetime, one.maximum, one.counters, one.persist) == (3600, 9, True, True)


def test_a_plan_has_all_that_was_said() -> None:
    text = "{type: [network, port], lifetime: 1h, maximum: 9, counters: on, persist: true}"
    plan = compile_policy(parsed(f"version: 1\nsets:\n  s: {text}\n"), Config())
    assert plan["sets"]["s"] == {
        "type": ["network", "port"], "lifetime": 3600, "maximum": 9, "counters": True,
        "persist": True, "elements": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("{type: address, elements: 192.0.2.1}", ["192.0.2.1"]),
        ("{type: address, elements: []}", []),
        ("{type: address, elements: }", []),
        (
            '{type: network, elements: ["fd00::/16", 10.0.0.0/8, 10.0.0.0/8, 10.0.0.0/16]}',
            ["10.0.0.0/8", "10.0.0.0/16", "fd00::/16"],
        ),
        ("{type: port, elements: [ssh, tcp:80, 8000-8001]}", ["22", "tcp:80", "8000-8001"]),
        ('{type: interface, elements: [lan0, "ppp*"]}', ["lan0", "ppp*"]),
        ("{type: mac, elements: [00:16:3e:5a:00:01]}", ["00:16:3e:5a:00:01"]),
        ("{type: [address, port], elements: [[192.0.2.1, tcp:53]]}", ["192.0.2.1,tcp:53"]),
        ('{type: [address, port], elements: ["192.0.2.1,tcp:53"]}', ["192.0.2.1,tcp:53"]),
        ('{type: [address, port], elements: "192.0.2.1,53"}', ["192.0.2.1,53"]),
    ],
)
def test_elements(text: str, elements: list[str]) -> None:
    assert sorted(elements_of(the_set(text))) == sorted(elements)


def test_a_set_may_hold_what_a_define_does() -> None:
    text = """version: 1
define: {lan: [10.1.0.0/24, $vpn], vpn: "fd00:1::/64", web: [80, https]}
sets:
  trusted: {type: address, elements: [$lan, 192.0.2.1]}
  ports: {type: port, elements: $web}
"""
    trusted, ports = parsed(text).sets
    assert elements_of(trusted) == ["10.1.0.0/24", "192.0.2.1", "fd00:1::/64"]
    assert elements_of(ports) == ["80", "443"]


@pytest.mark.parametrize(
    ("rule", "key", "value", "inverted"),
    [
        ("{src: $blocked, action: drop}", "src", ("blocked", "src"), False),
        ("{dst: [$blocked], action: drop}", "dst", ("blocked", "dst"), False),
        ("{not: {src: $blocked}, action: drop}", "src", ("blocked", "src"), True),
        ("{sport: $ports, action: drop}", "sport", ("ports", "sport"), False),
        ("{dport: $ports, action: drop}", "dport", ("ports", "dport"), False),
        ("{in: $ifs, action: drop}", "in", ("ifs", "in"), False),
        ("{out: $ifs, action: drop}", "out", ("ifs", "out"), False),
        ("{source_mac: $macs, action: drop}", "source_mac", ("macs", "source_mac"), False),
        ("{set: {name: blocked, of: src}, action: drop}", "set", ("blocked", "src"), False),
        ("{set: {name: $blocked, of: dst}, action: drop}", "set", ("blocked", "dst"), False),
        (
            "{not: {set: {name: pairs, of: [dst, sport]}}, action: drop}",
            *("set", ("pairs", "dst", "sport"), True),
        ),
    ],
)
def test_conditions(rule: str, key: str, value: tuple[str, ...], inverted: bool) -> None:
    (match,) = matches_of(rule)
    assert (match.key, match.kind, match.value, match.inverted) == (key, "set", value, inverted)


def test_a_define_is_still_a_define() -> None:
    (match,) = matches_of("{src: $lan, action: drop}")
    assert match.kind == "src"


def test_targets() -> None:
    rule = parsed(
        with_rule(
            "{action: [{add: {set: blocked, of: src, for: 10m}}, "
            "{remove: {set: pairs, of: [src, dport]}}, accept]}"
        )
    )
    targets = rule.chains[0].rules[0].action.targets
    assert targets == (
        Target("add", SetTarget("blocked", ("src",), 600)),
        Target("remove", SetTarget("pairs", ("src", "dport"))),
    )
    assert [text_of_target(target) for target in targets] == [
        *("add src to set blocked for 10m", "remove src, dport from set pairs"),
    ]


def test_a_rule_may_add_to_several_sets() -> None:
    adding = "{add: {set: blocked, of: src}}, {add: {set: blocked, of: dst}}"
    targets = parsed(with_rule(f"{{action: [{adding}]}}")).chains[0].rules[0].action.targets
    assert [text_of_target(target) for target in targets] == [
        *("add src to set blocked", "add dst to set blocked"),
    ]


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        ("{src: blocked, action: drop}", "$blocked"),
        ("{src: [blocked], action: drop}", "$blocked"),
        ("{set: {name: blocked, of: source}, action: drop}", "src"),
        ("{set: {name: blocked, of: saddr}, action: drop}", "src"),
        ("{action: {add: {set: macs, of: mac}}}", "source_mac"),
    ],
)
def test_near_misses(rule: str, meant: str) -> None:
    _, (problem,) = parse_rules(with_rule(rule), "rules.yaml")
    assert problem.suggestion == meant


@pytest.mark.parametrize(
    ("lifetime", "text"),
    [("", ""), (", for: 0", " for ever"), (", for: 90", " for 90s"), (", for: 2d", " for 2d")],
)
def test_lifetimes_in_words(lifetime: str, text: str) -> None:
    rule = f"{{action: [{{add: {{set: blocked, of: src{lifetime}}}}}]}}"
    (target,) = parsed(with_rule(rule)).chains[0].rules[0].action.targets
    assert text_of_target(target) == f"add src to set blocked{text}"


def test_it_all_becomes_a_rule_set() -> None:
    text = with_rule("{src: $blocked, action: [{add: {set: pairs, of: [src, dport]}}, accept]}")
    text = text.replace("blocked: {type: address}", "blocked: {type: address, elements: 192.0.2.1}")
    ruleset = build_ruleset(compile_policy(parsed(text), Config()))
    assert list(ruleset.sets) == ["blocked", "ports", "ifs", "macs", "pairs"]
    assert ruleset.sets["blocked"].contains(bytes((192, 0, 2, 1)), 0.0)
    assert ruleset.filter_forward.rules[0].targets is not None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{src: §$bloked, action: drop}", "'$bloked' is not defined => $blocked"),
        ("{src: §$ports, action: drop}", "src: set 'ports' holds ports, src has addresses"),
        (
            "{dport: §$blocked, action: drop}",
            "dport: set 'blocked' holds addresses, dport has port",
        ),
        ("{in: §$macs, action: drop}", "in: set 'macs' holds MAC addresses, in has interfaces"),
        (
            "{src: §$pairs, action: drop}",
            "src: the elements of set 'pairs' have 2 parts (address, port): ask for all with",
        ),
        (
            "{src: §[$lan, $blocked], action: drop}",
            "src: $blocked is a set, which stands alone: make a rule of its own for it",
        ),
        ("{original_src: §$blocked, action: drop}", "$blocked is a set: it can be asked"),
        ("{set: §blocked, action: drop}", "set: expected {name: NAME, of: PARTS}"),
        (
            "{set: {name: §blokced, of: src}, action: drop}",
            "name: unknown set 'blokced' => blocked",
        ),
        ("{set: {name: §lan, of: src}, action: drop}", "name: $lan is a define, not a set"),
        ("{set: §{name: blocked}, action: drop}", "of is missing in a question to a set"),
        (
            "{set: {name: pairs, of: §src}, action: drop}",
            "of: set 'pairs' is of type address, port",
        ),
        (
            "{set: {name: pairs, of: §[dport, src]}, action: drop}",
            "of: set 'pairs' is of type address, port, which dport, src does not fit => [src",
        ),
        ("{set: {name: blocked, of: §source}, action: drop}", "expected one or a list of: src"),
        ("{src: §blocked, action: drop}", "src: expected an address"),
        ("{src: [§blocked], action: drop}", "expected an address"),
        ("{action: {add: {set: §bloked, of: src}}}", "set: unknown set 'bloked' => blocked"),
        ("{action: {add: {set: blocked, of: §dport}}}", "of: set 'blocked' is of type address"),
        ("{action: {add: §{of: src}}}", "set is missing in add: name the set"),
        ("{action: {add: {set: blocked, of: src, for: §soon}}}", "for: expected a time in seconds"),
        ("{action: {add: §blocked}}", "add: expected {set: NAME, of: PARTS, for: DURATION}"),
        ("{action: {remove: {set: blocked, of: src, §for: 5}}}", "unknown key 'for' in remove"),
    ],
)
def test_what_rules_cannot_say_of_sets(rule: str, message: str) -> None:
    assert_problems(with_rule(rule), message)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ("§[blocked]", "sets: expected a mapping from names to sets, found a list"),
        ("{s: §address}", "expected a set as a mapping, found 'address'"),
        ("{s: §{elements: [1]}}", "type is missing in a set: say what its elements are"),
        ("{s: {type: §adress}}", "expected one of address, network"),
        ("{s: {type: [address, §prot]}}", "expected one of address, network"),
        ("{s: {type: §ipv4_addr}}", "expected one of address"),
        ('{s: {type: §"hash:ip,port"}}', "expected one of address"),
        ("{s: {type: §[mac, mac, mac, mac, mac, mac, mac]}}", "type: expected at most 6 parts"),
        ("{§1s: {type: address}}", "'1s' cannot be a name"),
        ("{§lan: {type: address}}", "the name 'lan' is a define's already, in line 2"),
        ("{s: {type: address, elements: [1.2.3.4, §1.2.3.400]}}", "expected an address"),
        ("{s: {type: address, elements: §10.0.0.1/8}}", "'10.0.0.1/8' is no network"),
        ("{s: {type: address, elements: [§$wan]}}", "'$wan' is not defined => $lan"),
        ("{s: {type: port, elements: [§$lan]}}", None),
        ("{s: {type: [address, port], elements: [§192.0.2.1, §tcp:53]}}", None),
        ("{s: {type: [address, port], elements: [§[192.0.2.1]]}}", "expected 2 parts as in"),
        ("{s: {type: address, §timeout: 5}}", "unknown key 'timeout' in a set => lifetime"),
        ("{s: {type: address, maximum: §0}}", "maximum: expected a number from 1 to"),
        ("{s: {type: address, file: §missing.txt}}", "file: missing.txt is not there"),
        ("{s: {type: address, file: §.}}", "file: . is no file"),
    ],
)
def test_what_cannot_be_said_of_a_set(sets: str, message: str | None) -> None:
    text = f"version: 1\ndefine: {{lan: [10.1.0.0/24]}}\nsets: {sets}\n"
    if message is not None:
        assert_problems(text, message)
    elif "$lan" in text:
        text = text.replace("define: {lan: [10.1", "define: {lan: [§10.1").replace(
            "[§$lan", "[$lan"
        )
        assert_problems(text, "expected a port")
    else:
        said = "expected 2 parts, in a list of their own as in [192.0.2.1, tcp:53], found "
        assert_problems(text, said + "'192.0.2.1'", said + "'tcp:53'")


def test_a_define_cannot_hold_a_set() -> None:
    text = "version: 1\ndefine: {all: [§$s]}\nsets: {s: {type: address}}\n"
    assert_problems(text, "define all: $s is a set: it can be asked for src, dst")


def test_a_set_whose_type_is_wrong_is_no_riddle_in_rules() -> None:
    text = with_rule("{src: $bad, action: [{add: {set: bad, of: src}}, drop]}")
    assert_problems(text.replace("blocked: {type: address}", "bad: {type: §adres}"), "expected")


@pytest.mark.parametrize(
    ("chain", "rule", "message"),
    [
        ("input", "{§out: $ifs, action: drop}", "out is not known in filter/input"),
        (
            "output",
            "{§source_mac: $macs, action: drop}",
            "source_mac is not known in filter/output",
        ),
        ("output", "{§set: {name: ifs, of: in}, action: drop}", "in is not known in filter/output"),
        ("output", "{§action: {add: {set: macs, of: source_mac}}}", "source_mac is not known in"),
        ("input", "{§action: {remove: {set: ifs, of: out}}}", "out is not known in filter/input"),
    ],
)
def test_what_packets_of_a_chain_do_not_have(chain: str, rule: str, message: str) -> None:
    assert_problems(with_rule(rule).replace("  forward:", f"  {chain}:"), message)


def test_sets_are_for_raw_too() -> None:
    raw = "raw: {prerouting: [{src: $blocked, action: [{add: {set: pairs, of: [src, dport]}}]}]}\n"
    rule = parsed(SETS.partition("filter:")[0] + raw).chains[0].rules[0]
    assert rule.action.targets[0].kind == "add"


def in_files(path: Path, rules: str, **files: str) -> tuple[Policy | None, list[Problem]]:
    for name, text in files.items():
        (path / f"{name}.txt").write_text(text)
    (path / "rules.yaml").write_text(rules)
    return read_rules(path / "rules.yaml")


def test_elements_from_files(tmp_path: Path) -> None:
    rules = "version: 1\nsets: {s: {type: address, elements: 10.0.0.1, file: [a.txt, b.txt]}}\n"
    policy, problems = in_files(
        tmp_path, rules, a="# all of it\n192.0.2.0/24\r\n\n  10.0.0.1 # again\n", b="fd00::1\n"
    )
    assert problems == []
    assert policy is not None
    (one,) = policy.sets
    assert elements_of(one) == ["10.0.0.1", "192.0.2.0/24", "fd00::1"]
    assert one.element_files == (str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))


def test_combinations_from_files(tmp_path: Path) -> None:
    rules = "version: 1\nsets: {s: {type: [network, port], file: a.txt}}\n"
    policy, _ = in_files(tmp_path, rules, a="192.0.2.0/24,tcp:53\n192.0.2.0/24 , udp:53\n")
    assert policy is not None
    assert elements_of(policy.sets[0]) == ["192.0.2.0/24,tcp:53", "192.0.2.0/24,udp:53"]


def test_all_errors_of_all_files_are_told_at_their_own_lines(tmp_path: Path) -> None:
    rules = "version: 1\nsets: {s: {type: address, elements: [x], file: [a.txt, b.txt]}}\n"
    _, problems = in_files(tmp_path, rules, a="10.0.0.1\n  10.0.0.999 # no\n", b="\n10.0.0.1/8\n")
    places = [(Path(one.file).name, one.line, one.column) for one in problems]
    assert places == [("rules.yaml", 2, 38), ("a.txt", 2, 3), ("b.txt", 2, 1)]
    assert all(one.rule == "set s" for one in problems)
    assert problems[2].suggestion == "10.0.0.0/8"
    assert problems[1].excerpt == "  10.0.0.999 # no"


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"10.0.0.1\n\xff\n", "octet 0xff is not UTF-8"),
        ("10.0.0.1\n10.0.0.2\u202e\n".encode(), "character U+202E is invisible"),
    ],
)
def test_a_file_that_is_no_text_is_told(tmp_path: Path, octets: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(octets)
    _, problems = in_files(tmp_path, "version: 1\nsets: {s: {type: address, file: a.txt}}\n")
    assert [(one.line, one.message.startswith(message)) for one in problems] == [(2, True)]


def test_a_file_that_is_not_there_has_a_near_miss(tmp_path: Path) -> None:
    rules = "version: 1\nsets: {s: {type: address, file: blokced.txt}}\n"
    _, (problem,) = in_files(tmp_path, rules, blocked="")
    assert problem.suggestion == "blocked.txt"


def test_files_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "bad.txt").write_text("10.0.0.1\n")
    included = "sets: {s: {type: address, file: bad.txt}}\n"
    (tmp_path / "rules.d" / "a.yaml").write_text(included)
    (tmp_path / "rules.d" / "b.yaml").write_text("sets: {s: {type: address}}\n")
    policy, _ = in_files(tmp_path, "version: 1\ninclude: rules.d/a.yaml\n")
    assert policy is not None
    assert elements_of(policy.sets[0]) == ["10.0.0.1"]
    _, (problem,) = in_files(tmp_path, "version: 1\ninclude: rules.d/*.yaml\n")
    assert problem.message.startswith("there is a set 's' already, in ")
    assert problem.file.endswith("b.yaml")


def test_elements_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firewalld_py.policy.element_lists.MAX_STATIC", 3)
    rules = "version: 1\nsets: {s: {type: address, file: a.txt}}\n"
    _, (problem,) = in_files(tmp_path, rules, a="".join(f"10.0.0.{n}\n" for n in range(5)))
    assert problem.message == "more than 3 elements"
    assert problem.line == 2


def test_combinations_of_lengths_are_bounded() -> None:
    lengths = [(first, second) for first in range(33) for second in range(33)]
    networks = ", ".join(f"[0.0.0.0/{first}, 0.0.0.0/{second}]" for first, second in lengths)
    text = f"version: 1\nsets:\n  §s: {{type: [network, network], elements: [{networks}]}}\n"
    assert_problems(text, "networks of 1089 different combinations of lengths")


def test_a_hundred_thousand_networks_are_read_and_compiled_quickly(tmp_path: Path) -> None:
    lines = [f"{11 + n // 65536}.{n // 256 % 256}.{n % 256}.0/{24 + n % 3}" for n in range(100_000)]
    rules = "version: 1\nsets: {s: {type: address, file: a.txt}}\n"
    (tmp_path / "a.txt").write_text("\n".join(lines))
    began = time.process_time()
    policy, _ = in_files(tmp_path, rules)
    assert policy is not None
    compile_policy(policy, Config())
    assert time.process_time() - began < 2.0
    ((size, records),) = policy.sets[0].elements
    assert (size, len(records)) == (4, 500_000)


TESTED: Final = """version: 1
sets:
  knocked: {type: address, elements: 192.0.2.7}
filter:
  input:
    policy: drop
    rules:
      - {name: open, src: $knocked, proto: tcp, dport: 22, action: accept}
      - name: knock
        proto: udp
        dport: 7000
        LIMIT
        action: [{add: {set: knocked, of: src, for: 1m}}, drop]
tests:
  - name: who knocks gets in, for a minute
    steps:
      - packet: &ssh {in: wan0, src: 203.0.113.9, dst: 10.1.0.1, proto: tcp, dport: 22}
        chain: input
        expect: drop
      - packet: {in: wan0, src: 203.0.113.9, dst: 10.1.0.1, proto: udp, dport: 7000}
        chain: input
        expect: drop
      - {packet: *ssh, chain: input, wait: 50s, expect: accept}
  - {name: nobody has knocked yet, chain: input, packet: *ssh, expect: drop}
  - name: one is always let in
    chain: input
    packet: {in: wan0, src: 192.0.2.7, dst: 10.1.0.1, proto: tcp, dport: 22}
    expect: accept
"""


@pytest.mark.parametrize("limit", ["", "limit: 9/second"])
def test_each_test_of_a_policy_has_sets_as_the_file_has_them(limit: str) -> None:
    outcomes = run_tests(parsed(TESTED.replace("LIMIT", limit)), Config())
    assert [outcome.fault for outcome in outcomes] == ["", "", ""]
