"""A sequence of packets, and the switches of connection tracking under which it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# The switches that a sequence may set, with the values that hold where it does not. Names as in the
# configuration; the kernel's sysctls are nf_conntrack_ and the name.
SWITCH_DEFAULTS: Final[dict[str, int]] = {
    "checksum": 0,
    "tcp_be_liberal": 0,
    "tcp_ignore_invalid_rst": 0,
    "tcp_loose": 1,
    "tcp_max_retrans": 3,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One packet: its octets, and what its maker meant by it."""

    data: bytes
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Packets that are sent in this order to an empty table. `name` says where they are from."""

    name: str
    packets: list[Sent]
    switches: dict[str, int] = field(default_factory=dict)

    def with_packets(self, packets: list[Sent]) -> Sequence:
        """The same with other packets."""
        return Sequence(self.name, packets, self.switches)
