"""The tables of nftables as chains of ours.

There, several chains may stand at one hook, one after the other: what one accepts the next one is
asked about, and a drop is final. Ours has one: they become chains that it leads to in their order,
and to accept is to go on to those behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, family
from firewalld_py.imports.convert import convert_tables
from firewalld_py.imports.nft_file import FAMILIES, NftChain, NftError, NftRuleset, NftTable
from firewalld_py.imports.nft_rules import RuleReader, source_of
from firewalld_py.imports.nft_sets import NftSets
from firewalld_py.imports.rule_table import RuleTable
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedChain
from firewalld_py.imports.sets import SetNames
from firewalld_py.imports.steps import CHAINS, Family, Left, Source
from firewalld_py.policy.model import Action

FROM_NFT: Final = "Made from `nft -j list ruleset` by `firewalld-py import`."
RAW_BELOW: Final = -200  # NF_IP_PRI_CONNTRACK
MAX_CHAINS: Final = 9000
_HOOKS: Final = ("input", "forward", "output")
_BASES: Final = frozenset(base for _, base in CHAINS)


@dataclass(frozen=True, slots=True)
class _Base:
    """A chain that packets come to, and its table."""

    table: NftTable
    chain: NftChain

    @property
    def version(self) -> int:
        return FAMILIES[self.table.family]


def import_nft(ruleset: NftRuleset) -> Family:
    """All that goes over of a rule set, for both IP versions; what does not is in `left`.

    Raises NftError if it would become too large.
    """
    try:
        return _import(ruleset)
    except NotExpressible as fault:
        raise NftError([f"1: {fault.reason}"]) from None


def _import(ruleset: NftRuleset) -> Family:
    made = Family(0)
    sets = SetNames()
    tables = [_Tables(ruleset, name, sets) for name in ("raw", "filter")]
    taken: set[tuple[str, str, str]] = set()
    for one in tables:
        one.build()
        taken |= one.taken
    tables[1].rest(taken, _elsewhere(ruleset, taken))
    made.left += _others(ruleset, taken | tables[1].taken)
    convert_tables([one.made for one in tables], {0: made})
    made.sets = sets.sets
    return made


def place_of(chain: NftChain) -> tuple[str, str]:
    """Our table and chain for one of theirs; "" if there is none."""
    raw = chain.hook in ("prerouting", "output") and chain.priority < RAW_BELOW
    if chain.kind == "filter" and raw:
        return "raw", chain.hook.upper()
    if chain.kind == "filter" and chain.hook in _HOOKS:
        return "filter", chain.hook.upper()
    return "", ""


def _calls(chain: NftChain, table: NftTable) -> set[str]:
    """The chains that rules of a chain may lead to."""
    words = {
        name for rule in chain.rules for _, body in rule.statements for name in _strings(body, 0)
    }
    found = words & set(table.chains)
    for word in words:
        named = table.sets.get(word[1:]) if word.startswith("@") else None
        if named is not None and "map" in named:
            found |= set(_strings(named.get("elem"), 0)) & set(table.chains)
    return found


def _strings(body: object, depth: int) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict) and depth < 20:
        for one in body.values():
            yield from _strings(one, depth + 1)
    elif isinstance(body, list) and depth < 20:
        for one in body:
            yield from _strings(one, depth + 1)


def _elsewhere(ruleset: NftRuleset, taken: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Chains that only chains lead to which are not ours."""
    found: set[tuple[str, str, str]] = set()
    for (of, name), table in ruleset.tables.items():
        left = [chain for chain in table.chains.values() if chain.hook and not place_of(chain)[0]]
        while left:
            for target in _calls(left.pop(), table):
                if (of, name, target) not in found | taken:
                    found.add((of, name, target))
                    left.append(table.chains[target])
    return found


def _others(ruleset: NftRuleset, taken: set[tuple[str, str, str]]) -> Iterator[Left]:
    """What is said of rules whose chains are not ours, and of objects that do something."""
    for (of, name), table in ruleset.tables.items():
        for chain in table.chains.values():
            if (of, name, chain.name) in taken:
                continue
            for rule in chain.rules:
                yield Left(source_of(rule, table, chain.name), *_why(table, chain))


def _why(table: NftTable, chain: NftChain) -> tuple[str, str]:
    if table.family not in FAMILIES:
        return f"tables of the family {table.family} are not ours", "leave them to nftables"
    if chain.kind == "filter" and chain.hook == "prerouting":
        return (
            "it comes behind tracking and before routing: ours has no such place",
            "write it into forward and input, or into raw if it asks for no state",
        )
    if chain.hook:
        return f"chains of type {chain.kind} at {chain.hook} are not ours", "leave it to nftables"
    return "only chains lead to it that are not ours", "leave it to nftables"


class _Tables:
    """Makes one of our tables of all of theirs."""

    def __init__(self, ruleset: NftRuleset, name: str, sets: SetNames) -> None:
        self.ruleset = ruleset
        self.sets = sets
        self.made = RuleTable(0, name)
        self.taken: set[tuple[str, str, str]] = set()  # their chains that went over
        self.names: dict[tuple[str, ...], str] = {}
        self.accepting: dict[tuple[str, str], set[str]] = {}
        self.todo: list[tuple[str, NftTable, NftChain, str]] = []

    def build(self) -> None:
        """All chains that packets come to, and where they lead."""
        for of_table, base in CHAINS:
            if of_table == self.made.name:
                found = self._bases(base)
                if found:
                    self._base(base, found)
        self._work()

    def rest(self, taken: set[tuple[str, str, str]], elsewhere: set[tuple[str, str, str]]) -> None:
        """Chains that nothing leads to."""
        for (of, name), table in self.ruleset.tables.items():
            for chain in table.chains.values():
                key = (of, name, chain.name)
                if of in FAMILIES and not chain.hook and key not in taken | elsewhere:
                    self._chain(table, chain, "")
        self._work()

    def _bases(self, base: str) -> list[_Base]:
        """Their chains at one of our places, in the order in which packets come to them.

        Of two of the same priority the kernel asks the later one first.
        """
        found = [
            _Base(table, chain)
            for table in self.ruleset.tables.values()
            if table.family in FAMILIES
            for chain in table.chains.values()
            if place_of(chain) == (self.made.name, base)
        ]
        return sorted(found, key=lambda one: (one.chain.priority, -one.chain.place))

    def _base(self, base: str, found: list[_Base]) -> None:
        versions = [one.version for one in found]
        policies = {one.chain.policy for one in found}
        self.made.chains[base] = SavedChain(base, policies.pop().upper(), None)
        self.made.rules[base] = []
        if len(found) == 1 and (versions == [0] or self.made.chains[base].policy == "ACCEPT"):
            self._read_into(base, found[0].table, found[0].chain, "")
            return
        if sorted(versions) == [4, 6] and not policies:
            for one in sorted(found, key=lambda one: one.version):
                self._read_into(base, one.table, one.chain, "")
            return
        self.made.chains[base].policy = "ACCEPT"
        behind = ""
        steps: list[Ruling] = []
        for one in reversed(found):
            name = self._chain(one.table, one.chain, behind)
            steps = [*self._led(one, name), *steps]
            if one is not found[0]:
                behind = self._new_chain(f"from-{one.chain.name}", [*steps, self._accepting(one)])
        self.made.rules[base] = steps

    def _led(self, one: _Base, name: str) -> list[Ruling]:
        """The rules that lead to a chain, and drop what comes back if that is its policy."""
        source = Source(f"nftables[{one.chain.place}].chain", one.chain.place, one.chain.name)
        jump, policy = Ruling(0, self.made.name, source), Ruling(0, self.made.name, source)
        for rule in (jump, policy):
            if one.version:
                rule.ask([family(one.version)])
        jump.target = name
        policy.action = Action("drop")
        policy.name = f"policy of {one.table.name} {one.chain.name}"
        return [jump, policy] if one.chain.policy == "drop" else [jump]

    def _accepting(self, one: _Base) -> Ruling:
        source = Source(f"nftables[{one.chain.place}].chain", one.chain.place, one.chain.name)
        rule = Ruling(0, self.made.name, source)
        rule.action = Action("accept")
        return rule

    def _new_chain(self, wanted: str, rules: list[Ruling]) -> str:
        """A chain of these rules; its name."""
        if len(self.made.chains) >= MAX_CHAINS:
            raise NotExpressible(f"there would be more than {MAX_CHAINS} chains")
        name, number = wanted, 1
        while name in self.made.chains or name in _BASES:
            number += 1
            name = f"{wanted}-{number}"
        self.made.chains[name] = SavedChain(name, "-", None)
        self.made.rules[name] = rules
        return name

    def _chain(self, table: NftTable, chain: NftChain, behind: str) -> str:
        """One of their chains as ours; what it accepts goes on to the chain `behind`, if any."""
        behind = behind if self._accepts(table, chain.name) else ""
        key = (table.family, table.name, chain.name, behind)
        name = self.names.get(key)
        if name is None:
            name = self.names[key] = self._new_chain(chain.name, [])
            self.todo.append((name, table, chain, behind))
        return name

    def _work(self) -> None:
        """Read the chains that are led to, and those that these lead to."""
        while self.todo:
            self._read_into(*self.todo.pop(0))

    def _read_into(self, name: str, table: NftTable, chain: NftChain, behind: str) -> None:
        self.taken.add((table.family, table.name, chain.name))

        def chain_of(target: str) -> str:
            found = table.chains.get(target)
            if found is None or found.hook:
                raise NotExpressible(f"there is no chain {target[:60]} to go to")
            return self._chain(table, found, behind)

        sets = NftSets(table, self.sets)
        reader = RuleReader(self.made.name, table, chain_of, behind, self._new_chain, sets)
        for rule in chain.rules:
            self.made.rules[name] += reader.read(rule, chain.name)

    def _accepts(self, table: NftTable, name: str) -> bool:
        """Whether something may be accepted in a chain or where it leads to."""
        of_table = self.accepting.get((table.family, table.name))
        if of_table is None:
            of_table = self.accepting[table.family, table.name] = _accepting(table)
        return name in of_table


def _accepting(table: NftTable) -> set[str]:
    """The chains in which something may be accepted, there or where they lead to."""
    calls = {name: _calls(chain, table) for name, chain in table.chains.items()}
    found = {
        chain.name
        for chain in table.chains.values()
        for rule in chain.rules
        for name, body in rule.statements
        if name == "accept" or "accept" in _keys(body, 0) or (name == "vmap" and _is_named(body))
    }
    spreading = True
    while spreading:
        more = {name for name, targets in calls.items() if targets & found} - found
        found |= more
        spreading = bool(more)
    return found


def _is_named(body: object) -> bool:
    """Whether a map of verdicts stands elsewhere."""
    return isinstance(body, dict) and isinstance(body.get("data"), str)


def _keys(body: object, depth: int) -> set[str]:
    """The keys of all mappings in a statement."""
    found: set[str] = set()
    if isinstance(body, dict) and depth < 20:
        for key, one in body.items():
            found |= {key} | _keys(one, depth + 1)
    elif isinstance(body, list) and depth < 20:
        for one in body:
            found |= _keys(one, depth + 1)
    return found
