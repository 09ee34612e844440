"""Rule files, good and bad: every message at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from firewalld_py.policy import rule as rule_module
from firewalld_py.policy.actions import EXPECTED
from firewalld_py.policy.addresses import address_range
from firewalld_py.policy.checks import protocols
from firewalld_py.policy.errors import MAX_PROBLEMS, PolicyErrors
from firewalld_py.policy.load import load_rules, parse_rules
from firewalld_py.policy.model import Action, Log, Mark, Target
from firewalld_py.policy.names import REJECTS
from tests.unit.policy_texts import FILE, assert_problems, in_chain, one_rule, parsed

DESIGN = """\
version: 1
define:
  lan: [10.1.0.0/24, "fd00:1::/64"]
raw:
  prerouting:
    - {name: dns, proto: udp, dport: 53, action: notrack}
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: junk, state: invalid, log: {prefix: "invalid ", limit: 10/second}, action: drop}
      - {name: lan out, in: lan0, out: wan0, src: $lan, state: new, action: accept}
      - {name: no telnet, proto: tcp, dport: 23, not: {src: 10.1.0.9}, action: {reject: tcp-reset}}
      - action: drop
"""


def test_a_rule_file_becomes_a_policy() -> None:
    policy = parsed(DESIGN)
    assert [
        (chain.table, chain.name, chain.policy, len(chain.rules)) for chain in policy.chains
    ] == [
        ("raw", "prerouting", "accept", 1),
        ("filter", "forward", "drop", 5),
    ]
    assert policy.rule_count() == 6
    rules = policy.chains[1].rules
    assert [rule.name for rule in rules] == [
        "answers",
        "junk",
        "lan out",
        "no telnet",
        "filter/forward/5",
    ]
    assert (rules[2].file, rules[2].line, rules[2].column) == (FILE, 13, 9)
    assert rules[2].place == "filter/forward/3"
    assert rules[1].action == Action("drop", Log("invalid ", 4, 10.0, None))
    assert rules[3].action == Action("reject", reject="tcp-reset")
    assert [(match.kind, match.inverted) for match in rules[3].matches] == [
        ("proto", False),
        ("dport", False),
        ("src", True),
    ]
    assert rules[2].matches[2].value == (address_range("10.1.0.0/24"), address_range("fd00:1::/64"))
    assert (rules[2].matches[2].line, rules[2].matches[2].column) == (13, 46)


@pytest.mark.parametrize(
    ("text", "chains"),
    [
        ("version: 1\n", 0),
        ("version: '1'\n", 0),
        ("version: 1\nfilter:\nraw:\ndefine:\n", 0),
        ("version: 1\nfilter:\n  input:\n", 1),
        ("version: 1\nfilter:\n  input:\n    policy: drop\n    rules:\n", 1),
        ("version: 1\nraw:\n  prerouting:\n  output: []\n", 2),
        ("version: 1\nfilter: {input: {}, forward: {policy: drop}, output: {rules: []}}\n", 3),
    ],
)
def test_what_may_be_empty(text: str, chains: int) -> None:
    assert len(parsed(text).chains) == chains


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("{state: new, action: drop}", 1),
        ("{state: [NEW, Established, related, invalid, untracked], action: drop}", 31),
        ("{family: ipv6, action: drop}", 6),
        ("{family: 4, action: drop}", 4),
        ("{proto: [tcp, udp, 6], action: drop}", (6, 17)),
        ("{in: [lan0, ppp*, lan0], action: drop}", ("lan0", "ppp*")),
        ("{dport: [80, 22:79, '443'], action: drop}", ((22, 80), (443, 443))),
        ("{icmp: [8, 8, 3/4], action: drop}", ((1, 8, 0, 255), (1, 3, 4, 4))),
        ("{flags: syn, action: drop}", ((0x17, 2),)),
        ("{tcp_flags: {mask: [syn, ack], value: syn}, action: drop}", ((0x12, 2),)),
        ("{tcp_flags: {mask: all, value: none}, action: drop}", ((0x3F, 0),)),
        ("{tcp_flags: [SYN SYN, {mask: fin, value: fin}], action: drop}", ((2, 2), (1, 1))),
        ("{mark: [0x1/0xff, 5], action: drop}", ((1, 0xFF), (5, 0xFFFFFFFF))),
    ],
)
def test_the_values_of_matches(rule: str, value: object) -> None:
    assert one_rule(rule).matches[0].value == value


@pytest.mark.parametrize(
    ("rule", "action"),
    [
        ("{action: accept}", Action("accept")),
        ("{action: [drop]}", Action("drop")),
        ("{action: continue}", Action("continue")),
        ("{action: [log, continue]}", Action("continue", Log())),
        ("{action: reject}", Action("reject", reject="port-unreachable")),
        ("{action: {reject: no-route}}", Action("reject", reject="no-route")),
        ("{action: log}", Action("continue", Log())),
        ("{log: on}", Action("continue", Log())),
        ("{log: false, action: drop}", Action("drop")),
        ("{action: {mark: 0x1/0xf}}", Action("continue", targets=(Target("mark", Mark(1, 15)),))),
        (
            "{action: {connmark: 0x1/0xf}}",
            Action("continue", targets=(Target("connmark", Mark(1, 15)),)),
        ),
        ("{action: [{label: 7}, accept]}", Action("accept", targets=(Target("label", (7,)),))),
        ("{action: {label: [0, 127]}}", Action("continue", targets=(Target("label", (0, 127)),))),
        (
            "{action: [{log: {prefix: x, level: 7, limit: 1/m, burst: 3}}, {mark: 1}, accept]}",
            Action("accept", Log("x", 7, 1 / 60, 3), (Target("mark", Mark(1, 0xFFFFFFFF)),)),
        ),
    ],
)
def test_actions(rule: str, action: Action) -> None:
    assert one_rule(rule).action == action


@pytest.mark.parametrize(
    ("rule", "action"),
    [
        ("{in: lan0, action: {zone: 5}}", Action("continue", zone=5)),
        ("{action: [{zone: 0}, accept]}", Action("accept", zone=0)),
        (
            "{proto: udp, action: {timeout: {udp_timeout: 10s, udp_timeout_stream: 2m}}}",
            Action("continue", timeouts={"udp_timeout": 10, "udp_timeout_stream": 120}),
        ),
        (
            "{proto: [tcp, esp], action: {timeout: {generic_timeout: 5}}}",
            Action("continue", timeouts={"generic_timeout": 5}),
        ),
    ],
)
def test_what_raw_rules_want_of_tracking(rule: str, action: Action) -> None:
    assert one_rule(rule, "raw/prerouting").action == action


@pytest.mark.parametrize("kind", REJECTS)
def test_every_kind_of_reject_is_known(kind: str) -> None:
    assert one_rule(f"{{proto: tcp, action: {{reject: {kind}}}}}").action.reject == kind


@pytest.mark.parametrize("chain", ["raw/prerouting", "raw/output"])
@pytest.mark.parametrize("verdict", ["accept", "drop", "notrack"])
def test_verdicts_in_raw(chain: str, verdict: str) -> None:
    assert one_rule(f"{{proto: udp, action: {verdict}}}", chain).action.verdict == verdict


def test_a_helper_that_is_there_can_be_named() -> None:
    rule = one_rule("{proto: tcp, dport: 21, action: {helper: ftp}}", "raw/prerouting")
    assert rule.action == Action("continue", helper="ftp")
    assert_problems(
        in_chain("raw/prerouting", "{action: {helper: §fpt}}"),
        "helper: unknown helper 'fpt'; there are: ",
    )
    assert_problems(
        in_chain("filter/input", "{§action: {helper: ftp}}"), "helper is possible in raw only"
    )
    assert_problems(
        in_chain("raw/output", "{§action: [{helper: ftp}, notrack]}"),
        "helper says how to track what notrack leaves untracked: helper or notrack",
    )


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("§filter: {}\n", ["version is missing in the policy: begin the file with 'version: 1'"]),
        ("version: §2\n", ["version: expected 1, the version that this program reads, found '2'"]),
        ("version:§\n", ["version: expected 1, found nothing"]),
        (
            "§version:1\n",
            ["expected the policy as a mapping, found 'version:1'; after the ':' a sp"],
        ),
        ("§[]\n", ["expected the policy as a mapping, found a list"]),
        ("version: 1\n§filtr: {}\n", ["unknown key 'filtr' in the policy => filter"]),
        (
            "version: 1\n§bogus: {}\n",
            ["unknown key 'bogus' in the policy; known are: version, inc"],
        ),
        ("version: 1\n§variables: {}\n", ["unknown key 'variables' in the policy => define"]),
        ("version: 1\nraw: {§input: []}\n", ["unknown key 'input' in raw; known are: prerouting"]),
        ("version: 1\nfilter: {§foward: {}}\n", ["unknown key 'foward' in filter => forward"]),
        ("version: 1\nfilter: §[]\n", ["filter: expected filter as a mapping, found a list"]),
        ("version: 1\nfilter: {input: §[]}\n", ["filter/input: expected a chain as a mapping, fo"]),
        (
            "version: 1\nfilter: {input: {policy: §reject}}\n",
            ["policy: expected one of accept, dr"],
        ),
        (
            "version: 1\nfilter: {input: {policy: §DROP}}\n",
            ["policy: expected one of accept, drop,"],
        ),
        (
            "version: 1\nfilter: {input: {§default: drop}}\n",
            ["unknown key 'default' in a chain => p"],
        ),
        (
            "version: 1\nfilter: {input: {rules: §{}}}\n",
            ["filter/input: expected a list of rules, "],
        ),
        ("version: 1\nraw: {output: §x}\n", ["raw/output: expected a list of rules, found 'x'"]),
    ],
)
def test_faults_of_the_whole(text: str, messages: list[str]) -> None:
    assert_problems(text, *messages)


NO_ACTION = f"a rule needs an action: {EXPECTED} => "
BAD_ACTION = f"expected {EXPECTED}, found"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("§hello", "expected a rule as a mapping, found 'hello'"),
        ("§[a]", "expected a rule as a mapping, found a list"),
        ("§{}", NO_ACTION),
        ("§{name: x}", NO_ACTION),
        ("§{log: false}", NO_ACTION),
        ("{§scr: 10.0.0.1, action: drop}", "unknown key 'scr' in a rule => src"),
        ("{§source: 10.0.0.1, action: drop}", "unknown key 'source' in a rule => src"),
        ("{§ctstate: new, action: drop}", "unknown key 'ctstate' in a rule => state"),
        ("{§in-interface: lan0, action: drop}", "unknown key 'in-interface' in a rule => in"),
        ("{§zzzzzz: 1, action: drop}", "unknown key 'zzzzzz' in a rule; known are: name, state"),
        ("{name: §'', action: drop}", "name: expected a text, found an empty one"),
        ("{name: §[a], action: drop}", "name: expected a name, found a list"),
        ('{name: §"a\\nb", action: drop}', "name: expected one line of printable characters"),
        (f"{{name: §{'x' * 101}, action: drop}}", "name: expected at most 100 characters"),
        ("{action: §acept}", f"{BAD_ACTION} 'acept' => accept"),
        ("{action: §ACCEPT}", f"{BAD_ACTION} 'ACCEPT' => accept"),
        ("{action: §allow}", f"{BAD_ACTION} 'allow' => accept"),
        ("{action: §deny}", f"{BAD_ACTION} 'deny' => drop"),
        ("{action: §tcp-reset}", f"{BAD_ACTION} 'tcp-reset' => {{reject: tcp-reset}}"),
        ("{action: §}", f"{BAD_ACTION} nothing"),
        ("{action: §[]}", f"action: {BAD_ACTION} an empty list"),
        ("{action: [§[drop]]}", f"{BAD_ACTION} a list"),
        ("{action: §{accept: true}}", "accept takes nothing: write it as a word => accept"),
        ("{action: [accept, §drop]}", "nothing can follow after accept"),
        ("{action: [log, §log, drop]}", "log stands here twice"),
        ("{§action: [log, drop], log: true}", "log stands here twice: as a key and as an action"),
        ("{action: §{mark: 5, log: true}}", "expected an action with one key, found 2"),
        ("{action: {§rejct: no-route}}", "unknown key 'rejct' in an action => reject"),
        ("{action: {reject: §tcp-rst}}", "reject: unknown kind 'tcp-rst' => tcp-reset"),
        ("{action: {reject: §zzz}}", "reject: unknown kind 'zzz'; there are: port-unreachable, "),
        ("{action: {reject: §[]}}", "reject: expected a kind of reject, found a list"),
        ("{action: {mark: §0x5/0x3}}", "mark: mark '0x5/0x3' has bits outside of its mask => 0x1/"),
        ("{action: {log: §false}}", "log: nothing to do"),
        ("{action: {helper: §nohelper}}", "helper: unknown helper 'nohelper'"),
        ("{action: {connmark: §0x5/0x3}}", "connmark: mark '0x5/0x3' has bits outside"),
        ("{action: {label: [1, §128]}}", "expected a number from 0 to 127, found '128'"),
        ("{action: {label: §[]}}", "label: expected a label's number"),
        ("{action: {zone: §70000}}", "zone: expected a number from 0 to 65535, found '70000'"),
        ("{action: {timeout: §{}}}", "timeout: expected timeouts by name"),
        ("{§action: {zone: 5}}", "zone is possible in raw only"),
        ("{§action: {timeout: {udp_timeout: 5}}}", "timeout is possible in raw only"),
        ("{label: §x, action: drop}", "label: expected a number"),
        ("{zone: §-1, action: drop}", "zone: expected a number"),
        ("{§action: notrack}", "notrack is possible in raw only"),
        ("{log: §maybe, action: drop}", "log: expected true or {prefix: TEXT, limit: RATE, level"),
        ("{log: §[], action: drop}", "log: expected log as a mapping, found a list"),
        ("{log: {limit: §10}, action: drop}", "limit: expected a rate as NUMBER/UNIT"),
        ("{log: {level: §loud}, action: drop}", "level: expected a syslog level"),
        ("{log: {burst: §0}, action: drop}", "burst: expected a number from 1 to 1000000"),
        ("{log: {§rate: 1/s}, action: drop}", "unknown key 'rate' in log => limit"),
        ("{src: §, action: drop}", "src: expected an address"),
        ("{src: §[], action: drop}", "src: expected an address"),
        ("{src: §{a: b}, action: drop}", "expected an address"),
        ("{src: [10.0.0.1, §[10.0.0.2]], action: drop}", "expected an address"),
        ("{src: §10.1.0.5/24, action: drop}", "src: '10.1.0.5/24' is no network"),
        ("{dport: [80, §80000], action: drop}", "ports go from 0 to 65535, found '80000'"),
        ("{proto: §tcpp, action: drop}", "proto: expected a protocol"),
        ("{proto: §$lan, action: drop}", "proto: expected a protocol by name (tcp) or number (0-"),
        ("{family: §ip4, action: drop}", "family: expected ipv4 or ipv6, found 'ip4' => ipv4"),
        ("{in: §ppp+, action: drop}", "in: expected an interface name"),
        ("{state: §establishd, action: drop}", "state: expected a connection state (new, establ"),
        ("{state: §'NEW,RELATED', action: drop}", "state: expected a connection state"),
        ("{state: §[], action: drop}", "state: expected a connection state, found an empty list"),
        ("{flags: §synn, action: drop}", "flags: expected syn (for other combinations use tcp_f"),
        ("{tcp_flags: §syn, action: drop}", "expected {mask: [...], value: [...]} or iptables'"),
        ("{tcp_flags: §{mask: syn}, action: drop}", "value is missing in tcp_flags: name those"),
        ("{tcp_flags: §{mask: syn, value: ack}, action: drop}", "never matches: ack must be set"),
        ("{tcp_flags: {mask: [§sny], value: ack}, action: drop}", "expected a TCP flag"),
        ("{mark: §abc, action: drop}", "mark: expected a mark as VALUE or VALUE/MASK"),
        ("{not: §[src], action: drop}", "not: expected not (which takes conditions only) as a map"),
        ("{not: {§name: x}, action: drop}", "unknown key 'name' in not (which takes conditions o"),
        ("{not: {src: §x}, action: drop}", "src: expected an address"),
        ("{§proto:tcp, action: drop}", "unknown key 'proto:tcp': of proto after its ':' a blank"),
        ("{§proto tcp, action: drop}", "unknown key 'proto tcp': of proto behind it a ':' is miss"),
        # One fault, one message: nothing is said to be missing that is only misspelt.
        ("{§acton: drop}", "unknown key 'acton' in a rule => action"),
        ("{§target: drop}", "unknown key 'target' in a rule => action"),
        (
            "{§porto: tcp, dport: 22, action: {reject: tcp-reset}}",
            "unknown key 'porto' in a rule => ",
        ),
        ("{proto: §tpc, action: {reject: tcp-reset}}", "proto: expected a protocol by name"),
        ("{tcp_flags: {mask: syn, §vaule: syn}, action: drop}", "unknown key 'vaule' in tcp_flags"),
    ],
)
def test_faults_of_a_rule(rule: str, message: str) -> None:
    assert_problems(in_chain("filter/forward", rule), message)


@pytest.mark.parametrize(
    ("chain", "rule", "message"),
    [
        ("raw/prerouting", "{§state: new, action: drop}", "state is not known in raw"),
        ("raw/output", "{not: {§state: new}, action: drop}", "state is not known in raw"),
        ("raw/prerouting", "{§label: 1, action: drop}", "label is not known in raw"),
        ("raw/prerouting", "{§connmark: 1, action: drop}", "connmark is not known in raw"),
        ("raw/output", "{§zone: 1, action: drop}", "zone is not known in raw"),
        ("raw/output", "{action: {timeout: {§udp_timeot: 5}}}", "unknown key 'udp_timeot' in"),
        ("raw/output", "{action: {timeout: {udp_timeout: §5 x}}}", "udp_timeout: expected"),
        ("raw/output", "{§action: {connmark: 1}}", "connmark is possible in filter only"),
        ("raw/output", "{§action: {label: 1}}", "label is possible in filter only"),
        ("raw/output", "{§action: [{zone: 1}, notrack]}", "zone says how to track what notrack"),
        (
            "raw/output",
            "{proto: tcp, §action: {timeout: {udp_timeout: 5}}}",
            "udp_timeout is not for tcp, which is all that the rule matches",
        ),
        ("raw/prerouting", "{§out: wan0, action: drop}", "out is not known in raw/prerouting"),
        ("filter/input", "{§out: wan0, action: drop}", "out is not known in filter/input"),
        ("raw/output", "{§in: lan0, action: drop}", "in is not known in raw/output"),
        ("filter/output", "{not: {§in: lan0}, action: drop}", "in is not known in filter/output"),
        ("raw/prerouting", "{§action: reject}", "reject is not possible in raw: drop here"),
        ("raw/prerouting", "{proto: tcp, §action: {reject: tcp-reset}}", "reject is not possible"),
        ("filter/input", "{§action: notrack}", "notrack is possible in raw only"),
        ("filter/input", "{§action: {reject: tcp-reset}}", "reject with tcp-reset needs a rule th"),
        ("filter/input", "{proto: [tcp, udp], §action: {reject: tcp-reset}}", "reject with tcp-re"),
        ("filter/input", "{not: {proto: tcp}, §action: {reject: tcp-reset}}", "reject with tcp-re"),
        ("filter/input", "{icmp: 8, §icmpv6: 128, action: drop}", "icmpv6 and icmp can never both"),
        ("filter/input", "{icmp: 8, not: {§flags: syn}, action: drop}", "flags and icmp can never"),
        ("filter/input", "{§icmp: 8, proto: tcp, action: drop}", "icmp matches only icmp, but pro"),
        ("filter/input", "{§flags: syn, proto: [6, 17], action: drop}", "flags matches only tcp, "),
        ("filter/input", "{proto: icmp, §dport: 5, action: drop}", "dport needs a protocol with p"),
        ("filter/input", "{proto: [tcp, 47], §sport: 5, action: drop}", "sport needs a protocol w"),
        ("filter/input", "{icmpv6: 128, §dport: 5, action: drop}", "dport needs a protocol with p"),
        ("filter/input", "{src: 10.0.0.1, §dst: '::1', action: drop}", "dst matches IPv6 only and"),
        ("filter/input", "{family: ipv6, §src: 10.0.0.1, action: drop}", "src matches IPv4 only a"),
        ("filter/input", "{not: {§family: ipv4}, src: 10.0.0.1, action: drop}", "family matches I"),
        (
            "filter/input",
            "{icmp: 8, §src: '::1', action: drop}",
            "src matches IPv6 only and icmp I",
        ),
        ("filter/input", "{proto: icmpv6, §src: 10.0.0.1, action: drop}", "src matches IPv4 only"),
        ("filter/input", "{not: {§src: [0.0.0.0/0, '::/0']}, action: drop}", "not src: never matc"),
        ("filter/input", "{not: {§dport: 0-65535}, action: drop}", "not dport: never matches"),
        ("filter/input", "{not: {§mark: 0/0}, action: drop}", "not mark: never matches"),
        ("filter/input", "{state: new, not: {§state: [new, related]}, action: drop}", "not state:"),
        ("filter/input", "{flags: syn, not: {§proto: tcp}, action: drop}", "not proto: takes away"),
        ("filter/input", "{proto: 6, not: {§proto: [6, 17]}, action: drop}", "not proto: takes aw"),
    ],
)
def test_what_cannot_be_meant(chain: str, rule: str, message: str) -> None:
    assert_problems(in_chain(chain, rule), message)


@pytest.mark.parametrize(
    ("chain", "rule"),
    [
        ("raw/prerouting", "{in: lan0, action: accept}"),
        ("raw/output", "{out: lan0, action: accept}"),
        ("filter/input", "{in: lan0, action: accept}"),
        ("filter/output", "{out: lan0, action: accept}"),
        ("filter/forward", "{in: lan0, out: wan0, action: accept}"),
        ("filter/input", "{flags: syn, action: {reject: tcp-reset}}"),
        ("filter/input", "{not: {flags: syn}, action: {reject: tcp-reset}}"),
        ("filter/input", "{not: {proto: icmp}, dport: 5, action: drop}"),
        ("filter/input", "{src: [10.0.0.1, '::1'], dst: '::2', action: drop}"),
        ("filter/input", "{src: '::1', not: {dst: 10.0.0.1}, action: drop}"),
        ("filter/input", "{proto: [icmp, icmpv6], src: 10.0.0.1, action: drop}"),
        ("filter/input", "{state: [new, invalid], not: {state: new}, action: drop}"),
    ],
)
def test_what_can_be_meant(chain: str, rule: str) -> None:
    one_rule(rule, chain)


def test_the_same_name_twice_in_a_chain_is_a_problem() -> None:
    assert_problems(
        in_chain("filter/input", "{name: a, action: drop}", "{name: §a, action: accept}"),
        "the name 'a' is taken by the rule in line 5",
    )
    assert_problems(
        in_chain("filter/input", "{action: drop}", "{name: §filter/input/1, action: accept}"),
        "the name 'filter/input/1' is taken by the rule in line 5",
    )


def test_the_same_name_in_two_chains_is_none() -> None:
    rules = "{rules: [{name: a, action: drop}]}"
    parsed(f"version: 1\nfilter: {{input: {rules}, forward: {rules}}}\n")


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    assert_problems(
        "version: §2\n"
        "define: {lan: [§$wan]}\n"
        "raw:\n"
        "  prerouting:\n"
        "    - {proto: §upd, action: §notrak}\n"
        "filter:\n"
        "  input: {policy: §droop}\n"
        "  forward:\n"
        "    rules:\n"
        "      - {§scr: 10.0.0.1, §icmp: 8, proto: tcp, action: drop}\n"
        "      - §{state: new, src: §10.0.0.1/8, dport: [§99999, §x-y], §state: new}\n",
        "version:",
        "define lan: '$wan' is not defined",
        "proto:",
        "expected accept",
        "policy:",
        "unknown key 'scr'",
        "icmp matches only icmp",
        "a rule needs an action",
        "src:",
        "ports go",
        "expected a port",
        "key 'state' stands here twice",
    )


def test_a_problem_names_its_rule() -> None:
    text = in_chain(
        "filter/input", "{name: web, dport: x y, action: drop}", "{dport: -, action: drop}"
    )
    _, problems = parse_rules(text, FILE)
    assert [problem.rule for problem in problems] == ["filter/input/1 (web)", "filter/input/2"]


def test_the_error_shows_the_line_with_a_caret(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(in_chain("filter/input", "{name: web, proto: tcp, action: acept}"))
    with pytest.raises(PolicyErrors) as caught:
        load_rules(path)
    assert str(caught.value).split("\n") == [
        f"{path}:5:41: filter/input/1 (web): {BAD_ACTION} 'acept'; did you mean 'accept'?",
        "          - {name: web, proto: tcp, action: acept}",
        " " * (4 + 40) + "^",
    ]


def test_a_long_line_is_shown_around_its_fault() -> None:
    ports = ", ".join(str(port) for port in range(1000, 1100))
    text = in_chain("filter/input", f"{{dport: [{ports}, 1x, {ports}], action: drop}}")
    _, problems = parse_rules(text, FILE)
    _, excerpt, caret = problems[0].shown().split("\n")
    assert len(excerpt) <= 104
    assert excerpt[caret.index("^") :].startswith("1x, 1000")


def test_problems_are_bounded() -> None:
    rules = [f"{{src: {number}, action: drop}}" for number in range(MAX_PROBLEMS + 5)]
    policy, problems = parse_rules(in_chain("filter/input", *rules), FILE)
    assert policy is None
    assert len(problems) == MAX_PROBLEMS + 1
    assert str(problems[-1]) == f"{FILE}: there are more problems than these"


def test_rules_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from firewalld_py.policy import read_chains

    monkeypatch.setattr(read_chains, "MAX_RULES", 2)
    rules = ["{action: drop}", "{action: drop}", "§{action: drop}"]
    assert_problems(in_chain("filter/input", *rules), "more than 2 rules")


def test_a_rule_under_an_alias_is_told_of_once() -> None:
    assert_problems(
        "version: 1\n"
        "filter:\n"
        "  input: {rules: [&x {src: §y, action: drop}]}\n"
        "  forward: {rules: [*x, *x]}\n",
        "src: expected an address",
    )


def test_what_protocols_a_rule_can_match() -> None:
    assert protocols(one_rule("{action: drop}").matches) is None
    assert protocols(one_rule("{dport: 5, action: drop}").matches) is None
    assert protocols(one_rule("{proto: [tcp, udp], action: drop}").matches) == frozenset((6, 17))
    assert protocols(one_rule("{not: {icmp: 8}, action: drop}").matches) == frozenset((1,))


def test_every_key_of_a_rule_is_documented() -> None:
    for key in rule_module.RULE:
        assert key.doc
        assert key.form
