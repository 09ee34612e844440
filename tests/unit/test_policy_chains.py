"""User chains in the rule file: jump, goto, return, and what cannot be meant."""

from __future__ import annotations

import json

from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Decision
from firewalld_py.policy.advice import advise
from firewalld_py.policy.chains import MAX_CHAINS
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.service.report import log_events
from tests import wire
from tests.plans import firewall
from tests.unit.policy_texts import FILE, assert_problems, parsed

TEXT = """\
version: 1
raw:
  prerouting:
    - {proto: tcp, action: {jump: quiet}}
  chains:
    quiet:
      - {dport: 80, action: notrack}
filter:
  forward:
    policy: drop
    rules:
      - {name: to web, proto: tcp, action: [log, {jump: web}]}
      - {name: rest, proto: udp, action: {goto: names}}
      - {name: late, action: accept}
  chains:
    web:
      - {name: not from there, src: 192.0.2.0/24, action: return}
      - {name: http, dport: 80, log: {prefix: "web "}, action: accept}
    names:
      - {name: dns, dport: 53, action: accept}
    unused:
"""


def decision(transport: bytes, protocol: int, src: bytes = wire.CLIENT4) -> Decision:
    judge = firewall(compile_policy(parsed(TEXT), Config()))
    return judge.handle(wire.ip(src, wire.SERVER4, protocol, transport), PacketMeta(), 0.0)


def decided(transport: bytes, protocol: int, src: bytes = wire.CLIENT4) -> tuple[str, str, str]:
    made = decision(transport, protocol, src)
    assert made.chain.name == "forward"
    return made.verdict_name(), made.rule_chain.name, "" if made.rule is None else made.rule.name


def test_a_jump_comes_back_and_a_goto_does_not() -> None:
    assert decided(wire.tcp("S", dport=80), wire.TCP) == ("accept", "web", "http")
    assert decided(wire.tcp("S", dport=81), wire.TCP) == ("accept", "forward", "late")
    assert decided(wire.udp(dport=53), wire.UDP) == ("accept", "names", "dns")
    assert decided(wire.udp(dport=54), wire.UDP) == ("drop", "forward", "")


def test_return_goes_on_behind_the_jump() -> None:
    src = bytes([192, 0, 2, 7])
    assert decided(wire.tcp("S", dport=80), wire.TCP, src) == ("accept", "forward", "late")


def test_log_lines_name_the_chain_in_which_the_rule_stands() -> None:
    events = log_events(decision(wire.tcp("S", dport=80), wire.TCP), 0.0)
    assert [(event.chain, event.rule, event.action) for event in events] == [
        ("forward", "to web", "accept"),
        ("web", "http", "accept"),
    ]


def test_raw_has_chains_of_its_own() -> None:
    plan = compile_policy(parsed(TEXT), Config())
    assert json.loads(json.dumps(plan)) == plan
    assert list(plan["chains"]) == ["raw/quiet", "filter/web", "filter/names", "filter/unused"]
    assert plan["raw"]["prerouting"][0]["chain"] == "quiet"
    assert parsed(TEXT).rule_count() == 8
    assert decision(wire.tcp("S", dport=80), wire.TCP).info.state == 16  # UNTRACKED


def test_advice_copes_with_chains() -> None:
    assert advise(parsed(TEXT), ()) == []


def filter_text(*lines: str) -> str:
    return "\n".join(["version: 1", "filter:", *(f"  {line}" for line in lines), ""])


def test_an_unknown_chain_is_told_with_the_near_one() -> None:
    chains = ("forward:", "  rules:", "    - {action: {jump: §wbe}}", "chains:", "  web:")
    assert_problems(filter_text(*chains), "jump: unknown chain 'wbe' => web")
    assert_problems(
        filter_text("forward:", "  rules:", "    - {action: {goto: §wbe}}"),
        "goto: unknown chain 'wbe'; there are: none, chains: is missing or empty",
    )
    assert_problems(
        filter_text("forward:", "  rules:", "    - {action: {goto: §input}}"),
        "goto: input is where packets come from",
    )


def test_a_chain_of_raw_is_none_of_filter() -> None:
    assert_problems(
        "version: 1\nraw: {chains: {web: }}\nfilter:\n  forward:\n    rules:\n"
        "      - {action: {jump: §web}}\n",
        "jump: unknown chain 'web'; there are: none",
    )


def test_a_circle_is_told_at_the_rule_that_closes_it() -> None:
    assert_problems(
        filter_text(
            *("forward:", "  rules:", "    - {action: {jump: a}}", "chains:"),
            *("  a:", "    - {proto: tcp, action: {jump: b}}"),
            *("  b:", "    - {action: accept}", "    - §{name: back, action: {goto: a}}"),
        ),
        "chains lead in a circle: a -> b -> a",
    )


def test_what_a_base_chain_does_not_know_cannot_be_asked_where_it_leads() -> None:
    text = filter_text(
        *("input:", "  rules:", "    - {action: {jump: a}}"),
        *("forward:", "  rules:", "    - {action: {jump: b}}"),
        *("chains:", "  a:", "    - {action: {goto: b}}"),
        *("  b:", "    - {§out: wan0, action: accept}", "    - {in: wan0, action: accept}"),
    )
    assert_problems(
        text,
        "out is not known in filter/input: the packet has not been routed out; "
        "and packets of filter/input come to filter/b",
    )
    parsed(text.replace("§", "").replace("{jump: a}", "accept"))


def test_names_of_chains_are_checked() -> None:
    assert_problems(
        filter_text("chains:", "  §forward:", '  §"a b":', "  §a/b:", "  cali-FORWARD:"),
        "filter/chains: the chain 'forward' is there already",
        "filter/chains: expected a chain's name",
        "filter/chains: expected a chain's name",
    )
    assert_problems(
        filter_text("chains:", "  §- web"), "filter/chains: expected a mapping from names to lists"
    )


def test_there_are_so_many_chains_at_most() -> None:
    chains = [f"  c{number}: " for number in range(MAX_CHAINS)]
    parsed(filter_text("chains:", *chains))
    assert_problems(filter_text("chains:", *chains, "  §one-more:"), "filter/chains: more than")


def test_a_chain_is_a_list_of_rules() -> None:
    assert_problems(
        filter_text("chains:", "  web:", "    §policy: drop"),
        "filter/web: expected a list of rules, found a mapping",
    )


def test_nothing_follows_a_jump_and_it_says_where_to() -> None:
    web = ("forward:", "  rules:", "    - {action: %s}", "chains:", "  web:")
    text = filter_text(*web)
    assert_problems(text % "[{jump: web}, §accept]", "nothing can follow after jump")
    assert_problems(text % "§{return: web}", "return takes nothing: write it as a word")
    for word, meant in (("jump", "{jump: CHAIN}"), ("web", "{jump: web}")):
        policy, (problem,) = parse_rules(text % word, FILE)
        assert policy is None
        assert problem.suggestion == meant


def test_a_helper_that_a_jump_may_lead_round_is_not_refused() -> None:
    parsed(
        "version: 1\nraw:\n  prerouting:\n    - {proto: tcp, dport: 21, action: {jump: quiet}}\n"
        "    - {proto: tcp, dport: 21, action: {helper: ftp}}\n  chains:\n    quiet:\n"
        "      - {src: 10.0.0.1, action: accept}\n      - {action: return}\n"
    )
