"""What really arrived: packets as one interface of a namespace received them."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING, Final, Self

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from tests.lab.netns import LabError, Namespace
from tests.lab.traffic import ANSWER_TIMEOUT_S, udp_socket
from tests.lab.world import SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from scapy.packet import Packet

ETH_P_IP: Final = 0x0800
ETH_P_IPV6: Final = 0x86DD
SOL_PACKET: Final = 263
PACKET_STATISTICS: Final = 6
SO_RCVBUFFORCE: Final = 33
BUFFER_OCTETS: Final = 64 << 20
FENCE_PORT: Final = 9999


def check_nothing_was_lost(packets: socket.socket) -> None:
    """Raise LabError if a packet socket had no room for all that came."""
    _, lost = struct.unpack("=II", packets.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    if lost:
        raise LabError(f"the capture itself lost {lost} packets; what it shows proves nothing")


class Capture:
    """The packets of one IP version that an interface receives, kept by the kernel until read.

    To see that something did NOT pass, send a packet after it which does pass, and read `until`
    that one: the way through the gateway keeps the order, so whatever is not there by then will
    not come.
    """

    def __init__(self, namespace: Namespace, interface: str, version: int = 4) -> None:
        """Start to capture on `interface`; `version` is 4 or 6."""
        self._layer = IPv6 if version == 6 else IP
        protocol = ETH_P_IPV6 if version == 6 else ETH_P_IP
        # A protocol other than ETH_P_ALL makes the socket see incoming packets only.
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_OCTETS)
        self._socket.bind((interface, protocol))

    def until(
        self, wanted: Callable[[Packet], bool], timeout: float = ANSWER_TIMEOUT_S
    ) -> list[Packet]:
        """Read up to and with the first packet that is `wanted`; return all of them, it last."""
        seen: list[Packet] = []
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                packet = self._layer(self._socket.recv(1 << 17))
            except TimeoutError:
                break
            seen.append(packet)
            if wanted(packet):
                check_nothing_was_lost(self._socket)
                return seen
        summary = "; ".join(packet.summary() for packet in seen[-10:])
        raise LabError(
            f"the packet did not arrive in {timeout} s; {len(seen)} others did: {summary}"
        )

    def __enter__(self) -> Self:
        """Return the capture."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the capture."""
        self._socket.close()


def to_port(port: int) -> Callable[[Packet], bool]:
    """Say yes to a TCP or UDP packet to this destination port."""

    def wanted(packet: Packet) -> bool:
        return any(kind in packet and packet[kind].dport == port for kind in (TCP, UDP))

    return wanted


class Fence:
    """A packet that is let through, sent behind others to learn that those were not.

    The rules must let UDP from the client to FENCE_PORT of the server pass.
    """

    def __init__(self, world: World, version: int = 4) -> None:
        """Capture from now on what reaches the server from the gateway."""
        self._world = world
        self._address = SERVER6 if version == 6 else SERVER4
        self.capture = Capture(world.server, "eth0", version)

    def arrived(self) -> list[Packet]:
        """Send the fence; return all that reached the server before it."""
        with udp_socket(self._world.client, self._address, FENCE_PORT) as udp:
            udp.send(b"fence")
        return self.capture.until(to_port(FENCE_PORT))[:-1]

    def __enter__(self) -> Self:
        """Return the fence."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the capture."""
        self.capture.__exit__(kind, error, trace)
