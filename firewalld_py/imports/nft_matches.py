"""Comparisons of nftables as conditions of ours: single ones, concatenations, maps of verdicts."""

from __future__ import annotations

from typing import Final

from firewalld_py.imports.conditions import (
    MAX_ALTERNATIVES,
    Conditions,
    NotExpressible,
    conjoined,
)
from firewalld_py.imports.nft_file import Json
from firewalld_py.imports.nft_machine import fib, time
from firewalld_py.imports.nft_selectors import CT, META, PAYLOAD, Asked, header, tcp_option
from firewalld_py.imports.nft_sets import NftSets, in_set
from firewalld_py.imports.nft_text import value_text
from firewalld_py.imports.nft_values import bits_of, by_name, elements, whole
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy.names import TCP_FLAGS

# What would do for what has no like here.
_ADVICE: Final = {
    "skuid": "ours sees packets, not who sends them",
    "skgid": "ours sees packets, not who sends them",
    "cgroup": "ours sees packets, not who sends them",
}


def compare(ruling: Ruling, body: Json, sets: dict[str, Json]) -> None:
    """Ask for what a `match` compares. Raises NotExpressible."""
    if not isinstance(body, dict) or "left" not in body or "right" not in body:
        raise NotExpressible("a comparison needs left and right")
    operator = body.get("op", "==")
    if not isinstance(operator, str):
        raise NotExpressible("a comparison needs an operator")
    left, right = body["left"], body["right"]
    if isinstance(left, dict) and "numgen" in left:
        _numgen(ruling, left["numgen"], operator, right)
        return
    ruling.ask(alternatives(ruling, left, operator, right, sets))


def alternatives(
    ruling: Ruling, left: Json, operator: str, right: Json, sets: dict[str, Json]
) -> list[Conditions]:
    """What a comparison lets through, as alternatives of which no two match the same packet."""
    if isinstance(right, str) and right.startswith("@") and isinstance(sets, NftSets):
        found = in_set(ruling, left, operator, right[1:], sets)
        if found is not None:
            return found
    if isinstance(left, dict) and list(left) == ["concat"] and isinstance(left["concat"], list):
        return _concatenated(ruling, left["concat"], operator, right, sets)
    mask = 0
    if isinstance(left, dict) and list(left) == ["&"]:
        masked = left["&"]
        if not isinstance(masked, list) or len(masked) != 2:
            raise NotExpressible("a mask needs two sides")
        left, mask = masked[0], bits_of(masked[1], by_name(_FLAG_BITS, "mask"))
    return _selected(left, Asked(ruling, operator, mask, right, sets))


_FLAG_BITS: Final = {name: bit for name, bit in TCP_FLAGS.items() if name not in ("all", "none")}


def _selected(left: Json, asked: Asked) -> list[Conditions]:
    """The conditions of one selector."""
    if isinstance(left, dict) and len(left) == 1:
        ((kind, body),) = left.items()
        if isinstance(body, dict):
            texts = {key: one for key, one in body.items() if isinstance(one, str)}
            select = None
            if kind == "payload":
                select = PAYLOAD.get((texts.get("protocol", ""), texts.get("field", "")))
            elif kind == "meta":
                key = texts.get("key", "")
                if key in ("hour", "day", "time"):
                    return time(asked.ruling, key, asked.operator, asked.right, asked.sets)
                select = META.get(key)
            elif kind == "ct":
                if asked.ruling.table == "raw":
                    raise NotExpressible("what comes before tracking has no connection")
                select = CT.get((texts.get("key", ""), texts.get("dir", "")))
            elif kind == "fib":
                return fib(asked.ruling, body, asked.operator, asked.right)
            elif kind == "exthdr" and "field" not in body:
                return header(texts.get("name", ""), asked)
            elif kind == "tcp option":
                return tcp_option(texts.get("name", ""), texts.get("field", ""), asked)
            if select is not None:
                return _checked(asked, select(asked))
    name = value_text(left)[:60]
    raise NotExpressible(f"{name} has no like in our language", _ADVICE.get(name[5:], ""))


def _checked(asked: Asked, found: list[Conditions]) -> list[Conditions]:
    """What raw rules cannot ask for."""
    if asked.ruling.table == "raw" and any("ttl" in one for one in found):
        raise NotExpressible("we see packets on their way out: one hop is gone already")
    return found


def _concatenated(
    ruling: Ruling, left: list[Json], operator: str, right: Json, sets: dict[str, Json]
) -> list[Conditions]:
    """Several selectors, compared with rows of values."""
    if operator != "==":
        raise NotExpressible("which rows of values it is not cannot be asked for")
    found: list[Conditions] = []
    for row in elements(right, sets):
        if isinstance(row, dict) and isinstance(row.get("concat"), list):
            values = row["concat"]
        else:
            values = [row]
        if len(values) != len(left):
            raise NotExpressible("a row of values has not as many as are looked at")
        of_row: list[Conditions] = [{}]
        for one, value in zip(left, values, strict=True):
            of_row = [
                both
                for before in of_row
                for more in alternatives(ruling, one, "==", value, sets)
                if (both := conjoined(before, more)) is not None
            ]
        found += of_row
        if len(found) > MAX_ALTERNATIVES:
            raise NotExpressible(f"it would become more than {MAX_ALTERNATIVES} rules")
    return found


def _numgen(ruling: Ruling, body: Json, operator: str, right: Json) -> None:
    """Numbers by turns, or by chance."""
    body = body if isinstance(body, dict) else {}
    modulus = whole(body.get("mod", 0))
    if body.get("mode") == "inc" and operator == "==" and right == 0 and not body.get("offset"):
        if modulus > 1:
            ruling.count("every", str(modulus), negated=False)
        return
    if body.get("mode") == "random" and operator == "<" and not body.get("offset"):
        share = whole(right)
        if 0 < share < modulus:
            ruling.count("probability", f"{share / modulus:.9f}".rstrip("0"), negated=False)
            return
    raise NotExpressible("numgen: only `inc mod N 0` and `random mod N < M` have a like here")
