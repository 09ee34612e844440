"""Random rule sets of iptables, and random packets that such rules tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.iptables_conditions import PORTS, Matches
from tests.differential.test_tracking_rules import with_hops

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

HOSTS: Final = {
    4: [bytes((10, 1, 0, n)) for n in (1, 2, 6)] + [bytes((198, 51, 100, n)) for n in (1, 9)],
    6: [
        bytes.fromhex(f"fd0000{net:02x}" + "0" * 22 + f"{n:02x}")
        for net, n in ((1, 1), (1, 2), (1, 6), (2, 1), (2, 9))
    ],
}
REJECTS: Final = {
    4: (
        "icmp-net-unreachable", "icmp-host-unreachable", "icmp-port-unreachable",
        "icmp-proto-unreachable", "icmp-net-prohibited", "icmp-host-prohibited",
        "icmp-admin-prohibited",
    ),
    6: (
        "icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable",
        "icmp6-port-unreachable",
    ),
}  # fmt: skip
COPIES: Final = ("--save-mark", "--restore-mark --nfmask 0xff --ctmask 0xf")
TEXTS: Final = (b"", b"", b"GET / quux", b"xGET ", b"quu")
# MSS 1460, MSS 500, none, timestamps.
OPTIONS: Final = (
    b"\2\4\x05\xb4",
    b"\2\4\x01\xf4",
    b"",
    b"\1\1\x08\x0a" + bytes(8),
)


class Rules(Matches):
    """One rule set of one family, as iptables-restore reads it."""

    def __init__(self, rng: Random, family: int) -> None:
        super().__init__(rng, family)
        self.remembers = rng.random() < 0.3
        self.counters = rng.random() < 0.3  # else too little is left by the end

    def text(self) -> str:
        """Both tables."""
        return "\n".join(["*raw", *self.raw(), "COMMIT", "*filter", *self.filter(), "COMMIT", ""])

    def raw(self) -> list[str]:
        policy = "DROP" if self.rng.random() < 0.03 else "ACCEPT"
        lines = [f":PREROUTING {policy} [0:0]", ":OUTPUT ACCEPT [0:0]", ":r1 - [0:0]"]
        for chain, chains in (("PREROUTING", ["r1"]), ("r1", [])):
            count = self.rng.randrange(4)
            lines += [self.rule(chain, "raw", chains) for _ in range(count)]
        return lines

    def filter(self) -> list[str]:
        """Chains that lead to later ones, some of them many deep; FORWARD leads to a few."""
        lines = [":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
        lines.append(f":FORWARD {self.rng.choice(('ACCEPT', 'DROP'))} [0:0]")
        users = [f"u{number}" for number in range(1, 1 + self.rng.choice((3, 3, 5, 12)))]
        lines += [f":{name} - [0:0]" for name in users]
        for at, chain in enumerate(["FORWARD", *users]):
            below = users[at : at + 4]
            for _ in range(self.rng.randrange(1, 7)):
                lines.append(self.rule(chain, "filter", below))
            if below and self.rng.random() < 0.5:  # else few packets come far
                lines.append(f"-A {chain} {self.rng.choice(('-j', '-g'))} {below[0]}")
        return lines

    def rule(self, chain: str, table: str, chains: list[str]) -> str:
        protocol, matches = self.matches(table)
        target = self.target(table, protocol, chains)
        # Of two matches that know --set, ip6tables takes the wrong one.
        words = " ".join([target, *matches]).lower()
        free = not target.startswith("-m") and "-m set" not in words and "-j set" not in words
        noted = self.remembers and table == "filter" and free
        if noted and self.rng.random() < 0.3:
            matches.append(self.note())
        return " ".join([f"-A {chain}", *protocol, *matches, target])

    def matches(self, table: str) -> tuple[list[str], list[str]]:
        """The protocol, and conditions that may stand with it."""
        rng = self.rng
        icmp = "icmp" if self.family == 4 else "ipv6-icmp"
        protocol = rng.choice([[], [], ["-p", "tcp"], ["-p", "udp"], ["-p", icmp]])
        if rng.random() < 0.08:
            protocol = ["!", "-p", rng.choice(["tcp", "udp", icmp])]
        found: list[str] = []
        kinds = [self.interface, self.address, self.range, self.mark, self.comment]
        kinds += [self.length, self.dscp, self.tos, self.link]
        if table == "filter":
            kinds += [self.hops, self.in_set]
            kinds += [self.state, self.state, self.connmark, self.label]
            kinds += [self.connection, self.connection, self.count, self.helper]
            # No connlimit: the kernel counts those that were dropped within the same jiffy.
            kinds += [self.recent] * self.remembers
        if protocol and protocol[0] == "-p":
            own = {"tcp": [self.port, self.ports, self.flags], "udp": [self.port, self.ports]}
            kinds += 3 * own.get(protocol[1], [self.icmp])
            if protocol[1] == "tcp":
                kinds += [self.option, self.segment_size]
            if protocol[1] in own:
                kinds += [lambda: self.word(protocol[1]), lambda: self.octets(protocol[1])]
        if self.family == 6:
            kinds += [self.header]
        if self.counters:
            kinds += [self.hashlimit, self.quota, self.every, self.few]
        asked = rng.sample(kinds, rng.choice((0, 1, 1, 2, 2, 3)))
        for kind in dict.fromkeys(asked):
            module = f"-m {protocol[1]} " if kind == self.port else ""
            found.append(module + kind())
        return protocol, found

    def target(self, table: str, protocol: list[str], chains: list[str]) -> str:
        rng = self.rng
        kinds = ["ACCEPT", "DROP", "LOG", "MARK", "RETURN", "NONE"]
        if table == "raw":
            kinds += ["NOTRACK", "NOTRACK", "ZONE", "ZONE"]
        else:
            kinds += ["ACCEPT", "ACCEPT", "DROP", "REJECT", "CONNMARK", "NFLOG", "LIMITED", "SET"]
        if chains:
            kinds += ["JUMP", "JUMP", "GOTO", "GOTO", "SOMETIMES"]
        kind = rng.choice(kinds)
        sometimes = "-j RETURN"
        if chains and rng.random() < 0.7:
            sometimes = f"{rng.choice(('-j', '-g'))} {rng.choice(chains)}"
        mark = rng.choice(
            (
                "--set-mark 0x1",
                "--set-xmark 0x2/0x3",
                "--or-mark 0x10",
                "--and-mark 0xf0",
                "--xor-mark 0x3",
            )
        )
        words: dict[str, Callable[[], str]] = {
            "NONE": lambda: "",
            "LIMITED": lambda: "-m limit --limit 1/day --limit-burst 3 -j ACCEPT",
            "MARK": lambda: f"-j MARK {mark}",
            "CONNMARK": lambda: f"-j CONNMARK {rng.choice((mark, *COPIES))}",
            "LOG": lambda: '-m limit --limit 7/min -j LOG --log-prefix "a \\"b\\": " --log-level 5',
            "NFLOG": lambda: "-j NFLOG --nflog-group 9 --nflog-prefix n",
            "NOTRACK": lambda: "-j CT --notrack",
            "ZONE": lambda: f"-j CT --zone {rng.choice((1, 7))}",
            "JUMP": lambda: f"-j {rng.choice(chains)}",
            "GOTO": lambda: f"-g {rng.choice(chains)}",
            "SOMETIMES": lambda: f"-m limit --limit 1/day --limit-burst 3 {sometimes}",
            "SET": lambda: f"-j SET {self.change()}",
            "REJECT": lambda: f"-j REJECT --reject-with {self.reject(protocol)}",
        }
        word = words.get(kind)
        return f"-j {kind}" if word is None else word()

    def change(self) -> str:
        """What a rule does with a set."""
        return self.rng.choice(
            (
                f"--add-set changed{self.family} {self.rng.choice(('src', 'dst'))} --exist",
                f"--del-set changed{self.family} src",
                f"--add-set changed{self.family}p src,dst --exist",
            )
        )

    def reject(self, protocol: list[str]) -> str:
        if protocol == ["-p", "tcp"] and self.rng.random() < 0.4:
            return "tcp-reset"
        return self.rng.choice(REJECTS[self.family])


def packets(rng: Random, count: int) -> list[bytes]:
    """Packets of a small world, a half of them answers to others."""
    found: list[bytes] = []
    flows: list[tuple[bytes, bytes, int, int, int]] = []
    for _ in range(count):
        if flows and rng.random() < 0.6:
            src, dst, protocol, sport, dport = rng.choice(flows)
            if rng.random() < 0.6:
                src, dst, sport, dport = dst, src, dport, sport
        else:
            src, dst = rng.sample(HOSTS[rng.choice((4, 6))], 2)
            protocol = rng.choice((wire.TCP, wire.TCP, wire.UDP, wire.ICMP))
            sport, dport = rng.choice(PORTS), rng.choice(PORTS)
        flows.append((src, dst, protocol, sport, dport))
        found.append(_packet(rng, src, dst, protocol, sport, dport))
    return found


def _packet(rng: Random, src: bytes, dst: bytes, protocol: int, sport: int, dport: int) -> bytes:
    """One packet, with one of a few lengths, hop limits and classes of service."""
    data = _plain(rng, src, dst, protocol, sport, dport)
    return with_class(
        with_hops(data, rng.choice((64, 64, 64, 5, 200))), rng.choice((0, 0, 0xB8, 0x10))
    )


def with_class(data: bytes, octet: int) -> bytes:
    """The packet with this TOS or traffic class."""
    if data[0] >> 4 == 6:
        return bytes((data[0] & 0xF0 | octet >> 4, octet << 4 & 0xF0 | data[1] & 0xF)) + data[2:]
    header = data[:1] + bytes((octet,)) + data[2:10] + b"\0\0" + data[12:20]
    return header[:10] + wire.ones_complement(header).to_bytes(2, "big") + data[12:]


def _plain(rng: Random, src: bytes, dst: bytes, protocol: int, sport: int, dport: int) -> bytes:
    if protocol == wire.TCP:
        flags = rng.choice(("S", "S", "SA", "A", "A", "FA", "R", "", "SF", "PA"))
        segment = wire.tcp(
            flags,
            1000,
            1000,
            sport=sport,
            dport=dport,
            payload=b"" if "S" in flags else rng.choice(TEXTS),
            options=rng.choice(OPTIONS) if "S" in flags else b"",
        )
        return wire.ip(src, dst, protocol, segment)
    if protocol == wire.UDP:
        text = rng.choice(TEXTS)
        return wire.ip(src, dst, protocol, wire.udp(text, sport=sport, dport=dport))
    if len(src) == 4:
        kind, code = rng.choice(((8, 0), (8, 0), (0, 0), (3, 4), (11, 0), (13, 0)))
        return wire.ip(src, dst, wire.ICMP, wire.query(kind, code))
    kind, code = rng.choice(((128, 0), (128, 0), (129, 0), (1, 4), (2, 0)))
    return wire.ip(src, dst, wire.ICMPV6, wire.query(kind, code))
