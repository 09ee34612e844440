"""Real traffic out of a namespace: connections, questions, pings, traces and hand-made packets."""

from __future__ import annotations

import errno
import ipaddress
import select
import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scapy.packet import Packet

    from tests.lab.netns import Namespace

Outcome = Literal["connected", "refused", "timed out", "unreachable"]

ANSWER_TIMEOUT_S: Final = 5.0
ICMP_ECHO: Final = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
# From linux/in.h and linux/in6.h; Python's socket module does not name them in every version.
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
UDP_SEGMENT: Final = 103
FIRST_TRACE_PORT: Final = 33434


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error as the kernel reported it to the socket whose packet it is about."""

    errno: int
    type: int
    code: int
    sender: str


def family_of(address: str) -> socket.AddressFamily:
    """Return AF_INET or AF_INET6, by what the address looks like."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@contextmanager
def tcp_connection(
    namespace: Namespace, address: str, port: int, timeout: float = ANSWER_TIMEOUT_S
) -> Iterator[socket.socket]:
    """Give a connected TCP socket; OSError when the connection is not made in `timeout` seconds."""
    with namespace.socket(family_of(address), socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect((address, port))
        yield connection


def tcp_connect(
    namespace: Namespace, address: str, port: int, timeout: float = ANSWER_TIMEOUT_S
) -> Outcome:
    """Try to open a TCP connection and say what came of it."""
    try:
        with tcp_connection(namespace, address, port, timeout):
            return "connected"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "timed out"
    except OSError as error:
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES):
            return "unreachable"
        raise


@contextmanager
def udp_socket(
    namespace: Namespace, address: str, port: int, hops: int | None = None, source_port: int = 0
) -> Iterator[socket.socket]:
    """Give a UDP socket connected to `address`, which keeps the ICMP errors about its packets."""
    with namespace.socket(family_of(address), socket.SOCK_DGRAM) as udp:
        if udp.family == socket.AF_INET6:
            udp.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            if hops is not None:
                udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        else:
            udp.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            if hops is not None:
                udp.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        if source_port:
            udp.bind(("", source_port))
        udp.connect((address, port))
        yield udp


def udp_ask(
    namespace: Namespace,
    address: str,
    port: int,
    question: bytes = b"question",
    *,
    hops: int | None = None,
    timeout: float = ANSWER_TIMEOUT_S,
) -> bytes | IcmpError | None:
    """Send one datagram; return its answer, the ICMP error about it, or None for nothing."""
    with udp_socket(namespace, address, port, hops) as udp:
        udp.send(question)
        return udp_answer(udp, timeout)


def udp_answer(udp: socket.socket, timeout: float) -> bytes | IcmpError | None:
    """Wait for a datagram or an ICMP error on a socket of `udp_socket`; None after `timeout` s."""
    poll = select.poll()
    poll.register(udp, select.POLLIN)
    events = poll.poll(timeout * 1000)
    if not events:
        return None
    if events[0][1] & select.POLLERR:
        return _queued_error(udp)
    return udp.recv(65535)


def _queued_error(udp: socket.socket) -> IcmpError:
    """Read one struct sock_extended_err and the address of its sender off the error queue."""
    _, ancillary, _, _ = udp.recvmsg(65535, 1024, socket.MSG_ERRQUEUE)
    extended = next(data for _, kind, data in ancillary if kind in (IP_RECVERR, IPV6_RECVERR))
    number, _origin, kind, code = struct.unpack_from("=IBBB", extended)
    at, size = (24, 16) if udp.family == socket.AF_INET6 else (20, 4)
    sender = str(ipaddress.ip_address(extended[at : at + size]))
    return IcmpError(number, kind, code, sender)


def trace(namespace: Namespace, address: str, most_hops: int = 8) -> list[str]:
    """Do what traceroute does: UDP with a growing TTL; return who answered, '*' for nobody."""
    path: list[str] = []
    for hops in range(1, most_hops + 1):
        answer = udp_ask(namespace, address, FIRST_TRACE_PORT + hops, hops=hops, timeout=1.0)
        path.append(answer.sender if isinstance(answer, IcmpError) else "*")
        if path[-1] == address:
            break
    return path


def ping(
    namespace: Namespace,
    address: str,
    identifier: int = 0x1234,
    sequence: int = 1,
    timeout: float = ANSWER_TIMEOUT_S,
) -> bool:
    """Send one echo request; True when its reply came within `timeout` seconds."""
    family = family_of(address)
    request, reply = ICMP_ECHO[family]
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    message = struct.pack("!BBHHH", request, 0, 0, identifier, sequence) + bytes(range(48))
    if family == socket.AF_INET:  # The kernel fills in the checksum of ICMPv6 only.
        message = message[:2] + struct.pack("!H", internet_checksum(message)) + message[4:]
    expected = struct.pack("!HH", identifier, sequence)
    end = time.monotonic() + timeout
    with namespace.socket(family, socket.SOCK_RAW, protocol) as raw:
        raw.sendto(message, (address, 0))
        while (left := end - time.monotonic()) > 0:
            raw.settimeout(left)
            try:
                data = raw.recv(65535)
            except TimeoutError:
                return False
            at = 0 if family == socket.AF_INET6 else (data[0] & 15) * 4
            if data[at] == reply and data[at + 4 : at + 8] == expected:
                return True
    return False


def internet_checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071 over `data`."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def send_packet(namespace: Namespace, packet: Packet) -> None:
    """Send a hand-made IPv4 or IPv6 packet as it is, header included; the kernel routes it."""
    data = bytes(packet)
    family = socket.AF_INET6 if data[0] >> 4 == 6 else socket.AF_INET
    with namespace.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(data, (str(packet.dst), 0))


def send_segmented(udp: socket.socket, data: bytes, segment: int) -> None:
    """Send `data` as one UDP super-packet that is cut into datagrams of `segment` octets later."""
    udp.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, segment)
    udp.send(data)
