"""`sets:` in a rule file: what they are, and the elements that the file has for them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from firewalld_py.policy import values
from firewalld_py.policy.defines import NAME
from firewalld_py.policy.element_lists import Elements, TooManyElements
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Key, Reading, Table, each, items_of, one, text_of
from firewalld_py.policy.model import Set
from firewalld_py.policy.nodes import Mapping, Node, Scalar, found, is_null
from firewalld_py.policy.set_targets import MAX_LIFETIME_S
from firewalld_py.policy.shapes import AnyOf, Choice, Keys, Names, OneOrMore, Rows, Text, reads
from firewalld_py.rules.build_sets import MAX_SETS
from firewalld_py.rules.set_elements import MAX_PARTS, NETWORK, PART_NAMES
from firewalld_py.rules.sets import MAXIMUM

MAX_MAXIMUM: Final = 1_000_000
WORDS: Final = ("address", NETWORK, *PART_NAMES[1:])
TYPE_FORM: Final = f"one of {', '.join(WORDS)}, or a list of up to {MAX_PARTS} of them"
FORM: Final = "a mapping from names to sets"
# Words of other tools for the parts of a type.
_ALSO: Final = {
    **dict.fromkeys(("ip", "addr", "host", "ipv4_addr", "ipv6_addr", "hash:ip"), "address"),
    **dict.fromkeys(("net", "cidr", "subnet", "hash:net"), "network"),
    **dict.fromkeys(("inet_service", "service", "bitmap:port"), "port"),
    **dict.fromkeys(("iface", "ifname", "device", "dev"), "interface"),
    **dict.fromkeys(("ether_addr", "ether", "hwaddr", "hash:mac"), "mac"),
    "hash:ip,port": "[address, port]",
    "hash:net,port": "[network, port]",
    "hash:net,iface": "[network, interface]",
}


def _word(text: str) -> str:
    if text in WORDS:
        return text
    meant = _ALSO.get(text.lower(), "") or nearest(text, WORDS)
    raise Fault(f"expected {TYPE_FORM}, found {quoted(text)}", meant)


@reads(OneOrMore(Choice(WORDS)))
def _type(node: Node, reading: Reading) -> tuple[str, ...]:
    words = tuple(each(node, reading, _word, TYPE_FORM))
    if len(words) > MAX_PARTS:
        raise Fault(f"expected at most {MAX_PARTS} parts, found {len(words)}")
    return words


_ELEMENT: Final = Text(plain=True)


@reads(AnyOf((_ELEMENT, Rows(AnyOf((_ELEMENT, OneOrMore(_ELEMENT)))))))
def _unread(node: Node, reading: Reading) -> Node:  # noqa: ARG001
    """The node itself: it is read when the type is known."""
    return node


@reads(OneOrMore(Text()))
def _files(node: Node, reading: Reading) -> list[tuple[Node, str]]:
    return [(item, _file(item, reading)) for item in items_of(node, "a file or a list of files")]


def _file(node: Node, reading: Reading) -> str:
    text = text_of(node, "a file")
    path = Path(reading.problems.file).parent / text
    if path.is_file():
        return str(path)
    near = ""
    if not path.exists() and path.parent.is_dir():
        name = nearest(path.name, sorted(there.name for there in path.parent.iterdir()))
        near = str(Path(text).parent / name) if name else ""
    raise Fault(f"{path} is not there" if not path.exists() else f"{path} is no file", near)


SET: Final = Table(
    "a set",
    (
        Key(
            "type",
            _type,
            TYPE_FORM,
            "what an element is: an address or network (either word allows both, and IPv4 and IPv6 "
            "in one set), a port, an interface, a MAC address, or several of these together",
            required="say what its elements are, as in type: address",
            also=("kind", "typeof"),
        ),
        Key(
            "elements",
            _unread,
            "a list of elements, each as the type has it: 192.0.2.0/24, 10.1.0.5-10.1.0.9, tcp:53, "
            "icmp:echo-request, ppp*, a $define, or a list of the parts ([192.0.2.1, tcp:53])",
            "elements that stay as long as the file has them, whatever the lifetime; a port "
            "without a protocol is one of any protocol",
            also=("element", "members", "entries"),
        ),
        Key(
            "file",
            _files,
            "a file or a list of files, relative to this one",
            "more elements: one in a line, several parts of one with a comma between them "
            "(192.0.2.1,tcp:53); what follows a # says nothing",
            also=("files", "path", "from"),
        ),
        Key(
            "lifetime",
            one(values.duration(0, MAX_LIFETIME_S), values.DURATION),
            f"{values.DURATION}, or 0 for ever",
            "how long an element stays that is added while the firewall runs, if nothing else is "
            "said",
            0,
            also=("timeout", "ttl", "for"),
        ),
        Key(
            "maximum",
            one(values.whole_number(1, MAX_MAXIMUM), "a number"),
            f"a number from 1 to {MAX_MAXIMUM}",
            "how many elements can be added while the firewall runs; then no more are",
            MAXIMUM,
            also=("max", "size", "maxelem", "limit"),
        ),
        Key(
            "counters",
            one(values.truth, "true or false"),
            "true or false",
            "whether packets and octets are counted for each element that a condition found",
            default=False,
            also=("counter", "count"),
        ),
        Key(
            "persist",
            one(values.truth, "true or false"),
            "true or false",
            "whether what was added outlives a restart",
            default=False,
            also=("persistent", "save"),
        ),
    ),
)
SHAPE: Final = Names(f"^{NAME.pattern}$", Keys(SET))


def read_sets(node: Node, reading: Reading) -> list[Set]:
    """The sets of one mapping under `sets:`; their names and types are known to the reading then.

    What is wrong is noted.
    """
    if is_null(node):
        return []
    if not isinstance(node, Mapping):
        reading.fault(node, f"sets: expected {FORM}, found {found(node)}")
        return []
    read: list[Set] = []
    for name, (key, value) in node.entries.items():
        try:
            _check_name(name, key, reading)
        except Fault as fault:
            reading.fault(key, fault.message, fault.suggestion)
            continue
        reading.rule = f"set {name}"
        reading.sets[name] = None
        one_set = _read(name, key, value, reading)
        read += [] if one_set is None else [one_set]
        reading.rule = ""
    return read


def _check_name(name: str, key: Scalar, reading: Reading) -> None:
    """Raises Fault if no set can have this name here."""
    if not NAME.fullmatch(name):
        plain = name.lstrip("$")
        raise Fault(
            f"{quoted(name)} cannot be a name: a letter, then letters, digits, '_' and '-'",
            plain if NAME.fullmatch(plain) else "",
        )
    defines = reading.defines
    assert defines is not None
    if name in defines.places:
        place = reading.problems.place(*defines.places[name])
        raise Fault(f"the name {quoted(name)} is a define's already, in {place}: ${name} is one")
    if name in reading.set_places:
        place = reading.problems.place(*reading.set_places[name])
        raise Fault(f"there is a set {quoted(name)} already, in {place}")
    if len(reading.sets) >= MAX_SETS:
        raise Fault(f"more than {MAX_SETS} sets")
    reading.set_places[name] = (reading.problems.file, key.line)


def _read(name: str, key: Scalar, node: Node, reading: Reading) -> Set | None:
    before = len(reading.problems.found)
    try:
        read = SET.read(node, reading)
    except Fault as fault:
        reading.fault(node, fault.message)
        return None
    if "type" not in read:
        return None
    words = cast("tuple[str, ...]", read["type"])
    reading.sets[name] = words
    elements = Elements(words, reading)
    files = cast("list[tuple[Node, str]]", read.get("file", []))
    try:
        if "elements" in read:
            elements.take(cast("Node", read["elements"]))
        for _item, path in files:
            elements.take_file(path)
        elements.check_shapes()
    except TooManyElements as too_many:
        reading.fault(key, str(too_many))
    if len(reading.problems.found) > before:
        return None
    return Set(
        name,
        words,
        reading.problems.file,
        key.line,
        key.column,
        elements.records(),
        tuple(path for _item, path in files),
        cast("int", read.get("lifetime", 0)),
        cast("int", read.get("maximum", MAXIMUM)),
        bool(read.get("counters", False)),
        bool(read.get("persist", False)),
    )
