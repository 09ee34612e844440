"""Rules that give helpers: which are refused, and what `check` advises about those that lack."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.helpers.base import IPV4, IPV6
from firewalld_py.conntrack.helpers.control_ports import CONTROL_PORTS, ControlPort
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.policy.advice import advise
from firewalld_py.policy.load import parse_rules
from tests.unit.policy_texts import FILE, in_chain, marked

# Not the registry's: a helper for both families, one for UDP over IPv4, one for both protocols.
HELPERS: Final = {
    "ftp": frozenset({(IPV4, IPPROTO_TCP), (IPV6, IPPROTO_TCP)}),
    "amanda": frozenset({(IPV4, IPPROTO_UDP)}),
    "sip": frozenset((v, p) for v in (IPV4, IPV6) for p in (IPPROTO_TCP, IPPROTO_UDP)),
    "snmp": frozenset({(IPV4, IPPROTO_UDP)}),
    "H.245": frozenset({(IPV4, IPPROTO_UDP)}),  # as the kernel registers it; it never reads any
}


@pytest.mark.parametrize(
    ("rule", "helper"),
    [
        ("{proto: tcp, dport: 1720, action: {helper: h323}}", "Q.931"),
        ("{proto: udp, dport: 1719, action: {helper: h323}}", "RAS"),
        ("{proto: udp, dport: 137, action: {helper: netbios_ns}}", "netbios-ns"),
        ("{proto: tcp, dport: 1720, action: {helper: Q.931}}", "Q.931"),
    ],
)
def test_a_module_may_be_named_for_its_helper(rule: str, helper: str) -> None:
    policy, problems = parse_rules(in_chain("raw/prerouting", rule), FILE)
    assert problems == []
    assert policy is not None
    assert policy.chains[0].rules[0].action.helper == helper


@pytest.mark.parametrize("proto", ["", "proto: [tcp, udp], "])
def test_a_module_of_two_helpers_needs_a_rule_for_each(proto: str) -> None:
    _, problems = parse_rules(
        in_chain("raw/prerouting", f"{{{proto}action: {{helper: h323}}}}"), FILE
    )
    assert [problem.message for problem in problems] == [
        "h323 is Q.931 for tcp and RAS for udp: make a rule for each, with its proto"
    ]


def problems_in(*rules: str, chain: str = "raw/prerouting") -> list[str]:
    """The messages that reading these rules gives; that the places are right is asserted."""
    plain, places = marked(in_chain(chain, *rules))
    _, problems = parse_rules(plain, FILE, HELPERS)
    assert [(problem.line, problem.column) for problem in problems] == places
    return [problem.message for problem in problems]


@pytest.mark.parametrize("chain", ["raw/prerouting", "raw/output"])
@pytest.mark.parametrize(
    "rule",
    [
        "{proto: tcp, action: {helper: ftp}}",
        "{flags: syn, dport: 21, action: {helper: ftp}}",
        "{proto: tcp, family: ipv6, action: [{helper: ftp}, accept]}",
        "{proto: [tcp, udp], dport: 5060, action: {helper: sip}}",
        "{proto: udp, action: {helper: amanda}}",  # IPv6 simply gets no helper
        '{proto: udp, src: [10.0.0.0/8, "fd00::/8"], action: {helper: amanda}}',
    ],
)
def test_a_rule_may_name_a_helper_that_can_read_what_it_matches(rule: str, chain: str) -> None:
    assert problems_in(rule, chain=chain) == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{§action: {helper: ftp}}", "the helper ftp reads tcp: add proto: tcp"),
        ("{dport: 21, §action: {helper: ftp}}", "the helper ftp reads tcp: add proto: tcp"),
        ("{not: {proto: udp}, §action: {helper: ftp}}", "the helper ftp reads tcp: add proto: tcp"),
        ("{dport: 1, §action: {helper: sip}}", "the helper sip reads tcp, udp: add proto: [tcp, "),
        ("{proto: udp, §action: {helper: H.245}}", "the helper H.245 is given by another helper"),
        ("{proto: udp, §action: {helper: ftp}}", "the helper ftp reads tcp, but the rule"),
        ("{proto: [tcp, udp], §action: {helper: ftp}}", "the helper ftp reads tcp, but the rule "),
        (
            "{proto: udp, family: ipv6, §action: {helper: amanda}}",
            "the helper amanda reads udp over IPv4 only, and the rule matches IPv6 only",
        ),
        (
            '{proto: udp, dst: "fd00::/8", §action: {helper: amanda}}',
            "the helper amanda reads udp over IPv4 only, and the rule matches IPv6 only",
        ),
    ],
)  # fmt: skip
def test_a_helper_that_cannot_read_what_the_rule_matches_is_refused(
    rule: str, message: str
) -> None:
    (said,) = problems_in(rule)
    assert said.startswith(message)


GIVE: Final = "{name: control, proto: tcp, dport: 21, action: {helper: ftp}}"


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("notrack", "leaves untracked all that this rule matches: no helper will read it"),
        ("drop", "drops all that this rule matches: no helper will read it"),
        ("accept", "ends the chain for all that this rule matches: the helper is never given"),
    ],
)
def test_an_earlier_rule_that_takes_it_all_away_is_named(verdict: str, words: str) -> None:
    (said,) = problems_in(f"{{name: first, proto: tcp, action: {verdict}}}", f"§{GIVE}")
    assert said.startswith(f"helper: raw/prerouting/1 (first) in line 4 {words}")


@pytest.mark.parametrize("verdict", ["notrack", "drop"])
def test_so_is_a_later_one_since_a_helper_does_not_end_the_chain(verdict: str) -> None:
    (said,) = problems_in(f"§{GIVE}", f"{{action: {verdict}}}")
    assert said.startswith("helper: raw/prerouting/2 in line 5 ")


@pytest.mark.parametrize(
    "rules",
    [
        ("{proto: udp, action: notrack}", GIVE),
        ("{dport: 22, action: notrack}", GIVE),
        ("{src: 10.0.0.1, action: notrack}", GIVE),
        ("{mark: 1, action: drop}", GIVE),
        ("{action: {mark: 1}}", GIVE),
        (GIVE, "{action: accept}"),
        (GIVE, "{proto: tcp, dport: 21, action: accept}", "{action: notrack}"),
        (GIVE, "{src: 10.0.0.1, action: accept}", "{action: notrack}"),
        ("{proto: tcp, dport: 21, action: [{helper: ftp}, accept]}", "{action: notrack}"),
    ],
)
def test_where_some_of_it_may_be_left_nothing_is_said(rules: tuple[str, ...]) -> None:
    assert problems_in(*rules) == []


def warnings_of(raw: str, filter_: str) -> list[str]:
    """What is advised about these raw and filter tables, `FILE:LINE:COLUMN: ...` each."""
    plain, places = marked(f"version: 1\nraw: {{{raw}}}\nfilter:\n{filter_}")
    policy, problems = parse_rules(plain, FILE, HELPERS)
    assert policy is not None, problems
    found = advise(policy, HELPERS)
    assert [(warning.line, warning.column) for warning in found] == places
    return [str(warning).removesuffix(" [helper-missing]") for warning in found]


def chain(name: str, *rules: str) -> str:
    """A filter chain that accepts RELATED, and these rules behind."""
    answers = "{state: [established, related], action: accept}"
    return f"  {name}:\n    rules:\n" + "".join(f"      - {rule}\n" for rule in (answers, *rules))


OPEN: Final = "{name: ftp, proto: tcp, dport: 21, state: new, action: accept}"


def test_an_open_control_port_that_nobody_reads_is_told_with_the_line_to_add() -> None:
    (said,) = warnings_of("", chain("forward", f"§{OPEN}"))
    assert said.startswith(
        "rules.yaml:7:9: warning: filter/forward/2 (ftp): this opens tcp port 21"
    )
    assert said.endswith(
        "Add to raw/prerouting: "
        "{name: ftp control, proto: tcp, dport: 21, action: {helper: ftp}}"
    )  # fmt: skip


def test_the_line_that_is_advised_is_right_and_silences_the_warning() -> None:
    (said,) = warnings_of("", chain("forward", f"§{OPEN}"))
    line = said.partition("raw/prerouting: ")[2]
    assert warnings_of(f"prerouting: [{line}]", chain("forward", OPEN)) == []


@pytest.mark.parametrize(
    "control",
    [one for one in CONTROL_PORTS if one.helper in READABLE],
    ids=lambda control: f"{control.helper}-{control.protocol}",
)
def test_the_line_for_each_helper_that_there_is_is_right(control: ControlPort) -> None:
    rule = f"{{proto: {control.protocol}, dport: {control.port}, state: new, action: accept}}"
    filter_ = f"filter:\n{chain('output', rule)}"
    policy, _ = parse_rules(f"version: 1\n{filter_}", FILE)
    assert policy is not None
    (warning,) = advise(policy, READABLE)
    line = warning.message.partition("raw/output: ")[2]
    policy, problems = parse_rules(f"version: 1\nraw: {{output: [{line}]}}\n{filter_}", FILE)
    assert policy is not None, problems
    assert advise(policy, READABLE) == []


@pytest.mark.parametrize(
    "rule",
    [
        "{dport: 20-21, action: accept}",
        "{proto: [tcp, udp], dport: [80, 21], action: accept}",
        "{proto: tcp, dport: 21, state: [new, untracked], action: accept}",
        "{proto: tcp, dport: 21, not: {state: invalid}, action: accept}",
    ],
)
def test_a_port_may_be_opened_in_many_ways(rule: str) -> None:
    assert len(warnings_of("", chain("input", f"§{rule}"))) == 1


@pytest.mark.parametrize(
    "rule",
    [
        "{action: accept}",  # opens everything, and says nothing of what there is
        "{proto: tcp, dport: 1-1023, action: accept}",
        "{proto: udp, dport: 21, action: accept}",
        "{proto: tcp, dport: 21, action: drop}",
        "{proto: tcp, dport: 21, state: established, action: accept}",
        "{proto: tcp, dport: 21, state: untracked, action: accept}",
        "{proto: tcp, sport: 21, action: accept}",
        "{proto: tcp, not: {dport: 21}, action: accept}",
        "{proto: tcp, dport: 6667, action: accept}",  # IRC: there is no such helper here
    ],
)
def test_what_opens_no_control_port_by_name_needs_no_helper(rule: str) -> None:
    assert warnings_of("", chain("forward", rule)) == []


def test_a_chain_that_does_not_accept_related_needs_no_helper() -> None:
    assert warnings_of("", f"  forward: {{rules: [{OPEN}]}}\n") == []


def test_a_helper_for_another_port_or_on_the_other_way_does_not_count() -> None:
    elsewhere = "{proto: tcp, dport: 2121, action: {helper: ftp}}"
    assert warnings_of(f"prerouting: [{elsewhere}]", chain("forward", f"§{OPEN}"))
    assert warnings_of(f"output: [{GIVE}]", chain("forward", f"§{OPEN}"))
    (said,) = warnings_of(f"prerouting: [{GIVE}]", chain("output", f"§{OPEN}"))
    assert "Add to raw/output: " in said


def test_forward_and_input_share_their_raw_chain_and_one_warning() -> None:
    text = chain("input", f"§{OPEN}") + chain("forward", OPEN)
    assert len(warnings_of("", text)) == 1


def test_a_helper_of_two_protocols_is_wanted_for_each_that_is_open() -> None:
    rule = "{dport: 5060, action: accept}"
    told = warnings_of("", chain("forward", f"§§{rule}"))
    assert ["udp" in said.partition("Add")[2] for said in told] == [True, False]


def test_answers_to_broadcasts_are_wanted_only_where_this_machine_asks() -> None:
    rule = "{proto: udp, dport: 161, state: new, action: accept}"
    assert warnings_of("", chain("forward", rule)) == []
    assert len(warnings_of("", chain("output", f"§{rule}"))) == 1
