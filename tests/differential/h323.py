"""Messages of H.323 by chance: of every shape that the types allow, and mutated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firewalld_py.conntrack.helpers.h323_notation import CHOICE, SEQUENCE, Member, Type
from tests import wire
from tests.h323_messages import Filler, encode

if TYPE_CHECKING:
    from random import Random

    from tests.talk import Talk

PORTS: Final = (1719, 1720, *[2000, 2001, 3000] * 4, 2002, 3001, 0, 1, 65535, 1023)
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
