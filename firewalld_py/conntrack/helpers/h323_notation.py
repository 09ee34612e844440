"""How h323_types.py writes types of ASN.1 in packed encoding (ITU-T X.691, aligned).

One definition, `Name = KIND members`, begins at the start of a line and goes on in indented ones;
members are separated by commas. KIND is SEQUENCE, CHOICE, or `LIST n`, of whose items the first n
are kept. A member is `[count*][name ][OPEN ]type[?]`: count stands for so many alike; what has a
name is kept, all else only walked over; OPEN has its length in front; ? may be absent. Behind `...`
stand the extensions, which are open all of them.

SKIP is what is never looked into, for it is open. STOP ends the SEQUENCE or CHOICE that holds it at
once, wherever that leaves the reader: so does the kernel's, for nothing behind is of use to it.

Primitive types have their size behind the name: INT8 and INT16 (aligned), BITS5 (so many bits),
OCTETS4 (so many octets), OCTETS(5+1) (a length of 5 bits, to which 1 is added; `octet` is an
aligned one of 8 bits, `long` one of 7 or 14), TEXT16 (likewise, of characters of two octets),
DIGITS (of four bits), BITSTRING(16) or (long).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

# Kinds of types. The first three have members.
SEQUENCE: Final = 0
CHOICE: Final = 1
LIST: Final = 2
NULL: Final = 3
BITS: Final = 4  # `size` bits
OID: Final = 5
INT: Final = 6  # `size` octets, aligned
INT32: Final = 7  # its length in two bits
INTEGER: Final = 8  # its length in front
OCTETS: Final = 9  # `size` octets
COUNTED: Final = 10  # `size` bits of length, + `offset`, then units of `unit` bits
OCTET_COUNTED: Final = 11  # the length an aligned octet
LONG_COUNTED: Final = 12  # the length in one or two octets
BITSTRING: Final = 13  # its length, in bits, in two octets
LONG_BITSTRING: Final = 14
SKIP: Final = 15
STOP: Final = 16

_PLAIN: Final[dict[str, tuple[int, int]]] = {
    "NULL": (NULL, 0),
    "BOOLEAN": (BITS, 1),
    "OID": (OID, 0),
    "INT8": (INT, 1),
    "INT16": (INT, 2),
    "INT32": (INT32, 0),
    "INTEGER": (INTEGER, 0),
    "BITSTRING(16)": (BITSTRING, 0),
    "BITSTRING(long)": (LONG_BITSTRING, 0),
    "SKIP": (SKIP, 0),
    "STOP": (STOP, 0),
}
_UNITS: Final[dict[str, int]] = {"DIGITS": 4, "OCTETS": 8, "TEXT16": 16}


@mypyc_attr(acyclic=True)
class Type:
    """A type. Which fields mean something depends on `kind`, see above.

    `root` counts the members in front of `...`; `extensible` says that there are dots. `size` is
    the width in bits of a SEQUENCE's map of optional members, and of a CHOICE's index; of a LIST it
    is how many items are kept.
    """

    __slots__ = ("extensible", "kind", "members", "offset", "root", "size", "unit")

    def __init__(self, kind: int, size: int = 0, offset: int = 0, unit: int = 8) -> None:
        self.kind = kind
        self.size = size
        self.offset = offset
        self.unit = unit
        self.root = 0
        self.extensible = False
        self.members: list[Member] = []


@mypyc_attr(acyclic=True)
class Member:
    """A place in a SEQUENCE or LIST, or an alternative of a CHOICE. `name` is "" if not kept."""

    __slots__ = ("is_open", "is_optional", "name", "type")

    def __init__(self, name: str, type_: Type, is_open: bool, is_optional: bool) -> None:
        self.name = name
        self.type = type_
        self.is_open = is_open
        self.is_optional = is_optional


def read_types(text: str) -> dict[str, Type]:
    """All types that a text defines. Precondition: it is well formed (it is part of the source)."""
    types: dict[str, Type] = {}
    for definition in text.replace("\n ", " ").split("\n"):
        name, equals, rest = definition.partition(" = ")
        if not equals:
            continue
        assert name not in types, name
        types[name] = _compound(rest, types)
    return types


def _compound(text: str, types: dict[str, Type]) -> Type:
    kind, _, rest = text.strip().partition(" ")
    if kind == "LIST":
        kept, _, item = rest.partition(" ")
        found = Type(LIST, int(kept))
        found.members = [_member("item " + item if found.size else item, types)]
        return found
    found = Type(SEQUENCE if kind == "SEQUENCE" else CHOICE)
    for part in rest.split(","):
        words = part.strip()
        if words == "...":
            found.extensible = True
            found.root = len(found.members)
            continue
        count, times, member = words.partition("*")
        number = int(count) if times else 1
        found.members += [_member(member if times else words, types)] * number
    if not found.extensible:
        found.root = len(found.members)
    root = found.members[: found.root]
    if kind == "SEQUENCE":
        found.size = sum([1 for member in root if member.is_optional])
    else:
        found.size = (found.root - 1).bit_length()
    return found


def _member(text: str, types: dict[str, Type]) -> Member:
    words = text.rstrip("?").split()
    is_open = "OPEN" in words
    names = [word for word in words[:-1] if word != "OPEN"]
    type_ = types[words[-1]] if words[-1] in types else _primitive(words[-1])
    return Member(names[0] if names else "", type_, is_open, text.endswith("?"))


def _primitive(text: str) -> Type:
    if text in _PLAIN:
        kind, size = _PLAIN[text]
        return Type(kind, size)
    if text.startswith("BITS"):
        return Type(BITS, int(text[4:]))
    if "(" not in text:
        return Type(OCTETS, int(text.removeprefix("OCTETS")))
    unit, _, rest = text.rstrip(")").partition("(")
    length, _, offset = rest.partition("+")
    if length == "octet":
        return Type(OCTET_COUNTED, 8, int(offset), _UNITS[unit])
    if length == "long":
        return Type(LONG_COUNTED, 0, int(offset), _UNITS[unit])
    return Type(COUNTED, int(length), int(offset), _UNITS[unit])
