"""IPv6 fragment headers that are cut short, at every octet: in a packet and within a fragment.

Each part of the way asks for another number of octets of the same header, and who asks for too many
or too few takes a packet for something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.casefile import case_text
from tests.differential.compare import compare, history
from tests.differential.kernel import KernelJudge
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

HOPOPTS, ESP, AH, DSTOPTS, FRAGMENT, NO_NEXT, SCTP, OTHER = 0, 50, 51, 60, 44, 59, 132, 253
BEHIND: Final = (
    wire.TCP, wire.UDP, wire.ICMPV6, NO_NEXT, ESP, OTHER, HOPOPTS, DSTOPTS, AH, FRAGMENT, SCTP,
)  # fmt: skip
HEADER: Final = 8
OFFSETS: Final = (0, 1, 8)  # of the inner header: none, "more follow", and not the beginning
# What leads to the inner header, and of which kind it is.
LEADS: Final = ((AH, bytes((FRAGMENT, 1)) + bytes(10)), (DSTOPTS, bytes((FRAGMENT, 0)) + bytes(6)))


def fragment(kind: int, offset: int, ident: int, octets: bytes) -> bytes:
    return bytes((kind, 0)) + offset.to_bytes(2, "big") + ident.to_bytes(4, "big") + octets


def packet(kind: int, octets: bytes) -> Sent:
    return Sent(wire.ipv6(wire.CLIENT6, wire.SERVER6, kind, octets))


def cut_headers(kind: int) -> Iterator[Sent]:
    """A header that leads to `kind`, with as many octets behind it as it lacks itself at most."""
    ident = 0
    for offset in OFFSETS:
        for left in range(HEADER + 5):
            inner = fragment(kind, offset, 9, bytes(4))[:left]
            yield packet(FRAGMENT, inner)
            for lead_kind, lead in LEADS:
                yield packet(lead_kind, lead + inner)
                body = lead + inner
                for cut in {0, HEADER, len(body) & ~7}:
                    ident += 1
                    if cut:
                        yield packet(FRAGMENT, fragment(lead_kind, 1, ident, body[:cut]))
                    yield packet(FRAGMENT, fragment(lead_kind, cut, ident, body[cut:]))


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelJudge]:
    with KernelJudge() as judge:
        yield judge


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("kind", BEHIND)
def test_a_fragment_header_cut_anywhere_is_judged_alike(kernel: KernelJudge, kind: int) -> None:
    sequence = Sequence(f"cut before {kind}", list(cut_headers(kind)))
    outcome = compare(kernel, sequence)
    assert outcome.differing is None, case_text(sequence, history(kernel, sequence))
