"""FTP's helper and the kernel's: the same states, verdicts and expectations, packet by packet."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.expecting import HelperKernel, disagreement
from tests.talk import Talk, TcpTalk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 150
CLIENT: Final = b"10,1,0,5"
GREETING: Final = b"220 ready\r\n"


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


class Exchange:
    """A control connection with hostile and honest commands, and data connections to them."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk(rng.choice((4, 4, 6)))
        self.controls = [self.talk.tcp(sport, 21).open() for sport in self._ports()]
        self.named: list[tuple[int, bool]] = []  # port, and whether the client named it

    def _ports(self) -> list[int]:
        return [40000] if self.rng.random() < 0.8 else [40000, 40001]

    def packets(self) -> list[bytes]:
        rng = self.rng
        for control in self.controls:
            if rng.random() < 0.8:
                control.send(1, GREETING)
                control.send(0, b"USER x\r\n")
        for _ in range(rng.randrange(2, 12)):
            rng.choice((self._command, self._command, self._command, self._data, self._noise))()
        return self.talk.packets

    def _port(self, *, by_client: bool) -> int:
        port = self.rng.choice((20, 1023, 2000, 2001, 50000, 65535, 0, self.rng.randrange(65536)))
        self.named.append((port, by_client))
        return port

    def _command(self) -> None:
        rng, control = self.rng, self.rng.choice(self.controls)
        side = rng.choice((0, 0, 0, 1, 1, 1))
        texts = (self._port_command, self._eprt) if side == 0 else (self._answer_227, self._229)
        payload = rng.choice(texts)()
        if rng.random() < 0.25:
            payload = self._mangled(payload)
        if rng.random() < 0.1:
            self._in_pieces(control, side, payload)
            return
        seq = control.seq[side]
        control.send(side, payload)
        if rng.random() < 0.1:
            control.send(side, payload, seq=seq)  # again
        if rng.random() < 0.4:
            self._data()

    def _in_pieces(self, control: TcpTalk, side: int, payload: bytes) -> None:
        cut = self.rng.randrange(1, len(payload)) if len(payload) > 1 else 0
        for piece in (payload[:cut], payload[cut:]):
            if piece:
                control.send(side, piece)

    def _address(self) -> bytes:
        own = self.rng.random() < 0.8
        return CLIENT if own else self.rng.choice((b"10,1,0,6", b"203,0,113,9", b"10,0,256,5"))

    def _port_command(self) -> bytes:
        high, low = divmod(self._port(by_client=True), 256)
        word = self.rng.choice((b"PORT", b"PORT", b"port", b"Port"))
        return b"%s %s,%d,%d\r\n" % (word, self._address(), high, low)

    def _eprt(self) -> bytes:
        mark = self.rng.choice((b"|", b"|", b"!", b".", b"7", b","))
        family, address = (b"1", self._address().replace(b",", b"."))
        if self.talk.version == 6 or self.rng.random() < 0.05:
            text = self.rng.choice((b"fd00:1::5", b"fd00:1:0:0:0:0:0:5", b"fd00:1::0.0.0.5", b"::"))
            family, address = b"2", text
        port = self._port(by_client=True) + self.rng.choice((0, 0, 0, 65536))
        return mark.join((b"EPRT ", family, address, b"%d" % port, b"\r\n"))

    def _answer_227(self) -> bytes:
        high, low = divmod(self._port(by_client=False), 256)
        address = self.rng.choice((b"203,0,113,9", b"203,0,113,9", CLIENT))
        text = self.rng.choice((b"Entering Passive Mode (%s)", b"=%s", b"%s", b"no (%s"))
        return b"227 " + text % (b"%s,%d,%d" % (address, high, low)) + b"\r\n"

    def _229(self) -> bytes:
        mark = self.rng.choice((b"|", b"|", b"!", b"1"))
        text = mark.join(
            (b"229 Extended (", b"", b"", b"%d" % self._port(by_client=False), b")\r\n")
        )
        return text if self.rng.random() < 0.9 else text.replace(b"(", b"")

    def _mangled(self, payload: bytes) -> bytes:
        rng = self.rng
        at = rng.randrange(len(payload))
        way = rng.randrange(6)
        if way == 0:
            return payload[:at] or b"P"
        if way == 1:
            return payload[:at] + rng.choice(b",.|( )0159\r\nx").to_bytes(1, "big") + payload[at:]
        if way == 2:
            return payload[:at] + payload[at + 1 :] or b"2"
        if way == 3:
            return b"NOOP\r\n" + payload
        if way == 4:
            return payload.replace(b"\r\n", b"\n")
        return payload + self._port_command()

    def _noise(self) -> None:
        rng, control = self.rng, self.rng.choice(self.controls)
        text = rng.choice((b"NOOP\r\n", b"LIST", b"200 ok\r\n", b"x" * 1400 + b"\r\n", b"", b"\n"))
        control.send(rng.randrange(2), text, rng.choice(("PA", "A")))

    def _data(self) -> None:
        """A first packet towards the port that was named last, or another; maybe an answer."""
        rng = self.rng
        port, by_client = self.named[-1] if self.named else (2000, True)
        if rng.random() < 0.1:
            port, by_client = rng.choice(self.named or [(2000, True)])
        if rng.random() < 0.1:
            by_client = not by_client
        ports = (port, rng.choice((20, 4711))) if by_client else (rng.randrange(33000, 65000), port)
        data = self.talk.tcp(*ports, from_server=by_client)
        data.send(0, b"", rng.choice(("S", "S", "S", "S", "S", "SA", "", "F")))
        if rng.random() < 0.7:
            data.send(1, b"", "SA")
            data.send(0, b"", "A")


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("seed", range(8))
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel, seed: int) -> None:
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"ftp {seed} {number}")).packets()
        assert not (text := disagreement(kernel, packets)), text


@pytest.mark.needs("conntrack")
def test_what_is_generated_leads_to_expectations_and_to_connections(kernel: HelperKernel) -> None:
    expected = related = 0
    for number in range(EXCHANGES):
        kernel.flush()
        steps = [kernel.step(data) for data in Exchange(Random(f"ftp 0 {number}")).packets()]
        expected += any(step.waiting for step in steps)
        related += any(str(step.answer) == "RELATED" for step in steps)
    assert expected > EXCHANGES // 2
    assert related > EXCHANGES // 5
