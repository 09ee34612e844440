"""Finding connections by what is known of them, some of the table at a time.

A Wanted says which ones: each part of it may be left open. It crosses from the supervisor to a
worker as plain text, so that those who ask can know more parts one day and the message stays as it
is. A Search goes through the table in bounded steps, between batches of packets.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from firewalld_py.conntrack.connection import ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.flow import (
    destination,
    destination_port,
    source,
    source_port,
)
from firewalld_py.conntrack.flow_number import IS_WIDE
from firewalld_py.conntrack.table import PARTS, Table

ANY: Final = -1
_MASK: Final = 0xFFFFFFFF
PARTS_OF_WANTED: Final = ("protocol", "zone", "src", "dst", "sport", "dport", "directions")
LOOKS_PER_PART: Final = 8  # that a part costs at least, even if nothing is in it


class SearchError(ValueError):
    """What is wanted cannot be understood."""


class Wanted:
    """The connections whose packets, in one of `directions`, have these ends.

    Addresses and ports are ranges, both bounds included; None and ANY leave a part open. A
    connection fits if the packets of one direction have all that is said: of addresses alone, and
    both directions, either end may be the source.
    """

    __slots__ = (
        "_dst_high",
        "_dst_low",
        "_src_high",
        "_src_low",
        "directions",
        "dport",
        "dst",
        "protocol",
        "sport",
        "src",
        "zone",
    )

    def __init__(
        self,
        protocol: int = ANY,
        zone: int = ANY,
        src: tuple[bytes, bytes] | None = None,
        dst: tuple[bytes, bytes] | None = None,
        sport: tuple[int, int] | None = None,
        dport: tuple[int, int] | None = None,
        directions: tuple[int, ...] = (ORIGINAL,),
    ) -> None:
        self.protocol = protocol
        self.zone = zone
        self.src = src
        self.dst = dst
        self.sport = sport
        self.dport = dport
        self.directions = directions
        # The same for IPv4 alone, as numbers: most connections are compared without octets.
        self._src_low: i64 = _low(src)
        self._src_high: i64 = _high(src)
        self._dst_low: i64 = _low(dst)
        self._dst_high: i64 = _high(dst)

    def fits(self, connection: Connection) -> bool:
        """Whether this is one of them."""
        if self.protocol not in (ANY, connection.protocol):
            return False
        if connection.original_ports & IS_WIDE:
            if self.zone not in (ANY, connection.zone()):
                return False
            for direction in self.directions:
                if self._fits_key(connection.key(direction)):
                    return True
            return False
        if self.zone not in (ANY, 0):
            return False
        for direction in self.directions:
            if direction == ORIGINAL:
                fits = self._fits_numbers(connection.original_ends, connection.original_ports)
            else:
                fits = self._fits_numbers(connection.reply_ends, connection.reply_ports)
            if fits:
                return True
        return False

    def _fits_numbers(self, ends: i64, ports: i64) -> bool:
        """The same of a key of IPv4 in zone 0, as flow_number.py has it."""
        source: i64 = ends >> 32 & _MASK
        destination: i64 = ends & _MASK
        if not (self._src_low <= source <= self._src_high):
            return False
        if not (self._dst_low <= destination <= self._dst_high):
            return False
        number = int(ports >> 24 & 0xFFFF)
        if self.sport is not None and not (self.sport[0] <= number <= self.sport[1]):
            return False
        number = int(ports >> 8 & 0xFFFF)
        return self.dport is None or self.dport[0] <= number <= self.dport[1]

    def _fits_key(self, key: bytes) -> bool:
        return (
            _is_in(source(key), self.src)
            and _is_in(destination(key), self.dst)
            and (self.sport is None or self.sport[0] <= source_port(key) <= self.sport[1])
            and (self.dport is None or self.dport[0] <= destination_port(key) <= self.dport[1])
        )

    def as_text(self) -> dict[str, str]:
        """Its parts by name, those that are said."""
        said = {"directions": ",".join([str(direction) for direction in self.directions])}
        for name, number in (("protocol", self.protocol), ("zone", self.zone)):
            if number != ANY:
                said[name] = str(number)
        for name, addresses in (("src", self.src), ("dst", self.dst)):
            if addresses is not None:
                said[name] = f"{addresses[0].hex()}-{addresses[1].hex()}"
        for name, ports in (("sport", self.sport), ("dport", self.dport)):
            if ports is not None:
                said[name] = f"{ports[0]}-{ports[1]}"
        return said


def wanted_from_text(said: dict[str, str]) -> Wanted:
    """What as_text() has made. Raises SearchError for anything else."""
    for name in said:
        if name not in PARTS_OF_WANTED:
            raise SearchError(f"connections are not found by {name}")
    try:
        return Wanted(
            int(said.get("protocol", "-1")),
            int(said.get("zone", "-1")),
            _addresses(said.get("src")),
            _addresses(said.get("dst")),
            _ports(said.get("sport")),
            _ports(said.get("dport")),
            tuple([_direction(number) for number in said.get("directions", "0").split(",")]),
        )
    except (ValueError, AttributeError, TypeError) as fault:
        raise SearchError(f"not what a connection can be found by: {fault}") from fault


def _low(bounds: tuple[bytes, bytes] | None) -> i64:
    """The lowest IPv4 address; of IPv6 bounds one above all."""
    if bounds is None:
        return 0
    return int.from_bytes(bounds[0], "big") if len(bounds[0]) == 4 else _MASK + 1


def _high(bounds: tuple[bytes, bytes] | None) -> i64:
    if bounds is None:
        return _MASK
    return int.from_bytes(bounds[1], "big") if len(bounds[1]) == 4 else 0


def _addresses(text: str | None) -> tuple[bytes, bytes] | None:
    if text is None:
        return None
    low, _dash, high = text.partition("-")
    bounds = bytes.fromhex(low), bytes.fromhex(high)
    if len(bounds[0]) not in (4, 16) or len(bounds[0]) != len(bounds[1]):
        raise SearchError(f"no range of addresses: {text}")
    return bounds


def _ports(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    low, _dash, high = text.partition("-")
    return int(low), int(high)


def _direction(text: str) -> int:
    if text not in ("0", "1"):
        raise SearchError(f"no direction: {text}")
    return ORIGINAL if text == "0" else REPLY


def _is_in(address: bytes, bounds: tuple[bytes, bytes] | None) -> bool:
    if bounds is None:
        return True
    return len(address) == len(bounds[0]) and bounds[0] <= address <= bounds[1]


class Search:
    """One way through a table; `step` until it says that there is no more."""

    def __init__(self, table: Table, wanted: Wanted) -> None:
        self._table = table
        self._wanted = wanted
        self._part = 0

    def step(self, looks: int, now: float) -> list[Connection]:
        """Some of the living connections that fit; about so many are looked at."""
        found: list[Connection] = []
        left: i64 = looks
        while left > 0 and self._part < PARTS:
            connections = self._table.part(self._part)
            self._part += 1
            left -= LOOKS_PER_PART + len(connections)
            for connection in connections:
                if connection.deadline > now and self._wanted.fits(connection):
                    found.append(connection)
        return found

    def is_done(self) -> bool:
        return self._part >= PARTS
