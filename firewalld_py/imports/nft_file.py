"""What `nft -j list ruleset` prints, as tables, chains, rules and sets, whatever the rules mean.

What is no such output is refused with all that is wrong, each with its place: nftables[12].rule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

MAX_OBJECTS: Final = 200_000  # of one file
MAX_SHOWN: Final = 50  # faults that are told
MAX_CHAINS: Final = 3000  # as of iptables' tables
FAMILIES: Final = {"ip": 4, "ip6": 6, "inet": 0}

# What JSON holds. Its shape is asked wherever it is read.
Json = Any


class NftError(Exception):
    """The text is not what nft prints; every line tells one fault, with its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class NftRule:
    """A rule: its place in the file, its statements and its comment."""

    place: int
    statements: list[tuple[str, Json]]
    comment: str


@dataclass(slots=True)
class NftChain:
    """A chain; one that has a hook is where packets come to, of those with a lower priority first.

    `place` is its place in the file.
    """

    name: str
    place: int
    hook: str = ""
    kind: str = ""
    priority: int = 0
    policy: str = "accept"
    rules: list[NftRule] = field(default_factory=list)


@dataclass(slots=True)
class NftTable:
    """A table. Of sets and maps `sets` has the elements by name; `objects` are by kind and name."""

    family: str
    name: str
    chains: dict[str, NftChain] = field(default_factory=dict)
    sets: dict[str, Json] = field(default_factory=dict)
    objects: dict[tuple[str, str], Json] = field(default_factory=dict)


@dataclass(slots=True)
class NftRuleset:
    """All tables, by family and name, in the order in which they stand there."""

    tables: dict[tuple[str, str], NftTable] = field(default_factory=dict)


def read_nft(text: str) -> NftRuleset:
    """The content of a file. Raises NftError."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise NftError([f"{error.lineno}:{error.colno}: {error.msg}"]) from None
    except (RecursionError, ValueError) as error:  # nested without end, a number without end
        raise NftError([f"1: it cannot be read as JSON: {error}"]) from None
    objects = data.get("nftables") if isinstance(data, dict) else None
    if not isinstance(objects, list):
        raise NftError(
            ['1: expected {"nftables": [...]}: is it what `nft -j list ruleset` prints?']
        )
    if len(objects) > MAX_OBJECTS:
        raise NftError([f"1: more than {MAX_OBJECTS} objects"])
    return _Reader(objects).read()


class _Reader:
    """Goes over the objects twice: chains, sets and the like, then rules."""

    def __init__(self, objects: list[Json]) -> None:
        self.objects = objects
        self.ruleset = NftRuleset()
        self.faults: list[str] = []

    def read(self) -> NftRuleset:
        for rules in (False, True):
            for place, one in enumerate(self.objects):
                kind, value = _only(one)
                where = f"nftables[{place}]"
                if not kind or not isinstance(value, dict):
                    if not rules:
                        self.faults.append(f"{where}: expected one object such as a rule")
                elif (kind == "rule") == rules:
                    self._object(f"{where}.{kind}", kind, value, place)
        if self.faults:
            raise NftError(self.faults[:MAX_SHOWN])
        return self.ruleset

    def _object(self, where: str, kind: str, value: dict[str, Json], place: int) -> None:
        if kind == "metainfo":
            return
        family, name = value.get("family"), value.get("name" if kind == "table" else "table")
        if not isinstance(family, str) or not isinstance(name, str):
            self.faults.append(f"{where}: expected the names of a family and a table")
        elif kind == "table":
            self.ruleset.tables.setdefault((family, name), NftTable(family, name))
        elif (family, name) not in self.ruleset.tables:
            self.faults.append(f"{where}: there is no table {family} {name}")
        else:
            self._in_table(where, kind, value, place, self.ruleset.tables[family, name])

    def _in_table(
        self, where: str, kind: str, value: dict[str, Json], place: int, table: NftTable
    ) -> None:
        if kind == "rule":
            self._rule(where, value, place, table)
            return
        name = value.get("name")
        if not isinstance(name, str):
            self.faults.append(f"{where}.name: expected a name")
        elif kind == "chain":
            self._chain(where, value, place, table, name)
        elif kind in ("set", "map"):
            table.sets[name] = value
        else:
            table.objects[kind, name] = value

    def _chain(
        self, where: str, value: dict[str, Json], place: int, table: NftTable, name: str
    ) -> None:
        chain = NftChain(name, place)
        for key, kind in (("hook", str), ("type", str), ("policy", str), ("prio", int)):
            if not isinstance(value.get(key, kind()), kind):
                self.faults.append(f"{where}.{key}: expected {kind.__name__}")
                return
        chain.hook, chain.kind = value.get("hook", ""), value.get("type", "")
        chain.priority, chain.policy = value.get("prio", 0), value.get("policy", "accept")
        if name in table.chains:
            self.faults.append(f"{where}: the chain {name} stands here a second time")
        elif chain.policy not in ("accept", "drop"):
            self.faults.append(f"{where}.policy: expected accept or drop")
        elif len(table.chains) == MAX_CHAINS:
            self.faults.append(f"{where}: more than {MAX_CHAINS} chains in one table")
        else:
            table.chains[name] = chain

    def _rule(self, where: str, value: dict[str, Json], place: int, table: NftTable) -> None:
        chain = value.get("chain")
        if not isinstance(chain, str) or chain not in table.chains:
            self.faults.append(f"{where}.chain: expected a chain of {table.family} {table.name}")
            return
        expressions = value.get("expr")
        if not isinstance(expressions, list):
            self.faults.append(f"{where}.expr: expected a list")
            return
        statements: list[tuple[str, Json]] = []
        for at, one in enumerate(expressions):
            name, body = _only(one)
            if not name:
                self.faults.append(f"{where}.expr[{at}]: expected one statement")
            statements.append((name, body))
        comment = value.get("comment", "")
        rule = NftRule(place, statements, comment if isinstance(comment, str) else "")
        table.chains[chain].rules.append(rule)


def _only(one: Json) -> tuple[str, Json]:
    """The one key of a mapping and what stands there; "" if it is no such mapping."""
    if isinstance(one, dict) and len(one) == 1:
        ((kind, value),) = one.items()
        return kind, value
    if isinstance(one, str):  # "accept" is {"accept": null}
        return one, None
    return "", None
