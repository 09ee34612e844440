"""Rules of iptables as ours: what goes over, what is left out and what is said of it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import pytest

from firewalld_py.imports.document import described, make_document
from firewalld_py.imports.iptables import import_families, import_family
from firewalld_py.imports.save_file import SaveError, read_save, words_of
from firewalld_py.policy.load import parse_rules
from tests.project import ROOT

SAMPLES: Final = ROOT / "tests" / "imports"


def imported(
    *rules: str,
    family: int = 4,
    table: str = "filter",
    chain: str = "FORWARD",
    policy: str = "DROP",
) -> tuple[list[str], list[str]]:
    """The lines of the rules that become of some in one chain, and the reasons for those left."""
    chains = [f":{chain} {policy} [0:0]"] + [f":{name} - [0:0]" for name in ("a", "b")]
    lines = [rule if rule.startswith(("-A", "[")) else f"-A {chain} {rule}" for rule in rules]
    text = "\n".join([f"*{table}", *chains, *lines, "COMMIT"])
    made, left = make_document([import_family(family, read_save(text))])
    shown = [line.strip() for line in made.partition("\n\n#")[0].splitlines()]
    return [line[2:] for line in shown if line.startswith("- ")], [one.reason for one in left]


def rule_of(rule: str, family: int = 4, table: str = "filter", chain: str = "FORWARD") -> str:
    """The one rule that becomes of one."""
    rules, left = imported(rule, family=family, table=table, chain=chain)
    assert not left, left
    (found,) = rules
    return found


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("-i eth0 -o ppp+ -j ACCEPT", "{family: ipv4, in: eth0, out: ppp*, action: accept}"),
        ("! -i eth+ -j DROP", "{family: ipv4, not: {in: eth*}, action: drop}"),
        ("-i + -j DROP", "{family: ipv4, action: drop}"),
        ("-s 10.1.0.0/255.255.0.0 -j DROP", "{src: 10.1.0.0/16, action: drop}"),
        ("! -d 10.1.0.9/32 -j DROP", "{family: ipv4, not: {dst: 10.1.0.9}, action: drop}"),
        ("-d 10.0.0.1/255.255.255.253 -j DROP", "{dst: [10.0.0.1, 10.0.0.3], action: drop}"),
        ("-p 47 -j DROP", "{family: ipv4, proto: gre, action: drop}"),
        ("-p all -j DROP", "{family: ipv4, action: drop}"),
        ("-p tcp -m tcp --dport 1024: -j DROP",
         "{family: ipv4, proto: tcp, dport: 1024-65535, action: drop}"),
        ("-p udp -m multiport ! --ports 53,67:68 -j DROP",
         "{family: ipv4, proto: udp, not: {sport: [53, 67-68], dport: [53, 67-68]}, action: drop}"),
        ("-m iprange --src-range 10.1.0.4-10.1.0.9 -j DROP",
         "{src: 10.1.0.4-10.1.0.9, action: drop}"),
        ("-m state --state NEW,INVALID -j DROP",
         "{family: ipv4, state: [new, invalid], action: drop}"),
        ("-m conntrack ! --ctstate INVALID -j ACCEPT",
         "{family: ipv4, not: {state: invalid}, action: accept}"),
        ("-p icmp -m icmp --icmp-type 3/4 -j ACCEPT",
         "{family: ipv4, icmp: destination-unreachable/4, action: accept}"),
        ("-p icmp -m icmp ! --icmp-type 8 -j DROP",
         "{family: ipv4, proto: icmp, not: {icmp: echo-request}, action: drop}"),
        ("-p icmp -m icmp --icmp-type any -j DROP", "{family: ipv4, proto: icmp, action: drop}"),
        ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
         "{family: ipv4, proto: tcp, flags: syn, action: drop}"),
        ("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j DROP",
         "{family: ipv4, proto: tcp, not: {tcp_flags: ALL NONE}, action: drop}"),
        ("-m mark ! --mark 0x1/0xff -j DROP",
         "{family: ipv4, not: {mark: 0x1/0xff}, action: drop}"),
        ("-m connmark --mark 0x0/0x0 -j DROP",
         "{family: ipv4, not: {state: [invalid, untracked]}, action: drop}"),
        ('-m comment --comment "say \\"no\\": it\\\'s so" -j DROP',
         '{name: "say \\"no\\": it\'s so", family: ipv4, action: drop}'),
        ("-p tcp -j REJECT --reject-with tcp-reset",
         "{family: ipv4, proto: tcp, action: {reject: tcp-reset}}"),
        ("-j REJECT --reject-with icmp-port-unreachable", "{family: ipv4, action: reject}"),
        ("-j REJECT --reject-with icmp-proto-unreachable",
         "{family: ipv4, action: {reject: icmp-proto-unreachable}}"),
        ('-m limit --limit 3/hour -j LOG --log-prefix "a: " --log-level 7',
         '{family: ipv4, log: {prefix: "a: ", limit: 3/hour, burst: 5, level: debug}}'),
        ("-j NFLOG --nflog-prefix x", "{family: ipv4, log: {prefix: x}}"),
        ("-j LOG", '{family: ipv4, log: true}'),
        ("-j MARK --set-xmark 0x1/0xffffffff", "{family: ipv4, action: {mark: 0x1}}"),
        ("-j MARK --and-mark 0xff", "{family: ipv4, action: {mark: 0x0/0xffffff00}}"),
        ("-j CONNMARK --or-mark 0x4", "{family: ipv4, action: {connmark: 0x4/0x4}}"),
        ("-m length --length 100: -j DROP", "{family: ipv4, length: 100-65535, action: drop}"),
        ("-m ttl --ttl-lt 5 -j DROP", "{family: ipv4, ttl: 0-4, action: drop}"),
        ("-m dscp ! --dscp 0x2e -j DROP", "{family: ipv4, not: {dscp: 46}, action: drop}"),
        ("-m dscp ! --dscp 0x00 -j DROP", "{family: ipv4, not: {dscp: 0}, action: drop}"),
        ("-m tos --tos 0x10/0x3f -j DROP", "{family: ipv4, tos: 0x10/0x3f, action: drop}"),
        ("-p tcp -m tcp ! --tcp-option 5 -j DROP",
         "{family: ipv4, proto: tcp, not: {tcp_option: 5}, action: drop}"),
        ("-p icmp -m limit --limit 3/min --limit-burst 9 -j ACCEPT",
         "{family: ipv4, proto: icmp, limit: {rate: 3/minute, burst: 9}, action: accept}"),
        ("-j RETURN", "{family: ipv4, action: return}"),
        ("-j a", "{family: ipv4, action: {jump: a}}"),
        ("-p tcp -g b", "{family: ipv4, proto: tcp, action: {goto: b}}"),
        ("-m limit --limit 3/min -j a",
         "{family: ipv4, limit: {rate: 3/minute, burst: 5}, action: {jump: a}}"),
    ],
)  # fmt: skip
def test_a_rule_goes_over(theirs: str, ours: str) -> None:
    assert rule_of(theirs) == ours


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("-p udp -m udp --dport 53 -j NOTRACK",
         "{family: ipv4, proto: udp, dport: 53, action: notrack}"),
        ("-j CT --notrack", "{family: ipv4, action: notrack}"),
        ("-p tcp -m tcp --dport 21 -j CT --helper ftp",
         "{family: ipv4, proto: tcp, dport: 21, action: {helper: ftp}}"),
        ("-i eth0 -j CT --zone 7", "{family: ipv4, in: eth0, action: {zone: 7}}"),
    ],
)  # fmt: skip
def test_a_raw_rule_goes_over(theirs: str, ours: str) -> None:
    assert imported(theirs, table="raw", chain="PREROUTING", policy="ACCEPT") == ([ours], [])


def test_ip6tables_rules_are_of_ipv6() -> None:
    assert rule_of("-s fd00:1::/64 -j DROP", 6) == "{src: fd00:1::/64, action: drop}"
    assert rule_of("-d fd00:1:: -j DROP", 6) == '{dst: "fd00:1::", action: drop}'
    assert rule_of("-p ipv6-icmp -m icmp6 --icmpv6-type 1/4 -j DROP", 6) == (
        "{family: ipv6, icmpv6: destination-unreachable/4, action: drop}"
    )


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("-m addrtype --dst-type LOCAL --limit-iface-in -j ACCEPT", "addrtype --limit-iface-in"),
        ("-j FORWARD", "where packets come from"),
        ("-m conntrack --ctstate DNAT -j ACCEPT", "no state DNAT"),
        (
            "-m connbytes --connbytes 1:2 --connbytes-mode avgpkt --connbytes-dir both -j DROP",
            "connbytes avgpkt",
        ),
        ("-m statistic --mode nth --every 3 --packet 1 -j DROP", "the first, not"),
        ("-p udp -m string --string a --algo bm --icase -j DROP", "capitals"),
        ("-m string --string a --algo bm -j DROP", "looks into tcp, udp"),
        ('-p udp -m u32 --u32 "28&0xF=1" -j DROP', "whole octets"),
        ('-p udp -m u32 --u32 "4=1" -j DROP', "into the headers"),
        ("-m hashlimit --hashlimit-upto 1kb/s --hashlimit-name x -j DROP", "hashlimit 1kb/s"),
        ("-j ACCEPT -m owner --uid-owner 0", "ACCEPT -m owner"),
        ("-j a -p tcp", "a -p tcp"),
        ("-m time --weekdays Mond,Tod -j DROP", "there is no day tod"),
        ("-m addrtype --dst-type NAT -j DROP", "there is no type of address nat"),
        ("-j REJECT --reject-with icmp6-policy-fail", "no reject with"),
        ("-j MARK --set-xmark 0x3/0x1", "MARK --set-xmark"),
        ("-j CONNMARK --save-mark --ctmask x", "x is no number"),
        ("-j TEE --gateway 10.1.0.1", "TEE --gateway"),
        ("-j NETMAP", "no target NETMAP"),
        ("-j CT --notrack", "raw only"),
        ("-s 10.0.0.1/255.0.0.255 -j DROP", "gaps"),
        ("-i we*rd -j DROP", "no name that we can write"),
    ],
)
def test_what_cannot_be_said_is_left_out_and_told(rule: str, reason: str) -> None:
    rules, left = imported(rule, "-s 10.1.0.1/32 -j ACCEPT")
    assert rules == ["{src: 10.1.0.1, action: accept}"]
    assert len(left) == 1
    assert reason in left[0]


def test_a_rule_that_is_left_out_stands_in_its_place_as_a_comment_and_a_drop_is_a_caution() -> None:
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set bad src -j DROP\nCOMMIT\n"
    made, left = make_document([import_family(4, read_save(text))])
    assert "      # -A INPUT -m set --match-set bad src -j DROP\n" in made
    assert "CAUTION" in described(left[0])[-1]
    assert parse_rules(made, "rules.yaml")[0] is not None


def test_either_port_becomes_two_rules() -> None:
    rules, left = imported("-p tcp -m multiport --ports 22 -j ACCEPT")
    assert not left
    assert rules[0] == "{family: ipv4, proto: tcp, sport: 22, action: accept}"
    assert "dport: 22" in rules[1]


def test_what_a_limit_lets_through_is_asked_in_a_chain_of_its_own() -> None:
    rules, left = imported("-m limit --limit 3/min -p tcp -m state --state NEW -j ACCEPT")
    assert not left
    assert rules == [
        "{family: ipv4, proto: tcp, limit: {rate: 3/minute, burst: 5}, action: {jump: line-5}}",
        "{family: ipv4, state: new, action: accept}",
    ]


def test_two_rules_share_one_limit_in_a_chain_of_its_own() -> None:
    rules, left = imported("-p tcp -m multiport --ports 22 -m limit --limit 3/min -j ACCEPT")
    assert not left
    assert rules == [
        "{family: ipv4, proto: tcp, sport: 22, action: {jump: line-5}}",
        "{family: ipv4, proto: tcp, dport: 22, not: {sport: 22}, action: {jump: line-5}}",
        "{family: ipv4, limit: {rate: 3/minute, burst: 5}, action: accept}",
    ]


def test_chains_stay_what_they_are() -> None:
    rules, left = imported(
        "-i lan0 -j a", "-j ACCEPT", "-A a -p tcp -m tcp --dport 22 -j RETURN",
        "-A a -i wan0 -g b", "-A b -s 10.1.0.1/32 -j DROP",
    )  # fmt: skip
    assert not left
    assert rules == [
        "{family: ipv4, in: lan0, action: {jump: a}}",
        "{family: ipv4, action: accept}",
        "{family: ipv4, proto: tcp, dport: 22, action: return}",
        "{family: ipv4, in: wan0, action: {goto: b}}",
        "{src: 10.1.0.1, action: drop}",
    ]


def test_chains_of_both_families_are_one() -> None:
    text = (
        "*filter\n:FORWARD DROP\n:web - [0:0]\n-A FORWARD -j web\n-A web -i lan0 -j ACCEPT\nCOMMIT"
    )
    made, left = make_document(import_families({4: read_save(text), 6: read_save(text)}))
    assert not left
    assert made.count("web:") == 1
    assert made.count("- {in: lan0, action: accept}") == 1


def test_a_chain_that_knows_less_of_its_packets_is_made_twice() -> None:
    text = """*filter
:INPUT DROP
:FORWARD DROP
:shared -
-A INPUT -j shared
-A FORWARD -j shared
-A shared -o wan0 -j DROP
-A shared ! -o wan1 -j ACCEPT
COMMIT"""
    made, left = make_document([import_family(4, read_save(text))])
    assert not left
    lines = [line.strip() for line in made.splitlines()]
    at = lines.index("shared-input:")
    assert lines[at + 1 : at + 4] == [
        "# -A shared -o wan0 -j DROP",
        "#   left out: nothing meets it",
        "- {family: ipv4, action: accept}",
    ]
    at = lines.index("shared:")
    assert lines[at + 1 : at + 3] == [
        "- {family: ipv4, out: wan0, action: drop}",
        "- {family: ipv4, not: {out: wan1}, action: accept}",
    ]


def test_names_of_chains_are_kept_where_they_can_be() -> None:
    names = ("DOCKER", "input", "a/b", "a,b", "null", "x" * 28)
    lines = ["*filter", ":FORWARD DROP", *(f":{name} -" for name in names)]
    lines += [*(f"-A FORWARD -j {name}" for name in names), "COMMIT"]
    text = "\n".join(lines)
    made, left = make_document([import_family(4, read_save(text))])
    assert not left
    (filter_, _) = parse_rules(made, "rules.yaml")
    assert filter_ is not None
    users = [chain.name for chain in filter_.chains if chain.user]
    assert users == ["DOCKER", "input-2", "a-b", "a-b-2", "null", "x" * 28]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("-m limit --limit 3/min -m state --state NEW -j RETURN", "counts before"),
        ("-p tcp -m multiport --ports 22 -m limit --limit 3/min -g a", "counts before"),
        ("-g nowhere", "no chain nowhere"),
    ],
)
def test_who_leaves_a_chain_must_be_known(rule: str, reason: str) -> None:
    rules, left = imported(rule, "-s 10.1.0.1/32 -j ACCEPT")
    assert not rules
    assert reason in left[0]
    assert "comes after line 5" in left[1]


def test_what_follows_a_return_that_cannot_be_said_is_left_out_too() -> None:
    rules, left = imported(
        "-j a", "-j DROP", "-A a -m owner --uid-owner 0 -j RETURN", "-A a -j ACCEPT"
    )
    assert rules == ["{family: ipv4, action: {jump: a}}", "{family: ipv4, action: drop}"]
    assert len(left) == 2


def test_what_follows_a_goto_that_our_language_refuses_is_left_out_too() -> None:
    rules, left = imported(
        "-m limit --limit 3/min --limit-burst 0 -g a", "-j ACCEPT", "-A a -j DROP"
    )
    assert rules == ["{family: ipv4, action: drop}"]
    assert "burst" in left[0]
    assert "it comes after" in left[1]


def test_chains_that_go_round_are_told() -> None:
    _, left = imported("-j a", "-A a -j b", "-A b -j a", "-A b -j DROP")
    assert len(left) == 1
    assert "in a circle" in left[0]


def test_an_interface_that_input_does_not_know_fits_no_name() -> None:
    rules, left = imported(
        "-j a", "-A a -o wan0 -j ACCEPT", "-A a ! -o wan0 -j DROP", chain="INPUT"
    )
    assert not left
    assert rules == ["{family: ipv4, action: {jump: a}}", "{family: ipv4, action: drop}"]


def test_raw_chains_stay_chains_where_nothing_must_be_moved() -> None:
    rules, left = imported(
        "-i lan0 -j a", "-s 10.9.0.0/16 -j DROP", "-A a -p udp -j CT --notrack",
        "-A a -p tcp -m tcp --dport 21 -j CT --helper ftp", table="raw", chain="PREROUTING",
        policy="ACCEPT",
    )  # fmt: skip
    assert not left
    assert rules[0] == "{in: lan0, proto: udp, src: 10.9.0.0/16, action: drop}"
    rules, left = imported(
        "-s 10.9.0.0/16 -j DROP", "-i lan0 -j a", "-A a -p udp -j CT --notrack",
        "-A a -p tcp -m tcp --dport 21 -j CT --helper ftp", table="raw", chain="PREROUTING",
        policy="ACCEPT",
    )  # fmt: skip
    assert not left
    assert rules[:2] == [
        "{src: 10.9.0.0/16, action: drop}",
        "{family: ipv4, in: lan0, action: {jump: a}}",
    ]


def test_who_returns_meets_the_policy_of_the_own_family() -> None:
    four = "*filter\n:INPUT DROP\nCOMMIT\n"
    six = (
        "*filter\n:INPUT ACCEPT\n:a -\n-A INPUT -i lan0 -j RETURN\n-A INPUT -i wan0 -g a\n"
        "-A a -j LOG\nCOMMIT\n"
    )
    made, left = make_document(import_families({4: read_save(four), 6: read_save(six)}))
    assert not left
    lines = [line.strip() for line in made.splitlines()]
    assert "- {family: ipv6, in: lan0, action: accept}" in lines
    assert "- {family: ipv6, in: wan0, action: {goto: a-accept6}}" in lines
    at = lines.index("a-accept6:")
    assert lines[at + 1 : at + 3] == [
        "- {family: ipv6, action: {jump: a}}",
        "- {family: ipv6, action: accept}",
    ]


def test_what_comes_after_notrack_in_raw_comes_before_it_in_ours() -> None:
    rules, left = imported(
        "-p udp -j CT --notrack", "-s 10.1.0.1/32 -j DROP", table="raw", chain="PREROUTING",
        policy="ACCEPT",
    )  # fmt: skip
    assert not left
    assert rules == [
        "{proto: udp, src: 10.1.0.1, action: drop}",
        "{family: ipv4, proto: udp, action: notrack}",
        "{src: 10.1.0.1, action: drop}",
    ]


def test_what_counts_in_raw_is_not_made_two() -> None:
    rules, left = imported(
        "-p udp -j CT --notrack", "-m quota --quota 9 -j DROP", table="raw", chain="PREROUTING",
        policy="ACCEPT",
    )  # fmt: skip
    assert rules == ["{family: ipv4, quota: 9, action: drop}"]
    assert left == ["what counts packets would have to stand there twice"]


def test_of_two_zones_the_first_counts() -> None:
    rules, left = imported(
        "-p udp -j CT --zone 1", "-j CT --zone 2", table="raw", chain="OUTPUT", policy="ACCEPT"
    )
    assert not left
    assert rules == [
        "{family: ipv4, proto: udp, action: [{zone: 1}, accept]}",
        "{family: ipv4, action: {zone: 2}}",
    ]


def test_families_with_other_policies_keep_them() -> None:
    four = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"
    six = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
    made, left = make_document(import_families({4: read_save(four), 6: read_save(six)}))
    assert not left
    assert "policy: drop" in made
    assert "- {name: policy of ip6tables, family: ipv6, action: accept}" in made


def test_what_our_language_refuses_is_left_out_with_its_reason() -> None:
    rules, left = imported(
        "-p udp -m udp --dport 21 -j CT --helper ftp", table="raw", chain="PREROUTING",
        policy="ACCEPT",
    )  # fmt: skip
    assert not rules
    assert len(left) == 1
    assert "the helper ftp reads tcp" in left[0]


def test_names_are_unique_visible_and_short() -> None:
    rules, left = imported(
        "-m comment --comment same -j DROP", "-s 10.1.0.1/32 -m comment --comment same -j DROP",
        f"-m comment --comment {'x' * 200} -j DROP", "-m comment --comment a\u202eb -j DROP",
        '-m comment --comment "null" -j DROP', '-m comment --comment "- # {x}: y" -j DROP',
    )  # fmt: skip
    assert not left
    assert rules[0].startswith("{name: same, ")
    assert rules[1].startswith("{name: same (2), ")
    assert rules[2] == f"name: {'x' * 100}" or f"name: {'x' * 100}," in rules[2]
    assert rules[3].startswith(("{name: a?b", '{name: "a?b"'))
    assert rules[4].startswith('{name: "null"')
    assert rules[5].startswith('{name: "- # {x}: y"')


def test_words_are_cut_as_iptables_restore_does() -> None:
    words = words_of('-A x --comment "a \\"b\\" \\\\c\\\'" "-j" !')
    assert [word.text for word in words] == ["-A", "x", "--comment", 'a "b" \\c\'', "-j", "!"]
    assert [word.is_option() for word in words[3:]] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: no table"),
        ("hello\n", "1: expected a table"),
        ("*filter\n-A INPUT -j DROP\n", "2: there is no chain INPUT"),
        ("*filter\n:INPUT\n", "2: expected :CHAIN"),
        ('*filter\n:INPUT DROP\n-A INPUT -j "x\n', "3: a closing quote"),
        ("*filter\n*filter\n", "2: the table filter"),
        ("*filter\n:INPUT DROP\n-D INPUT 1\n", "3: expected :CHAIN, -A"),
    ],
)
def test_what_is_no_iptables_save_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SaveError, match=f"^{message}"):
        read_save(text)


@pytest.mark.parametrize("name", ["gateway", "ufw", "docker"])
def test_a_real_rule_set_becomes_what_stands_beside_it(name: str) -> None:
    files = {
        version: read_save(path.read_text())
        for version, path in ((4, SAMPLES / f"{name}.save"), (6, SAMPLES / f"{name}.save6"))
        if path.exists()
    }
    made, _ = make_document(import_families(files))
    assert made == Path(SAMPLES / f"{name}.yaml").read_text()
    assert parse_rules(made, "rules.yaml")[1] == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_stands_in_a_file_what_is_made_of_it_is_right_by_our_language(seed: int) -> None:
    """Words of the samples in other places; the file is refused, or its rules can be loaded."""
    rng = Random(seed)
    texts = [path.read_text() for path in sorted(SAMPLES.glob("*.save*"))]
    words = [*" ".join(texts).split(), "!", "0", "-1", "99999999999", "0x", "é", '"', "a,b", "::/0"]
    made = 0
    for _ in range(60):
        lines = rng.choice(texts).splitlines()
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(len(lines))
            parts = lines[at].split()
            if len(parts) > 3:
                parts[rng.randrange(2, len(parts))] = rng.choice(words)
                lines[at] = " ".join(parts)
        try:
            saved = read_save("\n".join(lines))
        except SaveError:
            continue
        text, _ = make_document([import_family(rng.choice((4, 6)), saved)])
        assert parse_rules(text, "rules.yaml")[1] == []
        made += 1
    assert made > 10
