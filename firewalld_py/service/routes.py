"""The kernel's routes, asked and watched (rtnetlink, RTM_GETROUTE and RTM_GETRULE).

Layouts as in linux/netlink.h, linux/rtnetlink.h and linux/fib_rules.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from firewalld_py.rules.routes import RTN_MAX

NETLINK_ROUTE: Final = 0
RTM_NEWROUTE: Final = 24
RTM_GETROUTE: Final = 26
RTM_NEWRULE: Final = 32
RTM_GETRULE: Final = 34
NLM_F_REQUEST: Final = 0x1
NLM_F_DUMP: Final = 0x300
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
RTA_DST: Final = 1
RTA_OIF: Final = 4
RTA_PRIORITY: Final = 6
RTA_MULTIPATH: Final = 9
RTA_TABLE: Final = 15
RTM_F_CLONED: Final = 0x200
RTNH_F_DEAD: Final = 0x1
FRA_IIFNAME: Final = 3
FRA_PRIORITY: Final = 6
FRA_FWMARK: Final = 10
FRA_TABLE: Final = 15
FRA_OIFNAME: Final = 17
FR_ACT_TO_TBL: Final = 1
# Groups of notifications: IPv4 routes and rules, IPv6 routes and rules (RTNLGRP_IPV6_RULE is 19).
GROUPS: Final = 0x40 | 0x80 | 0x400 | 1 << 18
ANSWER_OCTETS: Final = 1 << 18
DRAIN_OCTETS: Final = 65536
TIMEOUT_S: Final = 10.0

MAX_ROUTES: Final = 200_000  # more are not taken over: conditions on routes cannot be asked then
# RT_TABLE_LOCAL, _MAIN and _DEFAULT in the order in which the standard rules lead to them, and
# these rules' priorities.
TABLES: Final = {255: 0, 254: 1, 253: 2}
STANDARD_RULES: Final = frozenset(((0, 255), (32766, 254), (32767, 253)))

_HEADER: Final = struct.Struct("=IHHII")  # of a message: octets, type, flags, number, port
# rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
# fib_rule_hdr is of the same size, its eighth octet the action.
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")  # octets, type
_NEXT_HOP: Final = struct.Struct("=HBBi")  # octets, flags, hops, interface

# Family (4 or 6), table (0 local, 1 main, 2 default), address, prefix length, type, metric, then
# the interfaces of its next hops.
Row = list[int]


class Routes(NamedTuple):
    """All routes of the three tables, None if there are too many; and how many rules lead astray.

    These are policy rules other than the standard ones: the conditions on routes do not know them.
    """

    rows: list[Row] | None
    other_rules: int


def read_routes() -> Routes:
    """Ask the kernel. Raises OSError if it does not tell."""
    rows: list[Row] = []
    others = 0
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind, message in _dump(RTM_GETRULE, family):
            others += kind == RTM_NEWRULE and not _is_standard(message)
        for kind, message in _dump(RTM_GETROUTE, family):
            if kind == RTM_NEWROUTE and (row := _row(message)) is not None:
                if len(rows) == MAX_ROUTES:
                    return Routes(None, others)
                rows.append(row)
    return Routes(rows, others)


def _dump(what: int, family: int) -> Iterator[tuple[int, bytes]]:
    """The messages of a dump; the request's body is that of a route or a rule, all zero."""
    body = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
    request = _HEADER.pack(_HEADER.size + len(body), what, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as asking:
        asking.settimeout(TIMEOUT_S)
        asking.send(request + body)
        while True:
            answer = asking.recv(ANSWER_OCTETS)
            at = 0
            while at < len(answer):
                size, kind, _flags, _number, _port = _HEADER.unpack_from(answer, at)
                message = answer[at + _HEADER.size : at + size]
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    error = -struct.unpack_from("=i", message)[0]
                    if family == socket.AF_INET6 or what == RTM_GETRULE:
                        return  # a kernel without IPv6, or without policy rules
                    raise OSError(error, "the kernel does not show its routes")
                yield kind, message
                at += (size + 3) & ~3


def _attributes(message: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while at + _ATTRIBUTE.size <= len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, at)
        found[kind] = message[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
    return found


def _number(found: dict[int, bytes], kind: int, default: int) -> int:
    return int(struct.unpack("=I", found[kind])[0]) if kind in found else default


def _row(message: bytes) -> Row | None:
    """The route of a message; None for one that is of another table, or not asked for like this."""
    family, length, source_length, tos, table, _protocol, _scope, kind, flags = _ROUTE.unpack_from(
        message
    )
    found = _attributes(message, _ROUTE.size)
    place = TABLES.get(_number(found, RTA_TABLE, table))
    if place is None or source_length or tos or flags & RTM_F_CLONED or not 0 < kind <= RTN_MAX:
        return None
    address = int.from_bytes(found.get(RTA_DST, b""), "big")
    version = 4 if family == socket.AF_INET else 6
    metric = _number(found, RTA_PRIORITY, 0)
    return [version, place, address, length, kind, metric, *_interfaces(found, flags)]


def _interfaces(found: dict[int, bytes], flags: int) -> list[int]:
    """The interfaces of a route's next hops that are alive."""
    interfaces: list[int] = []
    if RTA_OIF in found and not flags & RTNH_F_DEAD:
        interfaces.append(_number(found, RTA_OIF, 0))
    hops, at = found.get(RTA_MULTIPATH, b""), 0
    while at + _NEXT_HOP.size <= len(hops):
        size, hop_flags, _hops, index = _NEXT_HOP.unpack_from(hops, at)
        if not hop_flags & RTNH_F_DEAD:
            interfaces.append(index)
        at += max((size + 3) & ~3, _NEXT_HOP.size)
    return interfaces


def _is_standard(message: bytes) -> bool:
    """Whether a policy rule is one of those that every machine has."""
    _family, length, source_length, tos, table, _, _, action, _ = _ROUTE.unpack_from(message)
    found = _attributes(message, _ROUTE.size)
    if length or source_length or tos or action != FR_ACT_TO_TBL:
        return False
    if {FRA_IIFNAME, FRA_OIFNAME, FRA_FWMARK} & found.keys():
        return False
    rule = _number(found, FRA_PRIORITY, 0), _number(found, FRA_TABLE, table)
    return rule in STANDARD_RULES


class RouteWatch:
    """Readable (see `fileno`) when routes or policy rules changed."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_ROUTE
        )
        self._socket.bind((0, GROUPS))

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        """Forget what is told so far: who asks for the routes now has all of that."""
        while True:
            try:
                self._socket.recv(DRAIN_OCTETS)
            except BlockingIOError:
                return
            except OSError as error:  # overrun: more was told than there is room for
                if error.errno != errno.ENOBUFS:
                    raise

    def close(self) -> None:
        self._socket.close()
