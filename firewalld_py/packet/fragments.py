"""Fragments: datagrams put together so that they can be judged as a whole.

As the kernel's reassembly does it (net/ipv4/ip_fragment.c, net/ipv6/netfilter/nf_conntrack_reasm.c,
inet_frag_queue_insert()): a piece that is there already, or lies within what is there, is left out;
one that overlaps in part spoils the datagram, and all of it is discarded (RFC 5722). The fragments
themselves stay with whoever brought them: each is known here by a token, and comes back as part of
the finished datagram, or as one that is to be dropped.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.extensions import fragment_offset, header_size, octets_asked
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    EXTENSION_HEADERS,
    FRAGMENT_HEADER,
    ICMP_HEADER,
    IPPROTO_FRAGMENT,
    IPPROTO_ICMPV6,
    IPPROTO_NONE,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPV6_HEADER,
    TCP_MIN,
    UDP_HEADER,
)
from firewalld_py.packet.reasons import (
    FRAGMENT,
    FRAGMENT_DUPLICATE,
    FRAGMENT_INCOMPLETE,
    FRAGMENT_LENGTH,
    FRAGMENT_MARKS,
    FRAGMENT_NO_ROOM,
    FRAGMENT_OVERLAP,
    OK,
)

LARGEST_DATAGRAM: Final = 65535
TIMEOUT_IPV4_S: Final = 30.0  # net.ipv4.ipfrag_time
TIMEOUT_IPV6_S: Final = 60.0  # net.netfilter.nf_conntrack_frag6_timeout
MAX_OCTETS: Final = 4 << 20  # held in all (net.ipv4.ipfrag_high_thresh); then fragments are refused
MAX_OCTETS_PER_SOURCE: Final = 1 << 20  # held of one source address
# What each takes beside its octets, and each datagram too. The kernel queue has its places too: so
# 2 000 of them at most go to fragments, 500 to those of one source.
COST_OF_FRAGMENT: Final = 2048


class Piece:
    """The octets `start` to `end` of a datagram's payload, as one fragment brought them."""

    __slots__ = ("end", "octets", "start", "token")

    def __init__(self, start: int, end: int, octets: bytes, token: int) -> None:
        self.start = start
        self.end = end
        self.octets = octets
        self.token = token


class Datagram:
    """One that is being put together. `length` is its payload's, as far as is known."""

    __slots__ = (
        "deadline",
        "has_last",
        "header",
        "held_octets",
        "key",
        "length",
        "marks",
        "pieces",
        "runs",
        "source",
        "version",
    )

    def __init__(self, version: int, key: bytes, source: bytes, deadline: float) -> None:
        self.version = version
        self.key = key
        self.source = source
        self.deadline = deadline
        self.header = b""  # of the fragment that begins the datagram; b"" until it comes
        self.length = 0
        self.marks = 0  # bit n: a fragment came with n in the ECN field (RFC 3168 section 5.3)
        self.has_last = False
        self.held_octets = 0
        self.pieces: list[Piece] = []  # in order, none touching the octets of another
        # (start, end) of pieces that came one behind the other at the datagram's end so far.
        self.runs: list[tuple[int, int]] = []

    def is_whole(self) -> bool:
        if not self.has_last or not self.header:
            return False
        at = 0
        for piece in self.pieces:
            if piece.start != at:
                return False
            at = piece.end
        return at == self.length


class Reassembler:
    """Fragments of all datagrams under way.

    After `add` said OK, `whole` is the datagram's octets and `released` the tokens of its other
    fragments. `dropped` collects the tokens of held fragments that will never be whole; the
    caller takes them out.
    """

    def __init__(self) -> None:
        self.whole = b""
        self.released: list[int] = []
        self.dropped: list[int] = []
        self.octets = 0
        # By key; in the order in which they began, and so in that of their deadlines.
        self._ipv4: dict[bytes, Datagram] = {}
        self._ipv6: dict[bytes, Datagram] = {}
        self._by_source: dict[bytes, int] = {}

    def __len__(self) -> int:
        """How many datagrams are under way."""
        return len(self._ipv4) + len(self._ipv6)

    def add(self, packet: Packet, token: int, now: float) -> int:
        """Take one fragment. Precondition: `packet.fragment`, and all its octets are at hand.

        OK: with it the datagram is whole. FRAGMENT_INCOMPLETE: it is held. FRAGMENT: it is not put
        together but goes on as it is (IPv6 only). Any other reason: it is to be dropped; what was
        held of its datagram, if it spoilt that, is in `dropped`.
        """
        self.expire(now)
        if packet.version == 6 and _is_headless(packet):
            return FRAGMENT
        piece = _piece_of(packet, token)
        key = _key_of(packet)
        is_last = not _more_follow(packet)
        datagram = self._of_version(packet.version).get(key)
        if packet.version == 6:
            if piece.end > LARGEST_DATAGRAM:
                return FRAGMENT_LENGTH
            if piece.end & 7 and not is_last:
                if datagram is not None:
                    self._forget(datagram)
                return FRAGMENT
        if datagram is None:
            datagram = self._begin(packet, key, now)
        if not self._has_room(datagram, piece):
            return FRAGMENT_NO_ROOM
        if packet.version == 4 and not is_last and piece.end & 7:
            cut = piece.end & 7
            piece.end -= cut
            piece.octets = piece.octets[: len(piece.octets) - cut]
        if not _fits_length(datagram, piece, is_last):
            # In IPv4 this spoils the datagram, in IPv6 it is left out (nf_ct_frag6_queue()).
            if packet.version == 4:
                self._forget(datagram)
            return FRAGMENT_LENGTH
        return self._insert(datagram, packet, piece)

    def expire(self, now: float) -> None:
        """Give up datagrams whose time is over; their fragments are in `dropped`."""
        for under_way in (self._ipv4, self._ipv6):
            while under_way:
                oldest = next(iter(under_way.values()))
                if oldest.deadline > now:
                    break
                self._forget(oldest)

    def _of_version(self, version: int) -> dict[bytes, Datagram]:
        return self._ipv4 if version == 4 else self._ipv6

    def _begin(self, packet: Packet, key: bytes, now: float) -> Datagram:
        timeout_s = TIMEOUT_IPV4_S if packet.version == 4 else TIMEOUT_IPV6_S
        datagram = Datagram(packet.version, key, packet.src, now + timeout_s)
        self._of_version(packet.version)[key] = datagram
        self._charge(datagram, COST_OF_FRAGMENT)
        return datagram

    def _charge(self, datagram: Datagram, cost: int) -> None:
        datagram.held_octets += cost
        self.octets += cost
        self._by_source[datagram.source] = self._by_source.get(datagram.source, 0) + cost

    def _has_room(self, datagram: Datagram, piece: Piece) -> bool:
        """Whether the bounds allow one more; a datagram that holds nothing is forgotten if not."""
        cost = COST_OF_FRAGMENT + len(piece.octets)
        of_source = self._by_source.get(datagram.source, 0)
        if self.octets + cost <= MAX_OCTETS and of_source + cost <= MAX_OCTETS_PER_SOURCE:
            return True
        if not datagram.pieces:
            self._forget(datagram)
        return False

    def _insert(self, datagram: Datagram, packet: Packet, piece: Piece) -> int:
        at = 0
        for place, other in enumerate(datagram.pieces):
            if piece.end <= other.start:
                break
            at = place + 1
            if piece.start < other.end:
                return self._collide(datagram, piece)
        if at == len(datagram.pieces) and at > 0 and datagram.pieces[-1].end == piece.start:
            datagram.runs[-1] = (datagram.runs[-1][0], piece.end)
        else:
            datagram.runs.append((piece.start, piece.end))
            datagram.runs.sort()
        datagram.pieces.insert(at, piece)
        if piece.start == 0:
            datagram.header = _whole_header(packet)
        self._charge(datagram, COST_OF_FRAGMENT + len(piece.octets))
        datagram.marks |= 1 << _congestion_mark(packet)
        if not datagram.is_whole():
            return FRAGMENT_INCOMPLETE
        if datagram.marks & 1 and datagram.marks != 1:
            self._spoil(datagram, piece.token)
            return FRAGMENT_MARKS
        return self._finish(datagram, piece.token)

    def _collide(self, datagram: Datagram, piece: Piece) -> int:
        """A piece that meets others: within one run of them it is a duplicate."""
        for start, end in datagram.runs:
            if start <= piece.start and piece.end <= end:
                return FRAGMENT_DUPLICATE
        self._forget(datagram)
        return FRAGMENT_OVERLAP

    def _finish(self, datagram: Datagram, token: int) -> int:
        whole = datagram.header + b"".join([piece.octets for piece in datagram.pieces])
        length = len(whole) if datagram.version == 4 else len(whole) - IPV6_HEADER
        if length > LARGEST_DATAGRAM:
            self._spoil(datagram, token)
            return FRAGMENT_LENGTH
        at = 2 if datagram.version == 4 else 4
        self.whole = whole[:at] + length.to_bytes(2, "big") + whole[at + 2 :]
        self.released = [piece.token for piece in datagram.pieces if piece.token != token]
        datagram.pieces = []
        self._forget(datagram)
        return OK

    def _spoil(self, datagram: Datagram, token: int) -> None:
        """Forget a datagram with the fragment that would have made it whole: it is the caller's."""
        self._forget(datagram)
        self.dropped.remove(token)

    def _forget(self, datagram: Datagram) -> None:
        """Let go of a datagram; the fragments that it still holds are dropped."""
        del self._of_version(datagram.version)[datagram.key]
        self.dropped += [piece.token for piece in datagram.pieces]
        self.octets -= datagram.held_octets
        left = self._by_source.get(datagram.source, 0) - datagram.held_octets
        if left > 0:
            self._by_source[datagram.source] = left
        else:
            self._by_source.pop(datagram.source, None)


def _fits_length(datagram: Datagram, piece: Piece, is_last: bool) -> bool:
    """Whether the piece agrees with what is known of the datagram's length; learns it."""
    if is_last:
        if piece.end < datagram.length or (datagram.has_last and piece.end != datagram.length):
            return False
        datagram.has_last = True
        datagram.length = piece.end
    elif piece.end > datagram.length:
        if datagram.has_last:
            return False
        datagram.length = piece.end
    return piece.end > piece.start


def _more_follow(packet: Packet) -> bool:
    if packet.version == 4:
        return packet.data[6] & 0x20 != 0
    return packet.data[packet.transport + 3] & 1 != 0


def _piece_of(packet: Packet, token: int) -> Piece:
    data = packet.data
    if packet.version == 4:
        start = ((data[6] & 0x1F) << 8 | data[7]) << 3
        body = data[packet.transport : packet.length]
    else:
        at = packet.transport
        start = fragment_offset(data, at)
        body = data[at + FRAGMENT_HEADER : packet.length]
    return Piece(start, start + len(body), body, token)


def _is_headless(packet: Packet) -> bool:
    """Whether a first fragment lacks part of the headers (RFC 8200 section 4.5).

    Such a one is not put together (ipv6frag_thdr_truncated()). One octet is enough of a transport
    protocol other than TCP, UDP and ICMPv6.
    """
    data = packet.data
    at = packet.transport
    if fragment_offset(data, at):
        return False
    kind = data[at]
    at += FRAGMENT_HEADER
    while kind in EXTENSION_HEADERS:
        if at + octets_asked(kind) > packet.length:
            return False
        if kind == IPPROTO_FRAGMENT and fragment_offset(data, at):
            return False
        size = header_size(kind, data, at)
        kind = data[at]
        at += size
    if kind == IPPROTO_NONE:
        return False
    wanted = 1
    if kind == IPPROTO_TCP:
        wanted = TCP_MIN
    elif kind == IPPROTO_UDP:
        wanted = UDP_HEADER
    elif kind == IPPROTO_ICMPV6:
        wanted = ICMP_HEADER
    return at + wanted > packet.length


def _congestion_mark(packet: Packet) -> int:
    """The ECN field; fragments with and without it do not make one datagram (ip_frag_ecn_table)."""
    return packet.data[1] & 3 if packet.version == 4 else packet.data[1] >> 4 & 3


def _key_of(packet: Packet) -> bytes:
    """Source, destination and identification; for IPv4 also the protocol (RFC 791, 8200)."""
    data = packet.data
    if packet.version == 4:
        return packet.src + packet.dst + data[4:6] + data[9:10]
    at = packet.transport
    return packet.src + packet.dst + data[at + 4 : at + 8]


def _whole_header(packet: Packet) -> bytes:
    """The finished datagram's headers, from the fragment that begins it; lengths come later."""
    data = packet.data
    if packet.version == 4:
        return data[:6] + bytes((data[6] & 0xC0, 0)) + data[8 : packet.transport]
    # The fragment header goes, and what led to it leads to what it led to.
    led_from = 6
    at = IPV6_HEADER
    while at < packet.transport:
        size = header_size(data[led_from], data, at)
        led_from = at
        at += size
    header = bytearray(data[: packet.transport])
    header[led_from] = data[packet.transport]
    return bytes(header)
