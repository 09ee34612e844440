"""Expectations: connections that a helper has read about in another one.

A helper that sees, say, an FTP server name a port for the data connection leaves an expectation;
the first packet that fits it opens a connection that is RELATED and knows its master. Expectations
are bounded per master, end with their master, and are used once unless permanent.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import DYING, Connection
from firewalld_py.conntrack.flow import address_size

MAX_PER_MASTER: Final = 16  # then the oldest goes
MAX_EXPECTATIONS: Final = 65536  # then a new one is refused


class Expectation:
    """A flow that is expected: destination, protocol and destination port, and maybe the source.

    `src` is b"" for any source; addresses are octets, `protocol` and `dport` numbers; `deadline` is
    absolute; a `permanent` one stays after its use; `helper` is assigned to the new connection.
    """

    __slots__ = (
        "deadline",
        "dport",
        "dst",
        "helper",
        "master",
        "permanent",
        "protocol",
        "src",
    )

    def __init__(
        self,
        master: Connection,
        src: bytes,
        dst: bytes,
        protocol: int,
        dport: int,
        deadline: float,
        permanent: bool = False,
        helper: str = "",
    ) -> None:
        self.master = master
        self.src = src
        self.dst = dst
        self.protocol = protocol
        self.dport = dport
        self.deadline = deadline
        self.permanent = permanent
        self.helper = helper


class ExpectationTable:
    """Expectations by (protocol, destination, destination port)."""

    def __init__(self) -> None:
        self._by_target: dict[bytes, list[Expectation]] = {}
        self._by_master: dict[bytes, list[Expectation]] = {}
        self.size = 0

    def expect(self, expectation: Expectation) -> bool:
        """Enter an expectation; False if the table is full. The oldest of a master gives way."""
        if self.size >= MAX_EXPECTATIONS:
            return False
        siblings = self._by_master.setdefault(expectation.master.original_key, [])
        if len(siblings) >= MAX_PER_MASTER:
            self._forget(siblings[0])
            siblings = self._by_master.setdefault(expectation.master.original_key, [])
        siblings.append(expectation)
        target = _target(expectation.dst, expectation.dport, expectation.protocol)
        self._by_target.setdefault(target, []).append(expectation)
        self.size += 1
        return True

    def take(self, key: bytes, now: float) -> Expectation | None:
        """The living expectation that the first packet of flow `key` meets; used up by that."""
        if self.size == 0:
            return None
        size = address_size(key)
        at = 2 * size
        target = key[size:at] + key[at + 2 :]
        for expectation in list(self._by_target.get(target, ())):
            if expectation.deadline <= now or expectation.master.status & DYING:
                self._forget(expectation)
                continue
            if expectation.src and expectation.src != key[:size]:
                continue
            if not expectation.permanent:
                self._forget(expectation)
            return expectation
        return None

    def forget_master(self, master: Connection) -> None:
        """Drop all that a connection expected; called when it goes."""
        for expectation in list(self._by_master.get(master.original_key, ())):
            if expectation.master is master:
                self._forget(expectation)

    def _forget(self, expectation: Expectation) -> None:
        target = _target(expectation.dst, expectation.dport, expectation.protocol)
        _drop(self._by_target, target, expectation)
        _drop(self._by_master, expectation.master.original_key, expectation)
        self.size -= 1


def _target(dst: bytes, dport: int, protocol: int) -> bytes:
    return dst + bytes((dport >> 8, dport & 0xFF, protocol))


def _drop(index: dict[bytes, list[Expectation]], key: bytes, expectation: Expectation) -> None:
    entries = index[key]
    entries.remove(expectation)
    if not entries:
        del index[key]
