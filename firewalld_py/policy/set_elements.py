"""Elements of sets as people write them, and as octets (rules/set_elements.py).

An element of several parts is written as ipset has it, `192.0.2.1,tcp:53`. A range becomes as many
elements as it takes networks; so do ranges of ports, and each combination of them.
"""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterator, Sequence
from typing import Final

from firewalld_py.policy import packet_values
from firewalld_py.policy.addresses import BITS, address_range, address_text
from firewalld_py.policy.checks import PROTOCOL_NAMES
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.matches_link import mac
from firewalld_py.policy.names import ICMP, ICMP_TYPES, ICMPV6, PROTOCOLS
from firewalld_py.rules.set_elements import (
    ADDRESS,
    ANY_PROTOCOL,
    EXACT_MAC,
    EXACT_NAME,
    EXACT_PORT,
    INTERFACE,
    MAC,
    PORT,
    WITH_PORTS,
    address_octets,
    kinds_of,
    pack_any_port,
    pack_interface,
    pack_port,
    width_of,
)

# Of a part of an element: its kind, its octets, and how many bits of them count.
Part = tuple[int, bytes, int]
# Elements that one text may stand for, as a range and a range of ports do together.
MAX_PRODUCT: Final = 1024
PORT_FORM: Final = (
    "a port (22, ssh), a range (1024-65535), one of a protocol (tcp:53), an ICMP type "
    "(icmp:echo-request)"
)
# How each kind of part is written.
FORMS: Final = {
    ADDRESS: "an address, a network (10.1.0.0/24) or a range (10.1.0.5-10.1.0.9)",
    PORT: PORT_FORM,
    INTERFACE: "an interface name (eth0) or one with a wildcard at its end (ppp*)",
    MAC: "an Ethernet address (00:16:3e:5a:00:01)",
}
EXAMPLES: Final = {
    ADDRESS: "192.0.2.1",
    PORT: "tcp:53",
    INTERFACE: "eth0",
    MAC: "00:16:3e:5a:00:01",
}
_OF_PROTOCOL: Final = re.compile(r"([a-z][a-z0-9-]*):(.+)")
# What other tools write for tcp:53.
_OTHER_WAYS: Final = re.compile(r"(?:([0-9-]+)/([a-z]+)|([a-z]+)/([0-9-]+))")
_ICMP_OF: Final = {"icmp": ICMP, "icmpv6": ICMPV6, "ipv6-icmp": ICMPV6}
_PREFIX_LENGTHS: Final = {str(length): length for length in range(129)}

# An element: its octets and lengths; or one part of it.
Packed = tuple[bytes, bytes]


def read_elements(words: Sequence[str], text: str) -> list[Packed]:
    """The elements that a text stands for in a set of this type. Raises Fault."""
    kinds = kinds_of(list(words))
    texts = [part.strip() for part in text.split(",")] if len(kinds) > 1 else [text]
    return combined(kinds, texts, text)


def combined(kinds: bytes, texts: Sequence[str], whole: str) -> list[Packed]:
    """The same for the texts of its parts; `whole` is how it was written."""
    if len(texts) != len(kinds):
        form = ",".join(EXAMPLES[kind] for kind in kinds)
        raise Fault(f"expected {len(kinds)} parts as in {form}, found {quoted(whole)}")
    parts = [read_part(kind, text) for kind, text in zip(kinds, texts, strict=True)]
    if len(parts) == 1:
        return parts[0]
    count = 1
    for part in parts:
        count *= len(part)
    if count > MAX_PRODUCT:
        raise Fault(f"{quoted(whole)} would be {count} elements, and {MAX_PRODUCT} may be")
    if (
        len({len(part[0][0]) for part, kind in zip(parts, kinds, strict=True) if kind == ADDRESS})
        > 1
    ):
        raise Fault(f"{quoted(whole)} mixes IPv4 and IPv6, as no packet does")
    return [
        (b"".join(packed for packed, _ in one), b"".join(lengths for _, lengths in one))
        for one in itertools.product(*parts)
    ]


def read_part(kind: int, text: str) -> list[Packed]:
    """The elements of one part that a text stands for. Raises Fault."""
    if kind == ADDRESS:
        return read_addresses(text)
    if kind == PORT:
        return _read_ports(text)
    if kind == INTERFACE:
        name = packet_values.interface(text)
        if name.endswith("*"):
            return [(pack_interface(name[:-1]), bytes((8 * (len(name.encode()) - 1),)))]
        return [(pack_interface(name), bytes((EXACT_NAME,)))]
    return [(bytes.fromhex(mac(text)), bytes((EXACT_MAC,)))]


def read_addresses(text: str) -> list[Packed]:
    """An address or a network at once, whatever else it is by the careful way. Raises Fault."""
    base, slash, prefix = text.partition("/")
    family = socket.AF_INET6 if ":" in base else socket.AF_INET
    try:
        packed = socket.inet_pton(family, base)
    except (OSError, ValueError):
        return _read_range(text)
    bits = 8 * len(packed)
    length = _PREFIX_LENGTHS.get(prefix, -1) if slash else bits
    if 0 <= length <= bits:
        hosts = (1 << (bits - length)) - 1
        if length == bits or int.from_bytes(packed, "big") & hosts == 0:
            return [(packed, bytes((length,)))]
    return _read_range(text)


def _read_range(text: str) -> list[Packed]:
    family, low, high = address_range(text)
    bits = BITS[family]
    return [
        (first.to_bytes(bits // 8, "big"), bytes((length,)))
        for first, length in prefixes(low, high, bits)
    ]


def prefixes(low: int, high: int, bits: int) -> list[tuple[int, int]]:
    """The fewest networks that are a range of numbers of so many bits: first number, length."""
    found: list[tuple[int, int]] = []
    while low <= high:
        shift = (high - low + 1).bit_length() - 1
        if low:
            shift = min(shift, (low & -low).bit_length() - 1)
        found.append((low, bits - shift))
        low += 1 << shift
    return found


def _read_ports(text: str) -> list[Packed]:
    match = _OF_PROTOCOL.fullmatch(text)
    protocol = None if match is None else PROTOCOLS.get(match[1])
    if match is None or (protocol is None and _is_service_range(text)):
        other = _OTHER_WAYS.fullmatch(text)
        if other is not None:
            meant = f"{other[2] or other[3]}:{other[1] or other[4]}"
            raise Fault(f"expected {PORT_FORM}, found {quoted(text)}", meant)
        return [
            (pack_any_port(first), bytes((length | ANY_PROTOCOL,)))
            for first, length in prefixes(*packet_values.port_range(text), EXACT_PORT)
        ]
    if protocol is None:
        near = nearest(match[1], PROTOCOLS)
        meant = f"{near}:{match[2]}" if near else ""
        raise Fault(f"expected {PORT_FORM}, found {quoted(text)}", meant)
    if match[1] in _ICMP_OF:
        _, number, low, high = packet_values.icmp_type(protocol)(match[2])
        first, last = number << 8 | low, number << 8 | high
    elif protocol in WITH_PORTS:
        first, last = packet_values.port_range(match[2])
    elif match[2] == "0":
        first = last = 0
    else:
        raise Fault(f"{match[1]} has no ports: only 0 stands for it", f"{match[1]}:0")
    return [
        (pack_port(first, protocol), bytes((length,)))
        for first, length in prefixes(first, last, EXACT_PORT)
    ]


def _is_service_range(text: str) -> bool:
    """Whether it is two services or ports with a ':' between them, as iptables has ranges."""
    try:
        packet_values.port_range(text)
    except Fault:
        return False
    return True


def element_text(words: Sequence[str], packed: bytes, lengths: bytes) -> str:
    """An element as one would write it."""
    return ",".join(part_text(*part) for part in parts_of(kinds_of(list(words)), packed, lengths))


def parts_of(kinds: bytes, packed: bytes, lengths: bytes) -> Iterator[Part]:
    """The parts of an element, in order."""
    octets = address_octets(kinds, len(packed))
    at = 0
    for kind, length in zip(kinds, lengths, strict=True):
        end = at + width_of(kind, octets)
        yield kind, packed[at:end], length
        at = end


def part_text(kind: int, packed: bytes, length: int) -> str:
    """One part of an element as one would write it."""
    if kind == ADDRESS:
        text = address_text(4 if len(packed) == 4 else 6, int.from_bytes(packed, "big"))
        return text if length == 8 * len(packed) else f"{text}/{length}"
    if kind == PORT:
        return _port_text(packed, length)
    if kind == INTERFACE:
        name = packed.rstrip(b"\0").decode(errors="replace")
        return name if length == EXACT_NAME else f"{name}*"
    return packed.hex(":")


def _port_text(packed: bytes, length: int) -> str:
    low, protocol = packed[0] << 8 | packed[1], packed[3]
    high = low | (1 << (EXACT_PORT - (length & (ANY_PROTOCOL - 1)))) - 1
    ports = str(low) if low == high else f"{low}-{high}"
    if length >= ANY_PROTOCOL:
        return ports
    name = PROTOCOL_NAMES.get(protocol, str(protocol))
    if protocol in (ICMP, ICMPV6):
        types = {number: text for text, number in reversed(ICMP_TYPES[protocol].items())}
        kind = types.get(low >> 8, str(low >> 8))
        return f"{name}:{kind}" if high - low == 0xFF else f"{name}:{kind}/{low & 0xFF}"
    return f"{name}:{ports}"
