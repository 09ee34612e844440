"""Sets in the conditions and actions of rules: `$name` where lists may stand, and `of:`."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from firewalld_py.policy.defines import REFERENCE
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Key, Parser, Reading, Reported, Table, each, text_of
from firewalld_py.policy.nodes import Mapping, Node, Scalar, Sequence, found
from firewalld_py.policy.shapes import AnyOf, Choice, Keys, OneOrMore, Text, reads, shape_of
from firewalld_py.policy.values import unexpected
from firewalld_py.rules.matches_sets import OF_KINDS, OF_NAMES
from firewalld_py.rules.set_elements import ADDRESS, INTERFACE, MAC, PORT, kinds_of

SET_KIND: Final = "set"
PLURALS: Final = {
    ADDRESS: "addresses",
    PORT: "ports",
    INTERFACE: "interfaces",
    MAC: "MAC addresses",
}
_OF: Final = f"one or a list of: {', '.join(OF_NAMES)}"
_USE_FORM: Final = "{name: NAME, of: PARTS}, as in {name: blocked, of: src}"


class SetUse(NamedTuple):
    """That a condition asks a set; `of` is empty where the key of the condition tells it."""

    name: str
    of: tuple[str, ...] = ()


def kind_of(part: str) -> int:
    """The kind of part that a word such as `src` is looked up as."""
    return OF_KINDS[OF_NAMES.index(part)]


def or_set(parse: Parser, key: str) -> Parser:
    """A parser for what `parse` reads, or `$name` of a set that can be asked for this key."""

    @reads(AnyOf((shape_of(parse), REFERENCE)))
    def read(node: Node, reading: Reading) -> object:
        items = node.items if isinstance(node, Sequence) else [node]
        named = [name for name in map(_reference, items) if name in reading.sets]
        if not named:
            return parse(node, reading)
        if len(items) > 1:
            raise Fault(
                f"${named[0]} is a set, which stands alone: make a rule of its own for it, or put "
                "the others among its elements"
            )
        _check_single(named[0], key, reading)
        return SetUse(named[0])

    return read


def _reference(node: Node) -> str:
    return node.text[1:] if isinstance(node, Scalar) and node.text.startswith("$") else ""


def _check_single(name: str, key: str, reading: Reading) -> None:
    """Raises Fault if a set cannot be asked for this one key."""
    words = reading.sets[name]
    if words is None:
        raise Reported  # its type was wrong
    kinds = kinds_of(list(words))
    if len(kinds) > 1:
        raise Fault(
            f"the elements of set {quoted(name)} have {len(kinds)} parts ({', '.join(words)}): ask "
            f"for all with set: {{name: {name}, of: [{', '.join(usual_parts(kinds))}]}}"
        )
    if kinds[0] != kind_of(key):
        raise Fault(f"set {quoted(name)} holds {PLURALS[kinds[0]]}, {key} has {_other(key)}")


def _other(key: str) -> str:
    return PLURALS[kind_of(key)]


def usual_parts(kinds: bytes) -> list[str]:
    """What is most often looked up in a set of this type."""
    parts: list[str] = []
    for kind in kinds:
        likely = {ADDRESS: ("src", "dst"), PORT: ("dport", "sport"), INTERFACE: ("in", "out")}
        words = likely.get(kind, ("source_mac",))
        parts.append(words[min(parts.count(words[0]), len(words) - 1)])
    return parts


# Words of other tools for the parts.
_ALSO: Final = {
    **dict.fromkeys(("source", "saddr", "ip_src", "address"), "src"),
    **dict.fromkeys(("destination", "dest", "daddr", "ip_dst"), "dst"),
    **dict.fromkeys(("port", "dst_port", "destination_port"), "dport"),
    **dict.fromkeys(("src_port", "source_port"), "sport"),
    **dict.fromkeys(("mac", "ether", "saddr_ether"), "source_mac"),
    **dict.fromkeys(("iif", "iifname", "interface"), "in"),
    **dict.fromkeys(("oif", "oifname"), "out"),
}


def _part(text: str) -> str:
    if text in OF_NAMES:
        return text
    meant = _ALSO.get(text.lower(), "") or nearest(text, OF_NAMES)
    raise unexpected(_OF, text, meant)


@reads(OneOrMore(Choice(OF_NAMES)))
def _parts(node: Node, reading: Reading) -> tuple[str, ...]:
    return tuple(each(node, reading, _part, _OF))


@reads(Text(plain=True))
def set_name(node: Node, reading: Reading) -> str:
    """The name of a set that there is. Raises Fault or, if its type was wrong, Reported."""
    name = text_of(node, "the name of a set").removeprefix("$")
    if name not in reading.sets:
        raise unknown_set(name, reading)
    if reading.sets[name] is None:
        raise Reported
    return name


def unknown_set(name: str, reading: Reading) -> Fault:
    """The Fault for a set that is not there."""
    if reading.defines is not None and name in reading.defines.nodes:
        return Fault(f"${name} is a define, not a set: use it as src: ${name}, or make it a set")
    near = nearest(name, reading.sets)
    there = ", ".join(reading.sets) or "none, sets: is missing or empty"
    return Fault(f"unknown set {quoted(name)}" + ("" if near else f"; there are: {there}"), near)


NAME_FORM: Final = "the name of a set (sets:)"


def of_key(doc: str) -> Key:
    return Key("of", _parts, _OF, doc, required="name what of the packet is meant, as in of: src")


_USE: Final = Table(
    "a question to a set",
    (
        Key("name", set_name, NAME_FORM, "the set that is asked", required="name the set"),
        of_key("what of the packet is looked up in the set, for each of its parts"),
    ),
)


@reads(Keys(_USE))
def _use(node: Node, reading: Reading) -> SetUse:
    if not isinstance(node, Mapping):
        raise Fault(f"expected {_USE_FORM}, found {found(node)}")
    read = whole(_USE, ("name", "of"), node, reading)
    return SetUse(*checked(cast("str", read["name"]), node, read, reading))


def whole(
    table: Table, names: tuple[str, ...], node: Mapping, reading: Reading
) -> dict[str, object]:
    """What stands under the keys; Reported unless all these are there and right."""
    read = table.read(node, reading)
    if len(read) < len(node.entries) or any(name not in read for name in names):
        raise Reported
    return read


def checked(
    name: str, node: Mapping, read: dict[str, object], reading: Reading
) -> tuple[str, tuple[str, ...]]:
    """The set and the parts that are looked up in it; Reported if they do not fit its type."""
    words = reading.sets[name]
    assert words is not None
    of = cast("tuple[str, ...]", read["of"])
    kinds = kinds_of(list(words))
    if bytes(kind_of(part) for part in of) == kinds:
        return name, of
    usual = usual_parts(kinds)
    meant = usual[0] if len(usual) == 1 else f"[{', '.join(usual)}]"
    reading.fault(
        node.entries["of"][1],
        f"of: set {quoted(name)} is of type {', '.join(words)}, which {', '.join(of)} does not fit",
        meant,
    )
    raise Reported


USE_KEY: Final = Key(
    SET_KIND,
    _use,
    _USE_FORM,
    "whether what is named of the packet is in a set, all parts of one element together; what is "
    "of one part is asked for more shortly, as in src: $blocked. In a port's place ICMP has type "
    "and code, and other protocols 0",
    also=("match_set", "match-set", "ipset"),
    example="{set: {name: pairs, of: [src, dport]}, action: drop}",
)
