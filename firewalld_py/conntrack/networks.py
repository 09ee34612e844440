"""The IPv4 networks that this machine is in: what is a broadcast to all hosts of which network."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

ADDRESS_BITS: Final = 32


@mypyc_attr(acyclic=True)
class Network:
    """The network of one primary address of an interface. Its broadcast address is four octets."""

    __slots__ = ("broadcast", "netmask")

    def __init__(self, broadcast: bytes, prefix_length: int) -> None:
        self.broadcast = broadcast
        host_bits = ADDRESS_BITS - prefix_length
        self.netmask = (0xFFFFFFFF >> host_bits << host_bits).to_bytes(4, "big")


class Networks:
    """Networks by interface index, in the order of the interface's addresses."""

    def __init__(self) -> None:
        self._of_interface: dict[int, list[Network]] = {}

    def replace(self, of_interface: dict[int, list[Network]]) -> None:
        """Tell which there are now. Forgets those of before."""
        self._of_interface = of_interface

    def netmask(self, index: int, broadcast: bytes) -> bytes:
        """That of the first network of an interface with this broadcast address; b"" if none is."""
        for network in self._of_interface.get(index, ()):
            if network.broadcast == broadcast:
                return network.netmask
        return b""
