"""What a packet has where a condition also asks the machine, in words: the condition knows both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from firewalld_py.packet.packet import Packet
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_link import (
    BROADCAST,
    MULTICAST,
    UNICAST,
    PacketTypeMatch,
    packet_type,
)
from firewalld_py.rules.matches_time import TimeMatch

PACKET_TYPE_NAMES: Final = {UNICAST: "unicast", BROADCAST: "broadcast", MULTICAST: "multicast"}


def machine_fact(match: Match, packet: Packet) -> str:
    """Why the condition is not met; "" for those that ask the packet alone."""
    if isinstance(match, TimeMatch):
        return _time(match, packet)
    if isinstance(match, PacketTypeMatch) and packet.dst:
        name = PACKET_TYPE_NAMES[packet_type(packet, match.machine)]
        return f"the packet is {name} by its destination"
    return ""


def _time(match: TimeMatch, packet: Packet) -> str:
    """`it is Thu 2026-01-01 13:00:00 (+01:00)`, by the clocks that the condition means."""
    second = int(packet.meta.arrived + match.machine.wall_offset)
    ahead = match.zone.offset(second)
    shown = datetime.fromtimestamp(second + ahead, UTC).strftime("%a %Y-%m-%d %H:%M:%S")
    sign, (hours, seconds) = "-" if ahead < 0 else "+", divmod(abs(ahead), 3600)
    return f"it is {shown} " + (f"({sign}{hours:02}:{seconds // 60:02})" if ahead else "UTC")
