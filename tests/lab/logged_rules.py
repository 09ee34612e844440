"""A copy of a rules file in which every filter rule logs: the demo shows what each one decides.

The text is changed, not rewritten: rules keep their names, and those written on one line their line
numbers, so that what the log says of `rules.yaml:20` is true of the original too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG: Final = "log: {limit: 100/second}"


def with_logging(text: str, chain: str = "forward") -> str:
    """Return `text` with `log:` added to each rule of one filter chain that has none."""
    root = yaml.compose(text, yaml.SafeLoader)
    rules = _child(_child(_child(root, "filter"), chain), "rules")
    assert isinstance(rules, yaml.SequenceNode), f"the rules file has no filter/{chain}/rules"
    edits = [_edit(rule) for rule in rules.value if _child(rule, "log") is None]
    for at, inserted in sorted(edits, reverse=True):
        text = text[:at] + inserted + text[at:]
    return text


def _edit(rule: yaml.Node) -> tuple[int, str]:
    if isinstance(rule, yaml.CollectionNode) and rule.flow_style:
        return rule.end_mark.index - 1, f", {LOG}"
    return rule.start_mark.index, f"{LOG}\n{' ' * rule.start_mark.column}"


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    return next((value for name, value in _pairs(node) if name.value == key), None)


def _pairs(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value
