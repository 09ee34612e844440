"""Random rule sets of iptables, and random packets that such rules tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests import wire
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
PORTS: Final = (21, 22, 53, 80, 443, 1024, 40000)
NETWORKS: Final = {
    4: ("10.1.0.1", "10.1.0.0/30", "10.1.0.0/24", "198.51.100.0/24", "10.1.0.2/255.255.255.250"),
    6: ("fd00:1::1", "fd00:1::/126", "fd00:1::/32", "fd00:2::/32"),
}
RANGES: Final = {
    4: ("10.1.0.2-10.1.0.6", "198.51.100.0-198.51.100.8"),
    6: ("fd00:1::2-fd00:1::6", "fd00:2::-fd00:2::8"),
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
FLAGS: Final = ("SYN,ACK SYN", "ALL NONE", "FIN,SYN FIN,SYN", "RST RST", "ALL SYN,ACK")
STATES: Final = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")
MARKS: Final = ("0x1", "0x2", "0x1/0x1", "0x2/0x3", "0x0/0x1", "0x10/0xf0")


class Rules:
    """One rule set of one family, as iptables-restore reads it."""

    def __init__(self, rng: Random, family: int) -> None:
        self.rng = rng
        self.family = family

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
        return " ".join([f"-A {chain}", *protocol, *matches, self.target(table, protocol, chains)])

    def matches(self, table: str) -> tuple[list[str], list[str]]:
        """The protocol, and conditions that may stand with it."""
        rng = self.rng
        icmp = "icmp" if self.family == 4 else "ipv6-icmp"
        protocol = rng.choice([[], [], ["-p", "tcp"], ["-p", "udp"], ["-p", icmp]])
        if rng.random() < 0.08:
            protocol = ["!", "-p", rng.choice(["tcp", "udp", icmp])]
        found: list[str] = []
        kinds = [self.interface, self.address, self.range, self.mark, self.comment]
        kinds += [self.length, self.dscp, self.tos]
        if table == "filter":
            kinds += [self.hops]
            kinds += [self.state, self.state, self.connmark, self.label]
        if protocol and protocol[0] == "-p":
            own = {"tcp": [self.port, self.ports, self.flags], "udp": [self.port, self.ports]}
            kinds += 3 * own.get(protocol[1], [self.icmp])
        asked = rng.sample(kinds, rng.choice((0, 1, 1, 2, 2, 3)))
        for kind in dict.fromkeys(asked):
            module = f"-m {protocol[1]} " if kind == self.port else ""
            found.append(module + kind())
        return protocol, found

    def maybe_not(self) -> str:
        return "! " if self.rng.random() < 0.25 else ""

    def interface(self) -> str:
        option, names = self.rng.choice(
            (("-i", ("judge-in", "judge+", "lan0")), ("-i", ("lan+", "judge-i+")))
        )
        return f"{self.maybe_not()}{option} {self.rng.choice(names)}"

    def address(self) -> str:
        option = self.rng.choice(("-s", "-d"))
        return f"{self.maybe_not()}{option} {self.rng.choice(NETWORKS[self.family])}"

    def range(self) -> str:
        option = self.rng.choice(("--src-range", "--dst-range"))
        return f"-m iprange {self.maybe_not()}{option} {self.rng.choice(RANGES[self.family])}"

    def mark(self) -> str:
        return f"-m mark {self.maybe_not()}--mark {self.rng.choice(MARKS)}"

    def connmark(self) -> str:
        return f"-m connmark {self.maybe_not()}--mark {self.rng.choice(MARKS)}"

    def label(self) -> str:
        return f"-m connlabel {self.maybe_not()}--label {self.rng.choice((5, 127))}"

    def comment(self) -> str:
        return self.rng.choice(
            ('-m comment --comment "it\'s \\"so\\": x"', "-m comment --comment a")
        )

    def length(self) -> str:
        return (
            f"-m length {self.maybe_not()}--length {self.rng.choice(('0:40', '41:', '48', '60'))}"
        )

    def hops(self) -> str:
        module, option = ("ttl", "--ttl-") if self.family == 4 else ("hl", "--hl-")
        how = self.rng.choice(("! {}eq 63", "{}eq 63", "{}lt 63", "{}gt 4"))
        return f"-m {module} {how.format(option)}"

    def dscp(self) -> str:
        return f"-m dscp {self.maybe_not()}--dscp {self.rng.choice(('0x00', '0x2e'))}"

    def tos(self) -> str:
        octet = self.rng.choice(("0x10/0x3f", "0xb8/0xff", "0x00/0x01"))
        return f"-m tos {self.maybe_not()}--tos {octet}"

    def state(self) -> str:
        names = ",".join(self.rng.sample(STATES, self.rng.randrange(1, 4)))
        return f"-m conntrack {self.maybe_not()}--ctstate {names}"

    def port(self) -> str:
        low, high = sorted(self.rng.sample(PORTS, 2))
        text = self.rng.choice((str(low), str(low), f"{low}:{high}", f":{low}", f"{high}:"))
        return f"{self.maybe_not()}{self.rng.choice(('--sport', '--dport'))} {text}"

    def ports(self) -> str:
        option = self.rng.choice(("--sports", "--dports", "--ports"))
        text = self.rng.choice(("22,80", "53", "21:53,443", "1024:65535"))
        return f"-m multiport {self.maybe_not()}{option} {text}"

    def flags(self) -> str:
        if self.rng.random() < 0.4:
            return f"-m tcp {self.maybe_not()}--syn"
        return f"-m tcp {self.maybe_not()}--tcp-flags {self.rng.choice(FLAGS)}"

    def icmp(self) -> str:
        if self.family == 4:
            kinds, option = ("8", "0", "3", "3/4", "echo-request", "11/0"), "--icmp-type"
            return f"-m icmp {self.maybe_not()}{option} {self.rng.choice(kinds)}"
        kind = self.rng.choice(("128", "129", "1", "1/4", "echo-request", "2"))
        return f"-m icmp6 {self.maybe_not()}--icmpv6-type {kind}"

    def target(self, table: str, protocol: list[str], chains: list[str]) -> str:
        rng = self.rng
        kinds = ["ACCEPT", "DROP", "LOG", "MARK", "RETURN", "NONE"]
        if table == "raw":
            kinds += ["NOTRACK", "NOTRACK", "ZONE", "ZONE"]
        else:
            kinds += ["ACCEPT", "ACCEPT", "DROP", "REJECT", "CONNMARK", "NFLOG", "LIMITED"]
        if chains:
            kinds += ["JUMP", "JUMP", "GOTO", "GOTO", "SOMETIMES"]
        kind = rng.choice(kinds)
        sometimes = "-j RETURN"
        if chains and rng.random() < 0.7:
            sometimes = f"{rng.choice(('-j', '-g'))} {rng.choice(chains)}"
        mark = rng.choice(
            ("--set-mark 0x1", "--set-xmark 0x2/0x3", "--or-mark 0x10", "--and-mark 0xf0")
        )
        words: dict[str, Callable[[], str]] = {
            "NONE": lambda: "",
            "LIMITED": lambda: "-m limit --limit 1/day --limit-burst 3 -j ACCEPT",
            "MARK": lambda: f"-j MARK {mark}",
            "CONNMARK": lambda: f"-j CONNMARK {mark}",
            "LOG": lambda: '-m limit --limit 7/min -j LOG --log-prefix "a \\"b\\": " --log-level 5',
            "NFLOG": lambda: "-j NFLOG --nflog-group 9 --nflog-prefix n",
            "NOTRACK": lambda: "-j CT --notrack",
            "ZONE": lambda: f"-j CT --zone {rng.choice((1, 7))}",
            "JUMP": lambda: f"-j {rng.choice(chains)}",
            "GOTO": lambda: f"-g {rng.choice(chains)}",
            "SOMETIMES": lambda: f"-m limit --limit 1/day --limit-burst 3 {sometimes}",
            "REJECT": lambda: f"-j REJECT --reject-with {self.reject(protocol)}",
        }
        word = words.get(kind)
        return f"-j {kind}" if word is None else word()

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
        return wire.ip(src, dst, protocol, wire.tcp(flags, 1000, 1000, sport=sport, dport=dport))
    if protocol == wire.UDP:
        return wire.ip(src, dst, protocol, wire.udp(sport=sport, dport=dport))
    if len(src) == 4:
        kind, code = rng.choice(((8, 0), (8, 0), (0, 0), (3, 4), (11, 0), (13, 0)))
        return wire.ip(src, dst, wire.ICMP, wire.query(kind, code))
    kind, code = rng.choice(((128, 0), (128, 0), (129, 0), (1, 4), (2, 0)))
    return wire.ip(src, dst, wire.ICMPV6, wire.query(kind, code))
