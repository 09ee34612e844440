"""Decoding messages of H.323 with the types of h323_types.py.

This is the kernel's way of decoding (nf_conntrack_h323_asn1.c), not all of X.691: it stops in the
midst of types whose rest it does not need, reads one number's octets twice, and where it errs the
whole message counts for nothing. As an ordinary decoder would read on, or read differently, where
the kernel does not, so would other connections be RELATED.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.helpers.h323_bits import Reader
from firewalld_py.conntrack.helpers.h323_notation import (
    BITS,
    BITSTRING,
    CHOICE,
    COUNTED,
    INT,
    INT32,
    INTEGER,
    LIST,
    LONG_BITSTRING,
    LONG_COUNTED,
    NULL,
    OCTET_COUNTED,
    OCTETS,
    OID,
    SEQUENCE,
    SKIP,
    STOP,
    Member,
    Type,
)

MAX_EXTENSIONS: Final = 32  # of a SEQUENCE; one with more is an error
U32: Final = 0xFFFFFFFF


@mypyc_attr(acyclic=True)
class Decoded:
    """What was kept of a type: of a SEQUENCE or CHOICE its named members, of a LIST its items.

    `chosen` is the name of the alternative, `at` where octets stand, `value` a number.
    """

    __slots__ = ("at", "chosen", "items", "members", "value")

    def __init__(self) -> None:
        self.members: dict[str, Decoded] = {}
        self.items: list[Decoded] = []
        self.chosen = ""
        self.at = 0
        self.value = 0

    def member(self, name: str) -> Decoded | None:
        """A member, if it is there."""
        return self.members.get(name)

    def reach(self, name: str, further: str) -> Decoded | None:
        """A member of a member."""
        member = self.members.get(name)
        return None if member is None else member.members.get(further)


def decode(type_: Type, data: bytes, at: int, end: int) -> Decoded | None:
    """The message that stands in data[at:end]; None if it cannot be read."""
    found = Decoded()
    return found if _decode(Reader(data, at, end), type_, found) else None


def _decode(reader: Reader, type_: Type, found: Decoded | None) -> bool:
    """Read one type, and keep of it what has names if `found` is given. False is an error."""
    if type_.kind == SEQUENCE:
        return _sequence(reader, type_, found)
    if type_.kind == CHOICE:
        return _choice(reader, type_, found)
    if type_.kind == LIST:
        return _list(reader, type_, found)
    return _primitive(reader, type_, found) and reader.has(0)


def _member(reader: Reader, member: Member, found: Decoded | None) -> bool:
    """A member in its place; its value, if it is to be kept, becomes one of `found`."""
    if found is None or not member.name:
        return _decode(reader, member.type, None)
    value = Decoded()
    found.members[member.name] = value
    return _decode(reader, member.type, value)


def _open_member(reader: Reader, member: Member, found: Decoded | None) -> bool:
    """Likewise, with its length in front; what is not kept is not looked into."""
    length = reader.open_length()
    if length < 0:
        return False
    end = reader.at + length
    if found is None or not member.name or member.type.kind == SKIP:
        reader.at = end  # within that octet the place stays, as the kernel's does
        return True
    if not _member(reader, member, found):
        return False
    reader.move(end)
    return True


def _sequence(reader: Reader, type_: Type, found: Decoded | None) -> bool:
    if not reader.has(0, 1):
        return False
    extended = type_.extensible and reader.bits(1) == 1
    if not reader.has(0, type_.size):
        return False
    there = reader.bitmap(type_.size)
    optional = 1 << type_.size
    for place in range(type_.root):
        member = type_.members[place]
        if member.type.kind == STOP:
            return True
        if member.is_optional:
            optional >>= 1
            if not there & optional:
                continue
        if member.is_open:
            read = _open_member(reader, member, found)
        else:
            read = _member(reader, member, found)
        if not read:
            return False
    return not extended or _extensions(reader, type_, found)


def _extensions(reader: Reader, type_: Type, found: Decoded | None) -> bool:
    if not reader.has(0, 7):
        return False
    count = reader.bits(7) + 1
    if not reader.has(0, count) or count > MAX_EXTENSIONS:
        return False
    there = reader.bitmap(count)
    reader.align()
    for number in range(count):
        place = type_.root + number
        if place >= len(type_.members):  # of a later version: there, whatever the map says
            length = reader.open_length()
            if length < 0:
                return False
            reader.at += length
            continue
        member = type_.members[place]
        if member.type.kind == STOP:
            return True
        if there >> (count - 1 - number) & 1 and not _open_member(reader, member, found):
            return False
    return True


def _choice(reader: Reader, type_: Type, found: Decoded | None) -> bool:
    if not reader.has(0, 1):
        return False
    extended = type_.extensible and reader.bits(1) == 1
    size = 7 if extended else type_.size
    if not reader.has(0, size):
        return False
    index = reader.bits(size)
    if extended:
        index += type_.root
    elif index >= type_.root:
        return False
    if index >= len(type_.members):  # of a later version
        reader.align()
        length = reader.open_length()
        reader.at += max(length, 0)
        return length >= 0
    member = type_.members[index]
    if found is not None:
        found.chosen = member.name
    if member.type.kind == STOP:
        return True
    if extended or member.is_open:
        reader.align()
        return _open_member(reader, member, found)
    return _member(reader, member, found)


def _list(reader: Reader, type_: Type, found: Decoded | None) -> bool:
    """All items are read, the first `size` of them are kept."""
    reader.align()
    if not reader.has(2):
        return False
    member = type_.members[0]
    for number in range(reader.length()):
        kept = found is not None and number < type_.size
        item = Decoded() if kept else None
        if member.is_open:
            reader.align()
            if not _open_item(reader, member, found is not None, item):
                return False
        elif not _decode(reader, member.type, item):
            return False
        if found is not None and item is not None:
            found.items.append(item)
    return True


def _open_item(reader: Reader, member: Member, looked_into: bool, item: Decoded | None) -> bool:
    """An item with its length in front: of a list that is kept, every one is looked into."""
    length = reader.open_length()
    if length < 0:
        return False
    end = reader.at + length
    if looked_into and member.name and not _decode(reader, member.type, item):
        return False
    reader.move(end)
    return True


def _primitive(reader: Reader, type_: Type, found: Decoded | None) -> bool:
    """One without members. The caller asks whether it ended within the message."""
    kind, size = type_.kind, type_.size
    if kind == NULL:
        return True
    if kind == BITS:
        reader.skip_bits(size)
        return True
    if kind == COUNTED:
        return _counted(reader, type_)
    if kind == INT32:
        return _int32(reader, found)
    if kind == OCTETS and size <= 2:
        reader.at += size  # of these the kernel, as X.691, makes no new octet
        return True
    reader.align()
    if kind == INT:
        reader.at += size
    elif kind == OCTETS:
        if found is not None:
            found.at = reader.at
        reader.at += size
    elif kind in (OID, OCTET_COUNTED):
        if not reader.has(1):
            return False
        reader.at += 1 + ((reader.octet() + type_.offset) * type_.unit >> 3)
    else:
        return _long(reader, type_)
    return True


def _long(reader: Reader, type_: Type) -> bool:
    """What has its length in two octets, or in one or two."""
    kind = type_.kind
    if not reader.has(2):
        return False
    if kind in (INTEGER, LONG_COUNTED):
        length = reader.length()
        reader.at += length
        return True
    assert kind in (BITSTRING, LONG_BITSTRING)
    if kind == BITSTRING:
        length = reader.octet() << 8 | reader.octet(1)
        reader.at += 2
    else:
        length = reader.length()
    reader.at += length >> 3
    reader.bit = length & 7
    return True


def _counted(reader: Reader, type_: Type) -> bool:
    if not reader.has(0, type_.size):
        return False
    count = reader.bits(type_.size) + type_.offset
    reader.align()
    reader.skip_bits(count * type_.unit)
    return True


def _int32(reader: Reader, found: Decoded | None) -> bool:
    """A number from 1 on. The kernel steps over the octets of one that it keeps twice."""
    if not reader.has(0, 2):
        return False
    size = reader.bits(2) + 1
    if not reader.has(size):
        return False
    reader.align()
    if found is not None:
        for ahead in range(size):
            found.value = found.value << 8 | reader.octet(ahead)
        found.value = (found.value + 1) & U32
        reader.at += size
    reader.at += size
    return True
