"""What a packet has where a condition also asks the machine, in words: the condition knows both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from firewalld_py.packet.packet import Packet
from firewalld_py.policy.matches_routes import ADDRESS_TYPES
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_link import (
    BROADCAST,
    MULTICAST,
    UNICAST,
    PacketTypeMatch,
    packet_type,
)
from firewalld_py.rules.matches_routes import (
    AddressTypeMatch,
    ReversePathMatch,
    address_types,
)
from firewalld_py.rules.matches_time import TimeMatch
from firewalld_py.rules.routes import RTN_LOCAL, RTN_UNICAST

PACKET_TYPE_NAMES: Final = {UNICAST: "unicast", BROADCAST: "broadcast", MULTICAST: "multicast"}


def machine_fact(match: Match, packet: Packet, names: Mapping[int, str]) -> str:
    """Why the condition is not met; "" for those that ask the packet alone.

    `names` are interfaces by index.
    """
    if isinstance(match, TimeMatch):
        return _time(match, packet)
    if isinstance(match, PacketTypeMatch) and packet.dst:
        name = PACKET_TYPE_NAMES[packet_type(packet, match.machine)]
        return f"the packet is {name} by its destination"
    if isinstance(match, AddressTypeMatch | ReversePathMatch):
        return _routes(match, packet, names)
    return ""


def _routes(
    match: AddressTypeMatch | ReversePathMatch, packet: Packet, interfaces: Mapping[int, str]
) -> str:
    if not packet.src:
        return ""
    routes = match.machine.routes
    if routes is None:
        return "no routes are known"
    if isinstance(match, AddressTypeMatch):
        address = packet.dst if match.destination else packet.src
        types = address_types(address, routes)
        names = [name for name, bit in ADDRESS_TYPES.items() if bit & types]
        return f"the address is {', '.join(names)}"
    route = routes.find(packet.src)
    if route.type != RTN_UNICAST:
        kinds = {RTN_LOCAL: "it is this machine's own", 0: "no route leads there"}
        return f"of its source, {kinds.get(route.type, 'the route goes to no host')}"
    back = dict.fromkeys(_name(index, interfaces) for index in route.interfaces)
    came = _name(packet.meta.in_index, interfaces)
    return f"the packet came by {came}, an answer goes by {', '.join(back) or 'none'}"


def _name(index: int, interfaces: Mapping[int, str]) -> str:
    return interfaces.get(index, "an unknown interface" if index < 0 else f"interface {index}")


def _time(match: TimeMatch, packet: Packet) -> str:
    """`it is Thu 2026-01-01 13:00:00 (+01:00)`, by the clocks that the condition means."""
    second = int(packet.meta.arrived + match.machine.wall_offset)
    ahead = match.zone.offset(second)
    shown = datetime.fromtimestamp(second + ahead, UTC).strftime("%a %Y-%m-%d %H:%M:%S")
    sign, (hours, seconds) = "-" if ahead < 0 else "+", divmod(abs(ahead), 3600)
    return f"it is {shown} " + (f"({sign}{hours:02}:{seconds // 60:02})" if ahead else "UTC")
