"""A packet in one line, for people."""

from __future__ import annotations

import ipaddress

from tests import wire

_NAMES = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    47: "gre",
    58: "icmpv6",
    132: "sctp",
    136: "udplite",
}
_TCP_HEADER = 20


def protocol_name(data: bytes) -> str:
    """The protocol, or next header, that the IP header names."""
    version = data[0] >> 4 if data else 0
    at = {4: 9, 6: 6}.get(version)
    if at is None or len(data) <= at:
        return "no packet"
    return _NAMES.get(data[at], str(data[at]))


def describe(data: bytes) -> str:
    """Addresses, protocol, and what is most telling of the transport header."""
    version = data[0] >> 4 if data else 0
    header = {4: (data[0] & 15) * 4 if data else 0, 6: 40}.get(version, 0)
    if header < 20 or len(data) < max(header, 20):
        return f"{len(data)} octets {data[:24].hex()}"
    size, at = (4, 12) if version == 4 else (16, 8)
    src = ipaddress.ip_address(data[at : at + size])
    dst = ipaddress.ip_address(data[at + size : at + 2 * size])
    said = (
        int.from_bytes(data[2:4], "big") if version == 4 else 40 + int.from_bytes(data[4:6], "big")
    )
    length = "" if said == len(data) else f" total length {said} of {len(data)}"
    options = f" options {data[20:header].hex()}" if version == 4 and header > 20 else ""
    fragment = int.from_bytes(data[6:8], "big") & 0x3FFF if version == 4 else 0
    piece = f" fragment {fragment:#x}" if fragment else ""
    name = protocol_name(data)
    return (
        f"{src} > {dst} {name}{length}{options}{piece} {_transport(name, data[header:])}".rstrip()
    )


def _transport(name: str, data: bytes) -> str:
    if name == "tcp" and len(data) >= _TCP_HEADER:
        return _tcp(data)
    ports = f"{int.from_bytes(data[:2], 'big')} > {int.from_bytes(data[2:4], 'big')}"
    if name in ("udp", "udplite") and len(data) >= 8:
        return f"{ports} length {int.from_bytes(data[4:6], 'big')} sum {data[6:8].hex()}"
    if name == "sctp" and len(data) >= 12:
        chunks, at = [], 12
        while at + 4 <= len(data):
            size = int.from_bytes(data[at + 2 : at + 4], "big")
            chunks.append(f"{data[at]}/{data[at + 1]:x}({size})")
            at += max((size + 3) // 4 * 4, 4)
        return f"{ports} tag {data[4:8].hex()} chunks {' '.join(chunks)}"
    if name in ("icmp", "icmpv6") and len(data) >= 8:
        head = f"type {data[0]} code {data[1]} id {data[4:6].hex()}"
        inner = data[8 + (40 if name == "icmpv6" and data[0] == 137 else 8 - 8) :]
        return f"{head} [{describe(inner)}]" if len(inner) >= 20 else f"{head} {inner.hex()}"
    return data[:24].hex()


def _tcp(data: bytes) -> str:
    seq, ack = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    letters = "".join(x for bit, x in enumerate(wire.FLAG_LETTERS) if data[13] >> bit & 1) or "NULL"
    header = (data[12] >> 4) * 4
    text = (
        f"{int.from_bytes(data[:2], 'big')} > {int.from_bytes(data[2:4], 'big')} {letters}"
        f" seq={seq} ack={ack} win={int.from_bytes(data[14:16], 'big')} len={len(data) - header}"
    )
    return text + (f" options {data[20:header].hex()}" if header > _TCP_HEADER else "")
