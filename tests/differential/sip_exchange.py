"""Conversations of SIP, honest and hostile, with what they lead to: calls and media."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.sip_text import CODES, METHODS, ODD_CODES, SipText
from tests.talk import Talk

if TYPE_CHECKING:
    from random import Random

    from tests.talk import TcpTalk

SIP: Final = 5060
MEDIA_PORTS: Final = (8000, 8001, 8002)
NOISE: Final = (b"\r\n\r\n", b"", b"x", b"REGISTER s", b"REGISTER s\n", b"x" * 1200, b"\0" * 11)


class Signalling:
    """One conversation, over UDP or TCP.

    Side 0 is who opened it; `ends` says of each side whether it is the client (0) or the server.
    """

    def __init__(self, talk: Talk, sport: int, dport: int, *, tcp: bool, from_server: bool) -> None:
        self.talk = talk
        self.ports = (sport, dport)
        self.ends = (1, 0) if from_server else (0, 1)
        self.cseq = 1
        self.stream: TcpTalk | None = None
        if tcp:
            client, server = (dport, sport) if from_server else (sport, dport)
            self.stream = talk.tcp(client, server, from_server=from_server).open()

    def send(self, side: int, payload: bytes) -> None:
        if self.stream is not None:
            self.stream.send(side, payload)
        else:
            sport, dport = self.ports if side == 0 else self.ports[::-1]
            self.talk.datagram(payload, sport, dport, answers=self.ends[side] == 1)


class Exchange:
    """Some conversations at once, and packets towards what they name."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk(rng.choice((4, 4, 6)))
        self.text = SipText(rng, self.talk.version, rng.choice((0.0, 0.2, 1.0)))
        self.tcp = rng.random() < 0.4
        ports = (5060,) if rng.random() < 0.6 else (5060, 5070)
        self.signalling = [self._open(sport, SIP) for sport in ports]

    def packets(self) -> list[bytes]:
        often = (self._registration, self._call, self._media, self._incoming)
        steps = (*often, *often, *often, self._anything, self._anything, self._noise)
        for _ in range(self.rng.randrange(2, 9)):
            self.rng.choice(steps)()
        return self.talk.packets

    def _open(self, sport: int, dport: int, *, from_server: bool = False) -> Signalling:
        tcp = self.tcp != (self.rng.random() < 0.1)
        return Signalling(self.talk, sport, dport, tcp=tcp, from_server=from_server)

    def _send(self, to: Signalling, side: int, *messages: bytes) -> None:
        """Maybe spoilt, maybe in pieces, maybe with other ends of lines."""
        text = self.text
        payload = b"".join(text.spoilt(one) if text.is_odd(0.2) else one for one in messages)
        if text.is_odd(0.05):
            payload = payload.replace(b"\r\n", self.rng.choice((b"\n", b"\r")))
        if to.stream is not None and len(payload) > 1 and text.is_odd(0.1):
            cut = self.rng.randrange(1, len(payload))
            to.send(side, payload[:cut])
            payload = payload[cut:]
        to.send(side, payload)

    def _registration(self) -> None:
        """REGISTER and an answer."""
        rng, to = self.rng, self.rng.choice(self.signalling)
        to.cseq += rng.choice((1, 1, 1, 0))
        side = rng.choice((0, 0, 0, 0, 1))
        contact = self.text.contact(to.ends[side])
        expires = rng.choice((b"Expires: 60\r\n", b"Expires: 90\r\n", b"expires : 0\r\n", b""))
        request = self.text.request(b"REGISTER", to.cseq, contact + expires)
        more = [self._any_message(to, side)] if rng.random() < 0.2 else []
        self._send(to, side, request, *more)
        if rng.random() < 0.15:
            return
        if self.text.is_odd(0.3):
            contact = self.text.contact(to.ends[side])
        code = rng.choice((*CODES, *(b"200",) * 15))
        headers = contact + (expires or b"Expires: 33\r\n")
        self._send(to, 1 - side, self.text.response(b"REGISTER", to.cseq, code, headers))

    def _call(self) -> None:
        """INVITE and what may follow it, with session descriptions of both sides, and media."""
        rng, to = self.rng, self.rng.choice(self.signalling)
        to.cseq += 1
        side = rng.choice((0, 0, 1))
        self._send(to, side, self._with_session(to, side, b"INVITE"))
        for _ in range(rng.randrange(3)):
            method = rng.choice((b"INVITE", b"INVITE", b"UPDATE", b"PRACK"))
            code = rng.choice((*CODES, *(b"200",) * 9))
            body = self.text.session(to.ends[1 - side]) if rng.random() < 0.7 else b""
            self._send(to, 1 - side, self.text.response(method, to.cseq, code, b"", body))
        for _ in range(rng.randrange(4)):
            self._media()
        if rng.random() < 0.5:
            method = rng.choice((b"ACK", b"BYE", b"UPDATE", b"PRACK", b"INVITE", b"CANCEL"))
            self._send(to, side, self._with_session(to, side, method))

    def _with_session(self, to: Signalling, side: int, method: bytes) -> bytes:
        return self.text.request(method, to.cseq, b"", self.text.session(to.ends[side]))

    def _anything(self) -> None:
        to, side = self.rng.choice(self.signalling), self.rng.randrange(2)
        count = self.rng.choice((1, 1, 2, 3))
        self._send(to, side, *(self._any_message(to, side) for _ in range(count)))

    def _any_message(self, to: Signalling, side: int) -> bytes:
        rng, text = self.rng, self.text
        method = rng.choice(METHODS)
        headers = text.contact(to.ends[side]) if rng.random() < 0.6 else b""
        body = text.session(to.ends[side]) if rng.random() < 0.6 else b""
        if rng.random() < 0.6:
            return text.request(method, to.cseq, headers, body)
        code = rng.choice(ODD_CODES if text.is_odd(0.3) else CODES)
        return text.response(method, to.cseq, code, headers, body)

    def _noise(self) -> None:
        self.rng.choice(self.signalling).send(self.rng.randrange(2), self.rng.choice(NOISE))

    def _media(self) -> None:
        """A datagram towards a port that was named, or the one beside it; maybe an answer."""
        rng = self.rng
        owner, port = rng.choice(self.text.media[-4:] or [(0, 7000)])
        port ^= rng.randrange(2)
        sport = rng.choice(MEDIA_PORTS)
        if self.text.is_odd(0.2):
            third = wire.ROUTER4 if self.talk.version == 4 else wire.ROUTER6
            segment = wire.udp(b"rtp", sport=sport, dport=port)
            self.talk.packets.append(wire.ip(third, self.talk.client, wire.UDP, segment))
        self.talk.datagram(b"rtp", sport, port, answers=owner == 0)
        if rng.random() < 0.3:
            self.talk.datagram(b"rtp", port, sport, answers=owner == 1)

    def _incoming(self) -> None:
        """A call from the registrar towards a contact: from now on one more conversation."""
        if not self.text.contacts:
            return
        sport = self.rng.choice((5060, 6000, 6001, 6002))
        child = self._open(sport, self.rng.choice(self.text.contacts[-2:]), from_server=True)
        self.signalling.append(child)
        self._send(child, 0, self._with_session(child, 0, b"INVITE"))
