"""PPTP's helper and the kernel's: states, verdicts, expectations and tables, packet by packet."""

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.conntrack.helpers.pptp import BODY_OCTETS, MESSAGES, PptpState
from tests import wire
from tests.differential.describe import describe
from tests.differential.entries import difference, our_entry
from tests.differential.expecting import HelperKernel, HelperOurs
from tests.pptp import (
    CLEAR,
    DISCONNECT,
    ECHO,
    GRE,
    IN_CALL,
    IN_CONNECTED,
    IN_REPLY,
    OUT_CALL,
    OUT_REPLY,
    PORT,
    PPP,
    STOP,
    STOP_REPLY,
    gre,
    message,
    numbers,
    started,
)
from tests.talk import Talk, TcpTalk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 30
WALKS: Final = 90
HOPS_AT: Final = 8
# In the place of a packet: now all connections of the protocol are removed, as when time is up.
GRE_ENDS: Final = bytes((GRE,))
TCP_ENDS: Final = bytes((wire.TCP,))
CLIENT_IDS: Final = (100, 100, 100, 101, 0)
SERVER_IDS: Final = (200, 200, 200, 201, 100, 0)
ENDS: Final = (STOP, STOP_REPLY, CLEAR, DISCONNECT)


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


class Exchange:
    """Control connections with hostile and honest messages, and GRE packets beside them."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk(4)
        count = rng.choice((1, 1, 1, 1, 1, 2, 2, 2, 3))
        self.controls = [self._control(number).open() for number in range(count)]

    def _control(self, number: int) -> TcpTalk:
        """The last of three is one that the server opens, to the same port of the client."""
        if number == 2:
            return self.talk.tcp(PORT, 40000, from_server=True)
        return self.talk.tcp(40000 + number, PORT)

    def packets(self) -> list[bytes]:
        rng = self.rng
        for control in self.controls:
            if rng.random() < 0.95:
                started(control)
        steps = (
            self._call, self._call, self._call, self._call, self._call,
            self._gre, self._gre, self._gre, self._gre,
            self._message, self._end, self._error,
        )  # fmt: skip
        for _ in range(rng.randrange(4, 16)):
            rng.choice(steps)()
        return self.talk.packets

    def _ids(self) -> tuple[int, int]:
        return self.rng.choice(CLIENT_IDS), self.rng.choice(SERVER_IDS)

    def _call(self) -> None:
        """A call that is agreed on, though now and then something of it is wrong."""
        rng, control = self.rng, self.rng.choice(self.controls)
        client, server = self._ids()
        if rng.random() < 0.5:
            messages = [
                (0, message(OUT_CALL, numbers(client, 1))),
                (1, message(OUT_REPLY, numbers(server, self._peer(client)) + self._result())),
            ]
        else:
            messages = [
                (1, message(IN_CALL, numbers(server, 1))),
                (0, message(IN_REPLY, numbers(client, self._peer(server)) + self._result())),
                (1, message(IN_CONNECTED, numbers(self._peer(client), 0))),
            ]
        for side, octets in messages:
            self._say(control, side, octets)
        if rng.random() < 0.15:
            control.send(*messages[-1], seq=control.seq[1] - len(messages[-1][1]))  # again
        if rng.random() < 0.6:
            answers = rng.random() < 0.5
            for direction in (answers, not answers, answers)[: rng.randrange(1, 4)]:
                self.talk.packets.append(gre(client if direction else server, answers=direction))

    def _peer(self, call_id: int) -> int:
        return call_id if self.rng.random() < 0.93 else self.rng.choice(CLIENT_IDS + SERVER_IDS)

    def _result(self) -> bytes:
        return b"\1" if self.rng.random() < 0.95 else self.rng.choice((b"\0", b"\2"))

    def _say(self, control: TcpTalk, side: int, octets: bytes) -> None:
        rng = self.rng
        if rng.random() < 0.05:
            octets = self._mangled(octets)
        if rng.random() < 0.03 and len(octets) > 1:
            cut = rng.randrange(1, len(octets))
            control.send(side, octets[:cut])
            octets = octets[cut:]
        control.send(side, octets)

    def _mangled(self, octets: bytes) -> bytes:
        rng = self.rng
        way = rng.randrange(6)
        if way == 0:
            return octets[: rng.randrange(1, len(octets))]
        if way == 1:
            return octets[:-1]
        if way == 2:
            return octets + bytes(rng.randrange(1, 200))
        if way == 3:
            return message(ECHO, numbers(0, 1)) + octets
        if way == 4:
            return octets + message(DISCONNECT, numbers(100))
        at = rng.randrange(min(len(octets), 20))
        return octets[:at] + bytes((rng.randrange(256),)) + octets[at + 1 :]

    def _message(self) -> None:
        """Any message, from any side, in any state."""
        rng, control = self.rng, self.rng.choice(self.controls)
        kind = rng.choice((*range(1, 16), *range(1, 16), 0, 16, 255, 264, 0xFFFF))
        client, server = self._ids()
        body = rng.choice(
            (
                numbers(server, client) + b"\1",
                numbers(client, server) + b"\1",
                numbers(client),
                b"\1\0\1",
                b"\1\0\2",
                b"\1",
                rng.randbytes(6),
            )
        )
        self._say(control, rng.randrange(2), message(kind, body))

    def _end(self) -> None:
        """The end of a call, a session or a control connection; maybe another one behind it."""
        rng = self.rng
        index = rng.randrange(len(self.controls))
        control = self.controls[index]
        way = rng.randrange(8)
        if way >= 6:
            self.talk.packets.append(rng.choice((GRE_ENDS, GRE_ENDS, GRE_ENDS, TCP_ENDS)))
        elif way <= 1:
            control.send(1, message(DISCONNECT, numbers(rng.choice(SERVER_IDS))))
        elif way == 2:
            control.send(0, message(CLEAR, numbers(rng.choice(CLIENT_IDS))))
        elif way == 3:
            control.send(0, message(STOP, b"\1"))
            control.send(1, message(STOP_REPLY, rng.choice((b"\1", b"\2"))))
        elif way == 4:
            control.send(rng.randrange(2), b"", "R")
        else:
            self._anew(index)

    def _anew(self, index: int) -> None:
        """With this SYN the connection that was reset is gone, and whatever it led to."""
        self.controls[index].send(0, b"", "R")
        control = self._control(index)
        control.seq = [900000, 700000]
        control.open()
        self.controls[index] = control
        if self.rng.random() < 0.8:
            started(control)

    def _gre(self) -> None:
        rng = self.rng
        version = rng.choice((1, 1, 1, 1, 1, 1, 0, 0, 2, 7))
        payload = rng.choice((PPP,) * 15 + (0x0800,))
        hops = 64 if rng.random() < 0.93 else 1  # not sent on
        client, server = self._ids()
        answers = rng.random() < 0.5
        call_id = (client if answers else server) if rng.random() < 0.9 else 999
        packet = gre(call_id, answers=answers, version=version, payload=payload, hops=hops)
        if rng.random() < 0.03:
            packet = wire.ip(packet[12:16], packet[16:20], GRE, packet[20 : 20 + rng.randrange(9)])
        elif rng.random() < 0.03:
            packet = wire.ip(wire.ROUTER4, packet[16:20], GRE, packet[20:])
        self.talk.packets.append(packet)

    def _error(self) -> None:
        """Somebody says that a GRE packet did not arrive."""
        client, server = self._ids()
        answers = self.rng.random() < 0.5
        version, payload = self.rng.choice(((1, PPP), (1, PPP), (0, PPP), (1, 0x0800)))
        lost = gre(client if answers else server, answers=answers, version=version, payload=payload)
        size = self.rng.choice((28, 28, 28, 27, 24, 20, 36))
        error = wire.icmp(3, self.rng.choice((1, 2)), payload=lost[:size])
        self.talk.packets.append(wire.ip(wire.ROUTER4, lost[12:16], wire.ICMP, error))


class Walk:
    """One control connection through the states: mostly what counts where it is, no other faults.

    Ours is asked what counts; whether it does is seen when it comes to calls.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.state = PptpState()
        self.talk = Talk(4)
        self.control = self.talk.tcp(40000, PORT).open()

    def packets(self) -> list[bytes]:
        rng = self.rng
        for _ in range(rng.randrange(5, 25)):
            steps = [(side, kind) for side in (0, 1) for kind in MESSAGES[side]]
            if rng.random() < 0.75:
                steps = [step for step in steps if self._counts(*step)]
            weights = [1 if kind in ENDS else 8 for _, kind in steps]
            self._say(*rng.choices(steps, weights)[0])
            if rng.random() < 0.05:
                answers = rng.random() < 0.5
                self.talk.packets.append(gre(100 if answers else 200, answers=answers))
        return self.talk.packets

    def _counts(self, side: int, kind: int) -> bool:
        return self.state.accepts(MESSAGES[side][kind], self._body(side, kind))

    def _body(self, side: int, kind: int, result: int = 1) -> bytes:
        """The client's id is 100 or 101, the server's 200, or 0 before it is told."""
        row = MESSAGES[side][kind]
        body = bytearray(BODY_OCTETS[kind])
        for at, octets in (
            (row.id_at, numbers((self.rng.choice((100, 100, 101)), 200)[row.whose])),
            (row.peer_at, self.state.call_ids[row.peer]),
            (row.result_at, bytes((result,))),
        ):
            if at >= 0:
                body[at : at + len(octets)] = octets
        return bytes(body)

    def _say(self, side: int, kind: int) -> None:
        body = self._body(side, kind, 1 if self.rng.random() < 0.9 else 2)
        self.control.send(side, message(kind, body))
        if self.state.accepts(MESSAGES[side][kind], body):
            self.state.step(MESSAGES[side][kind], body)


def disagreement(
    kernel: HelperKernel, packets: list[bytes], seen: Counter[str] | None = None
) -> str:
    """As expecting.disagreement(), and the tables at the end too; what was seen is counted."""
    kernel.flush()
    ours = HelperOurs()
    history: list[str] = []
    counts: Counter[str] = Counter() if seen is None else seen
    for data in packets:
        if data in (GRE_ENDS, TCP_ENDS):
            kernel.forget(data[0])
            for one in ours.conntrack.table.connections():
                if one.protocol == data[0]:
                    ours.conntrack.table.remove(one)
            history.append(f"all of protocol {data[0]} are removed")
            continue
        theirs = kernel.step(data)
        # The kernel does not forward a packet on its last hop.
        mine = ours.step(data, accept=data[HOPS_AT] > 1)
        history.append(f"{describe(data)}  {data[20:].hex()}")
        history.append(f"    kernel: {theirs}")
        if not theirs.agrees_with(mine):
            return "\n".join((*history, f"    OURS:   {mine}"))
        counts["packets"] += 1
        counts["with expectations"] += bool(theirs.waiting)
        if data[9] == GRE:
            counts[str(theirs.answer)] += 1
    now = time.monotonic()
    entries = kernel.entries()
    found = difference(entries, [our_entry(one, now) for one in ours.conntrack.table.connections()])
    counts["exchanges"] += 1
    counts["entries"] += len(entries)
    return "\n".join((*history, str(found))) if found else ""


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("seed", range(8))
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel, seed: int) -> None:
    seen: Counter[str] = Counter()
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"pptp {seed} {number}")).packets()
        assert not (text := disagreement(kernel, packets, seen)), text
    # They come as far as they shall.
    assert seen["with expectations"] >= 2 * EXCHANGES, seen
    assert seen["RELATED"] >= EXCHANGES / 2, seen
    assert seen["ESTABLISHED reply"] >= EXCHANGES / 2, seen


@pytest.mark.needs("conntrack")
def test_walks_through_the_states_are_judged_alike(kernel: HelperKernel) -> None:
    seen: Counter[str] = Counter()
    for number in range(WALKS):
        packets = Walk(Random(f"pptp walk {number}")).packets()
        assert not (text := disagreement(kernel, packets, seen)), text
    assert seen["with expectations"] >= WALKS, seen
