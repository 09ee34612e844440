"""Sending the answers to refused packets.

They leave through raw sockets and carry a mark by which the hook lets them pass unjudged.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

    from firewalld_py.service.messages import RejectEvent

SOMEWHERE_PORT: Final = 9  # for asking about routes; nothing is ever sent there


class RejectError(Exception):
    """Answers cannot be sent; the message says why and what to do."""


class Rejecter:
    """Builds and sends answers; to be used by one thread at a time.

    Sockets are opened, and scapy is imported, at the first `warm_up` or `answer`.
    """

    def __init__(self, mark: int) -> None:
        """`mark` is put on every packet sent (the configuration's hook.reject_mark)."""
        self._mark = mark
        self._raw: dict[int, socket.socket] = {}
        self._told: set[int | None] = set()
        self._counters = {"sent": 0, "failed": 0}

    def warm_up(self) -> None:
        """Do beforehand what makes a first answer slow: importing scapy takes 0.2 s and more."""
        _builder()
        for family in (socket.AF_INET, socket.AF_INET6):
            self._socket(family)

    def answer(self, event: RejectEvent) -> str:
        """Answer a refused packet: "sent", "failed", or "silent_…" with the reason.

        The first failure of each kind is also raised as RejectError, the others only counted: a
        network that is down shall not fill the log.
        """
        try:
            return self._count(self._answer(event))
        except OSError as error:
            self._count("failed")
            if error.errno in self._told:
                return "failed"
            self._told.add(error.errno)
            raise RejectError(_explain(error)) from error

    def _answer(self, event: RejectEvent) -> str:
        builder = _builder()
        answer = builder.build_answer(event, self)
        if isinstance(answer, builder.Silence):
            return f"silent_{answer.reason}"
        if answer.version == 4:
            self._socket(socket.AF_INET).sendto(answer.data, (answer.destination, 0))
        else:
            scope = _scope(answer.destination, event.in_index or event.out_index)
            where = (answer.destination, 0, 0, scope)
            self._socket(socket.AF_INET6).sendto(answer.data, where)
        return "sent"

    def counters(self) -> dict[str, int]:
        """How many answers were sent, failed, or kept back, by reason."""
        return dict(self._counters)

    def is_broadcast(self, address: str) -> bool:
        """Whether an IPv4 address is a broadcast one: the kernel then refuses to connect to it."""
        with self._marked(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            return asking.connect_ex((address, SOMEWHERE_PORT)) == errno.EACCES

    def own_address(self, destination: str, in_index: int) -> str:
        """The IPv6 address the kernel would use towards `destination`; "::" without a route."""
        with self._marked(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
            scope = _scope(destination, in_index)
            if asking.connect_ex((destination, SOMEWHERE_PORT, 0, scope)) != 0:
                return "::"
            return str(asking.getsockname()[0]).partition("%")[0]

    def close(self) -> None:
        """Close the sockets."""
        while self._raw:
            self._raw.popitem()[1].close()

    def _socket(self, family: int) -> socket.socket:
        # IPPROTO_RAW: the IP header is part of what is sent, in both families.
        if family not in self._raw:
            self._raw[family] = self._marked(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        return self._raw[family]

    def _marked(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self._mark)
        except OSError:
            made.close()
            raise
        return made

    def _count(self, outcome: str) -> str:
        self._counters[outcome] = self._counters.get(outcome, 0) + 1
        return outcome


def _builder() -> ModuleType:
    from firewalld_py.service import reject_packet  # noqa: PLC0415 - scapy, see warm_up

    return reject_packet


def _scope(destination: str, index: int) -> int:
    """The interface a link-local address (fe80::/10) belongs to; 0 for any other address."""
    return max(index, 0) if destination.lower()[:3] in ("fe8", "fe9", "fea", "feb") else 0


def _explain(error: OSError) -> str:
    advice = ""
    if error.errno in (errno.EPERM, errno.EACCES):
        advice = "; the daemon needs CAP_NET_RAW and CAP_NET_ADMIN, and its OUTPUT must allow it"
    return f"no answer to a refused packet: {error.strerror}{advice}; others are only counted"
