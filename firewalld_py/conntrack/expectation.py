"""Expectations: connections that a helper has read about in another one.

A helper that sees, say, an FTP server name a port for the data connection leaves an expectation;
the first packet that fits it opens a connection that is RELATED and knows its master. Expectations
are bounded per master and class and in total, end with their master, and are used once unless
permanent. What is registered, refused and found is as in nf_conntrack_expect.c.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import CONFIRMED, DYING, Connection
from firewalld_py.conntrack.flow import address_size

# Flags; values as in include/uapi/linux/netfilter/nf_conntrack_common.h.
PERMANENT: Final = 1 << 0  # opens any number of connections until its time is over
INACTIVE: Final = 1 << 1  # is met by nothing as yet

ANY_PORT: Final = -1
ANY_ADDRESS: Final = b""

# What becomes of a new expectation.
EXPECTED: Final = 0
CLASH: Final = 1  # one packet could meet it and another one (EBUSY)
ALREADY: Final = 2  # another master, or class, expects the very same (EALREADY)
NO_ROOM: Final = 3  # too many in all (EMFILE)
THIRD_PARTY: Final = 4  # towards a host that is no end of the master; see helpers/base.py


@mypyc_attr(acyclic=True)
class Policy:
    """How many expectations of one class a master may have at once, and how long each lives.

    One too many, and the oldest of them goes.
    """

    __slots__ = ("maximum", "timeout_s")

    def __init__(self, maximum: int, timeout_s: float) -> None:
        self.maximum = maximum
        self.timeout_s = timeout_s


class Expectation:
    """A flow that is expected.

    `src` is ANY_ADDRESS for any source; with a `src_mask` (else b"") the bits under it count.
    `sport` may be ANY_PORT; of GRE the ports are call ids. `kind` is its class, an index of
    the helper's policies. `flags` are PERMANENT and INACTIVE; `helper` is given to the new
    connection; `deadline` is absolute.
    """

    __slots__ = (
        "deadline",
        "dport",
        "dst",
        "flags",
        "helper",
        "kind",
        "master",
        "protocol",
        "sport",
        "src",
        "src_mask",
    )

    def __init__(
        self,
        master: Connection,
        src: bytes,
        dst: bytes,
        protocol: int,
        dport: int,
        sport: int = ANY_PORT,
        kind: int = 0,
        flags: int = 0,
        helper: str = "",
        src_mask: bytes = b"",
    ) -> None:
        self.master = master
        self.src = src
        self.src_mask = src_mask
        self.sport = sport
        self.dst = dst
        self.dport = dport
        self.protocol = protocol
        self.kind = kind
        self.flags = flags
        self.helper = helper
        self.deadline = 0.0

    def target(self) -> bytes:
        """What all packets have in common that meet it, as the end of a flow key has it."""
        size = len(self.dst)
        key = self.master.original_key
        port = bytes((self.dport >> 8 & 0xFF, self.dport & 0xFF, self.protocol))
        return self.dst + port + key[2 * size + 5 :]  # the zone is the master's

    def is_met_by(self, key: bytes) -> bool:
        """Whether a flow that has the target comes from the right place."""
        size = len(self.dst)
        port = key[2 * size] << 8 | key[2 * size + 1]
        return (self.sport in (ANY_PORT, port)) and _same(self.src, key[:size], self.src_mask)

    def is_same_as(self, other: Expectation) -> bool:
        """Whether both are met by just the same; of one target."""
        return (
            self.src == other.src and self.src_mask == other.src_mask and self.sport == other.sport
        )

    def clashes_with(self, other: Expectation) -> bool:
        """Whether some packet could meet both; of one target."""
        if ANY_PORT not in (self.sport, other.sport) and self.sport != other.sport:
            return False
        if not self.src or not other.src:
            return True
        mask = self.src_mask or other.src_mask
        if self.src_mask and other.src_mask:
            mask = bytes([one & two for one, two in zip(mask, other.src_mask, strict=True)])
        return _same(self.src, other.src, mask)


def _same(wanted: bytes, address: bytes, mask: bytes) -> bool:
    """Whether an address is the wanted one, as far as the mask says; b"" wants none."""
    if not wanted:
        return True
    if not mask:
        return wanted == address
    for one, two, bits in zip(wanted, address, mask, strict=True):
        if (one ^ two) & bits:
            return False
    return True


class ExpectationTable:
    """Expectations by what they lead to, and by master. `maximum` bounds their number.

    One whose time is over is never found; it is let go when it is met with, or when room is needed.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self._by_target: dict[bytes, list[Expectation]] = {}
        self._by_master: dict[bytes, list[Expectation]] = {}
        self.size = 0

    def expect(self, new: Expectation, policy: Policy, now: float, any_master: bool = False) -> int:
        """Enter an expectation: EXPECTED, CLASH, ALREADY or NO_ROOM.

        One that its master has already takes the old one's place. With `any_master` one of
        another master that is met by just the same is no clash, but ALREADY.
        """
        for old in self._living(new.target(), now):
            if old.is_same_as(new) and (any_master or old.master is new.master):
                if old.kind != new.kind or old.master is not new.master:
                    return ALREADY
                self.remove(old)
                break
            if old.clashes_with(new):
                return CLASH
        if policy.maximum:
            of_class = [old for old in self.of_master(new.master, now) if old.kind == new.kind]
            if len(of_class) >= policy.maximum:
                self.remove(of_class[0])
        if self.size >= self.maximum:
            self._sweep(now)
            if self.size >= self.maximum:
                return NO_ROOM
        new.deadline = now + policy.timeout_s
        self._by_master.setdefault(new.master.original_key, []).append(new)
        self._by_target.setdefault(new.target(), []).append(new)
        self.size += 1
        return EXPECTED

    def find(self, key: bytes, now: float) -> Expectation | None:
        """The expectation that the first packet of flow `key` would meet; the newest first."""
        if self.size == 0:
            return None
        size = address_size(key)
        target = key[size : 2 * size] + key[2 * size + 2 :]
        for expectation in reversed(self._living(target, now)):
            if not expectation.flags & INACTIVE and expectation.is_met_by(key):
                return expectation
        return None

    def take(self, key: bytes, now: float) -> Expectation | None:
        """As `find`, if the master is in its place; used up by that unless it is permanent."""
        expectation = self.find(key, now)
        if expectation is None:
            return None
        status = expectation.master.status
        if status & DYING or not status & CONFIRMED:
            return None
        if not expectation.flags & PERMANENT:
            self.remove(expectation)
        return expectation

    def of_master(self, master: Connection, now: float) -> list[Expectation]:
        """What a connection expects, the oldest first (a copy)."""
        found: list[Expectation] = []
        for expectation in list(self._by_master.get(master.original_key, ())):
            if expectation.deadline <= now:
                self.remove(expectation)
            elif expectation.master is master:
                found.append(expectation)
        return found

    def all(self, now: float) -> list[Expectation]:
        """All that live, in no particular order."""
        self._sweep(now)
        return [one for entries in self._by_master.values() for one in entries]

    def some(self, at_most: int, now: float) -> list[Expectation]:
        """So many of those that live; unlike `all` it looks at no more of them."""
        found: list[Expectation] = []
        for entries in self._by_master.values():
            for expectation in entries:
                if len(found) >= at_most:
                    return found
                if expectation.deadline > now:
                    found.append(expectation)
        return found

    def forget_master(self, master: Connection) -> None:
        """Drop all that a connection expected; called when it goes."""
        for expectation in list(self._by_master.get(master.original_key, ())):
            if expectation.master is master:
                self.remove(expectation)

    def remove(self, expectation: Expectation) -> None:
        """Precondition: it is in the table."""
        _drop(self._by_target, expectation.target(), expectation)
        _drop(self._by_master, expectation.master.original_key, expectation)
        self.size -= 1

    def _living(self, target: bytes, now: float) -> list[Expectation]:
        entries = self._by_target.get(target)
        if entries is None:
            return []
        for expectation in [one for one in entries if one.deadline <= now]:
            self.remove(expectation)
        return list(entries)

    def _sweep(self, now: float) -> None:
        entries = [one for entries in self._by_master.values() for one in entries]
        for expectation in entries:
            if expectation.deadline <= now:
                self.remove(expectation)


def _drop(index: dict[bytes, list[Expectation]], key: bytes, expectation: Expectation) -> None:
    entries = index[key]
    entries.remove(expectation)
    if not entries:
        del index[key]
