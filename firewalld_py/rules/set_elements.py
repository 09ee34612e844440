"""What sets hold: elements of one part or several, as octets that compare as they are.

An element is `packed`, the octets of its parts one behind another, and `lengths`, an octet for each
part: how many bits of it count. So a network is an address of which not all bits count, and in the
same way a beginning of interface names (`ppp*`) and a port of any protocol are elements. All
addresses of one element are of one family, which the length of `packed` tells.
"""

from __future__ import annotations

from typing import Final

# Kinds of part; the type of a set is their sequence.
ADDRESS: Final = 0  # 4 or 16 octets
PORT: Final = 1  # port, whether it is one (1 or 0), protocol
INTERFACE: Final = 2  # the name, filled up with zeros
MAC: Final = 3

PART_NAMES: Final[tuple[str, ...]] = ("address", "port", "interface", "mac")
NETWORK: Final = "network"  # another word for address: either holds both
MAX_PARTS: Final = 6  # of one element

PORT_OCTETS: Final = 4
NAME_OCTETS: Final = 16  # IFNAMSIZ
MAC_OCTETS: Final = 6
EXACT_PORT: Final = 16
ANY_PROTOCOL: Final = 64  # beside the bits of a port that count: its protocol does not
# TCP, UDP, DCCP, SCTP, UDP-Lite. Others have something else in a port's place (see matches_sets.py)
# and no element for ports of any protocol covers that.
WITH_PORTS: Final = frozenset((6, 17, 33, 132, 136))
EXACT_NAME: Final = 8 * NAME_OCTETS
EXACT_MAC: Final = 8 * MAC_OCTETS


def kinds_of(words: list[str]) -> bytes:
    """The type of a set by its words; ValueError if there is no such."""
    if not 0 < len(words) <= MAX_PARTS:
        raise ValueError(f"a set has 1 to {MAX_PARTS} parts")
    return bytes([PART_NAMES.index("address" if word == NETWORK else word) for word in words])


def width_of(kind: int, address_octets: int) -> int:
    """The octets of one part, where addresses take so many."""
    if kind == ADDRESS:
        return address_octets
    if kind == PORT:
        return PORT_OCTETS
    return NAME_OCTETS if kind == INTERFACE else MAC_OCTETS


def address_octets(kinds: bytes, size: int) -> int:
    """4 or 16, if a packed element of this size can be of this type; 0 if it has no address.

    -1 if it cannot.
    """
    addresses = 0
    rest = 0
    for kind in kinds:
        if kind == ADDRESS:
            addresses += 1
        else:
            rest += width_of(kind, 0)
    if addresses == 0:
        return 0 if size == rest else -1
    for octets in (4, 16):
        if size == rest + addresses * octets:
            return octets
    return -1


def exact_lengths(kinds: bytes, size: int) -> bytes:
    """The lengths of an element of which every bit counts."""
    octets = address_octets(kinds, size)
    lengths = []
    for kind in kinds:
        lengths.append(EXACT_PORT if kind == PORT else 8 * width_of(kind, octets))
    return bytes(lengths)


def mask_of(kinds: bytes, size: int, lengths: bytes) -> int:
    """The bits of a packed element that count; ValueError if there can be no such element."""
    octets = address_octets(kinds, size)
    if octets < 0 or len(lengths) != len(kinds):
        raise ValueError("no element of this type")
    mask = 0
    for at in range(len(kinds)):
        bits = 8 * width_of(kinds[at], octets)
        length = lengths[at]
        any_protocol = False
        if kinds[at] == PORT:
            bits = EXACT_PORT
            any_protocol = length >= ANY_PROTOCOL
            length &= ANY_PROTOCOL - 1
        if length > bits:
            raise ValueError(f"{length} of {bits} bits")
        mask = mask << bits | (1 << bits) - (1 << (bits - length))
        if kinds[at] == PORT:
            mask = mask << 16 | (0xFF00 if any_protocol else 0xFFFF)
    return mask


def pack_port(port: int, protocol: int) -> bytes:
    return bytes((port >> 8, port & 0xFF, protocol in WITH_PORTS, protocol))


def pack_any_port(port: int) -> bytes:
    """A port of any protocol that has ports; lengths of such an element are ANY_PROTOCOL too."""
    return bytes((port >> 8, port & 0xFF, 1, 0))


def pack_interface(name: str) -> bytes:
    return name.encode()[:NAME_OCTETS].ljust(NAME_OCTETS, b"\0")
