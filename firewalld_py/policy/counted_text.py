"""What a packet has, in words, where a condition that counts was not met."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.policy.addresses import address_text
from firewalld_py.rules.matches_connlimit import ConnectionsMatch
from firewalld_py.rules.matches_rate import CountingMatch
from firewalld_py.rules.recent import RecentMatch

# Said where nothing else is known.
COUNTED: Final = "by its count of packets so far"


def counted_text(match: CountingMatch, packet: Packet, info: CtInfo) -> str:
    """Why it was not met, as well as that is known once the packet was judged.

    "" if it surely was met: then it is one of those behind it that was not.
    """
    if isinstance(match, ConnectionsMatch) and packet.src:
        return _connections(match, packet, info)
    if isinstance(match, RecentMatch) and packet.src:
        return _recent(match, packet)
    return COUNTED


def _connections(match: ConnectionsMatch, packet: Packet, info: CtInfo) -> str:
    count = match.connections(packet, info.connection)
    if (count > match.limit) != match.inverted:
        return ""
    bits = match.mask_v4 if packet.version == 4 else match.mask_v6
    whose = _network(packet.dst if match.destination else packet.src, bits)
    how = "more" if count > match.limit else "no more"
    return f"{whose} has {count} connection{'s'[: count != 1]}, {how} than {match.limit}"


def _recent(match: RecentMatch, packet: Packet) -> str:
    recent = match.recent
    key = recent.key(packet, match.destination)
    whose = _network(key, recent.mask_v4 if packet.version == 4 else recent.mask_v6)
    now = packet.meta.arrived
    seen = recent.entries.get(key)
    # What this very packet led to does not count: it was asked before.
    stamps = [] if seen is None else [stamp for stamp in seen.stamps if stamp < now]
    if not stamps:
        return f"{whose} was not in the list"
    if match.within:
        stamps = [stamp for stamp in stamps if stamp >= now - match.within]
        return f"{whose} was seen {_times(len(stamps))} within {match.within:g} s"
    return f"{whose} was seen {_times(len(stamps))}"


def _times(count: int) -> str:
    return {0: "not once", 1: "once"}.get(count, f"{count} times")


def _network(address: bytes, bits: int) -> str:
    whole = 8 * len(address)
    number = int.from_bytes(address, "big")
    if bits >= whole:
        return address_text(4 if whole == 32 else 6, number)
    number = number >> (whole - bits) << (whole - bits)
    return f"{address_text(4 if whole == 32 else 6, number)}/{bits}"
