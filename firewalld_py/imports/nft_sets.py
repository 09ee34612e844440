"""Named sets of nftables as sets of ours: what is in them, and what of a packet is asked for."""

from __future__ import annotations

from typing import Final

from firewalld_py.imports.conditions import (
    Conditions,
    NotExpressible,
    Numbers,
    Words,
    conjoined,
    family,
)
from firewalld_py.imports.nft_file import Json, NftTable
from firewalld_py.imports.nft_text import value_text
from firewalld_py.imports.nft_values import whole
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.sets import SetNames, SetOf, parts_text
from firewalld_py.policy.model import SetTarget
from firewalld_py.policy.names import PROTOCOLS
from firewalld_py.policy.sets import MAX_MAXIMUM

_TYPES: Final = {
    "ipv4_addr": "address",
    "ipv6_addr": "address",
    "inet_service": "port",
    "ifname": "interface",
    "ether_addr": "mac",
}
_META: Final = {"iifname": "in", "iif": "in", "oifname": "out", "oif": "out"}
_PER: Final = frozenset(("src", "dst", "sport", "dport"))
_PORTS: Final = ("tcp", "udp", "udplite", "sctp", "dccp", "th")


class NftSets(dict[str, Json]):
    """The sets and maps of a table by name, and those of ours that they become."""

    def __init__(self, table: NftTable, made: SetNames) -> None:
        super().__init__(table.sets)
        self.table = table
        self.made = made

    def ours(self, ruling: Ruling, name: str) -> str:
        """The name of the set of ours for one of theirs. Raises NotExpressible."""
        named = self.get(name)
        if not isinstance(named, dict):
            raise NotExpressible(f"there is no set @{name}")
        types = named.get("type")
        rows = types if isinstance(types, list) else [types]
        words = [_TYPES.get(one, "") if isinstance(one, str) else "" for one in rows]
        if not all(words) or "map" in named:
            raise NotExpressible(f"@{name} is no set of addresses, ports, interfaces")
        elements = named.get("elem", [])
        if not isinstance(elements, list):
            raise NotExpressible(f"the elements of @{name} cannot be read")
        texts = [self._element(ruling, one, len(words)) for one in elements]
        size = named.get("size")
        made = SetOf(
            tuple(words),
            tuple(texts),
            whole(named.get("timeout", 0)),
            size if isinstance(size, int) and 1 <= size <= MAX_MAXIMUM else None,
        )
        return self.made.name((self.table.family, self.table.name, name), name, made)

    def _element(self, ruling: Ruling, one: Json, parts: int) -> str:
        """An element as ours has it."""
        if isinstance(one, dict) and isinstance(one.get("elem"), dict):
            if "expires" in one["elem"]:
                ruling.almost("elements whose time was running stay in the set for good")
            one = one["elem"].get("val")
        if parts == 1:
            return _part(one)
        row = one.get("concat") if isinstance(one, dict) else None
        if not isinstance(row, list) or len(row) != parts:
            raise NotExpressible(f"{value_text(one)[:60]} is no element of {parts} parts")
        return ",".join(_part(part) for part in row)


def _part(value: Json) -> str:
    if isinstance(value, dict) and len(value) == 1:
        ((kind, body),) = value.items()
        if kind == "range" and isinstance(body, list) and len(body) == 2:
            return f"{_part(body[0])}-{_part(body[1])}"
        if kind == "prefix" and isinstance(body, dict):
            return f"{_part(body.get('addr'))}/{whole(body.get('len'))}"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise NotExpressible(f"{value_text(value)[:60]} is no element")
    return str(value)


def parts_of(left: Json) -> tuple[list[str], Conditions]:
    """What of a packet an expression looks at, and what it implies; no part if ours has no word."""
    rows = left["concat"] if isinstance(left, dict) and list(left) == ["concat"] else [left]
    parts: list[str] = []
    implied: Conditions | None = {}
    for one in rows if isinstance(rows, list) else []:
        part, more = _part_of(one)
        implied = conjoined(implied, more) if implied is not None else None
        if not part or part in parts or implied is None:
            return [], {}
        parts.append(part)
    return parts, implied or {}


def _part_of(one: Json) -> tuple[str, Conditions]:
    if not isinstance(one, dict) or len(one) != 1:
        return "", {}
    ((kind, body),) = one.items()
    if not isinstance(body, dict):
        return "", {}
    protocol, name = body.get("protocol"), body.get("field")
    if kind == "meta" and body.get("key") in tuple(_META):
        return _META[body["key"]], {}
    if kind == "payload" and protocol in ("ip", "ip6") and name in ("saddr", "daddr"):
        of = family(4 if protocol == "ip" else 6)
        return {"saddr": "src", "daddr": "dst"}[name], of
    if kind == "payload" and protocol in _PORTS and name in ("sport", "dport"):
        number = PROTOCOLS.get(protocol)
        return name, {"proto": Numbers(((number, number),), 255)} if number else {}
    if kind == "payload" and protocol == "ether" and name == "saddr":
        return "source_mac", {}
    return "", {}


def in_set(
    ruling: Ruling, left: Json, operator: str, name: str, sets: NftSets
) -> list[Conditions] | None:
    """Whether what is looked at is in a named set; None if ours has no word for it."""
    parts, implied = parts_of(left)
    if not parts or operator not in ("==", "!="):
        return None
    ours = sets.ours(ruling, name)
    key, value = parts[0], f"${ours}"
    if len(parts) > 1:
        key, value = "set", f"{{name: {ours}, of: {parts_text(parts)}}}"
    return [{**implied, key: Words("", (value,)) if operator == "!=" else Words(value)}]


def each(ruling: Ruling, body: Json) -> bool:
    """Whether a `set` statement has a limit for each element: a limit of ours by what is meant."""
    fields = body if isinstance(body, dict) else {}
    statements = fields.get("stmt")
    if not statements:
        return False
    element = fields.get("elem")
    if isinstance(element, dict) and isinstance(element.get("elem"), dict):
        element = element["elem"].get("val")
    parts, implied = parts_of(element)
    one = statements[0] if isinstance(statements, list) and len(statements) == 1 else None
    if not isinstance(one, dict) or len(one) != 1 or not set(parts) <= _PER or not parts:
        raise NotExpressible("elements with such statements of their own have no like here")
    ((name, limit),) = one.items()
    if not isinstance(limit, dict):
        raise NotExpressible("elements with such statements of their own have no like here")
    ruling.ask_once(implied)
    ruling.almost("how long the set remembers an element is left out")
    if name == "limit" and limit.get("rate_unit", "packets") == "packets":
        rate, per = whole(limit.get("rate")), limit.get("per")
        shown = f"rate: {rate}/{per}, burst: {whole(limit.get('burst', 5))}"
        over = ", over: true" if limit.get("inv") else ""
        ruling.count("limit", f"{{{shown}, per: {parts_text(parts)}{over}}}", negated=False)
    elif name == "ct count" and parts in (["src"], ["dst"]) and ruling.table == "filter":
        key = "over" if limit.get("inv") else "up_to"
        shown = f"{{{key}: {whole(limit.get('val'))}, per: {parts[0]}}}"
        ruling.count("connections", shown, negated=False)
    else:
        raise NotExpressible("elements with such statements of their own have no like here")
    return True


def change(ruling: Ruling, body: Json, sets: NftSets) -> tuple[str, SetTarget]:
    """What a `set` statement does: add or remove, and what."""
    fields = body if isinstance(body, dict) else {}
    name, operation, element = fields.get("set"), fields.get("op"), fields.get("elem")
    if not isinstance(name, str) or not name.startswith("@"):
        raise NotExpressible("the set that it changes has no name")
    lifetime = None
    if isinstance(element, dict) and isinstance(element.get("elem"), dict):
        inner = element["elem"]
        element = inner.get("val")
        lifetime = whole(inner["timeout"]) if "timeout" in inner else None
    parts, implied = parts_of(element)
    if not parts:
        raise NotExpressible(f"{value_text(element)[:60]} cannot be put into a set of ours")
    ruling.ask_once(implied)
    if operation not in ("add", "update", "delete"):
        raise NotExpressible("a set is changed by add, update and delete")
    if operation == "add":
        ruling.almost("an element that is there already begins its time anew")
    ours = sets.ours(ruling, name[1:])
    kind = "remove" if operation == "delete" else "add"
    return kind, SetTarget(ours, tuple(parts), lifetime if kind == "add" else None)
