"""From a plan's values to the matches about links and the machine: a builder for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_link import (
    BROADCAST,
    MULTICAST,
    UNICAST,
    PacketTypeMatch,
    SourceMacMatch,
)
from firewalld_py.rules.matches_routes import AddressTypeMatch, ReversePathMatch
from firewalld_py.rules.matches_time import TimeMatch, Zone

MAC_OCTETS: Final = 6

Builder = Callable[[bool, Any, Machine], Match]


def _source_mac(inverted: bool, value: Any, machine: Machine) -> Match:  # noqa: ARG001
    addresses = [bytes.fromhex(str(address)) for address in value]
    for address in addresses:
        if len(address) != MAC_OCTETS:
            raise ValueError("no Ethernet address")
    return SourceMacMatch(inverted, frozenset(addresses))


def _packet_type(inverted: bool, value: Any, machine: Machine) -> Match:
    types = 0
    for bit in value:
        if bit not in (UNICAST, BROADCAST, MULTICAST):
            raise ValueError("no type of packet")
        types |= int(bit)
    return PacketTypeMatch(inverted, types, machine)


def _time(inverted: bool, value: Any, machine: Machine) -> Match:
    first, last, start, stop, weekdays, monthdays, contiguous, offset, changes = value
    starts = [int(second) for second, _offset in changes]
    zone = Zone(int(offset), starts, [int(ahead) for _second, ahead in changes])
    times = int(first), int(last), int(start), int(stop)
    days = int(weekdays), int(monthdays)
    return TimeMatch(
        inverted, times[0], times[1], times[2], times[3], days[0], days[1], bool(contiguous), zone,
        machine,
    )  # fmt: skip


def _src_type(inverted: bool, value: Any, machine: Machine) -> Match:
    return AddressTypeMatch(inverted, int(value), False, machine)


def _dst_type(inverted: bool, value: Any, machine: Machine) -> Match:
    return AddressTypeMatch(inverted, int(value), True, machine)


def _reverse_path(inverted: bool, value: Any, machine: Machine) -> Match:
    loose, accepts_local = value
    return ReversePathMatch(inverted, int(loose) != 0, int(accepts_local) != 0, machine)


# Raises TypeError or ValueError for a value that policy/compile.py does not make.
MACHINE_BUILDERS: Final[dict[str, Builder]] = {
    "source_mac": _source_mac,
    "packet_type": _packet_type,
    "time": _time,
    "src_type": _src_type,
    "dst_type": _dst_type,
    "reverse_path": _reverse_path,
}
