"""Names for lists: nested, in any field that takes them, and never in a circle."""

from __future__ import annotations

import time

import pytest

from firewalld_py.policy.addresses import address_range
from firewalld_py.policy.load import parse_rules
from tests.unit.policy_texts import FILE, assert_problems, in_chain, one_rule, parsed


def test_a_define_stands_for_its_list() -> None:
    define = "{lan: [10.1.0.0/24, '::1'], host: 10.2.0.1}"
    rule = one_rule("{src: $lan, dst: [$host, 10.2.0.2], action: drop}", define=define)
    assert rule.matches[0].value == (address_range("10.1.0.0/24"), address_range("::1"))
    assert rule.matches[1].value == (address_range("10.2.0.1-10.2.0.2"),)


def test_defines_stand_in_ports_and_interfaces_too() -> None:
    define = "{web: [80, 443], inside: [lan0, lan1]}"
    rule = one_rule("{dport: $web, sport: [$web, 81], in: $inside, action: drop}", define=define)
    assert [match.value for match in rule.matches] == [
        ((80, 80), (443, 443)),
        ((80, 81), (443, 443)),
        ("lan0", "lan1"),
    ]


def test_defines_nest() -> None:
    define = "{all: [$lan, $dmz, 10.3.0.1], lan: [10.1.0.0/24], dmz: $lan2, lan2: 10.2.0.0/24}"
    rule = one_rule("{src: $all, action: drop}", define=define)
    assert rule.matches[0].value == (
        address_range("10.1.0.0/24"),
        address_range("10.2.0.0/24"),
        address_range("10.3.0.1"),
    )


def test_an_unused_define_may_hold_anything() -> None:
    parsed(in_chain("filter/input", "{action: drop}", define="{junk: [x, 'y z', 1-2-3]}"))


@pytest.mark.parametrize(
    ("define", "rule", "messages"),
    [
        ("{lan: 10.0.0.1}", "{src: §$lna, action: drop}", ["'$lna' is not defined => $lan"]),
        ("{lan: 10.0.0.1}", "{src: [§$lna], action: drop}", ["'$lna' is not defined => $lan"]),
        ("{lan: 10.0.0.1}", "{src: '§${lan}', action: drop}", None),
        ("{lan: 10.0.0.1}", "{src: §lan, action: drop}", ["src: expected an address, a network"]),
        ("{lan: 10.0.0.1}", "{src: [§lan], action: drop}", ["expected an address, a network"]),
        ("{lan: [80, §x y]}", "{dport: $lan, sport: $lan, action: drop}", ["expected a port"]),
        ("{a: [§$b]}", "{action: drop}", ["define a: '$b' is not defined"]),
        ("{lan: [x], a: [§$lna]}", "{action: drop}", ["define a: '$lna' is not defined => $lan"]),
        ("{a: [§$b]}", "{src: $a, action: drop}", ["define a: '$b' is not defined"]),
        ("{a: §$a}", "{src: $a, action: drop}", ["define a contains itself: $a -> $a"]),
        ("{a: $b, b: [10.0.0.1, §$a]}", "{src: $b, action: drop}", ["define b contains itself: "]),
        ("{§1a: x}", "{action: drop}", ["'1a' cannot be a name"]),
        ("{§$a: x}", "{action: drop}", ["'$a' cannot be a name: a letter, then letters, digits"]),
        ("{a: §[]}", "{src: $a, action: drop}", ["define a: expected a text or a list of texts"]),
        ("{a: §}", "{src: $a, action: drop}", ["define a: expected a text or a list of texts, f"]),
        ("{a: [§[b]]}", "{action: drop}", ["define a: expected a text or a list of texts, found"]),
        ("{a: §{b: c}}", "{action: drop}", ["define a: expected a text or a list of texts, foun"]),
        ("§[a]", "{action: drop}", ["define: expected a mapping from names to lists, found a li"]),
    ],
)
def test_faults(define: str, rule: str, messages: list[str] | None) -> None:
    if messages is None:
        text = in_chain("filter/input", rule, define=define).replace("§", "")
        _, problems = parse_rules(text, FILE)
        assert [problem.suggestion for problem in problems] == ["$lan"]
        return
    assert_problems(in_chain("filter/input", rule, define=define), *messages)


def test_the_name_of_a_define_without_its_dollar_is_suggested() -> None:
    for rule in ("{src: lan, action: drop}", "{src: [lan], action: drop}"):
        text = in_chain("filter/input", rule, define="{lan: 10.0.0.1}")
        _, problems = parse_rules(text, FILE)
        assert [problem.suggestion for problem in problems] == ["$lan"]


def test_a_fault_in_a_define_is_told_once_however_many_rules_use_it() -> None:
    rules = ["{dport: $ports, action: drop}"] * 50
    assert_problems(
        in_chain("filter/input", *rules, define="{ports: [80, §eighty one]}"), "expected a port"
    )


def test_defines_may_nest_sixteen_deep_and_no_deeper() -> None:
    names = [f"d{number}: [$d{number + 1}]" for number in range(15)]
    define = f"{{{', '.join(names)}, d15: [10.0.0.1]}}"
    one_rule("{src: $d0, action: drop}", define=define)
    assert_problems(
        in_chain("filter/input", "{action: drop}", define=f"{{top: [§$d0], {define[1:]}"),
        "define top nests more than 16 defines",
    )


def test_a_thousand_defines_in_a_row_are_refused_without_a_stumble() -> None:
    names = [f"d{number}: [$d{number + 1}]" for number in range(2000)]
    text = in_chain(
        "filter/input", "{action: drop}", define=f"{{{', '.join(names)}, d2000: 10.0.0.1}}"
    )
    policy, problems = parse_rules(text, FILE)
    assert policy is None
    assert "nests more than 16 defines" in problems[0].message


def test_doubling_defines_cannot_blow_up() -> None:
    names = [f"d{number}: [$d{number + 1}, $d{number + 1}]" for number in range(15)]
    define = f"{{{', '.join(names)}, d15: [80, 443]}}"
    start = time.monotonic()
    rule = one_rule("{dport: $d0, action: drop}", define=define)
    assert rule.matches[0].value == ((80, 80), (443, 443))
    assert time.monotonic() - start < 1
