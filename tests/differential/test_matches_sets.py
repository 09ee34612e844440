"""Sets: ipset's and ours say the same of the same packets, and hold the same afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import time
from random import Random
from typing import TYPE_CHECKING, Final, Self

import pytest

from firewalld_py.policy.set_elements import element_text
from firewalld_py.rules.sets import ALL_LISTED
from tests import wire
from tests.differential.kernel import run
from tests.differential.matching import Matched, MatchingJudges, Pair, negated
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from firewalld_py.rules.sets import Set

pytestmark = pytest.mark.needs("conntrack", "ipset")

PACKETS: Final = 1500
TIMEOUT_S: Final = 20.0
HOSTS: Final = {
    4: [bytes((10, 1, 0, n)) for n in (1, 2, 5, 6, 200)]
    + [bytes((203, 0, 113, n)) for n in (9, 130)],
    6: [
        bytes.fromhex(f"fd0000{net:02x}" + "0" * 22 + f"{n:02x}")
        for net, n in ((1, 1), (1, 2), (1, 5), (2, 9))
    ],
}
PORTS: Final = (22, 53, 80, 1000, 1007, 1010, 40000)

# By name: ipset's type, ours, and for each family ipset's elements; the sets of IPv6 end in 6.
STATIC: Final = {
    "hosts": ("hash:ip", "address", ["10.1.0.1", "203.0.113.9"], ["fd00:1::1", "fd00:2::9"]),
    "nets": (
        *("hash:net", "network"),
        ["10.0.0.0/8", "10.1.0.0/30", "203.0.113.128/25", "10.1.0.2/32"],
        ["fd00:1::/32", "fd00:1::/126", "fd00:2::9/128"],
    ),
    "ipport": (
        *("hash:ip,port", "[address, port]"),
        [
            *("10.1.0.1,tcp:80", "10.1.0.2,udp:53", "10.1.0.5,tcp:1000-1007"),
            *("203.0.113.9,sctp:80", "10.1.0.1,icmp:echo-request", "203.0.113.9,icmp:3/1"),
            "10.1.0.6,gre:0",
        ],
        ["fd00:1::1,tcp:80", "fd00:1::2,udp:53", "fd00:1::5,icmpv6:echo-request"],
    ),
    "netport": (
        *("hash:net,port", "[network, port]"),
        ["10.0.0.0/8,tcp:22", "10.1.0.0/24,tcp:80", "10.1.0.1,udp:53", "203.0.113.0/24,icmp:8/0"],
        ["fd00:1::/64,tcp:80", "fd00::/16,udp:1000"],
    ),
    "three": (
        *("hash:ip,port,net", "[address, port, network]"),
        ["10.1.0.1,tcp:80,203.0.113.0/24", "10.1.0.2,udp:53,203.0.113.9"],
        ["fd00:1::1,tcp:80,fd00:2::/64"],
    ),
}
# What asks each of them.
ASKED: Final = {
    "hosts": (["src"], ["dst"]),
    "nets": (["src"], ["dst"]),
    "ipport": (["src", "sport"], ["src", "dport"], ["dst", "dport"], ["dst", "sport"]),
    "netport": (["src", "dport"], ["dst", "sport"]),
    "three": (["src", "dport", "dst"], ["dst", "sport", "src"]),
}
_WORDS: Final = {"src": "src", "dst": "dst", "sport": "src", "dport": "dst"}
DYNAMIC: Final = {"dyn": ("hash:ip", "address"), "pairs": ("hash:ip,port", "[address, port]")}


class IpSets:
    """The kernel's sets, in the namespace that `prepare` is called in."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._namespace = -1

    def prepare(self) -> None:
        self._namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        run(["ipset", "restore"], "\n".join([*self._lines, ""]))

    def saved(self, name: str) -> list[str]:
        """What it holds, as `ipset save` has it."""
        done = subprocess.run(
            ["nsenter", f"--net=/proc/self/fd/{self._namespace}", "ipset", "save", name],
            check=True,
            capture_output=True,
            text=True,
            pass_fds=(self._namespace,),
        )
        return [line.split(" ", 2)[2] for line in done.stdout.splitlines() if line[:4] == "add "]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._namespace)


def packets(rng: Random, count: int, number: int) -> Sequence:
    """Packets of all sorts between a few hosts and a few ports."""
    return Sequence(f"sets {number}", [Sent(packet(rng), "random") for _ in range(count)])


def packet(rng: Random) -> bytes:
    family = rng.choice((4, 4, 6))
    src, dst = rng.sample(HOSTS[family], 2)
    sport, dport = rng.choice(PORTS), rng.choice(PORTS)
    kind = rng.choice((wire.TCP, wire.TCP, wire.UDP, wire.UDP, 132, 47, 50, 0))
    if kind == wire.TCP:
        return wire.ip(src, dst, kind, wire.tcp("S", sport=sport, dport=dport))
    if kind == wire.UDP:
        body = wire.udp(rng.randbytes(rng.choice((0, 5, 99))), sport=sport, dport=dport)
        return wire.ip(src, dst, kind, body)
    if kind == 132:  # an INIT of SCTP
        ports = sport.to_bytes(2, "big") + dport.to_bytes(2, "big")
        return wire.ip(src, dst, kind, ports + bytes(8) + bytes((1, 0, 0, 20)) + bytes(16))
    if kind:
        return wire.ip(src, dst, kind, bytes(12))
    icmp, types = (wire.ICMP, (8, 0, 13)) if family == 4 else (wire.ICMPV6, (128, 129))
    return wire.ip(src, dst, icmp, wire.query(rng.choice(types)))


def static_pairs() -> list[Pair]:
    pairs = []
    for name, questions in ASKED.items():
        for of in questions:
            words = ",".join(_WORDS[part] for part in of)
            ours = f"set: {{name: {name}, of: [{', '.join(of)}]}}"
            if len(of) == 1:
                ours = f"{of[0]}: ${name}"
            match = "-m set --match-set {} " + words
            pairs.append(Pair(match.format(name), match.format(f"{name}6"), ours))
    return pairs


def heading(counters: str = "") -> str:
    lines = ["sets:"]
    for name, (_, kind, v4, v6) in STATIC.items():
        elements = ", ".join(f'"{element}"' for element in (*v4, *v6))
        lines.append(f"  {name}: {{type: {kind}, elements: [{elements}]{counters}}}")
    return "\n".join(lines)


def ipset_lines(more: str = "") -> list[str]:
    lines = []
    for name, (kind, _, v4, v6) in STATIC.items():
        for suffix, family, elements in (("", "inet", v4), ("6", "inet6", v6)):
            lines.append(f"create {name}{suffix} {kind} family {family}{more}")
            lines += [f"add {name}{suffix} {element}" for element in elements]
    return lines


def test_what_is_in_a_set_is_in_ipsets() -> None:
    matched, rng = Matched(), Random(71)
    pairs = static_pairs()
    pairs += [negated(pair) for pair in pairs]
    ipsets = IpSets(ipset_lines())
    with ipsets, MatchingJudges(pairs, heading=heading(), prepare=ipsets.prepare) as judges:
        judges.compare(packets(rng, PACKETS, 0), matched)
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    never = [pair.ours for number, pair in enumerate(pairs) if number not in matched.met]
    assert not never, "pairs that no packet met"


def test_a_set_of_ports_is_as_a_bitmap_of_ports() -> None:
    """It knows TCP and UDP alone."""
    matched, rng = Matched(), Random(72)
    words = "-m set --match-set ports "
    elements = "tcp:22, udp:22, tcp:1000-1007, udp:1000-1007"
    pairs = [
        Pair(f"{words}{side}", f"{words}{side}", f"{key}: $ports")
        for side, key in (("src", "sport"), ("dst", "dport"))
    ]
    lines = ["create ports bitmap:port range 0-65535", "add ports 22", "add ports 1000-1007"]
    ipsets = IpSets(lines)
    text = f"sets: {{ports: {{type: port, elements: [{elements}]}}}}"
    with ipsets, MatchingJudges(pairs, heading=text, prepare=ipsets.prepare) as judges:
        judges.compare(packets(rng, 400, 0), matched)
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    assert matched.met.keys() == {0, 1}


def test_elements_count_their_packets_as_ipsets_do() -> None:
    """Each set is asked once about a packet; a network's counts are those of the narrowest."""
    matched, rng = Matched(), Random(73)
    pairs = [pair for pair in static_pairs() if "[src" in pair.ours or "src: " in pair.ours]
    pairs = list({pair.ours.partition(",")[0]: pair for pair in pairs}.values())
    ipsets = IpSets(ipset_lines(" counters"))
    text = heading(", counters: true")
    with ipsets, MatchingJudges(pairs, heading=text, prepare=ipsets.prepare) as judges:
        judges.compare(packets(rng, 500, 0), matched)
        for name in STATIC:
            theirs = counted(ipsets.saved(name)) | counted(ipsets.saved(f"{name}6"))
            assert our_counts(judges.ruleset.sets[name]) == theirs, name
            assert sum(packets for packets, _ in theirs.values()) > 0, name
    assert not matched.wrong, "\n".join(matched.wrong[:10])


_COUNTED: Final = re.compile(r"(\S+)(?: timeout \d+)? packets (\d+) bytes (\d+)")


def counted(lines: list[str]) -> dict[str, tuple[int, int]]:
    """Packets and octets by element, without those that have none; a range of ports is one."""
    found: dict[str, tuple[int, int]] = {}
    for line in lines:
        match = _COUNTED.fullmatch(line)
        assert match is not None, line
        element = re.sub("tcp:100[0-7]", "tcp:1000-1007", match[1].replace("ipv6-icmp", "icmpv6"))
        packets, octets = found.get(element, (0, 0))
        if int(match[2]):
            found[element] = packets + int(match[2]), octets + int(match[3])
    return found


def our_counts(of: Set) -> dict[str, tuple[int, int]]:
    """The same of ours, in ipset's words."""
    listed, following = of.part(0, 100_000, 0.0)
    assert following == ALL_LISTED
    return {
        in_ipsets_words(element_text(of.words, one.packed, one.lengths)): (one.packets, one.octets)
        for one in listed
        if one.packets
    }


def in_ipsets_words(text: str) -> str:
    """A type of ICMP with code 0 is one without a code to it."""
    text = text.replace("icmp:destination-unreachable/1", "icmp:host-unreachable")
    return re.sub("(icmp(?:v6)?:[a-z-]+)/0$", r"\1", text)


def dynamic_pairs(seconds: int) -> list[Pair]:
    """Rules that add and remove, and between them rules that ask."""

    def asking(name: str, *of: str) -> Pair:
        words = f"-m set --match-set {name}%s {','.join(_WORDS[part] for part in of)}"
        return Pair(words % "", words % "6", f"set: {{name: {name}, of: [{', '.join(of)}]}}")

    def acting(condition: str, action: str, ours: str, name: str, words: str) -> Pair:
        texts = [f"{condition} -j SET --{action}-set {name}{v} {words}" for v in ("", "6")]
        return Pair(texts[0], texts[1], ours, acts=True)

    lasting = f"src --exist --timeout {seconds}"
    in_dyn, in_pairs = asking("dyn", "src"), asking("pairs", "src", "dport")
    questions = [in_dyn, negated(in_dyn), asking("dyn", "dst"), in_pairs, negated(in_pairs)]
    return [
        *questions,
        acting(
            *("-p tcp --dport 80", "add"),
            f"proto: tcp, dport: 80, action: [{{add: {{set: dyn, of: src, for: {seconds}s}}}}]",
            *("dyn", lasting),
        ),
        acting(
            *("-p udp --dport 53", "del"),
            "proto: udp, dport: 53, action: [{remove: {set: dyn, of: src}}]",
            *("dyn", "src"),
        ),
        *questions,
        acting(
            *("-m set --match-set dyn% src", "add"),
            "src: $dyn, action: [{add: {set: pairs, of: [src, dport]}}]",
            *("pairs", "src,dst --exist"),
        ),
        acting(
            *("-p tcp --sport 22", "del"),
            "proto: tcp, sport: 22, action: [{remove: {set: pairs, of: [src, dport]}}]",
            *("pairs", "src,dst"),
        ),
        *questions,
    ]


def in_families(pair: Pair) -> Pair:
    return pair._replace(v4=pair.v4.replace("%", ""), v6=pair.v6.replace("%", "6"))


def held(of: Set) -> set[str]:
    listed, _ = of.part(0, 100_000, time.monotonic())
    return {in_ipsets_words(element_text(of.words, one.packed, one.lengths)) for one in listed}


def test_what_rules_add_and_remove_is_what_ipsets_hold() -> None:
    matched, rng = Matched(), Random(74)
    lines = [
        f"create {name}{suffix} {kind} family {family} timeout 0"
        for name, (kind, _) in DYNAMIC.items()
        for suffix, family in (("", "inet"), ("6", "inet6"))
    ]
    text = "\n".join(
        ["sets:", *(f"  {name}: {{type: {ours}}}" for name, (_, ours) in DYNAMIC.items())]
    )
    pairs = [in_families(pair) for pair in dynamic_pairs(3)]
    ipsets = IpSets(lines)
    with ipsets, MatchingJudges(pairs, heading=text, prepare=ipsets.prepare) as judges:
        judges.compare(packets(rng, 300, 0), matched)
        dyn, lasting = judges.ruleset.sets["dyn"], judges.ruleset.sets["pairs"]
        assert held(lasting) == kernels(ipsets, "pairs")
        assert held(lasting)
        end = time.monotonic() + TIMEOUT_S
        while held(dyn) or kernels(ipsets, "dyn"):
            assert time.monotonic() < end, "elements that do not expire"
        judges.compare(packets(rng, 300, 1), matched)
        assert held(lasting) == kernels(ipsets, "pairs")
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    asked = {number for number, pair in enumerate(pairs) if not pair.acts}
    assert asked <= matched.met.keys(), "pairs that no packet met"


def kernels(ipsets: IpSets, name: str) -> set[str]:
    lines = [*ipsets.saved(name), *ipsets.saved(f"{name}6")]
    return {line.split()[0].replace("ipv6-icmp", "icmpv6") for line in lines}
