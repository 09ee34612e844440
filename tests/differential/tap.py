"""The packets of both directions on one link, in one order, as they are on the wire."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from typing import TYPE_CHECKING, Final, Self

from tests.lab.capture import (
    BUFFER_OCTETS,
    ETH_P_IP,
    ETH_P_IPV6,
    FENCE_PORT,
    SO_RCVBUFFORCE,
    check_nothing_was_lost,
)
from tests.lab.traffic import ANSWER_TIMEOUT_S, udp_socket

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.netns import Namespace

ETH_P_ALL: Final = 0x0003
SIOCETHTOOL: Final = 0x8946
# Checksums, segmentation of TCP, segmentation of anything, and putting together on receipt.
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x17, 0x1F, 0x24, 0x2C
OFFLOADS: Final = (ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM)
FENCE: Final = b"the end of what the program did"


def without_offloads(namespace: Namespace, interface: str) -> None:
    """Make an interface send whole packets of at most its MTU, with their checksums filled in."""
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for offload in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("=II", offload, 0))
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(control, SIOCETHTOOL, request)


class Tap:
    """The IP packets that pass an interface in either direction, kept by the kernel until read."""

    def __init__(self, namespace: Namespace, interface: str) -> None:
        """Listen to `interface` from now on."""
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_OCTETS)
        # With ETH_P_ALL the socket sees what is sent, too.
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.settimeout(ANSWER_TIMEOUT_S)

    def until_fence(self, sender: Namespace, address: str) -> list[bytes]:
        """Send a last packet from `sender` to `address`; return what had passed before it."""
        with udp_socket(sender, address, FENCE_PORT) as udp:
            udp.send(FENCE)
        packets: list[bytes] = []
        while True:
            data, (_, protocol, *_) = self._socket.recvfrom(1 << 17)
            if data.endswith(FENCE):
                break
            if protocol in (ETH_P_IP, ETH_P_IPV6):
                packets.append(data)
        check_nothing_was_lost(self._socket)
        return packets

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the tap."""
        self._socket.close()
