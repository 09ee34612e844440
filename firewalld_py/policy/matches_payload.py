"""Conditions on what a packet carries, one Key for each."""

from __future__ import annotations

import re
from typing import Final, cast

from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, each, mapping, one
from firewalld_py.policy.lists import plain_list
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.values import unexpected, whole_number

MAX_PATTERN: Final = 128  # octets, as XT_STRING_MAX_PATTERN_SIZE
MAX_OFFSET: Final = 65535

HEX: Final = "octets in hexadecimal (16 03 01)"
TEXT: Final = f"a text of at most {MAX_PATTERN} octets"
OFFSET: Final = f"a number from 0 to {MAX_OFFSET}"
PAYLOAD: Final = "{at: 0, octets: 16 03 01}"
CONTAINS: Final = f"one or a list of: {TEXT}; or {{text, octets, from, to}}"

_HEX: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}[ :]?)+)")


def octets(text: str) -> str:
    """Hexadecimal digits without what stands between them."""
    match = _HEX.fullmatch(text)
    if match is None:
        raise unexpected(HEX, text)
    digits = re.sub("[ :]", "", match[1]).lower()
    if len(digits) > 2 * MAX_PATTERN:
        raise Fault(f"expected at most {MAX_PATTERN} octets, found {len(digits) // 2}")
    return digits


def text_octets(text: str) -> str:
    """The octets of a text (UTF-8) as hexadecimal digits."""
    found = text.encode(errors="surrogatepass")
    if not 0 < len(found) <= MAX_PATTERN:
        raise Fault(f"expected {TEXT}, found {len(found)}: {quoted(text)}")
    return found.hex()


_OFFSET: Final = one(whole_number(0, MAX_OFFSET), OFFSET)
_PAYLOAD: Final = Table(
    "a payload",
    (
        Key(
            "at",
            _OFFSET,
            OFFSET,
            "so many octets behind the beginning of what TCP or UDP carries",
            default=0,
            also=("offset",),
        ),
        Key(
            "octets",
            one(octets, HEX),
            HEX,
            "what stands there",
            required=f"name {HEX}",
            also=("hex", "value"),
        ),
    ),
)


def _payload(node: Node, reading: Reading) -> object:
    """(offset, hexadecimal octets)."""
    read = _PAYLOAD.read(node, reading)
    if "octets" not in read or len(read) < len(cast("Mapping", node).entries):
        raise Reported
    return read.get("at", 0), read["octets"]


_TEXTS: Final = plain_list(text_octets, TEXT)


def _hexes(node: Node, reading: Reading) -> object:
    return tuple(each(node, reading, octets, HEX))


_CONTAINS: Final = Table(
    "contains",
    (
        Key("text", _TEXTS, f"one or a list of: {TEXT}", "what is looked for", also=("string",)),
        Key(
            "octets",
            _hexes,
            f"one or a list of: {HEX}",
            "what is looked for, beside text",
            also=("hex", "hex_string"),
        ),
        Key("from", _OFFSET, OFFSET, "where the search begins in the payload", default=0),
        Key("to", _OFFSET, OFFSET, "where it ends: all of the text stands before", default=65535),
    ),
)


def _contains(node: Node, reading: Reading) -> object:
    """(from, to, hexadecimal octets of each)."""
    if not isinstance(node, Mapping):
        return 0, MAX_OFFSET, _TEXTS(node, reading)
    read = cast("dict[str, object]", mapping(_CONTAINS)(node, reading))
    if len(read) < len(node.entries):
        raise Reported
    patterns = (
        *cast("tuple[str, ...]", read.get("text", ())),
        *cast("tuple[str, ...]", read.get("octets", ())),
    )
    start, end = cast("int", read.get("from", 0)), cast("int", read.get("to", MAX_OFFSET))
    if not patterns:
        raise Fault("nothing is looked for: add text or octets")
    for pattern in patterns:
        if end - start < len(pattern) // 2:
            raise Fault(f"never matches: what is looked for is longer than from {start} to {end}")
    return start, end, patterns


PAYLOAD_KEYS: Final = (
    Key(
        "payload",
        _payload,
        PAYLOAD,
        "octets at a place in what TCP, UDP or UDP-Lite carries; also negated it matches these "
        "only. Whole packets are taken from the queue then, whatever copy_range says",
        also=("u32",),
    ),
    Key(
        "contains",
        _contains,
        CONTAINS,
        "a text, any of those named, somewhere in what TCP, UDP or UDP-Lite carries, capitals and "
        "small letters told apart; a text in two packets is not found. As payload else",
        also=("string",),
    ),
)
PAYLOAD_KINDS: Final = ("payload", "contains")
WITH_PAYLOAD: Final = frozenset((6, 17, 136))  # tcp udp udplite: what these conditions look into
