"""The linter: what is found, and what is not although it looks alike."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.policy.config import Config, HookConfig
from firewalld_py.policy.findings import NAMES, Finding, Report
from firewalld_py.policy.lint import BUDGET_S, lint
from firewalld_py.policy.lint_chains import SshConnection, ssh_connection
from firewalld_py.policy.load import load_rules, parse_rules
from tests.project import ROOT

SHIPPED = sorted([ROOT / "config/rules.yaml", *(ROOT / "config/examples").glob("*.yaml")])
TCP_WEB = "{proto: tcp, dport: 80, state: new, action: accept}"
NET = "{src: 10.1.0.0/24, state: new, action: accept}"
HOST = "{src: 10.1.0.5, state: new, action: accept}"
ANSWERS = "{state: [established, related], action: accept}"
JUNK = "{state: invalid, action: drop}"
TELNET = "{proto: tcp, dport: 23, action: drop}"
SSH = "{proto: tcp, dport: 22, state: new, action: accept}"


def report_of(text: str, config: Config | None = None, ssh: str = "") -> Report:
    policy, problems = parse_rules(f"version: 1\n{text}", "rules.yaml")
    assert policy is not None, problems
    return lint(policy, config or Config(), READABLE, ssh=ssh_connection(ssh))


def filter_of(*forward: str, chains: str = "", more: str = "") -> str:
    """A filter whose input and output say nothing worth a finding, and these forward rules."""
    every = "\n".join(f"      - {rule}" for rule in forward)
    return (
        f"filter:\n  input: {{policy: drop, rules: [{SSH}, {{state: established, action: accept}}"
        f"]}}\n  forward:\n    policy: drop\n    rules:\n{every}\n"
        f"{f'  chains: {{{chains}}}' if chains else ''}\n{more}"
    )


def found(*forward: str, chains: str = "", more: str = "") -> list[tuple[str, str]]:
    """Names and subjects of the findings about these rules."""
    report = report_of(filter_of(*forward, chains=chains, more=more))
    return [(one.name, one.subject) for one in report.findings]


def one_found(text: str, config: Config | None = None, ssh: str = "") -> Finding:
    (finding,) = report_of(text, config, ssh).findings
    return finding


WEB = "{name: web, proto: tcp, dport: [80, 443], state: new, action: accept}"
EST = "{state: established, action: accept}"


def test_a_plain_gateway_has_no_findings() -> None:
    assert found(EST, JUNK, WEB) == []


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_what_is_shipped_has_no_findings(path: Path) -> None:
    report = lint(load_rules(path), Config(), READABLE)
    assert [str(one) for one in report.findings] == []
    assert report.notes == []


def test_a_finding_has_its_place_advice_and_a_packet_to_be_explained() -> None:
    inner = "{name: inner, proto: tcp, dport: 80, src: 10.1.0.0/24, state: new, action: drop}"
    (finding,) = report_of(filter_of(EST, WEB, inner)).findings
    said, witness = finding.shown().splitlines()
    assert said == (
        "rules.yaml:9:9: warning: filter/forward/3 (inner): all that it asks for is decided before,"
        " by 'web' (line 8): move the rule up, or remove it [shadowed]"
    )
    assert witness == (
        "    firewalld-py explain in=eth9 out=eth9 src=10.1.0.5 dst=203.0.113.9 proto=tcp dport=80 "
        "flags=syn"
    )


@pytest.mark.parametrize(
    "rules",
    [
        (WEB, "{proto: tcp, dport: 443, state: new, action: drop}"),
        ("{src: 10.0.0.0/8, action: drop}", "{src: 10.1.0.5, action: accept}"),
        ('{in: "lan*", action: drop}', "{in: lan0, out: wan0, action: accept}"),
        ("{dport: 1-100, action: drop}", "{dport: 101-200, action: drop}",
         "{dport: 50-150, action: accept}"),
        ("{src: 10.1.0.0/25, action: drop}", "{src: 10.1.0.128/25, action: drop}",
         "{src: 10.1.0.0/24, dport: 80, action: accept}"),
        ("{proto: tcp, mark: 0x1, action: drop}",
         "{proto: tcp, mark: 0x1, dport: 80, action: accept}"),
        ("{proto: tcp, action: {goto: one}}", TCP_WEB),
        ("{proto: tcp, action: {jump: one}}", "{proto: tcp, dport: 80, state: new, action: drop}"),
    ],
)  # fmt: skip
def test_a_rule_is_shadowed(rules: tuple[str, ...]) -> None:
    chains = "one: [{proto: tcp, dport: 80, action: accept}]" if "one" in str(rules) else ""
    names = found(*rules, chains=chains)
    assert ("shadowed", f"filter/forward/{len(rules)}") in names


@pytest.mark.parametrize(
    "rules",
    [
        (WEB, "{proto: tcp, dport: 81, state: new, action: drop}"),
        (WEB, "{proto: tcp, dport: 443, action: drop}"),  # in other states
        ("{src: 10.1.0.0/25, action: drop}", "{src: 10.1.0.0/24, action: accept}"),
        ("{src: 10.1.0.0/24, action: log}", "{src: 10.1.0.5, action: accept}"),
        ("{src: 10.1.0.0/24, limit: 10/second, action: accept}", "{src: 10.1.0.5, action: accept}"),
        ("{proto: tcp, dport: 1-65535, action: drop}", "{proto: tcp, action: accept}"),  # port 0
        ("{mark: 0x1, action: drop}", "{src: 10.1.0.7, action: {mark: 0x1}}",
         "{mark: 0x1, src: 10.1.0.7, action: accept}"),
        ("{proto: tcp, action: {jump: one}}", TCP_WEB),
        ("{in: lan0, action: drop}", '{in: "lan*", action: accept}'),
    ],
)  # fmt: skip
def test_a_rule_that_some_packet_meets_is_not_shadowed(rules: tuple[str, ...]) -> None:
    chains = "one: [{src: 10.1.0.9, action: return}, {dport: 80, action: drop}]"
    names = found(*rules, chains=chains if "one" in str(rules) else "")
    assert not {name for name, _ in names} & {"shadowed", "unreachable", "contradictory"}


def test_what_cannot_be_proved_is_not_said() -> None:
    report = report_of(
        filter_of("{proto: udp, payload: {at: 0, octets: 01}, action: drop}",
                  "{proto: udp, not: {payload: {at: 0, octets: 01}}, action: drop}",
                  "{proto: udp, action: accept}")
    )  # fmt: skip
    assert "shadowed" not in [one.name for one in report.findings]


@pytest.mark.parametrize(
    "rule",
    [
        "{src: 10.1.0.0/24, not: {src: 10.0.0.0/8}, action: drop}",
        "{dport: 80, not: {dport: 1-100}, action: drop}",
        '{in: lan0, not: {in: "lan*"}, action: drop}',
        "{proto: [tcp, udp], icmp: echo-request, action: drop}",
        "{proto: icmp, sport: 80, action: drop}",
        "{flags: syn, not: {tcp_flags: SYN,ACK SYN}, action: drop}",
        "{mark: 0x1, not: {mark: 0x1}, action: drop}",
        "{dst: 10.1.0.5, not: {dst: 10.1.0.4/31}, state: new, action: accept}",
    ],
)
def test_conditions_that_contradict_each_other(rule: str) -> None:
    policy, problems = parse_rules(f"version: 1\n{filter_of(EST, rule)}", "rules.yaml")
    if policy is None:
        assert problems  # refused already
    else:
        assert found(EST, rule) == [("contradictory", "filter/forward/2")]


def test_conditions_that_leave_something_do_not_contradict() -> None:
    assert (
        found(EST, "{src: 10.1.0.0/24, not: {src: 10.1.0.0/25}, state: new, action: accept}") == []
    )


def test_behind_a_rule_that_ends_everything_nothing_is_reached() -> None:
    names = found(EST, "{log: true, action: drop}", WEB)
    assert names == [("unreachable", "filter/forward/3")]


def test_behind_a_rule_that_only_logs_everything_is_reached() -> None:
    assert found(EST, "{action: log}", WEB) == []


def test_a_chain_that_nobody_leads_to() -> None:
    names = found(
        EST, WEB, chains="lone: [{action: drop}], two: [{dport: 9, action: {jump: lone}}]"
    )
    assert names == [("unused-chain", "filter/lone"), ("unused-chain", "filter/two")]


def test_a_rule_of_a_chain_to_which_others_are_led() -> None:
    chains = "web: [{proto: udp, action: drop}, {dport: 80, state: new, action: accept}]"
    names = found(EST, "{proto: tcp, action: {jump: web}}", chains=chains)
    assert names == [("unreachable", "filter/web/1")]
    more = "{proto: [tcp, udp], action: {jump: web}}"
    assert found(EST, more, chains=chains) == []


def test_a_chain_is_asked_by_all_the_ways_into_it() -> None:
    chains = "web: [{src: 10.1.0.5, state: new, action: accept}]"
    jump = "{{proto: {}, action: {{jump: web}}}}"
    early = "{src: 10.1.0.5, proto: tcp, action: drop}"
    assert found(EST, early, jump.format("tcp"), chains=chains) == [("shadowed", "filter/web/1")]
    assert found(EST, early, jump.format("tcp"), jump.format("udp"), chains=chains) == []


@pytest.mark.parametrize(
    "rules",
    [
        (HOST, NET),
        ("{in: lan0, dport: 23, action: drop}",),  # as the policy does
        ("{action: drop}",),
        ("{proto: tcp, dport: 1, action: drop}", "{proto: udp, state: new, action: accept}"),
    ],
)  # fmt: skip
def test_a_rule_is_redundant(rules: tuple[str, ...]) -> None:
    assert found(EST, *rules) == [("redundant", "filter/forward/2")]


@pytest.mark.parametrize(
    "rules",
    [
        (HOST, "{src: 10.1.0.0/25, dport: 9, action: log}",
         NET),
        (HOST, "{src: 10.1.0.4/31, dport: 23, action: reject}",
         NET),
        ("{action: [log, drop]}",),
        ("{in: lan0, dport: 23, action: drop}", "{in: lan0, state: new, action: accept}"),
        (HOST, "{src: 10.1.0.0/24, limit: 1/second, state: new, action: accept}"),
    ],
)  # fmt: skip
def test_a_rule_without_which_something_would_differ_is_not_redundant(
    rules: tuple[str, ...],
) -> None:
    assert ("redundant", "filter/forward/2") not in found(EST, JUNK.replace("drop", "log"), *rules)
    assert ("redundant", "filter/forward/3") not in found(EST, JUNK.replace("drop", "log"), *rules)


def db(raw: str, *forward: str, output: str = "") -> list[Finding]:
    text = f"raw: {{prerouting: [{raw}]}}\n" + filter_of(EST, *forward, more=output)
    return report_of(text).findings


NOTRACK_DB = "{name: db, proto: tcp, dport: 5432, action: notrack}"
UNTRACKED_DB = "{state: untracked, proto: tcp, dport: 5432, action: accept}"


def test_what_is_left_untracked_and_accepted_by_nobody() -> None:
    (finding,) = db(NOTRACK_DB, WEB)
    assert (finding.name, finding.subject) == ("notrack-not-accepted", "raw/prerouting/1")
    (shown,) = finding.witness
    assert "dport=5432" in shown
    (finding,) = db(NOTRACK_DB, "{proto: tcp, dport: 5432, state: new, action: accept}")
    assert finding.name == "notrack-not-accepted"


def test_what_is_dropped_by_a_rule_that_speaks_of_untracked_is_meant() -> None:
    assert db(NOTRACK_DB, "{state: untracked, log: true, action: drop}") == []


def test_the_answers_to_what_is_left_untracked_are_dropped() -> None:
    (finding,) = db(NOTRACK_DB, UNTRACKED_DB)
    assert (finding.name, finding.subject) == ("notrack-answers", "raw/prerouting/1")
    first, then = finding.witness
    assert first.startswith("first ")
    assert "dport=5432" in first
    assert "sport=5432" in then
    assert "leave the answers untracked in raw too" in finding.message
    both = f"{NOTRACK_DB}, {{proto: tcp, sport: 5432, action: notrack}}"
    told = {one.subject for one in db(both, UNTRACKED_DB)}
    assert "raw/prerouting/1" in told


def test_where_the_answers_are_accepted_too_nothing_is_said() -> None:
    both = f"{NOTRACK_DB}, {{proto: tcp, sport: 5432, action: notrack}}"
    answers = UNTRACKED_DB.replace("dport", "sport")
    assert db(both, UNTRACKED_DB, answers) == []


def test_the_answers_of_this_machine_go_out_by_output() -> None:
    def text(raw: str = "", output: str = "") -> str:
        return (
            f"raw: {{prerouting: [{NOTRACK_DB}], output: [{raw}]}}\n"
            + input_of(EST, SSH, UNTRACKED_DB)
            + f"  output: {{policy: drop, rules: [{EST}{output}]}}\n"
        )

    back = "{proto: tcp, sport: 5432, action: notrack}"
    accepted = ", {state: untracked, proto: tcp, sport: 5432, action: accept}"
    assert one_found(text()).name == "notrack-answers"
    both = report_of(text(back)).findings
    assert [one.name for one in both] == ["notrack-answers", "notrack-not-accepted"]
    assert "accept that too" in both[0].message
    assert report_of(text(back, accepted)).findings == []


def test_related_without_a_helper() -> None:
    assert found(ANSWERS, WEB) == [("related-without-helper", "filter/forward/1")]
    ftp = "raw: {prerouting: [{proto: tcp, dport: 21, action: {helper: ftp}}]}\n"
    assert report_of(ftp + filter_of(ANSWERS, WEB)).findings == []
    only_errors = "{state: related, proto: [icmp, icmpv6], action: accept}"
    assert found(EST, only_errors, WEB) == []


def test_a_missing_helper_is_told_in_chains_that_rules_lead_to_as_well() -> None:
    chains = "services: [{proto: tcp, dport: 21, state: new, action: accept}]"
    names = found(ANSWERS, "{action: {jump: services}}", chains=chains)
    assert ("helper-missing", "filter/services/1") in names


def test_invalid_is_accepted_or_answered() -> None:
    assert found(EST, "{state: [new, invalid], dport: 9, action: accept}") == [
        ("accept-invalid", "filter/forward/2")
    ]
    assert found(EST, "{state: invalid, action: reject}") == [
        ("reject-invalid", "filter/forward/2")
    ]
    assert found(EST, WEB, "{action: reject}") == [("reject-invalid", "filter/forward/3")]


def test_invalid_is_dropped_before() -> None:
    assert found(EST, JUNK.replace("action", "log: true, action"), WEB, "{action: reject}") == []
    assert found(EST, "{dport: 80, action: accept}") == []  # it asks for no state at all


def test_what_no_rule_decides_is_accepted() -> None:
    text = f"filter: {{input: {{policy: accept, rules: [{TELNET}]}}, forward: {{policy: drop}}}}"
    finding = one_found(text)
    assert (finding.name, finding.subject) == ("policy-accept", "filter/input")
    assert (finding.line, finding.column) == (2, 17)
    assert "--chain input" in finding.witness[0]
    absent = one_found(f"filter: {{input: {{policy: drop, rules: [{SSH}, {EST}]}}}}")
    assert (absent.name, absent.subject, absent.line) == ("policy-accept", "filter/forward", 1)


def test_a_policy_that_decides_nothing_is_no_matter() -> None:
    forward = f"forward: {{policy: accept, rules: [{EST}, {{action: drop}}]}}"
    text = f"filter: {{{forward}, input: {{policy: drop, rules: [{SSH}, {EST}]}}}}"
    assert report_of(text).findings == []


def test_chains_that_are_not_judged_are_not_looked_at() -> None:
    config = replace(Config(), hook=HookConfig(chains=("input",)))
    assert (
        report_of(f"filter: {{input: {{policy: drop, rules: [{SSH}, {EST}]}}}}", config).findings
        == []
    )


def input_of(*rules: str, output: str = "", policy: str = "drop") -> str:
    return (
        f"filter:\n  forward: {{policy: drop}}\n  input: {{policy: {policy}, rules: "
        f"[{', '.join(rules)}]}}\n{output}"
    )


@pytest.mark.parametrize(
    ("rules", "output", "steps"),
    [
        ((EST,), "", 1),
        ((EST, "{proto: tcp, dport: 22, log: true, action: drop}", SSH), "", 1),
        ((SSH,), "", 3),  # what comes behind the SYN is not NEW
        ((EST, SSH), "  output: {policy: drop, rules: [{state: new, action: accept}]}\n", 2),
    ],
)
def test_nobody_comes_in_by_ssh(rules: tuple[str, ...], output: str, steps: int) -> None:
    report = report_of(input_of(*rules, output=output))
    (finding,) = [one for one in report.findings if one.name == "lock-out"]
    assert len(finding.witness) == steps
    assert "dport=22" in finding.witness[0]
    assert (finding.subject, finding.line) == ("filter/input", 4)


@pytest.mark.parametrize(
    "rules",
    [
        (EST, SSH),
        (EST, "{src: 10.1.0.10-10.1.0.12, in: lan0, proto: tcp, dport: 22, action: accept}"),
        (EST, '{src: "fd00::/64", flags: syn, dport: 1-1023, action: accept}'),
        (EST, "{proto: tcp, dport: 22, limit: 3/minute, state: new, action: accept}"),
        ("{proto: tcp, dport: 22, action: accept}",),
    ],
)
def test_somebody_comes_in_by_ssh(rules: tuple[str, ...]) -> None:
    assert [one.name for one in report_of(input_of(*rules)).findings] == []


def test_the_connection_of_who_asks_is_not_cut() -> None:
    rules = input_of(
        EST, "{src: 10.1.0.0/24, proto: tcp, dport: [22, 2222], state: new, action: accept}"
    )
    assert report_of(rules, ssh="10.1.0.5 50000 10.1.0.1 2222").findings == []
    finding = one_found(rules, ssh="10.2.0.5 50000 10.1.0.1 22")
    assert (finding.name, "src=10.2.0.5" in finding.witness[0]) == ("lock-out", True)
    assert "the ssh connection by which you are here cannot be opened and held" in finding.message


def test_what_sshd_says_of_its_connection() -> None:
    assert ssh_connection("10.1.0.5 50000 10.1.0.1 22") == SshConnection(
        bytes([10, 1, 0, 5]), bytes([10, 1, 0, 1]), 22
    )
    made = ssh_connection("fe80::5%eth0 50000 fe80::1%eth0 22")
    assert made is not None
    assert len(made.peer) == 16
    for wrong in ("", "UNKNOWN 65535 UNKNOWN 65535", "10.1.0.5 1 ::1 22", "a b c d", "1 2 3"):
        assert ssh_connection(wrong) is None


def test_a_define_that_nobody_uses() -> None:
    defines = 'define: {lan: 10.1.0.0/24, all: [$lan, "fd00::/8"], gone: 10.9.0.0/16}\n'
    rule = "{src: $all, state: new, action: accept}"
    finding = one_found(defines + filter_of(EST, rule))
    assert (finding.name, finding.subject) == ("unused-define", "gone")
    assert (finding.line, finding.column) == (2, 53)


def test_the_rule_for_answers_is_missing() -> None:
    rule = "{in: lan0, state: new, action: accept}"
    report = report_of(filter_of(rule, WEB))
    (finding,) = report.findings
    assert (finding.name, finding.subject) == ("answers-dropped", "filter/forward/1")
    assert "(as for 1 more rule)" in finding.message
    assert len(finding.witness) == 2


def test_what_is_never_answered_needs_no_rule_for_answers() -> None:
    assert found("{icmp: redirect, state: new, action: accept}", EST) == []
    assert (
        found("{proto: tcp, dport: 80, action: accept}", "{proto: tcp, sport: 80, action: accept}")
        == []
    )


def test_a_finding_is_silenced_where_it_is_known() -> None:
    rule = "{state: invalid, lint: reject-invalid, action: reject}"
    assert found(EST, rule) == []
    assert found(EST, rule.replace("reject-invalid", "[reject-invalid, shadowed]")) == [
        ("unused-silence", "filter/forward/2")
    ]
    assert found(ANSWERS, WEB, more="lint: related-without-helper\n") == []


def test_the_file_silences_one_thing_or_all_of_a_name() -> None:
    chains = "lone: [{action: drop}], two: [{action: accept}]"
    assert found(EST, WEB, chains=chains, more="lint: [unused-chain]\n") == []
    assert found(EST, WEB, chains=chains, more="lint: [unused-chain filter/two]\n") == [
        ("unused-chain", "filter/lone")
    ]
    more = "lint: [unused-chain filter/three]\n"
    names = [name for name, _ in found(EST, WEB, chains="lone: [{action: drop}]", more=more)]
    assert names == ["unused-chain", "unused-silence"]


def test_silences_that_are_not_needed_everywhere_may_be_left() -> None:
    assert found(EST, WEB, more="lint: [lock-out, unused-silence]\n") == []


@pytest.mark.parametrize(
    ("lint_value", "message"),
    [
        ("shadowd", "unknown finding 'shadowd'; did you mean 'shadowed'?"),
        ("policy-accept", "policy-accept is no finding about a rule"),
        ("shadowed filter/forward/1", "expected one or a list of"),
        ("[]", "found an empty list"),
    ],
)
def test_a_silence_with_a_slip_is_an_error(lint_value: str, message: str) -> None:
    text = f"version: 1\n{filter_of(f'{{lint: {lint_value}, action: log}}')}"
    policy, problems = parse_rules(text, "rules.yaml")
    assert policy is None
    assert message in str(problems[0])
    assert problems[0].line == 7


def test_every_name_is_a_stable_word() -> None:
    assert all(name == name.lower() and " " not in name for name in NAMES)
    assert len(NAMES) == 17


def test_without_time_it_says_what_it_did_not_look_at() -> None:
    policy, _ = parse_rules(
        f"version: 1\n{filter_of(EST, WEB, WEB.replace('web', 'w2'))}", "r.yaml"
    )
    assert policy is not None
    ticks = itertools.count(0, BUDGET_S)
    report = lint(policy, Config(), READABLE, clock=lambda: next(ticks))
    assert [one.name for one in report.findings] == []
    assert "looks at rules are left out" in report.notes[0]


def test_a_rule_that_no_packet_can_be_made_for_is_told() -> None:
    report = report_of(filter_of(EST, "{label: 3, state: new, dport: 9, action: accept}"))
    assert report.findings == []
    (note,) = report.notes
    assert note == "no packet could be made that meets filter/forward/2: lint says nothing of it"


def test_every_finding_is_explained() -> None:
    text = (ROOT / "docs/lint.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in text] == []


def test_a_time_is_found_at_which_a_rule_decides() -> None:
    night = "{name: night, time: {from: 23:00, to: 05:00}, proto: tcp, dport: 80, action: drop}"
    late = "{time: {from: 23:00, to: 05:00}, proto: tcp, dport: 80, state: new, action: accept}"
    report = report_of(filter_of(EST, night, late))
    (finding,) = report.findings
    assert (finding.name, finding.subject, report.notes) == ("shadowed", "filter/forward/3", [])
    assert "time=2026-01-01T23:00:00" in finding.witness[0]
    sunday = "{time: {weekdays: sun, date_from: 2031-05-01}, state: new, dport: 9, action: accept}"
    assert report_of(filter_of(EST, sunday)).notes == []


SETS = """sets:
  blocked: {type: network, elements: [192.0.2.0/24, "2001:db8:9::/48"]}
  doors: {type: [address, port], elements: [[192.0.2.9, "tcp:2222"]]}
  ways: {type: interface, elements: ["ppp*"]}
  seen: {type: address, lifetime: 1h}
"""


def test_a_set_that_nobody_asks() -> None:
    finding = one_found(SETS.replace("doors", "gone") + filter_of(
        EST, "{src: $blocked, log: true, action: drop}", "{in: $ways, log: true, action: drop}",
        "{dport: 99, state: new, action: [{add: {set: seen, of: src}}, accept]}"
    ))  # fmt: skip
    assert (finding.name, finding.subject, finding.line) == ("unused-set", "gone", 4)


def test_packets_are_made_that_a_set_holds() -> None:
    """Else a note would say that there is none."""
    rules = (
        "{src: $blocked, log: true, action: drop}",
        "{set: {name: doors, of: [dst, dport]}, log: true, action: drop}",
        "{in: $ways, log: true, action: drop}",
        "{not: {src: $blocked}, proto: tcp, dport: 80, state: new, action: accept}",
    )
    report = report_of(SETS.replace("  seen: {type: address, lifetime: 1h}\n", "")
                       + filter_of(EST, *rules))  # fmt: skip
    assert (report.findings, report.notes) == ([], [])


def test_what_sets_hold_proves_nothing_for_it_may_change() -> None:
    rules = ("{src: $blocked, action: reject}", "{src: 192.0.2.7, state: new, action: accept}")
    text = SETS[: SETS.index("  doors")] + filter_of(EST, JUNK, *rules)
    assert "shadowed" not in [one.name for one in report_of(text).findings]


def test_what_routes_say_is_not_known_and_nothing_is_said_of_answers() -> None:
    answers = "{state: established, src_type: unicast, action: accept}"
    report = report_of(filter_of("{in: lan0, state: new, action: accept}", answers))
    assert "answers-dropped" not in [one.name for one in report.findings]
    assert "the kernel's routes are not asked" in report.notes[0]


def test_nothing_is_untracked_that_no_raw_rule_leaves_so() -> None:
    dns = "{state: untracked, proto: udp, dport: 53, action: accept}"
    (finding,) = report_of(filter_of(EST, dns)).findings
    assert (finding.name, finding.subject) == ("unreachable", "filter/forward/2")
    assert "no raw rule leaves it so" in finding.message
    neighbours = "{state: untracked, icmpv6: neighbour-solicitation, action: accept}"
    assert found(EST, neighbours, "{state: [new, untracked], proto: udp, action: accept}") == []


def test_packets_to_many_are_made() -> None:
    report = report_of(filter_of(EST, "{packet_type: multicast, log: true, action: drop}",
                                 "{packet_type: broadcast, log: true, action: drop}"))  # fmt: skip
    assert (report.findings, report.notes) == ([], [])
