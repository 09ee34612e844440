"""A rule of nftables as one or more of ours.

There a rule is asked and done from left to right: what stands behind a log line is asked only then.
Here a rule has its conditions first; so it is cut there, and what follows asks again for what came
before, or stands in a chain of its own where that counts packets or is changed by the rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, family
from firewalld_py.imports.nft_file import FAMILIES, Json, NftRule, NftTable
from firewalld_py.imports.nft_matches import alternatives, compare
from firewalld_py.imports.nft_sets import NftSets, change, each
from firewalld_py.imports.nft_statements import act, counters_of
from firewalld_py.imports.nft_text import rule_text, value_text
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.steps import Source
from firewalld_py.policy.actions import MAX_BURST
from firewalld_py.policy.model import Action, Target
from firewalld_py.policy.values import rate

_VERDICTS: Final = ("accept", "drop", "continue", "return", "jump", "goto")
_CHANGES: Final = {"connmark_restore": "mark", "connmark_save": "connmark"}
_COUNTING: Final = ("limit", "quota", "ct count")
# Left out, these let nothing pass that was kept out.
_CLOSED: Final = ("match", "accept", "return", "continue", "counter", "log", "limit", "quota")


def source_of(rule: NftRule, table: NftTable, chain: str) -> Source:
    """Where a rule stands, and how it reads."""
    where = f"nftables[{rule.place}].rule ({table.family} {table.name} {chain})"
    return Source(where, rule.place, rule_text(rule), counters_of(rule.statements))


class RuleReader:
    """Reads rules of one table for a chain of ours."""

    def __init__(
        self,
        ours: str,
        table: NftTable,
        chain_of: Callable[[str], str],
        accept: str,
        new_chain: Callable[[str, list[Ruling]], str],
        sets: NftSets,
    ) -> None:
        """`ours` is our table; `chain_of` gives the name of a chain to go to, or raises.

        `accept` is the chain that what is accepted goes on to, "" for none; `new_chain` makes one
        of rules and gives its name. `sets` are those of the table.
        """
        self.ours = ours
        self.table = table
        self.sets = sets
        self.chain_of = chain_of
        self.accept = accept
        self.new_chain = new_chain
        self.parts: list[Ruling] = []  # where what is made now belongs
        self.nested: list[Ruling] = []  # rules whose chain is not made yet
        self.inner: list[list[Ruling]] = []
        self.faults: list[NotExpressible] = []

    def read(self, rule: NftRule, chain: str) -> list[Ruling]:
        """The rule as ours; if something of it cannot be said, one that tells all of that."""
        source = source_of(rule, self.table, chain)
        first = Ruling(FAMILIES[self.table.family], self.ours, source)
        first.name = rule.comment
        self.parts, self.nested, self.inner, self.faults = [], [], [], []
        top = self.parts
        current = first
        version = FAMILIES[self.table.family]
        if version:
            current.ask([family(version)])
        for name, body in rule.statements:
            try:
                current = self._statement(current, name, body)
            except NotExpressible as fault:
                self.faults.append(fault)
        if self.faults:
            return [self._fault(source, rule)]
        self.parts.append(self._finished(current))
        try:
            for outer, inner in zip(reversed(self.nested), reversed(self.inner), strict=True):
                outer.target = self.new_chain(f"rule-{rule.place}", inner)
        except NotExpressible as fault:
            self.faults.append(fault)
            return [self._fault(source, rule)]
        return top

    def _fault(self, source: Source, rule: NftRule) -> Ruling:
        faulty = Ruling(0, self.ours, source)
        faulty.faults = self.faults
        names = [name for name, _ in rule.statements]
        told = json.dumps([body for name, body in rule.statements if name == "vmap"])
        # Of a map of verdicts it is not known whom it leads out of the chain.
        faulty.goes = "goto" in names or "return" in names or '"goto"' in told or "return" in told
        faulty.goes = faulty.goes or '"@' in told
        faulty.opens = not set(names) <= set(_CLOSED)
        return faulty

    def _statement(self, current: Ruling, name: str, body: Json) -> Ruling:
        """Take one statement; what the next one belongs to."""
        asks = name in ("match", "vmap", *_COUNTING)
        again = (name == "log" and current.action.log is not None) or (
            name in ("mangle", "set") and bool(current.action.targets)
        )
        counts = name == "set" and isinstance(body, dict) and bool(body.get("stmt"))
        if ((asks or counts) and current.action != Action()) or again:
            current = self._cut(current)
        if name == "match":
            compare(current, body, self.sets)
        elif name == "vmap":
            current = self._map(current, body)
        elif name in _VERDICTS:
            self._verdict(current, name, body)
        else:
            self._act(current, name, body)
        return current

    def _act(self, current: Ruling, name: str, body: Json) -> None:
        if name != "set":
            act(current, self.table, name, body)
            return
        if each(current, body):
            return
        before = len(current.segments), [list(one.alternatives) for one in current.segments]
        kind, change_ = change(current, body, self.sets)
        after = len(current.segments), [list(one.alternatives) for one in current.segments]
        if before != after and current.action != Action():
            raise NotExpressible("what is put into the set is asked for behind another statement")
        target = Target(kind, change_)
        current.action = replace(current.action, targets=(*current.action.targets, target))

    def _cut(self, current: Ruling) -> Ruling:
        """End a rule that has done something; what comes goes on from it."""
        changed = {
            target.kind.replace("connmark_restore", "mark").partition("_")[0]
            for target in current.action.targets
        }
        asked = {key for segment in current.segments for one in segment.alternatives for key in one}
        counts = any(segment.counting for segment in current.segments)
        if not counts and not changed & {*asked, "add", "remove"}:
            self.parts.append(current)
            return current.copy()
        self._nest(current)
        inner = Ruling(current.family, self.ours, current.source._replace(counters=None))
        inner.action, current.action = current.action, Action()
        self.parts.append(inner)
        return Ruling(current.family, self.ours, inner.source)

    def _nest(self, current: Ruling) -> None:
        """Let a rule lead to a chain, which gets what comes now."""
        self.parts.append(current)
        self.nested.append(current)
        self.parts = []
        self.inner.append(self.parts)

    def _verdict(self, current: Ruling, name: str, body: Json) -> None:
        if name in ("jump", "goto"):
            target = body.get("target") if isinstance(body, dict) else None
            if not isinstance(target, str):
                raise NotExpressible(f"{name} leads nowhere")
            current.target = self.chain_of(target)
            current.goes = name == "goto"
        elif name == "return":
            current.target = "RETURN"
        elif name == "accept" and self.accept:
            current.target = self.accept
        elif name != "continue":
            if current.action.verdict != "continue":
                raise NotExpressible("a rule has one verdict")
            current.action = replace(
                current.action, verdict="accept" if name == "accept" else "drop"
            )
        if current.leaves and self.nested:
            raise NotExpressible("what counts packets comes before the rest is asked")

    def _map(self, current: Ruling, body: Json) -> Ruling:
        """A map of verdicts: a rule for each verdict."""
        fields = body if isinstance(body, dict) else {}
        rows = self._rows(fields.get("data"))
        by_verdict: dict[str, list[Json]] = {}
        for row in rows:
            if not isinstance(row, list) or len(row) != 2:
                raise NotExpressible("a map of verdicts has rows of two")
            by_verdict.setdefault(json.dumps(row[1]), []).append(row[0])
        if any(segment.counting for segment in current.segments):
            self._nest(current)
            current = Ruling(current.family, self.ours, current.source._replace(counters=None))
        made: list[Ruling] = []
        for shown, values in by_verdict.items():
            name, target = self._named_verdict(json.loads(shown))
            one = current.copy() if made else replaced(current)
            asked = alternatives(one, fields.get("key"), "==", {"set": values}, self.sets)
            one.ask(asked)
            self._verdict(one, name, target)
            made.append(one)
        self._check_lasting(made)
        if not made:
            raise NotExpressible("the map of verdicts is empty")
        self.parts += made[:-1]
        return made[-1]

    def _named_verdict(self, verdict: Json) -> tuple[str, Json]:
        name, target = verdict, None
        if isinstance(verdict, dict) and len(verdict) == 1:
            ((name, target),) = verdict.items()
        if name not in _VERDICTS:
            raise NotExpressible(f"there is no verdict {value_text(verdict)[:40]}")
        return str(name), target

    def _rows(self, data: Json) -> list[Json]:
        """The rows of a map, named or not."""
        if isinstance(data, str) and data.startswith("@"):
            named = self.table.sets.get(data[1:])
            data = {"set": named.get("elem")} if named is not None and "map" in named else None
        rows = data.get("set") if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise NotExpressible("the map of verdicts cannot be read")
        return rows

    def _check_lasting(self, made: list[Ruling]) -> None:
        """A mark may be another one when packets come back from a chain."""
        for one in made[:-1]:
            keys = {
                key for segment in one.segments for cond in segment.alternatives for key in cond
            }
            if one.target and not one.leaves and keys & {"mark", "connmark", "label"}:
                raise NotExpressible(
                    "a chain that it jumps to may change the mark that is asked for"
                )

    def _finished(self, current: Ruling) -> Ruling:
        """A limit of a log line alone is the line's own."""
        log = current.action.log
        if log is None or current.target or current.action != Action(log=log):
            return current
        limit = current.take_limit()
        if limit is not None:
            text, burst = limit
            if not 1 <= burst <= MAX_BURST:
                current.faults.append(NotExpressible(f"a burst of {burst} is not possible"))
                return current
            current.action = Action(log=replace(log, rate=rate(text), burst=burst))
        return current


def replaced(rule: Ruling) -> Ruling:
    """A copy in its place, with all that is told of it."""
    made = rule.copy()
    made.source, made.notes = rule.source, rule.notes
    return made


def _asked(rule: Ruling) -> set[str]:
    """The keys of all that a rule asks for."""
    return {key for part in rule.segments for one in part.alternatives for key in one}
