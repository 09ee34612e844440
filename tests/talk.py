"""Connections between a client and a server, written down packet by packet, for helpers to read."""

from __future__ import annotations

from tests import wire


class Talk:
    """Packets of connections between a client and a server, in the order in which they are sent."""

    def __init__(self, version: int = 4) -> None:
        self.version = version
        self.client = wire.CLIENT4 if version == 4 else wire.CLIENT6
        self.server = wire.SERVER4 if version == 4 else wire.SERVER6
        self.packets: list[bytes] = []

    def datagram(
        self, payload: bytes, sport: int, dport: int, *, answers: bool = False, hops: int = 64
    ) -> None:
        """A datagram of the client, or an answer of the server; the ports are its own."""
        ends = (self.server, self.client) if answers else (self.client, self.server)
        segment = wire.udp(payload, sport=sport, dport=dport)
        self.packets.append(wire.ip(*ends, wire.UDP, segment, hops))

    def tcp(self, sport: int, dport: int, *, from_server: bool = False) -> TcpTalk:
        """A TCP connection, opened by the client's SYN or the server's; not sent yet."""
        return TcpTalk(self, sport, dport, from_server=from_server)


class TcpTalk:
    """One TCP connection of a Talk. `seq` are the next numbers of opener and answerer."""

    def __init__(self, talk: Talk, sport: int, dport: int, *, from_server: bool) -> None:
        ends = (talk.client, sport), (talk.server, dport)
        self._talk = talk
        self._ends = (ends[1], ends[0]) if from_server else ends
        self.seq = [1000, 5000]

    def open(self) -> TcpTalk:
        """The three packets of the handshake."""
        self.send(0, b"", "S")
        self.send(1, b"", "SA")
        self.send(0, b"", "A")
        return self

    def send(self, side: int, payload: bytes, flags: str = "PA", seq: int | None = None) -> None:
        """A segment of the opener (0) or the answerer (1); `seq` is for one out of order."""
        at = self.seq[side] if seq is None else seq
        ack = 0 if flags == "S" else self.seq[1 - side]
        (source, sport), (destination, dport) = self._ends[side], self._ends[1 - side]
        segment = wire.tcp(flags, at, ack, payload=payload, sport=sport, dport=dport)
        self._talk.packets.append(wire.ip(source, destination, wire.TCP, segment))
        if seq is None:
            self.seq[side] += len(payload) + ("S" in flags or "F" in flags)
