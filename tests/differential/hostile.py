"""What exchanges with helpers have in common: payloads that are damaged, cut and sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from tests.talk import TcpTalk


def mangled(rng: Random, payload: bytes, octets: bytes) -> bytes:
    """A payload that is cut, or has an octet too few, another one, or one of `octets` too many."""
    at = rng.randrange(len(payload) + 1)
    another = bytes((rng.choice(octets),))
    return rng.choice(
        (
            payload[:at],
            payload[at:],
            payload[:at] + payload[at + 1 :],
            payload[:at] + another + payload[at:],
            payload[:at] + another + payload[at + 1 :],
            payload[:at] + payload[at:].swapcase(),
            payload + payload,
        )
    )


def say(rng: Random, connection: TcpTalk, side: int, payload: bytes) -> None:
    """Send a payload: mostly whole, else in two segments, twice, or ahead of its turn."""
    seq = connection.seq[side]
    way = rng.random()
    if way < 0.1 and len(payload) > 1:
        cut = rng.randrange(1, len(payload))
        connection.send(side, payload[:cut])
        connection.send(side, payload[cut:])
    elif way < 0.15:
        connection.send(side, payload, seq=seq + 100)
        connection.send(side, payload)
    else:
        connection.send(side, payload)
        if way > 0.9:
            connection.send(side, payload, seq=seq)


def some_port(rng: Random) -> int:
    """A port; often one that was named before, or one that must not be named."""
    few = (0, 20, 80, 1023, 2000, 2001, 2002, 65535)
    return rng.choice(few) if rng.random() < 0.8 else rng.randrange(65536)
