"""Random rule sets of nftables: tables of all families, chains at one hook, maps, sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NETWORKS: Final = {
    "ip": ("10.1.0.1", "10.1.0.0/30", "10.1.0.0/24", "198.51.100.0-198.51.100.8"),
    "ip6": ("fd00:1::1", "fd00:1::/126", "fd00:1::/32", "fd00:2::-fd00:2::8"),
}
REJECTS: Final = {
    "ip": ("icmp host-unreachable", "icmp admin-prohibited", "icmp net-prohibited"),
    "ip6": ("icmpv6 no-route", "icmpv6 addr-unreachable"),
    "inet": ("icmpx no-route", "icmpx admin-prohibited", "icmpx host-unreachable"),
}
STATES: Final = ("new", "established", "related", "invalid", "untracked")
PORTS: Final = (21, 22, 53, 80, 443, 1024, 40000)


class Table:
    """One table; `family` is ip, ip6 or inet."""

    def __init__(self, rng: Random, family: str, name: str) -> None:
        self.rng = rng
        self.family = family
        self.name = name
        self.own = "ip"  # of the rule that is being made
        self.counters = rng.random() < 0.3

    def text(self) -> str:
        """The whole table as nft reads it."""
        rng = self.rng
        users = [f"u{number}" for number in range(rng.choice((1, 2, 4, 8)))]
        lines = [f"table {self.family} {self.name} {{", *self.sets()]
        chains = {}
        bases = [
            (f"f{n}", "forward", rng.choice((-10, 0, 0, 5))) for n in range(rng.choice((1, 1, 2)))
        ]
        if rng.random() < 0.5:
            bases.append(("r", "prerouting", -300))
        for name, hook, priority in bases:
            policy = "drop" if rng.random() < (0.4 if hook == "forward" else 0.03) else "accept"
            head = f"type filter hook {hook} priority {priority}; policy {policy};"
            own = users if hook == "forward" else []
            rules = [self.rule(hook, own) for _ in range(rng.randrange(1, 6))]
            if own and rng.random() < 0.6:
                rules.append(f"{rng.choice(('jump', 'goto'))} {own[0]}")
            chains[name] = [head, *rules]
        for at, name in enumerate(users):
            below = users[at + 1 : at + 4]
            chains[name] = [self.rule("forward", below) for _ in range(rng.randrange(1, 6))]
        # A chain must be there before another one's map leads to it.
        for name in [*reversed(users), *(base[0] for base in bases)]:
            body = "\n".join(f"    {line}" for line in chains[name])
            lines.append(f"  chain {name} {{\n{body}\n  }}")
        return "\n".join([*lines, "}", ""])

    def sets(self) -> list[str]:
        """One set and one map, both with names."""
        ports = "type inet_service\n flags interval\n elements = { 22, 80-90, 443 }"
        rows = "type inet_service : verdict\n elements = { 22 : accept, 53 : return, 80 : drop }"
        seen = "flags dynamic, timeout\n timeout 1h"
        return [
            f"  set ports {{\n {ports}\n }}",
            f"  map verdicts {{\n {rows}\n }}",
            f"  set of_ip {{\n type ipv4_addr\n {seen}\n }}",
            f"  set of_ip6 {{\n type ipv6_addr\n {seen}\n }}",
            f"  set of_ip_pairs {{\n type ipv4_addr . inet_service\n {seen}\n }}",
            f"  set of_ip6_pairs {{\n type ipv6_addr . inet_service\n {seen}\n }}",
        ]

    def rule(self, hook: str, chains: list[str]) -> str:
        """Conditions and statements, some of them in between."""
        rng = self.rng
        words: list[str] = []
        protocol = rng.choice(("", "", "tcp", "tcp", "udp", "icmp"))
        self.own = self.family if self.family != "inet" else rng.choice(("ip", "ip6"))
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            words.append(rng.choice(self.conditions(hook, protocol))())
            if rng.random() < 0.1:
                words.append(rng.choice(("counter", "counter packets 3 bytes 9", 'log prefix "x"')))
            if self.counters and rng.random() < 0.3:
                words.append(self.counting(hook))
        return " ".join([*words, self.end(hook, chains, protocol), *self.comment()])

    def conditions(self, hook: str, protocol: str) -> list[Callable[[], str]]:
        kinds = [self.interface, self.address, self.mark, self.length, self.dscp]
        if hook == "forward":
            kinds += [self.state, self.state, self.connection, self.connection, self.hops]
        if protocol in ("tcp", "udp"):
            kinds += [lambda: self.port(protocol)] * 5
        if protocol == "tcp":
            kinds += [self.flags, self.flags, self.option, lambda: "ct protocol != udp"]
        elif protocol == "icmp":
            kinds += [self.icmp] * 4
        elif not protocol:
            kinds += [self.protocol] * 2
        return kinds

    def comment(self) -> list[str]:
        return ['comment "it is so"'] if self.rng.random() < 0.2 else []

    def maybe_not(self) -> str:
        return "!= " if self.rng.random() < 0.25 else ""

    def interface(self) -> str:
        key, names = self.rng.choice(
            (
                ("iifname", ('"judge-in"', '"judge*"', '"lan0"', '{ "judge-in", "lan0" }')),
                ("oifname", ('"judge-out"', '"lan*"', '{ "lan0", "judge-out" }')),
            )
        )
        return f"{key} {self.maybe_not()}{self.rng.choice(names)}"

    def address(self) -> str:
        family = self.own
        networks = NETWORKS[family]
        some = f"{{ {networks[0]}, {networks[3]} }}"
        value = self.rng.choice((*networks, some, f"@of_{family}"))
        return f"{family} {self.rng.choice(('saddr', 'daddr'))} {self.maybe_not()}{value}"

    def mark(self) -> str:
        value = self.rng.choice(("0x1", "0x2", "{ 0x1, 0x12 }"))
        masked = self.rng.choice(("and 0x1 == 0x1", "and 0x3 != 0x2", "and 0xf0 == 0x10"))
        return f"meta mark {self.rng.choice((self.maybe_not() + value, masked))}"

    def length(self) -> str:
        return f"meta length {self.rng.choice(('< 41', '>= 48', '40-60', '!= 60', '{ 28, 40 }'))}"

    def dscp(self) -> str:
        family = self.own
        return f"{family} dscp {self.maybe_not()}{self.rng.choice(('ef', 'cs0', '{ ef, af41 }'))}"

    def hops(self) -> str:
        key = {"ip": "ip ttl", "ip6": "ip6 hoplimit"}[self.own]
        return f"{key} {self.rng.choice(('63', '!= 63', '< 63', '> 4', '4-63'))}"

    def protocol(self) -> str:
        values = ("tcp", "udp", "{ tcp, udp }", "!= udp")
        found = [f"meta l4proto {self.rng.choice(values)}"]
        if self.family == "inet":
            found.append(f"meta nfproto {'ipv4' if self.own == 'ip' else '!= ipv4'}")
        return self.rng.choice(found)

    def port(self, protocol: str) -> str:
        value = self.rng.choice(("22", "21-80", "{ 22, 80-443 }", "@ports", "> 1023"))
        key = self.rng.choice(("sport", "dport"))
        negated = "" if value.startswith(">") else self.maybe_not()
        return f"{protocol} {key} {negated}{value}"

    def flags(self) -> str:
        return "tcp flags " + self.rng.choice(
            (
                "syn", "syn,ack", "& (fin|syn|rst|ack) == syn", "& (syn|ack) != syn", "== syn",
                "! ack", "== { syn, ack }",
            )
        )  # fmt: skip

    def option(self) -> str:
        return self.rng.choice(
            ("tcp option maxseg size 536-65535", "tcp option maxseg exists",
             "tcp option timestamp exists", "tcp option timestamp missing")
        )  # fmt: skip

    def icmp(self) -> str:
        if self.own == "ip":
            return f"icmp type {self.maybe_not()}" + self.rng.choice(
                ("echo-request", "{ echo-reply, destination-unreachable }")
            )
        return f"icmpv6 type {self.maybe_not()}" + self.rng.choice(
            ("echo-request", "{ echo-reply, packet-too-big }")
        )

    def state(self) -> str:
        some = self.rng.sample(STATES, self.rng.randrange(1, 4))
        return self.rng.choice(
            (
                f"ct state {','.join(some)}",
                f"ct state != {{ {', '.join(some)} }}",
                f"ct state {{ {', '.join(some)} }}",
            )
        )

    def connection(self) -> str:
        family = self.own
        networks = NETWORKS[family]
        return "ct " + self.rng.choice(
            (
                "direction original", "direction != original", "status seen-reply",
                "status assured,expected", "mark 0x1", "mark != 0x1", "mark and 0x3 == 0x2",
                "packets > 2", "original packets 1-2", "reply bytes 40-200",
                f"original {family} saddr {self.rng.choice(networks[:3])}",
                f"reply {family} saddr != {networks[1]}", "helper \"ftp\"", "zone 0", "zone != 7",
                "status confirmed ct expiration > 20s",
            )
        )  # fmt: skip

    def counting(self, hook: str) -> str:
        if hook == "forward" and self.family != "inet" and self.rng.random() < 0.4:
            return self.rng.choice(("ct count over 2", "ct count 2"))
        return self.rng.choice(
            ("limit rate 1/day burst 3 packets", "limit rate over 1/day burst 3 packets",
             "quota over 300 bytes", "quota until 300 bytes", "numgen inc mod 3 0")
        )  # fmt: skip

    def end(self, hook: str, chains: list[str], protocol: str) -> str:
        """What the rule does at last."""
        rng = self.rng
        kinds = [
            "accept",
            "accept",
            "drop",
            "return",
            "continue",
            "",
            'log prefix "y"',
            self.set_mark(),
        ]
        if hook == "prerouting":
            return rng.choice([*kinds, "notrack", "notrack", "ct zone set 7"])
        rejects = REJECTS[rng.choice((self.own, self.family))]
        kinds += [f"reject with {rng.choice(rejects)}", "ct mark set 0x1", "drop"]
        kinds += ["meta mark set ct mark", "ct mark set meta mark", "ct mark set ct mark xor 0x2"]
        kinds += ["ct mark set ct mark and 0xfffffffd or 0x2", 'log prefix "z" drop']
        kinds += [self.change(), self.change()]
        if protocol == "tcp":
            kinds += ["reject with tcp reset", self.rows(), self.change_pairs(), self.in_pairs()]
        if protocol in ("tcp", "udp"):
            kinds += [f"{protocol} dport vmap @verdicts", self.port_map(protocol, chains)]
        kinds.append(self.state_map(chains))
        for name in chains:
            kinds += [f"jump {name}", f"goto {name}", f'log prefix "j" jump {name}']
        return rng.choice(kinds)

    def change(self) -> str:
        """A set that packets change."""
        what = f"@of_{self.own} {{ {self.own} {self.rng.choice(('saddr', 'daddr'))}"
        return self.rng.choice(
            (f"update {what} }}", f"add {what} timeout 30m }} accept", f"delete {what} }}")
        )

    def change_pairs(self) -> str:
        return f"update @of_{self.own}_pairs {{ {self.own} saddr . tcp dport }}"

    def in_pairs(self) -> str:
        negated = self.rng.choice(("", "!= "))
        return f"{self.own} saddr . tcp dport {negated}@of_{self.own}_pairs {self.verdict([])}"

    def set_mark(self) -> str:
        return "meta mark set " + self.rng.choice(
            ("0x1", "mark or 0x10", "mark and 0xf0", "mark and 0xfffffffc or 0x2", "mark xor 0x3")
        )

    def verdict(self, chains: list[str]) -> str:
        return self.rng.choice(
            ["accept", "drop", "return", "continue", *(f"jump {c}" for c in chains[:2]),
             *(f"goto {c}" for c in chains[:1])]
        )  # fmt: skip

    def state_map(self, chains: list[str]) -> str:
        some = self.rng.sample(STATES, 3)
        return f"ct state vmap {{ {', '.join(f'{s} : {self.verdict(chains)}' for s in some)} }}"

    def port_map(self, protocol: str, chains: list[str]) -> str:
        some = self.rng.sample(("22", "53", "80-90", "443", "1024"), 3)
        rows = ", ".join(f"{one} : {self.verdict(chains)}" for one in some)
        return f"{protocol} dport vmap {{ {rows} }}"

    def rows(self) -> str:
        """A concatenation."""
        if self.own == "ip6":
            rows = "{ fd00:1::1 . 22, fd00:2::1 . 80, fd00:1::2 . 443 }"
            return f"ip6 saddr . tcp dport {rows} {self.rng.choice(('accept', 'drop'))}"
        rows = "{ 10.1.0.1 . 22, 10.1.0.2 . 80, 198.51.100.1 . 22, 10.1.0.6 . 443 }"
        return f"ip saddr . tcp dport {rows} {self.rng.choice(('accept', 'drop'))}"


def rule_set(rng: Random) -> list[str]:
    """The tables of one rule set."""
    families = rng.choice(
        (["inet"], ["inet"], ["ip", "ip6"], ["inet", "ip"], ["ip"], ["inet", "inet"])
    )
    return [Table(rng, family, f"t{n}").text() for n, family in enumerate(families)]
