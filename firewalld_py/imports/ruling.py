"""One rule of iptables while it is read."""

from __future__ import annotations

from collections.abc import Iterable

from firewalld_py.imports.conditions import (
    MAX_ALTERNATIVES,
    Conditions,
    NotExpressible,
    all_others,
    conjoined,
)
from firewalld_py.imports.save_file import SavedRule


class Ruling:
    """One rule while it is read: what it asks for, its target, and what cannot be expressed."""

    def __init__(self, family: int, table: str, rule: SavedRule) -> None:
        self.family = family
        self.table = table
        self.rule = rule
        self.alternatives: list[Conditions] = [{}]
        self.name = ""
        self.limit: tuple[str, int] | None = None
        self.asks_after_limit = False
        self.target = ""
        self.goes = False  # -g: it does not come back to this chain
        self.options: dict[str, list[str]] = {}
        self.faults: list[NotExpressible] = []
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Tell above the rule what was changed."""
        if text not in self.notes:
            self.notes.append(text)

    def ask(self, alternatives: Iterable[Conditions]) -> None:
        """Conjoin with alternatives of which no two match the same packet."""
        choices = list(alternatives)
        self.alternatives = [
            both
            for own in self.alternatives
            for choice in choices
            if (both := conjoined(own, choice)) is not None
        ]
        if len(self.alternatives) > MAX_ALTERNATIVES:
            raise NotExpressible("it would become too many rules")

    def ask_for(self, conditions: Conditions, *, negated: bool) -> None:
        """Conjoin with the conditions or their inverse."""
        self.ask(all_others([conditions]) if negated else [conditions])
