"""Marks of packets and connections: after ours they are the same as after iptables' targets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.matching import Matched, MatchingJudges, Pair, both
from tests.differential.sequence import Sent, Sequence
from tests.differential.test_tracking_rules import with_hops

if TYPE_CHECKING:
    from collections.abc import Iterator

HOPS: Final = tuple(range(40, 46))  # by which rules tell packets apart
FLOWS: Final = 4
PACKETS: Final = 300
CHANGES: Final = 40
_WAYS: Final = ("set", "or", "and", "xor")


def _changes(rng: Random) -> Iterator[Pair]:
    """Rules that change marks, in any order."""
    for _ in range(CHANGES):
        words, ours = rng.choice((_change, _change, _copy))(rng)
        hops = rng.choice(HOPS)
        yield Pair(
            f"-m ttl --ttl-eq {hops} -j {words}",
            f"-m hl --hl-eq {hops} -j {words}",
            f"ttl: {hops}, action: [{{{ours}}}, drop]",
            acts=True,
        )


def _change(rng: Random) -> tuple[str, str]:
    target = rng.choice(("mark", "connmark"))
    way = rng.choice(_WAYS)
    bits, mask = _bits(rng), _bits(rng)
    if way == "set":
        bits &= mask
        return f"{target.upper()} --set-xmark {bits:#x}/{mask:#x}", f"{target}: {bits:#x}/{mask:#x}"
    return f"{target.upper()} --{way}-mark {bits:#x}", f"{target}: {{{way}: {bits:#x}}}"


def _copy(rng: Random) -> tuple[str, str]:
    way = rng.choice(("save", "restore"))
    nfmask, ctmask = _bits(rng), _bits(rng)
    masks = rng.choice(("none", "one", "two"))
    if masks == "none":
        return f"CONNMARK --{way}-mark", f"connmark: {way}"
    if masks == "one":
        return f"CONNMARK --{way}-mark --mask {nfmask:#x}", f"connmark: {{{way}: {nfmask:#x}}}"
    return (
        f"CONNMARK --{way}-mark --nfmask {nfmask:#x} --ctmask {ctmask:#x}",
        f"connmark: {{{way}: {{nfmask: {nfmask:#x}, ctmask: {ctmask:#x}}}}}",
    )


def _bits(rng: Random) -> int:
    return rng.choice((rng.getrandbits(32), 0xFF << 8 * rng.randrange(4), 1 << rng.randrange(32)))


def _every_bit() -> Iterator[Pair]:
    for bit in range(32):
        text = f"{1 << bit:#x}/{1 << bit:#x}"
        yield both(f"-m mark --mark {text}", f"mark: {text}")
        yield both(f"-m connmark --mark {text}", f"connmark: {text}")


def _packets(rng: Random) -> Iterator[Sent]:
    for _ in range(PACKETS):
        port, is_v4 = 1024 + rng.randrange(FLOWS), rng.random() < 0.5
        ends = [wire.CLIENT4, wire.SERVER4] if is_v4 else [wire.CLIENT6, wire.SERVER6]
        ports = [port, 53]
        if rng.random() < 0.5:
            ends, ports = ends[::-1], ports[::-1]
        flags = rng.choice(("S", "SF"))  # what is INVALID has no connection
        segment = wire.tcp(flags, 1000, sport=ports[0], dport=ports[1])
        datagram = wire.udp(sport=ports[0], dport=ports[1])
        is_tcp = rng.random() < 0.2
        protocol, payload = (wire.TCP, segment) if is_tcp else (wire.UDP, datagram)
        data = with_hops(wire.ip(ends[0], ends[1], protocol, payload), rng.choice(HOPS))
        yield Sent(data, f"{'tcp' if is_tcp else 'udp'} {ports}")


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("seed", [81, 82, 83])
def test_marks_are_changed_saved_and_restored_as_iptables_does(seed: int) -> None:
    rng = Random(seed)
    changes = list(_changes(rng))
    middle = CHANGES // 2
    pairs = [*changes[:middle], *_every_bit(), *changes[middle:], *_every_bit()]
    matched = Matched()
    with MatchingJudges(pairs) as judges:
        judges.compare(Sequence(f"seed {seed}", list(_packets(rng))), matched)
    assert not matched.wrong, f"{len(matched.wrong)}\n" + "\n".join(matched.wrong[:10])
    assert matched.packets == PACKETS
    assert len(matched.met) > 2 * 32
