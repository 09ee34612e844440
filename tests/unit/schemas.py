"""What an editor says of a text: JSON Schema over YAML 1.2's core schema."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import jsonschema

from firewalld_py.policy.errors import Problems
from firewalld_py.policy.nodes import Mapping, Node, Scalar, compose, is_null
from firewalld_py.policy.schema import make_schema

_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@cache
def validator(name: str) -> Any:
    """A validator for the rules or the configuration."""
    schema = make_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def in_editor(node: Node) -> Any:
    """The value of a node by YAML 1.2, section 10.3.2; numbers beyond that (.inf) are left out."""
    if isinstance(node, Mapping):
        return {name: in_editor(value) for name, (_, value) in node.entries.items()}
    if not isinstance(node, Scalar):
        return [in_editor(item) for item in node.items]
    if is_null(node):
        return None
    if not node.plain:
        return node.text
    if node.text.lower() in ("true", "false") and node.text[1:].islower() | node.text.isupper():
        return node.text.lower() == "true"
    if _INT.fullmatch(node.text):
        return int(node.text, 0 if node.text[:2] in ("0x", "0o") else 10)
    return float(node.text) if _FLOAT.fullmatch(node.text) else node.text


def objections(text: str, name: str = "rules") -> list[str]:
    """What an editor with the schema finds wrong with a text; it has to be YAML."""
    problems = Problems("t")
    tree = compose(text, problems)
    if problems.found:
        return [problem.message for problem in problems.found]
    value = {} if tree is None or (name == "config" and is_null(tree)) else in_editor(tree)
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(value)]
