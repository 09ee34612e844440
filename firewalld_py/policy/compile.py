"""Turns a Policy into the plan of the rule engine: plain lists and mappings, fit for JSON.

A rule's matches come cheapest and most selective first; what every packet passes is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from firewalld_py.policy.checks import IMPLIED, covers_all
from firewalld_py.policy.config import Config
from firewalld_py.policy.matches_connection import ADDRESS_KINDS, CONNECTION_KINDS
from firewalld_py.policy.matches_connlimit import count_name
from firewalld_py.policy.matches_link import LINK_KINDS
from firewalld_py.policy.matches_payload import PAYLOAD_KINDS
from firewalld_py.policy.matches_rate import RATE_KINDS
from firewalld_py.policy.matches_routes import ROUTE_KINDS
from firewalld_py.policy.matches_time import TimeEncoder
from firewalld_py.policy.model import Action, Match, Policy, Recent, Rule, Set, Target
from firewalld_py.policy.recent import Size, encode_list, encode_recent, sizes_of
from firewalld_py.policy.set_uses import SET_KIND
from firewalld_py.policy.targets import plan_of

RAW_CHAINS: Final = ("prerouting", "output")
FILTER_CHAINS: Final = ("input", "forward", "output")

Plan = dict[str, Any]

_ORDER: Final = {
    kind: place
    for place, kind in enumerate(
        (
            "state",
            "proto",
            "family",
            "in",
            "out",
            "dport",
            "sport",
            "src",
            "dst",
            "icmp",
            "tcp_flags",
            "mark",
            "connmark",
            "label",
            "zone",
            "length",
            "ttl",
            "tos",
            "ipv6_header",
            "fragment",
            "tcp_option",
            "mss",
            *LINK_KINDS,
            "time",
            *ROUTE_KINDS,
            *CONNECTION_KINDS,
            SET_KIND,
            *PAYLOAD_KINDS,
            # What one of these refuses the next does not count.
            "connections",
            "recent",
            *RATE_KINDS,
        )
    )
}
_HEX_DIGITS: Final = {4: 8, 6: 32}


def compile_policy(policy: Policy, config: Config) -> Plan:
    """The plan of a policy; `config` gives the limits of rules that have none of their own."""
    compiler = _Compiler(config, sizes_of(policy.chains))
    raw: Plan = {name: [] for name in RAW_CHAINS}
    filter_: Plan = {name: {"policy": "accept", "rules": []} for name in FILTER_CHAINS}
    user_chains: Plan = {}
    for chain in policy.chains:
        rules = [compiler.rule(rule) for rule in chain.rules]
        if chain.user:
            user_chains[f"{chain.table}/{chain.name}"] = rules
        elif chain.table == "raw":
            raw[chain.name] = rules
        else:
            filter_[chain.name] = {"policy": chain.policy, "rules": rules}
    plan = {"interfaces": list(compiler.interfaces), "raw": raw, "filter": filter_}
    if user_chains:
        plan["chains"] = user_chains
    if policy.sets:
        plan["sets"] = {one.name: _set(one) for one in policy.sets}
    return plan


class _Compiler:
    """Makes the plan's rules; `interfaces` gives every pattern its bit as it comes up.

    `sizes` are those of lists of addresses.
    """

    def __init__(self, config: Config, sizes: dict[str, Size]) -> None:
        self.config = config
        self.sizes = sizes
        self.interfaces: dict[str, int] = {}
        self.encoders: dict[str, Callable[[Any], object]] = {
            "state": _number,
            "family": _number,
            "in": self.interface_bits,
            "out": self.interface_bits,
            "src": _addresses,
            "dst": _addresses,
            "direction": _number,
            "status": _number,
            "quota": _number,
            "every": _number,
            "time": TimeEncoder(),
            "fragment": _number,
            SET_KIND: _set_use,
            "recent": self.recent,
            "src_type": _number,
            "dst_type": _number,
            **dict.fromkeys(ADDRESS_KINDS, _addresses),
        }

    def rule(self, rule: Rule) -> Plan:
        """One rule of the plan."""
        action = rule.action
        plan: Plan = {
            "name": rule.name,
            "file": rule.file,
            "line": rule.line,
            "match": self.rule_matches(rule),
            "log": self.log(action),
            "targets": [self.target(target) for target in action.targets],
            "template": self.template(action),
            "verdict": action.verdict,
            "reject": self.reject(action),
        }
        if action.chain is not None:
            plan["chain"] = action.chain
        return plan

    def rule_matches(self, rule: Rule) -> list[list[object]]:
        """The matches of a rule; one that counts connections by rule gets the rule's name."""
        made = self.matches(rule.matches)
        for kind, _, value in made:
            if kind == "connections" and isinstance(value, list):
                value.append(count_name(rule))
        return made

    def recent(self, recent: Recent) -> list[object]:
        """The condition on a list, with the list's size."""
        return encode_recent(recent, self.sizes)

    def target(self, target: Target) -> list[object]:
        """A target as the plan has it."""
        recent = target.value
        if isinstance(recent, Recent):
            return [target.kind, [encode_list(recent, self.sizes), recent.of_destination]]
        return plan_of(target)

    def matches(self, matches: tuple[Match, ...]) -> list[list[object]]:
        """The matches as [kind, inverted, value], with the protocol that some of them imply."""
        made: list[list[object]] = []
        stated = False
        implied: int | None = None
        for match in matches:
            if match.key in IMPLIED:
                implied = IMPLIED[match.key]
            if not match.inverted:
                if covers_all(match) and match.kind not in ("sport", "dport"):
                    continue
                stated = stated or match.kind == "proto"
            encode: Callable[[Any], object] = self.encoders.get(match.kind, _lists)
            made.append([match.kind, match.inverted, encode(match.value)])
        if implied is not None and not stated:
            made.append(["proto", False, [implied]])
        made.sort(key=lambda entry: _ORDER[str(entry[0])])
        return made

    def interface_bits(self, patterns: tuple[str, ...]) -> int:
        """A bit for each of the patterns."""
        bits = 0
        for pattern in patterns:
            bits |= 1 << self.interfaces.setdefault(pattern, len(self.interfaces))
        return bits

    def log(self, action: Action) -> Plan | None:
        """How the rule logs, its limit filled in from the configuration."""
        log = action.log
        if log is None:
            return None
        default = self.config.log
        return {
            "prefix": log.prefix,
            "level": log.level,
            "rate": default.rate if log.rate is None else log.rate,
            "burst": default.burst if log.burst is None else log.burst,
        }

    def template(self, action: Action) -> Plan | None:
        """How a raw rule wants the packet tracked, with the timeouts that it does not name."""
        if not action.tracking:
            return None
        timeouts = None
        if action.timeouts is not None:
            timeouts = {**self.config.conntrack.timeouts, **action.timeouts}
        return {"zone": action.zone, "helper": action.helper or "", "timeouts": timeouts}

    def reject(self, action: Action) -> Plan | None:
        """How the rule answers."""
        if action.reject is None:
            return None
        limit = self.config.reject
        return {"with": action.reject, "rate": limit.rate, "burst": limit.burst}


def _set(one: Set) -> Plan:
    return {
        "type": list(one.type),
        "maximum": one.maximum,
        "lifetime": one.lifetime,
        "counters": one.counters,
        "persist": one.persist,
        "elements": [[size, records.hex()] for size, records in one.elements],
    }


def _set_use(value: tuple[str, ...]) -> list[object]:
    return [value[0], list(value[1:])]


def _number(value: int) -> int:
    return value


def _lists(value: tuple[Any, ...]) -> list[object]:
    return [list(item) if isinstance(item, tuple) else item for item in value]


def _addresses(ranges: tuple[Any, ...]) -> list[list[str]]:
    return [
        [f"{low:0{_HEX_DIGITS[family]}x}", f"{high:0{_HEX_DIGITS[family]}x}"]
        for family, low, high in ranges
    ]
