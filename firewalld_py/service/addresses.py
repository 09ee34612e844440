"""The addresses and IPv4 networks of the interfaces, asked of the kernel (rtnetlink, RTM_GETADDR).

Layouts as in linux/netlink.h and linux/if_addr.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

NETLINK_ROUTE: Final = 0
RTM_NEWADDR: Final = 20
RTM_GETADDR: Final = 22
NLM_F_REQUEST: Final = 0x1
NLM_F_DUMP: Final = 0x300
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFA_BROADCAST: Final = 4
IFA_FLAGS: Final = 8
IFA_F_SECONDARY: Final = 0x1
ANSWER_OCTETS: Final = 65536
TIMEOUT_S: Final = 5.0

_HEADER: Final = struct.Struct("=IHHII")  # of a message: octets, type, flags, number, port
_ADDRESS: Final = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_ATTRIBUTE: Final = struct.Struct("=HH")  # octets, type


class InterfaceNetwork(NamedTuple):
    """A network that an interface is in by one of its primary addresses."""

    interface: int
    prefix_length: int
    broadcast: int


def read_networks() -> list[InterfaceNetwork]:
    """All that have a broadcast address, of each interface in the order of its addresses.

    Raises OSError if the kernel does not tell.
    """
    networks = [_network(message) for message in _told(socket.AF_INET)]
    return [network for network in networks if network is not None]


def read_addresses() -> set[bytes]:
    """The addresses of this machine, of both families, as octets. Raises OSError likewise."""
    messages = [*_told(socket.AF_INET), *_told(socket.AF_INET6)]
    return {address for address in map(_own_address, messages) if address}


def _told(family: int) -> list[bytes]:
    """What the kernel says of each address of a family."""
    body = _ADDRESS.pack(family, 0, 0, 0, 0)
    request = _HEADER.pack(_HEADER.size + len(body), RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    found: list[bytes] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as asking:
        asking.settimeout(TIMEOUT_S)
        asking.send(request + body)
        while True:
            for kind, message in _messages(asking.recv(ANSWER_OCTETS)):
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    error = -struct.unpack_from("=i", message)[0]
                    raise OSError(error, "the kernel does not show its addresses")
                if kind == RTM_NEWADDR:
                    found.append(message)


def _messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(answer):
        size, kind, _flags, _number, _port = _HEADER.unpack_from(answer, at)
        yield kind, answer[at + _HEADER.size : at + size]
        at += (size + 3) & ~3


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = _ADDRESS.size
    while at < len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, at)
        yield kind, message[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3


def _own_address(message: bytes) -> bytes:
    """Of a link from point to point IFA_ADDRESS is the other end; then there is IFA_LOCAL, too."""
    values = dict(_attributes(message))
    return values.get(IFA_LOCAL, values.get(IFA_ADDRESS, b""))


def _network(message: bytes) -> InterfaceNetwork | None:
    _family, prefix_length, flags, _scope, index = _ADDRESS.unpack_from(message)
    broadcast = b""
    for kind, value in _attributes(message):
        if kind == IFA_BROADCAST:
            broadcast = value
        elif kind == IFA_FLAGS:  # all of them, the header has room for eight
            (flags,) = struct.unpack("=I", value)
    if not broadcast or flags & IFA_F_SECONDARY:
        return None
    return InterfaceNetwork(index, prefix_length, int.from_bytes(broadcast, "big"))
