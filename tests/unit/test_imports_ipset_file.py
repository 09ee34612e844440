"""Sets of ipset as sets of ours."""

from __future__ import annotations

import pytest

from firewalld_py.imports.document import make_document
from firewalld_py.imports.ipset_file import IpSets
from firewalld_py.imports.iptables import import_families
from firewalld_py.imports.save_file import SaveError, read_save
from firewalld_py.policy.load import parse_rules

SETS = """create bad hash:net family inet hashsize 1024 maxelem 65536 timeout 300
add bad 192.0.2.0/24 timeout 0
create pairs hash:ip,port family inet
add pairs 10.1.0.1,tcp:80
create most hash:net family inet
add most 10.0.0.0/8
add most 10.1.0.0/16 nomatch
create marks hash:ip,mark family inet
create dated hash:ip family inet timeout 10
add dated 10.1.0.1 timeout 5
"""


def imported(*rules: str) -> tuple[list[str], list[str], str]:
    """The rules that become of some, the reasons for those left, and the whole file."""
    text = "\n".join(["*filter", ":FORWARD DROP", *(f"-A FORWARD {r}" for r in rules), "COMMIT"])
    made, left = make_document(import_families({4: read_save(text)}, IpSets(SETS)))
    assert parse_rules(made, "rules.yaml")[1] == []
    lines = [line.strip() for line in made.splitlines()]
    return [line[2:] for line in lines if line[:2] == "- "], [one.reason for one in left], made


def test_sets_go_over_with_their_elements() -> None:
    rules, left, made = imported("-m set ! --match-set bad src -j DROP")
    assert not left
    assert rules == ["{family: ipv4, not: {src: $bad}, action: drop}"]
    wanted = ["sets:", "  bad:", "    type: address", "    lifetime: 300"]
    assert "\n".join([*wanted, "    elements: [192.0.2.0/24]", ""]) in made


def test_several_parts_are_looked_up_together() -> None:
    rules, left, _ = imported("-m set --match-set pairs src,dst -j DROP")
    assert not left
    assert rules == ["{family: ipv4, set: {name: pairs, of: [src, dport]}, action: drop}"]


def test_what_rules_change_goes_over() -> None:
    rules, left, _ = imported(
        "-j SET --add-set bad src --exist --timeout 60", "-j SET --del-set pairs dst,dst"
    )
    assert not left
    assert rules == [
        "{family: ipv4, action: {add: {set: bad, of: src, for: 60}}}",
        "{family: ipv4, action: {remove: {set: pairs, of: [dst, dport]}}}",
    ]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("-m set --match-set gone src -j DROP", "not in this file"),
        ("-m set --match-set most src -j DROP", "nomatch"),
        ("-m set --match-set marks src,src -j DROP", "no sets of type hash:ip,mark"),
        ("-m set --match-set pairs src -j DROP", "is not asked by src"),
        ("-j SET --map-set pairs src", "SET --map-set"),
    ],
)
def test_what_ours_cannot_have_is_told(rule: str, reason: str) -> None:
    rules, left, _ = imported(rule)
    assert not rules
    assert len(left) == 1
    assert reason in left[0]


def test_a_time_that_was_running_is_told() -> None:
    rules, left, _ = imported("-m set --match-set dated src -j DROP")
    assert rules == ["{family: ipv4, src: $dated, action: drop}"]
    assert left == ["elements whose time was running stay in the set for good"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "1: expected create"),
        ("add x 1.2.3.4\n", "1: there is no set x"),
        ("create x hash:ip timeout y\n", "1: expected timeout"),
        ('create x "hash:ip\n', "1: a closing quote"),
    ],
)
def test_what_ipset_does_not_print_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SaveError, match=f"^{message}"):
        IpSets(text)
