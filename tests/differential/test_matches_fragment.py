"""Whether a datagram came in fragments, where the kernel does not put them together."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from firewalld_py.rules.machine import Machine
from tests import wire
from tests.differential.fragments import fragmented
from tests.differential.link_world import LinkJudges, LinkWorld, Sent
from tests.differential.matching import Matched, Pair

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

DATAGRAMS: Final = 150
# -f asks each fragment behind the first: some fragment of a datagram meets it, or none does.
PAIRS: Final = (
    Pair("-f", "-m frag --fragid 0:4294967295", "fragment: true"),
    Pair("-f", "-m frag --fragid 0:4294967295", "not: {fragment: false}"),
)


def test_a_datagram_in_fragments_is_met_as_iptables_has_it() -> None:
    rng = Random(3)
    matched = Matched()
    with LinkWorld() as world, LinkJudges(world, PAIRS, Machine()) as judges:
        for number in range(DATAGRAMS):
            ends = (wire.CLIENT4, wire.SERVER4) if number & 1 else (wire.CLIENT6, wire.SERVER6)
            whole = wire.ip(*ends, wire.UDP, wire.udp(rng.randbytes(rng.randrange(20, 900))))
            pieces = [whole] if rng.random() < 0.4 else fragmented(rng, whole, 0.0)
            sent = [Sent("lan0", piece) for piece in pieces]
            judges.compare_together(sent, matched, f"{len(pieces)} fragments")
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    assert min(matched.met[0], matched.met[1]) > DATAGRAMS // 3
