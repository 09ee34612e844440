"""Conditions on what a packet carries, one Key for each."""

from __future__ import annotations

import re
from typing import Final, cast

from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, each, mapping, one
from firewalld_py.policy.lists import plain_list
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.shapes import Keys, OneOrMore, Text, reads, shape_of
from firewalld_py.policy.values import unexpected, whole_number
from firewalld_py.rules.patterns import MAX_EXPRESSION, MAX_WORK, searcher

MAX_PATTERN: Final = 128  # octets, as XT_STRING_MAX_PATTERN_SIZE
MAX_OFFSET: Final = 65535

HEX: Final = "octets in hexadecimal (16 03 01)"
TEXT: Final = f"a text of at most {MAX_PATTERN} octets"
OFFSET: Final = f"a number from 0 to {MAX_OFFSET}"
PAYLOAD: Final = "{at: 0, octets: 16 03 01}"
CONTAINS: Final = f"one or a list of: {TEXT}; or {{text, octets, from, to}}"

WINDOW: Final = 1460  # octets of a full TCP segment
EXPRESSION: Final = "a regular expression (^SSH-2)"
REGEX: Final = f"one or a list of: {EXPRESSION}; or {{pattern, from, to}}"

_HEX: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}[ :]?)+)")
_HEX_FORM: Final = f"^(?:0x)?(?:[0-9a-fA-F]{{2}}[ :]?){{1,{MAX_PATTERN}}}$"  # for editors
_TEXT_FORM: Final = r"^(?:[^\x00]|\x00)+$"  # any but an empty one


@reads(Text(_HEX_FORM, plain=True))
def octets(text: str) -> str:
    """Hexadecimal digits without what stands between them."""
    match = _HEX.fullmatch(text)
    if match is None:
        raise unexpected(HEX, text)
    digits = re.sub("[ :]", "", match[1]).lower()
    if len(digits) > 2 * MAX_PATTERN:
        raise Fault(f"expected at most {MAX_PATTERN} octets, found {len(digits) // 2}")
    return digits


@reads(Text(_TEXT_FORM, MAX_PATTERN, plain=True))
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


@reads(Keys(_PAYLOAD))
def _payload(node: Node, reading: Reading) -> object:
    """(offset, hexadecimal octets)."""
    read = _PAYLOAD.read(node, reading)
    if "octets" not in read or len(read) < len(cast("Mapping", node).entries):
        raise Reported
    return read.get("at", 0), read["octets"]


_TEXTS: Final = plain_list(text_octets, TEXT)


@reads(OneOrMore(shape_of(octets)))
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


@reads(shape_of(_TEXTS), Keys(_CONTAINS, one_of=("text", "octets")))
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


@reads(Text("", MAX_EXPRESSION, plain=True))
def _expression(text: str) -> str:
    """The expression's octets as hexadecimal digits."""
    given = text.encode(errors="surrogatepass")
    if not 0 < len(given) <= MAX_EXPRESSION:
        raise Fault(f"expected {EXPRESSION} of 1 to {MAX_EXPRESSION} octets, found {len(given)}")
    try:
        compiled = searcher(given)
    except ValueError as fault:
        raise Fault(f"expected {EXPRESSION}, found {quoted(text)}: {fault}") from None
    if all(compiled.search(some) is not None for some in (b"", b"\0", b"\xff")):
        raise Fault(f"every payload has what {quoted(text)} looks for, for it may be of no octets")
    return given.hex()


_EXPRESSIONS: Final = plain_list(_expression, EXPRESSION)
_REGEX: Final = Table(
    "regex",
    (
        Key(
            "pattern",
            _EXPRESSIONS,
            f"one or a list of: {EXPRESSION}",
            "what is looked for",
            required=f"name {EXPRESSION}",
            also=("text", "expression", "regex"),
        ),
        Key("from", _OFFSET, OFFSET, "where the search begins in the payload, and ^", default=0),
        Key("to", _OFFSET, OFFSET, "where it ends, and $", default=WINDOW),
    ),
)


@reads(shape_of(_EXPRESSIONS), Keys(_REGEX))
def _regex(node: Node, reading: Reading) -> object:
    """(from, to, hexadecimal octets of each)."""
    if isinstance(node, Mapping):
        read = _REGEX.read(node, reading)
        if len(read) < len(node.entries) or "pattern" not in read:
            raise Reported
    else:
        read = {"pattern": _EXPRESSIONS(node, reading)}
    start, end = cast("int", read.get("from", 0)), cast("int", read.get("to", WINDOW))
    if end <= start:
        raise Fault(f"never matches: there is nothing from {start} to {end}")
    expressions = cast("tuple[str, ...]", read["pattern"])
    size = sum(searcher(bytes.fromhex(one)).programsize for one in expressions)
    if size * (end - start) > MAX_WORK:
        raise Fault(
            f"too much work for one packet: the expression has a size of {size}, and is searched "
            f"for in {end - start} octets, of which {MAX_WORK // size} may be: write to: "
            f"{start + MAX_WORK // size}, or ask for fewer repetitions"
        )
    return start, end, expressions


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
    Key(
        "regex",
        _regex,
        REGEX,
        "a regular expression (RE2's), any of those named, somewhere in what TCP, UDP or UDP-Lite "
        f"carries, in its first {WINDOW} octets. It is about octets: a dot is any of them, "
        "\\xff is one; (?i) at its beginning makes capitals and small letters alike. As payload "
        "else",
        also=("regexp", "pcre", "match", "layer7"),
        example='{proto: tcp, dport: 22, not: {regex: "^SSH-2"}, action: drop}',
    ),
)
PAYLOAD_KINDS: Final = ("payload", "contains", "regex")
WITH_PAYLOAD: Final = frozenset((6, 17, 136))  # tcp udp udplite: what these conditions look into
