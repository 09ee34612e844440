"""Whatever the octets are: parsing never raises, and every packet gets a verdict and a reason."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import STATE_NAMES
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK, REASON_NAMES
from firewalld_py.rules.verdicts import ACCEPT, DROP
from tests.plans import firewall, log, plan, rule
from tests.properties.samples import SEED, corpus, mutated

if TYPE_CHECKING:
    from firewalld_py.pipeline import Firewall

PACKETS: Final = 10_000
BEGINNINGS: Final = [b"", b"\x45", b"\x46", b"\x60", b"\x6f"]


@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=200), truncated=st.booleans())
@settings(max_examples=500, deadline=None)
def test_parsing_raises_for_no_octets(beginning: bytes, rest: bytes, truncated: bool) -> None:
    packet = parse(beginning + rest, PacketMeta(truncated=truncated))
    assert 0 <= packet.fault < len(REASON_NAMES)
    if packet.fault == OK:
        assert packet.version in (4, 6)
        assert packet.protocol >= 0
        assert len(packet.src) == len(packet.dst) == (4 if packet.version == 4 else 16)


def demanding() -> Firewall:
    """Rules that ask for everything, so that every match is put to every packet."""
    everything: list[tuple[str, object]] = [
        ("state", 31),
        ("in", 1),
        ("family", 4),
        ("src", [["00000000", "ffffffff"]]),
        ("proto", list(range(256))),
        ("sport", [[0, 65535]]),
        ("dport", [[0, 65535]]),
        ("icmp", [[1, 8, 0, 255]]),
        ("tcp_flags", [[0x17, 0x02]]),
        ("mark", [[0, 1]]),
    ]
    one_by_one = [
        rule("continue", (inverse + kind, value), log=log())
        for kind, value in everything
        for inverse in ("", "!")
    ]
    return firewall(
        plan(
            [*one_by_one, rule("reject", ("state", 8)), rule("accept")],
            prerouting=[rule("notrack", ("dport", [[7, 9]]))],
            interfaces=["lan*"],
        )
    )


def judge_all(packets: list[bytes], chance: random.Random) -> set[str]:
    """Hand all packets over; every one must be judged. Gives the reasons that came up."""
    judge = demanding()
    now = 1000.0
    seen: set[str] = set()
    for data in packets:
        now += chance.choice([0.0, 0.01, 1.0, 45.0, -1.0])
        meta = PacketMeta(chance.randrange(5), chance.randrange(-1, 3), 0, 0, chance.random() < 0.1)
        decision = judge.handle(data, meta, now)
        assert decision.verdict in (ACCEPT, DROP)
        assert decision.reason_name() in REASON_NAMES
        assert decision.reason_name() != "ok"
        # Of a fragment that is held or left out there is no state.
        assert decision.info.state in STATE_NAMES or decision.packet.fragment
        seen.add(REASON_NAMES[decision.info.reason])
        judge.conntrack.expire(now, 16)
    return seen


def test_ten_thousand_random_strings_are_judged() -> None:
    chance = random.Random(SEED)
    packets = [
        chance.choice(BEGINNINGS)
        + chance.randbytes(chance.choice([0, 1, 19, 20, 39, 40, 60, 1500]))
        for _ in range(PACKETS)
    ]
    seen = judge_all(packets, chance)
    assert {"ip_too_short", "not_ip", "ip_total_length"} <= seen


def test_ten_thousand_spoilt_packets_of_real_protocols_are_judged() -> None:
    chance = random.Random(SEED)
    real = corpus()
    packets = [mutated(chance.choice(real), chance) for _ in range(PACKETS)]
    seen = judge_all(packets, chance)
    # They reach every layer: faults of headers, of transports, of connections, and none at all.
    assert {"ok", "ip_header_length", "tcp_flags", "udp_length", "icmp_error_unrelated"} <= seen
    assert len(seen) > 12
