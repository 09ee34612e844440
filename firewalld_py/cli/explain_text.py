"""What `explain` shows: to people in 80 columns, coloured on a terminal, and as JSON."""

from __future__ import annotations

import json
import os
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TextIO

from firewalld_py.packet.reasons import POLICY, RULE
from firewalld_py.policy.condition_text import packet_line
from firewalld_py.policy.reason_text import reason_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firewalld_py.pipeline import Decision
    from firewalld_py.policy.explain import Explanation, Tried

WIDTH: Final = 80
NAME_WIDTH: Final = 24  # longer names stand on a line of their own
LABEL: Final = "{:<9}"
_COLOURS: Final = {"accept": "32", "reject": "33", "drop": "31", "met": "1", "failed": "2"}


class Page:
    """Lines of at most 80 columns; colours only where a terminal shows them."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._coloured = out.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str = "", first: str = "", rest: str = "", colour: str = "") -> None:
        """A text behind `first`, its further lines behind `rest`."""
        lines = textwrap.wrap(
            text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
        )
        shown = "\n".join(lines) or first.rstrip()
        if self._coloured and colour:
            shown = f"\033[{_COLOURS[colour]}m{shown}\033[0m"
        self._out.write(shown + "\n")

    def labelled(self, label: str, text: str, colour: str = "") -> None:
        """`verdict  drop …`."""
        self.line(text, LABEL.format(label), LABEL.format(""), colour)


def print_text(
    explained: Explanation, names: Mapping[int, str], unsaid: list[str], out: TextIO
) -> None:
    """All of it; `unsaid` are those of in and out that nobody told."""
    page = Page(out)
    decision = explained.decision
    page.labelled("packet", packet_line(decision.packet))
    page.labelled("", way_text(decision, names))
    for name in unsaid:
        page.labelled("", f"{name} is not told: every `{name}:` counts as met")
    page.labelled("state", f"{explained.state}: {explained.why}")
    width = max([len(one.name) for one in explained.tried if len(one.name) <= NAME_WIDTH] or [0])
    chain = ""
    for one in explained.tried:
        if one.chain != chain:
            chain = one.chain
            page.line()
            page.line(chain)
        _print_rule(page, one, width)
    page.line()
    page.labelled("verdict", verdict_text(decision), decision.verdict_name())


def way_text(decision: Decision, names: Mapping[int, str]) -> str:
    """`in lan0, out wan0, judged in filter/forward`."""
    meta = decision.packet.meta
    words = [
        f"{word} {names.get(index, index)}"
        for word, index in (("in", meta.in_index), ("out", meta.out_index))
        if index > 0
    ]
    return ", ".join([*words, f"judged in {decision.chain.table}/{decision.chain.name}"])


def _print_rule(page: Page, one: Tried, width: int) -> None:
    sign, colour = ("*", "met") if one.met else ("-", "failed")
    head = f"  {sign} {one.line:>4}  "
    text = one.action if one.met else one.condition
    if not one.met and one.found:
        text += f": {one.found}" if text else one.found
    if len(one.name) > NAME_WIDTH:
        page.line(one.name, head, " " * len(head), colour)
        head = " " * len(head)
    else:
        head += f"{one.name:<{width}}  "
    indent = " " * len(head)
    page.line(text or "not met", head, indent, colour)


def verdict_text(decision: Decision) -> str:
    """`drop by rule 'rest', rules.yaml:39`."""
    if decision.held:
        return f"none yet: {reason_text(decision.reason)}"
    rule, word = decision.rule, decision.verdict_name()
    by_rules = decision.reason in (RULE, POLICY)
    if rule is None and not by_rules:
        return f"{word}: {reason_text(decision.reason)}"
    if rule is None:
        place = f"{decision.chain.table}/{decision.chain.name}"
        return f"{word} by the policy of {place}: no rule decided"
    line = f"rule '{rule.name}', {rule.file}:{rule.line}"
    if not by_rules:
        return f"{word}: {reason_text(decision.reason)}; {line}, would accept it"
    kind = f" with {rule.reject_with}" if rule.reject_with else ""
    return f"{word}{kind} by {line}"


def print_json(explained: Explanation, out: TextIO) -> None:
    """The same by name."""
    json.dump(explanation_entry(explained), out, ensure_ascii=False, indent=2)
    out.write("\n")


def explanation_entry(explained: Explanation) -> dict[str, Any]:
    """An explanation by name; a rule is null where the chain's policy decided."""
    decision = explained.decision
    rule = decision.rule
    return {
        "packet": packet_line(decision.packet),
        "chain": f"{decision.chain.table}/{decision.chain.name}",
        "state": None if explained.state == "none" else explained.state,
        "why": explained.why,
        "tried": [asdict(one) for one in explained.tried],
        "verdict": None if decision.held else decision.verdict_name(),
        "rule": None if rule is None else rule.name,
        "file": None if rule is None else rule.file,
        "line": None if rule is None else rule.line,
        "reason": decision.reason_name(),
    }
