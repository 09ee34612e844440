"""The two nfnetlink conversations of the kernel judge: reading NFLOG, emptying the table.

Layouts as in linux/netlink.h, linux/netfilter/nfnetlink.h, nfnetlink_log.h, nfnetlink_conntrack.h.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

NETLINK_NETFILTER: Final = 12
NLMSG_ERROR: Final = 2
NLM_F_REQUEST: Final = 1
NLMSG_DONE: Final = 3
NLM_F_ACK: Final = 4
NLM_F_DUMP: Final = 0x300
NESTED: Final = 0x8000

SUBSYS_CTNETLINK: Final = 1
SUBSYS_EXPECTATIONS: Final = 2
SUBSYS_ULOG: Final = 4
SUBSYS_TIMEOUT: Final = 8
CT_GET: Final = SUBSYS_CTNETLINK << 8 | 1
EXPECTATION_GET: Final = SUBSYS_EXPECTATIONS << 8 | 1
CT_DELETE: Final = SUBSYS_CTNETLINK << 8 | 2
LOG_CONFIG: Final = SUBSYS_ULOG << 8 | 1
TIMEOUT_NEW: Final = SUBSYS_TIMEOUT << 8 | 0

CONFIG_COMMAND: Final = 1
CONFIG_MODE: Final = 2
CONFIG_THRESHOLD: Final = 5
COMMAND_BIND: Final = 1
COPY_META: Final = 1

NETLINK_HEADER: Final = 16
ATTRIBUTES_AT: Final = 20  # behind nlmsghdr and nfgenmsg
PACKET_HEADER_SIZE: Final = 8  # NFULA_PACKET_HDR, the first attribute of every message
PREFIX_AT: Final = ATTRIBUTES_AT + PACKET_HEADER_SIZE
NFULA_PREFIX: Final = 10
RECEIVE_BUFFER: Final = 1 << 20


class NetlinkError(OSError):
    """The kernel refused a request, or answered something that is not understood."""


def open_log(group: int) -> socket.socket:
    """A non-blocking socket, of the calling thread's namespace, that gets each packet at once."""
    log = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    log.bind((0, 0))
    log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    _ask(log, LOG_CONFIG, group, _attribute(CONFIG_COMMAND, bytes((COMMAND_BIND,))))
    _ask(log, LOG_CONFIG, group, _attribute(CONFIG_MODE, struct.pack(">IBB", 0, COPY_META, 0)))
    _ask(log, LOG_CONFIG, group, _attribute(CONFIG_THRESHOLD, struct.pack(">I", 1)))
    log.setblocking(False)
    return log


def open_conntrack() -> socket.socket:
    """A socket for `flush`, of the calling thread's namespace."""
    control = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    control.bind((0, 0))
    return control


def flush(control: socket.socket) -> None:
    """Empty the connection table of the socket's namespace."""
    _ask(control, CT_DELETE, 0, b"")


def delete(control: socket.socket, entry: bytes) -> None:
    """Remove one connection, of which `entry` is the message that shows it."""
    size, _kind = struct.unpack_from("=HH", entry, ATTRIBUTES_AT)  # the original tuple comes first
    tuple_ = entry[ATTRIBUTES_AT : ATTRIBUTES_AT + size]
    _ask(control, CT_DELETE, 0, tuple_, entry[NETLINK_HEADER])


def dump(control: socket.socket, what: int = CT_GET) -> list[bytes]:
    """A table of the socket's namespace, a netlink message for each entry."""
    request = struct.pack("=IHHIIBBH", 20, what, NLM_F_REQUEST | NLM_F_DUMP, 1, 0, 0, 0, 0)
    control.send(request)
    entries: list[bytes] = []
    while True:
        answer = control.recv(RECEIVE_BUFFER)
        at = 0
        while at < len(answer):
            size, kind = struct.unpack_from("=IH", answer, at)
            if kind == NLMSG_DONE:
                return entries
            if kind == NLMSG_ERROR:
                raise NetlinkError("the kernel does not show its table")
            entries.append(answer[at : at + size])
            at += (size + 3) & ~3


def add_timeouts(name: str, family: int, protocol: int, seconds: Sequence[int]) -> None:
    """A timeout policy for `CT --timeout`; `seconds` in the order of enum ctattr_timeout_tcp & co.

    `family` is AF_INET or AF_INET6; all in the calling thread's namespace.
    """
    values = b"".join(
        _attribute(kind, struct.pack(">I", value)) for kind, value in enumerate(seconds, 1)
    )
    with open_conntrack() as control:
        _ask(
            control,
            TIMEOUT_NEW,
            0,
            _attribute(1, name.encode() + b"\0")
            + _attribute(2, struct.pack(">H", family))
            + _attribute(3, bytes((protocol,)))
            + _attribute(4 | NESTED, values),
        )


def log_prefix(message: bytes) -> bytes:
    """The prefix of a packet that NFLOG reports, without its closing zero."""
    size, kind = struct.unpack_from("=HH", message, PREFIX_AT)
    if kind != NFULA_PREFIX:
        raise NetlinkError(f"NFLOG's second attribute is of type {kind}, not the prefix")
    return message[PREFIX_AT + 4 : PREFIX_AT + size - 1]


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def _ask(
    control: socket.socket, kind: int, resource: int, attributes: bytes, family: int = 0
) -> None:
    """Send a request and wait for its acknowledgement."""
    body = struct.pack(">BBH", family, 0, resource) + attributes
    header = struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK, 1, 0)
    control.send(header + body)
    answer = control.recv(4096)
    _, answered, _, _, _, error = struct.unpack_from("=IHHIIi", answer)
    if answered != NLMSG_ERROR or error != 0:
        raise NetlinkError(f"nfnetlink request {kind:#x}: {os.strerror(-error)}")
