"""Messages of H.323 by chance, mutated and honest, in exchanges with what they may lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firewalld_py.conntrack.helpers.h323_notation import CHOICE, SEQUENCE, Member, Type
from firewalld_py.conntrack.helpers.h323_types import (
    CONTROL_MESSAGE,
    RAS_MESSAGE,
    USER_INFORMATION,
)
from tests import wire
from tests.h323_messages import (
    Filler,
    acknowledgement,
    call,
    channel,
    conference,
    encode,
    h225,
    q931,
    tpkt,
)
from tests.talk import Talk, TcpTalk

if TYPE_CHECKING:
    from random import Random

PORTS: Final = (1719, 1720, *[2000, 2001, 3000] * 4, 2002, 3001, 0, 1, 65535, 1023)
BODIES: Final = ("setup", "callProceeding", "connect", "alerting", "facility", "progress")
DEEP: Final = 400  # so many choices, and the message gets no longer


class ByChance(Filler):
    """What is kept of a type is there more often than what is not."""

    def __init__(self, rng: Random, talk: Talk) -> None:
        self.rng = rng
        self.talk = talk
        self._choices = 0

    def _chance(self, named: bool) -> bool:
        self._choices += 1
        if self._choices > DEEP:
            return False
        return self.rng.random() < (0.8 if named else 0.1)

    def present(self, member: Member) -> bool:
        return self._chance(member.name != "")

    def alternative(self, type_: Type) -> int:
        named = [index for index, member in enumerate(type_.members) if member.name]
        if type_.members[0].name.lower() == "ipaddress" and self.rng.random() < 0.95:
            return named[self.talk.version == 6]
        if named and self.rng.random() < 0.9:
            return self.rng.choice(named)
        return self.rng.randrange(len(type_.members) + int(type_.extensible))

    def below(self, limit: int) -> int:
        return self.rng.randrange(limit)

    def octets(self, count: int) -> bytes:
        return self.rng.randbytes(count)

    def address(self, count: int) -> bytes:
        talk, router = self.talk, wire.ROUTER4 if count == 4 else wire.ROUTER6
        ends = (talk.client, talk.server)
        if count != len(talk.client):
            return self.octets(count)
        return self.rng.choice((*ends, *ends, *ends, router))

    def port(self) -> int:
        return self.rng.choice((*PORTS, self.rng.randrange(65536)))

    def extensions(self, type_: Type, wished: int) -> int:
        known = len(type_.members) - type_.root
        if self.rng.random() < (0.3 if known else 0.95):
            return wished
        own = [place for place, one in enumerate(type_.members[type_.root :]) if one.name]
        enough = max(own, default=-1) + 1
        count = self.rng.choice((known, known, enough, enough, 1, known + 1, known + 3, 33))
        return max(count, wished, 1)

    def tail(self) -> bytes:
        return self.octets(2) if self.rng.random() < 0.02 else b""


def generated(rng: Random, talk: Talk, type_: Type) -> bytes:
    """A message, more often right than not."""
    assert type_.kind in (CHOICE, SEQUENCE)
    return mutated(rng, encode(type_, None, ByChance(rng, talk)))


def mutated(rng: Random, data: bytes) -> bytes:
    if rng.random() < 0.7 or not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.7:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        elif len(changed) > 2:
            del changed[rng.randrange(1, len(changed)) :]
        else:
            changed += rng.randbytes(3)
    return bytes(changed)


class Exchange:
    """Two hosts, connections of all three kinds, what they say, and what that leads to."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk(rng.choice((4, 4, 6)))
        self.away = Talk(self.talk.version)  # the client and a third host
        self.away.server = wire.ROUTER4 if self.talk.version == 4 else wire.ROUTER6
        self.away.packets = self.talk.packets
        self.calls: list[TcpTalk] = []
        self.controls: list[TcpTalk] = []
        self.named: list[tuple[bytes, int]] = []
        self._port = 40000

    def packets(self) -> list[bytes]:
        steps = self.rng.choice((self._calls, self._registers))()
        for _ in range(self.rng.randrange(2, 12)):
            self.rng.choice(steps)()
        return self.talk.packets

    def _calls(self) -> list[Any]:
        self._call()
        more = [self._signal] * 4 + [self._arrive] * 3 + [self._h245] * 2
        return [*more, self._call]

    def _registers(self) -> list[Any]:
        self._ras()
        return [self._ras] * 4 + [self._arrive] * 3 + [self._called] * 2 + [self._signal]

    def _next_port(self) -> int:
        self._port += 1
        return self._port

    def _place(self) -> tuple[bytes, int]:
        """What a message names: mostly a port of one of the two."""
        ends, port = (self.talk.client, self.talk.server), self.rng.choice(PORTS)
        address = self.rng.choice((*ends, *ends, *ends, self.away.server))
        self.named.append((address, port))
        return address, port

    def _call(self) -> None:
        sport = self._next_port() if self.rng.random() < 0.9 else 40001
        self.calls.append(self.talk.tcp(sport, 1720).open())

    def _called(self) -> None:
        """The gatekeeper, or whoever, calls the client."""
        talk = self.talk if self.rng.random() < 0.8 else self.away
        port = self.rng.choice((1720, 1720, *PORTS))
        sport, dport, from_server = self.rng.choice(
            ((port, self._next_port(), True), (self._next_port(), port, False))
        )
        self.calls.append(talk.tcp(sport, dport, from_server=from_server).open())

    def _h245(self) -> None:
        """The connection of H.245 to the server or the client, honestly announced, and talk."""
        if not self.calls:
            return
        if not self.controls or self.rng.random() < 0.5:
            port = self.rng.choice((3000, 3001, 2000))
            signalling, from_server = self.rng.choice(self.calls), self.rng.random() < 0.5
            own = self.talk.client if from_server else self.talk.server
            signalling.send(
                self.rng.choice((0, 1, 1 - from_server)),
                call({self.rng.choice(BODIES): {"h245Address": h225(own, port)}}),
            )
            ends = (port, self._next_port()) if from_server else (self._next_port(), port)
            self.controls.append(self.talk.tcp(*ends, from_server=from_server).open())
        self._send(self.rng.choice(self.controls), self._control_message())

    def _control_message(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.5:
            return generated(rng, self.talk, CONTROL_MESSAGE)
        kind = rng.choice((channel, conference, acknowledgement))
        wish = kind(*self._place())
        return mutated(rng, encode(CONTROL_MESSAGE, wish, ByChance(rng, self.talk)))

    def _signal(self) -> None:
        if not self.calls:
            return
        if self.rng.random() < 0.65:
            wish = self.rng.choice((self._forwarding, self._fast_start, self._tunnel))()
            filler = self.rng.choice((Filler(), Filler(), ByChance(self.rng, self.talk)))
            information = encode(USER_INFORMATION, wish, filler)
        else:
            information = generated(self.rng, self.talk, USER_INFORMATION)
        elements = self.rng.choice((b"", b"\x04\x03\x88\x93\xa5", b"\xa1", b"\x04\x01\x88\xa1"))
        reference = self.rng.choice((b"\0\1", b"\0\1", b"", b"\1"))
        message = mutated(self.rng, q931(information, elements, reference))
        self._send(self.rng.choice(self.calls), message)

    def _forwarding(self) -> Any:
        place = h225(*self._place())
        reason = {"callForwarded": None}
        facility = {"reason": reason, "alternativeAddress": place}
        return {"pdu": {"body": {"facility": facility}}}

    def _fast_start(self) -> Any:
        own, first = self._place()
        channels = [
            channel(own, (first + 2 * number) & 0xFFFF)["request"]["openLogicalChannel"]
            for number in range(self.rng.choice((1, 2, 35)))
        ]
        return {"pdu": {"body": {self.rng.choice(BODIES): {"fastStart": channels}}}}

    def _tunnel(self) -> Any:
        wishes = [channel(*self._place()) for _ in range(6)]
        body = {self.rng.choice(BODIES): {"h245Address": h225(*self._place())}}
        return {"pdu": {"body": body, "h245Control": wishes}}

    def _send(self, connection: TcpTalk, message: bytes) -> None:
        """A message of either side, mostly in a segment of its own."""
        rng, side, whole = self.rng, self.rng.randrange(2), tpkt(message)
        way = rng.random()
        if way < 0.6:
            pieces = [whole]
        elif way < 0.7:
            pieces = [whole[:4], whole[4:] + rng.choice((b"", b"x", whole))]
        elif way < 0.75:
            pieces = [whole + tpkt(generated(rng, self.talk, CONTROL_MESSAGE)) + whole]
        elif way < 0.8:
            cut = rng.randrange(1, len(whole))
            pieces = [whole[:cut], whole[cut:]]
        elif way < 0.85:
            pieces = [whole[:4], whole[4:9], whole[4:]]
        else:
            pieces = [mutated(rng, whole)]
        for piece in pieces:
            seq = connection.seq[side]
            connection.send(side, piece)
            if rng.random() < 0.05:
                connection.send(side, piece, seq=seq)  # again
            if rng.random() < 0.05:
                connection.send(1 - side, rng.choice((b"", b"x", whole)))

    def _ras(self) -> None:
        rng = self.rng
        wish = self._ras_wish() if rng.random() < 0.75 else None
        message = mutated(rng, encode(RAS_MESSAGE, wish, ByChance(rng, self.talk)))
        if rng.random() < 0.3:
            message += rng.randbytes(rng.randrange(1, 5))
        port = 1719 if rng.random() < 0.9 else rng.choice(PORTS)
        talk = self.talk if rng.random() < 0.9 else self.away
        if rng.random() < 0.5:
            talk.datagram(message, rng.choice((40000, 40000, 40000, 1719)), port)
        else:
            talk.datagram(message, port, 40000, answers=True)

    def _ras_wish(self) -> Any:
        rng, place = self.rng, h225(*self._place())
        lifetime = {"timeToLive": rng.choice((1, 60, 300, 0x8000))} if rng.random() < 0.5 else {}
        places = [place, h225(*self._place())]
        return rng.choice(
            (
                {"gatekeeperConfirm": {"rasAddress": place}},
                {"registrationRequest": {"callSignalAddress": places, **lifetime}},
                {"registrationRequest": {"callSignalAddress": places, **lifetime}},
                {"registrationConfirm": lifetime},
                {"unregistrationRequest": {}},
                {"admissionConfirm": {"destCallSignalAddress": place}},
                {"locationConfirm": {"callSignalAddress": place}},
            )
        )

    def _arrive(self) -> None:
        """First packets to where somebody may be expected, and answers."""
        rng = self.rng
        for _ in range(rng.randrange(1, 4)):
            address, port = rng.choice((*self.named[-6:], (self.talk.server, 2000)))
            port = port ^ (rng.random() < 0.3)  # RTCP's
            talk = self.away if address == self.away.server else self.talk
            from_server = (address == talk.client) == (rng.random() < 0.9)
            other, answered = self._next_port(), rng.random() < 0.5
            if rng.random() < 0.5:
                talk.datagram(b"media", other, port, answers=from_server)
                if answered:
                    talk.datagram(b"media", port, other, answers=not from_server)
            else:
                ends = (port, other) if from_server else (other, port)
                data = talk.tcp(*ends, from_server=from_server)
                data.send(0, b"", rng.choice(("S", "S", "S", "SA", "")))
                if answered:
                    data.send(1, b"", "SA")
