"""From a packet line to octets: what WHO, WHAT and each KEY mean.

WHO      client, server, router, stranger, neighbour (whose address is link-local); the client
         speaks to the server, the server to the client, the stranger to the server, router and
         neighbour to whoever sent what they complain about, else to the client
WHAT     TCP segments: the letters of their flags (S SA A PA FA R RA ...), NULL, XMAS
         udp, udplite
         ping pong timestamp timestamp-reply info info-reply mask mask-reply node-query node-reply,
         icmp (type=)                     messages with an identifier
         port-unreachable host-unreachable prohibited too-big source-quench redirect time-exceeded
         parameter-problem, error (type=)          messages that quote a packet (about=)
         sctp (chunks=)                   chunks by name or number, as cookie-ack,data,64; behind a
                                          name, + sets its T bit, ! makes its length zero
         gre                              of version 0, or of version 1 (PPTP) if it has a call=
         proto (number=)                  any other protocol
         octets (hex=)                    the whole packet
KEYS     of any packet   as= a name for `about`; to= another receiver; hops= TTL or hop limit;
                         cut= octets missing at the end; pad= octets behind the packet;
                         total-length= the header's word; extensions= IPv6, as hop,dst,routing,
                         ah,none; ip-options= IPv4, hex; header-words= IPv4; fragment= IPv4 field
         with payload    len= octets, or data= hex; with checksum  checksum= wrong, or 0
         TCP, UDP, SCTP  client-port= server-port= (of the two that talk; a router has no port)
         TCP             seq= ack= win= wscale= sack-permitted=yes sack=LEFT-RIGHT,...
                         options= hex; data-offset= in words
         UDP             length= the header's word (of UDP-Lite: the coverage)
         SCTP            tag= init-tag= (that INIT and INIT ACK name)
         GRE             call= payload= (the payload's protocol number)
         queries         id= code=
         errors          about= a packet's name; code=; quoted= octets of it; inner-version=
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final, TypeVar

from tests import wire
from tests.associations import init, transport
from tests.cases.trace import Step, TraceError
from tests.differential import sctp

T = TypeVar("T")
Parties = dict[str, bytes]
PARTIES: Final[dict[int, Parties]] = {
    4: {
        "client": wire.CLIENT4,
        "server": wire.SERVER4,
        "router": wire.ROUTER4,
        "stranger": ipaddress.ip_address("198.51.100.7").packed,
        "neighbour": ipaddress.ip_address("169.254.0.1").packed,
    },
    6: {
        "client": wire.CLIENT6,
        "server": wire.SERVER6,
        "router": wire.ROUTER6,
        "stranger": ipaddress.ip_address("fd00:4::7").packed,
        "neighbour": ipaddress.ip_address("fe80::1").packed,
    },
}
SPEAKS_TO: Final = {"client": "server", "server": "client", "stranger": "server"}
SPECIAL_FLAGS: Final = {"NULL": "", "XMAS": "FPU"}
# name: (type for IPv4, type for IPv6); None where there is none.
QUERIES: Final[dict[str, tuple[int | None, int | None]]] = {
    "ping": (8, 128),
    "pong": (0, 129),
    "timestamp": (13, None),
    "timestamp-reply": (14, None),
    "info": (15, None),
    "info-reply": (16, None),
    "mask": (17, None),
    "mask-reply": (18, None),
    "node-query": (None, 139),
    "node-reply": (None, 140),
}
# name: (type, code) for IPv4 and for IPv6.
ERRORS: Final[dict[str, tuple[tuple[int, int] | None, tuple[int, int] | None]]] = {
    "port-unreachable": ((3, 3), (1, 4)),
    "host-unreachable": ((3, 1), (1, 3)),
    "prohibited": ((3, 13), (1, 1)),
    "too-big": ((3, 4), (2, 0)),
    "source-quench": ((4, 0), None),
    "redirect": ((5, 1), (137, 0)),
    "time-exceeded": ((11, 0), (3, 0)),
    "parameter-problem": ((12, 0), (4, 0)),
}
REDIRECT6: Final = 137
GRE: Final = 47
CHUNKS: Final = {
    "data": sctp.DATA,
    "init": sctp.INIT,
    "init-ack": sctp.INIT_ACK,
    "sack": sctp.SACK,
    "heartbeat": sctp.HEARTBEAT,
    "heartbeat-ack": sctp.HEARTBEAT_ACK,
    "abort": sctp.ABORT,
    "shutdown": sctp.SHUTDOWN,
    "shutdown-ack": sctp.SHUTDOWN_ACK,
    "error": sctp.ERROR,
    "cookie-echo": sctp.COOKIE_ECHO,
    "cookie-ack": sctp.COOKIE_ACK,
    "shutdown-complete": sctp.SHUTDOWN_COMPLETE,
}
EXTENSIONS: Final = {"hop": 0, "routing": 43, "fragment": 44, "ah": 51, "none": 59, "dst": 60}


class Sender:
    """Makes the packets of one case for one IP version, and remembers those that have a name."""

    def __init__(self, family: int) -> None:
        self._family = family
        self._parties = PARTIES[family]
        self._named: dict[str, bytes] = {}

    def octets(self, step: Step) -> bytes:
        """The packet of a line. Raises TraceError for what the language does not know."""
        keys = _Keys(step)
        if step.what == "octets":
            data = bytes.fromhex(keys.text("hex", ""))
        else:
            data = self._packet(step, keys)
        name = keys.text("as", "")
        if name:
            self._named[name] = data
        data = data[: len(data) - keys.number("cut", 0)] + bytes(keys.number("pad", 0))
        keys.all_used()
        return data

    def _packet(self, step: Step, keys: _Keys) -> bytes:
        if step.who not in self._parties:
            raise TraceError(f"{step.place}: nobody is called {step.who!r}")
        quoted = self._quoted(step, keys)
        protocol, transport = self._transport(step, keys, quoted)
        src = self._parties[step.who]
        dst = self._destination(step, keys, quoted)
        wrong = keys.text("checksum", "")
        checksum = {"": None, "wrong": 0xDEAD, "0": 0}[wrong]
        plain = wire.ip(src, dst, protocol, transport, checksum=checksum)
        payload = plain[20 if self._family == 4 else 40 :]
        length = keys.number("total-length", -1)
        total_length = None if length < 0 else length
        hops = keys.number("hops", 64)
        if self._family == 4:
            return wire.ipv4(
                src,
                dst,
                protocol,
                payload,
                hops,
                total_length,
                keys.number("header-words", -1) if "header-words" in step.keys else None,
                bytes.fromhex(keys.text("ip-options", "")),
                keys.number("fragment", 0),
            )
        chain = [word for word in keys.text("extensions", "").split(",") if word]
        next_header = protocol
        for word in reversed(chain):
            payload = _extension(word, next_header) + payload
            next_header = EXTENSIONS[word]
        return wire.ipv6(src, dst, next_header, payload, hops, total_length)

    def _quoted(self, step: Step, keys: _Keys) -> bytes:
        name = keys.text("about", "")
        if not name:
            return b""
        if name not in self._named:
            raise TraceError(f"{step.place}: about a packet that nobody named: {name}")
        return self._named[name]

    def _destination(self, step: Step, keys: _Keys, quoted: bytes) -> bytes:
        receiver = keys.text("to", "")
        if receiver:
            return self._parties[receiver]
        if quoted:
            return quoted[12:16] if self._family == 4 else quoted[8:24]
        return self._parties[SPEAKS_TO.get(step.who, "client")]

    def _transport(self, step: Step, keys: _Keys, quoted: bytes) -> tuple[int, bytes]:
        """Protocol number and octets, checksum open."""
        what = step.what
        protocol = wire.ICMP if self._family == 4 else wire.ICMPV6
        if what in SPECIAL_FLAGS or set(what) <= set(wire.FLAG_LETTERS):
            return wire.TCP, _segment(step, keys)
        if what in ("udp", "udplite"):
            sport, dport = _ports(step, keys, 53)
            length = keys.number("length", -1)
            datagram = wire.udp(keys.payload(), sport, dport, None if length < 0 else length)
            return wire.UDP if what == "udp" else wire.UDPLITE, datagram
        if what in QUERIES or what == "icmp":
            kind = self._of_family(step, QUERIES[what]) if what != "icmp" else keys.number("type")
            return protocol, wire.query(
                kind, keys.number("code", 0), keys.number("id", 7), keys.payload()
            )
        if what in ERRORS or what == "error":
            return protocol, self._error(step, keys, quoted)
        if what == "sctp":
            return sctp.SCTP, _sctp(step, keys)
        if what == "gre":
            return GRE, _gre(keys)
        if what == "proto":
            return keys.number("number"), keys.payload()
        raise TraceError(f"{step.place}: no such packet: {what}")

    def _error(self, step: Step, keys: _Keys, quoted: bytes) -> bytes:
        if step.what == "error":
            kind, code = keys.number("type"), 0
        else:
            kind, code = self._of_family(step, ERRORS[step.what])
        version = keys.number("inner-version", -1)
        if version >= 0:
            quoted = bytes((version << 4 | quoted[0] & 0x0F,)) + quoted[1:]
        quoted = quoted[: keys.number("quoted", 512)]
        if self._family == 6 and kind == REDIRECT6:
            quoted += bytes(-len(quoted) % 8)
            # Target and destination, then the option that quotes the packet (RFC 4861, 4.5, 4.6.3).
            addresses = self._parties["neighbour"] + self._parties["server"]
            quoted = addresses + struct.pack(">BB6x", 4, 1 + len(quoted) // 8) + quoted
        return wire.icmp(kind, keys.number("code", code), payload=quoted)

    def _of_family(self, step: Step, pair: tuple[T | None, T | None]) -> T:
        value = pair[0] if self._family == 4 else pair[1]
        if value is None:
            raise TraceError(f"{step.place}: IPv{self._family} has no {step.what}; say `only`")
        return value


class _Keys:
    """A line's keys, each to be asked for once."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._left = dict(step.keys)

    def text(self, key: str, default: str) -> str:
        return self._left.pop(key, default)

    def number(self, key: str, default: int | None = None) -> int:
        text = self._left.pop(key, None)
        if text is None and default is not None:
            return default
        try:
            return int(text or "", 0)
        except ValueError as fault:
            raise TraceError(f"{self._step.place}: {key}= needs a number, not {text!r}") from fault

    def payload(self) -> bytes:
        if "data" in self._left:
            return bytes.fromhex(self._left.pop("data"))
        return bytes(index & 0xFF for index in range(self.number("len", 0)))

    def all_used(self) -> None:
        if self._left:
            raise TraceError(f"{self._step.place}: {self._step.what} has no {sorted(self._left)}")


def _ports(step: Step, keys: _Keys, server_port: int) -> tuple[int, int]:
    client, server = keys.number("client-port", 40000), keys.number("server-port", server_port)
    return (server, client) if step.who == "server" else (client, server)


def _segment(step: Step, keys: _Keys) -> bytes:
    sport, dport = _ports(step, keys, 80)
    options = bytes.fromhex(keys.text("options", ""))
    if keys.text("sack-permitted", "no") == "yes":
        options += bytes((4, 2))
    scale = keys.number("wscale", -1)
    if scale >= 0:
        options += bytes((3, 3, scale))
    blocks = [block.split("-") for block in keys.text("sack", "").split(",") if block]
    if blocks:
        edges = b"".join(struct.pack(">II", int(left), int(right)) for left, right in blocks)
        options += bytes((1, 1, 5, 2 + len(edges))) + edges
    offset = keys.number("data-offset", -1)
    return wire.tcp(
        SPECIAL_FLAGS.get(step.what, step.what),
        keys.number("seq", 0),
        keys.number("ack", 0),
        keys.number("win", 65535),
        keys.payload(),
        options,
        sport,
        dport,
        None if offset < 0 else offset,
    )


def _sctp(step: Step, keys: _Keys) -> bytes:
    sport, dport = _ports(step, keys, 3868)
    tag, init_tag = keys.number("tag", 0), keys.number("init-tag", 0)
    words = [word for word in keys.text("chunks", "").split(",") if word]
    chunks = b"".join(_chunk(step, word, init_tag) for word in words)
    return transport(tag, chunks, sport, dport)


def _chunk(step: Step, word: str, init_tag: int) -> bytes:
    name = word.rstrip("+!")
    kind = CHUNKS.get(name, -1)
    if kind < 0:
        if not name.isdecimal() or int(name) > 255:
            raise TraceError(f"{step.place}: no chunk is called {name!r}")
        kind = int(name)
    if kind in (sctp.INIT, sctp.INIT_ACK):
        return init(kind, init_tag)
    flags = sctp.TAG_REFLECTED if "+" in word else 0
    return sctp.chunk(kind, bytes(12), flags, 0 if "!" in word else None)


def _gre(keys: _Keys) -> bytes:
    call = keys.number("call", -1)
    payload = keys.payload()
    if call < 0:
        return struct.pack(">HH", 0, keys.number("payload", 0x0800)) + payload
    header = (0x2001, keys.number("payload", 0x880B), len(payload), call)
    return struct.pack(">HHHH", *header) + payload


def _extension(word: str, next_header: int) -> bytes:
    if word not in EXTENSIONS:
        raise TraceError(f"no extension header is called {word!r}")
    if word == "ah":
        return struct.pack(">BBHII", next_header, 1, 0, 1, 1)  # 12 octets: RFC 4302 section 2
    if word == "fragment":
        return struct.pack(">BBHI", next_header, 0, 0, 1)  # an atomic one: RFC 6946
    return wire.extension(next_header)
