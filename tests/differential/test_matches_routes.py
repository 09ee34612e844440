"""Types of addresses and the way back: iptables' and ours say the same by the same routes."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from typing import Final

import pytest

from firewalld_py.rules.machine import Machine
from firewalld_py.rules.routes import RouteTable
from firewalld_py.service.routes import read_routes
from tests import wire
from tests.differential.link_world import INTERFACES, LinkJudges, LinkWorld, Sent
from tests.differential.matching import Matched, Pair, both, negated

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

PACKETS: Final = 1200
SET_UP: Final = (
    "address add 10.1.0.1/24 brd + dev lan0",
    "address add 10.2.0.1/28 brd + dev lan0",
    "address add 198.51.100.1/25 brd 198.51.100.77 dev wan0",
    "address add 172.16.0.1/24 dev dmz0",
    "route add default via 198.51.100.9 dev wan0",
    "route add 203.0.113.0/24 via 10.1.0.9 dev lan0",
    "route add 192.0.2.0/24 nexthop via 10.1.0.5 dev lan0 nexthop via 172.16.0.5 dev dmz0",
    "route add blackhole 192.0.2.128/25",
    "route add unreachable 10.9.0.0/16",
    "route add prohibit 10.8.0.0/16",
    "route add throw 10.7.0.0/16",
    "route add 10.20.0.0/16 dev lan0 metric 10",
    "route add 10.20.0.0/16 dev dmz0 metric 20",
    "route add local 10.66.0.0/16 dev lo",
    "route add 10.7.5.0/24 dev dmz0 table 253",
    "route add 10.88.0.0/16 dev dmz0 table 100",  # to which no rule leads
    "address add fd00:1::1/64 dev lan0 nodad",
    "address add fd00:2::1/64 dev wan0 nodad",
    "address add fe80::1/64 dev lan0 nodad",
    "address add fe80::2/64 dev wan0 nodad",
    "route add ::/0 via fd00:2::9 dev wan0",
    "route add 2001:db8:1::/48 via fd00:1::9 dev lan0",
    "route add 2001:db8:2::/48 dev lan0 metric 10",
    "route add 2001:db8:2::/48 dev dmz0 metric 20",
    "route add 2001:db8:3::/48 nexthop via fd00:1::5 dev lan0 nexthop via fd00:2::5 dev wan0",
    "route add blackhole 2001:db8:4::/48",
    "route add unreachable 2001:db8:5::/48",
    "route add local 2001:db8:6::/48 dev lo",
)
ADDRESSES: Final = {
    4: (
        *("10.1.0.1", "10.1.0.5", "10.1.0.255", "10.1.0.0", "10.2.0.15", "10.2.0.5", "10.3.0.1"),
        *("198.51.100.1", "198.51.100.77", "198.51.100.127", "198.51.100.200", "172.16.0.5"),
        *("203.0.113.5", "192.0.2.5", "192.0.2.200", "10.9.0.5", "10.8.0.5", "10.7.0.5"),
        *("10.7.5.5", "10.20.0.5", "10.66.0.5", "10.88.0.5", "8.8.8.8", "127.0.0.1", "0.0.0.0"),
        *("0.1.2.3", "255.255.255.255", "224.0.0.1", "239.1.2.3", "240.0.0.1"),
    ),
    6: (
        *("fd00:1::1", "fd00:1::5", "fd00:1::", "fd00:2::1", "fd00:2::5", "2001:db8:1::5", "::"),
        *("2001:db8:2::5", "2001:db8:3::5", "2001:db8:4::5", "2001:db8:5::5", "2001:db8:6::5"),
        *("2001:db8:9::5", "fe80::1", "fe80::5", "ff02::1", "ff0e::5", "::ffff:10.1.0.5"),
    ),
}

NO_SOURCES: Final = ("ff02::1", "ff0e::5", "::ffff:10.1.0.5")  # ipv6_rcv() drops what has these


def _types() -> list[Pair]:
    """Those that the two families have, and of which both say the same."""
    pairs = []
    for side in ("src", "dst"):
        for name in ("local", "unicast", "broadcast", "multicast", "unspec"):
            words = f"-m addrtype --{side}-type {name.upper()}"
            v4, v6 = words if name != "unspec" else "", words if name != "broadcast" else ""
            pairs.append(Pair(v4, v6, f"{side}_type: {name}"))
    several = "-m addrtype --dst-type LOCAL,MULTICAST"
    pairs.append(Pair(several, "", "dst_type: [local, multicast]"))
    return [*pairs, *map(negated, pairs)]


def _ways_back() -> list[Pair]:
    pairs = []
    for options, ours in (
        ("", "strict"),
        (" --loose", "loose"),
        (" --accept-local", "{accept_local: true}"),
        (" --loose --accept-local", "{mode: loose, accept_local: true}"),
    ):
        pairs.append(both(f"-m rpfilter{options}", f"reverse_path: {ours}"))
        pairs.append(both(f"-m rpfilter{options} --invert", f"not: {{reverse_path: {ours}}}"))
    return pairs


def _packet(rng: Random) -> Sent:
    family = rng.choice((4, 4, 6))
    sources = [one for one in ADDRESSES[family] if family == 4 or one not in NO_SOURCES]
    src, dst = (ip_address(rng.choice(some)).packed for some in (sources, ADDRESSES[family]))
    return Sent(rng.choice(INTERFACES), wire.ip(src, dst, wire.UDP, wire.udp()))


@pytest.mark.parametrize("more", [(), ("rule add to 10.99.0.0/16 lookup 100",)])
def test_conditions_on_routes_are_met_as_iptables_has_it(more: tuple[str, ...]) -> None:
    """With rules of its own, the kernel keeps the tables local and main apart."""
    rng = Random(8)
    matched = Matched()
    with LinkWorld((*SET_UP, *more)) as world:
        machine = Machine()
        with world.gateway.entered():
            routes = read_routes()
        assert routes.rows is not None
        assert routes.other_rules == len(more)
        machine.routes = RouteTable()
        for row in routes.rows:
            machine.routes.add_row(row)
        with LinkJudges(world, [*_types(), *_ways_back()], machine) as judges:
            for _ in range(PACKETS):
                judges.compare(_packet(rng), matched)
            never = [pair.ours for n, pair in enumerate(judges.pairs) if n not in matched.met]
    assert not matched.wrong, f"{len(matched.wrong)}\n" + "\n".join(sorted(matched.wrong)[:40])
    assert not never, "pairs that no packet met"
