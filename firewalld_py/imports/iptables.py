"""The tables of iptables as chains of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from firewalld_py.imports.convert import convert_tables
from firewalld_py.imports.ipset_file import IpSets
from firewalld_py.imports.iptables_rules import read_rule
from firewalld_py.imports.iptables_targets import action_of
from firewalld_py.imports.rule_table import RuleTable
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedChain, SavedFile
from firewalld_py.imports.steps import Family, Left, Source
from firewalld_py.policy.model import Action


class SavedTable(RuleTable):
    """A table as iptables-save prints it."""

    def __init__(
        self, version: int, name: str, chains: dict[str, SavedChain], sets: IpSets
    ) -> None:
        super().__init__(version, name)
        self.chains = chains
        self.rules = {
            chain.name: [read_rule(version, name, rule, sets) for rule in chain.rules]
            for chain in chains.values()
        }

    def action(self, ruling: Ruling) -> Action:
        action = action_of(ruling)
        return replace(action, targets=(*ruling.action.targets, *action.targets))


def import_families(saved: Mapping[int, SavedFile], ipsets: IpSets | None = None) -> list[Family]:
    """The chains of the files of one or both IP versions; what cannot be expressed is in `left`.

    `ipsets` are the sets that the rules may name.
    """
    sets = ipsets or IpSets()
    families = {version: Family(version) for version in saved}
    tables: list[RuleTable] = []
    for version, file in saved.items():
        for name, chains in file.tables.items():
            if name in ("raw", "filter"):
                tables.append(SavedTable(version, name, chains, sets))
            else:
                families[version].left += _whole_table(version, name, chains)
    convert_tables(tables, families)
    for family in families.values():
        family.sets = sets.made.sets
    return list(families.values())


def import_family(version: int, saved: SavedFile) -> Family:
    """The chains of a file of one IP version."""
    return import_families({version: saved})[0]


def _whole_table(version: int, table: str, chains: dict[str, SavedChain]) -> Iterator[Left]:
    """What is said of a table that we have not: it can go on to be the kernel's."""
    for chain in chains.values():
        for rule in chain.rules:
            source = Source(f"IPv{version} line {rule.line}", rule.line, rule.text, rule.counters)
            yield Left(source, f"the table {table} is not ours", "leave this table to iptables")
