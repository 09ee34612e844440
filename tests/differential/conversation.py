"""What all generators of packets share: two ends, a source of chance, and how hostile it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence as Items
    from random import Random

    from tests.differential.sequence import Sent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ends:
    """The addresses of the two that talk, of one family: the client is who begins, mostly."""

    client: bytes
    server: bytes

    @property
    def family(self) -> int:
        return 4 if len(self.client) == 4 else 6

    def of(self, side: int) -> bytes:
        """The address of side 0, the client, or 1, the server."""
        return self.server if side else self.client


class Conversation(Protocol):
    """Makes the packets of one connection, or of a few that meet, without end."""

    def next(self) -> Sent:
        """The next packet, as the two ends, chance or an attacker would send it."""


def weighted(rng: Random, choices: Items[tuple[float, T]]) -> T:
    """One of (weight, choice) by its weight."""
    at = rng.random() * sum(weight for weight, _ in choices)
    for weight, choice in choices:
        at -= weight
        if at < 0:
            return choice
    return choices[-1][1]


def payload(rng: Random, size: int) -> bytes:
    """Octets that differ from packet to packet."""
    return rng.randbytes(size) if size < 64 else bytes(size)
