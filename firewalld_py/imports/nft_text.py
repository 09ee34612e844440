"""Rules of nftables in its own words, for reading; what has no words here is shown as JSON."""

from __future__ import annotations

import json
from typing import Final

from firewalld_py.imports.nft_file import Json, NftRule

MAX_TEXT: Final = 400  # characters of a rule that are shown
MAX_DEPTH: Final = 10
_OPERATORS: Final = ("&", "|", "^", "<<", ">>")


def rule_text(rule: NftRule) -> str:
    """A rule on one line."""
    words = [statement_text(name, body) for name, body in rule.statements]
    text = " ".join(word for word in words if word)
    if rule.comment:
        text += f" comment {json.dumps(rule.comment, ensure_ascii=False)}"
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."


def statement_text(name: str, body: Json) -> str:
    """One statement."""
    if body is None:
        return name
    if isinstance(body, str):
        return f'{name} name "{body}"'
    if name == "match" and isinstance(body, dict):
        operator = body.get("op")
        shown = "" if operator in ("==", "in") else f"{operator} "
        return f"{value_text(body.get('left'))} {shown}{value_text(body.get('right'))}"
    if name in ("jump", "goto") and isinstance(body, dict):
        return f"{name} {value_text(body.get('target'))}"
    if name == "vmap" and isinstance(body, dict):
        return f"{value_text(body.get('key'))} vmap {value_text(body.get('data'))}"
    if name == "mangle" and isinstance(body, dict):
        return f"{value_text(body.get('key'))} set {value_text(body.get('value'))}"
    if name == "set" and isinstance(body, dict):
        return f"{body.get('op')} {body.get('set')} {{ {value_text(body.get('elem'))} }}"
    if name == "counter":
        return ""
    if name == "limit" and isinstance(body, dict):
        over = "over " if body.get("inv") else ""
        return f"limit rate {over}{body.get('rate')}/{body.get('per')} burst {body.get('burst')}"
    if isinstance(body, dict):
        return " ".join([name, *(f"{key} {value_text(one)}" for key, one in body.items())])
    return f"{name} {json.dumps(body)}"


def value_text(value: Json, depth: int = 0) -> str:
    """An expression or a value."""
    if depth > MAX_DEPTH:
        return "..."
    if isinstance(value, list):
        return ",".join(value_text(one, depth + 1) for one in value)
    if not isinstance(value, dict):
        return str(value)
    if len(value) == 1:
        ((kind, body),) = value.items()
        if kind == "set" and isinstance(body, list):
            return f"{{ {', '.join(_element(one, depth) for one in body)} }}"
        if kind in ("concat", "range", *_OPERATORS) and isinstance(body, list):
            sign = {"concat": " . ", "range": "-"}.get(kind, f" {kind} ")
            return sign.join(value_text(one, depth + 1) for one in body)
        if isinstance(body, dict):
            return _selector(kind, body, depth)
    return json.dumps(value)


def _element(one: Json, depth: int) -> str:
    """An element of a set, or of a map with what stands for it."""
    if isinstance(one, list) and len(one) == 2:
        verdict = one[1]
        if isinstance(verdict, dict) and len(verdict) == 1:
            ((name, body),) = verdict.items()
            return f"{value_text(one[0], depth + 1)} : {statement_text(name, body)}"
    return value_text(one, depth + 1)


def _selector(kind: str, body: dict[str, Json], depth: int) -> str:
    """What is looked at, or an address with its length."""
    if kind == "prefix":
        return f"{body.get('addr')}/{body.get('len')}"
    if kind == "elem":
        return value_text(body.get("val"), depth + 1)
    if kind == "payload":
        return f"{body.get('protocol')} {body.get('field')}"
    if kind in ("meta", "ct"):
        key = str(body.get("key", ""))
        bare = kind == "meta" and key in ("iif", "oif", "iifname", "oifname")
        words = ["" if bare else kind, str(body.get("dir", "")), key]
        return " ".join(word for word in words if word)
    return " ".join([kind, *(value_text(one, depth + 1) for one in body.values())])
