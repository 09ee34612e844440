"""Messages of H.323, encoded by the types of conntrack/helpers/h323_types.py.

`encode(TYPE, wish)` makes a message; the wish says of named members what they shall be: a dict for
a SEQUENCE or CHOICE (of which the one key names the alternative), a list for a LIST, octets for an
address, with a "port" beside it, a number for a number. All else a Filler makes up.
"""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.conntrack.helpers.h323_notation import (
    BITS,
    BITSTRING,
    CHOICE,
    COUNTED,
    INT,
    INT32,
    LIST,
    LONG_BITSTRING,
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
from firewalld_py.conntrack.helpers.h323_types import USER_INFORMATION

Wish = Any
MOST_EXTENSIONS: Final = 128


class Filler:
    """What nobody asked for: as little as there can be."""

    def present(self, member: Member) -> bool:
        return False

    def alternative(self, type_: Type) -> int:
        return 0

    def below(self, limit: int) -> int:
        return 0

    def octets(self, count: int) -> bytes:
        return bytes(count)

    def address(self, count: int) -> bytes:
        return self.octets(count)

    def port(self) -> int:
        return 0

    def extensions(self, type_: Type, wished: int) -> int:
        """How many extensions a SEQUENCE announces; at least those wished for."""
        return wished

    def tail(self) -> bytes:
        """What follows in an open field behind its value."""
        return b""


def encode(type_: Type, wish: Wish = None, filler: Filler | None = None) -> bytes:
    bits = _Bits()
    _Encoder(filler or Filler()).write(bits, type_, wish)
    return bits.octets()


def tpkt(data: bytes) -> bytes:
    return b"\3\0" + (4 + len(data)).to_bytes(2, "big") + data


def q931(information: bytes, elements: bytes = b"", reference: bytes = b"\0\1") -> bytes:
    """A Connect of Q.931 with other elements and the user-user element."""
    head = bytes((8, len(reference))) + reference + b"\7" + elements
    return head + b"\x7e" + (1 + len(information)).to_bytes(2, "big") + b"\5" + information


def call(body: Wish, **more: Wish) -> bytes:
    """A segment with one message of call signalling."""
    return tpkt(q931(encode(USER_INFORMATION, {"pdu": {"body": body, **more}})))


def h225(address: bytes, port: int) -> Wish:
    kind = "ipAddress" if len(address) == 4 else "ip6Address"
    return {kind: {"ip": address, "port": port}}


def h245(address: bytes, port: int) -> Wish:
    kind = "iPAddress" if len(address) == 4 else "iP6Address"
    return {"unicastAddress": {kind: {"network": address, "port": port}}}


def media(address: bytes, port: int, control_port: int | None = None) -> Wish:
    """RTP's place, and RTCP's if it is named."""
    found = {"mediaChannel": h245(address, port)}
    if control_port is not None:
        found["mediaControlChannel"] = h245(address, control_port)
    return found


def channel(address: bytes, port: int) -> Wish:
    """H.245's wish for a channel in which media come to the sender, control beside them."""
    h2250 = {"h2250LogicalChannelParameters": media(address, port, port ^ 1)}
    reverse = {"reverseLogicalChannelParameters": {"multiplexParameters": h2250}}
    return {"request": {"openLogicalChannel": reverse}}


def conference(address: bytes, port: int) -> Wish:
    """Likewise one of T.120."""
    application = {"application": {"t120": {"separateLANStack": None}}}
    forward = {"dataType": {"data": application}}
    stack = {"networkAddress": {"localAreaAddress": h245(address, port)}}
    wish = {"forwardLogicalChannelParameters": forward, "separateStack": stack}
    return {"request": {"openLogicalChannel": wish}}


def acknowledgement(address: bytes, port: int) -> Wish:
    """The answer to a channel, which says where its media shall go."""
    h2250 = {"h2250LogicalChannelAckParameters": media(address, port, port ^ 1)}
    return {"response": {"openLogicalChannelAck": {"forwardMultiplexAckParameters": h2250}}}


class _Bits:
    def __init__(self) -> None:
        self._bits: list[str] = []
        self._size = 0

    def add(self, value: int, count: int) -> None:
        if count:
            self._bits.append(f"{value:0{count}b}")
            self._size += count

    def add_octets(self, octets: bytes) -> None:
        for octet in octets:
            self.add(octet, 8)

    def align(self) -> None:
        self.add(0, -self._size % 8)

    def length(self, length: int) -> None:
        if length < 128:
            self.add(length, 8)
        else:
            self.add(0x8000 | length, 16)

    def octets(self) -> bytes:
        self.align()
        text = "".join(self._bits)
        return int(text or "0", 2).to_bytes(self._size // 8, "big")


class _Encoder:
    def __init__(self, filler: Filler) -> None:
        self.filler = filler

    def write(self, bits: _Bits, type_: Type, wish: Wish) -> None:
        if type_.kind == SEQUENCE:
            self._sequence(bits, type_, wish or {})
        elif type_.kind == CHOICE:
            self._choice(bits, type_, wish)
        elif type_.kind == LIST:
            self._list(bits, type_, wish)
        else:
            self._primitive(bits, type_, wish)

    def _open(self, bits: _Bits, member: Member, wish: Wish) -> None:
        inner = _Bits()
        if member.type.kind in (SKIP, STOP):
            inner.add_octets(self.filler.octets(1 + self.filler.below(4)))
        else:
            self.write(inner, member.type, wish)
        octets = (inner.octets() or b"\0") + self.filler.tail()
        bits.length(len(octets))
        bits.add_octets(octets)

    def _sequence(self, bits: _Bits, type_: Type, wish: dict[str, Wish]) -> None:
        root, extensions = type_.members[: type_.root], type_.members[type_.root :]
        places = [place for place, one in enumerate(extensions) if one.name in wish]
        count = 0
        if type_.extensible:
            count = self.filler.extensions(type_, max(places, default=-1) + 1)
            bits.add(int(count > 0), 1)
        there = [self._is_there(member, wish) for member in root if member.is_optional]
        for present in there:
            bits.add(int(present), 1)
        presence = iter(there)
        for member in root:
            if (member.is_optional and not next(presence)) or member.type.kind == STOP:
                continue
            if member.is_open:
                self._open(bits, member, wish.get(member.name))
            elif member.type.kind == INT and member.type.size == 2:
                self._port(bits, wish)
            else:
                self.write(bits, member.type, wish.get(member.name))
        if count:
            self._extensions(bits, extensions, count, wish)

    def _is_there(self, member: Member, wish: dict[str, Wish]) -> bool:
        return (member.name != "" and member.name in wish) or self.filler.present(member)

    def _port(self, bits: _Bits, wish: dict[str, Wish]) -> None:
        bits.align()
        bits.add(wish["port"] if "port" in wish else self.filler.port(), 16)

    def _extensions(
        self, bits: _Bits, extensions: list[Member], count: int, wish: dict[str, Wish]
    ) -> None:
        unknown = Member("", Type(SKIP), True, True)
        members = [*extensions, *[unknown] * MOST_EXTENSIONS][:count]
        there = [self._is_there(member, wish) for member in members]
        bits.add(count - 1, 7)
        for present in there:
            bits.add(int(present), 1)
        bits.align()
        for member, present in zip(members, there, strict=True):
            if present:
                self._open(bits, member, wish.get(member.name))

    def _choice(self, bits: _Bits, type_: Type, wish: dict[str, Wish] | None) -> None:
        index, inner = self.filler.alternative(type_), None
        if wish is not None:
            ((name, inner),) = wish.items()
            index = [member.name for member in type_.members].index(name)
        member = type_.members[index] if index < len(type_.members) else None
        if type_.extensible:
            bits.add(int(index >= type_.root), 1)
        if index < type_.root:
            assert member is not None
            bits.add(index, type_.size)
            if member.type.kind != STOP:
                self.write(bits, member.type, inner)
            return
        bits.add(index - type_.root, 7)
        bits.align()
        self._open(bits, member or Member("", Type(SKIP), True, True), inner)

    def _list(self, bits: _Bits, type_: Type, wish: list[Wish] | None) -> None:
        items = [None] * self.filler.below(3) if wish is None else wish
        member = type_.members[0]
        bits.align()
        bits.length(len(items))
        for item in items:
            if member.is_open:
                bits.align()
                self._open(bits, member, item)
            else:
                self.write(bits, member.type, item)

    def _primitive(self, bits: _Bits, type_: Type, wish: Wish) -> None:
        kind, size, filler = type_.kind, type_.size, self.filler
        if kind in (NULL, SKIP, STOP):
            return
        if kind == BITS:
            bits.add(filler.below(1 << size), size)
        elif kind == INT32:
            self._int32(bits, wish)
        elif kind == COUNTED:
            count = filler.below(min(1 << size, 8))
            bits.add(count, size)
            bits.align()
            self._units(bits, type_, count)
        elif kind == OCTETS and size <= 2:
            bits.add_octets(filler.octets(size))
        else:
            bits.align()
            self._aligned(bits, type_, wish)

    def _aligned(self, bits: _Bits, type_: Type, wish: Wish) -> None:
        kind, size, filler = type_.kind, type_.size, self.filler
        if kind == INT:
            bits.add_octets(filler.octets(size))
        elif kind == OCTETS:
            bits.add_octets(filler.address(size) if wish is None else wish)
        elif kind == OCTET_COUNTED:
            count = filler.below(4)
            bits.add(count, 8)
            self._units(bits, type_, count)
        elif kind == BITSTRING:
            count = filler.below(40)
            bits.add(count, 16)
            bits.add(filler.below(1 << count), count)
        else:  # what has its length in front: octets, or bits
            count = filler.below(12)
            if kind == OID:
                bits.add(count, 8)
            else:
                bits.length(count)
            if kind == LONG_BITSTRING:
                bits.add(filler.below(1 << count), count)
            else:
                bits.add_octets(filler.octets(count))

    def _int32(self, bits: _Bits, wish: int | None) -> None:
        """A number from 1 on, in as few octets as it takes."""
        value = self.filler.below(1 << 15) if wish is None else wish - 1
        size = max((value.bit_length() + 7) // 8, 1)
        bits.add(size - 1, 2)
        bits.align()
        bits.add(value, 8 * size)

    def _units(self, bits: _Bits, type_: Type, count: int) -> None:
        size = (count + type_.offset) * type_.unit
        bits.add(self.filler.below(1 << size), size)
