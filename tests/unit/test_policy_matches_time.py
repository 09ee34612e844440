"""What may stand under `time:`, what is said if it may not, and tests of rules that ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from firewalld_py.policy.config import Config
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.matches_time import moment
from firewalld_py.policy.trial import run_tests
from firewalld_py.policy.zones import transitions
from tests.unit.policy_texts import in_chain, parsed
from tests.unit.test_policy_explain import path, tried
from tests.unit.test_policy_matches import assert_refused, matches_of

__all__ = ["path"]

DAY, NIGHT = 1767225600, 1767225600 + 86399  # 2026-01-01


@pytest.mark.parametrize(
    ("conditions", "changed"),
    [
        ("from: 22:00", {2: 79200}),
        ("to: '06:00:30'", {3: 21630}),
        ("weekdays: [mon, Friday, 7]", {4: 0b1010001}),
        ("weekdays: sat-tue", {4: 0b1100011}),
        ("weekdays: 1-5", {4: 0b11111}),
        ("monthdays: [1-3, 31]", {5: 0x8000000E}),
        ("date_from: 2026-01-01", {0: DAY}),
        ("date_to: 2026-01-01", {1: NIGHT}),
        ("date_to: 2026-01-01 12:00", {1: DAY + 43200}),
        ("date_from: 2026-01-01T12:00:30", {0: DAY + 43230}),
        ("from: 08:00, contiguous: false, zone: utc", {2: 28800, 6: False}),
    ],
)
def test_times(conditions: str, changed: dict[int, object]) -> None:
    expected: list[object] = [0, 253402300799, 0, 86399, 0x7F, 0xFFFFFFFE, True, 0, ()]
    for place, value in changed.items():
        expected[place] = value
    assert matches_of(f"time: {{{conditions}}}") == [["time", False, expected]]
    assert matches_of(f"not: {{time: {{{conditions}}}}}") == [["time", True, expected]]


def test_a_zone_is_its_changes() -> None:
    ((_, _, value),) = matches_of("time: {from: 08:00, zone: Europe/Berlin}")
    assert value[7] == 3600
    assert (1774746000, 7200) in value[8]  # 2026-03-29 01:00 UTC
    assert (1792890000, 3600) in value[8]  # 2026-10-25 01:00 UTC


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("time: §22:00", "time: expected a time as a mapping, found '22:00'"),
        ("time: §{}", "time: every packet has it: add from, to, weekdays, monthdays, date_from or"),
        ("time: §{zone: UTC}", "time: every packet has it: add from, to, weekdays, monthdays"),
        ("time: {from: §8}", "from: expected a time of day (22:00, 22:00:30), found '8' => 08:00"),
        (
            "time: {from: §8:30}",
            "from: expected a time of day (22:00, 22:00:30), found '8:30' => 0",
        ),
        (
            "time: {to: §24:00}",
            "to: expected a time of day (22:00, 22:00:30), found '24:00' => 23:",
        ),
        ("time: {to: §22:60}", "to: expected a time of day (22:00, 22:00:30), found '22:60'"),
        ("time: §{from: 08:00, to: 08:00}", "time: from and to are the same: for the whole day"),
        (
            "time: {weekdays: §mond}",
            "weekdays: expected a weekday (mon) or several (mon-fri), found",
        ),
        ("time: {weekdays: §0}", "weekdays: expected a weekday (mon) or several (mon-fri)"),
        ("time: {weekdays: §mon-}", "weekdays: expected a weekday (mon) or several (mon-fri)"),
        ("time: {monthdays: §32}", "monthdays: numbers here go from 1 to 31, found '32'"),
        (
            "time: {date_from: §24.12.2026}",
            "date_from: expected a date (2026-12-24) or a date with",
        ),
        ("time: {date_from: §2026-02-29}", "date_from: there is no such date: '2026-02-29'"),
        ("time: {date_from: §2026-02-28 24:00}", "date_from: expected a date (2026-12-24) or a"),
        (
            "time: §{date_from: 2026-02-02, date_to: 2026-02-01}",
            "time: never matches: date_from is",
        ),
        (
            "time: {from: 08:00, zone: §Europe/Belin}",
            "zone: expected a time zone (UTC, local, Europ",
        ),
        ("time: {from: 08:00, zone: §../../etc/passwd}", "zone: expected a time zone (UTC, local,"),
        ("time: {§timestart: 08:00}", "unknown key 'timestart' in a time => from"),
        ("§datestart: 2026-01-01", "unknown key 'datestart' in a rule => time"),
    ],
)
def test_slips(conditions: str, message: str) -> None:
    assert_refused(conditions, message)


def test_a_zone_that_is_misspelt_has_a_near_one() -> None:
    with pytest.raises(Fault) as fault:
        transitions("Europe/Belin")
    assert fault.value.suggestion == "Europe/Berlin"


def test_local_is_a_zone() -> None:
    assert transitions("local")[0] in range(-86400, 86400)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-01-01", DAY),
        ("2026-01-01 12:00", DAY + 43200),
        ("2026-01-01T12:00:01Z", DAY + 43201),
        ("2026-01-01 12:00+01:00", DAY + 39600),
    ],
)
def test_moments(text: str, second: int) -> None:
    assert moment(text) == second


@pytest.mark.parametrize("text", ["12:00", "yesterday", "2026-13-01", "1960-01-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(Fault):
        moment(text)


TEST = "{in: lan0, src: 10.1.0.5, dst: 203.0.113.9, proto: tcp, dport: 80%s}"

AT_NIGHTFALL = f"{{packet: {TEST % ', time: 2026-01-05 17:59'}, expect: accept}}"


@pytest.mark.parametrize(
    ("steps", "passes"),
    [
        (f"[{{packet: {TEST % ', time: 2026-01-05 08:00'}, expect: accept}}]", True),
        (f"[{{packet: {TEST % ', time: 2026-01-05 07:59'}, expect: drop}}]", True),
        (f"[{{packet: {TEST % ', time: 2026-01-05 07:59'}, expect: accept}}]", False),
        (f"[{{packet: {TEST % ''}, expect: accept}}]", True),  # Thursday, 12:00
        (f"[{AT_NIGHTFALL}, {{wait: 2m, packet: {TEST % ', sport: 5'}, expect: drop}}]", True),
    ],
)
def test_rule_tests_have_a_wall_clock(steps: str, passes: bool) -> None:
    rule = "{time: {weekdays: mon-fri, from: 08:00, to: 18:00}, action: accept}"
    text = f"version: 1\nfilter: {{forward: {{policy: drop, rules: [{rule}]}}}}\n"
    policy = parsed(f"{text}tests: [{{name: a, steps: {steps}}}]\n")
    assert [outcome.passed for outcome in run_tests(policy, Config())] == [passes]


def test_explain_says_what_the_clocks_show(path: Path) -> None:
    rule = "{time: {from: 08:00, to: 09:00, zone: America/St_Johns}, action: accept}"
    said = tried(rule, "src=10.1.0.5 dst=10.1.0.6 icmp=ping", path)
    expected = "time {from: 08:00, to: 09:00, zone: America/St_Johns}: it is "
    assert said == f"{expected}Wed 1969-12-31 20:30:01 (-03:30)"
    rule = "{not: {time: {from: 00:00, to: 09:00}}, action: accept}"
    said = tried(rule, "src=10.1.0.5 dst=10.1.0.6 icmp=ping", path)
    assert said == "not time {from: 00:00, to: 09:00}: it is Thu 1970-01-01 00:00:01 UTC"


def test_many_rules_with_times_are_read_quickly() -> None:
    rules = ["{time: {from: 08:00, zone: Europe/Berlin}, action: drop}"] * 1000
    assert parsed(in_chain("filter/forward", *rules)).rule_count() == 1000
